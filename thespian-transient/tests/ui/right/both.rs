use thespian_core::{Actor, Helpers, actor};
use thespian_transient::{Transient, TransientIdle};

#[derive(Default)]
struct Greeter;

#[actor]
impl Greeter {}

fn main() {
    let _ = <Transient<TransientIdle<Greeter>>>::spec();
    let _ = <TransientIdle<Transient<Greeter>>>::spec();
    let both = Helpers::TRANSIENT.and(Helpers::TRANSIENT_IDLE);
    assert_eq!(<Transient<TransientIdle<Greeter>>>::HELPERS, both);
}
