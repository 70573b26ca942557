//! Who is whose child.

use std::collections::{BTreeMap, BTreeSet};

use thespian_core::ActorAddress;

/// An actor's place among the others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) address: ActorAddress,
    pub(crate) parent: Option<ActorAddress>,
    /// The lines that lead to it.
    pub(crate) branch: String,
}

/// Orders actors so that each comes after its parent and before its parent's next child. Those whose parent is not known
/// stand at the left.
pub(crate) fn order(children: &BTreeMap<ActorAddress, Vec<ActorAddress>>) -> Vec<Place> {
    let owned: BTreeSet<&ActorAddress> = children.values().flatten().collect();
    let mut ordered = Vec::new();
    // What is still to be placed, the next one last: with its parent, the lines before it, and whether it is the last child.
    let mut ahead: Vec<(ActorAddress, Option<ActorAddress>, String, bool)> = Vec::new();
    let roots = children.keys().filter(|address| !owned.contains(address));
    ahead.extend(roots.rev().map(|root| (*root, None, String::new(), true)));
    let mut placed = BTreeSet::new();
    while let Some((address, parent, before, is_last)) = ahead.pop() {
        // Statuses are of different moments: nobody is shown twice, whatever they say.
        if !placed.insert(address) {
            continue;
        }
        let (tip, rest) = match (parent, is_last) {
            (None, _) => ("", ""),
            (Some(_), true) => ("└─ ", "   "),
            (Some(_), false) => ("├─ ", "│  "),
        };
        let of_it: Vec<ActorAddress> = children.get(&address).into_iter().flatten().copied().collect();
        let known: Vec<ActorAddress> =
            of_it.into_iter().filter(|child| children.contains_key(child)).collect();
        let last = known.last().copied();
        let below = format!("{before}{rest}");
        ahead.extend(
            known.into_iter().rev().map(|child| (child, Some(address), below.clone(), Some(child) == last)),
        );
        ordered.push(Place { address, parent, branch: format!("{before}{tip}") });
    }
    ordered
}

#[cfg(test)]
mod tests {
    use thespian_core::{AddressKey, SystemId};

    use super::*;

    fn address(slot: u64) -> ActorAddress {
        AddressKey::new([1; 16]).seal(SystemId::from_bits(1), slot, 1)
    }

    #[test]
    fn children_come_below_their_parent_and_strangers_at_the_left() {
        let of = |parent: u64, children: &[u64]| {
            (address(parent), children.iter().map(|&slot| address(slot)).collect())
        };
        // 9 is a child that nobody knows any more.
        let children =
            BTreeMap::from([of(1, &[3, 4]), of(2, &[]), of(3, &[5, 9]), of(4, &[6]), of(5, &[]), of(6, &[])]);
        let lines: Vec<String> = order(&children)
            .iter()
            .map(|place| format!("{}{}", place.branch, place.address.slot()))
            .collect();
        assert_eq!(lines, ["1", "├─ 3", "│  └─ 5", "└─ 4", "   └─ 6", "2"]);
    }

    #[test]
    fn statuses_that_contradict_each_other_show_nobody_twice() {
        let children = BTreeMap::from([
            (address(1), vec![address(3)]),
            (address(2), vec![address(3)]),
            (address(3), vec![address(3)]),
        ]);
        assert_eq!(order(&children).len(), 3);
    }
}
