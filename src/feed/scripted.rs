//! A connection, a connector and a clock whose other end a test holds.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::net::{Connector, DialError, Flush, LinkError, Received, Transport};
use crate::runtime::clock::Clock;
use crate::units::{Nanos, Now, Timestamp, WallTime};

/// What is on the wire between a scripted connection and the test.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// Bytes on their way to us, one read each.
    pub(crate) incoming: VecDeque<Vec<u8>>,
    /// Bytes the kernel has taken.
    pub(crate) outgoing: Vec<u8>,
    /// The peer has closed: said after everything incoming was read.
    pub(crate) closed: bool,
    /// Every call fails with this.
    pub(crate) broken: Option<LinkError>,
    /// Flushes that stay pending.
    pub(crate) slow_flushes: u32,
    /// How many times `receive` was called.
    pub(crate) reads: u64,
    /// Whether our end was dropped.
    pub(crate) dropped: bool,
    sealed: Vec<u8>,
}

/// The test's end of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer(Arc<Mutex<Wire>>);

impl Peer {
    pub(crate) fn wire(&self) -> MutexGuard<'_, Wire> {
        self.0.lock().expect("no test panics while it holds the wire")
    }

    /// Lets one read of the engine return `bytes`.
    pub(crate) fn send(&self, bytes: &[u8]) {
        self.wire().incoming.push_back(bytes.to_vec());
    }

    /// Takes what the engine has sent.
    pub(crate) fn sent(&self) -> Vec<u8> {
        core::mem::take(&mut self.wire().outgoing)
    }
}

/// The engine's end of a connection.
#[derive(Debug)]
pub(crate) struct ScriptedTransport(Peer);

impl Transport for ScriptedTransport {
    fn seal(&mut self, plaintext: &[u8]) -> Result<(), LinkError> {
        let mut wire = self.0.wire();
        wire.sealed.extend(plaintext);
        wire.broken.map_or(Ok(()), Err)
    }

    fn flush(&mut self) -> Result<Flush, LinkError> {
        let mut wire = self.0.wire();
        if let Some(error) = wire.broken {
            return Err(error);
        }
        if wire.slow_flushes > 0 {
            wire.slow_flushes -= 1;
            return Ok(Flush::Pending);
        }
        let sealed = core::mem::take(&mut wire.sealed);
        wire.outgoing.extend(sealed);
        Ok(Flush::Done)
    }

    fn receive(&mut self, out: &mut [u8]) -> Result<Received, LinkError> {
        let mut wire = self.0.wire();
        wire.reads += 1;
        if let Some(error) = wire.broken {
            return Err(error);
        }
        let Some(mut bytes) = wire.incoming.pop_front() else {
            return Ok(if wire.closed { Received::Closed } else { Received::Nothing });
        };
        let count = bytes.len().min(out.len());
        out[..count].copy_from_slice(&bytes[..count]);
        let rest = bytes.split_off(count);
        if !rest.is_empty() {
            wire.incoming.push_front(rest);
        }
        Ok(Received::Bytes(count))
    }

    fn bytes_out(&self) -> u64 {
        self.0.wire().outgoing.len() as u64
    }
}

impl Drop for ScriptedTransport {
    fn drop(&mut self) {
        self.0.wire().dropped = true;
    }
}

/// Hands out connections that the test has prepared.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScriptedConnector(Arc<Mutex<Dialler>>);

#[derive(Debug, Default)]
struct Dialler {
    requests: u64,
    outstanding: u64,
    ready: VecDeque<Result<ScriptedTransport, DialError>>,
}

impl ScriptedConnector {
    fn dialler(&self) -> MutexGuard<'_, Dialler> {
        self.0.lock().expect("no test panics while it holds the dialler")
    }

    /// Prepares one connection and returns its other end.
    pub(crate) fn prepare(&self) -> Peer {
        let peer = Peer::default();
        self.dialler().ready.push_back(Ok(ScriptedTransport(peer.clone())));
        peer
    }

    /// Prepares one failure.
    pub(crate) fn prepare_failure(&self) {
        let why = DialError::Connect { address: "test".into(), why: "refused".into() };
        self.dialler().ready.push_back(Err(why));
    }

    /// How many connections were asked for.
    pub(crate) fn requests(&self) -> u64 {
        self.dialler().requests
    }
}

impl Connector<ScriptedTransport> for ScriptedConnector {
    fn request(&mut self) {
        let mut dialler = self.dialler();
        dialler.requests += 1;
        dialler.outstanding += 1;
    }

    fn poll(&mut self) -> Option<Result<ScriptedTransport, DialError>> {
        let mut dialler = self.dialler();
        if dialler.outstanding == 0 {
            return None;
        }
        let ready = dialler.ready.pop_front()?;
        dialler.outstanding -= 1;
        Some(ready)
    }
}

/// A clock that moves when told to. Wall time is monotonic time plus a constant.
#[derive(Clone, Debug, Default)]
pub(crate) struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// Unix time of the monotonic epoch.
    pub(crate) const EPOCH_SECS: u64 = 1_781_159_000;

    pub(crate) fn advance(&self, span: Nanos) {
        // Relaxed: tests have one thread.
        self.0.fetch_add(span.ns(), Ordering::Relaxed);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Now {
        let ns = self.0.load(Ordering::Relaxed);
        Now {
            mono: Timestamp::from_ns(ns),
            wall: WallTime::from_unix_ns(Self::EPOCH_SECS * 1_000_000_000 + ns),
        }
    }
}
