//! A combination that the guide forbids does not compile, and the error says why.
//!
//! Some are found when code is generated, so the case that passes is needed too: with one, `trybuild` builds. After a change
//! on purpose, `TRYBUILD=overwrite` writes the errors anew.

#[test]
fn wrong_combinations_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/right/*.rs");
    cases.compile_fail("tests/ui/*.rs");
}
