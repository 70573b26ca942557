//! Transient actors: what holds on every base, and when they exit, in virtual time.

pub(crate) mod kit;

use std::time::Duration;

use kit::{SOON, Stage, on_every_base};
use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorAddress, ActorExitRequest, ActorSpec, ActorStatus, ActorTypes, AnyMessage, ChildActorExited,
    Context, Error, ExitCause, Failure, FailurePolicy, Handled, Message, PoisonMessage, StatusReq,
    WakeupMessage, actor, actors, require_capability,
};
use thespian_sim::{Faults, Sim};
use thespian_transient::{ExitDelay, LONGEST_EXIT_DELAY, Millis, Seconds, Transient, TransientIdle};

pub(crate) type Brief = Millis<40>;

on_every_base! { actor_types();
    an_actor_that_was_used_exits,
    an_actor_that_was_never_used_stays,
    messages_of_the_runtime_are_no_use,
    the_actors_own_wakeups_are_no_use,
    the_helpers_wakeups_never_reach_the_actor,
    the_actor_gets_an_exit_request_like_any_other,
    the_parent_is_told_and_the_children_go_too,
    a_message_that_fails_is_a_use,
    a_transient_actor_is_created_like_the_one_inside,
    a_delay_that_cannot_be_used_is_refused,
    a_parent_hears_of_a_delay_that_cannot_be_used,
    both_helpers_end_the_actor_at_the_first_time,
    instances_share_nothing,
    nobody_else_can_end_it_with_a_forged_wakeup,
}

/// Types with parameters are not found by name unless they are given.
pub(crate) fn actor_types() -> ActorTypes {
    actors![
        Transient<Probe>,
        Transient<Probe, Brief>,
        Transient<Probe, Forever>,
        Transient<Probe, Millis<1>>,
        Transient<Probe, Seconds<0>>,
        Transient<Till>,
        Transient<TransientIdle<Probe, Brief>, Brief>,
        Transient<TransientIdle<Probe, Seconds<3600>>, Brief>,
        TransientIdle<Probe, Brief>,
        TransientIdle<Probe, Millis<0>>,
        TransientIdle<Probe, Millis<1>>,
        TransientIdle<Probe, Seconds<{ u64::MAX }>>,
        TransientIdle<Till>,
        TransientIdle<Transient<Probe, Seconds<3600>>, Brief>,
    ]
}

/// Remembers what it was given, and tells whoever used it first when it exits.
#[derive(Default)]
pub(crate) struct Probe {
    user: Option<ActorAddress>,
    journal: Vec<Entry>,
    ticking: bool,
}

/// What a probe was given, and when, since the system's start.
type Entry = (String, Duration);

/// Is answered with the time.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Use;

/// Fails as often as it is given.
#[derive(Serialize, Deserialize, Message)]
struct Fail;

/// Has the probe wake up every so often.
#[derive(Serialize, Deserialize, Message)]
struct Tick(Duration);

/// Has the probe create a child.
#[derive(Serialize, Deserialize, Message)]
struct Procreate;

impl Probe {
    fn note(&mut self, what: &str, ctx: &mut Context<'_>) {
        self.journal.push((what.into(), ctx.uptime()));
    }
}

#[actor]
impl Probe {
    fn use_it(&mut self, _: &Use, ctx: &mut Context<'_>) -> Handled {
        self.note("use", ctx);
        self.user.get_or_insert(ctx.sender());
        let now = ctx.uptime();
        ctx.reply(now)
    }

    fn fail(&mut self, _: &Fail, ctx: &mut Context<'_>) -> Result<(), Failure> {
        self.note("fail", ctx);
        self.user.get_or_insert(ctx.sender());
        Err(Failure::new("as told"))
    }

    fn tick(&mut self, Tick(every): &Tick, ctx: &mut Context<'_>) {
        self.user.get_or_insert(ctx.sender());
        self.ticking = true;
        ctx.wakeup_after(*every);
    }

    fn procreate(&mut self, _: &Procreate, ctx: &mut Context<'_>) -> Handled {
        let child = ctx.create_actor::<Probe>();
        ctx.send(&child, Use);
        ctx.reply(child)
    }

    fn wake(&mut self, wakeup: &WakeupMessage, ctx: &mut Context<'_>) {
        self.note("wakeup", ctx);
        if self.ticking {
            ctx.wakeup_after(wakeup.delay_period);
        }
    }

    fn exit(&mut self, _: &ActorExitRequest, ctx: &mut Context<'_>) {
        self.note("exit", ctx);
        if let Some(user) = self.user {
            ctx.send(&user, self.journal.clone());
        }
    }
}

/// Uses the actor, and returns when that was.
pub(crate) fn use_it(stage: &Stage, actor: &ActorAddress) -> Duration {
    let answer = stage.ask(actor, Use, SOON).expect("up");
    answer.take().expect("the time")
}

/// The journal of the probe that was used from here first and exits.
fn journal(stage: &Stage) -> Vec<Entry> {
    loop {
        match stage.listen(SOON).expect("up").take::<Vec<Entry>>() {
            Ok(journal) => return journal,
            // Poison, for a message that was to fail.
            Err(answer) => assert!(answer.get::<PoisonMessage>().is_some(), "{answer:?}"),
        }
    }
}

fn names(journal: &[Entry]) -> Vec<&str> {
    journal.iter().map(|(what, _)| what.as_str()).collect()
}

fn an_actor_that_was_used_exits(stage: &Stage) {
    let transient = stage.create_actor::<Transient<Probe, Brief>>().expect("created");
    let idle = stage.create_actor::<TransientIdle<Probe, Brief>>().expect("created");
    for actor in [transient, idle] {
        stage.tell(&actor, Use).expect("sent");
        stage.await_death(&actor);
        assert!(stage.private().expect("up").ask(&actor, Use, SOON).expect("up").is_dead());
    }
}

fn an_actor_that_was_never_used_stays(stage: &Stage) {
    let transient = stage.create_actor::<Transient<Probe, Millis<1>>>().expect("created");
    let idle = stage.create_actor::<TransientIdle<Probe, Millis<1>>>().expect("created");
    stage.pass(Duration::from_millis(50));
    assert!(!stage.is_dead(&transient) && !stage.is_dead(&idle));
}

fn messages_of_the_runtime_are_no_use(stage: &Stage) {
    let transient = stage.create_actor::<Transient<Probe, Millis<1>>>().expect("created");
    let idle = stage.create_actor::<TransientIdle<Probe, Millis<1>>>().expect("created");
    for actor in [transient, idle] {
        let wakeup = WakeupMessage { delay_period: Duration::ZERO, payload: None };
        stage.tell(&actor, wakeup).expect("sent");
        let poison = PoisonMessage { message: AnyMessage::new(Use), details: "made up".into() };
        stage.tell(&actor, poison).expect("sent");
    }
    stage.pass(Duration::from_millis(50));
    assert!(!stage.is_dead(&transient) && !stage.is_dead(&idle));
}

fn the_actors_own_wakeups_are_no_use(stage: &Stage) {
    let idle = stage.create_actor::<TransientIdle<Probe, Brief>>().expect("created");
    stage.tell(&idle, Tick(Duration::from_millis(7))).expect("sent");
    stage.await_death(&idle);
    assert!(names(&journal(stage)).contains(&"wakeup"));
}

fn the_helpers_wakeups_never_reach_the_actor(stage: &Stage) {
    let transient = stage.create_actor::<Transient<Probe, Brief>>().expect("created");
    let idle = stage.create_actor::<TransientIdle<Probe, Brief>>().expect("created");
    for actor in [transient, idle] {
        stage.tell(&actor, Tick(Duration::from_millis(5))).expect("sent");
        let journal = journal(stage);
        let (exit, wakeups) = journal.split_last().expect("an entry");
        assert_eq!(exit.0, "exit");
        // Those that it asked for, each once and not closer together than it asked for.
        assert!(wakeups.iter().all(|(what, _)| what == "wakeup"), "{journal:?}");
        assert!(
            wakeups.windows(2).all(|pair| pair[1].1 >= pair[0].1 + Duration::from_millis(5)),
            "{journal:?}"
        );
    }
}

fn the_actor_gets_an_exit_request_like_any_other(stage: &Stage) {
    let transient = stage.create_actor::<Transient<Probe, Brief>>().expect("created");
    let idle = stage.create_actor::<TransientIdle<Probe, Brief>>().expect("created");
    let clock = stage.create_actor::<Probe>().expect("created");
    for actor in [transient, idle] {
        // The time counts from when the message is given to the actor, which is before its handler looks at the clock.
        let before = use_it(stage, &clock);
        use_it(stage, &actor);
        let journal = journal(stage);
        assert_eq!(names(&journal), ["use", "exit"]);
        assert!(journal[1].1 >= before + Brief::exit_delay(), "{before:?} {journal:?}");
    }
}

/// Has a transient child, and passes notices on.
#[derive(Default)]
struct Parent {
    listener: Option<ActorAddress>,
}

#[actor]
impl Parent {
    fn begin(&mut self, _: &(), ctx: &mut Context<'_>) {
        self.listener = Some(ctx.sender());
        let child = ctx.create_actor::<TransientIdle<Probe, Brief>>();
        ctx.send(&child, Procreate);
    }

    fn grandchild(&mut self, grandchild: &ActorAddress, ctx: &mut Context<'_>) {
        if let Some(listener) = self.listener {
            ctx.send(&listener, (*grandchild, ctx.sender()));
        }
    }

    fn told(&mut self, notice: &ChildActorExited, ctx: &mut Context<'_>) {
        if let Some(listener) = self.listener {
            ctx.send(&listener, (notice.child_address, notice.cause == ExitCause::Requested));
        }
    }
}

fn the_parent_is_told_and_the_children_go_too(stage: &Stage) {
    let parent = stage.create_actor::<Parent>().expect("created");
    let family = stage.ask(&parent, (), SOON).expect("up").take();
    let (grandchild, child): (ActorAddress, ActorAddress) = family.expect("the family");
    let notice: (ActorAddress, bool) = stage.listen(SOON).expect("up").take().expect("a notice");
    assert_eq!(notice, (child, true));
    assert!(stage.is_dead(&child) && stage.is_dead(&grandchild));
    assert!(!stage.is_dead(&parent));
    // The parent is told once.
    assert!(stage.listen(Duration::from_millis(20)).expect("up").is_timed_out());
}

fn a_message_that_fails_is_a_use(stage: &Stage) {
    let transient = stage.create_actor::<Transient<Probe, Brief>>().expect("created");
    let idle = stage.create_actor::<TransientIdle<Probe, Brief>>().expect("created");
    for actor in [transient, idle] {
        stage.tell(&actor, Fail).expect("sent");
        assert_eq!(names(&journal(stage)), ["fail", "fail", "exit"]);
        stage.await_death(&actor);
    }
}

/// Takes an argument, and needs a drawer.
struct Till {
    number: u32,
}

#[require_capability("drawer")]
#[actor(name = "shop::Till", failure_policy = FailurePolicy::NO_RETRY)]
impl Till {
    #[start]
    fn new(number: u32) -> Till {
        Till { number }
    }

    fn number(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.number)
    }
}

fn a_transient_actor_is_created_like_the_one_inside(stage: &Stage) {
    type Temporary = TransientIdle<Till>;
    assert_eq!(Temporary::type_name(), "thespian_transient::TransientIdle<shop::Till, 10s>");
    assert_eq!(
        Transient::<Till, Millis<3250>>::type_name(),
        "thespian_transient::Transient<shop::Till, 3.25s>"
    );
    assert_eq!(Temporary::failure_policy(), FailurePolicy::NO_RETRY);
    assert_eq!(Transient::<Till>::failure_policy(), FailurePolicy::NO_RETRY);

    for spec in [ActorSpec::with::<Temporary>(7), ActorSpec::with::<Transient<Till>>(7)] {
        let refused = stage.create(spec).expect_err("refused");
        let Error::NoCompatibleSystemForActor { failed_checks, .. } = &refused else { panic!("{refused}") };
        assert!(failed_checks[0].contains("drawer"), "{refused}");
    }

    stage.update_capability("drawer", true).expect("set");
    let by_name = ActorSpec::named("thespian_transient::TransientIdle<shop::Till, 10s>").start(7_u32);
    for spec in [ActorSpec::with::<Transient<Till>>(7), by_name] {
        let till = stage.create(spec).expect("created");
        assert_eq!(stage.request::<u32>(&till, (), SOON), Ok(7));
    }
}

struct Forever;
impl ExitDelay for Forever {
    fn exit_delay() -> Duration {
        LONGEST_EXIT_DELAY + Duration::from_nanos(1)
    }
}

fn a_delay_that_cannot_be_used_is_refused(stage: &Stage) {
    let refused = [
        stage.create_actor::<Transient<Probe, Seconds<0>>>(),
        stage.create_actor::<TransientIdle<Probe, Millis<0>>>(),
        stage.create_actor::<Transient<Probe, Forever>>(),
        stage.create_actor::<TransientIdle<Probe, Seconds<{ u64::MAX }>>>(),
    ];
    for refused in refused {
        let Err(Error::ActorStartFailed { details, .. }) = refused else { panic!("{refused:?}") };
        assert!(details.starts_with("setting exit_delay: is ") && details.contains("must be"), "{details}");
    }
}

#[derive(Default)]
struct HopefulParent {
    listener: Option<ActorAddress>,
}

#[actor]
impl HopefulParent {
    fn begin(&mut self, _: &(), ctx: &mut Context<'_>) {
        self.listener = Some(ctx.sender());
        ctx.create_actor::<Transient<Probe, Seconds<0>>>();
    }

    fn told(&mut self, notice: &ChildActorExited, ctx: &mut Context<'_>) {
        if let Some(listener) = self.listener {
            ctx.send(&listener, notice.cause.to_string());
        }
    }
}

fn a_parent_hears_of_a_delay_that_cannot_be_used(stage: &Stage) {
    let parent = stage.create_actor::<HopefulParent>().expect("created");
    let why: String = stage.ask(&parent, (), SOON).expect("up").take().expect("a notice");
    assert!(why.contains("setting exit_delay: is zero"), "{why}");
}

fn both_helpers_end_the_actor_at_the_first_time(stage: &Stage) {
    let first = stage.create_actor::<Transient<TransientIdle<Probe, Seconds<3600>>, Brief>>();
    let second = stage.create_actor::<TransientIdle<Transient<Probe, Seconds<3600>>, Brief>>();
    let same_time = stage.create_actor::<Transient<TransientIdle<Probe, Brief>, Brief>>();
    for actor in [first, second, same_time] {
        let actor = actor.expect("created");
        use_it(stage, &actor);
        assert_eq!(names(&journal(stage)), ["use", "exit"]);
        stage.await_death(&actor);
    }
}

fn instances_share_nothing(stage: &Stage) {
    let used = stage.create_actor::<Transient<Probe, Brief>>().expect("created");
    let unused = stage.create_actor::<Transient<Probe, Brief>>().expect("created");
    stage.tell(&used, Use).expect("sent");
    stage.await_death(&used);
    assert!(!stage.is_dead(&unused));
}

fn nobody_else_can_end_it_with_a_forged_wakeup(stage: &Stage) {
    let actor = stage.create_actor::<Transient<Probe>>().expect("created");
    let payload = AnyMessage::encoded(vec!["thespian_transient::transient::TransientEnd".into()], vec![]);
    let wakeup = WakeupMessage { delay_period: Duration::ZERO, payload: Some(payload) };
    stage.tell(&actor, wakeup).expect("sent");
    stage.pass(Duration::from_millis(20));
    assert!(!stage.is_dead(&actor));
}

// -- in virtual time: when exactly ------------------------------------------------------------------------------

const SECOND: Duration = Duration::from_secs(1);

fn in_sim() -> (Sim, Stage) {
    let sim = Sim::new(3);
    (sim.clone(), Stage::simulated(sim, actors![]))
}

/// When the exit request was handled.
fn exit_time(stage: &Stage) -> Duration {
    journal(stage).last().expect("an entry").1
}

#[test]
fn a_transient_actor_exits_after_its_first_message() {
    let (sim, stage) = in_sim();
    let actor = stage.create_actor::<Transient<Probe>>().expect("created");
    sim.run_for(100 * SECOND).expect("settles");
    let first = use_it(&stage, &actor);
    for _ in 0..9 {
        sim.run_for(SECOND).expect("settles");
        use_it(&stage, &actor);
    }
    assert_eq!(exit_time(&stage), first + 10 * SECOND);
    stage.finish();
}

#[test]
fn an_idle_actor_exits_after_its_last_message() {
    let (sim, stage) = in_sim();
    let actor = stage.create_actor::<TransientIdle<Probe>>().expect("created");
    sim.run_for(100 * SECOND).expect("settles");
    let mut last = use_it(&stage, &actor);
    for pause in [9, 1, 2, 9, 5, 9] {
        sim.run_for(pause * SECOND).expect("settles");
        last = use_it(&stage, &actor);
    }
    let journal = journal(&stage);
    assert_eq!(journal.last().map(|(_, at)| *at), Some(last + 10 * SECOND));
    // It was looked at in between, and knows nothing of that.
    assert_eq!(names(&journal), ["use", "use", "use", "use", "use", "use", "use", "exit"]);
    stage.finish();
}

#[test]
fn messages_of_the_runtime_do_not_prolong_it() {
    let (sim, stage) = in_sim();
    let actor = stage.create_actor::<TransientIdle<Probe>>().expect("created");
    let used = use_it(&stage, &actor);
    sim.run_for(5 * SECOND).expect("settles");
    stage.tell(&actor, WakeupMessage { delay_period: SECOND, payload: None }).expect("sent");
    stage.tell(&actor, StatusReq).expect("sent");
    let _: ActorStatus = stage.listen(SOON).expect("up").take().expect("the status");
    assert_eq!(exit_time(&stage), used + 10 * SECOND);
    stage.finish();
}

#[test]
fn a_second_attempt_is_not_a_second_use() {
    let (sim, stage) = in_sim();
    let transient = stage.create_actor::<Transient<Probe>>().expect("created");
    let idle = stage.create_actor::<TransientIdle<Probe>>().expect("created");
    for actor in [transient, idle] {
        sim.set_faults(Faults { handling: 2 * SECOND, ..Faults::default() });
        stage.tell(&actor, Fail).expect("sent");
        sim.run_for(5 * SECOND).expect("settles");
        sim.set_faults(Faults::default());
        let journal = journal(&stage);
        assert_eq!(names(&journal), ["fail", "fail", "exit"]);
        let times: Vec<Duration> = journal.iter().map(|(_, at)| *at).collect();
        assert!(times[1] > times[0], "the second attempt came later: {journal:?}");
        assert_eq!(times[2], times[0] + 10 * SECOND, "{journal:?}");
        sim.run_for(SECOND).expect("settles");
    }
    stage.finish();
}

#[test]
fn a_message_after_one_that_failed_is_a_use_again() {
    let (sim, stage) = in_sim();
    let actor = stage.create_actor::<TransientIdle<Probe>>().expect("created");
    stage.tell(&actor, Fail).expect("sent");
    sim.run_for(4 * SECOND).expect("settles");
    stage.tell(&actor, Fail).expect("sent");
    let journal = journal(&stage);
    assert_eq!(names(&journal), ["fail", "fail", "fail", "fail", "exit"]);
    assert_eq!(journal[4].1, journal[2].1 + 10 * SECOND, "{journal:?}");
    stage.finish();
}

#[test]
fn however_many_messages_come_there_is_one_wakeup() {
    let (sim, stage) = in_sim();
    let transient = stage.create_actor::<Transient<Probe>>().expect("created");
    let idle = stage.create_actor::<TransientIdle<Probe>>().expect("created");
    for actor in [transient, idle] {
        for _ in 0..500 {
            stage.tell(&actor, Use).expect("sent");
        }
        sim.run_for(SECOND).expect("settles");
        let private = stage.private().expect("an endpoint");
        let status = private.ask(&actor, StatusReq, SOON).expect("up").take::<ActorStatus>();
        assert_eq!(status.expect("the status").pending_wakeups, 1);
    }
    stage.finish();
}

#[test]
fn an_actor_that_is_busy_handles_what_came_in_time() {
    let (sim, stage) = in_sim();
    let actor = stage.create_actor::<TransientIdle<Probe, Seconds<1>>>().expect("created");
    sim.set_faults(Faults { handling: 5 * SECOND, ..Faults::default() });
    for _ in 0..10 {
        stage.tell(&actor, Use).expect("sent");
    }
    sim.run_for(100 * SECOND).expect("settles");
    let mut uses = 0;
    while stage.listen(SOON).expect("up").get::<Duration>().is_some() {
        uses += 1;
    }
    assert_eq!(uses, 10);
    assert!(stage.is_dead(&actor));
    stage.finish();
}

/// Is replaced by a fresh instance when it fails.
#[derive(Default)]
struct Fresh;

#[actor(failure_policy = FailurePolicy::NO_RETRY.with_fresh_instance())]
impl Fresh {
    fn use_it(&mut self, _: &Use, ctx: &mut Context<'_>) -> Handled {
        let now = ctx.uptime();
        ctx.reply(now)
    }

    fn fail(&mut self, _: &Fail, _: &mut Context<'_>) -> Result<(), Failure> {
        Err(Failure::new("as told"))
    }
}

/// How long the actor lives after this moment, in whole milliseconds.
fn rest_of_life(sim: &Sim, stage: &Stage, actor: &ActorAddress) -> u128 {
    let begin = sim.now();
    while sim.actors().contains(actor) {
        sim.run_for(Duration::from_millis(1)).expect("settles");
        assert!(sim.now() < begin + 100 * SECOND, "it lives for ever");
    }
    assert!(stage.is_dead(actor));
    (sim.now() - begin).as_millis()
}

#[test]
fn a_fresh_instance_exits_too_and_not_early() {
    let (sim, stage) = in_sim();
    let transient = stage.create_actor::<Transient<Fresh>>().expect("created");
    let idle = stage.create_actor::<TransientIdle<Fresh>>().expect("created");

    // The first message counts, whatever instance it was given to.
    stage.tell(&transient, Fail).expect("sent");
    sim.run_for(5 * SECOND).expect("settles");
    use_it_after_poison(&stage, &transient);
    let rest = rest_of_life(&sim, &stage, &transient);
    assert!((4_900..=5_100).contains(&rest), "{rest}");

    use_it(&stage, &idle);
    sim.run_for(8 * SECOND).expect("settles");
    for _ in 0..100 {
        stage.tell(&idle, Fail).expect("sent");
    }
    // Another instance looks when the first would have, finds that it was not used, and gives itself all the time.
    let rest = rest_of_life(&sim, &stage, &idle);
    assert!((10_000..=20_000).contains(&rest), "{rest}");
    stage.finish();
}

fn use_it_after_poison(stage: &Stage, actor: &ActorAddress) {
    assert!(stage.listen(SOON).expect("up").get::<PoisonMessage>().is_some());
    use_it(stage, actor);
}

#[test]
fn a_wakeup_of_a_replaced_instance_is_not_taken_for_an_own_one() {
    let (sim, stage) = in_sim();
    let idle = stage.create_actor::<TransientIdle<Fresh>>().expect("created");
    for _ in 0..100 {
        stage.tell(&idle, Fail).expect("sent");
    }
    sim.run_for(5 * SECOND).expect("settles");
    stage.tell(&idle, Use).expect("sent");
    sim.run_for(6 * SECOND).expect("settles");
    let private = stage.private().expect("an endpoint");
    let status = private.ask(&idle, StatusReq, SOON).expect("up").take::<ActorStatus>();
    assert_eq!(status.expect("the status").pending_wakeups, 1);
    stage.finish();
}

#[test]
fn wakeups_of_replaced_instances_do_not_pile_up() {
    let (sim, stage) = in_sim();
    let idle = stage.create_actor::<TransientIdle<Fresh>>().expect("created");
    for _ in 0..200 {
        stage.tell(&idle, Fail).expect("sent");
        sim.run_for(SECOND).expect("settles");
    }
    let private = stage.private().expect("an endpoint");
    let status: ActorStatus = private.ask(&idle, StatusReq, SOON).expect("up").take().expect("the status");
    assert!(status.pending_wakeups <= 12, "{}", status.pending_wakeups);
    stage.finish();
}

#[test]
fn in_a_storm_it_exits_once_and_not_early() {
    for seed in 1..=100 {
        let stage = Stage::stormy(seed, actors![]);
        let transient = stage.create_actor::<Transient<Probe>>().expect("created");
        let idle = stage.create_actor::<TransientIdle<Probe>>().expect("created");
        for actor in [transient, idle] {
            let used = use_it(&stage, &actor);
            let journal = journal(&stage);
            assert_eq!(names(&journal), ["use", "exit"], "seed {seed}");
            let exit = journal[1].1;
            let late = Duration::from_millis(1);
            assert!(
                exit >= used + 10 * SECOND && exit <= used + 10 * SECOND + late,
                "seed {seed}: {journal:?}"
            );
        }
        stage.finish();
    }
}
