//! Fences of unequal weight, for two threads of which one runs all the time and the other seldom.
//!
//! Each of the two writes a word of its own and then reads the other's, and at least one of them is to see what the other has
//! written (Dekker's algorithm). For that no read may pass the write before it, as processors have it, so it takes a fence
//! between the two on either side: some ten nanoseconds, on the busy one's side for each message. Where the kernel has
//! `membarrier(2)` the busy side only keeps the compiler from it ([`Barrier::light`]), and the other one has every thread of the
//! process execute a fence wherever it is ([`Barrier::heavy`]), for some microseconds.
//!
//! That suffices: take the fence that the busy thread executes while the other one is in `heavy`. If the busy thread's write
//! comes before it, then it can be seen when `heavy` returns, by the read that follows there. If it comes after it, so does
//! the read behind it, which sees what the other thread had written before it called `heavy`.

use std::sync::atomic::{Ordering, compiler_fence, fence};

use crate::sys;

/// How two threads of this process keep reads from passing writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barrier {
    /// One has the kernel do it for the other.
    Uneven,
    /// Each by itself.
    Even,
    /// Neither does, for tests of whether they could tell.
    #[cfg(test)]
    Missing,
}

impl Barrier {
    /// What the kernel allows. To be called while the process has one thread: later it takes a while.
    pub(super) fn of_process() -> Barrier {
        if sys::register_barrier() { Barrier::Uneven } else { Barrier::Even }
    }

    /// The busy thread's, between its write and its read.
    #[inline]
    pub(super) fn light(self) {
        match self {
            Barrier::Even => fence(Ordering::SeqCst),
            _ => compiler_fence(Ordering::SeqCst),
        }
    }

    /// The other thread's. Says whether it was possible: the kernel needs memory for it. If not, what is read next says
    /// nothing.
    #[must_use]
    pub(super) fn heavy(self) -> bool {
        match self {
            Barrier::Uneven => sys::barrier(),
            Barrier::Even => {
                fence(Ordering::SeqCst);
                true
            }
            #[cfg(test)]
            Barrier::Missing => {
                compiler_fence(Ordering::SeqCst);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_registered_can_have_all_its_threads_execute_a_fence() {
        let barrier = Barrier::of_process();
        assert!(barrier.heavy());
        assert_eq!(Barrier::of_process(), barrier, "once more");
    }
}
