//! What a program can set of its logging.

use std::path::PathBuf;

use ::log::LevelFilter;
use serde::{Deserialize, Serialize};
use thespian_core::Error;

use super::LogHandlers;

/// The level below which nothing is logged when neither the program nor `RUST_LOG` says otherwise.
const DEFAULT_LEVEL: LevelFilter = LevelFilter::Info;

/// The smallest file that is worth rotating, in bytes.
const SMALLEST_FILE: u64 = 4 * 1024;

/// The most old files of one log.
const MOST_OLD_FILES: u32 = 1_000;

/// How the records of a system are collected: the guide's `logDefs` (section 4.13).
///
/// The level is applied in the process that logs, as in guide section 4.13.1. `RUST_LOG` is read by the collector, and can
/// leave out more, by module; where no level is set, it is also what the processes that log go by.
///
/// ```
/// use log::LevelFilter;
/// use thespian_multiproc::{LogFile, LogHandlers, Logging};
///
/// let logging = Logging::new()
///     .level(LevelFilter::Debug)
///     .to_file(LogFile::new("log/greetings.log").max_bytes(1024 * 1024).old_files(4));
/// assert!(logging.check(&LogHandlers::default()).is_ok());
///
/// let error = Logging::new().to_handler("nobody").check(&LogHandlers::default()).unwrap_err();
/// assert!(error.to_string().contains("\"nobody\""));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    collect: bool,
    level: Option<LevelFilter>,
    format: Format,
    destination: Destination,
}

/// What a line of the log shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Format {
    /// `[2026-03-01T12:00:00.000Z WARN  bank Teller actor-1f00c2d1/7.1] text`: time (UTC), level, target, and the actor's
    /// type and address, or the process's number if it has no actor.
    #[default]
    Full,
    /// `WARN  Teller actor-1f00c2d1/7.1: text`, for a terminal, or where something else keeps the time.
    Brief,
}

/// A log in a file that is renamed to `NAME.1` when it is full, after `NAME.1` has become `NAME.2` and so on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFile {
    pub(super) path: PathBuf,
    pub(super) max_bytes: u64,
    pub(super) old_files: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Destination {
    #[default]
    Stderr,
    File(LogFile),
    Handler(String),
}

impl Default for Logging {
    /// As [`Logging::new`].
    fn default() -> Logging {
        Logging::new()
    }
}

impl Logging {
    /// Collects records of level INFO and above, or what `RUST_LOG` says, and writes them to the standard error output.
    pub fn new() -> Logging {
        Logging { collect: true, level: None, format: Format::default(), destination: Destination::default() }
    }

    /// Collects nothing, and leaves the program's own logger alone in every process: the guide's `logDefs=False`.
    pub fn off() -> Logging {
        Logging { collect: false, ..Logging::new() }
    }

    /// Nothing below this level leaves the process that logs it.
    #[must_use]
    pub fn level(mut self, level: LevelFilter) -> Logging {
        self.level = Some(level);
        self
    }

    /// What a line shows.
    #[must_use]
    pub fn format(mut self, format: Format) -> Logging {
        self.format = format;
        self
    }

    /// Writes to the standard error output, in colours if it is a terminal.
    #[must_use]
    pub fn to_stderr(mut self) -> Logging {
        self.destination = Destination::Stderr;
        self
    }

    /// Writes to a file.
    #[must_use]
    pub fn to_file(mut self, file: LogFile) -> Logging {
        self.destination = Destination::File(file);
        self
    }

    /// Hands the records to the handler that was registered under this name.
    #[must_use]
    pub fn to_handler(mut self, name: &str) -> Logging {
        self.destination = Destination::Handler(name.into());
        self
    }

    /// The file that is written to, if it is one.
    pub fn file_path(&self) -> Option<&std::path::Path> {
        match &self.destination {
            Destination::File(file) if self.collect => Some(&file.path),
            _ => None,
        }
    }

    /// Whether records are collected at all.
    pub fn is_on(&self) -> bool {
        self.collect
    }

    /// The level below which a process does not even format a record.
    pub fn source_level(&self) -> LevelFilter {
        match (self.collect, self.level) {
            (false, _) => LevelFilter::Off,
            (true, Some(level)) => level,
            (true, None) => self.filters(std::env::var("RUST_LOG").ok().as_deref()).build().filter(),
        }
    }

    /// Whether the settings can be used.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] names the first that cannot, and what to do.
    pub fn check(&self, handlers: &LogHandlers) -> Result<(), Error> {
        match &self.destination {
            Destination::Stderr => Ok(()),
            Destination::File(file) => file.check(),
            Destination::Handler(name) if handlers.find(name).is_some() => Ok(()),
            Destination::Handler(name) => {
                let known: Vec<String> = handlers.names().map(|name| format!("{name:?}")).collect();
                let known = if known.is_empty() { "none is".into() } else { known.join(" and ") + " are" };
                let problem = format!(
                    "no handler is registered under {name:?} ({known}): register it where the program's processes begin"
                );
                Err(invalid("Logging::to_handler", problem))
            }
        }
    }

    pub(super) fn line_format(&self) -> Format {
        self.format
    }

    pub(super) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// What `RUST_LOG`, if it is set, and the level let through.
    pub(super) fn filters(&self, directives: Option<&str>) -> env_logger::Builder {
        let mut builder = env_logger::Builder::new();
        match directives.filter(|directives| !directives.trim().is_empty()) {
            Some(directives) => builder.parse_filters(directives),
            None => builder.filter_level(self.level.unwrap_or(DEFAULT_LEVEL)),
        };
        builder
    }
}

impl LogFile {
    /// At `path`: one that is relative is so to the directory where this is called. 10 MiB and three old files.
    pub fn new(path: impl Into<PathBuf>) -> LogFile {
        let path = path.into();
        // The processes of a system may stand elsewhere. Without a current directory the path stays as it is, and the
        // collector says why it cannot be opened.
        let path = std::path::absolute(&path).unwrap_or(path);
        LogFile { path, max_bytes: 10 * 1024 * 1024, old_files: 3 }
    }

    /// How large it grows before it is renamed, in bytes; at least 4 KiB. A longer line has a file to itself.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: u64) -> LogFile {
        self.max_bytes = max_bytes;
        self
    }

    /// How many old files are kept; at most 1,000.
    #[must_use]
    pub fn old_files(mut self, old_files: u32) -> LogFile {
        self.old_files = old_files;
        self
    }

    fn check(&self) -> Result<(), Error> {
        let Some(path) = self.path.to_str() else {
            let problem = format!("the path {:?} is not UTF-8, and travels to the logger as text", self.path);
            return Err(invalid("LogFile::path", problem));
        };
        let problem = if path.is_empty() {
            "is empty: name the file to write to"
        } else if path.contains('\0') {
            "has a zero byte in it, which no path can have"
        } else if self.path.is_dir() {
            "is a directory: name a file in it"
        } else {
            ""
        };
        if !problem.is_empty() {
            return Err(invalid("LogFile::path", format!("{path:?} {problem}")));
        }
        if self.max_bytes < SMALLEST_FILE {
            let problem = format!("is {}, and must be at least {SMALLEST_FILE} bytes", self.max_bytes);
            return Err(invalid("LogFile::max_bytes", problem));
        }
        if self.old_files > MOST_OLD_FILES {
            let problem = format!("is {}, and must be at most {MOST_OLD_FILES}", self.old_files);
            return Err(invalid("LogFile::old_files", problem));
        }
        Ok(())
    }
}

fn invalid(setting: &str, problem: String) -> Error {
    Error::InvalidSetting { setting: setting.into(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::testing::Folder;

    #[test]
    fn settings_travel_whole() {
        let all = [
            Logging::off(),
            Logging::new().level(LevelFilter::Trace).format(Format::Brief),
            Logging::new().level(LevelFilter::Off).to_handler("h"),
            Logging::new().to_file(LogFile::new("/a/b").max_bytes(u64::MAX).old_files(7)),
        ];
        for logging in all {
            let bytes = thespian_core::encode(&logging).unwrap();
            assert_eq!(thespian_core::decode::<Logging>(&bytes, Default::default()), Ok(logging));
        }
    }

    #[test]
    fn settings_that_cannot_be_used_are_named_with_what_can() {
        let folder = Folder::new();
        let good = || LogFile::new(folder.file("log"));
        let handlers = LogHandlers::default().with("a", |_| {}).with("b", |_| {});
        assert_eq!(Logging::new().to_file(good()).check(&handlers), Ok(()));
        assert_eq!(Logging::new().to_handler("b").check(&handlers), Ok(()));
        let bad = [
            (Logging::new().to_file(good().max_bytes(4095)), "LogFile::max_bytes: is 4095"),
            (Logging::new().to_file(good().old_files(1001)), "LogFile::old_files: is 1001"),
            (Logging::new().to_file(LogFile::new(folder.path())), "is a directory"),
            (Logging::new().to_file(LogFile::new("")), "LogFile::path: \"\" is empty"),
            (Logging::new().to_file(LogFile::new("a\0b")), "zero byte"),
            (Logging::new().to_handler("c"), "no handler is registered under \"c\" (\"a\" and \"b\" are)"),
        ];
        for (logging, expected) in bad {
            let error = logging.check(&handlers).unwrap_err();
            assert!(matches!(error, Error::InvalidSetting { .. }));
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn the_level_at_the_source_is_the_set_one_or_what_rust_log_lets_through_somewhere() {
        assert_eq!(Logging::off().level(LevelFilter::Debug).source_level(), LevelFilter::Off);
        assert_eq!(Logging::new().level(LevelFilter::Error).source_level(), LevelFilter::Error);
        let level = |directives| Logging::new().filters(directives).build().filter();
        assert_eq!(level(None), DEFAULT_LEVEL);
        assert_eq!(level(Some("")), DEFAULT_LEVEL);
        assert_eq!(level(Some("warn,a::b=trace")), LevelFilter::Trace);
        assert_eq!(level(Some("off")), LevelFilter::Off);
    }

    #[test]
    fn a_relative_path_means_the_directory_of_the_program_that_set_it() {
        assert!(LogFile::new("x.log").path.is_absolute());
    }
}
