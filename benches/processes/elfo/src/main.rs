//! elfo's network between two processes on loopback: plain TCP, messages sent straight to the target's address, without
//! routing by its group. The target's mailbox has room for the window of the flood.

use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bench_harness::{Job, check};
use elfo::prelude::*;
use elfo::{Addr, Topology};
use process_harness::{Figures, OtherSide, Send1, WINDOW};
use tokio::sync::oneshot;

/// A number to count, with the text that every message carries.
#[message]
struct Item(u64, String);

/// Asks for this number plus one.
#[message(ret = u64)]
struct Ask(u64, String);

/// Asks how many items there were.
#[message(ret = u64)]
struct Count;

/// Goes to the group; the target then makes its own address known.
#[message(ret = bool)]
struct Hello;

#[message]
struct Here;

fn targets() -> Blueprint {
    ActorGroup::new().exec(|mut ctx| async move {
        ctx.set_mailbox_capacity(WINDOW as usize);
        let mut seen = 0;
        while let Some(envelope) = ctx.recv().await {
            let sender = envelope.sender();
            msg!(match envelope {
                Item(_, text) => {
                    seen += u64::from(text.len() == 64);
                }
                (Ask(number, _), token) => ctx.respond(token, number + 1),
                (Count, token) => ctx.respond(token, seen),
                (Hello, token) => {
                    ctx.unbounded_send_to(sender, Here).expect("it has just asked");
                    ctx.respond(token, true);
                }
            });
        }
    })
}

async fn find_target(ctx: &mut Context) -> Result<Addr, String> {
    // There is no target until the two nodes have found each other, and no event that says so.
    while ctx.request(Hello).resolve().await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    while let Some(envelope) = ctx.recv().await {
        let sender = envelope.sender();
        msg!(match envelope {
            Here => return Ok(sender),
            _ => {}
        });
    }
    Err("the target said nothing".into())
}

struct Direct<'a> {
    ctx: &'a Context,
    target: Addr,
}

impl Send1 for Direct<'_> {
    async fn send1(&mut self, number: u64) {
        let item = Item(number, process_harness::payload());
        self.ctx.send_to(self.target, item).await.expect("the target lives");
    }
}

async fn measure(mut ctx: Context, job: Job) -> Figures {
    let target = find_target(&mut ctx).await?;
    let ops = job.workload.ops(job.quick);
    match job.workload.name {
        "r_ask1" => {
            let mut took = Vec::with_capacity(ops as usize);
            for number in 0..ops + ops / 10 {
                let message = Ask(number, process_harness::payload());
                let begun = Instant::now();
                let answer = ctx.request_to(target, message).resolve().await;
                if number >= ops / 10 {
                    took.push(begun.elapsed());
                }
                check("answer", answer.map_err(|error| error.to_string())?, number + 1)?;
            }
            process_harness::latencies(job, took)
        }
        _ => {
            let count = || {
                let (ctx, scope) = (ctx.pruned(), elfo::scope::expose());
                let asked =
                    async move { ctx.request_to(target, Count).resolve().await.expect("the target lives") };
                scope.within(asked)
            };
            let took = process_harness::windowed(ops, Direct { ctx: &ctx, target }, count).await?;
            process_harness::each(job, took, ops)
        }
    }
}

/// Starts a node in the background.
fn start(topology: Topology, network: &str) -> Result<(), String> {
    let config: toml::Table =
        format!("[system.network]\n{network}").parse().map_err(|error| format!("{error}"))?;
    let configurers = topology.local("system.configurers").entrypoint();
    topology.local("system.network").mount(elfo::batteries::network::new(&topology));
    configurers.mount(elfo::batteries::configurer::fixture(&topology, config));
    tokio::spawn(elfo::init::start(topology));
    Ok(())
}

async fn far_node(port: u16) -> Result<(), String> {
    let topology = Topology::empty();
    topology.local("targets").mount(targets());
    start(topology, &format!("listen = [\"tcp://127.0.0.1:{port}\"]"))?;
    std::future::pending().await
}

async fn near_node(job: Job) -> Figures {
    let port = process_harness::free_port()?;
    let _side = OtherSide::start("target", port)?;
    let topology = Topology::empty();
    let senders = topology.local("senders");
    let targets = topology.remote("targets");
    senders.route_to(&targets, |_, _| elfo::topology::Outcome::Broadcast);
    let (done, figures) = oneshot::channel();
    let done = Arc::new(Mutex::new(Some(done)));
    senders.mount(ActorGroup::new().exec(move |ctx| {
        let done = Arc::clone(&done);
        async move {
            let figures = measure(ctx, job).await;
            if let Some(done) = done.lock().expect("nobody panics with it").take() {
                let _ = done.send(figures);
            }
        }
    }));
    let near = format!(
        "discovery.predefined = [\"tcp://127.0.0.1:{port}\"]\ndiscovery.attempt_interval = \"100ms\""
    );
    start(topology, &near)?;
    figures.await.map_err(|_| "the sender ended before it was done".to_owned())?
}

fn main() -> ExitCode {
    process_harness::remote(near_node, far_node)
}
