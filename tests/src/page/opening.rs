//! How a page is opened: as a browser does, or as somebody else, from elsewhere, under another name.

use std::net::{IpAddr, SocketAddr};

use shared::{PROTOCOL_V1, PROTOCOL_V2, message::ServerMessage};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        client::IntoClientRequest, handshake::client::Request as Handshake, http::HeaderValue,
    },
};

use super::{Heard, Page, Parting, VISITORS_NAME, hear};
use crate::{relay::Relay, timeout::within};

/// The handshake of a conversation under this host name.
fn handshake(host: &str) -> Handshake {
    handshake_of(PROTOCOL_V1, host)
}

/// The same for a version of the conversation.
fn handshake_of(protocol: &'static str, host: &str) -> Handshake {
    let request = format!("ws://{host}/ws").into_client_request();
    let mut request = request.expect("a WebSocket URL");
    let protocol = HeaderValue::from_static(protocol);
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", protocol);
    request
}

impl Page {
    /// Opens a page as a browser on the relay's own machine does.
    ///
    /// # Panics
    /// When it is not welcomed.
    pub async fn open(relay: &Relay) -> Self {
        match Self::try_open(relay).await {
            Ok(page) => page,
            Err(parting) => panic!("the relay ended the conversation before it began: {parting:?}"),
        }
    }

    /// Opens a page that gets the trace in batches.
    ///
    /// # Panics
    /// When it is not welcomed.
    pub async fn open_with_batches(relay: &Relay) -> Self {
        let stream = TcpStream::connect(relay.http).await;
        let request = handshake_of(PROTOCOL_V2, &relay.http.to_string());
        let opening = tokio_tungstenite::client_async(request, stream.expect("it listens"));
        let (socket, _) = within("the WebSocket handshake", opening)
            .await
            .expect("a WebSocket on /ws");
        Self::welcomed(socket).await.expect("a welcome")
    }

    /// Opens a page that the relay may refuse.
    ///
    /// # Errors
    /// How it was refused.
    ///
    /// # Panics
    /// When neither a welcome nor a goodbye comes.
    pub async fn try_open(relay: &Relay) -> Result<Self, Parting> {
        let stream = TcpStream::connect(relay.http)
            .await
            .expect("the relay listens");
        Self::over(&relay.http.to_string(), stream).await
    }

    /// Opens a page with room for only few bytes that were not read yet.
    ///
    /// # Panics
    /// When it is not welcomed.
    pub async fn open_with_little_room(relay: &Relay) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .set_recv_buffer_size(4096)
            .expect("a small receive buffer");
        let stream = socket.connect(relay.http).await.expect("the relay listens");
        Self::over(&relay.http.to_string(), stream)
            .await
            .expect("a welcome")
    }

    /// Opens a page as somebody does who comes through a proxy, under [`VISITORS_NAME`]; the relay has to allow it.
    ///
    /// # Panics
    /// When it is not welcomed.
    pub async fn open_as_visitor(relay: &Relay) -> Self {
        let stream = TcpStream::connect(relay.http).await.expect("it listens");
        let page = Self::over(VISITORS_NAME, stream).await;
        page.expect("a welcome")
    }

    /// Opens a page at an address, perhaps a proxy's, under a host name, as a program does that is no browser and names
    /// no origin; `None` where no WebSocket is opened.
    ///
    /// # Panics
    /// When nobody listens there, or it is not welcomed.
    pub async fn open_under(address: SocketAddr, host: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).await.expect("it listens");
        let opening = tokio_tungstenite::client_async(handshake(host), stream);
        let (socket, _) = within("an answer to the handshake", opening).await.ok()?;
        Some(Self::welcomed(socket).await.expect("a welcome"))
    }

    /// Opens a page from an address of this machine, with headers more, that the relay may refuse.
    ///
    /// # Errors
    /// How it was refused.
    ///
    /// # Panics
    /// When nobody listens there, or no WebSocket is opened.
    pub async fn try_open_from(
        source: IpAddr,
        address: SocketAddr,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Parting> {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((source, 0).into()).expect("its address");
        let stream = socket.connect(address).await.expect("it listens");
        let mut request = handshake(&address.to_string());
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a header value");
            request.headers_mut().insert(*name, value);
        }
        let opening = tokio_tungstenite::client_async(request, stream);
        let (socket, _) = within("an answer to the handshake", opening)
            .await
            .expect("a WebSocket on /ws");
        Self::welcomed(socket).await
    }

    pub(super) async fn over(host: &str, stream: TcpStream) -> Result<Self, Parting> {
        let mut request = handshake(host);
        let origin = format!("http://{host}").parse().expect("a header value");
        request.headers_mut().insert("Origin", origin);
        let opening = tokio_tungstenite::client_async(request, stream);
        let (socket, _) = within("the WebSocket handshake", opening)
            .await
            .expect("a WebSocket on /ws");
        Self::welcomed(socket).await
    }

    async fn welcomed(mut socket: WebSocketStream<TcpStream>) -> Result<Self, Parting> {
        let mut goodbye = None;
        loop {
            match hear(&mut socket, &mut goodbye).await {
                Heard::Message(ServerMessage::Welcome(welcome)) => {
                    let (replies, events, gaps, news) = Default::default();
                    return Ok(Self {
                        socket,
                        next_id: 1,
                        welcome: *welcome,
                        arrived: false,
                        replies,
                        events,
                        gaps,
                        news,
                        goodbye,
                    });
                }
                Heard::Message(ServerMessage::Goodbye(said)) => goodbye = Some(said),
                Heard::Message(other) => {
                    panic!("the relay speaks first, with a welcome, not with {other:?}")
                }
                Heard::End(parting) => return Err(parting),
            }
        }
    }
}
