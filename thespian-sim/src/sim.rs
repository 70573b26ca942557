//! The simulation as a base.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use thespian_core::driver::panics;
use thespian_core::driver::world::{SystemConfig, World};
use thespian_core::engine::link::Carrier;
use thespian_core::{
    ActorAddress, ActorSpec, AddressKey, Answer, AnyMessage, Base, Capabilities, Error, RunningSystem,
    Settings, SystemId, Time, Timeout, Value,
};

use crate::ledger::{Account, Ledger, SimObserver, Violations};
use crate::random::Random;
use crate::weather::{Faults, SimNetwork, Weather, ordered};

/// The base's name.
pub const NAME: &str = "simulatedSystemBase";

/// How many lines of trace are kept.
const TRACE_LINES: usize = 2_000;

/// A simulated world, and the base that starts systems in it. Clones are the same world.
///
/// A test calls it, not the actors in it.
///
/// # Panics
///
/// [`kill`](Sim::kill), [`run_for`](Sim::run_for), [`now`](Sim::now), [`actors`](Sim::actors) and
/// [`finish`](Sim::finish), and with connections [`cut`](Sim::cut) and [`heal`](Sim::heal), when they are called from
/// inside an actor: they would wait for themselves. An actor has
/// [`Context::uptime`](thespian_core::Context::uptime).
#[derive(Clone)]
pub struct Sim {
    seed: u64,
    state: Arc<Mutex<State>>,
    weather: Arc<Mutex<Weather>>,
    ledger: Arc<Mutex<Ledger>>,
}

struct State {
    world: World,
    systems: Vec<SystemId>,
    random: Random,
    /// What may still happen, in deliveries and events, before the simulation is given up as endless.
    steps_left: u64,
    steps: u64,
}

impl Sim {
    /// A world in which everything random comes from this seed, without faults.
    pub fn new(seed: u64) -> Sim {
        Sim::with_trace(seed, TRACE_LINES)
    }

    /// The same, keeping this many lines of trace.
    pub fn with_trace(seed: u64, lines: usize) -> Sim {
        let mut random = Random::new(seed);
        let weather = Arc::new(Mutex::new(Weather::new(Faults::default(), random.fork())));
        let ledger = Arc::new(Mutex::new(Ledger::new(lines)));
        let mut world = World::new(None);
        world.set_network(Box::new(SimNetwork(weather.clone())));
        world.set_observer(Box::new(SimObserver(ledger.clone())));
        let steps = 50_000_000;
        let state = State { world, systems: Vec::new(), random, steps_left: steps, steps };
        Sim { seed, state: Arc::new(Mutex::new(state)), weather, ledger }
    }

    /// The same world with these faults from the beginning.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Sim {
        self.set_faults(faults);
        self
    }

    /// The same world with another step budget: how many things may happen before a call fails with
    /// [`Error::NeverSettles`]. The default is 50 million.
    #[must_use]
    pub fn with_steps(self, steps: u64) -> Sim {
        {
            let mut state = self.state.lock();
            state.steps_left = steps;
            state.steps = steps;
        }
        self
    }

    /// The same world where frames travel by connections, as TCP's: once and in order, until a connection is lost with
    /// all that is on its way by it. A [cut](Sim::cut) loses the connection, [`Faults::loss`] too, and when nothing is cut
    /// there is another one soon. For worlds without systems yet.
    #[must_use]
    pub fn with_connections(self) -> Sim {
        self.weather.lock().carrier = Carrier::Reliable;
        self
    }

    /// The same world where what users send is sent once, and lost if it is lost: as between processes by UDP. For worlds
    /// without systems yet.
    #[must_use]
    pub fn with_best_effort(self) -> Sim {
        self.weather.lock().carrier = Carrier::BestEffort;
        self
    }

    /// Locks the world for a call on this handle.
    fn inside(&self, call: &str) -> Inside<'_> {
        match Inside::new(&self.state) {
            Some(inside) => inside,
            None => panic!("Sim::{call} was called from inside an actor, which would wait for itself"),
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Changes the faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.weather.lock().faults = faults;
    }

    /// The faults now.
    pub fn faults(&self) -> Faults {
        self.weather.lock().faults.clone()
    }

    /// Lets nothing pass between two addresses, in both directions, until [`Sim::heal`].
    pub fn cut(&self, a: &ActorAddress, b: &ActorAddress) {
        let carrier = {
            let mut weather = self.weather.lock();
            weather.cuts.insert(ordered(*a, *b));
            weather.carrier
        };
        if carrier == Carrier::Reliable {
            self.inside("cut").world.disconnect(*a, *b);
        }
    }

    /// Lets nothing pass between two systems, in both directions, until [`Sim::heal`].
    pub fn cut_systems(&self, a: SystemId, b: SystemId) {
        self.weather.lock().system_cuts.insert(ordered(a, b));
    }

    /// Ends all cuts.
    pub fn heal(&self) {
        let mut weather = self.weather.lock();
        weather.cuts.clear();
        weather.system_cuts.clear();
        let carrier = weather.carrier;
        drop(weather);
        if carrier == Carrier::Reliable {
            self.inside("heal").world.reconnect();
        }
    }

    /// Ends an actor as `kill -9` ends its process: without a word, and its children with it.
    pub fn kill(&self, actor: &ActorAddress) {
        self.inside("kill").world.kill(*actor, "kill -9");
    }

    /// Lets time pass.
    ///
    /// # Errors
    ///
    /// [`Error::NeverSettles`] when the step budget is used up.
    pub fn run_for(&self, time: Duration) -> Result<(), Error> {
        let mut state = self.inside("run_for");
        let until = state.world.now() + time;
        state.run_until(until)
    }

    /// Virtual time since the beginning.
    pub fn now(&self) -> Duration {
        self.inside("now").world.now().since_start()
    }

    /// The actors of all systems that live now.
    pub fn actors(&self) -> Vec<ActorAddress> {
        let state = self.inside("actors");
        state.systems.iter().flat_map(|system| state.world.actors(*system)).collect()
    }

    /// Ends the faults, lets everything end that is under way, and checks that every message is accounted for.
    /// Wakeups that actors set for each other for ever end it too, after an hour of virtual time.
    ///
    /// # Errors
    ///
    /// What was wrong.
    pub fn finish(&self) -> Result<Account, Violations> {
        self.heal();
        self.set_faults(Faults::default());
        let mut state = self.inside("finish");
        let end = state.world.now() + Duration::from_secs(3600);
        while let Some(next) = state.world.next_deadline().filter(|next| *next <= end) {
            if let Err(error) = state.run_until(next) {
                return Err(Violations(vec![error.to_string()]));
            }
            if state.is_over() && self.ledger.lock().final_violations(&state.unread()).is_empty() {
                break;
            }
        }
        if let Err(error) = state.settle() {
            return Err(Violations(vec![error.to_string()]));
        }
        let ledger = self.ledger.lock();
        let violations = ledger.final_violations(&state.unread());
        if violations.is_empty() { Ok(ledger.account) } else { Err(Violations(violations)) }
    }

    /// What has been wrong so far.
    pub fn violations(&self) -> Violations {
        Violations(self.ledger.lock().violations())
    }

    /// How many messages ended in which way so far.
    pub fn account(&self) -> Account {
        self.ledger.lock().account
    }

    /// How many messages are under way, wait, or are being handled.
    pub fn unsettled(&self) -> usize {
        self.ledger.lock().unsettled()
    }

    /// How often the parent of this actor has been told that it exited.
    pub fn exit_notices(&self, child: &ActorAddress) -> u32 {
        self.ledger.lock().notices(child)
    }

    /// Frames that were lost and repeated so far.
    pub fn lost_and_repeated(&self) -> (u64, u64) {
        let weather = self.weather.lock();
        (weather.lost, weather.repeated)
    }

    /// What happened, line by line: the last 2,000 lines.
    pub fn trace(&self) -> Vec<String> {
        self.ledger.lock().trace()
    }

    /// A number that two runs share only if they did the same things at the same times.
    pub fn trace_hash(&self) -> u128 {
        self.ledger.lock().hash()
    }
}

/// The world, locked for a call from outside.
struct Inside<'a> {
    // First, so that it is unlocked first.
    state: MutexGuard<'a, State>,
    _entered: panics::Entered,
}

impl<'a> Inside<'a> {
    /// `None` in a thread that runs an actor: it would wait for itself.
    fn new(state: &'a Mutex<State>) -> Option<Inside<'a>> {
        let entered = panics::enter()?;
        Some(Inside { state: state.lock(), _entered: entered })
    }
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

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sim(seed {})", self.seed)
    }
}

impl State {
    /// Runs what is to be done now.
    fn settle(&mut self) -> Result<(), Error> {
        let before = self.world.deliveries();
        let outcome = self.world.run();
        self.spend(self.world.deliveries() - before)?;
        outcome
    }

    fn spend(&mut self, steps: u64) -> Result<(), Error> {
        match self.steps_left.checked_sub(steps.max(1)) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => Err(Error::NeverSettles { steps: self.steps, actor: "the simulation".into() }),
        }
    }

    /// Lets the next thing happen that comes due by `until`. Says whether there was one.
    fn step(&mut self, until: Time) -> Result<bool, Error> {
        self.settle()?;
        match self.world.next_deadline().filter(|next| *next <= until) {
            Some(next) => {
                self.world.advance(next);
                self.settle()?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn run_until(&mut self, until: Time) -> Result<(), Error> {
        while self.step(until)? {}
        self.world.advance(until);
        self.settle()
    }

    /// The messages that wait for their callers outside.
    fn unread(&self) -> BTreeSet<(ActorAddress, u64)> {
        self.world.unread().collect()
    }

    /// Whether every system is down.
    fn is_over(&self) -> bool {
        self.systems.iter().all(|system| self.world.is_down(*system))
    }
}

impl Base for Sim {
    fn name(&self) -> &'static str {
        NAME
    }

    fn start(self: Box<Self>, mut settings: Settings) -> Result<Arc<dyn RunningSystem>, Error> {
        let read_only = settings.complete(NAME, false)?;
        let mut state = self.state.lock();
        let id = SystemId::from_bits(state.random.bits128());
        let key = AddressKey::new(state.random.bits128().to_be_bytes());
        state.world.add_system(SystemConfig {
            base: NAME.into(),
            capabilities: settings.capabilities,
            read_only,
            types: settings.types,
            limits: settings.limits,
            id,
            key,
        });
        state.systems.push(id);
        let admin = state.world.admin(id);
        Ok(Arc::new(System { id, admin, state: self.state.clone() }))
    }
}

struct System {
    id: SystemId,
    admin: ActorAddress,
    state: Arc<Mutex<State>>,
}

impl System {
    fn enter(&self, call: &'static str) -> Result<Inside<'_>, Error> {
        Inside::new(&self.state).ok_or(Error::CalledFromActor { call: call.into() })
    }

    fn down(&self) -> Error {
        Error::SystemDown { base: NAME.into() }
    }

    fn receive(
        &self,
        state: &mut State,
        endpoint: ActorAddress,
        timeout: Timeout,
        target: Option<ActorAddress>,
    ) -> Result<Answer, Error> {
        let until = timeout.duration().map_or(Time::FAR, |timeout| state.world.now() + timeout);
        loop {
            state.settle()?;
            if let Some(envelope) = state.world.receive(endpoint) {
                return Ok(Answer::from_envelope(envelope));
            }
            if let Some(target) = target
                && state.world.found_dead(endpoint, &target)
            {
                return Ok(Answer::Dead(target));
            }
            if state.world.is_down(self.id) {
                return Err(self.down());
            }
            state.world.check_open(&endpoint)?;
            if !state.step(until)? {
                if until != Time::FAR {
                    state.world.advance(until);
                }
                return Ok(Answer::TimedOut);
            }
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
        if let Ok(mut state) = self.enter("private") {
            state.world.close(endpoint);
        }
    }

    fn tell(&self, endpoint: ActorAddress, target: ActorAddress, message: AnyMessage) -> Result<(), Error> {
        let mut state = self.enter("tell")?;
        state.world.send(endpoint, target, message)?;
        state.settle()
    }

    fn listen(
        &self,
        endpoint: ActorAddress,
        timeout: Timeout,
        target: Option<ActorAddress>,
    ) -> Result<Answer, Error> {
        let mut state = self.enter("listen")?;
        self.receive(&mut state, endpoint, timeout, target)
    }

    fn create(&self, spec: ActorSpec) -> Result<ActorAddress, Error> {
        let mut state = self.enter("create")?;
        let call = state.world.create(self.id, spec)?;
        loop {
            state.settle()?;
            if let Some(answer) = state.world.answer(call) {
                return answer;
            }
            if !state.step(Time::FAR)? {
                return Err(self.down());
            }
        }
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
        state.settle()
    }

    fn capabilities(&self) -> Result<Capabilities, Error> {
        let state = self.enter("capabilities")?;
        if state.world.is_down(self.id) {
            return Err(self.down());
        }
        Ok(state.world.capabilities(self.id).clone())
    }

    fn admin(&self) -> ActorAddress {
        self.admin
    }

    fn shutdown(&self) -> Result<(), Error> {
        let mut state = self.enter("shutdown")?;
        state.world.shutdown(self.id);
        state.settle()?;
        while !state.world.is_down(self.id) {
            if !state.step(Time::FAR)? {
                let cause = "actors are left, and nothing will happen any more".into();
                return Err(Error::ShutdownFailure { base: NAME.into(), cause });
            }
        }
        state.settle()
    }

    fn is_down(&self) -> bool {
        self.enter("is_down").is_ok_and(|state| state.world.is_down(self.id))
    }
}
