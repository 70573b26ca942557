//! The port: one socket, the sessions of a process, and the loop that waits for them.
//!
//! The system tells of the socket only when something has come since it was last told, so the port reads until there is
//! nothing more, though no more than a few hundred datagrams before the host gets its turn; sessions that have something
//! to say are in a list until the host flushes or waits.
//!
//! Where datagrams come one at a time, each an answer to the last, the host gets each at once, and only when it waits again
//! the port looks for another, before it asks the system to wake it: often the answer is there by then.

mod arriving;
mod lanes;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use log::warn;
use mio::{Events, Interest as Readiness, Poll, Token};
use thespian_core::engine::link::{Carrier, FrameRef};
use thespian_core::transport::wire::{Decoder, Encoder};
use thespian_core::transport::{Happened, Interest, Locator, NotOpen, PeerId, Port, PortEvent};
use thespian_core::{ActorAddress, SystemId};
use thespian_transport::PortLimits;
use thespian_transport::handshake::{Local, Refused};
use thespian_transport::notices::Notices;
use thespian_transport::secret::Secret;
use thespian_transport::timer::{Due, Timer};
use thespian_transport::watch::{WATCHED, Watches};

use self::lanes::{LANE, Lanes};
use crate::datagram::{Item, LARGEST, Seal, unknown};
use crate::handshake;
use crate::session::{Connecting, Failure, Session, Stage};
use crate::socket::{Sent, Socket};

/// How many sessions a port has at once, unless it is told otherwise.
const SESSIONS: usize = 1 << 16;

/// How many events of the system are taken at once.
const EVENTS: usize = 256;

/// How many datagrams are taken before the host gets its turn.
const SHARE: usize = 512;

/// How many turns in a row may find a datagram each before all that are there are taken in one.
const ALONE: u32 = 8;

/// How often in a row the host gets datagrams before the port looks for what else has happened.
const UNASKED: u32 = 16;

/// In how many turns the system is asked once how many datagrams it has dropped.
const COUNT_EVERY: u32 = 16;

/// How often whoever has a session that is not there is told so, in datagrams for each [`ALLOWANCE`].
const ANSWERS: u32 = 256;
const ALLOWANCE: Duration = Duration::from_millis(100);

const TOO_MANY: &str = "there are as many sessions as there may be (PortLimits::connections)";
const NO_BITS: &str = "the operating system gives no random bits";

const WAKER: Token = Token(0);
const SOCKET: Token = Token(1);
const TIMER: Token = Token(2);

/// The sessions of a process, and its socket.
pub(crate) struct UdpPort {
    poll: Poll,
    events: Events,
    waker: Waker,
    timer: Timer,
    socket: Socket,
    locator: Locator,
    local: Arc<Local>,
    limits: PortLimits,
    /// How many sessions there may be.
    most: usize,
    cookies: Secret,
    /// Eras of cookies count from here.
    began: Instant,
    sessions: HashMap<u32, Session, BuildHasherDefault<ById>>,
    next: u32,
    by_remote: HashMap<SocketAddr, Vec<PeerId>>,
    /// The sessions that this side made.
    made: HashMap<Locator, PeerId>,
    /// How many there are of which the host does not know yet.
    half_open: usize,
    dirty: Vec<PeerId>,
    deadlines: BTreeSet<(Instant, PeerId)>,
    watches: Watches,
    /// What has happened and was not told yet.
    queued: VecDeque<PortEvent>,
    scratch: Box<[u8]>,
    /// Datagrams stand for themselves, but names mostly are those that came last.
    decoder: Decoder,
    /// Whether the socket may have something to read.
    may_receive: bool,
    lanes: Lanes,
    /// Whether datagrams come one at a time, as far as is known, and how many turns in a row found one.
    come_alone: bool,
    found_one: u32,
    /// How often in a row the system was not asked what has happened.
    unasked: u32,
    /// Whether the system may have word of something that did not arrive.
    has_word: bool,
    listens_for_room: bool,
    notices: Notices<IpAddr>,
    /// How often datagrams were looked for.
    receives: u32,
    /// How many datagrams were dropped because the socket's buffer was full.
    overrun: u64,
    /// How often somebody may still be told that there is no such session, and until when.
    answers: (u32, Instant),
    is_closing: bool,
    takes_sessions: bool,
    /// The session that somebody waits for, and what became of it.
    awaited: Option<(PeerId, Option<Failure>)>,
}

/// Hashes a number that counts.
#[derive(Default)]
struct ById(u64);

impl Hasher for ById {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        // The map looks at the lowest bits and at the highest.
        self.0 = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

/// Ends the wait of a port.
struct PortWaker(mio::Waker);

impl Wake for PortWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Fails only without memory in the kernel, and there is nobody to tell.
        let _ = self.0.wake();
    }
}

impl UdpPort {
    /// A port with this socket, which others reach at `locator`.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub(crate) fn new(
        mut socket: Socket,
        locator: Locator,
        local: Local,
        limits: PortLimits,
    ) -> io::Result<UdpPort> {
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKER)?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        register(&poll, &mut socket)?;
        let cookies = Secret::random().map_err(io::Error::other)?;
        let began = Instant::now();
        Ok(UdpPort {
            poll,
            events: Events::with_capacity(EVENTS),
            waker: Waker::from(Arc::new(PortWaker(waker))),
            timer,
            socket,
            locator,
            local: Arc::new(local),
            most: limits.connections.unwrap_or(SESSIONS),
            limits,
            cookies,
            began,
            sessions: HashMap::default(),
            next: 0,
            by_remote: HashMap::new(),
            made: HashMap::new(),
            half_open: 0,
            dirty: Vec::new(),
            deadlines: BTreeSet::new(),
            watches: Watches::default(),
            queued: VecDeque::new(),
            // One byte more than there can be, so that a longer datagram is not taken for a whole one.
            scratch: vec![0; LARGEST + 21].into_boxed_slice(),
            decoder: Decoder::plain(),
            may_receive: false,
            lanes: Lanes::default(),
            come_alone: true,
            found_one: 0,
            unasked: 0,
            has_word: false,
            listens_for_room: false,
            notices: Notices::default(),
            receives: 0,
            overrun: 0,
            answers: (ANSWERS, began),
            is_closing: false,
            takes_sessions: true,
            awaited: None,
        })
    }

    /// Makes a session with a place and waits until it is up, of which nothing is told. Which it is, and to which system it
    /// leads.
    ///
    /// What else happens meanwhile is told by the next wait.
    ///
    /// # Errors
    ///
    /// There is no session, after `limit` at the latest.
    pub(crate) fn connect_now(
        &mut self,
        to: &Locator,
        limit: Duration,
    ) -> Result<(PeerId, SystemId), Failure> {
        let end = Instant::now() + limit;
        let peer = self.new_peer();
        self.begin(peer, to)?;
        self.awaited = Some((peer, None));
        let mut happened = VecDeque::new();
        let outcome = loop {
            let left = end.saturating_duration_since(Instant::now());
            self.wait(Some(left), &mut |event| happened.push_back(event.to_event()));
            if let Some((_, Some(failure))) = self.awaited.take_if(|(_, failure)| failure.is_some()) {
                break Err(failure);
            }
            let Some(session) = self.sessions.get(&peer.0) else { break Err(Failure::Closed) };
            if let Some(system) = session.system {
                break Ok((peer, system));
            }
            if left.is_zero() {
                break Err(Failure::Late);
            }
        };
        self.awaited = None;
        happened.retain(|event| match event {
            PortEvent::Up { peer: up, .. } | PortEvent::Down { peer: up, .. } => *up != peer,
            _ => true,
        });
        happened.extend(self.queued.drain(..));
        self.queued = happened;
        outcome
    }

    /// From now on the port belongs to this system.
    pub(crate) fn join(&mut self, system: SystemId) {
        self.local = Arc::new(Local { system: Some(system), ..(*self.local).clone() });
    }

    fn new_peer(&mut self) -> PeerId {
        let peer = PeerId(self.next);
        self.next = self.next.wrapping_add(1);
        peer
    }

    fn begin(&mut self, peer: PeerId, to: &Locator) -> Result<(), Failure> {
        let remote: SocketAddr = to.as_str().parse().map_err(|_| Failure::BadLocator)?;
        if self.sessions.len() >= self.most {
            return Err(Failure::Ended(TOO_MANY));
        }
        let nonce = random().ok_or(Failure::Ended(NO_BITS))?;
        let said = handshake::hello(&self.local, nonce, peer.0);
        let word = handshake::hello_word(&nonce, &said, None);
        let sent = self.socket.send(&word, remote);
        self.look_after(&sent);
        if let Sent::Failed(error) = sent {
            return Err(Failure::Unreachable(error));
        }
        let stage = Stage::Connecting(Box::new(Connecting { said, nonce, cookie: None, word }));
        let mut session = Session::new(peer, remote, stage);
        let now = Instant::now();
        session.place = Some(to.clone());
        session.until = Some(now + self.limits.answer);
        session.begin_repeating(now);
        self.add(session);
        self.made.insert(to.clone(), peer);
        Ok(())
    }

    fn add(&mut self, session: Session) {
        let peer = session.peer;
        self.by_remote.entry(session.remote).or_default().push(peer);
        self.sessions.insert(peer.0, session);
        self.list_deadline(peer);
    }

    /// A session is no more.
    fn end(&mut self, peer: PeerId, failure: Failure, happened: &mut Happened<'_>) {
        if let Some(mut session) = self.sessions.remove(&peer.0) {
            self.forget_lane(peer, session.lane.take());
            if let Some(at) = session.listed {
                self.deadlines.remove(&(at, peer));
            }
            self.forget_remote(session.remote, peer);
            self.forget_place(session.place.as_ref(), peer);
            if !session.is_known() {
                self.half_open -= 1;
            } else if !session.is_leaving {
                happened(PortEvent::Down { peer, reason: failure.reason() });
            }
        }
        if let Some((awaited, outcome)) = &mut self.awaited
            && *awaited == peer
        {
            *outcome = Some(failure);
        }
    }

    fn forget_remote(&mut self, remote: SocketAddr, peer: PeerId) {
        if let Some(there) = self.by_remote.get_mut(&remote) {
            there.retain(|other| *other != peer);
            if there.is_empty() {
                self.by_remote.remove(&remote);
            }
        }
    }

    fn forget_place(&mut self, place: Option<&Locator>, peer: PeerId) {
        if let Some(place) = place
            && self.made.get(place) == Some(&peer)
        {
            self.made.remove(place);
        }
    }

    /// Notes when a session wants to be looked at.
    fn list_deadline(&mut self, peer: PeerId) {
        let Some(session) = self.sessions.get_mut(&peer.0) else { return };
        let due = session.due();
        if due == session.listed {
            return;
        }
        if let Some(before) = std::mem::replace(&mut session.listed, due) {
            self.deadlines.remove(&(before, peer));
        }
        if let Some(due) = due {
            self.deadlines.insert((due, peer));
        }
    }

    fn list_dirty(&mut self, peer: PeerId) {
        if let Some(session) = self.sessions.get_mut(&peer.0)
            && !session.is_listed_dirty
        {
            session.is_listed_dirty = true;
            self.dirty.push(peer);
        }
    }

    /// Puts something into the next datagram of a session, if the host has not ended it.
    #[inline]
    fn put(&mut self, peer: PeerId, put: impl FnOnce(&mut Session, &mut Socket) -> Sent) {
        let Some(session) = self.sessions.get_mut(&peer.0).filter(|session| !session.is_leaving) else {
            return;
        };
        let sent = put(session, &mut self.socket);
        if !session.is_listed_dirty {
            session.is_listed_dirty = true;
            self.dirty.push(peer);
        }
        if !matches!(sent, Sent::Yes) {
            self.not_sent(peer, &sent);
        }
    }

    /// Something could not be sent as it should.
    #[cold]
    fn not_sent(&mut self, peer: PeerId, sent: &Sent) {
        self.look_after(sent);
        if matches!(sent, Sent::Failed(_) | Sent::Dropped)
            && let Some(session) = self.sessions.get(&peer.0)
            && self.notices.is_due(Instant::now(), Some(session.remote.ip()))
        {
            session.warn_of_loss(&self.locator, sent);
        }
    }

    fn look_after(&mut self, sent: &Sent) {
        // The next wait asks what it was that did not arrive: there may be a session to end.
        self.has_word |= matches!(sent, Sent::Undelivered);
    }

    /// Sends what sessions have put together.
    fn send_dirty(&mut self) {
        if self.socket.has_unsent() {
            self.socket.send_unsent();
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        for peer in dirty.drain(..) {
            let Some(session) = self.sessions.get_mut(&peer.0) else { continue };
            session.is_listed_dirty = false;
            let sent = session.flush(&mut self.socket, Instant::now);
            let wants_lane = session.wants_lane();
            if !matches!(sent, Sent::Yes) {
                self.not_sent(peer, &sent);
            }
            self.list_deadline(peer);
            if wants_lane {
                self.want_lane(peer);
            }
        }
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
        self.listen_for_room();
    }

    /// Has the system tell when the socket takes more, while something waits for that. At other times it would wake the
    /// process after each datagram that is on its way.
    #[inline]
    fn listen_for_room(&mut self) {
        if self.socket.has_unsent() != self.listens_for_room {
            self.listens_for_room = !self.listens_for_room;
            let both = Readiness::READABLE | Readiness::WRITABLE;
            let interest = if self.listens_for_room { both } else { Readiness::READABLE };
            // It is registered already, so this takes nothing that could be lacking.
            let _ = self.poll.registry().reregister(&mut self.socket.udp, SOCKET, interest);
        }
    }

    /// Says that there is no session for the datagram with this seal; not so often that somebody could use it.
    fn say_unknown(&mut self, seal: &Seal, to: SocketAddr) {
        let (left, until) = &mut self.answers;
        if *left == 0 {
            let now = Instant::now();
            if now < *until {
                return;
            }
            (*left, *until) = (ANSWERS, now + ALLOWANCE);
        }
        *left -= 1;
        let sent = self.socket.send(&unknown(seal), to);
        self.look_after(&sent);
    }

    /// Waits for what the system has to tell of, at most so long, and takes it.
    fn ask_system(&mut self, timeout: Option<Duration>, happened: &mut Happened<'_>) {
        let due = self.due(timeout);
        if let Err(error) = self.timer.wait(&mut self.poll, &mut self.events, due)
            && error.kind() != io::ErrorKind::Interrupted
            && self.notices.is_due(Instant::now(), None)
        {
            warn!(target: "thespian", "{} cannot wait for datagrams: {error}", self.locator);
        }
        self.take_events(happened);
        // Who does not wait wants all that is there.
        self.receive(timeout.is_some_and(|timeout| timeout.is_zero()), happened);
    }

    /// Whether something may be there to read.
    #[inline]
    fn may_receive(&self) -> bool {
        self.may_receive || self.lanes.may_receive()
    }

    /// Until when there is nothing to do, unless something happens.
    fn due(&self, timeout: Option<Duration>) -> Due {
        if self.may_receive() || self.has_word || !self.dirty.is_empty() || self.watches.has_ready() {
            return Due::Now;
        }
        Due::after(timeout).or_at(self.deadlines.first().map(|(next, _)| *next))
    }

    fn take_events(&mut self, happened: &mut Happened<'_>) {
        for event in &self.events {
            let token = event.token();
            if token == SOCKET {
                self.may_receive |= event.is_readable();
                self.has_word |= event.is_error();
            } else if token.0 & LANE != 0 {
                self.has_word |= event.is_error();
                self.lanes.is_readable(PeerId(token.0 as u32));
            } else if token.0 & WATCHED != 0 {
                let descriptor = (token.0 & !WATCHED) as RawFd;
                for key in self.watches.ready(descriptor, event) {
                    happened(PortEvent::Ready { key });
                }
            }
        }
    }

    fn expire(&mut self, happened: &mut Happened<'_>) {
        if self.deadlines.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some((at, peer)) = self.deadlines.first().copied()
            && at <= now
        {
            let Some(session) = self.sessions.get_mut(&peer.0) else {
                self.deadlines.remove(&(at, peer));
                continue;
            };
            match session.handle_timeout(now, &mut self.socket) {
                Ok(()) => {
                    self.list_dirty(peer);
                    self.list_deadline(peer);
                }
                Err(failure) => self.end(peer, failure, happened),
            }
        }
    }

    fn note_stranger(&mut self, from: IpAddr, why: &Refused) {
        if self.notices.is_due(Instant::now(), Some(from)) {
            warn!(target: "thespian", "{} refused a process at {from}: {why:?}", self.locator);
        }
    }
}

fn register(poll: &Poll, socket: &mut Socket) -> io::Result<()> {
    poll.registry().register(&mut socket.udp, SOCKET, Readiness::READABLE)
}

impl Port for UdpPort {
    fn locator(&self) -> Locator {
        self.locator.clone()
    }

    fn carrier(&self) -> Carrier {
        Carrier::BestEffort
    }

    fn connect(&mut self, to: &Locator) -> PeerId {
        if let Some(peer) = self.made.get(to) {
            return *peer;
        }
        let peer = self.new_peer();
        if let Err(failure) = self.begin(peer, to) {
            self.queued.push_back(PortEvent::Down { peer, reason: failure.reason() });
        }
        peer
    }

    #[inline]
    fn send(&mut self, peer: PeerId, from: ActorAddress, to: ActorAddress, frame: FrameRef<'_>) {
        self.put(peer, |session, socket| session.put_frame(socket, &from, &to, &frame));
    }

    fn nobody(&mut self, peer: PeerId, address: ActorAddress, sender: ActorAddress) {
        self.put(peer, |session, socket| {
            session.put(socket, Item::Nobody, |out| {
                Encoder::plain().address(out, &address);
                Encoder::plain().address(out, &sender);
            })
        });
    }

    fn control(&mut self, peer: PeerId, bytes: Vec<u8>) {
        if let Some(session) = self.sessions.get_mut(&peer.0).filter(|session| !session.is_leaving) {
            session.say(&bytes);
            self.list_dirty(peer);
        }
    }

    fn disconnect(&mut self, peer: PeerId) {
        // One that failed already has a last event under way, which the host no longer wants.
        self.queued.retain(|event| !matches!(event, PortEvent::Down { peer: down, .. } if *down == peer));
        let Some(session) = self.sessions.get_mut(&peer.0).filter(|session| !session.is_leaving) else {
            return;
        };
        session.leave(Instant::now());
        let place = session.place.take();
        let has_last_words = session.has_last_words();
        self.forget_place(place.as_ref(), peer);
        if has_last_words {
            self.list_dirty(peer);
            self.list_deadline(peer);
        } else {
            self.end(peer, Failure::Ended("the host wants it no longer"), &mut |_| {});
        }
    }

    fn disconnect_all(&mut self) {
        let known = self.sessions.values().filter(|session| session.is_known());
        let mut peers: Vec<PeerId> = known.map(|session| session.peer).collect();
        peers.sort_unstable();
        peers.into_iter().for_each(|peer| self.disconnect(peer));
    }

    #[inline]
    fn flush(&mut self) {
        self.send_dirty();
    }

    fn has_unwritten(&self) -> bool {
        self.socket.has_unsent() || self.sessions.values().any(Session::has_unwritten)
    }

    fn has_unwritten_to(&self, peer: PeerId) -> bool {
        self.sessions.get(&peer.0).is_some_and(Session::has_unwritten)
    }

    fn wait(&mut self, timeout: Option<Duration>, happened: &mut Happened<'_>) {
        // The host is to hear of what has happened since it last heard.
        let timeout = if self.queued.is_empty() { timeout } else { Some(Duration::ZERO) };
        self.queued.drain(..).for_each(|event| event.hand_over(happened));
        self.send_dirty();
        let is_looking = timeout == Some(Duration::ZERO);
        if !is_looking && self.may_receive() && self.unasked < UNASKED && self.receive(false, happened) {
            self.unasked += 1;
        } else {
            self.unasked = 0;
            self.ask_system(timeout, happened);
        }
        for key in self.watches.take_ready() {
            happened(PortEvent::Ready { key });
        }
        self.expire(happened);
        self.send_dirty();
        self.queued.drain(..).for_each(|event| event.hand_over(happened));
    }

    fn watch(&mut self, descriptor: i32, key: u64, interest: Interest) -> Result<(), NotOpen> {
        self.watches.watch(self.poll.registry(), descriptor, key, interest)
    }

    fn unwatch(&mut self, key: u64) {
        self.watches.unwatch(self.poll.registry(), key);
    }

    fn set_closing(&mut self) {
        self.is_closing = true;
    }

    fn stop_listening(&mut self) {
        self.takes_sessions = false;
        self.move_away();
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

/// Random bytes for a handshake.
fn random() -> Option<handshake::Nonce> {
    let mut bytes = handshake::Nonce::default();
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}
