//! What only the simple base does.

use std::time::{Duration, Instant};

use thespian_core::{ActorAddress, ActorSystem, Context, Error, Handled, Limits, WakeupMessage, actor};
use thespian_simple::Simple;

const SECOND: Duration = Duration::from_secs(1);

fn start() -> ActorSystem {
    ActorSystem::builder().base(Simple).unregistered().start().expect("starts")
}

#[derive(Default)]
struct Echo {
    count: u64,
}

#[actor]
impl Echo {
    fn echo(&mut self, number: &u64, ctx: &mut Context<'_>) -> Handled {
        self.count += 1;
        ctx.reply(number + 1)
    }

    fn begin(&mut self, other: &ActorAddress, ctx: &mut Context<'_>) {
        ctx.send(other, 0_u64);
    }

    fn count(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.count)
    }

    fn alarm(&mut self, delay: &Duration, ctx: &mut Context<'_>) {
        ctx.wakeup_after_with(*delay, ctx.sender());
    }

    fn ring(&mut self, wakeup: &WakeupMessage, ctx: &mut Context<'_>) {
        self.count += 1000;
        if let Some(sleeper) = wakeup.payload::<ActorAddress>() {
            ctx.send(sleeper, "ring");
        }
    }
}

/// Passes a number on to a child until it is used up.
#[derive(Default)]
struct Falling(Option<ActorAddress>);

#[actor]
impl Falling {
    fn fall(&mut self, (left, end): &(u32, ActorAddress), ctx: &mut Context<'_>) {
        match left {
            0 => ctx.send(end, "landed"),
            left => {
                let below = ctx.create_actor::<Falling>();
                ctx.send(&below, (left - 1, *end));
                self.0 = Some(below);
            }
        }
    }
}

#[test]
fn everything_that_a_call_sets_off_has_happened_when_it_returns() {
    let system = start();
    let top = system.create_actor::<Falling>().expect("created");
    system.tell(&top, (1000_u32, system.endpoint())).expect("sent");
    assert_eq!(system.listen(0).expect("up").get::<String>().map(String::as_str), Some("landed"));
    assert_eq!(system.status().expect("status").actor_count, 1001);
    system.shutdown().expect("down");
}

#[test]
fn actors_that_never_settle_end_the_call_and_go_on_with_the_next() {
    let limits = Limits { steps_per_call: 1_000, ..Limits::default() };
    let system = ActorSystem::builder().base(Simple).limits(limits).unregistered().start().expect("starts");
    let (one, other) =
        (system.create_actor::<Echo>().expect("created"), system.create_actor::<Echo>().expect("created"));
    let error = system.tell(&one, other).expect_err("never settles");
    let Error::NeverSettles { steps, actor } = &error else { panic!("{error}") };
    assert_eq!(*steps, 1_000);
    assert!(actor.contains("Echo"), "{actor}");
    assert!(error.to_string().contains("Limits::steps_per_call"), "{error}");
    // Nothing is lost: the next call goes on from there, and ends the same way.
    assert!(matches!(system.tell(&one, "nothing"), Err(Error::NeverSettles { .. })));
    // A shutdown ends it all the same.
    system.shutdown().expect("down");
    assert!(system.is_down());
}

#[test]
fn a_timer_runs_only_while_somebody_is_in_a_call() {
    let system = start();
    let echo = system.create_actor::<Echo>().expect("created");
    system.tell(&echo, Duration::from_millis(1)).expect("sent");
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(5) {
        std::hint::spin_loop();
    }
    // The call finds it due, and delivers it before it returns.
    system.tell(&echo, "nothing").expect("sent");
    assert_eq!(system.request::<u64>(&echo, (), SECOND), Ok(1000));
    assert_eq!(system.listen(0).expect("up").get::<String>().map(String::as_str), Some("ring"));
    system.shutdown().expect("down");
}

#[test]
fn an_ask_that_waits_is_answered_by_another_threads_call() {
    let system = start();
    let echo = system.create_actor::<Echo>().expect("created");
    let endpoint = system.endpoint();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| system.listen(SECOND * 60).expect("up"));
        // From another endpoint somebody makes the actor write to the one that waits.
        let private = system.private().expect("up");
        private.tell(&echo, endpoint).expect("sent");
        let answer = waiting.join().expect("no panic");
        assert_eq!(answer.get::<u64>(), Some(&0));
    });
    system.shutdown().expect("down");
}

#[test]
fn a_shutdown_ends_those_who_wait() {
    let system = start();
    let echo = system.create_actor::<Echo>().expect("created");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| system.ask(&echo, "no answer to this", None));
        system.shutdown().expect("down");
        assert!(matches!(waiting.join().expect("no panic"), Err(Error::SystemDown { .. })));
    });
}

/// Panics when it is dropped.
#[derive(Default)]
struct Sore;

#[actor]
impl Sore {}

impl Drop for Sore {
    fn drop(&mut self) {
        panic!("even that");
    }
}

#[test]
fn an_actor_that_panics_when_it_is_dropped_disturbs_nobody() {
    let system = start();
    let (sore, echo) =
        (system.create_actor::<Sore>().expect("created"), system.create_actor::<Echo>().expect("created"));
    system.tell(&sore, thespian_core::ActorExitRequest::new()).expect("sent");
    assert!(system.ask(&sore, "hello?", SECOND).expect("up").is_dead());
    assert_eq!(system.request::<u64>(&echo, 1_u64, SECOND), Ok(2));
    system.shutdown().expect("down");
}

#[test]
fn messages_move_without_being_encoded() {
    /// Cannot be encoded, and need not be.
    #[derive(serde::Deserialize, thespian_core::Message)]
    struct Raw(u32);
    impl serde::Serialize for Raw {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("never"))
        }
    }
    #[derive(Default)]
    struct Taker;
    #[actor]
    impl Taker {
        fn take(&mut self, raw: &Raw, ctx: &mut Context<'_>) -> Handled {
            ctx.reply(Raw(raw.0 + 1))
        }
    }
    let system = start();
    let taker = system.create_actor::<Taker>().expect("created");
    let raw: Raw = system.request(&taker, Raw(1), SECOND).expect("an answer");
    assert_eq!(raw.0, 2);
    system.shutdown().expect("down");
}

/// How long this thread has run on a processor so far, where the system says.
#[cfg(target_os = "linux")]
fn on_processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

#[cfg(target_os = "linux")]
#[test]
fn callers_who_wait_do_not_wake_each_other() {
    let system = start();
    let begin = std::sync::Barrier::new(3);
    let used = std::thread::scope(|scope| {
        let wait = || {
            let private = system.private().expect("up");
            begin.wait();
            let before = on_processor()?;
            assert!(private.listen(SECOND).expect("up").is_timed_out());
            on_processor()?.checked_sub(before)
        };
        let waiting = [scope.spawn(wait), scope.spawn(wait)];
        begin.wait();
        // One call while both wait, which wakes them; after that nothing happens any more.
        for _ in 0..50 {
            system.tell(&system.endpoint(), 1_u8).expect("up");
            std::thread::yield_now();
        }
        waiting.map(|thread| thread.join().expect("waits"))
    });
    // Without a cause they would share a processor's whole second.
    for used in used.into_iter().flatten() {
        assert!(used < SECOND / 10, "waiting took {used:?} of processor time");
    }
}

/// Asks for many timers and takes long, so that all are due when it returns, the first of them last.
#[derive(Default)]
struct Sluggard(Vec<Duration>);

#[actor]
impl Sluggard {
    fn begin(&mut self, count: &u32, ctx: &mut Context<'_>) {
        ctx.wakeup_after(SECOND);
        let last = ctx.uptime() + SECOND;
        for _ in 0..*count {
            ctx.wakeup_after(Duration::ZERO);
        }
        while ctx.uptime() < last {}
    }

    fn wake(&mut self, wakeup: &WakeupMessage, _: &mut Context<'_>) {
        self.0.push(wakeup.delay_period);
    }

    fn woken(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.0.clone())
    }
}

#[test]
fn many_timers_that_are_due_before_their_handler_returns_are_put_in_order_at_once() {
    let system = start();
    let sluggard = system.create_actor::<Sluggard>().expect("created");
    // One by one, each past all that are there, this would take a good hour.
    let count = 900_000;
    system.tell(&sluggard, count).expect("sent");
    let woken: Vec<Duration> = system.request(&sluggard, (), SECOND).expect("an answer");
    assert_eq!(woken.len() as u32, count + 1);
    assert_eq!(woken.last(), Some(&SECOND));
    assert!(woken[..woken.len() - 1].iter().all(Duration::is_zero));
    system.shutdown().expect("down");
}

/// Creates as many children as it is told to.
#[derive(Default)]
struct Prolific;

#[actor]
impl Prolific {
    fn create(&mut self, count: &u32, ctx: &mut Context<'_>) {
        for _ in 0..*count {
            ctx.create_actor::<Echo>();
        }
    }

    fn create_one(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        let child = ctx.create_actor::<Echo>();
        ctx.reply(child)
    }
}

#[test]
fn an_attempt_that_creates_too_many_keeps_none_of_their_addresses() {
    let limits = Limits { actions_per_attempt: 10, ..Limits::default() };
    let system = ActorSystem::builder().base(Simple).limits(limits).unregistered().start().expect("starts");
    let parent = system.create_actor::<Prolific>().expect("created");
    for _ in 0..3 {
        let before: ActorAddress = system.request(&parent, (), SECOND).expect("a child");
        system.tell(&parent, 1_000_u32).expect("sent");
        let after: ActorAddress = system.request(&parent, (), SECOND).expect("a child");
        // Every address that is given out takes the next generation. Ten each were for the two attempts.
        let taken = after.generation() - before.generation();
        assert!(taken < 40, "{taken} addresses were taken");
    }
    system.shutdown().expect("down");
}

/// Works in small steps, each a message to itself, until its timer says that it is enough.
#[derive(Default)]
struct Worker {
    enough: bool,
}

#[actor]
impl Worker {
    fn begin(&mut self, time: &Duration, ctx: &mut Context<'_>) {
        ctx.wakeup_after(*time);
        ctx.send(&ctx.my_address(), ());
    }

    fn step(&mut self, _: &(), ctx: &mut Context<'_>) {
        if !self.enough {
            ctx.send(&ctx.my_address(), ());
        }
    }

    fn wake(&mut self, _: &WakeupMessage, _: &mut Context<'_>) {
        self.enough = true;
    }
}

#[test]
fn a_timer_comes_between_the_messages_of_an_actor_that_is_never_idle() {
    let system = start();
    let worker = system.create_actor::<Worker>().expect("created");
    assert_eq!(system.tell(&worker, Duration::from_millis(5)), Ok(()));
    system.shutdown().expect("down");
}

#[test]
fn a_status_says_how_long_the_system_has_been_up() {
    let system = start();
    let echo = system.create_actor::<Echo>().expect("created");
    let before = Instant::now();
    let first = system.status().expect("status").uptime;
    while before.elapsed() < Duration::from_millis(5) {
        std::hint::spin_loop();
    }
    let second = system.status().expect("status").uptime;
    assert!(second >= first + Duration::from_millis(4), "{first:?}, {second:?}");
    let status: thespian_core::ActorStatus =
        system.request(&echo, thespian_core::StatusReq, SECOND).expect("status");
    assert!(status.uptime >= second, "{second:?}, {:?}", status.uptime);
    system.shutdown().expect("down");
}

/// Keeps the others busy: whatever comes, it goes back.
#[derive(Default)]
struct Wall;

#[actor]
impl Wall {
    fn ball(&mut self, from: &ActorAddress, ctx: &mut Context<'_>) {
        ctx.send(from, ctx.my_address());
    }
}

static BLOCKED: std::sync::Mutex<Option<Duration>> = std::sync::Mutex::new(None);

/// Floods whoever it is told to, and flushes. Two of them wait for each other.
#[derive(Default)]
struct Flooder;

#[actor]
impl Flooder {
    fn begin(&mut self, (one, other): &(ActorAddress, ActorAddress), ctx: &mut Context<'_>) -> Handled {
        ctx.send(one, *other);
        let partner = ctx.create_actor::<Flooder>();
        ctx.send(&partner, ctx.my_address());
        (0..2_000).for_each(|_| ctx.send(&partner, 1_u8));
        let began = Instant::now();
        ctx.flush();
        *BLOCKED.lock().expect("nobody panics with it") = Some(began.elapsed());
        Ok(thespian_core::Flow::Done)
    }

    fn flood(&mut self, partner: &ActorAddress, ctx: &mut Context<'_>) {
        (0..2_000).for_each(|_| ctx.send(partner, 2_u8));
        ctx.flush();
    }
}

#[test]
fn a_flush_blocks_no_longer_than_its_limit_while_others_are_busy() {
    let limits = Limits { flush_wait: SECOND / 20, steps_per_call: 20_000_000, ..Limits::default() };
    let system = ActorSystem::builder().base(Simple).limits(limits).unregistered().start().expect("starts");
    let wall = || system.create_actor::<Wall>().expect("created");
    let flooder = system.create_actor::<Flooder>().expect("created");
    // The two walls never settle.
    let told = system.tell(&flooder, (wall(), wall()));
    assert!(matches!(told, Err(Error::NeverSettles { .. })), "{told:?}");
    let blocked = BLOCKED.lock().expect("nobody panics with it").expect("it came back");
    assert!(blocked < SECOND / 2, "{blocked:?}");
    system.shutdown().expect("down");
}

#[test]
fn a_system_in_this_process_cannot_be_joined_by_another() {
    let refused = ActorSystem::builder().base(Simple).unregistered().attach().expect_err("nobody can join");
    assert!(refused.is_not_supported());
    assert!(refused.to_string().contains("joining a system that another program started"), "{refused}");
}
