//! One producer's way in: its bytes, its lines, its cycle, its timetable.
//!
//! In: bytes of one [`Source`]. Out, through [`Ports`]: every line's receipt and either its
//! signal or its answer. One step is at most one line; a step that has to wait (for bytes, for a
//! paced time) leaves the line where it is. Steps are only taken when both rings have room.

use core::ops::Range;

use crate::ids::SourceId;
use crate::message::Signal;
use crate::recorder::record::Malformed;
use crate::risk::Limit;
use crate::runtime::clock::Clock;
use crate::units::{Timestamp, WallTime};

use super::IntakeConfig;
use super::answer::Ports;
use super::batch::Batch;
use super::decode::{Decoder, Line};
use super::fault::Fault;
use super::frame::{Frame, Framer};
use super::pace::{Pace, Timetable};
use super::rank::{CYCLE_SIGNALS_MAX, Cycle};
use super::seen::{Novelty, Seen};
use super::source::{Delivery, Place, Source};
use super::validate::{Decoded, Intent};

/// What all inlets of the stage share.
#[derive(Debug)]
pub(super) struct Shared<C> {
    pub(super) config: IntakeConfig,
    pub(super) clock: C,
    pub(super) ports: Ports,
    pub(super) seen: Seen,
    pub(super) decoder: Decoder,
}

/// What one step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something was done; there may be more.
    Done,
    /// A signal went on to the oms; there may be more.
    Passed,
    /// Nothing to do before more bytes or a later time.
    Quiet,
    /// The source has ended and everything it sent was passed on.
    Ended,
}

/// Whether more bytes may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// They may.
    Open,
    /// The source has said its last byte.
    Ended,
    /// The run closes: what the source has still to say is not asked for.
    Stopped,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Inlet {
    id: SourceId,
    /// Its place among the producers that may be connected; free again with this inlet.
    _place: Option<Place>,
    source: Source,
    framer: Framer,
    reading: Reading,
    /// When the bytes now in the framer were read.
    read_at: Timestamp,
    /// The batch whose line is the current one.
    batch: Option<Batch>,
    cycle: Cycle,
    /// When the open cycle's last signal was read: lingering counts from here.
    cycle_heard: Timestamp,
    /// The paced time of the open or closing cycle, if there is one.
    cycle_due: Option<Timestamp>,
    /// When the closing cycle's signals go on.
    cycle_closes: Timestamp,
    /// When the current line is due, once that is known (recorded pace).
    line_due: Option<Timestamp>,
    timetable: Timetable,
}

impl Inlet {
    pub(super) fn new(id: SourceId, source: Source, place: Option<Place>) -> Self {
        Self {
            id,
            _place: place,
            source,
            framer: Framer::new(),
            reading: Reading::Open,
            read_at: Timestamp::ZERO,
            batch: None,
            cycle: Cycle::new(),
            cycle_heard: Timestamp::ZERO,
            cycle_due: None,
            cycle_closes: Timestamp::ZERO,
            line_due: None,
            timetable: Timetable::default(),
        }
    }

    /// Reads no more. What was read is finished at once, without waiting for a paced time or
    /// for more of a cycle, as if the source had ended.
    pub(super) fn stop_reading(&mut self) {
        if self.reading == Reading::Open {
            self.reading = Reading::Stopped;
        }
    }

    /// Does one bounded thing.
    pub(super) fn step<C: Clock>(&mut self, now: Timestamp, shared: &mut Shared<C>) -> Step {
        if self.cycle.is_closing() {
            return self.pass_ranked(now, shared);
        }
        match self.frame() {
            Some(frame) => match (&frame, self.batch) {
                (Frame::Line(range) | Frame::Rest(range), Some(batch)) => {
                    self.member(now, &frame, range.clone(), batch, shared)
                }
                _ => self.line(now, &frame, shared),
            },
            None if self.reading == Reading::Open => self.read(now, shared),
            None => self.finish(now, shared),
        }
    }

    /// When [`Self::step`] next has something to do, if no bytes arrive before.
    pub(super) fn deadline(&self, config: &IntakeConfig) -> Timestamp {
        if self.cycle.is_closing() {
            return self.cycle_closes;
        }
        if let Some(due) = self.line_due {
            return due;
        }
        let lingers = self.cycle.open().is_some() && !self.source.is_file();
        let linger =
            if lingers { self.cycle_heard + config.cycle_linger } else { Timestamp::NEVER };
        self.source.deadline().min(linger)
    }

    fn frame(&mut self) -> Option<Frame> {
        let frame = self.framer.peek();
        let last = frame.is_none() && self.reading != Reading::Open;
        if last { self.framer.rest() } else { frame }
    }

    fn read<C: Clock>(&mut self, now: Timestamp, shared: &Shared<C>) -> Step {
        match self.source.read(now, self.framer.space()) {
            Delivery::Bytes(count) => {
                self.framer.filled(count);
                self.read_at = shared.clock.mono();
            }
            Delivery::Ended => self.reading = Reading::Ended,
            Delivery::Nothing => {
                let quiet = now >= self.cycle_heard + shared.config.cycle_linger;
                if self.cycle.open().is_none() || !quiet {
                    return Step::Quiet;
                }
                self.close_cycle(now);
            }
        }
        Step::Done
    }

    fn finish<C: Clock>(&mut self, now: Timestamp, shared: &mut Shared<C>) -> Step {
        if self.cycle.open().is_some() {
            self.close_cycle(now);
            return Step::Done;
        }
        shared.ports.source_ended(self.id);
        Step::Ended
    }

    fn line<C: Clock>(&mut self, now: Timestamp, frame: &Frame, shared: &mut Shared<C>) -> Step {
        let range = match frame {
            Frame::Line(range) | Frame::Rest(range) => range.clone(),
            Frame::TooLong => {
                let fault = Fault::new(Malformed::LineTooLong, format_args!("over 65536 bytes"));
                return self.fault(frame, fault, shared);
            }
        };
        if self.framer.bytes(range.clone()).trim_ascii().is_empty() {
            self.framer.consume(frame);
            return Step::Done;
        }
        if self.waits(now, range.clone(), shared) {
            return Step::Quiet;
        }
        let read = self.turn(now, shared);
        match shared.decoder.line(self.framer.bytes(range)) {
            Ok(Line::Signal(decoded)) => {
                let Some(step) = self.accept(now, read, decoded, shared) else {
                    return Step::Done;
                };
                self.consume(frame);
                return step;
            }
            Ok(Line::Batch(batch)) => self.batch = Some(batch),
            Err(fault) => return self.fault(frame, self.cut_short(frame, fault), shared),
        }
        Step::Done
    }

    fn member<C: Clock>(
        &mut self,
        now: Timestamp,
        frame: &Frame,
        range: Range<usize>,
        mut batch: Batch,
        shared: &mut Shared<C>,
    ) -> Step {
        let read = self.turn(now, shared);
        let line = self.framer.bytes(range);
        let index = batch.index;
        let Some(member) = batch.next_member(line) else {
            self.batch = None;
            self.consume(frame);
            self.close_cycle(now);
            return Step::Done;
        };
        match shared.decoder.member(&line[member], batch.cycle) {
            Ok(decoded) => {
                let Some(step) = self.accept(now, read, decoded, shared) else {
                    return Step::Done;
                };
                self.batch = Some(batch);
                return step;
            }
            Err(fault) => {
                let fault = fault.of_member(index);
                shared.ports.received();
                shared.ports.malformed(self.id, self.framer.line(), fault.kind, fault.detail);
                self.batch = Some(batch);
            }
        }
        Step::Done
    }

    /// Takes a decoded signal in. `None` when a former cycle has to close first: then the
    /// signal is left where it was and comes again.
    fn accept<C: Clock>(
        &mut self,
        now: Timestamp,
        read: Timestamp,
        decoded: Decoded,
        shared: &mut Shared<C>,
    ) -> Option<Step> {
        let Decoded { mut signal, intent } = decoded;
        if let Some(cycle) = signal.cycle
            && !self.enter(now, cycle, shared)
        {
            return None;
        }
        signal.source = self.id;
        signal.line = self.framer.line();
        signal.received = read;
        signal.decoded = shared.clock.mono();
        shared.ports.received();
        shared.ports.decode_span(signal.decoded.since(read));
        if intent == Intent::Pass {
            shared.ports.not_tradeable(&signal);
        } else if shared.seen.insert(&signal.id) == Novelty::Repeat {
            shared.ports.refuse(&signal, Limit::DuplicateSignal, 2, 1);
        } else if signal.cycle.is_some() {
            self.gather(signal, shared);
        } else {
            shared.ports.pass(signal);
            return Some(Step::Passed);
        }
        Some(Step::Done)
    }

    /// Makes `cycle` the open one. `false` when another one has to close first.
    fn enter<C: Clock>(&mut self, now: Timestamp, cycle: u64, shared: &Shared<C>) -> bool {
        match self.cycle.open() {
            Some(open) if open == cycle => {}
            Some(_) => {
                self.close_cycle(now);
                return false;
            }
            None => {
                self.cycle.begin(cycle);
                let paced = self.source.is_file() && shared.config.pace == Pace::Cycle;
                self.cycle_due =
                    paced.then(|| self.timetable.next_cycle(now, shared.config.cycle_interval));
            }
        }
        self.cycle_heard = now;
        // A recorded cycle is due with its last line.
        self.cycle_due = self.line_due.or(self.cycle_due);
        true
    }

    fn gather<C: Clock>(&mut self, signal: Signal, shared: &mut Shared<C>) {
        if let Some(evicted) = self.cycle.add(signal) {
            let rank = u32::try_from(CYCLE_SIGNALS_MAX + 1).unwrap_or(u32::MAX);
            let bound = shared.config.max_signals_per_cycle;
            shared.ports.refuse(&evicted, Limit::SignalsPerCycle, rank, bound);
        }
    }

    fn close_cycle(&mut self, now: Timestamp) {
        self.cycle.close();
        self.cycle_closes = self.cycle_due.unwrap_or(now);
    }

    /// One signal of the closing cycle: on to the oms, or refused by its rank. A paced cycle's
    /// signals count from their intended time; all others from when their bytes were in memory,
    /// so that `tick_to_wire` shows the lingering and the decoding that they waited for.
    fn pass_ranked<C: Clock>(&mut self, now: Timestamp, shared: &mut Shared<C>) -> Step {
        if now < self.cycle_closes && self.reading != Reading::Stopped {
            return Step::Quiet;
        }
        let bound = shared.config.max_signals_per_cycle;
        if let Some(mut ranked) = self.cycle.next_ranked(bound) {
            if ranked.rank > bound {
                shared.ports.refuse(&ranked.signal, Limit::SignalsPerCycle, ranked.rank, bound);
            } else {
                let signal = &mut ranked.signal;
                signal.received = self.cycle_due.map_or(signal.received, |due| due.min(now));
                signal.decoded = signal.decoded.max(signal.received);
                shared.ports.pass(ranked.signal);
                return Step::Passed;
            }
        }
        Step::Done
    }

    /// Whether the current line's recorded time is still to come. Its signal is decoded once to
    /// learn that time and once more when it is due, so that its decoding is measured.
    fn waits<C: Clock>(
        &mut self,
        now: Timestamp,
        range: Range<usize>,
        shared: &mut Shared<C>,
    ) -> bool {
        let recorded = shared.config.pace == Pace::Recorded && self.source.is_file();
        if !recorded || self.reading == Reading::Stopped {
            return false;
        }
        if self.line_due.is_none()
            && let Some(recorded) = recorded_time(self.framer.bytes(range), &mut shared.decoder)
        {
            self.line_due = Some(self.timetable.recorded(now, recorded));
        }
        self.line_due.is_some_and(|due| now < due)
    }

    /// When the current line's bytes were there: for a file, when its turn came.
    fn turn<C: Clock>(&self, now: Timestamp, shared: &Shared<C>) -> Timestamp {
        match self.line_due {
            // Before its time only when the run closes.
            Some(due) => due.min(now),
            None if self.source.is_file() => shared.clock.mono(),
            None => self.read_at,
        }
    }

    /// An unfinished last line is no longer a question of what is wrong with its JSON.
    fn cut_short(&self, frame: &Frame, fault: Fault) -> Fault {
        let (Frame::Rest(range), Malformed::Json | Malformed::Utf8) = (frame, fault.kind) else {
            return fault;
        };
        let bytes = range.len();
        let what =
            if self.reading == Reading::Stopped { "reading stopped" } else { "source ended" };
        Fault::new(Malformed::CutShort, format_args!("{what} {bytes} bytes into the line"))
    }

    fn fault<C: Clock>(&mut self, frame: &Frame, fault: Fault, shared: &mut Shared<C>) -> Step {
        shared.ports.received();
        shared.ports.malformed(self.id, self.framer.line(), fault.kind, fault.detail);
        self.consume(frame);
        Step::Done
    }

    fn consume(&mut self, frame: &Frame) {
        self.framer.consume(frame);
        self.line_due = None;
    }
}

/// The producer's time of a line, or of the first member of a batch.
fn recorded_time(line: &[u8], decoder: &mut Decoder) -> Option<WallTime> {
    match decoder.line(line).ok()? {
        Line::Signal(decoded) => decoded.signal.produced_at,
        Line::Batch(mut batch) => {
            let first = batch.next_member(line)?;
            decoder.member(&line[first], batch.cycle).ok()?.signal.produced_at
        }
    }
}
