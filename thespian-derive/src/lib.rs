//! The macros of Thespian. Programs name them through `thespian-core`.
//!
//! - [`macro@Message`] makes a serde type a message.
//! - [`macro@actor`] makes a type an actor whose methods are called by the type of the message.
//! - [`macro@require_capability`] says what a system must have to run an actor.
//!
//! What they write is what one would write by hand, against the public traits; there is no hidden protocol between
//! the macros and the engines. Wrong input is a compile error at the place that is wrong.
//!
//! # Dependencies
//!
//! `syn`, `quote` and `proc-macro2`: what macros are written with, and what `serde_derive` has in every build already.

#![forbid(unsafe_code)]

mod actor;
mod handlers;
mod message;
mod options;
mod require;

use proc_macro::TokenStream;

/// Makes a type that serde can serialise and deserialise a message.
///
/// ```ignore
/// #[derive(Serialize, Deserialize, Message)]
/// struct Request { customer: u32 }
///
/// #[derive(Serialize, Deserialize, Message)]
/// #[message(name = "shop.order")]
/// struct Order { #[message(extends)] request: Request, item: String }
/// ```
///
/// - The stable name is the crate and path of the type, or what `name` says. Give a name to messages that travel
///   between builds in which the type may have moved.
/// - The first field, if it is marked `extends`, is the type that this message extends: an actor without a handler for
///   `Order` handles it as a `Request` (guide section 5.17).
/// - A generic type's name has the names of its parameters in it, so these must be messages too.
#[proc_macro_derive(Message, attributes(message))]
pub fn message(input: TokenStream) -> TokenStream {
    finish(syn::parse(input).and_then(|input| message::derive(&input)))
}

/// Makes a type an actor (guide section 5.17).
///
/// On an inherent `impl`, every method is a handler for the type of its message:
///
/// ```ignore
/// #[actor]
/// impl Register {
///     fn sale(&mut self, sale: &Sale, ctx: &mut Context<'_>) -> Handled { ... }
///     fn time(&mut self, _: &WakeupMessage, ctx: &mut Context<'_>) { ... }
/// }
/// ```
///
/// A handler returns nothing, a `Flow`, a `Handled`, or a `Result<(), E>` with any error. `Flow::Super` goes on with the
/// search for a less specific handler.
///
/// # Methods that are not handlers
///
/// | attribute | signature | what it is |
/// | --- | --- | --- |
/// | `#[start]` | `fn(argument: S) -> Self` or `Result<Self, E>`; the argument may be left out | the constructor; without one, `Default` |
/// | `#[unrecognized]` | `fn(&mut self, &AnyMessage, &mut Context)` | takes what no handler took |
/// | `#[capability_check]` | `fn(&Capabilities, &Value) -> bool` or `Result<(), E>` | which systems can run the actor |
/// | `#[helper]` | any | an ordinary function |
///
/// A method called `receive` that takes `&AnyMessage` is the single entry point for everything, instead of handlers.
///
/// # Options
///
/// - `#[actor(name = "shop::Register")]`: the stable name; the crate and path by default.
/// - `#[actor(extends = field)]`: what this actor has no handler for goes to the handlers of the actor in that field.
/// - `#[actor(failure_policy = FailurePolicy::NO_RETRY)]`: what happens when an attempt fails.
///
/// On an `impl Actor for Register` with a `receive`, it fills in what is missing of the trait.
///
/// The type is registered to be created by name, unless it is generic.
#[proc_macro_attribute]
pub fn actor(options: TokenStream, item: TokenStream) -> TokenStream {
    finish(actor::attribute(options.into(), item.into()))
}

/// Requires a capability of the system that is to run the actor (guide section 5.12.1). Beside `#[actor]`, above or
/// below it; several of them all have to hold.
///
/// ```ignore
/// #[require_capability("Has Lightbulb")]
/// #[require_capability("Sockets", 5)]
/// #[actor]
/// impl Lamp { ... }
/// ```
///
/// With a value, the capability must be equal to it; without one, it must count as true.
#[proc_macro_attribute]
pub fn require_capability(options: TokenStream, item: TokenStream) -> TokenStream {
    finish(require::attribute(options.into(), item.into()))
}

fn finish(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result.unwrap_or_else(|error| error.into_compile_error()).into()
}

/// Collects errors, so that one compilation shows all of them.
#[derive(Default)]
struct Problems(Option<syn::Error>);

impl Problems {
    fn add(&mut self, at: impl quote::ToTokens, text: impl std::fmt::Display) {
        self.push(syn::Error::new_spanned(at, text));
    }

    fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn finish(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
