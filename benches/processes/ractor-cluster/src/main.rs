//! ractor_cluster between two processes on loopback: plain TCP. Sends with `cast` and asks with `call`, without a time
//! limit; the target is found by its process group.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bench_harness::{Job, check};
use process_harness::{Figures, OtherSide};
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use ractor_cluster::{NodeServer, NodeServerMessage, RactorClusterMessage};

#[derive(RactorClusterMessage)]
enum Message {
    /// A number to count, with the text that every message carries.
    Item(u64, String),
    /// Asks for this number plus one.
    #[rpc]
    Ask(u64, String, RpcReplyPort<u64>),
    /// Asks how many items there were.
    #[rpc]
    Count(RpcReplyPort<u64>),
}

struct Target;

impl Actor for Target {
    type Msg = Message;
    type State = u64;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<u64, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        seen: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Item(_, text) => *seen += u64::from(text.len() == 64),
            Message::Ask(number, _, port) => port.send(number + 1)?,
            Message::Count(port) => port.send(*seen)?,
        }
        Ok(())
    }
}

const GROUP: &str = "targets";

/// How long to wait before looking again for what the library has no event for.
const AGAIN: Duration = Duration::from_millis(20);

async fn node(port: u16, name: &str) -> Result<ActorRef<NodeServerMessage>, String> {
    let server = NodeServer::new(port, "cookie".into(), name.into(), "localhost".into(), None, None)
        .with_listen_addr([127, 0, 0, 1].into());
    let started = Actor::spawn(None, server, ()).await;
    started.map(|(node, _)| node).map_err(|error| format!("the node: {error}"))
}

async fn far_node(port: u16) -> Result<(), String> {
    let _node = node(port, "receiver").await?;
    let (target, ended) = Actor::spawn(None, Target, ()).await.map_err(|error| error.to_string())?;
    ractor::pg::join(GROUP.into(), vec![target.get_cell()]);
    ended.await.map_err(|error| error.to_string())
}

async fn near_node(job: Job) -> Figures {
    let port = process_harness::free_port()?;
    let _side = OtherSide::start("target", port)?;
    let node = node(0, "sender").await?;
    while ractor_cluster::client_connect(&node, ("127.0.0.1", port)).await.is_err() {
        tokio::time::sleep(AGAIN).await;
    }
    let target: ActorRef<Message> = loop {
        let members = ractor::pg::get_members(&GROUP.to_owned());
        match members.into_iter().find(|member| !member.get_id().is_local()) {
            Some(member) => break member.into(),
            None => tokio::time::sleep(AGAIN).await,
        }
    };
    measure(target, job).await
}

async fn measure(target: ActorRef<Message>, job: Job) -> Figures {
    let ops = job.workload.ops(job.quick);
    match job.workload.name {
        "r_ask1" => {
            let mut took = Vec::with_capacity(ops as usize);
            for number in 0..ops + ops / 10 {
                let text = process_harness::payload();
                let begun = Instant::now();
                let answer = target.call(|port| Message::Ask(number, text, port), None).await;
                if number >= ops / 10 {
                    took.push(begun.elapsed());
                }
                match answer {
                    Ok(CallResult::Success(answer)) => check("answer", answer, number + 1)?,
                    _ => return Err("the target did not answer".into()),
                }
            }
            process_harness::latencies(job, took)
        }
        _ => {
            let send = |number| {
                let item = Message::Item(number, process_harness::payload());
                target.cast(item).expect("the target lives");
            };
            let count = || {
                let target = target.clone();
                async move {
                    target.call(Message::Count, None).await.expect("the target lives").expect("it answers")
                }
            };
            let took = process_harness::windowed(ops, send, count).await?;
            process_harness::each(job, took, ops)
        }
    }
}

fn main() -> ExitCode {
    process_harness::remote(near_node, far_node)
}
