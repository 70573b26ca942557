//! Messages that belong together, and the workers they have.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thespian_core::{
    ActorAddress, ActorExitRequest, ActorTypes, AnyMessage, Context, Error, Failure, Handled, Message,
    PoisonMessage, actor, actors,
};
use thespian_troupe::{Key, Keyed, KeyedTroupe, TroupeSettings, WorkInProgress, keyed_troupe};

use crate::ground::{Asker, Began, Echo, Ended, Ground, Release, SOON, settings};

/// The types of actors in these scenarios that have parameters.
pub(crate) fn actor_types() -> ActorTypes {
    actors![KeyedTroupe<Clerk>, Desks]
}

pub(crate) fn messages_with_one_key_go_to_one_worker_in_order(ground: &Ground) {
    let clerks = clerks(ground, settings(3, 3));
    for number in 0..20 {
        for key in 0..6 {
            clerks.tell(Step { key, number });
        }
    }
    let mut workers: BTreeMap<u32, ActorAddress> = BTreeMap::new();
    let mut numbers: BTreeMap<u32, u64> = BTreeMap::new();
    for _ in 0..120 {
        let reply = clerks.next();
        let Step { key, number } = reply.message.downcast().unwrap();
        assert_eq!(*workers.entry(key).or_insert(reply.sender), reply.sender, "key {key}");
        let next = numbers.entry(key).or_default();
        assert_eq!(number, *next, "key {key}");
        *next += 1;
    }
    assert_eq!(workers.values().collect::<BTreeSet<_>>().len(), 3);
    clerks.await_status("0 messages wait; 120 done, 0 failed, 0 redelivered; 6 keys have a worker");
}

pub(crate) fn keys_spread_over_as_many_workers_as_there_may_be(ground: &Ground) {
    let clerks = clerks(ground, settings(4, 4));
    let mut keys: BTreeMap<ActorAddress, u32> = BTreeMap::new();
    for key in 0..8 {
        // One after the other: a single worker could do it all. The answer may be there before the troupe knows that the work is
        // done, and a worker that it takes for busy has more to do than the others.
        *keys.entry(clerks.worker_of(key)).or_default() += 1;
        clerks.await_status("(0 busy");
    }
    assert_eq!(keys.into_values().collect::<Vec<_>>(), [2, 2, 2, 2]);
}

pub(crate) fn a_message_waits_for_the_worker_of_its_key_though_others_are_idle(ground: &Ground) {
    let clerks = clerks(ground, settings(2, 2));
    let other = clerks.worker_of(2);
    let worker = clerks.keep(1);
    clerks.tell(Step { key: 1, number: 7 });
    clerks.await_status("2 workers (1 busy, 1 idle, 0 leaving), max_count 2, idle_count 2; 1 messages wait");
    assert_eq!(clerks.worker_of(2), other);
    clerks.nothing();
    clerks.tell_to(&worker, Release);
    clerks.take::<Ended>();
    let reply = clerks.next();
    assert_eq!((reply.message.downcast().unwrap(), reply.sender), (Step { key: 1, number: 7 }, worker));
    clerks.await_status("0 messages wait");
}

pub(crate) fn a_new_key_goes_to_the_worker_that_has_least_to_do(ground: &Ground) {
    let clerks = clerks(ground, settings(2, 2));
    let (first, second) = (clerks.keep(1), clerks.keep(2));
    assert_ne!(first, second);
    for number in 0..3 {
        clerks.tell(Step { key: 1, number });
    }
    for key in 3..5 {
        clerks.tell(Step { key, number: 0 });
    }
    clerks.await_status("5 messages wait");
    clerks.tell_to(&second, Release);
    clerks.take::<Ended>();
    for key in 3..5 {
        let reply = clerks.next();
        assert_eq!((reply.message.downcast().unwrap(), reply.sender), (Step { key, number: 0 }, second));
    }
    clerks.nothing();
    clerks.tell_to(&first, Release);
    clerks.take::<Ended>();
    for number in 0..3 {
        assert_eq!(clerks.take::<Step>(), Step { key: 1, number });
    }
}

pub(crate) fn messages_without_a_key_go_to_any_worker_in_their_turn(ground: &Ground) {
    let clerks = clerks(ground, settings(2, 2));
    let first = clerks.keep(1);
    for number in 0..5 {
        assert_eq!(clerks.ask::<Echo>(Echo(number)), Echo(number));
    }
    let second = clerks.keep(2);
    clerks.tell(Step { key: 1, number: 0 });
    clerks.tell(Echo(10));
    clerks.tell(Step { key: 1, number: 1 });
    clerks.await_status("3 messages wait");
    clerks.tell_to(&first, Release);
    clerks.take::<Ended>();
    assert_eq!(clerks.take::<Step>(), Step { key: 1, number: 0 });
    assert_eq!(clerks.take::<Echo>(), Echo(10));
    assert_eq!(clerks.take::<Step>(), Step { key: 1, number: 1 });
    clerks.tell_to(&second, Release);
    clerks.take::<Ended>();
}

pub(crate) fn a_key_whose_worker_dies_gets_another_and_keeps_its_order(ground: &Ground) {
    let clerks = clerks(ground, settings(3, 3));
    // So that it is there already.
    let other = clerks.worker_of(2);
    let worker = clerks.keep(1);
    for number in 0..5 {
        clerks.tell(Step { key: 1, number });
    }
    clerks.await_status("5 messages wait");
    clerks.end(&worker);
    let Began(next) = clerks.take();
    assert_ne!(next, worker);
    clerks.await_status("5 messages wait");
    clerks.tell_to(&next, Release);
    clerks.take::<Ended>();
    for number in 0..5 {
        let reply = clerks.next();
        assert_eq!((reply.message.downcast().unwrap(), reply.sender), (Step { key: 1, number }, next));
    }
    assert_eq!((clerks.worker_of(1), clerks.worker_of(2)), (next, other));
    clerks.await_status("0 messages wait; 9 done, 0 failed, 1 redelivered");
}

pub(crate) fn a_failure_does_not_hold_up_its_key(ground: &Ground) {
    let clerks = clerks(ground, settings(2, 2));
    let worker = clerks.keep(1);
    clerks.tell(Wrong { key: 1 });
    clerks.tell(Step { key: 1, number: 1 });
    clerks.tell_to(&worker, Release);
    // The poison comes by way of the troupe, so it may be at any place among what comes from the worker.
    let replies = [clerks.next(), clerks.next(), clerks.next()];
    let (poison, answers): (Vec<_>, Vec<_>) =
        replies.into_iter().partition(|reply| reply.message.is::<PoisonMessage>());
    let details = poison.into_iter().map(|reply| reply.message.downcast::<PoisonMessage>().unwrap().details);
    assert_eq!(details.collect::<Vec<_>>(), ["as told"]);
    assert!(answers.iter().all(|reply| reply.sender == worker), "{answers:?}");
    assert!(answers[0].message.is::<Ended>(), "{answers:?}");
    assert_eq!(answers[1].message.downcast_ref(), Some(&Step { key: 1, number: 1 }));
}

pub(crate) fn a_key_that_cannot_be_had_is_poison(ground: &Ground) {
    let clerks = clerks(ground, settings(2, 2));
    let poison: PoisonMessage = clerks.ask(Keyless);
    assert!(poison.details.contains("no key for this"), "{}", poison.details);
    assert!(poison.message.is::<Keyless>());
    assert_eq!(clerks.ask::<Echo>(Echo(1)), Echo(1));
}

pub(crate) fn what_waits_for_a_key_counts_towards_the_limit(ground: &Ground) {
    let clerks = clerks(ground, TroupeSettings { queue_limit: 2, ..settings(2, 2) });
    let worker = clerks.keep(1);
    for number in 0..2 {
        clerks.tell(Step { key: 1, number });
    }
    let poison: PoisonMessage = clerks.ask(Step { key: 1, number: 2 });
    assert!(poison.details.contains("2 messages wait (TroupeSettings::queue_limit)"), "{}", poison.details);
    // Nobody has to wait for this one.
    clerks.worker_of(2);
    clerks.tell_to(&worker, Release);
    clerks.take::<Ended>();
    for number in 0..2 {
        assert_eq!(clerks.take::<Step>(), Step { key: 1, number });
    }
}

pub(crate) fn what_waits_for_a_key_at_the_exit_comes_back(ground: &Ground) {
    let clerks = clerks(ground, settings(2, 2));
    clerks.keep(1);
    clerks.keep(2);
    for number in 0..3 {
        clerks.tell(Step { key: 1, number });
        clerks.tell(Step { key: 2, number });
    }
    clerks.await_status("6 messages wait");
    clerks.tell(ActorExitRequest::new());
    let back: Vec<AnyMessage> = (0..8).map(|_| clerks.take::<PoisonMessage>().message).collect();
    let steps: Vec<Step> = back.iter().filter_map(|message| message.downcast_ref().cloned()).collect();
    let expected: Vec<Step> = (0..3).flat_map(|number| (1..3).map(move |key| Step { key, number })).collect();
    assert_eq!(steps, expected);
    ground.eventually("the troupe is gone", || ground.is_dead(&clerks.troupe));
}

pub(crate) fn keys_of_a_dismissed_worker_move_with_what_waits(ground: &Ground) {
    let clerks = clerks(ground, settings(2, 2));
    let (first, second) = (clerks.keep(1), clerks.keep(2));
    for number in 0..3 {
        clerks.tell(Step { key: 1, number });
        clerks.tell(Step { key: 2, number });
    }
    clerks.await_status("6 messages wait");
    let answer: String = ground.system.request(&clerks.troupe, "troupe:set_max_count=1", SOON).unwrap();
    assert_eq!(answer, "Set troupe max_count to 1");
    clerks.tell_to(&first, Release);
    clerks.take::<Ended>();
    clerks.await_status("1 workers (1 busy, 0 idle, 0 leaving), max_count 1, idle_count 2; 6 messages wait");
    assert!(clerks.status().ends_with("1 keys have a worker"), "{}", clerks.status());
    clerks.tell_to(&second, Release);
    clerks.take::<Ended>();
    for number in 0..3 {
        for key in 1..3 {
            let reply = clerks.next();
            assert_eq!((reply.message.downcast().unwrap(), reply.sender), (Step { key, number }, second));
        }
    }
}

pub(crate) fn raising_max_count_takes_no_key_from_its_worker(ground: &Ground) {
    let clerks = clerks(ground, settings(1, 1));
    let worker = clerks.keep(1);
    clerks.tell(Step { key: 2, number: 0 });
    clerks.await_status("1 messages wait");
    let answer: String = ground.system.request(&clerks.troupe, "troupe:set_max_count=2", SOON).unwrap();
    assert_eq!(answer, "Set troupe max_count to 2");
    assert_ne!(clerks.worker_of(3), worker);
    clerks.nothing();
    clerks.tell_to(&worker, Release);
    clerks.take::<Ended>();
    let reply = clerks.next();
    assert_eq!((reply.message.downcast().unwrap(), reply.sender), (Step { key: 2, number: 0 }, worker));
}

pub(crate) fn keys_beyond_the_limit_are_forgotten_but_not_while_they_have_messages(ground: &Ground) {
    let clerks = clerks(ground, TroupeSettings { key_limit: 10, ..settings(2, 2) });
    let worker = clerks.keep(0);
    clerks.tell(Step { key: 0, number: 0 });
    for key in 1..100 {
        clerks.tell(Step { key, number: 0 });
    }
    clerks.tell(Step { key: 0, number: 1 });
    // When this is answered all of them have come.
    clerks.tell("troupe:status?");
    let mut own = Vec::new();
    for _ in 0..103 {
        let reply = clerks.next();
        if reply.message.is::<String>() {
            clerks.tell_to(&worker, Release);
        } else if let Some(Step { key: 0, number }) = reply.message.downcast_ref() {
            own.push((reply.sender, *number));
        }
    }
    assert_eq!(own, [(worker, 0), (worker, 1)]);
    for key in 0..30 {
        clerks.worker_of(key);
    }
    let status = clerks.status();
    let keys = status.rsplit("; ").next().unwrap().strip_suffix(" keys have a worker").unwrap();
    assert!((5..=10).contains(&keys.parse::<u32>().unwrap()), "{status}");
}

pub(crate) fn a_named_troupe_can_have_keys(ground: &Ground) {
    let clerks = ground.asker(ground.system.create_actor::<Desks>().unwrap());
    let workers: BTreeSet<_> = (0..10).map(|round| clerks.worker_of(round % 2)).collect();
    assert_eq!(workers.len(), 2);
    clerks.await_status("max_count 2, idle_count 2; 0 messages wait; 10 done");
}

pub(crate) fn a_limit_of_keys_is_checked(_: &Ground) {
    for key_limit in [0, 1_000_001] {
        let settings = TroupeSettings { key_limit, ..TroupeSettings::default() };
        let Err(Error::InvalidSetting { setting, .. }) = KeyedTroupe::<Clerk>::of(settings) else {
            panic!("key_limit {key_limit} is refused");
        };
        assert_eq!(setting, "TroupeSettings::key_limit");
    }
}

fn clerks(ground: &Ground, settings: TroupeSettings) -> Asker<'_> {
    ground.asker(ground.system.create(KeyedTroupe::<Clerk>::of(settings).unwrap()).unwrap())
}

impl Asker<'_> {
    /// Who has this key.
    fn worker_of(&self, key: u32) -> ActorAddress {
        self.tell(Step { key, number: 99 });
        let reply = self.next();
        assert_eq!(reply.message.downcast::<Step>().unwrap(), Step { key, number: 99 });
        reply.sender
    }

    /// Has the worker of this key hold it until it is released, and returns its address.
    fn keep(&self, key: u32) -> ActorAddress {
        self.ask::<Began>(Keep { key }).0
    }
}

/// Answered with the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Step {
    key: u32,
    number: u64,
}

/// Answered with [`Began`] at once, and with [`Ended`] after a [`Release`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Keep {
    key: u32,
}

/// Fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Wrong {
    key: u32,
}

/// Whose key cannot be had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Keyless;

keyed_troupe! {
    /// Two, with keys.
    troupe Desks of Clerk { max_count: 2, idle_count: 2 }
}

#[derive(Default)]
struct Clerk {
    kept: Option<(ActorAddress, WorkInProgress)>,
}

#[actor]
impl Clerk {
    fn step(&mut self, step: &Step, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(step.clone())
    }

    fn keep(&mut self, _: &Keep, ctx: &mut Context<'_>) -> Handled {
        self.kept = Some((ctx.sender(), WorkInProgress::begin(ctx)));
        ctx.reply(Began(ctx.my_address()))
    }

    fn release(&mut self, _: &Release, ctx: &mut Context<'_>) {
        if let Some((asker, _)) = self.kept.take() {
            ctx.send(&asker, Ended);
        }
    }

    fn wrong(&mut self, _: &Wrong, _: &mut Context<'_>) -> Result<(), Failure> {
        Err(Failure::new("as told"))
    }

    fn echo(&mut self, echo: &Echo, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(echo.clone())
    }
}

impl Keyed for Clerk {
    fn key(message: &AnyMessage) -> Option<Key> {
        assert!(!message.is::<Keyless>(), "no key for this");
        let step = message.downcast_ref::<Step>().map(|step| step.key);
        let keep = || message.downcast_ref::<Keep>().map(|keep| keep.key);
        let wrong = || message.downcast_ref::<Wrong>().map(|wrong| wrong.key);
        step.or_else(keep).or_else(wrong).map(|key| Key::of(&key))
    }
}
