//! What is asked of a file and what comes back.

use std::fmt;

/// Which digests are wanted. The default is none: then only the start of a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kinds {
    /// MD5 ([RFC 1321](https://www.rfc-editor.org/rfc/rfc1321)).
    pub md5: bool,
    /// SHA-1 ([RFC 3174](https://www.rfc-editor.org/rfc/rfc3174)).
    pub sha1: bool,
    /// SHA-256 ([RFC 6234](https://www.rfc-editor.org/rfc/rfc6234)).
    pub sha256: bool,
    /// BLAKE3 with 32 bytes of output.
    pub blake3: bool,
}

impl Kinds {
    /// MD5, SHA-1 and SHA-256: what lists of known files are made of.
    pub const ALL3: Kinds = Kinds {
        md5: true,
        sha1: true,
        sha256: true,
        blake3: false,
    };

    /// Whether no digest is wanted.
    pub fn is_none(self) -> bool {
        self == Kinds::default()
    }
}

/// The digests that were wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Digests {
    /// MD5.
    pub md5: Option<[u8; 16]>,
    /// SHA-1.
    pub sha1: Option<[u8; 20]>,
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// BLAKE3.
    pub blake3: Option<[u8; 32]>,
}

/// The first four bytes of a file, or fewer where it is shorter. Prints as upper-case hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Magic {
    bytes: [u8; 4],
    len: u8,
}

impl Magic {
    /// The magic number of a file that begins like this.
    pub fn of(first: &[u8]) -> Magic {
        let mut magic = Magic::default();
        for (to, from) in magic.bytes.iter_mut().zip(first) {
            *to = *from;
            magic.len += 1;
        }
        magic
    }

    /// Its bytes, at most four.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.len))
            .unwrap_or(&self.bytes)
    }
}

impl fmt::Display for Magic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The digests that were wanted.
    pub digests: Digests,
    /// The first four bytes.
    pub magic: Magic,
    /// The content type, told from the content alone.
    pub mime: &'static str,
    /// The length of the file.
    pub bytes: u64,
}

/// How files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The digests wanted.
    pub kinds: Kinds,
    /// Drops what was not in the page cache before the reading, so that other programs keep theirs (Linux).
    pub keep_cache_as_found: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            kinds: Kinds::ALL3,
            keep_cache_as_found: true,
        }
    }
}

/// Whether reading goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// It does.
    Go,
    /// It ends: files in hand come back as [`HashError::Stopped`].
    Stop,
}

/// Why a file has no digests.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The system would not give the content.
    #[error("the file cannot be read")]
    Read {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It was longer, shorter or newer at the end of reading than at the beginning.
    #[error("the file changed while it was read")]
    Changed,
    /// The caller wanted to stop.
    #[error("reading was stopped")]
    Stopped,
}
