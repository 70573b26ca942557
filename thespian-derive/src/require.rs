//! `#[require_capability(...)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Expr, ItemImpl, LitStr, Token, parse_quote};

/// What one `#[require_capability]` says.
pub(crate) struct Requirement {
    name: LitStr,
    value: Option<Expr>,
}

impl Parse for Requirement {
    fn parse(input: ParseStream<'_>) -> syn::Result<Requirement> {
        if input.is_empty() {
            let text =
                "which capability? `#[require_capability(\"name\")]`, or with a value it must be equal to";
            return Err(input.error(text));
        }
        let name: LitStr = input.parse()?;
        if name.value().is_empty() {
            return Err(syn::Error::new_spanned(name, "a capability needs a name"));
        }
        let mut value = None;
        if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            value = Some(input.parse()?);
            input.parse::<Option<Token![,]>>()?;
        }
        if !input.is_empty() {
            return Err(input.error("a capability has one value"));
        }
        Ok(Requirement { name, value })
    }
}

impl Requirement {
    /// The statement that checks it, in a function that returns `Result<(), String>`.
    pub(crate) fn check(&self) -> TokenStream {
        let name = &self.name;
        let value = match &self.value {
            Some(value) => quote!(::core::option::Option::Some(::thespian_core::Value::from(#value))),
            None => quote!(::core::option::Option::None),
        };
        quote!(::thespian_core::check_capability(capabilities, #name, #value)?;)
    }
}

/// Takes the requirements out of the attributes of an `impl`.
pub(crate) fn take(attributes: &mut Vec<Attribute>) -> syn::Result<Vec<Requirement>> {
    let mut requirements = Vec::new();
    for attribute in attributes.extract_if(.., |attribute| ends_with(attribute, "require_capability")) {
        requirements.push(attribute.parse_args()?);
    }
    Ok(requirements)
}

/// Above `#[actor]` this attribute runs first, and has nothing to add itself to yet: it steps behind.
pub(crate) fn attribute(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let text = "`#[require_capability]` belongs beside `#[actor]`, on the same `impl`";
    let mut item: ItemImpl =
        syn::parse2(item).map_err(|_| syn::Error::new(proc_macro2::Span::call_site(), text))?;
    let Some(at) = item.attrs.iter().position(|attribute| ends_with(attribute, "actor")) else {
        return Err(syn::Error::new(proc_macro2::Span::call_site(), text));
    };
    let actor = item.attrs.remove(at);
    item.attrs.insert(0, parse_quote!(#[::thespian_core::require_capability(#options)]));
    item.attrs.insert(0, actor);
    Ok(quote!(#item))
}

fn ends_with(attribute: &Attribute, name: &str) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == name)
}
