//! The test kit itself: seeds replay, faults do what they say, and the ledger sees what is wrong.

use std::time::Duration;

use thespian_core::{
    ActorAddress, ActorExitRequest, ActorSystem, ChildActorExited, Context, Error, Handled, Limits,
    PoisonMessage, WakeupMessage, actor,
};
use thespian_sim::{Faults, Sim};

const SECOND: Duration = Duration::from_secs(1);

/// Counts, creates a child on request, and passes texts on.
#[derive(Default)]
struct Node {
    count: u64,
    exits: u32,
    child: Option<ActorAddress>,
}

#[actor]
impl Node {
    fn count(&mut self, number: &u64, ctx: &mut Context<'_>) -> Handled {
        self.count += number;
        ctx.reply(self.count)
    }

    fn pass_on(&mut self, to: &ActorAddress, ctx: &mut Context<'_>) {
        ctx.send(to, 1_u32);
    }

    fn take(&mut self, number: &u32, _: &mut Context<'_>) {
        self.count += u64::from(*number);
    }

    fn create(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        let child = ctx.create_actor::<Node>();
        self.child = Some(child);
        ctx.reply(child)
    }

    fn gone(&mut self, _: &ChildActorExited, _: &mut Context<'_>) {
        self.exits += 1;
    }

    fn exits(&mut self, _: &bool, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.exits)
    }

    fn tick(&mut self, delay: &Duration, ctx: &mut Context<'_>) {
        ctx.wakeup_after(*delay);
    }

    fn wake(&mut self, wakeup: &WakeupMessage, ctx: &mut Context<'_>) {
        self.count += 1;
        ctx.wakeup_after(wakeup.delay_period);
    }
}

fn start(sim: &Sim) -> ActorSystem {
    ActorSystem::builder().base(sim.clone()).unregistered().start().expect("starts")
}

fn stormy() -> Faults {
    Faults {
        loss: 0.2,
        duplication: 0.2,
        jitter: Duration::from_millis(50),
        handling: Duration::from_millis(5),
        ..Faults::default()
    }
}

/// Something with every fault in it; what it counted, and the hash of its trace.
fn play(seed: u64) -> (u64, u128) {
    let sim = Sim::new(seed).with_faults(stormy());
    let system = start(&sim);
    let nodes: Vec<ActorAddress> = (0..5).map(|_| system.create_actor::<Node>().expect("created")).collect();
    for (at, node) in nodes.iter().enumerate() {
        for _ in 0..10 {
            system.tell(node, nodes[(at + 1) % nodes.len()]).expect("sent");
        }
    }
    sim.run_for(SECOND * 30).expect("settles");
    sim.kill(&nodes[0]);
    sim.run_for(SECOND).expect("settles");
    let count = system.request(&nodes[2], 0_u64, SECOND * 30).expect("an answer");
    system.shutdown().expect("down");
    sim.finish().unwrap_or_else(|violations| panic!("seed {seed}: {violations}"));
    (count, sim.trace_hash())
}

#[test]
fn a_seed_replays_and_another_does_something_else() {
    let first = play(1);
    assert_eq!(first, play(1));
    assert_ne!(first.1, play(2).1);
    assert_eq!(first.0, 10, "whatever is lost is sent again");
}

#[test]
fn time_passes_only_virtually() {
    let sim = Sim::new(3);
    let system = start(&sim);
    let node = system.create_actor::<Node>().expect("created");
    let began = std::time::Instant::now();
    system.tell(&node, Duration::from_secs(60)).expect("sent");
    sim.run_for(Duration::from_secs(24 * 3600)).expect("settles");
    let count: u64 = system.request(&node, 0_u64, SECOND).expect("an answer");
    assert!((1439..=1440).contains(&count), "{count}");
    assert!(sim.now() >= Duration::from_secs(24 * 3600));
    assert!(began.elapsed() < Duration::from_secs(600), "a day took {:?}", began.elapsed());
    system.shutdown().expect("down");
    sim.finish().expect("nothing wrong");
}

#[test]
fn on_connections_nothing_is_lost_but_with_the_connection_and_nothing_at_all_in_the_end() {
    let faults = Faults { loss: 0.02, jitter: Duration::from_millis(50), ..Faults::default() };
    let sim = Sim::new(11).with_connections().with_faults(faults);
    let system = start(&sim);
    let (one, other) =
        (system.create_actor::<Node>().expect("created"), system.create_actor::<Node>().expect("created"));
    for _ in 0..50 {
        system.tell(&one, other).expect("sent");
    }
    sim.run_for(SECOND).expect("settles");
    sim.cut(&one, &other);
    for _ in 0..50 {
        system.tell(&one, other).expect("sent");
    }
    sim.run_for(SECOND * 5).expect("settles");
    assert!(sim.unsettled() >= 50, "what is cut off waits");
    sim.heal();
    sim.run_for(SECOND * 5).expect("settles");
    assert_eq!(sim.unsettled(), 0);
    let (lost, repeated) = sim.lost_and_repeated();
    assert!(lost > 0 && repeated == 0, "lost {lost}, repeated {repeated}");
    assert_eq!(system.request::<u64>(&other, 0_u64, SECOND * 5).expect("an answer"), 100);
    system.shutdown().expect("down");
    sim.finish().expect("nothing wrong");
}

#[test]
fn on_a_quiet_connection_nothing_happens_until_a_message_is_given_up() {
    let sim = Sim::new(12).with_connections();
    let system = start(&sim);
    let node = system.create_actor::<Node>().expect("created");
    sim.set_faults(Faults { handling: SECOND * 600, ..Faults::default() });
    system.tell(&node, 1_u32).expect("sent");
    sim.run_for(SECOND).expect("settles");
    let frames = || sim.trace().iter().filter(|line| line.contains("frame ")).count();
    let before = frames();
    sim.run_for(SECOND * 200).expect("settles");
    assert_eq!(frames(), before, "nothing is sent again");
}

#[test]
fn on_a_connection_whoever_waits_for_an_actor_that_is_killed_is_told() {
    let sim = Sim::new(13).with_connections();
    let system = start(&sim);
    let node = system.create_actor::<Node>().expect("created");
    sim.set_faults(Faults { handling: SECOND, ..Faults::default() });
    for _ in 0..5 {
        system.tell(&node, 1_u32).expect("sent");
    }
    sim.run_for(Duration::from_millis(10)).expect("settles");
    sim.kill(&node);
    sim.run_for(Duration::from_millis(10)).expect("settles");
    assert_eq!((sim.unsettled(), sim.account().unsure), (0, 5));
    system.shutdown().expect("down");
    sim.finish().expect("nothing wrong");
}

#[test]
fn an_actor_that_does_not_return_from_its_handler_is_ended_when_it_is_asked_to_exit() {
    let sim = Sim::new(14);
    let system = start(&sim);
    let parent = system.create_actor::<Node>().expect("created");
    let child: ActorAddress = system.request(&parent, (), SECOND).expect("an answer");
    sim.set_faults(Faults { handling: SECOND * 1_000, ..Faults::default() });
    system.tell(&child, 1_u32).expect("sent");
    sim.run_for(Duration::from_millis(100)).expect("settles");
    sim.set_faults(Faults::default());
    system.tell(&child, ActorExitRequest::new()).expect("sent");
    sim.run_for(SECOND * 4).expect("settles");
    assert_eq!((sim.actors(), sim.exit_notices(&child)), (vec![parent, child], 0));
    sim.run_for(SECOND * 2).expect("settles");
    assert_eq!((sim.actors(), sim.exit_notices(&child)), (vec![parent], 1));
    assert!(sim.trace().iter().any(|line| line.contains("did not exit within 5 s of being asked to")));
    system.shutdown().expect("down");
    sim.finish().expect("nothing wrong");
}

#[test]
fn a_cut_holds_messages_back_until_it_heals() {
    let sim = Sim::new(4);
    let system = start(&sim);
    let (one, other) =
        (system.create_actor::<Node>().expect("created"), system.create_actor::<Node>().expect("created"));
    sim.cut(&one, &other);
    system.tell(&one, other).expect("sent");
    sim.run_for(SECOND * 10).expect("settles");
    assert_eq!(system.request::<u64>(&other, 0_u64, SECOND), Ok(0));
    assert!(sim.unsettled() > 0);
    sim.heal();
    sim.run_for(SECOND * 10).expect("settles");
    assert_eq!(system.request::<u64>(&other, 0_u64, SECOND), Ok(1));
    system.shutdown().expect("down");
    sim.finish().expect("nothing wrong");
}

#[test]
fn systems_that_share_a_world_reach_each_other_by_address() {
    let sim = Sim::new(5).with_faults(stormy());
    let systems = [start(&sim), start(&sim), start(&sim)];
    let nodes = systems.each_ref().map(|system| system.create_actor::<Node>().expect("created"));
    // Each sends to the one of the next system, whose address came from outside.
    for (at, system) in systems.iter().enumerate() {
        for _ in 0..20 {
            system.tell(&nodes[at], nodes[(at + 1) % 3]).expect("sent");
        }
    }
    sim.run_for(SECOND * 60).expect("settles");
    for (at, node) in nodes.iter().enumerate() {
        // Asked from another system than its own.
        assert_eq!(systems[(at + 2) % 3].request::<u64>(node, 0_u64, SECOND * 30), Ok(20));
    }
    // Cut off, they are on their own; a dead one is known to be dead everywhere.
    sim.set_faults(Faults::default());
    sim.cut_systems(nodes[0].system(), nodes[1].system());
    assert!(systems[0].ask(&nodes[1], 1_u64, SECOND).expect("up").is_timed_out());
    sim.heal();
    systems[1].tell(&nodes[1], ActorExitRequest::new()).expect("sent");
    sim.run_for(SECOND * 10).expect("settles");
    assert!(systems[2].ask(&nodes[1], 1_u64, SECOND * 10).expect("up").is_dead());
    for system in &systems {
        system.shutdown().expect("down");
    }
    sim.finish().expect("nothing wrong");
}

#[test]
fn a_kill_is_told_to_the_parent_once() {
    let sim = Sim::new(6);
    let system = start(&sim);
    let parent = system.create_actor::<Node>().expect("created");
    let child: ActorAddress = system.request(&parent, (), SECOND).expect("a child");
    assert_eq!(system.request::<u64>(&child, 1_u64, SECOND), Ok(1));
    sim.kill(&child);
    sim.run_for(SECOND).expect("settles");
    assert_eq!(system.request::<u32>(&parent, true, SECOND), Ok(1));
    assert_eq!(sim.exit_notices(&child), 1);
    assert_eq!(sim.actors(), [parent]);
    system.shutdown().expect("down");
    sim.finish().expect("nothing wrong");
}

#[test]
fn starts_can_fail_and_say_why() {
    let sim = Sim::new(7).with_faults(Faults { start_failure: 1.0, ..Faults::default() });
    let system = start(&sim);
    let refused = system.create_actor::<Node>();
    assert!(
        matches!(&refused, Err(Error::ActorStartFailed { details, .. }) if details.contains("simulated")),
        "{refused:?}"
    );
    system.shutdown().expect("down");
    sim.finish().expect("nothing wrong");
}

/// Two of them keep each other busy for ever.
#[derive(Default)]
struct Echo;

#[actor]
impl Echo {
    fn echo(&mut self, number: &u64, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(number + 1)
    }

    fn begin(&mut self, other: &ActorAddress, ctx: &mut Context<'_>) {
        ctx.send(other, 0_u64);
    }
}

#[test]
fn an_endless_simulation_is_given_up() {
    let sim = Sim::new(8).with_steps(10_000);
    let system = start(&sim);
    let (one, other) =
        (system.create_actor::<Echo>().expect("created"), system.create_actor::<Echo>().expect("created"));
    system.tell(&one, other).expect("sent");
    let error = sim.run_for(Duration::from_secs(3600)).expect_err("never settles");
    assert!(matches!(error, Error::NeverSettles { steps: 10_000, .. }), "{error}");
}

#[test]
fn an_ask_without_a_timeout_ends_when_nothing_can_happen_any_more() {
    let sim = Sim::new(9);
    let system = start(&sim);
    let node = system.create_actor::<Node>().expect("created");
    assert!(system.ask(&node, "nobody answers this", None).expect("up").is_timed_out());
    system.shutdown().expect("down");
}

#[test]
fn the_trace_can_be_read_and_is_bounded() {
    let sim = Sim::with_trace(10, 50);
    let system = start(&sim);
    let node = system.create_actor::<Node>().expect("created");
    for _ in 0..20 {
        let _: u64 = system.request(&node, 1_u64, SECOND).expect("an answer");
    }
    let trace = sim.trace();
    assert_eq!(trace.len(), 51, "50 lines, and how many came before");
    assert!(trace[0].contains("earlier lines"), "{}", trace[0]);
    assert!(trace.iter().any(|line| line.contains("handled") && line.contains(&node.to_string())));
    system.shutdown().expect("down");
}

#[test]
fn what_is_lost_for_longer_than_the_limit_becomes_a_dead_letter() {
    let sim = Sim::new(11);
    let limits = Limits { delivery_limit: SECOND * 20, ..Limits::default() };
    let system =
        ActorSystem::builder().base(sim.clone()).limits(limits).unregistered().start().expect("starts");
    let (one, other) =
        (system.create_actor::<Node>().expect("created"), system.create_actor::<Node>().expect("created"));
    sim.cut(&one, &other);
    system.tell(&one, other).expect("sent");
    sim.run_for(SECOND * 19).expect("settles");
    assert_eq!(system.status().expect("status").counters.dead_lettered, 0);
    sim.run_for(SECOND * 2).expect("settles");
    assert_eq!(system.status().expect("status").counters.dead_lettered, 1);
    sim.heal();
    // What is sent afterwards arrives.
    system.tell(&one, other).expect("sent");
    sim.run_for(SECOND).expect("settles");
    assert_eq!(system.request::<u64>(&other, 0_u64, SECOND), Ok(1));
    system.shutdown().expect("down");
    sim.finish().expect("nothing wrong");
}

/// Supervision does not depend on luck: the exits of a family are told once, and all of them, whatever is lost.
#[test]
fn by_best_effort_every_exit_is_told_once_though_a_third_of_all_is_lost() {
    for seed in 0..20 {
        let faults = Faults { loss: 0.3, ..stormy() };
        let sim = Sim::new(seed).with_best_effort().with_faults(faults);
        let system = start(&sim);
        let parent = system.create_actor::<Node>().expect("created");
        let mut children = Vec::new();
        // What asks for them may be lost like its answer.
        while children.len() < 5 {
            if let Ok(child) = system.request::<ActorAddress>(&parent, (), SECOND) {
                children.push(child);
            }
        }
        sim.kill(&children[0]);
        system.tell(&children[1], ActorExitRequest::new()).expect("sent");
        sim.run_for(SECOND * 20).expect("settles");
        for child in &children[..2] {
            assert_eq!(sim.exit_notices(child), 1, "seed {seed}");
        }
        system.tell(&parent, ActorExitRequest::new()).expect("sent");
        sim.run_for(SECOND * 30).expect("settles");
        assert_eq!(sim.actors(), [], "seed {seed}");
        system.shutdown().expect("down");
        sim.finish().unwrap_or_else(|violations| panic!("seed {seed}: {violations}"));
    }
}

#[test]
fn by_best_effort_what_is_lost_is_counted_at_both_ends() {
    let sim = Sim::new(12).with_best_effort().with_faults(Faults { loss: 0.2, ..Faults::default() });
    let system = start(&sim);
    let node = system.create_actor::<Node>().expect("created");
    for _ in 0..500 {
        system.tell(&node, 1_u32).expect("sent");
    }
    sim.run_for(SECOND * 60).expect("settles");
    sim.set_faults(Faults::default());
    let arrived = system.request::<u64>(&node, 0_u64, SECOND).expect("an answer");
    let counters = system.status().expect("status").counters;
    assert_eq!(counters.dead_lettered, 500 - arrived, "{counters}");
    assert_eq!(counters.lost, counters.dead_lettered, "{counters}");
    assert!((50..200).contains(&counters.lost), "{counters}");
    // Nobody has been found dead.
    let answer = system.request::<u64>(&node, 0_u64, SECOND);
    assert_eq!(answer, Ok(arrived));
    system.shutdown().expect("down");
    sim.finish().expect("nothing wrong");
}

#[test]
fn an_idle_link_that_is_forgotten_begins_anew() {
    let sim = Sim::new(12);
    let limits = Limits { delivery_limit: SECOND * 5, ..Limits::default() };
    let system =
        ActorSystem::builder().base(sim.clone()).limits(limits).unregistered().start().expect("starts");
    let (one, other) =
        (system.create_actor::<Node>().expect("created"), system.create_actor::<Node>().expect("created"));
    for round in 1..=5 {
        system.tell(&one, other).expect("sent");
        sim.run_for(SECOND).expect("settles");
        // More links than are kept without looking, so that the idle ones are forgotten.
        for _ in 0..100 {
            let private = system.private().expect("up");
            assert!(private.ask(&one, "no answer", Duration::from_millis(5)).expect("up").is_timed_out());
        }
        sim.run_for(SECOND * 60).expect("settles");
        assert_eq!(system.request::<u64>(&other, 0_u64, SECOND), Ok(round));
    }
    system.shutdown().expect("down");
    sim.finish().expect("nothing wrong");
}

/// Fails on everything.
#[derive(Default)]
struct Grump;

#[actor]
impl Grump {
    fn no(&mut self, _: &u64, _: &mut Context<'_>) -> Handled {
        Err(thespian_core::Failure::new("no"))
    }
}

#[test]
fn the_account_says_how_messages_ended() {
    let sim = Sim::new(13);
    let system = start(&sim);
    let (node, grump) =
        (system.create_actor::<Node>().expect("created"), system.create_actor::<Grump>().expect("created"));
    let answer = system.ask(&grump, 1_u64, SECOND).expect("up");
    assert!(answer.get::<PoisonMessage>().is_some());
    let _: u64 = system.request(&node, 1_u64, SECOND).expect("an answer");
    system.shutdown().expect("down");
    let account = sim.finish().expect("nothing wrong");
    // The question to each, and the node's answer.
    assert_eq!((account.accepted, account.handled, account.poisoned), (3, 2, 1));
}

/// Calls the simulation that it is in.
#[derive(Default)]
struct Insider;

static AROUND: std::sync::Mutex<Option<Sim>> = std::sync::Mutex::new(None);

#[actor]
impl Insider {
    fn look(&mut self, what: &u32, ctx: &mut Context<'_>) {
        let sim = AROUND.lock().map(|sim| sim.clone()).ok().flatten().expect("was put there");
        match what {
            0 => drop(sim.now()),
            1 => sim.kill(&ctx.my_address()),
            2 => drop(sim.run_for(SECOND)),
            3 => drop(sim.actors()),
            _ => drop(sim.finish()),
        }
    }
}

#[test]
fn a_call_of_the_simulation_from_inside_an_actor_fails_instead_of_waiting_for_itself() {
    let sim = Sim::new(1);
    let system = start(&sim);
    let insider = system.create_actor::<Insider>().expect("created");
    *AROUND.lock().expect("nobody panics with it") = Some(sim.clone());
    for what in 0..5_u32 {
        let answer = system.ask(&insider, what, SECOND).expect("up");
        let details = answer.get::<PoisonMessage>().map_or("", |poison| &poison.details);
        assert!(details.contains("was called from inside an actor"), "{what}: {answer:?}");
    }
    *AROUND.lock().expect("nobody panics with it") = None;
    system.shutdown().expect("down");
    sim.finish().expect("accounted for");
}
