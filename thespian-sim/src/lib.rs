//! Thespian actors in virtual time, from a seed, with faults: a test kit for your own actors.
//!
//! [`Sim`] is a base like any other, so the actors do not know. Every actor runs as if it had a process of its own:
//! what
//! it sends is encoded, takes time, can be lost, repeated and overtaken, and the actor can be killed. No time
//! passes in
//! reality: an hour of waiting takes as long as what happens in it.
//!
//! # Testing your actors
//!
//! ```
//! use std::time::Duration;
//! use thespian_core::{Actor, ActorSystem, Context, WakeupMessage, actor};
//! use thespian_sim::{Faults, Sim};
//!
//! /// Says "tick" to whoever asked first, once a minute.
//! #[derive(Default)]
//! struct Ticker {
//!     listener: Option<thespian_core::ActorAddress>,
//! }
//!
//! #[actor]
//! impl Ticker {
//!     fn start_for(&mut self, _: &(), ctx: &mut Context<'_>) {
//!         self.listener = Some(ctx.sender());
//!         ctx.wakeup_after(Duration::from_secs(60));
//!     }
//!
//!     fn wake(&mut self, _: &WakeupMessage, ctx: &mut Context<'_>) {
//!         if let Some(listener) = self.listener {
//!             ctx.send(&listener, "tick");
//!             ctx.wakeup_after(Duration::from_secs(60));
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A seed: the same one does the same again, to the nanosecond.
//! let sim = Sim::new(42).with_faults(Faults { loss: 0.2, ..Faults::default() });
//! let system = ActorSystem::builder().base(sim.clone()).unregistered().start()?;
//!
//! let ticker = system.create_actor::<Ticker>()?;
//! system.tell(&ticker, ())?;
//! for _ in 0..3 {
//!     let answer = system.listen(Duration::from_secs(100))?;
//!     assert_eq!(answer.get::<String>().map(String::as_str), Some("tick"));
//! }
//!
//! // Faults while it runs.
//! sim.kill(&ticker);
//! assert!(system.ask(&ticker, (), 3600.0)?.is_dead());
//!
//! // Whatever happened: every message is accounted for.
//! system.shutdown()?;
//! sim.finish()?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Sim::run_for`] lets time pass; `ask` and `listen` let pass what they wait for.
//! - [`Sim::set_faults`], [`Sim::cut`], [`Sim::heal`], [`Sim::kill`] change the world in between.
//! - [`Sim::finish`] lets everything end that is under way, and checks the account.
//! - [`Sim::trace`] is what happened, in lines that can be read; a failing test prints it and the seed.
//! - Several systems started on clones of one `Sim` share its network: their actors reach each other by address.
//!
//! An `ask` without a timeout ends, as timed out, when nothing is left that could happen.
//!
//! # What it does not simulate
//!
//! Handlers take no time unless [`Faults::handling`] says how long. Systems do not find each other: conventions are
//! a later part. Watched descriptors and loaded
//! source answer with [`Error::NotSupported`](thespian_core::Error::NotSupported), as on the simple base.
//!
//! # Exploring
//!
//! The example program `explore` runs random actors under random faults, seed after seed, and checks what every
//! system
//! promises. It is how the engines of this project are tested (`cargo xtask explore`), and a pattern for exploring
//! one's
//! own actors: draw what happens from a [`Random`] of the seed, and print the seed and [`Sim::trace`] when
//! something is
//! wrong.
//!
//! # Dependencies
//!
//! `parking_lot` (the lock around the world). For the explorer: `serde` (its messages).

#![forbid(unsafe_code)]

mod ledger;
mod random;
mod sim;
mod weather;

pub use ledger::{Account, Violations};
pub use random::Random;
pub use sim::{NAME, Sim};
pub use weather::Faults;
