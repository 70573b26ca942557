//! Messages to one target in one lane: what is on its way, what waits, and the window between them.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use core::mem;
use core::ops::AddAssign;

use super::{Carrier, Frame, KnownNames, Lane, Progress};
use crate::engine::{Outputs, Undelivered};
use crate::{ActorAddress, DeadReason, Envelope, Limits, Time, TypeNames};

/// Messages to one target in one lane.
pub(super) struct Outgoing {
    pub(super) link: u64,
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
    pub(super) last_used: Time,
}

/// A message that is kept until it is acknowledged.
pub(super) struct Kept {
    pub(super) envelope: Envelope,
    pub(super) bytes: Arc<[u8]>,
    pub(super) expires: Time,
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
}

/// The two ends of a link in one lane.
#[derive(Clone, Copy)]
pub(super) struct Route {
    pub(super) me: ActorAddress,
    pub(super) peer: ActorAddress,
    pub(super) lane: Lane,
}

impl Outgoing {
    pub(super) fn new(link: u64, now: Time, limits: &Limits) -> Outgoing {
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

    /// The size of the messages that are not acknowledged, in bytes. Looks at each that waits.
    pub(super) fn bytes(&self) -> usize {
        self.flight_bytes + self.queue.iter().map(|kept| kept.bytes.len()).sum::<usize>()
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
    pub(super) fn due(&self, carrier: Carrier) -> Time {
        let oldest = self.flight.front().or(self.queue.front()).map_or(Time::FAR, |kept| kept.expires);
        let again = carrier == Carrier::Lossy && !self.flight.is_empty();
        if again { oldest.min(self.resend_at) } else { oldest }
    }

    /// The place of the first message on its way, or of the next one.
    #[inline]
    fn first(&self) -> u64 {
        self.next - self.flight.len() as u64
    }

    fn set_resend(&mut self, now: Time, limits: &Limits) {
        self.resend_at = now + limits.resend_after * (1 << self.resends.min(4));
    }

    /// Transmits a message, or keeps it for later if the window has no room.
    #[inline]
    pub(super) fn send(
        &mut self,
        now: Time,
        route: Route,
        kept: Kept,
        names: &TypeNames,
        limits: &Limits,
        out: &mut Outputs,
    ) {
        self.last_used = now;
        if self.queue.is_empty() && self.has_room(kept.bytes.len(), limits) {
            self.transmit(now, route, kept, names.clone(), limits, out);
        } else {
            self.queue.push_back(kept);
        }
    }

    /// Transmits from the queue while the window has room.
    pub(super) fn fill(
        &mut self,
        now: Time,
        route: Route,
        known: &mut KnownNames,
        limits: &Limits,
        out: &mut Outputs,
    ) {
        while let Some(waiting) = self.queue.front() {
            let size = waiting.bytes.len();
            if !self.has_room(size, limits) {
                return;
            }
            let Some(kept) = self.queue.pop_front() else { return };
            let names = known.of(kept.envelope.message());
            self.transmit(now, route, kept, names, limits, out);
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

    #[inline]
    fn transmit(
        &mut self,
        now: Time,
        route: Route,
        kept: Kept,
        names: TypeNames,
        limits: &Limits,
        out: &mut Outputs,
    ) {
        let begins = self.flight.is_empty();
        self.sample.get_or_insert((self.next, now));
        let frame = kept.frame(route.lane, self.link, self.next, self.first(), names);
        out.frame(route.me, route.peer, frame);
        self.next += 1;
        self.flight_bytes += kept.bytes.len();
        self.flight.push_back(kept);
        if begins {
            self.resends = 0;
            self.set_resend(now, limits);
        }
    }

    /// There is another connection, and nobody holds what was given up before.
    pub(super) fn begin_again(
        &mut self,
        now: Time,
        route: Route,
        known: &mut KnownNames,
        limits: &Limits,
        out: &mut Outputs,
    ) {
        self.ghosts = Ghosts::default();
        self.transmit_again(route, known, out);
        self.fill(now, route, known, limits, out);
    }

    fn transmit_again(&self, route: Route, known: &mut KnownNames, out: &mut Outputs) {
        let base = self.first();
        for (sequence, kept) in (base..).zip(&self.flight) {
            let names = known.of(kept.envelope.message());
            out.frame(route.me, route.peer, kept.frame(route.lane, self.link, sequence, base, names));
        }
    }

    /// Sends again what has not been acknowledged in time. Says whether it was time.
    pub(super) fn resend(&mut self, now: Time, limits: &Limits) -> bool {
        let due = !self.flight.is_empty() && now >= self.resend_at;
        if due {
            self.resends += 1;
            self.set_resend(now, limits);
        }
        due
    }

    /// Sends all again that is on its way.
    pub(super) fn repeat(&self, route: Route, known: &mut KnownNames, out: &mut Outputs) {
        self.transmit_again(route, known, out);
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
        for kept in self.flight.drain(..done) {
            self.flight_bytes -= kept.bytes.len();
            counted += u32::from(!kept.envelope.is_by_runtime());
        }
        if done > 0 {
            self.resends = 0;
            self.set_resend(now, limits);
        }
        self.adapt(now, handled, limits);
        (LetGo { count: done, bytes: before - self.flight_bytes }, counted)
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
    pub(super) fn expire(&mut self, now: Time, carrier: Carrier, progress: &mut Progress) -> LetGo {
        let mut gone = LetGo::default();
        while self.flight.front().is_some_and(|kept| kept.expires <= now)
            && let Some(kept) = self.flight.pop_front()
        {
            let size = kept.bytes.len();
            self.flight_bytes -= size;
            if carrier == Carrier::Reliable {
                let Ghosts { count, bytes, .. } = self.ghosts;
                self.ghosts = Ghosts { count: count + 1, bytes: bytes + size, end: self.first() };
            }
            gone += LetGo { count: 1, bytes: size };
            progress.give_up(kept.envelope, DeadReason::Expired, "", true);
        }
        while self.queue.front().is_some_and(|kept| kept.expires <= now)
            && let Some(kept) = self.queue.pop_front()
        {
            gone += LetGo { count: 1, bytes: kept.bytes.len() };
            progress.give_up(kept.envelope, DeadReason::Expired, "", false);
        }
        gone
    }

    /// All that is not acknowledged, in order, and whether it was on its way.
    pub(super) fn into_messages(self) -> impl Iterator<Item = (Envelope, bool)> {
        let flown = self.flight.into_iter().map(|kept| (kept.envelope, true));
        flown.chain(self.queue.into_iter().map(|kept| (kept.envelope, false)))
    }
}

impl Kept {
    #[inline]
    fn frame(&self, lane: Lane, link: u64, sequence: u64, base: u64, names: TypeNames) -> Frame {
        Frame::Data {
            lane,
            link,
            sequence,
            base,
            number: self.envelope.number(),
            by_runtime: self.envelope.is_by_runtime(),
            names,
            bytes: self.bytes.clone(),
        }
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
        link: Outgoing,
        reason: DeadReason,
        details: &str,
        maybe_handled: bool,
    ) {
        for (envelope, flown) in link.into_messages() {
            self.give_up(envelope, reason, details, flown && maybe_handled);
        }
    }
}
