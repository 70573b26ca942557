//! What a program does at the beginning of its `main`, so that the processes of its systems can be told from it.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use thespian_core::ActorTypes;

use crate::control;
use crate::launch::{self, ADMIN, Setup};
use crate::sys::{self, Forked};

/// Whether this process has called [`init`]; nothing else is kept of it.
static INITIALIZED: AtomicBool = AtomicBool::new(false);

/// Makes the processes of actor systems possible in this program: call it in the first line of `main`.
///
/// In the program itself it does nothing and returns at once. The processes of a system are the same program, started
/// again; in those it does not return, but becomes what the process is for.
///
/// Actor types are those that registered themselves at link time (see [`ActorTypes::linked`]); [`Init`] takes more.
///
/// ```no_run
/// fn main() {
///     thespian_multiproc::init();
///     // ... everything else
/// }
/// ```
pub fn init() {
    Init::new().run();
}

/// What the processes of this program's systems have to know beforehand, because it cannot be sent to them.
///
/// ```no_run
/// use thespian_core::{Context, actor, actors};
///
/// #[derive(Default)]
/// struct Echo;
/// #[actor]
/// impl Echo {
///     fn text(&mut self, text: &String, ctx: &mut Context<'_>) {
///         ctx.reply(text.clone()).ok();
///     }
/// }
///
/// fn main() {
///     thespian_multiproc::Init::new().actors(actors![Echo]).run();
/// }
/// ```
#[must_use = "it takes effect with run()"]
#[derive(Default)]
pub struct Init {
    types: ActorTypes,
}

impl Init {
    /// The types that registered themselves at link time, and nothing else.
    pub fn new() -> Init {
        Init { types: ActorTypes::linked() }
    }

    /// Actor types, beside those that registered themselves at link time: generic ones, for example, which cannot.
    pub fn actors(mut self, types: ActorTypes) -> Init {
        self.types.extend(types);
        self
    }

    /// See [`init`].
    pub fn run(self) {
        INITIALIZED.store(true, Ordering::Relaxed);
        let Some(mark) = std::env::args_os().nth(1) else { return };
        let Some(mark) = mark.to_str().map(str::trim_end) else { return };
        // Somebody may type it: only where the host has put a socket is it one of ours.
        if mark != ADMIN || !sys::is_unix_stream(&std::io::stdin()) {
            return;
        }
        let Ok(stdin) = sys::take_stdin() else { return };
        become_admin(stdin, self.types);
    }
}

/// Whether this process has called [`init`].
pub(crate) fn is_initialized() -> bool {
    INITIALIZED.load(Ordering::Relaxed)
}

/// Becomes the admin, in a process whose parent is not the program that started it, so that neither waits for the other.
fn become_admin(launcher: OwnedFd, types: ActorTypes) -> ! {
    let mut launcher = UnixStream::from(launcher);
    let setup = control::read_word(&mut launcher).ok().and_then(|word| control::decode::<Setup>(&word).ok());
    let Some(setup) = setup else { signal_hook::low_level::exit(1) };
    match sys::fork() {
        Ok(Forked::Parent(_)) => signal_hook::low_level::exit(0),
        Ok(Forked::Child) => {
            // Out of reach of the terminal's signals.
            let _ = nix::unistd::setsid();
            crate::admin::run(setup, types, launcher)
        }
        Err(error) => {
            let cause = format!(
                "its process could not be forked: {error}; thespian_multiproc::init() has to come before anything that \
                 starts threads"
            );
            let error = thespian_core::Error::StartupFailure { base: setup.base, cause };
            launch::answer(&mut launcher, Err(error));
            signal_hook::low_level::exit(1)
        }
    }
}
