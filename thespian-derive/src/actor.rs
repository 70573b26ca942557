//! `#[actor]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Expr, Ident, ImplItem, ItemImpl, LitStr, Type, parse_quote};

use crate::Problems;
use crate::handlers::Functions;
use crate::options::check_name;
use crate::require::{self, Requirement};

/// `#[actor(name = "...", extends = field, failure_policy = EXPR)]`.
#[derive(Default)]
struct Options {
    name: Option<LitStr>,
    extends: Option<Ident>,
    failure_policy: Option<Expr>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Options> {
        let mut options = Options::default();
        let parser = syn::meta::parser(|meta| {
            let twice = match meta.path.get_ident().map(Ident::to_string).as_deref() {
                Some("name") => {
                    let name: LitStr = meta.value()?.parse()?;
                    check_name(&name)?;
                    options.name.replace(name).is_some()
                }
                Some("extends") => options.extends.replace(meta.value()?.parse()?).is_some(),
                Some("failure_policy") => options.failure_policy.replace(meta.value()?.parse()?).is_some(),
                _ => {
                    let text = "unknown option; an actor can have `name = \"...\"`, `extends = field` and \
                                `failure_policy = ...`";
                    return Err(meta.error(text));
                }
            };
            if twice { Err(meta.error("the option is given twice")) } else { Ok(()) }
        });
        parser.parse2(input.parse()?)?;
        Ok(options)
    }
}

pub(crate) fn attribute(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let options: Options = syn::parse2(options)?;
    let mut item: ItemImpl = syn::parse2(item).map_err(|error| {
        syn::Error::new(error.span(), "`#[actor]` belongs on an `impl`: the one with the actor's handlers")
    })?;
    let requirements = require::take(&mut item.attrs)?;
    if item.generics.lifetimes().next().is_some() {
        let text = "an actor owns its state, so its type has no lifetimes";
        return Err(syn::Error::new_spanned(&item.generics, text));
    }
    match &item.trait_ {
        None => by_handlers(&options, &requirements, item),
        Some((path, _)) if path.segments.last().is_some_and(|segment| segment.ident == "Actor") => {
            complete_trait(&options, &requirements, item)
        }
        Some((path, _)) => {
            let text = "`#[actor]` belongs on `impl Type`, or on `impl Actor for Type`";
            Err(syn::Error::new_spanned(path, text))
        }
    }
}

/// On `impl Type`: the functions are handlers.
fn by_handlers(
    options: &Options,
    requirements: &[Requirement],
    mut item: ItemImpl,
) -> syn::Result<TokenStream> {
    let mut problems = Problems::default();
    let mut functions = Functions::default();
    for inner in &mut item.items {
        if let ImplItem::Fn(function) = inner {
            functions.add(function, &mut problems);
        }
    }
    functions.check(options.extends.is_some(), &mut problems);
    problems.finish()?;

    let kind = &item.self_ty;
    let (impl_generics, _, where_clause) = item.generics.split_for_impl();
    let start = start(&functions, kind);
    let receive = match &functions.receive {
        Some(name) => quote!(::thespian_core::IntoHandled::into_handled(self.#name(message, ctx))),
        None => quote!(::thespian_core::dispatch(self, message, ctx)),
    };
    let checks = capability_check(requirements, functions.capability_check.as_ref(), kind);
    let common = common(options, kind, is_generic(&item));
    let dispatch = functions.receive.is_none().then(|| dispatch(&functions, options, &item));
    let registration = registration(&item);
    Ok(quote! {
        #item

        #dispatch

        #[automatically_derived]
        impl #impl_generics ::thespian_core::Actor for #kind #where_clause {
            #start
            #common
            #checks

            #[inline]
            fn receive(
                &mut self,
                message: &::thespian_core::AnyMessage,
                ctx: &mut ::thespian_core::Context<'_>,
            ) -> ::thespian_core::Handled {
                #receive
            }
        }

        #registration
    })
}

fn dispatch(functions: &Functions, options: &Options, item: &ItemImpl) -> TokenStream {
    let kind = &item.self_ty;
    let (impl_generics, _, where_clause) = item.generics.split_for_impl();
    let attempts = functions.handlers.iter().map(|handler| handler.attempt());
    let unrecognized = functions.unrecognized.as_ref().map(|name| {
        quote! {
            let handled = ::thespian_core::IntoHandled::into_handled(self.#name(message, ctx));
            if handled != ::core::result::Result::Ok(::thespian_core::Flow::Super) {
                return ::core::option::Option::Some(handled);
            }
        }
    });
    let (level_rest, unrecognized_rest) = match &options.extends {
        Some(field) => (
            quote_spanned!(field.span()=> ::thespian_core::Dispatch::dispatch_level(&mut self.#field, level, ctx)),
            quote_spanned! {field.span()=>
                ::thespian_core::Dispatch::dispatch_unrecognized(&mut self.#field, message, ctx)
            },
        ),
        None => (quote!(::core::option::Option::None), quote!(::core::option::Option::None)),
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics ::thespian_core::Dispatch for #kind #where_clause {
            #[inline]
            fn dispatch_level(
                &mut self,
                level: ::thespian_core::Level<'_>,
                ctx: &mut ::thespian_core::Context<'_>,
            ) -> ::core::option::Option<::thespian_core::Handled> {
                let _ = (&level, &ctx);
                #(#attempts)*
                #level_rest
            }

            fn dispatch_unrecognized(
                &mut self,
                message: &::thespian_core::AnyMessage,
                ctx: &mut ::thespian_core::Context<'_>,
            ) -> ::core::option::Option<::thespian_core::Handled> {
                let _ = (&message, &ctx);
                #unrecognized
                #unrecognized_rest
            }
        }
    }
}

/// On `impl Actor for Type`: what is missing of the trait is filled in.
fn complete_trait(
    options: &Options,
    requirements: &[Requirement],
    mut item: ItemImpl,
) -> syn::Result<TokenStream> {
    let mut problems = Problems::default();
    if let Some(field) = &options.extends {
        let text =
            "`extends` is for handlers by type; a `receive` of your own calls the other actor's itself";
        problems.add(field, text);
    }
    let has = |name: &str| {
        item.items.iter().any(|inner| match inner {
            ImplItem::Fn(function) => function.sig.ident == name,
            ImplItem::Type(alias) => alias.ident == name,
            _ => false,
        })
    };
    for (option, name, given) in [
        ("name", "type_name", options.name.is_some()),
        ("failure_policy", "failure_policy", options.failure_policy.is_some()),
        ("require_capability", "capability_check", !requirements.is_empty()),
    ] {
        if given && has(name) {
            problems.add(
                &item.self_ty,
                format!("`{option}` and a function `{name}` say the same thing: keep one"),
            );
        }
    }
    let kind = item.self_ty.clone();
    let mut missing: Vec<ImplItem> = Vec::new();
    if !has("Start") {
        missing.push(parse_quote!(
            type Start = ();
        ));
    }
    if !has("start") {
        let body = default_instance(&kind);
        missing.push(parse_quote! {
            fn start(_: Self::Start) -> ::core::result::Result<Self, ::thespian_core::Failure> { #body }
        });
    }
    if !has("type_name") {
        let name = type_name(options, &kind, is_generic(&item));
        missing.push(parse_quote!(fn type_name() -> ::thespian_core::TypeName { #name }));
    }
    if let Some(policy) = &options.failure_policy {
        missing.push(parse_quote!(fn failure_policy() -> ::thespian_core::FailurePolicy { #policy }));
    }
    if !requirements.is_empty() {
        let check = capability_check(requirements, None, &kind);
        missing.push(parse_quote!(#check));
    }
    problems.finish()?;
    item.items.extend(missing);
    let registration = registration(&item);
    Ok(quote!(#item #registration))
}

/// The parts of the trait that both forms share.
fn common(options: &Options, kind: &Type, generic: bool) -> TokenStream {
    let name = type_name(options, kind, generic);
    let policy = options
        .failure_policy
        .as_ref()
        .map(|policy| quote!(fn failure_policy() -> ::thespian_core::FailurePolicy { #policy }));
    quote! {
        fn type_name() -> ::thespian_core::TypeName { #name }
        #policy
    }
}

fn type_name(options: &Options, kind: &Type, generic: bool) -> TokenStream {
    let plain = match (&options.name, kind) {
        (Some(name), _) => quote!(#name),
        (None, _) if generic => {
            return quote! {
                // A generic type has no name of its own that can be written down here.
                ::thespian_core::TypeName::Borrowed(::core::any::type_name::<Self>())
            };
        }
        (None, kind) => {
            let path = quote!(#kind).to_string().replace(' ', "");
            quote!(::core::concat!(::core::module_path!(), "::", #path))
        }
    };
    quote!(::thespian_core::TypeName::Borrowed(#plain))
}

fn start(functions: &Functions, kind: &Type) -> TokenStream {
    let Some(start) = &functions.start else {
        let body = default_instance(kind);
        return quote! {
            type Start = ();
            fn start(_: ()) -> ::core::result::Result<Self, ::thespian_core::Failure> { #body }
        };
    };
    let name = &start.name;
    let (argument_type, argument) = match &start.argument {
        Some(kind) => (quote!(#kind), quote!(argument)),
        None => (quote!(()), quote!()),
    };
    let pattern = if start.argument.is_some() { quote!(argument) } else { quote!(_) };
    quote_spanned! {name.span()=>
        type Start = #argument_type;
        fn start(#pattern: #argument_type) -> ::core::result::Result<Self, ::thespian_core::Failure> {
            ::thespian_core::__private::IntoStarted::into_started(<#kind>::#name(#argument))
        }
    }
}

fn default_instance(kind: &Type) -> TokenStream {
    quote_spanned! {kind.span()=>
        ::core::result::Result::Ok(<Self as ::thespian_core::__private::StartsByDefault>::start_by_default())
    }
}

fn capability_check(requirements: &[Requirement], own: Option<&Ident>, kind: &Type) -> TokenStream {
    if requirements.is_empty() && own.is_none() {
        return TokenStream::new();
    }
    let checks = requirements.iter().map(Requirement::check);
    let own = match own {
        Some(name) => quote_spanned! {name.span()=>
            ::thespian_core::__private::IntoVerdict::into_verdict(<#kind>::#name(capabilities, requirements))
        },
        None => quote!(::core::result::Result::Ok(())),
    };
    quote! {
        fn capability_check(
            capabilities: &::thespian_core::Capabilities,
            requirements: &::thespian_core::Value,
        ) -> ::core::result::Result<(), ::std::string::String> {
            let _ = (capabilities, requirements);
            #(#checks)*
            #own
        }
    }
}

fn is_generic(item: &ItemImpl) -> bool {
    !item.generics.params.is_empty()
}

/// A generic type is many types, so it cannot be registered as one.
fn registration(item: &ItemImpl) -> Option<TokenStream> {
    let kind = &item.self_ty;
    (!is_generic(item)).then(|| {
        quote! {
            ::thespian_core::__private::inventory::submit! {
                ::thespian_core::LinkedActorType(|| ::thespian_core::ActorType::of::<#kind>())
            }
        }
    })
}
