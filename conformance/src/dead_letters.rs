//! Dead letters (guide sections 4.2 and 5.6, decisions D19 and D21).

use thespian_core::{ActorAddress, ActorExitRequest, DeadReason, StatusReq};

use crate::actors::{Entry, Step, What};
use crate::ground::{Ground, Stage};

/// An actor that is dead.
fn dead(stage: &Stage<'_>) -> ActorAddress {
    let puppet = stage.puppet();
    stage.tell(&puppet, ActorExitRequest::new()).expect("sent");
    stage.await_death(&puppet);
    puppet
}

/// A puppet that handles dead letters.
fn handler(stage: &Stage<'_>) -> ActorAddress {
    let puppet = stage.puppet();
    stage.order(&puppet, [Step::HandleDeadLetters(true)]);
    await_handler(stage, Some(puppet));
    puppet
}

/// Waits until this is who handles dead letters.
fn await_handler(stage: &Stage<'_>, handler: Option<ActorAddress>) {
    stage.eventually("the handler of dead letters is another", || {
        stage.status().expect("status").dead_letter_handler == handler
    });
}

/// How many dead letters there have been.
fn count(stage: &Stage<'_>) -> u64 {
    stage.status().expect("status").counters.dead_lettered
}

/// The texts among the dead letters in a journal.
fn letters(journal: &[Entry]) -> Vec<&str> {
    let texts = journal.iter().filter_map(|entry| match &entry.what {
        What::Dead { message, .. } => Some(message.as_str()),
        _ => None,
    });
    texts.collect()
}

pub(crate) fn a_message_for_the_dead_reaches_the_handler(ground: &Ground<'_>) {
    let stage = ground.system();
    let (gone, handler, sender) = (dead(&stage), handler(&stage), stage.puppet());
    stage.order(&sender, [Step::send(&gone, "hello?")]);
    let journal = stage.journal(&handler, 1);
    let expected = What::Dead { to: gone, sender, message: "hello?".into(), reason: DeadReason::Dead };
    assert_eq!(journal.iter().map(|entry| &entry.what).collect::<Vec<_>>(), [&expected]);
}

pub(crate) fn without_a_handler_a_dead_letter_is_dropped(ground: &Ground<'_>) {
    let stage = ground.system();
    let (gone, sender) = (dead(&stage), stage.puppet());
    stage.order(&sender, [Step::send(&gone, "hello?"), Step::send(&sender, "still here")]);
    let journal = stage.journal(&sender, 1);
    assert_eq!(journal.iter().map(|entry| &entry.what).collect::<Vec<_>>(), [&What::text("still here")]);
}

pub(crate) fn the_last_handler_to_register_wins(ground: &Ground<'_>) {
    let stage = ground.system();
    let (gone, first) = (dead(&stage), handler(&stage));
    let second = handler(&stage);
    stage.tell(&gone, "hello?").expect("sent");
    assert_eq!(letters(&stage.journal(&second, 1)), ["hello?"]);
    assert_eq!(stage.journal(&first, 0), []);
}

pub(crate) fn an_earlier_handler_is_not_restored(ground: &Ground<'_>) {
    let stage = ground.system();
    let (gone, first) = (dead(&stage), handler(&stage));
    let second = handler(&stage);
    stage.order(&second, [Step::HandleDeadLetters(false)]);
    await_handler(&stage, None);
    let before = count(&stage);
    stage.tell(&gone, "hello?").expect("sent");
    stage.eventually("it is a dead letter", || count(&stage) > before);
    stage.settle();
    assert_eq!(stage.journal(&first, 0), []);
    assert_eq!(stage.journal(&second, 0), []);
}

pub(crate) fn a_handler_that_never_was_one_cannot_stop(ground: &Ground<'_>) {
    let stage = ground.system();
    let (gone, first) = (dead(&stage), handler(&stage));
    let other = stage.puppet();
    stage.order(&other, [Step::HandleDeadLetters(false)]);
    stage.settle();
    stage.tell(&gone, "hello?").expect("sent");
    assert_eq!(letters(&stage.journal(&first, 1)), ["hello?"]);
}

pub(crate) fn a_handler_that_exits_is_removed(ground: &Ground<'_>) {
    let stage = ground.system();
    let (gone, first) = (dead(&stage), handler(&stage));
    assert_eq!(stage.status().expect("status").dead_letter_handler, Some(first));
    stage.tell(&first, ActorExitRequest::new()).expect("sent");
    stage.await_death(&first);
    await_handler(&stage, None);
    let before = count(&stage);
    stage.tell(&gone, "hello?").expect("sent");
    stage.eventually("it is a dead letter", || count(&stage) > before);
    let second = handler(&stage);
    stage.tell(&gone, "again?").expect("sent");
    assert_eq!(letters(&stage.journal(&second, 1)), ["again?"]);
}

pub(crate) fn what_comes_after_an_exit_request_becomes_dead_letters(ground: &Ground<'_>) {
    let stage = ground.system();
    let (handler, sender, target) = (handler(&stage), stage.puppet(), stage.puppet());
    stage.order(&target, [Step::OnExit(vec![Step::send(&sender, "I have to go")])]);
    stage.settle();
    stage.order(&sender, [Step::send(&target, ActorExitRequest::new())]);
    assert_eq!(stage.journal(&sender, 1).len(), 1);
    stage.order(&sender, (0..5).map(|n| Step::send(&target, format!("text {n}"))).collect::<Vec<_>>());
    let journal = stage.journal(&handler, 5);
    assert_eq!(letters(&journal), ["text 0", "text 1", "text 2", "text 3", "text 4"]);
    assert!(journal.iter().all(|entry| matches!(&entry.what, What::Dead { to, .. } if *to == target)));
}

pub(crate) fn dead_letters_keep_their_order_and_content(ground: &Ground<'_>) {
    let stage = ground.system();
    let (gone, handler, sender) = (dead(&stage), handler(&stage), stage.puppet());
    stage.order(&sender, (0..100).map(|n| Step::send(&gone, n.to_string())).collect::<Vec<_>>());
    let journal = stage.journal(&handler, 100);
    let expected: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    assert_eq!(letters(&journal), expected);
}

pub(crate) fn a_dead_handler_makes_no_endless_letters(ground: &Ground<'_>) {
    let stage = ground.system();
    let (gone, handler, sender) = (dead(&stage), handler(&stage), stage.puppet());
    // Letters for a handler that is on its way out are not letters about letters.
    let mut steps: Vec<Step> = (0..10).map(|n| Step::send(&gone, n.to_string())).collect();
    steps.insert(3, Step::send(&handler, ActorExitRequest::new()));
    stage.order(&sender, steps);
    stage.await_death(&handler);
    stage.settle();
    assert!(!stage.is_dead(&sender));
}

pub(crate) fn a_message_from_outside_for_the_dead_is_a_dead_letter(ground: &Ground<'_>) {
    let stage = ground.system();
    let (gone, handler) = (dead(&stage), handler(&stage));
    stage.tell(&gone, "from outside").expect("sent");
    let journal = stage.journal(&handler, 1);
    assert_eq!(letters(&journal), ["from outside"]);
    assert!(matches!(&journal[0].what, What::Dead { sender, .. } if *sender == stage.endpoint()));
}

pub(crate) fn a_handler_that_fails_on_a_letter_lives_on(ground: &Ground<'_>) {
    let stage = ground.system();
    let (gone, handler) = (dead(&stage), handler(&stage));
    stage.order(&handler, [Step::FailOn("dead letter".into())]);
    stage.tell(&gone, "hello?").expect("sent");
    // Both attempts note it, and no letter comes of the poison for the letter.
    let journal = stage.journal(&handler, 2);
    assert_eq!(letters(&journal), ["hello?", "hello?"]);
    assert_eq!(journal.len(), 2);
}

pub(crate) fn dead_letters_are_counted(ground: &Ground<'_>) {
    let stage = ground.system();
    let (gone, sender) = (dead(&stage), stage.puppet());
    stage.settle();
    let before = count(&stage);
    stage.order(&sender, (0..7).map(|n| Step::send(&gone, n.to_string())).collect::<Vec<_>>());
    stage.order(&sender, [Step::send(&gone, StatusReq)]);
    stage.eventually("all are dead letters", || count(&stage) >= before + 8);
    stage.settle();
    assert_eq!(count(&stage), before + 8);
}
