//! `cargo xtask bench`: builds the programs that are measured, and hands over to the driver that measures them.
//!
//! `benches/` is a workspace of its own, so that the peers never enter the product's lock file. Its packages are
//! built one at a time, because cargo unifies features within one build: built together, a peer could run with
//! features that another one asked for, and the numbers would be nobody's.
//!
//! A package that does not build is handed to the driver with the reason, which shows it in the table: a peer that
//! silently vanished would look like one that was never considered.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::Command;
use crate::args::{Args, Opt, Takes};
use crate::failure::{Failure, Outcome};
use crate::nearest;
use crate::process::{self, Cmd};

pub(crate) const COMMAND: Command = Command {
    name: "bench",
    operands: Some("[WORKLOAD...]"),
    about: "build and measure ours, the floors and the peers, in turns",
    options: &[
        Opt {
            name: "--group",
            takes: Takes::Many("NAME"),
            about: "measure this group alone: simple, processes (repeatable)",
        },
        Opt { name: "--repeats", takes: Takes::One("N"), about: "measure each workload this many times" },
        Opt {
            name: "--quick",
            takes: Takes::Nothing,
            about: "small workloads: does it run, not how fast is it",
        },
    ],
    run,
};

/// The groups, and the folders of `benches/` with the programs that each of them measures.
const GROUPS: &[(&str, &[&str])] = &[("simple", &["ours", "floors", "peers"]), ("processes", &["processes"])];

/// The package that interleaves the runs and prints the table.
const DRIVER: &str = "bench-driver";

/// A package that did not build, and the first line of the reason.
struct Missing {
    package: String,
    reason: String,
}

fn run(root: &Path, args: &Args) -> Outcome {
    let repeats = args.number("--repeats")?;
    if repeats == Some(0) {
        return Err(Failure::Usage("`--repeats` needs at least 1".into()));
    }
    let folders = folders(&args.values("--group").collect::<Vec<_>>())?;
    let missing = build_all(root, &packages(&root.join("benches"), &folders)?)?;
    let driver =
        Cmd::cargo(&["run", "--release", "--manifest-path", "benches/Cargo.toml", "-p", DRIVER, "--"]);
    driver.args(driver_args(args, repeats, &missing)).run(root)
}

/// The folders of the groups with these names; of all, if none is named.
fn folders(named: &[&str]) -> Outcome<Vec<&'static str>> {
    let known: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
    if let Some(name) = named.iter().find(|name| !known.contains(name)) {
        return Err(Failure::Usage(nearest::unknown("group", name, &known)));
    }
    let wanted = GROUPS.iter().filter(|(name, _)| named.is_empty() || named.contains(name));
    Ok(wanted.flat_map(|(_, folders)| folders.iter().copied()).collect())
}

/// The names of the packages in these folders, sorted by where they are.
fn packages(benches: &Path, folders: &[&str]) -> Outcome<Vec<String>> {
    let mut manifests = Vec::new();
    for folder in folders {
        find_manifests(&benches.join(folder), &mut manifests)?;
    }
    if manifests.is_empty() {
        let text = format!("no packages below benches/{{{}}}", folders.join(","));
        return Err(Failure::Check(text));
    }
    manifests.sort();
    manifests
        .iter()
        .map(|manifest| {
            let text = fs::read_to_string(manifest).map_err(|error| unreadable(manifest, &error))?;
            package_name(&text)
                .ok_or_else(|| Failure::Check(format!("no package name in {}", manifest.display())))
        })
        .collect()
}

/// Every manifest in `folder` and below. A folder with a manifest is a package, and packages do not nest.
fn find_manifests(folder: &Path, manifests: &mut Vec<PathBuf>) -> Outcome {
    let manifest = folder.join("Cargo.toml");
    if manifest.is_file() {
        manifests.push(manifest);
        return Ok(());
    }
    if !folder.is_dir() {
        return Ok(());
    }
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if path.is_dir() {
            find_manifests(&path, manifests)?;
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Check(format!("cannot read {}: {error}", path.display()))
}

/// The `name` in the `[package]` section of a manifest.
fn package_name(manifest: &str) -> Option<String> {
    let section = manifest.lines().map(str::trim).skip_while(|line| *line != "[package]").skip(1);
    section.take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "name").then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Builds each package by itself and returns those that did not build.
fn build_all(root: &Path, packages: &[String]) -> Outcome<Vec<Missing>> {
    let mut missing = Vec::new();
    for package in packages {
        let build =
            Cmd::cargo(&["build", "--release", "--manifest-path", "benches/Cargo.toml", "-p", package]);
        let begun = Instant::now();
        let output = build.output(root)?;
        if output.status.success() {
            println!("built {package} in {:.1} s", begun.elapsed().as_secs_f64());
            continue;
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let reason = process::gist(&errors);
        println!("did not build {package}: {reason}\n  repeat with: {build}");
        missing.push(Missing { package: package.clone(), reason });
    }
    Ok(missing)
}

/// What the driver is called with: the selection of the user, and what cannot be measured.
fn driver_args(args: &Args, repeats: Option<u64>, missing: &[Missing]) -> Vec<String> {
    let mut line: Vec<String> = args.operands().to_vec();
    for group in args.values("--group") {
        line.extend(["--group".to_owned(), group.to_owned()]);
    }
    if let Some(repeats) = repeats {
        line.extend(["--repeats".to_owned(), repeats.to_string()]);
    }
    if args.flag("--quick") {
        line.push("--quick".to_owned());
    }
    for Missing { package, reason } in missing {
        line.extend(["--missing".to_owned(), format!("{package}={reason}")]);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_package_and_not_of_a_dependency_or_a_binary() {
        let manifest =
            "[[bin]]\nname = \"no\"\n\n[package]\nedition = \"2024\"\nname = \"yes\"\n[lib]\nname = \"no\"\n";
        assert_eq!(package_name(manifest).as_deref(), Some("yes"));
        assert_eq!(package_name("[workspace]\nmembers = []\n[lib]\nname = \"no\"\n"), None);
    }

    #[test]
    fn a_package_that_does_not_build_reaches_the_driver_with_its_reason() {
        let words: Vec<String> =
            ["ask", "--quick", "flood", "--group", "simple", "--repeats", "3"].map(String::from).into();
        let args = Args::parse("bench", COMMAND.options, COMMAND.operands, &words).unwrap();
        let reason = process::gist("warning: x\nerror[E0432]: unresolved import\nerror: could not compile\n");
        let missing = [Missing { package: "peer".into(), reason }];
        assert_eq!(
            driver_args(&args, Some(3), &missing),
            [
                "ask",
                "flood",
                "--group",
                "simple",
                "--repeats",
                "3",
                "--quick",
                "--missing",
                "peer=error[E0432]: unresolved import"
            ]
        );
    }

    #[test]
    fn a_group_is_some_folders_and_no_group_is_all() {
        assert_eq!(folders(&[]).unwrap(), ["ours", "floors", "peers", "processes"]);
        assert_eq!(folders(&["processes"]).unwrap(), ["processes"]);
        let Err(Failure::Usage(text)) = folders(&["process"]) else {
            panic!("`process` was taken for a group")
        };
        assert!(text.contains("did you mean `processes`?"), "{text}");
    }

    #[test]
    fn a_folder_without_programs_is_a_failure_and_not_an_empty_table() {
        assert!(matches!(packages(Path::new("no-such-folder"), &["ours"]), Err(Failure::Check(_))));
    }
}
