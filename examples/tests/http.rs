//! The program `http_server`, with real clients over real sockets.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};
use thespian_examples::http::request::{LONGEST_BODY, LONGEST_HEAD};
use thespian_examples::http::server::{BIG_SIZE, MOST_CONNECTIONS};

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server, which ends with the test.
struct Server {
    program: Child,
    place: SocketAddr,
}

impl Server {
    fn start() -> Server {
        Server::start_on("tcp")
    }

    fn start_on(base: &str) -> Server {
        let mut program = Command::new(env!("CARGO_BIN_EXE_http_server"))
            .args(["--base", base, "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let place = line.trim().strip_prefix("listening at http://").unwrap().trim_end_matches('/');
        Server { place: place.parse().unwrap(), program }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.place)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.place).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// All that the server answers to this, until it closes the connection.
    fn say(&self, text: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(text).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Interrupts it, and checks that it ends well.
    fn stop(mut self) {
        kill(Pid::from_raw(self.program.id() as i32), Signal::SIGINT).unwrap();
        assert!(self.program.wait().unwrap().success());
        // Nobody listens there any more: the actor is gone too.
        assert!(TcpStream::connect(self.place).is_err());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Where the test has failed: so that the system ends with it.
        kill(Pid::from_raw(self.program.id() as i32), Signal::SIGINT).ok();
        self.program.wait().ok();
    }
}

/// A client that keeps its connection and takes every status for an answer.
fn client() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into()
}

#[test]
fn a_client_gets_pages_and_refusals() {
    for base in ["tcp", "queue"] {
        let server = Server::start_on(base);
        gets_pages_and_refusals(&server);
        server.stop();
    }
}

fn gets_pages_and_refusals(server: &Server) {
    let client = client();
    for (path, status, body) in [
        ("/", 200, "This page was made by an actor.\n"),
        ("/hello/f%C3%A9e?x=y", 200, "Hello, fée\n"),
        ("/none", 404, "404 Not Found\n"),
        ("/hello/", 404, "404 Not Found\n"),
    ] {
        let mut response = client.get(server.url(path)).call().unwrap();
        assert_eq!(
            (response.status().as_u16(), response.body_mut().read_to_string().unwrap().as_str()),
            (status, body)
        );
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    }
    let head = client.head(server.url("/")).call().unwrap();
    assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &"32".parse().unwrap()));

    let posted = client.post(server.url("/")).send("a body").unwrap();
    assert_eq!((posted.status().as_u16(), &posted.headers()["allow"]), (405, &"GET, HEAD".parse().unwrap()));
    let mut big = client.get(server.url("/big")).call().unwrap();
    assert_eq!(big.body_mut().with_config().limit(u64::MAX).read_to_vec().unwrap(), vec![b'x'; BIG_SIZE]);
}

#[test]
fn one_connection_carries_many_requests_also_at_once_and_in_pieces() {
    let server = Server::start();
    let mut text = Vec::new();
    for number in 0..50 {
        text.extend_from_slice(format!("GET /hello/{number} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        text.extend_from_slice(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nGET ");
        text.extend_from_slice(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    text.extend_from_slice(
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    let whole = server.say(&text);
    let mut stream = server.connect();
    let mut reader = stream.try_clone().unwrap();
    let pieces = thread::spawn(move || {
        let mut answer = String::new();
        reader.read_to_string(&mut answer).map(|_| answer)
    });
    stream.set_nodelay(true).unwrap();
    for piece in text.chunks(7) {
        stream.write_all(piece).unwrap();
    }
    assert_eq!(pieces.join().unwrap().unwrap(), whole);
    let statuses: Vec<&str> = whole.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).collect();
    assert_eq!(statuses.len(), 151);
    assert!(statuses.iter().enumerate().all(|(at, status)| status.starts_with(if at % 3 == 1 {
        "405"
    } else {
        "200"
    })));
    for number in 0..50 {
        assert!(whole.contains(&format!("\r\n\r\nHello, {number}\nHTTP/1.1 405 ")));
    }
    assert!(whole.ends_with("Connection: close\r\n\r\nThis page was made by an actor.\n"), "{whole}");
    server.stop();
}

#[test]
fn what_is_wrong_is_refused_and_ends_the_connection() {
    let server = Server::start();
    let long = "x".repeat(LONGEST_HEAD);
    let too_much = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", LONGEST_BODY + 1);
    for (text, status) in [
        ("nonsense\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request"),
        (&too_much, "413 Content Too Large"),
        (&long, "431 Request Header Fields Too Large"),
        ("GET / HTTP/3.0\r\nHost: x\r\n\r\n", "505 HTTP Version Not Supported"),
    ] {
        let answer = server.say(text.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{text:.40}: {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }
    // The body that comes all the same does not take the answer away.
    let answer = server.say(&[too_much.as_bytes(), &vec![b'x'; 1 << 20]].concat());
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(server.say(b"GET / HTTP/1.0\r\n\r\n").ends_with("made by an actor.\n"));
    // Who has said half and goes is no trouble.
    let mut stream = server.connect();
    stream.write_all(b"GET /").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"");
    server.stop();
}

#[test]
fn slow_clients_hold_up_nobody() {
    let server = Server::start();
    // One takes nothing of a large page, others never say all.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&server.place.into()).unwrap();
    let mut slow = TcpStream::from(socket);
    slow.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut first = [0; 15];
    slow.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let mut half: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
    for stream in &mut half {
        stream.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    }
    let client = client();
    for _ in 0..100 {
        assert_eq!(client.get(server.url("/")).call().unwrap().status(), 200);
    }
    // They are served as soon as they go on.
    for stream in &mut half {
        stream.write_all(b"st: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
    slow.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    slow.read_to_end(&mut rest).unwrap();
    assert!(rest.len() > BIG_SIZE && rest.ends_with(b"xxxx"), "{} bytes", rest.len());
    server.stop();
}

#[test]
fn more_clients_than_there_is_room_for_wait_for_their_turn() {
    let server = Server::start();
    let waiting: Vec<TcpStream> = (0..MOST_CONNECTIONS).map(|_| server.connect()).collect();
    let mut late = server.connect();
    late.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    drop(waiting);
    let mut answer = String::new();
    late.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    server.stop();
}

#[test]
fn where_descriptors_cannot_be_watched_the_program_says_so_and_what_to_choose() {
    let output = Command::new(env!("CARGO_BIN_EXE_http_server")).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let expected = "http_server: simpleSystemBase does not support watching descriptors, which the server does with its \
                    sockets: choose --base tcp or --base queue\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let server = Server::start();
    let place = server.place.to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_http_server"))
        .args(["--base", "tcp", "--listen", &place])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with(&format!("http_server: {place}: ")), "{stderr}");
    server.stop();
}
