//! Login records: `utmp`, `wtmp` and `btmp`, a sequence of records of fixed size without a header (utmp(5)).
//!
//! glibc writes 384 bytes a record with 32-bit times on x86 and 32-bit ARM, and 400 bytes with 64-bit times on
//! 64-bit ARM and others. Any bytes give some records and never an error: bytes that a crash took or left are passed over
//! to where records begin again, and counted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How long a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// 384 bytes, times in 32 bits.
    Short,
    /// 400 bytes, times in 64 bits.
    Long,
}

impl Layout {
    /// The layout that the C library of this machine writes.
    #[must_use]
    pub fn of_this_machine() -> Self {
        if cfg!(all(
            target_pointer_width = "64",
            not(target_arch = "x86_64"),
            not(target_arch = "powerpc64"),
            not(target_arch = "riscv64"),
            not(target_arch = "mips64")
        )) {
            Self::Long
        } else {
            Self::Short
        }
    }

    /// The layout of these records, whichever machine wrote them; this one's where they fit both or none.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        // Enough to tell, however large the file.
        let sound = |layout: Self| {
            let places = bytes.chunks_exact(layout.size()).take(64);
            places.filter(|place| layout.is_sound(place)).count()
        };
        let own = Self::of_this_machine();
        match sound(Self::Short).cmp(&sound(Self::Long)) {
            std::cmp::Ordering::Less => Self::Long,
            std::cmp::Ordering::Equal => own,
            std::cmp::Ordering::Greater => Self::Short,
        }
    }

    /// Whether a record begins here, judged by it and by what follows it.
    fn begins(self, bytes: &[u8], at: usize) -> bool {
        let size = self.size();
        let here = bytes.get(at..at + size);
        if !here.is_some_and(|place| self.is_sound(place)) {
            return false;
        }
        match bytes.get(at + size..at + 2 * size) {
            Some(next) => self.is_sound(next) || next.iter().all(|b| *b == 0),
            // The end, and no part of a record before it.
            None => bytes.iter().skip(at + size).all(|b| *b == 0),
        }
    }

    /// Whether these bytes are a record as programs write it.
    fn is_sound(self, place: &[u8]) -> bool {
        let record = decode(place, self);
        let line = field(place, 8, 32);
        let end = place.get(self.size() - 20..).unwrap_or_default();
        (RUN_LEVEL..=ACCOUNTING).contains(&record.kind)
            && place.get(2..4) == Some(&[0, 0])
            && record.pid >= 0
            // A machine without a clock writes earlier ones; those count where nothing speaks against them.
            && (YEAR_1990..YEAR_2242).contains(&record.seconds)
            && (0..1_000_000).contains(&record.micros)
            && record.line.iter().all(u8::is_ascii_graphic)
            && line.iter().skip(record.line.len()).all(|b| *b == 0)
            && end.iter().all(|b| *b == 0)
    }

    /// Whether these bytes can be a record that some program wrote carelessly.
    fn is_possible(self, place: &[u8]) -> bool {
        let record = decode(place, self);
        (0..=ACCOUNTING).contains(&record.kind)
            && (0..1_000_000).contains(&record.micros)
            && record.line.iter().all(|b| *b >= b' ')
    }

    /// Bytes of one record.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Short => 384,
            Self::Long => 400,
        }
    }
}

/// The machine went down or changed its runlevel.
pub const RUN_LEVEL: i16 = 1;
/// The machine started.
pub const BOOT: i16 = 2;
/// A terminal waits for a login.
pub const LOGIN: i16 = 6;
/// A user is logged in.
pub const USER: i16 = 7;
/// What was there has ended.
pub const DEAD: i16 = 8;
const YEAR_1990: i64 = 631_152_000;
const YEAR_2242: i64 = 1 << 33;
/// The largest kind.
const ACCOUNTING: i16 = 9;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Kind, see the constants of this module.
    pub kind: i16,
    /// Process of the login.
    pub pid: i32,
    /// Terminal without `/dev/`.
    pub line: Vec<u8>,
    /// User name.
    pub user: Vec<u8>,
    /// Remote host, or the kernel's release for boots.
    pub host: Vec<u8>,
    /// Seconds since 1970.
    pub seconds: i64,
    /// Microseconds of that second.
    pub micros: i64,
    /// Remote address, unless unspecified.
    pub address: Option<IpAddr>,
}

/// Reads records from bytes in the byte order of this machine's writers (little endian), and counts the bytes that belong
/// to none.
#[must_use]
pub fn read(bytes: &[u8], layout: Layout) -> (Vec<Record>, usize) {
    let size = layout.size();
    let (mut records, mut lost, mut at) = (Vec::new(), 0, 0);
    while let Some(place) = bytes.get(at..at + size) {
        if place.iter().all(|b| *b == 0) {
            // A hole, or a place that was never used.
            at += size;
            continue;
        }
        if !layout.begins(bytes, at) {
            // A torn record and the beginning of the next can look like one together: what another one follows is better than what
            // nothing follows. Where a record is torn for certain, one that nothing follows will do, for that may be torn as well.
            let torn = !layout.is_sound(place);
            let inner = |by: &usize| field(bytes, at + by, size);
            let followed = (1..size).find(|by| layout.begins(bytes, at + by));
            let sound = || (1..size).find(|by| layout.is_sound(inner(by)));
            // Where nothing follows either, what is whole has no remains behind the ends of its words, and is written soon after what
            // was read before: a torn one has the pieces of another in the place of its host or time.
            let doubt = |place: &[u8]| {
                let before = records.last().map(|last: &Record| last.seconds);
                let apart = before.map(|at| at.abs_diff(decode(place, layout).seconds));
                (remains(place), apart)
            };
            if let Some(by) = followed.or_else(sound) {
                if followed.is_none() && !torn && doubt(place) <= doubt(inner(&by)) {
                    // Both are good: this one lost its end only, and the address there is of the next one's bytes.
                    let address = None;
                    records.push(Record {
                        address,
                        ..decode(place, layout)
                    });
                } else {
                    lost += by;
                }
                at += by;
                continue;
            }
            if torn && !layout.is_possible(place) {
                lost += size;
                at += size;
                continue;
            }
        }
        records.push(decode(place, layout));
        at += size;
    }
    (records, lost + bytes.len().saturating_sub(at))
}

fn decode(record: &[u8], layout: Layout) -> Record {
    // Offsets of seconds, microseconds and address.
    let (seconds, micros, address) = match layout {
        Layout::Short => (
            // Unsigned, as glibc reads it: good until 2106.
            i64::from(u32::from_le_bytes(array(record, 340))),
            i64::from(i32::from_le_bytes(array(record, 344))),
            array::<16>(record, 348),
        ),
        Layout::Long => (
            i64::from_le_bytes(array(record, 344)),
            i64::from_le_bytes(array(record, 352)),
            array::<16>(record, 360),
        ),
    };
    Record {
        kind: i16::from_le_bytes(array(record, 0)),
        pid: i32::from_le_bytes(array(record, 4)),
        line: string(record, 8, 32),
        user: string(record, 44, 32),
        host: string(record, 76, 256),
        seconds,
        micros,
        address: ip(address),
    }
}

/// Bytes behind the end of line, user or host, which programs that write records leave zero.
fn remains(place: &[u8]) -> usize {
    [(8, 32), (44, 32), (76, 256)]
        .iter()
        .flat_map(|(at, size)| field(place, *at, *size).iter().skip_while(|b| **b != 0))
        .filter(|b| **b != 0)
        .count()
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..at + N)
        .and_then(|part| part.try_into().ok())
        .unwrap_or([0; N])
}

fn field(bytes: &[u8], at: usize, size: usize) -> &[u8] {
    bytes.get(at..at + size).unwrap_or_default()
}

fn string(bytes: &[u8], at: usize, size: usize) -> Vec<u8> {
    field(bytes, at, size)
        .split(|b| *b == 0)
        .next()
        .unwrap_or_default()
        .to_vec()
}

/// Four words in network order; an IPv4 address fills the first and leaves the others zero.
fn ip(bytes: [u8; 16]) -> Option<IpAddr> {
    if bytes == [0; 16] {
        return None;
    }
    let [a, b, c, d, rest @ ..] = bytes;
    Some(if rest == [0; 12] {
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    } else {
        IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
    })
}

/// How a login ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It has not, as far as the records tell.
    Open,
    /// The user logged out.
    LoggedOut,
    /// The machine was shut down.
    Down,
    /// The machine started again without a shutdown before.
    Crash,
    /// The records do not say: only the beginning is kept.
    Unknown,
}

/// A login with its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The record of the login.
    pub record: Record,
    /// When it ended, in seconds since 1970.
    pub until: Option<i64>,
    /// How it ended.
    pub end: End,
}

/// Pairs logins with what ended them, oldest record first; gives logins newest first, as `last` prints them.
///
/// A login ends with the next record for its terminal, with a shutdown or with a boot.
#[must_use]
pub fn logins(records: &[Record]) -> Vec<Login> {
    use std::collections::HashMap;
    let mut next_on_line: HashMap<&[u8], i64> = HashMap::new();
    // Nearest later moment at which the whole machine ended, and how.
    let mut machine_end: Option<(i64, End)> = None;
    let mut found = Vec::new();
    for record in records.iter().rev() {
        match record.kind {
            BOOT => {
                machine_end = Some((record.seconds, End::Crash));
                next_on_line.clear();
            }
            RUN_LEVEL if record.user == b"shutdown" => {
                machine_end = Some((record.seconds, End::Down));
                next_on_line.clear();
            }
            DEAD => {
                next_on_line.insert(&record.line, record.seconds);
            }
            USER if !record.user.is_empty() => {
                let (until, end) = match (next_on_line.get(record.line.as_slice()), machine_end) {
                    (Some(at), _) => (Some(*at), End::LoggedOut),
                    (None, Some((at, end))) => (Some(at), end),
                    (None, None) => (None, End::Open),
                };
                found.push(Login {
                    record: record.clone(),
                    until,
                    end,
                });
                next_on_line.insert(&record.line, record.seconds);
            }
            _ => {}
        }
    }
    found
}
