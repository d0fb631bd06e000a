//! Accepts HTTP connections within the limits of their number, and serves each within its time limits.

use std::{
    future::{self, poll_fn},
    net::SocketAddr,
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::future::Either;
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use shared::limits::Limits;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{
    AppState,
    connections::ConnectionQuota,
    refusal::refuse,
    router,
    write_timeout::{MAX_UNSENT_BYTES, WriteTimeout},
};
use crate::{
    admission::{Peer, Permit, QuotaExceeded},
    descriptors::{self, ReserveSlot},
    metrics::{Metrics, RefusedBy},
    sys::{descriptors::is_exhausted, streams::limit_unsent},
};

/// Maximum bytes of a request's line and headers; also the size of the write buffer.
const MAX_HEADER_BYTES: usize = 16 << 10;
/// Time for requests in progress when the relay ends.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Time for which a connection may use a descriptor of the reserve.
const RESERVE_TIMEOUT: Duration = Duration::from_secs(2);
/// Delay before the next attempt when accepting has failed.
const BACK_OFF: Duration = Duration::from_millis(50);
/// Idle time before TCP keepalive probes. With these values a peer that has vanished is detected after about 90 seconds.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_PROBE: Duration = Duration::from_secs(10);

/// Paths that are served on the reserve: state of the relay, and WebSockets, which are told why they are refused.
const ANSWERED_ON_RESERVE: [&str; 6] = [
    "/healthz", "/readyz", "/metrics", "/ws", "/raw/udp", "/raw/tcp",
];
const OUT_OF_DESCRIPTORS: &str =
    "This relay has no file descriptor left for another connection. Try again in a moment.\n";

/// Accepts connections until the relay ends.
pub async fn accept(
    listener: TcpListener,
    state: Arc<AppState>,
    limits: Rc<Limits>,
    ending: watch::Receiver<bool>,
) {
    let metrics = Arc::clone(&state.metrics);
    // Accepted sockets inherit this option. Without it, a slow reader is mistaken for a stalled one sooner.
    limit_unsent(&listener, MAX_UNSENT_BYTES);
    let mut acceptor = Acceptor {
        connections: ConnectionQuota::new(&limits, Arc::clone(&metrics)),
        listener,
        router: router(Arc::clone(&state)),
        state,
        limits,
        metrics,
        ending,
    };
    while let Some((stream, from, slot)) = acceptor.next().await {
        acceptor.handle(stream, from, slot);
    }
}

struct Acceptor {
    listener: TcpListener,
    state: Arc<AppState>,
    router: Router,
    connections: ConnectionQuota,
    limits: Rc<Limits>,
    metrics: Arc<Metrics>,
    ending: watch::Receiver<bool>,
}

/// An accepted connection, with the descriptor of the reserve that it uses, if any.
type Accepted = (TcpStream, SocketAddr, Option<ReserveSlot>);

impl Acceptor {
    /// Accepts the next connection; `None` when the relay ends.
    async fn next(&mut self) -> Option<Accepted> {
        loop {
            let accepted = tokio::select! {
                biased;
                _ = self.ending.changed() => return None,
                accepted = self.listener.accept() => accepted,
            };
            let error = match accepted {
                Ok((stream, from)) => return Some((stream, from, None)),
                Err(error) => error,
            };
            if is_exhausted(&error) {
                descriptors::record_exhaustion();
                match self.accept_on_reserve().await {
                    ReserveAccept::Accepted(stream, from, slot) => {
                        return Some((stream, from, Some(slot)));
                    }
                    ReserveAccept::NoneWaiting => continue,
                    ReserveAccept::Exhausted => {}
                }
            }
            tokio::time::sleep(BACK_OFF).await;
        }
    }

    async fn accept_on_reserve(&self) -> ReserveAccept {
        let Some(slot) = ReserveSlot::take() else {
            return ReserveAccept::Exhausted;
        };
        // Polled only once: other tasks could take the freed descriptor in the meantime.
        let accepted = poll_fn(|context| Poll::Ready(self.listener.poll_accept(context))).await;
        match accepted {
            Poll::Ready(Ok((stream, from))) => ReserveAccept::Accepted(stream, from, slot),
            Poll::Ready(Err(_)) => ReserveAccept::Exhausted,
            Poll::Pending => ReserveAccept::NoneWaiting,
        }
    }

    /// Serves a connection in its own task, or refuses it.
    fn handle(&self, stream: TcpStream, from: SocketAddr, slot: Option<ReserveSlot>) {
        if slot.is_some() {
            self.metrics
                .count_refused_connection(RefusedBy::Descriptors);
            if ReserveSlot::is_reserve_low() && !from.ip().to_canonical().is_loopback() {
                // The stream closes first, so that the slot can take the descriptor back.
                drop(stream);
                return drop(slot);
            }
        }
        // Many visitors share a trusted proxy's address, so only the total is limited for it.
        let is_shared = self.state.trust.is_trusted_proxy(from.ip());
        let permit = match self.connections.admit(from.ip(), is_shared) {
            Ok(permit) => permit,
            Err(full) => {
                let by = match full {
                    QuotaExceeded::Total => RefusedBy::Total,
                    QuotaExceeded::Address => RefusedBy::Address,
                };
                self.metrics.count_refused_connection(by);
                return refuse(stream, slot, &self.connections.explain(full));
            }
        };
        let connection = HttpConnection {
            _permit: permit,
            limits: Rc::clone(&self.limits),
            ending: self.ending.clone(),
        };
        let router = self.router.clone();
        tokio::task::spawn_local(async move {
            connection.serve(stream, slot, from, router).await;
        });
    }
}

/// The result of accepting on a descriptor of the reserve.
enum ReserveAccept {
    Accepted(TcpStream, SocketAddr, ReserveSlot),
    /// No connection is waiting: the kernel had checked for descriptors first.
    NoneWaiting,
    Exhausted,
}

struct HttpConnection {
    _permit: Permit,
    limits: Rc<Limits>,
    ending: watch::Receiver<bool>,
}

impl HttpConnection {
    async fn serve(
        mut self,
        stream: TcpStream,
        slot: Option<ReserveSlot>,
        from: SocketAddr,
        router: Router,
    ) {
        set_socket_options(&stream);
        let peer = Peer::new(&stream, from);
        let on_reserve = slot.is_some();
        let unread = Duration::from_secs(self.limits.unread_seconds);
        let stream = TokioIo::new(WriteTimeout::new(stream, slot, unread));
        // All connections share one router: a layer per connection would build it anew.
        let router = TowerToHyperService::new(router);
        let answering = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            if !on_reserve {
                return Either::Left(router.call(request));
            }
            let is_allowed = ANSWERED_ON_RESERVE.contains(&request.uri().path());
            Either::Right(answer_on_reserve(is_allowed, router.call(request)))
        });
        // The timeout for headers starts when the connection opens and after each response, so it also limits idle
        // connections and requests sent byte by byte.
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(self.limits.handshake_seconds))
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(stream, answering)
            .with_upgrades();
        let mut serving = pin!(serving);
        // hyper has already responded to malformed requests, so errors are not reported again.
        tokio::select! {
            ended = serving.as_mut() => { ended.ok(); }
            _ = self.ending.changed() => {
                serving.as_mut().graceful_shutdown();
                tokio::time::timeout(CLOSE_TIMEOUT, serving).await.ok();
            }
            () = reserve_timeout(on_reserve) => {}
        }
    }
}

/// Responds on the reserve, and closes the connection unless it becomes a WebSocket.
async fn answer_on_reserve<E>(
    is_allowed: bool,
    answering: impl Future<Output = Result<Response, E>>,
) -> Result<Response, E> {
    let mut response = if is_allowed {
        answering.await?
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, OUT_OF_DESCRIPTORS).into_response()
    };
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    Ok(response)
}

/// Resolves when a connection on the reserve has used up its time; never for other connections.
async fn reserve_timeout(on_reserve: bool) {
    if on_reserve {
        tokio::time::sleep(RESERVE_TIMEOUT).await;
    } else {
        future::pending::<()>().await;
    }
}

/// Sends small messages at once, and enables keepalive. Neither is essential, so errors are ignored.
fn set_socket_options(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true).ok();
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE_PROBE);
    socket.set_tcp_keepalive(&keepalive).ok();
}
