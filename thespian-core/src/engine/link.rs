//! Delivery between processes: every message once, in order, acknowledged when it has been handled.
//!
//! A transport moves frames and may lose, repeat, delay and reorder them. [`Links`] makes of that what actors are
//! promised: it numbers messages per target and lane, keeps each until the target has *handled* it, sends again what
//! is not acknowledged, and takes each number once and in turn. So a sender knows what a peer that died had not done.
//!
//! Each pair of addresses has two lanes that do not wait for each other: one for ordinary messages, one for requests to
//! exit and for the status (guide sections 7.4 and 7.12), which must not be stuck behind a backlog.
//!
//! # Windows
//!
//! What is on its way to a target and not acknowledged is bounded per lane, in messages and in bytes; more waits here. The
//! window begins with [`Limits::window`] messages. It doubles, up to [`Limits::window_max`], when more than half of it was in use
//! for a target that deals with one within half of [`Limits::resend_after`], and is halved again, down to where
//! it began, when that takes longer than the whole. So a target has about as much before it as it handles in that time,
//! and a window that nobody needs stays small. [`Limits::window_bytes`] is fixed.
//!
//! A receiver relies on nobody: it holds at most twice what a sender may have on its way, and drops what is beyond. An
//! honest sender gets there only where frames are lost anyway, because what it has given up counts until the target says
//! that it came past, or there is another connection: which is what the second half is for.
//!
//! # Acknowledgements
//!
//! Each that is sent by itself wakes its sender, mostly for nothing. So a receiver sends one along with something else that it
//! sends there, or ten milliseconds after the last one, and no sooner unless it is [asked](Frame::Data::asks) or has had 64 KiB. A sender asks when half of its
//! window is in use, and again after half a window or 128 messages; or by a word of [its own](Frame::Past) when it is held back and nothing on its
//! way asks, or when its actor is paused or exits. What a frame that is lost has asked is forgotten: the ten milliseconds are for that, too.
//!
//! Whoever [repeats](Carrier::Lossy) all that is not acknowledged in time is told at once, and in batches while there is more to do.
//!
//! # Best effort
//!
//! With [`Carrier::BestEffort`] messages of users are sent once. Those of the runtime, and requests to exit or for the status
//! whoever sends them, are sent again by time until they are acknowledged, so that supervision does not depend on luck.
//! [`base`](Frame::Data::base) says the lowest place that may still come: that of the oldest message on its way that is
//! repeated, or without one the frame's own. The receiver passes over what is below and has not come, and drops
//! it if it comes later, so nothing is taken out of turn. It lists what it [passed over](Frame::AckButGaps) in its
//! acknowledgements, and the sender makes dead letters of exactly that. What is lost at the end, with nothing behind it that
//! would show it, is found out by a [probe](Frame::Past), sent again by time as messages otherwise are.

mod gaps;
mod incoming;
mod outgoing;
mod store;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::mem;
use core::time::Duration;

use super::planted::{Bug, is_on};
use super::{Departing, Departure, Effect, Log, Outputs, Undelivered};
use crate::driver::panics;
use crate::{
    ActorAddress, ActorExitRequest, AnyMessage, DeadReason, EncodeError, Envelope, KnownNames, Limits,
    Payload, PayloadRef, SpareMessage, StatusReq, Time, TypeNames,
};
pub use gaps::Gaps;
use gaps::Sieve;
use incoming::{Incoming, Taking};
use outgoing::{Draft, LetGo};
pub(super) use outgoing::{Outgoing, Route};

/// What travels between the engines of two processes: this, or a [`FrameRef`].
#[derive(Clone, Copy, Debug)]
pub enum Frame<N = TypeNames, B = Payload, G = Gaps> {
    /// A message.
    Data {
        /// Which lane.
        lane: Lane,
        /// Which of the sender's links to this target: it counts them, and forgets those it does not use.
        link: u64,
        /// The message's place in the link.
        sequence: u64,
        /// The lowest place that the sender still keeps; those below will not come again.
        base: u64,
        /// The sender's number for the message.
        number: u64,
        /// Whether the runtime sent it.
        by_runtime: bool,
        /// Whether the sender wants to know when it has been dealt with, because it may soon have to wait for room.
        asks: bool,
        /// The names of its type and of those it extends.
        names: N,
        /// The encoded message.
        bytes: B,
    },
    /// All messages of a link below this place have been dealt with.
    Ack {
        /// Which lane.
        lane: Lane,
        /// Which link.
        link: u64,
        /// The first place that has not.
        handled: u64,
    },
    /// The same, and the rest of the lane will never be: the target takes no more.
    Closed {
        /// Which lane.
        lane: Lane,
        /// Which link.
        link: u64,
        /// The first place that has not been dealt with.
        handled: u64,
        /// Why.
        reason: DeadReason,
    },
    /// An acknowledgement, or the end of a lane, where some of the messages before that never came and are not taken any
    /// more.
    AckButGaps {
        /// Which lane.
        lane: Lane,
        /// Which link.
        link: u64,
        /// The first place that has not been dealt with.
        handled: u64,
        /// The places that were passed over.
        gaps: G,
        /// Whether the lane takes no more, and why.
        closed: Option<DeadReason>,
    },
    /// Nothing below this place will come again: the target is not to wait for it, and is to say how far it is, now and when it has dealt
    /// with what has come.
    Past {
        /// Which lane.
        lane: Lane,
        /// Which link.
        link: u64,
        /// The place.
        base: u64,
    },
}

/// A frame as it is where it is kept, or in the bytes that have come. A message is written from where its sender keeps it, and
/// taken from where it was read, without a copy in between.
pub type FrameRef<'a> = Frame<&'a TypeNames, PayloadRef<'a>, &'a Gaps>;

impl<N, B, G> Frame<N, B, G> {
    /// The same frame around other things.
    #[inline]
    fn map<'a, N2, B2, G2>(
        &'a self,
        of_names: impl FnOnce(&'a N) -> N2,
        of_bytes: impl FnOnce(&'a B) -> B2,
        of_gaps: impl FnOnce(&'a G) -> G2,
    ) -> Frame<N2, B2, G2> {
        match *self {
            Frame::Data { lane, link, sequence, base, number, by_runtime, asks, ref names, ref bytes } => {
                let (names, bytes) = (of_names(names), of_bytes(bytes));
                Frame::Data { lane, link, sequence, base, number, by_runtime, asks, names, bytes }
            }
            Frame::Ack { lane, link, handled } => Frame::Ack { lane, link, handled },
            Frame::Closed { lane, link, handled, reason } => Frame::Closed { lane, link, handled, reason },
            Frame::AckButGaps { lane, link, handled, ref gaps, closed } => {
                Frame::AckButGaps { lane, link, handled, gaps: of_gaps(gaps), closed }
            }
            Frame::Past { lane, link, base } => Frame::Past { lane, link, base },
        }
    }
}

impl Frame {
    /// The frame, to be looked at.
    #[inline]
    pub fn borrow(&self) -> FrameRef<'_> {
        self.map(|names| names, PayloadRef::Kept, |gaps| gaps)
    }
}

impl FrameRef<'_> {
    /// The frame, to be kept.
    pub fn to_frame(&self) -> Frame {
        self.map(|names| (*names).clone(), |bytes| Payload::from(*bytes), |gaps| (*gaps).clone())
    }
}

/// What carries the frames between two processes, as far as delivery is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// It may lose, repeat and reorder any frame: what is not acknowledged is sent again by time.
    Lossy,
    /// It loses frames only together with the connection. The driver says so once there is another one, and then what is
    /// not acknowledged is sent again.
    Reliable,
    /// It may lose, repeat and reorder any frame, and what users send is not worth sending again: see
    /// [best effort](self#best-effort).
    BestEffort,
}

impl Carrier {
    /// Whether a receiver acknowledges what it is asked about, and the rest along with something else or after a while. Whoever repeats
    /// everything that is not acknowledged soon has to be told sooner.
    const fn asks(self) -> bool {
        matches!(self, Carrier::Reliable | Carrier::BestEffort)
    }
}

/// Which of the two queues between a pair of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Exit requests, and requests for the status, which are answered out of turn.
    Urgent,
    /// Everything else.
    User,
}

impl Lane {
    const COUNT: usize = 2;
    const ALL: [Lane; Lane::COUNT] = [Lane::Urgent, Lane::User];

    /// The lane a message travels in.
    #[inline]
    pub fn of(message: &AnyMessage) -> Lane {
        if message.is_system() { Lane::of_system(message) } else { Lane::User }
    }

    #[cold]
    fn of_system(message: &AnyMessage) -> Lane {
        let urgent = message.is::<ActorExitRequest>() || message.is::<StatusReq>();
        if urgent { Lane::Urgent } else { Lane::User }
    }
}

/// Why a message was not accepted for sending (decision D7).
#[derive(Debug)]
pub enum Refusal {
    /// It cannot be encoded.
    NotEncodable(EncodeError),
    /// It is over [`Limits::message_size`](crate::Limits::message_size).
    TooLarge {
        /// Its encoded size in bytes.
        size: usize,
    },
}

/// All links of one address.
pub struct Links {
    me: ActorAddress,
    limits: Arc<Limits>,
    carrier: Carrier,
    /// Found by number; a number that is free is used again.
    peers: Vec<Peer>,
    free: Vec<u32>,
    numbers: BTreeMap<ActorAddress, u32>,
    /// The peer that was last sent to, and the one that a message last came from: it is mostly the same again.
    last_to: u32,
    last_from: u32,
    /// Whether the lanes take no more, and why.
    closed: [Option<DeadReason>; Lane::COUNT],
    /// Links that were ever opened to a target.
    opened: u64,
    /// Messages that were ever taken from a sender.
    taken: u64,
    sifted: Sifted,
    /// Whether a link from a sender was forgotten, so that another may not be seen from its beginning.
    forgot: bool,
    /// Incoming links on which something has been dealt with since the last acknowledgement, each once.
    progressed: Vec<(u32, Lane)>,
    /// Those of them whose sender is to be told at once.
    asked: Vec<(u32, Lane)>,
    /// When the first of them is acknowledged at the latest, if the actor rests.
    acknowledge_at: Time,
    /// How many messages are not acknowledged, and their bytes.
    unacknowledged: usize,
    unacknowledged_bytes: usize,
    /// No deadline comes before this; the next may come later.
    due: Time,
    /// The names of the types that were sent.
    names: KnownNames,
    /// Where messages are encoded, before they are kept in as much room as they need.
    buffer: Vec<u8>,
    /// Room for what a frame brings.
    pub(super) arrived: Vec<Envelope>,
    /// Memory of messages that came and are over.
    spares: Vec<SpareMessage>,
    /// How many links there are, and how many when those that are not used are looked for next.
    count: usize,
    sweep_at: usize,
}

/// Somebody at the other end. Most links are not there, so they are kept elsewhere.
struct Peer {
    address: ActorAddress,
    outgoing: [Option<Box<Outgoing>>; Lane::COUNT],
    incoming: [Option<Box<Incoming>>; Lane::COUNT],
}

/// Where a frame belongs.
#[derive(Clone, Copy)]
struct Place {
    link: u64,
    sequence: u64,
    base: u64,
    /// Of the message, in bytes.
    size: usize,
    asks: bool,
}

/// Fewer links than this are not worth looking for unused ones.
const SWEEP: usize = 64;

/// A buffer that has become larger than this is not kept: a message of so much travels in it. Bytes.
const BUFFER_KEPT: usize = 64 * 1024;

/// So many messages are acknowledged together while their receiver has more to do, where the sender does not ask: half a window, as it
/// begins. Often enough that nobody waits for it, seldom enough to cost nothing.
const BATCH: u64 = 32;

/// A sender that has had an acknowledgement gets the next one after this time, when its receiver rests and sends it nothing else; unless
/// it may wait for it.
const ACKNOWLEDGE_EVERY: Duration = Duration::from_millis(10);

/// Who has sent so much may wait for room, in bytes.
const PRESSING: usize = 64 * 1024;

/// The memory of so many messages that are over is kept for others: what comes and goes while a flood is read in turns.
const SPARES: usize = 1024;

impl Links {
    /// No links yet.
    pub fn new(me: ActorAddress, limits: Arc<Limits>, carrier: Carrier) -> Links {
        Links {
            me,
            limits,
            carrier,
            peers: Vec::new(),
            free: Vec::new(),
            numbers: BTreeMap::new(),
            last_to: 0,
            last_from: 0,
            closed: [None; Lane::COUNT],
            opened: 0,
            taken: 0,
            sifted: Sifted::default(),
            forgot: false,
            progressed: Vec::new(),
            asked: Vec::new(),
            acknowledge_at: Time::FAR,
            unacknowledged: 0,
            unacknowledged_bytes: 0,
            due: Time::FAR,
            names: KnownNames::new(),
            buffer: Vec::new(),
            arrived: Vec::new(),
            spares: Vec::new(),
            count: 0,
            sweep_at: SWEEP,
        }
    }

    // -- sending -----------------------------------------------------------------------------------------------

    /// Takes a message for its target.
    ///
    /// # Errors
    ///
    /// The message and why it is refused.
    pub fn send(
        &mut self,
        now: Time,
        envelope: Envelope,
        out: &mut Outputs,
    ) -> Result<(), (Envelope, Refusal)> {
        let (names, large) = match self.encode(&envelope) {
            Ok(encoded) => encoded,
            Err(refusal) => return Err((envelope, refusal)),
        };
        let (lane, to) = (Lane::of(envelope.message()), *envelope.to());
        let (number, by_runtime) = (envelope.number(), envelope.is_by_runtime());
        let repeated = by_runtime || envelope.message().is_system();
        // User code again, and no reason to lose the message or the sender.
        if let Err(failure) = panics::catch(|| drop(envelope)) {
            let text = format!("a message panicked when it was dropped: {}", failure.details());
            out.effect(Effect::Log(Log { level: log::Level::Error, actor: self.me, text }));
        }
        let buffer = mem::take(&mut self.buffer);
        let bytes = large.as_ref().map_or(PayloadRef::Read(&buffer), PayloadRef::Kept);
        self.keep(now, &to, lane, Draft { number, by_runtime, repeated, names: &names, bytes: &bytes }, out);
        if buffer.capacity() <= BUFFER_KEPT {
            self.buffer = buffer;
        }
        Ok(())
    }

    /// Takes a user's message that is its bytes already, with the sender's number for it.
    #[inline]
    pub(super) fn send_written(
        &mut self,
        now: Time,
        to: &ActorAddress,
        number: u64,
        names: &TypeNames,
        bytes: PayloadRef<'_>,
        out: &mut Outputs,
    ) {
        let draft = Draft { number, by_runtime: false, repeated: false, names, bytes: &bytes };
        self.keep(now, to, Lane::User, draft, out);
    }

    #[inline]
    fn keep(&mut self, now: Time, to: &ActorAddress, lane: Lane, draft: Draft<'_>, out: &mut Outputs) {
        self.sweep(now);
        let to = self.target(to);
        let peer = &mut self.peers[to as usize];
        let route = Route { me: self.me, peer: peer.address, lane };
        let link = match &mut peer.outgoing[lane as usize] {
            Some(link) => link,
            none => {
                self.opened += 1;
                self.count += 1;
                none.insert(Box::new(Outgoing::new(self.opened, self.carrier, now, &self.limits)))
            }
        };
        self.unacknowledged += 1;
        self.unacknowledged_bytes += draft.bytes.len();
        link.send(now, &route, draft, &self.limits, out);
        self.due = self.due.min(link.due());
    }

    /// The names of a message, and its bytes if they are many: a large one takes the buffer, and the next gets another. Few are
    /// in the buffer.
    fn encode(&mut self, envelope: &Envelope) -> Result<(TypeNames, Option<Payload>), Refusal> {
        let (buffer, known) = (&mut self.buffer, &mut self.names);
        buffer.clear();
        // The one thing that engines call and users write: it is run like all their code.
        let encoded = panics::catch(|| {
            envelope.message().encode_into(buffer)?;
            Ok(known.of(envelope.message()))
        });
        let encoded = encoded.unwrap_or_else(|failure| {
            Err(EncodeError { type_name: envelope.message().type_name(), cause: failure.details().into() })
        });
        let names = encoded.map_err(Refusal::NotEncodable)?;
        let size = self.buffer.len();
        let whole = (size > BUFFER_KEPT).then(|| mem::take(&mut self.buffer));
        if size > self.limits.message_size {
            return Err(Refusal::TooLarge { size });
        }
        Ok((names, whole.map(Payload::from)))
    }

    // -- what comes --------------------------------------------------------------------------------------------

    /// A frame has come. What it brings for the actor is added to `arrived`, and what it says of messages that
    /// were sent is returned.
    #[inline]
    pub fn handle(
        &mut self,
        now: Time,
        from: ActorAddress,
        frame: FrameRef<'_>,
        arrived: &mut Vec<Envelope>,
        out: &mut Outputs,
    ) -> Progress {
        match frame {
            Frame::Data { lane, link, sequence, base, number, by_runtime, asks, names, bytes } => {
                let size = bytes.len();
                let message = match self.spares.pop() {
                    Some(spare) => {
                        if let Some(next) = self.spares.last() {
                            next.fetch();
                        }
                        AnyMessage::encoded_in(spare, names, bytes)
                    }
                    None => AnyMessage::encoded(names.clone(), bytes),
                };
                let mut envelope = message.seal(&self.me, &from);
                envelope.set_number(number);
                let envelope = if by_runtime { envelope.by_runtime() } else { envelope };
                // No engine of ours puts a message into the other lane, where it would never be acknowledged.
                if Lane::of(envelope.message()) == lane {
                    self.take(
                        now,
                        from,
                        lane,
                        Place { link, sequence, base, size, asks },
                        envelope,
                        arrived,
                        out,
                    );
                }
                Progress::default()
            }
            Frame::Ack { lane, link, handled } => {
                self.acknowledged(now, from, (lane, link), handled, None, out)
            }
            Frame::Closed { lane, link, handled, reason } => {
                let mut progress = self.acknowledged(now, from, (lane, link), handled, None, out);
                self.target_closed(from, (lane, link), reason, &mut progress);
                progress
            }
            Frame::AckButGaps { lane, link, handled, gaps, closed } => {
                let mut progress = self.acknowledged(now, from, (lane, link), handled, Some(gaps), out);
                if let Some(reason) = closed {
                    self.target_closed(from, (lane, link), reason, &mut progress);
                }
                progress
            }
            Frame::Past { lane, link, base } => {
                self.past(now, from, (lane, link), base, arrived, out);
                Progress::default()
            }
        }
    }

    fn target_closed(
        &mut self,
        from: ActorAddress,
        (lane, opened): (Lane, u64),
        reason: DeadReason,
        progress: &mut Progress,
    ) {
        if let Some(number) = self.find(&from)
            && self.outgoing(number, lane).is_some_and(|known| known.link == opened)
        {
            // What the target closed on it has certainly not handled.
            self.give_up(number, lane, reason, "", false, progress);
        }
    }

    /// Asks those for acknowledgements who would send none for a while because nobody has asked: their sender waits.
    #[cold]
    pub fn ask_how_far(&mut self, out: &mut Outputs) {
        if !self.carrier.asks() {
            return;
        }
        for number in self.numbers.values() {
            let peer = &mut self.peers[*number as usize];
            for lane in Lane::ALL {
                let Some(link) = &mut peer.outgoing[lane as usize] else { continue };
                if link.in_flight() > 0 && !link.has_asked() {
                    link.ask_how_far(&Route { me: self.me, peer: peer.address, lane }, out);
                }
            }
        }
    }

    /// The sender will not repeat what is below this place, and wants to know how far its target is.
    #[cold]
    fn past(
        &mut self,
        now: Time,
        from: ActorAddress,
        (lane, opened): (Lane, u64),
        base: u64,
        arrived: &mut Vec<Envelope>,
        out: &mut Outputs,
    ) {
        match self.carrier {
            Carrier::BestEffort => {}
            // Nothing is missing there.
            Carrier::Reliable => return self.say_how_far(from, (lane, opened), out),
            // Everything is repeated, and nobody says this.
            Carrier::Lossy => return,
        }
        self.sweep(now);
        let number = self.source(&from);
        let route = Route { me: self.me, peer: from, lane };
        let begin = || begin(opened, base, self.carrier, self.forgot, &self.limits, now);
        let Some(link) = self.peers[number as usize].link_from(lane, opened, begin, &mut self.count) else {
            return;
        };
        link.last_used = now;
        if let Some(reason) = self.closed[lane as usize] {
            return link.refuse(route, reason, out);
        }
        let taking = Taking { count: &mut self.taken, lost: &mut self.sifted.lost, arrived };
        link.skip_to(base.max(link.expected), taking);
        link.acknowledge(route, true, out);
        link.asked();
    }

    fn say_how_far(&mut self, from: ActorAddress, (lane, opened): (Lane, u64), out: &mut Outputs) {
        let Some(number) = self.find_source(&from) else { return };
        if let Some(link) = &mut self.peers[number as usize].incoming[lane as usize]
            && link.link == opened
            && self.closed[lane as usize].is_none()
        {
            link.acknowledge(Route { me: self.me, peer: from, lane }, true, out);
            link.asked();
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a frame's parts, which are nothing together elsewhere")]
    #[inline]
    fn take(
        &mut self,
        now: Time,
        from: ActorAddress,
        lane: Lane,
        place: Place,
        envelope: Envelope,
        arrived: &mut Vec<Envelope>,
        out: &mut Outputs,
    ) {
        self.sweep(now);
        let Place { link: opened, sequence, base, .. } = place;
        let number = self.source(&from);
        let route = Route { me: self.me, peer: from, lane };
        let begin = || begin(opened, base, self.carrier, self.forgot, &self.limits, now);
        let Some(link) = self.peers[number as usize].link_from(lane, opened, begin, &mut self.count) else {
            return;
        };
        link.last_used = now;
        if let Some(reason) = self.closed[lane as usize] {
            return link.refuse(route, reason, out);
        }
        if base > link.expected {
            // The sender gave up on what is missing; what came early of it is not waited for any longer.
            let taking = Taking { count: &mut self.taken, lost: &mut self.sifted.lost, arrived };
            link.skip_to(base, taking);
        }
        if sequence < link.expected && !is_on(Bug::NoDeduplication) {
            let late = link.is_late(sequence);
            self.sifted.late += u64::from(late);
            if !(late && is_on(Bug::LateIsTaken)) {
                // A repetition: its acknowledgement was lost, or is still to come. Or it comes too late.
                return link.acknowledge(route, true, out);
            }
        }
        let taking = Taking { count: &mut self.taken, lost: &mut self.sifted.lost, arrived };
        link.take(place, envelope, &self.limits, taking);
        if is_on(Bug::AckBeforeHandling) {
            link.forget_pending();
            link.acknowledge(route, false, out);
        }
    }

    /// A message that came is over, and its memory can be used for another.
    #[inline]
    pub fn is_over(&mut self, envelope: Envelope) {
        if self.spares.len() < SPARES {
            self.spares.extend(envelope.into_spare());
        }
    }

    /// The message with this place has been handled, poisoned or otherwise dealt with. Says whether its sender is to be
    /// told now, by [`Links::tell`].
    #[inline]
    pub fn handled(&mut self, from: ActorAddress, lane: Lane, place: u64) -> bool {
        let Some(number) = self.find_source(&from) else { return false };
        let Some(link) = &mut self.peers[number as usize].incoming[lane as usize] else { return false };
        if !link.dealt_with(place) {
            return false;
        }
        if !mem::replace(&mut link.is_listed, true) {
            self.progressed.push((number, lane));
        }
        if !self.carrier.asks() {
            return link.is_halfway(BATCH);
        }
        let is_asked = link.is_asked();
        if is_asked {
            self.asked.push((number, lane));
        }
        is_asked
    }

    /// Sends the acknowledgements that were asked for, while the actor has more to do; with `much`, which it says when it has done much without
    /// a rest, also those that are due.
    pub fn tell(&mut self, now: Time, much: bool, out: &mut Outputs) {
        if !self.carrier.asks() {
            return self.flush_acks(out);
        }
        let every = self.acknowledge_every();
        for (number, lane) in self.asked.drain(..) {
            let peer = &mut self.peers[number as usize];
            if let Some(link) = &mut peer.incoming[lane as usize] {
                link.acknowledge_from = now + every;
                link.acknowledge(Route { me: self.me, peer: peer.address, lane }, false, out);
            }
        }
        if much {
            self.acknowledge_some(now, out);
        }
    }

    /// Sends all acknowledgements that there are.
    #[inline]
    pub fn flush_acks(&mut self, out: &mut Outputs) {
        self.acknowledge_at = Time::FAR;
        self.asked.clear();
        for (number, lane) in self.progressed.drain(..) {
            let peer = &mut self.peers[number as usize];
            let route = Route { me: self.me, peer: peer.address, lane };
            if let Some(link) = &mut peer.incoming[lane as usize] {
                link.is_listed = false;
                link.acknowledge(route, false, out);
            }
        }
    }

    /// The actor has nothing more to do. Sends the acknowledgements that go along with something else, and those for senders that have had
    /// none for a while or may wait: for all others each is a wake-up for nothing. Theirs follow [later](Links::poll_timeout).
    #[inline]
    pub fn rest(&mut self, now: Time, out: &mut Outputs) {
        if !self.carrier.asks() {
            self.flush_acks(out);
        } else if !self.progressed.is_empty() {
            self.acknowledge_some(now, out);
        }
    }

    /// How long a sender that has had an acknowledgement may have to wait for the next one: not so long that it would repeat anything, or
    /// take its target for slow.
    fn acknowledge_every(&self) -> Duration {
        match self.carrier {
            Carrier::Reliable => ACKNOWLEDGE_EVERY,
            Carrier::BestEffort | Carrier::Lossy => ACKNOWLEDGE_EVERY.min(self.limits.resend_after / 8),
        }
    }

    fn acknowledge_some(&mut self, now: Time, out: &mut Outputs) {
        let every = self.acknowledge_every();
        let (me, peers) = (self.me, &mut self.peers);
        self.acknowledge_at = Time::FAR;
        self.asked.clear();
        self.progressed.retain(|(number, lane)| {
            let peer = &mut peers[*number as usize];
            let Some(link) = &mut peer.incoming[*lane as usize] else { return false };
            if link.is_acknowledged() {
                // It was asked meanwhile.
                link.is_listed = false;
                return false;
            }
            let goes_along = peer.outgoing.iter().flatten().any(|outgoing| outgoing.last_used == now);
            if now < link.acknowledge_from && !goes_along && !link.is_pressing(&self.limits) {
                self.acknowledge_at = self.acknowledge_at.min(link.acknowledge_from);
                return true;
            }
            link.is_listed = false;
            link.acknowledge_from = now + every;
            link.acknowledge(Route { me, peer: peer.address, lane: *lane }, false, out);
            false
        });
    }

    /// From now on the lane takes no more; its senders are told, with what had been handled.
    pub fn close(&mut self, lane: Lane, reason: DeadReason, out: &mut Outputs) {
        self.closed[lane as usize] = Some(reason);
        for number in self.numbers.values() {
            let peer = &mut self.peers[*number as usize];
            let route = Route { me: self.me, peer: peer.address, lane };
            if let Some(link) = &mut peer.incoming[lane as usize] {
                link.close();
                link.refuse(route, reason, out);
            }
        }
    }

    // -- what becomes of what was sent -------------------------------------------------------------------------

    fn acknowledged(
        &mut self,
        now: Time,
        from: ActorAddress,
        (lane, opened): (Lane, u64),
        handled: u64,
        gaps: Option<&Gaps>,
        out: &mut Outputs,
    ) -> Progress {
        let mut progress = Progress::default();
        let Some(number) = self.find(&from) else { return progress };
        let Some(link) = &mut self.peers[number as usize].outgoing[lane as usize] else { return progress };
        // Word about an earlier link says nothing about this one.
        if link.link != opened {
            return progress;
        }
        let route = Route { me: self.me, peer: from, lane };
        let (done, counted) = match gaps {
            Some(gaps) if !is_on(Bug::LostIsHandled) => {
                link.settle_but(now, &route, handled, gaps, &self.limits, &mut progress)
            }
            _ => link.settle(now, handled, &self.limits),
        };
        progress.acknowledged = counted;
        if !is_on(Bug::WindowLeak) {
            link.fill(now, &route, &self.limits, out);
        }
        self.due = self.due.min(link.due());
        self.let_go(done);
        progress
    }

    /// These messages are no longer waited for.
    #[inline]
    fn let_go(&mut self, LetGo { count, bytes }: LetGo) {
        self.unacknowledged -= count;
        self.unacknowledged_bytes -= bytes;
        if self.unacknowledged == 0 {
            self.due = Time::FAR;
        }
    }

    /// The transport says that there is nobody at this address any more.
    pub fn peer_gone(&mut self, peer: ActorAddress, reason: DeadReason, details: &str) -> Progress {
        let mut progress = Progress::default();
        if let Some(number) = self.find(&peer) {
            for lane in Lane::ALL {
                self.give_up(number, lane, reason, details, true, &mut progress);
            }
        }
        // Repetitions of what it sent may still be under way, so the incoming links are kept for now.
        progress
    }

    fn give_up(
        &mut self,
        number: u32,
        lane: Lane,
        reason: DeadReason,
        details: &str,
        maybe_handled: bool,
        progress: &mut Progress,
    ) {
        let peer = &mut self.peers[number as usize];
        let route = Route { me: self.me, peer: peer.address, lane };
        if let Some(link) = peer.outgoing[lane as usize].take() {
            self.count -= 1;
            self.let_go(LetGo { count: link.len(), bytes: link.bytes() });
            progress.give_up_all(&link, &route, reason, details, maybe_handled);
        }
    }

    /// There is another connection to this peer, and whatever was on its way by an earlier one may be lost: sends again
    /// what is not acknowledged, and says again how far its own messages came.
    pub fn peer_back(&mut self, now: Time, peer: ActorAddress, out: &mut Outputs) {
        let Some(number) = self.find(&peer) else { return };
        for lane in Lane::ALL {
            let route = Route { me: self.me, peer, lane };
            let peer = &mut self.peers[number as usize];
            if let Some(link) = &mut peer.outgoing[lane as usize]
                && !is_on(Bug::NoResendAfterReconnect)
            {
                link.begin_again(now, &route, &self.limits, out);
            }
            // The peer may have sent again before this side knew, and the answer to that went the old way.
            if let Some(link) = &mut peer.incoming[lane as usize]
                && !is_on(Bug::NoAckAfterReconnect)
            {
                match self.closed[lane as usize] {
                    Some(reason) => link.refuse(route, reason, out),
                    None => link.acknowledge(route, true, out),
                }
            }
        }
    }

    /// Sends again what is not acknowledged, gives up what has waited too long.
    pub fn handle_timeout(&mut self, now: Time, out: &mut Outputs) -> Progress {
        let mut progress = Progress::default();
        if self.acknowledge_at <= now {
            self.acknowledge_some(now, out);
        }
        self.due = Time::FAR;
        let mut gone = LetGo::default();
        for number in self.numbers.values() {
            let peer = &mut self.peers[*number as usize];
            for lane in Lane::ALL {
                let Some(link) = &mut peer.outgoing[lane as usize] else { continue };
                let route = Route { me: self.me, peer: peer.address, lane };
                gone += link.expire(now, &route, &mut progress);
                if let Some(below) = link.resend(now, &self.limits)
                    && !is_on(Bug::NoResend)
                {
                    link.repeat(below, &route, out);
                }
                link.fill(now, &route, &self.limits, out);
                self.due = self.due.min(link.due());
            }
        }
        self.let_go(gone);
        progress
    }

    /// When [`Links::handle_timeout`] may have something to do: not later than that, and seldom sooner.
    #[inline]
    pub fn poll_timeout(&self) -> Option<Time> {
        let due = if self.unacknowledged > 0 { self.due } else { Time::FAR };
        let due = due.min(self.acknowledge_at);
        (due < Time::FAR).then_some(due)
    }

    // -- what leaves -------------------------------------------------------------------------------------------

    /// The frames that depart, as they are now. Messages that are not waited for any more are not among them.
    #[inline]
    pub fn departing<'a>(&'a self, departure: &'a Departure) -> Departing<'a> {
        departure.frames(Some(self))
    }

    /// The link of that number to a target, in a lane.
    #[inline]
    pub(super) fn link_to(&self, to: &ActorAddress, lane: Lane, link: u64) -> Option<&Outgoing> {
        self.outgoing(self.find(to)?, lane).filter(|outgoing| outgoing.link == link)
    }

    // -- getters -----------------------------------------------------------------------------------------------

    /// Whether something that was sent to this peer is not acknowledged.
    pub fn is_owed_by(&self, peer: ActorAddress) -> bool {
        self.links_to(peer).any(|link| !link.is_idle())
    }

    /// Whether something that was sent to this peer was not acknowledged at this time, or has been sent since.
    pub fn is_owed_since(&self, then: Time, peer: ActorAddress) -> bool {
        self.links_to(peer).any(|link| !link.is_idle() || link.last_used >= then)
    }

    fn links_to(&self, peer: ActorAddress) -> impl Iterator<Item = &Outgoing> {
        let number = self.numbers.get(&peer);
        let lanes = number.into_iter().flat_map(|number| &self.peers[*number as usize].outgoing);
        lanes.filter_map(Option::as_deref)
    }

    /// How many messages are on their way to a target in a lane.
    pub fn in_flight(&self, to: &ActorAddress, lane: Lane) -> usize {
        let number = self.numbers.get(to);
        number.and_then(|number| self.outgoing(*number, lane)).map_or(0, |link| link.in_flight())
    }

    /// How many messages are not acknowledged. Costs nothing.
    #[inline]
    pub fn unacknowledged(&self) -> usize {
        self.unacknowledged
    }

    /// What was not taken of what others sent. Costs nothing.
    #[inline]
    pub fn sifted(&self) -> Sifted {
        self.sifted
    }

    /// The encoded size of the messages that are not acknowledged, in bytes. Costs nothing.
    #[inline]
    pub fn unacknowledged_bytes(&self) -> usize {
        self.unacknowledged_bytes
    }

    /// Whether nothing is unacknowledged or waits.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.unacknowledged == 0
    }

    /// All messages that are not acknowledged, when their sender is going away.
    pub fn into_unacknowledged(mut self) -> impl Iterator<Item = (Envelope, bool)> {
        let mut links = Vec::new();
        for number in self.numbers.values() {
            let peer = &mut self.peers[*number as usize];
            for lane in Lane::ALL {
                let route = Route { me: self.me, peer: peer.address, lane };
                links.extend(peer.outgoing[lane as usize].take().map(|link| (link, route)));
            }
        }
        links.into_iter().flat_map(|(link, route)| link.messages(&route).collect::<Vec<_>>())
    }

    // -- peers -------------------------------------------------------------------------------------------------

    fn outgoing(&self, number: u32, lane: Lane) -> Option<&Outgoing> {
        self.peers[number as usize].outgoing[lane as usize].as_deref()
    }

    /// Whether this is the peer of that number.
    #[inline]
    fn is_at(&self, number: u32, address: &ActorAddress) -> bool {
        self.peers.get(number as usize).is_some_and(|peer| peer.address == *address)
    }

    /// The number of the peer that a message goes to, which gets one if it has none.
    #[inline]
    fn target(&mut self, address: &ActorAddress) -> u32 {
        if !self.is_at(self.last_to, address) {
            self.last_to = self.find_or_add(address);
        }
        self.last_to
    }

    /// The same for the one that a message comes from.
    #[inline]
    fn source(&mut self, address: &ActorAddress) -> u32 {
        if !self.is_at(self.last_from, address) {
            self.last_from = self.find_or_add(address);
        }
        self.last_from
    }

    /// The same, if it has a number.
    #[inline]
    fn find_source(&mut self, address: &ActorAddress) -> Option<u32> {
        if !self.is_at(self.last_from, address) {
            self.last_from = *self.numbers.get(address)?;
        }
        Some(self.last_from)
    }

    /// The number of a peer that is heard of.
    #[inline]
    fn find(&self, address: &ActorAddress) -> Option<u32> {
        if self.is_at(self.last_to, address) {
            return Some(self.last_to);
        }
        self.numbers.get(address).copied()
    }

    fn find_or_add(&mut self, address: &ActorAddress) -> u32 {
        if let Some(number) = self.numbers.get(address) {
            return *number;
        }
        let peer = Peer { address: *address, outgoing: [None, None], incoming: [None, None] };
        let number = match self.free.pop() {
            Some(number) => {
                self.peers[number as usize] = peer;
                number
            }
            None => {
                self.peers.push(peer);
                (self.peers.len() - 1) as u32
            }
        };
        self.numbers.insert(*address, number);
        number
    }

    /// Forgets links that are not used: a receiver when no repetition can be under way any more, a sender when it
    /// likes. Costs next to nothing for each link that was opened.
    #[inline]
    fn sweep(&mut self, now: Time) {
        if self.count >= self.sweep_at {
            self.sweep_all(now);
        }
    }

    #[cold]
    fn sweep_all(&mut self, now: Time) {
        let limit = self.limits.delivery_limit;
        self.forget(|last_used| now >= last_used + limit, |last_used| now >= last_used + limit + limit);
        let most = self.limits.idle_links;
        if self.count > most {
            // So many that memory matters more: the oldest half goes before its time.
            let mut times: Vec<Time> = Vec::with_capacity(self.count);
            for peer in &self.peers {
                times.extend(
                    peer.outgoing.iter().flatten().filter(|link| link.is_idle()).map(|link| link.last_used),
                );
                times.extend(
                    peer.incoming
                        .iter()
                        .flatten()
                        .filter(|link| !link.is_waiting())
                        .map(|link| link.last_used),
                );
            }
            times.sort_unstable();
            if let Some(oldest) = times.get(times.len() / 2).copied() {
                self.forget(|last_used| last_used < oldest, |last_used| last_used < oldest);
            }
        }
        let next = SWEEP.max(2 * self.count);
        self.sweep_at = if self.count < most { next.min(most + 1) } else { next };
    }

    /// Forgets idle links by when they were last used.
    fn forget(&mut self, outgoing_since: impl Fn(Time) -> bool, incoming_since: impl Fn(Time) -> bool) {
        let (peers, free, count) = (&mut self.peers, &mut self.free, &mut self.count);
        let forgot = &mut self.forgot;
        self.numbers.retain(|_, number| {
            let peer = &mut peers[*number as usize];
            for lane in Lane::ALL {
                let (outgoing, incoming) =
                    (&mut peer.outgoing[lane as usize], &mut peer.incoming[lane as usize]);
                let unused = |link: &mut Box<Outgoing>| link.is_idle() && outgoing_since(link.last_used);
                *count -= usize::from(outgoing.take_if(unused).is_some());
                let unused = |link: &mut Box<Incoming>| {
                    !link.is_waiting() && !link.is_listed && incoming_since(link.last_used)
                };
                let forgotten = incoming.take_if(unused).is_some();
                *count -= usize::from(forgotten);
                *forgot |= forgotten;
            }
            let used = peer.outgoing.iter().any(Option::is_some) || peer.incoming.iter().any(Option::is_some);
            if !used {
                // Nobody has this address, so the place is not taken for that of a peer.
                peer.address = ActorAddress::NOBODY;
                free.push(*number);
            }
            used
        });
    }

    /// How many links there are, idle ones among them.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Peer {
    /// The link in this lane that the peer has opened: the one there is, or the one that begins with this frame. `None` if
    /// the peer has opened a later one.
    #[inline]
    fn link_from(
        &mut self,
        lane: Lane,
        opened: u64,
        begin: impl Fn() -> Incoming,
        count: &mut usize,
    ) -> Option<&mut Incoming> {
        let link = match &mut self.incoming[lane as usize] {
            Some(link) => link,
            none => {
                *count += 1;
                none.insert(Box::new(begin()))
            }
        };
        match opened.cmp(&link.link) {
            Ordering::Less => return None,
            Ordering::Equal => {}
            // The sender has forgotten the earlier link, so nothing of that is waited for any more.
            Ordering::Greater => **link = begin(),
        }
        Some(link)
    }
}

/// A link of which this frame is the first that comes.
#[cold]
fn begin(opened: u64, base: u64, carrier: Carrier, forgot: bool, limits: &Limits, now: Time) -> Incoming {
    if carrier != Carrier::BestEffort {
        return Incoming::new(opened, base, None, now);
    }
    // All below the base was lost, unless it was taken and forgotten.
    let expected = if forgot { base } else { 0 };
    Incoming::new(opened, expected, Some(Sieve::new(expected, limits.window_max)), now)
}

/// What was not taken of what others sent, by a carrier that gives messages up ([`Carrier::BestEffort`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sifted {
    /// Messages that did not come in time, as far as is known.
    pub lost: u64,
    /// Those of them that came later after all, and were dropped.
    pub late: u64,
}

/// What became known of messages that were sent.
#[derive(Default)]
pub struct Progress {
    /// How many the target has dealt with; those by the runtime do not count.
    pub acknowledged: u32,
    /// Those that will not be delivered.
    pub undelivered: Vec<Undelivered>,
}
