//! The actors that are explored: they do what they are told, and check what happens to them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{
    ActorAddress, ActorExitRequest, ActorSpec, Capabilities, ChildActorExited, Context, DeadEnvelope,
    ExitCause, Failure, Handled, Message, PoisonMessage, Value, WakeupMessage, actor,
};

use crate::journal::{Family, journal, probe, violation};

/// How whoever handles something fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mood {
    Fine,
    FailOnce,
    FailAlways,
    PanicAlways,
    /// Fails, and whoever gets the poison fails on that.
    PoisonIsBitter,
}

impl Mood {
    fn is_hopeless(self) -> bool {
        matches!(self, Mood::FailAlways | Mood::PanicAlways | Mood::PoisonIsBitter)
    }
}

/// One walker says something to another.
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
pub(crate) struct Ping {
    from: ActorAddress,
    to: ActorAddress,
    /// Counts what `from` has sent to `to`, from 1.
    number: u64,
    mood: Mood,
    /// It was sent in an attempt that fails, so it must never be seen.
    ghost: bool,
    /// Where to go on from there.
    route: Vec<ActorAddress>,
}

/// What an explorer tells a walker to do, in one attempt.
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
pub(crate) struct Command {
    pub(crate) mood: Mood,
    pub(crate) deeds: Vec<Deed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Deed {
    Ping {
        to: ActorAddress,
        count: u32,
        mood: Mood,
        route: Vec<ActorAddress>,
    },
    Create {
        kind: Kind,
        name: Option<String>,
        pings: u32,
    },
    Wakeup(Duration),
    HandleDeadLetters(bool),
    UpdateCapability(bool),
    Flush,
    /// What it will be like when it is asked to exit.
    ExitMood(Mood),
    /// Asks another to exit.
    End {
        who: ActorAddress,
        recursive: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    Plain,
    /// Runs only where the capability `"open"` counts as true.
    Picky,
    /// Its constructor fails.
    Broken,
    /// No such type.
    Unknown,
}

/// What a walker is made with.
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
pub(crate) struct Birth {
    pub(crate) system: u32,
    pub(crate) name: Option<String>,
    pub(crate) broken: bool,
    /// It was created in an attempt that fails.
    pub(crate) ghost: bool,
}

/// Asks a walker what it still waits for.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Audit;

#[derive(Debug, Serialize, Deserialize, Message)]
pub(crate) struct Audited {
    /// Timers that should have run out by now.
    pub(crate) overdue: u64,
    /// Children whose end it has not been told.
    pub(crate) children: Vec<ActorAddress>,
}

pub(crate) struct Walker {
    birth: Birth,
    me: ActorAddress,
    sent: BTreeMap<ActorAddress, u64>,
    received: BTreeMap<ActorAddress, u64>,
    attempts: BTreeMap<(ActorAddress, u64), u8>,
    children: BTreeSet<ActorAddress>,
    /// Children that are gone, of their own accord.
    buried: BTreeSet<ActorAddress>,
    timers: BTreeMap<u64, Duration>,
    timers_set: u64,
    last_due: Duration,
    command_attempts: u32,
    exit_mood: Option<Mood>,
    exiting: bool,
}

#[actor(name = "explore.Walker")]
impl Walker {
    #[start]
    fn new(birth: Birth) -> Result<Walker, Failure> {
        if birth.broken {
            return Err(Failure::new("a broken walker"));
        }
        if birth.ghost {
            violation("atomicity: an actor runs whose creation was taken back".into());
        }
        if let Some(name) = &birth.name {
            let live = journal(|journal| {
                let live = journal.names.entry((birth.system, name.clone())).or_default();
                *live += 1;
                *live
            });
            if live > 1 {
                violation(format!("names: {live} actors are called {name:?} in one system"));
            }
        }
        Ok(Walker {
            birth,
            me: ActorAddress::NOBODY,
            sent: BTreeMap::new(),
            received: BTreeMap::new(),
            attempts: BTreeMap::new(),
            children: BTreeSet::new(),
            buried: BTreeSet::new(),
            timers: BTreeMap::new(),
            timers_set: 0,
            last_due: Duration::ZERO,
            command_attempts: 0,
            exit_mood: None,
            exiting: false,
        })
    }

    fn command(&mut self, command: &Command, ctx: &mut Context<'_>) -> Handled {
        self.look(ctx, "a command");
        self.command_attempts += 1;
        let fails = match command.mood {
            Mood::Fine => false,
            Mood::FailOnce => self.command_attempts % 2 == 1,
            _ => true,
        };
        for deed in &command.deeds {
            self.perform(deed, fails, ctx);
        }
        if !fails {
            self.command_attempts = 0;
            return Ok(().into());
        }
        if command.mood == Mood::FailOnce {
            probe("a command succeeds at the second attempt");
        }
        fail(command.mood)
    }

    fn ping(&mut self, ping: &Ping, ctx: &mut Context<'_>) -> Handled {
        self.look(ctx, "a ping");
        let id = (ping.from, ping.number);
        if ping.ghost {
            violation(format!("atomicity: {} sees a ping of an attempt that failed", self.me));
        }
        if ping.to != self.me {
            violation(format!("incarnations: {} sees a ping for {}", self.me, ping.to));
        }
        if ctx.sender() != ping.from {
            violation(format!("senders: {} sent what came from {}", ping.from, ctx.sender()));
        }
        if self.buried.contains(&ping.from) {
            violation(format!("last words: {} hears from {} after its exit was told", self.me, ping.from));
        }
        let attempts = self.attempts.entry(id).or_default();
        *attempts += 1;
        let attempt = *attempts;
        if attempt > 2 {
            violation(format!("attempts: {} gets {id:?} for the attempt number {attempt}", self.me));
        }
        if attempt == 1 {
            let last = self.received.insert(ping.from, ping.number).unwrap_or(0);
            if ping.number <= last {
                violation(format!("order: {} gets {} after {last} from {}", self.me, ping.number, ping.from));
            }
        }
        if ping.mood.is_hopeless() || ping.mood == Mood::FailOnce && attempt == 1 {
            return fail(ping.mood);
        }
        if attempt == 2 {
            probe("a ping is handled at the second attempt");
        }
        let id = (ping.from, ping.to, ping.number);
        if !journal(|journal| journal.handled.insert(id)) {
            violation(format!("once: {} handled {id:?} twice", self.me));
        }
        if ping.from.system() != self.me.system() {
            probe("a ping from another system is handled");
        }
        if let Some((next, rest)) = ping.route.split_first() {
            let ping = self.next_ping(*next, Mood::Fine, rest.to_vec(), false);
            ctx.send(next, ping);
        }
        Ok(().into())
    }

    fn wake(&mut self, wakeup: &WakeupMessage, ctx: &mut Context<'_>) -> Handled {
        self.look(ctx, "a wakeup");
        let id = wakeup.payload::<u64>().copied().unwrap_or(0);
        let Some(due) = self.timers.remove(&id) else {
            violation(format!("timers: {} gets timer {id}, which it did not set or had already", self.me));
            return Ok(().into());
        };
        if ctx.uptime() < due {
            violation(format!("timers: timer {id} of {} is early", self.me));
        }
        if due < self.last_due {
            violation(format!("timers: timer {id} of {} comes after one that was due later", self.me));
        }
        if due == self.last_due {
            probe("two timers are due at one moment");
        }
        self.last_due = due;
        Ok(().into())
    }

    fn poison(&mut self, poison: &PoisonMessage, ctx: &mut Context<'_>) -> Handled {
        self.look(ctx, "poison");
        if poison.message.is::<PoisonMessage>() {
            violation(format!("poison: {} is poisoned for poison", self.me));
        }
        let Some(ping) = poison.message.downcast_ref::<Ping>() else { return Ok(().into()) };
        if ping.from != self.me || ctx.sender() != ping.to {
            violation(format!(
                "poison: {} is poisoned for a ping from {} to {}",
                self.me, ping.from, ping.to
            ));
        }
        if ping.ghost {
            violation(format!("atomicity: {} is poisoned for what it took back", self.me));
        }
        if ping.mood.is_hopeless() {
            probe("a ping comes back as poison");
        } else if poison.details.contains("told to fail") {
            violation(format!("poison: {} is poisoned for a ping that can be handled", self.me));
        } else {
            probe("a ping comes back from an actor that never started");
        }
        match ping.mood {
            Mood::PoisonIsBitter => {
                probe("a handler fails on poison");
                fail(Mood::FailAlways)
            }
            _ => Ok(().into()),
        }
    }

    fn child_exited(&mut self, notice: &ChildActorExited, ctx: &mut Context<'_>) {
        self.look(ctx, "an exit notice");
        let child = notice.child_address;
        if !self.children.remove(&child) {
            violation(format!(
                "notices: {} is told of {child}, which is not its child or was told before",
                self.me
            ));
        }
        match notice.cause {
            ExitCause::Requested => {
                self.buried.insert(child);
                let left = journal(|journal| {
                    let alive = |address| journal.alive.contains(address);
                    let mut families = journal.families.iter();
                    families
                        .find(|(child_of, family)| {
                            family.parent == child && !family.spared && alive(child_of)
                        })
                        .map(|(left, _)| *left)
                });
                if let Some(left) = left {
                    violation(format!("exits: {child} is gone, and its child {left} lives"));
                }
            }
            ExitCause::Killed(_) => probe("a killed child is reported"),
            ExitCause::NeverStarted(_) => probe("a child that never started is reported"),
            _ => {}
        }
    }

    fn dead_letter(&mut self, letter: &DeadEnvelope, ctx: &mut Context<'_>) {
        self.look(ctx, "a dead letter");
        let Some(ping) = letter.dead_message.downcast_ref::<Ping>() else { return };
        probe("a ping becomes a dead letter");
        if letter.maybe_handled {
            probe("a dead letter may have been handled");
        } else if journal(|journal| journal.handled.contains(&(ping.from, ping.to, ping.number))) {
            violation(format!(
                "dead letters: {ping:?} was handled, and its letter does not say it may have been"
            ));
        }
        if ping.ghost || ping.to != letter.dead_address || ping.from != letter.sender {
            violation(format!("dead letters: a letter to {} is about {ping:?}", letter.dead_address));
        }
    }

    fn exit(&mut self, request: &ActorExitRequest, ctx: &mut Context<'_>) -> Handled {
        self.look(ctx, "an exit request");
        if self.exiting {
            probe("an exiting actor is asked to exit again");
        }
        self.exiting = true;
        if !request.is_recursive() {
            let me = self.me;
            let spared = journal(|journal| {
                let mine = journal.families.values_mut().filter(|family| family.parent == me);
                mine.map(|family| family.spared = true).count()
            });
            if spared > 0 {
                probe("children are spared");
            }
        }
        if let Some(mood) = self.exit_mood {
            probe("a handler fails on an exit request");
            return fail(mood);
        }
        // What it sends to itself now is too late.
        let me = self.me;
        let ping = self.next_ping(me, Mood::Fine, Vec::new(), false);
        ctx.send(&me, ping);
        // Last words, which the parent must hear before it is told of the exit.
        if let Some(parent) = journal(|journal| journal.families.get(&self.me).map(|family| family.parent)) {
            let ping = self.next_ping(parent, Mood::Fine, Vec::new(), false);
            ctx.send(&parent, ping);
        }
        Ok(().into())
    }

    fn audit(&mut self, _: &Audit, ctx: &mut Context<'_>) -> Handled {
        let now = ctx.uptime();
        let overdue = self.timers.values().filter(|due| **due + Duration::from_secs(1) < now).count() as u64;
        ctx.reply(Audited { overdue, children: self.children.iter().copied().collect() })
    }

    /// What every handler looks at first.
    #[helper]
    fn look(&mut self, ctx: &mut Context<'_>, what: &str) {
        self.me = ctx.my_address();
        let now = ctx.uptime();
        journal(|journal| {
            journal.now = now;
            journal.meet(self.me);
            journal.alive.insert(self.me);
        });
        if self.exiting && !matches!(what, "an exit request" | "an exit notice") {
            violation(format!("exits: {} gets {what} after it has been asked to exit", self.me));
        }
    }

    #[helper]
    fn next_ping(&mut self, to: ActorAddress, mood: Mood, route: Vec<ActorAddress>, ghost: bool) -> Ping {
        // What fails is taken back, and so is its number.
        let number = match ghost {
            true => 0,
            false => {
                let sent = self.sent.entry(to).or_default();
                *sent += 1;
                *sent
            }
        };
        Ping { from: self.me, to, number, mood, ghost, route }
    }

    #[helper]
    fn perform(&mut self, deed: &Deed, fails: bool, ctx: &mut Context<'_>) {
        match deed {
            Deed::Ping { to, count, mood, route } => {
                for _ in 0..*count {
                    let ping = self.next_ping(*to, *mood, route.clone(), fails);
                    ctx.send(to, ping);
                }
            }
            Deed::Create { kind, name, pings } => self.create(*kind, name.clone(), *pings, fails, ctx),
            Deed::Wakeup(delay) if !fails => {
                self.timers_set += 1;
                self.timers.insert(self.timers_set, ctx.uptime() + *delay);
                ctx.wakeup_after_with(*delay, self.timers_set);
            }
            // A timer of a failed attempt must not run: it has a number that was never given out.
            Deed::Wakeup(delay) => ctx.wakeup_after_with(*delay, u64::MAX),
            Deed::HandleDeadLetters(start) => ctx.handle_dead_letters(*start),
            Deed::UpdateCapability(open) => ctx.update_capability("open", *open),
            // What is flushed is not taken back, so a ghost would be seen.
            Deed::Flush if !fails => {
                probe("a handler flushes");
                ctx.flush();
            }
            Deed::Flush => {}
            Deed::ExitMood(mood) if !fails => self.exit_mood = Some(*mood),
            Deed::ExitMood(_) => {}
            Deed::End { who, recursive } if !fails => {
                let request = ActorExitRequest::new();
                if !recursive {
                    request.not_recursive();
                }
                ctx.send(who, request);
            }
            Deed::End { .. } => {}
        }
    }

    #[helper]
    fn create(&mut self, kind: Kind, name: Option<String>, pings: u32, fails: bool, ctx: &mut Context<'_>) {
        let birth = Birth {
            system: self.birth.system,
            name: name.clone(),
            broken: kind == Kind::Broken,
            ghost: fails,
        };
        let mut spec = match kind {
            Kind::Plain | Kind::Broken => ActorSpec::of::<Walker>(),
            Kind::Picky => ActorSpec::of::<Picky>(),
            Kind::Unknown => ActorSpec::named("explore.Wanderer"),
        };
        if let Some(name) = &name {
            spec = spec.global_name(name.clone());
        }
        let child = ctx.create(spec.start(birth));
        if !fails {
            journal(|journal| journal.meet(child));
            if name.is_none() {
                self.children.insert(child);
                let family = Family { parent: self.me, spared: false };
                journal(|journal| journal.families.insert(child, family));
            }
        }
        // At least one, so that the child gets to know its own address.
        for _ in 0..=pings {
            let ping = self.next_ping(child, Mood::Fine, Vec::new(), fails);
            ctx.send(&child, ping);
        }
    }
}

fn fail(mood: Mood) -> Handled {
    match mood {
        Mood::PanicAlways => panic!("told to fail, by a panic"),
        _ => Err(Failure::new("told to fail")),
    }
}

impl Drop for Walker {
    fn drop(&mut self) {
        journal(|journal| {
            journal.alive.remove(&self.me);
            if let Some(name) = self.birth.name.take()
                && let Some(live) = journal.names.get_mut(&(self.birth.system, name))
            {
                *live -= 1;
            }
        });
    }
}

/// A walker that runs only while the system is open.
pub(crate) struct Picky {
    walker: Walker,
}

#[actor(name = "explore.Picky", extends = walker)]
impl Picky {
    #[start]
    fn new(birth: Birth) -> Result<Picky, Failure> {
        Ok(Picky { walker: Walker::new(birth)? })
    }

    #[capability_check]
    fn check(capabilities: &Capabilities, _: &Value) -> bool {
        capabilities.is_truthy("open")
    }
}
