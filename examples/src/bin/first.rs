//! The first program of the README: an actor that greets. `hello` greets on a base of your choice.

#![expect(clippy::print_stdout, reason = "printing is what the program is for")]

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{ActorSystem, Context, Error, Handled, Message, actor};
use thespian_simple::Simple;

#[derive(Serialize, Deserialize, Message)]
struct Greet {
    name: String,
}

#[derive(Default)]
struct Greeter;

#[actor]
impl Greeter {
    fn greet(&mut self, greet: &Greet, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(format!("Hello, {}", greet.name))
    }
}

fn main() -> Result<(), Error> {
    let system = ActorSystem::start(Simple)?;
    let greeter = system.create_actor::<Greeter>()?;
    let greeting: String =
        system.request(&greeter, Greet { name: "world".into() }, Duration::from_secs(1))?;
    println!("{greeting}");
    system.shutdown()
}
