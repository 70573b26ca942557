//! The port: all connections of a process, its listener, and the loop that waits for them.
//!
//! The system tells of a socket only when it has become ready, so the port keeps lists of those that still are: `ready`
//! ones are read in turns until they have no more, each no more than a few times before the host gets its turn; `dirty`
//! ones are written when the host flushes or waits.

mod accepting;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use log::warn;
use mio::{Events, Interest as Readiness, Poll, Token};
use thespian_core::engine::link::{Carrier, FrameRef};
use thespian_core::transport::{Happened, Interest, Locator, NotOpen, PeerId, Port, PortEvent};
use thespian_core::{ActorAddress, SystemId};

use crate::connection::{
    Connection, FIRST_SCRATCH, Failure, Reading, SCRATCH, SCRATCH_GROWTH, Shaking, unreachable,
};
use crate::handshake::Local;
use crate::limits::{PortLimits, connections_by_default};
use crate::notices::Notices;
use crate::sockets::Sockets;
use crate::strangers::Strangers;
use crate::timer::{Due, Timer};
use crate::watch::{WATCHED, Watches};

/// How many events of the system are taken at once: few, until there have been as many.
const FEW_EVENTS: usize = 64;
const EVENTS: usize = 1024;

/// How often each connection is read from before the host gets its turn.
const ROUNDS: usize = 4;

/// How long the other side may take to close a connection that this one has ended.
const LINGER: Duration = Duration::from_secs(2);

/// What is written without waiting for a flush, in bytes.
const FLUSH_AT: usize = 64 * 1024;

const TOO_MANY: &str = "there are as many connections as there may be (PortLimits::connections)";
const TOO_FEW: &str = "there is no descriptor left for a connection";

const WAKER: Token = Token(0);
const LISTENER: Token = Token(1);
const TIMER: Token = Token(2);
/// The kind of a token, above the number that it is of.
const KIND: usize = 0xff << 40;
const STRANGER: usize = 2 << 40;
const PEER: usize = 3 << 40;

/// A port over one kind of stream socket: its listener, and a connection to each process that it talks to.
pub struct StreamPort<S: Sockets> {
    poll: Poll,
    events: Events,
    waker: Waker,
    timer: Timer,
    /// Not there any more when it is to take no connections.
    listener: Option<S::Listener>,
    locator: Locator,
    local: Arc<Local>,
    limits: PortLimits,
    /// How many connections there may be.
    connections: usize,
    message_size: usize,
    peers: HashMap<u32, Connection<S>, BuildHasherDefault<ById>>,
    next_peer: u32,
    /// The connections that this side made.
    made: HashMap<Locator, PeerId>,
    strangers: Strangers<S>,
    /// Whether there may be more to accept, and until when accepting rests.
    may_accept: bool,
    accept_at: Option<Instant>,
    ready: VecDeque<PeerId>,
    dirty: Vec<PeerId>,
    deadlines: BTreeSet<(Instant, PeerId)>,
    watches: Watches,
    /// What has happened and was not told yet.
    queued: VecDeque<PortEvent>,
    scratch: Scratch,
    notices: Notices<S::Origin>,
    is_closing: bool,
    /// When it is looked for connections without use, and the count of calls since when.
    idle_at: Option<(Instant, u64)>,
    /// Counts calls, for finding the connection that was not used for longest.
    calls: u64,
    /// The connection that somebody waits for, and what became of it.
    awaited: Option<(PeerId, Option<Failure>)>,
}

/// What is read into: little at first, because most processes read little, and one that has just been forked has to find
/// every page of it.
#[derive(Default)]
struct Scratch {
    bytes: Box<[u8]>,
    /// All of it was needed.
    was_full: bool,
}

impl Scratch {
    fn room(&mut self) -> &mut [u8] {
        if self.was_full || self.bytes.is_empty() {
            self.was_full = false;
            let size = (self.bytes.len() * SCRATCH_GROWTH).clamp(FIRST_SCRATCH, SCRATCH);
            if size > self.bytes.len() {
                self.bytes = vec![0; size].into_boxed_slice();
            }
        }
        &mut self.bytes
    }
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

impl<S: Sockets> StreamPort<S> {
    /// A port that takes connections from this listener, which others reach at `locator`; messages in it are of at most
    /// `message_size` bytes.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub fn new(
        mut listener: S::Listener,
        locator: Locator,
        local: Local,
        limits: PortLimits,
        message_size: usize,
    ) -> io::Result<StreamPort<S>> {
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKER)?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        poll.registry().register(&mut listener, LISTENER, Readiness::READABLE)?;
        Ok(StreamPort {
            poll,
            events: Events::with_capacity(FEW_EVENTS),
            waker: Waker::from(Arc::new(PortWaker(waker))),
            timer,
            listener: Some(listener),
            locator,
            local: Arc::new(local),
            connections: limits.connections.unwrap_or_else(connections_by_default),
            message_size,
            peers: HashMap::default(),
            next_peer: 0,
            made: HashMap::new(),
            strangers: Strangers::new(limits.strangers, limits.handshake),
            limits,
            may_accept: false,
            accept_at: None,
            ready: VecDeque::new(),
            dirty: Vec::new(),
            deadlines: BTreeSet::new(),
            watches: Watches::default(),
            queued: VecDeque::new(),
            scratch: Scratch::default(),
            notices: Notices::default(),
            is_closing: false,
            idle_at: None,
            calls: 0,
            awaited: None,
        })
    }

    /// Connects to a place and waits until that connection is up, of which nothing is told. Which it is, and to which
    /// system it leads.
    ///
    /// What else happens meanwhile is told by the next wait.
    ///
    /// # Errors
    ///
    /// There is no connection, after `limit` at the latest.
    pub fn connect_now(&mut self, to: &Locator, limit: Duration) -> Result<(PeerId, SystemId), Failure> {
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
            let Some(connection) = self.peers.get(&peer.0) else {
                break Err(Failure::Closed { heard: false });
            };
            if let Some(system) = connection.system() {
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
    pub fn join(&mut self, system: SystemId) {
        self.local = Arc::new(Local { system: Some(system), ..(*self.local).clone() });
    }

    fn new_peer(&mut self) -> PeerId {
        let peer = PeerId(self.next_peer);
        self.next_peer = self.next_peer.wrapping_add(1);
        peer
    }

    fn begin(&mut self, peer: PeerId, to: &Locator) -> Result<(), Failure> {
        let place = S::place(to.as_str()).ok_or(Failure::BadLocator(S::PLACE_FORM))?;
        if self.peers.len() + self.strangers.len() >= self.connections && !self.free_a_descriptor() {
            return Err(Failure::Ended(TOO_MANY));
        }
        let nonce = nonce().ok_or(Failure::Ended("the operating system gives no random bits"))?;
        let mut stream = match S::connect(&place) {
            Err(error) if is_shortage(&error) => {
                if !self.free_a_descriptor() {
                    return Err(Failure::Ended(TOO_FEW));
                }
                S::connect(&place)
            }
            outcome => outcome,
        }
        .map_err(|error| match is_shortage(&error) {
            true => Failure::Ended(TOO_FEW),
            false => unreachable(error),
        })?;
        self.register(&mut stream, PEER | peer.0 as usize)?;
        let shaking = Shaking::connecting(self.local.clone(), nonce);
        let mut connection = Connection::begun(stream, peer, to.clone(), shaking, self.message_size);
        let deadline = Instant::now() + self.limits.answer;
        connection.deadline = Some(deadline);
        self.deadlines.insert((deadline, peer));
        self.peers.insert(peer.0, connection);
        self.watch_idle();
        self.made.insert(to.clone(), peer);
        Ok(())
    }

    fn register(&mut self, stream: &mut S::Stream, token: usize) -> Result<(), Failure> {
        self.watches.is_ours(stream.as_raw_fd());
        let both = Readiness::READABLE | Readiness::WRITABLE;
        self.poll.registry().register(stream, Token(token), both).map_err(Failure::Unreachable)
    }

    /// The connection, if something can be sent by it; and the list that it is put on.
    #[inline]
    fn for_sending(&mut self, peer: PeerId) -> Option<&mut Connection<S>> {
        self.calls += 1;
        let connection = self.peers.get_mut(&peer.0).filter(|connection| !connection.is_leaving)?;
        connection.last_used = self.calls;
        if !connection.is_listed_dirty {
            connection.is_listed_dirty = true;
            self.dirty.push(peer);
        }
        Some(connection)
    }

    /// Reads from those that are ready, in turns.
    fn read_ready(&mut self, happened: &mut Happened<'_>) {
        for _ in 0..ROUNDS {
            for _ in 0..self.ready.len() {
                if let Some(peer) = self.ready.pop_front() {
                    self.read(peer, happened);
                }
            }
            if self.ready.is_empty() {
                break;
            }
        }
    }

    fn read(&mut self, peer: PeerId, happened: &mut Happened<'_>) {
        let Some(connection) = self.peers.get_mut(&peer.0) else { return };
        connection.is_listed_ready = false;
        self.calls += 1;
        connection.last_used = self.calls;
        let was_up = connection.is_up();
        let had_heard = connection.has_heard();
        match connection.read(self.scratch.room(), happened) {
            Ok(reading) => {
                self.scratch.was_full |= reading == Reading::Full;
                if reading != Reading::Drained {
                    connection.is_listed_ready = true;
                    self.ready.push_back(peer);
                }
                if !was_up {
                    let (is_up, has_heard) = (connection.is_up(), connection.has_heard());
                    if is_up {
                        self.set_deadline(peer, None);
                    } else if has_heard && !had_heard {
                        self.set_deadline(peer, Some(Instant::now() + self.limits.handshake));
                    }
                    self.list_dirty(peer);
                }
            }
            Err(failure) => self.end(peer, failure, happened),
        }
    }

    fn set_deadline(&mut self, peer: PeerId, deadline: Option<Instant>) {
        let Some(connection) = self.peers.get_mut(&peer.0) else { return };
        if let Some(before) = std::mem::replace(&mut connection.deadline, deadline) {
            self.deadlines.remove(&(before, peer));
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, peer));
        }
    }

    fn list_dirty(&mut self, peer: PeerId) {
        if let Some(connection) = self.peers.get_mut(&peer.0)
            && !connection.is_listed_dirty
        {
            connection.is_listed_dirty = true;
            self.dirty.push(peer);
        }
    }

    fn list_ready(&mut self, peer: PeerId) {
        if let Some(connection) = self.peers.get_mut(&peer.0)
            && !connection.is_listed_ready
        {
            connection.is_listed_ready = true;
            self.ready.push_back(peer);
        }
    }

    /// The connection is no more.
    fn end(&mut self, peer: PeerId, failure: Failure, happened: &mut Happened<'_>) {
        self.set_deadline(peer, None);
        if let Some(connection) = self.peers.remove(&peer.0) {
            self.forget_place(&connection);
            if !connection.is_leaving {
                happened(PortEvent::Down { peer, reason: failure.reason() });
            }
            // Its descriptor is given back, so there is one to accept with.
            self.accept_at = None;
        }
        if let Some((awaited, outcome)) = &mut self.awaited
            && *awaited == peer
        {
            *outcome = Some(failure);
        }
    }

    fn forget_place(&mut self, connection: &Connection<S>) {
        if let Some(place) = &connection.place
            && self.made.get(place) == Some(&connection.peer)
        {
            self.made.remove(place);
        }
    }

    fn write(&mut self, peer: PeerId) {
        let Some(connection) = self.peers.get_mut(&peer.0) else { return };
        connection.is_listed_dirty = false;
        let has_more = connection.write();
        let is_broken = connection.is_broken();
        if connection.is_to_be_shut() {
            connection.shut();
            self.set_deadline(peer, Some(Instant::now() + LINGER));
        }
        if has_more {
            self.list_dirty(peer);
        }
        if is_broken {
            self.list_ready(peer);
        }
    }

    /// Writes to those that are dirty. Those that have more than their share are dirty afterwards.
    fn write_shares(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.drain(..).for_each(|peer| self.write(peer));
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
    }

    /// How long the system may be waited for.
    fn due(&self, timeout: Option<Duration>) -> Due {
        let has_work = !self.ready.is_empty()
            || !self.dirty.is_empty()
            || (self.may_accept && self.accept_at.is_none())
            || self.watches.has_ready();
        if has_work {
            return Due::Now;
        }
        let accept_at = self.accept_at.filter(|_| self.may_accept);
        let idle_at = self.idle_at.map(|(at, _)| at);
        let deadlines =
            [self.deadlines.first().map(|(at, _)| *at), self.strangers.deadline(), accept_at, idle_at];
        Due::after(timeout).or_at(deadlines.into_iter().flatten().min())
    }

    fn take_events(&mut self, happened: &mut Happened<'_>) {
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let mut now = None;
        for event in &events {
            let token = event.token();
            match token.0 & KIND {
                PEER => {
                    let peer = PeerId((token.0 & !KIND) as u32);
                    let Some(connection) = self.peers.get_mut(&peer.0) else { continue };
                    let ended = event.is_read_closed() || event.is_error() || event.is_write_closed();
                    // A socket that is being connected is not writable before it has been looked at.
                    connection.now_is(event.is_writable() && connection.is_connected(), ended);
                    let has_to_write = event.is_writable() && connection.has_to_write();
                    if event.is_readable() || ended || !connection.is_connected() {
                        self.list_ready(peer);
                    }
                    // Each event says of most sockets that they are.
                    if has_to_write {
                        self.list_dirty(peer);
                    }
                }
                STRANGER => {
                    let now = *now.get_or_insert_with(Instant::now);
                    self.hear(now, (token.0 & !KIND) as u64, happened);
                }
                WATCHED => {
                    let descriptor = (token.0 & !KIND) as RawFd;
                    for key in self.watches.ready(descriptor, event) {
                        happened(PortEvent::Ready { key });
                    }
                }
                _ if token == LISTENER => self.may_accept = true,
                // The waker and the timer: that they have ended the wait is all there is to it.
                _ => {}
            }
        }
        let were_all = events.iter().count() >= FEW_EVENTS && events.capacity() < EVENTS;
        self.events = if were_all { Events::with_capacity(EVENTS) } else { events };
    }

    fn expire(&mut self, happened: &mut Happened<'_>) {
        if self.deadlines.is_empty() && self.strangers.len() == 0 && self.idle_at.is_none() {
            return;
        }
        let now = Instant::now();
        self.close_idle(now, happened);
        while let Some(from) = self.strangers.expired(now) {
            self.accept_at = None;
            self.note_stranger(now, from, "it did not show what it is in time");
        }
        while let Some((at, peer)) = self.deadlines.first().copied()
            && at <= now
        {
            self.end(peer, Failure::Late, happened);
        }
    }
}

impl<S: Sockets> Port for StreamPort<S> {
    fn locator(&self) -> Locator {
        self.locator.clone()
    }

    fn carrier(&self) -> Carrier {
        Carrier::Reliable
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
        let Some(connection) = self.for_sending(peer) else { return };
        connection.outbox.frame(&from, &to, &frame);
        if connection.outbox.buffered() >= FLUSH_AT {
            connection.write();
        }
    }

    fn nobody(&mut self, peer: PeerId, address: ActorAddress, sender: ActorAddress) {
        if let Some(connection) = self.for_sending(peer) {
            connection.outbox.nobody(&address, &sender);
        }
    }

    fn control(&mut self, peer: PeerId, bytes: Vec<u8>) {
        if let Some(connection) = self.for_sending(peer) {
            connection.outbox.control(bytes);
        }
    }

    fn disconnect(&mut self, peer: PeerId) {
        // One that failed already has a last event under way, which the host no longer wants.
        self.queued.retain(|event| !matches!(event, PortEvent::Down { peer: down, .. } if *down == peer));
        if let Some(connection) = self.for_sending(peer) {
            connection.is_leaving = true;
            let has_nothing_to_do = !connection.is_up() && connection.outbox.is_empty();
            if let Some(place) = connection.place.take() {
                self.made.remove(&place);
            }
            if has_nothing_to_do {
                self.end(peer, Failure::Ended("the host wants it no longer"), &mut |_| {});
            }
        }
    }

    fn disconnect_all(&mut self) {
        let mut peers: Vec<PeerId> = self.peers.keys().copied().map(PeerId).collect();
        peers.sort_unstable();
        for peer in peers {
            self.disconnect(peer);
        }
    }

    fn flush(&mut self) {
        while !self.dirty.is_empty() {
            self.write_shares();
        }
    }

    fn has_unwritten(&self) -> bool {
        self.peers.values().any(Connection::has_unwritten)
    }

    fn has_unwritten_to(&self, PeerId(peer): PeerId) -> bool {
        self.peers.get(&peer).is_some_and(Connection::has_unwritten)
    }

    fn wait(&mut self, timeout: Option<Duration>, happened: &mut Happened<'_>) {
        // The host is to hear of what has happened since it last heard.
        let timeout = if self.queued.is_empty() { timeout } else { Some(Duration::ZERO) };
        self.queued.drain(..).for_each(|event| event.hand_over(happened));
        self.write_shares();
        let due = self.due(timeout);
        if let Err(error) = self.timer.wait(&mut self.poll, &mut self.events, due)
            && error.kind() != io::ErrorKind::Interrupted
            && self.notices.is_due(Instant::now(), None)
        {
            warn!(target: "thespian", "{} cannot wait for its connections: {error}", self.locator);
        }
        self.take_events(happened);
        self.read_ready(happened);
        for key in self.watches.take_ready() {
            happened(PortEvent::Ready { key });
        }
        if self.may_accept {
            self.accept(Instant::now());
        }
        self.expire(happened);
        self.write_shares();
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
        self.listener = None;
        self.may_accept = false;
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

/// Random bytes for a handshake.
fn nonce() -> Option<[u8; 32]> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).ok().map(|()| nonce)
}

/// Whether this is a lack of descriptors, in this process or in the system.
fn is_shortage(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::BuildHasher;

    #[test]
    fn numbers_in_a_row_spread_over_the_map() {
        let hasher = BuildHasherDefault::<ById>::default();
        let lowest: BTreeSet<u64> = (0..64_u32).map(|id| hasher.hash_one(id) % 256).collect();
        assert!(lowest.len() > 40, "{}", lowest.len());
    }
}
