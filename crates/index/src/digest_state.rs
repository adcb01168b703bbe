//! Why a file has a hash, or has none: the closed list of states that a query shows.

/// State of a regular file's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DigestState {
    /// Read to its end; hashes and magic number are there, as far as they are configured.
    Hashed = 0,
    /// Larger than `MaxFileSizeToHashMB`.
    TooLarge = 1,
    /// Matches `ExcludeFromHashing`.
    Excluded = 2,
    /// Another program holds it so that it cannot be read.
    Locked = 3,
    /// Changed while it was read; tried again.
    Changing = 4,
    /// The system does not let it be opened.
    Denied = 5,
    /// The disk or file system failed while it was read.
    ReadError = 6,
    /// Gone, or something else under its name, when it was to be read.
    Gone = 7,
    /// In the inventory, not read yet. Never stored: it is what a file without a row is.
    Pending = 8,
    /// No regular file, so nothing to hash. Never stored.
    NoContent = 9,
    /// A call to its file system did not return.
    NoAnswer = 10,
}

impl DigestState {
    const ALL: [Self; 11] = [
        Self::Hashed,
        Self::TooLarge,
        Self::Excluded,
        Self::Locked,
        Self::Changing,
        Self::Denied,
        Self::ReadError,
        Self::Gone,
        Self::Pending,
        Self::NoContent,
        Self::NoAnswer,
    ];

    /// As stored.
    #[must_use]
    pub fn of_code(code: i64) -> Self {
        Self::ALL
            .into_iter()
            .find(|s| *s as i64 == code)
            .unwrap_or(Self::ReadError)
    }

    /// As shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hashed => "hashed",
            Self::TooLarge => "too large",
            Self::Excluded => "excluded",
            Self::Locked => "locked",
            Self::Changing => "changing",
            Self::Denied => "denied",
            Self::ReadError => "read error",
            Self::Gone => "gone",
            Self::Pending => "pending",
            Self::NoContent => "no content",
            Self::NoAnswer => "no answer",
        }
    }

    /// Whether it says something of the moment or of the way to a file, and nothing of its content: hashes that are known
    /// are no worse for it.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(
            self,
            Self::Locked | Self::Changing | Self::Gone | Self::NoAnswer
        )
    }

    /// Whether the next pass tries such a file again although it did not change.
    #[must_use]
    pub const fn retried(self) -> bool {
        matches!(
            self,
            Self::Locked | Self::Changing | Self::ReadError | Self::Gone | Self::NoAnswer
        )
    }
}
