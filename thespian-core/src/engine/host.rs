//! The engine of one actor.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use super::link::{Frame, Lane, Links, Progress, Refusal};
use super::planted::{Bug, is_on};
use super::{Disposition, Effect, Log, Output, Outputs, ToAdmin, ToHost, Undelivered};
use crate::context::{Action, Create, Wakeup};
use crate::{
    Actions, ActorAddress, ActorExitRequest, ActorState, ActorStatus, ActorType, AnyMessage,
    ChildActorExited, Counters, DeadReason, Envelope, ExitCause, Failure, FailurePolicy, Flow, Limits,
    PoisonMessage, QueueStatus, StatusReq, Time, WakeupMessage,
};

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
    /// Whether the other engines are in other processes, so that messages go through [`Links`].
    pub linked: bool,
    /// Whether to account for every message with [`Effect::Account`].
    pub accounting: bool,
}

/// The engine of one actor: its mailbox, its attempts, its children, its wakeups, its outgoing messages.
///
/// Its driver has the instance, runs the handler on [`Output::Deliver`], and reports with
/// [`HostInput::Finished`]. One delivery is outstanding at any time.
pub struct Host {
    address: ActorAddress,
    kind: &'static ActorType,
    policy: FailurePolicy,
    limits: Arc<Limits>,
    mailbox: VecDeque<Envelope>,
    /// Exit requests and exit notices: they do not wait behind the mailbox.
    urgent: VecDeque<Envelope>,
    children: BTreeSet<ActorAddress>,
    wakeups: Option<Box<Wakeups>>,
    links: Option<Box<Links>>,
    counters: Counters,
    /// Handled messages of one sender that it has not been told of yet.
    owed_to: ActorAddress,
    owed: u32,
    /// Messages sent that nobody has dealt with yet.
    outgoing: u32,
    /// Deliveries that a paused actor gets all the same, because all others wait too.
    relief: u32,
    busy_since: Time,
    paused_since: Time,
    attempts: u8,
    phase: Phase,
    busy: bool,
    paused: bool,
    accounting: bool,
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

/// What a host is told.
pub enum HostInput<'a> {
    /// A message for the actor.
    Arrived(Envelope),
    /// A frame for the actor, from a process that is not this one.
    Frame(ActorAddress, Frame),
    /// The handler has returned, or panicked.
    Finished {
        /// The message it was given.
        envelope: Envelope,
        /// How it went.
        outcome: Result<Flow, Failure>,
        /// What the handler asked for; empty when it failed.
        actions: &'a mut Actions,
    },
    /// The running handler releases what it has asked for so far.
    Flushed(&'a mut Actions),
    /// That many of its messages have been dealt with.
    Credit(u32),
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
    /// A message is to be sent again, or given up.
    Resend,
    /// The actor has been paused for long.
    Relief,
    /// An exiting actor's messages have waited long enough.
    Drain,
}

/// Pending wakeups in due order; equal times in the order asked (decision D22).
#[derive(Default)]
struct Wakeups {
    asked: u64,
    due: BTreeMap<(Time, u64), Wakeup>,
    /// The latest time at which one was due that has been put into the mailbox.
    last_due: Time,
}

impl Host {
    /// The engine of an actor that has just been constructed.
    pub fn new(config: HostConfig) -> Host {
        let links = config.linked.then(|| Box::new(Links::new(config.address, config.limits.clone())));
        Host {
            address: config.address,
            kind: config.kind,
            policy: config.policy,
            limits: config.limits,
            mailbox: VecDeque::new(),
            urgent: VecDeque::new(),
            children: BTreeSet::new(),
            wakeups: None,
            links,
            counters: Counters::default(),
            owed_to: ActorAddress::NOBODY,
            owed: 0,
            outgoing: 0,
            relief: 0,
            busy_since: Time::ZERO,
            paused_since: Time::ZERO,
            attempts: 0,
            phase: Phase::Running,
            busy: false,
            paused: false,
            accounting: config.accounting,
            recursive: true,
        }
    }

    // -- handle: what happened ---------------------------------------------------------------------------------

    /// Something happened.
    #[inline]
    pub fn handle(&mut self, now: Time, input: HostInput<'_>, out: &mut Outputs) {
        match input {
            HostInput::Arrived(envelope) => self.arrived(now, envelope, out),
            HostInput::Finished { envelope, outcome, actions } => {
                self.finished(now, envelope, outcome, actions, out);
            }
            HostInput::Credit(count) => self.credit(now, count, out),
            HostInput::Frame(from, frame) => self.frame(now, from, frame, out),
            HostInput::Flushed(actions) => self.release(now, actions, out),
            HostInput::Undelivered(undelivered) => self.undelivered(now, *undelivered, out),
            HostInput::PeerGone { peer, reason, details } => self.peer_gone(now, peer, reason, &details, out),
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
        if self.paused && now >= self.paused_since + self.limits.pause_relief {
            self.paused_since = now;
            self.relieve(now, out);
        }
        self.next(now, out);
    }

    #[inline]
    fn arrived(&mut self, now: Time, envelope: Envelope, out: &mut Outputs) {
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
            if self.relief > 0 {
                self.next(now, out);
            }
        } else {
            self.deliver(now, envelope, out);
        }
    }

    #[cold]
    fn system_arrived(&mut self, now: Time, envelope: Envelope, out: &mut Outputs) {
        let message = envelope.message();
        if message.is::<StatusReq>() {
            let status = AnyMessage::new(self.status(now)).seal(envelope.from(), &self.address).by_runtime();
            self.transmit(now, status, out);
            self.settle(&envelope, Disposition::Handled, out);
            self.next(now, out);
        } else if message.is::<ActorExitRequest>() && !matches!(self.phase, Phase::Draining(_) | Phase::Gone)
        {
            self.urgent.push_back(envelope);
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
    fn deliver(&mut self, now: Time, envelope: Envelope, out: &mut Outputs) {
        self.busy = true;
        self.busy_since = now;
        self.attempts = 0;
        if envelope.message().is_system() {
            self.delivering_system(&envelope);
        }
        out.push(Output::Deliver(envelope));
    }

    #[cold]
    fn delivering_system(&mut self, envelope: &Envelope) {
        if let Some(request) = envelope.message().downcast_ref::<ActorExitRequest>() {
            if self.phase == Phase::Running {
                self.phase = Phase::Accepted;
            }
            if self.phase == Phase::Accepted {
                self.recursive = request.is_recursive();
            }
        }
    }

    fn finished(
        &mut self,
        now: Time,
        envelope: Envelope,
        outcome: Result<Flow, Failure>,
        actions: &mut Actions,
        out: &mut Outputs,
    ) {
        self.busy = false;
        match outcome {
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
        self.next(now, out);
    }

    /// The message's last attempt is over.
    #[inline]
    fn dealt_with(&mut self, now: Time, envelope: Envelope, how: Disposition, out: &mut Outputs) {
        self.settle(&envelope, how, out);
        if envelope.message().is_system() {
            self.system_dealt_with(now, &envelope, out);
        }
    }

    #[cold]
    fn system_dealt_with(&mut self, now: Time, envelope: &Envelope, out: &mut Outputs) {
        if let Some(request) = envelope.message().downcast_ref::<ActorExitRequest>() {
            self.begin_exit(now, request.is_recursive(), out);
        } else if let Some(notice) = envelope.message().downcast_ref::<ChildActorExited>()
            && let ExitCause::NeverStarted(_) = notice.cause
        {
            // From now on this actor knows: what it still sends there are dead letters like any other.
            let message = ToAdmin::KnowsOfFailedStart(notice.child_address);
            out.effect(Effect::ToAdmin { from: self.address, message });
        }
    }

    #[cold]
    fn failed(&mut self, now: Time, envelope: Envelope, failure: Failure, out: &mut Outputs) {
        self.counters.failed_attempts += 1;
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
            out.push(Output::Deliver(envelope));
        } else if envelope.message().is::<ActorExitRequest>() {
            // The actor exits all the same, and nobody is poisoned (decision D5).
            self.dealt_with(now, envelope, Disposition::Handled, out);
        } else if envelope.message().is::<PoisonMessage>() && !is_on(Bug::PoisonForPoison) {
            self.settle(&envelope, Disposition::Handled, out);
        } else {
            self.settle(&envelope, Disposition::Poisoned, out);
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

    fn credit(&mut self, now: Time, count: u32, out: &mut Outputs) {
        if is_on(Bug::CreditLeak) && count > 1 {
            return;
        }
        self.outgoing = self.outgoing.saturating_sub(count);
        if self.paused && self.outgoing <= self.limits.outgoing_low {
            self.paused = false;
            self.relief = 0;
            self.next(now, out);
        }
        self.try_stop(now, out);
    }

    fn relieve(&mut self, now: Time, out: &mut Outputs) {
        if self.paused && !self.mailbox.is_empty() {
            self.relief = self.limits.outgoing_high - self.limits.outgoing_low;
            self.next(now, out);
        }
    }

    fn frame(&mut self, now: Time, from: ActorAddress, frame: Frame, out: &mut Outputs) {
        let Some(links) = &mut self.links else { return };
        let mut arrived = Vec::new();
        let progress = links.handle(now, from, frame, &mut arrived, out);
        self.progress(now, progress, out);
        for envelope in arrived {
            self.arrived(now, envelope, out);
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
        if progress.acknowledged > 0 {
            self.credit(now, progress.acknowledged, out);
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
            && self.children.contains(envelope.to())
        {
            let message = ToAdmin::KillChild(*envelope.to());
            out.effect(Effect::ToAdmin { from: self.address, message });
        }
        if undelivered.reason == DeadReason::NeverStarted && !runtime {
            let Undelivered { envelope, details, .. } = undelivered;
            self.account(&envelope, Disposition::Poisoned, out);
            self.counters.poisoned += 1;
            self.poison_self(now, envelope, details, out);
        } else {
            out.effect(Effect::ToAdmin {
                from: self.address,
                message: ToAdmin::DeadLetter(Box::new(undelivered)),
            });
        }
        if counted {
            self.credit(now, 1, out);
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
        if !self.children.remove(&child) && !is_on(Bug::DoubleExitNotice) {
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
            _ => self.urgent.push_back(notice),
        }
        self.next(now, out);
    }

    /// Queues the wakeups that have fallen due.
    fn wake(&mut self, now: Time) {
        let Some(wakeups) = &mut self.wakeups else { return };
        let mut due = Vec::new();
        while let Some(entry) = wakeups.due.first_entry()
            && (entry.key().0 <= now || is_on(Bug::EarlyWakeup))
        {
            due.push(entry.remove());
            if is_on(Bug::LostWakeup) && wakeups.due.len() == 1 {
                wakeups.due.clear();
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
        let Some(wakeups) = &mut self.wakeups else { return };
        if due >= wakeups.last_due {
            wakeups.last_due = due;
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
        for action in actions.list.drain(..) {
            match action {
                Action::Send(envelope) => self.send(now, envelope, out),
                other => self.release_other(now, other, out),
            }
        }
        if self.outgoing >= self.limits.outgoing_high && !self.paused {
            self.paused = true;
            self.paused_since = now;
            self.relief = 0;
            out.effect(Effect::Paused(self.address));
        }
    }

    #[inline]
    fn send(&mut self, now: Time, mut envelope: Envelope, out: &mut Outputs) {
        self.counters.sent += 1;
        envelope.set_number(self.counters.sent);
        if self.accounting {
            self.account(&envelope, Disposition::Accepted, out);
        }
        // What an actor sends to itself does not count: it could otherwise wait for itself.
        self.outgoing += u32::from(*envelope.to() != self.address);
        self.transmit(now, envelope, out);
    }

    #[inline]
    fn transmit(&mut self, now: Time, envelope: Envelope, out: &mut Outputs) {
        match &mut self.links {
            Some(links) if *envelope.to() != self.address => {
                if let Err((envelope, refusal)) = links.send(now, envelope, out) {
                    self.refused(now, envelope, refusal, out);
                }
            }
            _ => out.push(Output::Transmit(envelope)),
        }
    }

    /// A message that cannot travel comes back to this actor, from the one it was meant for (decision D7).
    #[cold]
    fn refused(&mut self, now: Time, envelope: Envelope, refusal: Refusal, out: &mut Outputs) {
        let details = match refusal {
            Refusal::NotEncodable(error) => error.to_string(),
            Refusal::TooLarge { size } => format!(
                "a message of type {} has {size} bytes, over the limit of {} (Limits::message_size)",
                envelope.message().type_name(),
                self.limits.message_size
            ),
        };
        if !envelope.is_by_runtime() {
            self.counters.refused += 1;
            self.outgoing = self.outgoing.saturating_sub(1);
            self.account(&envelope, Disposition::Refused, out);
        }
        self.poison_self(now, envelope, details, out);
    }

    fn release_other(&mut self, now: Time, action: Action, out: &mut Outputs) {
        match action {
            Action::Send(_) => {}
            Action::Create(create) => self.create(create, out),
            Action::Wakeup(wakeup) => {
                if self.phase == Phase::Running {
                    let wakeups = self.wakeups.get_or_insert_default();
                    wakeups.asked += 1;
                    wakeups.due.insert((wakeup.due, wakeups.asked), *wakeup);
                    // Due already, if the handler took long: it must not come after one that was due later.
                    self.wake(now);
                }
            }
            Action::Request(request) => {
                out.effect(Effect::ToAdmin { from: self.address, message: ToAdmin::Request(request) });
            }
        }
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
            self.children.insert(child);
        }
    }

    // -- what comes next ---------------------------------------------------------------------------------------

    /// Hands the actor its next message, if it may have one.
    #[inline]
    fn next(&mut self, now: Time, out: &mut Outputs) {
        if self.busy {
            return;
        }
        if let Some(envelope) = self.urgent.pop_front() {
            self.deliver(now, envelope, out);
            return;
        }
        let may_work = !self.paused || self.relief > 0;
        if may_work
            && !self.mailbox.is_empty()
            && let Some(envelope) = self.mailbox.pop_front()
        {
            self.relief = self.relief.saturating_sub(1);
            self.deliver(now, envelope, out);
            return;
        }
        self.flush_owed(out);
        if self.phase != Phase::Running {
            self.try_stop(now, out);
        }
    }

    /// Notes that a message has been dealt with, and tells its sender, in batches.
    #[inline]
    fn settle(&mut self, envelope: &Envelope, how: Disposition, out: &mut Outputs) {
        let from = envelope.from();
        if let Some(links) = &mut self.links
            && *from != self.address
        {
            links.handled(*from, Lane::of(envelope.message()), envelope.place());
        }
        if envelope.is_by_runtime() {
            return;
        }
        match how {
            Disposition::Poisoned => self.counters.poisoned += 1,
            _ => self.counters.handled += 1,
        }
        if self.accounting {
            self.account(envelope, how, out);
        }
        if *from != self.address {
            self.owe(from, out);
        }
    }

    /// Notes that a sender is to be told. With links it is the links that tell it.
    #[inline]
    fn owe(&mut self, from: &ActorAddress, out: &mut Outputs) {
        // Half a lane's worth: often enough that nobody waits for it, seldom enough to cost nothing.
        const BATCH: u32 = 32;
        if self.owed_to == *from || self.links.is_some() {
            self.owed += 1;
            if self.owed >= BATCH {
                self.flush_owed(out);
            }
        } else {
            self.flush_owed(out);
            self.owed_to = *from;
            self.owed = 1;
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
            self.wakeups = None;
        }
        if let Some(links) = &mut self.links {
            links.close(Lane::User, DeadReason::Dead, out);
        }
        let waiting: Vec<Envelope> = self.mailbox.drain(..).collect();
        for envelope in waiting {
            if envelope.message().is::<ChildActorExited>() {
                self.urgent.push_back(envelope);
            } else {
                self.reject(envelope, out);
            }
        }
        let children: Vec<ActorAddress> = self.children.iter().copied().collect();
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
                self.children.remove(child);
            }
            out.effect(Effect::ToAdmin { from: self.address, message: ToAdmin::Adopt(children) });
        }
    }

    /// Ends an exiting actor whose children are gone and whose messages are on their way.
    fn try_stop(&mut self, now: Time, out: &mut Outputs) {
        if self.busy || !self.urgent.is_empty() {
            return;
        }
        if self.phase == Phase::Exiting && (self.children.is_empty() || is_on(Bug::ExitBeforeChildren)) {
            self.phase = Phase::Draining(now + self.limits.shutdown_grace);
            if let Some(links) = &mut self.links {
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
        self.urgent
            .into_iter()
            .chain(self.mailbox)
            .filter(move |waiting| !linked || *waiting.from() == address)
    }

    // -- poll --------------------------------------------------------------------------------------------------

    /// The next deadline, and what for.
    pub fn poll_timeout(&self) -> Option<(Time, Reason)> {
        let wakeup = self.wakeups.as_ref().and_then(|wakeups| wakeups.due.first_key_value());
        let wakeup = wakeup.map(|((due, _), _)| (*due, Reason::Wakeup));
        let resend =
            self.links.as_ref().and_then(|links| links.poll_timeout()).map(|due| (due, Reason::Resend));
        let relief = (self.paused && !self.mailbox.is_empty())
            .then(|| (self.paused_since + self.limits.pause_relief, Reason::Relief));
        let drain = match self.phase {
            Phase::Draining(until) => Some((until, Reason::Drain)),
            _ => None,
        };
        [wakeup, resend, relief, drain].into_iter().flatten().min_by_key(|(due, _)| *due)
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
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether a `flush` should block: too much is outstanding.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether the engine may have a deadline; quicker to ask than [`Host::poll_timeout`].
    #[inline]
    pub fn may_have_timeout(&self) -> bool {
        self.wakeups.is_some() || self.links.is_some() || self.paused
    }

    /// How the actor is.
    pub fn status(&self, now: Time) -> ActorStatus {
        ActorStatus {
            address: self.address,
            actor_type: self.kind.name().into(),
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
                system: self.urgent.len() as u64,
                outgoing: self.outgoing.into(),
            },
            counters: self.counters,
            children: self.children.iter().copied().collect(),
            pending_wakeups: self.wakeups.as_ref().map_or(0, |wakeups| wakeups.due.len() as u64),
            uptime: now.since_start(),
        }
    }
}
