use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::task::Wake;
use std::time::{Duration, Instant};

use super::*;

const BARRIERS: [Barrier; 2] = [Barrier::Uneven, Barrier::Even];

/// A lock with this barrier, if the kernel has it.
fn lock<T>(value: T, barrier: Barrier) -> Owner<T> {
    let here = Barrier::of_process();
    Biased::leak(value, if barrier == Barrier::Uneven { here } else { barrier }, Waker::noop().clone())
}

#[test]
fn it_can_be_borrowed_while_its_owner_is_away_and_no_longer() {
    for barrier in BARRIERS {
        let mut owner = lock(1, barrier);
        let shared = owner.lock();
        assert!(shared.borrow().is_none());
        owner.away(|away| {
            let mut borrowed = shared.borrow().expect("its owner is away");
            *borrowed += 1;
            assert!(shared.borrow().is_none(), "twice");
            drop(borrowed);
            let mut visit = away.visit();
            *visit += 1;
            assert!(shared.borrow().is_none(), "while its owner visits");
            drop(visit);
            assert_eq!(*shared.borrow().expect("its owner has left again"), 3);
        });
        assert!(shared.borrow().is_none());
        assert_eq!(*owner, 3);
    }
}

#[test]
fn an_owner_whose_absence_ends_in_a_panic_is_back() {
    let mut owner = lock(1, Barrier::Uneven);
    let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
        owner.away(|_| std::panic::resume_unwind(Box::new("on purpose")));
    }));
    assert!(panicked.is_err());
    assert!(owner.lock().borrow().is_none());
    assert_eq!(owner.lock().absence(), None);
}

#[test]
fn an_absence_lasts_through_visits_and_is_none_that_was() {
    let mut owner = lock(1, Barrier::Uneven);
    let shared = owner.lock();
    let first = owner.away(|away| {
        let absence = shared.absence();
        let place = shared.place();
        let visit = away.visit();
        assert_eq!(shared.absence(), absence);
        assert_ne!(shared.place(), place);
        drop(visit);
        assert_eq!(shared.absence(), absence);
        absence
    });
    assert!(first.is_some());
    owner.away(|_| assert_ne!(shared.absence(), first));
}

#[test]
fn whoever_has_it_is_called_when_its_owner_wants_it_and_the_owner_waits() {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    for barrier in BARRIERS {
        let (to_owner, from_borrower) = std::sync::mpsc::channel();
        let (to_borrower, from_owner) = std::sync::mpsc::channel::<&'static Biased<u32>>();
        let borrower = std::thread::spawn(move || {
            let shared = from_owner.recv().expect("it is made");
            let mut borrowed = shared.borrow().expect("its owner is away");
            to_owner.send(()).expect("it waits");
            while !borrowed.is_wanted() {
                std::thread::park();
            }
            *borrowed += 1;
        });
        let call = Waker::from(Arc::new(Unpark(borrower.thread().clone())));
        let _ = Barrier::of_process();
        let mut owner = Biased::leak(0, barrier, call);
        let shared = owner.lock();
        owner.away(|_| {
            to_borrower.send(shared).expect("it waits");
            from_borrower.recv().expect("it borrows");
        });
        assert_eq!(*owner, 1);
        borrower.join().expect("it gave back");
    }
}

/// Lets the owner leave and come back, and somebody else borrow, as often as it goes for so long. How often both had the
/// value, and how often it was borrowed.
fn contend(barrier: Barrier, time: Duration) -> (u32, u32) {
    #[derive(Default)]
    struct Contended {
        is_had: AtomicBool,
        /// Not atomic: what one writes the other is to see.
        counted: u64,
    }
    fn have(value: &mut Contended, both: &AtomicU32) {
        let was_had = value.is_had.swap(true, Ordering::Relaxed);
        both.fetch_add(u32::from(was_had), Ordering::Relaxed);
        value.counted += 1;
        value.is_had.store(false, Ordering::Relaxed);
    }
    let mut owner = lock(Contended::default(), barrier);
    let (shared, end) = (owner.lock(), Instant::now() + time);
    let both = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let both = &both;
        let borrower = scope.spawn(move || {
            let mut times = 0;
            while Instant::now() < end {
                if let Some(mut value) = shared.borrow() {
                    have(&mut value, both);
                    times += 1;
                }
            }
            times
        });
        let mut had = 0_u64;
        while !borrower.is_finished() {
            for _ in 0..100 {
                have(&mut owner, both);
                had += 1;
                // Mostly shorter than a heavy barrier takes, and sometimes longer.
                let spins = if had.is_multiple_of(7) { 50 * (had % 64) } else { had % 16 };
                owner.away(|away| {
                    (0..spins).for_each(|_| std::hint::spin_loop());
                    if had.is_multiple_of(8) {
                        have(&mut away.visit(), both);
                        had += 1;
                    }
                });
            }
        }
        let times = borrower.join().expect("it ends in time");
        if barrier != Barrier::Missing {
            assert_eq!(owner.counted, had + u64::from(times), "{barrier:?}");
        }
        (both.load(Ordering::Relaxed), times)
    })
}

#[test]
fn nobody_has_it_while_another_does_however_they_meet() {
    for barrier in BARRIERS {
        let (both, times) = contend(barrier, Duration::from_millis(300));
        assert_eq!(both, 0, "{barrier:?}");
        assert!(times > 0, "{barrier:?}: never borrowed, so this says nothing");
    }
}

/// That the test above could tell. It needs two processors that are not busy otherwise.
#[test]
#[ignore = "a race that is certain on no machine: cargo test -p thespian-multiproc -- --ignored without_barriers"]
fn without_barriers_both_have_it_sooner_or_later() {
    let (both, times) = contend(Barrier::Missing, Duration::from_secs(10));
    assert!(both > 0, "not in {times} times");
}
