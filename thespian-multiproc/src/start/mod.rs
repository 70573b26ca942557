//! How the processes of actors come into being: the guide's `Process Startup Method` (section 9.4).

mod fork;
mod server;
mod spawn;

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::unistd::{Pid, getppid};
use serde::{Deserialize, Serialize};
use thespian_core::transport::Transport;
use thespian_core::{ActorType, ActorTypes, Capabilities, Error, Value};

use crate::actor;
use crate::control::{Begin, Channel, StartFailure, ToProcess, decode, read_word};
use crate::handover;
use crate::inherited::Inherited;
use crate::sys::{self, Ended};

pub(crate) use fork::Fork;
pub(crate) use server::ForkServer;
pub(crate) use spawn::{ACTOR, Spawn};

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

/// A process that has begun.
pub(crate) struct Begun {
    pub(crate) pid: Pid,
    /// What it is to be told first over its control channel.
    pub(crate) word: Option<ToProcess>,
}

/// Starts processes, and ends them.
pub(crate) trait Starter {
    /// Starts the process of an actor: `theirs` is its end of the control channel, `ours` the admin's.
    ///
    /// # Errors
    ///
    /// What the system says, when it has no room for another process.
    fn start(
        &mut self,
        begin: Begin,
        kind: &'static ActorType,
        ours: &UnixStream,
        theirs: UnixStream,
    ) -> io::Result<Begun>;

    /// Ends a process that has not been reported as ended.
    fn kill(&mut self, pid: Pid);

    /// No more processes are needed: whoever does this ends.
    fn finish(&mut self) {}

    /// The process that does this, if it is not the admin: when it ends, the system does.
    fn servant(&self) -> Option<Pid> {
        None
    }

    /// Can be read when a process that is not the admin's child has ended.
    fn descriptor(&self) -> Option<RawFd> {
        None
    }

    /// Whether such an end is known already, so that the descriptor does not tell of it any more.
    fn knows_of_ends(&self) -> bool {
        false
    }

    /// The next process that has ended and is not the admin's child.
    fn ended(&mut self) -> Option<(Pid, Ended)> {
        None
    }
}

/// Goes on as the process of an actor that is told over its control channel which one.
pub(crate) fn become_forked(
    mut control: UnixStream,
    types: &ActorTypes,
    transport: &dyn Transport,
    inherited: Inherited,
) -> ! {
    let begin = hear_begin(&mut control);
    let kind = kind_of(&begin, types);
    match kind {
        Ok(kind) => actor::run(begin, kind, control, transport, inherited),
        Err(failure) => refuse(control, failure),
    }
}

/// The same in a program that was started for it, with the control channel as its input.
pub(crate) fn become_spawned(control: OwnedFd, types: &ActorTypes) -> ! {
    let mut control = UnixStream::from(control);
    let admin = getppid();
    let Ok(descriptors) = handover::receive(&control) else { sys::exit(1) };
    let begin = hear_begin(&mut control);
    if begin.world.ties.parent_death_signal && !sys::die_with_parent(admin) {
        sys::exit(1);
    }
    let failed = |text: String| StartFailure::Failed(text);
    let ready = kind_of(&begin, types).and_then(|kind| {
        let inherited = Inherited::receive(descriptors, begin.world.log_level);
        let inherited = inherited.map_err(|error| failed(format!("its process could not begin: {error}")))?;
        let transport = crate::launch::restore(&begin.world.base, &begin.world.transport);
        Ok((kind, inherited, transport.map_err(|error| failed(error.to_string()))?))
    });
    match ready {
        Ok((kind, inherited, transport)) => actor::run(begin, kind, control, &*transport, inherited),
        Err(failure) => refuse(control, failure),
    }
}

fn hear_begin(control: &mut UnixStream) -> Begin {
    let word = read_word(control).ok().and_then(|word| decode::<ToProcess>(&word).ok());
    match word {
        Some(ToProcess::Begin(begin)) => *begin,
        // The admin is gone.
        _ => sys::exit(1),
    }
}

/// The actor's type: the admin has the same table, and has found it there.
fn kind_of(begin: &Begin, types: &ActorTypes) -> Result<&'static ActorType, StartFailure> {
    let unknown = || StartFailure::Failed(format!("{} is not known in its process", begin.actor_type));
    types.find(&begin.actor_type).ok_or_else(unknown)
}

fn refuse(control: UnixStream, failure: StartFailure) -> ! {
    match Channel::new(control) {
        Ok(mut channel) => actor::refuse(&mut channel, failure),
        Err(_) => sys::exit(1),
    }
}
