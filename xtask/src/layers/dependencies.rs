//! Which crates from outside the pure crates may use, each with its reason.
//!
//! `no_std` stops a crate from naming a clock itself, but not from depending on one. Whatever is not listed here
//! fails: `rand`, `getrandom`, `mio`, `tokio`, and whatever a listed crate begins to pull in one day.

use super::workspace::{Kind, Member};
use crate::finding::Finding;

const RULE: &str = "layers/dependencies";

/// What the manifests of the pure crates may name.
const DIRECT: &[(&str, &str)] = &[
    ("serde", "the data model of messages"),
    ("postcard", "the codec of messages"),
    ("siphasher", "hashes that are the same in every process and every run"),
    ("inventory", "types register themselves at link time"),
    ("parking_lot", "locks without poisoning, where a registry is shared"),
    ("log", "the facade through which everything is logged"),
];

/// What those pull in. A pure crate must not name them itself: `libc` alone would give it sockets and clocks.
const INDIRECT: &[(&str, &str)] = &[
    ("serde_core", "serde, without its macros"),
    ("cobs", "postcard's framing, which is not used"),
    ("thiserror", "errors of cobs"),
    ("lock_api", "parking_lot's traits"),
    ("parking_lot_core", "parking_lot waits with it"),
    ("scopeguard", "lock_api's guards"),
    ("smallvec", "parking_lot_core's queues"),
    ("cfg-if", "parking_lot_core chooses its platform with it"),
    ("libc", "parking_lot_core on Unix"),
    ("redox_syscall", "parking_lot_core on Redox"),
    ("bitflags", "redox_syscall"),
    ("windows-link", "parking_lot_core on Windows"),
    ("windows-targets", "parking_lot_core on Windows, before windows-link"),
];

fn is_in(list: &[(&str, &str)], name: &str) -> bool {
    list.iter().any(|(listed, _)| *listed == name)
}

/// Crates of the workspace are the business of another rule.
fn is_ours(name: &str) -> bool {
    name.starts_with("thespian-")
}

/// What the manifest of a pure crate names for any platform is on the list.
pub(super) fn direct(member: &Member) -> Vec<Finding> {
    member
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == Kind::Normal)
        .map(|dependency| dependency.name.as_str())
        .filter(|name| !is_ours(name) && !is_in(DIRECT, name))
        .map(|name| finding(&member.name, format!("a dependency on `{name}`")))
        .collect()
}

/// What a pure crate pulls in, as `cargo tree --prefix depth` prints it, is on one of the lists.
pub(super) fn transitive(krate: &str, tree: &str) -> Vec<Finding> {
    let mut path: Vec<&str> = Vec::new();
    let mut findings: Vec<Finding> = Vec::new();
    let mut lines = 0;
    for (depth, name) in tree.lines().filter_map(tree_line) {
        lines += 1;
        path.truncate(depth);
        path.push(name);
        if depth == 0 || is_ours(name) || is_in(DIRECT, name) || is_in(INDIRECT, name) {
            continue;
        }
        findings.push(finding(krate, format!("`{name}`, pulled in by {}", path.join(" > "))));
    }
    if lines == 0 {
        findings.push(finding(
            krate,
            "no dependency tree: `cargo tree` printed nothing that was understood".into(),
        ));
    }
    findings
}

/// `12serde v1.0.0 ...` is depth 12 and the name.
fn tree_line(line: &str) -> Option<(usize, &str)> {
    let name_at = line.find(|c: char| !c.is_ascii_digit())?;
    let depth = line[..name_at].parse().ok()?;
    Some((depth, line[name_at..].split(' ').next()?))
}

fn finding(krate: &str, found: String) -> Finding {
    let instead = "do without; a crate with neither IO nor clock nor randomness gets a row with its reason \
                   in xtask/src/layers/dependencies.rs";
    Finding::new(RULE, krate, found, instead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::workspace::Dependency;

    #[test]
    fn a_tree_of_listed_crates_passes() {
        let tree = "0thespian-core v0.1.0 (/x)\n1parking_lot v0.12.5\n2lock_api v0.4.14\n1thespian-msgs v0.1.0\n2serde v1.0.229 (*)\n";
        assert_eq!(transitive("thespian-core", tree), []);
    }

    #[test]
    fn a_crate_that_is_not_listed_fails_at_any_depth_and_shows_the_way_to_it() {
        let tree = "0thespian-msgs v0.1.0\n1serde v1.0.0\n2ahash v0.8.0\n3getrandom v0.3.0\n1tokio v1.0.0\n";
        let findings = transitive("thespian-msgs", tree);
        let found: Vec<&str> = findings.iter().map(|finding| finding.found.as_str()).collect();
        assert_eq!(
            found,
            [
                "`ahash`, pulled in by thespian-msgs > serde > ahash",
                "`getrandom`, pulled in by thespian-msgs > serde > ahash > getrandom",
                "`tokio`, pulled in by thespian-msgs > tokio",
            ]
        );
    }

    #[test]
    fn a_tree_that_cannot_be_read_fails() {
        assert_eq!(transitive("thespian-msgs", "").len(), 1);
        assert_eq!(transitive("thespian-msgs", "├── serde v1.0.0").len(), 1);
    }

    #[test]
    fn naming_what_only_a_dependency_may_pull_in_fails() {
        let named = |name: &str, kind| {
            let dependencies = vec![Dependency { name: name.into(), kind }];
            direct(&Member { name: "thespian-core".into(), dependencies, ..Member::default() }).len()
        };
        assert_eq!(named("libc", Kind::Normal), 1);
        assert_eq!(named("rand", Kind::Normal), 1);
        assert_eq!(named("log", Kind::Normal), 0);
        assert_eq!(named("trybuild", Kind::Dev), 0);
    }
}
