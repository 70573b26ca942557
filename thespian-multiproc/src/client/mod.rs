//! A program that is attached to a system.
//!
//! Whoever calls does the reading and writing while it waits; when several threads wait, one of them does it for all. A
//! thread of the host's, the keeper, does it while nobody waits, so that what was told goes on its way and what comes is
//! taken.

mod core;
mod farewell;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use thespian_core::driver::panics;
use thespian_core::transport::{Attached, Locator};
use thespian_core::{
    ActorAddress, ActorSpec, Answer, AnyMessage, AttachProblem, Capabilities, Error, RunningSystem, Time,
    Timeout, Value,
};

use self::core::{Bell, Core, Waiter, Welcomed};
use crate::clock::Clock;

/// How long the keeper leaves the connections alone after a caller has used them: callers usually come again.
const TICK: Duration = Duration::from_millis(10);

/// The longest that one wait takes, so that a clock that is off does no harm.
const LONG: Duration = Duration::from_secs(60);

/// An attached system.
pub(crate) struct ClientSystem {
    shared: Arc<Shared>,
    base: &'static str,
    admin: ActorAddress,
    keeper: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    core: Mutex<Core>,
    waker: Waker,
    clock: Clock,
    /// Threads that want the core while another one waits with it.
    wanting: Arc<AtomicU32>,
    /// The keeper sleeps here.
    keeper: Condvar,
    /// The program lets the system go.
    ended: AtomicBool,
}

impl Shared {
    /// The core, which whoever waits with it gives up when asked to.
    fn lock(&self) -> MutexGuard<'_, Core> {
        if let Some(core) = self.core.try_lock() {
            return core;
        }
        self.wanting.fetch_add(1, Ordering::SeqCst);
        self.waker.wake_by_ref();
        let core = self.core.lock();
        self.wanting.fetch_sub(1, Ordering::SeqCst);
        core
    }

    /// The same, unless whoever has it does not give it up in time.
    fn lock_until(&self, until: Instant) -> Option<MutexGuard<'_, Core>> {
        self.wanting.fetch_add(1, Ordering::SeqCst);
        self.waker.wake_by_ref();
        let core = self.core.try_lock_until(until);
        self.wanting.fetch_sub(1, Ordering::SeqCst);
        core
    }

    /// Waits with the core until something happens, at most so long.
    fn turn(&self, core: &mut MutexGuard<'_, Core>, timeout: Option<Duration>) {
        let timeout = if self.wanting.load(Ordering::SeqCst) > 0 { Some(Duration::ZERO) } else { timeout };
        core.turn(timeout);
        if self.wanting.load(Ordering::SeqCst) > 0 {
            MutexGuard::bump(core);
        }
    }

    /// Waits, by whatever thread does it, until `there` has something or time runs out.
    fn wait_for<T>(
        &self,
        core: &mut MutexGuard<'_, Core>,
        waiter: Waiter,
        until: Option<Time>,
        mut there: impl FnMut(&mut Core) -> Option<T>,
    ) -> Option<T> {
        let bell = Arc::new(Bell::default());
        let mut registered = false;
        let found = loop {
            core.perform();
            if let Some(found) = there(core) {
                break Some(found);
            }
            let now = self.clock.now();
            let left = match until {
                Some(until) if until <= now => break None,
                Some(until) => (until.since(now) + Duration::from_nanos(1)).min(LONG),
                None => LONG,
            };
            core.flush();
            if !registered {
                registered = true;
                core.waiters.push((waiter, bell.clone()));
            }
            if core.leader.is_none() {
                core.leader = Some(waiter);
                let patience = core.patience(now).map_or(left, |patience| patience.min(left));
                self.turn(core, Some(patience));
                // It may have found something for itself.
                bell.answer(&self.wanting);
                if core.leader == Some(waiter) {
                    core.leader = None;
                }
            } else {
                bell.wait_for(core, left);
            }
        };
        if registered {
            core.waiters.retain(|(_, known)| !Arc::ptr_eq(known, &bell));
            bell.answer(&self.wanting);
        }
        // Somebody has to read for those who still wait.
        if core.leader.is_none()
            && let Some((_, next)) = core.waiters.first()
        {
            next.ring(&self.wanting);
        }
        if core.keeper_sleeps && core.leader.is_none() {
            self.keeper.notify_one();
        }
        found
    }
}

impl ClientSystem {
    /// Introduces this program to the system that was found.
    ///
    /// # Errors
    ///
    /// When its admin does not greet back within the limit. `None` if it ended meanwhile.
    pub(crate) fn new(
        attached: Attached,
        base: &'static str,
        place: &Locator,
        greeting: Duration,
    ) -> Result<Option<ClientSystem>, Error> {
        panics::install_hook();
        let waker = attached.port.waker();
        let core = match Core::attach(attached, base, greeting) {
            Welcomed::In(core) => *core,
            Welcomed::Gone => return Ok(None),
            Welcomed::Not => {
                let (base, place) = (base.into(), place.to_string());
                let problem = AttachProblem::Unwelcoming { waited: greeting };
                return Err(Error::AttachFailure { base, place, problem });
            }
        };
        let admin = core.admin();
        let shared = Arc::new(Shared {
            clock: core.clock(),
            wanting: core.wanting.clone(),
            core: Mutex::new(core),
            waker,
            keeper: Condvar::new(),
            ended: AtomicBool::new(false),
        });
        farewell::expect_of(&shared);
        let keeper = std::thread::Builder::new().name("thespian".into());
        let keeper = keeper.spawn({
            let shared = shared.clone();
            move || keep(&shared)
        });
        let keeper = keeper.map_err(|error| Error::StartupFailure {
            base: base.into(),
            cause: format!("no thread for what comes while nobody waits: {error}"),
        })?;
        Ok(Some(ClientSystem { shared, base, admin, keeper: Some(keeper) }))
    }

    fn enter(&self, call: &'static str) -> Result<MutexGuard<'_, Core>, Error> {
        if panics::in_actor() {
            return Err(Error::CalledFromActor { call: call.into() });
        }
        Ok(self.shared.lock())
    }

    fn down(&self) -> Error {
        Error::SystemDown { base: self.base.into() }
    }

    /// Sends a message and waits while too many are outstanding.
    fn send(
        &self,
        core: &mut MutexGuard<'_, Core>,
        endpoint: ActorAddress,
        target: ActorAddress,
        message: AnyMessage,
    ) -> Result<(), Error> {
        core.send(endpoint, target, message)?;
        core.perform();
        if core.is_full(&endpoint) {
            core.ask_how_far(&endpoint);
            let waiter = Waiter::Room(endpoint);
            let until = self.shared.clock.now() + core.limits().delivery_limit;
            self.shared.wait_for(core, waiter, Some(until), |core| {
                (core.has_room(&endpoint) || core.is_down()).then_some(())
            });
        }
        core.flush();
        Ok(())
    }

    fn receive(
        &self,
        core: &mut MutexGuard<'_, Core>,
        endpoint: ActorAddress,
        timeout: Timeout,
        target: Option<ActorAddress>,
    ) -> Result<Answer, Error> {
        let until = timeout.duration().map(|timeout| self.shared.clock.now() + timeout);
        let waiter = Waiter::Endpoint(endpoint);
        let found = self.shared.wait_for(core, waiter, until, |core| core.look(endpoint, target).transpose());
        found.unwrap_or(Ok(Answer::TimedOut))
    }

    /// Waits for the admin's answer to a call.
    fn answer<T>(
        &self,
        core: &mut MutexGuard<'_, Core>,
        call: u64,
        take: impl Fn(&mut Core, u64) -> Option<T>,
    ) -> Result<T, Error> {
        let answer = self.shared.wait_for(core, Waiter::Call(call), None, |core| match take(core, call) {
            Some(answer) => Some(Some(answer)),
            None => core.is_down().then_some(None),
        });
        answer.flatten().ok_or_else(|| self.down())
    }
}

impl Drop for ClientSystem {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.shared.waker.wake_by_ref();
        self.shared.keeper.notify_one();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// What the keeper does: it waits with the core when nobody else does.
fn keep(shared: &Shared) {
    let mut core = shared.core.lock();
    while !shared.ended.load(Ordering::SeqCst) {
        let used = core.uses;
        if core.leader.is_some() {
            // Whoever leads wakes it when done.
            core.keeper_sleeps = true;
            shared.keeper.wait(&mut core);
            core.keeper_sleeps = false;
            continue;
        }
        if !core.has_pressing() {
            shared.keeper.wait_for(&mut core, TICK);
            if core.uses != used || core.leader.is_some() || shared.ended.load(Ordering::SeqCst) {
                continue;
            }
        }
        core.say_closed();
        core.perform();
        core.flush();
        let patience = core.patience(shared.clock.now()).map_or(LONG, |patience| patience.min(LONG));
        shared.turn(&mut core, Some(patience));
        core.perform();
        core.flush();
    }
    core.last_words(Instant::now() + core::LAST_WORDS);
}

impl RunningSystem for ClientSystem {
    fn base(&self) -> &str {
        self.base
    }

    fn open(&self) -> Result<ActorAddress, Error> {
        let mut core = self.enter("private")?;
        core.check_up()?;
        if let Some(endpoint) = core.open() {
            return Ok(endpoint);
        }
        let opened = self.shared.wait_for(&mut core, Waiter::Addresses, None, |core| {
            if core.is_down() { Some(None) } else { core.open().map(Some) }
        });
        opened.flatten().ok_or_else(|| self.down())
    }

    fn close(&self, endpoint: ActorAddress) {
        // Unlike others it is done inside an actor's code too: it waits for nothing.
        let mut core = self.shared.lock();
        // What this says to others goes with the next message, or when the keeper looks.
        core.close(&endpoint);
        core.perform();
    }

    fn tell(&self, endpoint: ActorAddress, target: ActorAddress, message: AnyMessage) -> Result<(), Error> {
        let mut core = self.enter("tell")?;
        self.send(&mut core, endpoint, target, message)?;
        if core.has_pressing() {
            self.shared.keeper.notify_one();
        }
        Ok(())
    }

    fn listen(
        &self,
        endpoint: ActorAddress,
        timeout: Timeout,
        target: Option<ActorAddress>,
    ) -> Result<Answer, Error> {
        let mut core = self.enter("listen")?;
        self.receive(&mut core, endpoint, timeout, target)
    }

    fn ask(
        &self,
        endpoint: ActorAddress,
        target: ActorAddress,
        message: AnyMessage,
        timeout: Timeout,
    ) -> Result<Answer, Error> {
        let mut core = self.enter("ask")?;
        self.send(&mut core, endpoint, target, message)?;
        self.receive(&mut core, endpoint, timeout, Some(target))
    }

    fn create(&self, spec: ActorSpec) -> Result<ActorAddress, Error> {
        let mut core = self.enter("create")?;
        core.check_up()?;
        let call = core.create(spec)?;
        self.answer(&mut core, call, Core::take_created)?
    }

    fn find(&self, global_name: &str) -> Result<Option<ActorAddress>, Error> {
        let mut core = self.enter("find_actor")?;
        core.check_up()?;
        let call = core.find(global_name);
        self.answer(&mut core, call, Core::take_named)
    }

    fn update_capability(&self, name: &str, value: Value) -> Result<(), Error> {
        let mut core = self.enter("update_capability")?;
        core.check_up()?;
        let call = core.update(name, value);
        self.answer(&mut core, call, Core::take_updated)?
    }

    fn capabilities(&self) -> Result<Capabilities, Error> {
        let mut core = self.enter("capabilities")?;
        // What came meanwhile is taken first.
        core.turn(Some(Duration::ZERO));
        core.check_up()?;
        Ok(core.capabilities().clone())
    }

    fn admin(&self) -> ActorAddress {
        self.admin
    }

    fn shutdown(&self) -> Result<(), Error> {
        let mut core = self.enter("shutdown")?;
        if core.is_down() {
            return Ok(());
        }
        core.shut_down();
        // The admin ends everything within its grace; and if it hangs, somebody has to say so.
        let grace = core.limits().shutdown_grace + Duration::from_secs(30);
        let until = self.shared.clock.now() + grace;
        let down =
            self.shared.wait_for(&mut core, Waiter::Down, Some(until), |core| core.is_down().then_some(()));
        down.ok_or_else(|| Error::ShutdownFailure {
            base: self.base.into(),
            cause: format!("its admin has not ended within {grace:?}: look for its process, and end that"),
        })
    }

    fn is_down(&self) -> bool {
        match self.enter("is_down") {
            Ok(mut core) => {
                core.turn(Some(Duration::ZERO));
                core.is_down()
            }
            Err(_) => false,
        }
    }
}
