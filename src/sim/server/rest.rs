//! REST in, venue, REST out: authentication, faults, status codes, headers.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{Shared, fault::Fault, session};
use crate::{
    runtime::clock::Clock,
    sim::{
        auth::{Credentials, KEY_HEADER, SIGNATURE_HEADER, Signed, TIMESTAMP_HEADER, WS_PATH},
        venue::{ApiRequest, ApiResponse, Venue},
    },
    units::{Nanos, WallTime},
};

/// A batch of orders at the exchange's largest budget stays far below this.
const BODY_BYTES_MAX: usize = 4 << 20;

const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// Marks an answer that must not be sent: the connection is cut instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("connection cut on purpose")]
pub(super) struct HangUp;

/// Every path the server knows: one upgrade, the rest is the venue's.
pub(super) fn router<V: Venue + 'static, C: Clock>(shared: Arc<Shared<V, C>>) -> Router {
    Router::new()
        .route(WS_PATH, get(session::upgrade::<V, C>))
        .fallback(rest::<V, C>)
        .with_state(shared)
}

/// The three signature headers, as far as they are text.
pub(super) fn credentials(headers: &HeaderMap) -> Credentials<'_> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    Credentials {
        key_id: text(KEY_HEADER),
        timestamp: text(TIMESTAMP_HEADER),
        signature: text(SIGNATURE_HEADER),
    }
}

/// An answer with the exchange's own idea of the date.
pub(super) fn respond(now: WallTime, answer: ApiResponse) -> Response {
    let mut response = if answer.body.is_empty() {
        Response::new(Body::empty())
    } else {
        let mut response = Response::new(Body::from(answer.body));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    };
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(date) = http_date(now) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

async fn rest<V: Venue + 'static, C: Clock>(
    State(shared): State<Arc<Shared<V, C>>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return respond(shared.hub.now(), too_large());
    };
    if let Some(to) = without_trailing_slash(&parts.uri) {
        return redirect(shared.hub.now(), &to);
    }
    let request = ApiRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        body: &body,
    };
    let credentials = credentials(&parts.headers);
    let answer = match shared.hub.fault(&request) {
        Fault::None => Some(answer(&shared, &credentials, &request)),
        Fault::DropBefore => None,
        Fault::DropAfter => {
            answer(&shared, &credentials, &request);
            None
        }
        Fault::DelayBefore(span) => {
            sleep(span).await;
            Some(answer(&shared, &credentials, &request))
        }
        Fault::DelayAfter(span) => {
            let late = answer(&shared, &credentials, &request);
            sleep(span).await;
            Some(late)
        }
        Fault::Status(status, body) => Some(ApiResponse { status, body }),
        Fault::StatusAfter(status, body) => {
            answer(&shared, &credentials, &request);
            Some(ApiResponse { status, body })
        }
    };
    match answer {
        Some(answer) => respond(shared.hub.now(), answer),
        None => hang_up(),
    }
}

/// Authenticates, then lets the venue answer.
fn answer<V: Venue, C: Clock>(
    shared: &Shared<V, C>,
    credentials: &Credentials<'_>,
    request: &ApiRequest<'_>,
) -> ApiResponse {
    let signed = Signed { method: request.method, path: request.path };
    match shared.hub.authenticate(credentials, signed) {
        Ok(caller) => shared.hub.answer(caller, request),
        Err(denial) => denial.response(),
    }
}

async fn sleep(span: Nanos) {
    tokio::time::sleep(span.to_duration()).await;
}

fn hang_up() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(HangUp);
    response
}

fn too_large() -> ApiResponse {
    let body = r#"{"error":{"code":"bad_request","message":"request body too large"}}"#.to_owned();
    ApiResponse { status: 413, body }
}

/// The same place without the slash, when there is one too many.
fn without_trailing_slash(uri: &http::Uri) -> Option<String> {
    let path = uri.path().strip_suffix('/').filter(|path| !path.is_empty())?;
    Some(uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
}

fn redirect(now: WallTime, to: &str) -> Response {
    let mut response = respond(now, ApiResponse { status: 301, body: String::new() });
    if let Ok(location) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(now: WallTime) -> Option<HeaderValue> {
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(now.unix_secs()).ok()?).ok()?;
    HeaderValue::from_str(&at.format(HTTP_DATE).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_in_the_form_http_wants() {
        let date = http_date(WallTime::from_unix_ms(784_111_777_000)).unwrap();
        assert_eq!(date, "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn only_a_trailing_slash_redirects() {
        let to = |uri: &str| without_trailing_slash(&uri.parse().unwrap());
        assert_eq!(to("/trade-api/v2/markets/?limit=1").unwrap(), "/trade-api/v2/markets?limit=1");
        assert_eq!(to("/trade-api/v2/markets/").unwrap(), "/trade-api/v2/markets");
        assert_eq!(to("/trade-api/v2/markets"), None);
        assert_eq!(to("/"), None);
    }
}
