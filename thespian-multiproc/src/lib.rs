//! The process host: every actor in a process of its own.
//!
//! A crash, a leak or a `kill -9` costs one actor. The host starts, reaches and buries processes; what carries messages
//! between them is a transport, a crate of its own that is given as a value.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use thespian_core::{ActorSystem, Context, Handled, actor};
//! # use thespian_multiproc::Multiproc;
//! # #[derive(Default)]
//! # struct Greeter;
//! # #[actor]
//! # impl Greeter {
//! #     fn greet(&mut self, name: &String, ctx: &mut Context<'_>) -> Handled { ctx.reply(format!("Hello, {name}")) }
//! # }
//! # fn main() {}
//! # fn run(transport: impl thespian_core::transport::Transport + 'static) -> Result<(), thespian_core::Error> {
//! thespian_multiproc::init(); // the first line of main
//!
//! let system = ActorSystem::builder().base(Multiproc::new(transport)).start()?;
//! let greeter = system.create_actor::<Greeter>()?;
//! let answer: String = system.request(&greeter, "world", Duration::from_secs(1))?;
//! assert_eq!(answer, "Hello, world");
//! system.shutdown()
//! # }
//! ```
//!
//! # The model
//!
//! A system has one *admin* process, one process for each actor, and the programs that are attached to it, its *clients*.
//! The admin knows where everybody is, starts processes and notes their ends; messages go from process to process and not
//! through it. All processes of a system are the same program, started again: [`init`](fn@init) is where they find out.
//!
//! # Dependencies
//!
//! `nix` (processes, signals and sockets, in one safe interface), `memmap2` (the shared memory where processes show their
//! counters), `parking_lot` (the lock between an actor's two threads), `rustc-hash` (routes are looked up twice for each
//! message, and only peers with the secret choose the keys), `getrandom` (the id and the key of each system), `serde` (what
//! processes say to each other), `log` (the facade through which actors log), `env_logger` (filters and colours the lines of
//! the log).

#[cfg(not(target_os = "linux"))]
compile_error!("thespian-multiproc runs on Linux only, so far: elsewhere, use the base of thespian-simple");

mod actor;
mod admin;
mod base;
mod board;
mod carried;
mod client;
mod clock;
mod control;
mod handover;
mod inherited;
mod init;
mod launch;
mod logging;
mod memory;
mod plane;
mod runtime_log;
mod signals;
mod start;
mod sys;

pub use base::Multiproc;
pub use init::{Init, init};
pub use logging::{
    Collector, Format, Internals, LONGEST_NAME, LONGEST_RECORD, LONGEST_TEXT, LogFile, LogHandler,
    LogHandlers, LogRecord, LogSender, LogSource, LoggerTaken, Logging, RING_BYTES, RUNTIME_TARGET,
    log_channel,
};
