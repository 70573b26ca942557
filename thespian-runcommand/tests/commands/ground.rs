//! What the scenarios stand on: the actor, somebody who asks it, and somebody who watches.

use std::time::Duration;

use thespian_core::{
    ActorAddress, ActorExitRequest, ActorSystem, Answer, AnyMessage, Builder, IntoMessage, Limits, Message,
    Private,
};
use thespian_runcommand::{Command, CommandResult, RunCommand, RunCommandSettings, RunCommandWith};
use thespian_sim::Sim;
use thespian_simple::Simple;

use crate::kit::{Stage, address};

/// Longer than anything takes, also on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Puts a base into a builder.
pub(crate) type On = fn(Builder) -> Builder;

/// How long one looks whether more comes for the watcher than should.
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
        Ground::built(base, Limits::default(), settings)
    }

    fn built(base: On, limits: Limits, settings: RunCommandSettings) -> Ground {
        let system = base(ActorSystem::builder().limits(limits).unregistered()).start().unwrap();
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

    /// The same, where no message may be larger than so many bytes.
    pub(crate) fn with_messages_of(&self, message_size: usize) -> Ground {
        let settings = RunCommandSettings::default();
        match self {
            Ground::System { base, .. } => {
                Ground::built(*base, Limits { message_size, ..Limits::default() }, settings)
            }
            Ground::Stage(_) => {
                let stage = Stage::new::<RunCommandWith>(settings).with_messages_of(message_size);
                Ground::Stage(Box::new(stage))
            }
        }
    }

    pub(crate) fn finish(mut self) {
        self.tell(ActorExitRequest::new());
        self.end();
    }

    /// Ends what the actor was on, which has been asked to exit.
    pub(crate) fn end(self) {
        match self {
            Ground::System { system, .. } => system.shutdown().unwrap(),
            Ground::Stage(stage) => assert!(stage.actor.is_none()),
        }
    }

    /// Whether what is said without end may be more than the base passes on.
    pub(crate) fn may_lose_messages(&self) -> bool {
        matches!(self, Ground::System { system, .. } if system.base() == "multiprocUDPBase")
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

    /// The next message to the asker. On a stage, what came for the watcher before it is forgotten.
    fn next(&mut self) -> AnyMessage {
        match self {
            Ground::System { asker, .. } => {
                let Answer::Message(reply) = asker.listen(SOON).unwrap() else { panic!("no answer came") };
                reply.message
            }
            Ground::Stage(stage) => loop {
                let (to, message) = stage.next(SOON).expect("an answer comes");
                if to == address(ASKER) {
                    return message;
                }
            },
        }
    }

    /// The next message to the watcher.
    pub(crate) fn next_for_watcher(&mut self) -> AnyMessage {
        match self {
            Ground::System { watcher, .. } => {
                let Answer::Message(reply) = watcher.listen(SOON).unwrap() else { panic!("nothing came") };
                reply.message
            }
            Ground::Stage(stage) => {
                let (to, message) = stage.next(SOON).expect("something comes");
                assert_eq!(to, address(WATCHER), "{message:?}");
                message
            }
        }
    }

    /// The next result, and what comes for the watcher until this is all of it. What goes to two who are outside may come to
    /// them in any order, and however much later to the one than to the other.
    pub(crate) fn result_and(
        &mut self,
        is_all: impl Fn(&CommandResult, &[AnyMessage]) -> bool,
    ) -> (CommandResult, Vec<AnyMessage>) {
        let mut seen = Vec::new();
        let result = match self {
            Ground::System { .. } => self.take::<CommandResult>(),
            Ground::Stage(stage) => loop {
                match stage.next(SOON).expect("an answer comes") {
                    (to, message) if to == address(ASKER) => break message.downcast().unwrap(),
                    (to, message) => {
                        assert_eq!(to, address(WATCHER));
                        seen.push(message);
                    }
                }
            },
        };
        while !is_all(&result, &seen) {
            seen.push(self.next_for_watcher());
        }
        if let Ground::System { system, watcher, .. } = self {
            let delay = match system.base() {
                "simpleSystemBase" => Duration::ZERO,
                "simulatedSystemBase" => SOON,
                _ => AFTER,
            };
            let more = watcher.listen(delay).unwrap();
            assert!(more.is_timed_out(), "{more:?}");
        }
        (result, seen)
    }

    pub(crate) fn take<M: Message>(&mut self) -> M {
        self.next().downcast().unwrap_or_else(|other| panic!("{other:?} came"))
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
