//! A small process that the admin forked at its start forks the actors': what the admin has allocated since is not theirs.
//!
//! The admin and the server talk over a stream: a request is a byte with a descriptor, or a pid to kill; word back is one
//! of the [`Said`].

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid};
use serde::{Deserialize, Serialize};
use thespian_core::transport::Transport;
use thespian_core::{ActorType, ActorTypes};

use super::{Begun, Starter, become_forked};
use crate::control::{self, Begin, Ties, ToProcess};
use crate::handover;
use crate::inherited::Inherited;
use crate::signals::Signals;
use crate::sys::{self, Ended, Forked};

/// What the admin wants.
#[derive(Debug, Serialize, Deserialize)]
enum Wanted {
    /// A process with the control channel that follows.
    Start,
    /// The end of this one.
    Kill(i32),
}

/// What the server says.
#[derive(Debug, Serialize, Deserialize)]
enum Said {
    /// The process that was asked for last.
    Started(i32),
    /// It could not be had, with the system's error number.
    NotStarted(i32),
    /// A process has ended, with this exit code.
    Exited(i32, i32),
    /// A process has been ended by this signal, while its memory was bounded to so many bytes.
    Signaled(i32, i32, Option<u64>),
}

/// The admin's side.
pub(crate) struct ForkServer {
    stream: UnixStream,
    pid: Pid,
    ended: VecDeque<(Pid, Ended)>,
    lost: bool,
}

impl ForkServer {
    /// Forks the server. To be called before the admin has anything that the server should not have.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        types: ActorTypes,
        inherited: Inherited,
        ties: Ties,
    ) -> io::Result<ForkServer> {
        let (ours, theirs) = sys::stream_pair()?;
        let parent = getpid();
        match sys::fork()? {
            Forked::Parent(pid) => Ok(ForkServer { stream: ours, pid, ended: VecDeque::new(), lost: false }),
            Forked::Child => {
                let mut kept = inherited.kept();
                kept.push(theirs.as_raw_fd());
                sys::keep_only(&kept);
                if ties.parent_death_signal && !sys::die_with_parent(parent) {
                    sys::exit(1);
                }
                sys::set_title("thespian forkserver");
                let served = serve(theirs, &transport, &types, &inherited, ties);
                sys::exit(i32::from(served.is_err()));
            }
        }
    }

    fn hear(&mut self) -> io::Result<Said> {
        let word = control::read_word(&mut self.stream)?;
        control::decode(&word).map_err(io::Error::other)
    }

    fn note_end(&mut self, said: Said) -> Option<Said> {
        match said {
            Said::Exited(pid, code) => self.ended.push_back((Pid::from_raw(pid), Ended::Code(code))),
            Said::Signaled(pid, signal, limit) => {
                let signal = Signal::try_from(signal).unwrap_or(Signal::SIGKILL);
                self.ended.push_back((Pid::from_raw(pid), Ended::Signal(signal, limit)));
            }
            other => return Some(other),
        }
        None
    }

    fn want(&mut self, wanted: &Wanted) -> io::Result<()> {
        let word = control::encode(wanted).map_err(io::Error::other)?;
        control::write_word(&mut self.stream, &word)
    }

    fn begin(&mut self, theirs: &UnixStream) -> io::Result<Pid> {
        self.want(&Wanted::Start)?;
        handover::send(&self.stream, &[theirs.as_fd()])?;
        loop {
            let said = self.hear()?;
            match self.note_end(said) {
                Some(Said::Started(pid)) => return Ok(Pid::from_raw(pid)),
                Some(Said::NotStarted(error)) => return Err(io::Error::from_raw_os_error(error)),
                _ => {}
            }
        }
    }
}

impl Starter for ForkServer {
    fn start(
        &mut self,
        begin: Begin,
        _kind: &'static ActorType,
        _ours: &UnixStream,
        theirs: UnixStream,
    ) -> io::Result<Begun> {
        let pid = self.begin(&theirs)?;
        Ok(Begun { pid, word: Some(ToProcess::Begin(Box::new(begin))) })
    }

    fn kill(&mut self, pid: Pid) {
        self.lost |= self.want(&Wanted::Kill(pid.as_raw())).is_err();
    }

    fn finish(&mut self) {
        // The server sees the end of the stream, and ends.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    fn servant(&self) -> Option<Pid> {
        Some(self.pid)
    }

    fn descriptor(&self) -> Option<RawFd> {
        Some(self.stream.as_raw_fd())
    }

    fn knows_of_ends(&self) -> bool {
        !self.ended.is_empty()
    }

    fn ended(&mut self) -> Option<(Pid, Ended)> {
        while self.ended.is_empty() && !self.lost && has_input(&self.stream) {
            match self.hear() {
                Ok(said) => drop(self.note_end(said)),
                Err(_) => self.lost = true,
            }
        }
        self.ended.pop_front()
    }
}

/// Whether something can be read now.
fn has_input(stream: &UnixStream) -> bool {
    let mut events = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut events, PollTimeout::ZERO), Ok(1..))
}

/// The server's work: until the admin is gone.
fn serve(
    mut stream: UnixStream,
    transport: &Arc<dyn Transport>,
    types: &ActorTypes,
    inherited: &Inherited,
    ties: Ties,
) -> io::Result<()> {
    // Orphans of actors are the admin's to sweep: this process does not adopt them.
    let mut signals = Signals::of_servant(true)?;
    sys::unblock_signals();
    loop {
        let mut events =
            [PollFd::new(stream.as_fd(), PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut events, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        signals.take();
        while let Some((pid, ended)) = sys::reap() {
            let said = match ended {
                Ended::Code(code) => Said::Exited(pid.as_raw(), code),
                Ended::Signal(signal, limit) => Said::Signaled(pid.as_raw(), signal as i32, limit),
            };
            say(&mut stream, &said)?;
        }
        if has_input(&stream) {
            let word = control::read_word(&mut stream)?;
            match control::decode(&word).map_err(io::Error::other)? {
                Wanted::Kill(pid) => sys::kill_child(Pid::from_raw(pid)),
                Wanted::Start => {
                    let channel = handover::receive(&stream)?.into_iter().next();
                    let channel = channel.ok_or_else(|| io::Error::other("no control channel came"))?;
                    let said = start(channel, transport, types, inherited, ties);
                    say(&mut stream, &said)?;
                }
            }
        }
    }
}

fn say(stream: &mut UnixStream, said: &Said) -> io::Result<()> {
    let word = control::encode(said).map_err(io::Error::other)?;
    control::write_word(stream, &word)
}

fn start(
    channel: OwnedFd,
    transport: &Arc<dyn Transport>,
    types: &ActorTypes,
    inherited: &Inherited,
    ties: Ties,
) -> Said {
    let parent = getpid();
    match sys::fork() {
        Ok(Forked::Parent(pid)) => Said::Started(pid.as_raw()),
        Ok(Forked::Child) => {
            let mut kept = inherited.kept();
            kept.push(channel.as_raw_fd());
            sys::keep_only(&kept);
            if ties.parent_death_signal && !sys::die_with_parent(parent) {
                sys::exit(1);
            }
            become_forked(UnixStream::from(channel), types, &**transport, inherited.clone())
        }
        Err(error) => Said::NotStarted(error.raw_os_error().unwrap_or(nix::libc::EAGAIN)),
    }
}
