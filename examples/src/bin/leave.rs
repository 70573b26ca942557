//! Starts a system with a guestbook, and leaves it running. `join` is the program that comes later.
//!
//! ```console
//! $ cargo run -q -p thespian-examples --bin leave
//! a guestbook is at Admin Port 1900
//! $ cargo run -q -p thespian-examples --bin join -- Ada
//! Ada was here
//! $ cargo run -q -p thespian-examples --bin join -- Grace --shutdown
//! Ada was here
//! Grace was here
//! ```

#![expect(clippy::print_stdout, reason = "printing is what the program is for")]

use std::path::PathBuf;

use clap::Parser;
use thespian_core::{ActorSpec, ActorSystem, Error, Value};
use thespian_examples::guestbook::{Guestbook, NAME};
use thespian_multiproc::{LogFile, Logging, Multiproc};
use thespian_tcp::{ADMIN_PORT, DEFAULT_ADMIN_PORT, Tcp};

/// Starts a system with a guestbook, and leaves it running.
#[derive(Parser)]
#[command(name = "leave", version)]
struct Args {
    /// The system's Admin Port; 0 is any that is free
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ADMIN_PORT)]
    port: u16,
    /// Where the system writes its log, which goes nowhere otherwise
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

fn main() -> Result<(), Error> {
    thespian_multiproc::init();
    let Args { port, log } = Args::parse();
    let logging = log.map_or(Logging::off(), |file| Logging::new().to_file(LogFile::new(file)));
    // Detached: what prints where this program does would keep a pipe open that somebody reads to its end.
    let base = Multiproc::new(Tcp::default()).logging(logging).detached();
    // If a system is there already, this joins it.
    let system = ActorSystem::builder().base(base).capability(ADMIN_PORT, i64::from(port)).start()?;
    // Nor is there a second guestbook: a name has one actor.
    system.create(ActorSpec::of::<Guestbook>().global_name(NAME))?;
    let port = system.capabilities()?.get(ADMIN_PORT).and_then(Value::as_int);
    println!("a guestbook is at Admin Port {}", port.unwrap_or_default());
    // The end of the program, and not of the system.
    Ok(())
}
