//! The members of the workspace as `cargo metadata` describes them.

use crate::failure::{Failure, Outcome};
use crate::json::Json;

/// One crate of the workspace.
#[derive(Debug, Default, Clone)]
pub(super) struct Member {
    pub(super) name: String,
    /// From the workspace's root.
    pub(super) folder: String,
    pub(super) dependencies: Vec<Dependency>,
    /// Whether `cargo publish` would take it.
    pub(super) published: bool,
    pub(super) description: Option<String>,
    pub(super) license: Option<String>,
    pub(super) keywords: usize,
    /// The text of its own Cargo.toml, for what metadata does not tell.
    pub(super) manifest: String,
}

/// One line of a dependency table, for whatever platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dependency {
    /// The package's name, also when it is renamed.
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Build,
    Dev,
}

/// Reads the members out of the metadata; `manifest` gives the text of the Cargo.toml in a folder.
pub(super) fn members(metadata: &Json, manifest: impl Fn(&str) -> String) -> Outcome<Vec<Member>> {
    let root = metadata.get("workspace_root").as_str().unwrap_or_default();
    let mut members = Vec::new();
    for package in metadata.get("packages").items() {
        let name = text(package, "name").ok_or_else(|| unexpected("a package without a name"))?;
        let path =
            text(package, "manifest_path").ok_or_else(|| unexpected("a package without a manifest"))?;
        let folder = path
            .strip_prefix(root)
            .and_then(|path| path.strip_suffix("Cargo.toml"))
            .ok_or_else(|| unexpected("a manifest outside the workspace"))?
            .trim_matches(['/', '\\'])
            .to_owned();
        members.push(Member {
            name,
            dependencies: package.get("dependencies").items().iter().filter_map(dependency).collect(),
            published: *package.get("publish") != Json::Array(Vec::new()),
            description: text(package, "description"),
            license: text(package, "license"),
            keywords: package.get("keywords").items().len(),
            manifest: manifest(&folder),
            folder,
        });
    }
    if members.is_empty() { Err(unexpected("no packages")) } else { Ok(members) }
}

fn dependency(json: &Json) -> Option<Dependency> {
    let kind = match json.get("kind").as_str() {
        Some("dev") => Kind::Dev,
        Some("build") => Kind::Build,
        _ => Kind::Normal,
    };
    Some(Dependency { name: text(json, "name")?, kind })
}

fn text(json: &Json, key: &str) -> Option<String> {
    json.get(key).as_str().map(str::to_owned)
}

fn unexpected(what: &str) -> Failure {
    Failure::Check(format!("`cargo metadata` printed {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_read_with_its_kinds_of_dependencies() {
        let text = r#"{"workspace_root": "/r", "packages": [{
            "name": "a", "manifest_path": "/r/x/a/Cargo.toml", "publish": [], "description": "d", "license": null,
            "keywords": ["k"], "dependencies": [
                {"name": "n", "kind": null}, {"name": "b", "kind": "build"}, {"name": "v", "kind": "dev"}]}]}"#;
        let members = members(&Json::parse(text).unwrap(), |folder| format!("in {folder}")).unwrap();
        let [a] = members.as_slice() else { panic!("{members:?}") };
        assert_eq!((a.name.as_str(), a.folder.as_str(), a.manifest.as_str()), ("a", "x/a", "in x/a"));
        assert_eq!((a.published, a.license.as_deref(), a.keywords), (false, None, 1));
        let kinds: Vec<Kind> = a.dependencies.iter().map(|dependency| dependency.kind).collect();
        assert_eq!(kinds, [Kind::Normal, Kind::Build, Kind::Dev]);
    }

    #[test]
    fn metadata_without_packages_is_a_failure_and_not_an_empty_workspace() {
        assert!(members(&Json::Null, |_| String::new()).is_err());
    }
}
