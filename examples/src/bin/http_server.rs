//! An HTTP server that is an actor. See [`thespian_examples::http`].
//!
//! ```console
//! $ cargo run -q -p thespian-examples --bin http_server -- --base tcp
//! listening at http://127.0.0.1:8080/
//! ```
//!
//! It has the pages `/`, `/hello/NAME` and `/big`, and runs until it is interrupted.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use thespian_core::{ActorSystem, Error, Feature};
use thespian_examples::bases::Choice;
use thespian_examples::http::server::{Listen, Listening, Server};

/// Serves pages over HTTP until it is interrupted.
#[derive(Parser)]
#[command(name = "http_server", version)]
struct Args {
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    #[command(flatten)]
    choice: Choice,
}

fn main() -> ExitCode {
    thespian_multiproc::init();
    let Args { listen, choice } = Args::parse();
    let outcome = interrupts().map_err(|error| error.to_string()).and_then(|mut interrupts| {
        choice
            .run_until_done(|system| serve(system, listen, &mut interrupts).map_err(Problem))
            .map_err(|Problem(text)| text)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // There is nowhere left to say that this failed.
            writeln!(io::stderr(), "http_server: {problem}").ok();
            ExitCode::FAILURE
        }
    }
}

/// What went wrong, for people.
struct Problem(String);

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem(error.to_string())
    }
}

fn serve(system: &ActorSystem, listen: String, interrupts: &mut UnixStream) -> Result<(), String> {
    let text = |error: Error| error.to_string();
    if !system.capabilities().map_err(text)?.is_truthy("Thespian Watch Supported") {
        let error = Error::NotSupported { feature: Feature::Watch, base: system.base().into() };
        return Err(format!(
            "{error}, which the server does with its sockets: choose --base tcp or --base queue"
        ));
    }
    let server = system.create_actor::<Server>().map_err(text)?;
    let Listening(place) = system.request(&server, Listen(listen), Duration::from_secs(10)).map_err(text)?;
    writeln!(io::stdout(), "listening at http://{}/", place?).map_err(|error| error.to_string())?;
    // One byte for each interrupt.
    interrupts.read_exact(&mut [0]).map_err(|error| error.to_string())
}

/// Something to read from when people want the program to end. A system with processes would outlive it otherwise.
fn interrupts() -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::low_level::pipe::register(signal, theirs.try_clone()?)?;
    }
    Ok(ours)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
