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
//! window begins with [`Limits::window`] messages. It doubles, up to [`Limits::window_max`], when it has held messages
//! back from a target that deals with one within half of [`Limits::resend_after`], and is halved again, down to where
//! it began, when that takes longer than the whole. So a target has about as much before it as it handles in that time,
//! and a window that nobody needs stays small. [`Limits::window_bytes`] is fixed.
//!
//! A receiver relies on nobody: it holds at most twice what a sender may have on its way, and drops what is beyond. An
//! honest sender gets there only where frames are lost anyway, because what it has given up counts until the target says
//! that it came past, or there is another connection: which is what the second half is for.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use super::planted::{Bug, is_on};
use super::{Effect, Outputs, Undelivered};
use crate::driver::panics;
use crate::{
    ActorAddress, ActorExitRequest, AnyMessage, DeadReason, EncodeError, Envelope, KnownNames, Limits,
    StatusReq, Time, TypeNames,
};

/// What travels between the engines of two processes.
#[derive(Clone, Debug)]
pub enum Frame {
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
        /// The names of its type and of those it extends.
        names: TypeNames,
        /// The encoded message.
        bytes: Arc<[u8]>,
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
}

/// What carries the frames between two processes, as far as delivery is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// It may lose, repeat and reorder any frame: what is not acknowledged is sent again by time.
    Lossy,
    /// It loses frames only together with the connection. The driver says so once there is another one, and then what is
    /// not acknowledged is sent again.
    Reliable,
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
    /// The lane a message travels in.
    pub fn of(message: &AnyMessage) -> Lane {
        let urgent = message.is_system() && (message.is::<ActorExitRequest>() || message.is::<StatusReq>());
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
    outgoing: BTreeMap<(ActorAddress, Lane), Outgoing>,
    incoming: BTreeMap<(ActorAddress, Lane), Incoming>,
    /// Whether the lane takes no more, and why.
    closed: BTreeMap<Lane, DeadReason>,
    /// Links that were ever opened to a target.
    opened: u64,
    /// Messages that were ever taken from a sender.
    taken: u64,
    /// Incoming links on which something has been dealt with since the last acknowledgement.
    progressed: Vec<(ActorAddress, Lane)>,
    /// The names of the types that were sent.
    names: KnownNames,
    /// Where messages are encoded, before they are kept in as much room as they need.
    buffer: Vec<u8>,
    /// How many links there are when those that are not used are looked for next.
    sweep_at: usize,
}

/// Messages to one target in one lane.
struct Outgoing {
    link: u64,
    next: u64,
    /// What is on its way, in order; the last has the place before `next`.
    flight: VecDeque<Kept>,
    /// What waits for room in the window.
    queue: VecDeque<Kept>,
    flight_bytes: usize,
    /// What was given up and the target may still hold.
    ghosts: Ghosts,
    window: u32,
    /// Whether it has held messages back since it was last looked at.
    limited: bool,
    /// One message on its way, and since when: how quick the target is, is found out with it.
    sample: Option<(u64, Time)>,
    resend_at: Time,
    resends: u32,
    last_used: Time,
}

/// A message that is kept until it is acknowledged.
struct Kept {
    envelope: Envelope,
    names: TypeNames,
    bytes: Arc<[u8]>,
    expires: Time,
}

/// Messages that were given up after they had been transmitted, on a carrier that has lost none of them: the target
/// holds them until it says otherwise.
#[derive(Default)]
struct Ghosts {
    count: usize,
    bytes: usize,
    /// The first place after them.
    end: u64,
}

/// Messages from one sender in one lane.
struct Incoming {
    link: u64,
    /// The next place to take.
    expected: u64,
    /// What was taken and not dealt with yet, in order.
    pending: VecDeque<Taken>,
    /// What was last acknowledged.
    acknowledged: u64,
    early: BTreeMap<u64, Envelope>,
    /// The size of all that is held here.
    bytes: usize,
    last_used: Time,
}

/// A message that its actor has and has not dealt with.
struct Taken {
    /// The number that the envelope has as its place: it stays its own when the sender opens another link.
    number: u64,
    sequence: u64,
    size: usize,
}

/// Where a frame belongs.
struct Place {
    link: u64,
    sequence: u64,
    base: u64,
}

/// Fewer links than this are not worth looking for unused ones.
const SWEEP: usize = 64;

/// A buffer that has become larger than this, for one large message, is not kept. Bytes.
const BUFFER_KEPT: usize = 64 * 1024;

impl Links {
    /// No links yet.
    pub fn new(me: ActorAddress, limits: Arc<Limits>, carrier: Carrier) -> Links {
        Links {
            me,
            limits,
            carrier,
            outgoing: BTreeMap::new(),
            incoming: BTreeMap::new(),
            closed: BTreeMap::new(),
            opened: 0,
            taken: 0,
            progressed: Vec::new(),
            names: KnownNames::new(),
            buffer: Vec::new(),
            sweep_at: SWEEP,
        }
    }

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
        // The one thing that engines call and users write: it is run like all their code.
        let (buffer, known) = (&mut self.buffer, &mut self.names);
        buffer.clear();
        let encoded = panics::catch(|| {
            envelope.message().encode_into(buffer)?;
            Ok(known.of(envelope.message()))
        });
        let encoded = encoded.unwrap_or_else(|failure| {
            Err(EncodeError { type_name: envelope.message().type_name(), cause: failure.details().into() })
        });
        let names = match encoded {
            Ok(names) => names,
            Err(error) => return Err((envelope, Refusal::NotEncodable(error))),
        };
        let size = self.buffer.len();
        let bytes: Option<Arc<[u8]>> = (size <= self.limits.message_size).then(|| self.buffer[..].into());
        if self.buffer.capacity() > BUFFER_KEPT {
            self.buffer = Vec::new();
        }
        let Some(bytes) = bytes else { return Err((envelope, Refusal::TooLarge { size })) };
        self.sweep(now);
        let key = (*envelope.to(), Lane::of(envelope.message()));
        let kept = Kept { names, bytes, expires: now + self.limits.delivery_limit, envelope };
        let (opened, limits) = (&mut self.opened, &self.limits);
        let link = self.outgoing.entry(key).or_insert_with(|| {
            *opened += 1;
            Outgoing::new(*opened, now, limits)
        });
        link.last_used = now;
        link.queue.push_back(kept);
        link.fill(now, self.me, key, &self.limits, out);
        Ok(())
    }

    /// A frame has come. What it brings for the actor is added to `arrived`, and what it says of messages that
    /// were sent is returned.
    pub fn handle(
        &mut self,
        now: Time,
        from: ActorAddress,
        frame: Frame,
        arrived: &mut Vec<Envelope>,
        out: &mut Outputs,
    ) -> Progress {
        match frame {
            Frame::Data { lane, link, sequence, base, number, by_runtime, names, bytes } => {
                let mut envelope = AnyMessage::encoded(names, bytes).seal(&self.me, &from);
                envelope.set_number(number);
                let envelope = if by_runtime { envelope.by_runtime() } else { envelope };
                // No engine of ours puts a message into the other lane, where it would never be acknowledged.
                if Lane::of(envelope.message()) == lane {
                    self.take(now, (from, lane), Place { link, sequence, base }, envelope, arrived, out);
                }
                Progress::default()
            }
            // Word about an earlier link says nothing about this one.
            Frame::Ack { lane, link, .. } | Frame::Closed { lane, link, .. }
                if self.outgoing.get(&(from, lane)).is_none_or(|known| known.link != link) =>
            {
                Progress::default()
            }
            Frame::Ack { lane, handled, .. } => self.acknowledge(now, (from, lane), handled, out),
            Frame::Closed { lane, handled, reason, .. } => {
                let mut progress = self.acknowledge(now, (from, lane), handled, out);
                // What the target closed on it has certainly not handled.
                self.give_up(from, Some(lane), reason, "", false, &mut progress);
                progress
            }
        }
    }

    fn take(
        &mut self,
        now: Time,
        key: (ActorAddress, Lane),
        place: Place,
        envelope: Envelope,
        arrived: &mut Vec<Envelope>,
        out: &mut Outputs,
    ) {
        self.sweep(now);
        let Place { link: number, sequence, base } = place;
        let fresh = || Incoming::new(number, base, now);
        let link = self.incoming.entry(key).or_insert_with(fresh);
        if number < link.link {
            return;
        }
        if number > link.link {
            // The sender has forgotten the earlier link, so nothing of that is waited for any more.
            *link = fresh();
        }
        link.last_used = now;
        if let Some(reason) = self.closed.get(&key.1) {
            return link.refuse(self.me, key, *reason, out);
        }
        if base > link.expected {
            // The sender gave up on what is missing; what came early of it is not waited for any longer.
            link.skip_to(base, &mut self.taken, arrived);
        }
        if sequence < link.expected && !is_on(Bug::NoDeduplication) {
            // A repetition: its acknowledgement was lost, or is still to come.
            link.acknowledge(self.me, key, true, out);
        } else if link.has_room(sequence, size(&envelope), &self.limits) {
            if is_on(Bug::OutOfOrder) || sequence < link.expected {
                link.expected = link.expected.max(sequence + 1);
                link.bytes += size(&envelope);
                link.hand_over(sequence, envelope, &mut self.taken, arrived);
                return;
            }
            link.bytes += size(&envelope);
            if let Some(repeated) = link.early.insert(sequence, envelope) {
                link.bytes -= size(&repeated);
            }
            link.skip_to(link.expected, &mut self.taken, arrived);
            if is_on(Bug::AckBeforeHandling) {
                link.pending.clear();
                link.bytes = 0;
                link.acknowledge(self.me, key, false, out);
            }
        }
    }

    /// The message with this place has been handled, poisoned or otherwise dealt with.
    pub fn handled(&mut self, from: ActorAddress, lane: Lane, place: u64) {
        if let Some(link) = self.incoming.get_mut(&(from, lane))
            // Nearly always the first: only a question for the status overtakes.
            && let Some(at) = link.pending.iter().position(|taken| taken.number == place)
        {
            let taken = link.pending.remove(at);
            link.bytes -= taken.map_or(0, |taken| taken.size);
            if at == 0 && self.progressed.last() != Some(&(from, lane)) {
                self.progressed.push((from, lane));
            }
        }
    }

    /// Sends the acknowledgements that are due. Called when the actor has nothing more to do, or has done much.
    pub fn flush_acks(&mut self, out: &mut Outputs) {
        for key in self.progressed.drain(..) {
            if let Some(link) = self.incoming.get_mut(&key) {
                link.acknowledge(self.me, key, false, out);
            }
        }
    }

    /// Forgets links that are not used: a receiver when no repetition can be under way any more, a sender when it
    /// likes. Costs next to nothing for each link that was opened.
    fn sweep(&mut self, now: Time) {
        if self.incoming.len() + self.outgoing.len() < self.sweep_at {
            return;
        }
        let forget = self.limits.delivery_limit;
        self.incoming.retain(|_, link| link.is_waiting() || now < link.last_used + forget + forget);
        self.outgoing.retain(|_, link| !link.is_idle() || now < link.last_used + forget);
        self.sweep_at = SWEEP.max(2 * (self.incoming.len() + self.outgoing.len()));
    }

    /// From now on the lane takes no more; its senders are told, with what had been handled.
    pub fn close(&mut self, lane: Lane, reason: DeadReason, out: &mut Outputs) {
        self.closed.insert(lane, reason);
        for (key, link) in self.incoming.iter_mut().filter(|(key, _)| key.1 == lane) {
            for (_, envelope) in mem::take(&mut link.early) {
                link.bytes -= size(&envelope);
            }
            link.refuse(self.me, *key, reason, out);
        }
    }

    /// The transport says that there is nobody at this address any more.
    pub fn peer_gone(&mut self, peer: ActorAddress, reason: DeadReason, details: &str) -> Progress {
        let mut progress = Progress::default();
        self.give_up(peer, None, reason, details, true, &mut progress);
        // Repetitions of what it sent may still be under way, so the incoming links are kept for now.
        progress
    }

    /// There is another connection to this peer, and whatever was on its way by an earlier one may be lost: sends again
    /// what is not acknowledged, and says again how far its own messages came.
    pub fn peer_back(&mut self, now: Time, peer: ActorAddress, out: &mut Outputs) {
        for lane in [Lane::Urgent, Lane::User] {
            if let Some(link) = self.outgoing.get_mut(&(peer, lane))
                && !is_on(Bug::NoResendAfterReconnect)
            {
                link.ghosts = Ghosts::default();
                link.transmit_again(self.me, (peer, lane), out);
                link.fill(now, self.me, (peer, lane), &self.limits, out);
            }
            // The peer may have sent again before this side knew, and the answer to that went the old way.
            if let Some(link) = self.incoming.get_mut(&(peer, lane))
                && !is_on(Bug::NoAckAfterReconnect)
            {
                match self.closed.get(&lane) {
                    Some(reason) => link.refuse(self.me, (peer, lane), *reason, out),
                    None => link.acknowledge(self.me, (peer, lane), true, out),
                }
            }
        }
    }

    /// Whether something that was sent to this peer is not acknowledged.
    pub fn is_owed_by(&self, peer: ActorAddress) -> bool {
        let lanes = [Lane::Urgent, Lane::User];
        lanes.into_iter().any(|lane| self.outgoing.get(&(peer, lane)).is_some_and(|link| !link.is_idle()))
    }

    /// How many messages are on their way to a target in a lane.
    pub fn in_flight(&self, to: &ActorAddress, lane: Lane) -> usize {
        self.outgoing.get(&(*to, lane)).map_or(0, |link| link.flight.len())
    }

    /// How many messages are not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.outgoing.values().map(|link| link.flight.len() + link.queue.len()).sum()
    }

    fn give_up(
        &mut self,
        peer: ActorAddress,
        lane: Option<Lane>,
        reason: DeadReason,
        details: &str,
        maybe_handled: bool,
        progress: &mut Progress,
    ) {
        for at in [Lane::Urgent, Lane::User].into_iter().filter(|at| lane.is_none_or(|lane| lane == *at)) {
            let Some(link) = self.outgoing.remove(&(peer, at)) else { continue };
            let flown = link.flight.into_iter().map(|kept| (kept, maybe_handled));
            let queued = link.queue.into_iter().map(|kept| (kept, false));
            for (kept, maybe_handled) in flown.chain(queued) {
                let details = String::from(details);
                progress.undelivered.push(Undelivered {
                    envelope: kept.envelope,
                    reason,
                    details,
                    maybe_handled,
                });
            }
        }
    }

    fn acknowledge(
        &mut self,
        now: Time,
        key: (ActorAddress, Lane),
        handled: u64,
        out: &mut Outputs,
    ) -> Progress {
        let mut progress = Progress::default();
        if let Some(link) = self.outgoing.get_mut(&key) {
            let before = link.flight.len();
            progress.acknowledged = link.settle(handled);
            if link.flight.len() < before {
                link.resends = 0;
                link.resend_at = link.next_resend(now, &self.limits);
            }
            link.adapt(now, handled, &self.limits);
            if !is_on(Bug::WindowLeak) {
                link.fill(now, self.me, key, &self.limits, out);
            }
        }
        progress
    }

    /// Sends again what is not acknowledged, gives up what has waited too long.
    pub fn handle_timeout(&mut self, now: Time, out: &mut Outputs) -> Progress {
        let mut progress = Progress::default();
        for (key, link) in &mut self.outgoing {
            link.expire(now, self.carrier, &mut progress);
            if self.carrier == Carrier::Lossy && !link.flight.is_empty() && now >= link.resend_at {
                link.resends += 1;
                link.resend_at = link.next_resend(now, &self.limits);
                if !is_on(Bug::NoResend) {
                    link.transmit_again(self.me, *key, out);
                }
            }
            link.fill(now, self.me, *key, &self.limits, out);
        }
        progress
    }

    /// When [`Links::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.outgoing
            .values()
            .filter(|link| !link.is_idle())
            .map(|link| {
                let oldest = link.flight.front().or(link.queue.front());
                let resend_at = if self.carrier == Carrier::Lossy { link.resend_at } else { Time::FAR };
                oldest.map_or(resend_at, |kept| kept.expires.min(resend_at))
            })
            .min()
    }

    /// Whether nothing is unacknowledged or waits.
    pub fn is_idle(&self) -> bool {
        self.outgoing.values().all(Outgoing::is_idle)
    }

    /// All messages that are not acknowledged, when their sender is going away.
    pub fn into_unacknowledged(self) -> impl Iterator<Item = (Envelope, bool)> {
        self.outgoing.into_values().flat_map(|link| {
            let flown = link.flight.into_iter().map(|kept| (kept.envelope, true));
            flown.chain(link.queue.into_iter().map(|kept| (kept.envelope, false)))
        })
    }
}

/// What became known of messages that were sent.
#[derive(Default)]
pub struct Progress {
    /// How many the target has dealt with; those by the runtime do not count.
    pub acknowledged: u32,
    /// Those that will not be delivered.
    pub undelivered: Vec<Undelivered>,
}

impl Outgoing {
    fn new(link: u64, now: Time, limits: &Limits) -> Outgoing {
        Outgoing {
            link,
            next: 0,
            flight: VecDeque::new(),
            queue: VecDeque::new(),
            flight_bytes: 0,
            ghosts: Ghosts::default(),
            window: limits.window,
            limited: false,
            sample: None,
            resend_at: now,
            resends: 0,
            last_used: now,
        }
    }

    fn is_idle(&self) -> bool {
        self.flight.is_empty() && self.queue.is_empty()
    }

    /// The place of the first message on its way, or of the next one.
    fn first(&self) -> u64 {
        self.next - self.flight.len() as u64
    }

    fn next_resend(&self, now: Time, limits: &Limits) -> Time {
        now + limits.resend_after * (1 << self.resends.min(4))
    }

    /// Transmits from the queue while the window has room.
    fn fill(
        &mut self,
        now: Time,
        me: ActorAddress,
        (to, lane): (ActorAddress, Lane),
        limits: &Limits,
        out: &mut Outputs,
    ) {
        while let Some(waiting) = self.queue.front() {
            let size = waiting.bytes.len();
            if !self.has_room(size, limits) {
                return;
            }
            let Some(kept) = self.queue.pop_front() else { return };
            if self.flight.is_empty() {
                self.resends = 0;
                self.resend_at = self.next_resend(now, limits);
            }
            self.sample.get_or_insert((self.next, now));
            let frame = Box::new(kept.frame(lane, self.link, self.next, self.first()));
            out.effect(Effect::Frame { from: me, to, frame });
            self.next += 1;
            self.flight_bytes += size;
            self.flight.push_back(kept);
        }
    }

    /// Whether a message of this size may be transmitted now.
    fn has_room(&mut self, size: usize, limits: &Limits) -> bool {
        let count = self.flight.len() + self.ghosts.count;
        let bytes = self.flight_bytes + self.ghosts.bytes;
        let room = count < self.window as usize;
        self.limited |= !room;
        room && (count == 0 || bytes.saturating_add(size) <= limits.window_bytes)
    }

    fn transmit_again(&self, me: ActorAddress, (to, lane): (ActorAddress, Lane), out: &mut Outputs) {
        let base = self.first();
        for (sequence, kept) in (base..).zip(&self.flight) {
            let frame = Box::new(kept.frame(lane, self.link, sequence, base));
            out.effect(Effect::Frame { from: me, to, frame });
        }
    }

    /// Lets go what the target has dealt with, and says how many messages that were; those by the runtime do not count.
    fn settle(&mut self, handled: u64) -> u32 {
        if handled >= self.ghosts.end {
            self.ghosts = Ghosts::default();
        }
        let done = handled.saturating_sub(self.first()).min(self.flight.len() as u64);
        let mut counted = 0;
        for kept in self.flight.drain(..done as usize) {
            self.flight_bytes -= kept.bytes.len();
            counted += u32::from(!kept.envelope.is_by_runtime());
        }
        counted
    }

    /// Suits the window to the target, once for each sample.
    fn adapt(&mut self, now: Time, handled: u64, limits: &Limits) {
        let Some((_, since)) = self.sample.filter(|(sequence, _)| *sequence < handled) else { return };
        self.sample = None;
        let limited = mem::take(&mut self.limited);
        if now > since + limits.resend_after {
            self.window = (self.window / 2).max(limits.window);
        } else if limited && now <= since + limits.resend_after / 2 {
            self.window = self.window.saturating_mul(2).min(limits.window_max);
        }
    }

    /// Gives up the messages whose time is over. They are the oldest, so they stand in front.
    fn expire(&mut self, now: Time, carrier: Carrier, progress: &mut Progress) {
        let mut give_up = |kept: Kept, maybe_handled| {
            progress.undelivered.push(Undelivered {
                envelope: kept.envelope,
                reason: DeadReason::Expired,
                details: String::new(),
                maybe_handled,
            });
        };
        while self.flight.front().is_some_and(|kept| kept.expires <= now)
            && let Some(kept) = self.flight.pop_front()
        {
            let size = kept.bytes.len();
            self.flight_bytes -= size;
            if carrier == Carrier::Reliable {
                let Ghosts { count, bytes, .. } = self.ghosts;
                self.ghosts = Ghosts { count: count + 1, bytes: bytes + size, end: self.first() };
            }
            give_up(kept, true);
        }
        while self.queue.front().is_some_and(|kept| kept.expires <= now)
            && let Some(kept) = self.queue.pop_front()
        {
            give_up(kept, false);
        }
    }
}

impl Kept {
    fn frame(&self, lane: Lane, link: u64, sequence: u64, base: u64) -> Frame {
        Frame::Data {
            lane,
            link,
            sequence,
            base,
            number: self.envelope.number(),
            by_runtime: self.envelope.is_by_runtime(),
            names: self.names.clone(),
            bytes: self.bytes.clone(),
        }
    }
}

/// The encoded size of a message that came from elsewhere.
fn size(envelope: &Envelope) -> usize {
    envelope.message().as_encoded().map_or(0, |encoded| encoded.bytes().len())
}

impl Incoming {
    fn new(link: u64, base: u64, now: Time) -> Incoming {
        Incoming {
            link,
            expected: base,
            pending: VecDeque::new(),
            acknowledged: base,
            early: BTreeMap::new(),
            bytes: 0,
            last_used: now,
        }
    }

    /// The first place that has not been dealt with.
    fn handled(&self) -> u64 {
        self.pending.front().map_or(self.expected, |taken| taken.sequence)
    }

    /// Whether a message at this place and of this size is taken.
    fn has_room(&self, sequence: u64, size: usize, limits: &Limits) -> bool {
        let end = self.handled().saturating_add(2 * u64::from(limits.window_max));
        let alone = self.pending.is_empty() && self.early.is_empty();
        sequence < end && (alone || self.bytes.saturating_add(size) <= limits.window_bytes.saturating_mul(2))
    }

    fn is_waiting(&self) -> bool {
        !self.pending.is_empty() || !self.early.is_empty()
    }

    /// Takes all that is there up to `base`, gaps or not, and then what follows without a gap.
    fn skip_to(&mut self, base: u64, taken: &mut u64, arrived: &mut Vec<Envelope>) {
        self.expected = self.expected.max(match self.early.first_key_value() {
            Some((first, _)) => base.min(*first),
            None => base,
        });
        while let Some(entry) = self.early.first_entry()
            && (*entry.key() < base || *entry.key() == self.expected)
        {
            let (sequence, envelope) = entry.remove_entry();
            self.expected = sequence + 1;
            self.hand_over(sequence, envelope, taken, arrived);
        }
        self.expected = self.expected.max(base);
    }

    fn hand_over(
        &mut self,
        sequence: u64,
        mut envelope: Envelope,
        taken: &mut u64,
        arrived: &mut Vec<Envelope>,
    ) {
        *taken += 1;
        envelope.set_place(*taken);
        self.pending.push_back(Taken { number: *taken, sequence, size: size(&envelope) });
        arrived.push(envelope);
    }

    fn refuse(&self, me: ActorAddress, key: (ActorAddress, Lane), reason: DeadReason, out: &mut Outputs) {
        let frame = Frame::Closed { lane: key.1, link: self.link, handled: self.handled(), reason };
        out.effect(Effect::Frame { from: me, to: key.0, frame: Box::new(frame) });
    }

    fn acknowledge(&mut self, me: ActorAddress, key: (ActorAddress, Lane), again: bool, out: &mut Outputs) {
        let handled = self.handled();
        if handled > self.acknowledged || again {
            self.acknowledged = handled;
            let frame = Frame::Ack { lane: key.1, link: self.link, handled };
            out.effect(Effect::Frame { from: me, to: key.0, frame: Box::new(frame) });
        }
    }
}
