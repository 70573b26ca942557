//! What several documents have in common.

use serde::Serialize;
use serde_json::Value as Json;
use thespian_core::{Counters, Value};

/// What became of messages.
#[derive(Debug, Serialize)]
pub(crate) struct CountersJson {
    sent: u64,
    handled: u64,
    poisoned: u64,
    dead_lettered: u64,
    refused: u64,
    failed_attempts: u64,
    lost: u64,
    late: u64,
}

impl From<&Counters> for CountersJson {
    fn from(counters: &Counters) -> CountersJson {
        let Counters { sent, handled, poisoned, dead_lettered, refused, failed_attempts, lost, late } =
            *counters;
        CountersJson { sent, handled, poisoned, dead_lettered, refused, failed_attempts, lost, late }
    }
}

/// The value of a capability.
pub(crate) fn of_value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(value) => value.as_str().into(),
        Value::List(values) => values.iter().map(of_value).collect(),
        Value::Map(values) => values.iter().map(|(name, value)| (name.clone(), of_value(value))).collect(),
        // A kind of value that is newer than this program.
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_kind() {
        let value =
            Value::map([("a", Value::from([1, 2])), ("b", Value::from(true)), ("c", Value::from("x"))]);
        assert_eq!(of_value(&value).to_string(), r#"{"a":[1,2],"b":true,"c":"x"}"#);
        assert_eq!(of_value(&Value::from(0.5)).to_string(), "0.5");
    }
}
