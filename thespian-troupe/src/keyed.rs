//! Troupes in which messages that belong together have one worker.

use std::fmt;

use thespian_core::{
    Actor, ActorSpec, ActorType, ActorTypes, AnyMessage, Capabilities, Context, Error, Failure,
    FailurePolicy, Handled, Helpers, TypeName, Value, actors,
};

use crate::keys::Keyed;
use crate::settings::TroupeSettings;
use crate::troupe::{Troupe, TroupeStart, specified};

/// A [`Troupe`] in which messages with the same [`Key`](crate::Key) go to the same worker, while it lives: in the order in
/// which they came, and one at a time. See the [crate](crate#messages-that-belong-together).
///
/// ```
/// use std::collections::HashMap;
///
/// use serde::{Deserialize, Serialize};
/// use thespian_core::{Actor, ActorSystem, AnyMessage, Context, Error, Handled, Message, actor};
/// use thespian_simple::Simple;
/// use thespian_troupe::{Key, Keyed, KeyedTroupe, TroupeSettings};
///
/// /// So many into somebody's account. The answer is what is in it then.
/// #[derive(Clone, Serialize, Deserialize, Message)]
/// struct Deposit { owner: String, amount: u64 }
///
/// /// Keeps the accounts of those whose messages come to it.
/// #[derive(Default)]
/// pub struct Till { accounts: HashMap<String, u64> }
///
/// #[actor]
/// impl Till {
///     fn deposit(&mut self, deposit: &Deposit, ctx: &mut Context<'_>) -> Handled {
///         let account = self.accounts.entry(deposit.owner.clone()).or_default();
///         *account += deposit.amount;
///         ctx.reply(*account)
///     }
/// }
///
/// impl Keyed for Till {
///     fn key(message: &AnyMessage) -> Option<Key> {
///         message.downcast_ref::<Deposit>().map(|deposit| Key::of(&deposit.owner))
///     }
/// }
///
/// // With the settings in the type ...
/// thespian_troupe::keyed_troupe! {
///     pub troupe Tills of Till { max_count: 4, idle_count: 4 }
/// }
///
/// fn main() -> Result<(), Error> {
///     let system = ActorSystem::builder().base(Simple).unregistered().start()?;
///     // ... or by value.
///     let settings = TroupeSettings { max_count: 4, idle_count: 4, ..TroupeSettings::default() };
///     for tills in [Tills::spec(), KeyedTroupe::<Till>::of(settings)?] {
///         let tills = system.create(tills)?;
///         for (owner, amount, balance) in [("ada", 1, 1), ("bob", 5, 5), ("ada", 2, 3), ("bob", 5, 10)] {
///             let deposit = Deposit { owner: owner.into(), amount };
///             assert_eq!(system.request::<u64>(&tills, deposit, 1), Ok(balance));
///         }
///     }
///     system.shutdown()
/// }
/// ```
///
/// What a worker keeps is gone with it: what must not get lost belongs somewhere else, and so does what is needed for longer
/// than the troupe needs the worker, unless `idle_count` is `max_count`.
pub struct KeyedTroupe<W>(Troupe<W>);

impl<W: Keyed> KeyedTroupe<W> {
    /// The actor types of such a troupe, as [`Troupe::types`] gives them.
    pub fn types() -> ActorTypes {
        actors![KeyedTroupe<W>]
    }

    /// Specifies such a troupe of workers whose constructor needs nothing, to be created.
    ///
    /// # Errors
    ///
    /// As [`TroupeSettings::check`].
    pub fn of(settings: TroupeSettings) -> Result<ActorSpec, Error>
    where
        W: Actor<Start = ()>,
    {
        KeyedTroupe::<W>::with(settings, ())
    }

    /// Specifies such a troupe of workers each of which gets this start argument.
    ///
    /// # Errors
    ///
    /// As [`TroupeSettings::check`].
    pub fn with(settings: TroupeSettings, argument: W::Start) -> Result<ActorSpec, Error> {
        specified::<KeyedTroupe<W>>(settings, argument)
    }
}

impl<W> fmt::Debug for KeyedTroupe<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyedTroupe").field(&self.0).finish()
    }
}

impl<W: Keyed> Actor for KeyedTroupe<W> {
    type Start = TroupeStart;

    const HELPERS: Helpers = <Troupe<W> as Actor>::HELPERS;

    fn type_name() -> TypeName {
        TypeName::Owned(format!("thespian-troupe.KeyedTroupe<{}>", W::type_name()))
    }

    fn start(start: TroupeStart) -> Result<KeyedTroupe<W>, Failure> {
        <Troupe<W> as Actor>::start(start).map(|troupe| KeyedTroupe(troupe.keyed(W::key)))
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        self.0.receive(message, ctx)
    }

    fn capability_check(capabilities: &Capabilities, requirements: &Value) -> Result<(), String> {
        <Troupe<W> as Actor>::capability_check(capabilities, requirements)
    }

    fn failure_policy() -> FailurePolicy {
        <Troupe<W> as Actor>::failure_policy()
    }

    fn companions() -> Vec<&'static ActorType> {
        <Troupe<W> as Actor>::companions()
    }
}
