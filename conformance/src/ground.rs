//! What a scenario stands on: systems on the base that is tested, and the few calls that scenarios share.

use std::cell::RefCell;
use std::ops::Deref;
use std::time::Duration;

use thespian_core::{
    Actor, ActorAddress, ActorSystem, Answer, Builder, Error, IntoMessage, Message, Private, StatusReq,
    actors,
};

use crate::actors::{Children, Entry, Order, Puppet, Report, Step};
use crate::table::Ability;

/// A base that is tested.
pub trait Subject {
    /// The base's name, as in [`BASES`](crate::BASES).
    fn base(&self) -> &'static str;

    /// Starts a system of its own on the base.
    ///
    /// # Errors
    ///
    /// As the builder says.
    fn start(&self, builder: Builder) -> Result<ActorSystem, Error>;

    /// Lets this much time pass for the actors of a system.
    fn pass(&self, system: &ActorSystem, time: Duration);

    /// Lets everything end that is under way in a system and waits for no timer.
    fn settle(&self, system: &ActorSystem) {
        self.pass(system, SETTLE);
    }

    /// Kills an actor as `kill -9` does its process. Only called where the base can.
    fn kill(&self, actor: &ActorAddress) {
        let _ = actor;
    }

    /// Every system has been shut down: checks that nothing is left, and that every message is accounted for.
    fn finish(&self) {}
}

/// Longer than anything takes that is under way in one thread and waits for no timer.
pub(crate) const SETTLE: Duration = Duration::from_millis(20);

/// The base that is tested, and the systems that a scenario has started on it.
pub struct Ground<'a> {
    subject: &'a dyn Subject,
    systems: RefCell<Vec<ActorSystem>>,
}

impl<'a> Ground<'a> {
    pub(crate) fn new(subject: &'a dyn Subject) -> Ground<'a> {
        Ground { subject, systems: RefCell::new(Vec::new()) }
    }

    /// A system with everything as it comes.
    pub(crate) fn system(&self) -> Stage<'_> {
        self.system_with(|builder| builder)
    }

    /// A system that is built otherwise.
    pub(crate) fn system_with(&self, build: impl FnOnce(Builder) -> Builder) -> Stage<'_> {
        self.try_system(build).expect("the system starts")
    }

    /// The same, where the start may fail.
    pub(crate) fn try_system(&self, build: impl FnOnce(Builder) -> Builder) -> Result<Stage<'_>, Error> {
        let builder = ActorSystem::builder().unregistered().actors(actors![Puppet]);
        let system = self.subject.start(build(builder))?;
        self.systems.borrow_mut().push(system.clone());
        let director = system.private()?;
        Ok(Stage { ground: self, system, director })
    }

    pub(crate) fn can(&self, ability: Ability) -> bool {
        crate::table::why_not(self.subject.base(), ability).is_none()
    }

    pub(crate) fn base(&self) -> &'static str {
        self.subject.base()
    }

    pub(crate) fn finish(&self) {
        for system in self.systems.borrow_mut().drain(..) {
            system.shutdown().expect("the system shuts down");
            assert!(system.is_down());
        }
        self.subject.finish();
    }
}

/// A system in a scenario.
pub(crate) struct Stage<'a> {
    ground: &'a Ground<'a>,
    system: ActorSystem,
    /// Gives orders and asks for journals: one sender, so that a question comes after the order before it.
    director: Private,
}

impl Deref for Stage<'_> {
    type Target = ActorSystem;

    fn deref(&self) -> &ActorSystem {
        &self.system
    }
}

/// Longer than anything takes that does not wait for a timer.
pub(crate) const SOON: Duration = Duration::from_secs(20);

impl Stage<'_> {
    /// A top-level actor.
    pub(crate) fn actor<A: Actor<Start = ()>>(&self) -> ActorAddress {
        self.create_actor::<A>().expect("the actor is created")
    }

    /// A top-level puppet.
    pub(crate) fn puppet(&self) -> ActorAddress {
        self.actor::<Puppet>()
    }

    /// A puppet that is the child of another one.
    pub(crate) fn child(&self, parent: &ActorAddress) -> ActorAddress {
        self.order(parent, [Step::create::<Puppet>()]);
        let child = *self.children(parent).last().expect("the child that was just created");
        // It answers, so it runs.
        self.query::<Vec<Entry>>(&child, Report);
        child
    }

    /// Tells a puppet what to do. Its answers are lost; for those, [`Stage::order_from_here`].
    pub(crate) fn order(&self, puppet: &ActorAddress, steps: impl Into<Vec<Step>>) {
        self.director.tell(puppet, Order(steps.into())).expect("the order is sent");
    }

    /// The same from the endpoint of the system's own handle.
    pub(crate) fn order_from_here(&self, puppet: &ActorAddress, steps: impl Into<Vec<Step>>) {
        self.tell(puppet, Order(steps.into())).expect("the order is sent");
    }

    /// The children that a puppet has created, in order.
    pub(crate) fn children(&self, puppet: &ActorAddress) -> Vec<ActorAddress> {
        self.query(puppet, Children)
    }

    /// Asks for something that certainly comes.
    pub(crate) fn query<R: Message>(&self, target: &ActorAddress, question: impl IntoMessage) -> R {
        let mut answer = self.director.ask(target, question, SOON).expect("the question is sent");
        loop {
            // Poison for an order that was meant to fail, or answers to one, may come first.
            match answer.take::<R>() {
                Ok(reply) => return reply,
                Err(Answer::Message(_)) => answer = self.director.listen(SOON).expect("the system is up"),
                Err(other) => panic!("no {} came from {target}: {other:?}", R::type_name()),
            }
        }
    }

    /// Waits until a puppet has received so much. Unlike [`Stage::journal`] it does not wait whether there is more.
    pub(crate) fn receives(&self, puppet: &ActorAddress, count: usize) {
        self.eventually("the journal grows", || self.entries(puppet).len() >= count);
    }

    /// What a puppet has received, once that is `count` entries and everything has come to rest.
    pub(crate) fn journal(&self, puppet: &ActorAddress, count: usize) -> Vec<Entry> {
        self.receives(puppet, count);
        self.settle();
        self.entries(puppet)
    }

    fn entries(&self, puppet: &ActorAddress) -> Vec<Entry> {
        self.query(puppet, Report)
    }

    /// Waits until something holds.
    ///
    /// # Panics
    ///
    /// If it never does.
    pub(crate) fn eventually(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..400 {
            if holds() {
                return;
            }
            self.pass(Duration::from_millis(5));
        }
        panic!("it did not come to pass that {what}");
    }

    /// Lets everything end that is under way and waits for no timer.
    pub(crate) fn settle(&self) {
        self.ground.subject.settle(&self.system);
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.ground.subject.pass(&self.system, time);
    }

    /// Kills an actor as `kill -9` does.
    pub(crate) fn kill(&self, actor: &ActorAddress) {
        self.ground.subject.kill(actor);
    }

    /// Whether an actor is dead, as somebody outside finds out.
    pub(crate) fn is_dead(&self, actor: &ActorAddress) -> bool {
        let private = self.private().expect("an endpoint");
        private.ask(actor, StatusReq, SOON).expect("the question is sent").is_dead()
    }

    /// Waits until an actor is dead.
    pub(crate) fn await_death(&self, actor: &ActorAddress) {
        self.eventually("the actor is dead", || self.is_dead(actor));
    }
}
