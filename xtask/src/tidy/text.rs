//! The rules that look at a file's text, line by line.

use crate::files::TextFile;
use crate::finding::Finding;

/// Every rule about text.
pub(super) const RULES: &[fn(&TextFile) -> Vec<Finding>] = &[
    no_trailing_space,
    ends_with_newline,
    no_carriage_return,
    no_tab,
    no_long_line,
    no_path_of_a_machine,
    begins_with_documentation,
];

/// Longer lines do not fit beside a second file, and hide what is at their end. The formatter wraps code earlier;
/// what reaches this is a comment or a literal.
const LONGEST_LINE: usize = 160;

/// Folders that exist on somebody's machine and not in a clone.
const FOLDERS_OF_A_MACHINE: &[&str] = &["work", "root", "home"];

/// One finding for each line for which `found` has something to say.
fn by_line(
    rule: &'static str,
    file: &TextFile,
    instead: &str,
    found: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let lines = file.text.split('\n').enumerate();
    lines
        .filter_map(|(index, line)| {
            let place = format!("{}:{}", file.path, index + 1);
            found(line).map(|found| Finding::new(rule, place, found, instead))
        })
        .collect()
}

/// Recorded output of the compiler is kept as the compiler printed it.
fn is_recorded(file: &TextFile) -> bool {
    file.path.ends_with(".stderr")
}

fn no_trailing_space(file: &TextFile) -> Vec<Finding> {
    if is_recorded(file) {
        return Vec::new();
    }
    by_line("tidy/trailing-space", file, "nothing after the last character", |line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        (line.trim_end() != line).then(|| "white space at the end of the line".into())
    })
}

fn ends_with_newline(file: &TextFile) -> Vec<Finding> {
    let lacks_it = !file.text.is_empty() && !file.text.ends_with('\n') && !is_recorded(file);
    let instead = "one newline at the end, as every line has";
    let finding =
        || Finding::new("tidy/final-newline", &file.path, "no newline at the end of the file", instead);
    lacks_it.then(finding).into_iter().collect()
}

fn no_carriage_return(file: &TextFile) -> Vec<Finding> {
    by_line("tidy/carriage-return", file, "lines that end with a newline alone", |line| {
        line.contains('\r').then(|| "a carriage return".into())
    })
}

fn no_tab(file: &TextFile) -> Vec<Finding> {
    if !file.is_rust() {
        return Vec::new();
    }
    by_line("tidy/tab", file, "four spaces, or `\\t` in a literal", |line| {
        line.contains('\t').then(|| "a tab".into())
    })
}

fn no_long_line(file: &TextFile) -> Vec<Finding> {
    if !file.is_rust() {
        return Vec::new();
    }
    by_line("tidy/long-line", file, &format!("at most {LONGEST_LINE} characters"), |line| {
        let length = line.chars().count();
        (length > LONGEST_LINE).then(|| format!("a line of {length} characters"))
    })
}

/// Such a path is in nobody else's clone, and tells strangers what they need not know.
fn no_path_of_a_machine(file: &TextFile) -> Vec<Finding> {
    by_line("tidy/machine-path", file, "a path from the workspace's root", |line| {
        FOLDERS_OF_A_MACHINE
            .iter()
            .map(|folder| format!("/{folder}/"))
            .find(|path| has_absolute(line, path))
            .map(|path| format!("a path below `{path}`"))
    })
}

/// Whether `path` stands in `line` as the beginning of a path, and not within a longer one.
fn has_absolute(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | '~'))
    })
}

/// A crate says what it is before anything else.
fn begins_with_documentation(file: &TextFile) -> Vec<Finding> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let is_root = matches!(name, "lib.rs" | "main.rs");
    let finding = || {
        let instead = "`//!` and a sentence that says what the crate is";
        Finding::new(
            "tidy/crate-doc",
            format!("{}:1", file.path),
            "no documentation in the first line",
            instead,
        )
    };
    (is_root && !file.text.starts_with("//!")).then(finding).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the rule finds something in a file of this name and text.
    fn places(rule: fn(&TextFile) -> Vec<Finding>, path: &str, text: &str) -> Vec<String> {
        let file = TextFile { path: path.into(), text: text.into() };
        rule(&file).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn white_space_at_the_end_of_a_line_fails() {
        assert_eq!(places(no_trailing_space, "a.md", "a \nb\n\t\n"), ["a.md:1", "a.md:3"]);
        assert_eq!(places(no_trailing_space, "a.md", "a\n\n b\n"), [""; 0]);
        assert_eq!(places(no_trailing_space, "a.stderr", "a \n"), [""; 0]);
    }

    #[test]
    fn a_file_without_a_newline_at_its_end_fails() {
        assert_eq!(places(ends_with_newline, "a.md", "a"), ["a.md"]);
        assert_eq!(places(ends_with_newline, "a.md", "a\n"), [""; 0]);
        assert_eq!(places(ends_with_newline, "a.md", ""), [""; 0]);
    }

    #[test]
    fn a_carriage_return_fails_and_only_once() {
        assert_eq!(places(no_carriage_return, "a.md", "a\r\nb\n"), ["a.md:1"]);
        assert_eq!(places(no_trailing_space, "a.md", "a\r\nb\n"), [""; 0]);
    }

    #[test]
    fn a_tab_in_a_rust_file_fails() {
        assert_eq!(places(no_tab, "a.rs", "fn f() {\n\tg()\n}\n"), ["a.rs:2"]);
        assert_eq!(places(no_tab, "Makefile", "all:\n\ttrue\n"), [""; 0]);
    }

    #[test]
    fn a_long_line_in_a_rust_file_fails() {
        let (fits, long) = ("é".repeat(160), "é".repeat(161));
        assert_eq!(places(no_long_line, "a.rs", &format!("{fits}\n{long}\n")), ["a.rs:2"]);
        assert_eq!(places(no_long_line, "a.md", &long), [""; 0]);
    }

    #[test]
    fn a_path_of_a_machine_fails_anywhere_and_a_longer_path_does_not() {
        for folder in FOLDERS_OF_A_MACHINE {
            for line in ["/F/x", "see `/F/x`", "file:///F/x", "(/F/x)", "A=/F/x", "\"/F/x\""] {
                let text = line.replace('F', folder);
                assert_eq!(places(no_path_of_a_machine, "a.md", &text), ["a.md:1"], "{text}");
            }
            for line in ["docs/F/x", "$HOME/F/x", "../F/x", "~/F/x", "/F", "${A}/F/x"] {
                let text = line.replace('F', folder);
                assert_eq!(places(no_path_of_a_machine, "a.md", &text), [""; 0], "{text}");
            }
        }
    }

    #[test]
    fn a_crate_that_does_not_begin_with_its_documentation_fails() {
        for text in ["", "#![no_std]\n//! Late.\n", "// Not documentation.\n"] {
            assert_eq!(places(begins_with_documentation, "a/src/lib.rs", text), ["a/src/lib.rs:1"]);
            assert_eq!(places(begins_with_documentation, "a/src/main.rs", text), ["a/src/main.rs:1"]);
            assert_eq!(places(begins_with_documentation, "a/src/other.rs", text), [""; 0]);
        }
        assert_eq!(places(begins_with_documentation, "a/src/lib.rs", "//! A.\n"), [""; 0]);
    }
}
