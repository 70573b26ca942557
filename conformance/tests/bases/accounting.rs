//! Kills at random moments, after which every message is accounted for and no process has outlived its owner.
//!
//! What is random follows from a seed, which is shown when it failed; `THESPIAN_KILLS_SEED` plays one again, and
//! `THESPIAN_KILLS` says how many kills there are. What the processes do meanwhile is their own affair, so a seed plays the
//! same orders and kills, and not always the same outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use thespian_conformance::processes::{
    LINGER, Process, ProcessScenario, Processes, actors, eventually, folder, note, of_this_run, pass,
};
use thespian_core::{
    ActorAddress, ActorStatus, ActorSystem, ChildActorExited, Context, DeadEnvelope, Failure, Handled,
    Message, PoisonMessage, StatusReq, actor,
};

use super::actors::{SOON, ask};
use super::deaths::BUSY;
use super::ends::{join, port};
use super::is_joined;
use super::ledgers::{Account, Item, Ledger, Sums, What};

pub(crate) const SCENARIOS: &[ProcessScenario] = &[
    ("accounting::every_message_is_accounted_for_after_kills", every_message_is_accounted_for_after_kills),
    ("accounting::a_system_ends_whoever_is_killed_meanwhile", a_system_ends_whoever_is_killed_meanwhile),
];

pub(crate) const PROGRAMS: &[ProcessScenario] = &[("program::flooding_starter", flooding_starter)];

/// A message that is accounted for.
#[derive(Serialize, Deserialize, Message)]
struct Parcel {
    item: Item,
    fails: bool,
    weight: Vec<u8>,
}

/// Sends so many parcels to some of these.
#[derive(Clone, Serialize, Deserialize, Message)]
struct Go {
    count: u64,
    seed: u64,
    targets: Vec<ActorAddress>,
}

/// Creates so many children, who create as many less one.
#[derive(Serialize, Deserialize, Message)]
struct Grow(u32);

/// One parcel in so many fails.
const FAILING: u64 = 50;

/// Sends parcels and takes them, has children and replaces them once, and writes all that down.
struct Member {
    ledger: Ledger,
    sent: u64,
}

impl Default for Member {
    fn default() -> Member {
        Member { ledger: Ledger::own(&folder()), sent: 0 }
    }
}

#[actor]
impl Member {
    fn go(&mut self, go: &Go, ctx: &mut Context<'_>) {
        let mut dice = Dice(go.seed);
        for _ in 0..go.count {
            let (target, parcel) = self.next(&go.targets, &mut dice);
            ctx.send(&target, parcel);
        }
    }

    fn parcel(&mut self, parcel: &Parcel, _: &mut Context<'_>) -> Handled {
        if parcel.fails {
            return Err(Failure::new("it was to fail"));
        }
        self.ledger.note(What::Handled, parcel.item);
        Ok(().into())
    }

    fn poison(&mut self, poison: &PoisonMessage, _: &mut Context<'_>) {
        if let Some(parcel) = poison.message.downcast_ref::<Parcel>() {
            self.ledger.note(What::Poisoned, parcel.item);
        }
    }

    fn grow(&mut self, grow: &Grow, ctx: &mut Context<'_>) {
        for _ in 0..grow.0 {
            let child = ctx.create_actor::<Member>();
            ctx.send(&child, Grow(grow.0 - 1));
        }
    }

    fn child_exited(&mut self, _: &ChildActorExited, ctx: &mut Context<'_>) {
        ctx.create_actor::<Member>();
    }

    #[helper]
    fn next(&mut self, targets: &[ActorAddress], dice: &mut Dice) -> (ActorAddress, Parcel) {
        next_parcel(&mut self.ledger, &mut self.sent, targets, dice)
    }
}

fn next_parcel(
    ledger: &mut Ledger,
    sent: &mut u64,
    targets: &[ActorAddress],
    dice: &mut Dice,
) -> (ActorAddress, Parcel) {
    *sent += 1;
    let item = (std::process::id(), *sent);
    ledger.note(What::Sent, item);
    let weight = vec![0; dice.below(200) as usize];
    (*dice.pick(targets), Parcel { item, fails: dice.below(FAILING) == 0, weight })
}

/// Handles dead letters, and is spared.
struct Undertaker {
    ledger: Ledger,
}

impl Default for Undertaker {
    fn default() -> Undertaker {
        Undertaker { ledger: Ledger::own(&folder()) }
    }
}

#[actor]
impl Undertaker {
    fn begin(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        ctx.handle_dead_letters(true);
        ctx.reply(())
    }

    fn letter(&mut self, letter: &DeadEnvelope, _: &mut Context<'_>) {
        if let Some(parcel) = letter.dead_message.downcast_ref::<Parcel>() {
            let what = if letter.maybe_handled { What::Unsure } else { What::Dead };
            self.ledger.note(what, parcel.item);
        }
    }
}

/// Numbers from a seed (the generator is SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A seed of its own for each run, shown for the next.
fn dice() -> Dice {
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64);
    let seed = setting("THESPIAN_KILLS_SEED").unwrap_or(now ^ u64::from(std::process::id()));
    note(&format!("THESPIAN_KILLS_SEED={seed}"));
    Dice(seed)
}

/// How many actors without parents there are.
const BOSSES: usize = 4;

/// With more actors than this only those without parents are killed, with all below them.
const CROWD: usize = 60;

/// How many parcels one order is for, at most.
const ORDER: u64 = 300;

/// How many of a sender's messages have no end at most, when it is killed: those up to the mark at which it is paused, some
/// orders that it was given all the same, and those of which it was just telling the admin that their targets are dead,
/// some times as many on a busy machine.
const OUTSTANDING: u64 = 10 * 950;

/// The system that is played with.
struct World {
    system: ActorSystem,
    undertaker: ActorAddress,
    bosses: Vec<ActorAddress>,
    /// Who has been killed, to be written to now and then.
    dead: Vec<ActorAddress>,
    dice: Dice,
    /// Processes that have to be gone by then.
    doomed: Vec<(Instant, Process)>,
}

impl World {
    fn new(system: ActorSystem, dice: Dice) -> World {
        let undertaker = system.create_actor::<Undertaker>().expect("created");
        ask::<()>(&system, &undertaker, ());
        let (bosses, dead, doomed) = (Vec::new(), Vec::new(), Vec::new());
        let mut world = World { system, undertaker, bosses, dead, dice, doomed };
        world.bosses = (0..BOSSES).map(|_| world.boss()).collect();
        world
    }

    fn boss(&self) -> ActorAddress {
        let boss = self.system.create_actor::<Member>().expect("created");
        self.system.tell(&boss, Grow(2)).expect("told");
        boss
    }

    /// The members, by what their processes show.
    fn members(&self) -> BTreeMap<String, ActorAddress> {
        let status = self.system.status().expect("up");
        let members = status.actors.into_iter().filter(|actor| *actor != self.undertaker);
        members.map(|actor| (actor.to_string(), actor)).collect()
    }

    /// Kills so often, and the logger at these kills.
    fn play(&mut self, kills: Range<u64>, logger_dies: &[u64]) {
        for kill in kills {
            self.stir();
            self.kill();
            if logger_dies.contains(&kill) {
                for logger in of_this_run().into_iter().filter(|process| process.title == "thespian logger") {
                    let _ = logger.signal(Signal::SIGKILL);
                }
            }
            self.look_at_the_doomed();
        }
    }

    /// Orders a flood, or growth, or nothing.
    fn stir(&mut self) {
        let members: Vec<ActorAddress> = self.members().into_values().collect();
        match self.dice.below(4) {
            0 => {}
            1 => {
                let boss = *self.dice.pick(&self.bosses);
                let _ = self.system.tell(&boss, Grow(2));
            }
            _ => {
                for _ in 0..4 {
                    let member = *self.dice.pick(&members);
                    let mut targets: Vec<ActorAddress> = (0..3).map(|_| *self.dice.pick(&members)).collect();
                    targets.extend(self.dead.last());
                    let (count, seed) = (self.dice.below(ORDER), self.dice.roll());
                    let _ = self.system.tell(&member, Go { count, seed, targets });
                }
            }
        }
    }

    /// Kills an actor and dooms all below it.
    fn kill(&mut self) {
        let members = self.members();
        let processes = self.processes(&members);
        let crowded = processes.len() > CROWD;
        let candidates: Vec<&ActorAddress> =
            processes.keys().filter(|actor| !crowded || self.bosses.contains(actor)).collect();
        if candidates.is_empty() {
            return;
        }
        let victim = **self.dice.pick(&candidates);
        let below = self.below(victim);
        // Of another moment than the one in which the question was answered.
        pass(Duration::from_micros(self.dice.below(3000)));
        let _ = processes[&victim].signal(Signal::SIGKILL);
        let until = Instant::now() + BUSY * LINGER;
        let below = below.iter().chain([&victim]).filter_map(|actor| processes.get(actor));
        self.doomed.extend(below.map(|process| (until, process.clone())));
        self.dead.push(victim);
        if let Some(at) = self.bosses.iter().position(|boss| *boss == victim) {
            self.bosses[at] = self.boss();
        }
    }

    fn processes(&self, members: &BTreeMap<String, ActorAddress>) -> BTreeMap<ActorAddress, Process> {
        let address = |process: &Process| members.get(process.title.rsplit(' ').next()?).copied();
        actors().into_iter().filter_map(|process| Some((address(&process)?, process))).collect()
    }

    /// The actors below one, as far as they can be asked.
    fn below(&self, actor: ActorAddress) -> Vec<ActorAddress> {
        let status = self.system.request::<ActorStatus>(&actor, StatusReq, Duration::from_secs(2));
        let children = status.map(|status| status.children).unwrap_or_default();
        children.iter().flat_map(|child| self.below(*child)).chain(children.clone()).collect()
    }

    /// Nobody lives longer than he may.
    fn look_at_the_doomed(&mut self) {
        let now = Instant::now();
        self.doomed.retain(|(until, process)| {
            let lives = process.is_alive();
            assert!(!lives || now < *until, "{process} has outlived its owner");
            lives
        });
    }
}

/// Starts a system, says where, and floods whom it finds until it is killed.
fn flooding_starter(ground: &Processes) {
    let system = ground.system();
    writeln!(std::io::stdout(), "{}", port(&system)).expect("said");
    std::io::stdin().read_line(&mut String::new()).expect("it is told to begin");
    let (mut ledger, mut sent) = (Ledger::own(&folder()), 0);
    let mut dice = Dice(u64::from(std::process::id()));
    loop {
        let actors = system.status().expect("up").actors;
        for _ in 0..20 {
            // It takes no poison: it only tells.
            let (target, parcel) = next_parcel(&mut ledger, &mut sent, &actors, &mut dice);
            let parcel = Parcel { fails: false, ..parcel };
            system.tell(&target, parcel).expect("told");
        }
    }
}

/// A program that starts a system and floods it, where a system outlives that.
struct FloodingStarter {
    program: Child,
    port: i64,
}

impl FloodingStarter {
    fn new(ground: &Processes) -> FloodingStarter {
        let mut program = ground.program("program::flooding_starter", "");
        let mut said = String::new();
        let output = program.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut said).expect("it says where");
        FloodingStarter { program, port: said.trim().parse().expect("a port") }
    }

    fn begin(&mut self) {
        writeln!(self.program.stdin.take().expect("it is piped"), "go").expect("it listens");
    }

    fn kill(mut self) {
        self.program.kill().expect("killed");
        self.program.wait().expect("it ends");
    }
}

fn every_message_is_accounted_for_after_kills(ground: &Processes) {
    let mut dice = dice();
    let kills = setting("THESPIAN_KILLS").unwrap_or(300);
    let mut flooding = is_joined(ground).then(|| FloodingStarter::new(ground));
    let system = match &flooding {
        Some(starter) => join(ground, starter.port).expect("joined"),
        None => ground.system(),
    };
    let starter_dies = dice.below(kills / 2);
    let logger_dies: Vec<u64> = (0..3).map(|_| dice.below(kills)).collect();
    let mut world = World::new(system, dice);
    if let Some(starter) = &mut flooding {
        starter.begin();
    }
    world.play(0..starter_dies, &logger_dies);
    if let Some(starter) = flooding {
        starter.kill();
    }
    world.play(starter_dies..kills, &logger_dies);
    assert!(eventually(2 * BUSY * LINGER, || {
        world.look_at_the_doomed();
        world.doomed.is_empty()
    }));
    // No process is left that the system does not know.
    let known = || world.system.status().expect("up").actor_count as usize;
    assert!(eventually(SOON, || known() == actors().len()), "{} and {}", known(), actors().len());
    let sums = settle(&ground.folder());
    note(&format!("after {kills} kills: {sums:?}"));
    assert!(sums.handled > 0 && sums.poisoned > 0 && sums.dead + sums.unsure > 0, "{sums:?}");
    world.system.shutdown().expect("down");
}

/// Waits until every message has an end.
fn settle(folder: &Path) -> Sums {
    let living: BTreeSet<u32> = actors().into_iter().map(|process| process.pid).collect();
    let mut found = Err("nothing was read".into());
    eventually(SOON, || {
        found = Account::read(folder).check(&living, OUTSTANDING);
        found.is_ok()
    });
    found.unwrap_or_else(|problem| panic!("{problem}"))
}

fn a_system_ends_whoever_is_killed_meanwhile(ground: &Processes) {
    const SYSTEMS: u64 = 15;
    let mut dice = dice();
    for _ in 0..SYSTEMS {
        let system = ground.system();
        let boss = system.create_actor::<Member>().expect("created");
        system.tell(&boss, Grow(3)).expect("told");
        let most = 2 + dice.below(10) as usize;
        assert!(eventually(SOON, || actors().len() >= most));
        let ending = std::thread::spawn({
            let system = system.clone();
            move || system.shutdown()
        });
        for _ in 0..dice.below(4) {
            let processes = actors();
            if !processes.is_empty() {
                // It may be gone already.
                let _ = dice.pick(&processes).signal(Signal::SIGKILL);
            }
        }
        ending.join().expect("no panic").expect("down");
        assert!(eventually(LINGER, || of_this_run().is_empty()), "{:?}", of_this_run());
    }
}
