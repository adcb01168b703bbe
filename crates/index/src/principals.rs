//! Names of owners and groups, as the machine's own account files had them when they were last read.
//!
//! `passwd` and `group` are read whole, whoever owns files: they are small, and finding the numbers in use would cost a
//! reading of every entry. A name that changes is replaced, one that goes stays, for its files stay too. Accounts that
//! only a directory service knows are not asked for, because that service may not answer: they show as numbers.

use crate::store::write::Writer;
use crate::store::{StoreError, doing};
use rusqlite::{Connection, params};
use std::collections::{HashMap, HashSet};
use std::fs::Metadata;
use std::path::Path;

/// A machine with more in one of these files keeps names of the first part.
pub(crate) const MOST_BYTES: u64 = 16 << 20;

/// Which sort of principal, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
    /// A user.
    User = 0,
    /// A group.
    Group = 1,
}

/// The files, below the root of a system.
pub const FILES: [(Sort, &str); 2] = [(Sort::User, "etc/passwd"), (Sort::Group, "etc/group")];

/// Number and name of each line of `passwd` or `group`; lines of another shape are left out.
pub fn names(file: &[u8]) -> impl Iterator<Item = (u32, &str)> {
    file.split(|b| *b == b'\n').filter_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        let name = std::str::from_utf8(fields.next()?).ok()?;
        // A line of a network service (`+`, `-`) or a comment is no account.
        if name.is_empty() || name.starts_with(['+', '-', '#']) {
            return None;
        }
        let number = std::str::from_utf8(fields.nth(1)?).ok()?;
        // Every such line has a field more.
        fields.next()?;
        Some((number.parse().ok()?, name))
    })
}

impl Writer<'_> {
    /// Keeps the names of a file. The first name of a number counts, as for the C library.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn principals(&self, sort: Sort, file: &[u8]) -> Result<(), StoreError> {
        let failed = doing("keep the names of users");
        let mut statement = self
            .connection()
            .prepare_cached(
                "INSERT INTO principal (kind, id, name) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET name = excluded.name WHERE name <> excluded.name",
            )
            .map_err(&failed)?;
        let mut met = HashSet::new();
        for (id, name) in names(file) {
            if met.insert(id) {
                statement
                    .execute(params![sort as i64, id, name])
                    .map_err(&failed)?;
            }
        }
        Ok(())
    }

    /// Keeps the names of the machine whose root is here. A file that is not there gives none.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn principals_of(&self, root: &Path) -> Result<(), StoreError> {
        for (sort, path) in FILES {
            if let Some(file) = read(&root.join(path)) {
                self.principals(sort, &file)?;
            }
        }
        Ok(())
    }
}

/// Names by number, for many rows: owners are few, and each is looked up once.
pub struct Names<'c> {
    connection: &'c Connection,
    known: HashMap<(Sort, u32), Option<String>>,
}

impl<'c> Names<'c> {
    /// Those of a database.
    #[must_use]
    pub fn of(connection: &'c Connection) -> Self {
        Self {
            connection,
            known: HashMap::new(),
        }
    }

    /// The name of a number; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn name(&mut self, sort: Sort, id: u32) -> Result<Option<&str>, StoreError> {
        use std::collections::hash_map::Entry;
        Ok(match self.known.entry((sort, id)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                new.insert(crate::query::principal(self.connection, sort as i64, id)?)
            }
        }
        .as_deref())
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// What tells one state of the account files from another.
pub type Stamp = [Option<(std::time::SystemTime, u64)>; 2];

/// The state of this machine's account files.
#[must_use]
pub fn stamp() -> Stamp {
    let of = |found: Metadata| Some((found.modified().ok()?, found.len()));
    FILES.map(|(_, path)| {
        std::fs::metadata(Path::new("/").join(path))
            .ok()
            .and_then(of)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_files_by_one_rule() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\n# comment:x:7:7\n+nis:x:8:8\n:x:9:9\nshort:x:10\nbad:x:-1:1\n\
            \xff:x:11:11\nbig:x:4294967296:1\nb\xc3\xbc:x:1000:1000::/home/b:\nlast:x:12:1::/:/bin/sh";
        let found: Vec<(u32, &str)> = names(passwd).collect();
        assert_eq!(found, [(0, "root"), (1000, "bü"), (12, "last")]);
        let group = b"root:x:0:\r\nwheel:x:10:a,b\n";
        assert_eq!(
            names(group).collect::<Vec<_>>(),
            [(0, "root"), (10, "wheel")]
        );
    }

    #[test]
    fn names_follow_and_the_first_of_a_number_counts() {
        let connection = crate::store::open(Path::new(":memory:")).unwrap();
        let writer = Writer::new(&connection);
        let of = |sort: Sort, id| crate::query::principal(&connection, sort as i64, id).unwrap();
        let toor = b"root:x:0:0::/:\ntoor:x:0:0::/:\nann:x:5:5::/:\n";
        writer.principals(Sort::User, toor).unwrap();
        assert_eq!(of(Sort::User, 0).as_deref(), Some("root"));
        assert_eq!(of(Sort::Group, 0), None);
        writer.principals(Sort::User, b"anne:x:5:5::/:\n").unwrap();
        assert_eq!(of(Sort::User, 5).as_deref(), Some("anne"), "renamed");
        assert_eq!(of(Sort::User, 0).as_deref(), Some("root"), "gone, and kept");
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            names(&bytes).for_each(drop);
        }

        #[test]
        fn any_account_is_found(name in "[a-z][a-z0-9_.-]{0,30}", id: u32) {
            let line = format!("{name}:x:{id}:0:,:/:/bin/sh\n");
            prop_assert_eq!(names(line.as_bytes()).collect::<Vec<_>>(), [(id, name.as_str())]);
        }
    }
}
