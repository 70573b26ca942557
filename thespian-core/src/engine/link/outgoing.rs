//! Messages to one target in one lane: what is on its way, what waits, and the window between them.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::mem;
use core::ops::AddAssign;

use super::gaps::{Fate, Gaps};
use super::store::{Store, Stored};
use super::{Bug, Carrier, Frame, FrameRef, Lane, Progress, is_on};
use crate::engine::{Outputs, Undelivered};
use crate::{ActorAddress, AnyMessage, DeadReason, Envelope, Limits, PayloadRef, Time, TypeNames};

/// Messages to one target in one lane.
pub(crate) struct Outgoing {
    pub(super) link: u64,
    carrier: Carrier,
    next: u64,
    /// What is on its way, in order; the last has the place before `next`.
    flight: VecDeque<Kept>,
    /// With [`Carrier::BestEffort`], the places of those on their way that are repeated.
    repeated: VecDeque<u64>,
    /// What waits for room in the window.
    queue: VecDeque<Kept>,
    flight_bytes: usize,
    /// The messages themselves, of both.
    store: Store,
    /// What was given up and the target may still hold.
    ghosts: Ghosts,
    window: u32,
    /// Whether it has held messages back, or was about to, since it was last looked at.
    limited: bool,
    /// The place behind the last message that the target was asked about: it says when it has dealt with that.
    asked: u64,
    /// One message on its way, and since when: how quick the target is, is found out with it.
    sample: Option<(u64, Time)>,
    resend_at: Time,
    /// The next place at the time from which `resend_at` counts: what is below has been on its way for as long.
    resend_below: u64,
    resends: u32,
    /// When something was sent last, or acknowledged.
    pub(super) last_used: Time,
}

/// A message for a link. It is its bytes by now: the value was dropped when it had been encoded, while whatever it holds was
/// still at hand.
#[derive(Clone, Copy)]
pub(super) struct Draft<'a> {
    pub(super) number: u64,
    pub(super) by_runtime: bool,
    /// Whether it is sent again until it is acknowledged even by [`Carrier::BestEffort`]: supervision rests on it.
    pub(super) repeated: bool,
    pub(super) names: &'a TypeNames,
    /// Where they are: to copy what says so would wait for each of its parts.
    pub(super) bytes: &'a PayloadRef<'a>,
}

/// A message that is kept until it is acknowledged. Small, because there may be many.
#[derive(Clone, Copy)]
struct Kept {
    number: u64,
    expires: Time,
    stored: Stored,
    by_runtime: bool,
    repeated: bool,
    asks: bool,
}

/// Messages that are no longer waited for.
#[derive(Clone, Copy, Default)]
pub(super) struct LetGo {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

impl AddAssign for LetGo {
    #[inline]
    fn add_assign(&mut self, other: LetGo) {
        self.count += other.count;
        self.bytes += other.bytes;
    }
}

/// Messages that were given up after they had been transmitted, on a carrier that has lost none of them: the target
/// holds them until it says otherwise.
#[derive(Default)]
struct Ghosts {
    count: usize,
    bytes: usize,
    /// The first place after them.
    end: u64,
    /// Whether the target was asked about them when nothing else was on its way.
    asked: bool,
}

/// The two ends of a link in one lane.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) me: ActorAddress,
    pub(crate) peer: ActorAddress,
    pub(crate) lane: Lane,
}

/// Where more than half of a large window is in use, one of so many messages asks: what is let go of soon is still in the processor's
/// cache.
const ASK_EVERY: u64 = 128;

impl Outgoing {
    pub(super) fn new(link: u64, carrier: Carrier, now: Time, limits: &Limits) -> Outgoing {
        Outgoing {
            link,
            carrier,
            next: 0,
            flight: VecDeque::new(),
            repeated: VecDeque::new(),
            queue: VecDeque::new(),
            flight_bytes: 0,
            store: Store::default(),
            ghosts: Ghosts::default(),
            window: limits.window,
            limited: false,
            asked: 0,
            sample: None,
            resend_at: now,
            resend_below: 0,
            resends: 0,
            last_used: now,
        }
    }

    /// The size of the messages that are not acknowledged, in bytes. Looks at each that waits.
    pub(super) fn bytes(&self) -> usize {
        self.flight_bytes + self.queue.iter().map(|kept| kept.stored.len()).sum::<usize>()
    }

    /// How many messages are not acknowledged.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.flight.len() + self.queue.len()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.flight.len()
    }

    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.flight.is_empty() && self.queue.is_empty()
    }

    /// When something is to be given up, or to be sent again where that is done by time.
    pub(super) fn due(&self) -> Time {
        let oldest = self.flight.front().or(self.queue.front()).map_or(Time::FAR, |kept| kept.expires);
        let again = self.carrier != Carrier::Reliable && !self.flight.is_empty();
        if again { oldest.min(self.resend_at) } else { oldest }
    }

    /// The place of the first message on its way, or of the next one.
    #[inline]
    fn first(&self) -> u64 {
        self.next - self.flight.len() as u64
    }

    /// The lowest place that may still come, as the frame of the message at this place says it.
    #[inline]
    fn base(&self, sequence: u64) -> u64 {
        match self.carrier {
            Carrier::Lossy | Carrier::Reliable => self.first(),
            Carrier::BestEffort => self.repeated.front().map_or(sequence, |first| sequence.min(*first)),
        }
    }

    fn set_resend(&mut self, now: Time, limits: &Limits) {
        self.resend_below = self.next;
        self.resend_at = now + limits.resend_after * (1 << self.resends.min(4));
    }

    /// Transmits a message, or keeps it for later if the window has no room.
    #[inline]
    pub(super) fn send(
        &mut self,
        now: Time,
        route: &Route,
        draft: Draft<'_>,
        limits: &Limits,
        out: &mut Outputs,
    ) {
        let Draft { number, by_runtime, repeated, names, bytes } = draft;
        let (stored, expires) = (self.store.add(names, *bytes), now + limits.delivery_limit);
        let kept = Kept { number, expires, stored, by_runtime, repeated, asks: false };
        self.last_used = now;
        if self.queue.is_empty() && self.has_room(kept.stored.len(), limits) {
            self.transmit(now, route, kept, limits, out);
        } else {
            self.queue.push_back(kept);
            self.ask_if_stuck(route, out);
        }
    }

    /// Transmits from the queue while the window has room.
    pub(super) fn fill(&mut self, now: Time, route: &Route, limits: &Limits, out: &mut Outputs) {
        while let Some(waiting) = self.queue.front() {
            let size = waiting.stored.len();
            if !self.has_room(size, limits) {
                return self.ask_if_stuck(route, out);
            }
            let Some(kept) = self.queue.pop_front() else { return };
            self.last_used = now;
            self.transmit(now, route, kept, limits, out);
        }
    }

    /// Whether a message of this size may be transmitted now.
    #[inline]
    fn has_room(&mut self, size: usize, limits: &Limits) -> bool {
        let count = self.flight.len() + self.ghosts.count;
        let bytes = self.flight_bytes + self.ghosts.bytes;
        let room = count < self.window as usize;
        self.limited |= !room;
        room && (count == 0 || bytes.saturating_add(size) <= limits.window_bytes)
    }

    /// Whether the message that is about to be transmitted is to ask the target for an acknowledgement: half the window is in use, and
    /// of the last half no other message asks, or of the last [`ASK_EVERY`].
    #[inline]
    fn has_to_ask(&self, size: usize, limits: &Limits) -> bool {
        let (count, bytes) = (self.flight.len() + 1, self.flight_bytes + size);
        if 2 * count < self.window as usize && 2 * bytes < limits.window_bytes {
            return false;
        }
        let since = self.next + 1 - self.asked;
        let enough = u64::from(self.window.div_ceil(2)).min(ASK_EVERY);
        self.carrier.asks() && (since >= enough || self.asked <= self.first())
    }

    /// Nothing more is sent, so no message asks.
    #[inline]
    fn ask_if_stuck(&mut self, route: &Route, out: &mut Outputs) {
        let has_asked = match self.flight.is_empty() {
            true => mem::replace(&mut self.ghosts.asked, true),
            false => self.asked > self.first(),
        };
        if self.carrier.asks() && !has_asked {
            self.ask_how_far(route, out);
        }
    }

    #[inline]
    fn transmit(&mut self, now: Time, route: &Route, mut kept: Kept, limits: &Limits, out: &mut Outputs) {
        if self.has_to_ask(kept.stored.len(), limits) {
            kept.asks = true;
            self.asked = self.next + 1;
            // `adapt` lets the window grow, if the target is quick.
            self.limited = true;
        }
        let begins = self.flight.is_empty();
        self.sample.get_or_insert((self.next, now));
        if self.carrier == Carrier::BestEffort && kept.repeated {
            self.repeated.push_back(self.next);
        }
        out.message(route, self.link, self.next);
        self.next += 1;
        self.flight_bytes += kept.stored.len();
        self.flight.push_back(kept);
        if begins {
            self.resends = 0;
            self.set_resend(now, limits);
        }
    }

    /// There is another connection, and nobody holds what was given up before.
    pub(super) fn begin_again(&mut self, now: Time, route: &Route, limits: &Limits, out: &mut Outputs) {
        self.ghosts = Ghosts::default();
        self.transmit_again(route, out);
        self.fill(now, route, limits, out);
    }

    fn transmit_again(&self, route: &Route, out: &mut Outputs) {
        for sequence in self.first()..self.next {
            out.message(route, self.link, sequence);
        }
    }

    /// The message at this place as it travels, if it is on its way.
    #[inline]
    pub(crate) fn on_its_way(&self, lane: Lane, sequence: u64) -> Option<FrameRef<'_>> {
        let at = sequence.checked_sub(self.first())?;
        let kept = self.flight.get(usize::try_from(at).ok()?)?;
        Some(Frame::Data {
            lane,
            link: self.link,
            sequence,
            base: self.base(sequence),
            number: kept.number,
            by_runtime: kept.by_runtime,
            asks: kept.asks,
            names: self.store.names(kept.stored),
            bytes: self.store.bytes(kept.stored),
        })
    }

    /// Whether what is on its way has not been acknowledged in time: then it is to be [repeated](Outgoing::repeat). Says
    /// below which place it has been on its way for long enough to be missed.
    pub(super) fn resend(&mut self, now: Time, limits: &Limits) -> Option<u64> {
        let due = self.carrier != Carrier::Reliable && !self.flight.is_empty() && now >= self.resend_at;
        due.then(|| {
            // What was sent last may still be under way.
            let is_quiet = now >= self.last_used + limits.resend_after / 2;
            let below = if is_quiet { self.next } else { self.resend_below };
            self.resends += 1;
            self.set_resend(now, limits);
            below
        })
    }

    /// Whether the target will say when it has dealt with all.
    pub(super) fn has_asked(&self) -> bool {
        self.asked >= self.next
    }

    /// Has the target say how far it is, now and when it has dealt with all.
    pub(super) fn ask_how_far(&mut self, route: &Route, out: &mut Outputs) {
        self.asked = self.next;
        // In case that there is another connection before the frame arrives.
        if let Some(last) = self.flight.back_mut() {
            last.asks = true;
        }
        let frame = Frame::Past { lane: route.lane, link: self.link, base: self.first() };
        out.frame(route.me, route.peer, frame);
    }

    /// Sends all again that is on its way and repeated at all. If that is nothing, the target is told not to wait for what
    /// is `below` this place, so that it says what it has.
    pub(super) fn repeat(&self, below: u64, route: &Route, out: &mut Outputs) {
        if self.carrier != Carrier::BestEffort {
            return self.transmit_again(route, out);
        }
        for sequence in &self.repeated {
            out.message(route, self.link, *sequence);
        }
        if self.repeated.is_empty() && !is_on(Bug::NoProbeForLoss) {
            let frame = Frame::Past { lane: route.lane, link: self.link, base: below };
            out.frame(route.me, route.peer, frame);
        }
    }

    /// The target has dealt with everything below this place but for the gaps. Says how many messages that were, and how
    /// many of them are not by the runtime; those in gaps will not be delivered, and count as that.
    pub(super) fn settle_but(
        &mut self,
        now: Time,
        route: &Route,
        handled: u64,
        gaps: &Gaps,
        limits: &Limits,
        progress: &mut Progress,
    ) -> (LetGo, u32) {
        let (first, mut lost) = (self.first(), LetGo::default());
        let done = handled.saturating_sub(first).min(self.flight.len() as u64) as usize;
        // What is left for `settle` stands behind, in order.
        let mut at = 0;
        for place in (first..).take(done) {
            match gaps.fate(place) {
                Fate::Taken => at += 1,
                fate => {
                    let Some(kept) = self.flight.remove(at) else { break };
                    self.flight_bytes -= kept.stored.len();
                    lost += LetGo { count: 1, bytes: kept.stored.len() };
                    let envelope = self.envelope(&kept, route);
                    progress.give_up(envelope, DeadReason::Lost, "", fate == Fate::Unknown);
                }
            }
        }
        let (mut done, counted) = self.settle(now, handled, limits);
        if lost.count > 0 {
            self.resends = 0;
            self.set_resend(now, limits);
        }
        done += lost;
        (done, counted)
    }

    /// The target has dealt with everything below this place. Says how many messages that were, with how many bytes, and how
    /// many of them are not by the runtime.
    pub(super) fn settle(&mut self, now: Time, handled: u64, limits: &Limits) -> (LetGo, u32) {
        if handled >= self.ghosts.end {
            self.ghosts = Ghosts::default();
        }
        let done = handled.saturating_sub(self.first()).min(self.flight.len() as u64) as usize;
        let mut counted = 0;
        let before = self.flight_bytes;
        // Looked at and dropped where they are: this is every message's way.
        for kept in self.flight.range(..done) {
            self.flight_bytes -= kept.stored.len();
            counted += u32::from(!kept.by_runtime);
        }
        self.flight.drain(..done);
        self.forget();
        if done > 0 {
            self.last_used = now;
            self.resends = 0;
            self.set_resend(now, limits);
        }
        self.adapt(now, handled, limits);
        (LetGo { count: done, bytes: before - self.flight_bytes }, counted)
    }

    /// Forgets what belongs to messages that are not waited for any more.
    #[inline]
    fn forget(&mut self) {
        self.store.keep_from(self.flight.front().or(self.queue.front()).map(|oldest| oldest.stored));
        let first = self.first();
        while self.repeated.front().is_some_and(|place| *place < first) {
            self.repeated.pop_front();
        }
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

    /// Gives up the messages whose time is over. They are the oldest, so they stand in front. Says how many, and
    /// with how many bytes.
    pub(super) fn expire(&mut self, now: Time, route: &Route, progress: &mut Progress) -> LetGo {
        let mut gone = LetGo::default();
        while self.flight.front().is_some_and(|kept| kept.expires <= now)
            && let Some(kept) = self.flight.pop_front()
        {
            let size = kept.stored.len();
            self.flight_bytes -= size;
            if self.carrier == Carrier::Reliable {
                self.ghosts.count += 1;
                self.ghosts.bytes += size;
                self.ghosts.end = self.first();
            }
            gone += LetGo { count: 1, bytes: size };
            progress.give_up(self.envelope(&kept, route), DeadReason::Expired, "", true);
        }
        while self.queue.front().is_some_and(|kept| kept.expires <= now)
            && let Some(kept) = self.queue.pop_front()
        {
            gone += LetGo { count: 1, bytes: kept.stored.len() };
            progress.give_up(self.envelope(&kept, route), DeadReason::Expired, "", false);
        }
        self.forget();
        gone
    }

    /// All that is not acknowledged, in order, and whether it was on its way.
    pub(super) fn messages(&self, route: &Route) -> impl Iterator<Item = (Envelope, bool)> {
        let flown = self.flight.iter().map(|kept| (kept, true));
        let all = flown.chain(self.queue.iter().map(|kept| (kept, false)));
        all.map(|(kept, flown)| (self.envelope(kept, route), flown))
    }

    /// The message as it would be at its target.
    fn envelope(&self, kept: &Kept, route: &Route) -> Envelope {
        let (names, bytes) = (self.store.names(kept.stored).clone(), self.store.bytes(kept.stored));
        let mut envelope = AnyMessage::encoded(names, bytes).seal(&route.peer, &route.me);
        envelope.set_number(kept.number);
        if kept.by_runtime { envelope.by_runtime() } else { envelope }
    }
}

impl Progress {
    fn give_up(&mut self, envelope: Envelope, reason: DeadReason, details: &str, maybe_handled: bool) {
        let details = String::from(details);
        self.undelivered.push(Undelivered { envelope, reason, details, maybe_handled });
    }

    /// The target will not take what is left of a link.
    pub(super) fn give_up_all(
        &mut self,
        link: &Outgoing,
        route: &Route,
        reason: DeadReason,
        details: &str,
        maybe_handled: bool,
    ) {
        for (envelope, flown) in link.messages(route) {
            self.give_up(envelope, reason, details, flown && maybe_handled);
        }
    }
}
