use thespian_core::*;

struct Lamp<'a>(&'a str);

#[actor]
impl<'a> Lamp<'a> {}

fn main() {}
