//! Running user code so that its panic is an error with a text, a place and, where wanted, a backtrace.
//!
//! The one file of this crate's source that names `std`: catching a panic needs it.

extern crate std;

use alloc::format;
use alloc::string::String;
use core::any::Any;
use core::cell::{Cell, RefCell};
use core::marker::PhantomData;
use core::mem;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe};

use parking_lot::Once;

use crate::Failure;

std::thread_local! {
    /// How deep in actors' code this thread is: a handler may run another one, by `flush`.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Whether this thread has entered a world: engines drop and encode messages, which is user code too.
    static ENTERED: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic happened, noted by the hook for `catch`, which only gets the text.
    static WHERE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Whether this thread is running an actor's code, or has [entered](enter) a world.
pub fn in_actor() -> bool {
    DEPTH.get() > 0 || ENTERED.get()
}

/// Notes that this thread has a world to itself, until the guard is dropped. `None` if it has, or runs an actor's code:
/// a base that locked its world then would wait for itself.
///
/// The drop of a message, for one, is user code that runs under the lock and outside of [`catch`].
pub fn enter() -> Option<Entered> {
    if in_actor() {
        return None;
    }
    ENTERED.set(true);
    Some(Entered(PhantomData))
}

/// See [`enter`]. Stays in its thread.
#[derive(Debug)]
pub struct Entered(PhantomData<*const ()>);

impl Drop for Entered {
    fn drop(&mut self) {
        ENTERED.set(false);
    }
}

/// Runs an actor's code.
///
/// # Errors
///
/// If it panics: the panic's text, where it happened, and a backtrace if the environment asks for one
/// (`RUST_BACKTRACE`). The panic is not printed; what the engine makes of it is logged.
#[inline]
pub fn catch<T>(code: impl FnOnce() -> T) -> Result<T, Failure> {
    DEPTH.set(DEPTH.get() + 1);
    // Unwind safety: the actor's state is what the panic left, as decided (D2); nothing else is reachable from here
    // that the panic could have left half done, because what a handler asked for is dropped with the attempt.
    let outcome = panic::catch_unwind(AssertUnwindSafe(code));
    DEPTH.set(DEPTH.get() - 1);
    outcome.map_err(|payload| {
        let failure = failure(&*payload);
        // What the code panicked with is its own value, and dropping that is its code too.
        if let Err(another) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(another);
        }
        failure
    })
}

#[cold]
fn failure(payload: &(dyn Any + Send)) -> Failure {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let place = WHERE.take().unwrap_or_default();
    Failure::new(format_args!("panicked: {}{place}", text.unwrap_or("with a value that is no text")))
}

/// Makes panics inside actors tell where they happened. The hook that was there before gets all others.
pub fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(alloc::boxed::Box::new(move |info| {
            if DEPTH.get() == 0 {
                return previous(info);
            }
            let mut place = info.location().map(|at| format!(", at {at}")).unwrap_or_default();
            let backtrace = Backtrace::capture();
            if backtrace.status() == BacktraceStatus::Captured {
                place.push_str(&format!("\n{backtrace}"));
            }
            WHERE.set(Some(place));
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_text_and_place() {
        install_hook();
        let failure = catch(|| panic!("number {}", 7)).expect_err("panics");
        assert!(failure.details().starts_with("panicked: number 7, at "), "{failure:?}");
        assert!(failure.details().contains("panics.rs:"), "{failure:?}");
        assert!(!in_actor());
    }

    #[test]
    fn a_panic_with_a_value_that_is_no_text_is_caught_too() {
        install_hook();
        let failure = catch(|| panic::panic_any(7u32)).expect_err("panics");
        assert!(failure.details().contains("no text"), "{failure:?}");
    }

    #[test]
    fn a_panic_with_a_value_that_panics_when_it_is_dropped_is_caught_too() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        install_hook();
        let failure = catch(|| panic::panic_any(Bomb)).expect_err("panics");
        assert!(failure.details().contains("no text"), "{failure:?}");
        assert!(!in_actor());
    }

    #[test]
    fn what_does_not_panic_passes() {
        assert_eq!(catch(in_actor).ok(), Some(true));
    }
}
