//! The rules that look at a file's tokens: what stands in a comment or a string is not code.

use std::ops::Range;

use crate::files::TextFile;
use crate::finding::Finding;
use crate::lexer::{self, Kind, Token};

/// Every rule about code.
pub(super) const RULES: &[fn(&Source<'_>) -> Vec<Finding>] = &[
    no_unfinished_work,
    no_note_to_self,
    no_ignore_without_reason,
    no_sleep,
    no_unwrap,
    no_exception_without_reason,
];

/// The files that may sleep, each with its reason.
///
/// A test that sleeps is slow when all is well and wrong when the machine is busy: wait for an event, or use virtual
/// time. A driver waits for its next deadline in its readiness loop.
const SLEEPERS: &[(&str, &str)] = &[
    (
        "benches/driver/src/orphans.rs",
        "what other programs left behind ends when it likes, and nothing is timed",
    ),
    (
        "benches/driver/src/runner.rs",
        "std cannot wait for a child with a deadline, and nothing is timed by this wait",
    ),
    (
        "conformance/src/processes.rs",
        "nobody tells of the ends of other programs, and time passes by itself where actors have processes",
    ),
    ("benches/processes/elfo/src/main.rs", "elfo does not say when its nodes have found each other"),
    (
        "benches/processes/ours-tcp/src/loss.rs",
        "a rate is offered by the clock, and nothing tells that the last has come",
    ),
    ("benches/processes/ours-tcp/src/workloads.rs", "being idle for ten seconds is what is measured"),
    ("benches/processes/ractor-cluster/src/main.rs", "nor does ractor_cluster"),
    ("thespian-cli/src/pause.rs", "a program that looks again after the time that its user chose"),
];

/// Workspaces of their own, whose programs are measurements and fuzz targets and not the product.
const OUTSIDE: &[&str] = &["benches", "fuzz"];

/// A Rust file in pieces.
pub(super) struct Source<'a> {
    path: &'a str,
    code: Vec<Token<'a>>,
    comments: Vec<Token<'a>>,
    tests: Vec<Range<usize>>,
    /// Whether the whole file is test code.
    is_test: bool,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a TextFile, is_test: bool) -> Source<'a> {
        let (comments, code): (Vec<_>, Vec<_>) =
            lexer::tokens(&file.text).into_iter().partition(|token| token.kind == Kind::Comment);
        let tests = lexer::test_items(&code);
        Source { path: &file.path, code, comments, tests, is_test }
    }

    fn finding(&self, rule: &'static str, line: usize, found: impl Into<String>, instead: &str) -> Finding {
        Finding::new(rule, format!("{}:{line}", self.path), found, instead)
    }

    /// A finding for each place where the code has `pattern`.
    fn each(&self, rule: &'static str, pattern: &str, instead: &str) -> Vec<Finding> {
        lexer::find(&self.code, pattern)
            .into_iter()
            .map(|at| self.finding(rule, self.code[at].line, format!("`{pattern}`"), instead))
            .collect()
    }

    fn is_in_tests(&self, at: usize) -> bool {
        self.is_test || self.tests.iter().any(|item| item.contains(&at))
    }

    /// Whether the file is part of a crate's own code, and not of its integration tests or examples.
    fn is_product(&self) -> bool {
        let mut folders = self.path.split('/');
        folders.next().is_some_and(|first| !OUTSIDE.contains(&first)) && folders.next() == Some("src")
    }
}

fn no_unfinished_work(source: &Source<'_>) -> Vec<Finding> {
    let instead = "the finished thing, or a typed error that says what is not supported";
    ["todo!", "unimplemented!", "dbg!"]
        .iter()
        .flat_map(|pattern| source.each("tidy/unfinished", pattern, instead))
        .collect()
}

fn no_note_to_self(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for comment in &source.comments {
        for (index, line) in comment.text.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if let Some(word) = words.find(|word| matches!(*word, "FIXME" | "XXX")) {
                let instead = "the repair; or a comment that says what does not hold, and why it may stay so";
                findings.push(source.finding(
                    "tidy/note",
                    comment.line + index,
                    format!("`{word}`"),
                    instead,
                ));
            }
        }
    }
    findings
}

fn no_ignore_without_reason(source: &Source<'_>) -> Vec<Finding> {
    lexer::attributes(&source.code)
        .into_iter()
        .map(|inside| &source.code[inside])
        .filter(|inside| matches!(inside, [only] if only.is("ignore")))
        .map(|inside| {
            let instead = "`#[ignore = \"why, and how it is run\"]`, or no test";
            source.finding("tidy/ignore", inside[0].line, "a test that is ignored without a reason", instead)
        })
        .collect()
}

fn no_sleep(source: &Source<'_>) -> Vec<Finding> {
    if SLEEPERS.iter().any(|(path, _)| *path == source.path) {
        return Vec::new();
    }
    let instead = "an event to wait for, or virtual time; a row with its reason in xtask/src/tidy/code.rs";
    let names = ["sleep", "sleep_ms", "sleep_until"];
    let is_use = |at: usize| {
        let is = |at: usize, text: &str| source.code.get(at).is_some_and(|token| token.is(text));
        is(at + 1, "(") || (at >= 2 && is(at - 1, ":") && is(at - 2, ":"))
    };
    (0..source.code.len())
        .filter(|&at| names.iter().any(|name| source.code[at].is(name)) && is_use(at))
        .map(|at| {
            source.finding("tidy/sleep", source.code[at].line, format!("`{}`", source.code[at].text), instead)
        })
        .collect()
}

fn no_unwrap(source: &Source<'_>) -> Vec<Finding> {
    if !source.is_product() {
        return Vec::new();
    }
    lexer::find(&source.code, ".unwrap()")
        .into_iter()
        .filter(|&at| !source.is_in_tests(at))
        .map(|at| {
            let instead = "`?` with an error that says what failed; `expect(\"why this holds\")` where the screen shows why";
            source.finding("tidy/unwrap", source.code[at].line, "`.unwrap()` outside test code", instead)
        })
        .collect()
}

/// An `allow` or an `expect` of a lint says why, wherever in an attribute it stands.
fn no_exception_without_reason(source: &Source<'_>) -> Vec<Finding> {
    let code = &source.code;
    let mut findings = Vec::new();
    for inside in lexer::attributes(code) {
        for at in inside {
            let opens = code.get(at + 1).is_some_and(|token| token.is("("));
            if !opens || !(code[at].is("allow") || code[at].is("expect")) {
                continue;
            }
            let arguments = &code[at + 1..lexer::closing(code, at + 1)];
            if lexer::find(arguments, "reason =").is_empty() {
                let found = format!("`{}(...)` without a reason", code[at].text);
                let instead = "`reason = \"...\"` as its last argument, or code that needs no exception";
                findings.push(source.finding("tidy/exception", code[at].line, found, instead));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines on which the rule finds something in a file of this name and text.
    fn lines_in(path: &str, rule: fn(&Source<'_>) -> Vec<Finding>, text: &str) -> Vec<String> {
        let file = TextFile { path: path.into(), text: text.into() };
        let findings = rule(&Source::new(&file, false));
        findings.iter().map(|finding| finding.place.replace(&format!("{path}:"), "")).collect()
    }

    fn lines(rule: fn(&Source<'_>) -> Vec<Finding>, text: &str) -> Vec<String> {
        lines_in("a/src/b.rs", rule, text)
    }

    #[test]
    fn unfinished_work_fails() {
        assert_eq!(
            lines(no_unfinished_work, "fn f() {\n todo!()\n}\nfn g() {\n dbg!(1);\n unimplemented!(); }")
                .len(),
            3
        );
        assert_eq!(lines(no_unfinished_work, "// todo!()\nconst A: &str = \"dbg!\"; fn todo() {}"), [""; 0]);
    }

    #[test]
    fn a_note_to_self_fails_in_any_comment_and_nowhere_else() {
        assert_eq!(
            lines(no_note_to_self, "\n// FIXME: x\n/* a\n XXX */\n/// FIXME\nfn f() {}"),
            ["2", "4", "5"]
        );
        assert_eq!(lines(no_note_to_self, "const A: &str = \"FIXME\"; // XXXL"), [""; 0]);
    }

    #[test]
    fn ignoring_a_test_without_a_reason_fails() {
        assert_eq!(lines(no_ignore_without_reason, "#[test]\n#[ignore]\nfn f() {}"), ["2"]);
        assert_eq!(lines(no_ignore_without_reason, "#[test]\n#[ignore = \"an hour\"]\nfn f() {}"), [""; 0]);
    }

    #[test]
    fn sleeping_fails_in_every_spelling() {
        let text = "use std::thread::sleep;\nfn f() { sleep(d) }\nfn g() { std::thread::sleep(d) }\nlet s = tokio::time::sleep;";
        assert_eq!(lines(no_sleep, text), ["1", "2", "3", "4"]);
        assert_eq!(lines(no_sleep, "fn f() { let sleep = 1; asleep(sleep) } // thread::sleep(d)"), [""; 0]);
        assert_eq!(lines_in("benches/a/src/main.rs", no_sleep, "thread::sleep(d)"), ["1"]);
    }

    #[test]
    fn unwrapping_outside_tests_fails() {
        let text = "/// a.unwrap()\nfn f() { a.unwrap() }\nfn g() { a\n  .unwrap () }";
        assert_eq!(lines(no_unwrap, text), ["2", "4"]);
        assert_eq!(lines_in("fuzz/src/main.rs", no_unwrap, text), [""; 0]);
        assert_eq!(lines_in("a/tests/all.rs", no_unwrap, text), [""; 0]);
        let text = "#[cfg(test)] mod tests { fn f() { a.unwrap() } } fn g() { a.unwrap_or(b) }";
        assert_eq!(lines(no_unwrap, text), [""; 0]);
        assert_eq!(lines(no_unwrap, &format!("{text}\nfn h() {{ a.unwrap() }}")), ["2"]);
    }

    #[test]
    fn unwrapping_in_a_test_module_of_its_own_file_passes() {
        let file = TextFile { path: "a/src/tests.rs".into(), text: "fn f() { a.unwrap() }".into() };
        assert_eq!(no_unwrap(&Source::new(&file, true)), []);
        assert_eq!(no_unwrap(&Source::new(&file, false)).len(), 1);
    }

    #[test]
    fn an_exception_from_a_lint_without_a_reason_fails() {
        let text = "#![allow(a)]\n#[allow(\n  b,\n  c\n)]\n#[expect(d)]\n#[cfg_attr(x, allow(e))]\nfn f() {}";
        assert_eq!(lines(no_exception_without_reason, text), ["1", "2", "6", "7"]);
        let text = "#![allow(a, reason = \"b\")]\n#[expect(c, reason = \"d\")]\nfn f() { g.expect(\"h\"); allow(i) }";
        assert_eq!(lines(no_exception_without_reason, text), [""; 0]);
    }
}
