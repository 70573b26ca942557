//! The actor.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use thespian_core::{
    AnyMessage, Context, Flow, Handled, Message, WakeupMessage, WatchMessage, actor, require_capability,
};

use super::connection::Connection;

/// How many clients there are at once; more wait in the system's queue.
pub const MOST_CONNECTIONS: usize = 256;

/// How often it is looked for clients whose time is over.
const LOOK: Duration = Duration::from_millis(250);

/// How often it is tried to write to a client that takes nothing: it is watched what can be read, and not what can be
/// written (guide section 4.8).
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// The page `/big`, which all clients share: more than the system holds for one.
static BIG: LazyLock<Vec<u8>> = LazyLock::new(|| vec![b'x'; BIG_SIZE]);

/// Its size in bytes.
pub const BIG_SIZE: usize = 16 << 20;

/// Asks a [`Server`] to listen at an address, such as `127.0.0.1:8080`; port 0 for any. It answers with [`Listening`].
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
pub struct Listen(pub String);

/// Where a server listens, or why it does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
pub struct Listening(pub Result<String, String>);

/// Asks a [`Server`] how many requests for pages it has had. It answers with a number.
#[derive(Clone, Debug, Serialize, Deserialize, Message)]
pub struct Requests;

/// An HTTP server.
#[derive(Default)]
pub struct Server {
    listener: Option<TcpListener>,
    connections: Vec<Connection>,
    requests: u64,
    /// Whether a wakeup is on its way.
    ticking: bool,
}

/// Whatever comes, everything is watched again: a watch ends with the next message (guide section 5.2.1).
#[require_capability("Thespian Watch Supported")]
#[actor]
impl Server {
    fn listen(&mut self, listen: &Listen, ctx: &mut Context<'_>) -> Handled {
        let bound = bind(&listen.0);
        let told = bound
            .as_ref()
            .map(|(_, place)| place.to_string())
            .map_err(|error| format!("{}: {error}", listen.0));
        ctx.send(&ctx.sender(), Listening(told));
        if let Ok((listener, _)) = bound {
            self.listener = Some(listener);
        }
        self.watch(ctx)
    }

    fn ready(&mut self, watch: &WatchMessage, ctx: &mut Context<'_>) -> Handled {
        let now = Instant::now();
        for connection in &mut self.connections {
            if watch.ready.contains(&connection.descriptor()) {
                connection.handle_readable(now, &mut |path| page(path, &mut self.requests));
            }
        }
        if self.listener.as_ref().is_some_and(|listener| watch.ready.contains(&listener.as_raw_fd())) {
            self.accept(now);
        }
        self.watch(ctx)
    }

    fn tick(&mut self, _: &WakeupMessage, ctx: &mut Context<'_>) -> Handled {
        self.ticking = false;
        let now = Instant::now();
        for connection in &mut self.connections {
            if connection.is_blocked() {
                connection.go_on(now, &mut |path| page(path, &mut self.requests));
            }
            connection.handle_timeout(now);
        }
        self.watch(ctx)
    }

    fn requests(&mut self, _: &Requests, ctx: &mut Context<'_>) -> Handled {
        ctx.send(&ctx.sender(), self.requests);
        self.watch(ctx)
    }

    #[unrecognized]
    fn other(&mut self, _: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        self.watch(ctx)
    }

    #[helper]
    fn accept(&mut self, now: Instant) {
        let Some(listener) = &self.listener else { return };
        while self.connections.len() < MOST_CONNECTIONS {
            match listener.accept().and_then(|(stream, _)| Connection::new(stream, now)) {
                Ok(connection) => self.connections.push(connection),
                Err(error) if is_of_one_client(&error) => {}
                // Nobody else is there, or there are no descriptors: then it is tried again when one has become free.
                Err(_) => return,
            }
        }
    }

    /// What is watched from now on.
    #[helper]
    fn watch(&mut self, ctx: &mut Context<'_>) -> Handled {
        self.connections.retain(|connection| !connection.is_ended());
        if !self.ticking && !self.connections.is_empty() {
            self.ticking = true;
            let is_blocked = self.connections.iter().any(Connection::is_blocked);
            ctx.wakeup_after(if is_blocked { TRY_AGAIN } else { LOOK });
        }
        let listener = self.listener.as_ref().filter(|_| self.connections.len() < MOST_CONNECTIONS);
        let clients = self.connections.iter().filter_map(Connection::watched);
        Ok(Flow::watch(
            listener.map(|listener| listener.as_raw_fd()).into_iter().chain(clients).collect::<Vec<i32>>(),
        ))
    }
}

fn bind(address: &str) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let place = listener.local_addr()?;
    Ok((listener, place))
}

/// Whether accepting failed for a reason that does not concern the next client.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

/// The page at a path.
fn page(path: &str, requests: &mut u64) -> Option<Cow<'static, [u8]>> {
    *requests += 1;
    match path {
        "/" => Some(Cow::Borrowed(b"This page was made by an actor.\n")),
        "/big" => Some(Cow::Borrowed(&BIG)),
        _ => {
            let name = path.strip_prefix("/hello/").filter(|name| !name.is_empty())?;
            Some(format!("Hello, {name}\n").into_bytes().into())
        }
    }
}
