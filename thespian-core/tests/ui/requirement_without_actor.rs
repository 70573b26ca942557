use thespian_core::*;

struct Lamp;

#[require_capability("Sockets")]
impl Lamp {}

fn main() {}
