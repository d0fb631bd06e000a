//! The way between a page and its relay, which can be cut, and can lose what goes one way before it is.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
    task::JoinHandle,
};

/// What the way does with what goes along it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It carries both ways.
    Open,
    /// What the page says does not arrive, and nobody notices yet.
    LosesRequests,
    /// What the relay says does not arrive, and nobody notices yet.
    LosesReplies,
    /// Nothing arrives either way, and nobody notices yet.
    Silent,
    /// All connections are broken, and no new one stands.
    Cut,
}

/// A running one; it ends with the story.
#[derive(Debug)]
pub struct Link {
    /// Where the page is at this end.
    pub address: SocketAddr,
    way: watch::Sender<Way>,
    runs: JoinHandle<()>,
}

impl Link {
    /// To a relay's page.
    ///
    /// # Panics
    /// When there is no port left.
    pub async fn to(relay: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("its address");
        let way = watch::Sender::new(Way::Open);
        let runs = tokio::spawn(serve(listener, relay, way.clone()));
        Self { address, way, runs }
    }

    /// Where the page is at this end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Becomes like this from now on.
    pub fn becomes(&self, way: Way) {
        self.way.send_replace(way);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.way.send_replace(Way::Cut);
        self.runs.abort();
    }
}

async fn serve(listener: TcpListener, relay: SocketAddr, way: watch::Sender<Way>) {
    while let Ok((page, _)) = listener.accept().await {
        if *way.borrow() != Way::Cut {
            tokio::spawn(carry(page, relay, way.subscribe()));
        }
    }
}

/// Until one end closes, or the way is cut.
async fn carry(page: TcpStream, relay: SocketAddr, mut way: watch::Receiver<Way>) {
    let Ok(relay) = TcpStream::connect(relay).await else {
        return;
    };
    let (from_page, to_page) = page.into_split();
    let (from_relay, to_relay) = relay.into_split();
    let now = way.clone();
    tokio::select! {
        () = pass(from_page, to_relay, &now, Way::LosesRequests) => {}
        () = pass(from_relay, to_page, &now, Way::LosesReplies) => {}
        _ = way.wait_for(|way| *way == Way::Cut) => {}
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: &watch::Receiver<Way>,
    loses: Way,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let is_lost = [loses, Way::Silent].contains(&way.borrow());
        if !is_lost && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
