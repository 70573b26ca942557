//! `#[derive(Message)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Field, Fields, GenericParam, Generics, LitStr, parse_quote};

use crate::Problems;
use crate::options::check_name;

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut problems = Problems::default();
    let name = name_option(&input.attrs, &mut problems);
    let extended = extended_field(&input.data, &mut problems);
    for lifetime in input.generics.lifetimes() {
        problems.add(lifetime, "a message owns what it carries, so its type has no lifetimes");
    }
    problems.finish()?;

    let ident = &input.ident;
    let generics = with_bounds(&input.generics);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let type_name = type_name(input, name.as_ref());
    let extends = extended.map(|(member, field)| {
        let kind = &field.ty;
        quote! {
            fn parent(&self) -> ::core::option::Option<&dyn ::thespian_core::ErasedMessage> {
                ::core::option::Option::Some(&self.#member)
            }

            fn ancestors(names: &mut ::std::vec::Vec<::thespian_core::TypeName>) {
                names.push(<#kind as ::thespian_core::Message>::type_name());
                <#kind as ::thespian_core::Message>::ancestors(names);
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::thespian_core::Message for #ident #type_generics #where_clause {
            fn type_name() -> ::thespian_core::TypeName {
                #type_name
            }

            #extends

            fn try_clone(&self) -> ::core::option::Option<Self> {
                use ::thespian_core::__private::{CloneIfClone as _, CloneNever as _, CloneOf};
                (&CloneOf(self)).copy()
            }
        }
    })
}

/// Every type parameter has to be a message: its name is part of this one's.
fn with_bounds(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    for parameter in &mut generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter.bounds.push(parse_quote!(::thespian_core::Message));
        }
    }
    generics
}

fn type_name(input: &DeriveInput, name: Option<&LitStr>) -> TokenStream {
    let ident = input.ident.to_string();
    let plain = match name {
        Some(name) => quote!(#name),
        None => quote!(::core::concat!(::core::module_path!(), "::", #ident)),
    };
    let parameters: Vec<TokenStream> = input
        .generics
        .params
        .iter()
        .filter_map(|parameter| match parameter {
            GenericParam::Type(parameter) => {
                let ident = &parameter.ident;
                Some(quote!(<#ident as ::thespian_core::Message>::type_name()))
            }
            GenericParam::Const(parameter) => {
                let ident = &parameter.ident;
                Some(quote!(::thespian_core::TypeName::Owned(::std::string::ToString::to_string(&#ident))))
            }
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    if parameters.is_empty() {
        return quote!(::thespian_core::TypeName::Borrowed(#plain));
    }
    quote! {
        let parameters: &[::thespian_core::TypeName] = &[#(#parameters),*];
        ::thespian_core::TypeName::Owned(::std::format!("{}<{}>", #plain, parameters.join(", ")))
    }
}

fn name_option(attributes: &[Attribute], problems: &mut Problems) -> Option<LitStr> {
    let mut name = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("message")) {
        let parsed = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                let value: LitStr = meta.value()?.parse()?;
                check_name(&value)?;
                return match name.replace(value) {
                    None => Ok(()),
                    Some(_) => Err(meta.error("the name is given twice")),
                };
            }
            if meta.path.is_ident("extends") {
                return Err(
                    meta.error("`extends` marks the first field: `#[message(extends)] parent: Parent`")
                );
            }
            Err(meta.error("unknown option; a message's type can have `name = \"...\"`"))
        });
        if let Err(error) = parsed {
            problems.push(error);
        }
    }
    name
}

/// The field that holds the message that this one extends.
fn extended_field<'a>(data: &'a Data, problems: &mut Problems) -> Option<(syn::Member, &'a Field)> {
    match data {
        Data::Struct(data) => {
            let mut extended = None;
            for (at, (member, field)) in data.fields.members().zip(&data.fields).enumerate() {
                if !is_marked(field, problems) {
                    continue;
                }
                if extended.is_some() {
                    problems.add(field, "a message extends one other message at most");
                } else if at > 0 {
                    let text = "the extended message must be the first field: a receiver that does not know this \
                                message reads its parent from the front of the bytes";
                    problems.add(field, text);
                }
                extended = Some((member, field));
            }
            extended
        }
        Data::Enum(data) => {
            let fields = data.variants.iter().flat_map(|variant| &variant.fields);
            none_is_marked(
                fields,
                "an enum cannot extend a message: its bytes begin with the variant",
                problems,
            )
        }
        Data::Union(data) => {
            let fields = Fields::Named(data.fields.clone());
            none_is_marked(fields.iter(), "a union cannot be a message", problems)
        }
    }
}

fn none_is_marked<'a, T>(
    fields: impl Iterator<Item = &'a Field>,
    text: &str,
    problems: &mut Problems,
) -> Option<T> {
    for field in fields {
        if is_marked(field, problems) {
            problems.add(field, text);
        }
    }
    None
}

fn is_marked(field: &Field, problems: &mut Problems) -> bool {
    let mut marked = false;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("message")) {
        let parsed = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("extends") {
                marked = true;
                return Ok(());
            }
            Err(meta.error("unknown option; a field can have `extends`"))
        });
        if let Err(error) = parsed {
            problems.push(error);
        }
    }
    marked
}
