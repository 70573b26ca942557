use thespian_core::{ActorSpec, actor};
use thespian_initmsgs::{InitActor, Initialized};

struct Plain;

#[actor]
impl Plain {
    #[start]
    fn new(_: (u32, String)) -> Plain {
        Plain
    }
}

impl InitActor for Plain {}

fn main() {
    let _ = ActorSpec::of::<Initialized<Plain>>();
}
