//! What the helpers that wrap actors know of each other.

use core::fmt;

use crate::{Actor, Error};

/// The guide's helpers that an actor type is wrapped in (guide section 8): what [`Actor::HELPERS`] says.
///
/// A helper is a crate of its own and knows no other. What cannot be combined, or only in one order, is refused at compile
/// time by these marks.
///
/// ```
/// use thespian_core::{Actor, Helpers};
///
/// const fn may_be_a_troupe<A: Actor>() -> bool {
///     !A::HELPERS.include(Helpers::INITIALIZING)
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Helpers(u8);

impl Helpers {
    /// None: an actor as it was written.
    pub const NONE: Helpers = Helpers(0);
    /// One address for many workers (guide section 8.1).
    pub const TROUPE: Helpers = Helpers(1);
    /// Exits some time after its first message (guide section 8.2).
    pub const TRANSIENT: Helpers = Helpers(1 << 1);
    /// Exits some time after its last message (guide section 8.2).
    pub const TRANSIENT_IDLE: Helpers = Helpers(1 << 2);
    /// Waits for initialization messages (guide section 8.3).
    pub const INITIALIZING: Helpers = Helpers(1 << 3);

    const NAMES: [(Helpers, &str); 4] = [
        (Helpers::TROUPE, "troupe"),
        (Helpers::TRANSIENT, "transient"),
        (Helpers::TRANSIENT_IDLE, "transient_idle"),
        (Helpers::INITIALIZING, "initializing_messages"),
    ];

    /// These and those.
    #[must_use]
    pub const fn and(self, others: Helpers) -> Helpers {
        Helpers(self.0 | others.0)
    }

    /// Whether all of those are among these.
    pub const fn include(self, others: Helpers) -> bool {
        self.0 & others.0 == others.0
    }
}

impl fmt::Debug for Helpers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Helpers::NAMES.iter().filter(|(helper, _)| self.include(*helper));
        f.debug_set().entries(names.map(|(_, name)| name)).finish()
    }
}

/// A helper that is an actor around another one, which lives as long as it does.
///
/// It lets a helper see through one that it does not know: the crate for initialization messages calls `init_done` of the
/// actor inside a transient one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say that it can do what is asked of an actor here",
    note = "an actor says so with an `impl` of the trait that is required below; a helper around an actor passes it on with \
            `thespian_core::Wrapper`"
)]
pub trait Wrapper: Actor {
    /// The actor inside.
    type Inner: Actor;

    /// The actor inside.
    fn inner_mut(&mut self) -> &mut Self::Inner;

    /// Whether the helper's own settings can be used: what its constructor would say, for a helper around it that has it
    /// constructed later.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] names the first that cannot.
    fn check_settings() -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn helpers_add_up_and_know_each_other_apart() {
        let both = Helpers::TROUPE.and(Helpers::TRANSIENT_IDLE);
        for (helper, _) in Helpers::NAMES {
            assert_eq!(both.include(helper), helper == Helpers::TROUPE || helper == Helpers::TRANSIENT_IDLE);
            assert!(!Helpers::NONE.include(helper));
        }
        assert!(both.include(Helpers::NONE) && both.include(both) && !Helpers::TROUPE.include(both));
    }

    #[test]
    fn helpers_are_shown_by_the_guides_names() {
        let both = Helpers::INITIALIZING.and(Helpers::TRANSIENT);
        assert_eq!(format!("{both:?}"), r#"{"transient", "initializing_messages"}"#);
    }
}
