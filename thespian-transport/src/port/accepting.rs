//! Accepting connections, hearing what strangers say, and finding descriptors for those who belong here.

use std::io;
use std::time::{Duration, Instant};

use log::warn;
use mio::{Interest as Readiness, Token};
use thespian_core::transport::{Happened, PeerId, PortEvent, Role};

use super::{PEER, STRANGER, StreamPort, TOO_FEW, TOO_MANY, is_shortage, nonce};
use crate::connection::{Connection, Failure, Shaking};
use crate::handshake::{Refused, Remote};
use crate::limits::PortLimits;
use crate::sockets::Sockets;
use crate::strangers::Step;

/// How many connections are accepted before those that were are heard.
const ACCEPTED_AT_ONCE: usize = 64;

/// How long accepting rests when there are no descriptors, if none is given back before.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

impl<S: Sockets> StreamPort<S> {
    /// Closes the connection that was not used for longest, of those with nothing under way. Whether there was one.
    pub(super) fn free_a_descriptor(&mut self) -> bool {
        let mut idle: Vec<(u64, PeerId)> = self
            .peers
            .values()
            .filter(|connection| connection.is_idle())
            .map(|connection| (connection.last_used, connection.peer))
            .collect();
        idle.sort_unstable();
        let mut queued = std::mem::take(&mut self.queued);
        let freed = idle
            .into_iter()
            .any(|(_, peer)| self.close_if_idle(peer, &mut |event| queued.push_back(event.to_event())));
        self.queued = queued;
        freed
    }

    /// Sees to it that connections go that are without use, if there are more than a few.
    pub(super) fn watch_idle(&mut self) {
        if self.idle_at.is_none() && self.peers.len() >= PortLimits::FEW {
            self.idle_at = Some((Instant::now() + self.limits.idle, self.calls));
        }
    }

    /// Closes connections that were not used since this was last looked at, but for a few.
    pub(super) fn close_idle(&mut self, now: Instant, happened: &mut Happened<'_>) {
        let Some((_, mark)) = self.idle_at.take_if(|(at, _)| *at <= now) else { return };
        let unused = |connection: &&Connection<S>| connection.is_idle() && connection.last_used <= mark;
        let mut idle: Vec<(u64, PeerId)> = self
            .peers
            .values()
            .filter(unused)
            .map(|connection| (connection.last_used, connection.peer))
            .collect();
        idle.sort_unstable();
        let many = self.peers.len().saturating_sub(PortLimits::FEW);
        for (_, peer) in idle.into_iter().take(many) {
            self.close_if_idle(peer, happened);
        }
        // Those that are in use may not be so later; those that are kept are always.
        if self.peers.values().filter(|connection| !connection.is_kept).count() > PortLimits::FEW {
            self.watch_idle();
        }
    }

    /// Closes a connection unless something has come by it. Whether it is there no more.
    fn close_if_idle(&mut self, peer: PeerId, happened: &mut Happened<'_>) -> bool {
        // What has come and was not read yet would be lost.
        let mut has_spoken = false;
        self.read(peer, &mut |event| {
            has_spoken = true;
            happened(event);
        });
        let is_idle = self.peers.get(&peer.0).is_some_and(Connection::is_idle);
        if !has_spoken && is_idle {
            let failure = Failure::Ended("it was idle, and its descriptor was needed");
            self.end(peer, failure, happened);
        }
        !self.peers.contains_key(&peer.0)
    }

    pub(super) fn accept(&mut self, now: Instant) {
        for _ in 0..ACCEPTED_AT_ONCE {
            if !self.may_accept || self.accept_at.is_some_and(|at| now < at) {
                return;
            }
            self.accept_at = None;
            // Nobody is sent away before there is somebody to make room for; but if nobody could be, that one waits.
            let is_full = self.peers.len() + self.strangers.len() >= self.connections;
            if is_full && !self.strangers.can_evict(now) && !self.peers.values().any(Connection::is_idle) {
                return self.rest(now, TOO_MANY);
            }
            let Some(listener) = &self.listener else { return };
            match S::accept(listener) {
                Ok((stream, from)) => {
                    self.make_room(now);
                    self.take_stranger(now, stream, from);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.may_accept = false,
                Err(error) if is_shortage(&error) => {
                    if !self.free_for_stranger(now) {
                        self.rest(now, TOO_FEW);
                    }
                }
                // The connection that was to be accepted is gone already.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.rest(now, &error.to_string()),
            }
        }
    }

    /// Makes room for one who has been accepted. If nobody can go, no more are accepted for a while.
    fn make_room(&mut self, now: Instant) {
        match self.strangers.make_room(now) {
            Err(at) => self.accept_at = Some(at),
            Ok(Some(gone)) => self.note_stranger(now, gone, "others came before it had shown what it is"),
            Ok(None) => {}
        }
        if self.peers.len() + self.strangers.len() >= self.connections && !self.free_for_stranger(now) {
            self.rest(now, TOO_MANY);
        }
    }

    /// Frees a descriptor for somebody who may be anybody: another such goes first.
    fn free_for_stranger(&mut self, now: Instant) -> bool {
        match self.strangers.evict(now) {
            Ok(Some(gone)) => {
                self.note_stranger(now, gone, "its descriptor was needed");
                true
            }
            Ok(None) => self.free_a_descriptor(),
            Err(_) => false,
        }
    }

    fn take_stranger(&mut self, now: Instant, mut stream: S::Stream, from: S::Origin) {
        if let Err(who) = S::admit(&stream) {
            return self.note_stranger(now, from, &format!("it is {who}, which may not join"));
        }
        let token = STRANGER | self.strangers.next_number() as usize;
        let Some(nonce) = nonce() else { return };
        if self.register(&mut stream, token).is_ok() {
            let shaking = Shaking::accepting(self.local.clone(), nonce);
            self.strangers.add(now, stream, from, shaking);
        }
    }

    /// Accepts nothing for a while.
    fn rest(&mut self, now: Instant, why: &str) {
        self.accept_at = Some(now + ACCEPT_AGAIN);
        if self.notices.is_due(now, None) {
            warn!(target: "thespian", "{} accepts no connections for now: {why}", self.locator);
        }
    }

    pub(super) fn hear(&mut self, now: Instant, number: u64, happened: &mut Happened<'_>) {
        match self.strangers.read(number, self.scratch.room(), self.is_closing) {
            Step::Waits => {}
            Step::Known(stranger, remote, rest) => {
                let stranger = *stranger;
                let unwritten = stranger.shaking.into_unwritten();
                self.welcome(stranger.stream, remote, unwritten, &rest, happened);
            }
            Step::Gone(from, why) => {
                self.accept_at = None;
                let why = why.map_or("it left during the handshake".into(), |why| said(&why));
                self.note_stranger(now, from, &why);
            }
        }
    }

    fn welcome(
        &mut self,
        mut stream: S::Stream,
        remote: Remote,
        unwritten: Vec<u8>,
        rest: &[u8],
        happened: &mut Happened<'_>,
    ) {
        self.accept_at = None;
        let peer = self.new_peer();
        let both = Readiness::READABLE | Readiness::WRITABLE;
        // Tells again that it is readable if it is.
        if self.poll.registry().reregister(&mut stream, Token(PEER | peer.0 as usize), both).is_err() {
            return;
        }
        let mut connection = Connection::accepted(stream, peer, unwritten, self.message_size);
        self.calls += 1;
        connection.last_used = self.calls;
        connection.is_kept = [self.local.role, remote.role].contains(&Role::Admin);
        self.watch_idle();
        happened(PortEvent::Up { peer, role: remote.role });
        let outcome = connection.take_frames(rest, happened);
        self.peers.insert(peer.0, connection);
        match outcome {
            Ok(()) => self.list_dirty(peer),
            Err(failure) => self.end(peer, failure, happened),
        }
    }

    pub(super) fn note_stranger(&mut self, now: Instant, from: S::Origin, why: &str) {
        if self.notices.is_due(now, Some(from.clone())) {
            warn!(target: "thespian", "a connection from {from} to {} was refused: {why}", self.locator);
        }
    }
}

/// Why a stranger was refused, for the log.
fn said(why: &Refused) -> String {
    match why {
        Refused::Foreign => "what it says is not our protocol".into(),
        Refused::OtherVersion(oldest, newest) => {
            format!("it speaks versions {oldest} to {newest} of the protocol")
        }
        Refused::OtherBase(base) => format!("it belongs to a {base}"),
        Refused::OtherSystem => "it belongs to another system".into(),
        Refused::WrongSecret => "it has another secret".into(),
        Refused::ShuttingDown => "the system is shutting down".into(),
        Refused::Full(limit) => limit.clone(),
    }
}
