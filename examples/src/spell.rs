//! The actors of `spell`, which finds words that are in no list of words.
//!
//! A [`Desk`] has a speller for each language that is asked for. A speller cannot do without its words, and reading them
//! takes time, so it is an actor with an initialization message: it can be asked at once, and what it is asked waits. When
//! nobody asks any more, it goes and takes its words along.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::{Deserialize, Serialize};
use thespian_core::{
    ActorAddress, ActorExitRequest, ActorTypes, ChildActorExited, Context, Handled, Message, actor, actors,
};
use thespian_initmsgs::{Init, InitActor, Initialized};
use thespian_transient::TransientIdle;

/// The types that cannot register themselves, because they are generic.
pub fn actor_types() -> ActorTypes {
    actors![Initialized<TransientIdle<Speller>>]
}

/// A line of text to check, for a desk. It answers with a [`Checked`].
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
pub struct Check {
    /// The asker's number for the line.
    pub line: u64,
    /// The language that it is written in.
    pub language: String,
    /// The line.
    pub text: String,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
pub struct Checked {
    /// The asker's number for the line.
    pub line: u64,
    /// The words that are in no list, or why there is no list.
    pub unknown: Result<Vec<Unknown>, String>,
}

/// A word that is in no list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
pub struct Unknown {
    /// The word.
    pub word: String,
    /// The nearest that is in the list, if there is one within two changes of a letter.
    pub nearest: Option<String>,
}

/// The words of a language, for its speller.
#[derive(Clone, Serialize, Deserialize, Message)]
struct Words(BTreeSet<String>);

/// A file to read, for the librarian.
#[derive(Serialize, Deserialize, Message)]
struct Load {
    path: String,
    language: String,
    speller: ActorAddress,
}

/// The file cannot be read.
#[derive(Serialize, Deserialize, Message)]
struct NoWords {
    language: String,
    why: String,
}

/// Knows which language has which file of words, and who checks it now.
pub struct Desk {
    files: BTreeMap<String, String>,
    librarian: Option<ActorAddress>,
    spellers: BTreeMap<String, ActorAddress>,
    /// What has been asked and not answered, with who wants to know. Its key is the number in the order asked.
    pending: BTreeMap<u64, (ActorAddress, Check)>,
    asked: u64,
}

#[actor]
impl Desk {
    #[start]
    fn new(files: BTreeMap<String, String>) -> Desk {
        Desk { files, librarian: None, spellers: BTreeMap::new(), pending: BTreeMap::new(), asked: 0 }
    }

    fn check(&mut self, check: &Check, ctx: &mut Context<'_>) {
        self.asked += 1;
        self.pending.insert(self.asked, (ctx.sender(), check.clone()));
        self.ask_speller(self.asked, ctx);
    }

    #[helper]
    fn ask_speller(&mut self, number: u64, ctx: &mut Context<'_>) {
        let Some((_, check)) = self.pending.get(&number) else { return };
        let check = Check { line: number, ..check.clone() };
        let speller = match self.spellers.get(&check.language) {
            Some(speller) => *speller,
            None => match self.engage(&check.language, ctx) {
                Some(speller) => speller,
                None => return self.answer(number, Err("there is no list of words for it".into()), ctx),
            },
        };
        ctx.send(&speller, check);
    }

    /// A new speller, whose words are on their way.
    #[helper]
    fn engage(&mut self, language: &str, ctx: &mut Context<'_>) -> Option<ActorAddress> {
        let path = self.files.get(language)?.clone();
        let speller = ctx.create_actor::<Initialized<TransientIdle<Speller>>>();
        let librarian = *self.librarian.get_or_insert_with(|| ctx.create_actor::<Librarian>());
        ctx.send(&librarian, Load { path, language: language.into(), speller });
        self.spellers.insert(language.into(), speller);
        Some(speller)
    }

    fn checked(&mut self, checked: &Checked, ctx: &mut Context<'_>) {
        self.answer(checked.line, checked.unknown.clone(), ctx);
    }

    #[helper]
    fn answer(&mut self, number: u64, unknown: Result<Vec<Unknown>, String>, ctx: &mut Context<'_>) {
        if let Some((asker, check)) = self.pending.remove(&number) {
            ctx.send(&asker, Checked { line: check.line, unknown });
        }
    }

    /// The speller would wait for ever, so it has to go. The next question for the language is another chance.
    fn no_words(&mut self, NoWords { language, why }: &NoWords, ctx: &mut Context<'_>) {
        for number in self.pending_for(language) {
            self.answer(number, Err(why.clone()), ctx);
        }
        if let Some(speller) = self.spellers.remove(language) {
            ctx.send(&speller, ActorExitRequest::new());
        }
    }

    /// A speller had nothing to do. What was asked at the same moment is for another one.
    fn gone(&mut self, notice: &ChildActorExited, ctx: &mut Context<'_>) {
        let of_it = |(language, speller): (&String, &ActorAddress)| {
            (*speller == notice.child_address).then(|| language.clone())
        };
        let Some(language) = self.spellers.iter().find_map(of_it) else { return };
        self.spellers.remove(&language);
        for number in self.pending_for(&language) {
            self.ask_speller(number, ctx);
        }
    }

    #[helper]
    fn pending_for(&self, language: &str) -> Vec<u64> {
        let pending = self.pending.iter().filter(|(_, (_, check))| check.language == language);
        pending.map(|(number, _)| *number).collect()
    }
}

/// Reads files of words: one on each line.
#[derive(Default)]
struct Librarian;

#[actor]
impl Librarian {
    fn load(&mut self, load: &Load, ctx: &mut Context<'_>) -> Handled {
        match fs::read_to_string(&load.path) {
            Ok(text) => {
                let words = text.lines().map(|word| word.trim().to_lowercase());
                ctx.send(&load.speller, Words(words.filter(|word| !word.is_empty()).collect()));
                Ok(().into())
            }
            Err(error) => {
                ctx.reply(NoWords { language: load.language.clone(), why: format!("{}: {error}", load.path) })
            }
        }
    }
}

/// Checks lines of one language.
struct Speller {
    words: BTreeSet<String>,
}

#[actor]
impl Speller {
    #[start]
    fn new(Init((Words(words),)): Init<(Words,)>) -> Speller {
        Speller { words }
    }

    fn check(&mut self, check: &Check, ctx: &mut Context<'_>) -> Handled {
        let words = check.text.split(|letter: char| !letter.is_alphabetic() && letter != '\'');
        let unknown = words.filter(|word| !word.is_empty() && !self.words.contains(&word.to_lowercase()));
        let unknown =
            unknown.map(|word| Unknown { word: word.into(), nearest: self.nearest(word) }).collect();
        ctx.reply(Checked { line: check.line, unknown: Ok(unknown) })
    }

    #[helper]
    fn nearest(&self, word: &str) -> Option<String> {
        let word = word.to_lowercase();
        let near = self.words.iter().map(|known| (distance(&word, known), known));
        near.filter(|(distance, _)| *distance <= 2).min().map(|(_, known)| known.clone())
    }
}

impl InitActor for Speller {}

/// How many letters to change, add or drop to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters_to_change_add_and_drop() {
        for (a, b, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("cat", "cut", 1),
            ("frog", "forg", 2),
            ("größe", "grosse", 3),
        ] {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }
}
