//! What every actor's process shows of itself in shared memory: it stays readable when the process has been killed, and
//! reading it wakes nobody.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};
use nix::sys::memfd::{MFdFlags, memfd_create};
use thespian_core::Counters;
use thespian_core::engine::Live;

/// How many actors have a record; those in higher slots show nothing.
const RECORDS: usize = 1 << 16;

/// One actor's record.
#[repr(C, align(64))]
#[derive(Default)]
pub(crate) struct Record {
    sent: AtomicU64,
    handled: AtomicU64,
    poisoned: AtomicU64,
    refused: AtomicU64,
    failed_attempts: AtomicU64,
    /// Messages it has sent that nobody has dealt with.
    outgoing: AtomicU64,
    /// The encoded size of those.
    outgoing_bytes: AtomicU64,
    lost: AtomicU64,
    late: AtomicU64,
}

impl Record {
    /// Shows these.
    pub(crate) fn show(&self, live: &Live) {
        let Live { counters, outgoing, outgoing_bytes } = live;
        // Each is right for itself, which is all that is asked of a status; together they may be some messages apart.
        self.sent.store(counters.sent, Ordering::Relaxed);
        self.handled.store(counters.handled, Ordering::Relaxed);
        self.poisoned.store(counters.poisoned, Ordering::Relaxed);
        self.refused.store(counters.refused, Ordering::Relaxed);
        self.failed_attempts.store(counters.failed_attempts, Ordering::Relaxed);
        self.outgoing.store(*outgoing, Ordering::Relaxed);
        self.outgoing_bytes.store(*outgoing_bytes, Ordering::Relaxed);
        self.lost.store(counters.lost, Ordering::Relaxed);
        self.late.store(counters.late, Ordering::Relaxed);
    }

    /// What was last shown.
    pub(crate) fn live(&self) -> Live {
        let counters = Counters {
            sent: self.sent.load(Ordering::Relaxed),
            handled: self.handled.load(Ordering::Relaxed),
            poisoned: self.poisoned.load(Ordering::Relaxed),
            dead_lettered: 0,
            refused: self.refused.load(Ordering::Relaxed),
            failed_attempts: self.failed_attempts.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            late: self.late.load(Ordering::Relaxed),
        };
        let outgoing = self.outgoing.load(Ordering::Relaxed);
        Live { counters, outgoing, outgoing_bytes: self.outgoing_bytes.load(Ordering::Relaxed) }
    }

    /// Begins again, for another actor.
    pub(crate) fn reset(&self) {
        self.show(&Live::default());
    }
}

/// The records of all actors of a system.
pub(crate) struct Board {
    file: OwnedFd,
    map: MmapRaw,
}

impl Board {
    /// Empty records, in memory that has no name and goes with the last process that has it.
    pub(crate) fn create() -> io::Result<Board> {
        let file = memfd_create("thespian-board", MFdFlags::MFD_CLOEXEC)?;
        nix::unistd::ftruncate(&file, (RECORDS * size_of::<Record>()) as i64)?;
        Board::open(file)
    }

    /// The records of another process.
    pub(crate) fn open(file: OwnedFd) -> io::Result<Board> {
        let map = MmapOptions::new().len(RECORDS * size_of::<Record>()).map_raw(&file)?;
        Ok(Board { file, map })
    }

    /// The memory as a descriptor, to be handed to another process.
    pub(crate) fn file(&self) -> &OwnedFd {
        &self.file
    }

    /// The record of a slot.
    pub(crate) fn record(&self, slot: u64) -> Option<&Record> {
        let slot = usize::try_from(slot).ok().filter(|slot| *slot < RECORDS)?;
        // SAFETY: the map is as long as all records, is page-aligned, and lives as long as what is returned. The memory is
        // shared with other processes, which is what atomics are for; every value is one of theirs.
        #[expect(unsafe_code, reason = "shared memory has no safe view")]
        let record = unsafe { &*self.map.as_ptr().cast::<Record>().add(slot) };
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_mapping_shows_another_sees() {
        let board = Board::create().expect("memory");
        let other = Board::open(board.file().try_clone().expect("a descriptor")).expect("mapped");
        let counters = Counters { sent: 3, handled: 2, lost: 4, late: 1, ..Counters::default() };
        let live = Live { counters, outgoing: 1, outgoing_bytes: 70 };
        board.record(7).expect("a record").show(&live);
        assert_eq!(other.record(7).expect("a record").live(), live);
        assert_eq!(other.record(8).expect("a record").live(), Live::default());
        board.record(7).expect("a record").reset();
        assert_eq!(other.record(7).expect("a record").live(), Live::default());
        assert!(board.record(1 << 40).is_none());
    }
}
