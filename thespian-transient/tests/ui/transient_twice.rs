use thespian_core::{Actor, actor};
use thespian_transient::{Seconds, Transient, TransientIdle};

#[derive(Default)]
struct Greeter;

#[actor]
impl Greeter {}

fn main() {
    // Whatever is in between.
    let _ = <Transient<TransientIdle<Transient<Greeter>>, Seconds<3>>>::spec();
}
