//! The derive and attribute macros of Thespian.
use proc_macro::TokenStream;

/// Derives Message.
#[proc_macro_derive(Message, attributes(message))]
pub fn message(_: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// The type dispatcher.
#[proc_macro_attribute]
pub fn actor(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Requires a capability.
#[proc_macro_attribute]
pub fn require_capability(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}
