//! Messages from one sender in one lane: each place taken once and in turn, and held until it has been dealt with.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::mem;

use super::gaps::Sieve;
use super::outgoing::Route;
use super::{Bug, Frame, Place, is_on};
use crate::engine::Outputs;
use crate::{DeadReason, Envelope, Limits, Time};

/// Messages from one sender in one lane.
pub(super) struct Incoming {
    pub(super) link: u64,
    /// The next place to take.
    pub(super) expected: u64,
    /// What was taken and not dealt with yet, in order.
    pending: VecDeque<Taken>,
    /// What was last acknowledged, and the size of what has been dealt with since.
    acknowledged: u64,
    bytes_since: usize,
    /// From when on the next acknowledgement is sent although it goes along with nothing.
    pub(super) acknowledge_from: Time,
    /// Whether more can be acknowledged, and this is listed for that.
    pub(super) is_listed: bool,
    /// Whether a message that [asks](Frame::Data::asks) is among what can be acknowledged.
    is_asked: bool,
    /// What came before its turn, and whether it asks.
    early: BTreeMap<u64, (Envelope, bool)>,
    /// The size of all that is held here.
    bytes: usize,
    /// What was passed over, where the sender does not know it: with [`Carrier::BestEffort`](super::Carrier::BestEffort).
    sieve: Option<Box<Sieve>>,
    pub(super) last_used: Time,
}

/// A message that its actor has and has not dealt with.
struct Taken {
    /// The number that the envelope has as its place: it stays its own when the sender opens another link.
    number: u64,
    sequence: u64,
    size: usize,
    asks: bool,
}

/// What has been taken from all senders, and where to put it.
pub(super) struct Taking<'a> {
    /// How many messages were ever taken.
    pub(super) count: &'a mut u64,
    /// How many were passed over and never will be.
    pub(super) lost: &'a mut u64,
    pub(super) arrived: &'a mut Vec<Envelope>,
}

impl Incoming {
    /// A link on which the message at this place is the first that is waited for.
    pub(super) fn new(link: u64, base: u64, sieve: Option<Sieve>, now: Time) -> Incoming {
        Incoming {
            sieve: sieve.map(Box::new),
            link,
            expected: base,
            pending: VecDeque::new(),
            acknowledged: base,
            bytes_since: 0,
            acknowledge_from: Time::ZERO,
            is_listed: false,
            is_asked: false,
            early: BTreeMap::new(),
            bytes: 0,
            last_used: now,
        }
    }

    /// The first place that has not been dealt with.
    #[inline]
    fn handled(&self) -> u64 {
        self.pending.front().map_or(self.expected, |taken| taken.sequence)
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty() || !self.early.is_empty()
    }

    /// Takes a message if there is room for it, and what it was waited for with.
    #[inline]
    pub(super) fn take(
        &mut self,
        Place { sequence, size, asks, .. }: Place,
        envelope: Envelope,
        limits: &Limits,
        mut taking: Taking<'_>,
    ) {
        if !self.has_room(sequence, size, limits) {
            return;
        }
        self.bytes += size;
        if sequence == self.expected && self.early.is_empty() {
            self.expected += 1;
            self.hand_over((sequence, size, asks), envelope, &mut taking);
        } else if is_on(Bug::OutOfOrder) || sequence < self.expected {
            self.expected = self.expected.max(sequence + 1);
            self.hand_over((sequence, size, asks), envelope, &mut taking);
        } else {
            if let Some((repeated, _)) = self.early.insert(sequence, (envelope, asks)) {
                self.bytes -= self::size(&repeated);
            }
            self.skip_to(self.expected, taking);
        }
    }

    /// Whether a message at this place and of this size is taken.
    #[inline]
    fn has_room(&self, sequence: u64, size: usize, limits: &Limits) -> bool {
        let end = self.handled().saturating_add(2 * u64::from(limits.window_max));
        let alone = self.pending.is_empty() && self.early.is_empty();
        sequence < end && (alone || self.bytes.saturating_add(size) <= limits.window_bytes.saturating_mul(2))
    }

    /// Takes all that is there up to `base`, gaps or not, and then what follows without a gap.
    pub(super) fn skip_to(&mut self, base: u64, mut taking: Taking<'_>) {
        while let Some(entry) = self.early.first_entry()
            && *entry.key() <= base.max(self.expected)
        {
            let (sequence, (envelope, asks)) = entry.remove_entry();
            self.pass_over(sequence, taking.lost);
            self.expected = sequence + 1;
            self.hand_over((sequence, size(&envelope), asks), envelope, &mut taking);
        }
        self.pass_over(base, taking.lost);
    }

    /// Waits no longer for what is below this place and has not come.
    #[inline]
    fn pass_over(&mut self, to: u64, lost: &mut u64) {
        if to > self.expected {
            if let Some(sieve) = &mut self.sieve {
                *lost += sieve.pass_over(self.expected, to);
            }
            self.expected = to;
        }
    }

    /// Whether the message at this place, which is not waited for any more, was never taken.
    #[cold]
    pub(super) fn is_late(&self, sequence: u64) -> bool {
        self.sieve.as_ref().is_some_and(|sieve| sieve.has_lost(sequence))
    }

    #[inline]
    fn hand_over(
        &mut self,
        (sequence, size, asks): (u64, usize, bool),
        mut envelope: Envelope,
        taking: &mut Taking<'_>,
    ) {
        *taking.count += 1;
        let number = *taking.count;
        envelope.set_place(number);
        self.pending.push_back(Taken { number, sequence, size, asks });
        taking.arrived.push(envelope);
    }

    /// The message with this place has been dealt with. Says whether more can be acknowledged now.
    #[inline]
    pub(super) fn dealt_with(&mut self, place: u64) -> bool {
        // Nearly always the first: only a question for the status overtakes.
        match self.pending.front() {
            Some(first) if first.number == place => {
                self.bytes -= first.size;
                self.bytes_since += first.size;
                self.is_asked |= first.asks;
                self.pending.pop_front();
                true
            }
            _ => {
                if let Some(at) = self.pending.iter().position(|taken| taken.number == place)
                    && let Some(taken) = self.pending.remove(at)
                {
                    self.bytes -= taken.size;
                    // What can be acknowledged of it is what stands in front.
                    if let Some(before) = at.checked_sub(1).and_then(|at| self.pending.get_mut(at)) {
                        before.asks |= taken.asks;
                    }
                }
                false
            }
        }
    }

    /// Whether as much has been dealt with since the last acknowledgement as there still is, which a sender that repeats what is not
    /// acknowledged needs to go on with a full window, and not less than `batch`.
    #[inline]
    pub(super) fn is_halfway(&self, batch: u64) -> bool {
        self.handled() - self.acknowledged >= batch.max(self.pending.len() as u64)
    }

    /// Whether all that has been dealt with is acknowledged.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.handled() <= self.acknowledged
    }

    /// Whether the sender has asked for what can be acknowledged.
    #[inline]
    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Whether the sender may wait for the next acknowledgement.
    pub(super) fn is_pressing(&self, limits: &Limits) -> bool {
        self.is_asked || self.bytes_since >= super::PRESSING.min(limits.window_bytes / 2)
    }

    /// The sender has asked about all that has come, and has been told what has been dealt with.
    pub(super) fn asked(&mut self) {
        self.acknowledge_from = Time::ZERO;
        if let Some(last) = self.pending.back_mut() {
            last.asks = true;
        }
    }

    /// Forgets what is held, acknowledged or not.
    pub(super) fn forget_pending(&mut self) {
        self.pending.clear();
        self.bytes = 0;
    }

    /// Says how far it has come: if that is further than before, or `again`.
    pub(super) fn acknowledge(&mut self, route: Route, again: bool, out: &mut Outputs) {
        let handled = self.handled();
        if handled > self.acknowledged || again {
            self.acknowledged = handled;
            self.bytes_since = 0;
            self.is_asked = false;
            let frame = match self.report(route, None) {
                Some(report) => report,
                None => Frame::Ack { lane: route.lane, link: self.link, handled },
            };
            out.frame(route.me, route.peer, frame);
        }
    }

    /// How far it has come but for what was passed over, if the sender has to know of that.
    #[inline]
    fn report(&mut self, route: Route, closed: Option<DeadReason>) -> Option<Frame> {
        let sieve = self.sieve.as_mut()?;
        let gaps = sieve.report(self.expected)?.clone();
        Some(Frame::AckButGaps { lane: route.lane, link: self.link, handled: self.handled(), gaps, closed })
    }

    /// Says that it takes no more, and how far it has come.
    pub(super) fn refuse(&mut self, route: Route, reason: DeadReason, out: &mut Outputs) {
        let frame = match self.report(route, Some(reason)) {
            Some(report) => report,
            None => Frame::Closed { lane: route.lane, link: self.link, handled: self.handled(), reason },
        };
        out.frame(route.me, route.peer, frame);
    }

    /// What came before its turn will never have one.
    pub(super) fn close(&mut self) {
        for (envelope, _) in mem::take(&mut self.early).into_values() {
            self.bytes -= size(&envelope);
        }
    }
}

/// The encoded size of a message that came from elsewhere.
#[inline]
fn size(envelope: &Envelope) -> usize {
    envelope.message().encoded_size()
}
