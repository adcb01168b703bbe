//! The audit log: who did what to which object, when, and how it ended, as a chain of hashes.
//!
//! Every entry carries the SHA-256 of its own fields and of the entry before it, so a changed, removed, added or
//! reordered entry breaks the chain from there on. A head record repeats the newest number and hash; entries cut from
//! the end contradict it. Someone who can rewrite the whole file can forge both: so the head's hash is also logged at
//! every start, shown by the API, and may be noted elsewhere and given to [`verify`] as what must still be true.
//!
//! Pure: [`crate::audit`] feeds [`verify`] from a database, with or without a running server.

use super::actor::Actor;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt;

/// Hash of an entry, and of the nothing before the first.
pub type Hash = [u8; 32];

/// Separates these hashes from any other use of SHA-256; a new layout gets a new number.
const DOMAIN: &[u8] = b"cordon audit entry 1";

/// Something that was done, before it has a place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Who did it.
    pub who: Actor,
    /// A word for what was done, `login`, `question.ask`, `endpoint.revoke`, …
    pub action: &'static str,
    /// What it was done to.
    pub object: String,
    /// Anything else worth keeping; never a secret.
    pub detail: serde_json::Value,
}

impl Deed {
    /// A deed without detail.
    #[must_use]
    pub fn new(who: Actor, action: &'static str, object: impl Into<String>) -> Self {
        Self {
            who,
            action,
            object: object.into(),
            detail: serde_json::Value::Object(serde_json::Map::new()),
        }
    }

    /// The same deed with one more field of detail.
    #[must_use]
    pub fn also(mut self, field: &str, value: impl Into<serde_json::Value>) -> Self {
        if let Some(fields) = self.detail.as_object_mut() {
            fields.insert(field.to_owned(), value.into());
        }
        self
    }

    /// The same deed with this detail.
    #[must_use]
    pub fn with(mut self, detail: serde_json::Value) -> Self {
        self.detail = detail;
        self
    }
}

/// One entry of the log, with its fields exactly as they are hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// 1, 2, 3, … without gaps.
    pub number: u64,
    /// RFC 3339, UTC.
    pub time: String,
    /// [`Deed::who`] as shown to people.
    pub who: String,
    /// See [`Deed::action`].
    pub action: String,
    /// See [`Deed::object`].
    pub object: String,
    /// JSON text.
    pub detail: String,
    /// Hash of the entry before; zeros for the first.
    pub previous: Hash,
    /// [`Entry::digest`] of this one.
    pub hash: Hash,
}

impl Entry {
    /// SHA-256 over every field, each with its length before it, so that no two entries have one encoding.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let mut hasher = Sha256::new();
        let number = self.number.to_be_bytes();
        for field in [
            DOMAIN,
            &number,
            self.time.as_bytes(),
            self.who.as_bytes(),
            self.action.as_bytes(),
            self.object.as_bytes(),
            self.detail.as_bytes(),
            &self.previous,
        ] {
            hasher.update((field.len() as u64).to_be_bytes());
            hasher.update(field);
        }
        hasher.finalize().into()
    }
}

/// Number and hash of an entry: the newest, as the head record or someone's note has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number; 0 for an empty log.
    pub number: u64,
    /// Hash; zeros for an empty log.
    pub hash: Hash,
}

/// `number:hash`.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, hex::encode(self.hash))
    }
}

impl std::str::FromStr for Head {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is no head of an audit log: a number, a colon, 64 hexadecimal digits")
        };
        let (number, digits) = text.split_once(':').ok_or_else(wrong)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(digits, &mut hash).map_err(|_| wrong())?;
        let number = number.parse().map_err(|_| wrong())?;
        Ok(Self { number, hash })
    }
}

/// The action of an entry that vouches for a cut: entries up to some number were exported and taken off the front.
pub const CUT: &str = "audit.cut";

/// What the detail of a [`CUT`] entry must hold.
#[must_use]
pub fn cut_detail(through: Head) -> serde_json::Value {
    serde_json::json!({"through": through.number, "hash": hex::encode(through.hash)})
}

fn vouches(entry: &Entry, anchor: Head) -> bool {
    let detail: Option<serde_json::Value> = serde_json::from_str(&entry.detail).ok();
    entry.action == CUT
        && detail.is_some_and(|detail| {
            let wanted = cut_detail(anchor);
            ["through", "hash"]
                .iter()
                .all(|k| detail.get(k) == wanted.get(k))
        })
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Entries that are good, counted from the first, with those that were cut off.
    pub good: u64,
    /// Entries that were exported and cut off the front; the exports hold them.
    pub cut: u64,
    /// Hash of the last good entry, in hexadecimal digits.
    pub head: String,
    /// The first thing that is wrong, if any.
    pub fault: Option<Fault>,
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.fault.is_none()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            None => {
                write!(
                    f,
                    "the audit log is intact: {} entries, head {}",
                    self.good, self.head
                )?;
                if self.cut > 0 {
                    write!(f, ", the first {} of them exported and cut off", self.cut)?;
                }
                Ok(())
            }
            Some(fault) => {
                let what = fault.problem.text();
                write!(
                    f,
                    "the audit log is broken at entry {}: {what}; ",
                    fault.number
                )?;
                match self.good {
                    0 => write!(f, "there is no good entry before it"),
                    good => write!(f, "the last good entry is {good}, head {}", self.head),
                }
            }
        }
    }
}

/// The first entry that breaks the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Number of the entry.
    pub number: u64,
    /// What is wrong with it.
    pub problem: Problem,
}

/// How an entry can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// Its number does not follow the one before: entries are missing or were put in.
    OutOfOrder,
    /// It does not name the hash of the entry before.
    Unlinked,
    /// Its fields do not give its hash: it was changed.
    Changed,
    /// The head record knows it, the log does not: it was cut from the end.
    Missing,
    /// The log goes on after the entry that the head record names as the last.
    BeyondHead,
    /// The entry that was noted elsewhere has another hash: the log was rewritten.
    Rewritten,
    /// Entries before it are gone, and no entry behind it says that they were exported and cut off.
    NotVouched,
}

impl Problem {
    fn text(self) -> &'static str {
        match self {
            Self::OutOfOrder => "another entry stands in its place, entries were removed or put in",
            Self::Unlinked => "it does not follow from the entry before it",
            Self::Changed => "it was changed",
            Self::Missing => "it was cut from the end of the log",
            Self::BeyondHead => "it was added behind the recorded end of the log",
            Self::Rewritten => "its hash is not the one that was noted, the log was rewritten",
            Self::NotVouched => {
                "everything before it is gone, and the log does not say that it was exported"
            }
        }
    }
}

/// Checks a whole log, in order, against its head record and against older heads noted elsewhere.
pub fn verify<E>(
    entries: impl IntoIterator<Item = Result<Entry, E>>,
    head: Head,
    noted: &[Head],
) -> Result<Verdict, E> {
    let start = Head {
        number: 0,
        hash: [0; 32],
    };
    verify_from(start, entries, head, noted)
}

/// Checks the entries behind `anchor`, the last one that was cut off the front; one of them must vouch for the cut. A noted head
/// that lies before the anchor says nothing about them.
pub fn verify_from<E>(
    anchor: Head,
    entries: impl IntoIterator<Item = Result<Entry, E>>,
    head: Head,
    noted: &[Head],
) -> Result<Verdict, E> {
    let mut noted = noted.to_vec();
    noted.retain(|n| n.number > 0);
    noted.sort_unstable_by_key(|n| n.number);
    let furthest = noted.last().map_or(0, |n| n.number);
    let mut noted = noted.into_iter().peekable();
    let mut last = anchor;
    let mut vouched = anchor.number == 0 && anchor.hash == [0; 32];
    let verdict = |last: Head, fault: Option<(u64, Problem)>| Verdict {
        good: last.number,
        cut: anchor.number,
        head: hex::encode(last.hash),
        fault: fault.map(|(number, problem)| Fault { number, problem }),
    };
    while let Some(n) = noted.next_if(|n| n.number <= anchor.number) {
        if n.number == anchor.number && n.hash != anchor.hash {
            return Ok(verdict(anchor, Some((anchor.number, Problem::Rewritten))));
        }
    }
    for entry in entries {
        let entry = entry?;
        let expected = last.number + 1;
        let mut rewritten = false;
        while let Some(n) = noted.next_if(|n| n.number <= entry.number) {
            rewritten |= n.number == entry.number && n.hash != entry.hash;
        }
        let problem = if entry.number != expected {
            Some((expected, Problem::OutOfOrder))
        } else if entry.previous != last.hash {
            Some((expected, Problem::Unlinked))
        } else if entry.digest() != entry.hash {
            Some((expected, Problem::Changed))
        } else if rewritten {
            Some((expected, Problem::Rewritten))
        } else if entry.number > head.number {
            Some((expected, Problem::BeyondHead))
        } else {
            None
        };
        if problem.is_some() {
            return Ok(verdict(last, problem));
        }
        vouched = vouched || vouches(&entry, anchor);
        last = Head {
            number: entry.number,
            hash: entry.hash,
        };
    }
    let least = furthest.max(head.number);
    let problem = if last.number < least {
        Some((last.number + 1, Problem::Missing))
    } else if last.hash != head.hash {
        Some((last.number, Problem::Changed))
    } else if !vouched {
        Some((anchor.number + 1, Problem::NotVouched))
    } else {
        None
    };
    Ok(verdict(last, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(count: u64) -> Vec<Entry> {
        let mut previous = [0; 32];
        (1..=count)
            .map(|number| {
                let mut entry = Entry {
                    number,
                    time: format!("2026-11-22T22:00:{number:02}Z"),
                    who: "ada".into(),
                    action: "question.ask".into(),
                    object: format!("question {number}"),
                    detail: "{}".into(),
                    previous,
                    hash: [0; 32],
                };
                entry.hash = entry.digest();
                previous = entry.hash;
                entry
            })
            .collect()
    }

    fn check(entries: &[Entry], head: &[Entry], noted: &[Head]) -> Verdict {
        let head = head.last().map_or(
            Head {
                number: 0,
                hash: [0; 32],
            },
            |e| Head {
                number: e.number,
                hash: e.hash,
            },
        );
        verify(
            entries
                .iter()
                .cloned()
                .map(Ok::<_, std::convert::Infallible>),
            head,
            noted,
        )
        .expect("reading from memory does not fail")
    }

    #[test]
    fn an_untouched_log_is_good() {
        for count in [0, 1, 5] {
            let whole = log(count);
            let verdict = check(&whole, &whole, &[]);
            assert_eq!(verdict.fault, None);
            assert_eq!(verdict.good, count);
        }
    }

    #[test]
    fn every_change_of_any_field_is_found_at_its_entry() {
        let whole = log(5);
        let changes: [fn(&mut Entry); 6] = [
            |e| e.time.push('x'),
            |e| e.who = "eve".into(),
            |e| e.action.push('x'),
            |e| e.object.push('x'),
            |e| e.detail = "{\"a\":1}".into(),
            |e| e.hash[0] ^= 1,
        ];
        for change in changes {
            for at in 0..5 {
                let mut touched = whole.clone();
                change(&mut touched[at]);
                let fault = check(&touched, &whole, &[]).fault.expect("a fault");
                assert_eq!(fault.number, at as u64 + 1);
                assert_eq!(fault.problem, Problem::Changed);
            }
        }
    }

    #[test]
    fn a_field_cannot_lend_bytes_to_its_neighbour() {
        let mut one = log(1).remove(0);
        one.who = "ab".into();
        one.action = "c".into();
        let mut other = one.clone();
        other.who = "a".into();
        other.action = "bc".into();
        assert_ne!(one.digest(), other.digest());
    }

    #[test]
    fn removed_moved_and_cut_entries_are_found() {
        let whole = log(5);
        let mut removed = whole.clone();
        removed.remove(2);
        assert_eq!(
            check(&removed, &whole, &[]).fault,
            Some(Fault {
                number: 3,
                problem: Problem::OutOfOrder
            })
        );
        let mut moved = whole.clone();
        moved.swap(1, 2);
        assert_eq!(check(&moved, &whole, &[]).fault.map(|f| f.number), Some(2));
        assert_eq!(
            check(&whole[..3], &whole, &[]).fault,
            Some(Fault {
                number: 4,
                problem: Problem::Missing
            })
        );
        assert_eq!(
            check(&whole, &whole[..4], &[]).fault,
            Some(Fault {
                number: 5,
                problem: Problem::BeyondHead
            })
        );
    }

    #[test]
    fn a_log_rewritten_as_a_whole_is_found_by_a_noted_head() {
        let whole = log(5);
        let noted = Head {
            number: 3,
            hash: whole[2].hash,
        };
        assert_eq!(check(&whole, &whole, &[noted]).fault, None);
        let mut forged = log(5);
        let mut previous = [0; 32];
        for entry in &mut forged {
            entry.who = "eve".into();
            entry.previous = previous;
            entry.hash = entry.digest();
            previous = entry.hash;
        }
        assert_eq!(check(&forged, &forged, &[]).fault, None);
        assert_eq!(
            check(&forged, &forged, &[noted]).fault,
            Some(Fault {
                number: 3,
                problem: Problem::Rewritten
            })
        );
        assert_eq!(
            check(&forged[..2], &forged[..2], &[noted]).fault,
            Some(Fault {
                number: 3,
                problem: Problem::Missing
            })
        );
    }

    /// The same log without its first entries, and with an entry at its end that vouches for the cut, or for another.
    fn cut(count: u64, at: usize, vouched: Head) -> Vec<Entry> {
        let mut log = log(count);
        let last = log.last().expect("some").clone();
        let mut cut = Entry {
            number: count + 1,
            action: CUT.into(),
            detail: cut_detail(vouched).to_string(),
            previous: last.hash,
            ..last
        };
        cut.hash = cut.digest();
        log.push(cut);
        log.split_off(at)
    }

    #[test]
    fn a_log_cut_off_at_the_front_is_good_when_an_entry_vouches_for_it() {
        let whole = log(5);
        let anchor = Head {
            number: 3,
            hash: whole[2].hash,
        };
        let check = |entries: &[Entry], anchor, noted: &[Head]| {
            let last = entries.last().expect("some");
            let head = Head {
                number: last.number,
                hash: last.hash,
            };
            let entries = entries
                .iter()
                .cloned()
                .map(Ok::<_, std::convert::Infallible>);
            verify_from(anchor, entries, head, noted).expect("reading from memory does not fail")
        };
        let left = cut(5, 3, anchor);
        let verdict = check(&left, anchor, &[]);
        assert_eq!((verdict.fault, verdict.good, verdict.cut), (None, 6, 3));
        assert_eq!(check(&left, anchor, &[anchor]).fault, None);
        let wrong = Head {
            hash: [1; 32],
            ..anchor
        };
        assert!(check(&left, anchor, &[wrong]).fault.is_some());
        // Cut further than was said, or without a word.
        let further = Head {
            number: 4,
            hash: whole[3].hash,
        };
        let fault = check(&cut(5, 4, anchor), further, &[]).fault;
        assert_eq!(fault.map(|f| f.problem), Some(Problem::NotVouched));
        let fault = check(&whole[3..], anchor, &[]).fault;
        assert_eq!(fault.map(|f| f.problem), Some(Problem::NotVouched));
        // From the middle, as before.
        let mut middle = left;
        middle.remove(1);
        assert!(check(&middle, anchor, &[]).fault.is_some());
    }

    #[test]
    fn of_many_noted_heads_each_must_be_in_the_log() {
        let whole = log(5);
        let heads: Vec<Head> = whole
            .iter()
            .map(|e| Head {
                number: e.number,
                hash: e.hash,
            })
            .collect();
        assert_eq!(check(&whole, &whole, &heads).fault, None);
        for at in 0..5 {
            // In any order, and noted twice with two hashes: one of them is wrong.
            let mut one_wrong = heads.clone();
            one_wrong.rotate_left(2);
            one_wrong.push(Head {
                number: at + 1,
                hash: [9; 32],
            });
            assert_eq!(
                check(&whole, &whole, &one_wrong).fault,
                Some(Fault {
                    number: at + 1,
                    problem: Problem::Rewritten
                })
            );
        }
        let gone = check(&whole[..3], &whole[..3], &heads).fault;
        assert_eq!(
            gone.map(|f| (f.number, f.problem)),
            Some((4, Problem::Missing))
        );
    }
}
