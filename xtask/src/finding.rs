//! What a check found: the rule, the place, what is there, and what to do instead.

use std::fmt;

use crate::failure::{Failure, Outcome};

/// One violation of one rule. Every rule of `layers` and `tidy` returns a list of these, so that no rule can forget
/// to say what to do instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: &'static str,
    /// A crate, a file, or `file:line`.
    pub(crate) place: String,
    pub(crate) found: String,
    pub(crate) instead: String,
}

impl Finding {
    pub(crate) fn new(
        rule: &'static str,
        place: impl Into<String>,
        found: impl Into<String>,
        instead: impl Into<String>,
    ) -> Finding {
        Finding { rule, place: place.into(), found: found.into(), instead: instead.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.place, self.rule)?;
        writeln!(f, "  found:   {}", self.found)?;
        writeln!(f, "  instead: {}", self.instead)
    }
}

/// Prints the findings of `check` and turns them into its outcome; `looked_at` says what was examined, because a
/// check that examined nothing finds nothing.
pub(crate) fn conclude(check: &str, looked_at: &str, findings: &[Finding]) -> Outcome {
    for finding in findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("{check}: {looked_at}, nothing found");
            Ok(())
        }
        1 => Err(Failure::Check(format!("{check}: 1 finding in {looked_at}"))),
        many => Err(Failure::Check(format!("{check}: {many} findings in {looked_at}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_shows_rule_place_found_and_instead_and_fails_its_check() {
        let finding = Finding::new("no-tabs", "a.rs:3", "a tab", "four spaces");
        let text = finding.to_string();
        assert_eq!(text, "a.rs:3: no-tabs\n  found:   a tab\n  instead: four spaces\n");
        assert!(matches!(conclude("tidy", "1 file", &[finding]), Err(Failure::Check(_))));
        assert!(conclude("tidy", "1 file", &[]).is_ok());
    }
}
