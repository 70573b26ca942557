//! [`Endpoint`]: what an outside caller sends, and what came for it.

mod kit;

use core::time::Duration;
use std::sync::Arc;

use kit::{Stubborn, actor, compare, data, drain, letter, limits, ms, name, post};
use thespian_core::engine::link::Lane::{Urgent, User};
use thespian_core::engine::link::{Carrier, Frame};
use thespian_core::engine::{Endpoint, EndpointInput, Outputs, Undelivered};
use thespian_core::{
    ActorExitRequest, ChildActorExited, DeadReason, Envelope, Error, ExitCause, IntoMessage, Limits,
    PoisonMessage, Time,
};

/// The endpoint `e`.
struct Bench {
    endpoint: Endpoint,
    now: Time,
    out: Outputs,
    lines: Vec<String>,
}

impl Bench {
    /// An endpoint in the process of the actors, with room for 3 messages.
    fn new() -> Bench {
        Bench::with(limits(|limits| limits.endpoint_queue = 3), false, false)
    }

    fn linked() -> Bench {
        Bench::with(limits(|limits| limits.endpoint_queue = 3), true, false)
    }

    fn with(limits: Arc<Limits>, linked: bool, accounting: bool) -> Bench {
        let endpoint = Endpoint::new(actor('e'), limits, linked.then_some(Carrier::Lossy), accounting);
        Bench { endpoint, now: Time::ZERO, out: Outputs::new(), lines: Vec::new() }
    }

    fn at(&mut self, milliseconds: u64) -> &mut Bench {
        self.now = ms(milliseconds);
        self
    }

    fn told(&mut self, input: EndpointInput) -> &mut Bench {
        self.endpoint.handle(self.now, input, &mut self.out);
        self
    }

    fn gets(&mut self, from: char, message: impl IntoMessage) -> &mut Bench {
        self.endpoint.arrived(letter(from, 'e', message), &mut self.out);
        self
    }

    fn frame(&mut self, from: char, frame: Frame) -> &mut Bench {
        self.endpoint.frame(self.now, actor(from), frame.borrow(), &mut self.out);
        self
    }

    fn sends(&mut self, to: char, message: impl IntoMessage) -> &mut Bench {
        let sent = self.endpoint.send(self.now, actor(to), message.into_message(), &mut self.out);
        sent.expect("the message can travel");
        self
    }

    fn refused(&mut self, to: char, message: impl IntoMessage) -> Error {
        let sent = self.endpoint.send(self.now, actor(to), message.into_message(), &mut self.out);
        sent.expect_err("the message cannot travel")
    }

    fn comes_back(&mut self, to: char, message: &str, reason: DeadReason) -> &mut Bench {
        let undelivered =
            Undelivered { details: "why".into(), ..Undelivered::new(letter('e', to, message), reason) };
        self.told(EndpointInput::Undelivered(Box::new(undelivered)))
    }

    fn peer_gone(&mut self, peer: char, reason: DeadReason) -> &mut Bench {
        self.told(EndpointInput::PeerGone { peer: actor(peer), reason, details: "why".into() })
    }

    /// The caller takes a message.
    fn receives(&mut self) -> Option<String> {
        self.endpoint.receive(&mut self.out).map(|envelope: Envelope| post(&envelope))
    }

    fn closes(&mut self) -> &mut Bench {
        self.endpoint.close(&mut self.out);
        self
    }

    fn timeout(&mut self) -> &mut Bench {
        self.endpoint.handle_timeout(self.now, &mut self.out);
        self
    }

    #[track_caller]
    fn gives(&mut self, expected: &[&str]) -> &mut Bench {
        drain(&self.endpoint, &mut self.out, &mut self.lines);
        compare(&self.lines, expected);
        self.lines.clear();
        self
    }

    fn anything(&mut self) -> &mut Bench {
        drain(&self.endpoint, &mut self.out, &mut self.lines);
        self.lines.clear();
        self
    }
}

// -- in one process --------------------------------------------------------------------------------------------

#[test]
fn messages_wait_for_the_caller_in_the_order_they_came() {
    let mut e = Bench::new();
    assert!(!e.endpoint.has_message());
    e.gets('a', "one").gets('b', "two").gives(&["credit a 1", "credit b 1"]);
    assert!(e.endpoint.has_message());
    assert_eq!(e.endpoint.unread().count(), 2);
    assert_eq!(e.receives().as_deref(), Some("a->e one"));
    assert_eq!(e.receives().as_deref(), Some("b->e two"));
    assert_eq!(e.receives(), None);
    assert_eq!(e.endpoint.counters().handled, 2);
}

#[test]
fn what_the_caller_sends_goes_on_its_way() {
    let mut e = Bench::new();
    e.sends('a', "one")
        .sends('a', ActorExitRequest::new())
        .gives(&["transmit e->a one", "transmit e->a exit"]);
    assert_eq!(e.endpoint.counters().sent, 2);
}

#[test]
fn a_message_for_a_full_endpoint_is_a_dead_letter_and_the_rest_stays() {
    let mut e = Bench::new();
    e.gets('a', "one").gets('a', "two").gets('a', "three").anything();
    e.gets('a', "four").gives(&["admin<-e dead letter a->e four (EndpointFull)", "credit a 1"]);
    assert_eq!(e.receives().as_deref(), Some("a->e one"));
    e.gets('a', "five").gives(&["credit a 1"]);
    assert_eq!(e.receives().as_deref(), Some("a->e two"));
    assert_eq!(e.receives().as_deref(), Some("a->e three"));
    assert_eq!(e.receives().as_deref(), Some("a->e five"));
}

#[test]
fn system_messages_that_are_not_for_callers_are_taken_and_not_shown() {
    let mut e = Bench::with(limits(|limits| limits.endpoint_queue = 1), false, true);
    let notice = || ChildActorExited { child_address: actor('c'), cause: ExitCause::Requested };
    e.gets('a', ActorExitRequest::new()).gives(&["account a#0 Handled", "credit a 1"]);
    e.gets('a', notice()).gives(&["account a#0 Handled", "credit a 1"]);
    assert_eq!(e.receives(), None);
    // They do not need room, and take none.
    e.gets('a', "one").gets('a', notice()).gives(&["account a#0 Handled", "credit a 1", "credit a 1"]);
    let poison = PoisonMessage { message: "x".into_message(), details: "no".into() };
    assert_eq!(e.receives().as_deref(), Some("a->e one"));
    e.gets('a', poison);
    assert_eq!(e.receives().as_deref(), Some("a->e poison(x: no)"));
}

#[test]
fn a_target_that_was_found_dead_is_named_once() {
    let mut e = Bench::new();
    e.sends('a', "one").anything();
    e.comes_back('a', "one", DeadReason::Dead).gives(&["admin<-e dead letter e->a one (Dead)"]);
    assert!(!e.endpoint.found_dead(&actor('b')));
    assert!(e.endpoint.found_dead(&actor('a')));
    assert!(!e.endpoint.found_dead(&actor('a')));
    e.comes_back('a', "two", DeadReason::Dead).endpoint.forget_dead();
    assert!(!e.endpoint.found_dead(&actor('a')));
}

#[test]
fn targets_found_dead_are_remembered_up_to_a_bound() {
    let mut e = Bench::new();
    for target in ['a', 'b', 'c', 'd'] {
        e.comes_back(target, "m", DeadReason::Dead);
    }
    assert_eq!(['a', 'b', 'c', 'd'].map(|at| e.endpoint.found_dead(&actor(at))), [false, true, true, true]);
}

#[test]
fn what_was_sent_to_an_actor_that_never_started_comes_back_as_poison() {
    let mut e = Bench::with(limits(|_| {}), false, true);
    e.comes_back('a', "one", DeadReason::NeverStarted).gives(&["account e#0 Poisoned"]);
    assert_eq!(e.receives().as_deref(), Some("a=>e poison(one: why)"));
    e.gives(&[]);
    assert!(!e.endpoint.found_dead(&actor('a')));
    let counters = e.endpoint.counters();
    assert_eq!((counters.poisoned, counters.handled), (1, 0));
}

#[test]
fn what_waits_for_a_caller_that_goes_away_becomes_dead_letters() {
    let mut e = Bench::new();
    e.gets('a', "one").gets('b', "two").anything();
    assert!(!e.endpoint.is_done());
    e.closes().gives(&["admin<-e dead letter a->e one (Dead)", "admin<-e dead letter b->e two (Dead)"]);
    assert!(e.endpoint.is_done());
    assert_eq!(e.receives(), None);
    assert_eq!(e.endpoint.counters().handled, 0);
}

#[test]
fn the_account_has_one_end_for_each_message() {
    let mut e = Bench::with(limits(|_| {}), false, true);
    e.sends('a', "one").sends('a', "two").gives(&[
        "account e#1 Accepted",
        "transmit e->a one",
        "account e#2 Accepted",
        "transmit e->a two",
    ]);
    e.gets('a', "answer").gives(&["credit a 1"]);
    assert_eq!(
        e.endpoint.unread().map(|(from, number)| (name(&from), number)).collect::<Vec<_>>(),
        [("a".into(), 0)]
    );
    e.receives();
    e.gives(&["account a#0 Handled"]);
}

// -- between processes -----------------------------------------------------------------------------------------

#[test]
fn a_message_from_another_process_is_acknowledged_when_it_came() {
    let mut e = Bench::linked();
    e.frame('a', data(User, 0, 0, "one")).gives(&["frame e->a ack user#1 1"]);
    e.frame('a', data(User, 0, 0, "one")).gives(&["frame e->a ack user#1 1"]);
    e.frame('a', data(User, 2, 0, "three")).gives(&[]);
    e.frame('a', data(User, 1, 0, "two")).gives(&["frame e->a ack user#1 2", "frame e->a ack user#1 3"]);
    assert_eq!(e.receives().as_deref(), Some("a->e one"));
    assert_eq!(e.receives().as_deref(), Some("a->e two"));
    assert_eq!(e.receives().as_deref(), Some("a->e three"));
    assert_eq!(e.receives(), None);
}

#[test]
fn a_message_that_cannot_travel_is_refused_to_the_caller() {
    let mut e = Bench::with(limits(|limits| limits.message_size = 8), true, true);
    let error = e.refused('a', Stubborn);
    assert!(
        matches!(&error, Error::MessageNotEncodable(error) if error.type_name == "Stubborn"),
        "{error:?}"
    );
    let error = e.refused('a', "much too long");
    let Error::MessageTooLarge { type_name, size, limit } = error else { panic!("{error:?}") };
    assert_eq!((type_name.as_ref(), size, limit), ("str", 14, 8));
    e.gives(&["account e#1 Accepted", "account e#1 Refused", "account e#2 Accepted", "account e#2 Refused"]);
    assert_eq!(e.endpoint.counters().refused, 2);
}

#[test]
fn a_closed_endpoint_is_done_when_everything_it_sent_was_dealt_with() {
    let mut e = Bench::linked();
    e.frame('b', data(User, 0, 0, "unread")).sends('a', "one").sends('a', "two").anything();
    e.closes().gives(&["frame e->b closed user#1 1", "admin<-e dead letter b->e unread (Dead)"]);
    assert!(!e.endpoint.is_done());
    e.frame('b', data(User, 1, 1, "late")).gives(&["frame e->b closed user#1 1"]);
    e.frame('a', Frame::Ack { lane: User, link: 1, handled: 1 });
    assert!(!e.endpoint.is_done());
    e.at(300).timeout().gives(&["frame e->a user#1 1 (base 1) two"]);
    e.frame('a', Frame::Ack { lane: User, link: 1, handled: 2 }).gives(&[]);
    assert!(e.endpoint.is_done());
    assert_eq!(e.endpoint.poll_timeout(), None);
}

#[test]
fn a_peer_that_is_gone_settles_what_was_sent_to_it() {
    let mut e = Bench::linked();
    e.sends('a', "one").sends('b', "two").closes().anything();
    e.peer_gone('a', DeadReason::Dead).gives(&["admin<-e dead letter e->a one (Dead, maybe handled)"]);
    assert!(e.endpoint.found_dead(&actor('a')));
    assert!(!e.endpoint.is_done());
    e.peer_gone('b', DeadReason::NeverStarted).gives(&[]);
    assert!(e.endpoint.is_done());
}

#[test]
fn a_lane_that_is_closed_gives_the_message_back() {
    let mut e = Bench::linked();
    e.sends('a', "one").anything();
    e.frame('a', Frame::Closed { lane: User, link: 1, handled: 0, reason: DeadReason::Dead });
    e.gives(&["admin<-e dead letter e->a one (Dead)"]);
    assert!(e.endpoint.found_dead(&actor('a')));
}

#[test]
fn what_is_outstanding_is_counted_whatever_becomes_of_it() {
    let mut e = Bench::with(limits(|limits| limits.delivery_limit = Duration::from_millis(300)), true, false);
    let outstanding = |e: &Bench| e.endpoint.unacknowledged();
    // More than the window, so that some are on their way and some wait.
    for _ in 0..5 {
        e.sends('a', "one");
    }
    e.sends('b', "two").sends('c', "three").at(100).sends('d', "four");
    e.refused('a', Stubborn);
    assert_eq!(outstanding(&e), 8);
    e.frame('a', Frame::Ack { lane: User, link: 1, handled: 2 });
    e.frame('a', Frame::Ack { lane: User, link: 1, handled: 2 });
    assert_eq!(outstanding(&e), 6);
    e.frame('a', Frame::Closed { lane: User, link: 1, handled: 3, reason: DeadReason::Dead });
    assert_eq!(outstanding(&e), 3);
    e.peer_gone('b', DeadReason::Dead);
    assert_eq!(outstanding(&e), 2);
    e.at(300).timeout();
    assert_eq!(outstanding(&e), 1);
    e.frame('d', Frame::Ack { lane: User, link: 4, handled: u64::MAX });
    assert_eq!((outstanding(&e), e.endpoint.poll_timeout()), (0, None));
}

#[test]
fn what_nobody_acknowledges_is_sent_again_and_given_up_in_the_end() {
    let mut e = Bench::with(limits(|limits| limits.delivery_limit = Duration::from_millis(300)), true, false);
    e.sends('a', ActorExitRequest::new()).gives(&["frame e->a urgent#1 0 (base 0) exit"]);
    assert_eq!(e.endpoint.poll_timeout(), Some(ms(200)));
    e.at(199).timeout().gives(&[]);
    e.at(200).timeout().gives(&["frame e->a urgent#1 0 (base 0) exit"]);
    assert_eq!(e.endpoint.poll_timeout(), Some(ms(300)));
    e.at(300).timeout().gives(&["admin<-e dead letter e->a exit (Expired, maybe handled)"]);
    e.frame('a', Frame::Ack { lane: Urgent, link: 1, handled: 1 }).gives(&[]);
}

#[test]
fn poison_for_a_full_endpoint_is_a_dead_letter() {
    let mut endpoint = Endpoint::new(actor('e'), limits(|limits| limits.endpoint_queue = 2), None, false);
    let mut out = Outputs::new();
    for _ in 0..5 {
        let undelivered = Undelivered::new(letter('e', 'a', "m"), DeadReason::NeverStarted);
        endpoint.handle(ms(0), EndpointInput::Undelivered(Box::new(undelivered)), &mut out);
    }
    assert_eq!((endpoint.unread().count(), out.len()), (2, 3));
}
