use thespian_core::*;

#[actor]
#[derive(Default)]
struct Lamp;

fn main() {}
