//! `cargo xtask layers`: what each crate must not know, enforced.
//!
//! The engines can be tested in virtual time only because they cannot name a clock, a socket, a thread, a process or
//! a source of randomness; the crates can be swapped only because none knows its siblings. Both are absences, and
//! absences rot silently. Each rule here is a pure function over manifests and source text, with a test that shows
//! it fail on a bad input: a rule that cannot fail proves nothing.

mod dependencies;
mod members;
mod presence;
mod purity;
mod workspace;

use std::fs;
use std::path::Path;

use crate::args::Args;
use crate::failure::{Failure, Outcome};
use crate::finding;
use crate::process::Cmd;
use crate::{Command, files, json};
use workspace::Member;

pub(crate) const COMMAND: Command = Command {
    name: "layers",
    operands: None,
    about: "check what each crate must not know: siblings, clocks, sockets, randomness",
    options: &[],
    run,
};

/// The crates that hold the engines and what travels between them: no IO, no clock, no randomness.
const PURE: &[&str] = &["thespian-msgs", "thespian-core"];

fn run(root: &Path, _args: &Args) -> Outcome {
    let members = members_of(root)?;
    let files = files::all(root)?;
    let mut findings = members::rule(&members);
    findings.extend(purity::rules(PURE, &files));
    for &krate in PURE {
        let direct = members.iter().find(|member| member.name == krate);
        findings.extend(direct.map(dependencies::direct).unwrap_or_default());
        findings.extend(dependencies::transitive(krate, &tree_of(root, krate)?));
    }
    let readme = fs::read_to_string(root.join("README.md")).unwrap_or_default();
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    findings.extend(presence::rules(&members, &readme, &manifest));
    finding::conclude("layers", &format!("{} crates", members.len()), &findings)
}

fn members_of(root: &Path) -> Outcome<Vec<Member>> {
    let text = Cmd::cargo(&["metadata", "--format-version", "1", "--locked", "--no-deps"]).read(root)?;
    let metadata = json::Json::parse(&text).map_err(Failure::Check)?;
    workspace::members(&metadata, |folder| {
        fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap_or_default()
    })
}

/// The tree of normal dependencies as cargo resolves it for this crate alone. `cargo metadata` would show the union
/// of the features that the whole workspace asks for, and blame a crate for what its users switched on.
fn tree_of(root: &Path, krate: &str) -> Outcome<String> {
    Cmd::cargo(&["tree", "--locked", "-e", "normal,no-proc-macro", "--prefix", "depth", "-p", krate])
        .read(root)
}
