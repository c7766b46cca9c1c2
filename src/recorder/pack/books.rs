//! Bytes of what the feed sees of followed books.

use super::{Pack, Packer, Unpacker};
use crate::message::{Blindness, BookNews, BookView};

impl Pack for Blindness {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&(*self as u8));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.take::<u8>()? {
            0 => Self::Unread,
            1 => Self::Gap,
            2 => Self::Damaged,
            3 => Self::Old,
            4 => Self::Doubted,
            _ => return None,
        })
    }
}

impl Pack for BookView {
    fn pack(&self, out: &mut Packer<'_>) {
        match self {
            Self::Top { bid, ask } => {
                out.put(&0_u8);
                out.put(bid);
                out.put(ask);
            }
            Self::Blind(why) => {
                out.put(&1_u8);
                out.put(why);
            }
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(match from.take::<u8>()? {
            0 => Self::Top { bid: from.take()?, ask: from.take()? },
            1 => Self::Blind(from.take()?),
            _ => return None,
        })
    }
}

impl Pack for BookNews {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.market);
        out.put(&self.view);
        out.put(&self.as_of);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self { market: from.take()?, view: from.take()?, as_of: from.take()? })
    }
}
