//! Bytes of changes of orders, their fields in the order declared.

use super::{Pack, Packer, Unpacker};
use crate::message::{AmendOrder, DecreaseOrder};

impl Pack for AmendOrder {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.key);
        out.put(&self.order_id);
        out.put(&self.client_order_id);
        out.put(&self.market);
        out.put(&self.side);
        out.put(&self.price);
        out.put(&self.quantity);
        out.put(&self.approved);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            key: from.take()?,
            order_id: from.take()?,
            client_order_id: from.take()?,
            market: from.take()?,
            side: from.take()?,
            price: from.take()?,
            quantity: from.take()?,
            approved: from.take()?,
        })
    }
}

impl Pack for DecreaseOrder {
    fn pack(&self, out: &mut Packer<'_>) {
        out.put(&self.key);
        out.put(&self.order_id);
        out.put(&self.market);
        out.put(&self.by);
        out.put(&self.decided);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        Some(Self {
            key: from.take()?,
            order_id: from.take()?,
            market: from.take()?,
            by: from.take()?,
            decided: from.take()?,
        })
    }
}
