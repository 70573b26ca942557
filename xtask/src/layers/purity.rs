//! What the source of the pure crates may mention.
//!
//! `#![no_std]` lets the compiler hold most of it: without `extern crate std` there is no clock, socket, thread or
//! process to name. These rules hold the rest: who may say `extern crate std`, what those files may take from it,
//! and that nothing gets a clock or randomness by another road.

use std::collections::BTreeSet;

use crate::files::{self, TextFile};
use crate::finding::Finding;
use crate::lexer::{self, Token};

/// A file of a pure crate that may use the standard library, what it may take from there, and why.
struct Door {
    file: &'static str,
    paths: &'static [&'static str],
    reason: &'static str,
}

const DOORS: &[Door] = &[
    Door {
        file: "thespian-msgs/src/std_collections.rs",
        paths: &["std::collections"],
        reason: "hash maps and sets are messages too, and alloc has none",
    },
    Door {
        file: "thespian-core/src/driver/panics.rs",
        paths: &["std::panic", "std::backtrace", "std::thread_local", "std::boxed", "std::string"],
        reason: "a driver catches the panic of a handler, which core cannot",
    },
    Door {
        file: "thespian-core/tests/kit/mod.rs",
        paths: &["std::env"],
        reason: "whoever runs the tests says which planted bug they are to meet",
    },
    Door {
        file: "thespian-msgs/tests/hostile.rs",
        paths: &["std::thread"],
        reason: "a stack of a known size is a thread's",
    },
];

/// The modules of the standard library that no file of a pure crate may reach, tests included; only a test outside `src`
/// can have a door to one.
const FORBIDDEN_MODULES: &[&str] =
    &["std::net", "std::process", "std::thread", "std::time", "std::fs", "std::env"];

/// Names that mean a clock or randomness wherever they come from.
const FORBIDDEN_NAMES: &[&str] =
    &["Instant::now", "SystemTime", "RandomState", "rand::", "use rand;", "getrandom"];

const NO_STD: &str = "layers/no-std";
const DOOR: &str = "layers/std-door";
const STD_PATH: &str = "layers/std-path";
const FORBIDDEN: &str = "layers/forbidden-name";

/// One file of a pure crate, and which of its tokens are test code.
struct Source<'a> {
    path: &'a str,
    code: Vec<Token<'a>>,
    /// Whether the whole file is test code.
    is_test: bool,
}

impl<'a> Source<'a> {
    fn new(file: &'a TextFile, is_test: bool) -> Source<'a> {
        Source { path: &file.path, code: lexer::code(&file.text), is_test }
    }

    fn place(&self, token: usize) -> String {
        format!("{}:{}", self.path, self.code[token].line)
    }

    fn is_in_tests(&self, token: usize) -> bool {
        self.is_test || lexer::test_items(&self.code).iter().any(|item| item.contains(&token))
    }

    fn allowed_paths(&self) -> &'static [&'static str] {
        DOORS.iter().find(|door| door.file == self.path).map_or(&[], |door| door.paths)
    }
}

/// All rules over the files of the pure crates.
pub(super) fn rules(crates: &[&str], files: &[TextFile]) -> Vec<Finding> {
    let tests = files::test_modules(files);
    let mut findings = doors_exist(files);
    for krate in crates {
        findings.extend(no_std(krate, files));
        for file in files.iter().filter(|file| file.is_rust() && is_below(&file.path, krate)) {
            let source = Source::new(file, is_test(krate, file, &tests));
            findings.extend(doors(&source));
            findings.extend(std_paths(&source));
            findings.extend(forbidden_names(&source));
        }
    }
    findings
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// What is outside `src` is a program of its own (an integration test, an example) and linked with std anyway.
fn is_test(krate: &str, file: &TextFile, tests: &BTreeSet<&str>) -> bool {
    !is_below(&file.path, &format!("{krate}/src")) || tests.contains(file.path.as_str())
}

/// A row for a file that is gone is a door that somebody may open again without being asked.
fn doors_exist(files: &[TextFile]) -> Vec<Finding> {
    DOORS
        .iter()
        .filter(|door| !files.iter().any(|file| file.path == door.file))
        .map(|door| {
            let found = format!("a row for a file that does not exist ({})", door.reason);
            let instead = "correct or remove the row in xtask/src/layers/purity.rs";
            Finding::new(DOOR, door.file, found, instead)
        })
        .collect()
}

/// The crate's root says `#![no_std]`, without a condition.
fn no_std(krate: &str, files: &[TextFile]) -> Option<Finding> {
    let path = format!("{krate}/src/lib.rs");
    let root = files.iter().find(|file| file.path == path);
    let says_so = root.is_some_and(|file| !lexer::find(&lexer::code(&file.text), "#![no_std]").is_empty());
    let instead = "`#![no_std]` after the crate's documentation, so that the compiler refuses IO and clocks";
    (!says_so).then(|| Finding::new(NO_STD, path, "no unconditional `#![no_std]`", instead))
}

/// `extern crate std` stands only in the files that have a door, or directly under `#[cfg(test)]`; it is neither
/// renamed nor `#[macro_use]`, because its uses could then not be seen.
fn doors(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for at in lexer::find(&source.code, "extern crate std") {
        let mut report = |found: &str, instead: &str| {
            findings.push(Finding::new(DOOR, source.place(at), found, instead));
        };
        if !source.code.get(at + 3).is_some_and(|token| token.is(";")) {
            report("`extern crate std` under another name", "its own name, so that its paths can be checked");
        }
        let attribute = lexer::attributes(&source.code).into_iter().find(|inside| inside.end + 1 == at);
        if attribute.is_some_and(|inside| source.code[inside].iter().any(|token| token.is("macro_use"))) {
            report("`#[macro_use]` on `extern crate std`", "full paths, such as `std::thread_local!`");
        }
        if source.allowed_paths().is_empty() && !source.is_in_tests(at) {
            report(
                "`extern crate std` in a crate without IO",
                "`core` and `alloc`; a driver's needs get a row with their reason in xtask/src/layers/purity.rs",
            );
        }
    }
    findings
}

/// Every path into the standard library is one that its file may use. Test code may use what is not forbidden to
/// all; everything else is checked against the file's door.
fn std_paths(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, path) in paths_into_std(&source.code) {
        let allowed = source.allowed_paths();
        let has_door = allowed.iter().any(|allowed| is_path_below(&path, allowed));
        let forbidden = FORBIDDEN_MODULES.iter().any(|module| is_path_below(&path, module));
        if forbidden && !(has_door && source.is_test) {
            let instead =
                "an engine is handed the time and its inputs, and hands back what to do; drivers do it";
            findings.push(Finding::new(FORBIDDEN, source.place(at), format!("`{path}`"), instead));
            continue;
        }
        if source.is_in_tests(at) || has_door {
            continue;
        }
        let instead = match allowed {
            [] => "`core` or `alloc`".to_owned(),
            allowed => format!("in this file only {}", allowed.join(", ")),
        };
        findings.push(Finding::new(STD_PATH, source.place(at), format!("`{path}`"), instead));
    }
    findings
}

/// No file mentions a clock or a source of randomness.
fn forbidden_names(source: &Source<'_>) -> Vec<Finding> {
    let find = |name: &&'static str| {
        lexer::find(&source.code, name)
            .into_iter()
            .map(|at| (at, name.trim_end_matches(':')))
            .collect::<Vec<_>>()
    };
    FORBIDDEN_NAMES
        .iter()
        .flat_map(find)
        .map(|(at, name)| {
            let instead = "the `now` and the seeded generator that are handed in";
            Finding::new(FORBIDDEN, source.place(at), format!("`{name}`"), instead)
        })
        .collect()
}

fn is_path_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every path that begins with `std`, with the groups of a `use` written out, and where it begins.
///
/// A bare `std` (in `use std as s` or `use std::{self}`) is a path too: whoever holds it can reach everything.
fn paths_into_std(code: &[Token<'_>]) -> Vec<(usize, String)> {
    let declarations: Vec<usize> = lexer::find(code, "extern crate std").iter().map(|at| at + 2).collect();
    let mut paths = Vec::new();
    for at in lexer::find(code, "std") {
        if !declarations.contains(&at) {
            path_from(code, at, "", &mut |path| paths.push((at, path)));
        }
    }
    paths
}

/// Follows one path of a use tree from `at`, calls `emit` for each of its leaves, and returns where it ends.
fn path_from(code: &[Token<'_>], mut at: usize, prefix: &str, emit: &mut impl FnMut(String)) -> usize {
    let mut path = prefix.to_owned();
    while let Some(token) = code.get(at) {
        if token.is("{") && !path.is_empty() {
            let end = lexer::closing(code, at);
            at += 1;
            while at < end {
                at = path_from(code, at, &path, emit);
                // A renamed leaf: the name it gets is of no interest.
                while at < end && !code[at].is(",") {
                    at += 1;
                }
                at += 1;
            }
            return end + 1;
        }
        if !token.is("self") {
            let separator = if path.is_empty() { "" } else { "::" };
            path = format!("{path}{separator}{}", token.text);
        }
        let goes_on = code.get(at + 1..at + 3).is_some_and(|next| next.iter().all(|token| token.is(":")))
            && code
                .get(at + 3)
                .is_some_and(|next| next.kind == lexer::Kind::Word || next.is("{") || next.is("*"));
        if !goes_on {
            break;
        }
        at += 3;
    }
    emit(path);
    at + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLLECTIONS: &str = "thespian-msgs/src/std_collections.rs";
    const ORDINARY: &str = "thespian-core/src/engine.rs";

    /// What the rules find in one file of a pure crate, without the findings about files that are not there.
    fn found(path: &str, text: &str) -> Vec<String> {
        let files = [TextFile { path: path.into(), text: text.into() }];
        rules(&["thespian-msgs", "thespian-core"], &files)
            .into_iter()
            .filter(|finding| finding.place.starts_with(&format!("{path}:")))
            .map(|finding| format!("{} {}", finding.rule, finding.found))
            .collect()
    }

    #[test]
    fn a_root_without_no_std_or_with_a_condition_on_it_fails() {
        let root = |text: &str| [TextFile { path: "a/src/lib.rs".into(), text: text.into() }];
        assert!(
            no_std("a", &root("//! Doc.\n#![warn(missing_docs)]\n#![no_std]\nextern crate alloc;")).is_none()
        );
        assert!(no_std("a", &root("//! #![no_std]\n")).is_some());
        assert!(no_std("a", &root("#![cfg_attr(not(feature = \"std\"), no_std)]")).is_some());
        assert!(no_std("a", &[]).is_some());
    }

    #[test]
    fn std_without_a_door_fails_and_with_one_or_in_tests_passes() {
        assert_eq!(found(ORDINARY, "extern crate std;").len(), 1);
        assert_eq!(
            found(COLLECTIONS, "extern crate std; use std::collections::{HashMap, HashSet};").len(),
            0
        );
        assert_eq!(
            found(ORDINARY, "#[cfg(test)] extern crate std; #[cfg(test)] mod tests { use std::vec; }").len(),
            0
        );
        assert_eq!(
            found(ORDINARY, "#[cfg(test)] mod tests { extern crate std; use std::sync::Arc; }").len(),
            0
        );
    }

    #[test]
    fn std_renamed_or_with_its_macros_fails_even_with_a_door() {
        assert_eq!(found(COLLECTIONS, "extern crate std as s;").len(), 1);
        assert_eq!(found(COLLECTIONS, "#[macro_use] extern crate std;").len(), 1);
        assert_eq!(found(COLLECTIONS, "extern crate std; use std as s;"), ["layers/std-path `std`"]);
        assert_eq!(found(COLLECTIONS, "use std::{self, collections};"), ["layers/std-path `std`"]);
        assert_eq!(found(COLLECTIONS, "use std::*;"), ["layers/std-path `std::*`"]);
    }

    #[test]
    fn a_path_beside_the_door_fails_however_it_is_spelled() {
        assert_eq!(
            found(COLLECTIONS, "use std::{collections::HashMap, io::{Read, Write}};"),
            ["layers/std-path `std::io::Read`", "layers/std-path `std::io::Write`"]
        );
        assert_eq!(
            found(ORDINARY, "fn f() { crate::door::std::io::stdin(); }"),
            ["layers/std-path `std::io::stdin`"]
        );
        let panics = "thespian-core/src/driver/panics.rs";
        let text = "extern crate std; std::thread_local! { static A: u8 = 0; } fn f() { std::panic::catch_unwind(g); }";
        assert_eq!(found(panics, text).len(), 0);
        assert_eq!(
            found(panics, "use std::{panic::{self as p, Location}, sync::Mutex};"),
            ["layers/std-path `std::sync::Mutex`"]
        );
    }

    #[test]
    fn clocks_sockets_threads_and_processes_fail_everywhere_even_in_tests() {
        for module in ["net", "process", "thread", "time", "fs", "env"] {
            let text =
                format!("#[cfg(test)] mod tests {{ extern crate std; use std::{{vec, {module}::x}}; }}");
            assert_eq!(found(ORDINARY, &text), [format!("layers/forbidden-name `std::{module}::x`")]);
            let text = format!("use std::{module};");
            assert_eq!(found("thespian-core/tests/all.rs", &text).len(), 1, "{module}");
        }
    }

    #[test]
    fn clocks_and_randomness_by_another_road_fail() {
        for text in [
            "let now = quanta::Instant::now();",
            "use x::SystemTime;",
            "use hashbrown::RandomState;",
            "rand::random()",
            "use rand;",
            "getrandom::fill()",
        ] {
            assert_eq!(found(ORDINARY, text).len(), 1, "{text}");
        }
    }

    #[test]
    fn comments_strings_and_longer_names_are_not_mentions() {
        let text = "// std::net\n/* SystemTime */ const A: &str = \"std::time\"; fn operand() { brand::x(); instant::now() }";
        assert_eq!(found(ORDINARY, text), [""; 0]);
    }

    #[test]
    fn a_door_to_a_file_that_is_gone_fails() {
        assert_eq!(doors_exist(&[]).len(), DOORS.len());
    }
}
