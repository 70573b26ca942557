//! The names of a message's type and of those it extends, shared.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::TypeId;
use core::fmt;
use core::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{AnyMessage, TypeName};

/// The stable name of a message's type, and of the types it extends, nearest first.
///
/// Every message of a type has the same, so they are shared: a clone costs no allocation. A transport that hands in the
/// same value for each message of a type spends nothing on names.
///
/// ```
/// use thespian_msgs::{AnyMessage, TypeNames};
///
/// let names = TypeNames::from(vec!["shop.order".into(), "shop.request".into()]);
/// assert_eq!(names[0], "shop.order");
/// assert!(names.clone().is_same(&names));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeNames(Arc<[TypeName]>);

impl TypeNames {
    /// Whether both are the same value and not only equal. Costs a comparison of two pointers, so it is what a table of
    /// names looks at first.
    #[inline]
    pub fn is_same(&self, other: &TypeNames) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for TypeNames {
    type Target = [TypeName];

    #[inline]
    fn deref(&self) -> &[TypeName] {
        &self.0
    }
}

impl From<Vec<TypeName>> for TypeNames {
    fn from(names: Vec<TypeName>) -> TypeNames {
        TypeNames(names.into())
    }
}

impl fmt::Debug for TypeNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A list of strings.
impl Serialize for TypeNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0[..].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TypeNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TypeNames, D::Error> {
        Vec::deserialize(deserializer).map(TypeNames::from)
    }
}

/// The names of the types that somebody has sent: asked for once a type, and shared from then on.
///
/// It grows with the number of message types in the program and with nothing else: a message that came from elsewhere
/// brings its names along.
#[derive(Default)]
pub struct KnownNames {
    /// What was asked for last, because a sender mostly sends the same again.
    last: Option<(TypeId, TypeNames)>,
    all: BTreeMap<TypeId, TypeNames>,
}

impl KnownNames {
    /// None yet.
    pub fn new() -> KnownNames {
        KnownNames::default()
    }

    /// The names of this message.
    #[inline]
    pub fn of(&mut self, message: &AnyMessage) -> TypeNames {
        if message.as_encoded().is_some() {
            return message.type_names();
        }
        match &self.last {
            Some((known, names)) if *known == message.content_type() => names.clone(),
            _ => self.find(message),
        }
    }

    #[cold]
    fn find(&mut self, message: &AnyMessage) -> TypeNames {
        let content = message.content_type();
        let names = self.all.entry(content).or_insert_with(|| message.type_names()).clone();
        self.last = Some((content, names.clone()));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;

    #[test]
    fn messages_of_a_type_share_their_names_and_others_have_their_own() {
        let mut known = KnownNames::new();
        let text = || AnyMessage::new(String::from("a"));
        let first = known.of(&text());
        let number = known.of(&AnyMessage::new(1_u8));
        assert_eq!((&*first, &*number), (&["str".into()][..], &["u8".into()][..]));
        assert!(first.is_same(&known.of(&text())));
        assert!(first.is_same(&known.of(&text())));
        assert!(number.is_same(&known.of(&AnyMessage::new(2_u8))));
    }

    #[test]
    fn a_message_from_elsewhere_keeps_the_names_it_came_with() {
        let names = TypeNames::from(vec!["somebody.elses".into()]);
        let message = AnyMessage::encoded(names.clone(), vec![1]);
        let mut known = KnownNames::new();
        assert!(known.of(&message).is_same(&names));
        assert!(message.duplicate().expect("copies").type_names().is_same(&names));
        let other = AnyMessage::encoded(vec!["another".into()], vec![1]);
        assert_eq!(known.of(&other)[0], "another");
    }

    #[test]
    fn names_travel_as_the_list_they_are() {
        let list: Vec<TypeName> = vec!["a".into(), "b".into()];
        let names = TypeNames::from(list.clone());
        assert_eq!(crate::encode(&names), crate::encode(&list));
        let bytes = crate::encode(&names).expect("encodes");
        assert_eq!(crate::decode(&bytes, Default::default()), Ok(names));
    }
}
