//! One run: a world from a seed, walkers that are told to do things, faults, and an audit at the end.

use std::time::Duration;

use thespian_core::{
    ActorAddress, ActorExitRequest, ActorSpec, ActorState, ActorStatus, ActorSystem, Error, Limits,
    StatusReq, SystemId,
};
use thespian_sim::{Faults, Random, Sim};

use crate::journal::{self, journal, probe};
use crate::walker::{Audit, Audited, Birth, Command, Deed, Kind, Mood, Picky, Walker};

/// What became of a run.
pub(crate) struct Outcome {
    /// The first promise that was broken: the invariant's name and what happened.
    pub(crate) violation: Option<String>,
    /// The same for two runs of one seed.
    pub(crate) hash: u128,
    pub(crate) trace: Vec<String>,
}

/// After how long a message that is not acknowledged is given up.
const DELIVERY_LIMIT: Duration = Duration::from_secs(60);

/// How long everything takes at most when there are no faults any more.
const SETTLING: Duration = Duration::from_secs(15);

struct Run {
    random: Random,
    sim: Sim,
    /// Whether frames travel by connections.
    connections: bool,
    /// Whether what is lost stays lost.
    best_effort: bool,
    systems: Vec<ActorSystem>,
    ids: Vec<SystemId>,
    /// Whether the systems have the capability that [`Picky`] asks for, and whether that is old enough to be acted on.
    names: Vec<String>,
}

/// Runs a seed.
pub(crate) fn run(seed: u64, trace_lines: usize) -> Outcome {
    journal::begin();
    let mut random = Random::new(seed);
    let mut sim = Sim::with_trace(random.bits64(), trace_lines).with_steps(2_000_000);
    let connections = random.chance(0.35);
    let best_effort = !connections && random.chance(0.5);
    if connections {
        sim = sim.with_connections();
    } else if best_effort {
        sim = sim.with_best_effort();
    }
    let mut run = Run {
        random,
        sim: sim.clone(),
        connections,
        best_effort,
        systems: Vec::new(),
        ids: Vec::new(),
        names: vec!["a".into(), "b".into()],
    };
    let violation = run.play().err();
    // The actors go before the journal is read for the last time.
    drop(run);
    Outcome { violation, hash: sim.trace_hash(), trace: sim.trace() }
}

impl Run {
    fn play(&mut self) -> Result<(), String> {
        self.begin().map_err(failed)?;
        let faults = self.draw_faults();
        self.sim.set_faults(faults);
        let rounds = 20 + self.random.below(60);
        for _ in 0..rounds {
            self.step().map_err(failed)?;
            self.check()?;
        }
        self.sim.heal();
        self.sim.set_faults(Faults::default());
        // Longer than the longest pause between two repetitions of what was lost, and shorter than anything waits before
        // it is given up: by now everything has become of every message.
        self.pass(SETTLING).map_err(failed)?;
        self.check()?;
        match self.sim.unsettled() {
            0 => {}
            count => {
                return Err(format!(
                    "progress: {count} messages are still under way {SETTLING:?} after the faults"
                ));
            }
        }
        // Longer than anything that is lost is waited for, and than any timer.
        self.pass(DELIVERY_LIMIT * 3).map_err(failed)?;
        self.check()?;
        self.audit()?;
        self.end()
    }

    fn begin(&mut self) -> Result<(), Error> {
        let count = 1 + self.random.below(3);
        // What systems that talk to each other agree about.
        let window_max = 32 + self.random.below(100) as u32;
        let window_bytes = if self.random.chance(0.3) { 100 } else { Limits::default().window_bytes };
        for _ in 0..count {
            let high = 5 + self.random.below(60) as u32;
            let limits = Limits {
                outgoing_high: high,
                outgoing_low: high / 2,
                window: 1 + self.random.below(32) as u32,
                window_max,
                window_bytes,
                delivery_limit: DELIVERY_LIMIT,
                endpoint_queue: 100,
                flush_wait: Duration::from_secs(2),
                ..Limits::default()
            };
            let builder =
                ActorSystem::builder().base(self.sim.clone()).capability("open", true).limits(limits);
            let system = builder.unregistered().start()?;
            self.ids.push(system.system_address().system());
            self.systems.push(system);
        }
        for at in 0..self.systems.len() {
            for _ in 0..2 + self.random.below(3) {
                self.create_top(at)?;
            }
        }
        Ok(())
    }

    fn create_top(&mut self, at: usize) -> Result<(), Error> {
        let name = self.random.chance(0.3).then(|| self.names[self.random.below(2) as usize].clone());
        let birth =
            Birth { system: at as u32, name: name.clone(), broken: self.random.chance(0.05), ghost: false };
        let mut spec = match self.random.chance(0.2) {
            true => ActorSpec::of::<Picky>(),
            false => ActorSpec::of::<Walker>(),
        };
        if let Some(name) = name {
            spec = spec.global_name(name);
        }
        match self.systems[at].create(spec.start(birth)) {
            Ok(address) => {
                journal(|journal| journal.meet(address));
                // It gets to know its address.
                self.systems[at].tell(&address, Command { mood: Mood::Fine, deeds: Vec::new() })
            }
            Err(Error::ActorStartFailed { .. }) => {
                probe("an outside create fails to start");
                Ok(())
            }
            Err(Error::NoCompatibleSystemForActor { .. }) => {
                probe("an outside create finds no system");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// A random subset of the faults, each with a random strength.
    fn draw_faults(&mut self) -> Faults {
        let random = &mut self.random;
        let mut faults = Faults::default();
        if random.chance(0.5) {
            faults.loss = random.below(30) as f64 / 100.0;
        }
        if random.chance(0.5) {
            faults.duplication = random.below(50) as f64 / 100.0;
        }
        if random.chance(0.6) {
            faults.jitter = Duration::from_micros(random.below(100_000));
        }
        if random.chance(0.5) {
            faults.handling = Duration::from_micros(1 << random.below(20));
        }
        if random.chance(0.3) {
            faults.start_failure = random.below(30) as f64 / 100.0;
        }
        if random.chance(0.3) {
            faults.start = Duration::from_millis(random.below(500));
        }
        faults
    }

    fn someone(&mut self) -> Option<ActorAddress> {
        let known = journal(|journal| journal.known.clone());
        // Late-comers more often, so that long runs do not talk to the dead only.
        let recent = known.len().saturating_sub(8);
        match self.random.chance(0.7) {
            true => self.random.pick(&known[recent..]).copied(),
            false => self.random.pick(&known).copied(),
        }
    }

    fn step(&mut self) -> Result<(), Error> {
        let at = self.random.below(self.systems.len() as u64) as usize;
        match self.random.below(100) {
            0..=59 => self.command(at)?,
            60..=67 => self.ask_to_exit(at)?,
            68..=73 => {
                if let Some(victim) = self.someone() {
                    probe_if(journal(|journal| journal.alive.contains(&victim)), "a living actor is killed");
                    self.sim.kill(&victim);
                }
            }
            74..=79 => self.create_top(at)?,
            80..=84 => {
                let open = self.random.chance(0.6);
                self.systems[at].update_capability("open", open)?;
                probe_if(!open, "a system closes");
            }
            85..=88 => {
                if let (Some(one), Some(other)) = (self.someone(), self.someone()) {
                    self.sim.cut(&one, &other);
                    probe("two actors are cut off");
                }
            }
            89..=91 => {
                let to = self.random.below(self.ids.len() as u64) as usize;
                if to != at {
                    self.sim.cut_systems(self.ids[at], self.ids[to]);
                    probe("two systems are cut off");
                }
            }
            92..=95 => self.sim.heal(),
            _ => {
                let faults = self.draw_faults();
                self.sim.set_faults(faults);
            }
        }
        let time = match self.random.below(10) {
            0..=3 => Duration::ZERO,
            4..=7 => Duration::from_micros(self.random.below(20_000)),
            8 => Duration::from_millis(self.random.below(3_000)),
            _ => Duration::from_secs(self.random.below(90)),
        };
        self.pass(time)
    }

    fn pass(&mut self, time: Duration) -> Result<(), Error> {
        self.sim.run_for(time)
    }

    fn command(&mut self, at: usize) -> Result<(), Error> {
        let Some(who) = self.someone() else { return Ok(()) };
        let mood = self.mood();
        let count = 1 + self.random.below(4);
        let mut deeds = Vec::new();
        for _ in 0..count {
            deeds.extend(self.deed());
        }
        self.systems[at].tell(&who, Command { mood, deeds })
    }

    fn mood(&mut self) -> Mood {
        match self.random.below(20) {
            0 | 1 => Mood::FailOnce,
            2 => Mood::FailAlways,
            3 => Mood::PanicAlways,
            _ => Mood::Fine,
        }
    }

    fn deed(&mut self) -> Option<Deed> {
        let deed = match self.random.below(20) {
            0..=8 => {
                let count = if self.random.chance(0.1) { 100 } else { 1 + self.random.below(5) as u32 };
                let mood = match self.random.chance(0.05) {
                    true => Mood::PoisonIsBitter,
                    false => self.mood(),
                };
                let route = (0..self.random.below(4)).filter_map(|_| self.someone()).collect();
                Deed::Ping { to: self.someone()?, count, mood, route }
            }
            9..=12 => {
                let kind = match self.random.below(10) {
                    0 => Kind::Broken,
                    1 => Kind::Unknown,
                    2 | 3 => Kind::Picky,
                    _ => Kind::Plain,
                };
                let name = self.random.chance(0.3).then(|| self.names[self.random.below(2) as usize].clone());
                Deed::Create { kind, name, pings: self.random.below(6) as u32 }
            }
            13 | 14 => {
                // Few different delays, so that some fall due together.
                Deed::Wakeup(Duration::from_millis(self.random.below(4) * 2_500))
            }
            15 => Deed::HandleDeadLetters(self.random.chance(0.7)),
            16 => Deed::UpdateCapability(self.random.chance(0.8)),
            17 => Deed::Flush,
            18 => Deed::ExitMood(if self.random.chance(0.5) { Mood::FailAlways } else { Mood::PanicAlways }),
            _ => Deed::End { who: self.someone()?, recursive: self.random.chance(0.7) },
        };
        Some(deed)
    }

    fn ask_to_exit(&mut self, at: usize) -> Result<(), Error> {
        let Some(who) = self.someone() else { return Ok(()) };
        let request = ActorExitRequest::new();
        if self.random.chance(0.3) {
            request.not_recursive();
        }
        self.systems[at].tell(&who, request)
    }

    /// What must hold at any time.
    fn check(&self) -> Result<(), String> {
        if let Some(violation) = journal(|journal| journal.violations.first().cloned()) {
            return Err(violation);
        }
        match self.sim.violations().0.first() {
            Some(violation) => Err(format!("accounting: {violation}")),
            None => Ok(()),
        }
    }

    /// What must hold when the faults are over and everything has come to rest.
    fn audit(&mut self) -> Result<(), String> {
        let living = self.sim.actors();
        for actor in &living {
            let system = self.system_of(actor);
            let status: ActorStatus = system
                .request(actor, StatusReq, Duration::from_secs(10))
                .map_err(|error| format!("liveness: {actor} tells no status: {error}"))?;
            if status.state != ActorState::Idle || status.queues.outgoing + status.queues.user > 0 {
                return Err(format!("liveness: {actor} does not come to rest: {status}"));
            }
            let audited: Audited = system
                .request(actor, Audit, Duration::from_secs(10))
                .map_err(|error| format!("liveness: {actor} does not answer: {error}"))?;
            if audited.overdue > 0 {
                return Err(format!("timers: {actor} waits for {} timers that are over", audited.overdue));
            }
            if let Some(child) = audited.children.iter().find(|child| !living.contains(child)) {
                return Err(format!("notices: {actor} was never told that its child {child} is gone"));
            }
        }
        self.audit_families(&living)?;
        for at in 0..self.systems.len() {
            self.audit_system(at, &living)?;
        }
        self.check()
    }

    fn audit_families(&self, living: &[ActorAddress]) -> Result<(), String> {
        journal(|journal| {
            for (child, family) in &journal.families {
                if living.contains(child) && !family.spared && !living.contains(&family.parent) {
                    return Err(format!("orphans: {child} outlives its parent {}", family.parent));
                }
            }
            Ok(())
        })
    }

    fn audit_system(&self, at: usize, living: &[ActorAddress]) -> Result<(), String> {
        let system = &self.systems[at];
        let status =
            system.status().map_err(|error| format!("liveness: the system tells no status: {error}"))?;
        let here = living.iter().filter(|actor| actor.system() == self.ids[at]).count() as u64;
        if status.actor_count != here {
            let extra: Vec<_> = status.actors.iter().filter(|actor| !living.contains(actor)).collect();
            return Err(format!(
                "records: the admin knows {} actors, and there are {here}; not there: {extra:?}",
                status.actor_count
            ));
        }
        if let Some((name, owner)) = status.global_names.iter().find(|(_, owner)| !living.contains(owner)) {
            return Err(format!("names: {name:?} is {owner}, which is dead"));
        }
        if let Some(handler) = status.dead_letter_handler.filter(|handler| !living.contains(handler)) {
            return Err(format!("dead letters: they go to {handler}, which is dead"));
        }
        if !status.capabilities.is_truthy("open") {
            for actor in living.iter().filter(|actor| actor.system() == self.ids[at]) {
                let status: ActorStatus = system
                    .request(actor, StatusReq, Duration::from_secs(10))
                    .map_err(|error| format!("liveness: {actor} tells no status: {error}"))?;
                if status.actor_type == "explore.Picky" {
                    return Err(format!("capabilities: {actor} runs in a system that is closed"));
                }
            }
            probe("a system is closed at the end");
        }
        Ok(())
    }

    fn system_of(&self, actor: &ActorAddress) -> &ActorSystem {
        let at = self.ids.iter().position(|id| *id == actor.system()).unwrap_or(0);
        &self.systems[at]
    }

    /// Shuts everything down, and settles the account.
    fn end(&mut self) -> Result<(), String> {
        for system in &self.systems {
            system.shutdown().map_err(|error| format!("shutdown: {error}"))?;
        }
        self.check()?;
        let account = self.sim.finish().map_err(|violations| format!("accounting: {violations}"))?;
        probe_if(account.unsure > 0, "a message ends unsure");
        probe_if(account.sender_killed > 0, "a sender is killed with messages under way");
        probe_if(account.dead_lettered > 0, "a message is a dead letter for certain");
        let (lost, repeated) = self.sim.lost_and_repeated();
        probe_if(lost > 0, if self.connections { "a connection is lost" } else { "a frame is lost" });
        probe_if(repeated > 0, "a frame is repeated");
        probe_if(self.best_effort && account.dead_lettered > 10, "best effort loses many messages");
        if let Some(left) = self.sim.actors().first() {
            return Err(format!("shutdown: {left} is left"));
        }
        self.check()
    }
}

fn probe_if(condition: bool, name: &'static str) {
    if condition {
        probe(name);
    }
}

fn failed(error: Error) -> String {
    match error {
        Error::NeverSettles { .. } => format!("liveness: {error}"),
        _ => format!("calls: {error}"),
    }
}
