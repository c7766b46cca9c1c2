//! Where signal bytes come from: one `read` that never waits.
//!
//! In: a file, standard input, an accepted connection, or bytes laid out in memory for
//! simulation. Out: bytes, "nothing now" or "ended". Every error of a source is its end; what it
//! sent before stays good.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ids::SourceId;
use crate::units::Timestamp;

use super::inlet::Inlet;

/// A new producer for the intake, with every buffer it will need: made by a cold thread so that
/// the intake does not allocate.
#[derive(Debug)]
pub struct NewSource {
    pub(super) inlet: Box<Inlet>,
}

impl NewSource {
    /// Prepares `bytes` to be read as the producer `id`.
    #[must_use]
    pub fn new(id: SourceId, bytes: Source) -> Self {
        Self { inlet: Box::new(Inlet::new(id, bytes, None)) }
    }

    /// The same, holding `place` for as long as the producer is connected.
    pub(super) fn at_place(id: SourceId, bytes: Source, place: Place) -> Self {
        Self { inlet: Box::new(Inlet::new(id, bytes, Some(place))) }
    }
}

/// One of the places for producers, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    /// Counted by its owners, never looked into.
    _held: Arc<()>,
}

/// Counts the places that are held. Only its owner hands them out.
#[derive(Debug, Default)]
pub(super) struct Places(Arc<()>);

impl Places {
    /// How many are held.
    pub(super) fn held(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    /// One more.
    pub(super) fn hold(&self) -> Place {
        Place { _held: Arc::clone(&self.0) }
    }
}

/// Bytes of one producer.
#[derive(Debug)]
pub enum Source {
    /// A regular file: never makes anybody wait, and is the only source that can be paced.
    File(File),
    /// A pipe or terminal, set non-blocking.
    Stdin(File),
    /// An accepted Unix connection, set non-blocking.
    Unix(UnixStream),
    /// An accepted TCP connection, set non-blocking.
    Tcp(TcpStream),
    /// Bytes that become readable at given times.
    Memory(Memory),
}

/// A signal file could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("open signal file {}: {why}", path.display())]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// The system's words.
    pub why: io::Error,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// This many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing any more.
    Ended,
}

impl Source {
    /// Opens a file of signals. A named pipe is waited for until somebody writes to it.
    ///
    /// # Errors
    /// Names the file and what the system said.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |why| OpenError { path: path.to_owned(), why };
        let file = File::open(path).map_err(failed)?;
        let kind = file.metadata().map_err(failed)?.file_type();
        if kind.is_dir() {
            return Err(failed(ErrorKind::IsADirectory.into()));
        }
        if kind.is_file() { Ok(Self::File(file)) } else { Self::pipe(file.into()).map_err(failed) }
    }

    /// Takes standard input: a redirected file is read like a file, a pipe or terminal without
    /// waiting. Where possible it is opened anew, because the non-blocking flag of a terminal
    /// is shared with standard output.
    ///
    /// # Errors
    /// When standard input is closed or cannot be set non-blocking.
    pub fn stdin() -> io::Result<Self> {
        let shared = io::stdin().as_fd().try_clone_to_owned()?;
        let file = File::from(shared.try_clone()?);
        let kind = file.metadata()?.file_type();
        if kind.is_file() {
            return Ok(Self::File(file));
        }
        if kind.is_socket() {
            let stream = UnixStream::from(shared);
            stream.set_nonblocking(true)?;
            return Ok(Self::Unix(stream));
        }
        let own = File::options().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/stdin");
        // A terminal that belongs to another user cannot be opened anew.
        own.map_or_else(|_| Self::pipe(shared), |own| Ok(Self::Stdin(own)))
    }

    /// A pipe, set non-blocking.
    fn pipe(fd: OwnedFd) -> io::Result<Self> {
        let pipe = mio::unix::pipe::Receiver::from(fd);
        pipe.set_nonblocking(true)?;
        Ok(Self::Stdin(File::from(OwnedFd::from(pipe))))
    }

    /// Bytes that are all there from the start.
    #[must_use]
    pub fn memory(bytes: &[u8]) -> Self {
        Self::scheduled(vec![(Timestamp::ZERO, bytes.to_vec())])
    }

    /// Bytes that become readable piece by piece, at times that do not decrease.
    #[must_use]
    pub const fn scheduled(pieces: Vec<(Timestamp, Vec<u8>)>) -> Self {
        Self::Memory(Memory { pieces, next: 0, offset: 0 })
    }

    /// Whether its producer cannot be kept waiting, so that pacing is ours to do.
    pub(super) const fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Reads what is there without waiting.
    pub(super) fn read(&mut self, now: Timestamp, space: &mut [u8]) -> Delivery {
        let result = match self {
            Self::File(file) | Self::Stdin(file) => file.read(space),
            Self::Unix(stream) => stream.read(space),
            Self::Tcp(stream) => stream.read(space),
            Self::Memory(memory) => return memory.read(now, space),
        };
        match result {
            Ok(0) => Delivery::Ended,
            Ok(count) => Delivery::Bytes(count),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Delivery::Nothing,
                _ => Delivery::Ended,
            },
        }
    }

    /// When the next bytes become readable, as far as that is known.
    pub(super) fn deadline(&self) -> Timestamp {
        match self {
            Self::Memory(memory) => {
                memory.pieces.get(memory.next).map_or(Timestamp::NEVER, |(at, _)| *at)
            }
            Self::File(_) | Self::Stdin(_) | Self::Unix(_) | Self::Tcp(_) => Timestamp::NEVER,
        }
    }
}

/// See [`Source::scheduled`].
#[derive(Clone, Debug)]
pub struct Memory {
    pieces: Vec<(Timestamp, Vec<u8>)>,
    next: usize,
    offset: usize,
}

impl Memory {
    fn read(&mut self, now: Timestamp, space: &mut [u8]) -> Delivery {
        let mut filled = 0;
        while let Some((at, piece)) = self.pieces.get(self.next) {
            if *at > now || filled == space.len() {
                break;
            }
            let rest = &piece[self.offset..];
            let count = rest.len().min(space.len() - filled);
            space[filled..filled + count].copy_from_slice(&rest[..count]);
            filled += count;
            self.offset += count;
            if self.offset == piece.len() {
                self.next += 1;
                self.offset = 0;
            }
        }
        match (filled, self.next == self.pieces.len()) {
            (0, true) => Delivery::Ended,
            (0, false) => Delivery::Nothing,
            _ => Delivery::Bytes(filled),
        }
    }
}
