//! Bytes of what the oms answers ([`ExecutionResult`]), of what it undoes, and of a market's static
//! facts.

use super::{Pack, Packer, Unpacker};
use crate::kalshi::market::{FeeSchedule, Market, PriceRange, TickGrid};
use crate::recorder::record::{
    ChildResult, ExecutionResult, FillVoided, Hops, Outcome, Restated, ResultError,
};
use crate::risk::Refusal;

impl Pack for Refusal {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.limit);
        out.put(&self.value);
        out.put(&self.bound);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { limit: from.take()?, value: from.take()?, bound: from.take()? })
    }
}

impl Pack for FillVoided {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.trade_id);
        out.put(&self.ticker);
        out.put(&self.side);
        out.put(&self.price);
        out.put(&self.quantity);
        out.put(&self.fee);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            trade_id: from.take()?,
            ticker: from.take()?,
            side: from.take()?,
            price: from.take()?,
            quantity: from.take()?,
            fee: from.take()?,
        })
    }
}

impl Pack for Restated {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.ticker);
        out.put(&self.position);
        out.put(&self.cost);
        out.put(&self.realized);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            ticker: from.take()?,
            position: from.take()?,
            cost: from.take()?,
            realized: from.take()?,
        })
    }
}

impl Pack for Outcome {
    fn pack(&self, out: &mut Packer<'_>) {
        match self {
            Self::Refused(refusal) => {
                out.put(&0_u8);
                out.put(refusal);
            }
            Self::NotTradeable => out.put(&1_u8),
            Self::Ended(state) => {
                out.put(&2_u8);
                out.put(state);
            }
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        match from.take::<u8>()? {
            0 => from.take().map(Self::Refused),
            1 => Some(Self::NotTradeable),
            2 => from.take().map(Self::Ended),
            _ => None,
        }
    }
}

impl Pack for ResultError {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.code);
        out.put(&self.message);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { code: from.take()?, message: from.take()? })
    }
}

impl Pack for ChildResult {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.client_order_id);
        out.put(&self.order_id);
        out.put(&self.state);
        out.put(&self.limit_price);
        out.put(&self.contracts);
        out.put(&self.filled);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            client_order_id: from.take()?,
            order_id: from.take()?,
            state: from.take()?,
            limit_price: from.take()?,
            contracts: from.take()?,
            filled: from.take()?,
        })
    }
}

impl Pack for Hops {
    fn pack(&self, out: &mut Packer<'_>) {
        out.sparse(&self.spans);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { spans: from.sparse()? })
    }
}

impl Pack for ExecutionResult {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.source);
        out.put(&self.signal_id);
        out.put(&self.execution_id);
        out.put(&self.ticker);
        out.put(&self.action);
        out.put(&self.outcome);
        out.put(&self.contracts);
        out.put(&self.filled);
        out.put(&self.cost);
        out.put(&self.fees);
        out.put(&self.expected_price);
        out.put(&self.edge);
        out.put(&self.retries);
        out.put(&self.error);
        out.sparse(&self.orders);
        out.put(&self.hops);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            source: from.take()?,
            signal_id: from.take()?,
            execution_id: from.take()?,
            ticker: from.take()?,
            action: from.take()?,
            outcome: from.take()?,
            contracts: from.take()?,
            filled: from.take()?,
            cost: from.take()?,
            fees: from.take()?,
            expected_price: from.take()?,
            edge: from.take()?,
            retries: from.take()?,
            error: from.take()?,
            orders: from.sparse()?,
            hops: from.take()?,
        })
    }
}

impl Pack for TickGrid {
    fn pack(&self, out: &mut Packer<'_>) {
        let mut bands = [None; Self::RANGES_MAX];
        for (slot, band) in bands.iter_mut().zip(self.ranges()) {
            *slot = Some(*band);
        }
        out.sparse(&bands);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let bands: [Option<PriceRange>; Self::RANGES_MAX] = from.sparse()?;
        let used: Vec<PriceRange> = bands.into_iter().flatten().collect();
        Self::new(&used)
    }
}

impl Pack for PriceRange {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.start_micros);
        out.put(&self.end_micros);
        out.put(&self.step_micros);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            start_micros: from.take()?,
            end_micros: from.take()?,
            step_micros: from.take()?,
        })
    }
}

impl Pack for FeeSchedule {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.taker_ppm);
        out.put(&self.maker_ppm);
        out.put(&self.grid_micros);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { taker_ppm: from.take()?, maker_ppm: from.take()?, grid_micros: from.take()? })
    }
}

impl Pack for Market {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.ticker);
        out.put(&self.ix);
        out.put(&self.event);
        out.put(&self.grid);
        out.put(&self.exchange_index);
        out.put(&self.fees);
        out.put(&self.active);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            ticker: from.take()?,
            ix: from.take()?,
            event: from.take()?,
            grid: from.take()?,
            exchange_index: from.take()?,
            fees: from.take()?,
            active: from.take()?,
        })
    }
}
