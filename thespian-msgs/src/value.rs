//! Values of capabilities and requirements.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

/// A capability's value, or an actor's requirements (guide sections 4.10 and 5.12).
///
/// Free-form, as in the guide: whoever sets a capability and whoever checks it agree on its shape.
///
/// ```
/// use thespian_msgs::Value;
///
/// let requirements = Value::map([("gpu", Value::from(true)), ("memory GiB", Value::from(16))]);
/// assert_eq!(requirements.get("memory GiB").and_then(Value::as_int), Some(16));
/// assert!(!Value::from("").is_truthy());
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Value {
    /// Nothing: no requirements; as the new value of a capability, its removal.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text.
    Text(String),
    /// Several values, such as the parts of a version.
    List(Vec<Value>),
    /// Named values.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// A map from pairs.
    pub fn map<K: Into<String>, V: Into<Value>>(pairs: impl IntoIterator<Item = (K, V)>) -> Value {
        Value::Map(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// Whether the value counts as true (guide section 5.12.1): everything but null, `false`, zero, and what is empty.
    pub fn is_truthy(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Bool(value) => *value,
            Value::Int(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Text(value) => !value.is_empty(),
            Value::List(value) => !value.is_empty(),
            Value::Map(value) => !value.is_empty(),
        }
    }

    /// Whether this is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The value, if it is yes or no.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The value, if it is a whole number.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The value, if it is a number.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(*value),
            Value::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The value, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(value) => Some(value),
            _ => None,
        }
    }

    /// The value, if it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(values) => Some(values),
            _ => None,
        }
    }

    /// The value of a name, if this is a map that has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Map(values) => values.get(name),
            _ => None,
        }
    }

    /// What kind of value this is, for error texts.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "integer",
            Value::Float(_) => "float",
            Value::Text(_) => "text",
            Value::List(_) => "list",
            Value::Map(_) => "map",
        }
    }
}

/// Values are equal when kind and content are; a whole number equals the same number as a float, as in the guide's
/// language; a NaN equals itself, so that setting it again is no change.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b || a.is_nan() && b.is_nan(),
            (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => *a as f64 == *b,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value}"),
            Value::Text(value) => write!(f, "{value:?}"),
            Value::List(values) => {
                f.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Value::Map(values) => {
                f.write_str("{")?;
                for (at, (name, value)) in values.iter().enumerate() {
                    write!(f, "{}{name:?}: {value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}

macro_rules! value_from {
    ($($type:ty => |$value:ident| $make:expr),* $(,)?) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Value {
                $make
            }
        }
    )*};
}

value_from! {
    bool => |value| Value::Bool(value),
    i8 => |value| Value::Int(value.into()), i16 => |value| Value::Int(value.into()),
    i32 => |value| Value::Int(value.into()), i64 => |value| Value::Int(value),
    u8 => |value| Value::Int(value.into()), u16 => |value| Value::Int(value.into()),
    u32 => |value| Value::Int(value.into()),
    f32 => |value| Value::Float(value.into()), f64 => |value| Value::Float(value),
    String => |value| Value::Text(value), &str => |value| Value::Text(value.to_string()),
    () => |_nothing| Value::Null,
}

impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(values: Vec<V>) -> Value {
        Value::List(values.into_iter().map(Into::into).collect())
    }
}

impl<V: Into<Value>, const N: usize> From<[V; N]> for Value {
    fn from(values: [V; N]) -> Value {
        Value::List(values.into_iter().map(Into::into).collect())
    }
}

impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

impl<V: Into<Value>> From<BTreeMap<String, V>> for Value {
    fn from(values: BTreeMap<String, V>) -> Value {
        Value::map(values)
    }
}

/// What a system can do: named values (guide section 4.10).
///
/// Every system has those of [guide section 9.1] and whatever else its users set.
///
/// [guide section 9.1]: crate
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Capabilities(BTreeMap<String, Value>);

impl Capabilities {
    /// No capabilities.
    pub fn new() -> Capabilities {
        Capabilities::default()
    }

    /// The value of a capability.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Whether the capability is there and its value counts as true.
    pub fn is_truthy(&self, name: &str) -> bool {
        self.get(name).is_some_and(Value::is_truthy)
    }

    /// Whether the capability is there with just this value.
    pub fn has(&self, name: &str, value: impl Into<Value>) -> bool {
        self.get(name) == Some(&value.into())
    }

    /// Sets a capability, or removes it where the value is [`Value::Null`]; says whether that changed anything.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) -> bool {
        let (name, value) = (name.into(), value.into());
        if value.is_null() {
            return self.0.remove(&name).is_some();
        }
        if self.0.get(&name) == Some(&value) {
            return false;
        }
        self.0.insert(name, value);
        true
    }

    /// All capabilities, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Capabilities {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Capabilities {
        let mut capabilities = Capabilities::new();
        for (name, value) in pairs {
            capabilities.set(name, value);
        }
        capabilities
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.iter() {
            writeln!(f, "{name} = {value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_is_as_in_the_guide() {
        for value in [true.into(), 5.into(), "x".into(), 0.5.into(), Value::from([0])] {
            assert!(value.is_truthy(), "{value}");
        }
        for value in [Value::Null, false.into(), 0.into(), "".into(), 0.0.into(), Value::List(Vec::new())] {
            assert!(!value.is_truthy(), "{value}");
        }
    }

    #[test]
    fn setting_the_same_value_again_is_no_change() {
        let mut capabilities = Capabilities::new();
        assert!(capabilities.set("a", 1));
        assert!(!capabilities.set("a", 1));
        assert!(!capabilities.set("a", 1.0), "a whole number equals the float of the same value");
        assert!(capabilities.set("nan", f64::NAN));
        assert!(!capabilities.set("nan", f64::NAN));
        assert!(capabilities.set("a", Value::Null));
        assert!(!capabilities.set("a", Value::Null));
        assert!(!capabilities.set("never there", Value::Null));
    }

    #[test]
    fn values_of_different_kinds_differ() {
        assert_ne!(Value::from("1"), Value::from(1));
        assert_ne!(Value::from(false), Value::Null);
        assert_ne!(Value::from(true), Value::from(1));
    }

    #[test]
    fn the_text_form_can_be_read() {
        let value = Value::map([("b", Value::from([1, 2])), ("a", Value::from("x"))]);
        assert_eq!(value.to_string(), r#"{"a": "x", "b": [1, 2]}"#);
    }
}
