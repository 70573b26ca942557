//! Troupes as actor types.

/// Names a troupe whose settings are part of its type, as the guide's decorator does (guide section 8.1). What it makes is
/// an actor type like any other, with the start argument of its workers.
///
/// ```
/// use thespian_core::{ActorSystem, Context, Error, Handled, actor, actors};
/// use thespian_simple::Simple;
///
/// #[derive(Default)]
/// pub struct Resizer;
///
/// #[actor]
/// impl Resizer {
///     fn resize(&mut self, size: &u64, ctx: &mut Context<'_>) -> Handled {
///         ctx.reply(size / 2)
///     }
/// }
///
/// thespian_troupe::troupe! {
///     /// Resizes pictures, ten at a time.
///     pub troupe Resizers of Resizer { max_count: 10, idle_count: 2 }
/// }
///
/// fn main() -> Result<(), Error> {
///     let system = ActorSystem::builder().base(Simple).actors(actors![Resizers]).unregistered().start()?;
///     let resizers = system.create_actor::<Resizers>()?;
///     assert_eq!(system.request(&resizers, 8_u64, 1), Ok(4_u64));
///     system.shutdown()
/// }
/// ```
///
/// Settings that do not make sense are an error when the troupe is created, that names the setting.
#[macro_export]
macro_rules! troupe {
    (@$kind:ident $(
        $(#[$attribute:meta])*
        $visibility:vis troupe $name:ident of $worker:ty { $($setting:ident : $value:expr),* $(,)? }
    )*) => {$(
        $(#[$attribute])*
        $visibility struct $name($crate::$kind<$worker>);

        impl $crate::__private::Actor for $name {
            type Start = <$worker as $crate::__private::Actor>::Start;

            const HELPERS: $crate::__private::Helpers =
                <$crate::$kind<$worker> as $crate::__private::Actor>::HELPERS;

            fn type_name() -> $crate::__private::TypeName {
                $crate::__private::TypeName::Borrowed(concat!(module_path!(), "::", stringify!($name)))
            }

            fn start(start: Self::Start) -> Result<Self, $crate::__private::Failure> {
                #[allow(clippy::needless_update, reason = "all settings may be given")]
                let settings = $crate::TroupeSettings {
                    $($setting: $value,)*
                    ..$crate::TroupeSettings::default()
                };
                let start = $crate::TroupeStart::new(settings, start)?;
                <$crate::$kind<$worker> as $crate::__private::Actor>::start(start).map($name)
            }

            fn receive(
                &mut self,
                message: &$crate::__private::AnyMessage,
                ctx: &mut $crate::__private::Context<'_>,
            ) -> $crate::__private::Handled {
                $crate::__private::Actor::receive(&mut self.0, message, ctx)
            }

            fn capability_check(
                capabilities: &$crate::__private::Capabilities,
                requirements: &$crate::__private::Value,
            ) -> Result<(), String> {
                <$crate::$kind<$worker> as $crate::__private::Actor>::capability_check(capabilities, requirements)
            }

            fn failure_policy() -> $crate::__private::FailurePolicy {
                <$crate::$kind<$worker> as $crate::__private::Actor>::failure_policy()
            }

            fn companions() -> Vec<&'static $crate::__private::ActorType> {
                <$crate::$kind<$worker> as $crate::__private::Actor>::companions()
            }
        }
    )*};    ($($troupes:tt)*) => {
        $crate::troupe! { @Troupe $($troupes)* }
    };
}

/// The same for a [`KeyedTroupe`](crate::KeyedTroupe): `keyed_troupe! { pub troupe Tills of Till { max_count: 10 } }`.
#[macro_export]
macro_rules! keyed_troupe {
    ($($troupes:tt)*) => {
        $crate::troupe! { @KeyedTroupe $($troupes)* }
    };
}
