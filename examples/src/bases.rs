//! The bases that a program can be told to run on.

use thespian_core::Builder;
use thespian_simple::Simple;

/// A base that people can choose.
#[derive(Clone, Copy, Debug)]
pub struct Base {
    /// What they call it.
    pub name: &'static str,
    /// Makes a system start on it.
    pub choose: fn(Builder) -> Builder,
}

/// Every base there is to choose. A new one is a row here.
pub const BASES: &[Base] = &[Base { name: "simple", choose: |builder| builder.base(Simple) }];

/// The base of that name.
pub fn find(name: &str) -> Option<&'static Base> {
    BASES.iter().find(|base| base.name == name)
}
