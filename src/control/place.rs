//! Where the control socket is, and how to get there when the way is longer than a socket's name
//! may be.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// The socket in a state directory.
const SOCKET_FILE: &str = "control.sock";

/// Longest path of a socket that every Unix takes.
const PATH_BYTES_MAX: usize = 100;

/// Connections the kernel holds while the service is busy.
const BACKLOG_MAX: i32 = 16;

/// Where the socket of the state directory `dir` is.
pub(super) fn socket_path(dir: &Path) -> PathBuf {
    dir.join(SOCKET_FILE)
}

/// Calls `with` with a name of the socket that is short enough: its path, or one through the open
/// directory.
fn named<T>(dir: &Path, with: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = socket_path(dir);
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return with(&path);
    }
    let open = File::open(dir)?;
    with(&PathBuf::from(format!("/proc/self/fd/{}/{SOCKET_FILE}", open.as_raw_fd())))
}

/// Listens in `dir`, whose lock the caller holds: a socket found there is left over from a crash.
pub(super) fn bind(dir: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(socket_path(dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    named(dir, |path| {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        // Before listening nobody can connect, so there is no moment with other permissions.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        socket.listen(BACKLOG_MAX)?;
        socket.set_nonblocking(true)?;
        Ok(UnixListener::from(OwnedFd::from(socket)))
    })
}

/// Connects to the engine whose state is in `dir`.
pub(super) fn connect(dir: &Path) -> io::Result<UnixStream> {
    named(dir, |path| UnixStream::connect(path))
}
