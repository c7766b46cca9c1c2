//! Carries out what a fault plan decides, and lets it be replaced while the server runs.
//!
//! `GET`, `POST` and `DELETE` on [`PATH`] read, replace and clear the plan (TOML). The path is
//! clearly none of the exchange's, and needs no signature: the server is for this host only.

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream;
use http::Method;

use super::Shared;
use super::fault::{Fault, FrameFault};
use super::rest::respond;
use crate::runtime::clock::Clock;
use crate::sim::faults::{
    Act, Edit, FaultPlan, LiveFaults, MessageFault, MessageTrouble, Phase, RequestFault,
    RequestTrouble,
};
use crate::sim::venue::{ApiRequest, ApiResponse, SessionId, Venue};
use crate::units::{Nanos, WallTime};

/// Where the faults of a running server are seen and replaced.
pub(super) const PATH: &str = "/sim/faults";

/// Largest faults file.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Acts are as exact as this.
const TICK: Duration = Duration::from_millis(5);

/// No client waits as long as this for an answer that never comes.
const NEVER: Nanos = Nanos::from_secs(600);

const TOO_MANY: &str = r#"{"error":"too many requests"}"#;
/// What is wrong when a key may not trade where its owner is (reference §2): a code can be a whole
/// sentence.
const ATTESTATION: &str = "Your_location_attestation_for_API_trading_is_missing_or_expired.\
    _Please_verify_your_location_in_the_Kalshi_app_or_website,_and_then_retry.";
const PAGE: &str = "<html><head><title>502 Bad Gateway</title></head>\
    <body><center><h1>502 Bad Gateway</h1></center></body></html>";

/// What the plan has for a request, as the server carries it out.
pub(super) fn fault(live: &LiveFaults, now: WallTime, request: &ApiRequest<'_>) -> Fault {
    let struck = live.lock().request(now, request.method, request.path);
    match struck {
        None => Fault::None,
        Some(RequestFault::Delay(Phase::Before, span)) => Fault::DelayBefore(span),
        Some(RequestFault::Delay(Phase::After, span)) => Fault::DelayAfter(span),
        Some(RequestFault::Other(trouble)) => carried_out(trouble),
    }
}

fn carried_out(trouble: RequestTrouble) -> Fault {
    match trouble {
        // Delays have been drawn already.
        RequestTrouble::Delay(..) => Fault::None,
        RequestTrouble::Drop(Phase::Before) => Fault::DropBefore,
        RequestTrouble::Drop(Phase::After) => Fault::DropAfter,
        RequestTrouble::LostResponse => Fault::DelayAfter(NEVER),
        RequestTrouble::CloseAfter => Fault::CloseAfter,
        RequestTrouble::Interim => Fault::Interim,
        RequestTrouble::Status(Phase::Before, status) => Fault::Status(status, words(status)),
        RequestTrouble::Status(Phase::After, status) => Fault::StatusAfter(status, words(status)),
        RequestTrouble::Html(Phase::Before, status) => Fault::Status(status, PAGE.to_owned()),
        RequestTrouble::Html(Phase::After, status) => Fault::StatusAfter(status, PAGE.to_owned()),
        RequestTrouble::Edited(edit) => Fault::Edited(edit),
        RequestTrouble::SlowRead(bytes, every) => Fault::Slowly(bytes, every),
    }
}

/// The exchange's words for a status.
fn words(status: u16) -> String {
    match status {
        429 => TOO_MANY.to_owned(),
        403 => error(ATTESTATION, &ATTESTATION.replace('_', " ")),
        410 => error("deprecated_v1_order_endpoint", "Please switch to the V2 endpoints"),
        503 => error("service_unavailable", "service unavailable"),
        504 => error("gateway_timeout", "gateway timeout"),
        _ => error("internal_server_error", "internal server error"),
    }
}

fn error(code: &str, message: &str) -> String {
    format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#)
}

/// What the plan has for a text on its way to a session.
pub(super) fn frame_fault(
    live: &LiveFaults,
    now: WallTime,
    session: SessionId,
    text: &str,
) -> FrameFault {
    let struck = live.lock().message(now, session, text);
    let trouble = match struck {
        None => return FrameFault::None,
        Some(MessageFault::Delay(span)) => return FrameFault::Delay(span),
        Some(MessageFault::Other(trouble)) => trouble,
    };
    match trouble {
        // Delays have been drawn already.
        MessageTrouble::Delay(_) => FrameFault::None,
        MessageTrouble::Lose | MessageTrouble::Silence => FrameFault::Lose,
        MessageTrouble::Duplicate => FrameFault::Repeat,
        MessageTrouble::Reorder => FrameFault::Hold,
        MessageTrouble::Overflow => FrameFault::Overflow,
        MessageTrouble::Changed(change) => FrameFault::Changed(change),
        MessageTrouble::Ended(code) => FrameFault::Ended(code),
    }
}

/// A 2xx answer, changed.
pub(super) fn edited(edit: Edit, answer: ApiResponse) -> ApiResponse {
    let good = (200..300).contains(&answer.status) && !answer.body.is_empty();
    if good { ApiResponse { body: edit.apply(&answer.body), ..answer } } else { answer }
}

/// An answer in pieces, so far apart.
pub(super) fn slowly(now: WallTime, answer: ApiResponse, bytes: usize, every: Nanos) -> Response {
    let body = Bytes::from(answer.body.clone());
    let mut response = respond(now, answer);
    let pieces = stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(every.to_duration()).await;
        let piece = rest.split_to(bytes.min(rest.len()));
        Some((Ok::<_, std::convert::Infallible>(piece), rest))
    });
    *response.body_mut() = Body::from_stream(pieces);
    response
}

/// Does what the plan wants at its times, for ever.
pub(super) async fn run<V: Venue + 'static, C: Clock>(shared: &Shared<V, C>) {
    loop {
        tokio::time::sleep(TICK).await;
        do_due(shared);
    }
}

fn do_due<V: Venue + 'static, C: Clock>(shared: &Shared<V, C>) {
    let _turn = turn(shared);
    // The time first: who tells of something holds the exchange and asks for the faults then.
    let now = shared.hub.now();
    let due = shared.hub.live().lock().due(now);
    carry_out(shared, due);
}

/// Between what a plan wants done and its being done no other plan takes its place: a pause that
/// comes after its own end would last.
fn turn<V, C>(shared: &Shared<V, C>) -> MutexGuard<'_, ()> {
    shared.acting.lock().expect("nobody panics while acting")
}

fn carry_out<V: Venue, C: Clock>(shared: &Shared<V, C>, acts: Vec<Act>) {
    for act in acts {
        match act {
            Act::Venue(action) => shared.hub.act(&action),
            Act::DropConnections => shared.control.drop_connections(),
            Act::Lifetime(span) => shared.control.limit_lifetime(span.map(Nanos::to_duration)),
            // The plan keeps this itself.
            Act::Skew(_) => {}
        }
    }
}

/// Answers on [`PATH`].
pub(super) async fn control<V: Venue + 'static, C: Clock>(
    State(shared): State<Arc<Shared<V, C>>>,
    request: Request,
) -> Response {
    let answer = match *request.method() {
        Method::GET => told(shared.hub.live()),
        Method::DELETE => replaced(&shared, FaultPlan::default()),
        Method::POST => match to_bytes(request.into_body(), BODY_BYTES_MAX).await {
            Ok(body) => read(&body).map_or_else(|why| why, |plan| replaced(&shared, plan)),
            Err(_) => refused("the faults are longer than a megabyte"),
        },
        _ => refused("GET, POST and DELETE work here"),
    };
    respond(shared.hub.now(), answer)
}

fn read(body: &[u8]) -> Result<FaultPlan, ApiResponse> {
    let text = core::str::from_utf8(body).map_err(|_| refused("the faults are no text"))?;
    FaultPlan::parse(text).map_err(|error| refused(&error.to_string()))
}

/// Undoes the plan there is, then lets another one begin.
fn replaced<V: Venue, C: Clock>(shared: &Shared<V, C>, plan: FaultPlan) -> ApiResponse {
    let _turn = turn(shared);
    let live = shared.hub.live();
    let undone = live.replace(plan, shared.hub.now());
    carry_out(shared, undone);
    told(live)
}

fn told(live: &LiveFaults) -> ApiResponse {
    let faults = live.lock();
    let rules: Vec<String> = faults.told().collect();
    let body = serde_json::json!({ "seed": faults.plan().seed, "faults": rules });
    ApiResponse { status: 200, body: body.to_string() }
}

fn refused(why: &str) -> ApiResponse {
    ApiResponse { status: 400, body: serde_json::json!({ "error": why }).to_string() }
}
