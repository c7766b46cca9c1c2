//! From a listening socket to HTTP/1.1 connections over TLS, until told to stop.

use std::{
    convert::Infallible,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    Shared,
    control::{End, Scope, Watch},
    interim::{Interim, WithInterim},
    rest::{HangUp, router},
};
use crate::{runtime::clock::Clock, sim::venue::Venue};

/// The exchange allows 200 WebSocket connections per user; REST pools come on top.
const CONNECTIONS_MAX: usize = 1024;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept, which is most often a lack of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(10);

/// Accepts and serves connections until the server is stopped, then returns.
pub(super) async fn run<V: Venue + 'static, C: Clock>(
    listener: TcpListener,
    tls: TlsAcceptor,
    shared: Arc<Shared<V, C>>,
) {
    let router = router(Arc::clone(&shared));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut watch = shared.control.watch(Scope::Connection);
    loop {
        let accepted = tokio::select! {
            end = watch.end() => match end {
                End::Stop => return,
                End::Drop => {
                    watch = shared.control.watch(Scope::Connection);
                    continue;
                }
            },
            accepted = accept(&listener, &places) => accepted,
        };
        let connection = Connection { tls: tls.clone(), router: router.clone() };
        let watch = shared.control.watch(Scope::Connection);
        shared.tasks.spawn(connection.serve(accepted, watch));
    }
}

/// The next connection and its place among [`CONNECTIONS_MAX`].
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(why) => {
                tracing::warn!(%why, "accept failed");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

struct Connection {
    tls: TlsAcceptor,
    router: Router,
}

impl Connection {
    async fn serve(
        self,
        (stream, place): (TcpStream, Option<OwnedSemaphorePermit>),
        mut watch: Watch,
    ) {
        let stream = tokio::select! {
            _ = watch.end() => return,
            stream = handshake(&self.tls, stream) => stream,
        };
        if let Some(stream) = stream {
            serve_http(stream, self.router, watch).await;
        }
        drop(place);
    }
}

async fn handshake(tls: &TlsAcceptor, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    // Answers are small and latency is what clients come to measure.
    if let Err(why) = stream.set_nodelay(true) {
        tracing::debug!(%why, "no TCP_NODELAY");
    }
    let outcome = timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await;
    outcome.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).inspect_err(log_end).ok()
}

async fn serve_http(stream: TlsStream<TcpStream>, router: Router, mut watch: Watch) {
    let router = TowerToHyperService::new(router);
    let interim = Arc::new(AtomicBool::new(false));
    let stream = Interim::new(stream, Arc::clone(&interim));
    let service = service_fn(move |request| call(router.clone(), request, Arc::clone(&interim)));
    let connection = http1::Builder::new()
        .auto_date_header(false) // The answers carry the venue's date.
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        end = watch.end() => match end {
            End::Drop => return,
            End::Stop => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        },
    };
    if let Err(why) = outcome {
        log_end(&why);
    }
}

fn log_end(why: &impl std::error::Error) {
    tracing::debug!(%why, "connection ended");
}

/// An answer, or the error that makes hyper cut the connection.
async fn call(
    router: TowerToHyperService<Router>,
    request: hyper::Request<Incoming>,
    interim: Arc<AtomicBool>,
) -> Result<Response, HangUp> {
    let answer: Result<Response, Infallible> =
        hyper::service::Service::call(&router, request).await;
    let Ok(response) = answer;
    if response.extensions().get::<HangUp>().is_some() {
        return Err(HangUp);
    }
    if response.extensions().get::<WithInterim>().is_some() {
        // Relaxed: read by the writes of this connection, which the same task polls.
        interim.store(true, Ordering::Relaxed);
    }
    Ok(response)
}
