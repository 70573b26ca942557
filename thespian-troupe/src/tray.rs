//! What a troupe and the workers in its own process need not tell each other with messages.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thespian_core::ActorAddress;

/// The troupe and its workers look at the same tray while they are in one process: it saves a message for most of the work, and
/// what is written round a message for all but the first. A worker in another process has none, and is told everything, and
/// says everything, with [`Order`](crate::worker::Order) and [`Word`](crate::worker::Word); so is one whose place is beyond the
/// tray's.
#[derive(Clone, Default)]
pub(crate) struct Tray(Arc<Content>);

/// The troupe's own notes on its tray.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen(u64);

const PLACES: u32 = u64::BITS;

struct Content {
    places: [Place; PLACES as usize],
    /// A bit for every place, which changes when its worker is done with what it had.
    done: AtomicU64,
    /// Whether the troupe has to know at once.
    is_awaited: AtomicBool,
    /// Whether word is on its way to the troupe that somebody is done: one worker's is enough for all.
    is_rung: AtomicBool,
    /// Whether it has to know since when.
    is_timed: AtomicBool,
}

/// What concerns one worker.
struct Place {
    /// Which work it has. Written by the troupe before it sends that, and not again until the worker is done.
    work: AtomicU64,
    /// For whom: one of the askers that it has had, of whom this is the count. It changes less often than the work.
    askers: AtomicU64,
    asker: Mutex<ActorAddress>,
    /// Since when the worker is done, in nanoseconds.
    since: AtomicU64,
}

impl Place {
    const fn new() -> Place {
        Place {
            work: AtomicU64::new(0),
            askers: AtomicU64::new(0),
            asker: Mutex::new(ActorAddress::NOBODY),
            since: AtomicU64::new(0),
        }
    }
}

/// The last asker that a worker knows of.
#[derive(Clone, Copy)]
pub(crate) struct LastAsker {
    count: u64,
    pub(crate) address: ActorAddress,
}

impl LastAsker {
    pub(crate) const NOBODY: LastAsker = LastAsker { count: 0, address: ActorAddress::NOBODY };
}

impl Default for Content {
    fn default() -> Content {
        Content {
            places: [const { Place::new() }; PLACES as usize],
            done: AtomicU64::new(0),
            is_awaited: AtomicBool::new(false),
            is_rung: AtomicBool::new(false),
            is_timed: AtomicBool::new(false),
        }
    }
}

impl Tray {
    pub(crate) fn has(place: u32) -> bool {
        place < PLACES
    }

    fn place(&self, place: u32) -> &Place {
        &self.0.places[(place % PLACES) as usize]
    }

    // -- the troupe's side -------------------------------------------------------------------------------------

    /// The worker at this place is about to be sent the work with this number. `known` is the asker of its last one.
    #[inline(always)]
    pub(crate) fn assign(&self, place: u32, work: u64, asker: &ActorAddress, known: &mut ActorAddress) {
        let place = self.place(place);
        if known != asker {
            *known = *asker;
            *place.asker.lock().unwrap_or_else(PoisonError::into_inner) = *asker;
            place.askers.fetch_add(1, Ordering::Release);
        }
        place.work.store(work, Ordering::Release);
    }

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

    /// The next place whose worker is done, and since when; zero where nobody had to know. Each worker is seen before it gets
    /// the next work, so it cannot have been done twice.
    #[inline(always)]
    pub(crate) fn next(&self, seen: &mut Seen) -> Option<(u32, Duration)> {
        let news = self.0.done.load(Ordering::SeqCst) ^ seen.0;
        if news == 0 {
            return None;
        }
        let place = news.trailing_zeros();
        seen.0 ^= 1 << place;
        Some((place, Duration::from_nanos(self.place(place).since.load(Ordering::Relaxed))))
    }

    // -- the worker's side -------------------------------------------------------------------------------------

    /// Which work the worker at this place has, and for whom, of whom it may know already.
    #[inline(always)]
    pub(crate) fn assigned(&self, place: u32, last: &mut LastAsker) -> u64 {
        let place = self.place(place);
        let work = place.work.load(Ordering::Acquire);
        let count = place.askers.load(Ordering::Acquire);
        if last.count != count {
            let address = *place.asker.lock().unwrap_or_else(PoisonError::into_inner);
            *last = LastAsker { count, address };
        }
        work
    }

    /// Whether the worker that is about to be done, or is, has to send word. Nobody else will, once this was said.
    #[inline(always)]
    pub(crate) fn ring(&self) -> bool {
        self.is_awaited() && !self.0.is_rung.swap(true, Ordering::SeqCst)
    }

    /// There is no word on its way. The troupe says so before it looks, and a worker whose word is not sent.
    #[inline(always)]
    pub(crate) fn unring(&self) {
        if self.0.is_rung.load(Ordering::SeqCst) {
            self.0.is_rung.swap(false, Ordering::SeqCst);
        }
    }

    /// The worker at this place is done.
    #[inline(always)]
    pub(crate) fn put(&self, place: u32, now: impl FnOnce() -> Duration) {
        let since = if self.is_timed() { now().as_nanos() as u64 } else { 0 };
        self.place(place).since.store(since, Ordering::Relaxed);
        self.0.done.fetch_xor(1 << place, Ordering::SeqCst);
    }
}
