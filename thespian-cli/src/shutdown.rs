//! `thespian shutdown`.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use thespian_core::{ActorSystem, AttachProblem, Error, StatusReq, SystemStatus};

use crate::args::Target;
use crate::exit::{Code, Failure, Outcome};
use crate::pause::pause;
use crate::{output, table};

/// How long to wait for the end, unless the command line says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the admin may take to say what will be ended.
const STATUS: Duration = Duration::from_secs(1);

/// How long the request itself may take, beyond the time for the end.
const REQUEST: Duration = Duration::from_secs(10);

/// How often it is looked whether a system that somebody else shuts down is gone.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) fn run(target: &Target) -> Outcome {
    let begin = Instant::now();
    let patience = target.timeout.unwrap_or(PATIENCE);
    let system = match target.attach() {
        Ok(system) => system,
        Err(Error::AttachFailure { problem: AttachProblem::ShuttingDown, .. }) => {
            return wait_for_others(target, begin, patience);
        }
        Err(error) => return Err(error.into()),
    };
    let actors: Result<SystemStatus, Error> =
        system.request(&system.system_address(), StatusReq, STATUS.min(patience));
    let actors = actors.ok().map(|status| status.actor_count);
    match end(&system, patience) {
        Some(ended) => ended?,
        None if has_been_asked(target) => return Err(still_there(target, patience)),
        None => {
            let text =
                format!("the system at {} has not taken the request within {patience:?}", target.place());
            return Err(Failure::new(Code::TimedOut, text));
        }
    }
    report(target, system.base(), actors, begin.elapsed());
    Ok(Code::Fine)
}

/// Shuts the system down; nothing if that takes longer. The thread that does it is left alone then.
fn end(system: &ActorSystem, patience: Duration) -> Option<Result<(), Error>> {
    let (sender, ended) = mpsc::channel();
    let system = system.clone();
    thread::spawn(move || sender.send(system.shutdown()));
    ended.recv_timeout(patience).ok()
}

/// Makes sure that the system knows: where time is short, this program could end before its request is on its way.
fn has_been_asked(target: &Target) -> bool {
    let until = Instant::now() + REQUEST;
    while target.attach().is_ok() {
        if Instant::now() > until {
            return false;
        }
        pause(LOOK);
    }
    true
}

/// Somebody else has asked for the shutdown already.
fn wait_for_others(target: &Target, begin: Instant, patience: Duration) -> Outcome {
    output::complain(format_args!(
        "the system at {} is shutting down already, and is waited for",
        target.place()
    ));
    while begin.elapsed() < patience {
        pause(LOOK);
        match target.attach() {
            Err(error) if error.is_nobody_there() => {
                report(target, target.base.name(), None, begin.elapsed());
                return Ok(Code::Fine);
            }
            Err(Error::AttachFailure { problem: AttachProblem::ShuttingDown, .. }) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => {
                let text =
                    format!("the system at {} has ended, and another one runs there already", target.place());
                return Err(Failure::new(Code::Wrong, text));
            }
        }
    }
    Err(still_there(target, patience))
}

fn still_there(target: &Target, patience: Duration) -> Failure {
    let text = format!(
        "the system at {} has not ended within {patience:?}: wait longer with --timeout, or end the process whose title is \
         \"thespian admin\" with that place, and all others end with it",
        target.place()
    );
    Failure::new(Code::TimedOut, text)
}

fn report(target: &Target, base: &str, actors: Option<u64>, time: Duration) {
    let place = target.place();
    if target.json {
        let (base, seconds) = (base.into(), time.as_secs_f64());
        return output::print_json(&Document { place, base, actors_ended: actors, seconds });
    }
    let what = match actors {
        Some(1) => " with its one actor".into(),
        Some(actors) => format!(" with its {actors} actors"),
        None => String::new(),
    };
    output::print(format!("ended {base} at {place}{what}, in {}", table::time(time)));
}

#[derive(Serialize)]
struct Document {
    place: String,
    base: String,
    actors_ended: Option<u64>,
    seconds: f64,
}
