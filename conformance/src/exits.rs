//! How actors end (guide sections 2.2.3 to 2.2.5 and 7.4, decisions D5, D8, D11 and D12).

use std::time::Duration;

use thespian_core::{ActorSpec, ActorAddress, ActorExitRequest, AnyMessage, ExitCause, actor};

use crate::actors::{Entry, Puppet, Step, What};
use crate::ground::{Ground, Stage};

/// Asks an actor to exit, once it has dealt with what it was told before.
fn ask_to_exit(stage: &Stage<'_>, actor: &ActorAddress) {
    stage.settle();
    stage.tell(actor, ActorExitRequest::new()).expect("sent");
}

fn exits(journal: &[Entry]) -> Vec<(ActorAddress, ExitCause)> {
    let exits = journal.iter().filter_map(|entry| match &entry.what {
        What::Exited { child, cause } => Some((*child, cause.clone())),
        _ => None,
    });
    exits.collect()
}

pub(crate) fn an_exit_request_ends_an_actor(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    ask_to_exit(&stage, &puppet);
    stage.await_death(&puppet);
    assert_eq!(stage.status().expect("status").actor_count, 0);
}

pub(crate) fn an_exit_request_is_handled_before_the_end(ground: &Ground<'_>) {
    let stage = ground.system();
    let (puppet, friend) = (stage.puppet(), stage.puppet());
    stage.order(&puppet, [Step::OnExit(vec![Step::send(&friend, "farewell")])]);
    ask_to_exit(&stage, &puppet);
    stage.await_death(&puppet);
    assert_eq!(stage.journal(&friend, 1)[0], Entry { from: puppet, what: What::text("farewell") });
}

pub(crate) fn an_actor_cannot_refuse_to_exit(ground: &Ground<'_>) {
    let stage = ground.system();
    // It takes no notice of the request at all.
    #[derive(Default)]
    struct Deaf;
    #[actor]
    impl Deaf {}
    let deaf = stage.actor::<Deaf>();
    ask_to_exit(&stage, &deaf);
    stage.await_death(&deaf);
}

pub(crate) fn a_handler_that_fails_on_an_exit_request_exits_all_the_same(ground: &Ground<'_>) {
    let stage = ground.system();
    for failure in [Step::Fail("no".into()), Step::Panic("no!".into())] {
        let parent = stage.puppet();
        let child = stage.child(&parent);
        let friend = stage.puppet();
        // `OnExit` is taken once, so it is the first attempt that fails; then it is set again for the second.
        let again = Step::OnExit(vec![Step::Fail("again".into())]);
        stage.order(&child, [Step::OnExit(vec![again, failure])]);
        stage.order(&friend, [Step::send(&child, ActorExitRequest::new())]);
        stage.await_death(&child);
        assert_eq!(exits(&stage.journal(&parent, 1)), [(child, ExitCause::Requested)]);
        assert_eq!(stage.journal(&friend, 0), [], "nobody is poisoned");
    }
}

pub(crate) fn the_parent_is_told_once(ground: &Ground<'_>) {
    let stage = ground.system();
    let parent = stage.puppet();
    let children: Vec<ActorAddress> = (0..5).map(|_| stage.child(&parent)).collect();
    for child in &children {
        ask_to_exit(&stage, child);
        ask_to_exit(&stage, child);
    }
    let mut told = exits(&stage.journal(&parent, 5));
    told.sort();
    let mut expected: Vec<_> = children.iter().map(|child| (*child, ExitCause::Requested)).collect();
    expected.sort();
    assert_eq!(told, expected);
}

pub(crate) fn the_parent_of_a_top_level_actor_is_nobody(ground: &Ground<'_>) {
    let stage = ground.system();
    let (puppet, other) = (stage.puppet(), stage.puppet());
    ask_to_exit(&stage, &puppet);
    stage.await_death(&puppet);
    assert_eq!(stage.journal(&other, 0), []);
    assert!(stage.listen(0).expect("up").is_timed_out());
}

/// A puppet with two children, of which each has two.
fn family(stage: &Stage<'_>) -> (ActorAddress, Vec<ActorAddress>) {
    let top = stage.puppet();
    let mut all = Vec::new();
    for _ in 0..2 {
        let child = stage.child(&top);
        all.push(child);
        for _ in 0..2 {
            all.push(stage.child(&child));
        }
    }
    (top, all)
}

pub(crate) fn an_exit_takes_the_children_along(ground: &Ground<'_>) {
    let stage = ground.system();
    let (top, descendants) = family(&stage);
    ask_to_exit(&stage, &top);
    stage.await_death(&top);
    for actor in &descendants {
        assert!(stage.is_dead(actor));
    }
    assert_eq!(stage.status().expect("status").actor_count, 0);
}

pub(crate) fn children_go_before_their_parent(ground: &Ground<'_>) {
    let stage = ground.system();
    let (witness, top) = (stage.puppet(), stage.puppet());
    let middle = stage.child(&top);
    let bottom = stage.child(&middle);
    for (actor, name) in [(bottom, "bottom"), (middle, "middle")] {
        stage.order(&actor, [Step::OnExit(vec![Step::send(&witness, name)])]);
    }
    ask_to_exit(&stage, &middle);
    // The end of the middle is told after that of the bottom has been.
    assert_eq!(exits(&stage.journal(&top, 1)), [(middle, ExitCause::Requested)]);
    assert!(stage.is_dead(&bottom));
    assert_eq!(stage.journal(&witness, 2).len(), 2, "both said farewell");
}

pub(crate) fn an_exit_that_is_not_recursive_spares_the_children(ground: &Ground<'_>) {
    let stage = ground.system();
    let parent = stage.puppet();
    let child = stage.child(&parent);
    stage.order(&parent, [Step::OnExit(vec![Step::SpareChildren])]);
    ask_to_exit(&stage, &parent);
    stage.await_death(&parent);
    stage.settle();
    stage.tell(&child, "still there?").expect("sent");
    assert_eq!(stage.journal(&child, 1)[0].what, What::text("still there?"));
}

pub(crate) fn a_sender_can_ask_for_an_exit_that_spares_the_children(ground: &Ground<'_>) {
    let stage = ground.system();
    let parent = stage.puppet();
    let child = stage.child(&parent);
    let request = ActorExitRequest::new();
    request.not_recursive();
    stage.tell(&parent, request).expect("sent");
    stage.await_death(&parent);
    assert!(!stage.is_dead(&child));
}

pub(crate) fn spared_children_end_with_the_system(ground: &Ground<'_>) {
    let stage = ground.system();
    let parent = stage.puppet();
    let child = stage.child(&parent);
    stage.order(&parent, [Step::OnExit(vec![Step::SpareChildren])]);
    ask_to_exit(&stage, &parent);
    stage.await_death(&parent);
    assert!(!stage.is_dead(&child));
    // A shutdown that did not reach the child would not come to an end.
    stage.shutdown().expect("down");
    assert!(stage.is_down());
}

pub(crate) fn the_exit_of_a_spared_child_is_told_to_nobody(ground: &Ground<'_>) {
    let stage = ground.system();
    let top = stage.puppet();
    let parent = stage.child(&top);
    let child = stage.child(&parent);
    stage.order(&parent, [Step::OnExit(vec![Step::SpareChildren])]);
    ask_to_exit(&stage, &parent);
    stage.await_death(&parent);
    stage.settle();
    ask_to_exit(&stage, &child);
    stage.await_death(&child);
    assert_eq!(exits(&stage.journal(&top, 1)), [(parent, ExitCause::Requested)]);
}

pub(crate) fn an_exit_request_overtakes_waiting_messages(ground: &Ground<'_>) {
    let stage = ground.system();
    let (sender, target, handler) = (stage.puppet(), stage.puppet(), stage.puppet());
    stage.order(&handler, [Step::HandleDeadLetters(true)]);
    stage.settle();
    let mut steps: Vec<Step> = (0..50_u64).map(|n| Step::send(&target, n)).collect();
    steps.push(Step::send(&target, ActorExitRequest::new()));
    stage.order(&sender, steps);
    stage.await_death(&target);
    // Something of the fifty was overtaken, and is a dead letter.
    assert!(!stage.journal(&handler, 1).is_empty());
}

pub(crate) fn a_notice_comes_after_the_childs_last_message(ground: &Ground<'_>) {
    let stage = ground.system();
    let parent = stage.puppet();
    let child = stage.child(&parent);
    let mut last_words: Vec<Step> = (0..20).map(|n| Step::send(&parent, format!("{n}"))).collect();
    last_words.push(Step::send(&parent, "the end"));
    stage.order(&child, [Step::OnExit(last_words)]);
    ask_to_exit(&stage, &child);
    let journal = stage.journal(&parent, 22);
    assert_eq!(journal.len(), 22);
    assert_eq!(journal[20].what, What::text("the end"));
    assert!(matches!(journal[21].what, What::Exited { .. }), "{journal:?}");
}

pub(crate) fn what_an_exiting_actor_sends_arrives(ground: &Ground<'_>) {
    let stage = ground.system();
    let (puppet, friend) = (stage.puppet(), stage.puppet());
    stage.order(&puppet, [Step::OnExit((0..100_u64).map(|n| Step::send(&friend, n)).collect())]);
    ask_to_exit(&stage, &puppet);
    let numbers: Vec<_> = stage.journal(&friend, 100).into_iter().map(|entry| entry.what).collect();
    assert_eq!(numbers, (0..100).map(What::Number).collect::<Vec<_>>());
}

pub(crate) fn an_actor_can_end_itself(ground: &Ground<'_>) {
    let stage = ground.system();
    let parent = stage.puppet();
    let child = stage.child(&parent);
    stage.order(&child, [Step::send(&child, ActorExitRequest::new())]);
    assert_eq!(exits(&stage.journal(&parent, 1)), [(child, ExitCause::Requested)]);
}

pub(crate) fn a_second_exit_request_changes_nothing(ground: &Ground<'_>) {
    let stage = ground.system();
    let (sender, parent) = (stage.puppet(), stage.puppet());
    let child = stage.child(&parent);
    let grandchild = stage.child(&child);
    let request = || Step::send(&child, ActorExitRequest::new());
    stage.order(&sender, [request(), request(), request()]);
    stage.await_death(&grandchild);
    assert_eq!(exits(&stage.journal(&parent, 1)), [(child, ExitCause::Requested)]);
}

pub(crate) fn children_created_while_exiting_go_too(ground: &Ground<'_>) {
    let stage = ground.system();
    let parent = stage.puppet();
    stage.child(&parent);
    stage.order(&parent, [Step::OnExit(vec![Step::create::<Puppet>(), Step::create::<Puppet>()])]);
    ask_to_exit(&stage, &parent);
    stage.await_death(&parent);
    stage.eventually("nobody is left", || stage.status().expect("status").actor_count == 0);
}

pub(crate) fn an_actor_that_exits_drops_its_state(ground: &Ground<'_>) {
    let file = std::env::temp_dir().join(format!("thespian-drops-{}-{:p}", std::process::id(), ground));
    let drops = || std::fs::metadata(&file).map_or(0, |file| file.len());
    let holder = || ActorSpec::with::<Holder>(file.display().to_string());
    let stage = ground.system();
    let first = stage.create(holder()).expect("created");
    ask_to_exit(&stage, &first);
    stage.await_death(&first);
    stage.eventually("its state is dropped", || drops() == 1);
    stage.create(holder()).expect("created");
    stage.shutdown().expect("down");
    assert_eq!(drops(), 2);
    std::fs::remove_file(&file).expect("it is there");
}

/// Leaves a mark in a file when it is dropped: a file, because actors share nothing else with a test on every base.
struct Holder {
    file: String,
}

#[actor]
impl Holder {
    #[start]
    fn new(file: String) -> Holder {
        Holder { file }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&self.file);
        let marked = file.and_then(|mut file| std::io::Write::write_all(&mut file, b"."));
        marked.expect("the file can be written");
    }
}

pub(crate) fn a_killed_child_is_reported_once(ground: &Ground<'_>) {
    let stage = ground.system();
    let parent = stage.puppet();
    let child = stage.child(&parent);
    stage.kill(&child);
    let told = exits(&stage.journal(&parent, 1));
    assert_eq!(told.len(), 1);
    assert!(matches!(&told[0], (gone, ExitCause::Killed(how)) if *gone == child && how.contains("kill -9")));
}

pub(crate) fn a_killed_actor_takes_its_children_along(ground: &Ground<'_>) {
    let stage = ground.system();
    let (top, descendants) = family(&stage);
    stage.kill(&top);
    for actor in &descendants {
        stage.await_death(actor);
    }
    stage.eventually("nobody is left", || stage.status().expect("status").actor_count == 0);
}

pub(crate) fn what_was_sent_to_a_killed_actor_is_accounted_for(ground: &Ground<'_>) {
    let stage = ground.system();
    let (sender, target, handler) = (stage.puppet(), stage.puppet(), stage.puppet());
    stage.order(&handler, [Step::HandleDeadLetters(true)]);
    stage.settle();
    stage.order(&sender, (0..200_u64).map(|n| Step::send(&target, n)).collect::<Vec<_>>());
    stage.pass(Duration::from_micros(2_500));
    stage.kill(&target);
    stage.order(&sender, [Step::Send(target, AnyMessage::new(200_u64))]);
    // What was not acknowledged is a dead letter; the account is checked at the end of every scenario.
    let letters = stage.journal(&handler, 1);
    assert!(letters.iter().all(|entry| matches!(entry.what, What::Dead { .. })));
}
