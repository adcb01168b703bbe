//! An error with what caused it, for logs and for the problems of an answer.

use std::error::Error;

/// An error with all its causes, on one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        line.push_str(": ");
        line.push_str(&cause.to_string());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Link>>);

    impl fmt::Display for Link {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|link| link as _)
        }
    }

    #[test]
    fn every_cause_is_told_from_the_outside_in() {
        let inner = Link("no space left", None);
        let middle = Link("cannot write /a", Some(Box::new(inner)));
        let outer = Link("the spool is lost", Some(Box::new(middle)));
        assert_eq!(
            chain(&outer),
            "the spool is lost: cannot write /a: no space left"
        );
        assert_eq!(chain(&Link("alone", None)), "alone");
    }
}
