//! The searches: parameters become a filter of the engine, records become rows.

use super::keys::{DIRECTORY, HOURS, LIMIT, MAGIC, MAX_ROWS, MD5, SHA1, SHA256, SINCE, SIZE};
use super::open::Opened;
use super::pattern::{NamePattern, digits, fits};
use super::rows::{self, Cells, hash, hashes, magic, number, seconds, time};
use crate::framework::{Notes, Request, SensorError, Sink};
use crate::text::boolean;
use ::index::entry::flag;
use ::index::lists::{HashKind, Which};
use ::index::query::{self, Filter, Order, Record};
use ::index::text::readable;
use ::index::times;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Digits of the largest size.
const SIZE_DIGITS: usize = 20;
/// A clock that is a little ahead is no trick.
const AHEAD: i64 = 300;
const SECOND: i64 = 1_000_000_000;
/// Hours of the longest reach into the past: a century.
const MOST_HOURS: i64 = 24 * 366 * 100;

/// What is searched.
#[derive(Clone, Debug, Default)]
struct Search {
    filter: Filter,
    /// What names and paths must fit as shown, where the database cannot decide it.
    name: Option<String>,
    path: Option<String>,
    limit: Option<u64>,
}

impl Search {
    /// Pattern for path and name from the parameters at `at` and after it.
    fn place(request: &Request, at: usize) -> Result<Self, SensorError> {
        let path = NamePattern::path(DIRECTORY, request.parameter(at))?;
        let name = NamePattern::name(request.parameter(at + 1));
        Ok(Self {
            filter: Filter {
                path: path.glob,
                name: name.glob,
                ..Filter::default()
            },
            name: name.shown,
            path: path.shown,
            limit: None,
        })
    }

    /// The seven patterns.
    fn patterns(request: &Request) -> Result<Self, SensorError> {
        let mut search = Self::place(request, 0)?;
        let filter = &mut search.filter;
        filter.size = digits(SIZE, request.parameter(2), SIZE_DIGITS, false)?;
        filter.md5 = digits(MD5, request.parameter(3), 32, true)?;
        filter.sha1 = digits(SHA1, request.parameter(4), 40, true)?;
        filter.sha256 = digits(SHA256, request.parameter(5), 64, true)?;
        filter.magic = digits(MAGIC, request.parameter(6), 8, true)?;
        Ok(search)
    }

    /// The seven patterns and the limit.
    fn limited(request: &Request) -> Result<Self, SensorError> {
        Self::patterns(request)?.limit(LIMIT, request.parameter(7))
    }

    fn limit(mut self, key: &str, text: &str) -> Result<Self, SensorError> {
        self.limit = match whole(key, text)? {
            0 => None,
            limit => Some(limit),
        };
        Ok(self)
    }

    fn ordered(mut self, order: Order) -> Self {
        self.filter.order = order;
        self
    }

    fn also(mut self, condition: &'static str, values: Vec<i64>) -> Self {
        self.filter.also = Some(condition);
        self.filter.values = values;
        self
    }

    /// Whether a record that the database found fits.
    fn fits(&self, record: &Record) -> bool {
        let fits = |pattern: &Option<String>, bytes: &[u8]| {
            pattern
                .as_deref()
                .is_none_or(|pattern| fits(pattern, &readable(bytes)))
        };
        fits(&self.name, &record.name)
            && (fits(&self.path, &record.path()) || fits(&self.path, &record.directory))
    }

    /// Calls `each` with every file that fits until it has kept as many as the limit says.
    fn run(
        self,
        opened: &Opened,
        each: &mut dyn FnMut(&Record) -> Result<Kept, SensorError>,
    ) -> Result<(), SensorError> {
        let mut left = self.limit;
        if left == Some(0) {
            return Ok(());
        }
        opened.find(&self.filter, &mut |record| {
            if !self.fits(&record) || each(&record)? == Kept::No {
                return Ok(ControlFlow::Continue(()));
            }
            Ok(match &mut left {
                None => ControlFlow::Continue(()),
                Some(left) => {
                    *left -= 1;
                    if *left == 0 {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                }
            })
        })
    }

    /// A row for every file that fits.
    fn rows(
        mut self,
        opened: &Opened,
        sink: &mut Sink,
        row: &mut dyn FnMut(&Record) -> Result<Cells, SensorError>,
    ) -> Result<(), SensorError> {
        // With nothing left to decide here, the database may stop sorting at the limit.
        if self.name.is_none() && self.path.is_none() {
            self.filter.limit = self.limit;
        }
        self.run(opened, &mut |record| {
            sink.push(row(record)?)?;
            Ok(Kept::Yes)
        })
    }
}

/// Whether a record became a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
}

fn whole(key: &str, text: &str) -> Result<u64, SensorError> {
    let text = text.trim();
    text.parse().map_err(|_| SensorError::Parameter {
        key: key.into(),
        problem: format!("`{text}` is no whole number from 0 up"),
    })
}

/// The moment so many hours ago, in seconds since 1970.
fn hours_ago(text: &str) -> Result<i64, SensorError> {
    match whole(HOURS, text)?.try_into() {
        Ok(hours @ 1..=MOST_HOURS) => Ok(now() - hours * 3600),
        _ => Err(SensorError::Parameter {
            key: HOURS.into(),
            problem: format!("it is from 1 to {MOST_HOURS}"),
        }),
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

pub(super) fn paths(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let search = Search::limited(request)?;
    let opened = Opened::of(request, sink)?;
    search.rows(&opened, sink, &mut |record| Ok(vec![record.path()]))
}

pub(super) fn paths_and_hashes(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let search = Search::limited(request)?;
    let opened = Opened::of(request, sink)?;
    search.rows(&opened, sink, &mut |record| {
        let [md5, sha1, sha256] = hashes(record);
        let state = record.state.name().into();
        Ok(vec![record.path(), md5, sha1, sha256, state])
    })
}

pub(super) fn exists(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let mut search = Search::patterns(request)?;
    search.limit = Some(1);
    let opened = Opened::of(request, sink)?;
    let mut found = false;
    search.run(&opened, &mut |_| {
        found = true;
        Ok(Kept::Yes)
    })?;
    sink.push([if found { "Yes" } else { "No" }])?;
    Ok(())
}

pub(super) fn count(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let search = Search::patterns(request)?;
    let opened = Opened::of(request, sink)?;
    let mut count: u64 = 0;
    if search.name.is_none() && search.path.is_none() {
        count = query::count(&opened.connection, &search.filter).map_err(|e| opened.error(e))?;
    } else {
        search.run(&opened, &mut |_| {
            count += 1;
            Ok(Kept::Yes)
        })?;
    }
    sink.push([number(count)])?;
    Ok(())
}

fn detailed(request: &Request, sink: &mut Sink, order: Order) -> Result<(), SensorError> {
    let search = Search::limited(request)?.ordered(order);
    let opened = Opened::of(request, sink)?;
    search.rows(&opened, sink, &mut |record| Ok(rows::details(record)))
}

pub(super) fn details(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    detailed(request, sink, Order::Any)
}

pub(super) fn details_by_last_modified(
    request: &Request,
    sink: &mut Sink,
) -> Result<(), SensorError> {
    detailed(request, sink, Order::LastModified)
}

pub(super) fn details_by_size(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    detailed(request, sink, Order::Largest)
}

pub(super) fn hash_recently_changed(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let since = hours_ago(request.parameter(7))?;
    let shown = request.parameter(9) != "0";
    let search = Search::patterns(request)?
        .limit(MAX_ROWS, request.parameter(8))?
        .ordered(Order::LastChanged)
        .also("g.changed >= ?", vec![since]);
    let opened = Opened::of(request, sink)?;
    search.rows(&opened, sink, &mut |record| {
        let former = match shown {
            true => query::former(&opened.connection, record.id).map_err(|e| opened.error(e))?,
            false => None,
        }
        .unwrap_or_default();
        let mut cells = vec![record.path(), number(record.attributes.size)];
        cells.extend(hashes(record));
        cells.extend([&former.md5, &former.sha1, &former.sha256].map(hash));
        Ok(cells)
    })
}

/// Names of owners: as the Index saw them last, else as this system knows them, else numbers.
struct Names<'o> {
    opened: &'o Opened,
    known: HashMap<(i64, u32), Vec<u8>>,
    #[cfg(target_os = "linux")]
    system: crate::owners::Owners,
}

const USER: i64 = 0;
const GROUP: i64 = 1;

impl<'o> Names<'o> {
    fn new(opened: &'o Opened, notes: &Notes) -> Self {
        // Elsewhere names come from the Index alone.
        #[cfg(not(target_os = "linux"))]
        let _ = notes;
        Self {
            opened,
            known: HashMap::new(),
            #[cfg(target_os = "linux")]
            system: crate::owners::Owners::read(notes),
        }
    }

    fn of(&mut self, kind: i64, id: u32) -> Result<Vec<u8>, SensorError> {
        if let Some(name) = self.known.get(&(kind, id)) {
            return Ok(name.clone());
        }
        let seen = query::principal(&self.opened.connection, kind, id)
            .map_err(|e| self.opened.error(e))?;
        let name = seen.map_or_else(|| self.of_system(kind, id), String::into_bytes);
        self.known.insert((kind, id), name.clone());
        Ok(name)
    }

    #[cfg(target_os = "linux")]
    fn of_system(&self, kind: i64, id: u32) -> Vec<u8> {
        if kind == USER {
            self.system.user(id)
        } else {
            self.system.group(id)
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn of_system(&self, _kind: i64, id: u32) -> Vec<u8> {
        number(id)
    }
}

pub(super) fn permissions(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let search = Search::limited(request)?;
    let opened = Opened::of(request, sink)?;
    opened.needs_permissions()?;
    let mut names = Names::new(&opened, &sink.notes());
    search.rows(&opened, sink, &mut |record| {
        let a = &record.attributes;
        let flag = |bit: u32| boolean(a.flags & bit > 0).into();
        Ok(vec![
            record.path(),
            rows::permissions(a.mode).into_bytes(),
            format!("{:o}", a.mode & 0o7777).into_bytes(),
            names.of(USER, a.uid)?,
            names.of(GROUP, a.gid)?,
            number(a.uid),
            number(a.gid),
            flag(flag::IMMUTABLE),
            flag(flag::APPEND_ONLY),
            record.capabilities.clone().unwrap_or_default().into_bytes(),
            record
                .extended
                .as_deref()
                .unwrap_or_default()
                .replace('\n', ", ")
                .into_bytes(),
        ])
    })
}

pub(super) fn blacklist_matches(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let opened = Opened::of(request, sink)?;
    opened.needs_blacklist()?;
    let listed = |list: Which, record: &Record| {
        query::listed(&opened.connection, list, record.id).map_err(|e| opened.error(e))
    };
    Search::default()
        .also("e.id IN (SELECT entry FROM listed WHERE list = 0)", vec![])
        .rows(&opened, sink, &mut |record| {
            let kind = listed(Which::Blacklist, record)?.map(|m| m.kind);
            let (bytes, kind) = match kind {
                Some(HashKind::Md5) => (hash(&record.md5), "MD5"),
                Some(HashKind::Sha1) => (hash(&record.sha1), "SHA1"),
                Some(HashKind::Sha256) => (hash(&record.sha256), "SHA256"),
                None => Default::default(),
            };
            let good = listed(Which::KnownGood, record)?.is_some();
            Ok(vec![
                record.path(),
                bytes,
                kind.into(),
                boolean(good).into(),
            ])
        })
}

pub(super) fn first_seen(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let since = hours_ago(request.parameter(0))?;
    let search = Search::place(request, 1)?
        .limit(LIMIT, request.parameter(3))?
        .ordered(Order::FirstSeen)
        .also("e.seen >= ?", vec![since]);
    let opened = Opened::of(request, sink)?;
    search.rows(&opened, sink, &mut |record| {
        Ok(vec![
            record.path(),
            number(record.attributes.size),
            seconds(Some(record.first_seen)),
            hash(&record.sha256),
            magic(record),
            record.state.name().into(),
        ])
    })
}

/// Regular files that may be executed, or that begin like a program or a script: ELF, MZ, Mach-O of either order and
/// width, universal binaries (which share their beginning with Java classes), `#!`.
const EXECUTABLE: &str = "max(e.seen, ifnull(g.changed, 0)) >= ? AND e.mode & 61440 = 32768
 AND (e.mode & 73 <> 0 OR substr(g.magic, 1, 2) IN (x'4D5A', x'2321')
  OR g.magic IN (x'7F454C46', x'FEEDFACE', x'FEEDFACF', x'CEFAEDFE', x'CFFAEDFE', x'CAFEBABE', x'CAFEBABF'))
 AND NOT EXISTS (SELECT 1 FROM listed WHERE listed.entry = e.id AND listed.list = 1)";

pub(super) fn new_executables(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let text = request.parameter(0);
    let since = question::value::moment(text)
        // The database counts whole seconds.
        .and_then(|nanoseconds| i64::try_from(nanoseconds.div_euclid(i128::from(SECOND))).ok())
        .ok_or_else(|| SensorError::Parameter {
            key: SINCE.into(),
            problem: format!("`{text}` is no moment"),
        })?;
    let search = Search::place(request, 1)?
        .limit(LIMIT, request.parameter(3))?
        .ordered(Order::FirstSeen)
        .also(EXECUTABLE, vec![since]);
    let opened = Opened::of(request, sink)?;
    search.rows(&opened, sink, &mut |record| {
        let new = record.first_seen >= since;
        Ok(vec![
            record.path(),
            if new { "New File" } else { "Changed Content" }.into(),
            number(record.attributes.size),
            hash(&record.sha256),
            magic(record),
            record.mime.clone().unwrap_or_default().into_bytes(),
        ])
    })
}

/// Content that no rule knows: a promise cannot be checked against it.
const UNKNOWN: &str = "application/octet-stream";

pub(super) fn magic_mismatch(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let search = Search::place(request, 0)?
        .limit(LIMIT, request.parameter(2))?
        .also("g.mime IS NOT NULL", vec![]);
    let opened = Opened::of(request, sink)?;
    search.run(&opened, &mut |record| {
        let mime = record.mime.as_deref().unwrap_or(UNKNOWN);
        let promised = hashing::expected_mimes(&record.name);
        if mime == UNKNOWN || promised.is_none_or(|promised| promised.contains(&mime)) {
            return Ok(Kept::No);
        }
        sink.push([
            record.path(),
            mime.into(),
            magic(record),
            number(record.attributes.size),
            hash(&record.sha256),
        ])?;
        Ok(Kept::Yes)
    })
}

/// Earlier than 1677, or none though it is a file. Of what is covered by a mount, nothing is known.
const OUT_OF_RANGE: &str =
    "e.mtime < ? AND (e.mtime > ? OR e.mode & 61440 = 32768 AND e.flags & 256 = 0)";

pub(super) fn timestomped(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let future = now().saturating_add(AHEAD).saturating_mul(SECOND);
    let place = Search::place(request, 0)?.limit(LIMIT, request.parameter(2))?;
    let opened = Opened::of(request, sink)?;
    let mut left = place.limit;
    // One search for each reason: the first asks a small table, the second every file.
    for (reason, condition, values) in [
        ("Set Back", "e.id IN (SELECT entry FROM set_back)", vec![]),
        ("In The Future", "e.mtime > ?", vec![future]),
        (
            "Out Of Range",
            OUT_OF_RANGE,
            vec![times::FIRST, times::NONE],
        ),
    ] {
        let search = Search {
            limit: left,
            ..place.clone()
        };
        search.also(condition, values).run(&opened, &mut |record| {
            let a = &record.attributes;
            sink.push([
                record.path(),
                reason.into(),
                time(Some(a.mtime)),
                time(record.set_back_from),
                time(Some(a.ctime)),
                number(a.size),
                hash(&record.sha256),
            ])?;
            left = left.map(|left| left - 1);
            Ok(Kept::Yes)
        })?;
    }
    Ok(())
}
