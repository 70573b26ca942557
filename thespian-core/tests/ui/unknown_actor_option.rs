use thespian_core::*;

#[derive(Default)]
struct Lamp;

#[actor(nmae = "lamp")]
impl Lamp {}

fn main() {}
