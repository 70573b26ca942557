//! The process host over a transport without any care.
//!
//! - the conformance suite

mod plain;

use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use thespian_conformance::Subject;
use thespian_core::{ActorAddress, ActorStatus, ActorSystem, Builder, Error, StatusReq};
use thespian_multiproc::Multiproc;

use plain::Plain;

/// The suite on the plain transport, with one of the startup methods.
struct OnPlain {
    method: &'static str,
    systems: std::sync::Mutex<Vec<ActorSystem>>,
}

impl Subject for OnPlain {
    fn base(&self) -> &'static str {
        plain::NAME
    }

    fn start(&self, builder: Builder) -> Result<ActorSystem, Error> {
        let builder = builder.base(Multiproc::new(Plain)).capability("Process Startup Method", self.method);
        let system = builder.start()?;
        self.systems.lock().expect("nobody panics with it").push(system.clone());
        Ok(system)
    }

    fn pass(&self, _: &ActorSystem, time: Duration) {
        // Time passes by itself where actors have processes of their own.
        std::thread::sleep(time);
    }

    fn kill(&self, actor: &ActorAddress) {
        let systems = self.systems.lock().expect("nobody panics with it");
        let status: Option<ActorStatus> =
            systems.iter().find_map(|system| system.request(actor, StatusReq, Duration::from_secs(5)).ok());
        let pid = status.and_then(|status| status.pid).expect("it has a process");
        kill(Pid::from_raw(pid as i32), Signal::SIGKILL).expect("it can be killed");
    }
}

fn conformance(method: &'static str) -> Vec<Trial> {
    let scenario = |scenario: &thespian_conformance::Scenario| {
        let name = scenario.name;
        Trial::test(format!("{method}::{name}"), move || {
            thespian_conformance::play(name, &OnPlain { method, systems: Default::default() });
            Ok(())
        })
    };
    thespian_conformance::SCENARIOS.iter().map(scenario).collect()
}

fn main() {
    thespian_multiproc::Init::new().actors(thespian_conformance::actor_types()).run();
    let arguments = Arguments::from_args();
    let trials = conformance("fork");
    libtest_mimic::run(&arguments, trials).exit();
}
