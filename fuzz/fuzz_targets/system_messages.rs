//! The runtime's own messages. The first byte says which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thespian_msgs::{
    ActorExitRequest, ActorSystemConventionUpdate, ChildActorExited, DeadEnvelope, LoadedSource,
    PoisonMessage, StatusReq, UnloadedSource, ValidateSource, ValidatedSource, WakeupMessage, WatchMessage,
};

const TARGETS: &[fn(&[u8])] = &[
    run::<ActorExitRequest>,
    run::<ChildActorExited>,
    run::<PoisonMessage>,
    run::<WakeupMessage>,
    run::<WatchMessage>,
    run::<DeadEnvelope>,
    run::<ActorSystemConventionUpdate>,
    run::<ValidateSource>,
    run::<ValidatedSource>,
    run::<LoadedSource>,
    run::<UnloadedSource>,
    run::<StatusReq>,
];

fn run<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    thespian_fuzz::decoded::<T>(bytes);
}

fuzz_target!(|bytes: &[u8]| {
    if let Some((which, bytes)) = bytes.split_first() {
        TARGETS[usize::from(*which) % TARGETS.len()](bytes);
    }
});
