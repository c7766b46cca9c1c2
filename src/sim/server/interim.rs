//! Interim answers (`103`) before an answer, which the HTTP library does not send by itself.
//!
//! Wraps a connection: when asked, the next write is preceded by the interim answer. A service
//! asks just before it returns its answer, so the next write is that answer's head.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const EARLY_HINTS: &[u8] =
    b"HTTP/1.1 103 Early Hints\r\nlink: </trade-api/v2>; rel=preconnect\r\n\r\n";

/// Marks an answer that an interim one shall precede.
#[derive(Clone, Copy, Debug)]
pub(super) struct WithInterim;

/// A connection whose answers can be preceded.
pub(super) struct Interim<S> {
    stream: S,
    asked: Arc<AtomicBool>,
    /// What of the interim answer is still to be written.
    left: &'static [u8],
}

impl<S> Interim<S> {
    pub(super) const fn new(stream: S, asked: Arc<AtomicBool>) -> Self {
        Self { stream, asked, left: &[] }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Interim<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Interim<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Relaxed: the service and the writes of its connection are polled by one task.
        if self.asked.swap(false, Ordering::Relaxed) {
            self.left = EARLY_HINTS;
        }
        while !self.left.is_empty() {
            let left = self.left;
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, left))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.left = &left[written..];
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
