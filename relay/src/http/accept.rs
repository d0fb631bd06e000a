//! Peer HTTP connections: how many, how long they may take, and how they end.

use std::{cell::Cell, net::SocketAddr, pin::pin, rc::Rc, time::Duration};

use axum::Router;
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

use crate::admission::Peer;

/// Connections that fetch the page or ask for metrics, beyond the pages themselves.
const BESIDE_PAGES: u64 = 512;
/// How long to wait when the system has no descriptor left for another connection.
const BACK_OFF: Duration = Duration::from_millis(50);
/// A visitor whose machine has vanished is found out after about a minute and a half.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_PROBE: Duration = Duration::from_secs(10);

/// Accepts connections until the relay ends.
pub async fn accept(
    listener: TcpListener,
    router: Router,
    limits: Rc<Limits>,
    mut ending: watch::Receiver<bool>,
) {
    let open = Rc::new(Cell::new(0));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ending.changed() => return,
        };
        match accepted {
            // Beyond the limit a connection is closed unheard: answering would cost what the limit saves.
            Ok((stream, from)) if open.get() < limits.pages + BESIDE_PAGES => {
                let connection = Connection {
                    open: Rc::clone(&open),
                    limits: Rc::clone(&limits),
                    ending: ending.clone(),
                };
                open.set(open.get() + 1);
                let router = router.clone();
                tokio::task::spawn_local(
                    async move { connection.serve(stream, from, router).await },
                );
            }
            Ok(_) => {}
            Err(_) => tokio::time::sleep(BACK_OFF).await,
        }
    }
}

struct Connection {
    open: Rc<Cell<u64>>,
    limits: Rc<Limits>,
    ending: watch::Receiver<bool>,
}

impl Connection {
    async fn serve(mut self, stream: TcpStream, from: SocketAddr, router: Router) {
        prepare(&stream);
        let peer = Peer::of(&stream, from);
        // The router is one for all connections: a layer of its own for each would build it anew.
        let router = TowerToHyperService::new(router);
        let answering = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            router.call(request)
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(self.limits.handshake_seconds))
            .serve_connection(TokioIo::new(stream), answering)
            .with_upgrades();
        let mut serving = pin!(serving);
        // A visitor's broken HTTP was answered as far as it could be; there is nobody else to tell.
        tokio::select! {
            ended = serving.as_mut() => { ended.ok(); }
            _ = self.ending.changed() => {
                serving.as_mut().graceful_shutdown();
                serving.await.ok();
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.set(self.open.get().saturating_sub(1));
    }
}

/// Small messages leave at once, and a vanished peer is found out. Either failing costs comfort, not truth.
fn prepare(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true).ok();
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE_PROBE);
    socket.set_tcp_keepalive(&keepalive).ok();
}
