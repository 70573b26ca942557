//! How the processes of actors come into being: the guide's `Process Startup Method` (section 9.4).

mod fork;

use std::io;
use std::os::unix::net::UnixStream;

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use thespian_core::{ActorType, Capabilities, Error, Value};

use crate::control::Begin;
use crate::sys::Ended;

pub(crate) use fork::Fork;

/// The capability that chooses.
pub(crate) const CAPABILITY: &str = "Process Startup Method";

/// A way to start the process of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Method {
    /// The admin forks.
    Fork,
    /// A small process that the admin forked at its start forks.
    ForkServer,
    /// The program is started again.
    Spawn,
}

impl Method {
    const NAMES: [(&str, Method); 3] =
        [("fork", Method::Fork), ("forkserver", Method::ForkServer), ("spawn", Method::Spawn)];

    /// What the capabilities say, with `fork` where they say nothing, which is then written there.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] lists the known ones.
    pub(crate) fn of(capabilities: &mut Capabilities) -> Result<Method, Error> {
        let Some(value) = capabilities.get(CAPABILITY) else {
            capabilities.set(CAPABILITY, "fork");
            return Ok(Method::Fork);
        };
        let known = value.as_str().and_then(|name| Method::NAMES.iter().find(|(known, _)| *known == name));
        known.map(|(_, method)| *method).ok_or_else(|| Error::InvalidSetting {
            setting: format!("capability {CAPABILITY:?}"),
            problem: unknown(value),
        })
    }
}

fn unknown(value: &Value) -> String {
    let known: Vec<&str> = Method::NAMES.iter().map(|(name, _)| *name).collect();
    format!("is {value}, and must be one of {}", known.join(", "))
}

/// Starts processes, and says when they end.
pub(crate) trait Starter {
    /// Starts the process of an actor, which has the other end of its control channel.
    ///
    /// # Errors
    ///
    /// What the system says, when it has no room for another process.
    fn start(&mut self, begin: Begin, kind: &'static ActorType, control: UnixStream) -> io::Result<Pid>;

    /// Ends a process that has not been reported as ended.
    fn kill(&mut self, pid: Pid);

    /// The next process that has ended. Called when a child has.
    fn ended(&mut self) -> Option<(Pid, Ended)>;
}
