//! A world on stage: systems in memory, an actor that does what it is told, and a trace of what happened.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use thespian_core::driver::world::{Network, Note, Observer, SystemConfig, World};
use thespian_core::engine::link::Frame;
use thespian_core::{
    Actor, ActorAddress, ActorSpec, AnyMessage, Capabilities, Context, Error, Failure, Flow, Handled,
    IntoMessage, Limits, Message, SystemId, Time, TypeName, Value, actors,
};

use crate::kit::{SYSTEM, key, name, plant, post, text};

/// Something that a [`Puppet`] does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Sends a text.
    Tell(ActorAddress, String),
    /// Sends a text so many times.
    Flood(ActorAddress, String, u32),
    /// Sends steps to another puppet.
    Order(ActorAddress, Vec<Step>),
    /// Sends itself the order to do this so often again.
    Again(u32),
    /// Creates a child, and sends its address to the sender.
    Create,
    /// Creates a child of this registered type.
    CreateType(String),
    /// Creates an actor with a global name.
    CreateNamed(String),
    /// Releases what it has asked for.
    Flush,
    /// Asks for a wakeup.
    Wakeup(Duration, String),
    /// Becomes the one that handles dead letters.
    HandleDeadLetters,
    /// Fails.
    Fail(String),
}

/// What a puppet is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order(pub(crate) Vec<Step>);

impl Message for Order {
    fn type_name() -> TypeName {
        "Order".into()
    }
}

/// An actor that does what an [`Order`] says; anything else it takes without a word.
pub(crate) struct Puppet;

impl Actor for Puppet {
    type Start = ();

    fn type_name() -> TypeName {
        "Puppet".into()
    }

    fn start((): ()) -> Result<Puppet, Failure> {
        Ok(Puppet)
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        let Some(Order(steps)) = message.downcast_ref() else { return Ok(Flow::Done) };
        for step in steps {
            match step {
                Step::Tell(to, text) => ctx.send(to, text.clone()),
                Step::Flood(to, text, count) => (0..*count).for_each(|_| ctx.send(to, text.clone())),
                Step::Order(to, steps) => ctx.send(to, Order(steps.clone())),
                Step::Again(0) => {}
                Step::Again(count) => {
                    let me = ctx.my_address();
                    ctx.send(&me, Order(vec![Step::Again(count - 1)]));
                }
                Step::Create => create(Puppet::spec(), ctx),
                Step::CreateType(kind) => create(kind.as_str().into(), ctx),
                Step::CreateNamed(global) => create(Puppet::spec().global_name(global.as_str()), ctx),
                Step::Flush => ctx.flush(),
                Step::Wakeup(delay, text) => ctx.wakeup_after_with(*delay, text.clone()),
                Step::HandleDeadLetters => ctx.handle_dead_letters(true),
                Step::Fail(why) => return Err(Failure::new(why)),
            }
        }
        Ok(Flow::Done)
    }
}

/// Creates an actor, and tells the sender its address.
fn create(spec: ActorSpec, ctx: &mut Context<'_>) {
    let address = ctx.create(spec);
    let sender = ctx.sender();
    ctx.send(&sender, address);
}

/// An actor that never starts.
pub(crate) struct Stillborn;

impl Actor for Stillborn {
    type Start = ();

    fn type_name() -> TypeName {
        "Stillborn".into()
    }

    fn start((): ()) -> Result<Stillborn, Failure> {
        Err(Failure::new("stillborn"))
    }

    fn receive(&mut self, _: &AnyMessage, _: &mut Context<'_>) -> Handled {
        Ok(Flow::Done)
    }
}

/// What happened, in the order it did.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    /// What happened since this was last asked.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no test fails in here"))
    }
}

impl Observer for Trace {
    fn note(&mut self, _: Time, note: Note<'_>) {
        let line = match note {
            Note::Deliver(envelope) => format!("begin {}", post(envelope)),
            Note::Finished { envelope, failure: None } => format!("end {}", name(envelope.to())),
            Note::Finished { envelope, .. } => format!("fail {}", name(envelope.to())),
            Note::Exited(address, cause) => format!("exited {}: {cause}", name(&address)),
            Note::Started(..) | Note::Frame { .. } | Note::Account { .. } | Note::Log(_) => return,
        };
        self.0.lock().expect("no test fails in here").push(line);
    }
}

/// A network whose frames a closure decides about.
pub(crate) struct Wire<F> {
    /// After which delays, in milliseconds, a frame arrives.
    pub(crate) frame: F,
    /// How long word between an actor and its admin takes.
    pub(crate) control: Duration,
}

impl<F: FnMut(&ActorAddress, &ActorAddress, &Frame) -> Vec<u64> + Send> Network for Wire<F> {
    fn frame(&mut self, _: Time, from: &ActorAddress, to: &ActorAddress, frame: &Frame) -> Vec<Duration> {
        (self.frame)(from, to, frame).into_iter().map(Duration::from_millis).collect()
    }

    fn control(&mut self, _: Time) -> Duration {
        self.control
    }

    fn launch(&mut self, _: Time) -> (Duration, Result<(), String>) {
        (Duration::from_millis(1), Ok(()))
    }
}

/// A world with one system and one outside caller.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) trace: Trace,
    pub(crate) caller: ActorAddress,
}

impl Stage {
    /// In one process; an actor is paused at 4 outgoing messages and goes on at 2.
    pub(crate) fn new() -> Stage {
        Stage::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Limits)) -> Stage {
        Stage::build(change, None)
    }

    /// Every actor as if in a process of its own.
    pub(crate) fn behind(
        frame: impl FnMut(&ActorAddress, &ActorAddress, &Frame) -> Vec<u64> + Send + 'static,
    ) -> Stage {
        Stage::build(|_| {}, Some(Box::new(Wire { frame, control: Duration::from_millis(1) })))
    }

    pub(crate) fn build(change: impl FnOnce(&mut Limits), network: Option<Box<dyn Network>>) -> Stage {
        plant();
        let trace = Trace::default();
        let mut world = World::new(None);
        if let Some(network) = network {
            world.set_network(network);
        }
        world.set_observer(Box::new(trace.clone()));
        let mut limits =
            Limits { outgoing_high: 4, outgoing_low: 2, window: 3, window_max: 3, ..Limits::default() };
        change(&mut limits);
        world.add_system(system_config(SYSTEM, limits));
        let caller = world.open(SYSTEM).expect("the system is up");
        Stage { world, trace, caller }
    }

    /// Adds a second system, and opens an endpoint in it.
    pub(crate) fn add_system(&mut self, id: SystemId) -> ActorAddress {
        self.world.add_system(system_config(id, Limits::default()));
        self.world.open(id).expect("the system is up")
    }

    /// A top-level puppet that runs.
    pub(crate) fn puppet(&mut self) -> ActorAddress {
        self.create(ActorSpec::of::<Puppet>()).expect("a puppet always starts")
    }

    pub(crate) fn create(&mut self, spec: ActorSpec) -> Result<ActorAddress, Error> {
        self.create_in(SYSTEM, spec)
    }

    pub(crate) fn create_in(&mut self, system: SystemId, spec: ActorSpec) -> Result<ActorAddress, Error> {
        let call = self.world.create(system, spec)?;
        loop {
            self.world.run().expect("the world settles");
            if let Some(answer) = self.world.answer(call) {
                return answer;
            }
            let deadline = self.world.next_deadline().expect("an answer is under way");
            self.world.advance(deadline);
        }
    }

    pub(crate) fn send(&mut self, to: &ActorAddress, message: impl IntoMessage) {
        self.world.send(self.caller, *to, message.into_message()).expect("the caller can send");
    }

    /// Sends steps to a puppet.
    pub(crate) fn order(&mut self, to: &ActorAddress, steps: impl Into<Vec<Step>>) {
        self.send(to, Order(steps.into()));
    }

    /// Runs until nothing is left to do now.
    pub(crate) fn run(&mut self) {
        self.world.run().expect("the world settles");
    }

    /// Lets so many milliseconds pass, one event after the other.
    pub(crate) fn pass(&mut self, milliseconds: u64) {
        let end = self.world.now() + Duration::from_millis(milliseconds);
        self.run();
        while let Some(deadline) = self.world.next_deadline().filter(|deadline| *deadline <= end) {
            self.world.advance(deadline);
            self.run();
        }
        self.world.advance(end);
    }

    /// What came for the caller.
    pub(crate) fn answers(&mut self) -> Vec<String> {
        let mut answers = Vec::new();
        while let Some(envelope) = self.world.receive(self.caller) {
            let address = envelope.message().downcast_ref::<ActorAddress>().map(name);
            answers.push(address.unwrap_or_else(|| text(envelope.message())));
        }
        answers
    }

    /// The address that came for the caller.
    pub(crate) fn address(&mut self) -> ActorAddress {
        let envelope = self.world.receive(self.caller).expect("an answer");
        *envelope.message().downcast_ref().expect("the answer is an address")
    }
}

fn system_config(id: SystemId, limits: Limits) -> SystemConfig {
    let mut capabilities = Capabilities::new();
    capabilities.set("gpu", Value::from(true));
    SystemConfig {
        base: "testBase".into(),
        capabilities,
        read_only: BTreeSet::new(),
        types: actors![Puppet, Stillborn],
        limits,
        id,
        key: key(),
    }
}
