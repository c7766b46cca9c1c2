//! What the exchange says: answers, stream messages and the producer's lines, as text.
//!
//! Forms are those of the recorded exchange (`orders__create_v2_taker_ioc`) and its reference.

/// What an order asked for, as it stands in its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) client_order_id: &'a str,
    pub(super) ticker: &'a str,
    pub(super) side: &'a str,
    pub(super) price: &'a str,
    pub(super) count: &'a str,
}

impl<'a> Wanted<'a> {
    /// Reads a create request's body.
    pub(super) fn read(body: &'a str) -> Option<Self> {
        Some(Self {
            client_order_id: field(body, "\"client_order_id\":\"")?,
            ticker: field(body, "\"ticker\":\"")?,
            side: field(body, "\"side\":\"")?,
            price: field(body, "\"price\":\"")?,
            count: field(body, "\"count\":\"")?,
        })
    }

    /// 201, filled at once.
    pub(super) fn created(&self, number: u64, wall_ms: u64) -> String {
        let body = format!(
            r#"{{"average_fee_paid":"0.0175","average_fill_price":"{}","client_order_id":"{}","fill_count":"{}","order_id":"{}","remaining_count":"0.00","ts_ms":{wall_ms}}}"#,
            self.price,
            self.client_order_id,
            self.count,
            order_id(number),
        );
        answer("201 Created", &body)
    }

    /// The fill, as the stream tells it.
    pub(super) fn fill(&self, number: u64, wall_ms: u64) -> String {
        format!(
            r#"{{"type":"fill","sid":13,"sending_ts_ms":{wall_ms},"msg":{{"trade_id":"{number:08x}-ee49-470d-82d8-11418bda6fed","order_id":"{}","client_order_id":"{}","market_ticker":"{}","exchange_index":0,"is_taker":true,"side":"yes","yes_price_dollars":"{}","count_fp":"{}","fee_cost":"0.010000","action":"buy","ts":{},"ts_ms":{wall_ms},"post_position_fp":"25.00","purchased_side":"yes","outcome_side":"yes","book_side":"{}","subaccount":0}}}}"#,
            order_id(number),
            self.client_order_id,
            self.ticker,
            self.price,
            self.count,
            wall_ms / 1_000,
            self.side,
        )
    }

    /// The order's end, as the stream tells it.
    pub(super) fn report(&self, number: u64, wall_ms: u64) -> String {
        format!(
            r#"{{"type":"user_order","sid":14,"sending_ts_ms":{wall_ms},"msg":{{"order_id":"{}","user_id":"u","ticker":"{}","exchange_index":0,"status":"executed","side":"yes","is_yes":true,"outcome_side":"yes","book_side":"{}","yes_price_dollars":"{}","fill_count_fp":"{}","remaining_count_fp":"0.00","initial_count_fp":"{}","taker_fill_cost_dollars":"0.000000","client_order_id":"{}","created_time":"2026-11-22T10:00:00Z","created_ts_ms":{wall_ms},"last_update_reason":"Trade","subaccount_number":0}}}}"#,
            order_id(number),
            self.ticker,
            self.side,
            self.price,
            self.count,
            self.count,
            self.client_order_id,
        )
    }
}

/// A response with its head.
pub(super) fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\
         Date: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Length: {}\r\n\r\n{body}",
        body.len(),
    )
}

/// The acknowledgements of a subscription, one per channel.
pub(super) const SUBSCRIBED: [&str; 2] = [
    r#"{"type":"subscribed","id":1,"msg":{"channel":"fill","sid":13}}"#,
    r#"{"type":"subscribed","id":1,"msg":{"channel":"user_orders","sid":14}}"#,
];

/// The producer's line number `number`: buys of both legs in turn, so that positions close.
pub(super) fn signal(number: u64, ticker: &str, wall_ns: u64) -> String {
    let action = if number.is_multiple_of(2) { "BUY_YES" } else { "BUY_NO" };
    format!(
        r#"{{"id":"sig-{number:06}","ts_ns":{wall_ns},"should_trade":true,"action":"{action}","kalshi":{{"ticker":"{ticker}","yes_ask":48,"no_ask":53}},"edge":{{"cents":7,"percent":14.6}},"confidence":{{"score":75,"tier":"HIGH"}},"position":{{"contracts":25,"risk_amount":1200}}}}"#,
    ) + "\n"
}

/// One text frame of a server: unmasked, whole.
pub(super) fn frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("messages are short");
    let mut frame = vec![0x81];
    if let Ok(short @ ..126) = u8::try_from(length) {
        frame.push(short);
    } else {
        frame.push(126);
        frame.extend(length.to_be_bytes());
    }
    frame.extend(text.as_bytes());
    frame
}

/// What stands behind `key` up to the next quote.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(key)?;
    rest.split_once('"').map(|(value, _)| value)
}

fn order_id(number: u64) -> String {
    format!("{number:08x}-10d3-4557-9de0-8598aad625f0")
}
