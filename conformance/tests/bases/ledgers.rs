//! What actors write down of every message, so that it can be read when they have been killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A message that is accounted for: who sent it, and its number there.
pub(crate) type Item = (u32, u64);

/// The file of one process. A line is one write, which the system has when the call returns, whatever becomes of the
/// process.
pub(crate) struct Ledger(File);

impl Ledger {
    /// That of this process.
    pub(crate) fn own(folder: &Path) -> Ledger {
        let file = file_of(folder, std::process::id());
        Ledger(File::options().append(true).create(true).open(file).expect("the folder is there"))
    }

    /// Notes what became of a message.
    pub(crate) fn note(&mut self, what: What, item: Item) {
        let line = format!("{what:?} {} {}\n", item.0, item.1);
        self.0.write_all(line.as_bytes()).expect("there is room for a line");
    }
}

fn file_of(folder: &Path, pid: u32) -> PathBuf {
    folder.join(format!("ledger-{pid}"))
}

/// What can become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// Its sender is about to send it.
    Sent,
    /// A handler has handled it.
    Handled,
    /// It came back to its sender as poison.
    Poisoned,
    /// It is a dead letter, and was certainly not handled.
    Dead,
    /// It is a dead letter that may have been handled.
    Unsure,
}

const ALL: [What; 5] = [What::Sent, What::Handled, What::Poisoned, What::Dead, What::Unsure];

/// What all ledgers say together.
#[derive(Default)]
pub(crate) struct Account {
    items: BTreeMap<Item, Vec<What>>,
    /// Messages that one process handled in another order than they were sent.
    reordered: Vec<(u32, Item)>,
}

/// How many messages ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) sent: u64,
    pub(crate) handled: u64,
    pub(crate) poisoned: u64,
    pub(crate) dead: u64,
    pub(crate) unsure: u64,
    /// Those of which nothing more is known than that a sender that is gone was about to send them.
    pub(crate) lost_with_sender: u64,
}

impl Account {
    /// Reads all ledgers of a folder.
    pub(crate) fn read(folder: &Path) -> Account {
        let mut account = Account::default();
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(pid) = name.strip_prefix("ledger-").and_then(|pid| pid.parse().ok()) else { continue };
            account.add(pid, &fs::read_to_string(&path).expect("it can be read"));
        }
        account
    }

    fn add(&mut self, reader: u32, text: &str) {
        let mut last: BTreeMap<u32, u64> = BTreeMap::new();
        for line in text.lines() {
            let mut words = line.split(' ');
            let what = words.next().and_then(|word| ALL.into_iter().find(|what| format!("{what:?}") == word));
            let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
            let (Some(what), Some(sender), Some(count)) = (what, number(), number()) else {
                panic!("a ledger has the line {line:?}");
            };
            let item = (sender as u32, count);
            if what == What::Handled && last.insert(item.0, count).is_some_and(|before| before >= count) {
                self.reordered.push((reader, item));
            }
            self.items.entry(item).or_default().push(what);
        }
    }

    /// Checks the law: each message of a sender that lives ended in exactly one way, but that one whose receiver was killed
    /// may have been dealt with before; of a sender that is gone, no more than `outstanding` have no end.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub(crate) fn check(&self, living: &BTreeSet<u32>, outstanding: u64) -> Result<Sums, String> {
        let mut sums = Sums::default();
        let mut open: BTreeMap<u32, u64> = BTreeMap::new();
        for (item, ends) in &self.items {
            let count = |what| ends.iter().filter(|end| **end == what).count();
            let counts @ [sent, handled, poisoned, dead, unsure] = ALL.map(count);
            if sent != 1 {
                return Err(format!("{item:?} was sent {sent} times: {counts:?}"));
            }
            match [handled, poisoned, dead, unsure] {
                [1, 0, 0, 0] => sums.handled += 1,
                [0, 1, 0, 0] => sums.poisoned += 1,
                [0, 0, 1, 0] => sums.dead += 1,
                // Handled or poisoned, but the word of that was lost with its receiver.
                [0, 0, 0, 1] | [1, 0, 0, 1] | [0, 1, 0, 1] => sums.unsure += 1,
                [0, 0, 0, 0] if !living.contains(&item.0) => {
                    sums.lost_with_sender += 1;
                    *open.entry(item.0).or_default() += 1;
                }
                [0, 0, 0, 0] => return Err(format!("nobody knows what became of {item:?}")),
                _ => return Err(format!("{item:?} ended in several ways: {ends:?}")),
            }
            sums.sent += 1;
        }
        if let Some((sender, open)) = open.iter().find(|(_, open)| **open > outstanding) {
            return Err(format!("{open} messages of {sender}, which is gone, have no end"));
        }
        match self.reordered.first() {
            Some((reader, item)) => Err(format!("{reader} handled {item:?} out of order, or twice")),
            None => Ok(sums),
        }
    }
}
