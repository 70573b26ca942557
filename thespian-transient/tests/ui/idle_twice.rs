use thespian_core::{Actor, actor};
use thespian_transient::{Seconds, TransientIdle};

#[derive(Default)]
struct Greeter;

#[actor]
impl Greeter {}

fn main() {
    let _ = <TransientIdle<TransientIdle<Greeter>, Seconds<3>>>::spec();
}
