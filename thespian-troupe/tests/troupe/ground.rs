//! What the scenarios stand on.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{
    ActorAddress, ActorExitRequest, ActorSystem, Answer, Builder, Context, Failure, Handled, IntoMessage,
    Message, PoisonMessage, Private, Reply, WakeupMessage, actor,
};
use thespian_sim::{Faults, Sim};
use thespian_simple::Simple;
use thespian_troupe::{Troupe, TroupeSettings, WorkInProgress, troupe_work_in_progress};

/// Longer than anything takes that does not wait for a timer.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How long the workers of the scenarios stay idle.
pub(crate) const DELAY: Duration = Duration::from_millis(200);

/// A base, as it is put into a builder.
#[derive(Clone, Copy)]
pub(crate) struct Plain {
    pub(crate) on: fn(Builder) -> Builder,
    /// Kills an actor, where that can be.
    pub(crate) kill: Option<fn(&ActorSystem, &ActorAddress)>,
}

/// How often a condition is looked at that nothing tells of, with [`LOOK`] in between.
const LOOKS: u32 = 4000;

const LOOK: Duration = Duration::from_millis(5);

pub(crate) struct Ground {
    pub(crate) system: ActorSystem,
    pub(crate) world: World,
}

/// Where the actors live.
pub(crate) enum World {
    Simulated(Sim),
    Real(Plain),
}

impl Ground {
    pub(crate) fn simple() -> Ground {
        Ground::real(Plain { on: |builder| builder.base(Simple), kill: None })
    }

    pub(crate) fn simulated() -> Ground {
        Ground::on(Sim::new(1))
    }

    pub(crate) fn storm() -> Ground {
        Ground::on(Sim::new(2).with_faults(storm()))
    }

    pub(crate) fn on(sim: Sim) -> Ground {
        Ground::with(World::Simulated(sim), |builder| builder)
    }

    pub(crate) fn real(base: Plain) -> Ground {
        Ground::with(World::Real(base), |builder| builder)
    }

    /// The same ground, with a system that is built otherwise.
    pub(crate) fn again(&self, build: impl FnOnce(Builder) -> Builder) -> Ground {
        let world = match &self.world {
            World::Simulated(sim) => World::Simulated(Sim::new(sim.seed()).with_faults(sim.faults())),
            World::Real(base) => World::Real(*base),
        };
        Ground::with(world, build)
    }

    fn with(world: World, build: impl FnOnce(Builder) -> Builder) -> Ground {
        let builder = ActorSystem::builder().actors(crate::scenarios::actor_types()).unregistered();
        let builder = match &world {
            World::Simulated(sim) => builder.base(sim.clone()),
            World::Real(base) => (base.on)(builder),
        };
        Ground { system: build(builder).start().unwrap(), world }
    }

    /// The simulated world.
    pub(crate) fn sim(&self) -> &Sim {
        let World::Simulated(sim) = &self.world else { panic!("this world is real") };
        sim
    }

    pub(crate) fn finish(self) {
        self.system.shutdown().unwrap();
        if let World::Simulated(sim) = self.world {
            if let Err(violations) = sim.finish() {
                panic!("{violations}\n{}", sim.trace().join("\n"));
            }
            assert_eq!(sim.actors(), []);
        }
    }

    /// A troupe of bees.
    pub(crate) fn bees(&self, settings: TroupeSettings) -> Asker<'_> {
        self.asker(self.system.create(Troupe::<Bee>::of(settings).unwrap()).unwrap())
    }

    /// Somebody who has to do with this troupe.
    pub(crate) fn asker(&self, troupe: ActorAddress) -> Asker<'_> {
        Asker { ground: self, private: self.system.private().unwrap(), troupe }
    }

    pub(crate) fn pass(&self, time: Duration) {
        match &self.world {
            World::Simulated(sim) => sim.run_for(time).unwrap(),
            // On the simple base timers run only while somebody waits.
            World::Real(_) => drop(self.system.private().unwrap().listen(time).unwrap()),
        }
    }

    pub(crate) fn eventually(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..LOOKS {
            if holds() {
                return;
            }
            self.pass(LOOK);
        }
        panic!("it did not come to pass that {what}");
    }

    pub(crate) fn is_dead(&self, actor: &ActorAddress) -> bool {
        let private = self.system.private().unwrap();
        private.ask(actor, thespian_core::StatusReq, SOON).unwrap().is_dead()
    }
}

pub(crate) fn storm() -> Faults {
    Faults {
        loss: 0.05,
        duplication: 0.05,
        jitter: Duration::from_micros(800),
        handling: Duration::from_millis(3),
        ..Faults::default()
    }
}

/// Small, and with a short delay: on the simple base the delay is real.
pub(crate) fn settings(max_count: u32, idle_count: u32) -> TroupeSettings {
    TroupeSettings { max_count, idle_count, dismissal_delay: DELAY, ..TroupeSettings::default() }
}

/// Somebody outside, and a troupe.
pub(crate) struct Asker<'a> {
    pub(crate) ground: &'a Ground,
    private: Private,
    pub(crate) troupe: ActorAddress,
}

impl Asker<'_> {
    pub(crate) fn tell(&self, message: impl IntoMessage) {
        self.private.tell(&self.troupe, message).unwrap();
    }

    pub(crate) fn tell_to(&self, target: &ActorAddress, message: impl IntoMessage) {
        self.private.tell(target, message).unwrap();
    }

    /// The next message to this asker.
    pub(crate) fn next(&self) -> Reply {
        match self.private.listen(SOON).unwrap() {
            Answer::Message(reply) => reply,
            other => panic!("no message came: {other:?}"),
        }
    }

    pub(crate) fn take<M: Message>(&self) -> M {
        let Reply { message, .. } = self.next();
        message
            .downcast()
            .unwrap_or_else(|other| panic!("{other:?}: {:?}", other.downcast_ref::<PoisonMessage>()))
    }

    pub(crate) fn ask<M: Message>(&self, message: impl IntoMessage) -> M {
        self.tell(message);
        self.take()
    }

    /// Kills a worker as far as the base can: an exit request comes before all else.
    pub(crate) fn end(&self, worker: &ActorAddress) {
        match &self.ground.world {
            World::Simulated(sim) => sim.kill(worker),
            World::Real(Plain { kill: Some(kill), .. }) => kill(&self.ground.system, worker),
            World::Real(_) => self.tell_to(worker, ActorExitRequest::new()),
        }
    }

    /// Nothing comes, not even later.
    pub(crate) fn nothing(&self) {
        self.ground.pass(Duration::from_millis(20));
        let answer = self.private.listen(0).unwrap();
        assert!(answer.is_timed_out(), "{answer:?}");
    }

    /// What the troupe says of itself.
    pub(crate) fn status(&self) -> String {
        self.ground.system.request(&self.troupe, "troupe:status?", SOON).unwrap()
    }

    /// Waits until the troupe says this of itself.
    pub(crate) fn await_status(&self, part: &str) {
        let what = format!("the status has {part:?}");
        for _ in 0..LOOKS {
            if self.status().contains(part) {
                return;
            }
            self.ground.pass(LOOK);
        }
        panic!("it did not come to pass that {what}: {}", self.status());
    }

    /// Gives a worker something that it holds until it is released, and returns its address.
    pub(crate) fn hold(&self) -> ActorAddress {
        self.ask::<Began>(Hold).0
    }
}

/// Does as it is told.
#[derive(Default)]
pub(crate) struct Bee {
    held: Option<(ActorAddress, Option<WorkInProgress>)>,
    attempts: u32,
}

/// Answered with the same number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(crate) struct Echo(pub(crate) u64);

/// Answered with [`Began`] at once, and with [`Ended`] after a [`Release`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(crate) struct Hold;

/// The same, with a guard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(crate) struct Guard;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(crate) struct Began(pub(crate) ActorAddress);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(crate) struct Ended;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(crate) struct Release;

/// Answered with the same after this time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(crate) struct Slow(pub(crate) Duration);

/// Fails with this text, and with how many attempts there have been.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(crate) struct Fail(pub(crate) String);

/// Answered with so many [`Echo`]es.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(crate) struct Flood(pub(crate) u64);

/// Sets the mark and fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(crate) struct MarkAndFail;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(crate) struct Panic;

#[actor]
impl Bee {
    fn echo(&mut self, echo: &Echo, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(echo.clone())
    }

    fn flood(&mut self, flood: &Flood, ctx: &mut Context<'_>) {
        for number in 0..flood.0 {
            ctx.send(&ctx.sender(), Echo(number));
        }
    }

    fn hold(&mut self, _: &Hold, ctx: &mut Context<'_>) -> Handled {
        troupe_work_in_progress(ctx, true);
        self.held = Some((ctx.sender(), None));
        ctx.reply(Began(ctx.my_address()))
    }

    fn guard(&mut self, _: &Guard, ctx: &mut Context<'_>) -> Handled {
        self.held = Some((ctx.sender(), Some(WorkInProgress::begin(ctx))));
        ctx.reply(Began(ctx.my_address()))
    }

    fn release(&mut self, _: &Release, ctx: &mut Context<'_>) {
        troupe_work_in_progress(ctx, false);
        if let Some((asker, _)) = self.held.take() {
            ctx.send(&asker, Ended);
        }
    }

    fn slow(&mut self, slow: &Slow, ctx: &mut Context<'_>) {
        self.held = Some((ctx.sender(), Some(WorkInProgress::begin(ctx))));
        ctx.wakeup_after(slow.0);
    }

    fn wake(&mut self, wakeup: &WakeupMessage, ctx: &mut Context<'_>) {
        if let Some((asker, _)) = self.held.take() {
            ctx.send(&asker, Slow(wakeup.delay_period));
        }
    }

    fn fail(&mut self, fail: &Fail, _: &mut Context<'_>) -> Result<(), Failure> {
        self.attempts += 1;
        Err(Failure::new(format_args!("{} in attempt {}", fail.0, self.attempts)))
    }

    fn mark_and_fail(&mut self, _: &MarkAndFail, ctx: &mut Context<'_>) -> Result<(), Failure> {
        troupe_work_in_progress(ctx, true);
        Err(Failure::new("as told"))
    }

    fn panic(&mut self, _: &Panic, ctx: &mut Context<'_>) {
        troupe_work_in_progress(ctx, true);
        panic!("as told");
    }

    fn zero(&mut self, zero: &u32, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("{zero}"))
    }

    fn text(&mut self, text: &String, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("text {text:?}"))
    }

    fn unit(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply("unit")
    }

    fn no(&mut self, no: &bool, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("{no}"))
    }

    /// Not `Clone`, so a copy is made by its encoding.
    fn list(&mut self, list: &Vec<u8>, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("{list:?}"))
    }
}
