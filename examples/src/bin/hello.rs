//! An actor that greets, on a base of your choice: `hello --base tcp` gives it a process of its own.

#![expect(clippy::print_stdout, reason = "printing is what the program is for")]

use std::time::Duration;

use clap::Parser;
use serde::{Deserialize, Serialize};
use thespian_core::{Context, Error, Handled, Message, actor};
use thespian_examples::bases::Choice;

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

/// Greets the world.
#[derive(Parser)]
#[command(name = "hello", version)]
struct Args {
    #[command(flatten)]
    choice: Choice,
}

fn main() -> Result<(), Error> {
    thespian_multiproc::init();
    let Args { choice } = Args::parse();
    choice.run(|system| {
        let greeter = system.create_actor::<Greeter>()?;
        let greeting: String =
            system.request(&greeter, Greet { name: "world".into() }, Duration::from_secs(10))?;
        println!("{greeting}");
        Ok(())
    })
}
