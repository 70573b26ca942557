//! The engine of an outside caller's endpoint: to actors it looks like another actor (guide section 1.4).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::mem;

use super::link::{Carrier, FrameRef, Lane, Links, Progress, Refusal, Sifted};
use super::{Departing, Departure, Disposition, Effect, Outputs, ToAdmin, Undelivered};
use crate::{
    ActorAddress, ActorStatus, AnyMessage, Counters, DeadReason, Envelope, Error, Limits, PoisonMessage,
    SystemStatus, Time,
};

/// The engine of an endpoint: what an outside caller sends, and what came for it.
pub struct Endpoint {
    address: ActorAddress,
    limits: Arc<Limits>,
    inbox: VecDeque<Envelope>,
    /// Targets found dead since they were last asked about, newest last.
    dead: VecDeque<ActorAddress>,
    links: Option<Box<Links>>,
    counters: Counters,
    accounting: bool,
    closed: bool,
}

/// What an endpoint is told.
pub enum EndpointInput {
    /// One of its messages could not be delivered.
    Undelivered(Box<Undelivered>),
    /// Nobody is at that address any more.
    PeerGone {
        /// The address.
        peer: ActorAddress,
        /// Why.
        reason: DeadReason,
        /// More about why, for people.
        details: String,
    },
    /// There is another connection to that address: what was on its way by an earlier one may be lost.
    PeerBack(ActorAddress),
}

impl Endpoint {
    /// An endpoint; `carrier` and `accounting` as in [`HostConfig`](super::HostConfig).
    pub fn new(
        address: ActorAddress,
        limits: Arc<Limits>,
        carrier: Option<Carrier>,
        accounting: bool,
    ) -> Endpoint {
        Endpoint {
            address,
            links: carrier.map(|carrier| Box::new(Links::new(address, limits.clone(), carrier))),
            limits,
            inbox: VecDeque::new(),
            dead: VecDeque::new(),
            counters: Counters::default(),
            accounting,
            closed: false,
        }
    }

    /// Makes an endpoint that is done into another one, as [`Endpoint::new`] would, for less.
    pub fn reopen(&mut self, address: ActorAddress, carrier: Option<Carrier>, accounting: bool) {
        self.address = address;
        self.links = carrier.map(|carrier| Box::new(Links::new(address, self.limits.clone(), carrier)));
        self.inbox.clear();
        self.dead.clear();
        self.counters = Counters::default();
        self.accounting = accounting;
        self.closed = false;
    }

    /// Something happened.
    #[inline]
    pub fn handle(&mut self, now: Time, input: EndpointInput, out: &mut Outputs) {
        match input {
            EndpointInput::Undelivered(undelivered) => self.undelivered(*undelivered, out),
            EndpointInput::PeerBack(peer) => {
                if let Some(links) = &mut self.links {
                    links.peer_back(now, peer, out);
                }
            }
            EndpointInput::PeerGone { peer, reason, details } => {
                if let Some(links) = &mut self.links {
                    let progress = links.peer_gone(peer, reason, &details);
                    self.progress(progress, out);
                }
            }
        }
    }

    /// A deadline has come.
    pub fn handle_timeout(&mut self, now: Time, out: &mut Outputs) {
        if let Some(links) = &mut self.links {
            let progress = links.handle_timeout(now, out);
            self.progress(progress, out);
        }
    }

    /// The next deadline.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.links.as_ref().and_then(|links| links.poll_timeout())
    }

    /// The caller sends a message.
    ///
    /// # Errors
    ///
    /// A message that cannot travel is refused to the caller (decision D7).
    #[inline]
    pub fn send(
        &mut self,
        now: Time,
        to: ActorAddress,
        message: AnyMessage,
        out: &mut Outputs,
    ) -> Result<(), Error> {
        let mut envelope = message.seal(&to, &self.address);
        self.counters.sent += 1;
        envelope.set_number(self.counters.sent);
        self.account(&envelope, Disposition::Accepted, out);
        let Some(links) = &mut self.links else {
            out.transmit(envelope.uncounted());
            return Ok(());
        };
        let Err((envelope, refusal)) = links.send(now, envelope, out) else { return Ok(()) };
        self.counters.refused += 1;
        self.account(&envelope, Disposition::Refused, out);
        Err(match refusal {
            Refusal::NotEncodable(error) => Error::MessageNotEncodable(error),
            Refusal::TooLarge { size } => Error::MessageTooLarge {
                type_name: envelope.message().type_name(),
                size,
                limit: self.limits.message_size,
            },
        })
    }

    /// The next message for the caller, who has it then: it counts as handled.
    #[inline]
    pub fn receive(&mut self, out: &mut Outputs) -> Option<Envelope> {
        let envelope = self.inbox.pop_front()?;
        self.taken(&envelope, out);
        Some(envelope)
    }

    /// The messages that wait for the caller, by their senders and numbers.
    pub fn unread(&self) -> impl Iterator<Item = (ActorAddress, u64)> {
        self.inbox.iter().map(|envelope| (*envelope.from(), envelope.number()))
    }

    /// Whether a message to this target has come back since this was last asked; forgets it.
    pub fn found_dead(&mut self, target: &ActorAddress) -> bool {
        let found = self.dead.contains(target);
        self.dead.retain(|dead| dead != target);
        found
    }

    /// Forgets which targets were found dead: what is asked from now on is about what is sent from now on.
    #[inline]
    pub fn forget_dead(&mut self) {
        if !self.dead.is_empty() {
            self.dead.clear();
        }
    }

    /// Whether something waits for the caller.
    pub fn has_message(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Whether something waits for the caller, or a target has been found dead.
    pub fn has_news(&self) -> bool {
        self.has_message() || !self.dead.is_empty()
    }

    /// The caller goes away: what waits for it becomes dead letters. The engine can go when it [is
    /// done](Endpoint::is_done).
    pub fn close(&mut self, out: &mut Outputs) {
        self.closed = true;
        if let Some(links) = &mut self.links {
            links.close(Lane::User, DeadReason::Dead, out);
            links.close(Lane::Urgent, DeadReason::Dead, out);
        }
        while let Some(envelope) = self.inbox.pop_front() {
            let undelivered = Undelivered::new(envelope, DeadReason::Dead);
            out.effect(Effect::ToAdmin {
                from: self.address,
                message: ToAdmin::DeadLetter(Box::new(undelivered)),
            });
        }
    }

    /// As [`Host::departing`](super::Host::departing).
    #[inline]
    pub fn departing<'a>(&'a self, departure: &'a Departure) -> Departing<'a> {
        departure.frames(self.links.as_deref())
    }

    /// Whether something that was sent to this peer is not acknowledged.
    pub fn is_owed_by(&self, peer: ActorAddress) -> bool {
        self.links.as_ref().is_some_and(|links| links.is_owed_by(peer))
    }

    /// The caller waits until fewer of its messages are unacknowledged: see [`Links::ask_how_far`].
    pub fn ask_how_far(&mut self, out: &mut Outputs) {
        if let Some(links) = &mut self.links {
            links.ask_how_far(out);
        }
    }

    /// How many messages that the caller sent are not acknowledged: a `tell` that finds too many waits. Costs nothing to
    /// ask, after every send. It falls when a frame, an `Undelivered`, a `PeerGone` or a deadline is handled.
    pub fn unacknowledged(&self) -> usize {
        self.links.as_ref().map_or(0, |links| links.unacknowledged())
    }

    /// The encoded size of those messages, in bytes.
    pub fn unacknowledged_bytes(&self) -> usize {
        self.links.as_ref().map_or(0, |links| links.unacknowledged_bytes())
    }

    /// What became of the caller's messages.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The endpoint's address.
    #[inline]
    pub fn address(&self) -> &ActorAddress {
        &self.address
    }

    /// Whether the caller has gone away and everything it sent has been dealt with.
    pub fn is_done(&self) -> bool {
        self.closed && self.links.as_ref().is_none_or(|links| links.is_idle())
    }

    /// A message for the caller came: taken, if it is something an outside caller sees (guide section 7, decision D26).
    #[inline]
    pub fn arrived(&mut self, envelope: Envelope, out: &mut Outputs) {
        let from = *envelope.from();
        let full = self.inbox.len() >= self.limits.endpoint_queue;
        let filtered = envelope.message().is_system() && !is_for_callers(envelope.message());
        if let Some(links) = &mut self.links {
            links.handled(from, Lane::of(envelope.message()), envelope.place());
            links.flush_acks(out);
        } else if !envelope.is_by_runtime() {
            out.credit(&from, 1);
        }
        if full && !filtered {
            let undelivered = Undelivered::new(envelope, DeadReason::EndpointFull);
            out.effect(Effect::ToAdmin {
                from: self.address,
                message: ToAdmin::DeadLetter(Box::new(undelivered)),
            });
            return;
        }
        match filtered {
            true => self.taken(&envelope, out),
            false => self.inbox.push_back(envelope),
        }
    }

    #[inline]
    fn taken(&mut self, envelope: &Envelope, out: &mut Outputs) {
        if !envelope.is_by_runtime() {
            self.counters.handled += 1;
            self.account(envelope, Disposition::Handled, out);
        }
    }

    /// A frame for the caller came, from another process.
    pub fn frame(&mut self, now: Time, from: ActorAddress, frame: FrameRef<'_>, out: &mut Outputs) {
        let Some(links) = &mut self.links else { return };
        let mut arrived = mem::take(&mut links.arrived);
        let progress = links.handle(now, from, frame, &mut arrived, out);
        let Sifted { lost, late } = links.sifted();
        (self.counters.lost, self.counters.late) = (lost, late);
        self.progress(progress, out);
        for envelope in arrived.drain(..) {
            self.arrived(envelope, out);
        }
        if let Some(links) = &mut self.links {
            links.arrived = arrived;
        }
    }

    fn progress(&mut self, progress: Progress, out: &mut Outputs) {
        for undelivered in progress.undelivered {
            self.undelivered(undelivered, out);
        }
    }

    fn undelivered(&mut self, undelivered: Undelivered, out: &mut Outputs) {
        let room = self.inbox.len() < self.limits.endpoint_queue;
        if undelivered.reason == DeadReason::NeverStarted && !undelivered.envelope.is_by_runtime() && room {
            let Undelivered { envelope, details, .. } = undelivered;
            self.counters.poisoned += 1;
            self.account(&envelope, Disposition::Poisoned, out);
            let target = *envelope.to();
            let poison = PoisonMessage { message: envelope.into_message(), details: details.to_string() };
            self.inbox.push_back(AnyMessage::new(poison).seal(&self.address, &target).by_runtime());
            return;
        }
        // Of a target whose message was lost nothing is known.
        if undelivered.reason != DeadReason::Lost {
            if self.dead.len() >= self.limits.endpoint_queue {
                self.dead.pop_front();
            }
            self.dead.push_back(*undelivered.envelope.to());
        }
        let message = ToAdmin::DeadLetter(Box::new(undelivered));
        out.effect(Effect::ToAdmin { from: self.address, message });
    }

    fn account(&self, envelope: &Envelope, what: Disposition, out: &mut Outputs) {
        if self.accounting {
            out.effect(Effect::Account { from: *envelope.from(), number: envelope.number(), what });
        }
    }
}

fn is_for_callers(message: &AnyMessage) -> bool {
    message.is::<PoisonMessage>() || message.is::<SystemStatus>() || message.is::<ActorStatus>()
}
