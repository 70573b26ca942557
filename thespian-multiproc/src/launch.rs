//! How a program starts the admin of a system, and how the process that it starts knows what it is.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use thespian_core::transport::{LinkedTransport, Locator, Transport};
use thespian_core::{Capabilities, Error, Limits};

use crate::control::{self, Ties};
use crate::logging::Logging;
use crate::start::Method;
use crate::sys;

/// The first argument of a process that is to become an admin. The rest of it is room for its title.
pub(crate) const ADMIN: &str = "--thespian-admin";

/// How long a program waits for the admin that it has started. Far more than it takes, for busy machines.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an admin is started with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) base: String,
    /// The transport's settings.
    pub(crate) transport: Vec<u8>,
    pub(crate) capabilities: Capabilities,
    pub(crate) read_only: BTreeSet<String>,
    pub(crate) limits: Limits,
    /// The names of the actor types that the program knows.
    pub(crate) types: Vec<String>,
    pub(crate) method: Method,
    pub(crate) ties: Ties,
    pub(crate) logging: Logging,
    /// Whether nothing is printed.
    pub(crate) detached: bool,
    /// The process with which the system ends, if it ends with the one that starts it.
    pub(crate) owner: Option<u32>,
}

/// The stack of the thread that waits for an admin's end.
const UNDERTAKER_STACK: usize = 64 * 1024;

/// An admin that runs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) locator: Locator,
    pub(crate) pid: u32,
}

/// Starts an admin and waits until it can be attached to.
///
/// The admin is a child of this program, so that it can be [buried](bury) when it ends: a child of nobody is for process 1
/// to bury, which does not do so everywhere.
///
/// # Errors
///
/// Why it does not run.
pub(crate) fn launch(setup: &Setup) -> Result<Ready, Error> {
    let failed = |cause: String| Error::StartupFailure { base: setup.base.clone(), cause };
    let word =
        control::encode(setup).map_err(|error| failed(format!("a setting cannot be encoded: {error}")))?;
    let (mut ours, theirs) = sys::stream_pair().map_err(|error| failed(format!("no socket: {error}")))?;
    // The very program that runs, also when its file has been replaced or removed meanwhile.
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    command.arg(sys::title_room(ADMIN)).stdin(Stdio::from(OwnedFd::from(theirs)));
    if std::env::var_os(sys::BIND_NOW).is_none() {
        command.env(sys::BIND_NOW, sys::BIND_NOW_OURS);
    }
    let mut child = command.spawn().map_err(|error| failed(format!("no process for the admin: {error}")))?;
    // The command holds the other end of the socket too.
    drop(command);
    let lost = |error: std::io::Error| {
        failed(format!(
            "the process that was to become the admin ended before it did ({error}): thespian_multiproc::init() has to \
             be the first line of main, before anything that reads arguments or input"
        ))
    };
    let answer = control::write_word(&mut ours, &word)
        .and_then(|()| ours.set_read_timeout(Some(PATIENCE)))
        .and_then(|()| control::read_word(&mut ours));
    let answer: Result<Ready, Error> =
        answer.map_err(lost).and_then(|word| control::decode(&word).map_err(failed)).flatten();
    let buried = answer.and_then(|ready| {
        let failed = |error| failed(format!("no thread for the end of the admin: {error}"));
        bury(child.id()).map(|()| ready).map_err(failed)
    });
    if buried.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    buried
}

/// Waits for the end of an admin, whenever that is and whatever this program has done with the system by then, so that it
/// does not stay a zombie.
///
/// A thread sleeps for it: it is woken by nothing else, takes no signal handler of the program, and asks for this process
/// only, so that the program's own children are left to the program. Where that waits for any child, the admin is among
/// those it may find.
fn bury(admin: u32) -> std::io::Result<()> {
    let undertaker = std::thread::Builder::new().name("thespian".into()).stack_size(UNDERTAKER_STACK);
    undertaker.spawn(move || sys::await_end(Pid::from_raw(admin.cast_signed()))).map(drop)
}

/// Tells the program that started this admin how that went.
pub(crate) fn answer(launcher: &mut UnixStream, answer: Result<Ready, Error>) {
    if let Ok(word) = control::encode(&answer) {
        // Whoever asked may be gone; the system is there for others all the same.
        let _ = control::write_word(launcher, &word);
    }
}

/// The transport of a base, in a process that was started anew.
///
/// # Errors
///
/// When the crate that brings it is not in this program.
pub(crate) fn restore(base: &str, settings: &[u8]) -> Result<Box<dyn Transport>, Error> {
    let linked = LinkedTransport::find(base).ok_or_else(|| Error::StartupFailure {
        base: base.into(),
        cause: "the crate of its transport has not registered itself in this program: name it where the system is \
                started, as in Multiproc::new(Tcp::default())"
            .into(),
    })?;
    (linked.restore)(settings)
}
