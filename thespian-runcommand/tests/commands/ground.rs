//! What the scenarios stand on: the actor, somebody who asks it, and somebody who watches.

use std::time::Duration;

use thespian_core::{
    ActorAddress, ActorExitRequest, ActorSystem, Answer, AnyMessage, Builder, IntoMessage, Message, Private,
};
use thespian_runcommand::{Command, CommandResult, RunCommand, RunCommandSettings, RunCommandWith};
use thespian_sim::Sim;
use thespian_simple::Simple;

use crate::kit::{Stage, address};

/// Longer than anything takes, also on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Puts a base into a builder.
pub(crate) type On = fn(Builder) -> Builder;

/// How much later than to one of them a message comes to the other of two that are outside.
const AFTER: Duration = Duration::from_millis(50);

#[expect(clippy::large_enum_variant, reason = "a test has one")]
pub(crate) enum Ground {
    System { system: ActorSystem, asker: Private, watcher: Private, actor: ActorAddress, base: On },
    Stage(Box<Stage>),
}

const ASKER: u64 = 10;
const WATCHER: u64 = 11;

impl Ground {
    pub(crate) fn simple(settings: RunCommandSettings) -> Ground {
        Ground::on(|builder| builder.base(Simple), settings)
    }

    pub(crate) fn simulated(settings: RunCommandSettings) -> Ground {
        Ground::on(|builder| builder.base(Sim::new(3)), settings)
    }

    pub(crate) fn on(base: On, settings: RunCommandSettings) -> Ground {
        let system = base(ActorSystem::builder().unregistered()).start().unwrap();
        let actor = system.create(RunCommand::of(settings).unwrap()).unwrap();
        let (asker, watcher) = (system.private().unwrap(), system.private().unwrap());
        Ground::System { system, asker, watcher, actor, base }
    }

    pub(crate) fn watching(settings: RunCommandSettings) -> Ground {
        Ground::Stage(Box::new(Stage::new::<RunCommandWith>(settings)))
    }

    /// The same, with other settings.
    pub(crate) fn again(&self, settings: RunCommandSettings) -> Ground {
        match self {
            Ground::System { base, .. } => Ground::on(*base, settings),
            Ground::Stage(_) => Ground::watching(settings),
        }
    }

    pub(crate) fn finish(mut self) {
        self.exit();
        if let Ground::System { system, .. } = self {
            system.shutdown().unwrap();
        }
    }

    pub(crate) fn exit(&mut self) {
        self.tell(ActorExitRequest::new());
        if let Ground::Stage(stage) = self {
            assert!(stage.actor.is_none());
        }
    }

    /// Who gets the results.
    pub(crate) fn tell(&mut self, message: impl IntoMessage) {
        match self {
            Ground::System { asker, actor, .. } => asker.tell(actor, message).unwrap(),
            Ground::Stage(stage) => stage.tell(address(ASKER), message),
        }
    }

    /// Who gets partial output and lines of the log.
    pub(crate) fn watcher(&self) -> ActorAddress {
        match self {
            Ground::System { watcher, .. } => watcher.endpoint(),
            Ground::Stage(_) => address(WATCHER),
        }
    }

    /// The next message to the asker, and what came for the watcher before it.
    pub(crate) fn next(&mut self) -> (AnyMessage, Vec<AnyMessage>) {
        let mut seen = Vec::new();
        match self {
            Ground::System { system, asker, watcher, .. } => {
                let Answer::Message(reply) = asker.listen(SOON).unwrap() else { panic!("no answer came") };
                // What goes to somebody else may take longer: in the simulator by some virtual time.
                let delay = match system.base() {
                    "simpleSystemBase" => Duration::ZERO,
                    "simulatedSystemBase" => SOON,
                    _ => AFTER,
                };
                while let Answer::Message(reply) = watcher.listen(delay).unwrap() {
                    seen.push(reply.message);
                }
                (reply.message, seen)
            }
            Ground::Stage(stage) => loop {
                match stage.next(SOON).expect("an answer comes") {
                    (to, message) if to == address(ASKER) => return (message, seen),
                    (to, message) => {
                        assert_eq!(to, address(WATCHER));
                        seen.push(message);
                    }
                }
            },
        }
    }

    pub(crate) fn take<M: Message>(&mut self) -> M {
        self.next().0.downcast().unwrap_or_else(|other| panic!("{other:?} came"))
    }

    pub(crate) fn run(&mut self, command: Command) -> CommandResult {
        self.tell(command);
        self.take()
    }

    /// The result of a script for the shell.
    pub(crate) fn script(&mut self, script: &str) -> CommandResult {
        self.run(Command::shell(script))
    }
}

/// Short, for scenarios in which it passes.
pub(crate) fn short_grace() -> RunCommandSettings {
    RunCommandSettings { grace: Duration::from_millis(300), ..RunCommandSettings::default() }
}
