//! Bytes of risk's state that outlives the process, and of books that do.

use super::{Pack, Packer, Unpacker};
use crate::risk::{
    BreakerState, Carried, CarriedBreaker, CarriedMarket, Day, Halt, Past, PastMarket, Trips,
};

impl Pack for Day {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.utc_day());
        out.put(&self.orders);
        out.put(&self.volume);
        out.put(&self.realized);
        out.put(&self.fees);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let mut day = Self::on(from.take()?);
        day.orders = from.take()?;
        day.volume = from.take()?;
        day.realized = from.take()?;
        day.fees = from.take()?;
        Some(day)
    }
}

impl Pack for Halt {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.reason);
        out.put(&self.since);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { reason: from.take()?, since: from.take()? })
    }
}

impl Pack for CarriedBreaker {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(self.state as u8));
        out.put(&self.trips.bits());
        out.put(&self.since);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            state: from.coded(&BreakerState::ALL)?,
            trips: Trips::from_bits(from.take()?)?,
            since: from.take()?,
        })
    }
}

impl Pack for Carried {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.day);
        out.put(&self.consecutive_losses);
        out.put(&self.halt);
        out.put(&self.breaker);
        out.put(&self.mismatches);
        out.put(&self.latency_breaches);
        out.put(&self.last_message);
        out.put(&self.recent_orders);
        out.put(&self.recent_rejects);
        out.put(&self.cancelled_all);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            day: from.take()?,
            consecutive_losses: from.take()?,
            halt: from.take()?,
            breaker: from.take()?,
            mismatches: from.take()?,
            latency_breaches: from.take()?,
            last_message: from.take()?,
            recent_orders: from.take()?,
            recent_rejects: from.take()?,
            cancelled_all: from.take()?,
        })
    }
}

impl Pack for CarriedMarket {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.ticker);
        out.put(&self.stop);
        out.put(&self.repeats[0]);
        out.put(&self.repeats[1]);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            ticker: from.take()?,
            stop: from.take()?,
            repeats: [from.take()?, from.take()?],
        })
    }
}

impl Pack for PastMarket {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.ticker);
        out.put(&self.position);
        out.put(&self.cost);
        out.put(&self.realized);
        out.put(&self.fees);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            ticker: from.take()?,
            position: from.take()?,
            cost: from.take()?,
            realized: from.take()?,
            fees: from.take()?,
        })
    }
}

impl Pack for Past {
    fn pack(&self, out: &mut Packer<'_>) {
        match self {
            Self::Market(market) => {
                out.put(&0_u8);
                out.put(market);
            }
            Self::Trade(trade) => {
                out.put(&1_u8);
                out.put(trade);
            }
            Self::Unheard { fills_from, settled_from } => {
                out.put(&2_u8);
                out.put(fills_from);
                out.put(settled_from);
            }
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.take::<u8>()? {
            0 => Self::Market(from.take()?),
            1 => Self::Trade(from.take()?),
            2 => Self::Unheard { fills_from: from.take()?, settled_from: from.take()? },
            _ => return None,
        })
    }
}
