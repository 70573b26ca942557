//! Wrong input to the macros is a compile error that names the mistake.
//!
//! Each file in `ui/` is a mistake, with the error beside it. After a change on purpose, `TRYBUILD=overwrite` writes the
//! errors anew.

#[test]
fn mistakes_are_named() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
