//! The in-memory world: it performs what the engines decide, for actors whose handlers really run.
//!
//! Addresses read as `slot.generation`, with a letter for the slot: the caller is `a.3`, the first actor `b.4`.

mod kit;
#[path = "kit/stage.rs"]
mod stage;

use core::time::Duration;
use std::collections::BTreeMap;

use kit::{SYSTEM, compare, key, name};
use stage::{Order, Puppet, Stage, Step, Stillborn, Wire};
use thespian_core::engine::link::{Frame, Lane};
use thespian_core::{
    Actor, ActorAddress, ActorExitRequest, AddressKey, Error, IntoMessage, StatusReq, SystemId,
};

fn tell(to: thespian_core::ActorAddress, text: &str) -> Step {
    Step::Tell(to, text.into())
}

fn flood(to: thespian_core::ActorAddress, text: &str, count: u32) -> Step {
    Step::Flood(to, text.into(), count)
}

// -- running ---------------------------------------------------------------------------------------------------

#[test]
fn actors_run_until_nothing_is_left_to_do() {
    let mut stage = Stage::new();
    let (b, c) = (stage.puppet(), stage.puppet());
    stage.trace.take();
    let caller = stage.caller;
    stage.order(&b, [tell(c, "one"), Step::Order(c, vec![tell(caller, "two")])]);
    stage.run();
    compare(
        &stage.trace.take(),
        &[
            "begin a.3->b.4 <Order>",
            "end b.4",
            "begin b.4->c.5 one",
            "end c.5",
            "begin b.4->c.5 <Order>",
            "end c.5",
        ],
    );
    assert_eq!(stage.answers(), ["two"]);
    stage.run();
    assert!(stage.world.is_quiet());
}

#[test]
fn a_world_that_never_settles_says_so_and_goes_on_where_it_was() {
    let mut stage = Stage::with(|limits| limits.steps_per_call = 10);
    let (b, c) = (stage.puppet(), stage.puppet());
    let caller = stage.caller;
    stage.order(&b, [Step::Again(24)]);
    stage.order(&c, [tell(caller, "one"), tell(caller, "two")]);
    let mut runs = 0;
    loop {
        runs += 1;
        match stage.world.run() {
            Ok(()) => break,
            Err(error) => assert_eq!(error, Error::NeverSettles { steps: 10, actor: "Puppet".into() }),
        }
        assert_eq!(stage.world.deliveries(), 10 * runs);
    }
    // 25 rounds and one order: nothing was lost and nothing was done twice.
    assert_eq!((stage.world.deliveries(), runs), (26, 3));
    assert_eq!(stage.answers(), ["one", "two"]);
}

#[test]
fn what_waits_after_a_call_that_did_not_settle_keeps_its_order() {
    let mut stage = Stage::with(|limits| limits.steps_per_call = 1);
    let b = stage.puppet();
    let caller = stage.caller;
    for text in ["one", "two", "three", "four"] {
        stage.order(&b, [tell(caller, text)]);
    }
    while stage.world.run().is_err() {}
    assert_eq!(stage.answers(), ["one", "two", "three", "four"]);
}

#[test]
fn wakeups_come_when_time_passes_and_not_before() {
    let mut stage = Stage::new();
    let b = stage.puppet();
    let (late, soon) = (Duration::from_millis(30), Duration::from_millis(20));
    stage.order(&b, [Step::Wakeup(late, "late".into()), Step::Wakeup(soon, "soon".into())]);
    stage.run();
    assert_eq!(stage.world.next_deadline(), Some(kit::ms(20)));
    stage.trace.take();
    stage.pass(19);
    compare(&stage.trace.take(), &[]);
    stage.pass(100);
    compare(
        &stage.trace.take(),
        &["begin b.4=>b.4 wakeup(20ms soon)", "end b.4", "begin b.4=>b.4 wakeup(30ms late)", "end b.4"],
    );
    assert!(stage.world.is_quiet());
}

#[test]
fn an_attempt_that_asks_for_too_much_fails() {
    let mut stage = Stage::with(|limits| limits.actions_per_attempt = 3);
    let b = stage.puppet();
    let caller = stage.caller;
    stage.order(&b, [flood(caller, "m", 3)]);
    stage.run();
    assert_eq!(stage.answers(), ["m", "m", "m"]);
    stage.order(&b, [flood(caller, "m", 4)]);
    stage.run();
    let answers = stage.answers();
    assert!(
        answers[0].starts_with("poison(<Order>: the handler asked for more than 3 actions"),
        "{answers:?}"
    );
    assert_eq!(answers.len(), 1);
}

// -- two systems -----------------------------------------------------------------------------------------------

#[test]
fn two_systems_exchange_messages_by_address() {
    let mut stage = Stage::new();
    let other = SystemId::from_bits(2 << 96);
    let stranger = stage.add_system(other);
    let here = stage.puppet();
    let there = stage.create_in(other, Puppet::spec()).expect("it starts");
    let caller = stage.caller;
    stage.order(&here, [Step::Order(there, vec![tell(caller, "from there"), tell(stranger, "at home")])]);
    stage.run();
    assert_eq!(stage.answers(), ["from there"]);
    let at_home = stage.world.receive(stranger).expect("a message");
    assert_eq!((at_home.from(), kit::text(at_home.message())), (&there, "at home".into()));
    // Its back-pressure works over the border too: six messages, paused at four.
    stage.order(&here, [flood(there, "m", 6), Step::Flush, tell(caller, "done")]);
    stage.run();
    assert_eq!(stage.answers(), ["done"]);
    stage.send(&here, StatusReq);
    stage.run();
    assert_eq!(stage.answers(), ["idle, user 0 system 0 outgoing 0"]);
}

#[test]
fn the_end_of_one_system_leaves_the_other_alone() {
    let mut stage = Stage::new();
    let other = SystemId::from_bits(2 << 96);
    let stranger = stage.add_system(other);
    let here = stage.puppet();
    let there = stage.create_in(other, Puppet::spec()).expect("it starts");
    stage.world.shutdown(other);
    stage.run();
    assert!(stage.world.is_down(other) && !stage.world.is_down(SYSTEM));
    assert_eq!(stage.world.actors(SYSTEM), [here]);
    let sent = stage.world.send(stranger, here, "late".into_message());
    assert_eq!(sent, Err(Error::SystemDown { base: "testBase".into() }));
    // What goes there now comes back as a dead letter.
    stage.order(&here, [Step::HandleDeadLetters]);
    stage.run();
    stage.trace.take();
    stage.send(&there, "one");
    stage.run();
    compare(&stage.trace.take(), &["begin admin=>b.4 dead(a.3->b.4 one Dead)", "end b.4"]);
}

#[test]
fn a_dead_letter_says_why_nobody_is_there() {
    let mut stage = Stage::new();
    let (handler, gone) = (stage.puppet(), stage.puppet());
    stage.order(&handler, [Step::HandleDeadLetters]);
    stage.send(&gone, ActorExitRequest::new());
    stage.run();
    stage.trace.take();
    let forged = AddressKey::new([8; 16]).seal(SYSTEM, 2, 4);
    let elsewhere = key().seal(SystemId::from_bits(9 << 96), 2, 4);
    for to in [gone, forged, elsewhere] {
        stage.send(&to, "m");
    }
    stage.run();
    let letters: Vec<String> =
        stage.trace.take().into_iter().filter(|line| line.starts_with("begin")).collect();
    compare(
        &letters,
        &[
            "begin admin=>b.4 dead(a.3->c.5 m Dead)",
            "begin admin=>b.4 dead(a.3->b.4 m InvalidAddress)",
            "begin admin=>b.4 dead(a.3->b.4 m HostLost)",
        ],
    );
    assert!(stage.world.found_dead(stage.caller, &elsewhere));
}

// -- flush -----------------------------------------------------------------------------------------------------

/// Three actors that each send `sink` more than they may have outstanding, flush, and go on.
fn three_that_flush(flush_depth: u32) -> Vec<String> {
    let mut stage = Stage::with(|limits| limits.flush_depth = flush_depth);
    let actors = [stage.puppet(), stage.puppet(), stage.puppet()];
    let sink = stage.puppet();
    stage.trace.take();
    for actor in actors {
        stage.order(&actor, [flood(sink, "m", 4), Step::Flush]);
    }
    stage.run();
    let lines = stage.trace.take();
    let sunk = lines.iter().filter(|line| line.starts_with("begin") && line.ends_with("->e.7 m")).count();
    assert_eq!(sunk, 12, "nothing is lost: {lines:?}");
    lines.into_iter().filter(|line| !line.contains("e.7")).collect()
}

#[test]
fn while_an_actor_waits_in_a_flush_others_run() {
    compare(
        &three_that_flush(16),
        &[
            "begin a.3->b.4 <Order>",
            "begin a.3->c.5 <Order>",
            "begin a.3->d.6 <Order>",
            "end d.6",
            "end c.5",
            "end b.4",
        ],
    );
}

#[test]
fn flushes_nest_no_deeper_than_the_limit() {
    compare(
        &three_that_flush(1),
        &[
            "begin a.3->b.4 <Order>",
            "begin a.3->c.5 <Order>",
            "end c.5",
            "begin a.3->d.6 <Order>",
            "end d.6",
            "end b.4",
        ],
    );
    compare(
        &three_that_flush(0),
        &[
            "begin a.3->b.4 <Order>",
            "end b.4",
            "begin a.3->c.5 <Order>",
            "end c.5",
            "begin a.3->d.6 <Order>",
            "end d.6",
        ],
    );
}

#[test]
fn two_actors_that_are_paused_by_each_other_come_to_an_end() {
    let mut stage = Stage::new();
    let (b, c) = (stage.puppet(), stage.puppet());
    let caller = stage.caller;
    // Each sends the other more than it may, and each message makes the other answer.
    let volley = |to| Step::Order(to, vec![tell(caller, "m")]);
    stage.order(&b, vec![volley(c); 10]);
    stage.order(&c, vec![volley(b); 10]);
    stage.run();
    assert_eq!(stage.answers().len(), 20);
}

/// A parent, its child, and a sink that hears nothing. Word of a death takes longer than a message, so that a child that
/// floods the sink waits in its flush when it is killed because its parent was.
fn parent_child_and_sink() -> (Stage, ActorAddress, ActorAddress, ActorAddress) {
    let frame = |_: &ActorAddress, to: &ActorAddress, _: &Frame| match name(to).as_str() {
        "d.6" => vec![],
        _ => vec![1],
    };
    let wire = Wire { frame, control: Duration::from_millis(10) };
    let mut stage = Stage::build(|_| {}, Some(Box::new(wire)));
    let parent = stage.puppet();
    stage.order(&parent, [Step::Create]);
    stage.pass(50);
    let child = stage.address();
    let sink = stage.puppet();
    assert_eq!(name(&sink), "d.6");
    (stage, parent, child, sink)
}

#[test]
fn an_actor_that_is_killed_while_its_handler_waits_in_a_flush_asks_for_nothing_more() {
    let (mut stage, parent, child, sink) = parent_child_and_sink();
    let handler = stage.puppet();
    stage.order(&handler, [Step::HandleDeadLetters]);
    stage.pass(50);
    let caller = stage.caller;
    stage.order(&child, [flood(sink, "flushed", 4), Step::Flush, tell(caller, "too late"), Step::Create]);
    stage.trace.take();
    stage.world.kill(parent, "kill -9");
    stage.pass(1000);
    let lines = stage.trace.take();
    compare(
        &lines[..4],
        &[
            "exited b.4: killed: kill -9",
            "begin a.3->c.5 <Order>",
            "exited c.5: killed: by the system",
            "end c.5",
        ],
    );
    let letters = lines.iter().filter(|line| line.contains("dead(")).collect::<Vec<_>>();
    assert_eq!(letters, ["begin admin=>e.7 dead(a.3->c.5 <Order> Dead, maybe handled)"]);
    assert_eq!(stage.answers(), [""; 0]);
    assert_eq!(stage.world.actors(SYSTEM), [sink, handler]);
}

#[test]
fn the_addresses_that_an_actor_was_given_after_it_was_killed_are_free_again() {
    let (mut stage, parent, child, sink) = parent_child_and_sink();
    stage.order(&child, [flood(sink, "m", 4), Step::Flush, Step::Create, Step::CreateNamed("n".into())]);
    stage.trace.take();
    stage.world.kill(parent, "kill -9");
    stage.pass(1000);
    assert!(stage.trace.take().contains(&"end c.5".into()), "its handler had begun");
    // The two places that the dead had are free, and the next is a new one.
    let mut slots: Vec<u64> = (0..3).map(|_| stage.puppet().slot()).collect();
    slots.sort();
    assert_eq!(slots, [parent.slot(), child.slot(), sink.slot() + 1]);
}

#[test]
fn an_actor_that_is_killed_before_its_delivery_gives_the_message_back() {
    let mut stage = Stage::with(|limits| limits.steps_per_call = 1);
    let (b, c, handler) = (stage.puppet(), stage.puppet(), stage.puppet());
    stage.order(&handler, [Step::HandleDeadLetters]);
    stage.run();
    stage.send(&b, "one");
    stage.send(&c, "two");
    stage.send(&c, "three");
    stage.world.run().expect_err("one delivery is the limit");
    stage.trace.take();
    stage.world.kill(c, "kill -9");
    while stage.world.run().is_err() {}
    let lines: Vec<String> = stage.trace.take().into_iter().filter(|line| !line.starts_with("end")).collect();
    // Whether the first had begun is not for the world to say; that the second had not is certain.
    let mut letters = lines[1..].to_vec();
    letters.sort();
    compare(&lines[..1], &["exited c.5: killed: kill -9"]);
    compare(
        &letters,
        &[
            "begin admin=>d.6 dead(a.3->c.5 three Dead)",
            "begin admin=>d.6 dead(a.3->c.5 two Dead, maybe handled)",
        ],
    );
}

// -- addresses -------------------------------------------------------------------------------------------------

#[test]
fn an_endpoint_in_the_place_of_an_earlier_one_gets_nothing_that_was_for_that_one() {
    let mut stage = Stage::new();
    let (b, handler) = (stage.puppet(), stage.puppet());
    stage.order(&handler, [Step::HandleDeadLetters]);
    stage.run();
    let first = stage.world.open(SYSTEM).expect("the system is up");
    stage.order(&b, [tell(first, "for the first")]);
    stage.world.close(first);
    let second = stage.world.open(SYSTEM).expect("the system is up");
    assert_eq!(second.slot(), first.slot());
    assert_ne!(second, first);
    stage.trace.take();
    stage.run();
    assert!(stage.world.receive(second).is_none());
    assert!(stage.world.receive(first).is_none());
    assert!(stage.trace.take().contains(&"begin admin=>c.5 dead(b.4->d.6 for the first Dead)".into()));
    // And the first cannot send any more.
    let sent = stage.world.send(first, b, "m".into_message());
    assert!(matches!(sent, Err(Error::InvalidActorAddress { address, .. }) if address == first));
}

#[test]
fn an_actor_in_the_place_of_an_earlier_one_gets_nothing_that_was_for_that_one() {
    let mut stage = Stage::new();
    let first = stage.puppet();
    stage.send(&first, ActorExitRequest::new());
    stage.run();
    let second = stage.puppet();
    assert_eq!(second.slot(), first.slot());
    stage.trace.take();
    stage.send(&first, "for the first");
    stage.send(&second, "for the second");
    stage.run();
    compare(&stage.trace.take(), &["begin a.3->b.5 for the second", "end b.5"]);
    assert!(stage.world.found_dead(stage.caller, &first));
}

#[test]
fn the_addresses_that_a_failed_attempt_was_given_are_free_again() {
    let mut stage = Stage::new();
    let b = stage.puppet();
    stage.order(&b, [Step::Create, Step::Create, Step::Fail("no".into())]);
    stage.run();
    assert_eq!(stage.answers(), ["poison(<Order>: no)"]);
    assert_eq!(stage.world.actors(SYSTEM), [b]);
    // Two attempts took two addresses each, and all the while two places were enough.
    let slots: Vec<u64> = (0..3).map(|_| stage.puppet().slot()).collect();
    assert_eq!(slots, [3, 4, 5]);
}

#[test]
fn the_name_that_a_failed_attempt_claimed_is_free_again() {
    let mut stage = Stage::new();
    let b = stage.puppet();
    stage.order(&b, [Step::CreateNamed("n".into()), Step::Fail("no".into())]);
    stage.run();
    assert_eq!(stage.answers(), ["poison(<Order>: no)"]);
    assert_eq!(stage.world.find_name(SYSTEM, "n"), None);
    let named = stage.create(Puppet::spec().global_name("n")).expect("it starts");
    assert_eq!(stage.world.find_name(SYSTEM, "n"), Some(named));
    // A failed attempt that asked for the running one takes nothing from it.
    stage.order(&b, [Step::CreateNamed("n".into()), Step::Fail("no".into())]);
    stage.run();
    assert_eq!(stage.world.find_name(SYSTEM, "n"), Some(named));
    assert_eq!(stage.create(Puppet::spec().global_name("n")), Ok(named));
    assert_eq!(stage.world.actors(SYSTEM).len(), 2);
}

#[test]
fn what_was_sent_to_an_actor_that_never_starts_comes_back_as_poison_and_its_place_is_free() {
    let mut stage = Stage::new();
    let b = stage.puppet();
    stage.order(&b, [Step::CreateType("Stillborn".into())]);
    stage.run();
    let never = stage.address();
    stage.send(&never, "hello");
    stage.run();
    // Its parent knows, and from then on its address is as dead as any other.
    assert!(stage.world.found_dead(stage.caller, &never));
    let (call, _) = (stage.world.create(SYSTEM, Stillborn::spec()), stage.run());
    let answer = stage.world.answer(call.expect("the system is up")).expect("it is answered");
    let details = "stillborn".into();
    assert_eq!(answer, Err(Error::ActorStartFailed { actor: "Stillborn".into(), details }));
    assert_eq!(stage.puppet().slot(), never.slot());
}

// -- the end ---------------------------------------------------------------------------------------------------

#[test]
fn a_family_exits_from_the_leaves_up() {
    let mut stage = Stage::new();
    let b = stage.puppet();
    stage.order(&b, [Step::Create]);
    stage.run();
    let c = stage.address();
    stage.order(&c, [Step::Create, Step::Create]);
    stage.run();
    stage.trace.take();
    stage.send(&b, ActorExitRequest::new());
    stage.run();
    let lines: Vec<String> =
        stage.trace.take().into_iter().filter(|line| line.starts_with("exited")).collect();
    compare(
        &lines,
        &[
            "exited d.6: exited on request",
            "exited e.7: exited on request",
            "exited c.5: exited on request",
            "exited b.4: exited on request",
        ],
    );
}

#[test]
fn after_a_shutdown_nothing_is_left_and_nothing_can_be_had() {
    let mut stage = Stage::new();
    let b = stage.puppet();
    stage.order(&b, [Step::Create, Step::Wakeup(Duration::from_secs(1), "never".into())]);
    stage.run();
    stage.world.shutdown(SYSTEM);
    stage.run();
    assert!(stage.world.is_down(SYSTEM));
    assert_eq!(stage.world.actors(SYSTEM), []);
    let down = || Error::SystemDown { base: "testBase".into() };
    assert_eq!(stage.world.open(SYSTEM), Err(down()));
    assert_eq!(stage.world.create(SYSTEM, Puppet::spec()), Err(down()));
    assert_eq!(stage.world.send(stage.caller, b, "m".into_message()), Err(down()));
    assert_eq!(stage.world.update_capability(SYSTEM, "gpu", false.into()), Err(down()));
}

// -- behind a network ------------------------------------------------------------------------------------------

#[test]
fn behind_a_network_that_loses_repeats_and_reorders_messages_arrive_once_and_in_order() {
    let mut count = 0u64;
    let mut stage = Stage::behind(move |_, _, _| {
        count += 1;
        match count % 4 {
            0 => vec![],
            1 => vec![9],
            2 => vec![1, 30],
            _ => vec![2],
        }
    });
    let b = stage.puppet();
    let caller = stage.caller;
    let texts: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    for text in &texts {
        stage.order(&b, [tell(caller, text)]);
    }
    stage.pass(60_000);
    assert_eq!(stage.answers(), texts);
}

#[test]
fn behind_a_network_what_a_killed_actor_had_is_found_dead() {
    let mut stage = Stage::behind(|_, _, _| vec![1]);
    let (b, handler) = (stage.puppet(), stage.puppet());
    stage.order(&handler, [Step::HandleDeadLetters]);
    stage.pass(10);
    stage.trace.take();
    stage.send(&b, "one");
    stage.world.kill(b, "kill -9");
    stage.pass(10);
    let lines: Vec<String> = stage.trace.take().into_iter().filter(|line| !line.starts_with("end")).collect();
    compare(
        &lines,
        &["exited b.4: killed: kill -9", "begin admin=>c.5 dead(a.3->b.4 one Dead, maybe handled)"],
    );
}

#[test]
fn behind_a_network_a_closed_endpoint_stays_until_what_it_sent_has_arrived() {
    let mut frames: BTreeMap<String, u32> = BTreeMap::new();
    // The first copy of everything that is no acknowledgement is lost.
    let mut stage = Stage::behind(move |from, _, frame| {
        let first = {
            let seen = frames.entry(format!("{} {}", name(from), kit::frame_text(frame))).or_default();
            *seen += 1;
            *seen == 1
        };
        if first && matches!(frame, Frame::Data { .. }) { vec![] } else { vec![1] }
    });
    let b = stage.puppet();
    stage.trace.take();
    let guest = stage.world.open(SYSTEM).expect("the system is up");
    stage.world.send(guest, b, Order(vec![]).into_message()).expect("it can send");
    stage.world.close(guest);
    stage.pass(100);
    compare(&stage.trace.take(), &[]);
    stage.pass(200);
    compare(&stage.trace.take(), &["begin c.5->b.4 <Order>", "end b.4"]);
    stage.pass(1_000);
    assert_eq!(stage.puppet().slot(), guest.slot(), "its place is free");
}

#[test]
fn behind_a_network_a_failed_attempt_takes_no_name_from_a_creator_whose_request_is_under_way() {
    let mut stage = Stage::behind(|_, _, _| vec![1]);
    let (b, c) = (stage.puppet(), stage.puppet());
    // Both claim the name in the same millisecond; the first request takes another to reach the admin.
    stage.order(&b, [Step::CreateNamed("n".into())]);
    stage.order(&c, [Step::CreateNamed("n".into()), Step::Fail("no".into())]);
    stage.pass(100);
    let named = stage.world.find_name(SYSTEM, "n").expect("it was created");
    assert_eq!(stage.world.actors(SYSTEM), [b, c, named]);
    stage.world.shutdown(SYSTEM);
    stage.pass(1_000);
    assert!(stage.world.is_down(SYSTEM));
}

#[test]
fn behind_a_network_a_family_exits_and_a_shutdown_comes_to_its_end() {
    let mut stage = Stage::behind(|_, _, _| vec![1]);
    let b = stage.puppet();
    stage.order(&b, [Step::Create, Step::Create]);
    stage.pass(10);
    stage.world.shutdown(SYSTEM);
    stage.pass(1_000);
    assert!(stage.world.is_down(SYSTEM));
    assert_eq!(stage.world.actors(SYSTEM), []);
}

// -- what was wrong once ---------------------------------------------------------------------------------------

#[test]
fn actors_that_do_not_exit_are_killed_once_the_grace_is_over() {
    // Nothing urgent reaches an actor, so it is never asked.
    let mut stage = Stage::behind(|_, to, frame| match frame {
        Frame::Data { lane: Lane::Urgent, .. } if to.slot() > 1 => vec![],
        _ => vec![1],
    });
    stage.puppet();
    stage.world.shutdown(SYSTEM);
    stage.pass(6_000);
    assert!(stage.world.is_down(SYSTEM));
}

#[test]
fn what_a_killed_actor_had_handled_is_credited_to_its_senders() {
    let mut stage = Stage::with(|limits| {
        limits.steps_per_call = 3;
        limits.outgoing_high = 100;
    });
    let (sender, target) = (stage.puppet(), stage.puppet());
    stage.order(&sender, [flood(target, "m", 5)]);
    stage.world.run().expect_err("three deliveries are the limit");
    // The order and two of the five have been handled.
    stage.world.kill(target, "kill -9");
    while stage.world.run().is_err() {}
    stage.send(&sender, StatusReq);
    while stage.world.run().is_err() {}
    assert_eq!(stage.answers(), ["idle, user 0 system 0 outgoing 0"]);
}

#[test]
fn the_step_limit_holds_inside_a_flush() {
    let mut stage = Stage::with(|limits| limits.steps_per_call = 100);
    let (one, other, busy) = (stage.puppet(), stage.puppet(), stage.puppet());
    stage.order(&one, [flood(other, "m", 4), Step::Flush]);
    stage.order(&other, [flood(one, "m", 4), Step::Flush]);
    stage.order(&busy, [Step::Again(100_000)]);
    stage.world.run().expect_err("it does not settle");
    assert!(stage.world.deliveries() < 1000, "{} deliveries", stage.world.deliveries());
}

#[test]
fn no_timer_is_kept_for_an_actor_that_is_gone() {
    let mut stage = Stage::new();
    let b = stage.puppet();
    let day = Duration::from_secs(86_400);
    // Each sooner than the one before, in an attempt of its own.
    stage.order(&b, [Step::Wakeup(day * 2, "later".into())]);
    stage.run();
    stage.order(&b, [Step::Wakeup(day, "sooner".into())]);
    stage.run();
    assert!(stage.world.next_deadline().is_some());
    stage.send(&b, ActorExitRequest::new());
    stage.run();
    assert_eq!(stage.world.next_deadline(), None);
    assert!(stage.world.is_quiet());
}
