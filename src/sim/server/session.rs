//! One WebSocket connection: upgrade, heartbeat, texts in, texts out, the end.
//!
//! What the texts mean is the venue's business. A client that reads too slowly is told so with
//! error 25 and cut off; nothing is dropped in silence.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    sync::mpsc,
    time::{Interval, interval, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        handshake::server::create_response_with_body,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use super::{
    Shared,
    control::{End, Scope, Watch},
    rest::{credentials, intercept, respond},
};
use crate::{
    runtime::clock::Clock,
    sim::{
        auth::{Denial, Signed, WS_PATH},
        venue::{ApiRequest, ApiResponse, SessionId, UserId, Venue},
    },
};

/// What the exchange's pings carry.
const HEARTBEAT: &[u8] = b"heartbeat";
/// A client that takes nothing for this long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a farewell may take.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);
/// Texts written before the socket is flushed and listened to again.
const BATCH_MAX: usize = 64;
/// The exchange's words when a session's queue is full; nothing follows on this connection.
const OVERFLOW: &str =
    "{\"type\":\"error\",\"msg\":{\"code\":25,\"msg\":\"Subscription buffer overflow\"}}\n";

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Authenticates an upgrade request and starts the session's task.
pub(super) async fn upgrade<V: Venue + 'static, C: Clock>(
    State(shared): State<Arc<Shared<V, C>>>,
    mut request: Request,
) -> Response {
    let now = shared.hub.now();
    let query = request.uri().query().unwrap_or_default();
    let asked = ApiRequest { method: "GET", path: WS_PATH, query, body: &[] };
    if let Some(instead) = intercept(shared.hub.fault(&asked), now).await {
        return instead;
    }
    let signed = Signed { method: "GET", path: WS_PATH };
    let user = match shared.hub.authenticate(&credentials(request.headers()), signed) {
        Ok(Some(user)) => user,
        Ok(None) => return respond(now, Denial::MissingHeader.response()),
        Err(denial) => return respond(now, denial.response()),
    };
    // Checks the upgrade headers too.
    let Ok(response) = create_response_with_body(&request, Body::empty) else {
        let body = r#"{"error":{"code":"bad_request","message":"bad request"}}"#.to_owned();
        return respond(now, ApiResponse { status: 400, body });
    };
    let watch = shared.control.watch(Scope::Session);
    let task = run(Arc::clone(&shared), hyper::upgrade::on(&mut request), user, watch);
    shared.tasks.spawn(task);
    response
}

async fn run<V: Venue, C: Clock>(
    shared: Arc<Shared<V, C>>,
    upgrade: OnUpgrade,
    user: UserId,
    watch: Watch,
) {
    let Ok(upgraded) = upgrade.await else {
        return; // The client left before the upgrade was answered.
    };
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let (id, outgoing) = shared.hub.open_session(user);
    let mut heartbeat = interval(shared.heartbeat);
    heartbeat.tick().await; // The first tick is now; the first ping is one interval later.
    let session = Session { shared, id, socket, outgoing, heartbeat, watch };
    session.serve().await;
}

struct Session<V: Venue, C: Clock> {
    shared: Arc<Shared<V, C>>,
    id: SessionId,
    socket: Socket,
    outgoing: mpsc::Receiver<String>,
    heartbeat: Interval,
    watch: Watch,
}

/// What a session waits for.
enum Event {
    Outgoing(Option<String>),
    Incoming(Option<Result<Message, Error>>),
    Heartbeat,
    End(End),
}

/// How a session ended.
enum Farewell {
    /// The client left, or the network did.
    Gone,
    /// The client read too slowly.
    Overflow,
    /// The server stops.
    Away,
}

impl<V: Venue, C: Clock> Session<V, C> {
    async fn serve(mut self) {
        let farewell = loop {
            let event = self.next_event().await;
            if let ControlFlow::Break(farewell) = self.handle(event).await {
                break farewell;
            }
        };
        self.shared.hub.close_session(self.id);
        let goodbye = async {
            match farewell {
                Farewell::Gone => {}
                Farewell::Overflow => {
                    self.socket.send(Message::text(OVERFLOW)).await?;
                    self.close(CloseCode::Policy, "subscription buffer overflow").await?;
                }
                Farewell::Away => self.close(CloseCode::Away, "server stops").await?,
            }
            Ok::<_, Error>(())
        };
        if !matches!(timeout(FAREWELL_TIMEOUT, goodbye).await, Ok(Ok(()))) {
            tracing::debug!(session = self.id.0, "client did not take its farewell");
        }
    }

    async fn next_event(&mut self) -> Event {
        tokio::select! {
            end = self.watch.end() => Event::End(end),
            text = self.outgoing.recv() => Event::Outgoing(text),
            frame = self.socket.next() => Event::Incoming(frame),
            _ = self.heartbeat.tick() => Event::Heartbeat,
        }
    }

    async fn handle(&mut self, event: Event) -> ControlFlow<Farewell> {
        match event {
            Event::Outgoing(Some(text)) => self.send_batch(text).await,
            Event::Outgoing(None) => ControlFlow::Break(Farewell::Overflow),
            Event::Incoming(Some(Ok(Message::Text(text)))) => {
                self.shared.hub.session_text(self.id, &text);
                ControlFlow::Continue(())
            }
            // Pings and closes are answered by the codec; the venue has no binary messages.
            Event::Incoming(Some(Ok(_))) => ControlFlow::Continue(()),
            Event::Incoming(Some(Err(_)) | None) | Event::End(End::Drop) => {
                ControlFlow::Break(Farewell::Gone)
            }
            Event::Heartbeat => self.send(Message::Ping(HEARTBEAT.into())).await,
            Event::End(End::Stop) => ControlFlow::Break(Farewell::Away),
        }
    }

    /// Sends `text` and what else is queued, with one flush.
    async fn send_batch(&mut self, text: String) -> ControlFlow<Farewell> {
        let Self { socket, outgoing, watch, .. } = self;
        let batch = async {
            socket.feed(frame(text)).await?;
            for _ in 1..BATCH_MAX {
                let Ok(text) = outgoing.try_recv() else { break };
                socket.feed(frame(text)).await?;
            }
            socket.flush().await
        };
        bounded(watch, batch).await
    }

    async fn send(&mut self, message: Message) -> ControlFlow<Farewell> {
        bounded(&mut self.watch, self.socket.send(message)).await
    }

    /// Sends a close frame and waits for the client's.
    async fn close(&mut self, code: CloseCode, reason: &'static str) -> Result<(), Error> {
        self.socket.close(Some(CloseFrame { code, reason: reason.into() })).await?;
        while let Some(Ok(_)) = self.socket.next().await {}
        Ok(())
    }
}

/// The exchange ends each text with a newline.
fn frame(mut text: String) -> Message {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Message::text(text)
}

/// Writes for as long as the client takes something and nobody ends the session.
async fn bounded(
    watch: &mut Watch,
    write: impl Future<Output = Result<(), Error>>,
) -> ControlFlow<Farewell> {
    tokio::select! {
        _ = watch.end() => ControlFlow::Break(Farewell::Gone),
        outcome = timeout(WRITE_TIMEOUT, write) => match outcome {
            Ok(Ok(())) => ControlFlow::Continue(()),
            Ok(Err(_)) | Err(_) => ControlFlow::Break(Farewell::Gone),
        },
    }
}
