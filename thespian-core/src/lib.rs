//! The Actor API, the ActorSystem API and the engines of Thespian, without any IO.
//!
//! - What actors are written with: [`macro@actor`] or the [`Actor`] trait, [`Context`], [`macro@Message`].
//! - What programs start and talk to: [`ActorSystem`] on a base, which is a value of another crate.
//! - What bases are made of: the [`engine`]s, which decide, and the [`driver`] support that performs.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use thespian_core::{Context, Handled, Message, WakeupMessage, actor};
//!
//! #[derive(Serialize, Deserialize, Message)]
//! struct Brew { cups: u32 }
//!
//! /// Brews one cup after the other.
//! #[derive(Default)]
//! struct CoffeeMachine { cups: u32 }
//!
//! #[actor]
//! impl CoffeeMachine {
//!     fn brew(&mut self, brew: &Brew, ctx: &mut Context<'_>) {
//!         self.cups += brew.cups;
//!         ctx.wakeup_after(std::time::Duration::from_secs(30));
//!     }
//!
//!     fn cup_is_full(&mut self, _: &WakeupMessage, ctx: &mut Context<'_>) {
//!         self.cups -= 1;
//!         if self.cups > 0 {
//!             ctx.wakeup_after(std::time::Duration::from_secs(30));
//!         }
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! Nothing here reads a clock, opens a socket, starts a thread or a process, or draws a random number; `no_std` holds the
//! crate to it, and a driver of another crate does these things.
//!
//! # Dependencies
//!
//! `thespian-msgs` and `thespian-derive` (re-exported), `serde` (bounds of the message types), `inventory` (actor types and
//! the default base that register themselves at link time), `parking_lot` (the lock round the process's own system),
//! `log` (what engines have to say to people). For tests: `trybuild` (the macros' errors).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
extern crate self as thespian_core;

mod actor;
mod base;
mod context;
mod dispatch;
pub mod driver;
pub mod engine;
mod error;
mod helpers;
mod letters;
mod limits;
mod registry;
mod spec;
mod system;
mod time;
pub mod transport;

pub use actor::{
    Actor, ActorType, ErasedActor, Failure, FailurePolicy, Flow, Handled, IntoHandled, StartError,
    check_capability,
};
pub use base::{Base, DefaultBase, GENERATION, RunningSystem, Settings};
pub use context::{Actions, Context, Environment};
pub use dispatch::{Dispatch, dispatch, try_handler};
pub use error::{AttachProblem, Error, Feature, SpecificationProblem};
pub use helpers::{Helpers, Wrapper};
pub use limits::Limits;
pub use registry::{ActorTypes, LinkedActorType};
pub use spec::ActorSpec;
pub use system::{ActorSystem, Answer, Builder, Private, Reply, Timeout};
pub use thespian_derive::{Message, actor, require_capability};
pub use thespian_msgs::*;
pub use time::Time;

/// What the macros' code names. No part of the API.
#[doc(hidden)]
pub mod __private;
