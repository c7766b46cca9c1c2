//! What the intake says of each line: one receipt, and one answer where no order follows.
//!
//! In: signals and faults. Out: signals to the oms, records to the recorder. Room on both rings
//! is asked for before a line is looked at, so that nothing is ever decoded and then dropped.

use rtrb::Producer;

use crate::ids::{ExecutionId, Reason, SourceId};
use crate::message::{Action, Signal};
use crate::recorder::record::{
    CHILDREN_MAX, ExecutionResult, Hop, Hops, Malformed, Outcome, Record,
};
use crate::risk::{Limit, Refusal};
use crate::units::{Contracts, Money, Nanos, Price};

/// Most records one step makes: a receipt, a span and an answer.
pub(super) const RECORDS_PER_STEP_MAX: usize = 3;

/// Both ways out of the stage.
#[derive(Debug)]
pub(super) struct Ports {
    to_oms: Producer<Signal>,
    records: Producer<Record>,
}

impl Ports {
    /// # Panics
    /// When a ring cannot take even one step's output.
    pub(super) fn new(to_oms: Producer<Signal>, records: Producer<Record>) -> Self {
        assert!(to_oms.buffer().capacity() >= 1, "a signal must fit");
        assert!(records.buffer().capacity() >= RECORDS_PER_STEP_MAX, "a step must fit");
        Self { to_oms, records }
    }

    /// Whether one more step can say all it has to say.
    pub(super) fn have_room(&self) -> bool {
        let signal = self.to_oms.cached_slots() >= 1 || self.to_oms.slots() >= 1;
        let records = self.records.cached_slots() >= RECORDS_PER_STEP_MAX
            || self.records.slots() >= RECORDS_PER_STEP_MAX;
        signal && records
    }

    /// Hands a signal to the oms, which owes the answer from now on.
    pub(super) fn pass(&mut self, signal: Signal) {
        self.to_oms.push(signal).expect("have_room was asked before this step");
    }

    /// A line or member has arrived.
    pub(super) fn received(&mut self) {
        self.record(Record::Received);
    }

    /// How long a line took from bytes to signal.
    pub(super) fn decode_span(&mut self, span: Nanos) {
        self.record(Record::Span { hop: Hop::Decode, span });
    }

    /// The answer to a line that is no signal.
    pub(super) fn malformed(
        &mut self,
        source: SourceId,
        line: u64,
        kind: Malformed,
        detail: Reason,
    ) {
        self.record(Record::Malformed { source, line, kind, detail });
    }

    /// The answer to a signal that is not to be traded.
    pub(super) fn not_tradeable(&mut self, signal: &Signal) {
        self.record(Record::Result(result(signal, Outcome::NotTradeable)));
    }

    /// The answer to a signal that stops here.
    pub(super) fn refuse(&mut self, signal: &Signal, limit: Limit, value: u32, bound: u32) {
        let refusal = Refusal { limit, value: i64::from(value), bound: i64::from(bound) };
        self.record(Record::Result(result(signal, Outcome::Refused(refusal))));
    }

    /// Nothing will come from this source any more.
    pub(super) fn source_ended(&mut self, source: SourceId) {
        self.record(Record::SourceEnded { source });
    }

    fn record(&mut self, record: Record) {
        self.records.push(record).expect("have_room was asked before this step");
    }
}

fn result(signal: &Signal, outcome: Outcome) -> ExecutionResult {
    let mut hops = Hops::default();
    hops.set(Hop::Decode, signal.decoded.since(signal.received));
    ExecutionResult {
        source: signal.source,
        signal_id: signal.id,
        execution_id: ExecutionId::default(),
        ticker: signal.ticker,
        action: signal.action,
        outcome,
        contracts: signal.contracts,
        filled: Contracts::ZERO,
        cost: Money::ZERO,
        fees: Money::ZERO,
        expected_price: expected_price(signal),
        edge: signal.edge,
        retries: 0,
        error: None,
        orders: [None; CHILDREN_MAX],
        hops,
    }
}

/// The ask of the leg for buys; for sells its bid, which is what the other leg's ask leaves.
fn expected_price(signal: &Signal) -> Option<Price> {
    match signal.action {
        Action::BuyYes => signal.yes_ask,
        Action::BuyNo => signal.no_ask,
        Action::SellYes => signal.no_ask.map(Price::complement),
        Action::SellNo => signal.yes_ask.map(Price::complement),
    }
}
