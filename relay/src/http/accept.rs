//! HTTP connections: how many there may be, how long each may take, and how it ends.

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

/// A request's line and headers have room for so many bytes, and so does what is written at a time.
const MAX_HEADER_BYTES: usize = 16 << 10;
/// How long a request that is being answered may take when the relay ends.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a connection may use a descriptor of the reserve.
const RESERVE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait when even the reserve is lent, or accepting fails otherwise.
const BACK_OFF: Duration = Duration::from_millis(50);
/// A visitor whose machine has vanished is found out after about a minute and a half.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_PROBE: Duration = Duration::from_secs(10);

/// What is answered when no other descriptor is left: how the relay is, and to a page why it is refused.
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
    // ConnectionQuota inherit it. Where it cannot be set, a slow reader is taken for a deaf one sooner.
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

/// A connection that was accepted; with the descriptor of the reserve that was let go for it.
type Accepted = (TcpStream, SocketAddr, Option<ReserveSlot>);

impl Acceptor {
    /// The next connection; none when the relay ends.
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
        // Only one look: the descriptor is free for anybody until it is taken or given back.
        let accepted = poll_fn(|context| Poll::Ready(self.listener.poll_accept(context))).await;
        match accepted {
            Poll::Ready(Ok((stream, from))) => ReserveAccept::Accepted(stream, from, slot),
            Poll::Ready(Err(_)) => ReserveAccept::Exhausted,
            Poll::Pending => ReserveAccept::NoneWaiting,
        }
    }

    /// Serves a connection in a task of its own, or refuses it.
    fn handle(&self, stream: TcpStream, from: SocketAddr, slot: Option<ReserveSlot>) {
        if slot.is_some() {
            self.metrics
                .count_refused_connection(RefusedBy::Descriptors);
            if ReserveSlot::is_reserve_low() && !from.ip().to_canonical().is_loopback() {
                // In this order, so that the slot finds the descriptor free.
                drop(stream);
                return drop(slot);
            }
        }
        // Many visitors share a trusted proxy's address: of it only the total counts.
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

/// What came of accepting on a descriptor of the reserve.
enum ReserveAccept {
    Accepted(TcpStream, SocketAddr, ReserveSlot),
    /// The kernel refused before it had looked whether anybody waits.
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
        let peer = Peer::of(&stream, from);
        let on_reserve = slot.is_some();
        let unread = Duration::from_secs(self.limits.unread_seconds);
        let stream = TokioIo::new(WriteTimeout::new(stream, slot, unread));
        // The router is one for all connections: a layer of its own for each would build it anew.
        let router = TowerToHyperService::new(router);
        let answering = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            if !on_reserve {
                return Either::Left(router.call(request));
            }
            let may_be_answered = ANSWERED_ON_RESERVE.contains(&request.uri().path());
            Either::Right(answer_on_reserve(may_be_answered, router.call(request)))
        });
        // The time for headers runs from the connection's beginning, or the end of the last answer: it bounds the
        // first silence, a request sent byte by byte, and an idle keep-alive.
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(self.limits.handshake_seconds))
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(stream, answering)
            .with_upgrades();
        let mut serving = pin!(serving);
        // A visitor's broken HTTP was answered as far as it could be; there is nobody else to tell.
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

/// Answers, or refuses to, and closes the connection unless it becomes a WebSocket.
async fn answer_on_reserve<E>(
    may_be_answered: bool,
    answering: impl Future<Output = Result<Response, E>>,
) -> Result<Response, E> {
    let mut response = if may_be_answered {
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

/// Resolves when a connection has used the reserve for as long as it may; never for any other connection.
async fn reserve_timeout(on_reserve: bool) {
    if on_reserve {
        tokio::time::sleep(RESERVE_TIMEOUT).await;
    } else {
        future::pending::<()>().await;
    }
}

/// Small messages leave at once, and a vanished peer is found out. Either failing costs comfort, not truth.
fn set_socket_options(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true).ok();
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE_PROBE);
    socket.set_tcp_keepalive(&keepalive).ok();
}
