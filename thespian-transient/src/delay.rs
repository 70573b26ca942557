//! How long a transient actor has.

use std::time::Duration;

use thespian_core::Error;

/// The guide's `exit_delay`, as a type: it belongs to the actor's type, as a decorator's argument does, so whoever creates
/// the actor need not know it.
///
/// [`Seconds`] and [`Millis`] are there for delays that stand in the program. One that does not is a type of its own:
///
/// ```
/// use std::time::Duration;
/// use thespian_transient::{ExitDelay, TransientIdle};
/// # #[derive(Default)]
/// # struct Session;
/// # #[thespian_core::actor]
/// # impl Session {}
///
/// /// As the environment says, or a minute.
/// struct Patience;
///
/// impl ExitDelay for Patience {
///     fn exit_delay() -> Duration {
///         let seconds = std::env::var("SESSION_SECONDS").ok().and_then(|text| text.parse().ok());
///         Duration::from_secs(seconds.unwrap_or(60))
///     }
/// }
///
/// type PatientSession = TransientIdle<Session, Patience>;
/// # fn main() {}
/// ```
pub trait ExitDelay: Send + 'static {
    /// The delay: more than zero, and at most [`LONGEST_EXIT_DELAY`]. Asked for when an actor is created, and when its
    /// type's name is.
    fn exit_delay() -> Duration;
}

/// The longest delay that is allowed: 100 years of 365 days. An actor that is to live longer is not transient.
pub const LONGEST_EXIT_DELAY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A delay of `N` seconds.
#[derive(Debug)]
pub enum Seconds<const N: u64> {}

impl<const N: u64> ExitDelay for Seconds<N> {
    fn exit_delay() -> Duration {
        Duration::from_secs(N)
    }
}

/// A delay of `N` milliseconds.
#[derive(Debug)]
pub enum Millis<const N: u64> {}

impl<const N: u64> ExitDelay for Millis<N> {
    fn exit_delay() -> Duration {
        Duration::from_millis(N)
    }
}

/// The delay, if it can be used.
pub(crate) fn checked<D: ExitDelay>() -> Result<Duration, Error> {
    let delay = D::exit_delay();
    let problem = if delay.is_zero() {
        "is zero, and must be more: the actor would exit before it could be asked again".into()
    } else if delay > LONGEST_EXIT_DELAY {
        format!(
            "is {delay:?}, and must be at most {LONGEST_EXIT_DELAY:?}; an actor that is to stay needs no transient helper"
        )
    } else {
        return Ok(delay);
    };
    Err(Error::InvalidSetting { setting: "exit_delay".into(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: u64 = LONGEST_EXIT_DELAY.as_secs();

    #[test]
    fn delays_that_make_sense_are_taken_in_their_unit() {
        assert_eq!(checked::<Millis<1>>(), Ok(Duration::from_millis(1)));
        assert_eq!(checked::<Seconds<LONGEST>>(), Ok(LONGEST_EXIT_DELAY));
    }

    #[test]
    fn others_are_refused_with_the_setting_and_the_bound() {
        fn refused<D: ExitDelay>() -> String {
            checked::<D>().expect_err("refused").to_string()
        }
        assert!(refused::<Seconds<0>>().starts_with("setting exit_delay: is zero"));
        assert!(refused::<Seconds<{ LONGEST + 1 }>>().contains("at most 3153600000s"));
        assert!(refused::<Millis<{ u64::MAX }>>().contains("at most 3153600000s"));
    }
}
