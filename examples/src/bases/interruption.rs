//! What becomes of a system that outlives its program when that is interrupted.

use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level;
use thespian_core::ActorSystem;

/// Ctrl-C, and other wishes that the program end, which are noted from now on.
pub(super) struct Interruption(Signals);

impl Interruption {
    /// Notes them.
    pub(super) fn noted() -> Interruption {
        Interruption(Signals::new([SIGINT, SIGTERM, SIGHUP]).expect("a program may handle these signals"))
    }

    /// At the first, the system is taken down, and the program ends as it would have without this.
    pub(super) fn ends(self, system: &ActorSystem) -> Watched {
        let (Interruption(mut signals), system) = (self, system.clone());
        let handle = signals.handle();
        let watching = thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // The program ends whatever is said of this; and a system that is on its way down gets there.
                let _ = system.shutdown();
                let _ = low_level::emulate_default_handler(signal);
            }
        });
        Watched { handle, watching: Some(watching) }
    }
}

/// As long as this is there, an interruption ends the system.
pub(super) struct Watched {
    handle: Handle,
    watching: Option<JoinHandle<()>>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(watching) = self.watching.take() {
            // It panics with nothing that this could tell.
            let _ = watching.join();
        }
    }
}
