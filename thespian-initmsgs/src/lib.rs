//! Actors that begin their work when the messages they cannot do without have come.
//!
//! Guide section 8.3. An actor's constructor has no context and knows nobody; what an actor needs to know often comes by
//! message, in any order, while others write to it already. Here the actor is made when all of that is there, so that it has
//! it in plain fields:
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use thespian_core::{ActorAddress, ActorSystem, Context, Handled, Message, actor};
//! use thespian_initmsgs::{Init, InitActor, Initialized, WithSender};
//!
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
//! struct Msg1;
//!
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
//! struct Croak;
//!
//! struct Foo {
//!     m1: WithSender<Msg1>,
//!     target: ActorAddress,
//!     frog: String,
//! }
//!
//! #[actor]
//! impl Foo {
//!     /// The messages that the actor waits for are the argument of its constructor.
//!     #[start]
//!     fn new(Init((m1, target, frog)): Init<(WithSender<Msg1>, ActorAddress, String)>) -> Foo {
//!         Foo { m1, target, frog }
//!     }
//!
//!     fn croak(&mut self, croak: &Croak, ctx: &mut Context<'_>) -> Handled {
//!         ctx.send(&self.m1.sender, self.m1.message.clone());
//!         ctx.send(&self.target, croak.clone());
//!         ctx.reply(self.frog.as_str())
//!     }
//! }
//!
//! impl InitActor for Foo {
//!     fn init_done(&mut self, ctx: &mut Context<'_>) -> Handled {
//!         ctx.send(&self.m1.sender, "Running");
//!         ctx.reply(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let system = ActorSystem::builder().base(thespian_sim::Sim::new(1)).unregistered().start()?;
//! let foo = system.create_actor::<Initialized<Foo>>()?;
//! let target = system.private()?;
//! system.tell(&foo, "a green one")?;
//! system.tell(&foo, Croak)?; // kept
//! system.tell(&foo, target.endpoint())?;
//! system.tell(&foo, Msg1)?;
//! assert_eq!(system.listen(1)?.take::<String>().ok(), Some("Running".into()));
//! assert_eq!(system.listen(1)?.take::<()>().ok(), Some(()));
//! assert_eq!(system.listen(1)?.take::<Msg1>().ok(), Some(Msg1));
//! assert_eq!(system.listen(1)?.take::<String>().ok(), Some("a green one".into()));
//! assert_eq!(target.listen(1)?.take::<Croak>().ok(), Some(Croak));
//! # system.shutdown()?;
//! # Ok(())
//! # }
//! ```
//!
//! The guide's `@initializing_messages([...], initdone='init_completed')` above `class Foo` is the type `Initialized<Foo>`
//! here; its list is the tuple, with [`WithSender`] where the guide has `True`; `init_completed` is
//! [`InitActor::init_done`].
//!
//! # The model
//!
//! - **Waiting.** A message of a type in the set is taken and not given to the actor; the last of a type counts. A message that
//!   extends one of these types is one of it too. Any other is kept, with its sender.
//! - **Done.** With the last type that was missing the actor is constructed and `init_done` is called, in one attempt at that
//!   message: if either fails, the message is tried again, then comes back to its sender as poison, and is missing still.
//! - **Catching up.** What was kept is handled in the order it came, from its own senders, before anything that came later:
//!   two attempts for each, and poison to its sender. While more arrive, as many are handled at once as have come, so that the
//!   actor is caught up at some time, and a flood is held back.
//! - **Working.** From then on the actor gets everything, those types too that were in the set: a `String` after the frog is a
//!   message like any other.
//! - **Messages of the runtime** are not waited for, not kept and do not wait. Before there is an actor, they go to
//!   [`InitActor::before_init`], which does nothing by default: an actor that has not asked for anything yet has nothing to
//!   hear but a request to exit.
//! - **An exit** ends the waiting too. What is still kept then comes back to its senders as poison that says so; what is kept by
//!   an actor that is killed is lost with it.
//! - A message counts as handled for its sender's back-pressure when it has been kept. That is why there is a bound:
//!
//! # Settings
//!
//! | setting | unit | default | allowed |
//! | --- | --- | --- | --- |
//! | [`InitActor::KEPT_LIMIT`] | messages | 10,000 | 1 to [`LARGEST_KEPT_LIMIT`] |
//! | the init set: the argument of the constructor, or [`InitPassthruActor::InitSet`] | types | | 1 to 8, each once, none of the runtime's own |
//! | [`Actor::failure_policy`](thespian_core::Actor::failure_policy) | | that of the actor | no fresh instance, which would have forgotten what it was told |
//!
//! A message for which there is no room comes back to its sender as poison that names the setting. Settings that are not
//! allowed are an error when the actor is created, which names them: `ActorStartFailed` for a caller outside, a
//! `ChildActorExited` for a parent.
//!
//! # Passing messages through
//!
//! The guide's `init_passthru=True` is the type [`InitPassthru`]: there the actor lives from the start and gets every message,
//! and in the end the values too.
//!
//! # Combinations
//!
//! In the guide's order (section 8.3), initialization stands outside of the transient helpers: `Initialized<Transient<A>>`,
//! `InitPassthru<TransientIdle<A>>`. What the actor is not given is no use of it. The other order and a troupe of such actors
//! are compile errors that say so, and so is whatever else is no [`InitActor`].
//!
//! # Dependencies
//!
//! `serde` (the init set is a start argument, and so a message). For tests: `trybuild` (the errors of wrong combinations).

#![forbid(unsafe_code)]

mod initialized;
mod kept;
mod passthru;
mod set;
mod settings;

pub use initialized::{InitActor, Initialized};
pub use passthru::{InitPassthru, InitPassthruActor};
pub use set::{Init, InitMessage, InitSet, InitStart, WithSender};
pub use settings::LARGEST_KEPT_LIMIT;
