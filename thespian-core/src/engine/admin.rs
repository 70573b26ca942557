//! The engine of a system's admin: which actors there are, names, capabilities, dead letters, shutdown.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::bare::bare;
use super::link::{Carrier, Frame, Lane, Links, Progress, Refusal};
use super::planted::{Bug, is_on};
use super::{Departing, Departure, Disposition, Effect, Log, Outputs, ToAdmin, ToHost, Undelivered};
use crate::context::{Create, Request};
use crate::spec::Which;
use crate::{
    ActorAddress, ActorExitRequest, ActorSpec, ActorType, ActorTypes, AnyMessage, Capabilities, Counters,
    DeadEnvelope, DeadReason, Envelope, Error, ExitCause, Feature, Limits, SpecificationProblem, StartError,
    StatusReq, SystemState, SystemStatus, Time, TypeName, Value,
};

/// Identifies an outside call until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// What an admin is made with.
pub struct AdminConfig {
    /// The admin's own address.
    pub address: ActorAddress,
    /// The base's name.
    pub base: String,
    /// The system's capabilities.
    pub capabilities: Capabilities,
    /// Those that cannot be changed.
    pub read_only: BTreeSet<String>,
    /// The table of types.
    pub types: ActorTypes,
    /// The bounds.
    pub limits: Arc<Limits>,
    /// What carries frames to the actors, if those are in other processes; messages go through [`Links`] then.
    pub carrier: Option<Carrier>,
    /// Whether to account for every message with [`Effect::Account`].
    pub accounting: bool,
}

/// An actor to check and construct.
#[derive(Debug)]
pub struct Launch {
    /// Its address.
    pub address: ActorAddress,
    /// Its type.
    pub kind: &'static ActorType,
    /// What the capability check is given.
    pub requirements: Value,
    /// What the constructor is given.
    pub start: AnyMessage,
}

/// Why an actor was not launched.
#[derive(Debug)]
pub enum LaunchError {
    /// The capability check said no, with this text.
    Incompatible(String),
    /// The constructor failed.
    Start(StartError),
}

/// What an admin is told.
pub enum AdminInput {
    /// An actor's host says something.
    FromHost(ActorAddress, ToAdmin),
    /// Somebody sent the admin a message. With it, what is to be said of all that lives in the system now.
    Message(Envelope, Live),
    /// A frame for the admin, and the same.
    Frame(ActorAddress, Frame, Live),
    /// So many messages are dead letters, and came too fast for the admin to be told of each
    /// ([`Limits::dead_letter_bytes`]).
    DeadLettersDropped(u64),
    /// Nobody is at that address any more.
    PeerGone(ActorAddress, DeadReason),
    /// There is another connection to that address: what was on its way by an earlier one may be lost.
    PeerBack(ActorAddress),
    /// The [`Launch`] of an actor has ended.
    Launched(ActorAddress, Result<(), LaunchError>),
    /// An actor is gone, with what became of its messages.
    Exited {
        /// The actor.
        address: ActorAddress,
        /// What ended it.
        cause: ExitCause,
        /// What became of its messages.
        counters: Counters,
    },
    /// The capability check of a running actor has been run again.
    Rechecked(ActorAddress, Result<(), String>),
    /// An outside caller creates an actor; the answer is an [`Effect::Answer`].
    Create {
        /// The call.
        call: CallId,
        /// The address that the actor gets.
        address: ActorAddress,
        /// What to create.
        spec: Box<ActorSpec>,
    },
    /// The system is to be shut down.
    Shutdown,
}

/// What the [status](SystemStatus) of a system says of the actors and callers that are there now, which its admin's engine
/// does not know: whoever drives that knows them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// What became of their messages.
    pub counters: Counters,
    /// How many messages they have sent that nobody has handled yet.
    pub outgoing: u64,
    /// The encoded size of those, in bytes.
    pub outgoing_bytes: u64,
}

impl AddAssign for Live {
    fn add_assign(&mut self, other: Live) {
        self.counters += other.counters;
        self.outgoing += other.outgoing;
        self.outgoing_bytes += other.outgoing_bytes;
    }
}

/// The engine of a system's admin.
pub struct Admin {
    address: ActorAddress,
    base: String,
    types: ActorTypes,
    limits: Arc<Limits>,
    capabilities: Capabilities,
    read_only: BTreeSet<String>,
    /// By slot: slots are few and used again.
    records: Vec<Option<Record>>,
    actor_count: u64,
    names: BTreeMap<Box<str>, Name>,
    /// Named actors that are gone already, and how many creators were given the address and have yet to ask for it.
    departed: BTreeMap<ActorAddress, u32>,
    dead_letter_handler: Option<ActorAddress>,
    dead_letters_dropped: u64,
    /// Actors that never started, and why, for messages that are still under way to them.
    failed_starts: BTreeMap<ActorAddress, String>,
    failed_order: VecDeque<ActorAddress>,
    counters: Counters,
    state: State,
    links: Option<Box<Links>>,
    accounting: bool,
}

/// What the admin knows of an actor.
struct Record {
    address: ActorAddress,
    kind: &'static ActorType,
    parent: Parent,
    rare: Option<Box<Rare>>,
    running: bool,
}

/// Whoever is told of the exit: an actor of this system, by slot and generation. Generation 0 is the system itself, the
/// parent of top-level, named and adopted actors.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Parent {
    slot: u64,
    generation: u64,
}

impl Parent {
    const SYSTEM: Parent = Parent { slot: 0, generation: 0 };

    fn of(address: &ActorAddress) -> Parent {
        Parent { slot: address.slot(), generation: address.generation() }
    }
}

/// What few actors have.
#[derive(Default)]
struct Rare {
    requirements: Value,
    name: Option<Box<str>>,
    /// Outside calls that wait until it runs.
    calls: Vec<CallId>,
    /// It was killed before it ran.
    doomed: bool,
    /// The capabilities changed while it was being launched, perhaps after its check.
    recheck: bool,
}

/// A global name.
struct Name {
    address: ActorAddress,
    /// Creators who were given the address and whose request has not come yet.
    claims: u32,
    created: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// Actors are asked to exit; those that have not by then are killed, and from then on it is [`Time::FAR`].
    ShuttingDown(Time),
    Down,
}

impl Admin {
    /// The admin of a system without actors.
    pub fn new(config: AdminConfig) -> Admin {
        let links = config
            .carrier
            .map(|carrier| Box::new(Links::new(config.address, config.limits.clone(), carrier)));
        Admin {
            links,
            address: config.address,
            base: config.base,
            types: config.types,
            limits: config.limits,
            capabilities: config.capabilities,
            read_only: config.read_only,
            records: Vec::new(),
            actor_count: 0,
            names: BTreeMap::new(),
            departed: BTreeMap::new(),
            dead_letter_handler: None,
            dead_letters_dropped: 0,
            failed_starts: BTreeMap::new(),
            failed_order: VecDeque::new(),
            counters: Counters::default(),
            state: State::Running,
            accounting: config.accounting,
        }
    }

    // -- handle: what happened ---------------------------------------------------------------------------------

    /// Something happened.
    pub fn handle(&mut self, now: Time, input: AdminInput, out: &mut Outputs) {
        match input {
            AdminInput::FromHost(from, message) => self.told_by_host(now, from, message, out),
            AdminInput::Message(envelope, live) => self.message(now, envelope, live, out),
            AdminInput::Frame(from, frame, live) => self.frame(now, from, frame, live, out),
            AdminInput::DeadLettersDropped(count) => {
                self.counters.dead_lettered += count;
                self.dead_letters_dropped += count;
            }
            AdminInput::PeerGone(peer, reason) => {
                if let Some(links) = &mut self.links {
                    let progress = links.peer_gone(peer, reason, "");
                    self.progress(now, progress, out);
                }
            }
            AdminInput::PeerBack(peer) => {
                if let Some(links) = &mut self.links {
                    links.peer_back(now, peer, out);
                }
            }
            AdminInput::Launched(address, Ok(())) => self.launched(now, address, out),
            AdminInput::Launched(address, Err(error)) => self.launch_failed(address, error, out),
            AdminInput::Exited { address, cause, counters } => self.exited(address, cause, counters, out),
            AdminInput::Rechecked(address, verdict) => self.rechecked(now, address, verdict, out),
            AdminInput::Create { call, address, spec } => {
                self.create(ActorAddress::NOBODY, Create { address, spec: *spec }, Some(call), out);
            }
            AdminInput::Shutdown => self.shutdown(now, out),
        }
    }

    /// A deadline has come.
    pub fn handle_timeout(&mut self, now: Time, out: &mut Outputs) {
        if let Some(links) = &mut self.links {
            let progress = links.handle_timeout(now, out);
            self.progress(now, progress, out);
        }
        if let State::ShuttingDown(until) = self.state
            && now >= until
        {
            self.state = State::ShuttingDown(Time::FAR);
            for record in self.records.iter_mut().flatten() {
                record.kill(out);
            }
        }
    }

    /// The next deadline.
    pub fn poll_timeout(&self) -> Option<Time> {
        let grace = match self.state {
            State::ShuttingDown(until) if until < Time::FAR => Some(until),
            _ => None,
        };
        let resend = self.links.as_ref().and_then(|links| links.poll_timeout());
        grace.into_iter().chain(resend).min()
    }

    /// Whether something that was sent to this peer is not acknowledged.
    pub fn is_owed_by(&self, peer: ActorAddress) -> bool {
        self.links.as_ref().is_some_and(|links| links.is_owed_by(peer))
    }

    /// As [`Host::departing`](super::Host::departing).
    pub fn departing<'a>(&'a self, departure: &'a Departure) -> Departing<'a> {
        departure.frames(self.links.as_deref())
    }

    fn frame(&mut self, now: Time, from: ActorAddress, frame: Frame, live: Live, out: &mut Outputs) {
        let Some(links) = &mut self.links else { return };
        let mut arrived = Vec::new();
        let progress = links.handle(now, from, frame.borrow(), &mut arrived, out);
        for envelope in &arrived {
            links.handled(from, Lane::of(envelope.message()), envelope.place());
        }
        links.flush_acks(out);
        self.progress(now, progress, out);
        for envelope in arrived {
            self.message(now, envelope, live, out);
        }
    }

    fn progress(&mut self, now: Time, progress: Progress, out: &mut Outputs) {
        for undelivered in progress.undelivered {
            if undelivered.reason == DeadReason::Expired
                && undelivered.envelope.message().is::<ActorExitRequest>()
            {
                self.kill(undelivered.envelope.to(), out);
            }
            self.dead_letter(now, undelivered, out);
        }
    }

    /// Sends a message of the runtime's own.
    fn transmit(&mut self, now: Time, to: ActorAddress, message: AnyMessage, out: &mut Outputs) {
        let envelope = message.seal(&to, &self.address).by_runtime();
        match &mut self.links {
            // What cannot be encoded cannot have come here either, so nothing is lost that could be said.
            Some(links) => {
                if let Err((envelope, Refusal::TooLarge { size })) = links.send(now, envelope, out)
                    && let Some(bare) = bare(&envelope, size, self.limits.message_size)
                {
                    let _ = links.send(now, bare, out);
                }
            }
            None => out.transmit(envelope),
        }
    }

    fn told_by_host(&mut self, now: Time, from: ActorAddress, message: ToAdmin, out: &mut Outputs) {
        match message {
            ToAdmin::Create(create) => self.create(from, *create, None, out),
            ToAdmin::DeadLetter(undelivered) => self.dead_letter(now, *undelivered, out),
            ToAdmin::Adopt(children) => {
                for child in children {
                    if let Some(record) = self.record_mut(&child) {
                        record.parent = Parent::SYSTEM;
                    }
                }
            }
            ToAdmin::KillChild(child) => {
                let parent = Parent::of(&from);
                if self.record(&child).is_some_and(|record| record.parent == parent) {
                    self.kill(&child, out);
                }
            }
            ToAdmin::KnowsOfFailedStart(child) => {
                self.failed_starts.remove(&child);
            }
            ToAdmin::Request(request) => match *request {
                Request::HandleDeadLetters(true) => self.dead_letter_handler = Some(from),
                Request::HandleDeadLetters(false) if self.dead_letter_handler == Some(from) => {
                    self.dead_letter_handler = None;
                }
                Request::HandleDeadLetters(false) => {}
                Request::UpdateCapability(name, value) => {
                    if let Err(error) = self.update_capability(&name, value, out) {
                        self.log(log::Level::Warn, from, error.to_string(), out);
                    }
                }
                Request::Shutdown => self.shutdown(now, out),
            },
        }
    }

    fn message(&mut self, now: Time, envelope: Envelope, live: Live, out: &mut Outputs) {
        if envelope.message().is::<StatusReq>() {
            let status = AnyMessage::new(self.status(now, live));
            self.transmit(now, *envelope.from(), status, out);
            self.account(&envelope, Disposition::Handled, out);
            self.counters.handled += u64::from(!envelope.is_by_runtime());
            self.credit(&envelope, out);
        } else if envelope.is_by_runtime() {
            // Poison for a message of the admin's own, which nobody waits for.
        } else {
            // An admin is no actor. To a sender in this process the message goes back; one in another has been told
            // that it was dealt with, and this is how.
            let undelivered = Undelivered::new(envelope, DeadReason::Dead);
            match self.links {
                Some(_) => self.dead_letter(now, undelivered, out),
                None => out.effect(Effect::Return(Box::new(undelivered))),
            }
        }
    }

    fn credit(&self, envelope: &Envelope, out: &mut Outputs) {
        if !envelope.is_by_runtime() && self.links.is_none() {
            out.credit(envelope.from(), 1);
        }
    }

    // -- creation ----------------------------------------------------------------------------------------------

    fn create(&mut self, parent: ActorAddress, create: Create, call: Option<CallId>, out: &mut Outputs) {
        let Create { address, spec } = create;
        let name = spec.global_name.clone();
        if let Some(name) = &name
            && let Some(holder) = self.redeem_claim(name, &address)
        {
            if let Some(call) = call {
                self.answer_when_running(call, holder, out);
            }
            return;
        }
        let parent = if name.is_some() { ActorAddress::NOBODY } else { parent };
        let calls = call.into_iter().collect();
        match self.resolve(&spec) {
            Ok(kind) => self.launch(address, parent, kind, spec, calls, out),
            Err(error) => {
                let details = error.to_string();
                self.never_started(address, parent, calls, name, error, details, out);
            }
        }
    }

    /// Answers a call for a named actor that is there already, or is being launched.
    fn answer_when_running(&mut self, call: CallId, holder: ActorAddress, out: &mut Outputs) {
        match self.record_mut(&holder).filter(|record| !record.running) {
            Some(record) => record.rare.get_or_insert_default().calls.push(call),
            None => out.effect(Effect::Answer { call, result: Ok(holder) }),
        }
    }

    fn resolve(&self, spec: &ActorSpec) -> Result<&'static ActorType, Error> {
        if self.state != State::Running {
            return Err(Error::SystemDown { base: self.base.clone() });
        }
        if self.actor_count >= self.limits.actors {
            return Err(Error::LimitReached { limit: "Limits::actors".into(), value: self.limits.actors });
        }
        if spec.source_hash.is_some() {
            return Err(Error::NotSupported { feature: Feature::SourceLoading, base: self.base.clone() });
        }
        let actor = || spec.type_name().to_string();
        if let Some(name) = &spec.global_name
            && !self.is_usable_name(name)
        {
            let problem =
                SpecificationProblem::GlobalName { length: name.len(), limit: self.limits.name_length };
            return Err(Error::InvalidActorSpecification { actor: actor(), problem });
        }
        match &spec.which {
            Which::Type(kind) => Ok(kind),
            Which::Named(name) if name.is_empty() => Err(Error::InvalidActorSpecification {
                actor: actor(),
                problem: SpecificationProblem::EmptyName,
            }),
            Which::Named(name) if self.types.is_ambiguous(name) => Err(Error::InvalidActorSpecification {
                actor: actor(),
                problem: SpecificationProblem::AmbiguousName,
            }),
            Which::Named(name) => self.types.find(name).ok_or_else(|| Error::InvalidActorSpecification {
                actor: actor(),
                problem: SpecificationProblem::UnknownType { near_misses: self.types.near_misses(name) },
            }),
        }
    }

    fn is_usable_name(&self, name: &str) -> bool {
        !name.is_empty() && name.len() <= self.limits.name_length
    }

    fn launch(
        &mut self,
        address: ActorAddress,
        parent: ActorAddress,
        kind: &'static ActorType,
        spec: ActorSpec,
        calls: Vec<CallId>,
        out: &mut Outputs,
    ) {
        if let Some(name) = &spec.global_name {
            let known = Name { address, claims: 0, created: true };
            self.names.entry(name.clone()).or_insert(known).created = true;
        }
        let start = spec.start.unwrap_or_else(|| AnyMessage::new(()));
        let requirements = spec.requirements.clone();
        let rare = Rare { requirements: spec.requirements, name: spec.global_name, calls, ..Rare::default() };
        let parent = Parent::of(&parent);
        let record = Record { address, kind, parent, rare: rare.boxed(), running: false };
        let slot = address.slot() as usize;
        if self.records.len() <= slot {
            self.records.resize_with(slot + 1, || None);
        }
        self.records[slot] = Some(record);
        self.actor_count += 1;
        out.effect(Effect::Launch(Box::new(Launch { address, kind, requirements, start })));
    }

    fn launched(&mut self, now: Time, address: ActorAddress, out: &mut Outputs) {
        let shutting_down = self.state != State::Running;
        let Some(record) = self.record_mut(&address) else { return };
        record.running = true;
        let (mut doomed, mut recheck, mut calls) = (false, false, Vec::new());
        if let Some(rare) = &mut record.rare {
            doomed = rare.doomed;
            recheck = mem::take(&mut rare.recheck);
            calls = mem::take(&mut rare.calls);
            if rare.is_empty() {
                record.rare = None;
            }
        }
        for call in calls {
            out.effect(Effect::Answer { call, result: Ok(address) });
        }
        if doomed {
            out.effect(Effect::Kill(address));
        } else if shutting_down {
            self.ask_to_exit(now, address, out);
        } else if recheck {
            out.effect(Effect::Recheck(address));
        }
    }

    fn launch_failed(&mut self, address: ActorAddress, error: LaunchError, out: &mut Outputs) {
        let Some(record) = self.remove(&address) else { return };
        let actor = record.kind.name();
        let (error, details) = match error {
            LaunchError::Incompatible(check) => {
                let details = format!("no compatible system: {}: {check}", self.base);
                let failed_checks = Vec::from([format!("{}: {check}", self.base)]);
                (Error::NoCompatibleSystemForActor { actor: actor.to_string(), failed_checks }, details)
            }
            LaunchError::Start(error) => {
                let error = error.into_error(actor);
                let details = error.to_string();
                (error, details)
            }
        };
        let rare = record.rare.map(|rare| *rare).unwrap_or_default();
        let parent = self.parent_address(record.parent);
        self.never_started(address, parent, rare.calls, rare.name, error, details, out);
        self.finish_shutdown(out);
    }

    /// Tells everybody who has to know that an actor will not be (decision D10).
    #[allow(clippy::too_many_arguments, reason = "the parts of one failed create")]
    fn never_started(
        &mut self,
        address: ActorAddress,
        parent: ActorAddress,
        calls: Vec<CallId>,
        name: Option<Box<str>>,
        error: Error,
        details: String,
        out: &mut Outputs,
    ) {
        if let Some(name) = name {
            self.free_name(&name, &address);
        }
        if self.failed_order.len() >= self.limits.failed_starts
            && let Some(oldest) = self.failed_order.pop_front()
        {
            self.failed_starts.remove(&oldest);
        }
        self.failed_order.push_back(address);
        self.failed_starts.insert(address, details.clone());
        out.effect(Effect::Discard(address));
        if calls.is_empty() {
            self.log(log::Level::Warn, parent, format!("{address} was not created: {details}"), out);
        }
        for call in calls {
            out.effect(Effect::Answer { call, result: Err(error.clone()) });
        }
        self.notify_parent(address, parent, ExitCause::NeverStarted(details), out);
    }

    fn notify_parent(&self, child: ActorAddress, parent: ActorAddress, cause: ExitCause, out: &mut Outputs) {
        if !parent.is_nobody() {
            let message = ToHost::ChildExited { child, cause };
            if is_on(Bug::DoubleExitNotice) {
                out.effect(Effect::ToHost {
                    to: parent,
                    message: ToHost::ChildExited { child, cause: ExitCause::Requested },
                });
            }
            out.effect(Effect::ToHost { to: parent, message });
        }
    }

    // -- exit --------------------------------------------------------------------------------------------------

    fn exited(&mut self, address: ActorAddress, cause: ExitCause, counters: Counters, out: &mut Outputs) {
        self.counters += counters;
        let Some(record) = self.remove(&address) else { return };
        if self.dead_letter_handler == Some(address) && !is_on(Bug::StaleDeadLetterHandler) {
            self.dead_letter_handler = None;
        }
        if let Some(rare) = record.rare {
            if let Some(name) = &rare.name {
                self.free_name(name, &address);
            }
            for call in rare.calls {
                let details = cause.to_string();
                let actor = record.kind.name().to_string();
                out.effect(Effect::Answer { call, result: Err(Error::ActorStartFailed { actor, details }) });
            }
        }
        // After the grace of a shutdown all are killed anyway.
        let all_are_killed = self.state == State::ShuttingDown(Time::FAR);
        if cause != ExitCause::Requested && !all_are_killed && !is_on(Bug::OrphanOnKill) {
            self.kill_children(address, out);
        }
        self.notify_parent(address, self.parent_address(record.parent), cause, out);
        self.finish_shutdown(out);
    }

    /// Ends an actor without asking it: now, or as soon as it runs.
    fn kill(&mut self, address: &ActorAddress, out: &mut Outputs) {
        if let Some(record) = self.record_mut(address) {
            record.kill(out);
        }
    }

    /// An actor that died without handling an exit request could not take its children along.
    fn kill_children(&mut self, parent: ActorAddress, out: &mut Outputs) {
        let parent = Parent::of(&parent);
        for record in self.records.iter_mut().flatten().filter(|record| record.parent == parent) {
            record.kill(out);
        }
    }

    fn shutdown(&mut self, now: Time, out: &mut Outputs) {
        if self.state != State::Running {
            return;
        }
        self.state = State::ShuttingDown(now + self.limits.shutdown_grace);
        let tops = self.running().filter(|record| record.parent == Parent::SYSTEM);
        let tops: Vec<ActorAddress> = tops.map(|record| record.address).collect();
        for address in tops {
            self.ask_to_exit(now, address, out);
        }
        self.finish_shutdown(out);
    }

    fn finish_shutdown(&mut self, out: &mut Outputs) {
        if matches!(self.state, State::ShuttingDown(_)) && self.actor_count == 0 {
            self.state = State::Down;
            out.effect(Effect::Down);
        }
    }

    fn ask_to_exit(&mut self, now: Time, address: ActorAddress, out: &mut Outputs) {
        self.transmit(now, address, AnyMessage::new(ActorExitRequest::new()), out);
    }

    // -- names -------------------------------------------------------------------------------------------------

    /// The address behind a global name, for a creator: that of the actor that has it or is getting it, or else the
    /// proposed one, which has it from now on.
    pub fn claim_name(&mut self, name: &str, proposed: ActorAddress) -> ActorAddress {
        if !self.is_usable_name(name) || is_on(Bug::TwoForOneName) {
            return proposed;
        }
        let fresh = || Name { address: proposed, claims: 0, created: false };
        let known = self.names.entry(name.into()).or_insert_with(fresh);
        known.claims += 1;
        known.address
    }

    /// A creator asks for the address that it was given. `None` if it is to be created now.
    fn redeem_claim(&mut self, name: &str, address: &ActorAddress) -> Option<ActorAddress> {
        if is_on(Bug::TwoForOneName) {
            return None;
        }
        if self.redeem_departed(address) {
            return Some(*address);
        }
        let known = self.names.get_mut(name)?;
        if known.address == *address {
            known.claims = known.claims.saturating_sub(1);
        }
        (known.created || known.address != *address).then_some(known.address)
    }

    /// Whether the address is that of a named actor that is gone; counts one of its creators off.
    fn redeem_departed(&mut self, address: &ActorAddress) -> bool {
        let Some(claims) = self.departed.get_mut(address) else { return false };
        *claims -= 1;
        if *claims == 0 {
            self.departed.remove(address);
        }
        true
    }

    /// A creator's attempt failed, so its create will not come. Says whether nobody else counts on the address.
    pub fn abandon_claim(&mut self, name: &str, address: &ActorAddress) -> bool {
        if self.redeem_departed(address) {
            return false;
        }
        let Some(known) = self.names.get_mut(name).filter(|known| known.address == *address) else {
            return true;
        };
        known.claims = known.claims.saturating_sub(1);
        let free = known.claims == 0 && !known.created;
        if free {
            self.names.remove(name);
        }
        free
    }

    /// The running actor of that name.
    pub fn find_name(&self, name: &str) -> Option<ActorAddress> {
        self.names.get(name).filter(|known| known.created).map(|known| known.address)
    }

    fn free_name(&mut self, name: &str, address: &ActorAddress) {
        if is_on(Bug::NameNotFreed) || self.names.get(name).is_none_or(|known| known.address != *address) {
            return;
        }
        // Its address must not be used for a second actor when those who still claim it ask for it.
        if let Some(known) = self.names.remove(name)
            && known.claims > 0
        {
            self.departed.insert(*address, known.claims);
        }
    }

    // -- capabilities ------------------------------------------------------------------------------------------

    /// Sets a capability, or removes it where the value is null. On a real change all actors are checked again.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] for one that is read-only or has no name.
    pub fn update_capability(&mut self, name: &str, value: Value, out: &mut Outputs) -> Result<(), Error> {
        let refuse = |problem: &str| Error::InvalidSetting {
            setting: format!("capability {name:?}"),
            problem: problem.to_string(),
        };
        if name.is_empty() {
            return Err(refuse("a capability needs a name"));
        }
        if self.read_only.contains(name) {
            return Err(refuse("is read-only: the system sets it itself"));
        }
        if self.capabilities.set(name, value) {
            for record in self.records.iter_mut().flatten() {
                match record.running {
                    true => out.effect(Effect::Recheck(record.address)),
                    false => record.rare.get_or_insert_default().recheck = true,
                }
            }
        }
        Ok(())
    }

    fn rechecked(
        &mut self,
        now: Time,
        address: ActorAddress,
        verdict: Result<(), String>,
        out: &mut Outputs,
    ) {
        if let Err(check) = verdict
            && self.record(&address).is_some()
            && !is_on(Bug::CapabilityKillMissed)
        {
            self.log(log::Level::Info, address, format!("{address} has to exit: {check}"), out);
            self.ask_to_exit(now, address, out);
        }
    }

    // -- dead letters ------------------------------------------------------------------------------------------

    fn dead_letter(&mut self, now: Time, undelivered: Undelivered, out: &mut Outputs) {
        let Undelivered { envelope, mut reason, maybe_handled, .. } = undelivered;
        if reason == DeadReason::Dead && self.state != State::Running {
            reason = DeadReason::Shutdown;
        }
        if !envelope.is_by_runtime() {
            self.counters.dead_lettered += 1;
            if !is_on(Bug::LostDeadLetter) {
                let unsure = Disposition::DeadLetteredUnsure;
                let what = if maybe_handled { unsure } else { Disposition::DeadLettered };
                self.account(&envelope, what, out);
            }
        }
        let text = format!(
            "a {} from {} to {} is a dead letter: {reason}",
            envelope.message().type_name(),
            envelope.from(),
            envelope.to()
        );
        self.log(log::Level::Debug, *envelope.from(), text, out);
        // A dead letter about a dead letter would go round for ever.
        let Some(handler) = self.dead_letter_handler.filter(|_| !envelope.message().is::<DeadEnvelope>())
        else {
            return;
        };
        // In one process they wait in the handler's mailbox, as the messages did that they are about.
        let on_their_way = self.links.as_ref().map_or(0, |links| links.unacknowledged_bytes());
        if on_their_way >= self.limits.dead_letter_bytes {
            self.dead_letters_dropped += u64::from(!envelope.is_by_runtime());
            return;
        }
        let letter = DeadEnvelope {
            dead_address: *envelope.to(),
            sender: *envelope.from(),
            dead_message: envelope.into_message(),
            reason,
            maybe_handled,
        };
        self.transmit(now, handler, AnyMessage::new(letter), out);
    }

    /// Why an actor never started, if that is why there is none at this address.
    pub fn failed_start(&self, address: &ActorAddress) -> Option<&str> {
        self.failed_starts.get(address).map(String::as_str)
    }

    fn account(&self, envelope: &Envelope, what: Disposition, out: &mut Outputs) {
        if self.accounting && !envelope.is_by_runtime() {
            out.effect(Effect::Account { from: *envelope.from(), number: envelope.number(), what });
        }
    }

    fn log(&self, level: log::Level, actor: ActorAddress, text: String, out: &mut Outputs) {
        out.effect(Effect::Log(Log { level, actor, text }));
    }

    /// Takes over the counters of an endpoint that is gone.
    pub fn endpoint_closed(&mut self, counters: &Counters) {
        self.counters += *counters;
    }

    // -- getters -----------------------------------------------------------------------------------------------

    /// The admin's own address.
    pub fn address(&self) -> ActorAddress {
        self.address
    }

    /// The base's name.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What the system can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The bounds.
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// Whether the system takes no more work.
    pub fn is_closing(&self) -> bool {
        self.state != State::Running
    }

    /// Whether the system is down.
    pub fn is_down(&self) -> bool {
        self.state == State::Down
    }

    /// The type and requirements of an actor, for checking it again.
    pub fn requirements(&self, address: &ActorAddress) -> Option<(&'static ActorType, &Value)> {
        const NONE: &Value = &Value::Null;
        let record = self.record(address)?;
        Some((record.kind, record.rare.as_ref().map_or(NONE, |rare| &rare.requirements)))
    }

    /// The name of an actor's type.
    pub fn type_name(&self, address: &ActorAddress) -> Option<TypeName> {
        self.record(address).map(|record| record.kind.name())
    }

    fn status(&self, now: Time, live: Live) -> SystemStatus {
        let mut counters = self.counters;
        counters += live.counters;
        SystemStatus {
            admin_address: self.address,
            base: self.base.clone(),
            state: match self.state {
                State::Running => SystemState::Running,
                State::ShuttingDown(_) => SystemState::ShuttingDown,
                State::Down => SystemState::Down,
            },
            capabilities: self.capabilities.clone(),
            actors: self.running().map(|record| record.address).take(self.limits.status_actors).collect(),
            actor_count: self.actor_count,
            global_names: self
                .names
                .iter()
                .filter(|(_, known)| known.created)
                .map(|(name, known)| (name.to_string(), known.address))
                .collect(),
            dead_letter_handler: self.dead_letter_handler,
            dead_letters_dropped: self.dead_letters_dropped,
            counters,
            outgoing: live.outgoing,
            outgoing_bytes: live.outgoing_bytes,
            uptime: now.since_start(),
        }
    }

    // -- records -----------------------------------------------------------------------------------------------

    fn record(&self, address: &ActorAddress) -> Option<&Record> {
        let record = self.records.get(address.slot() as usize)?.as_ref()?;
        (record.address == *address).then_some(record)
    }

    fn record_mut(&mut self, address: &ActorAddress) -> Option<&mut Record> {
        let record = self.records.get_mut(address.slot() as usize)?.as_mut()?;
        (record.address == *address).then_some(record)
    }

    /// The actors that run, in the order of their slots.
    fn running(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().flatten().filter(|record| record.running)
    }

    /// The address of a parent that is still there; nobody otherwise.
    fn parent_address(&self, parent: Parent) -> ActorAddress {
        let record = self.records.get(parent.slot as usize).and_then(Option::as_ref);
        let record = record.filter(|record| record.address.generation() == parent.generation);
        record.map_or(ActorAddress::NOBODY, |record| record.address)
    }

    fn remove(&mut self, address: &ActorAddress) -> Option<Record> {
        self.record(address)?;
        self.actor_count -= 1;
        self.records[address.slot() as usize].take()
    }
}

impl Record {
    fn kill(&mut self, out: &mut Outputs) {
        match self.running {
            true => out.effect(Effect::Kill(self.address)),
            false => self.rare.get_or_insert_default().doomed = true,
        }
    }
}

impl Rare {
    fn is_empty(&self) -> bool {
        self.requirements.is_null()
            && self.name.is_none()
            && self.calls.is_empty()
            && !self.doomed
            && !self.recheck
    }

    /// In a box, if there is anything to keep.
    fn boxed(self) -> Option<Box<Rare>> {
        if self.is_empty() { None } else { Some(Box::new(self)) }
    }
}
