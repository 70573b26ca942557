//! The engine of one actor.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use super::bare::bare;
use super::link::{Carrier, FrameRef, Lane, Links, Progress, Refusal, Sifted};
use super::planted::{Bug, is_on};
use super::{Departing, Departure, Disposition, Effect, Log, Outputs, ToAdmin, ToHost, Undelivered};
use crate::context::{Action, Create, Wakeup};
use crate::{
    Actions, ActorAddress, ActorExitRequest, ActorState, ActorStatus, ActorType, AnyMessage,
    ChildActorExited, Counters, DeadReason, Envelope, ExitCause, Failure, FailurePolicy, Flow, Limits,
    PayloadRef, PoisonMessage, QueueStatus, StatusReq, Time, TypeNames, WakeupMessage, WatchMessage,
};

/// An actor that has dealt with so many messages without a rest also tells senders that have not asked.
const MANY: u32 = 256;

/// What an actor's engine is made with.
#[derive(Clone)]
pub struct HostConfig {
    /// The actor's address.
    pub address: ActorAddress,
    /// Its type.
    pub kind: &'static ActorType,
    /// What happens when one of its attempts fails.
    pub policy: FailurePolicy,
    /// The bounds.
    pub limits: Arc<Limits>,
    /// What carries frames to the other engines, if those are in other processes; messages go through [`Links`] then.
    pub carrier: Option<Carrier>,
    /// Whether to account for every message with [`Effect::Account`].
    pub accounting: bool,
    /// The number of the actor's process, if it has one of its own, to be told to people.
    pub pid: Option<u32>,
}

/// The engine of one actor: its mailbox, its attempts, its children, its wakeups, its outgoing messages.
///
/// Its driver has the instance, runs the handler on a [delivery](Outputs::poll_delivery), and reports with
/// [`Host::finished`]. One delivery is outstanding at any time.
pub struct Host {
    address: ActorAddress,
    kind: &'static ActorType,
    policy: FailurePolicy,
    limits: Arc<Limits>,
    mailbox: VecDeque<Envelope>,
    rare: Option<Box<Rare>>,
    links: Option<Box<Links>>,
    sent: u64,
    handled: u64,
    /// Handled messages of one sender that it has not been told of yet.
    owed_to: ActorAddress,
    owed: u32,
    /// Messages sent that nobody has dealt with yet.
    outgoing: u32,
    busy_since: Time,
    phase: Phase,
    attempts: u8,
    busy: bool,
    paused: bool,
    /// Whether messages are accounted for, or go through links.
    watched: bool,
    accounting: bool,
    pid: Option<u32>,
    /// Whether the exit request in hand, or accepted, goes on to the children.
    recursive: bool,
}

/// Where an actor is in its life, as far as its engine is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// It has been handed an exit request, and from then on takes only exit requests and notices (decision D8).
    Accepted,
    /// It has handled it, and waits for its children.
    Exiting,
    /// The children are gone, and it waits until what it sent has been dealt with.
    Draining(Time),
    Gone,
}

/// What a host is told, beside what happens to every message.
pub enum HostInput<'a> {
    /// The running handler releases what it has asked for so far.
    Flushed(&'a mut Actions),
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
    /// The admin says something.
    FromAdmin(ToHost),
    /// Nothing else in this process can go on while the actor is paused.
    Relief,
}

/// Why a host wants to be called at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A wakeup falls due.
    Wakeup,
    /// A message is to be sent again, given up, or acknowledged.
    Resend,
    /// The actor has been paused for long.
    Relief,
    /// An exiting actor's messages have waited long enough.
    Drain,
    /// A request to exit has waited long enough.
    Exit,
}

/// What few actors have, so that the others are small.
#[derive(Default)]
struct Rare {
    /// Exit requests and exit notices: they do not wait behind the mailbox.
    urgent: VecDeque<Envelope>,
    children: BTreeSet<ActorAddress>,
    /// Pending wakeups in due order; equal times in the order asked (decision D22).
    wakeups: BTreeMap<(Time, u64), Wakeup>,
    wakeups_asked: u64,
    /// The latest time at which a wakeup was due that has been put into the mailbox.
    wakeup_last_due: Time,
    /// When the actor was paused, or relieved last.
    paused_since: Time,
    pause: Pause,
    /// When a request to exit has waited for a handler for too long; [`Time::FAR`] when that has been said.
    exit_due: Option<Time>,
    /// Deliveries that a paused actor gets all the same, because all others wait too.
    relief: u32,
    /// With how many messages outstanding relief ends.
    relief_ceiling: u32,
    poisoned: u64,
    refused: u64,
    failed_attempts: u64,
}

/// How things stood when the actor was paused.
#[derive(Clone, Copy, Default)]
struct Pause {
    began: Time,
    /// What was outstanding.
    messages: u32,
    bytes: u64,
}

impl Host {
    /// The engine of an actor that has just been constructed.
    pub fn new(config: HostConfig) -> Host {
        let links = config
            .carrier
            .map(|carrier| Box::new(Links::new(config.address, config.limits.clone(), carrier)));
        Host {
            address: config.address,
            kind: config.kind,
            policy: config.policy,
            limits: config.limits,
            mailbox: VecDeque::new(),
            rare: None,
            links,
            sent: 0,
            handled: 0,
            owed_to: ActorAddress::NOBODY,
            owed: 0,
            outgoing: 0,
            busy_since: Time::ZERO,
            phase: Phase::Running,
            attempts: 0,
            busy: false,
            paused: false,
            watched: config.carrier.is_some() || config.accounting,
            accounting: config.accounting,
            pid: config.pid,
            recursive: true,
        }
    }

    // -- handle: what happened ---------------------------------------------------------------------------------

    /// Something happened.
    pub fn handle(&mut self, now: Time, input: HostInput<'_>, out: &mut Outputs) {
        match input {
            HostInput::Flushed(actions) => self.release(now, actions, out),
            HostInput::Undelivered(undelivered) => self.undelivered(now, *undelivered, out),
            HostInput::PeerGone { peer, reason, details } => self.peer_gone(now, peer, reason, &details, out),
            HostInput::PeerBack(peer) => {
                if let Some(links) = &mut self.links {
                    links.peer_back(now, peer, out);
                }
            }
            HostInput::FromAdmin(ToHost::ChildExited { child, cause }) => {
                self.child_exited(now, child, cause, out)
            }
            HostInput::Relief => self.relieve(now, out),
        }
    }

    /// A deadline has come.
    pub fn handle_timeout(&mut self, now: Time, out: &mut Outputs) {
        self.wake(now);
        if let Some(links) = &mut self.links {
            let progress = links.handle_timeout(now, out);
            self.progress(now, progress, out);
        }
        if let Some(since) = self.paused_since()
            && now >= since + self.limits.pause_relief
        {
            self.rare().paused_since = now;
            self.relieve(now, out);
        }
        if let Some(rare) = &mut self.rare
            && rare.exit_due.is_some_and(|due| due <= now)
            && self.busy
        {
            rare.exit_due = Some(Time::FAR);
            out.effect(Effect::Overdue(self.address));
        }
        self.next(now, out);
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn paused_since(&self) -> Option<Time> {
        self.rare.as_ref().filter(|_| self.paused).map(|rare| rare.paused_since)
    }

    /// A message for the actor arrived.
    #[inline]
    pub fn arrived(&mut self, now: Time, envelope: Envelope, out: &mut Outputs) {
        if envelope.message().is_system() {
            self.system_arrived(now, envelope, out);
        } else if self.phase == Phase::Running
            || is_on(Bug::WorkAfterExitRequest) && self.phase != Phase::Gone
        {
            self.enqueue(now, envelope, out);
        } else {
            self.reject(envelope, out);
        }
    }

    #[inline]
    fn enqueue(&mut self, now: Time, envelope: Envelope, out: &mut Outputs) {
        if self.busy || self.paused || !self.mailbox.is_empty() {
            self.mailbox.push_back(envelope);
            if self.paused {
                self.next(now, out);
            }
        } else {
            self.begin(now, &envelope);
            out.deliver(envelope);
        }
    }

    #[cold]
    fn system_arrived(&mut self, now: Time, envelope: Envelope, out: &mut Outputs) {
        let message = envelope.message();
        if message.is::<StatusReq>() {
            let status = AnyMessage::new(self.status(now)).seal(envelope.from(), &self.address).by_runtime();
            self.transmit(now, status, out);
            self.settle(now, &envelope, Disposition::Handled, out);
            self.next(now, out);
        } else if message.is::<ActorExitRequest>() && !matches!(self.phase, Phase::Draining(_) | Phase::Gone)
        {
            let due = now + self.limits.exit_grace;
            let rare = self.rare();
            rare.exit_due.get_or_insert(due);
            rare.urgent.push_back(envelope);
            self.next(now, out);
        } else if self.phase == Phase::Running {
            self.enqueue(now, envelope, out);
        } else {
            self.reject(envelope, out);
        }
    }

    /// Gives a message back to its sender's engine: this actor does not take it any more.
    #[cold]
    fn reject(&mut self, envelope: Envelope, out: &mut Outputs) {
        match &mut self.links {
            // The sender has kept it, and learns from the closed lane that it was not handled.
            Some(_) if *envelope.from() != self.address => {}
            _ => out.effect(Effect::Return(Box::new(Undelivered::new(envelope, DeadReason::Dead)))),
        }
    }

    #[inline]
    fn begin(&mut self, now: Time, envelope: &Envelope) {
        self.busy = true;
        self.busy_since = now;
        self.attempts = 0;
        if envelope.message().is_system() {
            self.begin_system(envelope);
        }
    }

    #[cold]
    fn begin_system(&mut self, envelope: &Envelope) {
        if let Some(request) = envelope.message().downcast_ref::<ActorExitRequest>() {
            if self.phase == Phase::Running {
                self.phase = Phase::Accepted;
            }
            if self.phase == Phase::Accepted {
                self.recursive = request.is_recursive();
            }
        }
    }

    /// Descriptors that the actor watches can be read; `outstanding` is the delivery that its handler has not begun with, if
    /// there is one.
    ///
    /// Word of them comes before what waits: each message ends the watch (guide section 5.2.1), so an actor that always has
    /// messages would never hear of its descriptors otherwise. An attempt that is not the first, and an exit, are not put off.
    pub fn descriptors_ready(
        &mut self,
        now: Time,
        descriptors: Vec<i32>,
        outstanding: Option<Envelope>,
        out: &mut Outputs,
    ) {
        let can_wait = self.phase == Phase::Running && !self.paused && self.attempts == 0;
        match outstanding {
            Some(envelope) if can_wait => {
                self.busy = false;
                self.mailbox.push_front(envelope);
            }
            Some(envelope) => return out.deliver(envelope),
            None => {}
        }
        if self.phase == Phase::Running {
            let message = AnyMessage::new(WatchMessage { ready: descriptors });
            self.mailbox.push_front(message.seal(&self.address, &self.address).by_runtime());
            self.next(now, out);
        }
    }

    /// The handler has returned, or panicked: how it went with this message, and what it asked for; nothing when it
    /// failed. Returns the actor's next delivery, if it is to have one: to be done when all that is in `out` has been
    /// performed, so usually [pushed there](Outputs::deliver).
    #[inline]
    #[must_use]
    pub fn finished(
        &mut self,
        now: Time,
        envelope: Envelope,
        outcome: Result<Flow, Failure>,
        actions: &mut Actions,
        out: &mut Outputs,
    ) -> Option<Envelope> {
        self.busy = false;
        match outcome {
            Ok(flow) if actions.forward.is_some() => self.forwarded(now, envelope, flow, actions, out),
            Ok(flow) => {
                self.release(now, actions, out);
                if let Flow::Watch(descriptors) = flow {
                    out.effect(Effect::Watch { actor: self.address, descriptors });
                }
                self.dealt_with(now, envelope, Disposition::Handled, out);
            }
            Err(failure) => {
                if is_on(Bug::ActionsOfFailedAttempt) {
                    self.release(now, actions, out);
                }
                self.failed(now, envelope, failure, out);
            }
        }
        self.begin_next(now, out)
    }

    /// The message has been handled, and goes on to somebody else.
    fn forwarded(
        &mut self,
        now: Time,
        envelope: Envelope,
        flow: Flow,
        actions: &mut Actions,
        out: &mut Outputs,
    ) {
        // It gets another envelope, so what its sender is owed is noted before. The sender is not told until the message
        // is on its way: if this process dies in between, somebody has to know of it.
        let tell = self.note_settled(&envelope, Disposition::Handled, out);
        if let Some(forward) = &actions.forward {
            let envelope = envelope.readdressed(&forward.target, &self.address);
            if self.watched || actions.len() > 1 {
                actions.forward_in_turn(envelope);
                self.release(now, actions, out);
            } else {
                actions.forward = None;
                let envelope = self.number(envelope);
                out.transmit(envelope);
                self.pause_if_much(now, out);
            }
        }
        if let Flow::Watch(descriptors) = flow {
            out.effect(Effect::Watch { actor: self.address, descriptors });
        }
        if tell {
            self.tell(now, out);
        }
    }

    /// The message's last attempt is over.
    #[inline]
    fn dealt_with(&mut self, now: Time, envelope: Envelope, how: Disposition, out: &mut Outputs) {
        self.settle(now, &envelope, how, out);
        if envelope.message().is_system() {
            self.system_dealt_with(now, &envelope, out);
        } else if let Some(links) = &mut self.links {
            links.is_over(envelope);
        }
    }

    #[cold]
    fn system_dealt_with(&mut self, now: Time, envelope: &Envelope, out: &mut Outputs) {
        if let Some(request) = envelope.message().downcast_ref::<ActorExitRequest>() {
            let due = now + self.limits.exit_grace;
            let rare = self.rare();
            let another = rare.urgent.iter().any(|waiting| waiting.message().is::<ActorExitRequest>());
            rare.exit_due = another.then_some(due);
            self.begin_exit(now, request.is_recursive(), out);
        } else if let Some(notice) = envelope.message().downcast_ref::<ChildActorExited>()
            && envelope.is_by_runtime()
            && let ExitCause::NeverStarted(_) = notice.cause
        {
            // From now on this actor knows: what it still sends there are dead letters like any other.
            let message = ToAdmin::KnowsOfFailedStart(notice.child_address);
            out.effect(Effect::ToAdmin { from: self.address, message });
        }
    }

    #[cold]
    fn failed(&mut self, now: Time, envelope: Envelope, failure: Failure, out: &mut Outputs) {
        self.rare().failed_attempts += 1;
        self.attempts = self.attempts.saturating_add(1);
        let policy = self.policy;
        let allowed = policy.attempts() + u8::from(is_on(Bug::ThirdAttempt));
        let last = self.attempts >= allowed;
        self.log_failure(&envelope, &failure, last, out);
        if policy.fresh_instance() {
            out.effect(Effect::Restart(self.address));
        }
        if let Some(request) = envelope.message().downcast_ref::<ActorExitRequest>() {
            request.set_recursive(self.recursive);
        }
        if !last {
            self.busy = true;
            out.deliver(envelope);
        } else if envelope.message().is::<ActorExitRequest>() {
            // The actor exits all the same, and nobody is poisoned (decision D5).
            self.dealt_with(now, envelope, Disposition::Handled, out);
        } else if envelope.message().is::<PoisonMessage>() && !is_on(Bug::PoisonForPoison) {
            self.settle(now, &envelope, Disposition::Handled, out);
        } else {
            self.settle(now, &envelope, Disposition::Poisoned, out);
            self.poison(now, envelope, failure, out);
        }
    }

    fn log_failure(&self, envelope: &Envelope, failure: &Failure, last: bool, out: &mut Outputs) {
        let level = if last { log::Level::Error } else { log::Level::Warn };
        let text = format!(
            "{} failed on a {} from {} (attempt {}{}): {}",
            self.kind.name(),
            envelope.message().type_name(),
            envelope.from(),
            self.attempts,
            if last { ", the last" } else { "" },
            failure.details()
        );
        out.effect(Effect::Log(Log { level, actor: self.address, text }));
    }

    fn poison(&mut self, now: Time, envelope: Envelope, failure: Failure, out: &mut Outputs) {
        let to = match is_on(Bug::PoisonToWrongSender) {
            true => self.address,
            false => *envelope.from(),
        };
        let details = failure.details().to_string();
        let poison = PoisonMessage { message: envelope.into_message(), details };
        self.transmit(now, AnyMessage::new(poison).seal(&to, &self.address).by_runtime(), out);
    }

    /// That many of the actor's messages have been dealt with.
    #[inline]
    pub fn credited(&mut self, now: Time, count: u32, out: &mut Outputs) {
        if is_on(Bug::CreditLeak) && count > 1 {
            return;
        }
        self.outgoing = self.outgoing.saturating_sub(count);
        if self.paused
            && self.outgoing <= self.limits.outgoing_low
            && self.outgoing_bytes() <= self.limits.outgoing_bytes as u64 / 2
        {
            self.go_on(now, out);
        }
        if self.phase != Phase::Running {
            self.try_stop(now, out);
        }
    }

    /// Ends a pause.
    #[cold]
    fn go_on(&mut self, now: Time, out: &mut Outputs) {
        self.paused = false;
        self.rare().relief = 0;
        self.next(now, out);
    }

    fn relieve(&mut self, now: Time, out: &mut Outputs) {
        if self.paused && !self.mailbox.is_empty() {
            let room = self.limits.outgoing_high - self.limits.outgoing_low;
            let ceiling = self.outgoing.saturating_add(room);
            let rare = self.rare();
            rare.relief = room;
            rare.relief_ceiling = ceiling;
            self.next(now, out);
        }
    }

    /// A frame for the actor came, from a process that is not this one.
    #[inline]
    pub fn frame(&mut self, now: Time, from: ActorAddress, frame: FrameRef<'_>, out: &mut Outputs) {
        let Some(links) = &mut self.links else { return };
        let is_message = matches!(frame, FrameRef::Data { .. });
        let mut arrived = mem::take(&mut links.arrived);
        let progress = links.handle(now, from, frame, &mut arrived, out);
        if !is_message {
            self.progress(now, progress, out);
        }
        match arrived.len() {
            // Nearly always.
            1 => {
                if let Some(envelope) = arrived.pop() {
                    self.arrived(now, envelope, out);
                }
            }
            _ => arrived.drain(..).for_each(|envelope| self.arrived(now, envelope, out)),
        }
        if let Some(links) = &mut self.links {
            links.arrived = arrived;
        }
        self.next(now, out);
    }

    fn peer_gone(
        &mut self,
        now: Time,
        peer: ActorAddress,
        reason: DeadReason,
        details: &str,
        out: &mut Outputs,
    ) {
        if let Some(links) = &mut self.links {
            let progress = links.peer_gone(peer, reason, details);
            self.progress(now, progress, out);
            self.next(now, out);
        }
    }

    fn progress(&mut self, now: Time, progress: Progress, out: &mut Outputs) {
        for undelivered in progress.undelivered {
            self.undelivered(now, undelivered, out);
        }
        // What the runtime sent for the actor does not count as a message, but its bytes do.
        if progress.acknowledged > 0 || self.paused {
            self.credited(now, progress.acknowledged, out);
        }
    }

    /// One of this actor's own messages came back: it gets it as poison when the target never started (decision
    /// D10), and otherwise it goes to the system's dead letters.
    fn undelivered(&mut self, now: Time, undelivered: Undelivered, out: &mut Outputs) {
        let envelope = &undelivered.envelope;
        let runtime = envelope.is_by_runtime();
        let counted = !runtime && *envelope.to() != self.address;
        if runtime
            && undelivered.reason == DeadReason::Expired
            && envelope.message().is::<ActorExitRequest>()
            && self.rare.as_ref().is_some_and(|rare| rare.children.contains(envelope.to()))
        {
            let message = ToAdmin::KillChild(*envelope.to());
            out.effect(Effect::ToAdmin { from: self.address, message });
        }
        if undelivered.reason == DeadReason::NeverStarted && !runtime {
            let Undelivered { envelope, details, .. } = undelivered;
            self.account(&envelope, Disposition::Poisoned, out);
            self.rare().poisoned += 1;
            self.poison_self(now, envelope, details, out);
        } else {
            out.effect(Effect::ToAdmin {
                from: self.address,
                message: ToAdmin::DeadLetter(Box::new(undelivered)),
            });
        }
        if counted {
            self.credited(now, 1, out);
        }
    }

    /// The actor gets its own message back, as if from the target.
    fn poison_self(&mut self, now: Time, envelope: Envelope, details: String, out: &mut Outputs) {
        let target = *envelope.to();
        let poison = PoisonMessage { message: envelope.into_message(), details };
        let poison = AnyMessage::new(poison).seal(&self.address, &target).by_runtime();
        self.system_arrived(now, poison, out);
    }

    fn child_exited(&mut self, now: Time, child: ActorAddress, cause: ExitCause, out: &mut Outputs) {
        if !self.rare().children.remove(&child) && !is_on(Bug::DoubleExitNotice) {
            return;
        }
        if matches!(self.phase, Phase::Draining(_) | Phase::Gone) || is_on(Bug::LostExitNotice) {
            return;
        }
        let notice = AnyMessage::new(ChildActorExited { child_address: child, cause });
        let notice = notice.seal(&self.address, &child).by_runtime();
        // It overtakes the mailbox, but not what the child itself had sent before.
        let last_word = self.mailbox.iter().rposition(|waiting| *waiting.from() == child);
        match last_word {
            Some(at) if !is_on(Bug::NoticeBeforeMessages) => self.mailbox.insert(at + 1, notice),
            _ => self.rare().urgent.push_back(notice),
        }
        self.next(now, out);
    }

    /// Queues the wakeups that have fallen due.
    fn wake(&mut self, now: Time) {
        let Some(Rare { wakeups, .. }) = self.rare.as_deref_mut() else { return };
        let mut due = Vec::new();
        while let Some(entry) = wakeups.first_entry()
            && (entry.key().0 <= now || is_on(Bug::EarlyWakeup))
        {
            due.push(entry.remove());
            if is_on(Bug::LostWakeup) && wakeups.len() == 1 {
                wakeups.clear();
            }
        }
        for wakeup in due {
            if self.phase == Phase::Running || is_on(Bug::WakeupAfterExit) {
                self.wakeup_due(wakeup);
            }
        }
    }

    /// Puts a wakeup into the mailbox. [`next`](Host::next) has to follow.
    fn wakeup_due(&mut self, wakeup: Wakeup) {
        let Wakeup { due, delay, payload } = wakeup;
        let message = AnyMessage::new(WakeupMessage { delay_period: delay, payload });
        let mut envelope = message.seal(&self.address, &self.address).by_runtime();
        // What the runtime sends has no number of its own. A wakeup's is the time that it was due.
        envelope.set_number(u64::try_from(due.since_start().as_nanos()).unwrap_or(u64::MAX));
        let rare = self.rare();
        if due >= rare.wakeup_last_due {
            rare.wakeup_last_due = due;
            return self.mailbox.push_back(envelope);
        }
        // A handler that took long had asked for it, and others that were due later wait already.
        let is_later = |waiting: &Envelope| {
            waiting.message().is::<WakeupMessage>() && waiting.number() > envelope.number()
        };
        match self.mailbox.iter().position(is_later) {
            Some(at) => self.mailbox.insert(at, envelope),
            None => self.mailbox.push_back(envelope),
        }
    }

    // -- releasing what a handler asked for --------------------------------------------------------------------

    #[inline]
    fn release(&mut self, now: Time, actions: &mut Actions, out: &mut Outputs) {
        if actions.is_empty() {
            return;
        }
        if self.watched || !actions.others.is_empty() {
            self.release_in_turn(now, actions, out);
        } else {
            for envelope in actions.sends.drain(..) {
                let envelope = self.number(envelope);
                out.transmit(envelope);
            }
        }
        self.pause_if_much(now, out);
    }

    #[inline]
    fn pause_if_much(&mut self, now: Time, out: &mut Outputs) {
        let has_much = self.outgoing >= self.limits.outgoing_high
            || self.outgoing_bytes() >= self.limits.outgoing_bytes as u64;
        if has_much && !self.paused {
            self.pause(now, out);
        }
    }

    /// Releases what is not only sends in this process, in the order asked.
    fn release_in_turn(&mut self, now: Time, actions: &mut Actions, out: &mut Outputs) {
        let sends = actions.sends.len() + actions.letters.len();
        let mut others = actions.others.drain(..).peekable();
        let mut letters = actions.letters.read();
        let mut envelopes = actions.sends.drain(..);
        for index in 0..sends {
            while let Some((_, other)) = others.next_if(|(sends, _)| *sends <= index) {
                self.release_other(now, other, out);
            }
            match letters.next_at(index) {
                Some((to, names, bytes)) => self.send_letter(now, to, names, bytes, out),
                None => {
                    if let Some(envelope) = envelopes.next() {
                        self.send(now, envelope, out);
                    }
                }
            }
        }
        others.for_each(|(_, other)| self.release_other(now, other, out));
        drop(envelopes);
        actions.letters.clear();
        // Those that are due already, if the handler took long, must not come after one that was due later. All at once,
        // in due order: each would otherwise have to find its place among the others.
        self.wake(now);
    }

    #[cold]
    fn pause(&mut self, now: Time, out: &mut Outputs) {
        self.paused = true;
        let pause = Pause { began: now, messages: self.outgoing, bytes: self.outgoing_bytes() };
        let rare = self.rare();
        rare.paused_since = now;
        rare.pause = pause;
        rare.relief = 0;
        if let Some(links) = &mut self.links {
            links.ask_how_far(out);
        }
        out.effect(Effect::Paused(self.address));
    }

    fn send(&mut self, now: Time, envelope: Envelope, out: &mut Outputs) {
        let envelope = self.number(envelope);
        self.account(&envelope, Disposition::Accepted, out);
        self.transmit(now, envelope, out);
    }

    /// Sends a message that has been written already, and is not to the actor itself.
    #[inline]
    fn send_letter(
        &mut self,
        now: Time,
        to: &ActorAddress,
        names: &TypeNames,
        bytes: PayloadRef<'_>,
        out: &mut Outputs,
    ) {
        match &mut self.links {
            Some(links) if bytes.len() <= self.limits.message_size => {
                self.sent += 1;
                self.outgoing += 1;
                if self.accounting {
                    let (from, number, what) = (self.address, self.sent, Disposition::Accepted);
                    out.effect(Effect::Account { from, number, what });
                }
                links.send_written(now, to, self.sent, names, bytes, out);
            }
            _ => self.send(now, AnyMessage::encoded(names.clone(), bytes).seal(to, &self.address), out),
        }
    }

    #[inline]
    fn number(&mut self, mut envelope: Envelope) -> Envelope {
        self.sent += 1;
        envelope.set_number(self.sent);
        // What an actor sends to itself does not count: it could otherwise wait for itself.
        self.outgoing += u32::from(*envelope.to() != self.address);
        envelope
    }

    #[inline]
    fn transmit(&mut self, now: Time, envelope: Envelope, out: &mut Outputs) {
        match &mut self.links {
            Some(links) if *envelope.to() != self.address => {
                if let Err((envelope, refusal)) = links.send(now, envelope, out) {
                    self.refused(now, envelope, refusal, out);
                }
            }
            _ => out.transmit(envelope),
        }
    }

    /// A message that cannot travel comes back to this actor, from the one it was meant for (decision D7).
    #[cold]
    fn refused(&mut self, now: Time, envelope: Envelope, refusal: Refusal, out: &mut Outputs) {
        if let Refusal::TooLarge { size } = refusal
            && let Some(bare) = bare(&envelope, size, self.limits.message_size)
            && let Some(links) = &mut self.links
            && links.send(now, bare, out).is_ok()
        {
            return;
        }
        let details = match refusal {
            Refusal::NotEncodable(error) => error.to_string(),
            Refusal::TooLarge { size } => format!(
                "a message of type {} has {size} bytes, over the limit of {} (Limits::message_size)",
                envelope.message().type_name(),
                self.limits.message_size
            ),
        };
        if !envelope.is_by_runtime() {
            self.rare().refused += 1;
            self.outgoing = self.outgoing.saturating_sub(1);
            self.account(&envelope, Disposition::Refused, out);
        }
        self.poison_self(now, envelope, details, out);
    }

    fn release_other(&mut self, now: Time, action: Action, out: &mut Outputs) {
        match action {
            Action::Create(create) => self.create(create, out),
            Action::Send(envelope) => self.send(now, envelope, out),
            Action::Wakeup(wakeup) => {
                if self.phase == Phase::Running {
                    let limit = self.limits.wakeups;
                    let rare = self.rare();
                    if rare.wakeups.len() >= limit {
                        return self.refuse_wakeup(now, *wakeup, out);
                    }
                    rare.wakeups_asked += 1;
                    rare.wakeups.insert((wakeup.due, rare.wakeups_asked), *wakeup);
                }
            }
            Action::Request(request) => {
                out.effect(Effect::ToAdmin { from: self.address, message: ToAdmin::Request(request) });
            }
        }
    }

    /// An actor that asks for too many timers gets those that are too many back at once, as poison.
    #[cold]
    fn refuse_wakeup(&mut self, now: Time, wakeup: Wakeup, out: &mut Outputs) {
        let Wakeup { delay, payload, .. } = wakeup;
        let message = AnyMessage::new(WakeupMessage { delay_period: delay, payload });
        let envelope = message.seal(&self.address, &self.address).by_runtime();
        let details = format!("more than {} wakeups are pending (Limits::wakeups)", self.limits.wakeups);
        self.poison_self(now, envelope, details, out);
    }

    fn create(&mut self, create: Box<Create>, out: &mut Outputs) {
        let child = create.address;
        if create.spec.global_name.is_some() {
            out.effect(Effect::ToAdmin { from: self.address, message: ToAdmin::Create(create) });
        } else if self.phase == Phase::Exiting {
            // An actor that replaces every child it loses would otherwise never come to its end.
            let text = format!("{} creates nothing while it exits: {child} will not be", self.kind.name());
            out.effect(Effect::Log(Log { level: log::Level::Warn, actor: self.address, text }));
            out.effect(Effect::Discard(child));
        } else {
            out.effect(Effect::ToAdmin { from: self.address, message: ToAdmin::Create(create) });
            self.rare().children.insert(child);
        }
    }

    // -- what comes next ---------------------------------------------------------------------------------------

    /// Hands the actor its next message, if it may have one.
    fn next(&mut self, now: Time, out: &mut Outputs) {
        if let Some(envelope) = self.begin_next(now, out) {
            out.deliver(envelope);
        }
    }

    #[inline]
    fn begin_next(&mut self, now: Time, out: &mut Outputs) -> Option<Envelope> {
        if self.busy {
            return None;
        }
        let next = self.take_next();
        match &next {
            Some(envelope) => {
                // While the handler runs.
                if let Some(after) = self.mailbox.front() {
                    after.fetch();
                }
                self.begin(now, envelope);
            }
            None => {
                match &mut self.links {
                    Some(links) if self.phase == Phase::Running => links.rest(now, out),
                    _ => self.flush_owed(out),
                }
                if self.phase != Phase::Running {
                    self.try_stop(now, out);
                }
            }
        }
        next
    }

    #[inline]
    fn take_next(&mut self) -> Option<Envelope> {
        if let Some(rare) = &mut self.rare
            && let Some(envelope) = rare.urgent.pop_front()
        {
            return Some(envelope);
        }
        if self.paused && !self.mailbox.is_empty() && !self.may_listen() {
            let outgoing = self.outgoing;
            let rare = self.rare();
            // Relief is for those that only have to listen: whoever sends on and on waits for the next one.
            if outgoing >= rare.relief_ceiling {
                rare.relief = 0;
            }
            rare.relief = rare.relief.checked_sub(1)?;
        }
        self.mailbox.pop_front()
    }

    /// Whether a paused actor gets its next message all the same: it is from somebody who had not dealt with everything that the
    /// actor sent there when it was paused, and who may itself be paused until this message is dealt with. That ends with the first
    /// message that adds to what was outstanding then.
    #[cold]
    fn may_listen(&self) -> bool {
        let (Some(next), Some(links), Some(rare)) = (self.mailbox.front(), &self.links, &self.rare) else {
            return false;
        };
        let Pause { began, messages, bytes } = rare.pause;
        self.outgoing <= messages
            && self.outgoing_bytes() <= bytes
            && links.is_owed_since(began, *next.from())
    }

    /// Notes that a message has been dealt with, and tells its sender, in batches.
    #[inline]
    fn settle(&mut self, now: Time, envelope: &Envelope, how: Disposition, out: &mut Outputs) {
        if self.note_settled(envelope, how, out) {
            self.tell(now, out);
        }
    }

    /// Tells senders in other processes what has been dealt with.
    fn tell(&mut self, now: Time, out: &mut Outputs) {
        let much = self.owed >= MANY;
        if much {
            self.owed = 0;
        }
        if let Some(links) = &mut self.links {
            links.tell(now, much, out);
        }
    }

    /// Notes that a message has been dealt with. Whether senders in other processes are to be told now.
    #[inline]
    fn note_settled(&mut self, envelope: &Envelope, how: Disposition, out: &mut Outputs) -> bool {
        let tell = self.watched && self.note_settled_watched(envelope, how, out);
        if envelope.is_by_runtime() {
            return tell;
        }
        match how {
            Disposition::Poisoned => self.rare().poisoned += 1,
            _ => self.handled += 1,
        }
        if self.links.is_none() && !envelope.is_uncounted() {
            self.owe(envelope.from(), out);
        }
        tell
    }

    #[inline(never)]
    fn note_settled_watched(&mut self, envelope: &Envelope, how: Disposition, out: &mut Outputs) -> bool {
        let from = envelope.from();
        let mut tell = false;
        if let Some(links) = &mut self.links
            && *from != self.address
        {
            let enough = links.handled(*from, Lane::of(envelope.message()), envelope.place());
            self.owed += 1;
            tell = enough || self.owed >= MANY;
        }
        self.account(envelope, how, out);
        tell
    }

    /// Notes that a sender in this process is to be told; those behind links are told by them.
    #[inline]
    fn owe(&mut self, from: &ActorAddress, out: &mut Outputs) {
        // Half a lane's worth: often enough that nobody waits for it, seldom enough to cost nothing.
        const BATCH: u32 = 32;
        if self.owed_to != *from {
            if *from == self.address {
                return;
            }
            self.flush_owed(out);
            self.owed_to = *from;
        }
        self.owed += 1;
        if self.owed >= BATCH {
            self.flush_owed(out);
        }
    }

    #[inline]
    fn flush_owed(&mut self, out: &mut Outputs) {
        let owed = mem::take(&mut self.owed);
        match &mut self.links {
            Some(links) => links.flush_acks(out),
            None if owed > 0 => out.credit(&self.owed_to, owed),
            None => {}
        }
    }

    fn account(&self, envelope: &Envelope, what: Disposition, out: &mut Outputs) {
        if self.accounting && !envelope.is_by_runtime() {
            out.effect(Effect::Account { from: *envelope.from(), number: envelope.number(), what });
        }
    }

    // -- the end -----------------------------------------------------------------------------------------------

    /// The exit request has been handled: the mailbox goes back, the children go too or are left to the system.
    #[cold]
    fn begin_exit(&mut self, now: Time, recursive: bool, out: &mut Outputs) {
        // It goes on as it began: the children have been asked already, or been left to the system.
        if self.phase == Phase::Exiting {
            return;
        }
        self.phase = Phase::Exiting;
        self.recursive = recursive;
        if !is_on(Bug::WakeupAfterExit) {
            self.rare().wakeups.clear();
        }
        if let Some(links) = &mut self.links {
            links.close(Lane::User, DeadReason::Dead, out);
        }
        let waiting: Vec<Envelope> = self.mailbox.drain(..).collect();
        for envelope in waiting {
            if envelope.message().is::<ChildActorExited>() {
                self.rare().urgent.push_back(envelope);
            } else {
                self.reject(envelope, out);
            }
        }
        let children: Vec<ActorAddress> = self.rare().children.iter().copied().collect();
        self.part_from(now, children, out);
    }

    fn part_from(&mut self, now: Time, children: Vec<ActorAddress>, out: &mut Outputs) {
        if self.recursive {
            for child in children {
                let request = AnyMessage::new(ActorExitRequest::new());
                self.transmit(now, request.seal(&child, &self.address).by_runtime(), out);
            }
        } else {
            for child in &children {
                self.rare().children.remove(child);
            }
            out.effect(Effect::ToAdmin { from: self.address, message: ToAdmin::Adopt(children) });
        }
    }

    /// Ends an exiting actor whose children are gone and whose messages are on their way.
    fn try_stop(&mut self, now: Time, out: &mut Outputs) {
        let rare = self.rare();
        let (urgent, childless) = (!rare.urgent.is_empty(), rare.children.is_empty());
        if self.busy || urgent {
            return;
        }
        if self.phase == Phase::Exiting && (childless || is_on(Bug::ExitBeforeChildren)) {
            self.phase = Phase::Draining(now + self.limits.shutdown_grace);
            if let Some(links) = &mut self.links {
                links.ask_how_far(out);
                links.close(Lane::Urgent, DeadReason::Dead, out);
            }
        }
        if let Phase::Draining(until) = self.phase
            && (now >= until || self.links.as_ref().is_none_or(|links| links.is_idle()))
        {
            self.phase = Phase::Gone;
            self.flush_owed(out);
            self.abandon(out);
            out.effect(Effect::Stopped(self.address));
        }
    }

    /// What this actor sent and nobody has dealt with becomes dead letters: it is going away.
    pub fn abandon(&mut self, out: &mut Outputs) {
        let Some(links) = self.links.take() else { return };
        for (envelope, maybe_handled) in links.into_unacknowledged() {
            let undelivered =
                Undelivered { maybe_handled, ..Undelivered::new(envelope, DeadReason::Expired) };
            out.effect(Effect::ToAdmin {
                from: self.address,
                message: ToAdmin::DeadLetter(Box::new(undelivered)),
            });
        }
    }

    /// Tells senders in this process what an actor that is killed had dealt with.
    pub fn settle_debts(&mut self, out: &mut Outputs) {
        if self.links.is_none() {
            self.flush_owed(out);
        }
    }

    /// Takes what waits in the mailbox of an actor that is killed; its senders get it back.
    pub fn into_waiting(self) -> impl Iterator<Item = Envelope> {
        let linked = self.links.is_some();
        let address = self.address;
        // With links the senders have kept what they sent.
        let urgent = self.rare.map(|rare| rare.urgent).unwrap_or_default();
        urgent.into_iter().chain(self.mailbox).filter(move |waiting| !linked || *waiting.from() == address)
    }

    // -- poll --------------------------------------------------------------------------------------------------

    /// The frames that are to be carried for an [`Output::Frame`](super::Output::Frame) of this engine. Messages that are not
    /// waited for any more are not among them.
    #[inline]
    pub fn departing<'a>(&'a self, departure: &'a Departure) -> Departing<'a> {
        departure.frames(self.links.as_deref())
    }

    /// The next deadline, and what for.
    pub fn poll_timeout(&self) -> Option<(Time, Reason)> {
        let wakeup = self.rare.as_ref().and_then(|rare| rare.wakeups.first_key_value());
        let wakeup = wakeup.map(|((due, _), _)| (*due, Reason::Wakeup));
        let resend =
            self.links.as_ref().and_then(|links| links.poll_timeout()).map(|due| (due, Reason::Resend));
        let relief = self.paused_since().filter(|_| !self.mailbox.is_empty());
        let relief = relief.map(|since| (since + self.limits.pause_relief, Reason::Relief));
        let drain = match self.phase {
            Phase::Draining(until) => Some((until, Reason::Drain)),
            _ => None,
        };
        let exit = self.rare.as_ref().and_then(|rare| rare.exit_due).filter(|due| *due < Time::FAR);
        let exit = exit.map(|due| (due, Reason::Exit));
        [wakeup, resend, relief, drain, exit].into_iter().flatten().min_by_key(|(due, _)| *due)
    }

    // -- getters -----------------------------------------------------------------------------------------------

    /// The actor's address.
    #[inline]
    pub fn address(&self) -> &ActorAddress {
        &self.address
    }

    /// The actor's type.
    pub fn kind(&self) -> &'static ActorType {
        self.kind
    }

    /// What became of the actor's messages.
    pub fn counters(&self) -> Counters {
        let Sifted { lost, late } = self.links.as_ref().map_or(Sifted::default(), |links| links.sifted());
        let counters = Counters { sent: self.sent, handled: self.handled, lost, late, ..Counters::default() };
        match self.rare.as_deref() {
            Some(&Rare { poisoned, refused, failed_attempts, .. }) => {
                Counters { poisoned, refused, failed_attempts, ..counters }
            }
            None => counters,
        }
    }

    /// Whether something that was sent to this peer is not acknowledged.
    pub fn is_owed_by(&self, peer: ActorAddress) -> bool {
        self.links.as_ref().is_some_and(|links| links.is_owed_by(peer))
    }

    /// How many messages it has sent that nobody has dealt with.
    pub fn outgoing(&self) -> u64 {
        self.outgoing.into()
    }

    /// The encoded size of those messages, in bytes; 0 in one process, where they are not encoded.
    #[inline]
    pub fn outgoing_bytes(&self) -> u64 {
        self.links.as_ref().map_or(0, |links| links.unacknowledged_bytes() as u64)
    }

    /// Whether a `flush` should block: too much is outstanding.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether the engine may have a deadline; quicker to ask than [`Host::poll_timeout`].
    #[inline]
    pub fn may_have_timeout(&self) -> bool {
        self.links.is_some()
            || self
                .rare
                .as_ref()
                .is_some_and(|rare| self.paused || rare.exit_due.is_some() || !rare.wakeups.is_empty())
    }

    /// How the actor is.
    pub fn status(&self, now: Time) -> ActorStatus {
        let none = Rare::default();
        let rare = self.rare.as_deref().unwrap_or(&none);
        ActorStatus {
            address: self.address,
            actor_type: self.kind.name().into(),
            pid: self.pid,
            state: match self.phase {
                Phase::Gone => ActorState::Dead,
                Phase::Accepted | Phase::Exiting | Phase::Draining(_) => ActorState::Exiting,
                Phase::Running if self.busy => ActorState::Busy,
                Phase::Running if self.paused => ActorState::Paused,
                Phase::Running => ActorState::Idle,
            },
            busy_since: self.busy.then(|| self.busy_since.since_start()),
            queues: QueueStatus {
                user: self.mailbox.len() as u64,
                system: rare.urgent.len() as u64,
                outgoing: self.outgoing.into(),
                user_bytes: encoded_size(&self.mailbox),
                system_bytes: encoded_size(&rare.urgent),
                outgoing_bytes: self.outgoing_bytes(),
            },
            counters: self.counters(),
            children: rare.children.iter().copied().collect(),
            pending_wakeups: rare.wakeups.len() as u64,
            uptime: now.since_start(),
        }
    }
}

/// The size of what waits, in bytes.
fn encoded_size(queue: &VecDeque<Envelope>) -> u64 {
    queue.iter().map(|envelope| envelope.message().encoded_size() as u64).sum()
}
