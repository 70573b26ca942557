//! What an actor that runs commands is created with.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{Error, Message};

/// The most commands that can be allowed to wait.
const MOST_WAITING: u32 = 100_000;

/// The longest time that a command can be given to end when it is told to.
const LONGEST_GRACE: Duration = Duration::from_secs(60 * 60);

/// The settings of an actor that runs commands.
///
/// ```
/// use thespian_runcommand::RunCommandSettings;
///
/// let settings = RunCommandSettings { queue_limit: 10, ..RunCommandSettings::default() };
/// assert!(settings.check().is_ok());
/// let error = RunCommandSettings { queue_limit: u32::MAX, ..settings }.check().unwrap_err();
/// assert!(error.to_string().contains("RunCommandSettings::queue_limit"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
#[message(name = "thespian-runcommand.RunCommandSettings")]
pub struct RunCommandSettings {
    /// How many commands wait while another runs. The next one is answered with
    /// [`CommandProblem::QueueFull`](crate::CommandProblem::QueueFull). Commands, at most 100,000; 1,000 by default. At 0
    /// nothing waits.
    pub queue_limit: u32,
    /// How long a command, with all that it has started, may go on after it was told to terminate, before it is ended by
    /// force. At most an hour; 2 seconds by default. At 0 it is ended at once.
    pub grace: Duration,
}

impl Default for RunCommandSettings {
    fn default() -> RunCommandSettings {
        RunCommandSettings { queue_limit: 1000, grace: Duration::from_secs(2) }
    }
}

impl RunCommandSettings {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] names the first that does not, and what it can be.
    pub fn check(&self) -> Result<(), Error> {
        let RunCommandSettings { queue_limit, grace } = self;
        if *queue_limit > MOST_WAITING {
            return Err(invalid(
                "queue_limit",
                format!("is {queue_limit}, and must be at most {MOST_WAITING}"),
            ));
        }
        if *grace > LONGEST_GRACE {
            return Err(invalid("grace", format!("is {grace:?}, and must be at most {LONGEST_GRACE:?}")));
        }
        Ok(())
    }
}

fn invalid(setting: &str, problem: String) -> Error {
    Error::InvalidSetting { setting: format!("RunCommandSettings::{setting}"), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_at_their_bounds_are_taken_and_others_refused() {
        let zero = RunCommandSettings { queue_limit: 0, grace: Duration::ZERO };
        let most = RunCommandSettings { queue_limit: MOST_WAITING, grace: LONGEST_GRACE };
        for settings in [&zero, &most, &RunCommandSettings::default()] {
            assert_eq!(settings.check(), Ok(()));
        }
        let refused =
            RunCommandSettings { queue_limit: MOST_WAITING + 1, ..zero }.check().expect_err("refused");
        assert!(refused.to_string().contains("queue_limit: is 100001"), "{refused}");
        let refused = RunCommandSettings { grace: Duration::MAX, ..most }.check().expect_err("refused");
        assert!(refused.to_string().contains("RunCommandSettings::grace"), "{refused}");
    }
}
