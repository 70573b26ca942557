//! The Actor API, the ActorSystem API and the engines of Thespian, without any IO.
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
mod limits;
mod registry;
mod spec;
mod system;
mod time;

pub use actor::{
    Actor, ActorType, ErasedActor, Failure, FailurePolicy, Flow, Handled, IntoHandled, StartError,
    check_capability,
};
pub use base::{Base, DefaultBase, GENERATION, RunningSystem, Settings};
pub use context::{Actions, Context, Environment};
pub use dispatch::{Dispatch, dispatch, try_handler};
pub use error::{Error, Feature, SpecificationProblem};
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
