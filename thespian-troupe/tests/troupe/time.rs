//! How long it takes, in virtual time, and random deaths in a storm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorAddress, ActorStatus, AnyMessage, Context, Message, PoisonMessage, StatusReq, WakeupMessage,
    actor, actors,
};
use thespian_sim::{Faults, Random, Sim};
use thespian_transient::Transient;
use thespian_troupe::{Key, Keyed, KeyedTroupe, Troupe, TroupeSettings, WorkInProgress};

use crate::ground::{Bee, Echo, Ground, Hold, SOON, Slow, World, settings, storm};
use crate::pool::Hive;

const SECOND: Duration = Duration::from_secs(1);

/// A network and starts that take no time, so that only the work does.
fn instant() -> Faults {
    Faults { latency: Duration::ZERO, start: Duration::ZERO, ..Faults::default() }
}

#[test]
fn fifty_two_jobs_of_a_second_take_as_many_seconds_as_there_are_rounds() {
    for max_count in [1, 2, 5, 8, 10, 26, 51, 52, 100] {
        let ground = Ground::on(Sim::new(1).with_faults(instant()));
        let bees = ground.bees(TroupeSettings { idle_count: 0, ..settings(max_count, 0) });
        let sim = ground.sim();
        let begin = sim.now();
        for _ in 0..52 {
            bees.tell(Slow(SECOND));
        }
        for _ in 0..52 {
            bees.take::<Slow>();
        }
        assert_eq!(sim.now() - begin, SECOND * 52_u32.div_ceil(max_count), "max_count {max_count}");
        drop(bees);
        ground.finish();
    }
}

#[test]
fn what_is_behind_something_slow_is_done_by_others_though_it_was_with_a_quick_worker() {
    for ahead_limit in [1, 2, 128] {
        let ground = Ground::on(Sim::new(1).with_faults(instant()));
        let bees = ground.bees(TroupeSettings { ahead_limit, ..settings(2, 2) });
        let sim = ground.sim();
        // So that both are known to be quick.
        for number in 0..400 {
            bees.tell(Echo(number));
        }
        for _ in 0..400 {
            bees.take::<Echo>();
        }
        let begin = sim.now();
        bees.tell(Slow(SECOND));
        for number in 0..400 {
            bees.tell(Echo(number));
        }
        for _ in 0..400 {
            bees.take::<Echo>();
        }
        assert!(sim.now() - begin < SECOND, "ahead_limit {ahead_limit}");
        bees.take::<Slow>();
        assert_eq!(sim.now() - begin, SECOND);
        // And none of it was done twice.
        bees.nothing();
        bees.await_status("0 messages wait; 801 done, 0 failed, 0 redelivered");
        drop(bees);
        ground.finish();
    }
}

#[test]
fn without_a_queue_nothing_waits_with_a_quick_worker_either() {
    let ground = Ground::on(Sim::new(1).with_faults(instant()));
    let bees = ground.bees(TroupeSettings { queue_limit: 0, ..settings(1, 1) });
    for number in 0..50 {
        assert_eq!(bees.ask::<Echo>(Echo(number)), Echo(number));
        bees.await_status("(0 busy");
    }
    bees.tell(Slow(SECOND));
    let poison: PoisonMessage = bees.ask(Echo(50));
    assert!(poison.details.contains("0 messages wait (TroupeSettings::queue_limit)"), "{}", poison.details);
    bees.take::<Slow>();
    drop(bees);
    ground.finish();
}

#[test]
fn a_worker_is_dismissed_when_the_delay_is_over_and_not_before() {
    let ground = Ground::on(Sim::new(1).with_faults(instant()));
    let bees = ground.bees(TroupeSettings { max_count: 3, idle_count: 1, ..TroupeSettings::default() });
    for seconds in [1, 2, 4] {
        bees.tell(Slow(SECOND * seconds));
    }
    // Idle from the times 1, 2 and 4 on, and two seconds by default to stay: one goes at 3, one at 4, and one stays.
    for (at, status) in [
        (0, "3 workers (3 busy, 0 idle, 0 leaving)"),
        (1, "3 workers (2 busy, 1 idle, 0 leaving)"),
        (2, "3 workers (1 busy, 2 idle, 0 leaving)"),
        (3, "2 workers (1 busy, 1 idle, 0 leaving)"),
        (4, "1 workers (0 busy, 1 idle, 0 leaving)"),
        (9, "1 workers (0 busy, 1 idle, 0 leaving)"),
    ] {
        let now = ground.sim().now();
        ground.pass((SECOND * at + Duration::from_millis(10)).saturating_sub(now));
        assert!(bees.status().contains(status), "at {at}: {}", bees.status());
        let now = ground.sim().now();
        ground.pass((SECOND * (at + 1) - Duration::from_millis(10)).saturating_sub(now));
        assert!(bees.status().contains(status), "before {}: {}", at + 1, bees.status());
    }
    drop(bees);
    ground.finish();
}

#[test]
fn work_that_comes_meanwhile_keeps_a_worker() {
    let ground = Ground::on(Sim::new(1).with_faults(instant()));
    let bees = ground.bees(TroupeSettings { max_count: 3, idle_count: 0, ..TroupeSettings::default() });
    let worker = bees.hold();
    bees.tell_to(&worker, crate::ground::Release);
    bees.take::<crate::ground::Ended>();
    for number in 0..10 {
        ground.pass(Duration::from_millis(1900));
        bees.tell(Echo(number));
        assert_eq!(bees.next().sender, worker);
        let status: ActorStatus = ground.system.request(&bees.troupe, StatusReq, SOON).unwrap();
        // One to dismiss a worker, and one to look for those that are cut off.
        assert!(status.pending_wakeups <= 2, "{status}");
    }
    ground.pass(Duration::from_millis(2100));
    assert!(bees.status().contains("0 workers"), "{}", bees.status());
    drop(bees);
    ground.finish();
}

#[test]
fn little_work_does_not_keep_many_workers() {
    let ground = Ground::on(Sim::new(1).with_faults(instant()));
    let bees = ground.bees(TroupeSettings { max_count: 3, idle_count: 0, ..TroupeSettings::default() });
    for _ in 0..3 {
        bees.tell(Slow(SECOND));
    }
    for _ in 0..3 {
        bees.take::<Slow>();
    }
    let workers: BTreeSet<_> = (0..10)
        .map(|number| {
            ground.pass(SECOND / 2);
            bees.tell(Echo(number));
            bees.next().sender
        })
        .collect();
    assert_eq!(workers.len(), 1);
    assert!(bees.status().contains("1 workers"), "{}", bees.status());
    drop(bees);
    ground.finish();
}

#[test]
fn every_message_is_answered_though_workers_die_and_do_not_start() {
    for seed in 0..30 {
        // An answer that is lost on its way is gone with the worker that would have sent it again.
        let faults = Faults { loss: 0.0, start_failure: 0.2, ..storm() };
        let ground = Ground::on(Sim::new(seed));
        let bees = ground.bees(TroupeSettings { redelivery_limit: 50, ..settings(4, 1) });
        let sim = ground.sim();
        sim.set_faults(faults);
        let mut random = Random::new(seed);
        for number in 0..60 {
            bees.tell(Slow(Duration::from_nanos(1_000_000 * random.below(30) + number)));
            if random.chance(0.3) {
                sim.run_for(Duration::from_millis(random.below(40))).unwrap();
                let workers: Vec<_> =
                    sim.actors().into_iter().filter(|actor| *actor != bees.troupe).collect();
                if let Some(worker) = workers.get(random.below(5) as usize) {
                    sim.kill(worker);
                }
            }
        }
        let mut answers: BTreeMap<u64, u32> = BTreeMap::new();
        for _ in 0..60 {
            let Slow(time) = bees.take();
            *answers.entry(time.as_nanos() as u64 % 1_000_000).or_default() += 1;
        }
        // A worker that is killed between its answer and its word to the troupe has answered, and so does the next.
        assert_eq!(answers.len(), 60, "seed {seed}: {answers:?}\n{}", sim.trace().join("\n"));
        drop(bees);
        ground.finish();
    }
}

#[test]
fn what_has_one_key_is_done_in_order_and_one_at_a_time_though_workers_die() {
    let mut again = 0;
    for seed in 0..30 {
        let faults = Faults { loss: 0.0, start_failure: 0.2, ..storm() };
        let ground = Ground::on(Sim::new(seed));
        // So few keys are remembered that all are forgotten as soon as they may be.
        let settings = TroupeSettings { redelivery_limit: 50, key_limit: 1, ..settings(4, 1) };
        let troupe = ground.system.create(KeyedTroupe::<Scribe>::of(settings).unwrap()).unwrap();
        let scribes = ground.asker(troupe);
        let sim = ground.sim();
        sim.set_faults(faults);
        let mut random = Random::new(seed);
        for number in 0..80 {
            let time = Duration::from_millis(random.below(20));
            scribes.tell(Line { run: seed, key: random.below(6), number, time });
            if random.chance(0.3) {
                sim.run_for(Duration::from_millis(random.below(60))).unwrap();
                let workers: Vec<_> = sim.actors().into_iter().filter(|actor| *actor != troupe).collect();
                if let Some(worker) = workers.get(random.below(5) as usize) {
                    sim.kill(worker);
                }
            }
        }
        let mut missing: BTreeSet<u64> = (0..80).collect();
        while !missing.is_empty() {
            missing.remove(&scribes.take::<Line>().number);
        }
        again += Scribe::check(seed);
        drop(scribes);
        ground.finish();
    }
    assert!(again > 100, "{again} lines were begun by another worker too");
}

/// A line of a text for its key, which takes a while to write. Answered with the same.
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
struct Line {
    run: u64,
    key: u64,
    number: u64,
    time: Duration,
}

/// Writes lines into a book, the beginning and the end of each.
#[derive(Default)]
struct Scribe {
    line: Option<(ActorAddress, Line, WorkInProgress)>,
}

static BOOK: Mutex<Vec<(Line, bool)>> = Mutex::new(Vec::new());

#[actor]
impl Scribe {
    fn begin(&mut self, line: &Line, ctx: &mut Context<'_>) {
        BOOK.lock().unwrap().push((line.clone(), false));
        self.line = Some((ctx.sender(), line.clone(), WorkInProgress::begin(ctx)));
        ctx.wakeup_after(line.time);
    }

    fn end(&mut self, _: &WakeupMessage, ctx: &mut Context<'_>) {
        if let Some((asker, line, _)) = self.line.take() {
            BOOK.lock().unwrap().push((line.clone(), true));
            ctx.send(&asker, line);
        }
    }
}

impl Keyed for Scribe {
    fn key(message: &AnyMessage) -> Option<Key> {
        message.downcast_ref::<Line>().map(|line| Key::of(&line.key))
    }
}

impl Scribe {
    /// Each line of a key is begun after the end of the one before, and those that a worker has died of once more. Returns how
    /// many these are.
    fn check(run: u64) -> usize {
        let book: Vec<_> = BOOK.lock().unwrap().iter().filter(|(line, _)| line.run == run).cloned().collect();
        let mut last: BTreeMap<u64, (u64, bool)> = BTreeMap::new();
        let mut again = 0;
        for (line, is_end) in book {
            let before = last.insert(line.key, (line.number, is_end));
            let Some((number, has_ended)) = before else { continue };
            again += usize::from(!is_end && line.number == number);
            let in_turn = line.number == number || !is_end && has_ended && line.number > number;
            assert!(in_turn, "run {run}: {line:?}, end {is_end}, after {before:?}");
        }
        again
    }
}

#[test]
fn what_is_lost_to_a_worker_that_was_cut_off_is_done_in_the_end() {
    // First the work is lost, then the word that it is done.
    for from in ["the troupe", "the worker"] {
        let ground = Ground::on(Sim::new(1).with_faults(instant()));
        let bees = ground.bees(TroupeSettings { idle_count: 1, ..settings(1, 1) });
        let sim = ground.sim();
        bees.tell(Echo(0));
        let worker = bees.next().sender;
        bees.await_status("1 workers (0 busy, 1 idle");
        if from == "the worker" {
            bees.tell(Slow(SECOND));
            ground.pass(SECOND / 2);
        }
        sim.cut(&bees.troupe, &worker);
        if from == "the troupe" {
            bees.tell(Slow(SECOND));
        }
        // Messages are given up after five minutes.
        ground.pass(SECOND * 301);
        bees.await_status("1 workers (1 busy, 0 idle");
        sim.heal();
        ground.pass(SECOND * 130);
        assert_eq!(bees.take::<Slow>(), Slow(SECOND));
        bees.nothing();
        bees.await_status("1 workers (0 busy, 1 idle");
        assert_eq!(bees.ask::<Echo>(Echo(1)), Echo(1));
        drop(bees);
        ground.finish();
    }
}

#[test]
fn a_killed_troupe_takes_its_workers_along() {
    let ground = Ground::on(Sim::new(1));
    let bees = ground.bees(settings(3, 1));
    bees.hold();
    bees.tell(Hold);
    ground.sim().kill(&bees.troupe);
    ground.pass(SECOND);
    assert_eq!(ground.sim().actors(), []);
    drop(bees);
    ground.finish();
}

#[test]
fn a_message_that_grows_too_large_on_its_way_blocks_no_worker() {
    // As large as the base carries: wrapped for the worker it is larger, and so it is in poison.
    let sim = Sim::new(1);
    let limits = thespian_core::Limits { message_size: 1000, ..thespian_core::Limits::default() };
    let builder = thespian_core::ActorSystem::builder().base(sim.clone()).limits(limits);
    let ground = Ground { system: builder.unregistered().start().unwrap(), world: World::Simulated(sim) };
    let bees = ground.bees(settings(1, 1));
    for _ in 0..2 {
        bees.tell("x".repeat(990));
        assert_eq!(bees.ask::<Echo>(Echo(1)), Echo(1));
    }
    bees.await_status(
        "1 workers (0 busy, 1 idle, 0 leaving), max_count 1, idle_count 1; 0 messages wait; 2 done, 2 failed",
    );
    drop(bees);
    ground.finish();
}

#[test]
fn whoever_knows_a_troupe_knows_its_workers() {
    // A troupe by itself, by name, inside another one, and inside another helper.
    for types in
        [actors![Troupe<Bee>], actors![Hive], actors![Troupe<Troupe<Bee>>], actors![Transient<Troupe<Bee>>]]
    {
        let names: Vec<&str> = types.names().collect();
        let worker = format!("thespian-troupe.Worker<{}>", Bee::type_name());
        assert!(names.contains(&worker.as_str()), "{names:?}");
    }
    assert_eq!(actors![Bee].names().count(), 1);
}
