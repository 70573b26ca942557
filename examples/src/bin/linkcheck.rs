//! Checks the links between files in Markdown documents, several documents at a time, with a troupe.
//!
//! ```console
//! $ cargo run -q -p thespian-examples --bin linkcheck -- README.md ARCHITECTURE.md docs/semantics.md
//! ```
//!
//! Prints a line for every link to a file that is not there, and for every document that cannot be read. Links to other
//! places (`https://...`, `#section`) are not followed. The exit code is 0 if all is well, 1 if not, 2 if the command
//! line is wrong.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde::{Deserialize, Serialize};
use thespian_core::{
    ActorSystem, Answer, AnyMessage, Context, Error, Failure, Handled, Message, PoisonMessage, actor, actors,
};
use thespian_examples::bases::Choice;
use thespian_troupe::Troupe;

/// How long a document may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A document to check.
#[derive(Clone, Serialize, Deserialize, Message)]
struct Check {
    path: String,
}

/// What its links are like.
#[derive(Serialize, Deserialize, Message)]
struct Checked {
    path: String,
    /// How many links to files it has.
    links: u64,
    /// Those that lead nowhere, each with its line.
    broken: Vec<(u64, String)>,
}

/// Checks one document at a time.
#[derive(Default)]
struct Checker;

#[actor]
impl Checker {
    fn check(&mut self, check: &Check, ctx: &mut Context<'_>) -> Handled {
        let path = check.path.clone();
        let text =
            fs::read_to_string(&path).map_err(|error| Failure::new(format_args!("{path}: {error}")))?;
        let folder = Path::new(&path).parent().unwrap_or(Path::new(""));
        let (mut links, mut broken) = (0, Vec::new());
        for (line, target) in targets(&text) {
            links += 1;
            if !folder.join(target).exists() {
                broken.push((line, target.to_owned()));
            }
        }
        ctx.reply(Checked { path, links, broken })
    }
}

thespian_troupe::troupe! {
    /// Checks eight documents at a time.
    troupe Checkers of Checker { max_count: 8, idle_count: 2 }
}

/// The files that a text links to, each with the number of its line: `[...](path)`, without what follows a `#`.
fn targets(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1..).zip(text.lines()).flat_map(|(number, line)| {
        line.split("](").skip(1).filter_map(move |rest| {
            let target = rest.split([')', ' ']).next()?.split('#').next()?;
            (!target.is_empty() && !target.contains(':')).then_some((number, target))
        })
    })
}

/// Checks the links between files in Markdown documents.
#[derive(Parser)]
#[command(name = "linkcheck", version)]
struct Args {
    /// The documents
    #[arg(value_name = "DOCUMENT", required = true)]
    documents: Vec<String>,
    #[command(flatten)]
    choice: Choice,
}

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(actors![Checkers]).actors(Troupe::<Checker>::types()).run();
    let args = Args::parse();
    let mut out = io::stdout().lock();
    match args.choice.run(|system| check(system, &args.documents, &mut out)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let error: Error = error;
            // There is nowhere left to say that this failed; so below.
            writeln!(io::stderr(), "linkcheck: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

/// Checks documents, and says whether all is well with them.
fn check(system: &ActorSystem, documents: &[String], out: &mut impl Write) -> Result<bool, Error> {
    let checkers = system.create_actor::<Checkers>()?;
    for path in documents {
        system.tell(&checkers, Check { path: path.clone() })?;
    }
    let (mut links, mut problems) = (0, Vec::new());
    for _ in documents {
        let Answer::Message(reply) = system.listen(PATIENCE)? else {
            return Err(Error::RequestTimeout { waited_for: "a document".into(), timeout: PATIENCE });
        };
        links += take(reply.message, &mut problems);
    }
    problems.sort();
    for (path, line, problem) in &problems {
        match line {
            0 => writeln!(out, "{problem}"),
            line => writeln!(out, "{path}:{line}: {problem} is not there"),
        }
        .ok();
    }
    writeln!(out, "{} documents, {links} links, {} problems", documents.len(), problems.len()).ok();
    Ok(problems.is_empty())
}

/// Notes the problems of a document, each with its place, and returns how many links it has.
fn take(message: AnyMessage, problems: &mut Vec<(String, u64, String)>) -> u64 {
    if let Some(poison) = message.downcast_ref::<PoisonMessage>() {
        problems.push((String::new(), 0, poison.details.clone()));
    }
    let Ok(checked) = message.downcast::<Checked>() else { return 0 };
    problems.extend(checked.broken.into_iter().map(|(line, target)| (checked.path.clone(), line, target)));
    checked.links
}
