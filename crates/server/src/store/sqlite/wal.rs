//! Looking at SQLite's log (`cordon.db-wal`) for damage that SQLite itself passes over in silence.
//!
//! SQLite replays the log up to the first frame whose checksum does not fit and takes the rest for what a crash cut off. That is
//! right for the last transaction, which nobody was told of. But every commit is flushed before the next one begins: frames that were
//! written after a later commit prove that something acknowledged stood where the checksum fails. Layout:
//! <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// What a log is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// There is no such file.
    Missing,
    /// Everything that was committed in it can be read.
    Whole {
        /// Commits in it.
        commits: u64,
    },
    /// Commits behind a damaged place cannot be read.
    Damaged {
        /// Commits before the damage.
        readable: u64,
        /// Commits behind it that can be seen but not read.
        lost: u64,
    },
}

/// Reads a log from end to end.
pub(super) fn inspect(path: &Path) -> io::Result<Log> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Log::Missing),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut header = [0; HEADER];
    if !fill(&mut file, &mut header)? {
        // Cut inside its header: no frame was ever written behind it.
        return Ok(Log::Whole { commits: 0 });
    }
    let [magic, _, page, _, salt, other_salt, one, other] = words(&header);
    let (page, salts) = (page as usize, [salt, other_salt]);
    let order = match magic {
        0x377f_0682 => Order::Little,
        0x377f_0683 => Order::Big,
        _ => Order::Unknown,
    };
    let mut sum = [0; 2];
    order.add(&mut sum, header.first_chunk::<24>().unwrap_or(&[0; 24]));
    let page_fits = page.is_power_of_two() && (512..=65536).contains(&page);
    if order == Order::Unknown || sum != [one, other] || !page_fits {
        // A header is written before its first frame; with frames behind it, it was a good one once.
        let frames = length > (HEADER + FRAME_HEADER + 512) as u64;
        return Ok(if frames {
            Log::Damaged {
                readable: 0,
                lost: 1,
            }
        } else {
            Log::Whole { commits: 0 }
        });
    }
    frames(&mut file, page, order, salts, sum)
}

fn frames(
    file: &mut BufReader<File>,
    page: usize,
    order: Order,
    salts: [u32; 2],
    mut sum: [u32; 2],
) -> io::Result<Log> {
    let mut frame = vec![0; FRAME_HEADER + page];
    let (mut good, mut readable) = (true, 0);
    // Commits seen behind the first bad frame, and how many of them had frames of the same log behind them.
    let (mut seen, mut proven) = (0, 0);
    while fill(file, &mut frame)? {
        let Some((head, content)) = frame.split_first_chunk::<FRAME_HEADER>() else {
            break;
        };
        let [_, commit, salt, other_salt, one, other, ..] = words(head);
        let same_log = [salt, other_salt] == salts;
        if good {
            order.add(&mut sum, head.first_chunk::<8>().unwrap_or(&[0; 8]));
            order.add(&mut sum, content);
            good = same_log && sum == [one, other];
        }
        if good {
            readable += u64::from(commit != 0);
        } else if same_log {
            proven = seen;
            seen += u64::from(commit != 0);
        }
    }
    Ok(if proven > 0 {
        Log::Damaged {
            readable,
            lost: seen,
        }
    } else {
        Log::Whole { commits: readable }
    })
}

/// Reads exactly this much; false at the end of the file, even when a part was there.
fn fill(file: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Big-endian numbers of a header.
fn words(bytes: &[u8]) -> [u32; 8] {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_be_bytes(bytes.try_into().unwrap_or_default());
    }
    words
}

/// In which order the checksum reads its numbers: that of the machine that wrote the log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
    Unknown,
}

impl Order {
    fn add(self, sum: &mut [u32; 2], bytes: &[u8]) {
        let number = |b: &[u8]| {
            let b = b.try_into().unwrap_or_default();
            match self {
                Self::Big => u32::from_be_bytes(b),
                Self::Little | Self::Unknown => u32::from_le_bytes(b),
            }
        };
        for pair in bytes.chunks_exact(8) {
            let (one, other) = pair.split_at(4);
            sum[0] = sum[0].wrapping_add(number(one)).wrapping_add(sum[1]);
            sum[1] = sum[1].wrapping_add(number(other)).wrapping_add(sum[0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use std::path::PathBuf;

    /// A log with this many commits, each of one frame or more, as a killed process leaves it.
    fn log(folder: &Path, commits: u32) -> PathBuf {
        let path = folder.join("db");
        let db = Connection::open(&path).expect("opens");
        db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)")
            .expect("made");
        for number in 1..commits {
            db.execute("INSERT INTO t VALUES (?1)", [number])
                .expect("added");
        }
        let copy = folder.join("copy-wal");
        std::fs::copy(folder.join("db-wal"), &copy).expect("copied while it is open");
        copy
    }

    fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(path).expect("read");
        change(&mut bytes);
        std::fs::write(path, bytes).expect("written");
    }

    #[test]
    fn an_untouched_log_is_whole_and_so_is_one_that_a_crash_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(
            inspect(&folder.path().join("none")).expect("read"),
            Log::Missing
        );
        let path = log(folder.path(), 6);
        assert_eq!(inspect(&path).expect("read"), Log::Whole { commits: 6 });
        change(&path, |b| b.truncate(b.len() - 1));
        assert_eq!(inspect(&path).expect("read"), Log::Whole { commits: 5 });
        change(&path, |b| b.truncate(10));
        assert_eq!(inspect(&path).expect("read"), Log::Whole { commits: 0 });
        change(&path, Vec::clear);
        assert_eq!(inspect(&path).expect("read"), Log::Whole { commits: 0 });
    }

    #[test]
    fn what_stands_behind_a_damaged_frame_is_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = log(folder.path(), 6);
        let frame = 4096 + FRAME_HEADER;
        let whole = std::fs::read(&path).expect("read");
        let frames = (whole.len() - HEADER) / frame;
        // A page's content, a frame's header, its salts: wherever it is hit, the commits behind it are missed.
        for at in [100, 4, 9, 20] {
            change(&path, |b| {
                b.clone_from(&whole);
                b[HEADER + (frames - 4) * frame + at] ^= 0xff;
            });
            let found = inspect(&path).expect("read");
            assert!(
                matches!(found, Log::Damaged { readable: 2, lost } if lost >= 2),
                "{at}: {found:?}"
            );
        }
        change(&path, |b| {
            b.clone_from(&whole);
            b[..HEADER].fill(0);
        });
        assert!(matches!(
            inspect(&path).expect("read"),
            Log::Damaged { readable: 0, .. }
        ));
        // The last commit alone: a crash looks the same.
        change(&path, |b| {
            b.clone_from(&whole);
            let at = HEADER + (frames - 1) * frame + 100;
            b[at] ^= 0xff;
        });
        assert_eq!(inspect(&path).expect("read"), Log::Whole { commits: 5 });
    }

    #[test]
    fn frames_of_an_older_log_behind_the_end_are_no_damage() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("db");
        let db = Connection::open(&path).expect("opens");
        db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)")
            .expect("made");
        for number in 0..9 {
            db.execute("INSERT INTO t VALUES (?1)", [number])
                .expect("added");
        }
        // The log begins anew inside the same file.
        db.execute_batch("PRAGMA wal_checkpoint(RESTART); INSERT INTO t VALUES (10)")
            .expect("begun anew");
        assert_eq!(
            inspect(&folder.path().join("db-wal")).expect("read"),
            Log::Whole { commits: 1 }
        );
    }
}
