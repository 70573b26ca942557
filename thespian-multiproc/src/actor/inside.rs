//! What a handler has of the world while it runs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use thespian_core::engine::HostInput;
use thespian_core::{Actions, ActorAddress, Capabilities, Environment, Time};

use super::Shared;
use super::biased::{Away, Visit};
use super::core::Core;
use crate::control::ToAdminProcess;

/// The environment of one attempt.
pub(super) struct Inside<'a, 'b> {
    pub(super) shared: &'a Shared,
    pub(super) away: &'a mut Away<'b, Core>,
    /// As they were when the attempt began.
    pub(super) capabilities: &'a Capabilities,
}

/// How long one wait lasts at most when the clock says nothing.
const LONG: Duration = Duration::from_secs(60);

impl Inside<'_, '_> {
    /// The core, for a moment of the handler.
    fn visit(&mut self) -> Visit<'_, Core> {
        let mut core = self.away.visit();
        // A handler that comes here all the time leaves the keeper no chance.
        if self.shared.overdue.load(Ordering::Relaxed) {
            self.shared.overdue.store(false, Ordering::Relaxed);
            core.look_around(Duration::ZERO);
        }
        core
    }
}

/// Lets the process go on until something is there.
fn until<T>(core: &mut Core, mut there: impl FnMut(&mut Core) -> Option<T>) -> T {
    loop {
        core.perform();
        if let Some(found) = there(core) {
            return found;
        }
        core.plane.flush();
        let patience = core.patience();
        core.turn(patience);
    }
}

impl Environment for Inside<'_, '_> {
    fn now(&mut self) -> Time {
        self.shared.clock.now()
    }

    fn allocate(&mut self) -> ActorAddress {
        let mut core = self.visit();
        if let Some(address) = core.take_address() {
            return address;
        }
        until(&mut core, Core::take_address)
    }

    fn claim_name(&mut self, name: &str, proposed: ActorAddress) -> ActorAddress {
        let mut core = self.visit();
        let call = core.ask(|call| ToAdminProcess::Claim { call, name: name.into(), proposed });
        until(&mut core, |core| core.take_named(call)).unwrap_or(proposed)
    }

    fn find_name(&mut self, name: &str) -> Option<ActorAddress> {
        let mut core = self.visit();
        let call = core.ask(|call| ToAdminProcess::Find { call, name: name.into() });
        until(&mut core, |core| core.take_named(call))
    }

    fn flush(&mut self, _actor: ActorAddress, actions: &mut Actions) {
        let shared = self.shared;
        let mut core = self.visit();
        let now = core.clock.now();
        let Core { host, out, .. } = &mut *core;
        host.handle(now, HostInput::Flushed(actions), out);
        core.perform();
        core.plane.flush();
        let until = now + shared.limits.flush_wait;
        while core.host.is_paused() && core.clock.now() < until {
            let left = until.since(core.clock.now());
            let patience = core.patience().unwrap_or(LONG).min(left);
            core.turn(Some(patience));
            core.perform();
            core.plane.flush();
        }
    }

    fn capabilities(&self) -> &Capabilities {
        self.capabilities
    }

    fn largest_message(&self) -> Option<usize> {
        Some(self.shared.limits.message_size)
    }

    fn admin(&self) -> ActorAddress {
        self.shared.world.admin
    }

    fn base_name(&self) -> &str {
        &self.shared.world.base
    }
}
