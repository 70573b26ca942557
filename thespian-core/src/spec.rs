//! What is to be created.

use alloc::boxed::Box;
use alloc::string::String;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Actor, ActorType, AnyMessage, IntoMessage, TypeName, Value};

/// Specifies an actor to create (guide section 5.3).
///
/// ```
/// use thespian_core::{ActorSpec, Value};
///
/// let spec = ActorSpec::named("shop::Register")
///     .requirements(Value::map([("till", 2)]))
///     .global_name("the register")
///     .start(String::from("argument of the constructor"));
/// # let _ = spec;
/// ```
#[derive(Debug)]
pub struct ActorSpec {
    pub(crate) which: Which,
    pub(crate) requirements: Value,
    pub(crate) global_name: Option<Box<str>>,
    pub(crate) start: Option<AnyMessage>,
    pub(crate) source_hash: Option<String>,
}

/// How the type was given.
#[derive(Clone, Debug)]
pub(crate) enum Which {
    Type(&'static ActorType),
    Named(String),
}

impl ActorSpec {
    /// An actor of this type.
    pub fn of<A: Actor>() -> ActorSpec {
        ActorSpec::new(Which::Type(ActorType::of::<A>()))
    }

    /// An actor of this type with the argument of its constructor, whose type the compiler checks here;
    /// [`start`](ActorSpec::start) takes any message, and a wrong one is an error when the actor is created.
    ///
    /// ```
    /// # use thespian_core::{ActorSpec, actor};
    /// struct Register { till: u32 }
    ///
    /// #[actor]
    /// impl Register {
    ///     #[start]
    ///     fn new(till: u32) -> Register {
    ///         Register { till }
    ///     }
    /// }
    ///
    /// let spec = ActorSpec::with::<Register>(7);
    /// # let _ = spec;
    /// ```
    pub fn with<A: Actor>(start: A::Start) -> ActorSpec {
        ActorSpec::of::<A>().start(start)
    }

    /// An actor of the registered type with this name, such as `"shop::Register"`.
    pub fn named(name: impl Into<String>) -> ActorSpec {
        ActorSpec::new(Which::Named(name.into()))
    }

    fn new(which: Which) -> ActorSpec {
        ActorSpec { which, requirements: Value::Null, global_name: None, start: None, source_hash: None }
    }

    /// What the type's capability check is given beside the system's capabilities.
    pub fn requirements(mut self, requirements: impl Into<Value>) -> ActorSpec {
        self.requirements = requirements.into();
        self
    }

    /// A name by which there is only one in the system: if it runs already, no other is created, and everything
    /// else in this specification is ignored (guide section 4.6).
    pub fn global_name(mut self, name: impl Into<Box<str>>) -> ActorSpec {
        self.global_name = Some(name.into());
        self
    }

    /// What the constructor is given.
    pub fn start(mut self, argument: impl IntoMessage) -> ActorSpec {
        self.start = Some(argument.into_message());
        self
    }

    /// The loaded source in which the type is found (guide section 4.14).
    pub fn source_hash(mut self, hash: impl Into<String>) -> ActorSpec {
        self.source_hash = Some(hash.into());
        self
    }

    /// Takes out what the constructor is to be given.
    pub fn take_start(&mut self) -> Option<AnyMessage> {
        self.start.take()
    }

    /// Whether the actor is to have a global name, and which.
    pub fn wanted_name(&self) -> Option<&str> {
        self.global_name.as_deref()
    }

    /// The type's name.
    pub fn type_name(&self) -> TypeName {
        match &self.which {
            Which::Type(kind) => kind.name(),
            Which::Named(name) => TypeName::Owned(name.clone()),
        }
    }
}

/// Between the processes of a system a type is its name.
impl Serialize for ActorSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ActorSpec { requirements, global_name, start, source_hash, .. } = self;
        (self.type_name(), requirements, global_name, start, source_hash).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ActorSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ActorSpec, D::Error> {
        type Parts = (String, Value, Option<Box<str>>, Option<AnyMessage>, Option<String>);
        let (name, requirements, global_name, start, source_hash) = Parts::deserialize(deserializer)?;
        Ok(ActorSpec { which: Which::Named(name), requirements, global_name, start, source_hash })
    }
}

impl From<&str> for ActorSpec {
    fn from(name: &str) -> ActorSpec {
        ActorSpec::named(name)
    }
}

impl From<String> for ActorSpec {
    fn from(name: String) -> ActorSpec {
        ActorSpec::named(name)
    }
}
