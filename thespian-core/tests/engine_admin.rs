//! [`Admin`]: which actors there are, names, capabilities, dead letters, shutdown.

mod kit;

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use kit::{
    Worker, actor, admin, capabilities, compare, data, drain, incarnation, letter, limits, ms, name, named,
};
use thespian_core::engine::link::{Carrier, Frame, Lane};
use thespian_core::engine::{
    Admin, AdminConfig, AdminInput, CallId, Create, LaunchError, Live, Output, Outputs, Request, ToAdmin,
    Undelivered,
};
use thespian_core::{
    ActorSpec, Counters, DeadEnvelope, DeadReason, DecodeLimits, ExitCause, Failure, IntoMessage, Limits,
    PoisonMessage, StartError, StatusReq, SystemStatus, Time, Value, actors, decode,
};

/// An admin.
struct Bench {
    admin: Admin,
    now: Time,
    out: Outputs,
    lines: Vec<String>,
}

impl Bench {
    /// The admin of a system whose actors are in its own process.
    fn new() -> Bench {
        Bench::with(limits(|_| {}), false, false)
    }

    fn with(limits: Arc<Limits>, linked: bool, accounting: bool) -> Bench {
        let config = AdminConfig {
            address: admin(),
            base: "testBase".into(),
            capabilities: capabilities("gpu", true),
            read_only: BTreeSet::from(["Processes".into()]),
            types: actors![Worker],
            limits,
            carrier: linked.then_some(Carrier::Lossy),
            accounting,
        };
        Bench { admin: Admin::new(config), now: Time::ZERO, out: Outputs::new(), lines: Vec::new() }
    }

    fn at(&mut self, milliseconds: u64) -> &mut Bench {
        self.now = ms(milliseconds);
        self
    }

    fn told(&mut self, input: AdminInput) -> &mut Bench {
        self.admin.handle(self.now, input, &mut self.out);
        self
    }

    /// An outside caller creates an actor.
    fn call(&mut self, call: u64, address: char, spec: impl Into<ActorSpec>) -> &mut Bench {
        let spec = Box::new(spec.into());
        self.told(AdminInput::Create { call: CallId(call), address: actor(address), spec })
    }

    /// An actor creates a child.
    fn creates(&mut self, parent: char, child: char, spec: impl Into<ActorSpec>) -> &mut Bench {
        let create = Create { address: actor(child), spec: spec.into() };
        self.says(parent, ToAdmin::Create(Box::new(create)))
    }

    fn says(&mut self, from: char, message: ToAdmin) -> &mut Bench {
        self.told(AdminInput::FromHost(actor(from), message))
    }

    fn asks(&mut self, from: char, request: Request) -> &mut Bench {
        self.says(from, ToAdmin::Request(Box::new(request)))
    }

    fn launched(&mut self, address: char) -> &mut Bench {
        self.told(AdminInput::Launched(actor(address), Ok(())))
    }

    fn launch_failed(&mut self, address: char, why: &str) -> &mut Bench {
        let error = LaunchError::Start(StartError::Failed(Failure::new(why)));
        self.told(AdminInput::Launched(actor(address), Err(error)))
    }

    fn exited(&mut self, address: char) -> &mut Bench {
        self.ended(address, ExitCause::Requested)
    }

    fn killed(&mut self, address: char) -> &mut Bench {
        self.ended(address, ExitCause::Killed("kill -9".into()))
    }

    fn ended(&mut self, address: char, cause: ExitCause) -> &mut Bench {
        let counters = Counters { handled: 2, ..Counters::default() };
        self.told(AdminInput::Exited { address: actor(address), cause, counters })
    }

    fn rechecked(&mut self, address: char, verdict: Result<(), &str>) -> &mut Bench {
        self.told(AdminInput::Rechecked(actor(address), verdict.map_err(String::from)))
    }

    fn dead_letter(&mut self, from: char, to: char, message: impl IntoMessage) -> &mut Bench {
        let undelivered = Undelivered::new(letter(from, to, message), DeadReason::Dead);
        self.says(from, ToAdmin::DeadLetter(Box::new(undelivered)))
    }

    fn message(&mut self, from: char, message: impl IntoMessage) -> &mut Bench {
        let envelope = message.into_message().seal(&admin(), &actor(from));
        self.told(AdminInput::Message(envelope, Live::default()))
    }

    fn timeout(&mut self) -> &mut Bench {
        self.admin.handle_timeout(self.now, &mut self.out);
        self
    }

    /// A creator is given an address for a name.
    fn claims(&mut self, global: &str, proposed: char) -> String {
        name(&self.admin.claim_name(global, actor(proposed)))
    }

    fn finds(&self, global: &str) -> Option<String> {
        self.admin.find_name(global).map(|address| name(&address))
    }

    /// A top-level actor that runs.
    fn runs(&mut self, address: char) -> &mut Bench {
        self.call(99, address, worker()).launched(address).anything()
    }

    /// A child that runs.
    fn child_runs(&mut self, parent: char, child: char) -> &mut Bench {
        self.creates(parent, child, worker()).launched(child).anything()
    }

    /// What the admin answers to a question for the status.
    fn status(&mut self) -> String {
        self.anything().message('z', StatusReq);
        drain(&self.admin, &mut self.out, &mut self.lines);
        let answer = self.lines.first().expect("an answer").clone();
        self.anything();
        answer.strip_prefix("transmit admin=>z ").expect("the answer comes first").to_string()
    }

    /// What a process is told that asks for the status, and is gone then.
    fn status_by_frame(&mut self) -> SystemStatus {
        self.anything().message('z', StatusReq);
        let bytes = loop {
            match self.out.poll().expect("an answer") {
                Output::Frame => {
                    let departure = self.out.poll_frame().expect("it is there");
                    if let Some(Frame::Data { bytes, .. }) = self.admin.departing(&departure).next() {
                        break bytes.to_vec();
                    }
                }
                _ => continue,
            }
        };
        self.told(AdminInput::PeerGone(actor('z'), DeadReason::Dead)).anything();
        decode(&bytes, DecodeLimits::default()).expect("a status")
    }

    #[track_caller]
    fn gives(&mut self, expected: &[&str]) -> &mut Bench {
        drain(&self.admin, &mut self.out, &mut self.lines);
        compare(&self.lines, expected);
        self.lines.clear();
        self
    }

    fn anything(&mut self) -> &mut Bench {
        drain(&self.admin, &mut self.out, &mut self.lines);
        self.lines.clear();
        self
    }

    fn due(&self) -> Option<u128> {
        self.admin.poll_timeout().map(|due| due.since_start().as_millis())
    }
}

fn worker() -> ActorSpec {
    ActorSpec::of::<Worker>()
}

// -- creation --------------------------------------------------------------------------------------------------

#[test]
fn an_outside_call_is_answered_when_the_actor_runs() {
    let mut admin = Bench::new();
    admin.call(7, 'a', worker()).gives(&["launch a Worker"]);
    admin.launched('a').gives(&["answer 7 a"]);
    assert_eq!(admin.status(), "running, 1 actors [a]");
    admin.exited('a').gives(&[]);
    assert_eq!(admin.status(), "running, 0 actors []");
}

#[test]
fn an_outside_call_is_answered_with_the_reason_when_the_actor_does_not_start() {
    let mut admin = Bench::new();
    admin.call(7, 'a', worker()).anything();
    admin
        .launch_failed('a', "no disk")
        .gives(&["discard a", "answer 7 error: Worker could not start: no disk"]);
    assert_eq!(admin.admin.failed_start(&actor('a')), Some("Worker could not start: no disk"));
    assert_eq!(admin.status(), "running, 0 actors []");
}

#[test]
fn a_parent_hears_nothing_of_a_child_that_starts_and_everything_of_one_that_does_not() {
    let mut admin = Bench::new();
    admin.runs('a');
    admin.creates('a', 'b', worker()).launched('b').gives(&["launch b Worker"]);
    admin.creates('a', 'c', worker()).launch_failed('c', "no disk").gives(&[
        "launch c Worker",
        "discard c",
        "log warn a",
        "host a<- gone c: never started: Worker could not start: no disk",
    ]);
}

#[test]
fn an_actor_that_fits_no_system_is_reported_with_what_it_lacks() {
    let mut admin = Bench::new();
    admin.runs('a').creates('a', 'b', worker()).anything();
    admin.told(AdminInput::Launched(actor('b'), Err(LaunchError::Incompatible("no gpu".into()))));
    let reason = "no compatible system: testBase: no gpu";
    admin.gives(&["discard b", "log warn a", &format!("host a<- gone b: never started: {reason}")]);
}

#[test]
fn an_unknown_type_is_never_launched() {
    let mut admin = Bench::new();
    admin.call(7, 'a', "Nobody");
    drain(&admin.admin, &mut admin.out, &mut admin.lines);
    assert_eq!(admin.lines[0], "discard a");
    assert!(admin.lines[1].starts_with("answer 7 error: "), "{:?}", admin.lines);
    assert!(admin.lines[1].contains("no actor type of that name is registered"), "{:?}", admin.lines);
    assert_eq!(admin.lines.len(), 2);
}

#[test]
fn a_type_is_found_by_its_registered_name() {
    let mut admin = Bench::new();
    admin.call(7, 'a', "Worker").gives(&["launch a Worker"]);
}

#[test]
fn a_parent_that_is_gone_is_told_nothing() {
    let mut admin = Bench::new();
    admin.runs('a').child_runs('a', 'b').exited('a').exited('b').gives(&[]);
}

#[test]
fn a_later_actor_in_the_parents_slot_is_not_the_parent() {
    let mut admin = Bench::new();
    admin.runs('a').child_runs('a', 'b').exited('a').anything();
    let spec = Box::new(worker());
    admin.told(AdminInput::Create { call: CallId(8), address: incarnation('a', 2), spec });
    admin.told(AdminInput::Launched(incarnation('a', 2), Ok(()))).anything();
    admin.exited('b').gives(&[]);
    // And word of the earlier one changes nothing for the later.
    admin.exited('a').gives(&[]);
    assert_eq!(admin.status(), "running, 1 actors [a.2]");
}

#[test]
fn failed_starts_are_remembered_up_to_a_bound() {
    let mut admin = Bench::with(limits(|limits| limits.failed_starts = 2), false, false);
    for address in ['a', 'b', 'c'] {
        admin.call(7, address, worker()).launch_failed(address, "no disk").anything();
    }
    let known = |bench: &Bench| ['a', 'b', 'c'].map(|at| bench.admin.failed_start(&actor(at)).is_some());
    assert_eq!(known(&admin), [false, true, true]);
    admin.says('z', ToAdmin::KnowsOfFailedStart(actor('c'))).gives(&[]);
    assert_eq!(known(&admin), [false, true, false]);
}

// -- exit ------------------------------------------------------------------------------------------------------

#[test]
fn a_parent_is_told_once_of_the_exit_of_a_child() {
    let mut admin = Bench::new();
    admin.runs('a').child_runs('a', 'b').exited('b').gives(&["host a<- gone b: exited on request"]);
    admin.exited('b').gives(&[]);
}

#[test]
fn the_children_of_an_actor_that_was_killed_are_killed() {
    let mut admin = Bench::new();
    admin.runs('a').child_runs('a', 'b').child_runs('b', 'c').child_runs('b', 'd').anything();
    // One that is still being launched is killed when it runs.
    admin.creates('b', 'e', worker()).anything();
    admin.killed('b').gives(&["kill c", "kill d", "host a<- gone b: killed: kill -9"]);
    admin.launched('e').gives(&["kill e"]);
    admin.killed('c').killed('d').killed('e').gives(&[]);
    assert_eq!(admin.status(), "running, 1 actors [a]");
}

#[test]
fn the_children_of_an_actor_that_exited_are_its_own_business() {
    let mut admin = Bench::new();
    admin.runs('a').child_runs('a', 'b').exited('a').gives(&[]);
}

#[test]
fn adopted_children_belong_to_the_system() {
    let mut admin = Bench::new();
    admin.runs('a').child_runs('a', 'b').child_runs('a', 'c');
    admin.says('a', ToAdmin::Adopt(vec![actor('b'), actor('x')])).gives(&[]);
    admin.killed('a').gives(&["kill c"]);
    admin.told(AdminInput::Shutdown).gives(&["transmit admin=>b exit"]);
}

#[test]
fn a_child_that_cannot_be_asked_to_exit_is_killed_for_its_parent_and_for_nobody_else() {
    let mut admin = Bench::new();
    admin.runs('a').child_runs('a', 'b').runs('c');
    admin.says('c', ToAdmin::KillChild(actor('b'))).gives(&[]);
    admin.says('a', ToAdmin::KillChild(actor('b'))).gives(&["kill b"]);
    // One that is still being launched is killed when it runs.
    admin.creates('a', 'd', worker()).says('a', ToAdmin::KillChild(actor('d'))).gives(&["launch d Worker"]);
    admin.launched('d').gives(&["kill d"]);
}

#[test]
fn an_actor_that_dies_while_it_is_launched_fails_its_creators_call() {
    let mut admin = Bench::new();
    admin.call(7, 'a', worker()).anything();
    admin.killed('a').gives(&["answer 7 error: Worker could not start: killed: kill -9"]);
}

// -- names -----------------------------------------------------------------------------------------------------

#[test]
fn a_name_belongs_to_the_first_that_claims_it() {
    let mut admin = Bench::new();
    assert_eq!(admin.claims("n", 'a'), "a");
    assert_eq!(admin.claims("n", 'b'), "a");
    assert_eq!(admin.finds("n"), None, "nobody has been created yet");
    // Whichever request comes first creates it, and the other finds it there.
    admin.creates('y', 'a', named("n")).gives(&["launch a Worker"]);
    admin.creates('x', 'a', named("n")).gives(&[]);
    assert_eq!(admin.finds("n").as_deref(), Some("a"));
    admin.launched('a').gives(&[]);
    assert_eq!(admin.status(), "running, 1 actors [a], n=a");
}

#[test]
fn a_named_actor_is_the_systems_child() {
    let mut admin = Bench::new();
    admin.runs('a').claims("n", 'b');
    admin.creates('a', 'b', named("n")).launched('b').anything();
    admin.killed('a').gives(&[]);
    admin.exited('b').gives(&[]);
}

#[test]
fn an_outside_call_for_a_name_that_runs_is_answered_at_once() {
    let mut admin = Bench::new();
    admin.claims("n", 'a');
    admin.call(1, 'a', named("n")).launched('a').anything();
    assert_eq!(admin.claims("n", 'b'), "a");
    admin.call(2, 'a', named("n")).gives(&["answer 2 a"]);
}

#[test]
fn a_name_is_free_again_when_its_actor_is_gone() {
    let mut admin = Bench::new();
    admin.claims("n", 'a');
    admin.call(1, 'a', named("n")).launched('a').exited('a').anything();
    assert_eq!(admin.finds("n"), None);
    assert_eq!(admin.claims("n", 'b'), "b");
    admin.call(2, 'b', named("n")).launched('b').gives(&["launch b Worker", "answer 2 b"]);
}

#[test]
fn a_name_is_free_again_when_its_actor_could_not_start() {
    let mut admin = Bench::new();
    admin.claims("n", 'a');
    admin.call(1, 'a', named("n")).launch_failed('a', "no disk").anything();
    assert_eq!(admin.finds("n"), None);
    assert_eq!(admin.claims("n", 'b'), "b");
}

#[test]
fn a_claim_that_is_abandoned_frees_the_name_when_it_was_the_last() {
    let mut admin = Bench::new();
    admin.claims("n", 'a');
    admin.claims("n", 'b');
    assert!(!admin.admin.abandon_claim("n", &actor('a')));
    assert_eq!(admin.claims("n", 'c'), "a", "another claimer still has the address");
    assert!(!admin.admin.abandon_claim("n", &actor('a')));
    assert!(admin.admin.abandon_claim("n", &actor('a')), "nobody counts on the address any more");
    assert_eq!(admin.claims("n", 'd'), "d");
}

#[test]
fn a_claim_that_is_abandoned_does_not_free_the_name_of_a_running_actor() {
    let mut admin = Bench::new();
    admin.claims("n", 'a');
    admin.call(1, 'a', named("n")).launched('a').anything();
    admin.claims("n", 'b');
    assert!(!admin.admin.abandon_claim("n", &actor('a')));
    assert_eq!(admin.finds("n").as_deref(), Some("a"));
}

#[test]
fn a_request_that_comes_when_the_actor_is_gone_again_creates_no_second_at_its_address() {
    let mut admin = Bench::new();
    admin.claims("n", 'a');
    admin.claims("n", 'b');
    admin.creates('x', 'a', named("n")).launched('a').exited('a').anything();
    assert_eq!(admin.finds("n"), None);
    admin.creates('y', 'a', named("n")).gives(&[]);
    assert_eq!(admin.claims("n", 'c'), "c");
    admin.creates('x', 'c', named("n")).gives(&["launch c Worker"]);
}

#[test]
fn a_claim_of_an_actor_that_is_gone_can_be_abandoned_too() {
    let mut admin = Bench::new();
    admin.claims("n", 'a');
    admin.claims("n", 'b');
    admin.creates('x', 'a', named("n")).launched('a').exited('a').anything();
    assert!(!admin.admin.abandon_claim("n", &actor('a')), "the address was used up");
    assert_eq!(admin.claims("n", 'c'), "c");
    admin.creates('x', 'c', named("n")).gives(&["launch c Worker"]);
}

#[test]
fn a_new_claim_while_an_old_request_is_under_way_gets_an_address_of_its_own() {
    let mut admin = Bench::new();
    admin.claims("n", 'a');
    admin.claims("n", 'b');
    admin.creates('x', 'a', named("n")).launched('a').exited('a').anything();
    assert_eq!(admin.claims("n", 'c'), "c");
    // The old request is for an address that was used up.
    admin.creates('y', 'a', named("n")).gives(&[]);
    admin.creates('x', 'c', named("n")).launched('c').gives(&["launch c Worker"]);
    assert_eq!(admin.finds("n").as_deref(), Some("c"));
}

#[test]
fn a_name_that_is_empty_or_too_long_creates_nothing() {
    let mut admin = Bench::with(limits(|limits| limits.name_length = 4), false, false);
    for bad in ["", "12345"] {
        assert_eq!(admin.claims(bad, 'a'), "a");
        admin.call(7, 'a', named(bad));
        drain(&admin.admin, &mut admin.out, &mut admin.lines);
        assert_eq!(admin.lines[0], "discard a");
        assert!(admin.lines[1].contains("the global name"), "{:?}", admin.lines);
        admin.anything();
    }
    admin.claims("1234", 'b');
    admin.call(7, 'b', named("1234")).gives(&["launch b Worker"]);
}

// -- capabilities ----------------------------------------------------------------------------------------------

#[test]
fn actors_are_checked_again_when_a_capability_really_changes() {
    let mut admin = Bench::new();
    admin.runs('a').runs('b').call(1, 'c', worker()).anything();
    admin.asks('a', Request::UpdateCapability("gpu".into(), Value::from(true))).gives(&[]);
    // The one that is being launched may have been checked before: it is checked again when it runs.
    admin.asks('a', Request::UpdateCapability("gpu".into(), Value::from(false)));
    admin.gives(&["recheck a", "recheck b"]);
    admin.asks('a', Request::UpdateCapability("gpu".into(), Value::Null)).gives(&["recheck a", "recheck b"]);
    admin.asks('a', Request::UpdateCapability("gpu".into(), Value::Null)).gives(&[]);
    assert_eq!(admin.admin.capabilities().get("gpu"), None);
    admin.launched('c').gives(&["answer 1 c", "recheck c"]);
    admin.call(2, 'd', worker()).launched('d').gives(&["launch d Worker", "answer 2 d"]);
}

#[test]
fn an_actor_that_does_not_fit_any_more_is_asked_to_exit() {
    let mut admin = Bench::new();
    admin.runs('a').runs('b');
    admin.rechecked('a', Ok(())).gives(&[]);
    admin.rechecked('b', Err("no gpu")).gives(&["log info b", "transmit admin=>b exit"]);
    admin.rechecked('x', Err("no gpu")).gives(&[]);
}

#[test]
fn a_capability_of_the_systems_own_is_not_for_actors_to_change() {
    let mut admin = Bench::new();
    admin.runs('a');
    admin.asks('a', Request::UpdateCapability("Processes".into(), Value::from(false))).gives(&["log warn a"]);
    assert_eq!(admin.admin.capabilities().get("Processes"), None);
    let refused = admin.admin.update_capability("", Value::from(1), &mut admin.out);
    assert!(refused.expect_err("it has no name").to_string().contains("needs a name"));
}

#[test]
fn what_an_actor_requires_is_remembered_for_checking_it_again() {
    let mut admin = Bench::new();
    admin.call(1, 'a', worker().requirements(Value::map([("till", 2)]))).launched('a').runs('b');
    let required =
        |at| admin.admin.requirements(&actor(at)).map(|(kind, value)| (kind.name(), value.is_null()));
    assert_eq!(required('a'), Some(("Worker".into(), false)));
    assert_eq!(required('b'), Some(("Worker".into(), true)));
    assert_eq!(required('c'), None);
}

// -- dead letters ----------------------------------------------------------------------------------------------

#[test]
fn without_a_handler_dead_letters_are_counted_and_dropped() {
    let mut admin = Bench::new();
    admin.dead_letter('a', 'b', "one").gives(&["log debug a"]);
}

#[test]
fn the_last_actor_that_asked_handles_dead_letters() {
    let mut admin = Bench::new();
    admin.runs('h').runs('i');
    admin.asks('h', Request::HandleDeadLetters(true)).asks('i', Request::HandleDeadLetters(true)).gives(&[]);
    admin.dead_letter('a', 'b', "one").gives(&["log debug a", "transmit admin=>i dead(a->b one Dead)"]);
    // Only the one that handles them can stop it, and then nobody does.
    admin.asks('h', Request::HandleDeadLetters(false));
    assert_eq!(admin.status(), "running, 2 actors [h i], dead letters to i");
    admin.asks('i', Request::HandleDeadLetters(false));
    admin.dead_letter('a', 'b', "two").gives(&["log debug a"]);
}

#[test]
fn a_handler_that_is_gone_handles_no_dead_letters() {
    let mut admin = Bench::new();
    admin.runs('h').asks('h', Request::HandleDeadLetters(true)).exited('h').gives(&[]);
    admin.dead_letter('a', 'b', "one").gives(&["log debug a"]);
}

#[test]
fn there_is_no_dead_letter_about_a_dead_letter() {
    let mut admin = Bench::new();
    admin.runs('h').asks('h', Request::HandleDeadLetters(true)).anything();
    let letter = DeadEnvelope {
        dead_address: actor('b'),
        dead_message: "one".into_message(),
        sender: actor('a'),
        reason: DeadReason::Dead,
        maybe_handled: false,
    };
    admin.dead_letter('a', 'h', letter).gives(&["log debug a"]);
}

#[test]
fn a_dead_letter_says_whether_it_may_have_been_handled_and_is_accounted_for_once() {
    let mut admin = Bench::with(limits(|_| {}), false, true);
    admin.runs('h').asks('h', Request::HandleDeadLetters(true)).anything();
    let mut undelivered = Undelivered::new(letter('a', 'b', "one"), DeadReason::HostLost);
    undelivered.maybe_handled = true;
    admin.says('a', ToAdmin::DeadLetter(Box::new(undelivered))).gives(&[
        "account a#0 DeadLetteredUnsure",
        "log debug a",
        "transmit admin=>h dead(a->b one HostLost, maybe handled)",
    ]);
    admin.dead_letter('a', 'b', "two").gives(&[
        "account a#0 DeadLettered",
        "log debug a",
        "transmit admin=>h dead(a->b two Dead)",
    ]);
    // What the runtime sent is shown, and not counted.
    let undelivered = Undelivered::new(letter('a', 'b', "three").by_runtime(), DeadReason::Dead);
    admin.says('a', ToAdmin::DeadLetter(Box::new(undelivered)));
    admin.gives(&["log debug a", "transmit admin=>h dead(a->b three Dead)"]);
}

#[test]
fn a_message_for_the_admin_that_is_no_question_goes_back() {
    let mut admin = Bench::new();
    admin.message('a', "hello").gives(&["return a->admin hello (Dead)"]);
    let poison = PoisonMessage { message: "x".into_message(), details: String::new() };
    let poison = poison.into_message().seal(&kit::admin(), &actor('a')).by_runtime();
    admin.told(AdminInput::Message(poison, Live::default())).gives(&[]);
}

// -- status ----------------------------------------------------------------------------------------------------

#[test]
fn a_question_for_the_status_is_answered_and_counts_as_handled() {
    let mut admin = Bench::new();
    admin.message('a', StatusReq).gives(&["transmit admin=>a running, 0 actors []", "credit a 1"]);
}

#[test]
fn the_status_lists_actors_up_to_a_bound_and_counts_all() {
    let mut admin = Bench::with(limits(|limits| limits.status_actors = 2), false, false);
    admin.runs('a').runs('b').runs('c');
    assert_eq!(admin.status(), "running, 3 actors [a b]");
}

// -- shutdown --------------------------------------------------------------------------------------------------

#[test]
fn a_shutdown_asks_the_top_level_and_is_over_when_all_are_gone() {
    let mut admin = Bench::new();
    admin.runs('a').child_runs('a', 'b').runs('c');
    admin.told(AdminInput::Shutdown).gives(&["transmit admin=>a exit", "transmit admin=>c exit"]);
    assert!(admin.admin.is_closing() && !admin.admin.is_down());
    assert_eq!(admin.status(), "shutting down, 3 actors [a b c]");
    admin.told(AdminInput::Shutdown).gives(&[]);
    admin.exited('c').exited('b').gives(&["host a<- gone b: exited on request"]);
    admin.exited('a').gives(&["down"]);
    assert!(admin.admin.is_down());
    assert_eq!(admin.due(), None);
    admin.told(AdminInput::Shutdown).gives(&[]);
}

#[test]
fn a_shutdown_of_an_empty_system_is_over_at_once() {
    let mut admin = Bench::new();
    admin.told(AdminInput::Shutdown).gives(&["down"]);
}

#[test]
fn actors_that_do_not_exit_are_killed_when_the_grace_is_over() {
    let mut admin = Bench::new();
    admin.runs('a').child_runs('a', 'b').runs('c').at(100).told(AdminInput::Shutdown).anything();
    assert_eq!(admin.due(), Some(5_100));
    admin.at(200).exited('c').at(5_099).timeout().gives(&[]);
    admin.at(5_100).timeout().gives(&["kill a", "kill b"]);
    admin.killed('b').gives(&["host a<- gone b: killed: kill -9"]);
    admin.killed('a').gives(&["down"]);
}

#[test]
fn an_actor_that_comes_to_run_during_a_shutdown_is_asked_to_exit() {
    let mut admin = Bench::new();
    admin.call(1, 'a', worker()).told(AdminInput::Shutdown).anything();
    assert!(!admin.admin.is_down());
    admin.launched('a').gives(&["answer 1 a", "transmit admin=>a exit"]);
    admin.exited('a').gives(&["down"]);
}

#[test]
fn an_actor_that_does_not_come_to_run_does_not_hold_a_shutdown_up() {
    let mut admin = Bench::new();
    admin.call(1, 'a', worker()).told(AdminInput::Shutdown).anything();
    admin.launch_failed('a', "no disk").gives(&[
        "discard a",
        "answer 1 error: Worker could not start: no disk",
        "down",
    ]);
}

#[test]
fn nothing_is_created_during_a_shutdown() {
    let mut admin = Bench::new();
    admin.runs('a').told(AdminInput::Shutdown).anything();
    admin.creates('a', 'b', worker()).gives(&[
        "discard b",
        "log warn a",
        "host a<- gone b: never started: the actor system (testBase) is shut down",
    ]);
    admin.call(3, 'c', worker());
    admin.gives(&["discard c", "answer 3 error: the actor system (testBase) is shut down"]);
}

#[test]
fn an_actor_can_ask_for_the_shutdown() {
    let mut admin = Bench::new();
    admin.runs('a').asks('a', Request::Shutdown).gives(&["transmit admin=>a exit"]);
}

#[test]
fn during_a_shutdown_dead_letters_say_so() {
    let mut admin = Bench::new();
    admin.runs('h').asks('h', Request::HandleDeadLetters(true)).told(AdminInput::Shutdown).anything();
    admin.dead_letter('a', 'b', "one");
    admin.gives(&["log debug a", "transmit admin=>h dead(a->b one Shutdown)"]);
}

// -- between processes -----------------------------------------------------------------------------------------

#[test]
fn a_question_from_another_process_is_answered_and_acknowledged() {
    let mut admin = Bench::with(limits(|_| {}), true, false);
    let question = data(Lane::Urgent, 0, 0, StatusReq);
    admin.told(AdminInput::Frame(actor('a'), question, Live::default()));
    admin.gives(&["frame admin->a ack urgent#1 1", "frame admin->a user#1 0 (base 0) running, 0 actors []"]);
    assert_eq!(admin.due(), Some(200));
    let ack = Frame::Ack { lane: Lane::User, link: 1, handled: 1 };
    admin.told(AdminInput::Frame(actor('a'), ack, Live::default())).gives(&[]);
    assert_eq!(admin.due(), None);
}

#[test]
fn dead_letters_that_their_handler_does_not_keep_up_with_are_counted_and_dropped() {
    let mut admin = Bench::with(limits(|limits| limits.dead_letter_bytes = 50), true, false);
    admin.runs('h').asks('h', Request::HandleDeadLetters(true)).anything();
    let dropped = |admin: &mut Bench| {
        let status = admin.status_by_frame();
        (status.counters.dead_lettered, status.dead_letters_dropped)
    };
    // One that is larger than the bound is on its way, so the next is not.
    let long = "x".repeat(60);
    admin.dead_letter('a', 'b', long.clone()).anything();
    admin.dead_letter('a', 'b', "two").gives(&["log debug a"]);
    assert_eq!(dropped(&mut admin), (2, 1));
    // Nor are those of which the admin is not even told.
    admin.told(AdminInput::DeadLettersDropped(5)).gives(&[]);
    assert_eq!(dropped(&mut admin), (7, 6));
    let ack = Frame::Ack { lane: Lane::User, link: 1, handled: 1 };
    admin.told(AdminInput::Frame(actor('h'), ack, Live::default())).anything();
    let expected = "frame admin->h user#1 1 (base 1) dead(a->b three Dead)";
    admin.dead_letter('a', 'b', "three").gives(&["log debug a", expected]);
    assert_eq!(dropped(&mut admin), (8, 6));
}

#[test]
fn an_exit_request_is_sent_again_until_the_actor_has_it() {
    let mut admin = Bench::with(limits(|_| {}), true, false);
    admin.runs('a').told(AdminInput::Shutdown).gives(&["frame admin->a urgent#1 0 (base 0) exit"]);
    assert_eq!(admin.due(), Some(200));
    admin.at(200).timeout().gives(&["frame admin->a urgent#1 0 (base 0) exit"]);
    admin.told(AdminInput::PeerGone(actor('a'), DeadReason::Dead)).gives(&["log debug admin"]);
    assert_eq!(admin.due(), Some(5_000));
}

#[test]
fn an_actor_that_could_not_be_asked_to_exit_is_killed() {
    let mut admin =
        Bench::with(limits(|limits| limits.delivery_limit = Duration::from_millis(300)), true, false);
    admin.runs('a').rechecked('a', Err("no gpu")).anything();
    assert_eq!(admin.due(), Some(200));
    admin.at(299).timeout().gives(&["frame admin->a urgent#1 0 (base 0) exit"]);
    admin.at(300).timeout().gives(&["kill a", "log debug admin"]);
}

#[test]
fn a_message_from_another_process_that_is_no_question_becomes_a_dead_letter() {
    let mut admin = Bench::with(limits(|_| {}), true, true);
    admin.told(AdminInput::Frame(actor('a'), data(Lane::User, 0, 0, "hello"), Live::default()));
    admin.gives(&["frame admin->a ack user#1 1", "account a#1 DeadLettered", "log debug a"]);
}

#[test]
fn a_second_call_for_a_name_waits_until_the_actor_runs_or_does_not() {
    for runs in [true, false] {
        let mut admin = Bench::new();
        for call in [1, 2] {
            admin.admin.claim_name("n", actor('a'));
            let spec = Box::new(named("n"));
            admin.told(AdminInput::Create { call: CallId(call), address: actor('a'), spec });
        }
        admin.gives(&["launch a Worker"]);
        let outcome = match runs {
            true => Ok(()),
            false => Err(LaunchError::Incompatible("no".into())),
        };
        admin.told(AdminInput::Launched(actor('a'), outcome));
        match runs {
            true => admin.gives(&["answer 1 a", "answer 2 a"]),
            false => admin.anything(),
        };
    }
}
