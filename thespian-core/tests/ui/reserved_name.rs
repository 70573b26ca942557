use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor(name = "thespian::Lamp")]
impl Lamp {}

fn main() {}
