//! Poison, deaths, starts that fail, limits, the end.

use std::collections::BTreeSet;

use thespian_core::{
    ActorAddress, ActorExitRequest, ActorTypes, Context, Failure, FailurePolicy, Handled, Limits,
    PoisonMessage, actor,
};
use thespian_troupe::{Troupe, TroupeSettings};

use crate::ground::{Began, Echo, Ended, Fail, Flood, Ground, Guard, Hold, Panic, Release, settings};
use crate::scenarios::together;

pub(crate) fn a_failure_reaches_the_asker_as_if_asked_directly(ground: &Ground) {
    let direct = ground.asker(ground.system.create_actor::<crate::ground::Bee>().unwrap());
    let bees = ground.bees(settings(1, 1));
    // So that the troupe knows that its worker has started.
    bees.ask::<Echo>(Echo(1));
    for asker in [&direct, &bees] {
        asker.tell(Fail("no".into()));
        let reply = asker.next();
        assert_eq!(reply.sender, asker.troupe);
        let poison: PoisonMessage = reply.message.downcast().unwrap();
        assert_eq!(poison.details, "no in attempt 2");
        assert_eq!(poison.message.downcast_ref(), Some(&Fail("no".into())));
        let poison = asker.ask::<PoisonMessage>(Panic);
        assert!(poison.details.starts_with("panicked: as told"), "{}", poison.details);
        assert!(poison.message.is::<Panic>());
        asker.nothing();
    }
    bees.await_status(
        "1 workers (0 busy, 1 idle, 0 leaving), max_count 1, idle_count 1; 0 messages wait; 1 done, 2 failed",
    );
}

pub(crate) fn a_worker_that_failed_works_on(ground: &Ground) {
    let bees = ground.bees(settings(1, 1));
    for number in 0..5 {
        bees.tell(Fail("no".into()));
        bees.tell(Echo(number));
    }
    let mut sorts = [0, 0];
    for _ in 0..10 {
        match bees.next().message.downcast::<Echo>() {
            Ok(_) => sorts[0] += 1,
            Err(other) => sorts[1] += usize::from(other.is::<PoisonMessage>()),
        }
    }
    assert_eq!(sorts, [5, 5]);
    bees.await_status("1 workers (0 busy, 1 idle");
}

pub(crate) fn the_first_message_of_a_worker_may_fail(ground: &Ground) {
    let bees = ground.bees(settings(3, 1));
    assert_eq!(bees.ask::<PoisonMessage>(Fail("no".into())).details, "no in attempt 2");
    bees.nothing();
    bees.await_status(
        "1 workers (0 busy, 1 idle, 0 leaving), max_count 3, idle_count 1; 0 messages wait; 0 done, 1 failed",
    );
}

/// Forgets everything when it fails, and is not asked twice.
#[derive(Default)]
struct Forgetful {
    count: u32,
}

#[actor(failure_policy = FailurePolicy::NO_RETRY.with_fresh_instance())]
impl Forgetful {
    fn count(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        self.count += 1;
        ctx.reply(self.count)
    }

    fn fail(&mut self, _: &bool, _: &mut Context<'_>) -> Result<(), Failure> {
        Err(Failure::new(self.count))
    }
}

pub(crate) fn a_fresh_instance_can_be_asked_for(ground: &Ground) {
    let troupe =
        ground.asker(ground.system.create(Troupe::<Forgetful>::of(settings(1, 1)).unwrap()).unwrap());
    assert_eq!(troupe.ask::<u32>(()), 1);
    assert_eq!(troupe.ask::<u32>(()), 2);
    assert_eq!(troupe.ask::<PoisonMessage>(true).details, "2");
    assert_eq!(troupe.ask::<u32>(()), 1);
}

pub(crate) fn the_work_of_a_worker_that_dies_goes_to_another(ground: &Ground) {
    let bees = ground.bees(settings(1, 1));
    let first = bees.hold();
    bees.tell(Echo(1));
    bees.await_status("1 messages wait");
    bees.end(&first);
    // The other one has it before what came later.
    let second = bees.take::<Began>().0;
    assert_ne!(first, second);
    bees.nothing();
    bees.tell_to(&second, Release);
    bees.take::<Ended>();
    assert_eq!(bees.take::<Echo>(), Echo(1));
    bees.await_status("1 workers (0 busy, 1 idle, 0 leaving), max_count 1, idle_count 1; 0 messages wait; 2 done, 0 failed, 1");
}

pub(crate) fn an_idle_worker_that_dies_is_replaced_when_there_is_work(ground: &Ground) {
    let bees = ground.bees(settings(2, 2));
    let worker = bees.hold();
    bees.tell_to(&worker, Release);
    bees.take::<Ended>();
    bees.await_status("1 workers (0 busy, 1 idle");
    bees.end(&worker);
    bees.await_status("0 workers (0 busy, 0 idle, 0 leaving)");
    assert_eq!(bees.ask::<Echo>(Echo(1)), Echo(1));
    bees.await_status("1 workers (0 busy, 1 idle, 0 leaving)");
}

/// Sends two messages, and tells what is said of them.
#[derive(Default)]
struct Burst {
    asker: Option<ActorAddress>,
    troupe: Option<ActorAddress>,
}

#[actor]
impl Burst {
    fn begin(&mut self, troupe: &ActorAddress, ctx: &mut Context<'_>) {
        self.asker = Some(ctx.sender());
        self.troupe = Some(*troupe);
        ctx.send(troupe, Flood(10));
        ctx.send(&ctx.my_address(), ());
    }

    fn go_on(&mut self, _: &(), ctx: &mut Context<'_>) {
        if let Some(troupe) = self.troupe {
            ctx.send(&troupe, Fail("no".into()));
        }
    }

    fn poison(&mut self, poison: &PoisonMessage, ctx: &mut Context<'_>) {
        if let Some(asker) = self.asker {
            ctx.send(&asker, poison.details.clone());
        }
    }
}

pub(crate) fn a_worker_that_asks_for_too_much_has_failed(ground: &Ground) {
    let limits = Limits { actions_per_attempt: 5, ..Limits::default() };
    let ground = ground.again(|builder| builder.limits(limits));
    let bees = ground.bees(settings(1, 1));
    bees.ask::<Echo>(Echo(1));
    // On the simple base the second comes between the attempts at the first.
    let burst = ground.system.create_actor::<Burst>().unwrap();
    bees.tell_to(&burst, bees.troupe);
    let details = [bees.take::<String>(), bees.take::<String>()];
    assert_eq!(details.iter().filter(|details| *details == "no in attempt 2").count(), 1, "{details:?}");
    assert_eq!(bees.ask::<Echo>(Echo(2)), Echo(2));
    bees.nothing();
    drop(bees);
    ground.finish();
}

pub(crate) fn a_message_that_outlives_its_workers_comes_back(ground: &Ground) {
    let bees = ground.bees(settings(2, 2));
    let mut workers = vec![bees.hold()];
    for _ in 0..2 {
        bees.end(workers.last().unwrap());
        let next = bees.take::<Began>().0;
        assert!(!workers.contains(&next), "{workers:?} {next}");
        workers.push(next);
    }
    bees.end(workers.last().unwrap());
    let poison = bees.take::<PoisonMessage>();
    assert!(poison.message.is::<Hold>());
    assert!(
        poison.details.starts_with(
            "3 workers ended while they had it (TroupeSettings::redelivery_limit); the last one "
        ),
        "{}",
        poison.details
    );
    bees.nothing();
    // The pool has room again.
    bees.hold();
    bees.hold();
    bees.await_status("2 workers (2 busy, 0 idle, 0 leaving)");
}

pub(crate) fn a_full_troupe_sends_back_and_names_the_limit(ground: &Ground) {
    let bees = ground.bees(TroupeSettings { queue_limit: 2, ..settings(1, 1) });
    let worker = bees.hold();
    for number in 0..3 {
        bees.tell(Echo(number));
    }
    let poison = bees.take::<PoisonMessage>();
    assert_eq!(poison.message.downcast_ref(), Some(&Echo(2)));
    assert_eq!(
        poison.details,
        "the troupe is full: 1 workers are at work, and 2 messages wait (TroupeSettings::queue_limit)"
    );
    bees.tell_to(&worker, Release);
    bees.take::<Ended>();
    assert_eq!([bees.take::<Echo>(), bees.take::<Echo>()], [Echo(0), Echo(1)]);
    assert_eq!(bees.ask::<Echo>(Echo(3)), Echo(3));
}

pub(crate) fn without_a_queue_nothing_waits(ground: &Ground) {
    let bees = ground.bees(TroupeSettings { queue_limit: 0, ..settings(2, 2) });
    bees.hold();
    bees.hold();
    assert!(
        bees.ask::<PoisonMessage>(Echo(1)).details.contains("2 workers are at work, and 0 messages wait")
    );
}

/// Cannot start.
struct Stillborn;

#[actor]
impl Stillborn {
    #[start]
    fn new() -> Result<Stillborn, Failure> {
        Err(Failure::new("not today"))
    }

    fn work(&mut self, _: &u32, _: &mut Context<'_>) {}
}

pub(crate) fn workers_that_never_start_send_back_with_the_reason(ground: &Ground) {
    let spec = Troupe::<Stillborn>::of(TroupeSettings { redelivery_limit: 1, ..settings(2, 1) }).unwrap();
    let troupe = ground.asker(ground.system.create(spec).unwrap());
    for number in 0..5_u32 {
        troupe.tell(number);
    }
    let mut numbers = BTreeSet::new();
    for _ in 0..5 {
        let poison = troupe.take::<PoisonMessage>();
        assert!(poison.details.starts_with("2 workers ended"), "{}", poison.details);
        assert!(
            poison.details.contains("the last one never started") && poison.details.contains("not today")
        );
        numbers.extend(poison.message.downcast_ref::<u32>());
    }
    assert_eq!(numbers, (0..5).collect());
    troupe.nothing();
    troupe.await_status(
        "0 workers (0 busy, 0 idle, 0 leaving), max_count 2, idle_count 1; 0 messages wait; 0 done, 5 failed",
    );
}

pub(crate) fn workers_exit_with_their_troupe(ground: &Ground) {
    exit(ground, &ActorExitRequest::new());
}

pub(crate) fn an_exit_that_is_not_recursive_takes_the_workers_too(ground: &Ground) {
    exit(ground, ActorExitRequest::new().not_recursive());
}

fn exit(ground: &Ground, request: &ActorExitRequest) {
    let bees = ground.bees(settings(3, 3));
    let workers = [bees.hold(), bees.hold()];
    let copy = ActorExitRequest::new();
    if !request.is_recursive() {
        copy.not_recursive();
    }
    bees.tell(copy);
    ground.eventually("all are dead", || {
        ground.is_dead(&bees.troupe) && workers.iter().all(|worker| ground.is_dead(worker))
    });
}

pub(crate) fn what_waits_at_the_exit_comes_back(ground: &Ground) {
    let bees = ground.bees(settings(1, 1));
    bees.hold();
    let other = ground.asker(bees.troupe);
    for number in 0..3 {
        other.tell(Echo(number));
    }
    bees.await_status("3 messages wait");
    bees.tell(ActorExitRequest::new());
    for number in 0..3 {
        let poison = other.take::<PoisonMessage>();
        assert_eq!(poison.message.downcast_ref(), Some(&Echo(number)));
        assert_eq!(poison.details, "the troupe exited before a worker had begun");
    }
    other.nothing();
}

pub(crate) fn what_is_in_progress_at_the_exit_comes_back(ground: &Ground) {
    for request in [ActorExitRequest::new(), ActorExitRequest::new()] {
        let bees = ground.bees(settings(2, 2));
        bees.hold();
        bees.ask::<Began>(Guard);
        bees.tell(request);
        let mut back = [false, false];
        for _ in 0..2 {
            let poison = bees.take::<PoisonMessage>();
            assert_eq!(poison.details, "the troupe exited before the work was done");
            back[usize::from(poison.message.is::<Guard>())] = true;
        }
        assert_eq!(back, [true, true]);
        bees.nothing();
    }
}

pub(crate) fn actor_types() -> ActorTypes {
    together([Troupe::<Forgetful>::types(), Troupe::<Stillborn>::types()])
}
