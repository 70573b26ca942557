//! A file that several processes append to, each opening it for one line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

/// The file, opened for one line.
#[derive(Debug)]
pub(super) struct SharedFile {
    file: File,
    /// In bytes; 0 for a device, which does not grow.
    size: u64,
    identity: (u64, u64),
}

impl SharedFile {
    pub(super) fn at(path: &Path) -> io::Result<SharedFile> {
        // Links are not followed, and a pipe that nobody reads is an error instead of a wait.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).custom_flags(flags.bits()).open(path)?;
        let metadata = file.metadata()?;
        let kind = metadata.file_type();
        let ours = metadata.uid() == nix::unistd::geteuid().as_raw();
        // Only the administrator can make a device. A count of 0 is a file that was rotated away since it was opened.
        if !(kind.is_char_device() || kind.is_file() && ours && metadata.nlink() <= 1) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(SharedFile { file, size: metadata.len(), identity: (metadata.dev(), metadata.ino()) })
    }

    /// Says how many bytes were written: fewer than there are if the disk is full now. One call, so that lines of several
    /// processes do not mix.
    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<usize> {
        self.file.write(line)
    }

    /// Whether that much more would be too much.
    pub(super) fn has_to_rotate(&self, more: usize, max_bytes: u64) -> bool {
        self.size > 0 && self.size + more as u64 > max_bytes
    }

    /// Renames the file, if no other process does or has. Says whether there is now another one at the path, or none.
    ///
    /// Whoever renames holds the lock of the file that is at the path, so no two do it for the same file, and none for
    /// the one that has taken its place.
    pub(super) fn rotate(&self, path: &Path) -> io::Result<bool> {
        if self.file.try_lock().is_err() {
            // Another process is at it. This line still goes into the full file.
            return Ok(false);
        }
        match fs::symlink_metadata(path) {
            // Asked again, whatever was found when it was opened: an administrator's process could rename any device.
            Ok(found) if !found.is_file() => return Ok(false),
            Ok(found) if (found.dev(), found.ino()) == self.identity => {}
            Ok(_) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        }
        let mut old = path.as_os_str().to_owned();
        old.push(".old");
        match fs::rename(path, old) {
            Ok(()) => Ok(true),
            // The old name may be taken by a directory, or by somebody else's file: better to begin again than to grow.
            Err(_) => self.file.set_len(0).map(|()| false),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::logging::testing::Folder;

    #[test]
    fn while_another_process_renames_the_file_it_is_left_to_that_one() {
        let folder = Folder::new();
        let path = folder.file("log");
        let (theirs, ours) = (SharedFile::at(&path).unwrap(), SharedFile::at(&path).unwrap());
        theirs.file.lock().unwrap();
        assert!(!ours.rotate(&path).unwrap());
        assert_eq!(folder.names(), ["log"]);
        drop(theirs);
        assert!(ours.rotate(&path).unwrap());
        assert_eq!(folder.names(), ["log.old"]);
    }

    #[test]
    fn a_file_that_another_process_has_renamed_does_not_take_the_new_one_away() {
        let folder = Folder::new();
        let path = folder.file("log");
        let (theirs, ours) = (SharedFile::at(&path).unwrap(), SharedFile::at(&path).unwrap());
        fs::write(&path, "old").unwrap();
        assert!(theirs.rotate(&path).unwrap());
        drop(theirs);
        fs::write(&path, "new").unwrap();
        assert!(ours.rotate(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_to_string(folder.file("log.old")).unwrap(), "old");
    }

    #[test]
    fn a_device_at_the_path_is_not_renamed() {
        let folder = Folder::new();
        // By a link, so that a mistake renames the link and not the machine's device.
        let path = folder.file("log");
        let ours = SharedFile::at(&path).unwrap();
        fs::remove_file(&path).unwrap();
        symlink("/dev/null", &path).unwrap();
        assert!(!ours.rotate(&path).unwrap());
        assert_eq!(folder.names(), ["log"]);
        let device = SharedFile::at(Path::new("/dev/null")).unwrap();
        assert!(!device.has_to_rotate(1_000_000, 1));
    }
}
