//! Initialization messages: what holds on every base, and what time has to do with it, in the simulator.

// The same bases and the same stage as for the other helper that wraps an actor.
#[path = "../../thespian-transient/tests/kit/mod.rs"]
pub(crate) mod kit;

use std::cell::Cell;
use std::time::Duration;

use kit::{SOON, Stage, on_every_base};
use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorAddress, ActorExitRequest, ActorSpec, ActorSystem, ActorTypes, AnyMessage, ChildActorExited,
    Context, Error, ExitCause, Failure, FailurePolicy, Flow, Handled, Limits, Message, PoisonMessage,
    Private, WakeupMessage, actor, actors, require_capability,
};
use thespian_initmsgs::{
    Init, InitActor, InitPassthru, InitPassthruActor, Initialized, LARGEST_KEPT_LIMIT, WithSender,
};
use thespian_sim::{Faults, Sim};
use thespian_transient::{Millis, Seconds, Transient, TransientIdle};

on_every_base! { actor_types();
    the_guides_example,
    the_messages_may_come_in_any_order,
    the_last_value_of_a_type_wins,
    a_sender_is_captured_where_it_is_asked_for,
    a_single_message_is_a_set_too,
    a_message_that_extends_one_of_the_set_is_of_the_set,
    a_message_can_be_two_of_the_set_and_is_the_last_of_both,
    messages_that_cannot_be_cloned_are_taken_too,
    what_is_kept_is_delivered_in_order_from_its_senders,
    what_is_kept_comes_before_what_comes_later,
    a_type_of_the_set_is_a_message_like_any_other_afterwards,
    instances_share_nothing,
    an_actor_that_waits_can_exit,
    messages_of_the_runtime_pass_before_there_is_an_actor,
    messages_of_the_runtime_pass_what_is_kept,
    a_failed_init_done_is_tried_again_as_if_it_had_not_been,
    an_init_done_that_fails_poisons_the_last_message_and_waits_on,
    a_constructor_that_fails_poisons_the_last_message_and_waits_on,
    a_kept_message_that_fails_is_tried_twice_and_poisons_its_own_sender,
    what_is_kept_has_a_bound,
    an_exit_gives_back_what_is_still_kept,
    an_exit_that_fails_gives_it_back_too,
    nobody_else_can_hand_over_what_is_kept,
    settings_that_cannot_be_used_are_refused,
    a_parent_hears_of_settings_that_cannot_be_used,
    it_is_created_like_other_actors,
    an_actor_can_be_made_without_waiting,
    a_flood_while_it_catches_up_is_held_back_and_in_order,
    everything_passes_through,
    a_failed_init_done_of_one_that_passes_through_is_tried_again,
    it_can_be_transient,
}

/// Types with parameters are not found by name unless they are given.
pub(crate) fn actor_types() -> ActorTypes {
    actors![
        InitPassthru<Open>,
        InitPassthru<PassingTwice>,
        InitPassthru<Picky>,
        Initialized<Counter>,
        Initialized<Foo>,
        Initialized<Forgetful>,
        Initialized<Hasty>,
        Initialized<NoRoom>,
        Initialized<OfTheRuntime>,
        Initialized<Owner>,
        Initialized<Pair>,
        Initialized<Parrot>,
        Initialized<Picky>,
        Initialized<Scribe>,
        Initialized<Stumbler>,
        Initialized<Sulker>,
        Initialized<TooMuchRoom>,
        Initialized<Transient<Scribe, Millis<30>>>,
        Initialized<Transient<Scribe, Seconds<0>>>,
        Initialized<Transient<TransientIdle<Scribe, Seconds<0>>>>,
        Initialized<TransientIdle<Scribe, Millis<30>>>,
        Initialized<TransientIdle<Transient<Scribe>, Millis<30>>>,
        Initialized<Twice>,
        Initialized<Victim>,
    ]
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Msg1(u32);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct Croak(u32);

/// Is also a `Msg1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
struct BetterMsg1 {
    #[message(extends)]
    plain: Msg1,
    note: String,
}

/// The guide's example.
struct Foo {
    init_m1: WithSender<Msg1>,
    init_target: ActorAddress,
    frog: String,
}

#[actor(name = "guide::Foo")]
impl Foo {
    #[start]
    fn new(Init((init_m1, init_target, frog)): Init<(WithSender<Msg1>, ActorAddress, String)>) -> Foo {
        Foo { init_m1, init_target, frog }
    }

    fn croak(&mut self, croak: &Croak, ctx: &mut Context<'_>) -> Handled {
        ctx.send(&ctx.sender(), self.frog.as_str());
        ctx.send(&self.init_m1.sender, self.init_m1.message.clone());
        ctx.send(&self.init_target, croak.clone());
        Ok(Flow::Done)
    }

    fn another_frog(&mut self, frog: &String, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("not a {frog} but a {}", self.frog))
    }
}

impl InitActor for Foo {
    fn init_done(&mut self, ctx: &mut Context<'_>) -> Handled {
        ctx.send(&self.init_m1.sender, "Running");
        Ok(Flow::Done)
    }
}

fn caller(stage: &Stage) -> Private {
    stage.private().expect("an endpoint")
}

#[track_caller]
fn next<M: Message>(caller: &Private) -> M {
    caller.listen(SOON).expect("up").take().expect("a message of that type")
}

/// Waits until an actor that waits has taken all that this caller has sent it: an order between callers is nothing that messages
/// have by themselves. It takes an actor whose [`InitActor::before_init`] is [`say_so`].
#[track_caller]
fn all_taken(caller: &Private, actor: &ActorAddress) {
    let question = PoisonMessage { message: AnyMessage::new(()), details: "all taken".into() };
    caller.tell(actor, question).expect("sent");
    assert_eq!(next::<String>(caller), "all taken");
}

/// Answers a poison message with its text.
fn say_so(message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
    match message.downcast_ref::<PoisonMessage>() {
        Some(poison) => ctx.reply(poison.details.as_str()),
        None => Ok(Flow::Done),
    }
}

#[track_caller]
fn nothing_more(caller: &Private) {
    let answer = caller.listen(Duration::from_millis(30)).expect("up");
    assert!(answer.is_timed_out(), "{answer:?}");
}

fn the_guides_example(stage: &Stage) {
    let pond = stage.create_actor::<Initialized<Foo>>().expect("created");
    let (starter, target, user) = (caller(stage), caller(stage), caller(stage));
    user.tell(&pond, Croak(1)).expect("sent");
    starter.tell(&pond, Msg1(7)).expect("sent");
    starter.tell(&pond, target.endpoint()).expect("sent");
    nothing_more(&user);
    starter.tell(&pond, "frog").expect("sent");
    user.tell(&pond, Croak(2)).expect("sent");
    assert_eq!(next::<String>(&starter), "Running");
    for n in 1..=2 {
        assert_eq!(next::<String>(&user), "frog");
        assert_eq!(next::<Msg1>(&starter), Msg1(7));
        assert_eq!(next::<Croak>(&target), Croak(n));
    }
    for caller in [&user, &starter, &target] {
        nothing_more(caller);
    }
}

/// Tells whoever wants to know what it was made with and what it was given, in order.
struct Scribe {
    number: WithSender<u64>,
    text: String,
    flag: bool,
    /// What it was given: the message, and who sent it.
    given: Vec<(String, ActorAddress)>,
}

/// Is answered with what a scribe was given.
#[derive(Serialize, Deserialize, Message)]
struct Report;

/// Fails.
#[derive(Serialize, Deserialize, Message)]
struct Fail {
    by_panic: bool,
}

/// Has the actor exit.
#[derive(Serialize, Deserialize, Message)]
struct Stop;

#[actor]
impl Scribe {
    #[start]
    fn new(Init((number, text, flag)): Init<(WithSender<u64>, String, bool)>) -> Scribe {
        Scribe { number, text, flag, given: Vec::new() }
    }

    #[helper]
    fn note(&mut self, what: impl ToString, ctx: &mut Context<'_>) {
        self.given.push((what.to_string(), ctx.sender()));
    }

    fn number(&mut self, number: &u64, ctx: &mut Context<'_>) {
        self.note(number, ctx);
    }

    fn text(&mut self, text: &String, ctx: &mut Context<'_>) {
        self.note(text, ctx);
    }

    fn small(&mut self, small: &u8, ctx: &mut Context<'_>) {
        self.note(small, ctx);
    }

    fn wake(&mut self, _: &WakeupMessage, ctx: &mut Context<'_>) {
        self.note("wakeup", ctx);
    }

    fn fail(&mut self, fail: &Fail, ctx: &mut Context<'_>) -> Result<(), Failure> {
        self.note("fail", ctx);
        ctx.send(&ctx.sender(), "never sent");
        assert!(!fail.by_panic, "as told");
        Err(Failure::new("as told"))
    }

    fn stop(&mut self, _: &Stop, ctx: &mut Context<'_>) {
        ctx.send(&ctx.my_address(), ActorExitRequest::new());
    }

    fn exit(&mut self, _: &ActorExitRequest, ctx: &mut Context<'_>) {
        ctx.send(&self.number.sender, "exit");
    }

    fn report(&mut self, _: &Report, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.given.clone())
    }
}

impl InitActor for Scribe {
    const KEPT_LIMIT: usize = 50;

    fn init_done(&mut self, ctx: &mut Context<'_>) -> Handled {
        let values = (self.number.message, self.text.clone(), self.flag);
        ctx.send(&self.number.sender, values);
        Ok(Flow::Done)
    }

    fn before_init(message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        say_so(message, ctx)
    }
}

type Values = (u64, String, bool);

fn scribe(stage: &Stage) -> ActorAddress {
    stage.create_actor::<Initialized<Scribe>>().expect("created")
}

/// Gives a scribe all it needs, in this order.
fn initialize(scribe: &ActorAddress, starter: &Private) {
    starter.tell(scribe, 7_u64).expect("sent");
    starter.tell(scribe, "text").expect("sent");
    starter.tell(scribe, true).expect("sent");
}

fn report(scribe: &ActorAddress, caller: &Private) -> Vec<(String, ActorAddress)> {
    caller.ask(scribe, Report, SOON).expect("up").take().expect("the report")
}

fn texts(report: &[(String, ActorAddress)]) -> Vec<&str> {
    report.iter().map(|(what, _)| what.as_str()).collect()
}

fn the_messages_may_come_in_any_order(stage: &Stage) {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (scribe, starter) = (scribe(stage), caller(stage));
        for which in order {
            nothing_more(&starter);
            let message = match which {
                0 => AnyMessage::new(7_u64),
                1 => AnyMessage::new(String::from("text")),
                _ => AnyMessage::new(false),
            };
            starter.tell(&scribe, message).expect("sent");
        }
        assert_eq!(next::<Values>(&starter), (7, "text".into(), false));
    }
}

fn the_last_value_of_a_type_wins(stage: &Stage) {
    let (scribe, starter) = (scribe(stage), caller(stage));
    for message in ["first", "second"] {
        starter.tell(&scribe, message).expect("sent");
    }
    for message in [1_u64, 2, 3] {
        starter.tell(&scribe, message).expect("sent");
    }
    starter.tell(&scribe, true).expect("sent");
    assert_eq!(next::<Values>(&starter), (3, "second".into(), true));
    assert_eq!(report(&scribe, &starter), []);
}

fn a_sender_is_captured_where_it_is_asked_for(stage: &Stage) {
    let (scribe, early, late) = (scribe(stage), caller(stage), caller(stage));
    early.tell(&scribe, 1_u64).expect("sent");
    early.tell(&scribe, "text").expect("sent");
    all_taken(&early, &scribe);
    late.tell(&scribe, 2_u64).expect("sent");
    all_taken(&late, &scribe);
    early.tell(&scribe, true).expect("sent");
    // The sender of the last value, and not that of the first or of the last message.
    assert_eq!(next::<Values>(&late).0, 2);
    nothing_more(&early);
}

struct Parrot(String);

#[actor]
impl Parrot {
    #[start]
    fn new(Init((word,)): Init<(String,)>) -> Parrot {
        Parrot(word)
    }

    fn speak(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.0.as_str())
    }
}

impl InitActor for Parrot {}

fn a_single_message_is_a_set_too(stage: &Stage) {
    let parrot = stage.create_actor::<Initialized<Parrot>>().expect("created");
    let caller = caller(stage);
    caller.tell(&parrot, ()).expect("sent");
    caller.tell(&parrot, "kraa").expect("sent");
    assert_eq!(next::<String>(&caller), "kraa");
}

fn a_message_that_extends_one_of_the_set_is_of_the_set(stage: &Stage) {
    let pond = stage.create_actor::<Initialized<Foo>>().expect("created");
    let starter = caller(stage);
    starter.tell(&pond, BetterMsg1 { plain: Msg1(8), note: "better".into() }).expect("sent");
    starter.tell(&pond, starter.endpoint()).expect("sent");
    starter.tell(&pond, "frog").expect("sent");
    assert_eq!(next::<String>(&starter), "Running");
    starter.tell(&pond, Croak(1)).expect("sent");
    assert_eq!(next::<String>(&starter), "frog");
    assert_eq!(next::<Msg1>(&starter), Msg1(8));
}

struct Pair(Msg1, BetterMsg1);

#[actor]
impl Pair {
    #[start]
    fn new(Init((plain, better)): Init<(Msg1, BetterMsg1)>) -> Pair {
        Pair(plain, better)
    }
}

impl InitActor for Pair {
    fn init_done(&mut self, ctx: &mut Context<'_>) -> Handled {
        ctx.reply((self.0.clone(), self.1.clone()))
    }
}

fn a_message_can_be_two_of_the_set_and_is_the_last_of_both(stage: &Stage) {
    let pair = stage.create_actor::<Initialized<Pair>>().expect("created");
    let starter = caller(stage);
    let better = BetterMsg1 { plain: Msg1(2), note: "better".into() };
    starter.tell(&pair, Msg1(1)).expect("sent");
    starter.tell(&pair, better.clone()).expect("sent");
    assert_eq!(next::<(Msg1, BetterMsg1)>(&starter), (Msg1(2), better));
}

#[derive(Serialize, Deserialize, Message)]
struct Unique(String);
struct Owner(Unique);

#[actor]
impl Owner {
    #[start]
    fn new(Init((unique, _)): Init<(Unique, bool)>) -> Owner {
        Owner(unique)
    }

    fn ask(&mut self, question: &Unique, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("{} {}", self.0.0, question.0))
    }
}

impl InitActor for Owner {}

fn messages_that_cannot_be_cloned_are_taken_too(stage: &Stage) {
    let owner = stage.create_actor::<Initialized<Owner>>().expect("created");
    let caller = caller(stage);
    caller.tell(&owner, Unique("one".into())).expect("sent");
    caller.tell(&owner, true).expect("sent");
    caller.tell(&owner, Unique("two".into())).expect("sent");
    assert_eq!(next::<String>(&caller), "one two");
}

fn what_is_kept_is_delivered_in_order_from_its_senders(stage: &Stage) {
    let (scribe, starter) = (scribe(stage), caller(stage));
    let users = [caller(stage), caller(stage), caller(stage)];
    for n in 0..12_u8 {
        let user = &users[usize::from(n) % 3];
        user.tell(&scribe, n).expect("sent");
        all_taken(user, &scribe);
    }
    initialize(&scribe, &starter);
    let expected: Vec<(String, ActorAddress)> =
        (0..12).map(|n| (n.to_string(), users[n % 3].endpoint())).collect();
    assert_eq!(report(&scribe, starter_report(&starter)), expected[..]);
}

fn what_is_kept_comes_before_what_comes_later(stage: &Stage) {
    let (scribe, starter) = (scribe(stage), caller(stage));
    // All from one sender and without a pause, so that the later ones come while it catches up.
    for n in 0..10_u8 {
        starter.tell(&scribe, n).expect("sent");
    }
    initialize(&scribe, &starter);
    for n in 10..40_u8 {
        starter.tell(&scribe, n).expect("sent");
    }
    assert_eq!(next::<Values>(&starter), (7, "text".into(), true));
    let expected: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    assert_eq!(texts(&report(&scribe, &starter)), expected);
}

fn a_type_of_the_set_is_a_message_like_any_other_afterwards(stage: &Stage) {
    let (scribe, starter) = (scribe(stage), caller(stage));
    starter.tell(&scribe, 1_u8).expect("sent");
    initialize(&scribe, &starter);
    starter.tell(&scribe, "again").expect("sent");
    starter.tell(&scribe, 8_u64).expect("sent");
    assert_eq!(next::<Values>(&starter), (7, "text".into(), true));
    assert_eq!(texts(&report(&scribe, &starter)), ["1", "again", "8"]);
    nothing_more(&starter);
}

fn instances_share_nothing(stage: &Stage) {
    let (one, other, starter) = (scribe(stage), scribe(stage), caller(stage));
    starter.tell(&one, 1_u64).expect("sent");
    starter.tell(&one, 11_u8).expect("sent");
    starter.tell(&other, "text").expect("sent");
    starter.tell(&other, true).expect("sent");
    nothing_more(&starter);
    starter.tell(&other, 2_u64).expect("sent");
    assert_eq!(next::<Values>(&starter).0, 2);
    assert_eq!(report(&other, &starter), []);
    nothing_more(&starter);
    starter.tell(&one, "one").expect("sent");
    starter.tell(&one, false).expect("sent");
    assert_eq!(next::<Values>(&starter), (1, "one".into(), false));
    assert_eq!(texts(&report(&one, &starter)), ["11"]);
}

fn an_actor_that_waits_can_exit(stage: &Stage) {
    let (scribe, starter, user) = (scribe(stage), caller(stage), caller(stage));
    starter.tell(&scribe, 1_u64).expect("sent");
    user.tell(&scribe, 5_u8).expect("sent");
    all_taken(&starter, &scribe);
    all_taken(&user, &scribe);
    starter.tell(&scribe, ActorExitRequest::new()).expect("sent");
    // What was kept comes back and says what was missing; what was taken does not.
    let poison: PoisonMessage = next(&user);
    assert_eq!(poison.message.downcast_ref::<u8>(), Some(&5));
    assert_eq!(poison.details, "the actor exited before it was initialized; missing: str, bool");
    stage.await_death(&scribe);
    nothing_more(&starter);
}

fn messages_of_the_runtime_pass_before_there_is_an_actor(stage: &Stage) {
    let (scribe, starter) = (scribe(stage), caller(stage));
    let poison = || PoisonMessage { message: AnyMessage::new(1_u8), details: "made up".into() };
    starter.tell(&scribe, poison()).expect("sent");
    assert_eq!(next::<String>(&starter), "made up");
    initialize(&scribe, &starter);
    assert_eq!(next::<Values>(&starter).0, 7);
    // The actor has no handler for it, and it was not kept.
    starter.tell(&scribe, poison()).expect("sent");
    assert_eq!(report(&scribe, &starter), []);
    nothing_more(&starter);
}

/// Has kept messages, and a wakeup that is due at once when it begins.
struct Hasty {
    user: ActorAddress,
    order: Vec<String>,
}

#[actor]
impl Hasty {
    #[start]
    fn new(Init((user,)): Init<(ActorAddress,)>) -> Hasty {
        Hasty { user, order: Vec::new() }
    }

    fn number(&mut self, number: &u8, ctx: &mut Context<'_>) {
        self.order.push(number.to_string());
        if self.order.len() == 11 {
            ctx.send(&self.user, self.order.clone());
        }
    }

    fn wake(&mut self, _: &WakeupMessage, _: &mut Context<'_>) {
        self.order.push("wakeup".into());
    }
}

impl InitActor for Hasty {
    fn init_done(&mut self, ctx: &mut Context<'_>) -> Handled {
        ctx.wakeup_after(Duration::ZERO);
        Ok(Flow::Done)
    }
}

fn messages_of_the_runtime_pass_what_is_kept(stage: &Stage) {
    let hasty = stage.create_actor::<Initialized<Hasty>>().expect("created");
    let user = caller(stage);
    for n in 0..10_u8 {
        user.tell(&hasty, n).expect("sent");
    }
    user.tell(&hasty, user.endpoint()).expect("sent");
    let order: Vec<String> = next(&user);
    assert!(order.iter().position(|entry| entry == "wakeup").is_some_and(|at| at <= 2), "{order:?}");
}

thread_local! {
    /// Attempts at `init_done` in this test: an instance that fails in it is gone. An actor with a process of its own counts its
    /// own; on the other bases all actors run in the thread of their caller.
    static BEGUN: Cell<u32> = const { Cell::new(0) };
}

/// Stumbles where its message says.
struct Stumbler {
    number: u32,
    stumble: Stumble,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Message)]
enum Stumble {
    InConstructor,
    InInitDone,
    InInitDoneByPanic,
    AtFirst,
    Never,
}

#[actor]
impl Stumbler {
    #[start]
    fn new(Init((number, stumble)): Init<(u32, Stumble)>) -> Result<Stumbler, Failure> {
        match stumble {
            Stumble::InConstructor => Err(Failure::new("stumbled")),
            _ => Ok(Stumbler { number, stumble }),
        }
    }

    fn number(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.number)
    }
}

impl InitActor for Stumbler {
    fn init_done(&mut self, ctx: &mut Context<'_>) -> Handled {
        let begun = BEGUN.replace(BEGUN.get() + 1);
        match self.stumble {
            Stumble::AtFirst => ctx.reply(format!("begun with AtFirst in attempt {}", begun + 1)).ok(),
            other => ctx.reply(format!("begun with {other:?}")).ok(),
        };
        match self.stumble {
            Stumble::AtFirst if begun > 0 => Ok(Flow::Done),
            Stumble::Never => Ok(Flow::Done),
            Stumble::InInitDoneByPanic => panic!("stumbled"),
            _ => Err(Failure::new("stumbled")),
        }
    }
}

fn a_failed_init_done_is_tried_again_as_if_it_had_not_been(stage: &Stage) {
    BEGUN.set(0);
    let stumbler = stage.create_actor::<Initialized<Stumbler>>().expect("created");
    let starter = caller(stage);
    starter.tell(&stumbler, ()).expect("sent");
    starter.tell(&stumbler, 3_u32).expect("sent");
    starter.tell(&stumbler, Stumble::AtFirst).expect("sent");
    assert_eq!(next::<String>(&starter), "begun with AtFirst in attempt 2");
    assert_eq!(next::<u32>(&starter), 3);
    nothing_more(&starter);
}

fn poisoned_and_waiting_on(stage: &Stage, stumbles: &[Stumble]) {
    for stumble in stumbles {
        let stumbler = stage.create_actor::<Initialized<Stumbler>>().expect("created");
        let starter = caller(stage);
        starter.tell(&stumbler, ()).expect("sent");
        starter.tell(&stumbler, 3_u32).expect("sent");
        starter.tell(&stumbler, *stumble).expect("sent");
        let poison: PoisonMessage = next(&starter);
        assert_eq!(poison.message.downcast_ref(), Some(stumble));
        assert!(poison.details.contains("stumbled"), "{}", poison.details);
        // What failed has not come: another number does not complete the set.
        starter.tell(&stumbler, 4_u32).expect("sent");
        nothing_more(&starter);
        starter.tell(&stumbler, Stumble::Never).expect("sent");
        assert_eq!(next::<String>(&starter), "begun with Never");
        assert_eq!(next::<u32>(&starter), 4);
        nothing_more(&starter);
    }
}

fn an_init_done_that_fails_poisons_the_last_message_and_waits_on(stage: &Stage) {
    poisoned_and_waiting_on(stage, &[Stumble::InInitDone, Stumble::InInitDoneByPanic]);
}

fn a_constructor_that_fails_poisons_the_last_message_and_waits_on(stage: &Stage) {
    poisoned_and_waiting_on(stage, &[Stumble::InConstructor]);
}

fn a_kept_message_that_fails_is_tried_twice_and_poisons_its_own_sender(stage: &Stage) {
    for by_panic in [false, true] {
        let (scribe, starter, user) = (scribe(stage), caller(stage), caller(stage));
        user.tell(&scribe, 1_u8).expect("sent");
        user.tell(&scribe, Fail { by_panic }).expect("sent");
        user.tell(&scribe, Fail { by_panic }).expect("sent");
        user.tell(&scribe, 2_u8).expect("sent");
        all_taken(&user, &scribe);
        initialize(&scribe, &starter);
        for _ in 0..2 {
            let poison: PoisonMessage = next(&user);
            assert!(poison.message.is::<Fail>());
            assert!(poison.details.contains("as told"), "{}", poison.details);
        }
        assert_eq!(next::<Values>(&starter).0, 7);
        // The next message is in its turn; nobody was poisoned for another's, and no failed attempt has sent anything.
        assert_eq!(texts(&report(&scribe, &user)), ["1", "fail", "fail", "fail", "fail", "2"]);
        nothing_more(&user);
        nothing_more(&starter);
    }
}

fn what_is_kept_has_a_bound(stage: &Stage) {
    let (scribe, starter, user) = (scribe(stage), caller(stage), caller(stage));
    for n in 0..53_u8 {
        user.tell(&scribe, n).expect("sent");
    }
    for n in 50..53_u8 {
        let poison: PoisonMessage = next(&user);
        assert_eq!(poison.message.downcast_ref::<u8>(), Some(&n));
        assert!(poison.details.contains("keeps 50 messages") && poison.details.contains("KEPT_LIMIT"));
    }
    // Initialization messages need no room.
    initialize(&scribe, &starter);
    let expected: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    assert_eq!(texts(&late_report(stage, &scribe, starter_report(&starter))), expected);
    nothing_more(&user);
}

/// A report asked for again where there was no room for the question, because the scribe had to catch up.
fn late_report(stage: &Stage, scribe: &ActorAddress, caller: &Private) -> Vec<(String, ActorAddress)> {
    const TIMES: u32 = 4000;
    for _ in 0..TIMES {
        match caller.ask(scribe, Report, SOON).expect("up").take() {
            Ok(report) => return report,
            Err(_) => stage.pass(Duration::from_millis(5)),
        }
    }
    panic!("it never caught up");
}

/// The same caller, once it has taken the scribe's values.
fn starter_report(starter: &Private) -> &Private {
    assert_eq!(next::<Values>(starter).0, 7);
    starter
}

fn an_exit_gives_back_what_is_still_kept(stage: &Stage) {
    let (scribe, starter, user) = (scribe(stage), caller(stage), caller(stage));
    user.tell(&scribe, 1_u8).expect("sent");
    user.tell(&scribe, Stop).expect("sent");
    user.tell(&scribe, 2_u8).expect("sent");
    user.tell(&scribe, 3_u8).expect("sent");
    all_taken(&user, &scribe);
    initialize(&scribe, &starter);
    for n in 2..=3_u8 {
        let poison: PoisonMessage = next(&user);
        assert_eq!(poison.message.downcast_ref::<u8>(), Some(&n));
        assert_eq!(poison.details, "the actor exited before it could handle the message");
    }
    assert_eq!(next::<Values>(&starter).0, 7);
    assert_eq!(next::<String>(&starter), "exit");
    stage.await_death(&scribe);
}

struct Sulker;

#[actor]
impl Sulker {
    #[start]
    fn new(_: Init<(u32,)>) -> Sulker {
        Sulker
    }
}

impl InitActor for Sulker {
    fn before_init(message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        if message.is::<ActorExitRequest>() {
            return Err(Failure::new("no"));
        }
        say_so(message, ctx)
    }
}

fn an_exit_that_fails_gives_it_back_too(stage: &Stage) {
    let (sulker, user) = (stage.create_actor::<Initialized<Sulker>>().expect("created"), caller(stage));
    user.tell(&sulker, 5_u8).expect("sent");
    all_taken(&user, &sulker);
    user.tell(&sulker, ActorExitRequest::new()).expect("sent");
    assert!(next::<PoisonMessage>(&user).message.is::<u8>());
    nothing_more(&user);
    stage.await_death(&sulker);
}

/// Is asked by its first message to have its own helper's word forged by somebody else.
struct Victim {
    given: Vec<u8>,
}

#[actor]
impl Victim {
    #[start]
    fn new(_: Init<(u32,)>) -> Victim {
        Victim { given: Vec::new() }
    }

    fn number(&mut self, number: &u8, _: &mut Context<'_>) {
        self.given.push(*number);
    }

    fn report(&mut self, _: &Report, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.given.clone())
    }
}

impl InitActor for Victim {}

fn nobody_else_can_hand_over_what_is_kept(stage: &Stage) {
    let (victim, user) = (stage.create_actor::<Initialized<Victim>>().expect("created"), caller(stage));
    let forged = || AnyMessage::encoded(vec!["thespian_initmsgs::kept::Next".into()], vec![3]);
    for n in 0..4_u8 {
        user.tell(&victim, n).expect("sent");
    }
    user.tell(&victim, 1_u32).expect("sent");
    user.tell(&victim, forged()).expect("sent");
    let given: Vec<u8> = user.ask(&victim, Report, SOON).expect("up").take().expect("the report");
    assert_eq!(given, [0, 1, 2, 3]);
    // It is a message like any other that nobody has a handler for.
    nothing_more(&user);
}

/// An actor that cannot be created, by one of its settings.
macro_rules! refused {
    ($name:ident, $set:ty, { $($item:item)* }) => {
        struct $name;
        #[actor]
        impl $name {
            #[start]
            fn new(_: Init<$set>) -> $name {
                $name
            }
        }
        impl InitActor for $name { $($item)* }
    };
}

refused!(NoRoom, (u32,), {
    const KEPT_LIMIT: usize = 0;
});
refused!(TooMuchRoom, (u32,), {
    const KEPT_LIMIT: usize = LARGEST_KEPT_LIMIT + 1;
});
refused!(OfTheRuntime, (u32, WakeupMessage), {});
refused!(Twice, (u32, String, WithSender<u32>), {});

struct Forgetful;

#[actor(failure_policy = FailurePolicy::RETRY_ONCE.with_fresh_instance())]
impl Forgetful {
    #[start]
    fn new(_: Init<(u32,)>) -> Forgetful {
        Forgetful
    }
}

impl InitActor for Forgetful {}

struct PassingTwice;

#[actor]
impl PassingTwice {
    #[start]
    fn new() -> PassingTwice {
        PassingTwice
    }
}

impl InitPassthruActor for PassingTwice {
    type InitSet = (u32, u32);

    fn init_done(&mut self, _: (u32, u32), _: &mut Context<'_>) -> Handled {
        Ok(Flow::Done)
    }
}

fn settings_that_cannot_be_used_are_refused(stage: &Stage) {
    let refused = [
        (stage.create_actor::<Initialized<NoRoom>>(), "setting KEPT_LIMIT: is zero"),
        (
            stage.create_actor::<Initialized<TooMuchRoom>>(),
            "setting KEPT_LIMIT: is 1000001, and must be at most 1000000",
        ),
        (stage.create_actor::<Initialized<Twice>>(), "setting init set: has u32 twice"),
        (stage.create_actor::<Initialized<OfTheRuntime>>(), "setting init set: has a message of the runtime"),
        (stage.create_actor::<InitPassthru<PassingTwice>>(), "setting init set: has u32 twice"),
        (stage.create_actor::<Initialized<Forgetful>>(), "setting failure_policy: asks for a fresh instance"),
        // That of the helper inside is found before the messages have come.
        (stage.create_actor::<Initialized<Transient<Scribe, Seconds<0>>>>(), "setting exit_delay: is zero"),
        (
            stage.create_actor::<Initialized<Transient<TransientIdle<Scribe, Seconds<0>>>>>(),
            "setting exit_delay: is zero",
        ),
    ];
    for (refused, why) in refused {
        let Err(Error::ActorStartFailed { details, .. }) = refused else { panic!("{refused:?}") };
        assert!(details.starts_with(why), "{details}");
    }
}

#[derive(Default)]
struct Parent {
    listener: Option<ActorAddress>,
}

#[actor]
impl Parent {
    fn begin(&mut self, _: &(), ctx: &mut Context<'_>) {
        self.listener = Some(ctx.sender());
        ctx.create_actor::<Initialized<NoRoom>>();
    }

    fn told(&mut self, notice: &ChildActorExited, ctx: &mut Context<'_>) {
        if let (Some(listener), ExitCause::NeverStarted(why)) = (self.listener, &notice.cause) {
            ctx.send(&listener, why.as_str());
        }
    }
}

fn a_parent_hears_of_settings_that_cannot_be_used(stage: &Stage) {
    let parent = stage.create_actor::<Parent>().expect("created");
    let caller = caller(stage);
    caller.tell(&parent, ()).expect("sent");
    let why: String = next(&caller);
    assert!(why.contains("setting KEPT_LIMIT: is zero"), "{why}");
}

struct Picky;

#[require_capability("pond")]
#[actor(name = "guide::Picky", failure_policy = FailurePolicy::NO_RETRY)]
impl Picky {
    #[start]
    fn new(_: Init<(u32,)>) -> Picky {
        Picky
    }
}

impl InitActor for Picky {}

impl InitPassthruActor for Picky {
    type InitSet = (u32,);

    fn init_done(&mut self, _: (u32,), _: &mut Context<'_>) -> Handled {
        Ok(Flow::Done)
    }
}

fn it_is_created_like_other_actors(stage: &Stage) {
    assert_eq!(Initialized::<Picky>::type_name(), "thespian_initmsgs::Initialized<guide::Picky>");
    assert_eq!(InitPassthru::<Picky>::type_name(), "thespian_initmsgs::InitPassthru<guide::Picky>");
    assert_eq!(Initialized::<Picky>::failure_policy(), FailurePolicy::NO_RETRY);
    assert_eq!(InitPassthru::<Picky>::failure_policy(), FailurePolicy::NO_RETRY);
    for spec in [ActorSpec::of::<Initialized<Picky>>(), ActorSpec::with::<InitPassthru<Picky>>(Init((1,)))] {
        let refused = stage.create(spec).expect_err("refused");
        assert!(matches!(refused, Error::NoCompatibleSystemForActor { .. }), "{refused}");
    }

    let pond = stage.create("thespian_initmsgs::Initialized<guide::Foo>").expect("created by name");
    let starter = caller(stage);
    starter.tell(&pond, Msg1(7)).expect("sent");
    starter.tell(&pond, starter.endpoint()).expect("sent");
    starter.tell(&pond, "frog").expect("sent");
    assert_eq!(next::<String>(&starter), "Running");
}

fn an_actor_can_be_made_without_waiting(stage: &Stage) {
    let starter = caller(stage);
    let m1 = WithSender { message: Msg1(7), sender: starter.endpoint() };
    let init = Init((m1, starter.endpoint(), String::from("frog")));
    assert_eq!(init_name(&init), "thespian_initmsgs::Init<tests::Msg1, address, str>");
    let pond = stage.create(ActorSpec::with::<Foo>(init)).expect("created");
    starter.tell(&pond, Croak(1)).expect("sent");
    assert_eq!(next::<String>(&starter), "frog");
}

fn init_name<M: Message>(_: &M) -> String {
    M::type_name().replace(concat!(module_path!(), "::Msg1"), "tests::Msg1")
}

/// Sends numbers to a counter, ten for each message to itself, and after some what the counter still needs to begin.
#[derive(Default)]
struct Flooder;

/// Whom to flood, from which number on and up to which.
#[derive(Clone, Serialize, Deserialize, Message)]
struct Flood(ActorAddress, u64, u64);

#[actor]
impl Flooder {
    fn flood(&mut self, Flood(target, from, to): &Flood, ctx: &mut Context<'_>) {
        for number in *from..from + 10 {
            ctx.send(target, number);
        }
        if *from == 400 {
            ctx.send(target, true);
        }
        if from + 10 < *to {
            ctx.send(&ctx.my_address(), Flood(*target, from + 10, *to));
        }
    }
}

/// Expects the numbers in order, and says so when it has all.
struct Counter {
    all: u64,
    seen: u64,
    listener: ActorAddress,
}

#[actor]
impl Counter {
    #[start]
    fn new(Init((all, listener, _)): Init<(u32, ActorAddress, bool)>) -> Counter {
        Counter { all: all.into(), seen: 0, listener }
    }

    fn number(&mut self, number: &u64, ctx: &mut Context<'_>) -> Result<(), Failure> {
        if *number != self.seen {
            return Err(Failure::new(format_args!("{number} came instead of {}", self.seen)));
        }
        self.seen += 1;
        if self.seen == self.all {
            ctx.send(&self.listener, "all");
        }
        Ok(())
    }
}

impl InitActor for Counter {
    const KEPT_LIMIT: usize = 2_500;

    fn before_init(message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        say_so(message, ctx)
    }
}

fn a_flood_while_it_catches_up_is_held_back_and_in_order(stage: &Stage) {
    const ALL: u64 = 20_000;
    let counter = stage.create_actor::<Initialized<Counter>>().expect("created");
    let flooder = stage.create_actor::<Flooder>().expect("created");
    let starter = caller(stage);
    starter.tell(&counter, u32::try_from(ALL).expect("fits")).expect("sent");
    starter.tell(&counter, starter.endpoint()).expect("sent");
    all_taken(&starter, &counter);
    stage.tell(&flooder, Flood(counter, 0, ALL)).expect("sent");
    // In a storm much of it is sent again, and that takes its time.
    let said = starter.listen(180 * SOON).expect("up").take::<String>();
    assert_eq!(said.expect("a word"), "all");
}

/// Gets everything, and tells what and when.
#[derive(Default)]
struct Open {
    journal: Vec<String>,
}

#[actor]
impl Open {
    fn text(&mut self, text: &String, _: &mut Context<'_>) {
        self.journal.push(text.clone());
    }

    fn number(&mut self, number: &u32, _: &mut Context<'_>) {
        self.journal.push(number.to_string());
    }

    fn poison(&mut self, poison: &PoisonMessage, _: &mut Context<'_>) {
        self.journal.push(poison.details.clone());
    }

    fn report(&mut self, _: &Report, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.journal.clone())
    }
}

impl InitPassthruActor for Open {
    type InitSet = (WithSender<String>, u32);

    fn init_done(&mut self, (text, number): (WithSender<String>, u32), ctx: &mut Context<'_>) -> Handled {
        self.journal.push(format!("done {} {number}", text.message));
        ctx.send(&text.sender, "done");
        match number {
            0 if BEGUN.replace(BEGUN.get() + 1) == 0 => Err(Failure::new("as told")),
            13 => Err(Failure::new("as told")),
            _ => Ok(Flow::Done),
        }
    }
}

fn everything_passes_through(stage: &Stage) {
    let open = stage.create_actor::<InitPassthru<Open>>().expect("created");
    let starter = caller(stage);
    let journal =
        || -> Vec<String> { starter.ask(&open, Report, SOON).expect("up").take().expect("the journal") };
    starter.tell(&open, "first").expect("sent");
    assert_eq!(journal(), ["first"]);
    let poison = PoisonMessage { message: AnyMessage::new(1_u8), details: "made up".into() };
    starter.tell(&open, poison).expect("sent");
    starter.tell(&open, "second").expect("sent");
    starter.tell(&open, 1_u32).expect("sent");
    assert_eq!(next::<String>(&starter), "done");
    starter.tell(&open, "third").expect("sent");
    starter.tell(&open, 2_u32).expect("sent");
    assert_eq!(journal(), ["first", "made up", "second", "1", "done second 1", "third", "2"]);
    nothing_more(&starter);
}

fn a_failed_init_done_of_one_that_passes_through_is_tried_again(stage: &Stage) {
    BEGUN.set(0);
    let open = stage.create_actor::<InitPassthru<Open>>().expect("created");
    let starter = caller(stage);
    starter.tell(&open, "text").expect("sent");
    starter.tell(&open, 13_u32).expect("sent");
    assert!(next::<PoisonMessage>(&starter).message.is::<u32>());
    starter.tell(&open, "other").expect("sent");
    nothing_more(&starter);
    starter.tell(&open, 0_u32).expect("sent");
    assert_eq!(next::<String>(&starter), "done");
    let journal: Vec<String> = starter.ask(&open, Report, SOON).expect("up").take().expect("the journal");
    let expected = [
        "text",
        "13",
        "done text 13",
        "13",
        "done text 13",
        "other",
        "0",
        "done other 0",
        "0",
        "done other 0",
    ];
    assert_eq!(journal, expected);
    nothing_more(&starter);
}

fn it_can_be_transient(stage: &Stage) {
    let actors = [
        stage.create_actor::<Initialized<Transient<Scribe, Millis<30>>>>(),
        stage.create_actor::<Initialized<TransientIdle<Scribe, Millis<30>>>>(),
        stage.create_actor::<Initialized<TransientIdle<Transient<Scribe>, Millis<30>>>>(),
    ];
    for actor in actors {
        let (actor, starter) = (actor.expect("created"), caller(stage));
        initialize(&actor, &starter);
        assert_eq!(next::<Values>(&starter).0, 7);
        nothing_more(&starter);
        starter.tell(&actor, 1_u8).expect("sent");
        assert_eq!(next::<String>(&starter), "exit");
        stage.await_death(&actor);
    }
}

// -- attempts that ask for too much -----------------------------------------------------------------------------

/// Asks for as much as it is told to.
struct Greedy {
    user: ActorAddress,
}

#[actor]
impl Greedy {
    #[start]
    fn new(Init((user, _)): Init<(ActorAddress, u64)>) -> Greedy {
        Greedy { user }
    }

    fn number(&mut self, number: &u32, ctx: &mut Context<'_>) {
        for _ in 0..*number {
            ctx.send(&self.user, *number);
        }
    }
}

impl InitActor for Greedy {
    fn init_done(&mut self, ctx: &mut Context<'_>) -> Handled {
        for _ in 0..100 {
            ctx.wakeup_after(SOON);
        }
        Ok(Flow::Done)
    }
}

#[test]
fn an_attempt_that_asks_for_too_much_fails_after_its_handler_has_returned() {
    for limit in [50, 150] {
        let limits = Limits { actions_per_attempt: limit, ..Limits::default() };
        let builder = ActorSystem::builder().base(Sim::new(1)).limits(limits).unregistered();
        let system = builder.start().expect("starts");
        let greedy = system.create_actor::<Initialized<Greedy>>().expect("created");
        let user = system.private().expect("an endpoint");
        for number in [1_u32, 200, 2] {
            user.tell(&greedy, number).expect("sent");
        }
        user.tell(&greedy, user.endpoint()).expect("sent");
        user.tell(&greedy, 1_u64).expect("sent");
        // One by one, whether `init_done` had asked for too much or not.
        assert_eq!(next::<u32>(&user), 1, "limit {limit}");
        let poison: PoisonMessage = next(&user);
        assert_eq!(poison.message.downcast_ref::<u32>(), Some(&200), "limit {limit}");
        assert!(poison.details.contains("actions_per_attempt"), "{}", poison.details);
        assert_eq!([next::<u32>(&user), next::<u32>(&user)], [2, 2], "limit {limit}");
        nothing_more(&user);
        system.shutdown().expect("shuts down");
    }
}

// -- in virtual time --------------------------------------------------------------------------------------------

const SECOND: Duration = Duration::from_secs(1);

fn in_sim() -> (Sim, Stage) {
    let sim = Sim::new(3);
    (sim.clone(), Stage::simulated(sim, actors![]))
}

/// How long the actor lives from now on, in seconds.
fn life(sim: &Sim, actor: &ActorAddress) -> f64 {
    let begin = sim.now();
    while sim.actors().contains(actor) {
        sim.run_for(Duration::from_millis(1)).expect("settles");
        assert!(sim.now() < begin + 100 * SECOND, "it lives for ever");
    }
    ((sim.now() - begin).as_secs_f64() * 100.0).round() / 100.0
}

#[test]
fn what_a_transient_actor_is_not_given_is_no_use_of_it() {
    let (sim, stage) = in_sim();
    let (scribe, starter) = (
        stage.create_actor::<Initialized<Transient<Scribe, Seconds<3>>>>().expect("created"),
        caller(&stage),
    );
    // Neither what is kept nor what is taken, and not the end of the waiting.
    starter.tell(&scribe, 1_u8).expect("sent");
    sim.run_for(60 * SECOND).expect("settles");
    assert!(!stage.is_dead(&scribe));
    initialize(&scribe, &starter);
    // But what was kept, when it is given to it.
    assert_eq!(life(&sim, &scribe), 3.0);

    let unused = stage.create_actor::<Initialized<Transient<Scribe, Seconds<3>>>>().expect("created");
    initialize(&unused, &starter);
    sim.run_for(60 * SECOND).expect("settles");
    assert!(!stage.is_dead(&unused));
    stage.finish();
}

#[test]
fn what_passes_through_is_a_use() {
    let (sim, stage) = in_sim();
    let idle = stage.create_actor::<InitPassthru<TransientIdle<Open, Seconds<3>>>>().expect("created");
    let starter = caller(&stage);
    for _ in 0..5 {
        starter.tell(&idle, "text").expect("sent");
        sim.run_for(2 * SECOND).expect("settles");
        assert!(!stage.is_dead(&idle));
    }
    starter.tell(&idle, 1_u32).expect("sent");
    assert_eq!(life(&sim, &idle), 3.0);
    stage.finish();
}

#[test]
fn an_exit_request_does_not_wait_for_what_is_kept() {
    let (sim, stage) = in_sim();
    let (scribe, starter, user) = (scribe(&stage), caller(&stage), caller(&stage));
    for n in 0..50_u8 {
        user.tell(&scribe, n).expect("sent");
    }
    sim.run_for(SECOND).expect("settles");
    sim.set_faults(Faults { handling: 10 * SECOND, ..Faults::default() });
    initialize(&scribe, &starter);
    sim.run_for(100 * SECOND).expect("settles");
    sim.set_faults(Faults::default());
    starter.tell(&scribe, ActorExitRequest::new()).expect("sent");
    assert_eq!(next::<Values>(&starter).0, 7);
    let mut poisoned = 0;
    while user.listen(SOON).expect("up").get::<PoisonMessage>().is_some() {
        poisoned += 1;
    }
    assert!((1..50).contains(&poisoned), "{poisoned}");
    assert!(stage.is_dead(&scribe));
    stage.finish();
}

#[test]
fn whatever_the_weather_every_message_is_given_once_and_in_order() {
    for seed in 1..=60 {
        let stage = Stage::stormy(seed, actors![]);
        let (scribe, starter, user) = (scribe(&stage), caller(&stage), caller(&stage));
        for n in 0..10_u8 {
            user.tell(&scribe, n).expect("sent");
        }
        initialize(&scribe, &starter);
        for n in 10..20_u8 {
            user.tell(&scribe, n).expect("sent");
        }
        assert_eq!(next::<Values>(&starter), (7, "text".into(), true), "seed {seed}");
        let expected: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        assert_eq!(texts(&report(&scribe, &user)), expected, "seed {seed}");
        stage.finish();
    }
}

#[test]
fn an_actor_that_is_killed_while_it_waits_leaves_nothing_behind() {
    let (sim, stage) = in_sim();
    let (scribe, starter) = (scribe(&stage), caller(&stage));
    starter.tell(&scribe, 1_u8).expect("sent");
    starter.tell(&scribe, "text").expect("sent");
    sim.run_for(SECOND).expect("settles");
    sim.kill(&scribe);
    assert!(starter.ask(&scribe, Report, SOON).expect("up").is_dead());
    stage.finish();
}
