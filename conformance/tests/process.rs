//! The system of a process (guide sections 2.1 and 6.2), and what systems leave in it. One test, because there is one
//! process: what it looks at must not change under it.

use std::fs;
use std::time::Duration;

use thespian_core::{ActorSystem, Context, Handled, actor};
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
