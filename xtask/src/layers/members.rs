//! Which crate of the workspace may depend on which.
//!
//! People choose features by choosing crates, so a feature crate that pulled in another would choose for them.
//! Programs combine crates, that is what they are for; and dev-dependencies are free, because nobody inherits them.

use super::workspace::{Dependency, Kind, Member};
use crate::finding::Finding;

const RULE: &str = "layers/siblings";

/// The crates that only run things: they may use any crate of the workspace.
const PROGRAMS: &[&str] = &["thespian-cli", "thespian-conformance", "thespian-examples"];

/// The transports over sockets: they share what they are made of.
const TRANSPORTS: &[&str] = &["thespian-tcp", "thespian-udp", "thespian-mpqueue"];

/// What a member may use of the workspace in its normal and build dependencies.
enum Allowed {
    AtMost(&'static [&'static str]),
    /// This one, without which the crate is no part of the system at all, and at most these beside it.
    Core(&'static str, &'static [&'static str]),
    Anything,
}

fn allowed(name: &str) -> Option<Allowed> {
    Some(match name {
        "thespian-msgs" | "thespian-derive" | "xtask" => Allowed::AtMost(&[]),
        "thespian-core" => Allowed::AtMost(&["thespian-msgs", "thespian-derive"]),
        program if PROGRAMS.contains(&program) => Allowed::Anything,
        transport if TRANSPORTS.contains(&transport) => {
            Allowed::Core("thespian-core", &["thespian-transport"])
        }
        feature if feature.starts_with("thespian-") => Allowed::Core("thespian-core", &[]),
        _ => return None,
    })
}

/// Every member uses of the workspace what its layer may use.
pub(super) fn rule(members: &[Member]) -> Vec<Finding> {
    members.iter().flat_map(|member| of_member(member, members)).collect()
}

fn of_member(member: &Member, members: &[Member]) -> Vec<Finding> {
    let is_member = |name: &str| members.iter().any(|member| member.name == name);
    let used: Vec<&Dependency> = member
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != Kind::Dev && is_member(&dependency.name))
        .collect();
    let Some(allowed) = allowed(&member.name) else {
        let instead = "call it `thespian-*`, or give it a layer in xtask/src/layers/members.rs";
        return vec![Finding::new(RULE, &member.name, "a member that is in no layer", instead)];
    };
    let may_use = |name: &str| match allowed {
        Allowed::AtMost(names) => names.contains(&name),
        Allowed::Core(core, beside) => name == core || beside.contains(&name),
        Allowed::Anything => true,
    };
    let mut findings: Vec<Finding> = used
        .iter()
        .filter(|dependency| !may_use(&dependency.name))
        .map(|dependency| forbidden(member, dependency, &allowed))
        .collect();
    if let Allowed::Core(core, _) = allowed
        && !used.iter().any(|dependency| dependency.name == core)
    {
        let instead = format!("write it against {core}, or call it something that is not a feature crate");
        findings.push(Finding::new(RULE, &member.name, format!("no dependency on `{core}`"), instead));
    }
    findings
}

fn forbidden(member: &Member, dependency: &Dependency, allowed: &Allowed) -> Finding {
    let kind = if dependency.kind == Kind::Build { "build-dependency" } else { "dependency" };
    let instead = match allowed {
        Allowed::AtMost([]) => {
            "no crate of the workspace below this one: move what is needed, or use it in tests".into()
        }
        Allowed::AtMost(names) => format!("at most {}; what both need belongs there", names.join(" and ")),
        Allowed::Core(core, []) => {
            format!(
                "{core} alone: it re-exports msgs and derive; siblings meet in programs and dev-dependencies"
            )
        }
        Allowed::Core(core, beside) => format!("{core} and at most {}", beside.join(" and ")),
        Allowed::Anything => unreachable!("nothing is forbidden to a program"),
    };
    Finding::new(RULE, &member.name, format!("a {kind} on `{}`", dependency.name), instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, dependencies: &[(&str, Kind)]) -> Member {
        let dependencies =
            dependencies.iter().map(|&(name, kind)| Dependency { name: name.into(), kind }).collect();
        Member { name: name.into(), dependencies, ..Member::default() }
    }

    fn good() -> Vec<Member> {
        use Kind::{Dev, Normal};
        vec![
            member("thespian-msgs", &[("serde", Normal)]),
            member("thespian-derive", &[("syn", Normal)]),
            member("thespian-core", &[("thespian-msgs", Normal), ("thespian-derive", Normal)]),
            member("thespian-simple", &[("thespian-core", Normal), ("thespian-sim", Dev)]),
            member("thespian-sim", &[("thespian-core", Normal), ("parking_lot", Normal)]),
            member("thespian-examples", &[("thespian-core", Normal), ("thespian-simple", Normal)]),
            member("xtask", &[]),
        ]
    }

    /// What is found when one member of the good workspace is replaced.
    fn found_with(name: &str, dependencies: &[(&str, Kind)]) -> Vec<String> {
        let mut members = good();
        members.retain(|member| member.name != name);
        members.push(member(name, dependencies));
        rule(&members).into_iter().map(|finding| format!("{}: {}", finding.place, finding.found)).collect()
    }

    #[test]
    fn the_layers_as_designed_pass() {
        assert_eq!(rule(&good()), []);
    }

    #[test]
    fn a_feature_crate_that_uses_a_sibling_or_goes_round_core_fails() {
        let core = ("thespian-core", Kind::Normal);
        assert_eq!(
            found_with("thespian-tcp", &[core, ("thespian-simple", Kind::Normal)]),
            ["thespian-tcp: a dependency on `thespian-simple`"]
        );
        assert_eq!(
            found_with("thespian-tcp", &[core, ("thespian-msgs", Kind::Build)]),
            ["thespian-tcp: a build-dependency on `thespian-msgs`"]
        );
        assert_eq!(found_with("thespian-tcp", &[]), ["thespian-tcp: no dependency on `thespian-core`"]);
    }

    #[test]
    fn transports_share_what_they_are_made_of_and_nobody_else_does() {
        let both = [("thespian-core", Kind::Normal), ("thespian-transport", Kind::Normal)];
        let with = |name: &str| {
            let mut members = good();
            members.retain(|member| member.name != name);
            members.extend([member("thespian-transport", &both[..1]), member(name, &both)]);
            rule(&members).len()
        };
        assert_eq!(with("thespian-tcp"), 0);
        assert_eq!(with("thespian-simple"), 1);
    }

    #[test]
    fn an_upward_dependency_of_core_msgs_derive_or_xtask_fails() {
        for name in ["thespian-core", "thespian-msgs", "thespian-derive", "xtask"] {
            let found = found_with(name, &[("thespian-simple", Kind::Normal)]);
            assert_eq!(found, [format!("{name}: a dependency on `thespian-simple`")]);
        }
    }

    #[test]
    fn a_member_without_a_layer_fails() {
        assert_eq!(found_with("helpers", &[]), ["helpers: a member that is in no layer"]);
    }
}
