//! The system of a process (guide sections 2.1 and 6.2), and what systems leave in it. One test, because there is one
//! process: what it looks at must not change under it.

use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use thespian_core::{ActorSystem, Context, Error, Handled, actor};
use thespian_simple::Simple;

#[derive(Default)]
struct Counter {
    count: u64,
}

#[actor]
impl Counter {
    fn add(&mut self, number: &u64, ctx: &mut Context<'_>) -> Handled {
        self.count += number;
        ctx.reply(self.count)
    }
}

/// Calls the process's system from inside an actor of it.
#[derive(Default)]
struct Caller;

#[actor]
impl Caller {
    fn call(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        let refused = |result: Result<(), Error>| matches!(result, Err(Error::CalledFromActor { .. }));
        let mut all = true;
        for _ in 0..200 {
            all &= refused(ActorSystem::current().map(|_| ()));
            std::thread::yield_now();
        }
        let own = OWN.lock().expect("nobody panics with it").clone().expect("was put there");
        all &= refused(own.shutdown());
        ctx.reply(all)
    }
}

static OWN: Mutex<Option<ActorSystem>> = Mutex::new(None);

fn ask(system: &ActorSystem, counter: &thespian_core::ActorAddress) -> u64 {
    system.request(counter, 1_u64, Duration::from_secs(5)).expect("an answer")
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn a_process_has_one_system_and_keeps_nothing_of_it() {
    // With no base chosen it runs on the simple one, because that crate is among this program's.
    let system = ActorSystem::current().expect("the default base");
    assert_eq!(system.base(), "simpleSystemBase");
    let counter = system.create_actor::<Counter>().expect("created");
    assert_eq!(ask(&system, &counter), 1);

    // Whoever starts another gets this one, and its base and capabilities.
    let same = ActorSystem::builder().base(Simple).capability("Sockets", 2).start().expect("the same");
    assert_eq!(ask(&same, &counter), 2);
    assert_eq!(same.capabilities().expect("up").get("Sockets"), None);

    // An unregistered one is another, and its end is its own.
    let other = ActorSystem::builder().base(Simple).unregistered().start().expect("another");
    let theirs = other.create_actor::<Counter>().expect("created");
    assert_eq!(ask(&other, &theirs), 1);
    other.shutdown().expect("down");
    assert_eq!(ask(&ActorSystem::current().expect("still there"), &counter), 3);

    // Inside an actor it cannot be had, whatever other threads do at the time, and not be ended either.
    *OWN.lock().expect("nobody panics with it") = Some(system.clone());
    let caller = system.create_actor::<Caller>().expect("created");
    let all_refused = std::thread::scope(|scope| {
        let asking = scope.spawn(|| system.request::<bool>(&caller, (), Duration::from_secs(5)));
        while !asking.is_finished() {
            assert!(ActorSystem::current().is_ok());
        }
        asking.join().expect("asks")
    });
    assert_eq!(all_refused, Ok(true));
    *OWN.lock().expect("nobody panics with it") = None;
    assert_eq!(ask(&ActorSystem::current().expect("still there"), &counter), 4);

    // After the end of the process's system, the next start is a new one.
    same.shutdown().expect("down");
    assert!(system.is_down());
    let fresh = ActorSystem::start(Simple).expect("a new one");
    assert!(!fresh.is_down());
    fresh.shutdown().expect("down");

    // Nothing is left of any number of systems.
    let descriptors = entries("/proc/self/fd");
    let threads = entries("/proc/self/task");
    for _ in 0..200 {
        let system = ActorSystem::builder().base(Simple).unregistered().start().expect("starts");
        let counter = system.create_actor::<Counter>().expect("created");
        ask(&system, &counter);
        system.shutdown().expect("down");
    }
    assert_eq!(entries("/proc/self/fd"), descriptors);
    assert_eq!(entries("/proc/self/task"), threads);
}
