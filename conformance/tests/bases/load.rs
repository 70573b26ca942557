//! Many actors, and many messages.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use thespian_conformance::processes::{
    Process, ProcessScenario, Processes, actors, admins, eventually, pass, pid_of,
};
use thespian_core::{ActorAddress, ActorStatus, Context, Handled, Limits, Message, StatusReq, actor};

use super::actors::{Bulk, Deed, Doer, Notice, Notices, Parent, SOON, answers, ask};
use super::deaths::Gate;

pub(crate) const SCENARIOS: &[ProcessScenario] = &[
    ("load::two_hundred_actors_are_started_in_parallel", two_hundred_actors_are_started_in_parallel),
    ("load::a_thousand_actors_live_at_once", a_thousand_actors_live_at_once),
    (
        "load::who_floods_a_slow_actor_is_held_back_and_delays_no_third",
        who_floods_a_slow_actor_is_held_back_and_delays_no_third,
    ),
    (
        "load::callers_on_a_busy_machine_get_what_has_come_for_them",
        callers_on_a_busy_machine_get_what_has_come_for_them,
    ),
    (
        "load::dead_letters_that_a_stopped_admin_does_not_take_are_dropped_and_counted",
        dead_letters_that_a_stopped_admin_does_not_take_are_dropped_and_counted,
    ),
];

fn two_hundred_actors_are_started_in_parallel(ground: &Processes) {
    let system = ground.system();
    // By ten parents, so that starts are asked for from all sides at once.
    let parents: Vec<ActorAddress> =
        (0..10).map(|_| system.create_actor::<Doer>().expect("created")).collect();
    for parent in &parents {
        system.tell(parent, Deed::BegetMany(20)).expect("told");
    }
    for _ in &parents {
        let answer = system.listen(SOON).expect("up");
        let children = answer.take::<Vec<ActorAddress>>().expect("addresses");
        assert_eq!(children.len(), 20);
        assert!(children.iter().all(|child| answers(&system, child)));
    }
    assert_eq!(system.status().expect("up").actor_count, 210);
    system.shutdown().expect("down");
}

fn callers_on_a_busy_machine_get_what_has_come_for_them(ground: &Processes) {
    let system = ground.system();
    let actor = system.create_actor::<Doer>().expect("created");
    assert!(answers(&system, &actor));
    let over = AtomicBool::new(false);
    let began = Instant::now();
    std::thread::scope(|scope| {
        // So busy that a thread which is called is long in coming, and another one comes before it.
        for _ in 0..6 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let callers: Vec<_> =
            (0..100).map(|_| scope.spawn(|| (0..10).all(|_| answers(&system, &actor)))).collect();
        let all = callers.into_iter().all(|caller| caller.join().is_ok_and(|answered| answered));
        over.store(true, Ordering::Relaxed);
        assert!(all);
    });
    // Whoever is forgotten looks again after a minute, or when its time is up.
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    system.shutdown().expect("down");
}

fn dead_letters_that_a_stopped_admin_does_not_take_are_dropped_and_counted(ground: &Processes) {
    // Messages whose target nobody can be asked about expire soon, and are dead letters then.
    const EXPIRES: Duration = Duration::from_secs(2);
    const COUNT: u64 = 200;
    // What fits into a datagram, for those that have nothing else.
    const SIZE: usize = 50_000;
    let limits = Limits {
        dead_letter_bytes: 10 * SIZE,
        delivery_limit: EXPIRES,
        message_size: 10 << 20,
        ..Limits::default()
    };
    let system = ground.builder().limits(limits).start().expect("starts");
    let sender = system.create_actor::<Parent>().expect("created");
    let targets: Vec<ActorAddress> = (0..2).map(|_| ask(&system, &sender, Deed::Beget)).collect();
    targets.iter().for_each(|target| system.tell(target, Deed::Exit(0)).expect("told"));
    let notices = || ask::<Vec<Notice>>(&system, &sender, Notices).len();
    assert!(eventually(SOON, || notices() == targets.len()));

    let admin = admins().remove(0);
    admin.signal(Signal::SIGSTOP).expect("sent");
    system.tell(&sender, Bulk { target: targets[0], count: COUNT, size: SIZE }).expect("told");
    (0..COUNT).for_each(|_| system.tell(&targets[1], "x".repeat(SIZE)).expect("told"));
    // By one endpoint, as further ones are the admin's to give.
    let given_up = || {
        let status = system.ask(&sender, StatusReq, SOON).expect("up").take::<ActorStatus>();
        let status = status.expect("its status");
        status.queues.outgoing == 0
    };
    pass(EXPIRES);
    assert!(eventually(SOON, given_up));
    admin.signal(Signal::SIGCONT).expect("sent");

    // With those that were the end of whom they were for.
    let letters = 2 * COUNT + 2;
    let counted = || system.status().expect("up").counters.dead_lettered >= letters;
    assert!(eventually(SOON, counted), "{}", system.status().expect("up"));
    let status = system.status().expect("up");
    assert_eq!(status.counters.dead_lettered, letters, "{status}");
    // Of each process ten are on their way, and those that the sockets have taken.
    assert!((COUNT..=2 * COUNT - 20).contains(&status.dead_letters_dropped), "{status}");
    system.shutdown().expect("down");
}

fn a_thousand_actors_live_at_once(ground: &Processes) {
    const COUNT: u32 = 1_000;
    /// What an idle actor may have for itself on average, in KiB.
    const OWN_KIB: u64 = 2048;
    let system = ground.system();
    let parent = system.create_actor::<Doer>().expect("created");
    let children: Vec<ActorAddress> =
        system.request(&parent, Deed::BegetMany(COUNT), 3 * SOON).expect("an answer");
    assert!(children.iter().all(|child| answers(&system, child)));
    let processes = actors();
    assert_eq!(processes.len() as u32, COUNT + 1);
    let own: u64 = processes.iter().map(own_memory).sum();
    assert!(own < u64::from(COUNT) * OWN_KIB, "{own} KiB");
    system.shutdown().expect("down");
}

/// What a process has in memory that it shares with nobody, in KiB.
fn own_memory(process: &Process) -> u64 {
    let smaps = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", process.pid)).unwrap_or_default();
    let private = smaps.lines().filter(|line| line.starts_with("Private_"));
    private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
}

/// Sends numbers to a slow actor, and to a third one as many less.
#[derive(Clone, Serialize, Deserialize, Message)]
struct Both {
    slow: ActorAddress,
    third: ActorAddress,
    left: u64,
}

/// A time since the system's start.
#[derive(Serialize, Deserialize, Message)]
struct SentAt(Duration);

#[derive(Default)]
struct Flooder;

/// How many numbers the slow actor gets for each that the third gets.
const RATIO: u64 = 100;

#[actor]
impl Flooder {
    fn both(&mut self, both: &Both, ctx: &mut Context<'_>) {
        let now = both.left.min(RATIO);
        for number in 0..now {
            ctx.send(&both.slow, number);
        }
        let sent = ctx.uptime();
        ctx.send(&both.third, SentAt(sent));
        if both.left > now {
            let rest = Both { left: both.left - now, ..both.clone() };
            ctx.send(&ctx.my_address(), rest);
        }
    }
}

/// Takes note of how long messages took.
#[derive(Default)]
struct Third {
    took: Vec<Duration>,
}

#[actor]
impl Third {
    fn sent_at(&mut self, sent: &SentAt, ctx: &mut Context<'_>) {
        let took = ctx.uptime().saturating_sub(sent.0);
        self.took.push(took);
    }

    /// How many came, and how long all but one in a hundred of them took.
    fn count(&mut self, _: &Deed, ctx: &mut Context<'_>) -> Handled {
        let mut took = self.took.clone();
        took.sort_unstable();
        let nearly_all = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
        ctx.reply((took.len() as u64, nearly_all))
    }
}

fn who_floods_a_slow_actor_is_held_back_and_delays_no_third(ground: &Processes) {
    const COUNT: u64 = 200_000;
    /// The mark at which an actor is paused, and what one attempt may add to it.
    const MARK: u64 = 950 + RATIO + 2;
    /// How much more memory the sender may take, in KiB.
    const GROWTH_KIB: u64 = 16 * 1024;
    let system = ground.system();
    let slow = system.create_actor::<Doer>().expect("created");
    let third = system.create_actor::<Third>().expect("created");
    let flooder = system.create_actor::<Flooder>().expect("created");
    let process = Process::of(pid_of(&system, &flooder).expect("it has one"));
    let before = process.memory();
    let gate = Gate::new(&ground.folder());
    system.tell(&slow, gate.deed()).expect("told");
    assert!(eventually(SOON, || gate.is_read()));
    system.tell(&flooder, Both { slow, third, left: COUNT }).expect("told");

    let status = |actor: &ActorAddress| ask::<ActorStatus>(&system, actor, StatusReq);
    let mut highest = 0;
    let mut memory = 0;
    let mut look = || {
        let outgoing = status(&flooder).queues.outgoing;
        highest = highest.max(outgoing);
        memory = memory.max(process.memory());
        outgoing
    };
    // While the target does nothing at all the mark is reached, and held.
    assert!(eventually(SOON, || look() >= 950));
    gate.open();
    // Then it works, and everything arrives.
    let all = eventually(3 * SOON, || {
        look();
        ask::<u64>(&system, &slow, Deed::Count) == COUNT
    });
    assert!(all, "{} of {COUNT} came", ask::<u64>(&system, &slow, Deed::Count));
    assert!(highest <= MARK + RELIEF, "{highest} messages were outstanding");
    assert!(memory < before + GROWTH_KIB, "the sender went from {before} to {memory} KiB");
    let (count, took): (u64, Duration) = ask(&system, &third, Deed::Count);
    assert_eq!(count, COUNT / RATIO);
    assert!(took < LATE, "one in a hundred took longer than {took:?}");
    system.shutdown().expect("down");
}

/// What an actor that is paused for long gets to send all the same: as many attempts as there are between the marks, and
/// twice, on a machine where the slow actor may have to wait for its turn.
const RELIEF: u64 = 2 * (950 - 780) * (RATIO + 2);

/// When a message to the third actor is late, on a machine that does other things too.
const LATE: Duration = Duration::from_millis(300);
