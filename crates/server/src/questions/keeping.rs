//! Whether what an answer shows is kept. It is merged first and written then, so that nobody waits for a disk to see it; a disk that
//! refuses must not be known to the log alone.

use crate::store::StoreError;
use answer::AnswerError;
use tokio::sync::watch;

#[derive(Clone, Debug, Default)]
struct Standing {
    /// Batches that were merged, and those of them that are written.
    merged: u64,
    written: u64,
    /// Why the last one is not.
    trouble: Option<String>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Keeping(watch::Sender<Standing>);

impl Keeping {
    /// Something is about to be merged.
    pub fn begin(&self) {
        self.0.send_modify(|now| now.merged += 1);
    }

    /// All that was merged is written. True when that was in doubt.
    pub fn done(&self) -> bool {
        let mut doubted = false;
        self.0.send_modify(|now| {
            now.written = now.merged;
            doubted = now.trouble.take().is_some();
        });
        doubted
    }

    /// It could not be written. True when that is news.
    pub fn refused(&self, error: &StoreError) -> bool {
        self.trouble_is(words(error))
    }

    /// Something could not even be merged. True when that is news.
    pub fn not_merged(&self, error: &AnswerError) -> bool {
        self.trouble_is(format!(
            "the server has no place for this answer: {error}; what endpoints say is not taken until an administrator makes room on the \
             disk with its data folder"
        ))
    }

    fn trouble_is(&self, words: String) -> bool {
        self.0.send_if_modified(|now| {
            let news = now.trouble.as_ref() != Some(&words);
            now.trouble = Some(words);
            news
        })
    }

    /// Why the answer is not kept, if it is not.
    pub fn trouble(&self) -> Option<String> {
        self.0.borrow().trouble.clone()
    }

    /// As [`Self::trouble`], once it is known of everything that was merged until now.
    pub async fn known(&self) -> Option<String> {
        let wanted = self.0.borrow().merged;
        let mut standing = self.0.subscribe();
        let known = standing.wait_for(|now| now.written >= wanted || now.trouble.is_some());
        // The sender is this one's own.
        known.await.ok().and_then(|now| now.trouble.clone())
    }
}

/// For whoever asks: what is wrong, what it means for the answer, and what helps. Paths of the server are for its log.
fn words(error: &StoreError) -> String {
    const MEANS: &str =
        "what is shown of this answer is not kept, and later answers are not taken,";
    match error {
        StoreError::Full { .. } => format!(
            "the server's disk is full: {MEANS} until an administrator makes room, by deleting questions or on the server's machine"
        ),
        StoreError::Damaged { .. } | StoreError::Content { .. } | StoreError::Incomplete { .. } => {
            format!(
                "what the server has stored is damaged: {MEANS} until an administrator stops it and looks with `cordon server check`"
            )
        }
        StoreError::Disk { .. } => format!(
            "the server cannot read or write its disk: {MEANS} until an administrator checks the disk and its mount options"
        ),
        StoreError::Busy { .. } => format!(
            "another program holds the server's database: {MEANS} until an administrator ends that program"
        ),
        _ => format!(
            "the server cannot write answers down: {MEANS} until that is mended; its log tells why"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> StoreError {
        StoreError::Full {
            operation: "keeping answers".into(),
            path: "/data/cordon.db".into(),
            source: "no room".into(),
        }
    }

    #[tokio::test]
    async fn what_was_merged_is_told_once_it_is_written_or_refused() {
        let keeping = Keeping::default();
        assert_eq!(keeping.known().await, None, "nothing was merged");
        keeping.begin();
        let (known, ()) = tokio::join!(keeping.known(), async {
            assert!(keeping.refused(&full()));
            assert!(!keeping.refused(&full()), "no news");
        });
        let known = known.expect("trouble");
        assert!(
            known.contains("the server's disk is full") && !known.contains("/data"),
            "{known}"
        );
        assert!(keeping.done());
        assert_eq!((keeping.trouble(), keeping.known().await), (None, None));
        keeping.begin();
        let (known, ()) = tokio::join!(keeping.known(), async {
            // What is merged meanwhile is not waited for.
            keeping.done();
            keeping.begin();
        });
        assert_eq!(known, None);
    }
}
