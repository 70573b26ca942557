//! Handlers that fail (guide sections 4.3 and 4.4, decisions D1 to D6).

use std::fmt;

use serde::{Deserialize, Serialize};
use thespian_core::{
    ActorAddress, AnyMessage, Context, Failure, FailurePolicy, Handled, Limits, Message, PoisonMessage, actor,
};

use crate::actors::{Entry, Plan, Puppet, Step, What};
use crate::ground::{Ground, SOON, Stage};

fn texts(journal: &[Entry]) -> Vec<&str> {
    let texts = journal.iter().filter_map(|entry| match &entry.what {
        What::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// The text and the details of the poison in a journal.
fn poison(journal: &[Entry]) -> Vec<(Option<&str>, &str)> {
    let poison = journal.iter().filter_map(|entry| match &entry.what {
        What::Poison { text, details, .. } => Some((text.as_deref(), details.as_str())),
        _ => None,
    });
    poison.collect()
}

pub(crate) fn a_failed_message_is_tried_twice_and_comes_back(ground: &Ground<'_>) {
    let stage = ground.system();
    let (sender, target) = (stage.puppet(), stage.puppet());
    stage.order(&sender, [Step::send(&target, "fail!")]);
    let journal = stage.journal(&sender, 1);
    assert_eq!(poison(&journal), [(Some("fail!"), "told to fail")]);
    assert_eq!(journal[0].from, target);
    assert_eq!(texts(&stage.journal(&target, 2)), ["fail!", "fail!"]);
}

pub(crate) fn a_panic_is_a_failure(ground: &Ground<'_>) {
    let stage = ground.system();
    let (sender, target) = (stage.puppet(), stage.puppet());
    stage.order(&sender, [Step::send(&target, "panic!")]);
    let journal = stage.journal(&sender, 1);
    let poison = poison(&journal);
    assert!(poison[0].1.contains("told to panic") && poison[0].1.contains("actors.rs:"), "{poison:?}");
    assert_eq!(texts(&stage.journal(&target, 2)), ["panic!", "panic!"]);
}

#[derive(Default)]
struct Odd {
    attempts: u32,
}

#[actor(failure_policy = FailurePolicy::NO_RETRY)]
impl Odd {
    fn panic(&mut self, _: &String, _: &mut Context<'_>) {
        self.attempts += 1;
        std::panic::panic_any(vec![1]);
    }

    fn fail(&mut self, _: &bool, _: &mut Context<'_>) -> Result<(), Outer> {
        self.attempts += 1;
        Err(Outer(Inner))
    }

    fn attempts(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.attempts)
    }
}

#[derive(Debug)]
struct Outer(Inner);

#[derive(Debug)]
struct Inner;

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the outer error")
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the inner cause")
    }
}

impl std::error::Error for Inner {}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Asks, and gets poison.
fn poisoned(stage: &Stage<'_>, target: &ActorAddress, message: impl Message) -> PoisonMessage {
    let answer = stage.ask(target, message, SOON).expect("up");
    answer.take().expect("poison")
}

pub(crate) fn a_panic_with_no_text_is_a_failure(ground: &Ground<'_>) {
    let stage = ground.system();
    let odd = stage.actor::<Odd>();
    let details = poisoned(&stage, &odd, String::from("go")).details;
    assert!(details.contains("no text"), "{details}");
}

pub(crate) fn poison_carries_the_text_of_the_error_and_its_causes(ground: &Ground<'_>) {
    let stage = ground.system();
    let odd = stage.actor::<Odd>();
    assert_eq!(poisoned(&stage, &odd, true).details, "the outer error: the inner cause");
}

pub(crate) fn an_actor_can_choose_to_have_no_retry(ground: &Ground<'_>) {
    let stage = ground.system();
    let odd = stage.actor::<Odd>();
    drop(poisoned(&stage, &odd, true));
    assert_eq!(stage.query::<u32>(&odd, ()), 1);
}

pub(crate) fn the_second_attempt_may_succeed(ground: &Ground<'_>) {
    let stage = ground.system();
    let (sender, target) = (stage.puppet(), stage.puppet());
    stage.order(&sender, [Step::send(&target, "once!"), Step::send(&target, "after")]);
    assert_eq!(texts(&stage.journal(&target, 3)), ["once!", "once!", "after"]);
    assert_eq!(stage.journal(&sender, 0), []);
}

pub(crate) fn the_state_of_a_failed_attempt_stays(ground: &Ground<'_>) {
    let stage = ground.system();
    let (sender, target) = (stage.puppet(), stage.puppet());
    stage.order(&sender, [Step::send(&target, "fail!"), Step::send(&target, 7_u64)]);
    let journal = stage.journal(&target, 3);
    assert_eq!(texts(&journal), ["fail!", "fail!"]);
    assert_eq!(journal[2].what, What::Number(7));
}

pub(crate) fn a_failed_attempt_releases_nothing(ground: &Ground<'_>) {
    let stage = ground.system();
    let (doer, friend) = (stage.puppet(), stage.puppet());
    stage.order(&doer, [Step::send(&friend, "never"), Step::Fail("on purpose".into())]);
    stage.order(&doer, [Step::send(&friend, "once"), Step::FailOnce]);
    stage.order(&doer, [Step::send(&friend, "last")]);
    assert_eq!(texts(&stage.journal(&friend, 2)), ["once", "last"]);
}

pub(crate) fn a_failed_attempt_creates_nothing(ground: &Ground<'_>) {
    let stage = ground.system();
    let doer = stage.puppet();
    stage.order(&doer, [Step::create::<Puppet>(), Step::Fail("on purpose".into())]);
    stage.settle();
    assert_eq!(stage.status().expect("status").actor_count, 1);
    // The addresses it was given are nobody's.
    for child in stage.children(&doer) {
        assert!(stage.is_dead(&child));
    }
    assert_eq!(stage.journal(&doer, 0), []);
}

pub(crate) fn a_failed_attempt_sets_no_timer(ground: &Ground<'_>) {
    let stage = ground.system();
    let doer = stage.puppet();
    stage.order(&doer, [Step::wakeup(1), Step::HandleDeadLetters(true), Step::Fail("on purpose".into())]);
    stage.pass(std::time::Duration::from_millis(30));
    assert_eq!(stage.journal(&doer, 0), []);
    assert_eq!(stage.status().expect("status").dead_letter_handler, None);
}

pub(crate) fn a_failed_attempt_frees_the_name_it_claimed(ground: &Ground<'_>) {
    let stage = ground.system();
    let doer = stage.puppet();
    let named = Step::Create(Plan { global_name: Some("the one".into()), ..Plan::of::<Puppet>() });
    stage.order(&doer, [named, Step::Fail("on purpose".into())]);
    stage.settle();
    assert_eq!(stage.find_actor("the one").expect("up"), None);
    let again = Step::Create(Plan { global_name: Some("the one".into()), ..Plan::of::<Puppet>() });
    stage.order(&doer, [again]);
    stage.eventually("it is there", || stage.find_actor("the one").expect("up").is_some());
    let address = *stage.children(&doer).last().expect("a child");
    assert_eq!(stage.find_actor("the one").expect("up"), Some(address));
}

pub(crate) fn what_was_flushed_is_not_taken_back(ground: &Ground<'_>) {
    let stage = ground.system();
    let (doer, friend) = (stage.puppet(), stage.puppet());
    stage.order(
        &doer,
        [Step::send(&friend, "flushed"), Step::Flush, Step::send(&friend, "not"), Step::Fail("on purpose".into())],
    );
    assert_eq!(texts(&stage.journal(&friend, 2)), ["flushed", "flushed"], "once for each attempt");
}

#[derive(Debug, PartialEq, Clone, Serialize, Deserialize, Message)]
struct Freight {
    name: String,
    weights: Vec<f64>,
    inside: Option<ActorAddress>,
}

pub(crate) fn poison_carries_the_original_message(ground: &Ground<'_>) {
    #[derive(Default)]
    struct Scale;
    #[actor]
    impl Scale {
        fn weigh(&mut self, freight: &Freight, _: &mut Context<'_>) -> Result<(), Failure> {
            Err(Failure::new(format_args!("{} is too heavy", freight.name)))
        }
    }
    let stage = ground.system();
    let scale = stage.actor::<Scale>();
    let freight = Freight { name: "anvil".into(), weights: vec![0.5, 1e9], inside: Some(scale) };
    let poison = poisoned(&stage, &scale, freight.clone());
    assert_eq!(poison.message.downcast_ref::<Freight>(), Some(&freight));
    assert_eq!(poison.details, "anvil is too heavy");
}

pub(crate) fn only_the_direct_sender_is_poisoned(ground: &Ground<'_>) {
    let stage = ground.system();
    let (first, second, third) = (stage.puppet(), stage.puppet(), stage.puppet());
    // First tells second to send third something on which it fails.
    let order = crate::actors::Order(vec![Step::send(&third, "fail!")]);
    stage.order(&first, [Step::Send(second, AnyMessage::new(order))]);
    assert_eq!(poison(&stage.journal(&second, 1)), [(Some("fail!"), "told to fail")]);
    assert_eq!(stage.journal(&first, 0), []);
    assert!(stage.listen(0).expect("up").is_timed_out());
}

pub(crate) fn a_handler_that_fails_on_poison_poisons_nobody(ground: &Ground<'_>) {
    let stage = ground.system();
    let (sender, target) = (stage.puppet(), stage.puppet());
    stage.order(&sender, [Step::FailOn("poison".into()), Step::send(&target, "fail!")]);
    assert_eq!(poison(&stage.journal(&sender, 2)).len(), 2, "both attempts");
    assert_eq!(texts(&stage.journal(&target, 2)), ["fail!", "fail!"]);
    assert_eq!(stage.journal(&target, 0).len(), 2);
}

pub(crate) fn a_failure_on_a_wakeup_poisons_the_actor_itself(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    stage.order(&puppet, [Step::FailOn("wakeup".into()), Step::wakeup(1)]);
    let journal = stage.journal(&puppet, 3);
    assert_eq!(journal.len(), 3);
    let What::Poison { type_name, details, .. } = &journal[2].what else { panic!("{journal:?}") };
    assert_eq!((type_name.as_str(), details.as_str()), ("thespian::WakeupMessage", "told to fail on a wakeup"));
    assert_eq!(journal[2].from, puppet);
}

pub(crate) fn a_failure_on_an_own_message_poisons_the_actor_itself(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    stage.order(&puppet, [Step::send(&puppet, "fail!")]);
    assert_eq!(poison(&stage.journal(&puppet, 3)), [(Some("fail!"), "told to fail")]);
}

pub(crate) fn the_actor_lives_on_after_a_failure(ground: &Ground<'_>) {
    let stage = ground.system();
    let (sender, target) = (stage.puppet(), stage.puppet());
    for _ in 0..20 {
        stage.order(&sender, [Step::send(&target, "panic!"), Step::send(&target, 1_u64)]);
    }
    let journal = stage.journal(&target, 60);
    assert_eq!(journal.iter().filter(|entry| entry.what == What::Number(1)).count(), 20);
    assert_eq!(poison(&stage.journal(&sender, 20)).len(), 20);
}

/// Counts, and loses count when it fails.
struct Forgetful {
    count: u32,
}

#[actor(failure_policy = FailurePolicy::RETRY_ONCE.with_fresh_instance())]
impl Forgetful {
    #[start]
    fn new(count: u32) -> Forgetful {
        Forgetful { count }
    }

    fn count(&mut self, fail: &bool, ctx: &mut Context<'_>) -> Handled {
        self.count += 1;
        if *fail {
            return Err(Failure::new(self.count));
        }
        ctx.reply(self.count)
    }
}

pub(crate) fn an_actor_can_choose_a_fresh_instance(ground: &Ground<'_>) {
    let stage = ground.system();
    let actor = stage.create(thespian_core::ActorSpec::of::<Forgetful>().start(10_u32)).expect("created");
    assert_eq!(stage.query::<u32>(&actor, false), 11);
    assert_eq!(stage.query::<u32>(&actor, false), 12);
    // The first attempt is by the instance that stands at 12, the second by a fresh one.
    assert_eq!(poisoned(&stage, &actor, true).details, "11");
    assert_eq!(stage.query::<u32>(&actor, false), 11);
}

/// What a [`Sore`] begins with. Its copies cannot be copied again.
#[derive(Serialize, Deserialize, Message)]
struct Once(bool);

impl Clone for Once {
    fn clone(&self) -> Once {
        assert!(self.0, "copied once too often");
        Once(false)
    }
}

/// Panics when it is dropped, and cannot be made afresh for ever.
struct Sore;

#[actor(failure_policy = FailurePolicy::NO_RETRY.with_fresh_instance())]
impl Sore {
    #[start]
    fn new(_: Option<Once>) -> Sore {
        Sore
    }

    fn fail(&mut self, text: &String, _: &mut Context<'_>) -> Handled {
        Err(Failure::new(text))
    }

    fn answer(&mut self, number: &u32, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(*number)
    }
}

impl Drop for Sore {
    fn drop(&mut self) {
        panic!("even that");
    }
}

/// The same with an argument whose copy panics.
struct Unique;

#[actor(failure_policy = FailurePolicy::NO_RETRY.with_fresh_instance())]
impl Unique {
    #[start]
    fn new(_: Once) -> Unique {
        Unique
    }

    fn fail(&mut self, text: &String, _: &mut Context<'_>) -> Handled {
        Err(Failure::new(text))
    }

    fn answer(&mut self, number: &u32, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(*number)
    }
}

pub(crate) fn an_instance_that_cannot_be_replaced_quietly_disturbs_nobody(ground: &Ground<'_>) {
    let stage = ground.system();
    let specs = [
        thespian_core::ActorSpec::of::<Sore>().start(None::<Once>),
        thespian_core::ActorSpec::of::<Unique>().start(Once(true)),
        thespian_core::ActorSpec::of::<Unique>().start(Once(false)),
    ];
    for spec in specs {
        let actor = stage.create(spec).expect("created");
        assert_eq!(poisoned(&stage, &actor, String::from("once")).details, "once");
        assert_eq!(poisoned(&stage, &actor, String::from("twice")).details, "twice");
        assert_eq!(stage.query::<u32>(&actor, 7_u32), 7);
    }
}

pub(crate) fn a_caller_outside_is_poisoned(ground: &Ground<'_>) {
    let stage = ground.system();
    let target = stage.puppet();
    let poison = poisoned(&stage, &target, String::from("fail!"));
    assert_eq!(poison.message.downcast_ref::<String>().map(String::as_str), Some("fail!"));
    assert_eq!(poison.details, "told to fail");
}

pub(crate) fn failed_attempts_are_counted(ground: &Ground<'_>) {
    let stage = ground.system();
    let (sender, target) = (stage.puppet(), stage.puppet());
    stage.order(&sender, [Step::send(&target, "fail!"), Step::send(&target, "once!")]);
    stage.journal(&target, 4);
    let counters = stage.status().expect("status").counters;
    assert_eq!((counters.failed_attempts, counters.poisoned), (3, 1));
}

pub(crate) fn an_attempt_that_asks_for_too_much_fails(ground: &Ground<'_>) {
    let limits = Limits { actions_per_attempt: 10, ..Limits::default() };
    let stage = ground.system_with(|builder| builder.limits(limits));
    let (doer, friend) = (stage.puppet(), stage.puppet());
    let sends = |count: u64| (0..count).map(|n| Step::send(&friend, n)).collect::<Vec<_>>();
    let poison = poisoned(&stage, &doer, crate::actors::Order(sends(11)));
    assert!(poison.details.contains("actions_per_attempt"), "{}", poison.details);
    stage.order(&doer, sends(10));
    let mut flushed = sends(8);
    flushed.insert(4, Step::Flush);
    stage.order(&doer, flushed);
    assert_eq!(stage.journal(&friend, 18).len(), 18);
}

/// Says it is a text, and is something else on the wire.
#[derive(Serialize, Deserialize, Message)]
#[message(name = "str")]
struct Impostor(Vec<u64>);

pub(crate) fn a_message_of_the_wrong_bytes_poisons(ground: &Ground<'_>) {
    let stage = ground.system();
    let (sender, target) = (stage.puppet(), stage.puppet());
    // As a text this is longer than its bytes.
    stage.order(&sender, [Step::send(&target, Impostor(vec![u64::MAX; 3])), Step::send(&target, "a real text")]);
    assert_eq!(texts(&stage.journal(&target, 1)), ["a real text"]);
    let journal = stage.journal(&sender, 1);
    let What::Poison { details, .. } = &journal[0].what else { panic!("{journal:?}") };
    assert!(details.contains("not a str"), "{details}");
}
