//! The actor.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use thespian_core::{
    ActorAddress, ActorExitRequest, ActorSpec, AnyMessage, Bytes, Context, Error, FailurePolicy, Flow, Value,
    WatchMessage, actor,
};

use crate::output::Keeper;
use crate::process::{Process, StartFailure, Stream};
use crate::room::Room;
use crate::{
    Captured, Command, CommandAbort, CommandError, CommandOutput, CommandProblem, CommandResult,
    CommandStarted, Ending, NOT_RUN, RunCommandSettings, journal,
};

/// The capability of a system that can watch descriptors.
const WATCH: &str = "Thespian Watch Supported";

/// How long an exiting actor waits for its command beyond the grace. It is being killed then, so this is only reached by what
/// the kernel cannot end.
const EXIT_WAIT: Duration = Duration::from_secs(2);

/// Runs the commands that it is sent, one after the other (guide section 8.5). See the [crate].
pub struct RunCommand(Desk);

/// A [`RunCommand`] with settings of its own: what [`RunCommand::of`] specifies.
pub struct RunCommandWith(Desk);

impl RunCommand {
    /// Specifies an actor with these settings.
    ///
    /// ```
    /// use std::time::Duration;
    /// use thespian_core::{ActorSystem, Error};
    /// use thespian_runcommand::{RunCommand, RunCommandSettings};
    /// use thespian_simple::Simple;
    ///
    /// fn main() -> Result<(), Error> {
    ///     let system = ActorSystem::builder().base(Simple).unregistered().start()?;
    ///     let settings = RunCommandSettings { grace: Duration::from_secs(30), ..RunCommandSettings::default() };
    ///     let patient = system.create(RunCommand::of(settings)?)?;
    ///     # let _ = patient;
    ///     system.shutdown()
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`], when they make no sense.
    pub fn of(settings: RunCommandSettings) -> Result<ActorSpec, Error> {
        settings.check()?;
        Ok(ActorSpec::with::<RunCommandWith>(settings))
    }
}

// One attempt: no command is run twice.
#[actor(name = "thespian_runcommand::RunCommand", failure_policy = FailurePolicy::NO_RETRY)]
impl RunCommand {
    #[start]
    fn new() -> RunCommand {
        RunCommand(Desk::new(RunCommandSettings::default()))
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Flow {
        self.0.receive(message, ctx)
    }
}

#[actor(name = "thespian_runcommand::RunCommandWith", failure_policy = FailurePolicy::NO_RETRY)]
impl RunCommandWith {
    #[start]
    fn new(settings: RunCommandSettings) -> Result<RunCommandWith, Error> {
        settings.check()?;
        Ok(RunCommandWith(Desk::new(settings)))
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Flow {
        self.0.receive(message, ctx)
    }
}

/// What the actor works with.
struct Desk {
    settings: RunCommandSettings,
    running: Option<Running>,
    waiting: VecDeque<Job>,
    has_said_that_it_blocks: bool,
}

/// A command, and who wants its result.
struct Job {
    command: Command,
    asker: ActorAddress,
}

/// A command that runs.
struct Running {
    job: Job,
    process: Process,
    started: Instant,
    output: Keeper,
    error: Keeper,
    /// The command as it is shown to those who watch its output.
    outline: Command,
    /// How much of it they are sent at once. Bytes.
    piece: usize,
}

impl Desk {
    fn new(settings: RunCommandSettings) -> Desk {
        Desk { settings, running: None, waiting: VecDeque::new(), has_said_that_it_blocks: false }
    }

    /// Nothing here fails: an attempt that did would have run a command all the same.
    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Flow {
        if let Some(command) = message.downcast_ref::<Command>() {
            self.take(Job { command: command.clone(), asker: ctx.sender() }, ctx);
        } else if message.is::<WatchMessage>() {
            self.look(ctx);
        } else if message.is::<CommandAbort>() {
            if let Some(running) = &self.running {
                running.process.terminate();
            }
        } else if message.is::<ActorExitRequest>() {
            self.close(ctx);
        }
        // A watch holds until the next message, whatever that is.
        match &self.running {
            Some(running) => Flow::watch(running.process.descriptors()),
            None => Flow::Done,
        }
    }

    /// A command has come.
    fn take(&mut self, job: Job, ctx: &mut Context<'_>) {
        if let Err(problem) = job.command.check() {
            return refuse(job, problem, ctx);
        }
        let queue_limit = self.settings.queue_limit;
        if self.running.is_some() && self.waiting.len() >= queue_limit as usize {
            return refuse(job, CommandProblem::QueueFull { queue_limit }, ctx);
        }
        self.waiting.push_back(job);
        if ctx.capabilities().get(WATCH).is_some_and(Value::is_truthy) {
            self.go_on(ctx);
        } else {
            self.block(ctx);
        }
    }

    /// Starts the next command, if none runs.
    fn go_on(&mut self, ctx: &mut Context<'_>) {
        while self.running.is_none()
            && let Some(job) = self.waiting.pop_front()
        {
            self.running = Running::start(job, self.settings.grace, ctx);
        }
    }

    /// Something can be read of the command that runs. What, is not taken from the message, which anybody could have sent.
    fn look(&mut self, ctx: &mut Context<'_>) {
        let Some(mut running) = self.running.take() else { return };
        running.read(ctx);
        if running.process.is_over() {
            running.finish(None, ctx);
            self.go_on(ctx);
        } else {
            self.running = Some(running);
        }
    }

    /// Runs what waits to its end, where nobody would say that there is something to read.
    fn block(&mut self, ctx: &mut Context<'_>) {
        if !mem::replace(&mut self.has_said_that_it_blocks, true) {
            let base = ctx.capabilities().get("Thespian ActorSystem Name").and_then(Value::as_str);
            log::info!(
                "{} cannot watch descriptors: this actor is blocked, and cannot abort, while a command runs",
                base.unwrap_or("the base")
            );
        }
        loop {
            self.go_on(ctx);
            let Some(running) = &self.running else { return };
            running.process.wait(None);
            let has_updates = running.outline.output_updates.is_some();
            self.look(ctx);
            if has_updates {
                // However much comes, it is no more than one attempt may ask for. Where actors have processes it also goes out
                // at once.
                ctx.flush();
            }
        }
    }

    /// The actor exits, and everybody gets an answer.
    fn close(&mut self, ctx: &mut Context<'_>) {
        if let Some(mut running) = self.running.take() {
            running.process.terminate();
            let until = Instant::now().checked_add(self.settings.grace + EXIT_WAIT);
            loop {
                // At least once: it may be over before anybody has read what it has written.
                running.read(ctx);
                if running.process.is_over() || !running.process.wait(until) {
                    break;
                }
            }
            running.finish(Some(Ending::ActorExited), ctx);
        }
        for job in self.waiting.drain(..) {
            answer(job, NOT_RUN, Ending::ActorExited, ctx);
        }
    }
}

impl Running {
    /// Starts a command; if it cannot be, its sender is told, and nothing runs.
    fn start(job: Job, grace: Duration, ctx: &mut Context<'_>) -> Option<Running> {
        journal::begin(&job.command, ctx);
        let started = Instant::now();
        let process = match Process::start(&job.command, grace) {
            Ok(process) => process,
            Err(StartFailure { errno, text }) => {
                finish(
                    job,
                    errno,
                    Ending::NotStarted,
                    [Captured::default(), text_of(&text)],
                    Duration::ZERO,
                    ctx,
                );
                return None;
            }
        };
        let room = Room::of(ctx);
        let outline = room.outline(&job.command);
        if job.command.report_on_start
            && let Some(pid) = process.pid()
        {
            ctx.send(&job.asker, CommandStarted { command: outline.clone(), pid });
        }
        let [output, error] = [(); 2].map(|()| Keeper::new(job.command.max_bufsize));
        let piece = room.beside(&outline);
        Some(Running { job, process, started, output, error, outline, piece })
    }

    /// Takes what there is of its output.
    fn read(&mut self, ctx: &mut Context<'_>) {
        let Running { process, output, error, outline, piece: most, .. } = self;
        process.read(|stream, bytes| {
            let keeper = match stream {
                Stream::Output => &mut *output,
                Stream::Error => &mut *error,
            };
            keeper.add(bytes);
            let Some(to) = outline.output_updates else { return };
            for piece in bytes.chunks(*most) {
                let (command, piece) = (outline.clone(), Bytes(piece.to_vec()));
                match stream {
                    Stream::Output => ctx.send(&to, CommandOutput { command, output: piece }),
                    Stream::Error => ctx.send(&to, CommandError { command, error_output: piece }),
                }
            }
        });
    }

    /// Tells the sender how it ended; `ending` is why, if the guardian cannot know.
    fn finish(self, ending: Option<Ending>, ctx: &mut Context<'_>) {
        let Running { job, process, started, output, error, .. } = self;
        let (exitcode, how) = process.conclude();
        let ending = match (how, ending) {
            // It was faster than the word to end.
            (Ending::Exited, _) => Ending::Exited,
            (_, Some(ending)) => ending,
            (how, None) => how,
        };
        finish(job, exitcode, ending, [output.finish(), error.finish()], started.elapsed(), ctx);
    }
}

/// Answers a command that makes no sense or finds no room, with the system's error number that comes nearest.
fn refuse(job: Job, problem: CommandProblem, ctx: &mut Context<'_>) {
    let errno = match problem {
        CommandProblem::Setting { .. } => nix::errno::Errno::EINVAL,
        CommandProblem::QueueFull { .. } => nix::errno::Errno::EAGAIN,
    };
    let text = text_of(&problem.to_string());
    let ending = Ending::Refused(problem);
    finish(job, errno as i32, ending, [Captured::default(), text], Duration::ZERO, ctx);
}

/// Answers a command that has not run.
fn answer(job: Job, exitcode: i32, ending: Ending, ctx: &mut Context<'_>) {
    finish(job, exitcode, ending, [Captured::default(), Captured::default()], Duration::ZERO, ctx);
}

fn finish(
    job: Job,
    exitcode: i32,
    ending: Ending,
    [stdout, stderr]: [Captured; 2],
    duration: Duration,
    ctx: &mut Context<'_>,
) {
    let Job { command, asker } = job;
    let mut result = CommandResult { command, exitcode, ending, stdout, stderr, duration };
    journal::end(&result, ctx);
    if let Some(limit) = Room::of(ctx).fit(&mut result) {
        journal::cut(&result.command, limit, ctx);
    }
    ctx.send(&asker, result);
}

/// A text in place of a command's output.
fn text_of(text: &str) -> Captured {
    Captured { head: Bytes(format!("{text}\n").into_bytes()), ..Captured::default() }
}
