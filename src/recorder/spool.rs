//! A writer that never makes the recorder wait: bytes in, a thread of its own writes them out.
//!
//! Standard output and error may be pipes that nobody empties. The recorder must go on all the
//! same, or its full rings would stop trading. What does not fit the bounded queue is refused with
//! [`ErrorKind::WouldBlock`], and the recorder decides: console lines are dropped, result lines
//! wait in their sink up to its own bound.

use std::io::{self, ErrorKind, Write};
use std::thread::JoinHandle;

use crossbeam::channel::{Sender, TrySendError, bounded};

use crate::runtime::wait::pause;
use crate::units::Nanos;

/// Writes that may wait: several seconds of a busy console.
const WRITES_MAX: usize = 4_096;

/// How long [`SpoolThread::finish`] waits for a reader who does not read.
const FINISH_STEPS_MAX: u32 = 2_000;

/// The recorder's end.
#[derive(Debug)]
pub struct Spool {
    writes: Sender<Vec<u8>>,
}

/// The end of the thread that writes.
#[derive(Debug)]
pub struct SpoolThread {
    handle: JoinHandle<()>,
}

impl Spool {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(
        name: &'static str,
        mut out: Box<dyn Write + Send>,
    ) -> io::Result<(Self, SpoolThread)> {
        let (writes, queue) = bounded::<Vec<u8>>(WRITES_MAX);
        let handle = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            for bytes in queue {
                // A reader who has gone takes nothing more; whoever writes is told by the queue.
                if out.write_all(&bytes).and_then(|()| out.flush()).is_err() {
                    return;
                }
            }
        })?;
        Ok((Self { writes }, SpoolThread { handle }))
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.writes.try_send(bytes.to_vec()) {
            Ok(()) => Ok(bytes.len()),
            Err(TrySendError::Full(_)) => Err(ErrorKind::WouldBlock.into()),
            Err(TrySendError::Disconnected(_)) => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SpoolThread {
    /// Waits until everything is written, or for two seconds: a reader who does not read must
    /// not keep the process alive. The [`Spool`] has been dropped by then.
    pub fn finish(self) {
        for _ in 0..FINISH_STEPS_MAX {
            if self.handle.is_finished() {
                return;
            }
            pause(Nanos::from_ms(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Takes nothing until it is told to.
    struct Stuck(mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(|_| io::Error::from(ErrorKind::BrokenPipe))?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_does_not_read_never_makes_the_writer_wait() {
        let (_release, gate) = mpsc::channel();
        let (mut spool, _thread) = Spool::start("stuck", Box::new(Stuck(gate))).unwrap();
        let refused = (0..2 * WRITES_MAX).filter(|_| spool.write(b"x").is_err()).count();
        assert!(refused >= WRITES_MAX - 2, "{refused} were refused");
    }

    #[test]
    fn everything_accepted_is_written_before_the_end() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let file = path.reopen().unwrap();
        let (mut spool, thread) = Spool::start("file", Box::new(file)).unwrap();
        for number in 0..1_000 {
            spool.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        drop(spool);
        thread.finish();
        assert_eq!(std::fs::read_to_string(path.path()).unwrap().lines().count(), 1_000);
    }
}
