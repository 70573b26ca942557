//! The guestbook of `leave` and `join`: an actor that outlives the program that made it.

use serde::{Deserialize, Serialize};
use thespian_core::{Context, Handled, Message, actor};

/// The name by which programs find the guestbook.
pub const NAME: &str = "guestbook";

/// Signs the guestbook. It answers with [`Guests`].
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
pub struct Sign {
    /// Who was here.
    pub name: String,
}

/// Who was here, in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
pub struct Guests(pub Vec<String>);

/// Remembers who was here, for as long as its system runs.
#[derive(Default)]
pub struct Guestbook {
    guests: Vec<String>,
}

#[actor]
impl Guestbook {
    fn sign(&mut self, sign: &Sign, ctx: &mut Context<'_>) -> Handled {
        log::info!("{} signs", sign.name);
        self.guests.push(sign.name.clone());
        ctx.reply(Guests(self.guests.clone()))
    }
}
