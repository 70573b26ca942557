//! How a program starts the admin of a system, and how the process that it starts knows what it is.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

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
}

/// An admin that runs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) locator: Locator,
    pub(crate) pid: u32,
}

/// Starts an admin and waits until it can be attached to.
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
    // What was started has handed over to a process of its own by then, or has failed: it leaves no zombie.
    if answer.is_err() {
        let _ = child.kill();
    }
    let _ = child.wait();
    let answer: Result<Ready, Error> = control::decode(&answer.map_err(lost)?).map_err(failed)?;
    answer
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
