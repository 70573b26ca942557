//! What the `log` macros reach in a process of the system.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::log::{LevelFilter, Log, Metadata, Record};
use thespian_core::ActorAddress;

use super::record::Draft;
use super::{Internals, LogSender};

/// The target of what the runtime itself logs. Such records go to the collector and to the internals log.
pub const RUNTIME_TARGET: &str = "thespian";

/// The logger of a process: applies the minimum level, and sends records to the collector in the actor's name.
#[derive(Debug)]
pub struct LogSource {
    sender: LogSender,
    internals: Internals,
    /// A `LevelFilter`.
    level: AtomicUsize,
}

static INSTALLED: OnceLock<LogSource> = OnceLock::new();

impl LogSource {
    /// Sends what is of `level` or above; what the runtime logs is judged by `internals` too.
    pub fn new(sender: LogSender, internals: Internals, level: LevelFilter) -> LogSource {
        LogSource { sender, internals, level: AtomicUsize::new(level as usize) }
    }

    /// Makes this the logger of the process, and of the processes that it forks.
    ///
    /// # Errors
    ///
    /// [`LoggerTaken`] if the process has a logger: the application's, from before it forked. It stays.
    pub fn install(self) -> Result<&'static LogSource, LoggerTaken> {
        if INSTALLED.set(self).is_err() {
            return Err(LoggerTaken);
        }
        let source = LogSource::installed().ok_or(LoggerTaken)?;
        ::log::set_logger(source).map_err(|_| LoggerTaken)?;
        ::log::set_max_level(source.max_level());
        Ok(source)
    }

    /// What this process, or one that it was forked from, has installed. It is the process's logger unless that failed; what
    /// is handed to it directly is collected in any case.
    pub fn installed() -> Option<&'static LogSource> {
        INSTALLED.get()
    }

    /// Says whose process this is, once that is known.
    pub fn identify(&self, actor: ActorAddress, actor_type: &str) {
        self.sender.identify(actor, actor_type);
    }

    /// Where records go: for the process's loop, which flushes what waits.
    pub fn sender(&self) -> &LogSender {
        &self.sender
    }

    /// The internals log.
    pub fn internals(&self) -> &Internals {
        &self.internals
    }

    /// Logs nothing from now on, and lets go of the channel: what a forked collector does first. The internals log stays.
    pub fn silence(&self) {
        self.level.store(LevelFilter::Off as usize, Ordering::Relaxed);
        self.sender.close();
    }

    fn is_sent(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() as usize <= self.level.load(Ordering::Relaxed)
    }

    fn is_internal(&self, metadata: &Metadata<'_>) -> bool {
        is_runtime(metadata.target()) && metadata.level() <= self.internals.threshold()
    }

    fn max_level(&self) -> LevelFilter {
        let sent = LevelFilter::iter().find(|level| *level as usize == self.level.load(Ordering::Relaxed));
        sent.unwrap_or(LevelFilter::Trace).max(self.internals.threshold())
    }
}

impl Log for LogSource {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.is_sent(metadata) || self.is_internal(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let (sent, internal) = (self.is_sent(record.metadata()), self.is_internal(record.metadata()));
        if !sent && !internal {
            return;
        }
        let draft = Draft::new(record);
        if internal {
            self.internals.write(record.level(), &draft.text);
        }
        if sent {
            self.sender.send_own(draft);
        }
    }

    fn flush(&self) {
        self.sender.flush();
    }
}

fn is_runtime(target: &str) -> bool {
    target.strip_prefix(RUNTIME_TARGET).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The process has another logger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggerTaken;

impl fmt::Display for LoggerTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the program had set a logger before this process was forked, so its records are not collected: let only \
             the actor system set one, or turn collecting off",
        )
    }
}

impl std::error::Error for LoggerTaken {}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::sync::Arc;

    use ::log::Level;
    use nix::sys::socket::{MsgFlags, recv};

    use super::*;
    use crate::logging::testing::{Folder, address};
    use crate::logging::{LONGEST_RECORD, LogRecord, log_channel};

    struct Fixture {
        source: Arc<LogSource>,
        receiving: OwnedFd,
        folder: Folder,
    }

    fn fixture(level: LevelFilter) -> Fixture {
        let folder = Folder::new();
        let path = folder.file("internals.log");
        let (internals, warnings) = Internals::from_variables(|name| match name {
            "THESPLOG_FILE" => Some(path.clone().into_os_string()),
            _ => None,
        });
        assert_eq!(warnings, [""; 0]);
        let (sending, receiving) = log_channel().unwrap();
        let source = Arc::new(LogSource::new(LogSender::new(sending), internals, level));
        Fixture { source, receiving, folder }
    }

    impl Fixture {
        fn log(&self, level: Level, target: &str, text: fmt::Arguments<'_>) {
            self.source.log(&Record::builder().level(level).target(target).args(text).build());
        }

        fn received(&self) -> Vec<LogRecord> {
            let mut packet = vec![0; LONGEST_RECORD];
            std::iter::from_fn(|| {
                let length =
                    recv(self.receiving.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT).unwrap_or(0);
                (length > 0).then(|| LogRecord::decode(&packet[..length]).unwrap())
            })
            .collect()
        }

        fn received_texts(&self) -> Vec<String> {
            self.received().into_iter().map(|record| record.text).collect()
        }

        fn internals(&self) -> String {
            std::fs::read_to_string(self.folder.file("internals.log")).unwrap_or_default()
        }
    }

    /// Fails the test if it is formatted.
    struct NotFormatted;

    impl fmt::Display for NotFormatted {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("formatted, although its level is not logged")
        }
    }

    #[test]
    fn the_minimum_level_is_applied_before_anything_is_formatted() {
        let fixture = fixture(LevelFilter::Info);
        fixture.log(Level::Debug, "a", format_args!("{NotFormatted}"));
        fixture.log(Level::Info, "a", format_args!("{}", 1));
        assert_eq!(fixture.received_texts(), ["1"]);
        assert!(!fixture.source.enabled(&Metadata::builder().level(Level::Debug).target("a").build()));
        assert_eq!(fixture.source.max_level(), LevelFilter::Info);
    }

    #[test]
    fn what_the_runtime_logs_goes_to_the_internals_log_by_the_threshold_of_that_log() {
        let fixture = fixture(LevelFilter::Error);
        assert_eq!(fixture.source.max_level(), LevelFilter::Warn);
        fixture.source.identify(address(3), "A");
        fixture.log(Level::Warn, "thespian", format_args!("one"));
        fixture.log(Level::Error, "thespian::admin", format_args!("two"));
        fixture.log(Level::Info, "thespian", format_args!("{NotFormatted}"));
        fixture.log(Level::Error, "thespians", format_args!("three"));
        let internals = fixture.internals();
        assert!(internals.contains("one") && internals.contains("two") && !internals.contains("three"));
        let received = fixture.received();
        let texts: Vec<&str> = received.iter().map(|record| record.text.as_str()).collect();
        assert_eq!(texts, ["two", "three"]);
        assert!(received.iter().all(|record| record.actor == Some(address(3))));
    }

    #[test]
    fn a_value_that_logs_while_it_is_formatted_does_no_harm() {
        struct Chatty<'a>(&'a Fixture);
        impl fmt::Display for Chatty<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.log(Level::Warn, "thespian", format_args!("inner"));
                f.write_str("outer")
            }
        }
        let fixture = fixture(LevelFilter::Info);
        fixture.log(Level::Warn, "thespian", format_args!("{}", Chatty(&fixture)));
        assert_eq!(fixture.received_texts(), ["inner", "outer"]);
    }

    #[test]
    fn a_silenced_source_lets_go_of_the_channel() {
        let fixture = fixture(LevelFilter::Info);
        fixture.source.silence();
        fixture.log(Level::Error, "a", format_args!("{NotFormatted}"));
        assert_eq!(recv(fixture.receiving.as_raw_fd(), &mut [0; 8], MsgFlags::MSG_DONTWAIT), Ok(0));
    }
}
