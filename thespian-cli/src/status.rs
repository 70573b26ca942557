//! `thespian status`.

use std::collections::BTreeMap;

use serde::Serialize;
use thespian_core::{SystemState, SystemStatus};

use crate::args::Target;
use crate::exit::{Code, Outcome};
use crate::json::{self, CountersJson};
use crate::{output, table};

pub(crate) fn run(target: &Target) -> Outcome {
    let system = target.attach()?;
    let status = target.status(&system)?;
    if target.json {
        output::print_json(&Document::of(&status, target.place()));
    } else {
        output::print(text(&status, &target.place()));
    }
    Ok(if status.state == SystemState::Running { Code::Fine } else { Code::Wrong })
}

fn text(status: &SystemStatus, place: &str) -> String {
    let row = |name: &str, value: String| vec![name.to_string(), value];
    let handler = status.dead_letter_handler.map_or("nobody: they are dropped".into(), |to| to.to_string());
    let counters = &status.counters;
    let mut rows = vec![
        row("system", format!("{} at {place}", status.base)),
        row("state", status.state.to_string()),
        row("uptime", table::time(status.uptime)),
        row("admin", status.admin_address.to_string()),
        row("actors", status.actor_count.to_string()),
        row("dead letters to", handler),
        row("sent", counters.sent.to_string()),
        row("handled", counters.handled.to_string()),
        row("poisoned", counters.poisoned.to_string()),
        row("dead letters", counters.dead_lettered.to_string()),
        row("dropped of them", status.dead_letters_dropped.to_string()),
        row("refused", counters.refused.to_string()),
        row("failed attempts", counters.failed_attempts.to_string()),
        row("lost, late", format!("{}, {}", counters.lost, counters.late)),
        row("outgoing", format!("{}, {}", status.outgoing, table::size(status.outgoing_bytes))),
    ];
    let names = status.global_names.iter();
    rows.extend(names.map(|(name, address)| row("name", format!("{} = {address}", table::plain(name)))));
    let capabilities = status.capabilities.iter();
    let capability = |(name, value): (&str, &thespian_core::Value)| {
        row("capability", format!("{} = {}", table::plain(name), table::plain(&value.to_string())))
    };
    rows.extend(capabilities.map(capability));
    table::Table { header: Vec::new(), numbers: &[], rows }.to_string()
}

#[derive(Serialize)]
struct Document {
    place: String,
    base: String,
    admin_address: String,
    state: String,
    uptime_seconds: f64,
    actor_count: u64,
    counters: CountersJson,
    outgoing: u64,
    outgoing_bytes: u64,
    dead_letter_handler: Option<String>,
    dead_letters_dropped: u64,
    global_names: BTreeMap<String, String>,
    capabilities: BTreeMap<String, serde_json::Value>,
}

impl Document {
    fn of(status: &SystemStatus, place: String) -> Document {
        let names = status.global_names.iter();
        let capabilities = status.capabilities.iter();
        Document {
            place,
            base: status.base.clone(),
            admin_address: status.admin_address.to_string(),
            state: status.state.to_string(),
            uptime_seconds: status.uptime.as_secs_f64(),
            actor_count: status.actor_count,
            counters: (&status.counters).into(),
            outgoing: status.outgoing,
            outgoing_bytes: status.outgoing_bytes,
            dead_letter_handler: status.dead_letter_handler.map(|address| address.to_string()),
            dead_letters_dropped: status.dead_letters_dropped,
            global_names: names.map(|(name, address)| (name.clone(), address.to_string())).collect(),
            capabilities: capabilities
                .map(|(name, value)| (name.to_string(), json::of_value(value)))
                .collect(),
        }
    }
}
