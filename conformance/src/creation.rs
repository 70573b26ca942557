//! Creating actors (guide sections 5.3 and 6.4, decisions D9, D10, D13 and D14).

use thespian_core::{
    Actor, ActorAddress, ActorExitRequest, ActorSpec, AnyMessage, Context, Error, ExitCause, Failure, Feature, Handled, Limits, Message,
    SpecificationProblem, actor, actors,
};

use crate::actors::{Plan, Puppet, Step, What};
use crate::ground::Ground;

/// Starts as its argument says.
struct Fragile(String);

#[actor(name = "conformance.Fragile")]
impl Fragile {
    #[start]
    fn new(how: String) -> Result<Fragile, Failure> {
        match how.as_str() {
            "error" => Err(Failure::new("no power")),
            "panic" => panic!("sparks"),
            "any" => std::panic::panic_any(17),
            _ => Ok(Fragile(how)),
        }
    }

    fn how(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.0.clone())
    }
}

fn fragile(how: &str) -> ActorSpec {
    Fragile::spec().start(how)
}

fn fragile_child(how: &str) -> Step {
    Step::Create(Plan { start: Some(how.into()), ..Plan::of::<Fragile>() })
}

pub(crate) fn an_actor_is_created_by_type(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.create_actor::<Puppet>().expect("created");
    assert!(!stage.is_dead(&puppet));
}

pub(crate) fn an_actor_is_created_by_name(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.create("conformance.Puppet").expect("created");
    assert!(!stage.is_dead(&puppet));
    let fragile = stage.create(ActorSpec::named("conformance.Fragile").start("well")).expect("created");
    assert_eq!(stage.query::<String>(&fragile, ()), "well");
}

fn problem(result: Result<ActorAddress, Error>) -> SpecificationProblem {
    match result {
        Err(Error::InvalidActorSpecification { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn an_unknown_name_lists_near_misses(ground: &Ground<'_>) {
    let stage = ground.system();
    let SpecificationProblem::UnknownType { near_misses } = problem(stage.create("conformance.Pupet")) else {
        panic!("another problem")
    };
    assert_eq!(near_misses.first().map(String::as_str), Some("conformance.Puppet"));
    let text = stage.create("conformance.Pupet").expect_err("unknown").to_string();
    assert!(text.contains("conformance.Puppet") && text.contains("actors!["), "{text}");
}

pub(crate) fn an_empty_name_is_refused(ground: &Ground<'_>) {
    let stage = ground.system();
    assert_eq!(problem(stage.create("")), SpecificationProblem::EmptyName);
}

pub(crate) fn a_very_long_name_is_refused(ground: &Ground<'_>) {
    let stage = ground.system();
    let name = "x".repeat(10_000_000);
    assert_eq!(problem(stage.create(name)), SpecificationProblem::UnknownType { near_misses: Vec::new() });
}

pub(crate) fn a_start_argument_reaches_the_constructor(ground: &Ground<'_>) {
    let stage = ground.system();
    let actor = stage.create(ActorSpec::with::<Fragile>("gently".into())).expect("created");
    assert_eq!(stage.query::<String>(&actor, ()), "gently");
    let parent = stage.puppet();
    stage.order(&parent, [fragile_child("as a child")]);
    let child = stage.children(&parent)[0];
    assert_eq!(stage.query::<String>(&child, ()), "as a child");
}

pub(crate) fn a_wrong_start_argument_is_refused(ground: &Ground<'_>) {
    let stage = ground.system();
    for (spec, given) in [(Fragile::spec(), "unit"), (Fragile::spec().start(7_u32), "u32")] {
        let SpecificationProblem::StartArgument { expected, given: found } = problem(stage.create(spec)) else {
            panic!("another problem")
        };
        assert_eq!((&*expected, &*found), ("str", given));
    }
    assert!(stage.create(Puppet::spec().start("not asked for")).is_err());
}

fn start_failure(result: Result<ActorAddress, Error>) -> String {
    match result {
        Err(Error::ActorStartFailed { actor, details }) => {
            assert_eq!(actor, "conformance.Fragile");
            details
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn a_constructor_that_fails_is_reported(ground: &Ground<'_>) {
    let stage = ground.system();
    assert_eq!(start_failure(stage.create(fragile("error"))), "no power");
}

pub(crate) fn a_constructor_that_panics_is_reported(ground: &Ground<'_>) {
    let stage = ground.system();
    let details = start_failure(stage.create(fragile("panic")));
    assert!(details.contains("sparks") && details.contains("creation.rs"), "{details}");
}

pub(crate) fn a_constructor_that_panics_with_no_text_is_reported(ground: &Ground<'_>) {
    let stage = ground.system();
    assert!(start_failure(stage.create(fragile("any"))).contains("no text"));
}

/// A child that never started: one notice, which says why.
fn reported_once(ground: &Ground<'_>, plan: Plan, why: &str) {
    let stage = ground.system();
    let parent = stage.puppet();
    stage.order(&parent, [Step::Create(plan)]);
    let child = stage.children(&parent)[0];
    let journal = stage.journal(&parent, 1);
    assert_eq!(journal.len(), 1, "{journal:?}");
    let What::Exited { child: gone, cause: ExitCause::NeverStarted(details) } = &journal[0].what else {
        panic!("{journal:?}")
    };
    assert_eq!(*gone, child);
    assert!(details.contains(why), "{details}");
    assert!(stage.is_dead(&child));
}

pub(crate) fn a_child_that_cannot_start_is_reported_once(ground: &Ground<'_>) {
    for (how, why) in [("error", "no power"), ("panic", "sparks")] {
        reported_once(ground, Plan { start: Some(how.into()), ..Plan::of::<Fragile>() }, why);
    }
    reported_once(ground, Plan::of::<Fragile>(), "start argument");
}

pub(crate) fn a_child_of_an_unknown_type_is_reported_once(ground: &Ground<'_>) {
    reported_once(ground, Plan::named("conformance.Pupet"), "conformance.Puppet");
    reported_once(ground, Plan::named(""), "the name is empty");
}

/// Runs nowhere.
#[derive(Default)]
struct Homeless;

#[thespian_core::require_capability("a home")]
#[actor]
impl Homeless {}

pub(crate) fn a_child_without_a_compatible_system_is_reported_once(ground: &Ground<'_>) {
    reported_once(ground, Plan::of::<Homeless>(), "a home");
}

pub(crate) fn messages_for_a_child_that_never_started_come_back(ground: &Ground<'_>) {
    let stage = ground.system();
    let parent = stage.puppet();
    let to_child = |text: &str| Step::SendToChild(AnyMessage::new(String::from(text)));
    stage.order(&parent, [fragile_child("error"), to_child("one"), to_child("two")]);
    let child = stage.children(&parent)[0];
    let journal = stage.journal(&parent, 3);
    let mut poisoned = Vec::new();
    let mut exits = 0;
    for entry in &journal {
        match &entry.what {
            What::Poison { text, details, .. } => {
                assert_eq!(entry.from, child);
                assert!(details.contains("no power"), "{details}");
                poisoned.extend(text.clone());
            }
            What::Exited { .. } => exits += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((poisoned, exits), (vec!["one".to_string(), "two".to_string()], 1));
}

pub(crate) fn messages_wait_for_a_child_to_run(ground: &Ground<'_>) {
    let stage = ground.system();
    let parent = stage.puppet();
    let mut steps = vec![Step::create::<Puppet>()];
    steps.extend((0..100_u64).map(|n| Step::SendToChild(AnyMessage::new(n))));
    stage.order(&parent, steps);
    let child = stage.children(&parent)[0];
    let journal = stage.journal(&child, 100);
    let numbers: Vec<_> = journal.into_iter().map(|entry| entry.what).collect();
    assert_eq!(numbers, (0..100).map(What::Number).collect::<Vec<_>>());
}

pub(crate) fn a_third_actor_gets_its_message_back_from_a_child_that_never_started(ground: &Ground<'_>) {
    let stage = ground.system();
    let (parent, third) = (stage.puppet(), stage.puppet());
    // The third actor hears of the child and writes to it, before or after the start has failed.
    stage.order(&parent, [fragile_child("error")]);
    let child = stage.children(&parent)[0];
    stage.order(&third, [Step::send(&child, "from the third")]);
    stage.settle();
    // Either it came while the parent did not know yet, and comes back with the reason, or it is a dead letter.
    let journal = stage.journal(&third, 0);
    for entry in &journal {
        assert!(matches!(&entry.what, What::Poison { details, .. } if details.contains("no power")), "{journal:?}");
    }
    assert!(stage.is_dead(&child));
}

pub(crate) fn many_children_are_created_in_one_attempt(ground: &Ground<'_>) {
    let stage = ground.system();
    let parent = stage.puppet();
    stage.order(&parent, (0..300).map(|_| Step::create::<Puppet>()).collect::<Vec<_>>());
    let children = stage.children(&parent);
    assert_eq!(children.len(), 300);
    for child in &children {
        stage.tell(child, "hello").expect("sent");
    }
    for child in &children {
        stage.receives(child, 1);
    }
    assert_eq!(stage.journal(&children[299], 1).len(), 1);
}

pub(crate) fn a_source_hash_is_not_supported_yet(ground: &Ground<'_>) {
    let stage = ground.system();
    let refused = stage.create(Puppet::spec().source_hash("sha256:1234"));
    let Err(Error::NotSupported { feature, base }) = refused else { panic!("{refused:?}") };
    assert_eq!((feature, base.as_str()), (Feature::SourceLoading, ground.base()));
}

pub(crate) fn a_failed_create_disturbs_nothing_else(ground: &Ground<'_>) {
    let stage = ground.system();
    let (parent, puppet) = (stage.puppet(), stage.puppet());
    stage.order(&parent, [fragile_child("panic"), fragile_child("well"), fragile_child("error")]);
    let children = stage.children(&parent);
    assert_eq!(stage.query::<String>(&children[1], ()), "well");
    stage.order(&puppet, [Step::send(&children[1], "anything")]);
    assert_eq!(stage.journal(&puppet, 0), []);
    assert_eq!(stage.journal(&parent, 2).len(), 2);
    assert_eq!(stage.status().expect("status").actor_count, 3);
}

pub(crate) fn a_system_has_a_limited_number_of_actors(ground: &Ground<'_>) {
    let limits = Limits { actors: 5, ..Limits::default() };
    let stage = ground.system_with(|builder| builder.limits(limits));
    let parent = stage.puppet();
    stage.order(&parent, (0..6).map(|_| Step::create::<Puppet>()).collect::<Vec<_>>());
    // Four of the six run, and of the other two the parent is told.
    let journal = stage.journal(&parent, 2);
    assert_eq!(journal.len(), 2, "{journal:?}");
    for entry in &journal {
        let What::Exited { cause: ExitCause::NeverStarted(why), .. } = &entry.what else { panic!("{entry:?}") };
        assert!(why.contains("Limits::actors"), "{why}");
    }
    let refused = stage.create_actor::<Puppet>();
    assert_eq!(refused, Err(Error::LimitReached { limit: "Limits::actors".into(), value: 5 }));
    // There is room again when one has gone.
    let child = stage.children(&parent)[0];
    stage.tell(&child, ActorExitRequest::new()).expect("sent");
    stage.journal(&parent, 3);
    assert!(stage.create_actor::<Puppet>().is_ok());
}

/// Generic, so not registered by itself.
struct Holder<M>(M);

#[actor]
impl<M: Message + Clone + Default> Holder<M> {
    #[start]
    fn new() -> Self {
        Holder(M::default())
    }

    fn show(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.0.clone())
    }
}

pub(crate) fn an_explicit_table_adds_types(ground: &Ground<'_>) {
    let name = <Holder<u64> as Actor>::type_name();
    let stage = ground.system();
    if ground.can(crate::Ability::Shared) {
        assert!(stage.create(&*name).is_err());
    } else {
        // There the processes have the same table for all systems of the program, and it has the type.
        assert!(stage.create(&*name).is_ok());
    }
    let stage = ground.system_with(|builder| builder.actors(actors![Holder<u64>, Puppet]));
    let holder = stage.create(&*name).expect("registered");
    assert_eq!(stage.query::<u64>(&holder, ()), 0);
}

/// Those that cannot register themselves at link time.
pub(crate) fn actor_types() -> thespian_core::ActorTypes {
    actors![Holder<u64>, Puppet]
}
