//! Bytes of what the stream tells of markets and order groups.

use super::{Pack, Packer, Unpacker};
use crate::message::{GroupChange, GroupNews, MarketChange, MarketNews};

impl Pack for MarketChange {
    fn pack(&self, out: &mut Packer<'_>) {
        match self {
            Self::Activated => out.put(&0_u8),
            Self::Deactivated => out.put(&1_u8),
            Self::Closes(at) => {
                out.put(&2_u8);
                out.put(at);
            }
            Self::Determined => out.put(&3_u8),
            Self::Settled => out.put(&4_u8),
            Self::Prices(grid) => {
                out.put(&5_u8);
                out.put(grid);
            }
            Self::Terms { exchange_index, fees } => {
                out.put(&6_u8);
                out.put(exchange_index);
                out.put(fees);
            }
            Self::Created(opens) => {
                out.put(&7_u8);
                out.put(opens);
            }
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.take::<u8>()? {
            0 => Self::Activated,
            1 => Self::Deactivated,
            2 => Self::Closes(from.take()?),
            3 => Self::Determined,
            4 => Self::Settled,
            5 => Self::Prices(from.take()?),
            7 => Self::Created(from.take()?),
            6 => Self::Terms { exchange_index: from.take()?, fees: from.take()? },
            _ => return None,
        })
    }
}

impl Pack for MarketNews {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.ticker);
        out.put(&self.change);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { ticker: from.take()?, change: from.take()? })
    }
}

impl Pack for GroupChange {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.take::<u8>()? {
            0 => Self::Triggered,
            1 => Self::Reset,
            2 => Self::Deleted,
            _ => return None,
        })
    }
}

impl Pack for GroupNews {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.id);
        out.put(&self.change);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { id: from.take()?, change: from.take()? })
    }
}
