//! A door between engine and exchange: connections pass while it is open, break when it is shut,
//! and can be led to another server. It carries bytes as they are.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Bytes read at once.
const PIECE: usize = 16 * 1024;

/// What the door's threads share.
#[derive(Debug)]
struct State {
    /// Where connections lead; nowhere when shut.
    target: Mutex<Option<SocketAddr>>,
    /// Both ends of every connection there was.
    sockets: Mutex<Vec<TcpStream>>,
    closing: AtomicBool,
}

impl State {
    fn sockets(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn target(&self) -> MutexGuard<'_, Option<SocketAddr>> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Breaks every connection.
    fn cut(&self) {
        for socket in self.sockets().drain(..) {
            // Fails when it is broken already, which is as good.
            drop(socket.shutdown(Shutdown::Both));
        }
    }
}

/// An open door; it shuts for good when dropped.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Where to connect to.
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Gate {
    /// Listens on a free port and leads to `target`.
    pub(crate) fn open_to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State {
            target: Mutex::new(Some(target)),
            sockets: Mutex::new(Vec::new()),
            closing: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        let accepting = move || {
            for client in listener.incoming().flatten() {
                if shared.closing.load(Ordering::Acquire) {
                    return;
                }
                let target = *shared.target();
                // A shut door hangs up at once.
                if let Some(server) = target.and_then(|target| TcpStream::connect(target).ok()) {
                    carry(&client, &server, &shared);
                }
            }
        };
        thread::Builder::new().name("gate".to_owned()).spawn(accepting).expect("a thread");
        Self { address, state }
    }

    /// Breaks every connection and lets none through.
    pub(crate) fn shut(&self) {
        *self.state.target() = None;
        self.state.cut();
    }

    /// Breaks every connection and leads new ones to `target`.
    pub(crate) fn lead_to(&self, target: SocketAddr) {
        *self.state.target() = Some(target);
        self.state.cut();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.state.closing.store(true, Ordering::Release);
        self.shut();
        // Wakes the thread that accepts; that it may have ended is as good.
        drop(TcpStream::connect(self.address));
    }
}

/// Carries both ways, each on a thread of its own, until either side ends.
fn carry(client: &TcpStream, server: &TcpStream, state: &Arc<State>) {
    let twice = |socket: &TcpStream| socket.try_clone().expect("a socket can be cloned");
    state.sockets().extend([twice(client), twice(server)]);
    for (from, to) in [(twice(client), twice(server)), (twice(server), twice(client))] {
        let name = thread::Builder::new().name("gate".to_owned());
        name.spawn(move || pump(from, to)).expect("a thread");
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; PIECE];
    while let Ok(count) = from.read(&mut bytes) {
        if count == 0 || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    // Fails when the other way has done it, which is as good.
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}
