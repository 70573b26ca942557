//! What the code that the macros write names, beside the public API.

use alloc::string::{String, ToString};
use core::fmt::Display;

pub use inventory;

use crate::{Actor, Failure};

/// A reference whose methods depend on whether the value can be cloned: of two methods with one name, the compiler
/// takes the one that needs fewer references, if its bounds hold.
pub struct CloneOf<'a, T>(pub &'a T);

/// For what can be cloned.
pub trait CloneIfClone<T> {
    /// A clone.
    fn copy(&self) -> Option<T>;
}

impl<T: Clone> CloneIfClone<T> for CloneOf<'_, T> {
    fn copy(&self) -> Option<T> {
        Some(self.0.clone())
    }
}

/// For everything else.
pub trait CloneNever<T> {
    /// None.
    fn copy(&self) -> Option<T>;
}

impl<T> CloneNever<T> for &CloneOf<'_, T> {
    fn copy(&self) -> Option<T> {
        None
    }
}

/// What a constructor may return: the actor, or a `Result` with any error.
#[diagnostic::on_unimplemented(
    message = "a constructor returns `Self` or `Result<Self, E>`, not `{Self}`",
    label = "this constructor"
)]
pub trait IntoStarted<A> {
    /// As the runtime wants it.
    fn into_started(self) -> Result<A, Failure>;
}

impl<A: Actor> IntoStarted<A> for A {
    fn into_started(self) -> Result<A, Failure> {
        Ok(self)
    }
}

impl<A: Actor, E: Into<Failure>> IntoStarted<A> for Result<A, E> {
    fn into_started(self) -> Result<A, Failure> {
        self.map_err(Into::into)
    }
}

/// What an actor without a constructor needs.
#[diagnostic::on_unimplemented(
    message = "the actor `{Self}` has no constructor: derive `Default`, or mark one `#[start]`",
    label = "no `Default` and no `#[start]`"
)]
pub trait StartsByDefault {
    /// The default instance.
    fn start_by_default() -> Self;
}

impl<A: Default> StartsByDefault for A {
    fn start_by_default() -> A {
        A::default()
    }
}

/// What a capability check may return: whether, or a `Result` with a text.
#[diagnostic::on_unimplemented(
    message = "a capability check returns `bool` or `Result<(), E>` with an error that can be printed, not `{Self}`",
    label = "this check"
)]
pub trait IntoVerdict {
    /// As the runtime wants it.
    fn into_verdict(self) -> Result<(), String>;
}

impl IntoVerdict for bool {
    fn into_verdict(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("the actor's capability check says no".into()) }
    }
}

impl<E: Display> IntoVerdict for Result<(), E> {
    fn into_verdict(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}
