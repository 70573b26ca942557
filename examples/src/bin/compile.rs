//! Builds a C program from the sources in a folder, with an actor that runs the compiler and shows what it says as it
//! says it.
//!
//! ```console
//! $ cargo run -q -p thespian-examples --bin compile -- FOLDER
//! ```
//!
//! Each `*.c` becomes an object, the objects become FOLDER/program, and that is run. Without a folder a small project is
//! written to a temporary one first. The exit code is 0 if all went well, 1 if not.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs, process};

use serde::{Deserialize, Serialize};
use thespian_core::{ActorAddress, ActorSystem, Context, Error, Handled, Message, actor};
use thespian_runcommand::{Command, CommandError, CommandOutput, CommandResult, Logger, RunCommand};
use thespian_simple::Simple;

/// How long one step may take.
const STEP: Duration = Duration::from_secs(60);

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Commands to run one after the other, until one fails.
#[derive(Clone, Serialize, Deserialize, Message)]
struct Plan {
    steps: Vec<Command>,
}

/// How it went: what has failed, if anything has.
#[derive(Serialize, Deserialize, Message)]
struct Outcome {
    failure: Option<String>,
}

/// Carries a plan out.
#[derive(Default)]
struct Builder {
    steps: VecDeque<Command>,
    runner: Option<ActorAddress>,
    asker: Option<ActorAddress>,
}

#[actor]
impl Builder {
    fn plan(&mut self, plan: &Plan, ctx: &mut Context<'_>) {
        self.steps = plan.steps.clone().into();
        self.asker = Some(ctx.sender());
        self.next(ctx);
    }

    #[helper]
    fn next(&mut self, ctx: &mut Context<'_>) {
        match self.steps.pop_front() {
            Some(step) => {
                show(format!("$ {step}\n").as_bytes());
                let runner = *self.runner.get_or_insert_with(|| ctx.create_actor::<RunCommand>());
                ctx.send(&runner, Command { output_updates: Some(ctx.my_address()), ..step });
            }
            None => self.answer(None, ctx),
        }
    }

    #[helper]
    fn answer(&mut self, failure: Option<String>, ctx: &mut Context<'_>) {
        self.steps.clear();
        if let Some(asker) = self.asker.take() {
            ctx.send(&asker, Outcome { failure });
        }
    }

    fn output(&mut self, output: &CommandOutput, _: &mut Context<'_>) {
        show(&output.output.0);
    }

    fn error(&mut self, error: &CommandError, _: &mut Context<'_>) {
        show(&error.error_output.0);
    }

    fn result(&mut self, result: &CommandResult, ctx: &mut Context<'_>) -> Handled {
        match result.success() {
            true => self.next(ctx),
            // What it has said has been shown already.
            false => {
                self.answer(Some(format!("{} failed with code {}", result.command, result.exitcode)), ctx)
            }
        }
        Ok(thespian_core::Flow::Done)
    }
}

fn show(bytes: &[u8]) {
    // There is nowhere left to say that this failed.
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).ok();
}

/// The steps from the sources in a folder to the output of the program.
fn plan(folder: &Path) -> io::Result<Plan> {
    let step = |exe: &str, args: &[&Path]| Command {
        timeout: Some(STEP),
        logger: Logger::Silent,
        ..Command::new(exe, args.iter().map(|path| path.to_string_lossy()))
    };
    let mut sources: Vec<PathBuf> = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    sources.sort();
    let program = folder.join("program");
    let objects: Vec<PathBuf> = sources.iter().map(|source| source.with_extension("o")).collect();
    let compile = |(source, object): (&PathBuf, &PathBuf)| {
        step("cc", &[Path::new("-Wall"), Path::new("-c"), source, Path::new("-o"), object])
    };
    let mut steps: Vec<Command> = sources.iter().zip(&objects).map(compile).collect();
    let mut link = vec![Path::new("-o"), &program];
    link.extend(objects.iter().map(PathBuf::as_path));
    steps.push(step("cc", &link));
    steps.push(step(&program.to_string_lossy(), &[]));
    Ok(Plan { steps })
}

/// A project of two files.
fn write_sample(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let main = "#include <stdio.h>\nint square(int);\nint main(void) { printf(\"7 * 7 = %d\\n\", square(7)); return 0; }\n";
    fs::write(folder.join("main.c"), main)?;
    fs::write(folder.join("square.c"), "int square(int number) { return number * number; }\n")
}

fn build(folder: &Path) -> Result<Outcome, Error> {
    let system = ActorSystem::start(Simple)?;
    let builder = system.create_actor::<Builder>()?;
    let outcome = match plan(folder) {
        Ok(plan) => system.request(&builder, plan, PATIENCE)?,
        Err(error) => Outcome { failure: Some(format!("{}: {error}", folder.display())) },
    };
    system.shutdown()?;
    Ok(outcome)
}

fn main() -> ExitCode {
    let sample = env::temp_dir().join(format!("thespian-compile-{}", process::id()));
    let outcome = match env::args_os().nth(1) {
        Some(folder) => build(Path::new(&folder)),
        None => {
            if let Err(error) = write_sample(&sample) {
                writeln!(io::stderr(), "compile: {}: {error}", sample.display()).ok();
                return ExitCode::FAILURE;
            }
            let outcome = build(&sample);
            fs::remove_dir_all(&sample).ok();
            outcome
        }
    };
    let failure = match outcome {
        Ok(Outcome { failure: None }) => return ExitCode::SUCCESS,
        Ok(Outcome { failure: Some(failure) }) => failure,
        Err(error) => error.to_string(),
    };
    writeln!(io::stderr(), "compile: {failure}").ok();
    ExitCode::FAILURE
}
