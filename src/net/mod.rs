//! The wire: sockets, TLS, dialling. Protocols above see [`Transport`] and never a socket.

pub mod backoff;
pub mod connect;
pub mod dial;
pub mod endpoint;
pub mod plain;
pub mod resolver;
pub mod socket;
pub mod tls;
mod upgrade;
pub mod ready;

/// How far a write got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flush {
    /// Every sealed byte was handed to the kernel.
    Done,
    /// The kernel took only a part; call [`Transport::flush`] again. Nothing else may be sealed
    /// in between.
    Pending,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Received {
    /// This many bytes of plaintext are in the caller's buffer.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The peer closed in an orderly way; nothing will come any more.
    Closed,
}

/// A connection failed. The reason is for people; what matters to a machine is whether any byte
/// of the current request had left, which [`Transport::bytes_out`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The socket said no (reset, broken pipe, timed out).
    #[error("connection failed: {0}")]
    Socket(std::io::ErrorKind),
    /// The peer broke TLS, or ended it without saying so.
    #[error("tls failed")]
    Tls,
}

/// A connected, handshaken, encrypted byte stream that never blocks.
///
/// In production TLS over TCP (`net/tls.rs`); in simulation a memory pipe with faults.
pub trait Transport: Send {
    /// Encrypts `plaintext` into the connection's own buffer. Nothing is written yet.
    ///
    /// # Errors
    /// [`LinkError`] when the connection is already broken: not one byte of this has left.
    fn seal(&mut self, plaintext: &[u8]) -> Result<(), LinkError>;

    /// Hands sealed bytes to the kernel with one `send` where possible.
    ///
    /// # Errors
    /// [`LinkError`] when the connection broke; compare [`Self::bytes_out`] to know whether
    /// anything of the current request may have left.
    fn flush(&mut self) -> Result<Flush, LinkError>;

    /// Copies decrypted bytes into `out`. Call until [`Received::Nothing`]: readiness of the
    /// socket is not readiness of plaintext.
    ///
    /// # Errors
    /// [`LinkError`] when the connection broke.
    fn receive(&mut self, out: &mut [u8]) -> Result<Received, LinkError>;

    /// How many sealed bytes the kernel has taken since the connection was made.
    fn bytes_out(&self) -> u64;

    /// Does with `plaintext` what sealing does, without key, record number or buffer of the
    /// connection, so that code and tables stay in the caches. For idle moments.
    fn rehearse(&mut self, _plaintext: &[u8]) {}
}

/// Makes connections elsewhere (a cold thread; in simulation at once) and hands them over.
pub trait Connector<T: Transport>: Send {
    /// Asks for one more connection. Requests beyond what is under way are the caller's to bound.
    fn request(&mut self);

    /// A connection that is ready, or the news that one request failed.
    fn poll(&mut self) -> Option<Result<T, DialError>>;
}

/// Why a TLS handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// The connection under it ended, or nothing came in time.
    Link,
    /// What the peer said is not to be trusted: its certificate, its name, its TLS.
    Peer,
}

/// A connection could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// Name resolution failed.
    #[error("resolve {host}: {why}")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's words.
        why: String,
    },
    /// Nobody answered at the address.
    #[error("connect to {address}: {why}")]
    Connect {
        /// Host and port.
        address: String,
        /// The system's words.
        why: String,
    },
    /// The TLS handshake failed.
    #[error("tls handshake with {host}: {why}")]
    Tls {
        /// The server's name.
        host: String,
        /// Whose fault it was.
        fault: TlsFault,
        /// What was wrong.
        why: String,
    },
    /// The peer refused the WebSocket upgrade.
    #[error("websocket upgrade refused with status {status}: {body}")]
    Upgrade {
        /// HTTP status.
        status: u16,
        /// Start of the body.
        body: String,
    },
}
