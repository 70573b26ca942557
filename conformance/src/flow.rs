//! Order and back-pressure (guide section 4.1, decisions D18 and D20).

use serde::{Deserialize, Serialize};
use thespian_core::{ActorAddress, ActorExitRequest, Context, Handled, Limits, Message, actor};

use crate::actors::{Step, What};
use crate::ground::Ground;

/// Takes numbers that have to come in order from each sender.
#[derive(Default)]
struct Checker {
    next: std::collections::BTreeMap<ActorAddress, u64>,
    wrong: u64,
    taken: u64,
}

#[actor]
impl Checker {
    fn number(&mut self, number: &u64, ctx: &mut Context<'_>) {
        let next = self.next.entry(ctx.sender()).or_default();
        self.wrong += u64::from(*next != *number);
        *next = number + 1;
        self.taken += 1;
    }

    fn verdict(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply((self.taken, self.wrong))
    }
}

/// Sends numbers to a target, all in one attempt.
#[derive(Default)]
struct Flooder {
    sent: u64,
}

#[derive(Serialize, Deserialize, Message)]
struct Flood {
    to: ActorAddress,
    count: u64,
    flush_every: u64,
}

#[actor]
impl Flooder {
    fn flood(&mut self, flood: &Flood, ctx: &mut Context<'_>) {
        for n in 1..=flood.count {
            ctx.send(&flood.to, self.sent);
            self.sent += 1;
            if flood.flush_every > 0 && n % flood.flush_every == 0 {
                ctx.flush();
            }
        }
    }

    fn ignore(&mut self, _: &u64, _: &mut Context<'_>) {}
}

fn small() -> Limits {
    Limits { outgoing_high: 20, outgoing_low: 10, window: 8, ..Limits::default() }
}

pub(crate) fn messages_between_two_actors_keep_their_order(ground: &Ground<'_>) {
    let stage = ground.system();
    let checker = stage.actor::<Checker>();
    let flooders: Vec<ActorAddress> = (0..10).map(|_| stage.actor::<Flooder>()).collect();
    for round in 1..=5 {
        for flooder in &flooders {
            stage.tell(flooder, Flood { to: checker, count: round * 7, flush_every: 0 }).expect("sent");
        }
    }
    let total = 10 * 7 * (1 + 2 + 3 + 4 + 5);
    stage.eventually("all are there", || stage.query::<(u64, u64)>(&checker, ()).0 == total);
    assert_eq!(stage.query::<(u64, u64)>(&checker, ()), (total, 0));
}

pub(crate) fn a_flood_is_delivered_whole_and_in_order(ground: &Ground<'_>) {
    for limits in [Limits::default(), small()] {
        let stage = ground.system_with(|builder| builder.limits(limits));
        let (checker, flooder) = (stage.actor::<Checker>(), stage.actor::<Flooder>());
        for _ in 0..10 {
            stage.tell(&flooder, Flood { to: checker, count: 500, flush_every: 0 }).expect("sent");
        }
        stage.eventually("all are there", || stage.query::<(u64, u64)>(&checker, ()).0 == 5000);
        assert_eq!(stage.query::<(u64, u64)>(&checker, ()), (5000, 0));
    }
}

/// Sends each number it gets to the other one as often as it is told, until the numbers are used up.
#[derive(Default)]
struct Rival {
    other: Option<ActorAddress>,
    received: u64,
}

#[actor]
impl Rival {
    fn other(&mut self, other: &ActorAddress, ctx: &mut Context<'_>) -> Handled {
        self.other = Some(*other);
        ctx.reply(())
    }

    fn number(&mut self, left: &u32, ctx: &mut Context<'_>) {
        self.received += 1;
        if *left > 0
            && let Some(other) = self.other
        {
            ctx.send(&other, left - 1);
            ctx.send(&other, left - 1);
        }
    }

    fn received(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.received)
    }
}

pub(crate) fn actors_that_flood_each_other_come_to_an_end(ground: &Ground<'_>) {
    // Each doubles what it gets, far beyond the mark at which it is paused, so each waits for the other.
    let stage = ground.system_with(|builder| builder.limits(small()));
    let (one, other) = (stage.actor::<Rival>(), stage.actor::<Rival>());
    stage.query::<()>(&one, other);
    stage.query::<()>(&other, one);
    stage.tell(&one, 9_u32).expect("sent");
    let total = || stage.query::<u64>(&one, ()) + stage.query::<u64>(&other, ());
    stage.eventually("all are there", || total() == 1023);
}

pub(crate) fn an_actor_that_floods_itself_comes_to_an_end(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.limits(small()));
    let one = stage.actor::<Rival>();
    stage.query::<()>(&one, one);
    stage.tell(&one, 9_u32).expect("sent");
    stage.eventually("all are there", || stage.query::<u64>(&one, ()) == 1023);
}

pub(crate) fn flush_releases_in_order(ground: &Ground<'_>) {
    for limits in [Limits::default(), small()] {
        let stage = ground.system_with(|builder| builder.limits(limits));
        let (checker, flooder) = (stage.actor::<Checker>(), stage.actor::<Flooder>());
        stage.tell(&flooder, Flood { to: checker, count: 1000, flush_every: 15 }).expect("sent");
        stage.eventually("all are there", || stage.query::<(u64, u64)>(&checker, ()).0 == 1000);
        assert_eq!(stage.query::<(u64, u64)>(&checker, ()), (1000, 0));
    }
}

pub(crate) fn a_slow_target_does_not_delay_another(ground: &Ground<'_>) {
    // The first target is dead, so that nothing for it is ever handled.
    let stage = ground.system_with(|builder| builder.limits(small()));
    let (gone, checker, flooder) = (stage.puppet(), stage.actor::<Checker>(), stage.actor::<Flooder>());
    stage.tell(&gone, ActorExitRequest::new()).expect("sent");
    stage.tell(&flooder, Flood { to: gone, count: 1000, flush_every: 0 }).expect("sent");
    stage.await_death(&gone);
    let second = stage.actor::<Flooder>();
    stage.tell(&second, Flood { to: checker, count: 100, flush_every: 0 }).expect("sent");
    stage.eventually("all are there", || stage.query::<(u64, u64)>(&checker, ()).0 == 100);
    stage.tell(&flooder, Flood { to: checker, count: 1, flush_every: 0 }).expect("sent");
    stage.eventually("it goes on", || stage.query::<(u64, u64)>(&checker, ()).0 == 101);
}

pub(crate) fn an_exit_request_gets_through_a_backlog(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.limits(small()));
    let (puppet, sender) = (stage.puppet(), stage.puppet());
    let mut steps: Vec<Step> = (0..200_u64).map(|n| Step::send(&puppet, n)).collect();
    steps.push(Step::send(&puppet, ActorExitRequest::new()));
    stage.order(&sender, steps);
    stage.await_death(&puppet);
    // The sender has been told what became of everything, and is not paused for ever.
    stage.order(&sender, [Step::send(&sender, "on")]);
    assert_eq!(stage.journal(&sender, 1)[0].what, What::text("on"));
}

/// Sends every number on to many, who send back.
#[derive(Default)]
struct Fan {
    others: Vec<ActorAddress>,
    back: u64,
}

#[actor]
impl Fan {
    fn grow(&mut self, width: &u32, ctx: &mut Context<'_>) -> Handled {
        self.others = (0..*width).map(|_| ctx.create_actor::<crate::actors::Puppet>()).collect();
        ctx.reply(())
    }

    fn go(&mut self, _: &bool, ctx: &mut Context<'_>) {
        for other in &self.others {
            ctx.send(other, "echo!");
        }
    }

    fn back(&mut self, _: &String, _: &mut Context<'_>) {
        self.back += 1;
    }

    fn count(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.back)
    }
}

pub(crate) fn unbounded_fans_are_held_back_and_delivered(ground: &Ground<'_>) {
    let stage = ground.system_with(|builder| builder.limits(small()));
    let fan = stage.actor::<Fan>();
    stage.query::<()>(&fan, 64_u32);
    for _ in 0..50 {
        stage.tell(&fan, true).expect("sent");
    }
    stage.eventually("all are back", || stage.query::<u64>(&fan, ()) == 64 * 50);
}
