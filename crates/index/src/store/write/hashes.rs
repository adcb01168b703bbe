//! Hashes through changes: what they were before, and since when they are others.
//!
//! That a file may have changed is seen in its times, long before it is read again. Its hashes wait in `reread` until
//! then. Only when the new ones differ do the old ones become `former` ones and gets the file its mark; when they are the
//! same (permissions were changed, times were set, a link was made), the mark of an earlier change stays as it was.

use super::{Outcome, Writer};
use crate::lists::{HashKind, Which};
use crate::store::{StoreError, doing};
use hashing::Content;
use rusqlite::{OptionalExtension, params};

/// What was known of a file before it was read again.
struct Before {
    until: i64,
    hashes: [Option<Vec<u8>>; 4],
    changed: Option<i64>,
}

impl Writer<'_> {
    /// A file's content may differ from what was hashed: it waits to be hashed again.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn content_changed(&self, id: i64) -> Result<(), StoreError> {
        self.run(
            "keep hashes until a file was read again",
            "INSERT OR REPLACE INTO reread (entry, until, md5, sha1, sha256, blake3, changed)
             SELECT entry, ?2, md5, sha1, sha256, blake3, changed FROM digest WHERE entry = ?1 AND state = 0",
            params![id, self.now],
        )?;
        self.run("remove hashes", "DELETE FROM digest WHERE entry = ?1", [id])?;
        self.run(
            "remove a match",
            "DELETE FROM listed WHERE entry = ?1",
            [id],
        )
        .map(drop)
    }

    /// Whether a file's hashes are known, of the content that it has for all that is known.
    pub(super) fn is_hashed(&self, id: i64) -> Result<bool, StoreError> {
        self.connection
            .prepare_cached("SELECT 1 FROM digest WHERE entry = ?1 AND state = 0")
            .and_then(|mut s| s.exists([id]))
            .map_err(doing("find a file's hashes"))
    }

    /// Keeps what hashing this entry gave, whatever other names it has: for images, where a file does not change meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn digest_of_one(&mut self, id: i64, at: i64, outcome: &Outcome) -> Result<(), StoreError> {
        match outcome {
            Outcome::Not(state) => {
                self.run(
                    "keep why a file has no hash",
                    "INSERT INTO digest (entry, state, hashed) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET state = excluded.state, hashed = excluded.hashed, magic = NULL, mime = NULL,
                     md5 = NULL, sha1 = NULL, sha256 = NULL, blake3 = NULL",
                    params![id, *state as i64, at],
                )?;
                // Of hashes that are dropped nothing is to be found.
                self.run(
                    "remove a match",
                    "DELETE FROM listed WHERE entry = ?1",
                    [id],
                )
                .map(drop)
            }
            Outcome::Hashed(content) => {
                let mime = self.mime(content.mime)?;
                let d = &content.digests;
                self.keep_hashes(id, at, content, mime)?;
                let found = [
                    d.md5.as_ref().map(<[u8; 16]>::as_slice),
                    d.sha1.as_ref().map(<[u8; 20]>::as_slice),
                    d.sha256.as_ref().map(<[u8; 32]>::as_slice),
                ];
                for (list, kind) in self.lists.holding(found) {
                    self.listed(list, id, kind)?;
                }
                Ok(())
            }
        }
    }

    /// Keeps that a file's hash of this kind stands in a list.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn listed(&self, list: Which, entry: i64, kind: HashKind) -> Result<(), StoreError> {
        self.run(
            "keep that a file is listed",
            "INSERT OR IGNORE INTO listed (list, entry, kind, since) VALUES (?1, ?2, ?3, ?4)",
            params![list as i64, entry, kind as i64, self.now],
        )
        .map(drop)
    }

    /// Keeps the hashes of a file that was read at `at`.
    fn keep_hashes(
        &self,
        id: i64,
        at: i64,
        content: &Content,
        mime: i64,
    ) -> Result<(), StoreError> {
        let d = &content.digests;
        let now: [Option<&[u8]>; 4] = [
            d.md5.as_ref().map(<[u8; 16]>::as_slice),
            d.sha1.as_ref().map(<[u8; 20]>::as_slice),
            d.sha256.as_ref().map(<[u8; 32]>::as_slice),
            d.blake3.as_ref().map(<[u8; 32]>::as_slice),
        ];
        let before = self.before(id, at)?;
        let differs = |before: &Before| {
            // A hash that was not calculated both times says nothing.
            let pairs = before.hashes.iter().zip(now);
            pairs
                .filter_map(|(before, now)| Some(before.as_deref()? != now?))
                .any(|differs| differs)
        };
        let changed = match &before {
            Some(before) if differs(before) => {
                let [md5, sha1, sha256, blake3] = &before.hashes;
                self.run(
                    "keep former hashes",
                    "INSERT OR REPLACE INTO former (entry, until, md5, sha1, sha256, blake3) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![id, before.until, md5, sha1, sha256, blake3],
                )?;
                Some(at)
            }
            Some(before) => before.changed,
            None => None,
        };
        if before.is_some() {
            self.run(
                "forget what a file was",
                "DELETE FROM reread WHERE entry = ?1",
                [id],
            )?;
        }
        let [md5, sha1, sha256, blake3] = now;
        self.run(
            "keep hashes",
            "INSERT OR REPLACE INTO digest (entry, state, hashed, magic, mime, md5, sha1, sha256, blake3, changed)
             VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![id, at, content.magic.as_bytes(), mime, md5, sha1, sha256, blake3, changed],
        )
        .map(drop)
    }

    /// From `reread`; for a file that is read once more for another reason, the hashes it has.
    fn before(&self, id: i64, at: i64) -> Result<Option<Before>, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT until, md5, sha1, sha256, blake3, changed FROM reread WHERE entry = ?1
                 UNION ALL
                 SELECT ?2, md5, sha1, sha256, blake3, changed FROM digest WHERE entry = ?1 AND state = 0
                 LIMIT 1",
            )
            .and_then(|mut s| {
                s.query_row([id, at], |row| {
                    Ok(Before {
                        until: row.get(0)?,
                        hashes: [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?],
                        changed: row.get(5)?,
                    })
                })
                .optional()
            })
            .map_err(doing("find what a file was"))
    }
}
