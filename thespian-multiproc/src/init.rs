//! What a program does at the beginning of its `main`, so that the processes of its systems can be told from it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

use thespian_core::{ActorTypes, Error};

use crate::control;
use crate::launch::{self, ADMIN, Setup};
use crate::logging::{LogHandler, LogHandlers};
use crate::start::{ACTOR, become_spawned};
use crate::sys;

/// That this process has called [`init`], and the log handlers it has named there.
static INITIALIZED: OnceLock<LogHandlers> = OnceLock::new();

/// Makes the processes of actor systems possible in this program: call it in the first line of `main`.
///
/// In the program itself it does nothing and returns at once. The processes of a system are the same program, started
/// again; in those it does not return, but becomes what the process is for.
///
/// Actor types are those that registered themselves at link time (see [`ActorTypes::linked`]); [`Init`] takes more.
///
/// ```no_run
/// // The first line of main; everything else comes after it.
/// thespian_multiproc::init();
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
/// // The first line of main.
/// thespian_multiproc::Init::new().actors(actors![Echo]).run();
/// ```
#[must_use = "it takes effect with run()"]
#[derive(Default)]
pub struct Init {
    types: ActorTypes,
    handlers: LogHandlers,
}

impl Init {
    /// The types that registered themselves at link time, and nothing else.
    pub fn new() -> Init {
        Init { types: ActorTypes::linked(), handlers: LogHandlers::default() }
    }

    /// Actor types, beside those that registered themselves at link time: generic ones, for example, which cannot.
    pub fn actors(mut self, types: ActorTypes) -> Init {
        self.types.extend(types);
        self
    }

    /// A function that takes the records of a system's log, for [`Logging::to_handler`](crate::Logging::to_handler).
    pub fn log_handler(mut self, name: &str, handler: LogHandler) -> Init {
        self.handlers = self.handlers.with(name, handler);
        self
    }

    /// See [`init`].
    pub fn run(self) {
        // A second call changes nothing.
        let _ = INITIALIZED.set(self.handlers.clone());
        sys::make_room_for_descriptors();
        let Some(mark) = std::env::args_os().nth(1) else { return };
        let Some(mark) = mark.to_str().map(str::trim_end) else { return };
        // Somebody may type it: only where the host has put a socket is it one of ours.
        if !matches!(mark, ADMIN | ACTOR) || !sys::is_unix_stream(&std::io::stdin()) {
            return;
        }
        let Ok(stdin) = sys::take_stdin() else { return };
        // What is forked from here inherits this too.
        sys::forget_bind_now();
        sys::keep_freed_memory();
        sys::find_unwinder();
        // What the starter had open without closing it on exec is none of the system's, which may outlive it.
        sys::keep_only(&[stdin.as_raw_fd()]);
        match mark {
            ACTOR => become_spawned(stdin, &self.types),
            _ => become_admin(stdin, self.types, self.handlers),
        }
    }
}

/// Whether this process has called [`init`].
pub(crate) fn is_initialized() -> bool {
    INITIALIZED.get().is_some()
}

/// The log handlers that this program has named.
pub(crate) fn log_handlers() -> &'static LogHandlers {
    static NONE: OnceLock<LogHandlers> = OnceLock::new();
    INITIALIZED.get().unwrap_or_else(|| NONE.get_or_init(LogHandlers::default))
}

/// Becomes the admin.
fn become_admin(launcher: OwnedFd, types: ActorTypes, handlers: LogHandlers) -> ! {
    let mut launcher = UnixStream::from(launcher);
    let setup = control::read_word(&mut launcher).ok().and_then(|word| control::decode::<Setup>(&word).ok());
    let Some(setup) = setup else { sys::exit(1) };
    if setup.detached {
        sys::print_nowhere();
    }
    let threads = sys::thread_count();
    if threads > 1 {
        let cause = format!(
            "its admin has {threads} threads and could not fork: thespian_multiproc::init() has to come before anything \
             that starts threads"
        );
        launch::answer(&mut launcher, Err(Error::StartupFailure { base: setup.base, cause }));
        sys::exit(1)
    }
    // One that comes before there are handlers waits for them.
    sys::block_signals();
    // Out of reach of the terminal's signals.
    let _ = nix::unistd::setsid();
    crate::admin::run(setup, types, &handlers, launcher)
}
