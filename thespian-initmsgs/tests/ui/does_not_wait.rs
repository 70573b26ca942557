use thespian_core::{ActorSpec, actor};
use thespian_initmsgs::{Init, InitPassthru, Initialized};
use thespian_transient::Transient;

struct Plain;

#[actor]
impl Plain {
    #[start]
    fn new(_: Init<(u32,)>) -> Plain {
        Plain
    }
}

fn main() {
    let _ = ActorSpec::of::<Initialized<Plain>>();
    let _ = ActorSpec::of::<Initialized<Transient<Plain>>>();
    let _ = ActorSpec::of::<InitPassthru<Plain>>();
}
