//! Capabilities: which actors a system can run, and what happens when it changes (guide section 5.12, decision D29).

use thespian_core::{
    ActorAddress, ActorSpec, Capabilities, Context, Error, Handled, Value, actor, require_capability,
};

use crate::actors::{Plan, Step, What};
use crate::ground::{Ground, Stage};

#[derive(Default)]
struct Lamp;

#[require_capability("Has Lightbulb")]
#[actor]
impl Lamp {
    fn are_you_there(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(true)
    }
}

/// Below the attribute for actors, and with a value.
#[derive(Default)]
struct Chandelier;

#[actor]
#[require_capability("Has Lightbulb")]
#[require_capability("Sockets", 5)]
impl Chandelier {
    #[capability_check]
    fn ceiling(capabilities: &Capabilities, _: &Value) -> Result<(), String> {
        match capabilities.get("Ceiling").and_then(Value::as_str) {
            Some("high") => Ok(()),
            other => Err(format!("the ceiling is {other:?}")),
        }
    }
}

/// Runs where the requirements say.
#[derive(Default)]
struct Picky;

#[actor]
impl Picky {
    #[capability_check]
    fn check(capabilities: &Capabilities, requirements: &Value) -> bool {
        match requirements.get("floor").and_then(Value::as_int) {
            Some(floor) => capabilities.get("Floor").and_then(Value::as_int) == Some(floor),
            None => false,
        }
    }
}

#[derive(Default)]
struct Panicky;

#[actor]
impl Panicky {
    #[capability_check]
    fn check(capabilities: &Capabilities, _: &Value) -> bool {
        assert!(capabilities.get("Calm").is_some(), "no calm here");
        true
    }
}

/// Runs only while something is *not* there.
#[derive(Default)]
struct Shy;

#[actor]
impl Shy {
    #[capability_check]
    fn check(capabilities: &Capabilities, _: &Value) -> bool {
        capabilities.get("Crowd").is_none()
    }
}

fn incompatible(result: Result<ActorAddress, Error>) -> String {
    match result {
        Err(Error::NoCompatibleSystemForActor { failed_checks, .. }) => failed_checks.join("; "),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn a_required_capability_lets_an_actor_run(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.capability("Has Lightbulb", 1));
    let lamp = stage.actor::<Lamp>();
    assert!(stage.query::<bool>(&lamp, ()));
}

pub(crate) fn a_missing_capability_refuses_the_create(ground: &Ground<'_>) {
    let stage = ground.system();
    assert!(incompatible(stage.create_actor::<Lamp>()).contains("Has Lightbulb"));
    let stage = ground.system_with(|builder| builder.capability("Has Lightbulb", false));
    assert!(incompatible(stage.create_actor::<Lamp>()).contains("counts as true"));
}

pub(crate) fn a_required_value_must_be_equal(ground: &Ground<'_>) {
    for (sockets, runs) in [(Value::from(5), true), (6.into(), false), ("5".into(), false), (true.into(), false)] {
        let stage = ground.system_with(|builder| {
            builder.capability("Has Lightbulb", true).capability("Sockets", sockets).capability("Ceiling", "high")
        });
        assert_eq!(stage.create_actor::<Chandelier>().is_ok(), runs);
    }
}

pub(crate) fn requirements_stack_with_a_check(ground: &Ground<'_>) {
    let all = [("Has Lightbulb", Value::from(true)), ("Sockets", 5.into()), ("Ceiling", "high".into())];
    for missing in 0..=all.len() {
        let stage = ground.system_with(|mut builder| {
            for (at, (name, value)) in all.iter().enumerate() {
                if at != missing {
                    builder = builder.capability(*name, value.clone());
                }
            }
            builder
        });
        let created = stage.create_actor::<Chandelier>();
        match all.get(missing) {
            Some((name, _)) => {
                let why = incompatible(created).to_lowercase();
                assert!(why.contains(&name.to_lowercase()), "{why}");
            }
            None => assert!(created.is_ok()),
        }
    }
}

pub(crate) fn a_check_is_given_the_requirements(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.capability("Floor", 3));
    let on = |floor: i64| ActorSpec::of::<Picky>().requirements(Value::map([("floor", floor)]));
    assert!(stage.create(on(3)).is_ok());
    assert!(stage.create(on(4)).is_err());
}

pub(crate) fn requirements_of_an_unexpected_shape_are_refused_with_the_reason(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.capability("Floor", 3));
    let shapes = [Value::Null, 3.into(), "3".into(), vec![1, 2].into(), Value::map([("floor", "three")]), 1.5.into()];
    for shape in shapes {
        let why = incompatible(stage.create(ActorSpec::of::<Picky>().requirements(shape)));
        assert!(why.contains(ground.base()), "{why}");
    }
}

pub(crate) fn a_check_that_panics_means_not_compatible(ground: &Ground<'_>) {
    let stage = ground.system();
    assert!(incompatible(stage.create_actor::<Panicky>()).contains("no calm here"));
    assert!(stage.puppet() != ActorAddress::NOBODY);
}

pub(crate) fn a_check_that_fails_says_why(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.capability("Has Lightbulb", true).capability("Sockets", 5));
    assert!(incompatible(stage.create_actor::<Chandelier>()).contains("the ceiling is None"));
}

fn update(stage: &Stage<'_>, name: &str, value: impl Into<Value>) {
    stage.update_capability(name, value).expect("updated");
    stage.settle();
}

pub(crate) fn an_update_ends_the_actors_that_no_longer_fit(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.capability("Has Lightbulb", true));
    let (lamp, parent) = (stage.actor::<Lamp>(), stage.puppet());
    stage.order(&parent, [Step::create::<Lamp>()]);
    let child = stage.children(&parent)[0];
    update(&stage, "Has Lightbulb", false);
    stage.await_death(&lamp);
    stage.await_death(&child);
    let journal = stage.journal(&parent, 1);
    assert_eq!(journal.len(), 1);
    assert!(matches!(&journal[0].what, What::Exited { child: gone, .. } if *gone == child), "{journal:?}");
}

pub(crate) fn an_update_leaves_the_others_alone(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.capability("Has Lightbulb", true));
    let (lamp, puppet) = (stage.actor::<Lamp>(), stage.puppet());
    update(&stage, "Sockets", 2);
    update(&stage, "Has Lightbulb", 7);
    assert!(stage.query::<bool>(&lamp, ()));
    assert!(!stage.is_dead(&puppet));
}

pub(crate) fn an_update_without_a_change_has_no_effect(ground: &Ground<'_>) {
    // The check panics where it runs, so a lamp that survives was not checked.
    let stage = ground.system_with(|builder| builder.capability("Calm", true));
    let panicky = stage.actor::<Panicky>();
    update(&stage, "Calm", true);
    update(&stage, "Nothing", Value::Null);
    assert!(!stage.is_dead(&panicky));
    assert!(stage.capabilities().expect("up").is_truthy("Calm"));
}

pub(crate) fn an_added_capability_can_end_actors(ground: &Ground<'_>) {
    let stage = ground.system();
    let shy = stage.actor::<Shy>();
    update(&stage, "Weather", "fine");
    assert!(!stage.is_dead(&shy));
    update(&stage, "Crowd", 100);
    stage.await_death(&shy);
}

pub(crate) fn an_actor_can_update_a_capability(ground: &Ground<'_>) {
    let stage = ground.system();
    let (shy, puppet) = (stage.actor::<Shy>(), stage.puppet());
    stage.order(&puppet, [Step::UpdateCapability("Crowd".into(), 100.into())]);
    stage.await_death(&shy);
    assert!(stage.capabilities().expect("up").has("Crowd", 100));
    assert!(!stage.is_dead(&puppet));
}

/// Brings the crowd in that it cannot stand.
#[derive(Default)]
struct SelfDefeating;

#[actor]
impl SelfDefeating {
    fn go(&mut self, _: &(), ctx: &mut Context<'_>) {
        ctx.update_capability("Crowd", true);
    }

    #[capability_check]
    fn check(capabilities: &Capabilities, _: &Value) -> bool {
        !capabilities.is_truthy("Crowd")
    }
}

pub(crate) fn an_actor_can_end_itself_by_an_update(ground: &Ground<'_>) {
    let stage = ground.system();
    let actor = stage.actor::<SelfDefeating>();
    stage.tell(&actor, ()).expect("sent");
    stage.await_death(&actor);
}

pub(crate) fn removing_a_capability_is_an_update(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.capability("Has Lightbulb", true));
    let lamp = stage.actor::<Lamp>();
    update(&stage, "Has Lightbulb", None::<bool>);
    stage.await_death(&lamp);
}

pub(crate) fn a_removed_capability_is_gone_from_the_list(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.capability("Sockets", 2));
    assert!(stage.capabilities().expect("up").has("Sockets", 2));
    update(&stage, "Sockets", Value::Null);
    assert_eq!(stage.capabilities().expect("up").get("Sockets"), None);
    let status = stage.status().expect("status");
    assert_eq!(status.capabilities.get("Sockets"), None);
}

pub(crate) fn read_only_capabilities_cannot_be_changed(ground: &Ground<'_>) {
    let stage = ground.system();
    for name in ["Rust Version", "Thespian Version", "Thespian Generation", "Thespian ActorSystem Name"] {
        let before = stage.capabilities().expect("up").get(name).cloned();
        assert!(before.is_some(), "{name}");
        let refused = stage.update_capability(name, "mine");
        assert!(matches!(&refused, Err(Error::InvalidSetting { setting, .. }) if setting.contains(name)), "{refused:?}");
        assert_eq!(stage.capabilities().expect("up").get(name).cloned(), before);
    }
    let puppet = stage.puppet();
    stage.order(&puppet, [Step::UpdateCapability("Rust Version".into(), "mine".into())]);
    stage.settle();
    assert!(!stage.capabilities().expect("up").has("Rust Version", "mine"));
    assert!(!stage.is_dead(&puppet));
}

pub(crate) fn read_only_capabilities_cannot_be_set_at_the_start(ground: &Ground<'_>) {
    let refused = ground.try_system(|builder| builder.capability("Rust Version", "0.1")).err();
    let Some(Error::InvalidSetting { setting, problem }) = refused else { panic!("{refused:?}") };
    assert!(setting.contains("Rust Version") && problem.contains("read-only"), "{setting}: {problem}");
}

pub(crate) fn a_capability_needs_a_name(ground: &Ground<'_>) {
    let refused = ground.try_system(|builder| builder.capability("", 1)).err();
    assert!(matches!(refused, Some(Error::InvalidSetting { .. })), "{refused:?}");
    let stage = ground.system();
    assert!(matches!(stage.update_capability("", 1), Err(Error::InvalidSetting { .. })));
}

pub(crate) fn the_automatic_capabilities_are_there(ground: &Ground<'_>) {
    let stage = ground.system();
    let capabilities = stage.capabilities().expect("up");
    assert!(capabilities.has("Thespian ActorSystem Name", ground.base()));
    let generation = capabilities.get("Thespian Generation").and_then(Value::as_list);
    assert_eq!(generation.map(<[Value]>::len), Some(2));
    assert!(capabilities.get("Thespian Version").and_then(Value::as_int).is_some());
    assert!(capabilities.get("Thespian ActorSystem Version").is_some());
    let watch = ground.can(crate::Ability::Watch);
    assert!(capabilities.has("Thespian Watch Supported", watch));
    assert!(capabilities.has("AllowRemoteActorSources", "Yes"));
}

pub(crate) fn capabilities_keep_values_of_every_shape(ground: &Ground<'_>) {
    let deep = Value::map([("list", Value::from(vec![1, 2, 3])), ("text", "ü".into()), ("number", 1.5.into())]);
    let stage = ground.system_with(|builder| builder.capability("Deep", deep.clone()));
    assert_eq!(stage.capabilities().expect("up").get("Deep"), Some(&deep));
    update(&stage, "Deep", vec![deep.clone(), Value::Bool(false)]);
    let back = stage.capabilities().expect("up");
    assert_eq!(back.get("Deep").and_then(Value::as_list).map(<[Value]>::len), Some(2));
}

pub(crate) fn a_capability_of_the_wrong_kind_is_refused_at_the_start(ground: &Ground<'_>) {
    let refused = ground.try_system(|builder| builder.capability("AllowRemoteActorSources", 1)).err();
    let Some(Error::InvalidSetting { problem, .. }) = refused else { panic!("{refused:?}") };
    assert!(problem.contains("LeaderOnly"), "{problem}");
}

pub(crate) fn a_check_that_panics_on_an_update_ends_the_actor(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.capability("Calm", true));
    let (panicky, parent) = (stage.actor::<Panicky>(), stage.puppet());
    stage.order(&parent, [Step::Create(Plan::of::<Panicky>())]);
    update(&stage, "Calm", Value::Null);
    stage.await_death(&panicky);
    assert_eq!(stage.journal(&parent, 1).len(), 1);
}
