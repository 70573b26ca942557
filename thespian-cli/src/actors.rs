//! `thespian actors`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use thespian_core::{ActorAddress, ActorStatus, ActorSystem, Error, SystemStatus};

use crate::args::{self, Target};
use crate::exit::{Code, Outcome};
use crate::json::CountersJson;
use crate::memory::{self, Memory};
use crate::pause::pause;
use crate::sample::{self, Sample};
use crate::table::{self, Table};
use crate::{output, tree};

/// How long after the last answer it is waited for the next one, unless the command line says otherwise.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) fn run(target: &Target, options: &args::Actors) -> Outcome {
    let system = target.attach()?;
    let status = target.status(&system)?;
    let patience = target.timeout.unwrap_or(PATIENCE);
    let sample = everybody(&system, &status, patience)?;
    let rates = match options.interval {
        Duration::ZERO => BTreeMap::new(),
        interval => rates(&system, &sample, interval, patience)?,
    };
    let rows = rows(&status, &sample, &rates);
    if target.json {
        let place = target.place();
        output::print_json(&Document { place, actor_count: status.actor_count, actors: rows });
    } else {
        output::print(table(&rows));
        output::print(summary(&rows, status.actor_count));
    }
    Ok(if sample.silent.is_empty() { Code::Fine } else { Code::Wrong })
}

/// Asks all that the system lists, and the children that it does not list.
fn everybody(system: &ActorSystem, status: &SystemStatus, patience: Duration) -> Result<Sample, Error> {
    let mut asked: BTreeSet<ActorAddress> = status.actors.iter().copied().collect();
    let mut sample = sample::ask(system, asked.clone(), patience)?;
    let mut parents: Vec<ActorAddress> = asked.iter().copied().collect();
    // A tree is as deep as it has actors at most.
    while !parents.is_empty() && (sample.statuses.len() as u64) < status.actor_count {
        let of_all = parents.iter().filter_map(|parent| sample.statuses.get(parent));
        let children: BTreeSet<ActorAddress> = of_all
            .flat_map(|parent| &parent.children)
            .filter(|child| !asked.contains(child))
            .copied()
            .collect();
        parents = children.iter().copied().collect();
        asked.extend(&children);
        let Sample { statuses, silent } = sample::ask(system, children, patience)?;
        sample.statuses.extend(statuses);
        sample.silent.extend(silent);
    }
    Ok(sample)
}

/// How many messages each actor handles in a second.
fn rates(
    system: &ActorSystem,
    before: &Sample,
    interval: Duration,
    patience: Duration,
) -> Result<BTreeMap<ActorAddress, f64>, Error> {
    pause(interval);
    let after = sample::ask(system, before.statuses.keys().copied().collect(), patience)?;
    let rate = |(address, after): (&ActorAddress, &ActorStatus)| {
        let before = before.statuses.get(address)?;
        // One of them was the first question.
        let handled = after.counters.handled.saturating_sub(before.counters.handled).saturating_sub(1);
        let time = after.uptime.checked_sub(before.uptime)?.as_secs_f64();
        (time > 0.0).then(|| (*address, handled as f64 / time))
    };
    Ok(after.statuses.iter().filter_map(rate).collect())
}

/// What is shown of an actor.
#[derive(Debug, Serialize)]
struct Row {
    address: String,
    parent: Option<String>,
    name: Option<String>,
    answered: bool,
    #[serde(rename = "type")]
    actor_type: Option<String>,
    pid: Option<u32>,
    state: Option<String>,
    busy_seconds: Option<f64>,
    memory_rss_bytes: Option<u64>,
    memory_pss_bytes: Option<u64>,
    queue_user: Option<u64>,
    queue_system: Option<u64>,
    queue_outgoing: Option<u64>,
    queue_user_bytes: Option<u64>,
    queue_system_bytes: Option<u64>,
    queue_outgoing_bytes: Option<u64>,
    pending_wakeups: Option<u64>,
    handled_per_second: Option<f64>,
    counters: Option<CountersJson>,
    #[serde(skip)]
    branch: String,
}

#[derive(Serialize)]
struct Document {
    place: String,
    actor_count: u64,
    actors: Vec<Row>,
}

fn rows(system: &SystemStatus, sample: &Sample, rates: &BTreeMap<ActorAddress, f64>) -> Vec<Row> {
    let mut children: BTreeMap<ActorAddress, Vec<ActorAddress>> =
        sample.statuses.iter().map(|(address, status)| (*address, status.children.clone())).collect();
    children.extend(sample.silent.iter().map(|address| (*address, Vec::new())));
    let names: BTreeMap<&ActorAddress, &String> =
        system.global_names.iter().map(|(name, address)| (address, name)).collect();
    let silent: Vec<String> = sample.silent.iter().map(ToString::to_string).collect();
    let mut found = match silent.is_empty() {
        true => BTreeMap::new(),
        false => silent.iter().zip(memory::find(&silent)).collect(),
    };
    let row = |place: tree::Place| {
        let address = place.address.to_string();
        let status = sample.statuses.get(&place.address);
        let process = found.remove(&address).flatten();
        let pid = status.and_then(|status| status.pid).or(process.as_ref().map(|process| process.pid));
        let Memory { rss, pss } = pid.map(memory::of).unwrap_or_default();
        let busy =
            |status: &ActorStatus| Some(status.uptime.saturating_sub(status.busy_since?).as_secs_f64());
        Row {
            parent: place.parent.map(|parent| parent.to_string()),
            name: names.get(&place.address).map(|name| name.to_string()),
            answered: status.is_some(),
            actor_type: status
                .map(|status| status.actor_type.clone())
                .or(process.map(|process| process.actor_type)),
            pid,
            state: status.map(|status| status.state.to_string()),
            busy_seconds: status.and_then(busy),
            memory_rss_bytes: rss,
            memory_pss_bytes: pss,
            queue_user: status.map(|status| status.queues.user),
            queue_system: status.map(|status| status.queues.system),
            queue_outgoing: status.map(|status| status.queues.outgoing),
            queue_user_bytes: status.map(|status| status.queues.user_bytes),
            queue_system_bytes: status.map(|status| status.queues.system_bytes),
            queue_outgoing_bytes: status.map(|status| status.queues.outgoing_bytes),
            pending_wakeups: status.map(|status| status.pending_wakeups),
            handled_per_second: rates.get(&place.address).copied(),
            counters: status.map(|status| (&status.counters).into()),
            branch: place.branch,
            address,
        }
    };
    tree::order(&children).into_iter().map(row).collect()
}

fn table(rows: &[Row]) -> Table<'static> {
    let header = ["ACTOR", "ADDRESS", "PID", "STATE", "MEMORY", "QUEUE", "SIZE", "OUT", "SIZE", "MSG/S"];
    let cells = |row: &Row| {
        let number = |number: Option<u64>| number.map_or("-".into(), |number| number.to_string());
        let name = row.name.as_ref().map_or(String::new(), |name| format!(" {:?}", table::plain(name)));
        let actor_type = row.actor_type.as_deref().map_or("?".into(), |long| table::plain(&short(long)));
        let state = match (&row.state, row.busy_seconds) {
            (Some(_), Some(seconds)) => format!("busy {}", table::time(Duration::from_secs_f64(seconds))),
            (Some(state), None) => state.clone(),
            (None, _) => "no answer".into(),
        };
        let both = |user: Option<u64>, system| user.zip(system).map(|(user, system)| user + system);
        let size = |bytes: Option<u64>| bytes.map_or("-".into(), table::size);
        vec![
            format!("{}{actor_type}{name}", row.branch),
            row.address.clone(),
            number(row.pid.map(u64::from)),
            state,
            size(row.memory_pss_bytes.or(row.memory_rss_bytes)),
            number(both(row.queue_user, row.queue_system)),
            size(both(row.queue_user_bytes, row.queue_system_bytes)),
            number(row.queue_outgoing),
            size(row.queue_outgoing_bytes),
            row.handled_per_second.map_or("-".into(), |rate| format!("{rate:.1}")),
        ]
    };
    Table {
        header: header.iter().map(ToString::to_string).collect(),
        numbers: &[2, 4, 5, 6, 7, 8, 9],
        rows: rows.iter().map(cells).collect(),
    }
}

fn summary(rows: &[Row], actors: u64) -> String {
    let silent = rows.iter().filter(|row| !row.answered).count();
    let memory: u64 = rows.iter().filter_map(|row| row.memory_pss_bytes.or(row.memory_rss_bytes)).sum();
    let noun = if rows.len() == 1 { "actor" } else { "actors" };
    let mut text = format!("{} {noun}, {}", rows.len(), table::size(memory));
    if silent > 0 {
        text += &format!(", {silent} gave no answer: their processes are stopped, or wait for the machine");
    }
    if actors > rows.len() as u64 {
        text += &format!("; the system has {actors}, and lists no more of them (Limits::status_actors)");
    }
    text
}

/// A type's name without the paths in it.
fn short(name: &str) -> String {
    let mut short = String::new();
    let mut rest = name;
    while !rest.is_empty() {
        let end = rest
            .find(|char: char| !char.is_alphanumeric() && char != '_' && char != ':')
            .unwrap_or(rest.len());
        let (path, after) = rest.split_at(end);
        short += path.rsplit("::").next().unwrap_or(path);
        let symbol = after.chars().next();
        short.extend(symbol);
        rest = &after[symbol.map_or(0, char::len_utf8)..];
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_types_are_shown_without_paths() {
        assert_eq!(short("Greeter"), "Greeter");
        assert_eq!(short("a::b::Init<c::Idle<d_e::F>, g::H>"), "Init<Idle<F>, H>");
        assert_eq!(short("my actor"), "my actor");
        assert_eq!(short(""), "");
    }
}
