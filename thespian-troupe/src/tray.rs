//! How workers in the troupe's own process say that they are done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The troupe and its workers look at the same tray while they are in one process: it saves a message for most of the work.
/// A worker in another process has none, and says everything with [`Done`](crate::worker::Done); so does one whose place is
/// beyond the tray's.
#[derive(Clone, Default)]
pub(crate) struct Tray(Arc<Content>);

const PLACES: u32 = u64::BITS;

struct Content {
    /// A bit for every place whose worker is done with what it had.
    done: AtomicU64,
    /// Since when, in nanoseconds.
    since: [AtomicU64; PLACES as usize],
    /// Whether the troupe has to know at once.
    is_awaited: AtomicBool,
    /// Whether it has to know since when.
    is_timed: AtomicBool,
}

impl Default for Content {
    fn default() -> Content {
        Content {
            done: AtomicU64::new(0),
            since: [const { AtomicU64::new(0) }; PLACES as usize],
            is_awaited: AtomicBool::new(false),
            is_timed: AtomicBool::new(false),
        }
    }
}

impl Tray {
    pub(crate) fn is_awaited(&self) -> bool {
        self.0.is_awaited.load(Ordering::SeqCst)
    }

    pub(crate) fn set_awaited(&self, is_awaited: bool) {
        self.0.is_awaited.store(is_awaited, Ordering::SeqCst);
    }

    pub(crate) fn is_timed(&self) -> bool {
        self.0.is_timed.load(Ordering::Relaxed)
    }

    pub(crate) fn set_timed(&self, is_timed: bool) {
        self.0.is_timed.store(is_timed, Ordering::Relaxed);
    }

    /// The worker at this place is done. Says whether that is enough; if not, it has to send word.
    pub(crate) fn put(&self, place: u32, now: impl FnOnce() -> Duration) -> bool {
        if place >= PLACES || self.is_awaited() {
            return false;
        }
        let since = if self.is_timed() { now().as_nanos() as u64 } else { 0 };
        self.0.since[place as usize].store(since, Ordering::Relaxed);
        self.0.done.fetch_or(1 << place, Ordering::SeqCst);
        // Perhaps it has come to be awaited meanwhile. Word that comes twice does no harm.
        !self.is_awaited()
    }

    /// The next place whose worker is done, and since when; zero where nobody had to know.
    pub(crate) fn next(&self) -> Option<(u32, Duration)> {
        let done = self.0.done.load(Ordering::SeqCst);
        if done == 0 {
            return None;
        }
        let place = done.trailing_zeros();
        self.0.done.fetch_and(!(1 << place), Ordering::SeqCst);
        Some((place, Duration::from_nanos(self.0.since[place as usize].load(Ordering::Relaxed))))
    }
}
