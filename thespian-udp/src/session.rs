//! One session: what two processes that know each other say in datagrams, and when something is said again.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use log::warn;
use thespian_core::engine::link::FrameRef;
use thespian_core::transport::wire::{Encoder, payload};
use thespian_core::transport::{DownReason, Locator, PeerId, Role};
use thespian_core::{ActorAddress, SystemId};
use thespian_transport::handshake::Refused;

use crate::control::{Heard, Said};
use crate::datagram::{Draft, Item, Key, Seal};
use crate::handshake::{Cookie, Nonce};
use crate::socket::{Sent, Socket};
use crate::window::Window;

/// How large datagrams become that carry several frames, in bytes: to this machine, and to others, where larger ones would
/// travel in pieces.
const SMALL_HERE: usize = 8 * 1024;
const SMALL_THERE: usize = 1_400;

/// What a frame has beside its message at most, unless the names of its types are long, in bytes.
const HEAD: usize = 160;

/// How much is kept for a session that is being made, in bytes. What is beyond is lost.
const EARLY: usize = 1 << 20;

/// How long after it something is said again, at first and at most.
pub(crate) const AGAIN: Duration = Duration::from_millis(30);
pub(crate) const AGAIN_AT_MOST: Duration = Duration::from_secs(1);

/// How long the other side may take to end a session that this one has ended.
const LINGER: Duration = Duration::from_secs(2);

/// How long an admin and a client say nothing to each other before they ask whether the other is there: nothing else
/// would tell them. An end is found out within twice this, because what was heard just before it counts.
const CLIENT_ASKS: Duration = Duration::from_millis(300);
const ADMIN_ASKS: Duration = Duration::from_secs(2);

/// How long another machine may say nothing to questions, or take no control message.
const SILENCE: Duration = Duration::from_secs(30);

/// After how many datagrams a session is to have a lane (`port/lanes.rs`) of its own.
const MUCH: u64 = 64;

/// How many of the datagrams that were sent last the other side may say it has no session for.
const REMEMBERED: usize = 16;

/// A session, from one side.
pub(crate) struct Session {
    pub(crate) peer: PeerId,
    pub(crate) remote: SocketAddr,
    /// Where it leads, if this side made it.
    pub(crate) place: Option<Locator>,
    pub(crate) stage: Stage,
    /// What is sent before it is up.
    early: VecDeque<(Item, Vec<u8>)>,
    early_bytes: usize,
    /// The number of the session at the other side.
    theirs: u32,
    pub(crate) opens: Key,
    seals: Key,
    counter: u64,
    pub(crate) window: Window,
    draft: Draft,
    small: usize,
    last_seals: [Seal; REMEMBERED],
    said: Said,
    pub(crate) heard: Heard,
    /// Whether a part of a control message has come since that was last said.
    pub(crate) owes_taken: bool,
    /// Whether something genuine has come since it was last looked at.
    pub(crate) is_heard: bool,
    pub(crate) is_listed_dirty: bool,
    /// Whether the host has ended it.
    pub(crate) is_leaving: bool,
    repetition: Repetition,
    /// How long the other side has said nothing although it was asked to.
    silent_since: Option<Instant>,
    /// How often to ask whether the other side is there, and when next.
    asks: Option<(Duration, Instant)>,
    /// When it is over, whatever happens.
    pub(crate) until: Option<Instant>,
    /// Under which deadline the port has it.
    pub(crate) listed: Option<Instant>,
    /// Which system it leads to, once it is up.
    pub(crate) system: Option<SystemId>,
    pub(crate) lane: Option<Box<Socket>>,
    pub(crate) has_asked_for_lane: bool,
}

/// How far it is.
pub(crate) enum Stage {
    /// This side has said HELLO.
    Connecting(Box<Connecting>),
    /// The other side has proved itself, and has not shown that it heard so.
    HalfOpen(Box<HalfOpen>),
    /// The other side has proved itself; whether it knows that this one is up is not known.
    Unconfirmed,
    Up,
}

pub(crate) struct Connecting {
    /// The HELLO that proofs are about.
    pub(crate) said: Vec<u8>,
    pub(crate) nonce: Nonce,
    pub(crate) cookie: Option<Cookie>,
    /// What is said until it is answered.
    pub(crate) word: Vec<u8>,
}

pub(crate) struct HalfOpen {
    pub(crate) nonce: Nonce,
    pub(crate) word: Vec<u8>,
    pub(crate) role: Role,
}

/// When something that was not answered is said again.
struct Repetition {
    at: Option<Instant>,
    pause: Duration,
}

/// Why there is no session.
#[derive(Debug)]
pub(crate) enum Failure {
    NobodyListens,
    Unreachable(io::Error),
    /// The other side ended it, or is not there any more.
    Closed,
    Refused(Refused),
    Late,
    TooLong,
    Ended(&'static str),
    BadLocator,
}

impl Failure {
    pub(crate) fn reason(&self) -> DownReason {
        let trouble = |text: &str| DownReason::Trouble(text.into());
        match self {
            Failure::NobodyListens => DownReason::Refused,
            Failure::Closed | Failure::Late => DownReason::Lost,
            Failure::Refused(Refused::Full(_) | Refused::ShuttingDown) => {
                trouble("the process there takes no more sessions for now")
            }
            Failure::Refused(_) => DownReason::Stranger,
            Failure::Unreachable(error) => trouble(&error.to_string()),
            Failure::TooLong => {
                trouble("the process there says what it may not: a control message without end")
            }
            Failure::Ended(text) => trouble(text),
            Failure::BadLocator => trouble("the place is not an address and a port, such as 127.0.0.1:4711"),
        }
    }
}

impl Session {
    pub(crate) fn new(peer: PeerId, remote: SocketAddr, stage: Stage) -> Session {
        // Replaced before anything is sealed or opened.
        let no_key = Key::new(&[0; 16]);
        Session {
            peer,
            remote,
            place: None,
            stage,
            early: VecDeque::new(),
            early_bytes: 0,
            theirs: 0,
            opens: no_key.clone(),
            seals: no_key,
            counter: 0,
            window: Window::new(),
            draft: Draft::new(),
            small: if remote.ip().is_loopback() { SMALL_HERE } else { SMALL_THERE },
            last_seals: [[0; 16]; REMEMBERED],
            said: Said::default(),
            heard: Heard::default(),
            owes_taken: false,
            is_heard: false,
            is_listed_dirty: false,
            is_leaving: false,
            repetition: Repetition { at: None, pause: AGAIN },
            silent_since: None,
            asks: None,
            until: None,
            listed: None,
            system: None,
            lane: None,
            has_asked_for_lane: false,
        }
    }

    /// From now on it can be used: under this number there, with these keys.
    pub(crate) fn begin(&mut self, theirs: u32, seals: Key, opens: Key) {
        self.theirs = theirs;
        self.seals = seals;
        self.opens = opens;
    }

    /// Whether datagrams of it can be read.
    pub(crate) fn has_keys(&self) -> bool {
        !matches!(self.stage, Stage::Connecting(_))
    }

    /// Whether datagrams of it may be sent.
    fn may_send(&self) -> bool {
        matches!(self.stage, Stage::Up | Stage::Unconfirmed)
    }

    /// Whether the host knows of it.
    pub(crate) fn is_known(&self) -> bool {
        !matches!(self.stage, Stage::HalfOpen(_))
    }

    /// Whether something has still to be said, or answered.
    pub(crate) fn has_unwritten(&self) -> bool {
        self.is_leaving || !self.early.is_empty() || !self.said.is_taken() || !self.draft.is_empty()
    }

    /// Whether it has something to say before it ends.
    pub(crate) fn has_last_words(&self) -> bool {
        self.may_send() || !self.early.is_empty() || !self.said.is_taken()
    }

    /// Whether this is the seal of one of the datagrams that were sent last.
    pub(crate) fn has_sealed(&self, seal: &Seal) -> bool {
        self.counter > 0 && self.last_seals.contains(seal)
    }

    /// Sends an item, alone or with others that follow.
    #[inline]
    pub(crate) fn put(&mut self, socket: &mut Socket, item: Item, write: impl FnOnce(&mut Vec<u8>)) -> Sent {
        if !self.may_send() {
            return self.keep(item, write);
        }
        let Some(begins) = self.draft.add(item, write) else {
            return Sent::Dropped;
        };
        if self.draft.size() < self.small {
            return Sent::Yes;
        }
        if Draft::is_first(begins) {
            return self.transmit(socket);
        }
        let next = self.draft.split(begins);
        let next = std::mem::replace(&mut self.draft, next);
        let sent = self.transmit(socket);
        self.draft = next;
        if self.draft.size() >= self.small { self.transmit(socket) } else { sent }
    }

    /// Sends a frame, alone or with others that follow.
    #[inline]
    pub(crate) fn put_frame(
        &mut self,
        socket: &mut Socket,
        from: &ActorAddress,
        to: &ActorAddress,
        frame: &FrameRef<'_>,
    ) -> Sent {
        if !self.may_send() {
            return self.keep(Item::Frame, |out| Encoder::plain().frame(out, from, to, frame));
        }
        let mut sent = Sent::Yes;
        // One that has no room begins the next datagram: it could not be moved there.
        if !self.draft.is_empty() && self.draft.size() + HEAD + payload(frame).len() > self.small {
            sent = self.transmit(socket);
        }
        if self.draft.add_frame(from, to, frame).is_none() {
            return Sent::Dropped;
        }
        if self.draft.size() >= self.small {
            let last = self.transmit(socket);
            sent = if matches!(sent, Sent::Yes) { last } else { sent };
        }
        sent
    }

    #[cold]
    fn keep(&mut self, item: Item, write: impl FnOnce(&mut Vec<u8>)) -> Sent {
        let mut bytes = Vec::new();
        write(&mut bytes);
        if self.early_bytes + bytes.len() > EARLY {
            return Sent::Dropped;
        }
        self.early_bytes += bytes.len();
        self.early.push_back((item, bytes));
        Sent::Yes
    }

    /// It is up: what was kept is sent.
    pub(crate) fn send_early(&mut self, socket: &mut Socket) {
        self.early_bytes = 0;
        for (item, bytes) in std::mem::take(&mut self.early) {
            self.put(socket, item, |out| out.extend_from_slice(&bytes));
        }
    }

    /// Sends what has been put together.
    #[inline]
    fn transmit(&mut self, socket: &mut Socket) -> Sent {
        if self.draft.is_empty() {
            return Sent::Yes;
        }
        self.counter += 1;
        let bytes = self.draft.seal(self.theirs, self.counter, &self.seals);
        if let Some(seal) = bytes.last_chunk() {
            self.last_seals[self.counter as usize % REMEMBERED] = *seal;
        }
        let sent = match &mut self.lane {
            // What waits for room goes first.
            Some(lane) if !socket.has_unsent() => lane.send_there(bytes),
            _ => None,
        };
        let sent = sent.unwrap_or_else(|| socket.send(bytes, self.remote));
        self.draft.clear();
        sent
    }

    /// Whether so much has been said that a lane is worth its price, and was not asked for. Between machines it is not: there
    /// the network takes longer than the system does to find the way.
    #[inline]
    pub(crate) fn wants_lane(&self) -> bool {
        self.counter >= MUCH && !self.has_asked_for_lane && self.remote.ip().is_loopback() && !self.is_leaving
    }

    /// Says something that has to arrive.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        // As large as a datagram that has an answer in it as well.
        self.said.say(bytes, self.small - 100);
    }

    /// The other side has control messages up to here.
    pub(crate) fn taken(&mut self, item: &[u8]) {
        if self.said.taken(item) {
            self.repetition = Repetition { at: None, pause: AGAIN };
            self.silent_since = None;
        }
    }

    /// Sends all that is to be said now.
    pub(crate) fn flush(&mut self, socket: &mut Socket, now: impl FnOnce() -> Instant) -> Sent {
        if !self.may_send() {
            return Sent::Yes;
        }
        if self.owes_taken {
            self.owes_taken = false;
            let mut item = Vec::new();
            self.heard.write_taken(&mut item);
            self.put(socket, Item::ControlTaken, |out| out.extend_from_slice(&item));
        }
        let mut said = std::mem::take(&mut self.said);
        while let Some(write) = said.next() {
            self.put(socket, Item::Control, write);
        }
        self.said = said;
        let is_ending = self.is_leaving && self.said.is_taken();
        if self.repetition.at.is_none() {
            let is_unconfirmed = matches!(self.stage, Stage::Unconfirmed);
            if is_ending {
                self.put(socket, Item::Bye, |_| {});
            } else if is_unconfirmed {
                self.put(socket, Item::Question, |_| {});
            }
            if is_ending || is_unconfirmed || self.said.is_under_way() {
                self.repetition.at = Some(now() + self.repetition.pause);
            }
        }
        self.transmit(socket)
    }

    /// It was ended by the host: it says so when all else is said.
    pub(crate) fn leave(&mut self, now: Instant) {
        self.is_leaving = true;
        if self.may_send() {
            self.repetition = Repetition { at: None, pause: AGAIN };
        }
        let until = now + LINGER;
        self.until = Some(self.until.map_or(until, |before| before.min(until)));
    }

    /// Begins to ask whether the other side is there, if nothing else would tell.
    pub(crate) fn watch_over(&mut self, ours: Role, theirs: Role, now: Instant) {
        let pause = match (ours, theirs) {
            (Role::Client, Role::Admin) => CLIENT_ASKS,
            (Role::Admin, Role::Client) => ADMIN_ASKS,
            _ => return,
        };
        self.asks = Some((pause, now + pause));
    }

    /// When something is to be done.
    pub(crate) fn due(&self) -> Option<Instant> {
        let asks = self.asks.map(|(_, at)| at);
        [self.repetition.at, asks, self.until].into_iter().flatten().min()
    }

    /// Says again what has not been answered, after a pause that grows.
    pub(crate) fn begin_repeating(&mut self, now: Instant) {
        self.repetition = Repetition { at: Some(now + AGAIN), pause: AGAIN };
    }

    /// It is time for something. An error ends the session.
    pub(crate) fn handle_timeout(&mut self, now: Instant, socket: &mut Socket) -> Result<(), Failure> {
        if self.until.is_some_and(|until| until <= now) {
            return Err(Failure::Late);
        }
        let is_here = self.remote.ip().is_loopback();
        if self.silent_since.is_some_and(|since| now >= since + SILENCE) && !is_here {
            return Err(Failure::Closed);
        }
        if let Some((pause, at)) = self.asks
            && at <= now
        {
            self.asks = Some((pause, now + pause));
            if std::mem::take(&mut self.is_heard) {
                self.silent_since = None;
            } else {
                self.silent_since.get_or_insert(now);
                self.put(socket, Item::Question, |_| {});
            }
        }
        if self.repetition.at.is_some_and(|at| at <= now) {
            let pause = (self.repetition.pause * 2).min(AGAIN_AT_MOST);
            self.repetition = Repetition { at: None, pause };
            if let Stage::Connecting(connecting) = &self.stage {
                if let Sent::Failed(error) = socket.send(&connecting.word, self.remote) {
                    return Err(Failure::Unreachable(error));
                }
                self.repetition.at = Some(now + pause);
            } else {
                if !self.said.is_taken() {
                    self.silent_since.get_or_insert(now);
                }
                self.said.repeat();
            }
        }
        Ok(())
    }

    /// The other side has proved itself.
    pub(crate) fn become_up(&mut self) {
        self.repetition = Repetition { at: None, pause: AGAIN };
    }

    /// The other side has shown that it is up.
    pub(crate) fn confirm(&mut self) {
        if matches!(self.stage, Stage::Unconfirmed) {
            self.stage = Stage::Up;
            if !self.said.is_under_way() && !self.is_leaving {
                self.repetition = Repetition { at: None, pause: AGAIN };
            }
        }
    }

    /// Tells people of what is lost because it is too large or too much, which nobody else would.
    #[cold]
    pub(crate) fn warn_of_loss(&self, locator: &Locator, sent: &Sent) {
        let why = match sent {
            Sent::Failed(error) => error.to_string(),
            _ => "it is larger than a datagram, or more waits than may".into(),
        };
        warn!(target: "thespian", "{locator} could not send something to {}: {why}", self.remote);
    }
}
