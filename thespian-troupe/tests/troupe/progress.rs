//! Work in progress, and troupes in troupes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thespian_core::{ActorAddress, ActorTypes, Context, Handled, Limits, Message, PoisonMessage, actor};
use thespian_troupe::{Troupe, TroupeStart, UpdateTroupeSettings, WorkInProgress};

use crate::ground::{
    Bee, Began, DELAY, Echo, Ended, Ground, Guard, Hold, MarkAndFail, Panic, Release, settings,
};
use crate::scenarios::together;

pub(crate) fn a_worker_in_progress_gets_no_other_work(ground: &Ground) {
    let bees = ground.bees(settings(1, 1));
    let worker = bees.hold();
    bees.tell(Echo(1));
    bees.nothing();
    // Other messages do not end it.
    bees.tell_to(&worker, Echo(7));
    assert_eq!(bees.take::<Echo>(), Echo(7));
    bees.nothing();
    bees.tell_to(&worker, Release);
    bees.take::<Ended>();
    assert_eq!(bees.take::<Echo>(), Echo(1));
}

pub(crate) fn a_guard_ends_the_work_when_it_is_dropped(ground: &Ground) {
    let bees = ground.bees(settings(1, 1));
    for _ in 0..3 {
        let worker = bees.ask::<Began>(Guard).0;
        bees.tell(Echo(1));
        bees.nothing();
        bees.tell_to(&worker, Release);
        bees.take::<Ended>();
        assert_eq!(bees.take::<Echo>(), Echo(1));
    }
    bees.await_status(
        "1 workers (0 busy, 1 idle, 0 leaving), max_count 1, idle_count 1; 0 messages wait; 6 done",
    );
}

pub(crate) fn a_failed_attempt_leaves_the_mark_as_it_was(ground: &Ground) {
    let bees = ground.bees(settings(1, 1));
    bees.ask::<PoisonMessage>(MarkAndFail);
    assert_eq!(bees.ask::<Echo>(Echo(1)), Echo(1));
    bees.ask::<PoisonMessage>(Panic);
    assert_eq!(bees.ask::<Echo>(Echo(2)), Echo(2));
    bees.await_status("1 workers (0 busy, 1 idle");
}

pub(crate) fn outside_a_troupe_the_mark_has_no_effect(ground: &Ground) {
    let bee = ground.asker(ground.system.create_actor::<Bee>().unwrap());
    for message in [bee.ask::<Began>(Hold), bee.ask::<Began>(Guard)] {
        assert_eq!(message, Began(bee.troupe));
        assert_eq!(bee.ask::<Echo>(Echo(1)), Echo(1));
    }
    bee.tell(Release);
    assert_eq!(bee.take::<Ended>(), Ended);
}

/// Has others do something, and waits for it in its handler.
#[derive(Default)]
struct Waiter;

#[actor]
impl Waiter {
    fn work(&mut self, other: &ActorAddress, ctx: &mut Context<'_>) -> Handled {
        for _ in 0..3 {
            ctx.send(other, Hold);
        }
        ctx.flush();
        ctx.reply(ctx.my_address())
    }
}

pub(crate) fn the_mark_of_one_is_not_that_of_another(ground: &Ground) {
    // So low that the flush has to wait, and on the simple base runs the other's handler meanwhile.
    let limits = Limits { outgoing_high: 2, outgoing_low: 1, ..Limits::default() };
    let ground = ground.again(|builder| builder.limits(limits));
    let other = ground.system.create_actor::<Bee>().unwrap();
    let waiters = ground.asker(ground.system.create(Troupe::<Waiter>::of(settings(1, 1)).unwrap()).unwrap());
    let worker = waiters.ask::<ActorAddress>(other);
    assert_eq!(waiters.ask::<ActorAddress>(other), worker);
    drop(waiters);
    ground.finish();
}

pub(crate) fn a_worker_in_progress_is_not_dismissed(ground: &Ground) {
    let bees = ground.bees(settings(2, 0));
    let (worker, other) = (bees.hold(), bees.hold());
    bees.tell_to(&other, Release);
    bees.take::<Ended>();
    ground.pass(3 * DELAY);
    bees.await_status("1 workers (1 busy, 0 idle, 0 leaving)");
    bees.tell_to(&worker, Release);
    bees.take::<Ended>();
    bees.await_status("0 workers");
}

pub(crate) fn troupes_work_in_troupes(ground: &Ground) {
    let inner = TroupeStart::new(settings(3, 1), ()).unwrap();
    let spec = Troupe::<Troupe<Bee>>::with(settings(2, 1), inner).unwrap();
    let bees = ground.asker(ground.system.create(spec).unwrap());
    let worker = bees.hold();
    bees.hold();
    for number in 0..10 {
        bees.tell(Echo(number));
    }
    // Each inner troupe has one piece of work, like every worker.
    bees.await_status("2 workers (2 busy, 0 idle, 0 leaving), max_count 2, idle_count 1; 10 messages wait");
    bees.nothing();
    bees.tell_to(&worker, Release);
    bees.take::<Ended>();
    for number in 0..10 {
        assert_eq!(bees.take::<Echo>(), Echo(number));
    }
    let worker = bees.hold();
    bees.tell(Echo(1));
    bees.await_status("2 workers (2 busy, 0 idle, 0 leaving), max_count 2, idle_count 1; 1 messages wait");
    bees.nothing();
    bees.tell_to(&worker, Release);
    bees.take::<Ended>();
    bees.take::<Echo>();
    bees.ask::<PoisonMessage>(Panic);
    bees.await_status("0 messages wait; 14 done, 0 failed, 0 redelivered");
    // With the one that still holds something the other inner troupe stays too.
    ground.pass(3 * DELAY);
    bees.await_status("1 workers (1 busy");
}

/// Counts up to a number, each step by a troupe of its own.
#[derive(Default)]
struct Queen {
    bees: Option<ActorAddress>,
    under_way: BTreeMap<u64, u64>,
    work: Option<(ActorAddress, WorkInProgress)>,
}

#[derive(Clone, Serialize, Deserialize, Message)]
struct Sum(u64);

#[actor]
impl Queen {
    fn sum(&mut self, sum: &Sum, ctx: &mut Context<'_>) -> Handled {
        let bees = match self.bees {
            Some(bees) => bees,
            None => ctx.create(Troupe::<Bee>::of(settings(3, 1))?),
        };
        self.bees = Some(bees);
        self.work = Some((ctx.sender(), WorkInProgress::begin(ctx)));
        for number in 1..=sum.0 {
            ctx.send(&bees, Echo(number));
        }
        self.under_way = BTreeMap::from([(sum.0, 0)]);
        Ok(().into())
    }

    fn answer(&mut self, echo: &Echo, ctx: &mut Context<'_>) {
        let Some(mut entry) = self.under_way.first_entry() else { return };
        *entry.get_mut() += echo.0;
        let (left, sum) = entry.remove_entry();
        if left > 1 {
            self.under_way.insert(left - 1, sum);
        } else if let Some((asker, _)) = self.work.take() {
            ctx.send(&asker, sum);
        }
    }
}

pub(crate) fn workers_use_troupes_of_their_own(ground: &Ground) {
    let queens = ground.asker(ground.system.create(Troupe::<Queen>::of(settings(2, 1)).unwrap()).unwrap());
    for number in 1..=6 {
        queens.tell(Sum(number));
    }
    let mut sums: Vec<u64> = (0..6).map(|_| queens.take::<u64>()).collect();
    sums.sort_unstable();
    assert_eq!(sums, [1, 3, 6, 10, 15, 21]);
    queens.await_status("0 messages wait; 6 done");
}

/// Asks its own troupe how many workers it may have.
#[derive(Default)]
struct Curious {
    asker: Option<ActorAddress>,
}

#[actor]
impl Curious {
    fn begin(&mut self, troupe: &ActorAddress, ctx: &mut Context<'_>) {
        self.asker = Some(ctx.sender());
        ctx.send(troupe, UpdateTroupeSettings::default());
    }

    fn answer(&mut self, settings: &UpdateTroupeSettings, ctx: &mut Context<'_>) {
        if let Some(asker) = self.asker.take() {
            ctx.send(&asker, (settings.max_count, ctx.sender()));
        }
    }
}

pub(crate) fn a_worker_is_answered_by_its_own_troupe(ground: &Ground) {
    let troupe = ground.asker(ground.system.create(Troupe::<Curious>::of(settings(1, 1)).unwrap()).unwrap());
    for _ in 0..4 {
        // It is an answer to the worker, and not work for somebody else.
        assert_eq!(troupe.ask::<(Option<u32>, ActorAddress)>(troupe.troupe), (Some(1), troupe.troupe));
    }
    troupe.await_status("0 messages wait; 4 done, 0 failed");
}

pub(crate) fn actor_types() -> ActorTypes {
    together([
        Troupe::<Waiter>::types(),
        Troupe::<Troupe<Bee>>::types(),
        Troupe::<Queen>::types(),
        Troupe::<Curious>::types(),
    ])
}
