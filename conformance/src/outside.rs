//! Callers outside the actors: tell, ask, listen, request, private (guide section 6, decisions D24 to D27).

use std::cell::RefCell;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{
    ActorAddress, ActorExitRequest, ActorStatus, ActorSystem, Context, Error, Failure, FailurePolicy, Handled,
    Limits, Message,    PoisonMessage, StatusReq, Timeout, WakeupMessage, actor,
};

use crate::actors::{Step, What};
use crate::ground::{Ground, SOON, Stage};

const SHORT: Duration = Duration::from_millis(20);

/// Doubles numbers, and is slow about texts.
#[derive(Default)]
struct Doubler;

#[actor]
impl Doubler {
    fn double(&mut self, number: &u64, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(number * 2)
    }

    /// Answers after this long.
    fn later(&mut self, delay: &Duration, ctx: &mut Context<'_>) {
        ctx.wakeup_after_with(*delay, ctx.sender());
    }

    fn wake(&mut self, wakeup: &WakeupMessage, ctx: &mut Context<'_>) {
        if let Some(asker) = wakeup.payload::<ActorAddress>() {
            ctx.send(asker, "at last");
        }
    }

    fn fail(&mut self, _: &bool, _: &mut Context<'_>) -> Result<(), Failure> {
        Err(Failure::new("no"))
    }

    fn system(&mut self, _: &char, ctx: &mut Context<'_>) {
        let asker = ctx.sender();
        ctx.send(&asker, ActorExitRequest::new());
        ctx.send(&asker, "after the system message");
    }
}

pub(crate) fn tell_does_not_wait_for_an_answer(ground: &Ground<'_>) {
    let stage = ground.system();
    let doubler = stage.actor::<Doubler>();
    stage.tell(&doubler, Duration::from_secs(3600)).expect("sent");
    stage.tell(&doubler, 1_u64).expect("sent");
    let answer = stage.listen(SOON).expect("up");
    assert_eq!(answer.get::<u64>(), Some(&2));
}

pub(crate) fn ask_brings_the_answer(ground: &Ground<'_>) {
    let stage = ground.system();
    let doubler = stage.actor::<Doubler>();
    let answer = stage.ask(&doubler, 21_u64, SOON).expect("up");
    assert_eq!((answer.get::<u64>(), answer.sender()), (Some(&42), Some(doubler)));
    assert_eq!(answer.take::<u64>().expect("a number"), 42);
}

pub(crate) fn ask_brings_any_message_that_comes_next(ground: &Ground<'_>) {
    let stage = ground.system();
    let (doubler, puppet) = (stage.actor::<Doubler>(), stage.puppet());
    stage.order_from_here(&puppet, [Step::reply("first come")]);
    stage.settle();
    let answer = stage.ask(&doubler, 1_u64, SOON).expect("up");
    assert_eq!((answer.get::<String>().map(String::as_str), answer.sender()), (Some("first come"), Some(puppet)));
    assert_eq!(stage.listen(SOON).expect("up").get::<u64>(), Some(&2));
}

pub(crate) fn ask_times_out(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    assert!(stage.ask(&puppet, "no answer to this", SHORT).expect("up").is_timed_out());
    assert!(stage.ask(&puppet, "nor to this", 0).expect("up").is_timed_out());
}

fn dead(stage: &Stage<'_>) -> ActorAddress {
    let doubler = stage.actor::<Doubler>();
    stage.tell(&doubler, ActorExitRequest::new()).expect("sent");
    stage.await_death(&doubler);
    doubler
}

pub(crate) fn ask_tells_that_the_target_is_dead(ground: &Ground<'_>) {
    let stage = ground.system();
    let dead = dead(&stage);
    let answer = stage.ask(&dead, 1_u64, Duration::from_secs(3600)).expect("up");
    assert!(answer.is_dead(), "{answer:?}");
    assert!(!answer.is_timed_out());
    // It is said of what was asked, not for ever after.
    assert!(stage.listen(SHORT).expect("up").is_timed_out());
}

pub(crate) fn a_late_answer_waits_for_the_next_listen(ground: &Ground<'_>) {
    let stage = ground.system();
    let doubler = stage.actor::<Doubler>();
    assert!(stage.ask(&doubler, Duration::from_millis(60), Duration::from_millis(10)).expect("up").is_timed_out());
    let answer = stage.listen(SOON).expect("up");
    assert_eq!(answer.get::<String>().map(String::as_str), Some("at last"));
}

pub(crate) fn listen_brings_what_comes(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    stage.order_from_here(&puppet, (0..10_u64).map(Step::reply).collect::<Vec<_>>());
    for n in 0..10 {
        assert_eq!(stage.listen(SOON).expect("up").get::<u64>(), Some(&n));
    }
    assert!(stage.listen(0).expect("up").is_timed_out());
}

pub(crate) fn listen_times_out(ground: &Ground<'_>) {
    let stage = ground.system();
    for timeout in [Timeout::from(0), Timeout::from(SHORT), Timeout::from(-1), Timeout::from(0.01)] {
        assert!(stage.listen(timeout).expect("up").is_timed_out());
    }
}

pub(crate) fn request_brings_its_own_answer_only(ground: &Ground<'_>) {
    let stage = ground.system();
    let (doubler, puppet) = (stage.actor::<Doubler>(), stage.puppet());
    stage.order_from_here(&puppet, [Step::reply("for the other endpoint")]);
    stage.settle();
    assert_eq!(stage.request::<u64>(&doubler, 4_u64, SOON), Ok(8));
    assert_eq!(
        stage.listen(0).expect("up").get::<String>().map(String::as_str),
        Some("for the other endpoint")
    );
}

pub(crate) fn request_times_out(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    let answer = stage.request::<u64>(&puppet, "no answer to this", SHORT);
    assert_eq!(answer, Err(Error::RequestTimeout { waited_for: "u64".into(), timeout: SHORT }));
    // A late answer is nobody's: a dead letter, and not the next request's.
    let doubler = stage.actor::<Doubler>();
    assert!(stage.request::<String>(&doubler, Duration::from_millis(40), Duration::from_millis(5)).is_err());
    stage.pass(Duration::from_millis(80));
    assert_eq!(stage.request::<u64>(&doubler, 1_u64, SOON), Ok(2));
}

pub(crate) fn request_tells_that_the_target_is_dead(ground: &Ground<'_>) {
    let stage = ground.system();
    let dead = dead(&stage);
    assert_eq!(
        stage.request::<u64>(&dead, 1_u64, Duration::from_secs(3600)),
        Err(Error::TargetDead { target: dead })
    );
}

pub(crate) fn request_tells_that_the_target_failed(ground: &Ground<'_>) {
    let stage = ground.system();
    let doubler = stage.actor::<Doubler>();
    let failed = stage.request::<u64>(&doubler, true, SOON);
    assert_eq!(failed, Err(Error::RequestPoisoned { target: doubler, details: "no".into() }));
}

pub(crate) fn request_tells_that_the_answer_is_of_another_type(ground: &Ground<'_>) {
    let stage = ground.system();
    let doubler = stage.actor::<Doubler>();
    let answer = stage.request::<String>(&doubler, 1_u64, SOON);
    assert_eq!(answer, Err(Error::UnexpectedReply { expected: "str".into(), received: "u64".into() }));
}

pub(crate) fn private_endpoints_do_not_share(ground: &Ground<'_>) {
    let stage = ground.system();
    let doubler = stage.actor::<Doubler>();
    let (one, two) = (stage.private().expect("up"), stage.private().expect("up"));
    assert_ne!(one.endpoint(), two.endpoint());
    one.tell(&doubler, 1_u64).expect("sent");
    two.tell(&doubler, 2_u64).expect("sent");
    stage.tell(&doubler, 3_u64).expect("sent");
    assert_eq!(two.listen(SOON).expect("up").get::<u64>(), Some(&4));
    assert_eq!(stage.listen(SOON).expect("up").get::<u64>(), Some(&6));
    assert_eq!(one.listen(SOON).expect("up").get::<u64>(), Some(&2));
}

pub(crate) fn an_endpoint_that_is_gone_gets_nothing(ground: &Ground<'_>) {
    let stage = ground.system();
    let (puppet, handler) = (stage.puppet(), stage.puppet());
    stage.order(&handler, [Step::HandleDeadLetters(true)]);
    stage.settle();
    let private = stage.private().expect("up");
    let gone = private.endpoint();
    drop(private);
    stage.order(&puppet, [Step::send(&gone, "anybody?")]);
    let journal = stage.journal(&handler, 1);
    assert!(matches!(&journal[0].what, What::Dead { to, .. } if *to == gone), "{journal:?}");
    // What waits there when it goes is a dead letter too.
    let private = stage.private().expect("up");
    stage.order(&puppet, [Step::send(&private.endpoint(), "unread")]);
    stage.settle();
    drop(private);
    let journal = stage.journal(&handler, 2);
    assert!(matches!(&journal[1].what, What::Dead { message, .. } if message == "unread"), "{journal:?}");
}

pub(crate) fn nobody_waits_at_an_endpoint_that_is_gone(ground: &Ground<'_>) {
    let stage = ground.system();
    let private = stage.private().expect("up");
    let left: ActorSystem = (*private).clone();
    drop(private);
    let answer = left.listen(None);
    assert!(matches!(answer, Err(Error::InvalidActorAddress { .. })), "{answer:?}");
}

pub(crate) fn what_an_endpoint_told_before_it_went_arrives(ground: &Ground<'_>) {
    let stage = ground.system();
    let puppet = stage.puppet();
    for n in 0..50_u64 {
        stage.private().expect("up").tell(&puppet, n).expect("sent");
    }
    let mut numbers: Vec<_> = stage.journal(&puppet, 50).into_iter().map(|entry| entry.what).collect();
    numbers.sort_by_key(|what| match what {
        What::Number(number) => *number,
        other => panic!("{other:?}"),
    });
    assert_eq!(numbers, (0..50).map(What::Number).collect::<Vec<_>>());
}

pub(crate) fn system_messages_do_not_come_out(ground: &Ground<'_>) {
    let stage = ground.system();
    let doubler = stage.actor::<Doubler>();
    let answer = stage.ask(&doubler, 'x', SOON).expect("up");
    assert_eq!(answer.get::<String>().map(String::as_str), Some("after the system message"));
    assert!(stage.listen(0).expect("up").is_timed_out());
}

pub(crate) fn status_and_poison_do_come_out(ground: &Ground<'_>) {
    let stage = ground.system();
    let doubler = stage.actor::<Doubler>();
    assert!(stage.ask(&doubler, StatusReq, SOON).expect("up").get::<ActorStatus>().is_some());
    assert!(stage.ask(&doubler, true, SOON).expect("up").get::<PoisonMessage>().is_some());
}

pub(crate) fn timeouts_can_be_given_in_many_ways(ground: &Ground<'_>) {
    let stage = ground.system();
    let doubler = stage.actor::<Doubler>();
    assert!(stage.ask(&doubler, 1_u64, 20).expect("up").message().is_some());
    assert!(stage.ask(&doubler, 1_u64, 20_u64).expect("up").message().is_some());
    assert!(stage.ask(&doubler, 1_u64, 20.0).expect("up").message().is_some());
    assert!(stage.ask(&doubler, 1_u64, SOON).expect("up").message().is_some());
    assert!(stage.ask(&doubler, 1_u64, Some(SOON)).expect("up").message().is_some());
    assert!(stage.ask(&doubler, 1_u64, None).expect("up").message().is_some());
    assert!(stage.ask(&doubler, 1_u64, Timeout::FOREVER).expect("up").message().is_some());
    assert_eq!(Timeout::from(f64::NAN).duration(), Some(Duration::ZERO));
    assert_eq!(Timeout::from(f64::INFINITY).duration(), Some(Duration::MAX));
    assert_eq!(Timeout::from(-5).duration(), Some(Duration::ZERO));
}

pub(crate) fn an_endpoint_that_is_full_turns_messages_away(ground: &Ground<'_>) {
    let limits = Limits { endpoint_queue: 5, ..Limits::default() };
    let stage = ground.system_with(|builder| builder.limits(limits));
    let (puppet, handler) = (stage.puppet(), stage.puppet());
    stage.order(&handler, [Step::HandleDeadLetters(true)]);
    stage.settle();
    stage.order_from_here(&puppet, (0..8).map(|n| Step::reply(n.to_string())).collect::<Vec<_>>());
    stage.settle();
    for n in 0..5 {
        assert_eq!(stage.listen(SOON).expect("up").get::<String>(), Some(&n.to_string()));
    }
    assert!(stage.listen(0).expect("up").is_timed_out());
    let journal = stage.journal(&handler, 3);
    let turned: Vec<_> = journal
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Dead { message, reason, .. } => Some((message.as_str(), *reason)),
            _ => None,
        })
        .collect();
    assert_eq!(turned, ["5", "6", "7"].map(|text| (text, thespian_core::DeadReason::EndpointFull)));
}

/// Runs the same in many threads, and panics if one of them does.
fn in_threads(system: &ActorSystem, work: impl Fn(u64, &ActorSystem) + Sync) {
    std::thread::scope(|scope| {
        for n in 0..100 {
            let work = &work;
            scope.spawn(move || work(n, system));
        }
    });
}

pub(crate) fn a_hundred_threads_ask_at_once(ground: &Ground<'_>) {
    let stage = ground.system();
    let doubler = stage.actor::<Doubler>();
    in_threads(&stage, |n, system| {
        for round in 0..20 {
            let number = n * 1000 + round;
            assert_eq!(system.request::<u64>(&doubler, number, SOON), Ok(number * 2));
        }
    });
}

pub(crate) fn a_hundred_threads_with_private_endpoints(ground: &Ground<'_>) {
    let stage = ground.system();
    let doubler = stage.actor::<Doubler>();
    in_threads(&stage, |n, system| {
        let private = system.private().expect("up");
        for round in 0..20 {
            private.tell(&doubler, n * 1000 + round).expect("sent");
        }
        for round in 0..20 {
            assert_eq!(private.listen(SOON).expect("up").get::<u64>(), Some(&((n * 1000 + round) * 2)));
        }
        assert!(private.listen(0).expect("up").is_timed_out());
    });
}

#[derive(Serialize, Deserialize, Message)]
struct CallOut;

/// Asks the system from inside, where it would wait for itself.
#[derive(Default)]
struct Caller;

/// The system that [`Caller`] calls; actors get at none otherwise.
static CALLED: std::sync::Mutex<Option<ActorSystem>> = std::sync::Mutex::new(None);

#[actor]
impl Caller {
    fn call(&mut self, _: &CallOut, ctx: &mut Context<'_>) -> Handled {
        let system = CALLED.lock().expect("nobody panics with it").clone();
        let system = system.ok_or_else(|| Failure::new("no system"))?;
        let me = ctx.my_address();
        let refused = [
            system.tell(&me, ()).err(),
            system.ask(&me, (), SOON).err(),
            system.listen(SOON).err(),
            system.create_actor::<Caller>().err(),
            system.shutdown().err(),
            system.private().err(),
        ];
        let all = refused.iter().all(|error| matches!(error, Some(Error::CalledFromActor { .. })));
        ctx.reply(all)
    }
}

pub(crate) fn calls_from_inside_an_actor_are_refused(ground: &Ground<'_>) {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    let stage = ground.system();
    let caller = stage.actor::<Caller>();
    *CALLED.lock().expect("nobody panics with it") = Some((*stage).clone());
    let answer = stage.request::<bool>(&caller, CallOut, SOON);
    *CALLED.lock().expect("nobody panics with it") = None;
    assert_eq!(answer, Ok(true));
    assert!(!stage.is_down());
}

/// Calls the system when it is dropped, which may be where no handler runs.
#[derive(Default, Serialize, Deserialize, Message)]
struct LastCall;

std::thread_local! {
    /// The system that [`LastCall`] calls, and how often it was refused. The bases of this suite that can have a call
    /// dropped by the runtime drop it in the caller's thread.
    static LAST_CALLED: RefCell<(Option<ActorSystem>, u32)> = const { RefCell::new((None, 0)) };
}

impl Drop for LastCall {
    fn drop(&mut self) {
        // At the end of the thread there is nothing left to call.
        let system = LAST_CALLED.try_with(|called| called.borrow().0.clone()).ok().flatten();
        if let Some(system) = system
            && let Err(Error::CalledFromActor { .. }) = system.status()
        {
            LAST_CALLED.with_borrow_mut(|called| called.1 += 1);
        }
    }
}

/// Has one among its state, and is replaced when it fails.
#[derive(Default)]
struct LastCaller(#[allow(dead_code, reason = "it is there to be dropped")] LastCall);

#[actor(failure_policy = FailurePolicy::NO_RETRY.with_fresh_instance())]
impl LastCaller {
    fn take(&mut self, _: &LastCall, _: &mut Context<'_>) {}

    fn fail(&mut self, _: &(), _: &mut Context<'_>) -> Handled {
        Err(Failure::new("as told"))
    }
}

pub(crate) fn calls_from_what_is_dropped_are_refused(ground: &Ground<'_>) {
    let stage = ground.system();
    let caller = stage.actor::<LastCaller>();
    LAST_CALLED.set((Some((*stage).clone()), 0));
    let refused = || LAST_CALLED.with_borrow(|called| called.1);
    stage.tell(&caller, LastCall).expect("sent");
    assert!(stage.ask(&caller, (), SOON).expect("up").get::<PoisonMessage>().is_some());
    // The message, perhaps also its copy in another process, and the instance that was replaced.
    let before = refused();
    assert!(before >= 2, "{before}");
    stage.tell(&caller, ActorExitRequest::new()).expect("sent");
    // On a base with processes the question may overtake the request, which makes one more instance.
    stage.eventually("it is dead", || stage.ask(&caller, (), SOON).expect("up").is_dead());
    // It may be dead to others while what it had sent is still under way.
    stage.eventually("the last instance is dropped", || refused() > before);
    LAST_CALLED.take();
}

pub(crate) fn an_endpoint_address_can_be_given_away(ground: &Ground<'_>) {
    let stage = ground.system();
    let (one, two) = (stage.puppet(), stage.puppet());
    let private = stage.private().expect("up");
    let order = crate::actors::Order(vec![Step::send(&private.endpoint(), "from somebody else")]);
    stage.order(&one, [Step::send(&two, order)]);
    let answer = private.listen(SOON).expect("up");
    assert_eq!(answer.sender(), Some(two));
}
