//! Writing lines where it may fail, without ever giving up.

use std::io;

use ::log::Level;

use super::rotation::{RotatingFile, Unwritten, write_all};
use super::{Format, LogRecord, line::line};

/// A place for lines that may be full or gone for a while: what cannot be written is dropped and counted, and the count is
/// the first that is written when it works again.
#[derive(Debug)]
pub(super) struct Output<P> {
    place: P,
    format: Format,
    /// Lines that were dropped since the last that was written.
    dropped: u64,
    /// Whether the last line was not written to its end.
    is_torn: bool,
    has_failed: bool,
}

/// Where lines go.
pub(super) trait Place {
    /// Its name, for people.
    fn name(&self) -> String;

    fn write(&mut self, lines: &[u8]) -> Result<(), Unwritten>;
}

impl<P: Place> Output<P> {
    pub(super) fn new(place: P, format: Format) -> Output<P> {
        Output { place, format, dropped: 0, is_torn: false, has_failed: false }
    }

    /// Writes whole lines, or counts those that were not. The first time that this fails, what to tell people.
    pub(super) fn write(&mut self, lines: &[u8]) -> Option<String> {
        let error = self.try_write(lines).err()?;
        (!std::mem::replace(&mut self.has_failed, true)).then(|| {
            format!(
                "log records cannot be written to {}: {error}; they are dropped until that works, and counted",
                self.place.name()
            )
        })
    }

    fn try_write(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Err(error) = self.repair() {
            self.dropped += count(lines);
            return Err(error);
        }
        self.place.write(lines).map_err(|Unwritten { written, error }| {
            let rest = &lines[written..];
            self.dropped += count(rest);
            self.is_torn = written > 0 && lines[written - 1] != b'\n';
            error
        })
    }

    /// Ends a torn line, and says what was dropped.
    fn repair(&mut self) -> io::Result<()> {
        let failed = |unwritten: Unwritten| unwritten.error;
        if self.is_torn {
            self.place.write(b"\n").map_err(failed)?;
            self.is_torn = false;
        }
        if self.dropped > 0 {
            let text =
                format!("{} log records were dropped here, because they could not be written", self.dropped);
            let record = LogRecord::of_this_process(Level::Warn, text);
            let report = line(&record, self.format, &format_args!("{:<5}", record.level)) + "\n";
            self.place.write(report.as_bytes()).map_err(|unwritten| {
                self.is_torn = unwritten.written > 0;
                unwritten.error
            })?;
            self.dropped = 0;
        }
        Ok(())
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

impl Place for RotatingFile {
    fn name(&self) -> String {
        self.path().display().to_string()
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), Unwritten> {
        RotatingFile::write(self, lines)
    }
}

/// The standard error output of the collector's process.
#[derive(Debug)]
pub(super) struct Stderr;

impl Place for Stderr {
    fn name(&self) -> String {
        "the standard error output".into()
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), Unwritten> {
        write_all(&mut io::stderr().lock(), lines)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::logging::LogFile;
    use crate::logging::testing::Folder;

    /// A disk with so much room.
    struct Disk {
        text: Vec<u8>,
        room: usize,
    }

    impl Place for Disk {
        fn name(&self) -> String {
            "the disk".into()
        }

        fn write(&mut self, lines: &[u8]) -> Result<(), Unwritten> {
            let written = lines.len().min(self.room);
            self.room -= written;
            self.text.extend_from_slice(&lines[..written]);
            if written == lines.len() {
                return Ok(());
            }
            Err(Unwritten { written, error: io::ErrorKind::StorageFull.into() })
        }
    }

    fn text(output: &Output<Disk>) -> &str {
        std::str::from_utf8(&output.place.text).unwrap()
    }

    #[test]
    fn a_disk_that_is_full_for_a_while_costs_the_lines_of_that_time_and_they_are_counted() {
        let mut output = Output::new(Disk { text: Vec::new(), room: 10 }, Format::Brief);
        let told = output.write(b"one\ntwo\nthree\nfour\n").unwrap();
        assert!(told.starts_with("log records cannot be written to the disk: "), "{told}");
        assert_eq!(output.write(b"five\n"), None);
        // Room for a part of the report, which then is a torn line itself.
        output.place.room = 5;
        assert_eq!(output.write(b"six\n"), None);
        output.place.room = 1000;
        assert_eq!(output.write(b"seven\n"), None);
        assert_eq!(output.write(b"eight\n"), None);
        let lines: Vec<&str> = text(&output).lines().collect();
        let report = "4 log records were dropped here, because they could not be written";
        assert_eq!(lines[..3], ["one", "two", "th"]);
        assert_eq!(lines[3], "WARN");
        assert!(lines[4].ends_with(report), "{lines:?}");
        assert_eq!(lines[5..], ["seven", "eight"]);
    }

    #[test]
    fn a_full_disk_and_then_one_with_room_behind_the_same_path() {
        let folder = Folder::new();
        let path = folder.file("log");
        symlink("/dev/full", &path).unwrap();
        let file = RotatingFile::new(LogFile { path: path.clone(), max_bytes: 4096, old_files: 1 });
        let mut output = Output::new(file, Format::Brief);
        let told = output.write(b"one\ntwo\n").unwrap();
        assert!(told.contains("No space left on device") && told.contains("log"), "{told}");
        assert_eq!(output.write(b"three\n"), None);
        fs::remove_file(&path).unwrap();
        assert_eq!(output.write(b"four\n"), None);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("3 log records were dropped here") && text.ends_with("\nfour\n"), "{text}");
    }

    #[test]
    fn a_path_that_cannot_be_written_is_tried_again_each_time() {
        let folder = Folder::new();
        let path = folder.file("missing").join("log");
        let file = RotatingFile::new(LogFile { path: path.clone(), max_bytes: 4096, old_files: 1 });
        let mut output = Output::new(file, Format::Brief);
        assert!(output.write(b"one\n").unwrap().contains("No such file or directory"));
        fs::create_dir(folder.file("missing")).unwrap();
        assert_eq!(output.write(b"two\n"), None);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("1 log records were dropped here") && text.ends_with("\ntwo\n"), "{text}");
    }
}
