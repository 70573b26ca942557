//! The internals log: what the runtime has to say for those who look into it (guide section 4.13.3).

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use ::log::{Level, LevelFilter};
use parking_lot::Mutex;

use super::line::{Escaped, Timestamp};
use super::record::cut;
use super::shared_file::SharedFile;

/// `THESPLOG_FILE_MAXSIZE` where it is not set, in bytes.
const DEFAULT_MAX_BYTES: u64 = 50 * 1024;

/// The longest text of a line, in bytes, before it is escaped.
const LONGEST_LINE: usize = 8 * 1024;

/// After how many failures in a row the file is left alone for a while.
const FAILURES_BEFORE_PAUSE: u32 = 3;

/// For how long it is.
const PAUSE: Duration = Duration::from_secs(10);

/// A small log in one file that all processes of all systems of a user share.
///
/// | variable | is | where it is not set |
/// | --- | --- | --- |
/// | `THESPLOG_FILE` | the file's path | `thespian.log` in `$TMPDIR`, or in `/tmp` |
/// | `THESPLOG_FILE_MAXSIZE` | its size in bytes at which it is renamed to `NAME.old` | 51200 |
/// | `THESPLOG_THRESHOLD` | `CRITICAL`, `ERROR`, `WARNING`, `INFO` or `DEBUG`: the least that is written | `WARNING` |
///
/// Nothing is so bad that it is `CRITICAL`: with that threshold only [notes](Internals::note) are written. The runtime has
/// finer records than `DEBUG` has: they are not written.
///
/// Each line is opened for, written in one piece, and closed: no process holds a descriptor, and none can be in the
/// middle of a line of another. A file that is a link, that belongs to somebody else or that has another name too is not
/// written to, because `/tmp` is everybody's. Failing never matters to the caller: lines are dropped and counted, after
/// some failures the file is left alone for a while, and the first line that can be written again says how many are
/// missing.
#[derive(Debug)]
pub struct Internals {
    path: PathBuf,
    max_bytes: u64,
    threshold: LevelFilter,
    trouble: Mutex<Trouble>,
}

#[derive(Debug, Default)]
struct Trouble {
    /// Whose: a forked child begins anew.
    process: u32,
    /// Failures since the last success.
    failures: u32,
    paused_until: Option<Instant>,
    /// Lines since the last success.
    dropped: u64,
    /// Whether the last line was not written to its end.
    is_torn: bool,
}

impl Trouble {
    /// What a forked child has inherited is told by its parent.
    fn begin_in(&mut self, process: u32) {
        if self.process != process {
            *self = Trouble { process, ..Trouble::default() };
        }
    }
}

impl Internals {
    /// Reads the variables of the environment, as they are now; and says, for each that has a value that cannot be used,
    /// that the default is used instead.
    pub fn from_env() -> (Internals, Vec<String>) {
        Internals::from_variables(|name| std::env::var_os(name))
    }

    pub(super) fn from_variables(value: impl Fn(&str) -> Option<OsString>) -> (Internals, Vec<String>) {
        let mut warnings = Vec::new();
        let mut refuse = |name: &str, value: &OsString, instead: String| {
            warnings.push(format!("{name} is {value:?}, {instead}"));
        };
        let set = |name: &str| value(name).filter(|value| !value.is_empty());

        let default_path =
            set("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from).join("thespian.log");
        let path = match set("THESPLOG_FILE") {
            Some(path) if path.as_encoded_bytes().contains(&0) || path.as_encoded_bytes().ends_with(b"/") => {
                refuse("THESPLOG_FILE", &path, format!("which names no file: {default_path:?} is used"));
                default_path
            }
            Some(path) => path.into(),
            None => default_path,
        };
        let max_bytes = set("THESPLOG_FILE_MAXSIZE").map_or(DEFAULT_MAX_BYTES, |text| {
            let bytes = text.to_str().and_then(|text| text.trim().parse().ok()).filter(|bytes| *bytes > 0);
            bytes.unwrap_or_else(|| {
                let instead = format!("which is no number of bytes above 0: {DEFAULT_MAX_BYTES} is used");
                refuse("THESPLOG_FILE_MAXSIZE", &text, instead);
                DEFAULT_MAX_BYTES
            })
        });
        let threshold = set("THESPLOG_THRESHOLD").map_or(LevelFilter::Warn, |text| {
            text.to_str().and_then(threshold).unwrap_or_else(|| {
                let instead = "which is none of CRITICAL, ERROR, WARNING, INFO and DEBUG: WARNING is used";
                refuse("THESPLOG_THRESHOLD", &text, instead.into());
                LevelFilter::Warn
            })
        });
        // Processes may change their directory; without one, the path stays as it is.
        let path = std::path::absolute(&path).unwrap_or(path);
        (Internals { path, max_bytes, threshold, trouble: Mutex::default() }, warnings)
    }

    /// The least that is written.
    pub fn threshold(&self) -> LevelFilter {
        self.threshold
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a line, if it is not below the threshold.
    pub fn write(&self, level: Level, text: &str) {
        if level <= self.threshold {
            self.append(Instant::now(), name(level), text);
        }
    }

    /// Writes a line whatever the threshold is: what somebody asked for, such as an actor's status (decision D16).
    pub fn note(&self, text: &str) {
        self.append(Instant::now(), "NOTE", text);
    }

    fn append(&self, now: Instant, level: &str, text: &str) {
        let mut trouble = self.trouble.lock();
        let process = std::process::id();
        trouble.begin_in(process);
        if trouble.paused_until.is_some_and(|until| now < until) {
            trouble.dropped += 1;
            return;
        }
        let mut lines = String::from(if trouble.is_torn { "\n" } else { "" });
        if trouble.dropped > 0 {
            let text = format!(
                "{} lines of this process are missing here, which could not be written",
                trouble.dropped
            );
            lines.push_str(&line(name(Level::Warn), &text));
        }
        lines.push_str(&line(level, text));
        match self.append_line(lines.as_bytes()) {
            Ok(written) if written == lines.len() => *trouble = Trouble { process, ..Trouble::default() },
            outcome => {
                trouble.is_torn |= outcome.is_ok();
                trouble.dropped += 1;
                trouble.failures += 1;
                let pauses = trouble.failures >= FAILURES_BEFORE_PAUSE;
                trouble.paused_until = pauses.then(|| now + PAUSE);
            }
        }
    }

    /// Says how many bytes were written.
    fn append_line(&self, line: &[u8]) -> io::Result<usize> {
        let mut open = SharedFile::at(&self.path)?;
        if open.has_to_rotate(line.len(), self.max_bytes) && open.rotate(&self.path)? {
            open = SharedFile::at(&self.path)?;
        }
        open.append(line)
    }
}

fn line(level: &str, text: &str) -> String {
    let (time, pid) = (Timestamp::micros(SystemTime::now()), std::process::id());
    format!("{time} p{pid} {level:<7} {}\n", Escaped(&cut(text, LONGEST_LINE)))
}

/// As Python has it.
fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warn => "WARNING",
        Level::Info => "INFO",
        Level::Debug | Level::Trace => "DEBUG",
    }
}

fn threshold(name: &str) -> Option<LevelFilter> {
    let levels = [
        ("CRITICAL", LevelFilter::Off),
        ("ERROR", LevelFilter::Error),
        ("WARNING", LevelFilter::Warn),
        ("INFO", LevelFilter::Info),
        ("DEBUG", LevelFilter::Debug),
    ];
    let is_named = |(known, _): &&(&str, _)| name.trim().eq_ignore_ascii_case(known);
    levels.iter().find(is_named).map(|(_, level)| *level)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::thread;

    use super::*;
    use crate::logging::testing::Folder;

    fn with(variables: &[(&str, &str)]) -> (Internals, Vec<String>) {
        Internals::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
    }

    fn at(path: &Path, max_bytes: u64) -> Internals {
        let (mut internals, warnings) = with(&[("THESPLOG_FILE", path.to_str().unwrap())]);
        assert_eq!(warnings, [""; 0]);
        internals.max_bytes = max_bytes;
        internals
    }

    fn texts(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap_or_default();
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        text.lines().map(|line| line.splitn(4, ' ').nth(3).unwrap().to_owned()).collect()
    }

    #[test]
    fn the_variables_have_the_guides_defaults() {
        let (internals, warnings) = with(&[]);
        assert_eq!(internals.path(), Path::new("/tmp/thespian.log"));
        assert_eq!((internals.max_bytes, internals.threshold()), (50 * 1024, LevelFilter::Warn));
        assert_eq!(warnings, [""; 0]);
        assert_eq!(with(&[("TMPDIR", "/a/b")]).0.path(), Path::new("/a/b/thespian.log"));
        assert_eq!(with(&[("TMPDIR", "/a"), ("THESPLOG_FILE", "/b/c")]).0.path(), Path::new("/b/c"));
        assert_eq!(with(&[("TMPDIR", ""), ("THESPLOG_FILE", "")]).0.path(), Path::new("/tmp/thespian.log"));
        assert!(with(&[("THESPLOG_FILE", "c")]).0.path().is_absolute());
        assert_eq!(with(&[("THESPLOG_FILE_MAXSIZE", "1")]).0.max_bytes, 1);
        for (name, level) in [
            ("CRITICAL", LevelFilter::Off),
            ("error", LevelFilter::Error),
            ("WARNING", LevelFilter::Warn),
            ("INFO", LevelFilter::Info),
            ("DEBUG", LevelFilter::Debug),
        ] {
            let (internals, warnings) = with(&[("THESPLOG_THRESHOLD", name)]);
            assert_eq!((internals.threshold(), warnings.len()), (level, 0));
        }
    }

    #[test]
    fn a_bad_value_is_ignored_with_one_warning_that_names_variable_and_value() {
        let bad = [
            ("THESPLOG_THRESHOLD", "LOUD"),
            ("THESPLOG_FILE_MAXSIZE", "50k"),
            ("THESPLOG_FILE_MAXSIZE", "0"),
            ("THESPLOG_FILE_MAXSIZE", "-1"),
            ("THESPLOG_FILE", "/a/"),
            ("THESPLOG_FILE", "a\0b"),
        ];
        for (variable, value) in bad {
            let (internals, warnings) = with(&[(variable, value)]);
            assert_eq!(warnings.len(), 1, "{variable} {value:?}");
            assert!(warnings[0].starts_with(&format!("{variable} is {value:?}, which ")), "{warnings:?}");
            assert_eq!(internals.path(), Path::new("/tmp/thespian.log"));
            assert_eq!((internals.max_bytes, internals.threshold()), (50 * 1024, LevelFilter::Warn));
        }
    }

    #[test]
    fn lines_at_or_above_the_threshold_are_appended_to_a_private_file() {
        let folder = Folder::new();
        let internals = at(&folder.file("log"), 10_000);
        internals.write(Level::Info, "one");
        internals.write(Level::Warn, "two");
        internals.write(Level::Error, "three\nforged \u{1b}[2J");
        internals.note("four");
        at(&folder.file("log"), 10_000).write(Level::Error, &"x".repeat(20_000));
        let texts = texts(&folder.file("log"));
        assert_eq!(texts[0], "two");
        assert_eq!(texts[1].trim_start(), "three\\nforged \\u{1b}[2J");
        assert_eq!(texts[2].trim_start(), "four");
        assert!(texts[3].ends_with("[cut, 20000 bytes in all]") && texts.len() == 4);
        let mode = fs::metadata(folder.file("log")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_full_file_becomes_the_old_one() {
        let folder = Folder::new();
        let internals = at(&folder.file("log"), 1_000);
        (0..100).for_each(|number| internals.write(Level::Warn, &format!("{number:0100}")));
        assert_eq!(folder.names(), ["log", "log.old"]);
        let both = [texts(&folder.file("log.old")), texts(&folder.file("log"))].concat();
        let numbers: Vec<u32> = both.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(numbers.last(), Some(&99));
        assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]) && numbers.len() > 6, "{numbers:?}");
        assert!(folder.names().iter().all(|name| fs::metadata(folder.file(name)).unwrap().len() <= 1_000));
    }

    #[test]
    fn many_writers_lose_no_line_and_tear_none_while_the_file_is_rotated() {
        const WRITERS: usize = 8;
        const LINES: usize = 200;
        let folder = Folder::new();
        // One rotation, in the middle: a second one would take lines away by rights.
        let max_bytes = (WRITERS * LINES) as u64 * 60;
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let internals = at(&folder.file("log"), max_bytes);
                scope.spawn(move || {
                    (0..LINES)
                        .for_each(|line| internals.write(Level::Warn, &format!("{writer:010} {line:032}")));
                });
            }
        });
        assert_eq!(folder.names(), ["log", "log.old"]);
        let mut all = [texts(&folder.file("log.old")), texts(&folder.file("log"))].concat();
        all.sort();
        let expected: Vec<String> = (0..WRITERS)
            .flat_map(|writer| (0..LINES).map(move |line| format!("{writer:010} {line:032}")))
            .collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn where_the_old_name_cannot_be_had_the_file_begins_again() {
        let folder = Folder::new();
        fs::create_dir(folder.file("log.old")).unwrap();
        let internals = at(&folder.file("log"), 1_000);
        (0..100).for_each(|number| internals.write(Level::Warn, &format!("{number:0100}")));
        assert!(fs::metadata(folder.file("log")).unwrap().len() <= 1_000);
        assert_eq!(texts(&folder.file("log")).last().unwrap().parse(), Ok(99));
    }

    #[test]
    fn a_link_or_a_file_with_another_name_or_a_pipe_is_not_written_to() {
        let folder = Folder::new();
        let victim = folder.file("victim");
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, folder.file("symbolic")).unwrap();
        symlink(folder.file("new"), folder.file("dangling")).unwrap();
        fs::hard_link(&victim, folder.file("hard")).unwrap();
        nix::unistd::mkfifo(&folder.file("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for name in ["symbolic", "dangling", "hard", "pipe"] {
            let internals = at(&folder.file(name), 1);
            internals.write(Level::Error, "x");
            assert_eq!(internals.trouble.lock().dropped, 1, "{name}");
        }
        assert_eq!(fs::read_to_string(victim).unwrap(), "precious");
        assert_eq!(folder.names(), ["dangling", "hard", "pipe", "symbolic", "victim"]);
    }

    #[test]
    fn somebody_elses_file_is_not_written_to() {
        let folder = Folder::new();
        let path = folder.file("log");
        fs::write(&path, "theirs").unwrap();
        let somebody_else = nix::unistd::Uid::from_raw(nix::unistd::geteuid().as_raw() ^ 1);
        if nix::unistd::chown(&path, Some(somebody_else), None).is_err() {
            // Only the administrator can give files away, and only then is this worth a test.
            return;
        }
        at(&path, 1).write(Level::Error, "x");
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(folder.names(), ["log"]);
    }

    #[test]
    fn a_link_in_the_place_of_the_old_file_is_replaced_and_not_followed() {
        let folder = Folder::new();
        fs::write(folder.file("victim"), "precious").unwrap();
        symlink(folder.file("victim"), folder.file("log.old")).unwrap();
        let internals = at(&folder.file("log"), 100);
        (0..5).for_each(|_| internals.write(Level::Error, &"x".repeat(60)));
        assert_eq!(fs::read_to_string(folder.file("victim")).unwrap(), "precious");
        assert!(fs::symlink_metadata(folder.file("log.old")).unwrap().is_file());
    }

    #[test]
    fn after_some_failures_the_file_is_left_alone_and_later_tried_again() {
        let folder = Folder::new();
        let path = folder.file("missing").join("log");
        let internals = at(&path, 10_000);
        let start = Instant::now();
        for _ in 0..FAILURES_BEFORE_PAUSE {
            internals.append(start, "ERROR", "lost");
        }
        fs::create_dir(folder.file("missing")).unwrap();
        internals.append(start + PAUSE - Duration::from_millis(1), "ERROR", "in the pause");
        assert!(!path.exists());
        internals.append(start + PAUSE, "ERROR", "back");
        internals.append(start + PAUSE, "ERROR", "again");
        let texts = texts(&path);
        assert!(texts[0].starts_with("4 lines of this process are missing here"), "{texts:?}");
        assert_eq!([texts[1].trim_start(), texts[2].trim_start()], ["back", "again"]);
    }

    #[test]
    fn a_line_after_a_torn_one_begins_a_line_of_its_own() {
        let folder = Folder::new();
        let path = folder.file("log");
        let internals = at(&path, 10_000);
        internals.write(Level::Error, "whole");
        let mut torn = fs::read_to_string(&path).unwrap();
        torn.truncate(torn.len() - 4);
        fs::write(&path, &torn).unwrap();
        let process = std::process::id();
        *internals.trouble.lock() = Trouble { process, dropped: 1, is_torn: true, ..Trouble::default() };
        internals.write(Level::Error, "next");
        let texts = texts(&path);
        assert_eq!(texts.len(), 3);
        assert!(texts[0].ends_with("wh") && texts[1].starts_with("1 lines") && texts[2].ends_with("next"));
        assert!(!internals.trouble.lock().is_torn);
    }

    #[test]
    fn a_forked_child_does_not_tell_what_its_parent_has_dropped() {
        let internals = at(Path::new("/dev/full"), u64::MAX);
        (0..10).for_each(|_| internals.write(Level::Error, "x"));
        let mut trouble = internals.trouble.lock();
        trouble.begin_in(std::process::id());
        assert!(trouble.dropped == 10 && trouble.paused_until.is_some());
        trouble.begin_in(std::process::id().wrapping_add(1));
        assert!(trouble.dropped == 0 && trouble.paused_until.is_none());
    }

    #[test]
    fn a_full_disk_is_no_concern_of_the_caller() {
        // It cannot be a link here. No size is too large, so that a mistake does not rename the machine's device.
        let internals = at(Path::new("/dev/full"), u64::MAX);
        (0..100).for_each(|_| internals.write(Level::Error, "x"));
        assert_eq!(internals.trouble.lock().dropped, 100);
        assert!(!fs::metadata("/dev/full").unwrap().is_file());
    }

    #[test]
    fn variables_that_are_not_text_are_bad_values() {
        use std::os::unix::ffi::OsStringExt;
        let (internals, warnings) = Internals::from_variables(|name| {
            (name == "THESPLOG_THRESHOLD").then(|| OsString::from_vec(vec![0xff]))
        });
        assert_eq!((internals.threshold(), warnings.len()), (LevelFilter::Warn, 1));
    }
}
