//! Named actors (guide sections 4.6 and 5.3.1, decision D15).

use thespian_core::{
    Actor, ActorAddress, ActorExitRequest, ActorSpec, Error, Limits, SpecificationProblem, Value,
};

use crate::actors::{Found, Plan, Puppet, Step, What};
use crate::ground::{Ground, Stage};

fn named(name: &str) -> ActorSpec {
    Puppet::spec().global_name(name)
}

fn create_named(name: &str) -> Step {
    Step::Create(Plan { global_name: Some(name.into()), ..Plan::of::<Puppet>() })
}

fn create(stage: &Stage<'_>, name: &str) -> ActorAddress {
    stage.create(named(name)).expect("created")
}

fn end(stage: &Stage<'_>, actor: &ActorAddress) {
    stage.tell(actor, ActorExitRequest::new()).expect("sent");
    stage.await_death(actor);
    stage.settle();
}

pub(crate) fn a_named_actor_is_created_once(ground: &Ground<'_>) {
    let stage = ground.system();
    let first = create(&stage, "the one");
    assert_eq!(create(&stage, "the one"), first);
    assert_ne!(create(&stage, "the other"), first);
    let (one, two) = (stage.puppet(), stage.puppet());
    for puppet in [&one, &two] {
        stage.order(puppet, [create_named("the one")]);
        assert_eq!(stage.children(puppet), [first]);
    }
    assert_eq!(stage.status().expect("status").actor_count, 4);
}

pub(crate) fn a_named_actor_is_found(ground: &Ground<'_>) {
    let stage = ground.system();
    let one = create(&stage, "the one");
    assert_eq!(stage.find_actor("the one").expect("up"), Some(one));
    let puppet = stage.puppet();
    stage.order(&puppet, [Step::Find("the one".into())]);
    assert_eq!(stage.query::<Option<ActorAddress>>(&puppet, Found), Some(one));
    assert_eq!(stage.status().expect("status").global_names, std::collections::BTreeMap::from([("the one".to_string(), one)]));
}

pub(crate) fn a_name_that_is_not_in_use_is_not_found(ground: &Ground<'_>) {
    let stage = ground.system();
    assert_eq!(stage.find_actor("nobody").expect("up"), None);
    let puppet = stage.puppet();
    stage.order(&puppet, [Step::Find("nobody".into())]);
    assert_eq!(stage.query::<Option<ActorAddress>>(&puppet, Found), None);
    assert_eq!(stage.status().expect("status").actor_count, 1);
}

pub(crate) fn a_name_in_use_ignores_everything_else(ground: &Ground<'_>) {
    let stage = ground.system();
    let one = create(&stage, "the one");
    let nonsense = ActorSpec::named("no::such::Type")
        .global_name("the one")
        .requirements(Value::map([("impossible", true)]))
        .start(17_u8)
        .source_hash("none");
    assert_eq!(stage.create(nonsense).expect("the running one"), one);
    let puppet = stage.puppet();
    let plan = Plan { global_name: Some("the one".into()), ..Plan::named("no::such::Type") };
    stage.order(&puppet, [Step::Create(plan)]);
    assert_eq!(stage.children(&puppet), [one]);
    assert_eq!(stage.journal(&puppet, 0), []);
}

pub(crate) fn a_name_is_free_after_the_exit(ground: &Ground<'_>) {
    let stage = ground.system();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let one = create(&stage, "the one");
        assert!(!seen.contains(&one));
        seen.push(one);
        end(&stage, &one);
        assert_eq!(stage.find_actor("the one").expect("up"), None);
    }
}

pub(crate) fn the_old_address_of_a_name_is_dead(ground: &Ground<'_>) {
    let stage = ground.system();
    let old = create(&stage, "the one");
    end(&stage, &old);
    let new = create(&stage, "the one");
    assert_ne!(old, new);
    assert!(stage.is_dead(&old));
    stage.tell(&old, "for the old one").expect("sent");
    assert_eq!(stage.journal(&new, 0), []);
}

pub(crate) fn two_creators_at_one_moment_get_one_actor(ground: &Ground<'_>) {
    let stage = ground.system();
    let creators: Vec<ActorAddress> = (0..10).map(|_| stage.puppet()).collect();
    let friend = stage.puppet();
    for creator in &creators {
        stage.order(creator, [create_named("the one"), Step::SendToChild(thespian_core::AnyMessage::new(1_u64))]);
    }
    let one = stage.children(&creators[0])[0];
    for creator in &creators {
        assert_eq!(stage.children(creator), [one]);
        assert_eq!(stage.journal(creator, 0), []);
    }
    assert_eq!(stage.journal(&one, 10).len(), 10);
    assert_eq!(stage.status().expect("status").actor_count, 12);
    assert_eq!(stage.journal(&friend, 0), []);
}

pub(crate) fn the_exit_of_a_named_actor_is_told_to_nobody(ground: &Ground<'_>) {
    let stage = ground.system();
    let creator = stage.puppet();
    stage.order(&creator, [create_named("the one")]);
    let one = stage.children(&creator)[0];
    end(&stage, &one);
    assert_eq!(stage.journal(&creator, 0), []);
}

pub(crate) fn a_named_actor_outlives_its_creator(ground: &Ground<'_>) {
    let stage = ground.system();
    let creator = stage.puppet();
    stage.order(&creator, [create_named("the one")]);
    let one = stage.children(&creator)[0];
    end(&stage, &creator);
    stage.tell(&one, "still there?").expect("sent");
    assert_eq!(stage.journal(&one, 1)[0].what, What::text("still there?"));
}

/// The name is refused, to callers and to actors.
fn refused(ground: &Ground<'_>, limits: Limits, name: &str, why: &str) {
    let stage = ground.system_with(|builder| builder.limits(limits));
    match stage.create(named(name)) {
        Err(error @ Error::InvalidActorSpecification { problem: SpecificationProblem::GlobalName { .. }, .. }) => {
            assert!(error.to_string().contains(why), "{error}");
        }
        other => panic!("{other:?}"),
    }
    let creator = stage.puppet();
    stage.order(&creator, [create_named(name)]);
    stage.settle();
    // Nobody is told that a named actor never started, so whoever writes to it is.
    let failed = stage.request::<()>(&stage.children(&creator)[0], "hello?", crate::ground::SOON);
    assert!(matches!(&failed, Err(Error::RequestPoisoned { details, .. }) if details.contains(why)), "{failed:?}");
    assert_eq!(stage.find_actor(name).expect("up"), None);
}

pub(crate) fn an_empty_global_name_is_refused(ground: &Ground<'_>) {
    refused(ground, Limits::default(), "", "the global name is empty");
}

pub(crate) fn a_global_name_over_the_limit_is_refused(ground: &Ground<'_>) {
    let limits = Limits { name_length: 100, ..Limits::default() };
    refused(ground, limits.clone(), &"x".repeat(101), "Limits::name_length");
    let stage = ground.system_with(|builder| builder.limits(limits));
    assert!(stage.create(named(&"x".repeat(100))).is_ok());
}

pub(crate) fn a_name_whose_actor_cannot_start_is_free(ground: &Ground<'_>) {
    let stage = ground.system();
    assert!(stage.create(ActorSpec::named("no::such::Type").global_name("the one")).is_err());
    assert_eq!(stage.find_actor("the one").expect("up"), None);
    let creator = stage.puppet();
    let plan = Plan { global_name: Some("the one".into()), ..Plan::named("no::such::Type") };
    stage.order(&creator, [Step::Create(plan)]);
    stage.settle();
    let one = create(&stage, "the one");
    assert_eq!(stage.find_actor("the one").expect("up"), Some(one));
}

pub(crate) fn names_are_those_of_one_system(ground: &Ground<'_>) {
    let (one, other) = (ground.system(), ground.system());
    assert_ne!(create(&one, "the one"), create(&other, "the one"));
}

pub(crate) fn a_name_may_be_any_text(ground: &Ground<'_>) {
    let stage = ground.system();
    let names = ["a", " ", "ünïcödé", "a\nb", "\0", "thespian::ActorExitRequest"];
    let actors: Vec<ActorAddress> = names.iter().map(|name| create(&stage, name)).collect();
    for (name, actor) in names.iter().zip(&actors) {
        assert_eq!(stage.find_actor(name).expect("up"), Some(*actor));
    }
}
