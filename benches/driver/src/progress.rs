//! One line on standard error that says what runs, where a person can see it.

use std::io::{IsTerminal, Write};

pub(crate) struct Progress {
    done: usize,
    total: usize,
    visible: bool,
}

impl Progress {
    pub(crate) fn new(total: usize) -> Progress {
        Progress { done: 0, total, visible: std::io::stderr().is_terminal() }
    }

    pub(crate) fn step(&mut self, workload: &str, program: &str) {
        self.done += 1;
        self.show(&format!("{}/{} {workload} {program}", self.done, self.total));
    }

    pub(crate) fn end(&self) {
        self.show("");
    }

    fn show(&self, line: &str) {
        if self.visible {
            eprint!("\r\x1b[K{line}");
            // A line that cannot be shown is no reason to stop measuring.
            let _ = std::io::stderr().flush();
        }
    }
}
