//! The program is started again for each actor: the slowest way, and the one in which nothing of the admin's memory is in
//! the actor's.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::unistd::Pid;
use thespian_core::ActorType;

use super::{Begun, Starter};
use crate::control::{Begin, ToProcess};
use crate::inherited::Inherited;
use crate::sys;

/// The first argument of a process that is to run an actor. The rest of it is room for its title.
pub(crate) const ACTOR: &str = "--thespian-actor";

/// Starts the program again.
pub(crate) struct Spawn {
    inherited: Inherited,
}

impl Spawn {
    pub(crate) fn new(inherited: Inherited) -> Spawn {
        Spawn { inherited }
    }
}

impl Starter for Spawn {
    fn start(
        &mut self,
        begin: Begin,
        _kind: &'static ActorType,
        ours: &UnixStream,
        theirs: UnixStream,
    ) -> io::Result<Begun> {
        // What is sent to nobody yet is still there when somebody reads.
        self.inherited.send(ours)?;
        let mut command = Command::new("/proc/self/exe");
        if let Some(name) = std::env::args_os().next() {
            command.arg0(name);
        }
        command.arg(sys::title_room(ACTOR)).stdin(Stdio::from(OwnedFd::from(theirs)));
        let child = command.spawn()?;
        // It is reaped with all others.
        let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
        Ok(Begun { pid, word: Some(ToProcess::Begin(Box::new(begin))) })
    }

    fn kill(&mut self, pid: Pid) {
        sys::kill_child(pid);
    }
}
