//! The in-memory world: systems, their actors and their outside callers in one data structure.
//!
//! `thespian-simple` runs it in the caller's thread with the real clock, where messages go straight from engine to
//! engine. `thespian-sim` gives it a [`Network`], and then every actor is as if in a process of its own: messages
//! travel as encoded frames that the network delays, loses and repeats.
//!
//! The world performs what engines decide and decides nothing itself.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use super::panics;
use super::run::{self, drop_instance};
use crate::engine::link::{Carrier, Frame};
use crate::engine::planted::{Bug, is_on};
use crate::engine::{
    Admin, AdminConfig, AdminInput, CallId, Credit, Departing, Departure, Disposition, Effect, Endpoint,
    EndpointInput, Host, HostConfig, HostInput, Launch, LaunchError, Live, Log, Output, Outputs, ToAdmin,
    ToHost, Undelivered,
};
use crate::{
    Actions, ActorAddress, ActorSpec, ActorType, ActorTypes, AddressKey, AnyMessage, Capabilities,
    DeadReason, Envelope, Environment, ErasedActor, Error, ExitCause, Failure, FailurePolicy, Flow, Limits,
    StartError, StatusReq, SystemId, Time, Value,
};

/// Where a world gets the time from while a handler runs.
pub trait Clock: Send {
    /// The time now; does not go back.
    fn now(&mut self) -> Time;
}

/// After how many deliveries in a row the clock is looked at: it costs as much as a delivery.
const DELIVERIES_PER_LOOK: u64 = 1024;

/// What carries frames between actors that are as if in processes of their own.
pub trait Network: Send {
    /// Whether it loses frames one by one, or only all that are on their way between two addresses at once.
    fn carrier(&self) -> Carrier {
        Carrier::Lossy
    }

    /// After which delays a frame arrives: none if it is lost, several if it is repeated. What a reliable network loses
    /// takes the connection with it, and all frames between the two that are still on their way.
    fn frame(&mut self, now: Time, from: &ActorAddress, to: &ActorAddress, frame: &Frame) -> Vec<Duration>;

    /// How long after a connection was lost the first of these is told that there is another one to the second; `None`
    /// while there can be none, and then [`World::reconnect`] says when to ask again.
    fn reconnect(&mut self, now: Time, to: &ActorAddress, peer: &ActorAddress) -> Option<Duration> {
        let _ = (now, to, peer);
        Some(Duration::ZERO)
    }

    /// How long word between an actor and its admin takes; it is not lost and keeps its order.
    fn control(&mut self, now: Time) -> Duration;

    /// How long a handler takes. It runs at the beginning of that time, and what it asks for happens at the end.
    fn handling(&mut self, now: Time) -> Duration {
        let _ = now;
        Duration::ZERO
    }

    /// How long an actor's start takes, and whether it fails for reasons outside the actor.
    fn launch(&mut self, now: Time) -> (Duration, Result<(), String>);
}

/// Somebody who looks on: a trace, an account.
pub trait Observer: Send {
    /// Something happened.
    fn note(&mut self, now: Time, note: Note<'_>);
}

/// Something that an [`Observer`] sees.
#[derive(Debug)]
pub enum Note<'a> {
    /// A handler is about to run.
    Deliver(&'a Envelope),
    /// A handler has run.
    Finished {
        /// The message.
        envelope: &'a Envelope,
        /// Its error, if it failed.
        failure: Option<&'a Failure>,
    },
    /// An actor runs.
    Started(ActorAddress, &'a str),
    /// An actor is gone.
    Exited(ActorAddress, &'a ExitCause),
    /// A frame was handed to the network.
    Frame {
        /// From this address.
        from: ActorAddress,
        /// To this one.
        to: ActorAddress,
        /// The frame.
        frame: &'a Frame,
        /// How many times it will arrive.
        copies: usize,
    },
    /// What became of a message.
    Account {
        /// Its sender.
        from: ActorAddress,
        /// Its number.
        number: u64,
        /// What became of it.
        what: Disposition,
    },
    /// Something was logged.
    Log(&'a Log),
}

/// What a system in a world is made with.
pub struct SystemConfig {
    /// The base's name.
    pub base: String,
    /// The capabilities, those of the system's own accord among them.
    pub capabilities: Capabilities,
    /// The names of those that cannot be changed.
    pub read_only: BTreeSet<String>,
    /// The table of types.
    pub types: ActorTypes,
    /// The bounds.
    pub limits: Limits,
    /// 128 bits drawn at random: who the system is.
    pub id: SystemId,
    /// The key that its addresses are sealed with.
    pub key: AddressKey,
}

/// A world of systems.
pub struct World {
    systems: Vec<System>,
    outputs: Outputs,
    now: Time,
    clock: Option<Box<dyn Clock>>,
    network: Option<Box<dyn Network>>,
    observer: Option<Box<dyn Observer>>,
    timers: BTreeSet<(Time, ActorAddress)>,
    events: BTreeMap<(Time, u64), Event>,
    event_count: u64,
    /// When the last word on a control channel arrives, so that the next does not overtake it.
    control: BTreeMap<ActorAddress, Time>,
    /// From whom to whom nothing passes until there is another connection, and whether one is under way.
    broken: BTreeMap<(ActorAddress, ActorAddress), bool>,
    answers: BTreeMap<CallId, Result<ActorAddress, Error>>,
    call_count: u64,
    paused: BTreeSet<ActorAddress>,
    /// The buffer for what handlers ask for; away while they run.
    spare: Option<Box<Actions>>,
    /// The system whose actor is running.
    running_in: usize,
    flush_depth: u32,
    deliveries: u64,
    /// How many deliveries there may have been when the call that is running ends.
    limit: u64,
}

struct System {
    id: SystemId,
    key: AddressKey,
    limits: Arc<Limits>,
    admin: Admin,
    nodes: Vec<Node>,
    free: Vec<usize>,
    generation: u64,
    /// Endpoints that were closed, for the next caller.
    #[allow(clippy::vec_box, reason = "the boxes go back into nodes as they are")]
    endpoints: Vec<Box<EndpointNode>>,
}

/// What is at a slot.
enum Node {
    Free,
    /// An address has been given out for it, and there is nobody yet.
    Reserved(Box<Reserved>),
    Actor(Box<ActorNode>),
    Endpoint(Box<EndpointNode>),
}

struct Reserved {
    address: ActorAddress,
    parked: Vec<Parked>,
}

/// What came before the actor ran.
enum Parked {
    Envelope(Envelope),
    Frame(ActorAddress, Box<Frame>),
}

struct ActorNode {
    host: Host,
    /// Away while its handler runs.
    actor: Option<Box<dyn ErasedActor>>,
    /// The start argument, for actors that want a fresh instance after a failure.
    start: Option<AnyMessage>,
    /// A handler that has run and still takes time.
    finishing: Option<Box<Finishing>>,
    armed: Time,
}

/// What a handler has done, until its time is over.
struct Finishing {
    envelope: Envelope,
    outcome: Result<Flow, Failure>,
    actions: Actions,
}

struct EndpointNode {
    endpoint: Endpoint,
    armed: Time,
}

/// Something that will happen in a world with a network.
enum Event {
    Frame { from: ActorAddress, to: ActorAddress, frame: Box<Frame> },
    PeerGone { to: ActorAddress, peer: ActorAddress, reason: DeadReason, details: String },
    PeerBack { to: ActorAddress, peer: ActorAddress },
    Admin { system: SystemId, input: Box<AdminInput> },
    Host { to: ActorAddress, message: ToHost },
    Finished(ActorAddress),
    Launch(Box<Launch>, Result<(), String>),
}

impl World {
    /// An empty world. Without a clock its time is what [`World::advance`] says.
    pub fn new(clock: Option<Box<dyn Clock>>) -> World {
        panics::install_hook();
        World {
            systems: Vec::new(),
            outputs: Outputs::new(),
            now: Time::ZERO,
            clock,
            network: None,
            observer: None,
            timers: BTreeSet::new(),
            events: BTreeMap::new(),
            event_count: 0,
            control: BTreeMap::new(),
            broken: BTreeMap::new(),
            answers: BTreeMap::new(),
            call_count: 0,
            paused: BTreeSet::new(),
            spare: None,
            running_in: 0,
            flush_depth: 0,
            deliveries: 0,
            limit: 0,
        }
    }

    /// Puts every actor that is created from now on as if in a process of its own, behind this network. Its carrier is
    /// the same all the time.
    pub fn set_network(&mut self, network: Box<dyn Network>) {
        self.network = Some(network);
    }

    /// Shows everything that happens from now on to an observer. Messages are accounted for in systems that are
    /// added afterwards.
    pub fn set_observer(&mut self, observer: Box<dyn Observer>) {
        self.observer = Some(observer);
    }

    /// How frames travel, if they do.
    fn carrier(&self) -> Option<Carrier> {
        self.network.as_ref().map(|network| network.carrier())
    }

    /// Adds a system.
    pub fn add_system(&mut self, config: SystemConfig) {
        let limits = Arc::new(config.limits);
        // Slot 0 is the admin's; generation 0 is nobody's.
        let address = config.key.seal(config.id, 0, 1);
        let admin = Admin::new(AdminConfig {
            address,
            base: config.base,
            capabilities: config.capabilities,
            read_only: config.read_only,
            types: config.types,
            limits: limits.clone(),
            carrier: self.carrier(),
            accounting: self.observer.is_some(),
        });
        self.systems.push(System {
            id: config.id,
            key: config.key,
            limits,
            admin,
            nodes: Vec::from([Node::Free]),
            free: Vec::new(),
            generation: 2,
            endpoints: Vec::new(),
        });
    }

    // -- outside calls -----------------------------------------------------------------------------------------

    /// Opens an endpoint in a system.
    pub fn open(&mut self, system: SystemId) -> Result<ActorAddress, Error> {
        let (carrier, accounting) = (self.carrier(), self.observer.is_some());
        let at = self.system_index(system);
        let system = &mut self.systems[at];
        if system.admin.is_down() {
            return Err(Error::SystemDown { base: system.admin.base().into() });
        }
        let (slot, address) = system.allocate();
        let node = match system.endpoints.pop() {
            Some(mut node) => {
                node.endpoint.reopen(address, carrier, accounting);
                node.armed = Time::FAR;
                node
            }
            None => {
                let endpoint = Endpoint::new(address, system.limits.clone(), carrier, accounting);
                Box::new(EndpointNode { endpoint, armed: Time::FAR })
            }
        };
        system.nodes[slot] = Node::Endpoint(node);
        Ok(address)
    }

    /// Closes an endpoint. What waits for it becomes dead letters.
    pub fn close(&mut self, endpoint: ActorAddress) {
        let Some(at) = self.find(&endpoint) else { return };
        if let Node::Endpoint(node) = &mut self.systems[at.0].nodes[at.1] {
            node.endpoint.close(&mut self.outputs);
            self.tidy_endpoint(at);
        }
    }

    /// Lets an endpoint go that was closed, once everything its caller sent has been dealt with.
    fn tidy_endpoint(&mut self, at: (usize, usize)) {
        let system = &mut self.systems[at.0];
        if !matches!(&system.nodes[at.1], Node::Endpoint(node) if node.endpoint.is_done()) {
            return;
        }
        if let Node::Endpoint(node) = system.release(at.1) {
            self.timers.remove(&(node.armed, *node.endpoint.address()));
            system.admin.endpoint_closed(node.endpoint.counters());
            system.endpoints.push(node);
        }
    }

    /// Sends a message from an endpoint. It goes on its way with the next [`World::run`].
    ///
    /// # Errors
    ///
    /// When the system is down, the address is nobody's, or the message cannot travel.
    pub fn send(&mut self, from: ActorAddress, to: ActorAddress, message: AnyMessage) -> Result<(), Error> {
        if to.is_nobody() {
            let problem = "it is nobody's address".into();
            return Err(Error::InvalidActorAddress { address: to, problem });
        }
        let now = self.now;
        let Some((at, admin, node)) = Self::endpoint_in(&mut self.systems, &from) else {
            return Err(not_an_endpoint(from));
        };
        if admin.is_down() {
            return Err(Error::SystemDown { base: admin.base().into() });
        }
        node.endpoint.forget_dead();
        if self.network.is_none() {
            return node.endpoint.send(now, to, message, &mut self.outputs);
        }
        let sent = node.endpoint.send(now, to, message, &mut self.outputs);
        self.arm(at);
        sent
    }

    /// The next message for an endpoint.
    #[inline]
    pub fn receive(&mut self, endpoint: ActorAddress) -> Option<Envelope> {
        let (.., node) = Self::endpoint_in(&mut self.systems, &endpoint)?;
        node.endpoint.receive(&mut self.outputs)
    }

    /// Says that an endpoint is there, to wait at.
    ///
    /// # Errors
    ///
    /// When it has been closed, or never was.
    pub fn check_open(&self, endpoint: &ActorAddress) -> Result<(), Error> {
        match self.find(endpoint).map(|at| &self.systems[at.0].nodes[at.1]) {
            Some(Node::Endpoint(_)) => Ok(()),
            _ => Err(not_an_endpoint(*endpoint)),
        }
    }

    /// The messages that came for endpoints and wait for their callers, by sender and number.
    pub fn unread(&self) -> impl Iterator<Item = (ActorAddress, u64)> {
        let nodes = self.systems.iter().flat_map(|system| &system.nodes);
        let endpoints = nodes.filter_map(|node| match node {
            Node::Endpoint(node) => Some(node.endpoint.unread()),
            _ => None,
        });
        endpoints.flatten()
    }

    /// Whether a message from the endpoint to this target has come back.
    pub fn found_dead(&mut self, endpoint: ActorAddress, target: &ActorAddress) -> bool {
        Self::endpoint_in(&mut self.systems, &endpoint)
            .is_some_and(|(.., node)| node.endpoint.found_dead(target))
    }

    /// Begins to create a top-level actor. The answer is there after a [`World::run`], or later.
    ///
    /// # Errors
    ///
    /// When the system is down.
    pub fn create(&mut self, system: SystemId, spec: ActorSpec) -> Result<CallId, Error> {
        self.call_count += 1;
        let call = CallId(self.call_count);
        let at = self.system_index(system);
        let system = &mut self.systems[at];
        if system.admin.is_closing() {
            return Err(Error::SystemDown { base: system.admin.base().into() });
        }
        let mut address = system.reserve();
        if let Some(name) = &spec.global_name {
            let proposed = address;
            address = system.admin.claim_name(name, proposed);
            if address != proposed {
                system.unreserve(&proposed);
            }
        }
        let input = AdminInput::Create { call, address, spec: Box::new(spec) };
        system.admin.handle(self.now, input, &mut self.outputs);
        Ok(call)
    }

    /// The answer to a call, once it is there.
    pub fn answer(&mut self, call: CallId) -> Option<Result<ActorAddress, Error>> {
        self.answers.remove(&call)
    }

    /// The running actor of a global name.
    pub fn find_name(&self, system: SystemId, name: &str) -> Option<ActorAddress> {
        self.systems[self.system_index(system)].admin.find_name(name)
    }

    /// Sets a capability, or removes it where the value is null.
    ///
    /// # Errors
    ///
    /// For a read-only or nameless one, and when the system is down.
    pub fn update_capability(&mut self, system: SystemId, name: &str, value: Value) -> Result<(), Error> {
        let at = self.system_index(system);
        let admin = &mut self.systems[at].admin;
        if admin.is_closing() {
            return Err(Error::SystemDown { base: admin.base().into() });
        }
        admin.update_capability(name, value, &mut self.outputs)
    }

    /// Begins to shut a system down.
    pub fn shutdown(&mut self, system: SystemId) {
        let at = self.system_index(system);
        self.systems[at].admin.handle(self.now, AdminInput::Shutdown, &mut self.outputs);
        self.arm((at, 0));
    }

    /// Whether a system is down.
    pub fn is_down(&self, system: SystemId) -> bool {
        self.systems[self.system_index(system)].admin.is_down()
    }

    /// What a system can do.
    pub fn capabilities(&self, system: SystemId) -> &Capabilities {
        self.systems[self.system_index(system)].admin.capabilities()
    }

    /// The address of a system's admin.
    pub fn admin(&self, system: SystemId) -> ActorAddress {
        self.systems[self.system_index(system)].admin.address()
    }

    /// The bounds of a system.
    pub fn limits(&self, system: SystemId) -> &Limits {
        &self.systems[self.system_index(system)].limits
    }

    // -- running -----------------------------------------------------------------------------------------------

    /// Runs until nothing is left to do now. Deadlines that have not come, and events that a network still has under
    /// way, wait for [`World::advance`].
    ///
    /// # Errors
    ///
    /// [`Error::NeverSettles`] after [`Limits::steps_per_call`] deliveries. What was left to do then is still there,
    /// and the next call goes on with it.
    #[inline]
    pub fn run(&mut self) -> Result<(), Error> {
        // A world has one system, or its systems share their calls: the first one's limit serves.
        let Some(first) = self.systems.first() else { return Ok(()) };
        let limit = self.deliveries.saturating_add(first.limits.steps_per_call);
        self.limit = limit;
        let mut actions = self.spare.take().unwrap_or_default();
        let mut look_at = self.deliveries + DELIVERIES_PER_LOOK;
        loop {
            while let Some(output) = self.outputs.poll() {
                self.perform(output);
            }
            while let Some(credit) = self.outputs.poll_credit() {
                self.credit(&credit);
            }
            if let Some(envelope) = self.outputs.poll_delivery() {
                if self.deliveries >= limit {
                    self.spare = Some(actions);
                    return Err(self.never_settles(envelope));
                }
                self.deliver(envelope, &mut actions, limit);
                if self.deliveries >= look_at {
                    look_at = self.deliveries + DELIVERIES_PER_LOOK;
                    self.look_at_clock();
                }
            } else if self.outputs.is_empty() && (self.paused.is_empty() || !self.relieve()) {
                break;
            }
        }
        self.spare = Some(actions);
        Ok(())
    }

    /// Actors that keep each other busy get their timers all the same, where time passes by itself.
    #[cold]
    fn look_at_clock(&mut self) {
        if self.clock.is_some() && !self.timers.is_empty() {
            let now = Environment::now(self);
            self.advance(now);
        }
    }

    #[cold]
    fn never_settles(&mut self, envelope: Envelope) -> Error {
        let next = *envelope.to();
        // It goes to the end of the queue: the order between two actors' deliveries is nobody's promise.
        self.outputs.deliver(envelope);
        let system = &self.systems[self.find(&next).map_or(0, |at| at.0)];
        let actor = system.admin.type_name(&next).map_or_else(|| next.to_string(), |name| name.to_string());
        Error::NeverSettles { steps: system.limits.steps_per_call, actor }
    }

    /// Nothing else can go on: actors that are paused get some of their messages all the same. Says whether any did.
    fn relieve(&mut self) -> bool {
        // With a network something may still be under way; there it is time that relieves.
        if self.paused.is_empty() || self.network.is_some() {
            return false;
        }
        let now = self.now;
        for address in mem::take(&mut self.paused) {
            let Some(at) = self.find(&address) else { continue };
            if let Node::Actor(node) = &mut self.systems[at.0].nodes[at.1] {
                node.host.handle(now, HostInput::Relief, &mut self.outputs);
                if node.host.is_paused() {
                    self.paused.insert(address);
                }
            }
        }
        !self.outputs.is_empty()
    }

    /// Lets time pass: what has come due by `now` happens, in order. Run the world afterwards.
    pub fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
        while let Some((time, address)) = self.timers.first().copied()
            && time <= self.now
            && self.events.first_key_value().is_none_or(|((event, _), _)| time <= *event)
        {
            self.timers.pop_first();
            self.fire(address);
        }
        if let Some(entry) = self.events.first_entry()
            && entry.key().0 <= self.now
        {
            let event = entry.remove();
            self.happen(event);
        }
    }

    /// When something comes due next.
    #[inline]
    pub fn next_deadline(&self) -> Option<Time> {
        if self.timers.is_empty() && self.events.is_empty() {
            return None;
        }
        let timer = self.timers.first().map(|(time, _)| *time);
        let event = self.events.first_key_value().map(|((time, _), _)| *time);
        timer.into_iter().chain(event).min()
    }

    /// The time as the engines know it.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many handlers have run.
    pub fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Whether nothing is to be done, under way or due.
    pub fn is_quiet(&self) -> bool {
        self.outputs.is_empty() && self.events.is_empty() && self.timers.is_empty()
    }

    /// The actors of a system that live now, in the order of their slots.
    pub fn actors(&self, system: SystemId) -> Vec<ActorAddress> {
        let actors = self.systems[self.system_index(system)].nodes.iter().filter_map(|node| match node {
            Node::Actor(node) => Some(*node.host.address()),
            _ => None,
        });
        actors.collect()
    }

    /// Ends an actor as if its process had been killed.
    pub fn kill(&mut self, address: ActorAddress, how: &str) {
        self.end(address, ExitCause::Killed(how.into()));
    }

    // -- performing effects ------------------------------------------------------------------------------------

    #[inline]
    fn perform(&mut self, output: Output) {
        match output {
            Output::Transmit(envelope) => self.transmit(envelope),
            Output::Frame => self.send_frames(),
            Output::Other(effect) => self.perform_other(*effect),
        }
    }

    fn perform_other(&mut self, effect: Effect) {
        match effect {
            Effect::Return(undelivered) => self.give_back(undelivered),
            Effect::ToAdmin { from, message } => {
                self.tell_admin(from, from.system(), AdminInput::FromHost(from, message));
            }
            Effect::ToHost { to, message } => self.tell_host(to, message),
            Effect::Restart(address) => self.restart(address),
            Effect::Stopped(address) => self.end(address, ExitCause::Requested),
            // With a network it is time that relieves.
            Effect::Paused(address) if self.network.is_none() => {
                self.paused.insert(address);
            }
            Effect::Paused(_) => {}
            Effect::Overdue(address) => self.overdue(address),
            Effect::Launch(launch) => self.begin_launch(launch),
            Effect::Discard(address) => self.discard(address),
            Effect::Recheck(address) => self.recheck(address),
            Effect::Kill(address) => self.end(address, ExitCause::Killed("by the system".into())),
            Effect::Answer { call, result } => {
                self.answers.insert(call, result);
            }
            Effect::Account { from, number, what } => self.note(Note::Account { from, number, what }),
            Effect::Log(log) => {
                log::log!(target: "thespian", log.level, "{}", log.text);
                self.note(Note::Log(&log));
            }
            // Nobody's descriptors can be watched here, as the base's capabilities say; guide section 4.8.
            Effect::Watch { .. } => {}
            Effect::Down => {}
        }
    }

    #[inline]
    fn transmit(&mut self, envelope: Envelope) {
        // An answer to a question for the status says what time it is; for other messages that costs too much.
        let is_system = envelope.message().is_system();
        let now = if is_system { Environment::now(self) } else { self.now };
        match Self::actor_in(&mut self.systems, envelope.to()) {
            Some((.., node)) => node.host.arrived(now, envelope, &mut self.outputs),
            None => self.transmit_elsewhere(envelope),
        }
    }

    fn transmit_elsewhere(&mut self, envelope: Envelope) {
        let Some(at) = self.find(envelope.to()) else { return self.no_such_target(envelope) };
        match &mut self.systems[at.0].nodes[at.1] {
            Node::Endpoint(node) => node.endpoint.arrived(envelope, &mut self.outputs),
            Node::Reserved(reserved) => reserved.parked.push(Parked::Envelope(envelope)),
            Node::Actor(_) | Node::Free => {}
        }
    }

    #[inline]
    fn credit(&mut self, credit: &Credit) {
        let now = self.now;
        if let Some((.., node)) = Self::actor_in(&mut self.systems, &credit.to) {
            node.host.credited(now, credit.count, &mut self.outputs);
        }
    }

    /// The target of a message is an admin, or nobody.
    #[cold]
    fn no_such_target(&mut self, envelope: Envelope) {
        let to = *envelope.to();
        if let Some(at) = self.admin_at(&to) {
            // Adding up everybody's counters takes a while, and only a status has them.
            let live = match envelope.message().is::<StatusReq>() {
                true => self.systems[at].live(),
                false => Live::default(),
            };
            let input = AdminInput::Message(envelope, live);
            self.systems[at].admin.handle(self.now, input, &mut self.outputs);
            return;
        }
        let (reason, details) = self.why_nobody(&to);
        let undelivered = Undelivered { envelope, reason, details, maybe_handled: false };
        self.give_back(Box::new(undelivered));
    }

    /// Why there is nobody at an address.
    fn why_nobody(&self, address: &ActorAddress) -> (DeadReason, String) {
        let Some(system) = self.systems.iter().find(|system| system.id == address.system()) else {
            return (DeadReason::HostLost, String::new());
        };
        if !system.key.verify(address) {
            return (DeadReason::InvalidAddress, String::new());
        }
        match system.admin.failed_start(address) {
            Some(details) => (DeadReason::NeverStarted, details.into()),
            None => (DeadReason::Dead, String::new()),
        }
    }

    /// Gives an undelivered message to its sender's engine, or to the dead letters if the sender is gone too.
    fn give_back(&mut self, undelivered: Box<Undelivered>) {
        let now = self.now;
        let from = *undelivered.envelope.from();
        let node = self.find(&from).map(|at| (at, &mut self.systems[at.0].nodes[at.1]));
        match node {
            Some((at, Node::Actor(node))) => {
                node.host.handle(now, HostInput::Undelivered(undelivered), &mut self.outputs);
                self.arm(at);
            }
            Some((_, Node::Endpoint(node))) => {
                node.endpoint.handle(now, EndpointInput::Undelivered(undelivered), &mut self.outputs);
            }
            _ => {
                // The sender's system handles its dead letters; a sender of no system leaves them to the first.
                let at = self.systems.iter().position(|system| system.id == from.system()).unwrap_or(0);
                let input = AdminInput::FromHost(from, ToAdmin::DeadLetter(undelivered));
                self.systems[at].admin.handle(now, input, &mut self.outputs);
            }
        }
    }

    // -- running handlers --------------------------------------------------------------------------------------

    /// Runs the handler of the actor that a message is for; again for its next messages while nothing else is to be
    /// done, up to this many deliveries of the world. `actions` is empty, before and after.
    #[inline]
    fn deliver(&mut self, mut envelope: Envelope, actions: &mut Actions, limit: u64) {
        self.deliveries += 1;
        let node = Self::actor_in(&mut self.systems, envelope.to());
        let Some((system, slot, node)) = node else { return self.give_back_maybe_handled(envelope) };
        let generation = node.host.address().generation();
        // Without an actor it was killed after its engine had asked for this.
        let Some(mut actor) = node.actor.take() else { return self.give_back_maybe_handled(envelope) };
        loop {
            if self.observer.is_some() {
                self.note(Note::Deliver(&envelope));
            }
            let outcome = self.attempt(system, &mut *actor, &envelope, actions);
            if self.observer.is_some() {
                self.note(Note::Finished { envelope: &envelope, failure: outcome.as_ref().err() });
            }
            let now = self.now;
            let node = match self.systems[system].nodes.get_mut(slot) {
                // No two actors of one system have the same generation.
                Some(Node::Actor(node)) if node.host.address().generation() == generation => node,
                // It was killed while its handler ran, which can only be in a flush.
                _ => {
                    self.abandon(system, actions);
                    drop_instance(envelope.to(), Some(actor));
                    return self.give_back_maybe_handled(envelope);
                }
            };
            if let Some(network) = &mut self.network
                && let takes = network.handling(now)
                && !takes.is_zero()
            {
                node.actor = Some(actor);
                let (address, actions) = (*envelope.to(), mem::take(actions));
                node.finishing = Some(Box::new(Finishing { envelope, outcome, actions }));
                return self.schedule(takes, Event::Finished(address));
            }
            let next = node.host.finished(now, envelope, outcome, actions, &mut self.outputs);
            let arm = node.host.may_have_timeout();
            match next {
                Some(next) if !arm && self.deliveries < limit && self.outputs.is_empty() => envelope = next,
                next => {
                    node.actor = Some(actor);
                    if let Some(next) = next {
                        self.outputs.deliver(next);
                    }
                    if arm {
                        self.arm((system, slot));
                    }
                    return;
                }
            }
            self.deliveries += 1;
        }
    }

    /// The time of a handler that has run is over.
    fn finish(&mut self, address: ActorAddress) {
        let now = self.now;
        let Some(at) = self.find(&address) else { return };
        let Node::Actor(node) = &mut self.systems[at.0].nodes[at.1] else { return };
        let Some(finishing) = node.finishing.take() else { return };
        let Finishing { envelope, outcome, mut actions } = *finishing;
        if let Some(next) = node.host.finished(now, envelope, outcome, &mut actions, &mut self.outputs) {
            self.outputs.deliver(next);
        }
        self.arm(at);
    }

    /// Runs the handler once, with what it asks for in `actions`; empty if it failed.
    #[inline]
    fn attempt(
        &mut self,
        system: usize,
        actor: &mut dyn ErasedActor,
        envelope: &Envelope,
        actions: &mut Actions,
    ) -> Result<Flow, Failure> {
        let outer = mem::replace(&mut self.running_in, system);
        actions.set_limit(self.systems[system].limits.actions_per_attempt);
        actions.set_writing(self.network.is_some());
        let outcome = run::attempt(actor, envelope, actions, self);
        self.running_in = outer;
        match outcome {
            Ok(flow) => Ok(flow),
            Err(failure) => self.fail(system, actions, failure),
        }
    }

    #[cold]
    fn fail(&mut self, system: usize, actions: &mut Actions, failure: Failure) -> Result<Flow, Failure> {
        if !is_on(Bug::ActionsOfFailedAttempt) {
            self.abandon(system, actions);
        }
        Err(failure)
    }

    /// A failed attempt releases nothing: addresses and names that it was given are free again.
    fn abandon(&mut self, system: usize, actions: &mut Actions) {
        for create in actions.discard() {
            let free = match &create.spec.global_name {
                Some(name) => self.systems[system].admin.abandon_claim(name, &create.address),
                None => true,
            };
            if free {
                // Somebody may have been told the address in a way that no engine sees, and written to it.
                self.discard(create.address);
            }
        }
    }

    #[cold]
    fn give_back_maybe_handled(&mut self, envelope: Envelope) {
        // Behind a network the sender has kept it, and will learn that nobody is there.
        if self.network.is_none() || envelope.from() == envelope.to() {
            let undelivered =
                Undelivered { maybe_handled: true, ..Undelivered::new(envelope, DeadReason::Dead) };
            self.give_back(Box::new(undelivered));
        }
    }

    fn restart(&mut self, address: ActorAddress) {
        let Some(node) = self.actor_node(&address) else { return };
        let Some(start) = &node.start else { return };
        let kind = node.host.kind();
        match run::fresh(kind, start) {
            Ok(fresh) => drop_instance(&address, node.actor.replace(fresh)),
            // The old instance stays, as FailurePolicy says.
            Err(error) => log::warn!(target: "thespian", "{address} keeps its instance: {error}"),
        }
    }

    // -- creating and ending -----------------------------------------------------------------------------------

    fn begin_launch(&mut self, launch: Box<Launch>) {
        match &mut self.network {
            Some(network) => {
                let (delay, outcome) = network.launch(self.now);
                self.schedule(delay, Event::Launch(launch, outcome));
            }
            None => self.launch(*launch, Ok(())),
        }
    }

    fn launch(&mut self, launch: Launch, outside: Result<(), String>) {
        let Launch { address, kind, requirements, start } = launch;
        let Some(at) = self.find(&address) else { return };
        let capabilities = self.systems[at.0].admin.capabilities();
        let outcome = match outside {
            Err(cause) => Err(LaunchError::Start(StartError::Failed(Failure::new(cause)))),
            Ok(()) => run::start(kind, capabilities, &requirements, start),
        };
        let result = match outcome {
            Ok(started) => {
                self.install(at, address, (kind, started.policy), started.actor, started.start);
                Ok(())
            }
            Err(error) => Err(error),
        };
        self.tell_admin(address, address.system(), AdminInput::Launched(address, result));
    }

    fn install(
        &mut self,
        at: (usize, usize),
        address: ActorAddress,
        (kind, policy): (&'static ActorType, FailurePolicy),
        actor: Box<dyn ErasedActor>,
        start: Option<AnyMessage>,
    ) {
        if self.observer.is_some() {
            self.note(Note::Started(address, &kind.name()));
        }
        let carrier = self.carrier();
        let system = &mut self.systems[at.0];
        let host = Host::new(HostConfig {
            address,
            kind,
            policy,
            limits: system.limits.clone(),
            carrier,
            accounting: self.observer.is_some(),
            pid: None,
        });
        let node = ActorNode { host, actor: Some(actor), start, finishing: None, armed: Time::FAR };
        let node = Node::Actor(Box::new(node));
        let Node::Reserved(reserved) = mem::replace(&mut system.nodes[at.1], node) else { return };
        for parked in reserved.parked {
            match parked {
                Parked::Envelope(envelope) => self.transmit(envelope),
                Parked::Frame(from, frame) => self.frame_arrived(from, address, frame),
            }
        }
    }

    /// There will be nobody at this address.
    fn discard(&mut self, address: ActorAddress) {
        let Some(at) = self.find(&address) else { return };
        if !matches!(self.systems[at.0].nodes[at.1], Node::Reserved(_)) {
            return;
        }
        let Node::Reserved(reserved) = self.systems[at.0].release(at.1) else { return };
        for parked in reserved.parked {
            match parked {
                Parked::Envelope(envelope) => self.no_such_target(envelope),
                Parked::Frame(from, _) => self.refuse_frame(from, address),
            }
        }
    }

    /// An actor is gone: its engine goes, its messages go back, its admin is told.
    fn end(&mut self, address: ActorAddress, cause: ExitCause) {
        let Some(at) = self.find(&address) else { return };
        if !matches!(self.systems[at.0].nodes[at.1], Node::Actor(_)) {
            return;
        }
        // The slot is free when the admin has been told.
        let node = mem::replace(&mut self.systems[at.0].nodes[at.1], Node::Free);
        let Node::Actor(node) = node else { return };
        let ActorNode { mut host, actor, finishing, armed, .. } = *node;
        self.timers.remove(&(armed, address));
        if let Some(finishing) = finishing {
            let Finishing { envelope, mut actions, .. } = *finishing;
            self.abandon(at.0, &mut actions);
            self.give_back_maybe_handled(envelope);
        }
        drop_instance(&address, actor);
        self.note(Note::Exited(address, &cause));
        host.settle_debts(&mut self.outputs);
        let counters = host.counters();
        if cause != ExitCause::Requested {
            self.account_for_lost(&mut host);
        }
        for envelope in host.into_waiting() {
            self.give_back(Box::new(Undelivered::new(envelope, DeadReason::Dead)));
        }
        self.tell_admin(address, address.system(), AdminInput::Exited { address, cause, counters });
        if self.carrier() == Some(Carrier::Reliable) {
            self.lose_peer(address);
        }
    }

    /// An actor has not exited in time.
    fn overdue(&mut self, address: ActorAddress) {
        let Some(at) = self.find(&address) else { return };
        let grace = self.systems[at.0].limits.exit_grace.as_secs_f64();
        let text = format!("did not exit within {grace} s of being asked to");
        self.end(address, ExitCause::Killed(text));
    }

    /// The connections of an actor that is gone end with it. Nobody sends again to find that out, so those that wait for
    /// its acknowledgement are told.
    fn lose_peer(&mut self, peer: ActorAddress) {
        let mut waiting = Vec::new();
        for system in &self.systems {
            if system.admin.is_owed_by(peer) {
                waiting.push(system.admin.address());
            }
            waiting.extend(system.nodes.iter().filter_map(|node| match node {
                Node::Actor(node) if node.host.is_owed_by(peer) => Some(*node.host.address()),
                Node::Endpoint(node) if node.endpoint.is_owed_by(peer) => Some(*node.endpoint.address()),
                _ => None,
            }));
        }
        for from in waiting {
            self.refuse_frame(from, peer);
        }
    }

    /// A killed sender takes with it what nobody has acknowledged.
    fn account_for_lost(&mut self, host: &mut Host) {
        let mut lost = Outputs::new();
        host.abandon(&mut lost);
        while let Some(output) = lost.poll() {
            if let Output::Other(effect) = output
                && let Effect::ToAdmin { message: ToAdmin::DeadLetter(undelivered), .. } = *effect
                && !undelivered.envelope.is_by_runtime()
            {
                let (from, number) = (*undelivered.envelope.from(), undelivered.envelope.number());
                self.note(Note::Account { from, number, what: Disposition::SenderKilled });
            }
        }
    }

    fn recheck(&mut self, address: ActorAddress) {
        let Some(at) = self.find(&address) else { return };
        let admin = &self.systems[at.0].admin;
        let Some((kind, requirements)) = admin.requirements(&address) else { return };
        let verdict = run::check(kind, admin.capabilities(), requirements);
        self.tell_admin(address, address.system(), AdminInput::Rechecked(address, verdict));
    }

    // -- between processes -------------------------------------------------------------------------------------

    fn tell_admin(&mut self, from: ActorAddress, system: SystemId, input: AdminInput) {
        if self.network.is_some() {
            let arrives = self.control_arrives(from);
            self.schedule_at(arrives, Event::Admin { system, input: Box::new(input) });
        } else {
            let at = self.system_index(system);
            self.admin_told(at, input);
        }
    }

    fn admin_told(&mut self, at: usize, input: AdminInput) {
        let freed = match &input {
            AdminInput::Exited { address, .. } => Some(address.slot() as usize),
            _ => None,
        };
        let system = &mut self.systems[at];
        system.admin.handle(self.now, input, &mut self.outputs);
        // Only now: the admin keeps its records by slot, and the next actor there may be told of sooner than this one's
        // end.
        system.free.extend(freed);
    }

    fn tell_host(&mut self, to: ActorAddress, message: ToHost) {
        if self.network.is_some() {
            let arrives = self.control_arrives(to);
            self.schedule_at(arrives, Event::Host { to, message });
        } else {
            self.host_told(to, message);
        }
    }

    fn host_told(&mut self, to: ActorAddress, message: ToHost) {
        let now = self.now;
        if let Some((.., node)) = Self::actor_in(&mut self.systems, &to) {
            node.host.handle(now, HostInput::FromAdmin(message), &mut self.outputs);
        }
    }

    /// When word on an actor's control channel arrives: after all that was said on it before.
    fn control_arrives(&mut self, actor: ActorAddress) -> Time {
        let now = self.now;
        let delay = self.network.as_mut().map_or(Duration::ZERO, |network| network.control(now));
        self.control.retain(|_, last| *last > now);
        let last = self.control.entry(actor).or_insert(now);
        *last = (*last).max(now + delay);
        *last
    }

    fn send_frames(&mut self) {
        let Some(departure) = self.outputs.poll_frame() else { return };
        let frames: Vec<Frame> = self.departing(&departure).map(|frame| frame.to_frame()).collect();
        for frame in frames {
            self.send_frame(departure.from, departure.to, frame);
        }
    }

    fn send_frame(&mut self, from: ActorAddress, to: ActorAddress, frame: Frame) {
        let now = self.now;
        let Some(network) = &mut self.network else { return };
        let reliable = network.carrier() == Carrier::Reliable;
        let delays = match self.broken.contains_key(&(from, to)) {
            true => Vec::new(),
            false => network.frame(now, &from, &to, &frame),
        };
        if reliable && delays.is_empty() && !self.broken.contains_key(&(from, to)) {
            self.disconnect(from, to);
        }
        if self.observer.is_some() {
            self.note(Note::Frame { from, to, frame: &frame, copies: delays.len() });
        }
        for delay in delays {
            self.schedule(delay, Event::Frame { from, to, frame: Box::new(frame.clone()) });
        }
    }

    /// The frames as their engine has them, if that is still there.
    fn departing<'a>(&'a self, departure: &'a Departure) -> Departing<'a> {
        let Some(at) = self.find(&departure.from) else {
            let admin = self.admin_at(&departure.from).map(|at| &self.systems[at].admin);
            return admin.map_or_else(Departing::default, |admin| admin.departing(departure));
        };
        match &self.systems[at.0].nodes[at.1] {
            Node::Actor(node) => node.host.departing(departure),
            Node::Endpoint(node) => node.endpoint.departing(departure),
            Node::Reserved(_) | Node::Free => Departing::default(),
        }
    }

    /// Ends the connection between two addresses: what is on its way between them is lost, and so is what follows until
    /// either side has been told that there is another one.
    pub fn disconnect(&mut self, one: ActorAddress, other: ActorAddress) {
        self.events.retain(|_, event| match event {
            Event::Frame { from, to, .. } => (*from, *to) != (one, other) && (*from, *to) != (other, one),
            _ => true,
        });
        for pair in [(one, other), (other, one)] {
            self.broken.entry(pair).or_default();
        }
        self.reconnect();
    }

    /// Asks the network for another connection for each that was lost.
    pub fn reconnect(&mut self) {
        let now = self.now;
        let Some(network) = &mut self.network else { return };
        let mut back = Vec::new();
        for ((to, peer), begun) in self.broken.iter_mut().filter(|(_, begun)| !**begun) {
            if let Some(delay) = network.reconnect(now, to, peer) {
                *begun = true;
                back.push((delay, Event::PeerBack { to: *to, peer: *peer }));
            }
        }
        for (delay, event) in back {
            self.schedule(delay, event);
        }
    }

    fn frame_arrived(&mut self, from: ActorAddress, to: ActorAddress, frame: Box<Frame>) {
        let now = self.now;
        let Some(at) = self.find(&to) else {
            let Some(at) = self.admin_at(&to) else { return self.refuse_frame(from, to) };
            let live = match &*frame {
                Frame::Data { .. } => self.systems[at].live(),
                _ => Live::default(),
            };
            let input = AdminInput::Frame(from, *frame, live);
            self.systems[at].admin.handle(now, input, &mut self.outputs);
            return self.arm((at, 0));
        };
        match &mut self.systems[at.0].nodes[at.1] {
            Node::Actor(node) => node.host.frame(now, from, frame.borrow(), &mut self.outputs),
            Node::Endpoint(node) => {
                node.endpoint.frame(now, from, frame.borrow(), &mut self.outputs);
                self.tidy_endpoint(at);
            }
            Node::Reserved(reserved) => reserved.parked.push(Parked::Frame(from, frame)),
            Node::Free => {}
        }
        self.arm(at);
    }

    /// Tells the sender of a frame that nobody is there.
    fn refuse_frame(&mut self, from: ActorAddress, to: ActorAddress) {
        let (reason, details) = self.why_nobody(&to);
        let delay = self.network.as_mut().map_or(Duration::ZERO, |network| network.control(self.now));
        self.schedule(delay, Event::PeerGone { to: from, peer: to, reason, details });
    }

    fn happen(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Frame { from, to, frame } => self.frame_arrived(from, to, frame),
            Event::Admin { system, input } => {
                let at = self.system_index(system);
                self.admin_told(at, *input);
                self.arm((at, 0));
            }
            Event::Host { to, message } => self.host_told(to, message),
            Event::Finished(address) => self.finish(address),
            Event::Launch(launch, outcome) => self.launch(*launch, outcome),
            Event::PeerBack { to, peer } => self.peer_back(to, peer),
            Event::PeerGone { to, peer, reason, details } => {
                let Some(at) = self.find(&to) else {
                    if let Some(at) = self.admin_at(&to) {
                        let input = AdminInput::PeerGone(peer, reason);
                        self.systems[at].admin.handle(now, input, &mut self.outputs);
                    }
                    return;
                };
                match &mut self.systems[at.0].nodes[at.1] {
                    Node::Actor(node) => {
                        let input = HostInput::PeerGone { peer, reason, details };
                        node.host.handle(now, input, &mut self.outputs);
                    }
                    Node::Endpoint(node) => {
                        let input = EndpointInput::PeerGone { peer, reason, details };
                        node.endpoint.handle(now, input, &mut self.outputs);
                        self.tidy_endpoint(at);
                    }
                    _ => {}
                }
                self.arm(at);
            }
        }
    }

    fn peer_back(&mut self, to: ActorAddress, peer: ActorAddress) {
        let now = self.now;
        self.broken.remove(&(to, peer));
        let Some(at) = self.find(&to) else {
            if let Some(at) = self.admin_at(&to) {
                self.systems[at].admin.handle(now, AdminInput::PeerBack(peer), &mut self.outputs);
            }
            return;
        };
        match &mut self.systems[at.0].nodes[at.1] {
            Node::Actor(node) => node.host.handle(now, HostInput::PeerBack(peer), &mut self.outputs),
            Node::Endpoint(node) => {
                node.endpoint.handle(now, EndpointInput::PeerBack(peer), &mut self.outputs);
            }
            _ => {}
        }
        self.arm(at);
    }

    fn schedule(&mut self, delay: Duration, event: Event) {
        self.schedule_at(self.now + delay, event);
    }

    fn schedule_at(&mut self, time: Time, event: Event) {
        self.event_count += 1;
        self.events.insert((time, self.event_count), event);
    }

    // -- deadlines ---------------------------------------------------------------------------------------------

    /// Notes the next deadline of the engine at a place, if it is sooner than the one noted.
    fn arm(&mut self, at: (usize, usize)) {
        let system = &mut self.systems[at.0];
        let (due, armed, address) = match &mut system.nodes[at.1] {
            Node::Actor(node) => {
                let due = node.host.poll_timeout().map(|(due, _)| due);
                (due, Some(&mut node.armed), *node.host.address())
            }
            Node::Endpoint(node) => {
                (node.endpoint.poll_timeout(), Some(&mut node.armed), *node.endpoint.address())
            }
            _ if at.1 == 0 => (system.admin.poll_timeout(), None, system.admin.address()),
            _ => return,
        };
        let Some(due) = due else { return };
        if let Some(armed) = armed {
            if *armed <= due {
                return;
            }
            // One for each engine, so that none is left when it goes.
            self.timers.remove(&(mem::replace(armed, due), address));
        }
        self.timers.insert((due, address));
    }

    fn fire(&mut self, address: ActorAddress) {
        let now = self.now;
        let Some(at) = self.find(&address) else {
            if let Some(at) = self.admin_at(&address) {
                self.systems[at].admin.handle_timeout(now, &mut self.outputs);
                self.arm((at, 0));
            }
            return;
        };
        match &mut self.systems[at.0].nodes[at.1] {
            Node::Actor(node) => {
                node.armed = Time::FAR;
                node.host.handle_timeout(now, &mut self.outputs);
            }
            Node::Endpoint(node) => {
                node.armed = Time::FAR;
                node.endpoint.handle_timeout(now, &mut self.outputs);
                self.tidy_endpoint(at);
            }
            _ => {}
        }
        self.arm(at);
    }

    // -- finding -----------------------------------------------------------------------------------------------

    /// The place of an address, if somebody is there or will be.
    #[inline]
    fn find(&self, address: &ActorAddress) -> Option<(usize, usize)> {
        let slot = address.slot() as usize;
        self.systems.iter().position(|system| system.has(slot, address)).map(|system| (system, slot))
    }

    /// The system whose admin has this address.
    fn admin_at(&self, address: &ActorAddress) -> Option<usize> {
        self.systems.iter().position(|system| system.admin.address() == *address)
    }

    fn system_index(&self, id: SystemId) -> usize {
        // Bases only ask for systems that they added; actors only for their own.
        self.systems.iter().position(|system| system.id == id).unwrap_or(0)
    }

    #[inline]
    fn actor_node(&mut self, address: &ActorAddress) -> Option<&mut ActorNode> {
        Self::actor_in(&mut self.systems, address).map(|(.., node)| node)
    }

    /// The actor of an address, after its place.
    #[inline]
    fn actor_in<'a>(
        systems: &'a mut [System],
        address: &ActorAddress,
    ) -> Option<(usize, usize, &'a mut ActorNode)> {
        let slot = address.slot() as usize;
        // Most worlds have one system: it is quicker without a loop.
        let (first, others) = systems.split_first_mut()?;
        if let Some(node) = first.actor(slot, address) {
            return Some((0, slot, node));
        }
        let mut others = (1..).zip(others);
        others.find_map(|(at, system)| system.actor(slot, address).map(|node| (at, slot, node)))
    }

    /// The endpoint of an address, after its place and the admin of its system.
    #[inline]
    fn endpoint_in<'a>(
        systems: &'a mut [System],
        address: &ActorAddress,
    ) -> Option<((usize, usize), &'a Admin, &'a mut EndpointNode)> {
        let slot = address.slot() as usize;
        systems.iter_mut().enumerate().find_map(|(at, system)| match system.nodes.get_mut(slot) {
            Some(Node::Endpoint(node)) if is_same(system.id, node.endpoint.address(), address) => {
                Some(((at, slot), &system.admin, &mut **node))
            }
            _ => None,
        })
    }

    fn note(&mut self, note: Note<'_>) {
        if let Some(observer) = &mut self.observer {
            observer.note(self.now, note);
        }
    }
}

fn not_an_endpoint(address: ActorAddress) -> Error {
    Error::InvalidActorAddress { address, problem: "it is not that of an open endpoint".into() }
}

/// Whether an address is the known one, in the system of this id.
#[inline]
fn is_same(system: SystemId, known: &ActorAddress, address: &ActorAddress) -> bool {
    known == address || is_on(Bug::IncarnationIgnored) && system == address.system()
}

impl System {
    #[inline]
    fn has(&self, slot: usize, address: &ActorAddress) -> bool {
        let known = match self.nodes.get(slot) {
            Some(Node::Actor(node)) => node.host.address(),
            Some(Node::Endpoint(node)) => node.endpoint.address(),
            Some(Node::Reserved(reserved)) => &reserved.address,
            Some(Node::Free) | None => return false,
        };
        is_same(self.id, known, address)
    }

    #[inline]
    fn actor(&mut self, slot: usize, address: &ActorAddress) -> Option<&mut ActorNode> {
        match self.nodes.get_mut(slot) {
            Some(Node::Actor(node)) if is_same(self.id, node.host.address(), address) => Some(node),
            _ => None,
        }
    }

    fn allocate(&mut self) -> (usize, ActorAddress) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::Free);
            self.nodes.len() - 1
        });
        self.generation += 1;
        (slot, self.key.seal(self.id, slot as u64, self.generation))
    }

    fn reserve(&mut self) -> ActorAddress {
        let (slot, address) = self.allocate();
        self.nodes[slot] = Node::Reserved(Box::new(Reserved { address, parked: Vec::new() }));
        address
    }

    fn unreserve(&mut self, address: &ActorAddress) {
        let slot = address.slot() as usize;
        if let Some(Node::Reserved(reserved)) = self.nodes.get(slot)
            && reserved.address == *address
        {
            self.release(slot);
        }
    }

    /// Frees a slot and returns what was there.
    fn release(&mut self, slot: usize) -> Node {
        self.free.push(slot);
        mem::replace(&mut self.nodes[slot], Node::Free)
    }

    fn live(&self) -> Live {
        let mut sum = Live::default();
        for node in &self.nodes {
            match node {
                Node::Actor(node) => {
                    let host = &node.host;
                    let (counters, outgoing) = (host.counters(), host.outgoing());
                    sum += Live { counters, outgoing, outgoing_bytes: host.outgoing_bytes() };
                }
                Node::Endpoint(node) => {
                    let endpoint = &node.endpoint;
                    let (outgoing, bytes) = (endpoint.unacknowledged(), endpoint.unacknowledged_bytes());
                    let counters = *endpoint.counters();
                    sum += Live { counters, outgoing: outgoing as u64, outgoing_bytes: bytes as u64 };
                }
                Node::Free | Node::Reserved(_) => {}
            }
        }
        sum
    }
}

impl Environment for World {
    fn now(&mut self) -> Time {
        if let Some(clock) = &mut self.clock {
            self.now = self.now.max(clock.now());
        }
        self.now
    }

    fn allocate(&mut self) -> ActorAddress {
        self.systems[self.running_in].reserve()
    }

    fn claim_name(&mut self, name: &str, proposed: ActorAddress) -> ActorAddress {
        let system = &mut self.systems[self.running_in];
        let address = system.admin.claim_name(name, proposed);
        if address != proposed {
            system.unreserve(&proposed);
        }
        address
    }

    fn find_name(&mut self, name: &str) -> Option<ActorAddress> {
        self.systems[self.running_in].admin.find_name(name)
    }

    fn flush(&mut self, actor: ActorAddress, actions: &mut Actions) {
        let now = Environment::now(self);
        let Some(at) = self.find(&actor) else { return };
        if let Node::Actor(node) = &mut self.systems[at.0].nodes[at.1] {
            node.host.handle(now, HostInput::Flushed(actions), &mut self.outputs);
        }
        self.arm(at);
        let limits = &self.systems[at.0].limits;
        if self.flush_depth >= limits.flush_depth {
            return;
        }
        let until = now + limits.flush_wait;
        self.flush_depth += 1;
        // The clock is asked at each step: nothing else says how long the others take.
        // At the step limit it does not block any longer: the call that set this off has to come to its end.
        while self.actor_node(&actor).is_some_and(|node| node.host.is_paused())
            && Environment::now(self) < until
            && self.deliveries < self.limit
            && self.step()
        {}
        self.flush_depth -= 1;
    }

    fn capabilities(&self) -> &Capabilities {
        self.systems[self.running_in].admin.capabilities()
    }

    fn largest_message(&self) -> Option<usize> {
        self.network.as_ref().map(|_| self.systems[self.running_in].limits.message_size)
    }

    fn admin(&self) -> ActorAddress {
        self.systems[self.running_in].admin.address()
    }

    fn base_name(&self) -> &str {
        self.systems[self.running_in].admin.base()
    }
}

impl World {
    /// Does one thing, letting time pass where there is no clock and nothing can be done now. Says whether there was
    /// anything to do.
    fn step(&mut self) -> bool {
        while let Some(credit) = self.outputs.poll_credit() {
            self.credit(&credit);
        }
        if let Some(output) = self.outputs.poll() {
            self.perform(output);
            return true;
        }
        if let Some(envelope) = self.outputs.poll_delivery() {
            let mut actions = self.spare.take().unwrap_or_default();
            self.deliver(envelope, &mut actions, 0);
            self.spare = Some(actions);
            return true;
        }
        if self.relieve() {
            return true;
        }
        match self.next_deadline() {
            Some(deadline) if self.network.is_some() => {
                self.advance(deadline);
                true
            }
            _ => false,
        }
    }
}
