//! Where result lines go: back to the producer who sent the signal, and to the results file.
//!
//! In: lines with the source they answer. Out: bytes on non-blocking writers. A producer that
//! does not read, or is gone, costs a bounded buffer and then its connection; it never blocks.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};

use crossbeam::channel::Receiver;

use crate::ids::SourceId;

/// A producer's way back: its source, and a writer that does not block.
pub type Attachment = (SourceId, Box<dyn Write + Send>);

/// What waits for a producer that does not read: about 1 000 results. One that is further
/// behind will not catch up.
const PENDING_BYTES_MAX: usize = 1024 * 1024;

/// All writers of result lines.
#[derive(Debug)]
pub struct Sinks {
    file: Option<Sink>,
    by_source: HashMap<SourceId, Sink>,
    attachments: Receiver<Attachment>,
    counts: SinkCounts,
}

/// What became of result lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkCounts {
    /// Writers given up: gone, or too far behind.
    pub dropped_sinks: u64,
    /// Lines that reached nobody because their writer was given up.
    pub dropped_lines: u64,
}

struct Sink {
    writer: Box<dyn Write + Send>,
    pending: VecDeque<u8>,
}

impl core::fmt::Debug for Sink {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sink").field("pending_bytes", &self.pending.len()).finish_non_exhaustive()
    }
}

impl Sinks {
    /// `file` gets every line (`--results`); producers attach themselves over the channel.
    #[must_use]
    pub fn new(file: Option<Box<dyn Write + Send>>, attachments: Receiver<Attachment>) -> Self {
        Self {
            file: file.map(Sink::new),
            by_source: HashMap::new(),
            attachments,
            counts: SinkCounts::default(),
        }
    }

    /// Takes producers that have attached themselves since the last call.
    pub fn attach_new(&mut self) {
        while let Ok((source, writer)) = self.attachments.try_recv() {
            self.by_source.insert(source, Sink::new(writer));
        }
    }

    /// Queues a line for the source and for the file.
    pub fn line(&mut self, source: SourceId, line: &str) {
        let file = self.file.iter_mut();
        for sink in file.chain(self.by_source.get_mut(&source)) {
            sink.pending.extend(line.as_bytes());
            sink.pending.push_back(b'\n');
        }
    }

    /// Writes what can be written without waiting. Call after a batch of lines.
    pub fn flush(&mut self) {
        let counts = &mut self.counts;
        if self.file.as_mut().is_some_and(|sink| !sink.flush(counts)) {
            self.file = None;
        }
        self.by_source.retain(|_, sink| sink.flush(counts));
    }

    /// Lets a source's writer go when nothing waits in it: a producer that reads to the end sees
    /// the end. Returns whether it is gone.
    pub fn release(&mut self, source: SourceId) -> bool {
        let waits = self.by_source.get(&source).is_some_and(|sink| !sink.pending.is_empty());
        if !waits {
            self.by_source.remove(&source);
        }
        !waits
    }

    /// Whether any line waits for a writer.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.file.iter().chain(self.by_source.values()).any(|sink| !sink.pending.is_empty())
    }

    /// The end: what still waits reaches nobody.
    #[must_use]
    pub fn close(mut self) -> SinkCounts {
        for sink in self.file.iter().chain(self.by_source.values()) {
            self.counts.dropped_lines += sink.waiting_lines();
        }
        self.counts
    }

    /// What was given up.
    #[must_use]
    pub const fn counts(&self) -> SinkCounts {
        self.counts
    }
}

impl Sink {
    const fn new(writer: Box<dyn Write + Send>) -> Self {
        Self { writer, pending: VecDeque::new() }
    }

    /// Whether the writer is still of use.
    fn flush(&mut self, counts: &mut SinkCounts) -> bool {
        let alive = self.write_pending().is_ok() && self.pending.len() <= PENDING_BYTES_MAX;
        if !alive {
            counts.dropped_sinks += 1;
            counts.dropped_lines += self.waiting_lines();
        }
        alive
    }

    fn waiting_lines(&self) -> u64 {
        let lines = self.pending.iter().filter(|&&byte| byte == b'\n').count();
        u64::try_from(lines).unwrap_or(u64::MAX)
    }

    fn write_pending(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            let (front, _) = self.pending.as_slices();
            match self.writer.write(front) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.pending.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        match self.writer.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use crossbeam::channel::unbounded;

    use super::*;

    /// A socket's far end: what arrived, and how much more it takes.
    #[derive(Clone, Default)]
    struct Peer(Arc<Mutex<Far>>);

    #[derive(Default)]
    struct Far {
        arrived: Vec<u8>,
        room: usize,
        broken: Option<io::ErrorKind>,
    }

    impl Peer {
        fn taking(room: usize) -> Self {
            let peer = Self::default();
            peer.0.lock().unwrap().room = room;
            peer
        }

        fn arrived(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().arrived.clone()).unwrap()
        }
    }

    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut state = self.0.lock().unwrap();
            if let Some(kind) = state.broken {
                return Err(kind.into());
            }
            let count = bytes.len().min(state.room);
            if count == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            state.room -= count;
            state.arrived.extend(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_goes_to_its_source_and_to_the_file() {
        let (attach, attachments) = unbounded::<Attachment>();
        let (file, first, second) = (Peer::taking(100), Peer::taking(100), Peer::taking(100));
        let mut sinks = Sinks::new(Some(Box::new(file.clone())), attachments);
        attach.send((SourceId(1), Box::new(first.clone()))).unwrap();
        attach.send((SourceId(2), Box::new(second.clone()))).unwrap();
        sinks.attach_new();

        sinks.line(SourceId(1), "a");
        sinks.line(SourceId(2), "b");
        sinks.line(SourceId(0), "c");
        sinks.flush();

        assert_eq!(file.arrived(), "a\nb\nc\n");
        assert_eq!(first.arrived(), "a\n");
        assert_eq!(second.arrived(), "b\n");
    }

    #[test]
    fn a_slow_producer_gets_the_rest_later() {
        let (attach, attachments) = unbounded::<Attachment>();
        let peer = Peer::taking(3);
        let mut sinks = Sinks::new(None, attachments);
        attach.send((SourceId(1), Box::new(peer.clone()))).unwrap();
        sinks.attach_new();

        sinks.line(SourceId(1), "hello");
        sinks.flush();
        assert_eq!(peer.arrived(), "hel");
        assert!(!sinks.release(SourceId(1)), "a line still waits");
        assert!(sinks.is_behind());

        peer.0.lock().unwrap().room = 100;
        sinks.flush();
        assert_eq!(peer.arrived(), "hello\n");
        assert!(sinks.release(SourceId(1)));
        assert_eq!(sinks.close(), SinkCounts::default());
    }

    #[test]
    fn what_waits_at_the_end_is_counted_as_lost() {
        let (_attach, attachments) = unbounded::<Attachment>();
        let mut sinks = Sinks::new(Some(Box::new(Peer::taking(4))), attachments);
        sinks.line(SourceId(0), "abc");
        sinks.line(SourceId(0), "def");
        sinks.flush();
        assert_eq!(sinks.close(), SinkCounts { dropped_sinks: 0, dropped_lines: 1 });
    }

    #[test]
    fn a_dead_or_hopeless_producer_is_dropped_and_counted() {
        let (attach, attachments) = unbounded::<Attachment>();
        let (dead, stuck, file) = (Peer::taking(100), Peer::taking(0), Peer::taking(usize::MAX));
        dead.0.lock().unwrap().broken = Some(io::ErrorKind::BrokenPipe);
        let mut sinks = Sinks::new(Some(Box::new(file.clone())), attachments);
        attach.send((SourceId(1), Box::new(dead))).unwrap();
        attach.send((SourceId(2), Box::new(stuck))).unwrap();
        sinks.attach_new();

        let line = "x".repeat(1_000);
        sinks.line(SourceId(1), &line);
        sinks.flush();
        assert_eq!(sinks.counts(), SinkCounts { dropped_sinks: 1, dropped_lines: 1 });

        for _ in 0..PENDING_BYTES_MAX / 1_000 + 1 {
            sinks.line(SourceId(2), &line);
            sinks.flush();
        }
        assert_eq!(sinks.counts().dropped_sinks, 2);
        assert!(!sinks.is_behind());
        assert!(file.arrived().len() > PENDING_BYTES_MAX, "the others are not touched");
    }
}
