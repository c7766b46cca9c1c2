//! Sits between the stages and the recorder: hears every record and passes it on.

use super::invariants::Audit;
use crate::recorder::record::{ExecutionResult, Record};
use crate::runtime::ring::{Consumer, Producer};
use crate::runtime::stage::Work;

/// One ring in, one ring out.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) from: Consumer<Record>,
    pub(super) to: Producer<Record>,
}

/// See the module's page. Spans are passed on and not kept.
#[derive(Debug)]
pub struct Tap {
    pairs: Vec<Pair>,
    records: Vec<Record>,
}

impl Tap {
    pub(super) const fn new(pairs: Vec<Pair>) -> Self {
        Self { pairs, records: Vec::new() }
    }

    /// Everything heard but spans, in order.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Final answers of the oms and refusals of the intake, in order.
    pub fn results(&self) -> impl Iterator<Item = &ExecutionResult> {
        self.records.iter().filter_map(|record| match record {
            Record::Result(result) => Some(result),
            _ => None,
        })
    }

    pub(super) fn poll(&mut self, audit: &mut Audit) -> Work {
        let mut work = Work::Idle;
        for Pair { from, to } in &mut self.pairs {
            while !to.is_full() {
                let Ok(record) = from.pop() else { break };
                audit.hear(&record);
                if !matches!(record, Record::Span { .. } | Record::SentAhead) {
                    self.records.push(record);
                }
                let passed = to.push(record);
                debug_assert!(passed.is_ok(), "Invariant: room was looked for");
                work = Work::Done;
            }
        }
        work
    }
}
