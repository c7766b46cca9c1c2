//! Where producers connect: a cold thread that accepts and hands over.
//!
//! In: an [`Endpoint`]. Out: one [`NewSource`] per connection to the intake, and the same
//! connection's [`OutStream`] to whoever writes results. It never reads or writes signals. Beyond
//! [`SOURCES_MAX`] connections the next producer gets one line that says so, and is closed.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rtrb::Producer;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::ids::SourceId;

use super::SOURCES_MAX;
use super::address::Endpoint;
use super::source::{NewSource, Places, Source};

/// How long a stop may go unnoticed.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// Connections the kernel holds while this thread is busy.
const BACKLOG_MAX: i32 = 64;

/// No endpoint to listen on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process answers there.
    #[error("listen on {endpoint}: in use by another process; stop it or choose another")]
    InUse {
        /// Where.
        endpoint: Endpoint,
    },
    /// Something that is no socket has that name; it is not ours to remove.
    #[error("listen on {endpoint}: a file that is no socket is in the way; move it away")]
    NotASocket {
        /// Where.
        endpoint: Endpoint,
    },
    /// The port could be reached from other hosts, and whoever reaches it can trade.
    #[error("listen on {endpoint}: not a loopback address; use tcp:127.0.0.1:PORT or unix:PATH")]
    NotLoopback {
        /// Where.
        endpoint: Endpoint,
    },
    /// Anything else.
    #[error("listen on {endpoint}: {why}; choose a place that exists and that you may write to")]
    System {
        /// Where.
        endpoint: Endpoint,
        /// The system's words.
        why: io::Error,
    },
}

/// The way back to a producer: results go out here.
///
/// The connection is non-blocking in both directions: a producer that does not read its results
/// until the kernel's buffer is full makes a write return [`ErrorKind::WouldBlock`].
#[derive(Debug)]
pub enum OutStream {
    /// Over a Unix connection.
    Unix(UnixStream),
    /// Over a TCP connection.
    Tcp(TcpStream),
}

impl OutStream {
    /// No more will be written: the producer sees the end after what was.
    fn finish(&self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

impl Write for OutStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A bound endpoint. Dropping it removes a Unix socket's file.
#[derive(Debug)]
pub struct Listener {
    socket: Bound,
    /// Sources already numbered: ids are never given twice.
    sources: AtomicU32,
    /// Connections that are waiting for the intake or read by it.
    places: Places,
}

#[derive(Debug)]
enum Bound {
    Unix { listener: UnixListener, path: PathBuf, inode: u64 },
    Tcp(TcpListener),
}

impl Listener {
    /// Binds and listens. A socket file that nobody answers on is left over from a crash and
    /// replaced; the new one can be used by this user only.
    ///
    /// # Errors
    /// See [`ListenError`]; each names the endpoint and what to do.
    pub fn bind(endpoint: &Endpoint) -> Result<Self, ListenError> {
        let socket = match endpoint {
            Endpoint::Unix(path) => bind_unix(endpoint, path)?,
            Endpoint::Tcp(address) => bind_tcp(endpoint, *address)?,
        };
        Ok(Self { socket, sources: AtomicU32::new(0), places: Places::default() })
    }

    /// Where it listens: with port 0, the port the system chose.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn endpoint(&self) -> io::Result<Endpoint> {
        Ok(match &self.socket {
            Bound::Unix { path, .. } => Endpoint::Unix(path.clone()),
            Bound::Tcp(listener) => Endpoint::Tcp(listener.local_addr()?),
        })
    }

    /// Accepts until `stop` is set. Each connection's way back is attached before the intake can
    /// see its first byte. While `new_sources` is full, connections wait in the kernel.
    ///
    /// # Errors
    /// When the system refuses to watch the socket; a failing connection is only logged.
    pub fn run(
        &self,
        stop: &AtomicBool,
        mut new_sources: Producer<NewSource>,
        mut attach: impl FnMut(SourceId, OutStream),
    ) -> io::Result<()> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(4);
        let fd = self.socket.raw_fd();
        poll.registry().register(&mut SourceFd(&fd), Token(0), Interest::READABLE)?;
        // Acquire: pairs with the Release store of whoever stops the engine.
        while !stop.load(Ordering::Acquire) {
            match poll.poll(&mut events, Some(WAIT_MAX)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                Ok(()) | Err(_) => {}
            }
            // Also after a timeout: readiness is told once, and the ring may have been full then.
            while !new_sources.is_full() && !stop.load(Ordering::Acquire) {
                match self.socket.accept() {
                    Ok((source, out)) => self.hand_over(source, out, &mut new_sources, &mut attach),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => {
                        tracing::warn!(%error, "a producer's connection could not be accepted");
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn hand_over(
        &self,
        source: Source,
        out: OutStream,
        new_sources: &mut Producer<NewSource>,
        attach: &mut impl FnMut(SourceId, OutStream),
    ) {
        if self.places.held() >= SOURCES_MAX {
            return turn_away(out);
        }
        // Relaxed: the number only has to be unique. 0 is the run's file or standard input.
        let id = SourceId(self.sources.fetch_add(1, Ordering::Relaxed) + 1);
        attach(id, out);
        if new_sources.push(NewSource::at_place(id, source, self.places.hold())).is_err() {
            tracing::error!("a producer was refused: the ring was full after it was not");
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let Bound::Unix { path, inode, .. } = &self.socket else { return };
        // Only our own file: a successor may have replaced it already.
        let ours = fs::symlink_metadata(path).is_ok_and(|found| found.ino() == *inode);
        if ours && let Err(error) = fs::remove_file(path) {
            tracing::warn!(%error, path = %path.display(), "a socket file is left over");
        }
    }
}

impl Bound {
    fn raw_fd(&self) -> RawFd {
        match self {
            Self::Unix { listener, .. } => listener.as_raw_fd(),
            Self::Tcp(listener) => listener.as_raw_fd(),
        }
    }

    fn accept(&self) -> io::Result<(Source, OutStream)> {
        match self {
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                let out = OutStream::Unix(stream.try_clone()?);
                Ok((Source::Unix(stream), out))
            }
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                // Results are single small lines: waiting to fill a segment only delays them.
                stream.set_nodelay(true)?;
                let out = OutStream::Tcp(stream.try_clone()?);
                Ok((Source::Tcp(stream), out))
            }
        }
    }
}

/// Tells a producer that there is no place for it. One line always fits into the kernel's buffer
/// of a new connection.
fn turn_away(mut out: OutStream) {
    let line = format!(
        "{{\"error\":{{\"code\":\"too_many_producers\",\"message\":\"{SOURCES_MAX} producers are \
         connected; close one\"}}}}\n"
    );
    let told = out.write_all(line.as_bytes()).and_then(|()| out.finish());
    match told {
        Ok(()) => tracing::warn!("a producer was turned away: {SOURCES_MAX} are connected"),
        Err(error) => tracing::warn!(%error, "a producer was turned away and left before"),
    }
}

fn bind_unix(endpoint: &Endpoint, path: &Path) -> Result<Bound, ListenError> {
    make_way(endpoint, path)?;
    let bind = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        // Before listening nobody can connect, so there is no moment with other permissions.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        socket.listen(BACKLOG_MAX)?;
        socket.set_nonblocking(true)?;
        let inode = fs::symlink_metadata(path)?.ino();
        let listener = UnixListener::from(OwnedFd::from(socket));
        Ok(Bound::Unix { listener, path: path.to_owned(), inode })
    };
    bind().map_err(|why| refused(endpoint, why))
}

fn bind_tcp(endpoint: &Endpoint, address: SocketAddr) -> Result<Bound, ListenError> {
    if !address.ip().is_loopback() {
        return Err(ListenError::NotLoopback { endpoint: endpoint.clone() });
    }
    let bind = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Bound::Tcp(listener))
    };
    bind().map_err(|why| refused(endpoint, why))
}

/// Removes a socket file that nobody answers on.
fn make_way(endpoint: &Endpoint, path: &Path) -> Result<(), ListenError> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(ListenError::NotASocket { endpoint: endpoint.clone() });
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(ListenError::InUse { endpoint: endpoint.clone() }),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|why| refused(endpoint, why))
        }
        Err(why) => Err(refused(endpoint, why)),
    }
}

fn refused(endpoint: &Endpoint, why: io::Error) -> ListenError {
    let endpoint = endpoint.clone();
    match why.kind() {
        ErrorKind::AddrInUse => ListenError::InUse { endpoint },
        _ => ListenError::System { endpoint, why },
    }
}
