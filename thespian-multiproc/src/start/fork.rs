//! The admin forks: the quickest way, and the one that needs the least memory.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nix::unistd::{Pid, getpid};
use thespian_core::ActorType;
use thespian_core::transport::Transport;

use super::{Begun, Starter};
use crate::actor;
use crate::control::Begin;
use crate::inherited::Inherited;
use crate::sys::{self, Forked};

/// Forks the calling process.
pub(crate) struct Fork {
    transport: Arc<dyn Transport>,
    inherited: Inherited,
}

impl Fork {
    pub(crate) fn new(transport: Arc<dyn Transport>, inherited: Inherited) -> Fork {
        Fork { transport, inherited }
    }
}

impl Starter for Fork {
    fn start(
        &mut self,
        begin: Begin,
        kind: &'static ActorType,
        _ours: &UnixStream,
        theirs: UnixStream,
    ) -> io::Result<Begun> {
        let parent = getpid();
        match sys::fork()? {
            Forked::Parent(pid) => Ok(Begun { pid, word: None }),
            Forked::Child => {
                // From here on this is another process, which never returns to the caller.
                let mut kept = self.inherited.kept();
                kept.push(theirs.as_raw_fd());
                sys::keep_only(&kept);
                if begin.world.ties.parent_death_signal && !sys::die_with_parent(parent) {
                    sys::exit(1);
                }
                actor::run(begin, kind, theirs, &*self.transport, self.inherited.clone())
            }
        }
    }

    fn kill(&mut self, pid: Pid) {
        sys::kill_child(pid);
    }
}
