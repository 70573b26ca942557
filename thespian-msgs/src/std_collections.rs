//! The standard library's hash maps and sets are messages too. They are the one thing of `std` this crate names,
//! in this file alone.

extern crate std;

use alloc::borrow::Cow;
use alloc::format;
use core::hash::{BuildHasher, Hash};
use std::collections::{HashMap, HashSet};

use crate::{Message, TypeName};

impl<K: Message + Eq + Hash, V: Message, S: BuildHasher + Default + Send + 'static> Message
    for HashMap<K, V, S>
{
    fn type_name() -> TypeName {
        Cow::Owned(format!("map<{}, {}>", K::type_name(), V::type_name()))
    }
}

impl<M: Message + Eq + Hash, S: BuildHasher + Default + Send + 'static> Message for HashSet<M, S> {
    fn type_name() -> TypeName {
        Cow::Owned(format!("set<{}>", M::type_name()))
    }
}
