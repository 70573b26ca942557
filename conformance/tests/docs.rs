//! The documents say what the code says.

use std::fs;
use std::path::Path;

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_table_of_what_bases_cannot_do_is_in_the_docs() {
    let text = document("docs/semantics.md");
    let (begin, end) = ("<!-- begin: bases -->\n", "<!-- end: bases -->");
    let table = text.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).map(|(table, _)| table);
    let expected = thespian_conformance::as_markdown();
    assert_eq!(
        table,
        Some(expected.as_str()),
        "put this between the marks in docs/semantics.md:\n{expected}"
    );
}

#[test]
fn the_scenarios_that_the_docs_name_exist() {
    let known: Vec<&str> = thespian_conformance::SCENARIOS.iter().map(|scenario| scenario.name).collect();
    let modules: Vec<&str> =
        known.iter().filter_map(|name| name.split_once("::")).map(|(module, _)| module).collect();
    for name in ["docs/semantics.md", "ARCHITECTURE.md"] {
        let text = document(name);
        // Every odd piece stands between backticks.
        for quoted in text.split('`').skip(1).step_by(2) {
            if quoted.split_once("::").is_some_and(|(module, _)| modules.contains(&module)) {
                assert!(known.contains(&quoted), "{name} names the scenario {quoted}, which does not exist");
            }
        }
    }
}

#[test]
fn there_are_enough_scenarios_and_every_skip_has_a_reason() {
    assert!(thespian_conformance::SCENARIOS.len() >= 100);
    for base in thespian_conformance::BASES {
        assert!(base.cannot.iter().all(|(_, why)| why.len() > 10), "{}", base.name);
    }
}
