//! What comes: datagrams of sessions and of those who want one, and word of what did not arrive.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use log::warn;
use thespian_core::ActorAddress;
use thespian_core::transport::wire::Decoder;
use thespian_core::transport::{Happened, PeerId, PortEvent, Role};
use thespian_transport::handshake::Refused;

use super::{ALONE, COUNT_EVERY, SHARE, UdpPort, random, register};
use crate::datagram::{Item, SESSION, Seal, Sealed, UNKNOWN};
use crate::handshake::{self, Cookie, ERA_SECONDS, Hello, MAGIC, Nonce, Proof, Talk, Welcome, Word};
use crate::session::{Failure, HalfOpen, Session, Stage};
use crate::socket::{Sent, Socket};

impl UdpPort {
    /// Takes the datagrams that are there, or as many as the host's turn allows: one, where they come alone and not `all` are
    /// wanted. Whether there were any.
    pub(super) fn receive(&mut self, all: bool, happened: &mut Happened<'_>) -> bool {
        if self.has_word {
            self.take_undelivered(happened);
        }
        if !self.may_receive() {
            return false;
        }
        self.receives = self.receives.wrapping_add(1);
        let share = if self.come_alone && !all { 1 } else { SHARE };
        let mut taken = 0;
        if self.may_receive {
            (taken, self.may_receive) = self.take(None, share, happened);
            if !self.may_receive {
                self.is_empty();
            }
        }
        if self.lanes.may_receive() {
            taken += self.receive_by_lanes(share - taken, happened);
        }
        self.note_company(taken);
        taken > 0
    }

    /// Takes at most so many datagrams from a lane, or from the port's own socket. How many there were, and whether there may
    /// be more.
    #[inline]
    pub(super) fn take(
        &mut self,
        mut lane: Option<&mut Socket>,
        most: usize,
        happened: &mut Happened<'_>,
    ) -> (usize, bool) {
        let mut scratch = std::mem::take(&mut self.scratch);
        // The count of those that the system dropped comes with each, for a price.
        let mut counts = self.receives.is_multiple_of(COUNT_EVERY);
        let mut taken = 0;
        while taken < most {
            let socket = lane.as_deref_mut().unwrap_or(&mut self.socket);
            let received = match std::mem::take(&mut counts) {
                true => socket.receive_counted(&mut scratch).map(|(length, from, dropped)| {
                    self.note_overrun(dropped);
                    (length, from)
                }),
                false => socket.receive(&mut scratch),
            };
            match received {
                Ok((length, from)) => self.datagram(&scratch[..length], from, happened),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => break,
                    io::ErrorKind::Interrupted | io::ErrorKind::InvalidData => {}
                    // The next wait asks for it.
                    _ => self.has_word = true,
                },
            }
            taken += 1;
        }
        self.scratch = scratch;
        (taken, taken == most)
    }

    /// Notes whether datagrams come one at a time.
    #[inline]
    fn note_company(&mut self, taken: usize) {
        if !self.may_receive() {
            self.found_one = 0;
            self.come_alone = taken <= 1;
        } else if taken == 1 {
            self.found_one += 1;
            // More than one may be there each time, without anybody having looked.
            self.come_alone &= self.found_one < ALONE;
        }
    }

    #[inline]
    fn note_overrun(&mut self, dropped: u32) {
        if dropped > 0 {
            self.warn_of_overrun(dropped);
        }
    }

    #[cold]
    fn warn_of_overrun(&mut self, dropped: u32) {
        self.overrun += u64::from(dropped);
        if self.notices.is_due(Instant::now(), None) {
            warn!(
                target: "thespian",
                "{}: {} datagrams were dropped so far because the socket's buffer of {} bytes was full; the system allows a \
                 larger one by net.core.rmem_max",
                self.locator, self.overrun, self.socket.buffer
            );
        }
    }

    /// Ends the sessions with places where nobody is.
    #[cold]
    fn take_undelivered(&mut self, happened: &mut Happened<'_>) {
        self.has_word = false;
        while let Some(place) = self.socket.undelivered() {
            self.is_nobody_at(place, happened);
        }
        for place in self.undelivered_by_lanes() {
            self.is_nobody_at(place, happened);
        }
    }

    fn is_nobody_at(&mut self, place: SocketAddr, happened: &mut Happened<'_>) {
        for peer in self.by_remote.get(&place).cloned().unwrap_or_default() {
            let is_connecting = self.sessions.get(&peer.0).is_some_and(|session| !session.has_keys());
            let failure = if is_connecting { Failure::NobodyListens } else { Failure::Closed };
            self.end(peer, failure, happened);
        }
    }

    #[inline]
    fn datagram(&mut self, bytes: &[u8], from: SocketAddr, happened: &mut Happened<'_>) {
        match bytes.first() {
            Some(&SESSION) => self.of_session(bytes, from, happened),
            Some(&UNKNOWN) => self.is_unknown(&bytes[1..], from, happened),
            Some(_) if bytes.starts_with(&MAGIC) => self.word(bytes, from, happened),
            _ => self.foreign(from, happened),
        }
    }

    /// A datagram that is none of ours. It says something only if it comes from where a system is looked for.
    #[cold]
    fn foreign(&mut self, from: SocketAddr, happened: &mut Happened<'_>) {
        if let Some((awaited, None)) = &self.awaited
            && let Some(session) = self.sessions.get(&awaited.0)
            && session.remote == from
        {
            self.end(*awaited, Failure::Refused(Refused::Foreign), happened);
        }
    }

    /// The other side of a session has none.
    #[cold]
    fn is_unknown(&mut self, seal: &[u8], from: SocketAddr, happened: &mut Happened<'_>) {
        let Ok(seal) = Seal::try_from(seal) else { return };
        // Only whoever saw the datagram knows its seal.
        for peer in self.by_remote.get(&from).cloned().unwrap_or_default() {
            if self.sessions.get(&peer.0).is_some_and(|session| session.has_sealed(&seal)) {
                self.end(peer, Failure::Closed, happened);
            }
        }
    }

    #[inline]
    fn of_session(&mut self, bytes: &[u8], from: SocketAddr, happened: &mut Happened<'_>) {
        let Some(sealed) = Sealed::read(bytes) else { return };
        let Some(session) = self.sessions.get_mut(&sealed.session).filter(|session| session.has_keys())
        else {
            return self.say_unknown(&sealed.seal, from);
        };
        // It came before.
        if !session.window.may_take(sealed.counter) {
            return;
        }
        let Some(items) = sealed.open(&session.opens) else {
            return self.say_unknown(&sealed.seal, from);
        };
        let peer = session.peer;
        let is_newest = session.window.take(sealed.counter);
        session.is_heard = true;
        if is_newest && from != session.remote {
            self.moved(peer, from);
        }
        if self.sessions.get(&peer.0).is_some_and(|session| !matches!(session.stage, Stage::Up)) {
            self.confirmed(peer, happened);
        }
        let mut pair = None;
        for (item, bytes) in items {
            self.item(peer, item, bytes, &mut pair, happened);
        }
    }

    /// The other side sends from another place now.
    #[cold]
    fn moved(&mut self, peer: PeerId, to: SocketAddr) {
        let Some(session) = self.sessions.get_mut(&peer.0) else { return };
        let from = std::mem::replace(&mut session.remote, to);
        self.by_remote.entry(to).or_default().push(peer);
        self.forget_remote(from, peer);
        self.close_lane(peer);
    }

    /// The other side has shown that it has the keys of the session.
    #[cold]
    fn confirmed(&mut self, peer: PeerId, happened: &mut Happened<'_>) {
        let Some(session) = self.sessions.get_mut(&peer.0) else { return };
        session.confirm();
        if let Stage::HalfOpen(half_open) = &session.stage {
            let role = half_open.role;
            session.stage = Stage::Up;
            session.until = None;
            session.watch_over(self.local.role, role, Instant::now());
            self.half_open -= 1;
            happened(PortEvent::Up { peer, role });
        }
        self.list_deadline(peer);
    }

    #[inline]
    fn item(
        &mut self,
        peer: PeerId,
        item: Item,
        bytes: &[u8],
        pair: &mut Option<(ActorAddress, ActorAddress)>,
        happened: &mut Happened<'_>,
    ) {
        let Some(session) = self.sessions.get_mut(&peer.0) else { return };
        let is_wanted = !session.is_leaving;
        match item {
            Item::Frame if is_wanted => {
                *pair = None;
                if let Ok((from, to, frame)) = self.decoder.frame(bytes) {
                    *pair = Some((from, to));
                    happened(PortEvent::Frame { peer, from, to, frame });
                }
            }
            Item::NextFrame if is_wanted => {
                if let (Some((from, to)), Ok((_, _, frame))) = (*pair, self.decoder.frame(bytes)) {
                    happened(PortEvent::Frame { peer, from, to, frame });
                }
            }
            Item::Nobody if is_wanted => {
                let mut rest = bytes;
                let mut address = || Decoder::plain().address(&mut rest);
                if let (Ok(address), Ok(sender)) = (address(), address()) {
                    happened(PortEvent::Nobody { peer, address, sender });
                }
            }
            Item::Control => {
                session.owes_taken = true;
                let heard = session.heard.take(bytes, |bytes| {
                    if is_wanted {
                        happened(PortEvent::Control { peer, bytes });
                    }
                });
                match heard {
                    Ok(()) => self.list_dirty(peer),
                    Err(_) => self.end(peer, Failure::TooLong, happened),
                }
            }
            Item::ControlTaken => {
                session.taken(bytes);
                self.list_dirty(peer);
            }
            Item::Question => {
                session.put(&mut self.socket, Item::Answer, |_| {});
                self.list_dirty(peer);
            }
            Item::Bye => {
                session.put(&mut self.socket, Item::ByeTaken, |_| {});
                session.flush(&mut self.socket, Instant::now);
                self.end(peer, Failure::Closed, happened);
            }
            Item::ByeTaken if !is_wanted => self.end(peer, Failure::Closed, happened),
            Item::Frame | Item::NextFrame | Item::Nobody | Item::Answer | Item::ByeTaken => {}
        }
    }

    // -- handshakes --------------------------------------------------------------------------------------------

    #[cold]
    fn word(&mut self, bytes: &[u8], from: SocketAddr, happened: &mut Happened<'_>) {
        match handshake::read(bytes) {
            Ok(Word::Hello { hello, said, proof }) => self.hello(&hello, said, proof, from),
            Ok(Word::Cookie { nonce, cookie }) => self.cookie(&nonce, cookie, from),
            Ok(Word::Welcome { nonce, welcome, said, proof }) => {
                self.welcome(&nonce, &welcome, said, &proof, from, happened);
            }
            Ok(Word::Refusal { nonce, reason }) => {
                if let Some(peer) = self.connecting(&nonce, from) {
                    self.end(peer, Failure::Refused(reason), happened);
                }
            }
            Err(reason @ Refused::OtherVersion(..)) => {
                if let Some(nonce) = handshake::nonce_of_hello(bytes) {
                    self.refuse(&nonce, &reason, from);
                } else {
                    self.foreign_version(reason, from, happened);
                }
            }
            Err(_) => self.foreign(from, happened),
        }
    }

    fn foreign_version(&mut self, reason: Refused, from: SocketAddr, happened: &mut Happened<'_>) {
        if let Some((awaited, None)) = &self.awaited
            && self.sessions.get(&awaited.0).is_some_and(|session| session.remote == from)
        {
            self.end(*awaited, Failure::Refused(reason), happened);
        }
    }

    fn refuse(&mut self, nonce: &Nonce, reason: &Refused, to: SocketAddr) {
        self.note_stranger(to.ip(), reason);
        let word = handshake::refusal_word(nonce, &self.local, reason);
        let sent = self.socket.send(&word, to);
        self.look_after(&sent);
    }

    fn era(&self) -> u64 {
        self.began.elapsed().as_secs() / ERA_SECONDS
    }

    /// Somebody wants a session.
    fn hello(&mut self, hello: &Hello, said: &[u8], proof: Option<(Cookie, Proof)>, from: SocketAddr) {
        if !self.takes_sessions {
            return;
        }
        let nonce = &hello.nonce;
        if let Err(reason) = handshake::check(&self.local, hello)
            && reason != Refused::OtherSystem
        {
            return self.refuse(nonce, &reason, from);
        }
        let era = self.era();
        let brought =
            proof.filter(|(cookie, _)| handshake::is_cookie(&self.cookies, era, from, nonce, cookie));
        let Some((cookie, proof)) = brought else {
            let cookie = handshake::cookie(&self.cookies, era, from, nonce);
            let sent = self.socket.send(&handshake::cookie_word(nonce, &cookie), from);
            return self.look_after(&sent);
        };
        // It may not have heard the answer.
        if let Some(word) = self.answer_to(nonce, from) {
            let sent = self.socket.send(&word, from);
            return self.look_after(&sent);
        }
        match self.accept(hello, said, &cookie, &proof, from) {
            Ok(word) => {
                let sent = self.socket.send(&word, from);
                self.look_after(&sent);
            }
            Err(reason) => self.refuse(nonce, &reason, from),
        }
    }

    /// What was said to a HELLO that has come before.
    fn answer_to(&self, nonce: &Nonce, from: SocketAddr) -> Option<Vec<u8>> {
        self.by_remote.get(&from)?.iter().find_map(|peer| match &self.sessions.get(&peer.0)?.stage {
            Stage::HalfOpen(half_open) if half_open.nonce == *nonce => Some(half_open.word.clone()),
            _ => None,
        })
    }

    fn accept(
        &mut self,
        hello: &Hello,
        said: &[u8],
        cookie: &Cookie,
        proof: &Proof,
        from: SocketAddr,
    ) -> Result<Vec<u8>, Refused> {
        if !handshake::has_secret(&self.local.secret, said, cookie, proof) {
            return Err(Refused::WrongSecret);
        }
        handshake::check(&self.local, hello)?;
        if self.is_closing && hello.role == Role::Client {
            return Err(Refused::ShuttingDown);
        }
        if self.sessions.len() >= self.most || self.half_open >= self.limits.strangers.max(HALF_OPEN) {
            return Err(Refused::Full("its sessions".into()));
        }
        let no_bits = || Refused::Full("the random bits of its operating system".into());
        let peer = self.new_peer();
        let ours = random().ok_or_else(no_bits)?;
        let welcome = handshake::welcome(&self.local, ours, peer.0).ok_or(Refused::Foreign)?;
        let talk = Talk { secret: &self.local.secret, hello: said, cookie, welcome: &welcome };
        let word = handshake::welcome_word(&hello.nonce, &talk);
        let (opens, seals) = talk.keys();
        let half_open = HalfOpen { nonce: hello.nonce, word: word.clone(), role: hello.role };
        let mut session = Session::new(peer, from, Stage::HalfOpen(Box::new(half_open)));
        session.begin(hello.session, seals, opens);
        session.system = self.local.system;
        session.until = Some(Instant::now() + self.limits.handshake);
        self.half_open += 1;
        self.add(session);
        Ok(word)
    }

    /// The session that was begun with these random bytes, and is not up.
    fn connecting(&self, nonce: &Nonce, from: SocketAddr) -> Option<PeerId> {
        let there = self.by_remote.get(&from)?.iter();
        there.copied().find(|peer| match self.sessions.get(&peer.0).map(|session| &session.stage) {
            Some(Stage::Connecting(connecting)) => connecting.nonce == *nonce,
            _ => false,
        })
    }

    fn cookie(&mut self, nonce: &Nonce, cookie: Cookie, from: SocketAddr) {
        let Some(peer) = self.connecting(nonce, from) else { return };
        let Some(session) = self.sessions.get_mut(&peer.0) else { return };
        let Stage::Connecting(connecting) = &mut session.stage else { return };
        let now = Instant::now();
        if connecting.cookie.is_none() {
            // Somebody is there, and has not as long as before.
            let until = now + self.limits.handshake;
            session.until = Some(session.until.map_or(until, |before| before.min(until)));
        }
        connecting.cookie = Some(cookie);
        connecting.word = handshake::hello_word(nonce, &connecting.said, Some((&cookie, &self.local.secret)));
        let sent = self.socket.send(&connecting.word, from);
        session.begin_repeating(now);
        self.look_after(&sent);
        self.list_deadline(peer);
    }

    fn welcome(
        &mut self,
        nonce: &Nonce,
        welcome: &Welcome,
        said: &[u8],
        proof: &Proof,
        from: SocketAddr,
        happened: &mut Happened<'_>,
    ) {
        let Some(peer) = self.connecting(nonce, from) else { return };
        let Some(session) = self.sessions.get_mut(&peer.0) else { return };
        let Stage::Connecting(connecting) = &session.stage else { return };
        let Some(cookie) = &connecting.cookie else { return };
        let talk = Talk { secret: &self.local.secret, hello: &connecting.said, cookie, welcome: said };
        if !talk.is_proved_by(proof) {
            return self.end(peer, Failure::Refused(Refused::WrongSecret), happened);
        }
        if self.local.system.is_some_and(|system| system != welcome.system) {
            return self.end(peer, Failure::Refused(Refused::OtherSystem), happened);
        }
        let (seals, opens) = talk.keys();
        let now = Instant::now();
        session.begin(welcome.session, seals, opens);
        session.stage = Stage::Unconfirmed;
        session.system = Some(welcome.system);
        if !session.is_leaving {
            session.until = None;
        }
        session.become_up();
        session.watch_over(self.local.role, welcome.role, now);
        session.send_early(&mut self.socket);
        if !session.is_leaving {
            happened(PortEvent::Up { peer, role: welcome.role });
        }
        self.list_dirty(peer);
        self.list_deadline(peer);
    }

    // -- the place ---------------------------------------------------------------------------------------------

    /// Leaves the place to others. The sessions go on from another one, of which their other sides learn by what they are
    /// sent from there.
    pub(super) fn move_away(&mut self) {
        let mut queued = std::mem::take(&mut self.queued);
        self.may_receive = true;
        self.receive(true, &mut |event| queued.push_back(event.to_event()));
        self.queued = queued;
        self.send_dirty();
        self.close_lanes();
        let moved = self.socket.elsewhere().and_then(|mut socket| {
            register(&self.poll, &mut socket)?;
            Ok(socket)
        });
        match moved {
            Ok(socket) => {
                self.socket = socket;
                self.listens_for_room = false;
            }
            // The place stays taken until the process ends.
            Err(error) => warn!(target: "thespian", "{} cannot leave its place: {error}", self.locator),
        }
        let up = self.sessions.values().filter(|session| matches!(session.stage, Stage::Up));
        let mut peers: Vec<PeerId> = up.map(|session| session.peer).collect();
        peers.sort_unstable();
        for peer in peers {
            if let Some(session) = self.sessions.get_mut(&peer.0) {
                let sent = session.put(&mut self.socket, Item::Question, |_| {});
                debug_assert!(matches!(sent, Sent::Yes), "it is small");
            }
            self.list_dirty(peer);
        }
        self.send_dirty();
    }
}

/// How many sessions may be half open, at least: all processes of a system may begin at once.
const HALF_OPEN: usize = 4096;
