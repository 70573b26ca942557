//! Printing. Whoever stops reading has seen enough, so failures of it are no errors.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

/// Prints a line.
pub(crate) fn print(line: impl Display) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Prints bytes as they are. Says whether somebody still reads.
pub(crate) fn pass(bytes: &[u8]) -> bool {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).is_ok()
}

/// Prints a document.
pub(crate) fn print_json(document: &impl Serialize) {
    let text =
        serde_json::to_string_pretty(document).expect("maps have text as keys, and nothing else can fail");
    print(text);
}

/// Says what is wrong.
pub(crate) fn complain(problem: impl Display) {
    // There is nowhere left to say that this failed.
    let _ = writeln!(io::stderr(), "thespian: {problem}");
}
