//! A signed request with a JSON body whose length is known only once it is written.

use super::{Cursor, OrderTemplates, TIMESTAMP_WIDTH, decimal};
use crate::kalshi::auth::Presigned;

/// Digits of the body's length.
const LENGTH_WIDTH: usize = 5;

/// Where a body begins and where its length is to be written.
pub(super) struct BodyAt {
    length: usize,
    body: usize,
}

impl OrderTemplates {
    /// Writes the head; the body follows. `method` ends with a space.
    pub(super) fn open_body(
        &self,
        cursor: &mut Cursor<'_>,
        method: &[u8],
        path: &[u8],
        signed: &Presigned,
    ) -> BodyAt {
        assert!(
            signed.signature.as_bytes().len() == self.signature_len,
            "signatures of one key have one length",
        );
        cursor.push(method);
        cursor.push(path);
        cursor.push(&self.cancel_head);
        cursor.push(&decimal::<TIMESTAMP_WIDTH>(signed.wall_ms));
        cursor.push(b"\r\nKALSHI-ACCESS-SIGNATURE: ");
        cursor.push(signed.signature.as_bytes());
        cursor.push(b"\r\nContent-Type: application/json\r\nContent-Length: ");
        let length = cursor.len;
        cursor.push(&[b'0'; LENGTH_WIDTH]);
        cursor.push(b"\r\n\r\n");
        BodyAt { length, body: cursor.len }
    }
}

/// The body is written: returns the request's length.
pub(super) fn close_body(cursor: Cursor<'_>, at: &BodyAt) -> usize {
    let length = (cursor.len - at.body) as u64;
    cursor.out[at.length..at.length + LENGTH_WIDTH]
        .copy_from_slice(&decimal::<LENGTH_WIDTH>(length));
    cursor.len
}
