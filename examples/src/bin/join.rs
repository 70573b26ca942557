//! Joins the system that `leave` has left running, and signs its guestbook.

#![expect(clippy::print_stdout, reason = "printing is what the program is for")]

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use thespian_core::{ActorSystem, Error};
use thespian_examples::guestbook::{Guests, NAME, Sign};
use thespian_multiproc::Multiproc;
use thespian_tcp::{ADMIN_PORT, DEFAULT_ADMIN_PORT, Tcp};

/// Signs the guestbook of a system that runs.
#[derive(Parser)]
#[command(name = "join", version)]
struct Args {
    /// Who is here
    name: String,
    /// The system's Admin Port
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ADMIN_PORT)]
    port: u16,
    /// End the system afterwards
    #[arg(long)]
    shutdown: bool,
}

fn main() -> ExitCode {
    match sign(Args::parse()) {
        Ok(Some(Guests(guests))) => {
            guests.iter().for_each(|guest| println!("{guest} was here"));
            ExitCode::SUCCESS
        }
        Ok(None) => complain("the system there has no guestbook: the program leave makes one"),
        Err(error) if error.is_nobody_there() => complain(&format!("{error}; the program leave does it")),
        Err(error) => complain(&error.to_string()),
    }
}

/// The guests, if there is a guestbook.
fn sign(args: Args) -> Result<Option<Guests>, Error> {
    // This program starts no processes, so it needs no init(). With start() it would, and would start what is not there.
    let system = ActorSystem::builder()
        .base(Multiproc::new(Tcp::default()))
        .capability(ADMIN_PORT, i64::from(args.port))
        .attach()?;
    let guests = match system.find_actor(NAME)? {
        Some(guestbook) => {
            Some(system.request(&guestbook, Sign { name: args.name }, Duration::from_secs(10))?)
        }
        None => None,
    };
    if args.shutdown {
        system.shutdown()?;
    }
    Ok(guests)
}

fn complain(problem: &str) -> ExitCode {
    // There is nowhere left to say that this failed.
    writeln!(io::stderr(), "join: {problem}").ok();
    ExitCode::FAILURE
}
