//! REST in, venue, REST out: authentication, faults, status codes, headers.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    response::Response,
    routing::{any, get},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{Shared, fault::Fault, interim::WithInterim, session, troubles};
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
        .route(troubles::PATH, any(troubles::control::<V, C>))
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
        // Only an injected page of a proxy is HTML.
        let html = answer.body.starts_with('<');
        let content_type = if html { "text/html" } else { "application/json" };
        let content_type = HeaderValue::from_static(content_type);
        let mut response = Response::new(Body::from(answer.body));
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
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
    let call = Call { shared: Arc::clone(&shared), parts, body };
    let outcome = match shared.hub.fault(&call.request()) {
        Fault::None => Some(call.answer()),
        Fault::DropBefore => None,
        Fault::DropAfter => {
            call.answer();
            None
        }
        Fault::CloseAfter => return last(respond(shared.hub.now(), call.answer())),
        Fault::Interim => return after_interim(respond(shared.hub.now(), call.answer())),
        Fault::DelayBefore(span) => call.answer_late(span).await,
        Fault::DelayAfter(span) => {
            let late = call.answer();
            sleep(span).await;
            Some(late)
        }
        Fault::Status(status, body) => Some(ApiResponse { status, body }),
        Fault::StatusAfter(status, body) => {
            call.answer();
            Some(ApiResponse { status, body })
        }
        Fault::Edited(edit) => Some(troubles::edited(edit, call.answer())),
        Fault::Slowly(bytes, every) => {
            let answer = call.answer();
            return troubles::slowly(shared.hub.skewed_now(), answer, bytes, every);
        }
    };
    outcome.map_or_else(hang_up, |answer| respond(shared.hub.skewed_now(), answer))
}

/// A fault as a WebSocket upgrade meets it: the answer instead, if there is one.
pub(super) async fn intercept(fault: Fault, now: WallTime) -> Option<Response> {
    match fault {
        // Upgrades have no body to change.
        Fault::None | Fault::Edited(_) | Fault::Slowly(..) | Fault::Interim => None,
        Fault::DropBefore | Fault::DropAfter | Fault::CloseAfter => Some(hang_up()),
        Fault::DelayBefore(span) | Fault::DelayAfter(span) => {
            sleep(span).await;
            None
        }
        Fault::Status(status, body) | Fault::StatusAfter(status, body) => {
            Some(respond(now, ApiResponse { status, body }))
        }
    }
}

/// A request that has arrived in full.
struct Call<V, C> {
    shared: Arc<Shared<V, C>>,
    parts: Parts,
    body: Bytes,
}

impl<V: Venue + 'static, C: Clock> Call<V, C> {
    fn request(&self) -> ApiRequest<'_> {
        ApiRequest {
            method: self.parts.method.as_str(),
            path: self.parts.uri.path(),
            query: self.parts.uri.query().unwrap_or_default(),
            body: &self.body,
        }
    }

    /// Authenticates, then lets the venue answer.
    fn answer(&self) -> ApiResponse {
        let request = self.request();
        let signed = Signed { method: request.method, path: request.path };
        match self.shared.hub.authenticate(&credentials(&self.parts.headers), signed) {
            Ok(caller) => self.shared.hub.answer(caller, &request),
            Err(denial) => denial.response(),
        }
    }

    /// Answers after `span`, in a task of its own: a client that hangs up ends the connection's
    /// task, but does not call its order back.
    async fn answer_late(self, span: Nanos) -> Option<ApiResponse> {
        let late = tokio::spawn(async move {
            sleep(span).await;
            self.answer()
        });
        late.await.ok()
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

/// An answer that an interim one precedes.
fn after_interim(mut response: Response) -> Response {
    response.extensions_mut().insert(WithInterim);
    response
}

/// The last answer on its connection.
fn last(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
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
