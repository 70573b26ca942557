//! Functions of the user's that take records.

use std::collections::BTreeMap;

use thespian_core::driver::panics;

use super::LogRecord;

/// Takes each record, in the collector's process.
///
/// A plain function, because a closure's values cannot follow into another process. What it logs itself goes nowhere. If
/// it panics, the record is lost and the next one is still handed to it.
pub type LogHandler = fn(&LogRecord);

/// The handlers that [`Logging::to_handler`](super::Logging::to_handler) can name: the same in every process of a program,
/// so they are registered where its processes begin.
#[derive(Clone, Debug, Default)]
pub struct LogHandlers(BTreeMap<String, LogHandler>);

impl LogHandlers {
    /// Adds a handler. One that was there under the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: &str, handler: LogHandler) -> LogHandlers {
        self.0.insert(name.into(), handler);
        self
    }

    /// The handler of that name.
    pub fn find(&self, name: &str) -> Option<LogHandler> {
        self.0.get(name).copied()
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// A handler, and what is known of its panics.
#[derive(Debug)]
pub(super) struct Guarded {
    name: String,
    handler: LogHandler,
    panicked: bool,
}

impl Guarded {
    pub(super) fn new(name: &str, handler: LogHandler) -> Guarded {
        // Without the hook every panic would be printed, a thousand a second if need be.
        panics::install_hook();
        Guarded { name: name.into(), handler, panicked: false }
    }

    /// Hands the record over. The first time that the handler panics, what to tell people.
    pub(super) fn handle(&mut self, record: &LogRecord) -> Option<String> {
        let failure = panics::catch(|| (self.handler)(record)).err()?;
        (!std::mem::replace(&mut self.panicked, true)).then(|| {
            format!(
                "log handler {:?} {}; the record is lost, the next ones are still handed to it, and this is not told again",
                self.name,
                failure.details()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use ::log::Level;

    use super::*;
    use crate::logging::testing::record;

    thread_local! { static HANDLED: Cell<u32> = const { Cell::new(0) }; }

    #[test]
    fn a_handler_that_panics_is_told_once_and_gets_the_next_record() {
        let mut guarded = Guarded::new("fussy", |record| {
            HANDLED.set(HANDLED.get() + 1);
            assert_eq!(record.text, "good");
        });
        assert_eq!(guarded.handle(&record(Level::Info, "good")), None);
        let told = guarded.handle(&record(Level::Info, "bad")).unwrap();
        assert!(told.starts_with("log handler \"fussy\" panicked: "), "{told}");
        assert_eq!(guarded.handle(&record(Level::Info, "bad")), None);
        assert_eq!(guarded.handle(&record(Level::Info, "good")), None);
        assert_eq!(HANDLED.get(), 4);
    }
}
