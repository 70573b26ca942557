//! Who gets which message, how the troupe grows and shrinks, its settings.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use thespian_core::{
    Actor, ActorAddress, ActorSpec, ActorTypes, Capabilities, Context, Error, Handled, Helpers, Value, actor,
    actors,
};
use thespian_troupe::{Troupe, TroupeSettings, TroupeStart, UpdateTroupeSettings, troupe};

use crate::ground::{Bee, Began, DELAY, Echo, Ended, Ground, Hold, Release, SOON, settings};
use crate::scenarios::together;

pub(crate) fn every_message_goes_to_exactly_one_worker(ground: &Ground) {
    let bees = ground.bees(settings(5, 2));
    for number in 0..100 {
        bees.tell(Echo(number));
    }
    let mut answers: Vec<u64> = (0..100).map(|_| bees.take::<Echo>().0).collect();
    answers.sort_unstable();
    assert_eq!(answers, (0..100).collect::<Vec<u64>>());
    bees.nothing();
    bees.await_status("0 messages wait; 100 done, 0 failed, 0 redelivered");
}

pub(crate) fn the_answer_comes_straight_from_a_worker(ground: &Ground) {
    let bees = ground.bees(settings(3, 3));
    let mut workers = BTreeSet::new();
    for _ in 0..3 {
        bees.tell(Hold);
        let reply = bees.next();
        assert_eq!(reply.message.downcast::<Began>().unwrap(), Began(reply.sender));
        workers.insert(reply.sender);
    }
    assert!(workers.len() == 3 && !workers.contains(&bees.troupe), "{workers:?}");
}

pub(crate) fn each_of_many_askers_gets_its_own_answers(ground: &Ground) {
    let bees = ground.bees(settings(2, 2));
    let askers: Vec<_> = (0..5).map(|_| ground.asker(bees.troupe)).collect();
    for round in 0..4 {
        for (number, asker) in askers.iter().enumerate() {
            asker.tell(Echo(10 * round + number as u64));
        }
        for (number, asker) in askers.iter().enumerate() {
            assert_eq!(asker.take::<Echo>(), Echo(10 * round + number as u64));
            // The worker knows this one already.
            assert_eq!(asker.ask::<Echo>(Echo(100 + round)), Echo(100 + round));
        }
    }
}

pub(crate) fn workers_come_with_the_work_up_to_max_count(ground: &Ground) {
    let bees = ground.bees(settings(3, 1));
    let mut workers = vec![bees.hold()];
    bees.await_status("1 workers (1 busy, 0 idle");
    workers.extend([bees.hold(), bees.hold()]);
    bees.tell(Hold);
    bees.tell(Hold);
    bees.await_status("3 workers (3 busy, 0 idle, 0 leaving), max_count 3, idle_count 1; 2 messages wait");
    bees.nothing();
    bees.tell_to(&workers[1], Release);
    assert_eq!(bees.take::<Ended>(), Ended);
    assert_eq!(bees.take::<Began>(), Began(workers[1]));
    bees.await_status("3 workers (3 busy, 0 idle, 0 leaving), max_count 3, idle_count 1; 1 messages wait");
}

pub(crate) fn the_first_to_come_is_the_first_served(ground: &Ground) {
    let bees = ground.bees(settings(1, 1));
    let worker = bees.hold();
    for number in 0..20 {
        bees.tell(Echo(number));
    }
    bees.tell_to(&worker, Release);
    bees.take::<Ended>();
    for number in 0..20 {
        assert_eq!(bees.take::<Echo>(), Echo(number));
    }
}

pub(crate) fn workers_go_down_to_idle_count_after_the_work(ground: &Ground) {
    let bees = ground.bees(settings(5, 2));
    let workers: Vec<ActorAddress> = (0..5).map(|_| bees.hold()).collect();
    for worker in &workers {
        bees.tell_to(worker, Release);
        bees.take::<Ended>();
    }
    bees.await_status("2 workers (0 busy, 2 idle, 0 leaving)");
    ground.pass(2 * DELAY);
    bees.await_status("2 workers (0 busy, 2 idle, 0 leaving)");
    assert_eq!(workers.iter().filter(|worker| ground.is_dead(worker)).count(), 3);
    assert_eq!(bees.ask::<Echo>(Echo(1)), Echo(1));
}

pub(crate) fn a_troupe_can_be_large(ground: &Ground) {
    let bees = ground.bees(settings(100, 100));
    let workers: Vec<ActorAddress> = (0..100).map(|_| bees.hold()).collect();
    for worker in &workers {
        bees.tell_to(worker, Release);
        bees.take::<Ended>();
    }
    bees.await_status("100 workers (0 busy, 100 idle");
    for number in 0..300 {
        bees.tell(Echo(number));
    }
    for _ in 0..300 {
        bees.take::<Echo>();
    }
    bees.await_status(
        "100 workers (0 busy, 100 idle, 0 leaving), max_count 100, idle_count 100; 0 messages wait; 400 done",
    );
}

pub(crate) fn no_worker_is_made_before_there_is_work(ground: &Ground) {
    let bees = ground.bees(settings(5, 5));
    assert!(bees.status().contains("0 workers"), "{}", bees.status());
    bees.ask::<Echo>(Echo(1));
    bees.await_status("1 workers (0 busy, 1 idle");
    // One after the other they need no second one.
    for number in 0..5 {
        bees.ask::<Echo>(Echo(number));
        bees.await_status("1 workers (0 busy, 1 idle");
    }
}

pub(crate) fn settings_change_by_text(ground: &Ground) {
    let bees = ground.bees(TroupeSettings::default());
    assert_eq!(bees.ask::<String>("troupe:set_max_count=9"), "Set troupe max_count to 9");
    assert_eq!(bees.ask::<String>("troupe:set_idle_count=4"), "Set troupe idle_count to 4");
    assert!(bees.status().contains("max_count 9, idle_count 4"), "{}", bees.status());
    // One number at a time there is no contradiction: no more stay than there may be.
    assert_eq!(bees.ask::<String>("troupe:set_max_count=1"), "Set troupe max_count to 1");
    assert_eq!(bees.ask::<String>("troupe:set_idle_count=0"), "Set troupe idle_count to 0");
}

pub(crate) fn settings_change_by_message(ground: &Ground) {
    let bees = ground.bees(TroupeSettings::default());
    let update = |max_count, idle_count| UpdateTroupeSettings { max_count, idle_count };
    assert_eq!(bees.ask::<UpdateTroupeSettings>(update(Some(10), Some(4))), update(Some(10), Some(4)));
    assert_eq!(bees.ask::<UpdateTroupeSettings>(update(None, Some(3))), update(Some(10), Some(3)));
    assert_eq!(bees.ask::<UpdateTroupeSettings>(update(Some(7), None)), update(Some(7), Some(3)));
    assert_eq!(bees.ask::<UpdateTroupeSettings>(update(None, None)), update(Some(7), Some(3)));
}

pub(crate) fn wrong_numbers_are_answered_and_change_nothing(ground: &Ground) {
    let bees = ground.bees(TroupeSettings::default());
    for (text, answer) in [
        ("max_count=0", "Error setting troupe max_count: 0 is not a whole number from 1 to 10000"),
        ("max_count=-3", "Error setting troupe max_count: \"-3\" is not a whole number from 1 to 10000"),
        ("max_count=10001", "Error setting troupe max_count: 10001 is not a whole number from 1 to 10000"),
        ("max_count=", "Error setting troupe max_count: \"\" is not a whole number from 1 to 10000"),
        ("max_count", "Error setting troupe max_count: \"\" is not a whole number from 1 to 10000"),
        ("max_count=many", "Error setting troupe max_count: \"many\" is not a whole number from 1 to 10000"),
        ("max_count=1.5", "Error setting troupe max_count: \"1.5\" is not a whole number from 1 to 10000"),
        (
            "idle_count=99999999999",
            "Error setting troupe idle_count: \"99999999999\" is not a whole number from 0 to 10000",
        ),
    ] {
        assert_eq!(bees.ask::<String>(format!("troupe:set_{text}")), answer, "{text}");
    }
    for (max_count, idle_count, answer) in [
        (Some(0), None, "Error setting troupe max_count: 0 is not a whole number from 1 to 10000"),
        (
            Some(5),
            Some(10_001),
            "Error setting troupe idle_count: 10001 is above max_count, which is to be 5",
        ),
        (Some(5), Some(6), "Error setting troupe idle_count: 6 is above max_count, which is to be 5"),
        (None, Some(10_001), "Error setting troupe idle_count: 10001 is not a whole number from 0 to 10000"),
    ] {
        assert_eq!(bees.ask::<String>(UpdateTroupeSettings { max_count, idle_count }), answer);
    }
    assert!(bees.status().contains("max_count 10, idle_count 2"), "{}", bees.status());
}

pub(crate) fn a_text_for_the_troupe_is_no_work(ground: &Ground) {
    let bees = ground.bees(TroupeSettings::default());
    let answer = bees.ask::<String>("troupe:sing");
    assert!(
        answer.starts_with("Error: \"troupe:sing\" is no troupe command; there are troupe:status?"),
        "{answer}"
    );
    let answer = bees.ask::<String>(format!("troupe:{}", "ä".repeat(1000)));
    assert!(answer.len() < 300, "{answer}");
    let status = bees.status();
    assert!(status.starts_with(&format!("troupe of {}: 0 workers", Bee::type_name())), "{status}");
    assert!(
        !status.contains('\n') && status.ends_with("0 messages wait; 0 done, 0 failed, 0 redelivered"),
        "{status}"
    );
    assert_eq!(bees.ask::<String>("Troupe:set_max_count=9"), "text \"Troupe:set_max_count=9\"");
}

pub(crate) fn raising_max_count_serves_what_waits_at_once(ground: &Ground) {
    let bees = ground.bees(settings(1, 1));
    bees.hold();
    for _ in 0..3 {
        bees.tell(Hold);
    }
    bees.await_status("1 workers (1 busy, 0 idle, 0 leaving), max_count 1, idle_count 1; 3 messages wait");
    bees.nothing();
    ground.asker(bees.troupe).ask::<String>("troupe:set_max_count=3");
    let began: BTreeSet<ActorAddress> = (0..2).map(|_| bees.take::<Began>().0).collect();
    assert_eq!(began.len(), 2);
    bees.await_status("3 workers (3 busy, 0 idle, 0 leaving), max_count 3, idle_count 1; 1 messages wait");
}

pub(crate) fn lowering_max_count_takes_workers_as_they_finish(ground: &Ground) {
    let never = TroupeSettings { dismissal_delay: Duration::from_secs(3600), ..settings(4, 4) };
    let bees = ground.bees(never);
    let workers: Vec<ActorAddress> = (0..4).map(|_| bees.hold()).collect();
    bees.ask::<String>("troupe:set_max_count=2");
    bees.await_status("4 workers (4 busy");
    bees.tell(Echo(1));
    for worker in &workers[..2] {
        bees.tell_to(worker, Release);
        bees.take::<Ended>();
    }
    bees.await_status("2 workers (2 busy, 0 idle, 0 leaving), max_count 2, idle_count 4; 1 messages wait");
    bees.nothing();
    bees.tell_to(&workers[2], Release);
    bees.take::<Ended>();
    assert_eq!(bees.take::<Echo>(), Echo(1));
    bees.await_status("2 workers (1 busy, 1 idle, 0 leaving)");
    // One that is idle goes at once.
    bees.ask::<String>("troupe:set_max_count=1");
    bees.await_status("1 workers (1 busy, 0 idle, 0 leaving)");
}

pub(crate) fn lowering_idle_count_dismisses_after_the_delay(ground: &Ground) {
    let bees = ground.bees(settings(3, 3));
    let workers: Vec<ActorAddress> = (0..3).map(|_| bees.hold()).collect();
    for worker in &workers {
        bees.tell_to(worker, Release);
        bees.take::<Ended>();
    }
    bees.await_status("3 workers (0 busy, 3 idle");
    ground.pass(2 * DELAY);
    let begun = Instant::now();
    bees.ask::<String>("troupe:set_idle_count=0");
    // Nobody goes before the delay is over, which it is where a machine takes as long to ask.
    let status = bees.status();
    let is_in_time = || begun.elapsed() < DELAY;
    assert!(status.contains("3 workers (0 busy, 3 idle") || !is_in_time(), "{status}");
    ground.pass(DELAY);
    bees.await_status("0 workers (0 busy, 0 idle, 0 leaving)");
}

pub(crate) fn falsy_messages_are_work(ground: &Ground) {
    let bees = ground.bees(settings(2, 1));
    assert_eq!(bees.ask::<String>(0_u32), "0");
    assert_eq!(bees.ask::<String>(""), "text \"\"");
    assert_eq!(bees.ask::<String>(()), "unit");
    assert_eq!(bees.ask::<String>(false), "false");
    assert_eq!(bees.ask::<String>(Vec::<u8>::new()), "[]");
}

/// Answers with what it was started with.
struct Started(String);

#[actor]
impl Started {
    #[start]
    fn new(argument: String) -> Started {
        Started(argument)
    }

    fn ask(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("{} from {}", self.0, ctx.my_address()))
    }
}

pub(crate) fn a_start_argument_reaches_every_worker(ground: &Ground) {
    let spec = Troupe::<Started>::with(settings(3, 3), "hello".into()).unwrap();
    let troupe = ground.asker(ground.system.create(spec).unwrap());
    for _ in 0..10 {
        troupe.tell(());
    }
    for _ in 0..10 {
        let answer = troupe.take::<String>();
        assert!(answer.starts_with("hello from actor-"), "{answer}");
    }
}

troupe! {
    /// Some bees.
    #[derive(Debug)]
    pub(crate) troupe Hive of Bee { max_count: 3, idle_count: 1 }

    troupe Greeters of Started {}
}

pub(crate) fn a_named_troupe_is_an_actor_type(ground: &Ground) {
    let hive = ground.asker(ground.system.create_actor::<Hive>().unwrap());
    assert!(hive.status().contains("max_count 3, idle_count 1"), "{}", hive.status());
    assert_eq!(hive.ask::<Echo>(Echo(5)), Echo(5));
    let spec = ActorSpec::with::<Greeters>("salut".into());
    let greeters = ground.asker(ground.system.create(spec).unwrap());
    assert!(greeters.ask::<String>(()).starts_with("salut from"));
    assert_eq!((Hive::HELPERS, Troupe::<Bee>::HELPERS), (Helpers::TROUPE, Helpers::TROUPE));
    assert!(Hive::type_name().ends_with("::pool::Hive"), "{}", Hive::type_name());
}

pub(crate) fn a_troupe_is_created_by_name(ground: &Ground) {
    let start = TroupeStart::new(settings(2, 1), ()).unwrap();
    let spec = ActorSpec::named(Troupe::<Bee>::type_name()).start(start);
    let bees = ground.asker(ground.system.create(spec).unwrap());
    assert_eq!(bees.ask::<Echo>(Echo(5)), Echo(5));
}

pub(crate) fn bad_settings_are_typed_errors(_: &Ground) {
    let fine = TroupeSettings::default;
    for (settings, name, what) in [
        (TroupeSettings { max_count: 0, ..fine() }, "max_count", "is 0, and must be from 1 to 10000"),
        (TroupeSettings { max_count: u32::MAX, ..fine() }, "max_count", "is 4294967295, and must be from 1"),
        (
            TroupeSettings { idle_count: 11, ..fine() },
            "idle_count",
            "must not be above max_count, which is 10",
        ),
        (TroupeSettings { queue_limit: 500_001, ..fine() }, "queue_limit", "must be from 0 to 500000"),
        (TroupeSettings { redelivery_limit: 101, ..fine() }, "redelivery_limit", "must be from 0 to 100"),
        (TroupeSettings { dismissal_delay: Duration::MAX, ..fine() }, "dismissal_delay", "must be at most"),
        (TroupeSettings { ahead_limit: 0, ..fine() }, "ahead_limit", "must be from 1 to 1000"),
        (TroupeSettings { ahead_limit: 1001, ..fine() }, "ahead_limit", "must be from 1 to 1000"),
        (TroupeSettings { inquiry_delay: Duration::ZERO, ..fine() }, "inquiry_delay", "must be from 1s"),
    ] {
        let Err(Error::InvalidSetting { setting, problem }) = Troupe::<Bee>::of(settings.clone()) else {
            panic!("{settings:?} is taken");
        };
        assert_eq!(setting, format!("TroupeSettings::{name}"));
        assert!(problem.contains(what), "{problem}");
        assert!(TroupeStart::new(settings, ()).is_err());
    }
}

pub(crate) fn a_wrong_start_argument_is_refused(ground: &Ground) {
    let start = TroupeStart::new(settings(1, 1), 5_u8).unwrap();
    let error = ground.system.create(ActorSpec::with::<Troupe<Started>>(start)).unwrap_err();
    let Error::ActorStartFailed { details, .. } = error else { panic!("{error}") };
    assert!(details.contains("takes a start argument of type str, and was given u8"), "{details}");
}

/// Needs a capability whose name the requirements say.
#[derive(Default)]
struct Choosy;

#[actor]
impl Choosy {
    #[capability_check]
    fn check(capabilities: &Capabilities, requirements: &Value) -> bool {
        requirements.as_str().is_some_and(|name| capabilities.get(name).is_some_and(Value::is_truthy))
    }

    fn work(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply("done")
    }
}

pub(crate) fn a_worker_needs_what_its_type_needs(ground: &Ground) {
    let needs = |name: &str| TroupeSettings { requirements: name.into(), ..settings(2, 1) };
    let error = ground.system.create(Troupe::<Choosy>::of(needs("Lamp")).unwrap()).unwrap_err();
    assert!(matches!(error, Error::NoCompatibleSystemForActor { .. }), "{error}");
    ground.system.update_capability("Lamp", true).unwrap();
    let troupe = ground.system.create(Troupe::<Choosy>::of(needs("Lamp")).unwrap()).unwrap();
    assert_eq!(ground.system.request::<String>(&troupe, (), SOON), Ok("done".into()));
}

pub(crate) fn actor_types() -> ActorTypes {
    together([Troupe::<Started>::types(), Troupe::<Choosy>::types(), actors![Hive, Greeters]])
}
