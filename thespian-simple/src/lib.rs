//! `simpleSystemBase`: every actor in the caller's thread (guide section 9.2).
//!
//! Whenever a program calls the system, everything that the call sets off runs before it returns: the handlers, the
//! messages they send, the actors they create, until nothing is left to do. There is no other thread and no process.
//! It is the base for tests, for small programs, and for seeing what one's actors do without anything in between.
//!
//! ```
//! use std::time::Duration;
//! use thespian_core::{ActorSystem, Context, Handled, actor};
//! use thespian_simple::Simple;
//!
//! #[derive(Default)]
//! struct Greeter;
//!
//! #[actor]
//! impl Greeter {
//!     fn greet(&mut self, name: &String, ctx: &mut Context<'_>) -> Handled {
//!         ctx.reply(format!("Hello, {name}"))
//!     }
//! }
//!
//! # fn main() -> Result<(), thespian_core::Error> {
//! let system = ActorSystem::builder().base(Simple).unregistered().start()?;
//! let greeter = system.create_actor::<Greeter>()?;
//! let answer: String = system.request(&greeter, "world", Duration::from_secs(1))?;
//! assert_eq!(answer, "Hello, world");
//! system.shutdown()
//! # }
//! ```
//!
//! # What is different here
//!
//! - **Wakeups** fire only inside a call. An `ask` or `listen` with a timeout waits for those that fall due within it
//!   (decision D28); `tell` and `create` deliver those that are due already.
//! - **Waiting is real.** An `ask` that nobody answers waits until its timeout, because another thread's call may bring
//!   the answer; without a timeout it waits for ever.
//! - **Actors that never settle** (two that answer each other for ever) end the call that set them off with
//!   [`Error::NeverSettles`] after [`Limits::steps_per_call`](thespian_core::Limits::steps_per_call) deliveries. Nothing is
//!   lost: the next call goes on from there.
//! - **An endless handler** blocks everybody: there is nobody else to run.
//! - Not here: watched descriptors, conventions, loading of source. Such calls answer with
//!   [`Error::NotSupported`]; a returned watch is ignored (guide section 4.8).
//!
//! Any number of threads may call one system: one at a time runs the actors.
//!
//! # Dependencies
//!
//! `parking_lot` (the lock and the condition that waiting callers sleep on), `inventory` (to offer itself as the
//! default base), `getrandom` (the id and the key of each system).

#![forbid(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use thespian_core::driver::panics;
use thespian_core::driver::world::{Clock, SystemConfig, World};
use thespian_core::engine::CallId;
use thespian_core::{
    ActorAddress, ActorSpec, AddressKey, Answer, AnyMessage, Base, Capabilities, DefaultBase, Error,
    RunningSystem, Settings, SystemId, Time, Timeout, Value,
};

/// The base: `ActorSystem::builder().base(Simple)`. It is also the default, where this crate is linked in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Simple;

/// The base's name, as in the guide.
pub const NAME: &str = "simpleSystemBase";

thespian_core::__private::inventory::submit! { DefaultBase(|| Box::new(Simple)) }

impl Base for Simple {
    fn name(&self) -> &'static str {
        NAME
    }

    fn start(self: Box<Self>, mut settings: Settings) -> Result<Arc<dyn RunningSystem>, Error> {
        let read_only = settings.complete(NAME, false)?;
        let id = SystemId::from_bits(u128::from_be_bytes(random()?));
        let clock = RealClock { start: Instant::now() };
        let mut world = World::new(Some(Box::new(clock)));
        world.add_system(SystemConfig {
            base: NAME.into(),
            capabilities: settings.capabilities,
            read_only,
            types: settings.types,
            limits: settings.limits,
            id,
            key: AddressKey::new(random()?),
        });
        let admin = world.admin(id);
        let state = Mutex::new(State { world, clock, waiting: 0 });
        Ok(Arc::new(System { id, admin, state, changed: Condvar::new() }))
    }
}

fn random() -> Result<[u8; 16], Error> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|error| Error::StartupFailure {
        base: NAME.into(),
        cause: format!("the operating system gives no random bits for the system's id: {error}"),
    })?;
    Ok(bits)
}

#[derive(Clone, Copy)]
struct RealClock {
    start: Instant,
}

impl Clock for RealClock {
    fn now(&mut self) -> Time {
        Time::after_start(self.start.elapsed())
    }
}

struct System {
    id: SystemId,
    admin: ActorAddress,
    state: Mutex<State>,
    /// Signalled when the actors have run while others waited.
    changed: Condvar,
}

struct State {
    world: World,
    clock: RealClock,
    waiting: usize,
}

/// The world, locked for a call from outside.
struct Inside<'a> {
    // First, so that it is unlocked first.
    state: MutexGuard<'a, State>,
    _entered: panics::Entered,
}

impl Deref for Inside<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Inside<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl State {
    /// Runs the actors until nothing is left to do now.
    #[inline]
    fn settle(&mut self) -> Result<(), Error> {
        self.world.run()?;
        // The clock is only asked where somebody waits for it: it costs as much as handling a message.
        while let Some(deadline) = self.world.next_deadline()
            && let now = self.clock.now()
            && deadline <= now
        {
            self.world.advance(now);
            self.world.run()?;
        }
        Ok(())
    }
}

impl System {
    /// Locks the world for a call from outside.
    #[inline]
    fn enter(&self, call: &'static str) -> Result<Inside<'_>, Error> {
        let Some(entered) = panics::enter() else { return Err(Error::CalledFromActor { call: call.into() }) };
        Ok(Inside { state: self.state.lock(), _entered: entered })
    }

    /// Ends a call: lets the actors run, and whoever waits look again, once they get the lock.
    #[inline]
    fn settle(&self, state: &mut State) -> Result<(), Error> {
        if state.waiting > 0 {
            self.changed.notify_all();
        }
        state.settle()
    }

    /// Goes on after waiting. The others who wait are woken only if something has happened: they would otherwise wake
    /// each other for ever.
    fn resume(&self, state: &mut State) -> Result<(), Error> {
        let before = state.world.deliveries();
        let outcome = state.settle();
        if state.waiting > 0 && state.world.deliveries() != before {
            self.changed.notify_all();
        }
        outcome
    }

    /// Waits until the world changes or time runs out. Says whether there is time left.
    fn wait(&self, state: &mut Inside<'_>, until: Option<Time>) -> bool {
        let now = state.clock.now();
        if until.is_some_and(|until| until <= now) {
            return false;
        }
        let due = state.world.next_deadline().into_iter().chain(until).min();
        state.waiting += 1;
        match due {
            Some(due) => {
                // A nanosecond more, so that one is never early by rounding.
                let left = due.since(now) + Duration::from_nanos(1);
                self.changed.wait_for(&mut state.state, left);
            }
            None => self.changed.wait(&mut state.state),
        }
        state.waiting -= 1;
        true
    }

    fn receive(
        &self,
        mut state: Inside<'_>,
        endpoint: ActorAddress,
        timeout: Timeout,
        target: Option<ActorAddress>,
    ) -> Result<Answer, Error> {
        // What is usual goes first: no result is made that is then looked into.
        if let Some(envelope) = state.world.receive(endpoint) {
            return Ok(Answer::from_envelope(envelope));
        }
        let mut until = None;
        loop {
            if let Some(answer) = self.look(&mut state, endpoint, target)? {
                return Ok(answer);
            }
            // Nothing yet, so the clock matters from now on.
            if until.is_none() {
                let now = state.clock.now();
                until = timeout.duration().map(|timeout| now + timeout);
            }
            if !self.wait(&mut state, until) {
                return Ok(Answer::TimedOut);
            }
            self.resume(&mut state)?;
        }
    }

    #[inline]
    fn look(
        &self,
        state: &mut State,
        endpoint: ActorAddress,
        target: Option<ActorAddress>,
    ) -> Result<Option<Answer>, Error> {
        if let Some(envelope) = state.world.receive(endpoint) {
            return Ok(Some(Answer::from_envelope(envelope)));
        }
        if let Some(target) = target
            && state.world.found_dead(endpoint, &target)
        {
            return Ok(Some(Answer::Dead(target)));
        }
        if state.world.is_down(self.id) {
            return Err(self.down());
        }
        // Nothing would ever come there.
        state.world.check_open(&endpoint)?;
        Ok(None)
    }

    fn down(&self) -> Error {
        Error::SystemDown { base: NAME.into() }
    }

    fn await_created(&self, mut state: Inside<'_>, call: CallId) -> Result<ActorAddress, Error> {
        loop {
            let settled = self.settle(&mut state);
            if let Some(answer) = state.world.answer(call) {
                return answer;
            }
            settled?;
            self.wait(&mut state, None);
        }
    }
}

impl RunningSystem for System {
    fn base(&self) -> &str {
        NAME
    }

    fn open(&self) -> Result<ActorAddress, Error> {
        self.enter("private")?.world.open(self.id)
    }

    fn close(&self, endpoint: ActorAddress) {
        // Dropped inside an actor's code the endpoint stays until the system goes; there is no way to lock here.
        if let Ok(mut state) = self.enter("private") {
            state.world.close(endpoint);
            // Whatever that sets off concerns dead letters only, and goes on with the next call if it does not settle.
            let _ = self.settle(&mut state);
        }
    }

    fn tell(&self, endpoint: ActorAddress, target: ActorAddress, message: AnyMessage) -> Result<(), Error> {
        let mut state = self.enter("tell")?;
        state.world.send(endpoint, target, message)?;
        self.settle(&mut state)
    }

    fn listen(
        &self,
        endpoint: ActorAddress,
        timeout: Timeout,
        target: Option<ActorAddress>,
    ) -> Result<Answer, Error> {
        let mut state = self.enter("listen")?;
        self.settle(&mut state)?;
        self.receive(state, endpoint, timeout, target)
    }

    fn ask(
        &self,
        endpoint: ActorAddress,
        target: ActorAddress,
        message: AnyMessage,
        timeout: Timeout,
    ) -> Result<Answer, Error> {
        let mut state = self.enter("ask")?;
        state.world.send(endpoint, target, message)?;
        self.settle(&mut state)?;
        self.receive(state, endpoint, timeout, Some(target))
    }

    fn request(&self, target: ActorAddress, message: AnyMessage, timeout: Timeout) -> Result<Answer, Error> {
        let mut state = self.enter("request")?;
        let endpoint = state.world.open(self.id)?;
        if let Err(error) = state.world.send(endpoint, target, message) {
            state.world.close(endpoint);
            return Err(error);
        }
        if let Err(error) = self.settle(&mut state) {
            state.world.close(endpoint);
            return Err(error);
        }
        if let Some(envelope) = state.world.receive(endpoint) {
            state.world.close(endpoint);
            return Ok(Answer::from_envelope(envelope));
        }
        let answer = self.receive(state, endpoint, timeout, Some(target));
        self.close(endpoint);
        answer
    }

    fn create(&self, spec: ActorSpec) -> Result<ActorAddress, Error> {
        let mut state = self.enter("create")?;
        let call = state.world.create(self.id, spec)?;
        self.await_created(state, call)
    }

    fn find(&self, global_name: &str) -> Result<Option<ActorAddress>, Error> {
        let state = self.enter("find_actor")?;
        if state.world.is_down(self.id) {
            return Err(self.down());
        }
        Ok(state.world.find_name(self.id, global_name))
    }

    fn update_capability(&self, name: &str, value: Value) -> Result<(), Error> {
        let mut state = self.enter("update_capability")?;
        state.world.update_capability(self.id, name, value)?;
        self.settle(&mut state)
    }

    fn capabilities(&self) -> Result<Capabilities, Error> {
        let state = self.enter("capabilities")?;
        if state.world.is_down(self.id) {
            Err(self.down())
        } else {
            Ok(state.world.capabilities(self.id).clone())
        }
    }

    fn admin(&self) -> ActorAddress {
        self.admin
    }

    fn shutdown(&self) -> Result<(), Error> {
        let mut state = self.enter("shutdown")?;
        state.world.shutdown(self.id);
        // Actors that exit in an endless exchange of messages are killed when the grace is over.
        while !state.world.is_down(self.id) {
            let settled = self.settle(&mut state);
            if !state.world.is_down(self.id) && settled.is_ok() {
                self.wait(&mut state, None);
            }
        }
        self.settle(&mut state)
    }

    fn is_down(&self) -> bool {
        self.enter("is_down").is_ok_and(|state| state.world.is_down(self.id))
    }
}
