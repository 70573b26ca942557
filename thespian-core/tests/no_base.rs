//! A program without any base.

use thespian_core::{ActorSystem, Error};

#[test]
fn a_system_without_a_base_names_the_crates_to_choose_from() {
    let refused = ActorSystem::current().err();
    let Some(Error::StartupFailure { base, cause }) = refused else { panic!("{refused:?}") };
    assert_eq!(base, "the default base");
    for hint in ["thespian-simple", "thespian-sim", "ActorSystem::builder().base(...)"] {
        assert!(cause.contains(hint), "{cause}");
    }
    // Nothing half-started is left as the process's system.
    assert!(ActorSystem::current().is_err());
}
