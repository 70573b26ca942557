//! One connection: a socket, and what is to be read and written there.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use thespian_core::SystemId;
use thespian_core::transport::{DownReason, Happened, Locator, PeerId, PortEvent, Role};

use crate::framing::{Inbox, Violation};
use crate::handshake::{Handshake, Local, Progress, Refused};
use crate::outbox::Outbox;
use crate::sockets::Sockets;

/// The most that is read in one system call, in bytes. Also the largest size of the buffer that all connections read into.
pub(crate) const SCRATCH: usize = 256 * 1024;

/// The size of that buffer at first.
pub(crate) const FIRST_SCRATCH: usize = 2 * 1024;

/// How many times larger it gets each time that there was as much to read as fits into it.
pub(crate) const SCRATCH_GROWTH: usize = 8;

/// The most that one connection writes before others get their turn, in bytes.
const WRITE_SHARE: usize = 4 * 1024 * 1024;

/// A connection that was begun by this side, or that is authenticated.
pub(crate) struct Connection<S: Sockets> {
    pub(crate) stream: S::Stream,
    pub(crate) peer: PeerId,
    /// Where it leads, if this side made it.
    pub(crate) place: Option<Locator>,
    stage: Stage,
    pub(crate) outbox: Outbox,
    inbox: Inbox,
    /// The beginning of a wire frame.
    partial: Vec<u8>,
    /// Whether the host has ended it, and waits until what it sent has been written.
    pub(crate) is_leaving: bool,
    is_shut: bool,
    /// Whether the socket took all that it was given last.
    is_writable: bool,
    /// Whether nothing more will come.
    is_read_closed: bool,
    /// What went wrong when it was written to. What came before is still read.
    is_broken: bool,
    /// Whether it is in the port's list of those to read from.
    pub(crate) is_listed_ready: bool,
    /// Whether it is in the port's list of those to write to.
    pub(crate) is_listed_dirty: bool,
    /// Which system it leads to, once it is up.
    system: Option<SystemId>,
    /// When something must have happened.
    pub(crate) deadline: Option<Instant>,
    /// When it was used last, in calls.
    pub(crate) last_used: u64,
    /// Whether it is never closed to save a descriptor.
    pub(crate) is_kept: bool,
}

enum Stage {
    /// The socket is being connected.
    Connecting(Box<Shaking>),
    Shaking(Box<Shaking>),
    Up,
}

/// A handshake under way, and its words that are not written yet.
pub(crate) struct Shaking {
    pub(crate) handshake: Handshake,
    out: Vec<u8>,
}

/// What became of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// There is nothing more for now.
    Drained,
    /// There may be more.
    More,
    /// There was as much as was asked for, so there may be more.
    Full,
}

/// Why a connection is no more.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// Nobody listens there.
    NobodyListens,
    /// The place cannot be reached.
    Unreachable(io::Error),
    /// The other side closed it.
    Closed {
        /// Whether it had said anything.
        heard: bool,
    },
    /// One side will not talk to the other.
    Refused(Refused),
    /// Whoever is there may not be. Who it is, for people.
    Outsider(String),
    /// The other side took too long.
    Late,
    /// The other side sent what it may not.
    Violation(Violation),
    /// For a reason of this side's own.
    Ended(&'static str),
    /// The locator is none of this transport. What one looks like.
    BadLocator(&'static str),
}

impl Failure {
    pub(crate) fn reason(&self) -> DownReason {
        match self {
            Failure::NobodyListens => DownReason::Refused,
            Failure::Closed { .. } | Failure::Late => DownReason::Lost,
            Failure::Refused(Refused::Full(_) | Refused::ShuttingDown) => {
                DownReason::Trouble("the process there takes no more connections for now".into())
            }
            Failure::Refused(_) | Failure::Outsider(_) => DownReason::Stranger,
            Failure::Unreachable(error) => DownReason::Trouble(error.to_string().into()),
            Failure::Violation(violation) => DownReason::Trouble(violation.to_string().into()),
            Failure::Ended(text) => DownReason::Trouble((*text).into()),
            Failure::BadLocator(form) => DownReason::Trouble(format!("the place is not {form}").into()),
        }
    }
}

impl Shaking {
    pub(crate) fn connecting(local: Arc<Local>, nonce: [u8; 32]) -> Shaking {
        let mut out = Vec::new();
        let handshake = Handshake::connecting(local, nonce, &mut out);
        Shaking { handshake, out }
    }

    pub(crate) fn accepting(local: Arc<Local>, nonce: [u8; 32]) -> Shaking {
        Shaking { handshake: Handshake::accepting(local, nonce), out: Vec::new() }
    }

    /// Takes what has come.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Progress, Refused> {
        self.handshake.read(bytes, &mut self.out)
    }

    /// Puts into words that there is no connection, for whoever would understand.
    pub(crate) fn refuse(&mut self, reason: &Refused) {
        if self.handshake.is_under_way() {
            self.handshake.refuse(reason, &mut self.out);
        }
    }

    /// Writes what can be written. Whether that is all.
    pub(crate) fn write(&mut self, stream: &mut impl Write) -> io::Result<bool> {
        while !self.out.is_empty() {
            match stream.write(&self.out) {
                Ok(count) => drop(self.out.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// The words that are not written yet.
    pub(crate) fn into_unwritten(self) -> Vec<u8> {
        self.out
    }
}

impl<S: Sockets> Connection<S> {
    /// One that this side begins.
    pub(crate) fn begun(
        stream: S::Stream,
        peer: PeerId,
        place: Locator,
        shaking: Shaking,
        message_size: usize,
    ) -> Connection<S> {
        let stage = Stage::Connecting(Box::new(shaking));
        Connection { place: Some(place), ..Connection::new(stream, peer, stage, Outbox::new(), message_size) }
    }

    /// One that was accepted and is authenticated, with the words of the handshake that are not written yet.
    pub(crate) fn accepted(
        stream: S::Stream,
        peer: PeerId,
        unwritten: Vec<u8>,
        message_size: usize,
    ) -> Connection<S> {
        let outbox = Outbox::beginning_with(unwritten);
        Connection { is_writable: true, ..Connection::new(stream, peer, Stage::Up, outbox, message_size) }
    }

    fn new(
        stream: S::Stream,
        peer: PeerId,
        stage: Stage,
        outbox: Outbox,
        message_size: usize,
    ) -> Connection<S> {
        Connection {
            stream,
            peer,
            place: None,
            stage,
            outbox,
            inbox: Inbox::new(peer, message_size),
            partial: Vec::new(),
            is_leaving: false,
            is_shut: false,
            is_writable: false,
            is_read_closed: false,
            is_broken: false,
            is_listed_ready: false,
            is_listed_dirty: false,
            system: None,
            deadline: None,
            last_used: 0,
            is_kept: false,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.stage, Stage::Up)
    }

    /// Which system it leads to, if it is known.
    pub(crate) fn system(&self) -> Option<SystemId> {
        self.system
    }

    /// Whether the socket is connected, as far as has been looked.
    pub(crate) fn is_connected(&self) -> bool {
        !matches!(self.stage, Stage::Connecting(_))
    }

    /// Whether it could be closed without losing anything that is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_up()
            && !self.is_kept
            && !self.is_leaving
            && !self.is_listed_ready
            && self.outbox.is_empty()
            && self.partial.is_empty()
            && !self.inbox.is_amid()
    }

    /// Whether something waits to be written, or for the other side's close.
    pub(crate) fn has_unwritten(&self) -> bool {
        !self.is_broken && (self.is_leaving || !self.outbox.is_empty())
    }

    /// Whether there may be something to do for it once its socket takes more.
    pub(crate) fn has_to_write(&self) -> bool {
        !self.is_up() || self.is_leaving || !self.outbox.is_empty()
    }

    /// Whether everything it was to do is done.
    pub(crate) fn is_to_be_shut(&self) -> bool {
        self.is_leaving && !self.is_shut && self.is_up() && self.outbox.is_empty()
    }

    /// Whether the other side has begun to answer.
    pub(crate) fn has_heard(&self) -> bool {
        match &self.stage {
            Stage::Connecting(_) => false,
            Stage::Shaking(shaking) => shaking.handshake.has_heard(),
            Stage::Up => true,
        }
    }

    /// Says that no more will be written.
    pub(crate) fn shut(&mut self) {
        self.is_shut = true;
        if S::shut(&self.stream).is_err() {
            self.is_broken = true;
        }
    }

    /// What the system says of the socket.
    pub(crate) fn now_is(&mut self, writable: bool, read_closed: bool) {
        self.is_writable |= writable;
        self.is_read_closed |= read_closed;
    }

    /// Writes what can be written, and a share of that if it is much. Whether there is more that could be.
    ///
    /// What goes wrong comes out when it is read from: something may have come before.
    pub(crate) fn write(&mut self) -> bool {
        if !self.is_writable || self.is_broken {
            return false;
        }
        match &mut self.stage {
            Stage::Connecting(_) => return false,
            Stage::Shaking(shaking) => {
                match shaking.write(&mut self.stream) {
                    Ok(all) => self.is_writable = all,
                    Err(_) => self.is_broken = true,
                }
                if !shaking.handshake.is_proved() || !self.is_writable || self.is_broken {
                    return false;
                }
            }
            Stage::Up => {}
        }
        match self.outbox.write_to(&mut self.stream, WRITE_SHARE) {
            Ok(writable) => {
                self.is_writable = writable;
                writable && !self.outbox.is_empty()
            }
            Err(_) => {
                self.is_broken = true;
                false
            }
        }
    }

    /// Whether writing failed, so that there is nothing left but to read what came before.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Looks whether the socket is connected by now.
    fn connected(&mut self) -> Result<bool, Failure> {
        let is_connected = S::is_connected(&self.stream).map_err(unreachable)?;
        if is_connected {
            S::admit(&self.stream).map_err(Failure::Outsider)?;
            self.is_writable = true;
        }
        Ok(is_connected)
    }

    /// Reads once, and hands over what has come.
    pub(crate) fn read(
        &mut self,
        scratch: &mut [u8],
        happened: &mut Happened<'_>,
    ) -> Result<Reading, Failure> {
        if matches!(self.stage, Stage::Connecting(_)) {
            if !self.connected()? {
                return Ok(Reading::Drained);
            }
            if let Stage::Connecting(shaking) = std::mem::replace(&mut self.stage, Stage::Up) {
                self.stage = Stage::Shaking(shaking);
            }
            self.write();
        }
        let kept = self.partial.len();
        scratch[..kept].copy_from_slice(&self.partial);
        let offered = scratch.len() - kept;
        match self.stream.read(&mut scratch[kept..]) {
            Ok(0) => Err(Failure::Closed { heard: self.has_heard() }),
            Ok(count) => {
                self.take(&scratch[..kept + count], happened)?;
                // A socket that gives less than it could has no more, and tells of what comes later.
                Ok(match count < offered {
                    true if !self.is_read_closed && !self.is_broken => Reading::Drained,
                    true => Reading::More,
                    false => Reading::Full,
                })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // Nothing more can come of a socket that cannot be written to and has nothing to read.
                if self.is_broken { Err(Failure::Closed { heard: true }) } else { Ok(Reading::Drained) }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Reading::More),
            Err(_) => Err(Failure::Closed { heard: self.has_heard() }),
        }
    }

    fn take(&mut self, bytes: &[u8], happened: &mut Happened<'_>) -> Result<(), Failure> {
        let mut rest = bytes;
        if let Stage::Shaking(shaking) = &mut self.stage {
            let progress = shaking.read(bytes).map_err(Failure::Refused);
            // What it has to say is said whatever it is.
            self.write();
            let Progress::Done(taken, remote) = progress? else { return Ok(()) };
            self.stage = Stage::Up;
            self.system = Some(remote.system);
            self.is_kept |= remote.role == Role::Admin;
            rest = &bytes[taken..];
            if !self.is_leaving {
                happened(PortEvent::Up { peer: self.peer, role: remote.role });
            }
        }
        self.take_frames(rest, happened)
    }

    /// Takes what came behind the handshake.
    pub(crate) fn take_frames(&mut self, bytes: &[u8], happened: &mut Happened<'_>) -> Result<(), Failure> {
        let taken = if self.is_leaving {
            bytes.len()
        } else {
            self.inbox.take(bytes, happened).map_err(Failure::Violation)?
        };
        self.partial.clear();
        self.partial.extend_from_slice(&bytes[taken..]);
        if self.partial.is_empty() {
            self.partial = Vec::new();
        }
        Ok(())
    }
}

/// Why a socket could not be connected.
pub(crate) fn unreachable(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::NobodyListens,
        io::ErrorKind::ConnectionReset => Failure::Closed { heard: false },
        _ => Failure::Unreachable(error),
    }
}
