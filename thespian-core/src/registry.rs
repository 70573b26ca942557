//! The table of actor types: how a name becomes a type.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::{ActorType, TypeName};

/// The actor types that can be created by name.
///
/// The table is explicit: [`actors!`](crate::actors) makes one, the builder takes it. Types marked
/// [`#[actor]`](macro@crate::actor) are added at link time as a convenience, which silently leaves out those of crates that
/// the program never names; the explicit table never does.
#[derive(Clone, Debug, Default)]
pub struct ActorTypes {
    by_name: BTreeMap<TypeName, &'static ActorType>,
    /// Names under which more than one type registered itself.
    ambiguous: BTreeSet<TypeName>,
}

/// A type that was registered at link time.
pub struct LinkedActorType(pub fn() -> &'static ActorType);

inventory::collect!(LinkedActorType);

impl ActorTypes {
    /// An empty table.
    pub fn new() -> ActorTypes {
        ActorTypes::default()
    }

    /// The types that registered themselves at link time. Where two have one name, neither is found by it.
    pub fn linked() -> ActorTypes {
        let mut types = ActorTypes::new();
        for LinkedActorType(kind) in inventory::iter::<LinkedActorType> {
            let kind = kind();
            match types.by_name.get(&kind.name()) {
                Some(known) if !known.is_same(kind) => drop(types.ambiguous.insert(kind.name())),
                _ => drop(types.by_name.insert(kind.name(), kind)),
            }
        }
        types
    }

    /// Adds a type, and its [companions](crate::Actor::companions). One of the same name replaces the earlier.
    pub fn add(&mut self, kind: &'static ActorType) {
        let mut more = vec![kind];
        while let Some(kind) = more.pop() {
            self.ambiguous.remove(&kind.name());
            let known = self.by_name.insert(kind.name(), kind);
            // Companions of each other, and those of a type that is there already, are not gone through again.
            if known.is_none_or(|known| !known.is_same(kind)) {
                more.extend(kind.companions());
            }
        }
    }

    /// Adds all types of another table.
    pub fn extend(&mut self, other: ActorTypes) {
        for (name, kind) in other.by_name {
            if !other.ambiguous.contains(&name) {
                self.add(kind);
            } else if self.by_name.get(&name).is_none_or(|known| !known.is_same(kind)) {
                self.ambiguous.insert(name.clone());
                self.by_name.insert(name, kind);
            }
        }
    }

    /// Whether several types registered themselves under this name, so that none is found by it.
    pub fn is_ambiguous(&self, name: &str) -> bool {
        self.ambiguous.contains(name)
    }

    /// The names under which several types registered themselves.
    pub fn ambiguous_names(&self) -> impl Iterator<Item = &str> {
        self.ambiguous.iter().map(AsRef::as_ref)
    }

    /// The type of that name.
    pub fn find(&self, name: &str) -> Option<&'static ActorType> {
        self.by_name.get(name).copied().filter(|_| !self.is_ambiguous(name))
    }

    /// The names in the table.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().filter(|name| !self.ambiguous.contains(*name)).map(AsRef::as_ref)
    }

    /// Up to three names that look like this one: the same last part, or a few letters off.
    pub fn near_misses(&self, name: &str) -> Vec<String> {
        let last = |path: &str| path.rsplit("::").next().unwrap_or(path).to_string();
        let wanted = last(name);
        let mut found: Vec<(usize, &str)> = self
            .names()
            .map(|known| (edit_distance(&last(known), &wanted).min(edit_distance(known, name)), known))
            .filter(|(distance, known)| *distance <= 2 + last(known).len() / 4)
            .collect();
        found.sort();
        found.into_iter().take(3).map(|(_, known)| known.to_string()).collect()
    }
}

/// How many letters to change, add or drop to get from one text to the other (Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    // A name comes from anywhere; past this length nobody mistyped it.
    const LONGEST: usize = 200;
    if a.len() > LONGEST || b.len() > LONGEST {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let change = row[j] + usize::from(x != *y);
            next.push(change.min(row[j + 1] + 1).min(next[j] + 1));
        }
        row = next;
    }
    row[b.len()]
}

/// Makes a table of actor types.
///
/// ```
/// use thespian_core::{Context, actor, actors};
///
/// #[derive(Default)]
/// struct Echo;
/// #[actor]
/// impl Echo {
///     fn text(&mut self, text: &String, ctx: &mut Context<'_>) {
///         ctx.reply(text.clone()).ok();
///     }
/// }
///
/// let types = actors![Echo];
/// assert_eq!(types.names().count(), 1);
/// ```
#[macro_export]
macro_rules! actors {
    ($($actor:ty),* $(,)?) => {{
        #[allow(unused_mut, reason = "an empty list adds nothing")]
        let mut types = $crate::ActorTypes::new();
        $(types.add($crate::ActorType::of::<$actor>());)*
        types
    }};
}
