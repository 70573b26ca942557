//! The `name = "..."` option, which messages and actors share.

use syn::LitStr;

/// Names with this prefix belong to the runtime.
const RESERVED: &str = "thespian::";

/// Whether a stable name can be used.
pub(crate) fn check_name(name: &LitStr) -> syn::Result<()> {
    let text = name.value();
    if text.is_empty() {
        return Err(syn::Error::new_spanned(name, "the name is empty"));
    }
    if text.starts_with(RESERVED) {
        let problem = format!("names that begin with `{RESERVED}` belong to the runtime; choose another one");
        return Err(syn::Error::new_spanned(name, problem));
    }
    Ok(())
}
