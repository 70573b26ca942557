//! A lock that costs its owner no locked instruction, no fence and no system call, as long as nobody else wants it.
//!
//! The main thread of an actor's process [owns](Owner) the core. While a handler runs it is [away](Owner::away), and the
//! keeper may [borrow](Biased::borrow) the core, which it wants only when a handler has been running for long. So the main
//! thread says with plain writes where it is, and whatever a handover costs is paid by the keeper.
//!
//! # Why never both have it
//!
//! `place` is written by the owner alone: `HERE`, or `AWAY`, or `VISITING` when it needs the value in the midst of being away.
//! `borrowed` is written by borrowers alone, one at a time, under the mutex `handover`.
//!
//! - The owner comes back (or visits): it writes `place`; a light [barrier](super::barrier); it reads `borrowed`. If that is
//!   not set, it has the value.
//! - A borrower sets `borrowed`; a heavy barrier; it reads `place`. If that is `AWAY`, it has the value; otherwise it takes
//!   `borrowed` back.
//!
//! By the barrier at least one sees what the other has written, so they never both go on. The owner that sees `borrowed`
//! takes the mutex, which a borrower has until it has decided, and waits until it is given back. It calls whoever has
//! it, which may sleep over the value, with a [`Waker`].
//!
//! What one wrote to the value, the other sees: the owner leaves with a release of `place` that the borrower acquires, and a
//! borrower gives back with a release of `borrowed` that the owner acquires. An owner that reads an earlier `false` than that of
//! the last borrower would have missed that borrower's `true`, which the barrier excludes.
//!
//! # What may happen meanwhile
//!
//! A handler that panics: the owner is back when it has been unwound to. A handler that ends the process: nobody waits for
//! anybody. A handler that forks: the copy has no borrower, and a value that was lent at that moment stays lent in it. A copy
//! that goes on as the actor would use its parent's connections, so it has to end or start another program in any case.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::barrier::Barrier;

/// Where the owner is, in the lowest bits of `place`; above them is how often it has left.
const HERE: u64 = 0;
const AWAY: u64 = 1;
const VISITING: u64 = 2;
const WHERE: u64 = 3;
const ONCE: u64 = WHERE + 1;

/// A value that one thread owns and others may borrow while that is away.
///
/// The mutex and the condition are those of the standard library, which allocate nothing: a thread that allocates gets a part
/// of the heap to itself, and most keepers never need one.
pub(super) struct Biased<T> {
    place: AtomicU64,
    borrowed: AtomicBool,
    /// The owner waits for it.
    wanted: AtomicBool,
    barrier: Barrier,
    handover: Mutex<()>,
    returned: Condvar,
    /// Calls a borrower that sleeps.
    call: Waker,
    value: UnsafeCell<T>,
}

// SAFETY: a reference gives access to the value by `borrow` alone, which hands it from thread to thread as a mutex does: to one
// at a time, with what others wrote before (see the module). So `T: Send` suffices.
#[expect(unsafe_code, reason = "it is a lock")]
unsafe impl<T: Send> Sync for Biased<T> {}

/// The owner of a value, who has it unless it is [away](Owner::away). There is one, in the thread that made the lock.
pub(super) struct Owner<T: 'static> {
    lock: &'static Biased<T>,
    /// Neither to be sent nor to be shared: it gives access to the value as one thread has it.
    here: PhantomData<*mut T>,
}

/// The owner while it is away.
///
/// It is lent for a lifetime of its own, so that nobody can exchange it for that of another lock.
pub(super) struct Away<'a, T> {
    lock: &'a Biased<T>,
}

/// The owner that is away and needs the value for a moment.
pub(super) struct Visit<'a, T> {
    lock: &'a Biased<T>,
}

/// The value, borrowed while its owner is away.
pub(super) struct Borrowed<'a, T> {
    lock: &'a Biased<T>,
}

/// An absence of the owner, which it may interrupt to visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Absence(u64);

impl<T> Biased<T> {
    /// Makes the calling thread the owner of a value, for as long as the process lives. `call` wakes whoever borrows
    /// it and sleeps.
    pub(super) fn leak(value: T, barrier: Barrier, call: Waker) -> Owner<T> {
        let lock = Box::leak(Box::new(Biased {
            place: AtomicU64::new(HERE),
            borrowed: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            barrier,
            handover: Mutex::new(()),
            returned: Condvar::new(),
            call,
            value: UnsafeCell::new(value),
        }));
        Owner { lock, here: PhantomData }
    }

    /// The owner's absence, unless it is here.
    pub(super) fn absence(&self) -> Option<Absence> {
        let place = self.place.load(Ordering::Acquire);
        (place & WHERE != HERE).then_some(Absence(place & !WHERE))
    }

    /// Changes whenever the owner leaves, comes back or visits.
    pub(super) fn place(&self) -> u64 {
        self.place.load(Ordering::Acquire)
    }

    pub(super) fn barrier(&self) -> Barrier {
        self.barrier
    }

    /// The value, if its owner is away and nobody else has it.
    pub(super) fn borrow(&self) -> Option<Borrowed<'_, T>> {
        let _deciding = self.handover();
        // Not set by two at once, because of the mutex.
        if self.borrowed.load(Ordering::Acquire) {
            return None;
        }
        self.borrowed.store(true, Ordering::SeqCst);
        if self.barrier.heavy() && self.place.load(Ordering::Acquire) & WHERE == AWAY {
            return Some(Borrowed { lock: self });
        }
        self.borrowed.store(false, Ordering::Release);
        None
    }

    fn handover(&self) -> MutexGuard<'_, ()> {
        self.handover.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The owner takes its value: it writes where it is, and waits for whoever has it.
    #[inline]
    fn take(&self, place: u64) {
        let left = self.place.load(Ordering::Relaxed) & !WHERE;
        self.place.store(left | place, Ordering::Release);
        self.barrier.light();
        if self.borrowed.load(Ordering::Acquire) {
            self.await_return();
        }
    }

    #[cold]
    fn await_return(&self) {
        let mut deciding = self.handover();
        if !self.borrowed.load(Ordering::Acquire) {
            return;
        }
        self.wanted.store(true, Ordering::SeqCst);
        self.call.wake_by_ref();
        while self.borrowed.load(Ordering::Acquire) {
            deciding = self.returned.wait(deciding).unwrap_or_else(PoisonError::into_inner);
        }
        self.wanted.store(false, Ordering::SeqCst);
    }
}

impl<T> Owner<T> {
    /// The lock, for others.
    pub(super) fn lock(&self) -> &'static Biased<T> {
        self.lock
    }

    /// Is away while this runs: others may borrow the value.
    #[inline]
    pub(super) fn away<R>(&mut self, act: impl for<'a> FnOnce(&mut Away<'a, T>) -> R) -> R {
        let left = self.lock.place.load(Ordering::Relaxed) & !WHERE;
        self.lock.place.store((left + ONCE) | AWAY, Ordering::Release);
        // Back, too, if this unwinds.
        let mut away = Away { lock: self.lock };
        act(&mut away)
    }
}

impl<T> Away<'_, T> {
    /// Takes the value for a moment.
    pub(super) fn visit(&mut self) -> Visit<'_, T> {
        self.lock.take(VISITING);
        Visit { lock: self.lock }
    }
}

impl<T> Drop for Away<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.take(HERE);
    }
}

impl<T> Drop for Visit<'_, T> {
    fn drop(&mut self) {
        let left = self.lock.place.load(Ordering::Relaxed) & !WHERE;
        self.lock.place.store(left | AWAY, Ordering::Release);
    }
}

impl<T> Borrowed<'_, T> {
    /// Whether its owner wants it back.
    pub(super) fn is_wanted(&self) -> bool {
        self.lock.wanted.load(Ordering::SeqCst)
    }
}

impl<T> Drop for Borrowed<'_, T> {
    fn drop(&mut self) {
        let _deciding = self.lock.handover();
        self.lock.borrowed.store(false, Ordering::Release);
        self.lock.returned.notify_one();
    }
}

/// Access to the value for those who have it.
macro_rules! have_the_value {
    ($([$($generic:tt)*] $holder:ty,)*) => {$(
        impl<$($generic)*> Deref for $holder {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                // SAFETY: whoever has one of these is the only one to have the value (see the module). The owner is not to be
                // had while it is away, since that borrows it; a visit is one at a time, since it borrows the absence.
                #[expect(unsafe_code, reason = "it is a lock")]
                unsafe {
                    &*self.lock.value.get()
                }
            }
        }

        impl<$($generic)*> DerefMut for $holder {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                // SAFETY: as above, and this is borrowed for as long as the value is.
                #[expect(unsafe_code, reason = "it is a lock")]
                unsafe {
                    &mut *self.lock.value.get()
                }
            }
        }
    )*};
}

have_the_value! {
    [T] Owner<T>,
    ['a, T] Visit<'a, T>,
    ['a, T] Borrowed<'a, T>,
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
