//! Asking many actors at once how they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use thespian_core::{ActorAddress, ActorStatus, ActorSystem, Answer, Error, StatusReq};

/// How many actors one thread asks: fewer than may be outstanding for an endpoint, so that actors which do not answer do not
/// keep others from being asked.
const BATCH: usize = 256;

/// After how long without an answer it is looked whether those that are missing are still there.
const QUIET: Duration = Duration::from_millis(100);

/// What actors said.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) statuses: BTreeMap<ActorAddress, ActorStatus>,
    /// Those that are there and said nothing.
    pub(crate) silent: BTreeSet<ActorAddress>,
}

/// Asks all of these, and waits until all that are still there have answered, or no answer has come for so long.
///
/// # Errors
///
/// When the system is gone.
pub(crate) fn ask(
    system: &ActorSystem,
    addresses: BTreeSet<ActorAddress>,
    patience: Duration,
) -> Result<Sample, Error> {
    let (sender, answers) = mpsc::channel();
    for batch in addresses.iter().copied().collect::<Vec<_>>().chunks(BATCH) {
        let (system, batch, sender) = (system.clone(), batch.to_vec(), sender.clone());
        // It ends when all have answered or nobody wants to know any more; the program does not wait for it.
        thread::spawn(move || ask_batch(&system, &batch, patience, &sender));
    }
    drop(sender);
    let mut sample = Sample { statuses: BTreeMap::new(), silent: addresses };
    let mut heard = Instant::now();
    while !sample.silent.is_empty() {
        match answers.recv_timeout(QUIET.min(patience)) {
            Ok(status) => {
                heard = Instant::now();
                sample.silent.remove(&status.address);
                sample.statuses.insert(status.address, status);
            }
            Err(RecvTimeoutError::Timeout) if heard.elapsed() < patience => {
                let now = system.status()?;
                let all_are_listed = now.actor_count <= now.actors.len() as u64;
                let there: BTreeSet<ActorAddress> = now.actors.into_iter().collect();
                sample.silent.retain(|address| !all_are_listed || there.contains(address));
            }
            Err(_) => break,
        }
    }
    Ok(sample)
}

fn ask_batch(
    system: &ActorSystem,
    batch: &[ActorAddress],
    patience: Duration,
    answers: &Sender<ActorStatus>,
) {
    let Ok(endpoint) = system.private() else { return };
    let asked = batch.iter().filter(|address| endpoint.tell(address, StatusReq).is_ok()).count();
    let mut answered = 0;
    while answered < asked {
        let Ok(answer @ Answer::Message(_)) = endpoint.listen(patience) else { return };
        // What else may come is no answer.
        let Ok(status) = answer.take::<ActorStatus>() else { continue };
        answered += 1;
        if answers.send(status).is_err() {
            return;
        }
    }
}
