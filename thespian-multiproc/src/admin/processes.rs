//! The processes of actors, from their start to their burial.

use std::collections::HashSet;

use nix::unistd::Pid;
use thespian_core::engine::{AdminInput, Launch, LaunchError, Live};
use thespian_core::transport::Locator;
use thespian_core::{ActorAddress, ExitCause, Failure, StartError};

use super::AdminProcess;
use super::slots::{Stage, Who};
use crate::control::{Begin, Channel, StartFailure, ToAdminProcess, ToProcess, decode};
use crate::runtime_log;
use crate::start::Begun;
use crate::sys::{self, Ended};

/// How many addresses an actor is born with: most have no child, and those that have do not wait for the first.
const BORN_WITH: u32 = 1;

impl AdminProcess {
    /// Starts the process of an actor.
    ///
    /// # Errors
    ///
    /// Why there is none, for people.
    pub(super) fn begin_launch(&mut self, launch: Launch) -> Result<(), String> {
        let Launch { address, kind, requirements, start } = launch;
        if let Some(error) = crate::control::why_not_encodable(&start) {
            return Err(format!("its start argument cannot be encoded: {error}"));
        }
        if let Some(lease) = self.slots.lease_at(&address) {
            let holder = lease.holder;
            self.forget_lease(holder, &address);
        }
        if self.slots.promote(&address).is_none() {
            return Err("its address is in use".into());
        }
        let (ours, theirs) = sys::stream_pair().map_err(|error| format!("no control channel: {error}"))?;
        let addresses = self.lease(Who::Actor(address), BORN_WITH);
        if let Some(record) = self.board.record(address.slot()) {
            record.reset();
        }
        self.spread_capabilities();
        let world = self.surroundings.clone();
        let begin =
            Begin { address, actor_type: kind.name().into_owned(), requirements, start, addresses, world };
        let begun = self.starter.start(begin, kind, &ours, theirs);
        let Begun { pid, word } = begun.map_err(|error| format!("no process for it: {error}"))?;
        let channel = Channel::new(ours).map_err(|error| format!("no control channel: {error}"))?;
        // It is open: it has just been made.
        let _ = self.port.watch(channel.descriptor(), address.slot(), channel.interest());
        self.pids.insert(pid, address);
        if let Some(actor) = self.slots.actor(&address) {
            actor.pid = Some(pid);
            actor.channel = Some(channel);
        }
        if let Some(word) = word {
            self.say(Who::Actor(address), &word);
        }
        Ok(())
    }

    /// There will be no actor at this address.
    pub(super) fn discard(&mut self, address: ActorAddress) {
        let mut waiting = Vec::new();
        let mut alone = false;
        if let Some(actor) = self.slots.actor(&address) {
            actor.stage = Stage::Failed;
            waiting = std::mem::take(&mut actor.waiting);
            alone = actor.pid.is_none();
        } else if let Some(lease) = self.slots.lease_at(&address) {
            let holder = lease.holder;
            self.forget_lease(holder, &address);
            waiting = self.slots.end_lease(&address).map(|lease| lease.waiting).unwrap_or_default();
        }
        self.say_gone(waiting, address);
        if alone {
            self.clear(&address);
        }
    }

    /// Ends an actor's process.
    pub(super) fn kill(&mut self, address: &ActorAddress, why: &str) {
        if let Some(actor) = self.slots.actor(address)
            && let Some(pid) = actor.pid
        {
            actor.killed.get_or_insert_with(|| why.into());
            self.starter.kill(pid);
        }
    }

    /// An actor's channel can be read or written.
    pub(super) fn hear_actor(&mut self, slot: u64) {
        let Some(actor) = self.slots.actor_at(slot) else { return };
        let address = actor.address;
        let Some(channel) = &mut actor.channel else { return };
        channel.flush();
        channel.read();
        self.hear_words(address);
    }

    fn hear_words(&mut self, address: ActorAddress) {
        while let Some(bytes) =
            self.slots.actor(&address).and_then(|actor| actor.channel.as_mut()).and_then(Channel::next)
        {
            match decode(&bytes) {
                Ok(word) => self.word_from(Who::Actor(address), word),
                Err(error) => {
                    self.kill(&address, &format!("its process said what cannot be understood: {error}"));
                }
            }
            self.perform();
        }
    }

    pub(super) fn word_from_actor(&mut self, address: ActorAddress, word: ToAdminProcess) {
        match word {
            ToAdminProcess::Started(Ok(locator)) => self.started(address, locator),
            ToAdminProcess::Started(Err(failure)) => {
                let error = match failure {
                    StartFailure::Incompatible(check) => LaunchError::Incompatible(check),
                    StartFailure::Argument(problem) => LaunchError::Start(StartError::Argument(problem)),
                    StartFailure::Failed(text) => LaunchError::Start(StartError::Failed(Failure::new(text))),
                };
                self.launched(address, Err(error));
            }
            ToAdminProcess::Stopped(counters) => {
                if let Some(actor) = self.slots.actor(&address) {
                    actor.stage = Stage::Stopped(counters);
                }
            }
            ToAdminProcess::Claim { call, name, proposed } => {
                let claimed = self.engine.claim_name(&name, proposed);
                if claimed != proposed {
                    self.release(Who::Actor(address), proposed);
                }
                if let Some(actor) = self.slots.actor(&address) {
                    actor.claims.push((name, claimed));
                }
                self.say(Who::Actor(address), &ToProcess::Named { call, address: Some(claimed) });
            }
            ToAdminProcess::AbandonClaim { name, address: claimed } => {
                if let Some(actor) = self.slots.actor(&address) {
                    actor.claims.retain(|claim| *claim != (name.clone(), claimed));
                }
                self.abandon_claim(Who::Actor(address), &name, claimed);
            }
            ToAdminProcess::Overdue => {
                let grace = self.surroundings.limits.exit_grace.as_secs_f64();
                self.kill(&address, &format!("did not exit within {grace} s of being asked to"));
            }
            ToAdminProcess::Rechecked(verdict) => {
                let input = AdminInput::Rechecked(address, verdict);
                self.engine.handle(self.clock.now(), input, &mut self.out);
            }
            // What only clients say.
            _ => {}
        }
    }

    fn abandon_claim(&mut self, who: Who, name: &str, address: ActorAddress) {
        if self.engine.abandon_claim(name, &address) {
            self.release(who, address);
        }
    }

    fn started(&mut self, address: ActorAddress, locator: Locator) {
        let Some(actor) = self.slots.actor(&address) else { return };
        let waiting = std::mem::take(&mut actor.waiting);
        actor.stage = Stage::Running(locator.clone());
        self.launched(address, Ok(()));
        for who in waiting {
            self.say(who, &ToProcess::Located { address, locator: locator.clone() });
        }
    }

    /// Buries the processes that have ended.
    pub(super) fn bury(&mut self) {
        let mut any = false;
        while let Some((pid, ended)) = sys::reap().or_else(|| self.starter.ended()) {
            any = true;
            if let Some(address) = self.pids.remove(&pid) {
                self.ended(address, ended);
                self.perform();
            } else if self.starter.servant() == Some(pid) {
                // Whoever forks is gone, and with it, by their ties, all that it had forked.
                let text = format!("the process that starts actors is gone ({ended}): the system ends");
                runtime_log::say(log::Level::Error, &text);
                self.down = true;
            } else if let Some(logger) = &mut self.logger
                && logger.pid == Some(pid)
            {
                logger.ended(self.clock.now());
            }
        }
        if any {
            self.sweep();
        }
    }

    /// The process of an actor has ended: what it had said comes first.
    fn ended(&mut self, address: ActorAddress, ended: Ended) {
        if let Some(channel) = self.slots.actor(&address).and_then(|actor| actor.channel.as_mut()) {
            channel.read();
        }
        self.hear_words(address);
        let record = self.board.record(address.slot());
        let Live { counters, outgoing, .. } = record.map(|record| record.live()).unwrap_or_default();
        let Some(actor) = self.slots.actor(&address) else { return };
        actor.pid = None;
        let killed = actor.killed.take();
        let exited = |cause, counters| AdminInput::Exited { address, cause, counters };
        let input = match std::mem::replace(&mut actor.stage, Stage::Failed) {
            Stage::Failed => None,
            Stage::Starting => {
                self.could_not_start(address, format!("{ended} before the actor ran"));
                // Which discards it, and that clears the slot.
                return self.perform();
            }
            Stage::Stopped(counters) => Some(exited(ExitCause::Requested, counters)),
            Stage::Running(_) => {
                let how = killed.unwrap_or_else(|| self.killer.explain(&ended));
                if outgoing > 0 {
                    // They were in its memory: the only messages that are lost, and so people are told.
                    let text =
                        format!("{address} died with {outgoing} messages that nobody had dealt with: {how}");
                    runtime_log::say(log::Level::Warn, &text);
                }
                Some(exited(ExitCause::Killed(how), counters))
            }
        };
        if let Some(input) = input {
            self.engine.handle(self.clock.now(), input, &mut self.out);
        }
        self.clear(&address);
    }

    /// Nobody is at this address any more, and nothing of its process is left.
    fn clear(&mut self, address: &ActorAddress) {
        let Some(actor) = self.slots.remove(address) else { return };
        if actor.channel.is_some() {
            self.port.unwatch(address.slot());
        }
        if let Some(record) = self.board.record(address.slot()) {
            record.reset();
        }
        let who = Who::Actor(*address);
        for (name, claimed) in actor.claims {
            self.abandon_claim(who, &name, claimed);
        }
        for lease in actor.leases {
            if let Some(lease) = self.slots.end_lease(&lease) {
                self.say_gone(lease.waiting, lease.address);
            }
        }
        let suspecting = self.suspects.iter().filter(|(.., suspect)| suspect == address);
        let mut waiting: Vec<Who> = suspecting.map(|(_, who, _)| *who).collect();
        self.suspects.retain(|(.., suspect)| suspect != address);
        waiting.extend(actor.waiting);
        self.say_gone(waiting, *address);
    }

    /// Ends what an actor's process has left: its own children, which the system gives to the admin.
    fn sweep(&mut self) {
        let known: HashSet<Pid> = self.pids.keys().copied().collect();
        for pid in sys::children() {
            if !known.contains(&pid) && !self.is_servant(pid) {
                sys::kill_child(pid);
            }
        }
    }

    /// Whether a child is none of an actor's: the logger, or the process that forks.
    fn is_servant(&self, pid: Pid) -> bool {
        self.starter.servant() == Some(pid)
            || self.logger.as_ref().is_some_and(|logger| logger.pid == Some(pid))
    }
}
