//! Systems: starting them, shutting them down, what they do not share (guide sections 2.1, 5.16, 6.2 and 6.3).

use std::time::Duration;

use thespian_core::{
    ActorAddress, Capabilities, Context, Error, Feature, Handled, Limits, StatusReq, SystemState, actor,
};

use crate::actors::{Puppet, Report, Step, What};
use crate::ground::{Ground, SOON};

pub(crate) fn a_system_shuts_down_with_all_its_actors(ground: &Ground<'_>) {
    let stage = ground.system();
    let parent = stage.puppet();
    for _ in 0..20 {
        stage.child(&parent);
    }
    stage.shutdown().expect("down");
    assert!(stage.is_down());
}

pub(crate) fn shutting_down_twice_is_no_error(ground: &Ground<'_>) {
    let stage = ground.system();
    let other = (*stage).clone();
    stage.shutdown().expect("down");
    stage.shutdown().expect("still down");
    other.shutdown().expect("the same one");
}

pub(crate) fn every_call_on_a_dead_system_says_so(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    let private = stage.private().expect("up");
    stage.shutdown().expect("down");
    let down = Error::SystemDown { base: ground.base().into() };
    assert_eq!(stage.tell(&puppet, "hello?"), Err(down.clone()));
    assert_eq!(stage.ask(&puppet, "hello?", SOON).err(), Some(down.clone()));
    assert_eq!(stage.listen(SOON).err(), Some(down.clone()));
    assert_eq!(private.listen(SOON).err(), Some(down.clone()));
    assert_eq!(stage.request::<()>(&puppet, "hello?", SOON), Err(down.clone()));
    assert_eq!(stage.create_actor::<Puppet>(), Err(down.clone()));
    assert_eq!(stage.find_actor("anybody"), Err(down.clone()));
    assert_eq!(stage.private().err(), Some(down.clone()));
    assert_eq!(stage.update_capability("a", 1), Err(down.clone()));
    assert_eq!(stage.capabilities().err(), Some(down.clone()));
    assert_eq!(stage.status().err(), Some(down));
}

pub(crate) fn an_actor_can_shut_the_system_down(ground: &Ground<'_>) {
    let stage = ground.system();
    let (puppet, other) = (stage.puppet(), stage.puppet());
    stage.child(&other);
    stage.order(&puppet, [Step::Shutdown]);
    stage.eventually("the system is down", || stage.is_down());
}

pub(crate) fn systems_do_not_share_actors(ground: &Ground<'_>) {
    let (one, other) = (ground.system(), ground.system());
    let puppet = one.puppet();
    one.puppet();
    other.puppet();
    assert_eq!(one.status().expect("status").actor_count, 2);
    assert_eq!(other.status().expect("status").actor_count, 1);
    other.shutdown().expect("down");
    assert!(!one.is_dead(&puppet));
}

pub(crate) fn shutdown_asks_every_actor_to_exit(ground: &Ground<'_>) {
    // The last words reach an actor that is created first and so asked first, but works on until it is asked.
    let stage = ground.system();
    let (puppet, other) = (stage.puppet(), stage.puppet());
    let child = stage.child(&puppet);
    stage.order(&child, [Step::OnExit(vec![Step::send(&stage.endpoint(), "child")])]);
    stage.order(&other, [Step::OnExit(vec![Step::send(&stage.endpoint(), "other")])]);
    stage.settle();
    stage.order(&puppet, [Step::Shutdown]);
    let mut texts = Vec::new();
    while let Ok(answer) = stage.listen(SOON) {
        match answer.take::<String>() {
            Ok(text) => texts.push(text),
            Err(_) => break,
        }
    }
    texts.sort();
    assert_eq!(texts, ["child", "other"]);
    stage.eventually("the system is down", || stage.is_down());
}

/// Sends itself a message for ever.
#[derive(Default)]
struct Restless;

#[actor]
impl Restless {
    fn on(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.wakeup_after(Duration::from_millis(1));
        Ok(().into())
    }

    fn wake(&mut self, _: &thespian_core::WakeupMessage, ctx: &mut Context<'_>) {
        ctx.send(&ctx.my_address(), ());
    }
}

pub(crate) fn what_is_under_way_at_a_shutdown_ends(ground: &Ground<'_>) {
    let stage = ground.system();
    for _ in 0..10 {
        let restless = stage.actor::<Restless>();
        stage.tell(&restless, ()).expect("sent");
    }
    stage.pass(Duration::from_millis(10));
    stage.shutdown().expect("down");
    assert!(stage.is_down());
}

pub(crate) fn limits_that_make_no_sense_are_refused(ground: &Ground<'_>) {
    let nonsense = [
        ("outgoing_low", Limits { outgoing_low: 950, ..Limits::default() }),
        ("outgoing_bytes", Limits { outgoing_bytes: 0, ..Limits::default() }),
        ("outgoing_high", Limits { outgoing_high: 0, outgoing_low: 0, ..Limits::default() }),
        ("window", Limits { window: 0, ..Limits::default() }),
        ("window_max", Limits { window: 64, window_max: 63, ..Limits::default() }),
        ("window_bytes", Limits { window_bytes: 0, ..Limits::default() }),
        ("dead_letter_bytes", Limits { dead_letter_bytes: 0, ..Limits::default() }),
        ("endpoint_queue", Limits { endpoint_queue: 0, ..Limits::default() }),
        ("steps_per_call", Limits { steps_per_call: 0, ..Limits::default() }),
        ("name_length", Limits { name_length: 0, ..Limits::default() }),
        ("message_size", Limits { message_size: 0, ..Limits::default() }),
        ("actions_per_attempt", Limits { actions_per_attempt: 0, ..Limits::default() }),
        ("resend_after", Limits { resend_after: Duration::ZERO, ..Limits::default() }),
        ("delivery_limit", Limits { delivery_limit: Duration::ZERO, ..Limits::default() }),
        ("pause_relief", Limits { pause_relief: Duration::ZERO, ..Limits::default() }),
    ];
    for (name, limits) in nonsense {
        let refused = ground.try_system(|builder| builder.limits(limits)).err();
        let Some(Error::InvalidSetting { setting, problem }) = refused else { panic!("{name}: {refused:?}") };
        assert!(setting.contains(name) && problem.contains("must be"), "{setting}: {problem}");
    }
}

/// Tries what needs other crates.
#[derive(Default)]
struct Ambitious;

#[actor]
impl Ambitious {
    fn try_all(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        let tried = [
            ctx.register_source_authority().err(),
            ctx.load_actor_source(b"source").err(),
            ctx.unload_actor_source("hash").err(),
            ctx.notify_on_source_availability(true).err(),
            ctx.notify_on_system_registration_changes(true).err(),
            ctx.pre_register_remote_system("10.0.0.1:1900", Capabilities::new()).err(),
            ctx.de_register_remote_system("10.0.0.1:1900").err(),
        ];
        let said: Vec<String> = tried.iter().flatten().map(ToString::to_string).collect();
        ctx.reply(said)
    }
}

pub(crate) fn features_that_are_not_there_say_so(ground: &Ground<'_>) {
    let stage = ground.system();
    let actor = stage.actor::<Ambitious>();
    let said: Vec<String> = stage.query(&actor, ());
    let sources = if ground.can(crate::Ability::Sources) { 0 } else { 4 };
    let conventions = if ground.can(crate::Ability::Conventions) { 0 } else { 3 };
    assert_eq!(said.len(), sources + conventions);
    assert!(said.iter().all(|text| text.contains("does not support") && text.contains(ground.base())), "{said:?}");
    if sources > 0 {
        let feature = Feature::SourceLoading;
        let refused = Error::NotSupported { feature, base: ground.base().into() };
        assert_eq!(stage.load_actor_source(b"source"), Err(refused.clone()));
        assert_eq!(stage.unload_actor_source("hash"), Err(refused));
    }
}

pub(crate) fn a_system_can_be_started_again(ground: &Ground<'_>) {
    let mut seen: Vec<ActorAddress> = Vec::new();
    for _ in 0..3 {
        let stage = ground.system();
        let puppet = stage.puppet();
        assert!(!seen.contains(&puppet));
        for old in &seen {
            assert!(stage.is_dead(old));
        }
        seen.push(puppet);
        stage.shutdown().expect("down");
    }
}

pub(crate) fn uptime_grows(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    let before = stage.status().expect("status").uptime;
    stage.order(&puppet, [Step::wakeup(10)]);
    stage.journal(&puppet, 1);
    let after: thespian_core::SystemStatus = stage.query(&stage.system_address(), StatusReq);
    assert!(after.uptime >= before + Duration::from_millis(10), "{before:?} {:?}", after.uptime);
    assert_eq!(after.state, SystemState::Running);
    let journal: Vec<crate::actors::Entry> = stage.query(&puppet, Report);
    assert!(matches!(&journal[0].what, What::Wakeup { at, .. } if *at >= Duration::from_millis(10)));
}
