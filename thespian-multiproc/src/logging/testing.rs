//! What the tests of several files need.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use ::log::Level;
use thespian_core::{ActorAddress, AddressKey, SystemId};

use super::LogRecord;

pub(super) fn address(slot: u64) -> ActorAddress {
    AddressKey::new([7; 16]).seal(SystemId::from_bits(1 << 96), slot, 8)
}

pub(super) fn record(level: Level, text: &str) -> LogRecord {
    LogRecord { target: "test".into(), ..LogRecord::of_this_process(level, text.into()) }
}

/// A directory of one test's own, which goes with it.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Folder {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let path = std::env::temp_dir().join(format!("thespian-log-{}-{number}-{nanos}", process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names in it, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
