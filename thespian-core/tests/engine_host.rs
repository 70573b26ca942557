//! [`Host`]: one actor's mailbox, attempts, children, wakeups, outgoing messages, and its end.
//!
//! The actor is always `h`. Its handler is a closure in the test that asks for things through a real [`Context`].

mod kit;

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use kit::{
    Fresh, Hasty, Random, Stubborn, Surroundings, Worker, actor, asked, compare, data, data_on, drain,
    letter, limits, ms, name, post,
};
use thespian_core::engine::link::Lane::{Urgent, User};
use thespian_core::engine::link::{Carrier, Frame};
use thespian_core::engine::{Host, HostConfig, HostInput, Outputs, Reason, ToHost, Undelivered};
use thespian_core::{
    Actions, Actor, ActorExitRequest, ActorType, AnyMessage, Context, DeadReason, Envelope, ExitCause,
    Failure, FailurePolicy, Flow, IntoMessage, Limits, PoisonMessage, StatusReq, Time,
};

/// A host, and the message that its handler has in hand.
struct Bench {
    host: Host,
    now: Time,
    out: Outputs,
    lines: Vec<String>,
    in_hand: Option<Envelope>,
    surroundings: Surroundings,
}

impl Bench {
    /// An actor whose peers are in the same process; it is paused at 4 outgoing messages and goes on at 2.
    fn new() -> Bench {
        Bench::of::<Worker>(limits(|_| {}), false)
    }

    /// An actor in a process of its own, with a window of 3.
    fn linked() -> Bench {
        Bench::of::<Worker>(limits(|_| {}), true)
    }

    fn of<A: Actor>(limits: Arc<Limits>, linked: bool) -> Bench {
        Bench::build(ActorType::of::<A>(), limits, linked, false)
    }

    fn accounting(linked: bool) -> Bench {
        Bench::build(ActorType::of::<Worker>(), limits(|_| {}), linked, true)
    }

    fn build(kind: &'static ActorType, limits: Arc<Limits>, linked: bool, accounting: bool) -> Bench {
        let config = HostConfig {
            address: actor('h'),
            kind,
            policy: kind.policy(),
            limits,
            carrier: linked.then_some(Carrier::Lossy),
            accounting,
            pid: None,
        };
        Bench {
            host: Host::new(config),
            now: Time::ZERO,
            out: Outputs::new(),
            lines: Vec::new(),
            in_hand: None,
            surroundings: Surroundings::default(),
        }
    }

    /// From now on it is so many milliseconds after the start.
    fn at(&mut self, milliseconds: u64) -> &mut Bench {
        self.now = ms(milliseconds);
        self
    }

    fn told(&mut self, input: HostInput<'_>) -> &mut Bench {
        self.host.handle(self.now, input, &mut self.out);
        self.settle()
    }

    /// Takes the outputs. That the handler is given nothing while it runs is checked here for every test.
    fn settle(&mut self) -> &mut Bench {
        for envelope in drain(&self.host, &mut self.out, &mut self.lines) {
            let before = self.in_hand.replace(envelope);
            assert!(before.is_none(), "one delivery is outstanding at any time: {:?}", self.lines);
        }
        self
    }

    fn gets(&mut self, from: char, message: impl IntoMessage) -> &mut Bench {
        self.gets_letter(letter(from, 'h', message))
    }

    fn gets_letter(&mut self, envelope: Envelope) -> &mut Bench {
        self.host.arrived(self.now, envelope, &mut self.out);
        self.settle()
    }

    /// A descriptor can be read; if the handler has a message in hand, it has not begun with it.
    fn ready(&mut self, descriptor: i32) -> &mut Bench {
        let outstanding = self.in_hand.take();
        self.host.descriptors_ready(self.now, vec![descriptor], outstanding, &mut self.out);
        self.settle()
    }

    fn credited(&mut self, count: u32) -> &mut Bench {
        self.host.credited(self.now, count, &mut self.out);
        self.settle()
    }

    fn frame(&mut self, from: char, frame: Frame) -> &mut Bench {
        self.host.frame(self.now, actor(from), frame.borrow(), &mut self.out);
        self.settle()
    }

    /// The handler returns, having asked for nothing.
    fn finishes(&mut self) -> &mut Bench {
        self.does(|_| {})
    }

    /// The handler returns, having asked for things.
    fn does(&mut self, code: impl FnOnce(&mut Context<'_>)) -> &mut Bench {
        self.ends(Ok(Flow::Done), code)
    }

    /// The handler returns, having created so many children: `p`, `q` and so on.
    fn creates(&mut self, count: u32) -> &mut Bench {
        self.does(|ctx| {
            for _ in 0..count {
                ctx.create_actor::<Worker>();
            }
        })
    }

    fn fails(&mut self, why: &str) -> &mut Bench {
        self.ends(Err(Failure::new(why)), |_| {})
    }

    fn ends(&mut self, outcome: Result<Flow, Failure>, code: impl FnOnce(&mut Context<'_>)) -> &mut Bench {
        let envelope = self.in_hand.take().expect("the handler has a message in hand");
        self.surroundings.now = self.now;
        let mut actions = asked(&mut self.surroundings, actor('h'), *envelope.from(), code);
        let next = self.host.finished(self.now, envelope, outcome, &mut actions, &mut self.out);
        if let Some(next) = next {
            self.out.deliver(next);
        }
        self.settle()
    }

    /// The handler returns, having done something with the message that it has in hand.
    fn handles(&mut self, code: impl FnOnce(&mut Context<'_>, &AnyMessage)) -> &mut Bench {
        let envelope = self.in_hand.take().expect("the handler has a message in hand");
        let mut actions = Actions::new(1000);
        let context = Context::new(envelope.to(), envelope.from(), &mut actions, &mut self.surroundings);
        code(&mut context.handling(envelope.message()), envelope.message());
        let next = self.host.finished(self.now, envelope, Ok(Flow::Done), &mut actions, &mut self.out);
        assert!(actions.is_empty());
        if let Some(next) = next {
            self.out.deliver(next);
        }
        self.settle()
    }

    /// The handler releases what it has asked for so far, and runs on.
    fn flushes(&mut self, code: impl FnOnce(&mut Context<'_>)) -> &mut Bench {
        let sender = *self.in_hand.as_ref().expect("the handler runs").from();
        let mut actions = asked(&mut self.surroundings, actor('h'), sender, code);
        self.told(HostInput::Flushed(&mut actions))
    }

    fn child_gone(&mut self, child: char) -> &mut Bench {
        self.child_ended(child, ExitCause::Requested)
    }

    fn child_ended(&mut self, child: char, cause: ExitCause) -> &mut Bench {
        self.told(HostInput::FromAdmin(ToHost::ChildExited { child: actor(child), cause }))
    }

    fn undelivered(&mut self, to: char, message: impl IntoMessage, reason: DeadReason) -> &mut Bench {
        let undelivered =
            Undelivered { details: "why".into(), ..Undelivered::new(kit::letter('h', to, message), reason) };
        self.told(HostInput::Undelivered(Box::new(undelivered)))
    }

    fn timeout(&mut self) -> &mut Bench {
        self.host.handle_timeout(self.now, &mut self.out);
        self.settle()
    }

    /// Compares all that came of the inputs since the last call.
    #[track_caller]
    fn gives(&mut self, expected: &[&str]) -> &mut Bench {
        compare(&self.lines, expected);
        self.lines.clear();
        self
    }

    /// Lets what came of the inputs go.
    fn anything(&mut self) -> &mut Bench {
        self.lines.clear();
        self
    }

    /// Its status in a few words.
    fn status(&self) -> String {
        kit::status_text(&self.host.status(self.now))
    }

    /// When it is to be called next, in milliseconds, and why.
    fn due(&self) -> Option<(u128, Reason)> {
        self.host.poll_timeout().map(|(due, reason)| (due.since_start().as_millis(), reason))
    }
}

fn sends(ctx: &mut Context<'_>, to: char, messages: impl IntoIterator<Item = &'static str>) {
    for message in messages {
        ctx.send(&actor(to), message);
    }
}

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

// -- the mailbox -----------------------------------------------------------------------------------------------

#[test]
fn messages_are_handled_one_after_the_other_in_the_order_they_came() {
    let mut h = Bench::new();
    h.gets('a', "one").gives(&["deliver a->h one"]);
    h.gets('b', "two").gets('a', "three").gives(&[]);
    assert_eq!(h.status(), "busy, user 2 system 0 outgoing 0");
    h.finishes().gives(&["deliver b->h two"]);
    h.finishes().gives(&["deliver a->h three", "credit a 1"]);
    h.finishes().gives(&["credit a 1", "credit b 1"]);
    assert_eq!(h.status(), "idle, user 0 system 0 outgoing 0");
}

#[test]
fn a_message_in_hand_goes_on_itself_and_in_turn() {
    let mut h = Bench::of::<Worker>(limits(|limits| limits.outgoing_high = 100), false);
    h.gets('a', "it").anything();
    h.handles(|ctx, message| ctx.forward(&actor('b'), message).expect("it is in hand"));
    h.gives(&["transmit h->b it", "credit a 1"]);
    h.gets('a', "it").anything();
    h.handles(|ctx, message| {
        ctx.send(&actor('b'), "before");
        let child = ctx.create_actor::<Worker>();
        ctx.forward(&child, message).expect("it is in hand");
        ctx.forward(&actor('c'), message).expect("a copy is made");
        ctx.send(&actor('b'), "after");
    });
    h.gives(&[
        "transmit h->b before",
        "admin<-h create p Worker",
        "transmit h->p it",
        "transmit h->c it",
        "transmit h->b after",
        "credit a 1",
    ]);
    assert_eq!(h.status(), "idle, user 0 system 0 outgoing 5, children p");
}

#[test]
fn the_sender_is_told_when_its_message_is_on_its_way_and_not_before() {
    // While more waits, the sender is told after half of what may be on its way.
    let all = 100;
    let roomy =
        limits(|limits| (limits.window, limits.window_max, limits.outgoing_high) = (all, all, 2 * all));
    let mut h = Bench::of::<Worker>(roomy, true);
    for number in 0..u64::from(all) {
        h.frame('a', data(User, number, 0, "it"));
    }
    let mut told_early = 0;
    for left in (0..all).rev() {
        h.anything().handles(|ctx, message| ctx.forward(&actor('b'), message).expect("it is in hand"));
        let is_ack = |line: &String| line.starts_with("frame h->a ack");
        let sent = h.lines.iter().position(|line| line.starts_with("frame h->b user"));
        if let Some(told) = h.lines.iter().position(is_ack) {
            assert!(sent.is_none_or(|sent| sent < told), "{:?}", h.lines);
            told_early += u32::from(left > 0);
        }
    }
    assert!(told_early > 0);
}

#[test]
fn what_a_handler_asked_for_happens_in_that_order_when_it_returns() {
    let mut h = Bench::new();
    h.gets('a', "go").anything();
    h.does(|ctx| {
        ctx.send(&actor('b'), "one");
        let child = ctx.create_actor::<Worker>();
        ctx.send(&child, "two");
        ctx.handle_dead_letters(true);
        ctx.update_capability("gpu", true);
        ctx.actor_system_shutdown();
        ctx.reply("three").ok();
    });
    h.gives(&[
        "transmit h->b one",
        "admin<-h create p Worker",
        "transmit h->p two",
        "admin<-h handle dead letters: true",
        "admin<-h capability gpu = true",
        "admin<-h shutdown",
        "transmit h->a three",
        "credit a 1",
    ]);
    assert_eq!(h.status(), "idle, user 0 system 0 outgoing 3, children p");
}

#[test]
fn a_handler_that_watches_descriptors_has_them_watched() {
    let mut h = Bench::new();
    h.gets('a', "go").anything();
    h.ends(Ok(Flow::watch([3, 4])), |_| {}).gives(&["watch h [3, 4]", "credit a 1"]);
}

#[test]
fn senders_are_told_in_batches_of_what_was_handled() {
    let mut h = Bench::new();
    for _ in 0..40 {
        h.gets('a', "m");
    }
    h.anything();
    for handled in 1..40 {
        let expected: &[&str] =
            if handled == 32 { &["deliver a->h m", "credit a 32"] } else { &["deliver a->h m"] };
        h.finishes();
        let mut lines = h.lines.clone();
        lines.sort_by_key(|line| line.starts_with("credit"));
        compare(&lines, expected);
        h.anything();
    }
    // Nothing more to do: what is left is said.
    h.finishes().gives(&["credit a 8"]);
}

#[test]
fn what_an_actor_sends_to_itself_is_credited_to_nobody() {
    let mut h = Bench::new();
    h.gets('a', "go").does(|ctx| sends(ctx, 'h', ["one", "two"])).anything();
    assert_eq!(h.status(), "idle, user 0 system 0 outgoing 0");
    h.gets('h', "one").finishes().gives(&["deliver h->h one"]);
}

// -- attempts --------------------------------------------------------------------------------------------------

#[test]
fn a_message_gets_two_attempts_and_goes_back_to_its_sender_as_poison() {
    let mut h = Bench::new();
    h.gets('a', "one").gets('b', "two").gives(&["deliver a->h one"]);
    h.fails("first").gives(&["log warn h", "deliver a->h one"]);
    h.fails("second").gives(&["log error h", "transmit h=>a poison(one: second)", "deliver b->h two"]);
    // The next message has two attempts of its own.
    h.fails("third").gives(&["log warn h", "deliver b->h two"]);
    h.finishes().gives(&["credit a 1", "credit b 1"]);
    let counters = h.host.counters();
    assert_eq!((counters.failed_attempts, counters.poisoned, counters.handled), (3, 1, 1));
}

#[test]
fn an_attempt_that_succeeds_at_last_is_handled_like_any_other() {
    let mut h = Bench::new();
    h.gets('a', "one").fails("first").anything();
    h.does(|ctx| ctx.send(&actor('b'), "done")).gives(&["transmit h->b done", "credit a 1"]);
}

#[test]
fn nothing_of_a_failed_attempt_happens() {
    let mut h = Bench::new();
    h.gets('a', "one").anything();
    h.ends(Err(Failure::new("no")), |ctx| {
        ctx.send(&actor('b'), "lost");
        ctx.create_actor::<Worker>();
        ctx.wakeup_after(milliseconds(10));
    });
    h.gives(&["log warn h", "deliver a->h one"]);
    h.finishes();
    assert_eq!(h.status(), "idle, user 0 system 0 outgoing 0");
    assert_eq!(h.due(), None);
}

#[test]
fn what_was_flushed_is_not_taken_back_when_the_attempt_fails() {
    let mut h = Bench::new();
    h.gets('a', "one").anything();
    h.flushes(|ctx| ctx.send(&actor('b'), "kept")).gives(&["transmit h->b kept"]);
    h.fails("no").gives(&["log warn h", "deliver a->h one"]);
    assert_eq!(h.status(), "busy, user 0 system 0 outgoing 1");
}

#[test]
fn an_actor_without_retries_poisons_at_the_first_failure() {
    let mut h = Bench::of::<Hasty>(limits(|_| {}), false);
    h.gets('a', "one").anything();
    h.fails("no").gives(&["log error h", "transmit h=>a poison(one: no)", "credit a 1"]);
}

#[test]
fn an_actor_that_wants_it_is_replaced_before_the_next_attempt_and_before_the_next_message() {
    let mut h = Bench::of::<Fresh>(limits(|_| {}), false);
    h.gets('a', "one").gets('a', "two").anything();
    h.fails("no").gives(&["log warn h", "restart h", "deliver a->h one"]);
    h.fails("no").gives(&["log error h", "restart h", "transmit h=>a poison(one: no)", "deliver a->h two"]);
    h.finishes().gives(&["credit a 2"]);
}

#[test]
fn poison_is_not_answered_with_poison() {
    let mut h = Bench::new();
    let poison = PoisonMessage { message: "one".into_message(), details: "no".into() };
    h.gets('a', poison).fails("x").anything();
    h.fails("y").gives(&["log error h", "credit a 1"]);
}

// -- wakeups ---------------------------------------------------------------------------------------------------

#[test]
fn wakeups_come_in_due_order_and_equal_ones_in_the_order_asked() {
    let mut h = Bench::new();
    h.at(5).gets('a', "go").anything();
    h.does(|ctx| {
        ctx.wakeup_after_with(milliseconds(30), "late");
        ctx.wakeup_after_with(milliseconds(10), "first of two");
        ctx.wakeup_after_with(milliseconds(10), "second of two");
        ctx.wakeup_after(milliseconds(20));
    });
    h.gives(&["credit a 1"]);
    assert_eq!(h.status(), "idle, user 0 system 0 outgoing 0, wakeups 4");
    assert_eq!(h.due(), Some((15, Reason::Wakeup)));
    h.at(15).timeout().gives(&["deliver h=>h wakeup(10ms first of two)"]);
    h.finishes().gives(&["deliver h=>h wakeup(10ms second of two)"]);
    h.finishes().gives(&[]);
    h.at(40).timeout().gives(&["deliver h=>h wakeup(20ms)"]);
    h.finishes().gives(&["deliver h=>h wakeup(30ms late)"]);
    h.finishes().gives(&[]);
    assert_eq!(h.due(), None);
}

#[test]
fn a_wakeup_is_never_early() {
    let mut h = Bench::new();
    h.gets('a', "go").does(|ctx| ctx.wakeup_after(milliseconds(10))).anything();
    h.at(9).timeout().timeout().gives(&[]);
    h.at(10).timeout().gives(&["deliver h=>h wakeup(10ms)"]);
    h.timeout().gives(&[]);
}

#[test]
fn a_wakeup_that_falls_due_while_the_handler_runs_waits_behind_what_came_before() {
    let mut h = Bench::new();
    h.gets('a', "go").does(|ctx| ctx.wakeup_after(milliseconds(10))).anything();
    h.gets('a', "long").gets('a', "next").anything();
    h.at(20).timeout().gives(&[]);
    assert_eq!(h.status(), "busy, user 2 system 0 outgoing 0");
    h.finishes().gives(&["deliver a->h next"]);
    h.finishes().gives(&["deliver h=>h wakeup(10ms)"]);
    h.finishes().gives(&["credit a 2"]);
}

#[test]
fn a_wakeup_beyond_the_end_of_time_is_due_at_the_end_of_time() {
    let mut h = Bench::new();
    h.gets('a', "go").does(|ctx| ctx.wakeup_after(Duration::MAX)).anything();
    assert_eq!(h.host.poll_timeout(), Some((Time::FAR, Reason::Wakeup)));
}

#[test]
fn an_actor_that_does_not_get_round_to_a_request_to_exit_is_overdue_once() {
    let mut h = Bench::new();
    h.at(0).gets('a', "long").at(1_000).gets('b', ActorExitRequest::new()).anything();
    assert_eq!(h.due(), Some((6_000, Reason::Exit)));
    h.at(2_000).gets('c', ActorExitRequest::new()).gives(&[]);
    h.at(5_999).timeout().gives(&[]);
    h.at(6_000).timeout().gives(&["overdue h"]);
    assert_eq!(h.due(), None);
    h.at(20_000).gets('d', ActorExitRequest::new()).timeout().gives(&[]);
}

#[test]
fn an_actor_that_hangs_in_its_handler_for_the_request_to_exit_is_overdue_too() {
    let mut h = Bench::new();
    h.at(0).gets('a', ActorExitRequest::new()).at(5_000).timeout().gives(&["deliver a->h exit", "overdue h"]);
}

#[test]
fn an_actor_that_has_handled_the_request_to_exit_has_time_for_its_children() {
    let mut h = Bench::new();
    h.gets('a', "go").creates(1).gets('a', "long").gets('a', ActorExitRequest::new()).anything();
    h.at(4_999).finishes().anything();
    h.finishes().anything();
    assert_eq!(h.due(), None);
    h.at(60_000).timeout().gives(&[]);
    // Another request is another five seconds.
    h.gets('a', ActorExitRequest::new()).anything();
    assert_eq!(h.due(), Some((65_000, Reason::Exit)));
    h.finishes().anything();
    assert_eq!(h.due(), None);
}

#[test]
fn there_are_no_wakeups_after_an_exit_request_was_accepted() {
    let mut h = Bench::new();
    h.gets('a', "go");
    h.does(|ctx| {
        ctx.wakeup_after(milliseconds(10));
        ctx.create_actor::<Worker>();
    });
    h.gets('a', ActorExitRequest::new()).anything();
    // Due while the exit request is being handled, and asked for by its handler: neither comes.
    h.at(10).timeout().gives(&[]);
    h.does(|ctx| ctx.wakeup_after(milliseconds(1)));
    h.gives(&["transmit h=>p exit", "credit a 1"]);
    assert_eq!(h.due(), None);
    h.at(100).timeout().gives(&[]);
}

// -- the end ---------------------------------------------------------------------------------------------------

#[test]
fn an_actor_without_children_is_gone_when_it_has_handled_the_request() {
    let mut h = Bench::new();
    h.gets('a', ActorExitRequest::new()).gives(&["deliver a->h exit"]);
    assert_eq!(h.status(), "exiting, user 0 system 0 outgoing 0");
    h.finishes().gives(&["stopped h", "credit a 1"]);
    assert_eq!(h.status(), "dead, user 0 system 0 outgoing 0");
}

#[test]
fn an_exit_request_overtakes_the_mailbox_and_the_mailbox_goes_back() {
    let mut h = Bench::new();
    h.gets('a', "one").gets('a', "two").gets('b', "three").gets('c', ActorExitRequest::new()).anything();
    h.finishes().gives(&["deliver c->h exit"]);
    // From when it was accepted, nothing more is taken; what waited is given back when it has been handled.
    h.gets('a', "four").gives(&["return a->h four (Dead)"]);
    h.does(|ctx| ctx.send(&actor('b'), "bye")).gives(&[
        "transmit h->b bye",
        "return a->h two (Dead)",
        "return b->h three (Dead)",
        "stopped h",
        "credit a 1",
        "credit c 1",
    ]);
    h.gets('a', "five").gives(&["return a->h five (Dead)"]);
    h.gets('a', ActorExitRequest::new()).gives(&["return a->h exit (Dead)"]);
}

#[test]
fn an_exiting_actor_asks_its_children_to_exit_and_waits_for_the_last() {
    let mut h = Bench::new();
    h.gets('a', "go");
    h.creates(2);
    h.gets('a', ActorExitRequest::new()).anything();
    h.finishes().gives(&["transmit h=>p exit", "transmit h=>q exit", "credit a 1"]);
    assert_eq!(h.status(), "exiting, user 0 system 0 outgoing 0, children p q");
    h.child_gone('q').gives(&["deliver q=>h gone(q: exited on request)"]);
    h.gets('a', "work").gives(&["return a->h work (Dead)"]);
    // The second notice comes while the first is handled.
    h.child_gone('p').gives(&[]);
    h.finishes().gives(&["deliver p=>h gone(p: exited on request)"]);
    h.finishes().gives(&["stopped h"]);
}

#[test]
fn an_exit_that_is_not_recursive_leaves_the_children_to_the_system() {
    let mut h = Bench::new();
    h.gets('a', "go");
    h.creates(2);
    let request = ActorExitRequest::new();
    request.not_recursive();
    h.gets('a', request).gives(&[
        "deliver a->h go",
        "admin<-h create p Worker",
        "admin<-h create q Worker",
        "credit a 1",
        "deliver a->h exit alone",
    ]);
    h.finishes().gives(&["admin<-h adopt [p q]", "stopped h", "credit a 1"]);
}

#[test]
fn the_handler_may_spare_the_children_but_not_in_an_attempt_that_failed() {
    let request = |h: &Bench| {
        let request = h.in_hand.as_ref().and_then(|envelope| envelope.message().downcast_ref());
        let request: &ActorExitRequest = request.expect("an exit request is in hand");
        request.not_recursive();
    };
    let mut h = Bench::new();
    h.gets('a', "go");
    h.creates(1).gets('a', ActorExitRequest::new()).anything();
    request(&h);
    h.fails("no").gives(&["log warn h", "deliver a->h exit"]);
    request(&h);
    h.finishes().gives(&["admin<-h adopt [p]", "stopped h", "credit a 1"]);
}

#[test]
fn an_actor_that_fails_on_its_exit_request_exits_all_the_same_and_nobody_is_poisoned() {
    let mut h = Bench::new();
    h.gets('a', "go").creates(1);
    h.gets('a', ActorExitRequest::new()).anything();
    h.fails("no").gives(&["log warn h", "deliver a->h exit"]);
    h.fails("no").gives(&["log error h", "transmit h=>p exit", "credit a 1"]);
    h.child_gone('p').finishes().gives(&["deliver p=>h gone(p: exited on request)", "stopped h"]);
}

#[test]
fn a_second_exit_request_is_handled_and_changes_nothing() {
    let mut h = Bench::new();
    h.gets('a', "go").creates(1);
    h.gets('a', ActorExitRequest::new()).finishes().anything();
    h.gets('b', ActorExitRequest::new()).gives(&["deliver b->h exit"]);
    h.finishes().gives(&["credit b 1"]);
    assert_eq!(h.status(), "exiting, user 0 system 0 outgoing 0, children p");
    h.child_gone('p').finishes().gives(&["deliver p=>h gone(p: exited on request)", "stopped h"]);
}

#[test]
fn two_exit_requests_that_wait_are_both_handled_before_the_actor_is_gone() {
    let mut h = Bench::new();
    h.gets('a', "work").gets('b', ActorExitRequest::new()).gets('c', ActorExitRequest::new()).anything();
    assert_eq!(h.status(), "busy, user 0 system 2 outgoing 0");
    h.finishes().gives(&["deliver b->h exit"]);
    h.finishes().gives(&["deliver c->h exit", "credit a 1"]);
    h.finishes().gives(&["stopped h", "credit b 1", "credit c 1"]);
}

#[test]
fn an_exiting_actor_creates_nothing() {
    let mut h = Bench::new();
    h.gets('a', "go").creates(1).anything();
    h.gets('a', ActorExitRequest::new());
    // The handler of the request itself may still create, and its creation is asked to exit like the others.
    h.creates(1).gives(&[
        "deliver a->h exit",
        "admin<-h create q Worker",
        "transmit h=>p exit",
        "transmit h=>q exit",
        "credit a 1",
    ]);
    // An actor that replaces each child it loses comes to its end all the same.
    h.child_gone('p').creates(1).gives(&[
        "deliver p=>h gone(p: exited on request)",
        "log warn h",
        "discard r",
    ]);
    h.child_gone('q').finishes().gives(&["deliver q=>h gone(q: exited on request)", "stopped h"]);
}

#[test]
fn an_exiting_actor_may_still_ask_for_a_named_one_which_is_not_its_child() {
    let mut h = Bench::new();
    h.gets('a', "go").creates(1);
    h.gets('a', ActorExitRequest::new()).finishes().child_gone('p').anything();
    h.does(|ctx| {
        ctx.create(kit::named("the one"));
    });
    h.gives(&["admin<-h create q Worker", "stopped h"]);
}

#[test]
fn what_waits_in_the_mailbox_of_an_actor_that_is_killed_is_there_to_be_given_back() {
    let mut h = Bench::new();
    h.gets('a', "in hand").gets('a', "one").gets('h', "two").gets('b', ActorExitRequest::new()).anything();
    let waiting: Vec<String> = h.host.into_waiting().map(|envelope| post(&envelope)).collect();
    assert_eq!(waiting, ["b->h exit", "a->h one", "h->h two"]);
    // With links the senders have kept theirs.
    let mut h = Bench::linked();
    h.frame('a', data(User, 0, 0, "in hand")).frame('a', data(User, 1, 0, "one")).gets('h', "two");
    let waiting: Vec<String> = h.host.into_waiting().map(|envelope| post(&envelope)).collect();
    assert_eq!(waiting, ["h->h two"]);
}

// -- notices ---------------------------------------------------------------------------------------------------

/// An actor with the children `p` and `q`, whose handler is busy with a message from `a`.
fn busy_parent() -> Bench {
    let mut h = Bench::new();
    h.gets('a', "go");
    h.creates(2);
    h.gets('a', "busy").anything();
    h
}

#[test]
fn a_notice_comes_after_the_childs_own_messages_and_before_those_of_others() {
    let mut h = busy_parent();
    h.gets('b', "one").gets('p', "last words").gets('b', "two").gets('q', "three").gives(&[]);
    h.child_gone('p').gives(&[]);
    h.finishes().gives(&["deliver b->h one"]);
    h.finishes().gives(&["deliver p->h last words", "credit a 1"]);
    h.finishes().gives(&["deliver p=>h gone(p: exited on request)", "credit b 1"]);
    h.finishes().gives(&["deliver b->h two"]);
    // The other child is alive, and what it sent waits its turn.
    h.finishes().gives(&["deliver q->h three", "credit p 1"]);
}

#[test]
fn a_notice_of_a_child_that_said_nothing_overtakes_the_mailbox() {
    let mut h = busy_parent();
    h.gets('b', "one").child_gone('p').finishes().gives(&["deliver p=>h gone(p: exited on request)"]);
    h.finishes().gives(&["deliver b->h one"]);
}

#[test]
fn each_child_is_reported_once_and_a_stranger_never() {
    let mut h = busy_parent();
    h.finishes().anything();
    h.child_gone('x').gives(&[]);
    h.child_ended('p', ExitCause::Killed("kill -9".into())).gives(&["deliver p=>h gone(p: killed: kill -9)"]);
    h.child_gone('p').gives(&[]);
    assert_eq!(h.status(), "busy, user 0 system 0 outgoing 0, children q");
}

#[test]
fn a_notice_that_waits_in_the_mailbox_survives_the_exit_that_empties_it() {
    let mut h = busy_parent();
    h.gets('p', "last words").child_gone('p').gets('b', ActorExitRequest::new());
    h.finishes().gives(&["deliver b->h exit"]);
    h.finishes().gives(&[
        "return p->h last words (Dead)",
        "transmit h=>q exit",
        "deliver p=>h gone(p: exited on request)",
        "credit a 1",
    ]);
    h.child_gone('q').finishes().gives(&["deliver q=>h gone(q: exited on request)"]);
    h.finishes().gives(&["stopped h", "credit b 1"]);
}

#[test]
fn the_admin_is_told_when_the_actor_has_taken_note_of_a_child_that_never_started() {
    let mut h = busy_parent();
    h.finishes().anything();
    h.child_ended('p', ExitCause::NeverStarted("no such type".into()));
    h.fails("no").gives(&[
        "deliver p=>h gone(p: never started: no such type)",
        "log warn h",
        "deliver p=>h gone(p: never started: no such type)",
    ]);
    h.finishes().gives(&["admin<-h knows that p never started"]);
    h.child_gone('q').finishes().gives(&["deliver q=>h gone(q: exited on request)"]);
}

// -- back-pressure ---------------------------------------------------------------------------------------------

/// An actor that has sent 4 messages to `b`, which is one more than it may.
fn paused() -> Bench {
    let mut h = Bench::new();
    h.gets('a', "go").anything();
    h.does(|ctx| sends(ctx, 'b', ["1", "2", "3", "4"])).gives(&[
        "transmit h->b 1",
        "transmit h->b 2",
        "transmit h->b 3",
        "transmit h->b 4",
        "paused h",
        "credit a 1",
    ]);
    assert_eq!(h.status(), "paused, user 0 system 0 outgoing 4");
    h
}

#[test]
fn below_the_high_mark_an_actor_is_not_paused() {
    let mut h = Bench::new();
    h.gets('a', "go").does(|ctx| sends(ctx, 'b', ["1", "2", "3"]));
    assert_eq!(h.status(), "idle, user 0 system 0 outgoing 3");
    h.gets('a', "next").does(|ctx| sends(ctx, 'b', ["4"]));
    assert!(h.host.is_paused());
}

#[test]
fn a_paused_actor_goes_on_when_enough_was_dealt_with() {
    let mut h = paused();
    h.gets('a', "next").gives(&[]);
    h.credited(1).gives(&[]);
    assert_eq!(h.status(), "paused, user 1 system 0 outgoing 3");
    h.credited(1).gives(&["deliver a->h next"]);
    assert_eq!(h.status(), "busy, user 0 system 0 outgoing 2");
}

#[test]
fn few_large_messages_pause_an_actor_too_until_half_of_them_were_dealt_with() {
    let large = limits(|limits| limits.outgoing_bytes = 20);
    let mut h = Bench::of::<Worker>(large, true);
    // A length and nine letters: ten bytes.
    h.gets('a', "go").does(|ctx| sends(ctx, 'b', ["123456789"]));
    assert_eq!(h.status(), "idle, user 0 system 0 outgoing 1");
    h.gets('a', "go").does(|ctx| sends(ctx, 'b', ["123456789", "1"]));
    assert_eq!(h.status(), "paused, user 0 system 0 outgoing 3");
    h.gets('a', "next").anything();
    let ack = |handled| Frame::Ack { lane: User, link: 1, handled };
    h.frame('b', ack(1)).gives(&[]);
    assert_eq!(h.status(), "paused, user 1 system 0 outgoing 2");
    h.frame('b', ack(2)).gives(&["deliver a->h next"]);
    assert_eq!(h.status(), "busy, user 0 system 0 outgoing 1");
}

/// An actor that has sent `b` in another process as much as it may.
fn paused_by_another_process() -> Bench {
    let mut h = Bench::of::<Worker>(limits(|_| {}), true);
    h.gets('a', "go").does(|ctx| sends(ctx, 'b', ["1", "2", "3", "4"])).anything();
    assert_eq!(h.status(), "paused, user 0 system 0 outgoing 4");
    h
}

#[test]
fn a_paused_actor_hears_those_who_have_not_dealt_with_all_that_it_sent() {
    let mut h = paused_by_another_process();
    h.gets('b', "one").gives(&["deliver b->h one"]);
    h.gets('b', "two").finishes().gives(&["deliver b->h two"]);
    h.finishes().anything();
    assert_eq!(h.status(), "paused, user 0 system 0 outgoing 4");
    // Who has nothing of it waits, and who comes later waits behind.
    h.gets('a', "three").gets('b', "four").gives(&[]);
    assert_eq!(h.status(), "paused, user 2 system 0 outgoing 4");
}

#[test]
fn a_paused_actor_hears_those_too_who_have_dealt_with_all_since() {
    let mut h = Bench::of::<Worker>(limits(|_| {}), true);
    h.gets('a', "go").does(|ctx| {
        sends(ctx, 'c', ["0"]);
        sends(ctx, 'd', ["1"]);
    });
    h.frame('c', Frame::Ack { lane: User, link: 1, handled: 1 });
    h.at(1).gets('a', "go").does(|ctx| sends(ctx, 'b', ["2", "3", "4"]));
    h.at(2).frame('d', Frame::Ack { lane: User, link: 2, handled: 1 }).anything();
    assert_eq!(h.status(), "paused, user 0 system 0 outgoing 3");
    h.gets('d', "one").gives(&["deliver d->h one"]);
    h.finishes().anything();
    // This one had before.
    h.gets('c', "two").gives(&[]);
}

#[test]
fn a_paused_actor_that_adds_to_what_is_outstanding_hears_nobody() {
    let mut h = paused_by_another_process();
    h.gets('b', "one").gets('b', "two").does(|ctx| sends(ctx, 'b', ["5"])).anything();
    assert_eq!(h.status(), "paused, user 1 system 0 outgoing 5");
    h.frame('b', Frame::Ack { lane: User, link: 1, handled: 1 })
        .gives(&["frame h->b user#1 3 (base 1) 4", "deliver b->h two"]);
}

#[test]
fn messages_that_come_back_count_as_dealt_with() {
    let mut h = paused();
    h.gets('a', "next");
    h.undelivered('b', "1", DeadReason::Dead).gives(&["admin<-h dead letter h->b 1 (Dead)"]);
    h.undelivered('b', "2", DeadReason::Dead)
        .gives(&["admin<-h dead letter h->b 2 (Dead)", "deliver a->h next"]);
}

#[test]
fn more_credit_than_was_sent_is_no_debt() {
    let mut h = paused();
    h.credited(u32::MAX);
    assert_eq!(h.status(), "idle, user 0 system 0 outgoing 0");
}

#[test]
fn exit_requests_and_notices_are_handled_while_paused() {
    let mut h = Bench::new();
    h.gets('a', "go").creates(1);
    h.gets('a', "go").does(|ctx| sends(ctx, 'b', ["1", "2", "3", "4"])).anything();
    h.gets('a', "waits").child_gone('p').gives(&["deliver p=>h gone(p: exited on request)"]);
    h.finishes().gives(&[]);
    h.gets('a', ActorExitRequest::new()).finishes().gives(&[
        "deliver a->h exit",
        "return a->h waits (Dead)",
        "stopped h",
        "credit a 1",
    ]);
}

#[test]
fn relief_gives_a_paused_actor_some_messages_all_the_same() {
    let mut h = paused();
    for message in ["one", "two", "three"] {
        h.gets('a', message);
    }
    // As many as lie between the marks.
    h.told(HostInput::Relief).gives(&["deliver a->h one"]);
    h.finishes().gives(&["deliver a->h two"]);
    h.finishes().gives(&["credit a 2"]);
    assert_eq!(h.status(), "paused, user 1 system 0 outgoing 4");
}

#[test]
fn relief_ends_when_the_actor_sends_as_much_again() {
    let mut h = paused();
    h.gets('a', "one").gets('a', "two");
    h.told(HostInput::Relief).gives(&["deliver a->h one"]);
    // Two are what lies between the marks, and these are as many.
    h.does(|ctx| sends(ctx, 'b', ["5", "6"])).gives(&["transmit h->b 5", "transmit h->b 6", "credit a 1"]);
    assert_eq!(h.status(), "paused, user 1 system 0 outgoing 6");
}

#[test]
fn relief_that_found_nothing_to_do_is_not_saved_up() {
    let mut h = paused();
    h.told(HostInput::Relief).gets('a', "one").gives(&[]);
}

#[test]
fn relief_comes_by_itself_after_a_time_and_never_early() {
    let mut h = Bench::new();
    h.at(50).gets('a', "go").does(|ctx| sends(ctx, 'b', ["1", "2", "3", "4"]));
    assert_eq!(h.due(), None, "there is nothing to relieve it of");
    h.gets('a', "one").gets('a', "two").gets('a', "three").anything();
    assert_eq!(h.due(), Some((150, Reason::Relief)));
    h.at(149).timeout().gives(&[]);
    h.at(150).timeout().gives(&["deliver a->h one"]);
    h.finishes().finishes().gives(&["deliver a->h two", "credit a 2"]);
    assert_eq!(h.due(), Some((250, Reason::Relief)));
}

// -- status ----------------------------------------------------------------------------------------------------

#[test]
fn a_question_for_the_status_is_answered_while_the_handler_runs() {
    let mut h = Bench::new();
    h.gets('a', "busy").gets('b', "waits").anything();
    h.gets('c', StatusReq).gives(&["transmit h=>c busy, user 1 system 0 outgoing 0"]);
    h.finishes().gives(&["deliver b->h waits", "credit c 1"]);
}

#[test]
fn a_question_for_the_status_is_answered_while_the_actor_exits_or_is_paused() {
    let mut h = paused();
    h.gets('c', StatusReq).gives(&["transmit h=>c paused, user 0 system 0 outgoing 4", "credit c 1"]);
    h.gets('a', ActorExitRequest::new()).anything();
    h.gets('c', StatusReq).gives(&["transmit h=>c exiting, user 0 system 0 outgoing 4"]);
}

#[test]
fn the_status_says_since_when_the_handler_runs() {
    let mut h = Bench::new();
    h.at(7).gets('a', "busy").at(9);
    let status = h.host.status(h.now);
    assert_eq!(status.busy_since, Some(milliseconds(7)));
    h.finishes();
    assert_eq!(h.host.status(h.now).busy_since, None);
}

// -- messages that come back -----------------------------------------------------------------------------------

#[test]
fn what_was_sent_to_an_actor_that_never_started_comes_back_as_poison() {
    let mut h = Bench::new();
    h.gets('a', "go").does(|ctx| sends(ctx, 'b', ["one"])).anything();
    h.undelivered('b', "one", DeadReason::NeverStarted).gives(&["deliver b=>h poison(one: why)"]);
    assert_eq!(h.status(), "busy, user 0 system 0 outgoing 0");
}

#[test]
fn what_the_runtime_sent_does_not_come_back_as_poison() {
    let mut h = Bench::new();
    let envelope = letter('h', 'b', ActorExitRequest::new()).by_runtime();
    let undelivered = Undelivered::new(envelope, DeadReason::NeverStarted);
    h.told(HostInput::Undelivered(Box::new(undelivered)));
    h.gives(&["admin<-h dead letter h=>b exit (NeverStarted)"]);
}

// -- between processes -----------------------------------------------------------------------------------------

#[test]
fn messages_from_other_processes_are_acknowledged_when_they_were_handled() {
    let mut h = Bench::linked();
    h.frame('a', data(User, 0, 0, "one")).gives(&["deliver a->h one"]);
    h.frame('a', data(User, 1, 0, "two")).gives(&[]);
    h.finishes().gives(&["deliver a->h two"]);
    h.finishes().gives(&["frame h->a ack user#1 2"]);
}

#[test]
fn a_poisoned_message_is_acknowledged_and_the_poison_is_sent() {
    let mut h = Bench::linked();
    h.frame('a', data(User, 0, 0, "one")).fails("no").anything();
    h.fails("no").gives(&[
        "log error h",
        "frame h->a user#1 0 (base 0) poison(one: no)",
        "frame h->a ack user#1 1",
    ]);
}

#[test]
fn a_message_that_is_handled_on_the_second_attempt_is_not_acknowledged_after_the_first() {
    let mut h = Bench::linked();
    h.frame('a', data(User, 0, 0, "one")).anything();
    h.fails("no").gives(&["log warn h", "deliver a->h one"]);
    h.frame('a', data(User, 0, 0, "one")).gives(&["frame h->a ack user#1 0"]);
    h.finishes().gives(&["frame h->a ack user#1 1"]);
}

#[test]
fn an_acknowledgement_is_a_credit() {
    let mut h = Bench::linked();
    h.frame('a', data(User, 0, 0, "go")).does(|ctx| sends(ctx, 'b', ["1", "2", "3", "4"])).gives(&[
        "deliver a->h go",
        "frame h->b user#1 0 (base 0) 1",
        "frame h->b user#1 1 (base 0) 2",
        "frame h->b user#1 2 (base 0) 3",
        "paused h",
        "frame h->a ack user#1 1",
    ]);
    h.frame('a', data(User, 1, 1, "next")).gives(&[]);
    let ack = Frame::Ack { lane: User, link: 1, handled: 2 };
    h.frame('b', ack).gives(&["frame h->b user#1 3 (base 2) 4", "deliver a->h next"]);
}

#[test]
fn a_message_that_cannot_travel_comes_back_as_poison_and_is_not_outstanding() {
    let mut h = Bench::of::<Worker>(limits(|limits| limits.message_size = 8), true);
    h.frame('a', data(User, 0, 0, "go"));
    h.does(|ctx| {
        ctx.send(&actor('b'), Stubborn);
        ctx.send(&actor('c'), "much too long");
    });
    let poison = "a message of type Stubborn cannot be encoded: ";
    assert!(h.lines[1].starts_with(&format!("deliver b=>h poison(<Stubborn>: {poison}")), "{:?}", h.lines);
    h.anything().finishes();
    let poison = "a message of type str has 14 bytes, over the limit of 8 (Limits::message_size)";
    h.gives(&[&format!("deliver c=>h poison(much too long: {poison})")]);
    assert_eq!(h.status(), "busy, user 0 system 0 outgoing 0");
    assert_eq!(h.host.counters().refused, 2);
}

#[test]
fn poison_that_is_too_large_with_its_message_goes_without() {
    let mut h = Bench::of::<Worker>(limits(|limits| limits.message_size = 600), true);
    let message = "x".repeat(590);
    h.frame('a', data(User, 0, 0, &*message)).anything();
    let why = "é".repeat(300);
    h.fails(&why).anything();
    h.fails(&why);
    let sent =
        h.lines.iter().find(|line| line.starts_with("frame h->a user")).expect("poison for its sender");
    assert!(sent.contains("its bytes are left out"), "{sent}");
    assert!(sent.contains(&"é".repeat(200)) && !sent.contains(&"é".repeat(201)), "{sent}");
    assert!(!sent.contains("xxx"), "{sent}");
}

#[test]
fn when_a_peer_is_gone_what_it_had_becomes_dead_letters() {
    let mut h = Bench::linked();
    h.frame('a', data(User, 0, 0, "go")).does(|ctx| sends(ctx, 'b', ["1", "2", "3", "4"])).anything();
    h.told(HostInput::PeerGone { peer: actor('b'), reason: DeadReason::Dead, details: String::new() });
    h.gives(&[
        "admin<-h dead letter h->b 1 (Dead, maybe handled)",
        "admin<-h dead letter h->b 2 (Dead, maybe handled)",
        "admin<-h dead letter h->b 3 (Dead, maybe handled)",
        "admin<-h dead letter h->b 4 (Dead)",
    ]);
    assert_eq!(h.status(), "idle, user 0 system 0 outgoing 0");
}

#[test]
fn an_exiting_actor_closes_its_lanes_and_waits_until_what_it_sent_was_dealt_with() {
    let mut h = Bench::linked();
    h.frame('a', data(User, 0, 0, "one")).frame('a', data(User, 1, 0, "two")).anything();
    h.frame('c', data(Urgent, 0, 0, ActorExitRequest::new())).gives(&[]);
    h.finishes().gives(&["deliver c->h exit"]);
    // The user lane closes with the first message handled; the urgent one when nothing is left to do.
    h.does(|ctx| ctx.send(&actor('b'), "bye")).gives(&[
        "frame h->b user#1 0 (base 0) bye",
        "frame h->a closed user#1 1",
        "frame h->a ack user#1 1",
        "frame h->c ack urgent#1 1",
        "frame h->c closed urgent#1 1",
    ]);
    assert_eq!(h.due(), Some((200, Reason::Resend)));
    h.frame('a', data(User, 2, 1, "three")).gives(&["frame h->a closed user#1 1"]);
    h.frame('d', data(Urgent, 0, 0, ActorExitRequest::new())).gives(&["frame h->d closed urgent#1 0"]);
    h.at(200).timeout().gives(&["frame h->b user#1 0 (base 0) bye"]);
    h.frame('b', Frame::Ack { lane: User, link: 1, handled: 1 }).gives(&["stopped h"]);
}

#[test]
fn an_exiting_actor_does_not_wait_for_ever_for_what_it_sent() {
    let mut h = Bench::linked();
    h.frame('a', data(Urgent, 0, 0, ActorExitRequest::new())).anything();
    h.does(|ctx| sends(ctx, 'b', ["1", "2", "3", "4"])).anything();
    // The shutdown grace is 5 s; in between it sends again.
    h.at(4_999).timeout().anything();
    assert_eq!(h.due(), Some((5_000, Reason::Drain)));
    h.at(5_000).timeout().gives(&[
        "admin<-h dead letter h->b 1 (Expired, maybe handled)",
        "admin<-h dead letter h->b 2 (Expired, maybe handled)",
        "admin<-h dead letter h->b 3 (Expired, maybe handled)",
        "admin<-h dead letter h->b 4 (Expired)",
        "stopped h",
    ]);
    assert_eq!(h.due(), None);
}

#[test]
fn a_child_that_cannot_be_asked_to_exit_is_to_be_killed() {
    let mut h = Bench::of::<Worker>(limits(|limits| limits.delivery_limit = milliseconds(300)), true);
    h.frame('a', data(User, 0, 0, "go")).creates(1).anything();
    h.frame('a', data(Urgent, 0, 0, ActorExitRequest::new())).anything();
    h.finishes();
    assert!(h.lines.contains(&"frame h->p urgent#1 0 (base 0) exit".into()), "{:?}", h.lines);
    h.anything().at(300).timeout();
    h.gives(&["admin<-h kill child p", "admin<-h dead letter h=>p exit (Expired, maybe handled)"]);
    h.child_ended('p', ExitCause::Killed("by the system".into())).finishes();
    h.gives(&["deliver p=>h gone(p: killed: by the system)", "frame h->a closed urgent#1 1", "stopped h"]);
}

#[test]
fn of_several_deadlines_the_next_is_named_with_its_reason() {
    let mut h = Bench::linked();
    h.frame('a', data(User, 0, 0, "go"));
    h.does(|ctx| {
        ctx.wakeup_after(milliseconds(150));
        sends(ctx, 'b', ["1", "2", "3", "4"]);
    });
    assert_eq!(h.due(), Some((150, Reason::Wakeup)));
    h.frame('a', data(User, 1, 1, "waits"));
    assert_eq!(h.due(), Some((100, Reason::Relief)));
    h.at(100).timeout().finishes().at(150).timeout().finishes();
    assert_eq!(h.due(), Some((200, Reason::Resend)));
}

#[test]
fn an_idle_actor_has_no_deadline() {
    for mut h in [Bench::new(), Bench::linked()] {
        assert_eq!(h.due(), None);
        h.at(1_000).timeout().gives(&[]);
    }
}

// -- the account -----------------------------------------------------------------------------------------------

#[test]
fn the_account_has_one_end_for_each_message() {
    let mut h = Bench::accounting(false);
    let numbered = |number| {
        let mut envelope = letter('a', 'h', "m");
        envelope.set_number(number);
        envelope
    };
    h.gets_letter(numbered(1)).gets_letter(numbered(2)).anything();
    h.does(|ctx| sends(ctx, 'b', ["one"]));
    h.gives(&["account h#1 Accepted", "transmit h->b one", "account a#1 Handled", "deliver a->h m"]);
    h.fails("no").anything();
    h.fails("no").gives(&[
        "log error h",
        "account a#2 Poisoned",
        "transmit h=>a poison(m: no)",
        "credit a 2",
    ]);
    h.undelivered('b', "one", DeadReason::NeverStarted);
    h.gives(&["account h#0 Poisoned", "deliver b=>h poison(one: why)"]);
    h.finishes().gives(&[]);
}

#[test]
fn a_refused_message_is_accounted_for_as_refused() {
    let mut h = Bench::accounting(true);
    h.frame('a', data(User, 0, 0, "go")).anything();
    h.does(|ctx| ctx.send(&actor('b'), Stubborn));
    let accounts: Vec<&String> = h.lines.iter().filter(|line| line.starts_with("account")).collect();
    assert_eq!(accounts, ["account h#1 Accepted", "account h#1 Refused", "account a#1 Handled"]);
}

// -- hostile peers ---------------------------------------------------------------------------------------------

/// Peers that know the frames but not the rules, and an actor that handles, fails, sends and pauses meanwhile.
#[test]
fn a_hundred_thousand_random_inputs_leave_the_promises_whole() {
    const PEERS: [char; 3] = ['x', 'y', 'z'];
    let mut h = Bench::linked();
    let mut random = Random(0xbad_5eed);
    // The number of the last delivery from each peer, and how many attempts had failed by then.
    let mut last: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut deliveries = 0u32;
    let (mut link, mut around) = (5, 0);
    for step in 0..100_000u64 {
        h.at(step / 10);
        let peer = random.pick(&PEERS);
        match random.below(1_000) {
            0..33 => around += 1,
            33 => (link, around) = (link + 1, 0),
            _ => {}
        }
        let near = |random: &mut Random| (around + random.below(9)).saturating_sub(4);
        let place = if random.below(40) == 0 { u64::MAX - random.below(9) } else { near(&mut random) };
        let lane = random.pick(&[User, User, User, Urgent]);
        let (any, link) = (random.below(10), link - u64::from(random.below(20) == 0));
        let reason = DeadReason::Dead;
        let frame = match random.below(16) {
            0 => Frame::Ack { lane, link: any, handled: place },
            1 => Frame::Closed { lane, link: any, handled: place, reason },
            2 => data_on(link, User, place, near(&mut random), StatusReq),
            _ => data_on(link, User, place, near(&mut random), "m"),
        };
        match random.below(16) {
            0 => h.credited(random.below(3) as u32),
            1 => h.told(HostInput::Relief),
            2 => h.child_gone(peer),
            3 => h.timeout(),
            _ => h.frame(peer, frame),
        };
        // A few at a time, so that mail also waits.
        for _ in 0..random.below(4) {
            let Some(envelope) = &h.in_hand else { break };
            if !envelope.is_by_runtime() {
                let (number, failures) = (envelope.number(), h.host.counters().failed_attempts);
                let before = last.insert(name(envelope.from()), (number, failures));
                let again = before.is_some_and(|before| before == (number, failures.wrapping_sub(1)));
                assert!(
                    again || before.is_none_or(|(before, _)| before < number),
                    "step {step}: {number:x} after {before:x?}"
                );
            }
            deliveries += 1;
            match random.below(6) {
                0 => h.fails("no"),
                1 => h.does(|ctx| sends(ctx, peer, ["answer", "answer"])),
                2 => h.does(|ctx| ctx.wakeup_after(milliseconds(1))),
                _ => h.finishes(),
            };
        }
        assert!(h.lines.len() < 100, "step {step}: {} outputs for one input", h.lines.len());
        h.anything();
    }
    assert!(deliveries > 1_000, "the peers are hostile, but not so that nothing is delivered: {deliveries}");
}

/// A host without the bench, which hands messages to a handler that says nothing.
fn bare(linked: bool) -> Host {
    Host::new(HostConfig {
        address: actor('h'),
        kind: ActorType::of::<Worker>(),
        policy: FailurePolicy::RETRY_ONCE,
        limits: limits(|_| {}),
        carrier: linked.then_some(Carrier::Lossy),
        accounting: false,
        pid: None,
    })
}

/// The handler has handled the message that was delivered, and asked for this.
fn finishes(host: &mut Host, envelope: Envelope, mut actions: Actions, out: &mut Outputs) {
    if let Some(next) = host.finished(ms(1), envelope, Ok(Flow::Done), &mut actions, out) {
        out.deliver(next);
    }
}

#[test]
fn a_second_exit_request_changes_nothing_even_if_its_handler_spares_the_children() {
    let (mut host, mut out) = (bare(false), Outputs::new());
    host.arrived(ms(0), letter('a', 'h', "go"), &mut out);
    let order = drain(&host, &mut out, &mut Vec::new()).remove(0);
    let actions = asked(&mut Surroundings::default(), actor('h'), actor('a'), |ctx| {
        ctx.create_actor::<Worker>();
    });
    finishes(&mut host, order, actions, &mut out);
    let mut lines = Vec::new();
    for spares in [false, true] {
        host.arrived(ms(0), letter('a', 'h', ActorExitRequest::new()), &mut out);
        let request = drain(&host, &mut out, &mut Vec::new()).remove(0);
        if spares && let Some(request) = request.message().downcast_ref::<ActorExitRequest>() {
            request.not_recursive();
        }
        finishes(&mut host, request, Actions::new(1), &mut out);
        lines.clear();
        drain(&host, &mut out, &mut lines);
    }
    compare(&lines, &["credit a 1"]);
}

#[test]
fn own_messages_that_come_back_are_not_taken_for_others() {
    let (mut host, mut out) = (bare(false), Outputs::new());
    host.arrived(ms(0), letter('a', 'h', "go"), &mut out);
    let order = drain(&host, &mut out, &mut Vec::new()).remove(0);
    let actions = asked(&mut Surroundings::default(), actor('h'), actor('a'), |ctx| {
        ctx.send(&actor('h'), "to itself");
        ctx.send(&actor('b'), "to another");
    });
    finishes(&mut host, order, actions, &mut out);
    let back = Undelivered::new(letter('h', 'h', "to itself"), DeadReason::Dead);
    host.handle(ms(2), HostInput::Undelivered(Box::new(back)), &mut out);
    assert_eq!(host.status(ms(2)).queues.outgoing, 1);
}

#[test]
fn a_request_for_the_status_is_handled_whatever_becomes_of_the_mailbox() {
    let (mut host, mut out) = (bare(true), Outputs::new());
    for frame in [data(User, 0, 0, "busy"), data(User, 1, 0, "waits"), data(Urgent, 0, 0, StatusReq)] {
        host.frame(ms(0), actor('a'), frame.borrow(), &mut out);
    }
    let exit = data(Urgent, 0, 0, ActorExitRequest::new());
    host.frame(ms(0), actor('c'), exit.borrow(), &mut out);
    let mut lines = Vec::new();
    for _ in 0..2 {
        let envelope = drain(&host, &mut out, &mut lines).remove(0);
        finishes(&mut host, envelope, Actions::new(1), &mut out);
    }
    drain(&host, &mut out, &mut lines);
    // Of the lane with the mailbox the first has been handled, and of the other everything.
    for line in ["frame h->a closed user#1 1", "frame h->a ack urgent#1 1"] {
        assert!(lines.iter().any(|known| known == line), "{line} is not in {lines:#?}");
    }
}

#[test]
fn a_wakeup_that_a_long_handler_asked_for_comes_before_those_that_were_due_later() {
    let mut h = Bench::new();
    h.gets('a', "sets a timer").does(|ctx| ctx.wakeup_after_with(milliseconds(20), "due at 20"));
    // It runs from 5 on, and asks at once; its end is at 30, and the first timer falls due meanwhile.
    h.at(5).gets('a', "takes long").anything();
    h.at(20).timeout().gives(&[]);
    let envelope = h.in_hand.take().expect("the handler runs");
    h.surroundings.now = ms(5);
    let mut actions = asked(&mut h.surroundings, actor('h'), actor('a'), |ctx| {
        ctx.wakeup_after_with(milliseconds(5), "due at 10");
    });
    let next = h.host.finished(ms(30), envelope, Ok(Flow::Done), &mut actions, &mut h.out);
    h.out.deliver(next.expect("a wakeup is due"));
    h.at(30).settle();
    h.gives(&["deliver h=>h wakeup(5ms due at 10)"]);
    h.finishes().gives(&["deliver h=>h wakeup(20ms due at 20)"]);
}

// -- watched descriptors ---------------------------------------------------------------------------------------

#[test]
fn word_of_descriptors_comes_before_what_waits() {
    let mut h = Bench::new();
    h.ready(3).gives(&["deliver h=>h watch[3]"]);
    h.gets('a', "one").gets('a', "two").finishes().gives(&["deliver a->h one"]);
    // The handler has not begun with it.
    h.ready(4).gives(&["deliver h=>h watch[4]"]);
    h.finishes().gives(&["deliver a->h one"]);
    h.finishes().gives(&["deliver a->h two"]);
}

#[test]
fn word_of_descriptors_does_not_come_between_attempts() {
    let mut h = Bench::new();
    h.gets('a', "one").anything();
    h.fails("first").anything();
    h.ready(3).gives(&["deliver a->h one"]);
    h.fails("second").anything();
    h.ready(3).gives(&["deliver h=>h watch[3]"]);
}

#[test]
fn word_of_descriptors_does_not_put_off_an_exit() {
    let mut h = Bench::new();
    h.gets('a', ActorExitRequest::new()).anything();
    h.ready(3).gives(&["deliver a->h exit"]);
    h.finishes().anything();
    h.ready(3).gives(&[]);
}

#[test]
fn a_paused_actor_has_word_of_descriptors_first_when_it_goes_on() {
    let mut h = Bench::new();
    h.gets('a', "go").does(|ctx| sends(ctx, 'b', ["1", "2", "3", "4"])).anything();
    h.gets('a', "waits").anything();
    h.ready(3).gives(&[]);
    h.credited(2).gives(&["deliver h=>h watch[3]"]);
    h.finishes().gives(&["deliver a->h waits"]);
}
