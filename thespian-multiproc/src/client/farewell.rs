//! What becomes of clients that are still there when their program ends in order: that its `main` returns, or it exits,
//! drops nothing, and the [system of the process](thespian_core::ActorSystem::current) is kept to the last.
//!
//! An answer is acknowledged as soon as it has come, but not written at once: that would cost a system call, and a wake-up of
//! whoever answered, for every answer. A program that ended before would have its last answers taken for undelivered, and
//! leave untold what it told last. A program that is killed, or aborts, says no farewell.

use std::sync::{Once, Weak};
use std::time::Instant;

use parking_lot::Mutex;
use thespian_core::driver::panics;

use super::core::LAST_WORDS;
use super::{Arc, Shared};
use crate::sys;

/// The clients of this program, with the number of its process: what a fork of it has of them is not its own.
static CLIENTS: Mutex<Vec<(u32, Weak<Shared>)>> = Mutex::new(Vec::new());

/// Lets a client say its last words at the end of the program, if it is still there.
pub(super) fn expect_of(client: &Arc<Shared>) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| sys::at_exit(farewell));
    let mut clients = CLIENTS.lock();
    clients.retain(|(_, client)| client.strong_count() > 0);
    clients.push((std::process::id(), Arc::downgrade(client)));
}

extern "C" fn farewell() {
    // Nothing may unwind from here.
    let _ = panics::catch(|| {
        let until = Instant::now() + LAST_WORDS;
        // Whoever ends the program while it has this has a client to begin, which nothing is owed.
        let Some(mut clients) = CLIENTS.try_lock_until(until) else { return };
        let own = std::process::id();
        let clients: Vec<_> = clients.drain(..).filter(|(process, _)| *process == own).collect();
        for client in clients.into_iter().filter_map(|(_, client)| client.upgrade()) {
            // Who exits inside of what has the core would wait for itself.
            if let Some(mut core) = client.lock_until(until) {
                core.last_words(until);
            }
        }
    });
}
