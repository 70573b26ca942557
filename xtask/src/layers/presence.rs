//! What every member must have: a row in the README, a reason in the root manifest, the workspace's lints, and the
//! particulars of a crate that is published.
//!
//! These keep the map of the project complete: a crate that nobody wrote a sentence about is one that nobody finds.

use super::workspace::Member;
use crate::finding::Finding;

/// All rules of this file.
pub(super) fn rules(members: &[Member], readme: &str, root_manifest: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in members {
        findings.extend(readme_row(member, readme));
        findings.extend(reason(member, root_manifest));
        findings.extend(lints(member));
        findings.extend(particulars(member));
    }
    findings
}

/// A table row of the README names the crate (or its folder, for programs) in backticks.
fn readme_row(member: &Member, readme: &str) -> Option<Finding> {
    let names = [format!("`{}`", member.name), format!("`{}`", member.folder)];
    let has_row = readme
        .lines()
        .filter(|line| line.trim_start().starts_with('|'))
        .any(|line| names.iter().any(|name| line.contains(name)));
    let instead = format!("a row of README.md's table of crates that says what {} is", names[0]);
    (!has_row).then(|| Finding::new("layers/readme-row", &member.name, "no row in README.md", instead))
}

/// In the root manifest, the line above the member is a comment.
fn reason(member: &Member, root_manifest: &str) -> Option<Finding> {
    let entry = format!("\"{}\"", member.folder);
    let mut above = "";
    let lines = root_manifest.lines().map(str::trim).skip_while(|line| !line.starts_with("members"));
    for line in lines.take_while(|line| *line != "]") {
        if line.trim_end_matches(',') == entry {
            let instead = "a comment in the line above it that says why the crate exists";
            let found = format!("{entry} without a comment above it");
            let has_comment = above.starts_with('#');
            return (!has_comment)
                .then(|| Finding::new("layers/member-reason", "Cargo.toml", found, instead));
        }
        above = line;
    }
    let found = format!("{entry} not in a line of its own of `members`");
    Some(Finding::new(
        "layers/member-reason",
        "Cargo.toml",
        found,
        "one line per member, a comment above each",
    ))
}

/// The member's manifest inherits the workspace's lints, in either spelling.
fn lints(member: &Member) -> Option<Finding> {
    let mut section = "";
    for line in member.manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        }
        let line: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        if (section == "[lints]" && line == "workspace=true") || line == "lints.workspace=true" {
            return None;
        }
    }
    let place = format!("{}/Cargo.toml", member.folder);
    Some(Finding::new("layers/lints", place, "no inherited lints", "`[lints]` with `workspace = true`"))
}

/// A published crate says what it is, under which licence, and how it is found.
fn particulars(member: &Member) -> Option<Finding> {
    if !member.published {
        return None;
    }
    let is_given = |field: &Option<String>| field.as_ref().is_some_and(|text| !text.trim().is_empty());
    let missing: Vec<&str> = [
        ("description", is_given(&member.description)),
        ("license", is_given(&member.license)),
        ("keywords", member.keywords > 0),
    ]
    .into_iter()
    .filter(|(_, given)| !given)
    .map(|(name, _)| name)
    .collect();
    let found = format!("a published crate without {}", missing.join(", "));
    let instead = "give them in its manifest, or say `publish = false`";
    (!missing.is_empty()).then(|| Finding::new("layers/particulars", &member.name, found, instead))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> Member {
        Member {
            name: "thespian-a".into(),
            folder: "a".into(),
            published: true,
            description: Some("d".into()),
            license: Some("MIT".into()),
            keywords: 1,
            manifest: "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n".into(),
            ..Member::default()
        }
    }

    const README: &str = "| crate | is |\n| --- | --- |\n| [`thespian-a`](a) | the first |\n";
    const MANIFEST: &str = "[workspace]\nmembers = [\n    # The first.\n    \"a\",\n]\n";

    /// The rules that find something.
    fn found(member: Member, readme: &str, manifest: &str) -> Vec<&'static str> {
        rules(&[member], readme, manifest).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_complete_member_passes() {
        assert_eq!(found(member(), README, MANIFEST), [""; 0]);
    }

    #[test]
    fn a_member_that_the_readme_mentions_outside_a_table_or_not_at_all_fails() {
        assert_eq!(found(member(), "`thespian-a` is the first.", MANIFEST), ["layers/readme-row"]);
        assert_eq!(found(member(), "| thespian-a |", MANIFEST), ["layers/readme-row"]);
        assert_eq!(found(member(), "| `a` | by its folder |", MANIFEST), [""; 0]);
    }

    #[test]
    fn a_member_without_a_comment_or_behind_a_pattern_fails() {
        for manifest in [
            "members = [\n    \"a\",\n]",
            "members = [\n    # Both.\n    \"b\",\n    \"a\",\n]",
            "members = [\"a\"]",
            "members = [\n    # All.\n    \"*\",\n]",
            "exclude = [\n    # Not a member.\n    \"a\",\n]",
        ] {
            assert_eq!(found(member(), README, manifest), ["layers/member-reason"], "{manifest}");
        }
    }

    #[test]
    fn a_member_without_the_lints_fails_and_both_spellings_pass() {
        let with = |manifest: &str| Member { manifest: manifest.into(), ..member() };
        assert_eq!(found(with("[dependencies]\nworkspace = true"), README, MANIFEST), ["layers/lints"]);
        assert_eq!(found(with("[lints]\nworkspace = false"), README, MANIFEST), ["layers/lints"]);
        assert_eq!(found(with("lints.workspace = true"), README, MANIFEST), [""; 0]);
    }

    #[test]
    fn a_published_crate_without_particulars_fails_and_a_private_one_passes() {
        let bare = Member { description: Some(" ".into()), license: None, keywords: 0, ..member() };
        let findings = rules(std::slice::from_ref(&bare), README, MANIFEST);
        assert_eq!(findings[0].found, "a published crate without description, license, keywords");
        assert_eq!(found(Member { published: false, ..bare }, README, MANIFEST), [""; 0]);
    }
}
