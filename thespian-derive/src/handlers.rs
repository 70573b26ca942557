//! The functions in an actor's `impl`: which role each has, and whether its signature fits.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, FnArg, Ident, ImplItemFn, Path, ReceiverKind, ReturnType, Signature, Type, parse_quote,
};

use crate::Problems;

/// The attributes that give a function a role, and what they are for.
const ROLES: &[(&str, Role)] = &[
    ("start", Role::Start),
    ("unrecognized", Role::Unrecognized),
    ("capability_check", Role::CapabilityCheck),
    ("helper", Role::Helper),
];

const HANDLER: &str = "a handler is `fn name(&mut self, message: &Message, ctx: &mut Context<'_>)`";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Start,
    Unrecognized,
    CapabilityCheck,
    Helper,
    Receive,
    Handler,
}

/// What the functions of an `impl` are.
#[derive(Default)]
pub(crate) struct Functions {
    pub(crate) handlers: Vec<Handler>,
    pub(crate) start: Option<Start>,
    pub(crate) unrecognized: Option<Ident>,
    pub(crate) capability_check: Option<Ident>,
    pub(crate) receive: Option<Ident>,
}

pub(crate) struct Handler {
    name: Ident,
    message: Type,
    conditions: Vec<Attribute>,
}

pub(crate) struct Start {
    pub(crate) name: Ident,
    pub(crate) argument: Option<Type>,
}

impl Functions {
    /// Notes what a function is, and takes the attribute that says so off it.
    pub(crate) fn add(&mut self, function: &mut ImplItemFn, problems: &mut Problems) {
        let role = take_role(function, problems);
        let signature = &function.sig;
        if role != Role::Helper {
            check_plainness(signature, role, problems);
        }
        let name = signature.ident.clone();
        match role {
            Role::Helper => {}
            Role::Start => {
                let argument = start_argument(signature, problems);
                set(&mut self.start, Start { name, argument }, signature, "a constructor", problems);
            }
            Role::Unrecognized => {
                takes_any_message(signature, "`#[unrecognized]`", problems);
                set(&mut self.unrecognized, name, signature, "an `#[unrecognized]` handler", problems);
            }
            Role::CapabilityCheck => {
                check_capability_check(signature, problems);
                set(&mut self.capability_check, name, signature, "a `#[capability_check]`", problems);
            }
            Role::Receive => {
                takes_any_message(signature, "`receive`", problems);
                set(&mut self.receive, name, signature, "a `receive`", problems);
            }
            Role::Handler => {
                let Some(message) = handled_message(signature, problems) else { return };
                let conditions: Vec<Attribute> = function
                    .attrs
                    .iter()
                    .filter(|attribute| attribute.path().is_ident("cfg"))
                    .cloned()
                    .collect();
                let same = self.handlers.iter().find(|handler| {
                    same_text(&handler.message, &message)
                        && handler.conditions.is_empty()
                        && conditions.is_empty()
                });
                if let Some(other) = same {
                    let text = format!("`{}` handles messages of this type already", other.name);
                    problems.add(&message, text);
                }
                function.attrs.push(parse_quote!(#[allow(
                    clippy::ptr_arg,
                    reason = "a handler is found by the type of its message, and that is `String`, not `str`"
                )]));
                self.handlers.push(Handler { name, message, conditions });
            }
        }
    }

    /// What does not go together.
    pub(crate) fn check(&self, extends: bool, problems: &mut Problems) {
        let Some(receive) = &self.receive else { return };
        if !self.handlers.is_empty() || self.unrecognized.is_some() || extends {
            let text = "`receive` takes every message, so nothing is left for other handlers; \
                        mark it `#[unrecognized]` to take what they do not, or `#[helper]` if it is something else";
            problems.add(receive, text);
        }
    }
}

impl Handler {
    /// The statement that tries the handler.
    pub(crate) fn attempt(&self) -> TokenStream {
        let Handler { name, message, conditions } = self;
        let attempt = quote_spanned! {message.span()=>
            ::thespian_core::try_handler::<#message>(level, |message| {
                ::thespian_core::IntoHandled::into_handled(self.#name(message, ctx))
            })
        };
        quote! {
            #(#conditions)*
            if let ::core::option::Option::Some(handled) = #attempt {
                return ::core::option::Option::Some(handled);
            }
        }
    }
}

fn set<T>(place: &mut Option<T>, value: T, signature: &Signature, what: &str, problems: &mut Problems) {
    if place.replace(value).is_some() {
        problems.add(&signature.ident, format!("the actor has {what} already"));
    }
}

fn take_role(function: &mut ImplItemFn, problems: &mut Problems) -> Role {
    let mut role = None;
    function.attrs.retain(|attribute| {
        let known = ROLES.iter().find(|(name, _)| attribute.path().is_ident(name));
        let Some((_, known)) = known else { return true };
        if let Err(error) = attribute.meta.require_path_only() {
            problems.push(error);
        }
        if role.replace(*known).is_some() {
            problems.add(attribute, "a function has one role");
        }
        false
    });
    let is_receive =
        || function.sig.ident == "receive" && message_argument(&function.sig).is_some_and(is_any_message);
    match role {
        Some(role) => role,
        None if is_receive() => Role::Receive,
        None => Role::Handler,
    }
}

/// Whether the function is one that the runtime can call.
fn check_plainness(signature: &Signature, role: Role, problems: &mut Problems) {
    if let Some(asyncness) = &signature.asyncness {
        let text = "an actor's function is not `async`: it works on one message at a time until it returns; \
                    for what takes long, send a message to another actor, or use `ctx.wakeup_after`";
        problems.add(asyncness, text);
    }
    if !signature.generics.params.is_empty() {
        let text = match role {
            Role::Handler => "a handler is for one type of message, so it is not generic",
            _ => "the runtime calls this function, so it is not generic",
        };
        problems.add(&signature.generics, text);
    }
}

/// The message type of a handler, if it is one.
fn handled_message(signature: &Signature, problems: &mut Problems) -> Option<Type> {
    let name = &signature.ident;
    let Some(FnArg::Receiver(receiver)) = signature.inputs.first() else {
        let text = format!(
            "`{name}` is no handler, because it has no `&mut self`; {HANDLER}; mark a constructor `#[start]`, a check \
             `#[capability_check]` and any other function `#[helper]`"
        );
        problems.add(name, text);
        return None;
    };
    if !matches!(receiver.kind, ReceiverKind::Reference(_, _, Some(_))) {
        problems.add(
            receiver,
            format!("a handler takes `&mut self`; mark any other method `#[helper]`; {HANDLER}"),
        );
        return None;
    }
    if signature.inputs.len() != 3 {
        let text = format!(
            "`{name}` is no handler, because it does not take a message and a context; {HANDLER}; mark any other \
             method `#[helper]`"
        );
        problems.add(name, text);
        return None;
    }
    check_context(signature, problems);
    let kind = message_argument(signature)?;
    let Type::Reference(reference) = kind else {
        let text = format!(
            "a handler takes the message by reference, because a failed attempt is repeated with the same \
                            message: `&{}`",
            quote!(#kind)
        );
        problems.add(kind, text);
        return None;
    };
    if reference.mutability.is_some() {
        problems
            .add(kind, "a handler cannot change the message, because a failed attempt is repeated with it");
        return None;
    }
    if is_any_message(kind) {
        let text = "a handler for `AnyMessage` would take everything; mark it `#[unrecognized]` to take what no other \
                    handler took, or call it `receive` to have no other handlers";
        problems.add(kind, text);
        return None;
    }
    if is_last_segment(&reference.elem, "str") {
        problems.add(kind, "text is sent as a `String`, so its handler takes `&String`");
        return None;
    }
    Some((*reference.elem).clone())
}

fn takes_any_message(signature: &Signature, what: &str, problems: &mut Problems) {
    let fits = signature.inputs.len() == 3
        && matches!(signature.inputs.first(), Some(FnArg::Receiver(receiver))
            if matches!(receiver.kind, ReceiverKind::Reference(_, _, Some(_))))
        && message_argument(signature).is_some_and(is_any_message);
    if !fits {
        let name = &signature.ident;
        let text = format!("{what} is `fn {name}(&mut self, message: &AnyMessage, ctx: &mut Context<'_>)`");
        problems.add(&signature.ident, text);
        return;
    }
    check_context(signature, problems);
}

fn check_context(signature: &Signature, problems: &mut Problems) {
    let Some(FnArg::Typed(argument)) = signature.inputs.get(2) else { return };
    let fits = matches!(&*argument.ty, Type::Reference(reference)
        if reference.mutability.is_some() && is_last_segment(&reference.elem, "Context"));
    if !fits {
        problems.add(&argument.ty, "the last argument of a handler is the context: `&mut Context<'_>`");
    }
}

fn start_argument(signature: &Signature, problems: &mut Problems) -> Option<Type> {
    let fits = signature.inputs.len() <= 1 && !matches!(signature.inputs.first(), Some(FnArg::Receiver(_)));
    if !fits || matches!(signature.output, ReturnType::Default) {
        let text = "a constructor is `fn new() -> Self` or `fn new(argument: Argument) -> Self`, and may return a \
                    `Result` of that; several arguments go into one message";
        problems.add(&signature.ident, text);
        return None;
    }
    match signature.inputs.first() {
        Some(FnArg::Typed(argument)) => {
            if matches!(&*argument.ty, Type::Reference(_)) {
                problems.add(&argument.ty, "a constructor takes its argument by value: nobody else needs it");
            }
            Some((*argument.ty).clone())
        }
        _ => None,
    }
}

fn check_capability_check(signature: &Signature, problems: &mut Problems) {
    let fits = signature.inputs.len() == 2
        && signature.receiver().is_none()
        && !matches!(signature.output, ReturnType::Default);
    if !fits {
        let text = "a capability check is `fn check(capabilities: &Capabilities, requirements: &Value) -> bool`, or \
                    returns a `Result` with an error that says what is missing; it runs before there is an actor";
        problems.add(&signature.ident, text);
    }
}

/// The same type, as far as a macro can see: an alias passes for another one.
fn same_text(one: &Type, other: &Type) -> bool {
    quote!(#one).to_string() == quote!(#other).to_string()
}

fn message_argument(signature: &Signature) -> Option<&Type> {
    match signature.inputs.get(1) {
        Some(FnArg::Typed(argument)) => Some(&argument.ty),
        _ => None,
    }
}

fn is_any_message(kind: &Type) -> bool {
    matches!(kind, Type::Reference(reference) if is_last_segment(&reference.elem, "AnyMessage"))
}

fn is_last_segment(kind: &Type, name: &str) -> bool {
    let path: &Path = match kind {
        Type::Path(path) => &path.path,
        _ => return false,
    };
    path.segments.last().is_some_and(|segment| segment.ident == name)
}
