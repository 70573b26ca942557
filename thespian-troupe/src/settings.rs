//! How large a troupe is, and how that is changed while it runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{Error, Message, Value};

/// The most workers a troupe can be allowed.
const MOST_WORKERS: u32 = 10_000;

/// The most messages a troupe can be allowed to keep waiting.
const MOST_WAITING: u32 = 500_000;

/// The most workers that one message can be allowed to outlive.
const MOST_REDELIVERIES: u32 = 100;

/// The most keys a troupe can be allowed to remember.
const MOST_KEYS: u32 = 1_000_000;

/// The most messages that a worker can be allowed to have at the same time.
const MOST_AHEAD: u32 = 1000;

/// The longest that a worker can be kept idle.
const LONGEST_DELAY: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The shortest time after which a troupe asks a worker what became of its work.
const LEAST_INQUIRY_DELAY: Duration = Duration::from_secs(1);

/// The settings of a troupe (guide section 8.1).
///
/// ```
/// use thespian_troupe::TroupeSettings;
///
/// let settings = TroupeSettings { max_count: 20, ..TroupeSettings::default() };
/// assert!(settings.check().is_ok());
/// let error = TroupeSettings { max_count: 0, ..settings }.check().unwrap_err();
/// assert!(error.to_string().contains("TroupeSettings::max_count"));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TroupeSettings {
    /// How many workers there are at most. Workers, from 1 to 10,000; 10 by default.
    pub max_count: u32,
    /// How many workers stay when there is no work. Workers, not above `max_count`; 2 by default. There may be fewer:
    /// workers are created only for work.
    pub idle_count: u32,
    /// How long a worker above `idle_count` is idle before it is dismissed. At most 365 days; 2 seconds by default.
    pub dismissal_delay: Duration,
    /// How many messages wait while every worker is at work. The next one comes back to its sender as poison that
    /// names this limit. What quick workers have [ahead](TroupeSettings::ahead_limit) is not counted. Messages, at most 500,000;
    /// 100,000 by default. At 0 nothing waits, not with a worker either.
    pub queue_limit: u32,
    /// To how many other workers a message is given when the one that had it dies, before it comes back to its sender
    /// as poison. Workers, at most 100; 2 by default.
    pub redelivery_limit: u32,
    /// How long a worker in another process is at work before the troupe asks it whether its message has come, and again each
    /// time that it has passed. Word that is lost for good, on a line that is cut for longer than messages are kept for it, is
    /// found out in this way, once some worker in another process has been heard of. From 1 second to 365 days; 60 seconds by default.
    pub inquiry_delay: Duration,
    /// How many messages a worker in another process has at most at the same time: while it is quick the next ones are on their way
    /// to it before the troupe knows that it is done. At 1 it gets one after the other. Messages, from 1 to 1000; 256 by default. Workers
    /// in the troupe's own process get one after the other.
    pub ahead_limit: u32,
    /// Of how many keys a [`KeyedTroupe`](crate::KeyedTroupe) remembers the worker. Those that were used least recently are
    /// forgotten first, at most half of them at once; keys whose messages are not done are remembered beyond it. Keys, from 1
    /// to 1,000,000; 100,000 by default. Other troupes have none.
    pub key_limit: u32,
    /// What the workers' capability check is given beside the system's capabilities; null by default.
    pub requirements: Value,
}

impl Default for TroupeSettings {
    fn default() -> TroupeSettings {
        TroupeSettings {
            max_count: 10,
            idle_count: 2,
            dismissal_delay: Duration::from_secs(2),
            queue_limit: 100_000,
            redelivery_limit: 2,
            inquiry_delay: Duration::from_secs(60),
            ahead_limit: 256,
            key_limit: 100_000,
            requirements: Value::Null,
        }
    }
}

impl TroupeSettings {
    /// Whether the settings make sense, each and together.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] names the first that does not, and what it can be.
    pub fn check(&self) -> Result<(), Error> {
        in_range("max_count", self.max_count, 1, MOST_WORKERS)?;
        if self.idle_count > self.max_count {
            let problem = format!(
                "is {}, and must not be above max_count, which is {}",
                self.idle_count, self.max_count
            );
            return Err(invalid("idle_count", problem));
        }
        in_range("queue_limit", self.queue_limit, 0, MOST_WAITING)?;
        in_range("redelivery_limit", self.redelivery_limit, 0, MOST_REDELIVERIES)?;
        in_range("ahead_limit", self.ahead_limit, 1, MOST_AHEAD)?;
        in_range("key_limit", self.key_limit, 1, MOST_KEYS)?;
        if !(LEAST_INQUIRY_DELAY..=LONGEST_DELAY).contains(&self.inquiry_delay) {
            let problem = format!(
                "is {:?}, and must be from {LEAST_INQUIRY_DELAY:?} to {LONGEST_DELAY:?}",
                self.inquiry_delay
            );
            return Err(invalid("inquiry_delay", problem));
        }
        if self.dismissal_delay > LONGEST_DELAY {
            let problem = format!("is {:?}, and must be at most {LONGEST_DELAY:?}", self.dismissal_delay);
            return Err(invalid("dismissal_delay", problem));
        }
        Ok(())
    }

    /// Sets one of the numbers that can change while the troupe runs.
    ///
    /// # Errors
    ///
    /// A text for whoever asked.
    pub(crate) fn set(&mut self, count: Count, value: u32) -> Result<(), String> {
        if !count.allows(value) {
            return Err(count.refuses(value));
        }
        match count {
            Count::Max => self.max_count = value,
            Count::Idle => self.idle_count = value,
        }
        Ok(())
    }

    /// Takes over what an update says, all of it or nothing.
    ///
    /// # Errors
    ///
    /// A text for whoever asked.
    pub(crate) fn update(&mut self, update: &UpdateTroupeSettings) -> Result<(), String> {
        if let (Some(max), Some(idle)) = (update.max_count, update.idle_count)
            && idle > max
        {
            return Err(format!(
                "Error setting troupe idle_count: {idle} is above max_count, which is to be {max}"
            ));
        }
        let mut changed = self.clone();
        for (count, value) in [(Count::Max, update.max_count), (Count::Idle, update.idle_count)] {
            if let Some(value) = value {
                changed.set(count, value)?;
            }
        }
        *self = changed;
        Ok(())
    }

    /// How many workers stay when there is no work.
    pub(crate) fn staying(&self) -> usize {
        self.idle_count.min(self.max_count) as usize
    }
}

fn in_range(setting: &str, value: u32, least: u32, most: u32) -> Result<(), Error> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(invalid(setting, format!("is {value}, and must be from {least} to {most}")))
}

fn invalid(setting: &str, problem: String) -> Error {
    Error::InvalidSetting { setting: format!("TroupeSettings::{setting}"), problem }
}

/// Changes the settings of a running troupe; the answer is one of the same type with the values in force (guide section
/// 8.1). What is `None` stays as it is. Numbers that cannot be are answered with a text that begins with `Error setting
/// troupe`, and change nothing.
///
/// What is raised serves messages that wait at once. What is lowered ends workers when they have done what they do.
/// An `idle_count` above `max_count` counts as `max_count`, so that the two can be changed one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Message)]
#[message(name = "thespian-troupe.UpdateTroupeSettings")]
pub struct UpdateTroupeSettings {
    /// [`TroupeSettings::max_count`].
    pub max_count: Option<u32>,
    /// [`TroupeSettings::idle_count`].
    pub idle_count: Option<u32>,
}

/// A number that can be set while a troupe runs.
#[derive(Clone, Copy)]
pub(crate) enum Count {
    Max,
    Idle,
}

impl Count {
    fn name(self) -> &'static str {
        match self {
            Count::Max => "max_count",
            Count::Idle => "idle_count",
        }
    }

    fn least(self) -> u32 {
        match self {
            Count::Max => 1,
            Count::Idle => 0,
        }
    }

    fn allows(self, value: u32) -> bool {
        (self.least()..=MOST_WORKERS).contains(&value)
    }

    fn refuses(self, value: impl std::fmt::Display) -> String {
        let (name, least) = (self.name(), self.least());
        format!("Error setting troupe {name}: {value} is not a whole number from {least} to {MOST_WORKERS}")
    }
}

/// What a text that begins with `troupe:` asks for.
pub(crate) enum Command {
    Status,
    Set(Count, u32),
}

/// Texts with this beginning are for the troupe itself and no work.
pub(crate) const COMMAND_PREFIX: &str = "troupe:";

impl Command {
    /// Reads what follows the prefix.
    ///
    /// # Errors
    ///
    /// A text for whoever asked.
    pub(crate) fn read(command: &str) -> Result<Command, String> {
        if command == "status?" {
            return Ok(Command::Status);
        }
        let (name, value) = command.split_once('=').unwrap_or((command, ""));
        let count = match name {
            "set_max_count" => Count::Max,
            "set_idle_count" => Count::Idle,
            _ => {
                let text = format!("{COMMAND_PREFIX}{}", shortened(command));
                return Err(format!(
                    "Error: {text:?} is no troupe command; there are troupe:status?, troupe:set_max_count=N and \
                     troupe:set_idle_count=N"
                ));
            }
        };
        match value.trim().parse() {
            Ok(value) => Ok(Command::Set(count, value)),
            Err(_) => {
                let text = shortened(value);
                Err(count.refuses(format_args!("{text:?}")))
            }
        }
    }
}

/// Setting a number, as the guide answers it.
pub(crate) fn confirmation(count: Count, value: u32) -> String {
    format!("Set troupe {} to {value}", count.name())
}

/// Enough of a text to recognise it by: an error need not repeat a megabyte.
fn shortened(text: &str) -> &str {
    let end = text.char_indices().nth(60).map_or(text.len(), |(at, _)| at);
    &text[..end]
}
