//! A TCP proxy between a page and its relay that injects faults: it drops bytes one way or both, or cuts connections.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
    task::JoinHandle,
};

/// What the proxy does with the connections through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It passes everything on.
    None,
    /// It drops what the page sends; the connection stays open.
    LoseRequests,
    /// It drops what the relay sends; the connection stays open.
    LoseReplies,
    /// It drops everything; the connection stays open.
    LoseAll,
    /// It breaks all connections and accepts no new ones.
    Cut,
}

/// A running proxy; it ends with the story.
#[derive(Debug)]
pub struct FaultyProxy {
    /// The proxy's address, in place of the relay's.
    pub address: SocketAddr,
    fault: watch::Sender<Fault>,
    runs: JoinHandle<()>,
}

impl FaultyProxy {
    /// A proxy before the relay at this address.
    ///
    /// # Panics
    /// When there is no port left.
    pub async fn to(relay: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("its address");
        let fault = watch::Sender::new(Fault::None);
        let runs = tokio::spawn(serve(listener, relay, fault.clone()));
        Self {
            address,
            fault,
            runs,
        }
    }

    /// The page's URL through the proxy.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Injects this fault from now on.
    pub fn set_fault(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.fault.send_replace(Fault::Cut);
        self.runs.abort();
    }
}

async fn serve(listener: TcpListener, relay: SocketAddr, fault: watch::Sender<Fault>) {
    while let Ok((page, _)) = listener.accept().await {
        if *fault.borrow() != Fault::Cut {
            tokio::spawn(carry(page, relay, fault.subscribe()));
        }
    }
}

/// Passes bytes on until one end closes or the proxy cuts the connection.
async fn carry(page: TcpStream, relay: SocketAddr, mut fault: watch::Receiver<Fault>) {
    let Ok(relay) = TcpStream::connect(relay).await else {
        return;
    };
    let (from_page, to_page) = page.into_split();
    let (from_relay, to_relay) = relay.into_split();
    let now = fault.clone();
    tokio::select! {
        () = pass(from_page, to_relay, &now, Fault::LoseRequests) => {}
        () = pass(from_relay, to_page, &now, Fault::LoseReplies) => {}
        _ = fault.wait_for(|fault| *fault == Fault::Cut) => {}
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    fault: &watch::Receiver<Fault>,
    lost_by: Fault,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let is_lost = [lost_by, Fault::LoseAll].contains(&fault.borrow());
        if !is_lost && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
