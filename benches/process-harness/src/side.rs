//! The other process of a workload: the same program again.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};

/// The other process. It is killed when this is dropped, and ends by itself when this process dies first, if it calls
/// [`stay_with_parent`].
#[derive(Debug)]
pub struct OtherSide(Child);

impl OtherSide {
    /// Starts this program again, in that role, with a port that tells the two how to meet.
    ///
    /// # Errors
    ///
    /// Why it did not start.
    pub fn start(role: &str, port: u16) -> Result<OtherSide, String> {
        let own = std::env::current_exe().map_err(|error| format!("the program's own path: {error}"))?;
        let mut command = Command::new(own);
        command.args(["--side", role, &port.to_string()]).stdin(Stdio::piped()).stdout(Stdio::null());
        command.spawn().map(OtherSide).map_err(|error| format!("the other side: {error}"))
    }

    /// Starts it, and waits until it has connected.
    ///
    /// # Errors
    ///
    /// Why there is no connection.
    pub fn connected(role: &str) -> Result<(OtherSide, TcpStream), String> {
        let failed = |error: std::io::Error| format!("the connection with the other side: {error}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let side = OtherSide::start(role, port)?;
        let (stream, _) = listener.accept().map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok((side, stream))
    }

    /// Starts it with one end of a pair of Unix sockets, which it finds where its input would be: [`stream_of_near_side`].
    ///
    /// # Errors
    ///
    /// Why it did not start.
    pub fn paired(role: &str) -> Result<(OtherSide, UnixStream), String> {
        let failed = |error: std::io::Error| format!("the other side: {error}");
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let own = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(own);
        command.args(["--side", role, "0"]).stdin(OwnedFd::from(theirs)).stdout(Stdio::null());
        Ok((OtherSide(command.spawn().map_err(failed)?), ours))
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    ///
    /// That it did not end well.
    pub fn join(mut self) -> Result<(), String> {
        match self.0.wait() {
            Ok(status) if ExitStatus::success(&status) => Ok(()),
            Ok(status) => Err(format!("the other side: {status}")),
            Err(error) => Err(format!("the other side: {error}")),
        }
    }
}

impl Drop for OtherSide {
    fn drop(&mut self) {
        // Where it has ended already there is nothing left to do, and no one to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// In the other process of [`OtherSide::connected`]: connects.
///
/// # Errors
///
/// Why there is no connection.
pub fn connect_back(port: u16) -> Result<TcpStream, String> {
    let failed = |error: std::io::Error| format!("the connection with the near side: {error}");
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

/// In the other process of [`OtherSide::paired`]: its end of the pair.
///
/// # Errors
///
/// What the system says.
pub fn stream_of_near_side() -> Result<UnixStream, String> {
    let input = std::io::stdin().as_fd().try_clone_to_owned();
    input.map(UnixStream::from).map_err(|error| format!("the connection with the near side: {error}"))
}

/// In the other process: ends it when the process that started it has ended, however it did.
pub fn stay_with_parent() {
    std::thread::spawn(|| {
        let mut nothing = [0];
        // The parent writes nothing; the pipe ends with it.
        while matches!(std::io::stdin().read(&mut nothing), Ok(1)) {}
        std::process::exit(0);
    });
}

/// A port that nobody listens on now, for libraries that must be told one.
///
/// # Errors
///
/// That there is none.
pub fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|error| format!("a free port: {error}"))
}
