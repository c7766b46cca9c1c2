//! The program as a process: started in a directory of its own, watched, signalled, waited for.
//!
//! In: arguments, with paths relative to that directory. Out: exit code and what was written.
//! Every wait is a bounded number of looks; nothing outlives its handle.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Looks before a wait is given up: a minute and more, for machines that are busy elsewhere.
const LOOKS_MAX: u32 = 15_000;
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Numbers processes, so that several can write into one directory.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// Looks until there is something to see.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS_MAX {
        if let Some(seen) = look() {
            return seen;
        }
        thread::park_timeout(LOOK_EVERY);
    }
    panic!("waited for {what} in vain")
}

/// A process of the program; killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    /// For its input, where that was left open.
    pub(crate) child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// What a process left.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; `None` when a signal killed it.
    pub(crate) code: Option<i32>,
    /// All of its standard output.
    pub(crate) stdout: String,
    /// All of its standard error.
    pub(crate) stderr: String,
}

impl Running {
    /// Starts the program in `dir`, with an empty environment and nothing to read.
    pub(crate) fn start(dir: &Path, args: &[&str]) -> Self {
        Self::spawn(dir, args, &[], Stdio::null())
    }

    /// Starts the program with these variables and this standard input.
    pub(crate) fn spawn(
        dir: &Path,
        args: &[&str],
        variables: &[(&str, &str)],
        stdin: Stdio,
    ) -> Self {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let stdout = dir.join(format!("stdout-{number}"));
        let stderr = dir.join(format!("stderr-{number}"));
        let file = |path: &Path| File::create(path).expect("the test's directory is writable");
        let child = Command::new(env!("CARGO_BIN_EXE_kalshi-exec"))
            .args(args)
            .current_dir(dir)
            .env_clear()
            .env("TMPDIR", dir)
            .envs(variables.iter().copied())
            .stdin(stdin)
            .stdout(file(&stdout))
            .stderr(file(&stderr))
            .spawn()
            .expect("the program can be started");
        Self { child, stdout, stderr }
    }

    /// What it has said to people so far.
    pub(crate) fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// Asks it to end: `INT`, `TERM` or `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &self.child.id().to_string()])
            .status()
            .expect("there is a shell");
        assert!(done.success(), "kill -s {name}");
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ended {
        for _ in 0..LOOKS_MAX {
            let status = self.child.try_wait().expect("a child can be waited for");
            if let Some(status) = status {
                let (stdout, stderr) = (read(&self.stdout), read(&self.stderr));
                return Ended { code: status.code(), stdout, stderr };
            }
            thread::park_timeout(LOOK_EVERY);
        }
        panic!("the program does not end; it said:\n{}", self.stderr())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails when it has ended already, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs the program to its end.
#[track_caller]
pub(crate) fn run(dir: &Path, args: &[&str]) -> Ended {
    Running::start(dir, args).wait()
}

/// Puts an RSA key where the simulated exchange keeps its own: making one takes seconds.
pub(crate) fn place_rsa_key(dir: &Path) {
    fs::create_dir_all(dir.join("keys")).expect("the test's directory is writable");
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/rsa2048_pkcs1.pem");
    fs::copy(key, dir.join("keys/rsa.pem")).expect("the key comes with the tests");
}

/// A simulated exchange in a process of its own. Its ready file is `ready.json`, its keys are in
/// `keys`.
#[derive(Debug)]
pub(crate) struct Exchange {
    process: Running,
}

impl Exchange {
    /// Starts it and waits until it accepts connections. Its quotes stand still: what an order
    /// meets depends on nothing but the orders before it.
    pub(crate) fn start(dir: &Path) -> Self {
        Self::start_with(dir, &["--still-quotes"])
    }

    /// Starts it with these arguments besides those that say where everything is.
    pub(crate) fn start_with(dir: &Path, more: &[&str]) -> Self {
        place_rsa_key(dir);
        let ready = dir.join("ready.json");
        // One that died has left its own.
        drop(fs::remove_file(&ready));
        let args = ["sim", "--ready-file", "ready.json", "--keys", "keys", "--seed", "7"];
        let process = Running::start(dir, &[&args, more].concat());
        wait_for("the exchange's ready file", || ready.exists().then_some(()));
        Self { process }
    }

    /// Ends it as if the machine had lost power.
    pub(crate) fn die(self) {
        self.process.signal("KILL");
        assert_eq!(self.process.wait().code, None);
    }
}
