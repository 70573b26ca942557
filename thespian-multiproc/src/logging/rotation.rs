//! A file that lines are appended to, and that is renamed when it is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::LogFile;

/// Has one writer. Follows the path: a file that somebody moved away or removed is made again.
#[derive(Debug)]
pub(super) struct RotatingFile {
    settings: LogFile,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Bytes; or `None` for what cannot be renamed, such as a device.
    size: Option<u64>,
    identity: (u64, u64),
}

/// Why not all was written.
#[derive(Debug)]
pub(super) struct Unwritten {
    /// How many bytes were.
    pub(super) written: usize,
    pub(super) error: io::Error,
}

impl RotatingFile {
    pub(super) fn new(settings: LogFile) -> RotatingFile {
        RotatingFile { settings, open: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.settings.path
    }

    /// Appends whole lines, each to the file in which it still fits.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), Unwritten> {
        let mut written = 0;
        while written < lines.len() {
            let failed = |error| Unwritten { written, error };
            self.open_at_path().map_err(failed)?;
            let mut piece = self.fitting(&lines[written..]);
            if piece == 0 {
                self.rotate().map_err(failed)?;
                self.open_at_path().map_err(failed)?;
                piece = self.fitting(&lines[written..]).max(first_line(&lines[written..]));
            }
            let Some(open) = &mut self.open else { continue };
            let result = write_all(&mut open.file, &lines[written..written + piece]);
            let added = match &result {
                Ok(()) => piece,
                Err(unwritten) => unwritten.written,
            };
            open.size = open.size.map(|size| size + added as u64);
            written += added;
            result.map_err(|unwritten| Unwritten { written, error: unwritten.error })?;
        }
        Ok(())
    }

    /// How many bytes at the beginning of `lines` are whole lines that the open file has room for.
    fn fitting(&self, lines: &[u8]) -> usize {
        let size = self.open.as_ref().and_then(|open| open.size);
        let Some(size) = size else { return lines.len() };
        let room = usize::try_from(self.settings.max_bytes.saturating_sub(size)).unwrap_or(usize::MAX);
        if room >= lines.len() {
            return lines.len();
        }
        match lines[..room].iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            // An empty file takes any line.
            None if size == 0 => first_line(lines),
            None => 0,
        }
    }

    /// Opens the file, if what is open is not what is at the path.
    fn open_at_path(&mut self) -> io::Result<()> {
        let at_path = fs::metadata(&self.settings.path).ok().map(|found| (found.dev(), found.ino()));
        if self.open.as_ref().is_some_and(|open| Some(open.identity) == at_path) {
            return Ok(());
        }
        self.open = None;
        // A pipe that nobody reads is refused, where it would block for ever.
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let mut options = OpenOptions::new();
        options.append(true).create(true).custom_flags(flags.bits());
        let file = options.open(&self.settings.path)?;
        let metadata = file.metadata()?;
        let size = metadata.is_file().then_some(metadata.len());
        self.open = Some(Open { file, size, identity: (metadata.dev(), metadata.ino()) });
        Ok(())
    }

    /// Makes room at the path: the oldest goes, and each of the others becomes one older. A collector that is killed in
    /// between leaves a gap in the numbers, and nothing is lost.
    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        // Asked again, whatever was found when it was opened: an administrator's process could rename any device.
        if !fs::metadata(&self.settings.path)?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if self.settings.old_files == 0 {
            return fs::remove_file(&self.settings.path);
        }
        for number in (1..self.settings.old_files).rev() {
            match fs::rename(self.old(number), self.old(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.settings.path, self.old(1))
    }

    fn old(&self, number: u32) -> PathBuf {
        let mut name = self.settings.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

/// Where the first line of `lines` ends.
fn first_line(lines: &[u8]) -> usize {
    lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |end| end + 1)
}

/// As `Write::write_all`, which does not say how far it came.
pub(super) fn write_all(file: &mut impl Write, bytes: &[u8]) -> Result<(), Unwritten> {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return Err(Unwritten { written, error: io::ErrorKind::WriteZero.into() }),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Unwritten { written, error }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::logging::testing::Folder;

    /// One with room for ten of `line`'s lines.
    fn file(folder: &Folder, old_files: u32) -> RotatingFile {
        let path = folder.file("log");
        RotatingFile::new(LogFile { path, max_bytes: 80, old_files })
    }

    fn line(number: u32) -> Vec<u8> {
        format!("line{number:03}\n").into_bytes()
    }

    fn lines(numbers: std::ops::Range<u32>) -> String {
        String::from_utf8(numbers.flat_map(line).collect()).unwrap()
    }

    fn read(folder: &Folder, name: &str) -> String {
        fs::read_to_string(folder.file(name)).unwrap()
    }

    #[test]
    fn a_full_file_becomes_an_old_one_and_the_oldest_goes() {
        let folder = Folder::new();
        let mut file = file(&folder, 2);
        // Two batches that end in the middle of a file, and one that fills several.
        file.write(lines(0..7).as_bytes()).unwrap();
        file.write(lines(7..13).as_bytes()).unwrap();
        assert_eq!(read(&folder, "log"), lines(10..13));
        file.write(lines(13..47).as_bytes()).unwrap();
        assert_eq!(folder.names(), ["log", "log.1", "log.2"]);
        assert_eq!(read(&folder, "log"), lines(40..47));
        assert_eq!(read(&folder, "log.1"), lines(30..40));
        assert_eq!(read(&folder, "log.2"), lines(20..30));
    }

    #[test]
    fn without_old_files_a_full_one_begins_again() {
        let folder = Folder::new();
        file(&folder, 0).write(lines(0..25).as_bytes()).unwrap();
        assert_eq!(folder.names(), ["log"]);
        assert_eq!(read(&folder, "log"), lines(20..25));
    }

    #[test]
    fn a_line_that_is_longer_than_a_file_has_one_to_itself() {
        let folder = Folder::new();
        let long = "x".repeat(200) + "\n";
        file(&folder, 3).write(format!("{}{long}{}", lines(0..1), lines(1..2)).as_bytes()).unwrap();
        assert_eq!(folder.names(), ["log", "log.1", "log.2"]);
        assert_eq!(read(&folder, "log.2"), lines(0..1));
        assert_eq!(read(&folder, "log.1"), long);
        assert_eq!(read(&folder, "log"), lines(1..2));
    }

    #[test]
    fn an_empty_file_is_not_renamed_for_a_line_that_fits_nowhere() {
        let folder = Folder::new();
        file(&folder, 3).write(("x".repeat(200) + "\n").as_bytes()).unwrap();
        assert_eq!(folder.names(), ["log"]);
    }

    #[test]
    fn another_writer_after_this_one_goes_on_in_the_same_file() {
        let folder = Folder::new();
        file(&folder, 1).write(lines(0..7).as_bytes()).unwrap();
        file(&folder, 1).write(lines(7..12).as_bytes()).unwrap();
        assert_eq!(read(&folder, "log.1"), lines(0..10));
        assert_eq!(read(&folder, "log"), lines(10..12));
    }

    #[test]
    fn a_file_that_was_moved_away_or_removed_is_made_again() {
        let folder = Folder::new();
        let mut file = file(&folder, 1);
        file.write(&line(0)).unwrap();
        fs::rename(folder.file("log"), folder.file("moved")).unwrap();
        file.write(&line(1)).unwrap();
        fs::remove_file(folder.file("log")).unwrap();
        file.write(&line(2)).unwrap();
        assert_eq!(read(&folder, "moved"), lines(0..1));
        assert_eq!(read(&folder, "log"), lines(2..3));
    }

    #[test]
    fn what_is_no_file_is_never_renamed_or_removed() {
        for old_files in [0, 1] {
            let folder = Folder::new();
            // By a link, so that a mistake renames the link and not the machine's device.
            symlink("/dev/null", folder.file("log")).unwrap();
            let mut file = file(&folder, old_files);
            file.write(lines(0..100).as_bytes()).unwrap();
            assert!(file.rotate().is_err());
            assert_eq!(folder.names(), ["log"]);
        }
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_an_error_and_no_wait() {
        let folder = Folder::new();
        nix::unistd::mkfifo(&folder.file("log"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let unwritten = file(&folder, 1).write(&line(0)).unwrap_err();
        let no_reader = nix::errno::Errno::ENXIO as i32;
        assert_eq!((unwritten.written, unwritten.error.raw_os_error()), (0, Some(no_reader)));
    }
}
