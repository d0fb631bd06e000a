//! A plain WebSocket client, which knows nothing of the page's protocol.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

use crate::{relay::Relay, timeout::within};

/// An open bridge to one of the lab's servers.
#[derive(Debug)]
pub struct Bridge(WebSocketStream<TcpStream>);

/// What arrives over a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Crossed {
    /// A text message.
    Text(String),
    /// A binary message.
    Bytes(Vec<u8>),
    /// The end, with its code where there was one.
    End(Option<u16>),
}

impl Bridge {
    /// Opens `/raw/udp` or `/raw/tcp` without any header of our own.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn open(relay: &Relay, path: &str) -> Self {
        Self::offering(relay, path, None).await
    }

    /// Opens a bridge, or another WebSocket of the relay, offering these subprotocols; the relay has to choose one.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn offering(relay: &Relay, path: &str, subprotocols: Option<&str>) -> Self {
        let stream = TcpStream::connect(relay.http).await;
        let stream = stream.expect("the relay listens");
        Self::over(stream, relay.http, path, subprotocols).await
    }

    /// Opens it at another address than the relay's own, such as a proxy's.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn open_at(address: SocketAddr, path: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("it listens");
        Self::over(stream, address, path, None).await
    }

    async fn over(
        stream: TcpStream,
        host: SocketAddr,
        path: &str,
        subprotocols: Option<&str>,
    ) -> Self {
        let mut request = format!("ws://{host}{path}")
            .into_client_request()
            .expect("a WebSocket URL");
        if let Some(offered) = subprotocols {
            let offered = offered.parse().expect("a header value");
            let headers = request.headers_mut();
            headers.insert("Sec-WebSocket-Protocol", offered);
        }
        let opening = tokio_tungstenite::client_async(request, stream);
        Self(
            within("the WebSocket handshake", opening)
                .await
                .expect("an open bridge")
                .0,
        )
    }

    /// Sends a text message.
    ///
    /// # Panics
    /// When the bridge is gone.
    pub async fn sends_text(&mut self, text: &str) {
        self.0
            .send(Message::text(text))
            .await
            .expect("an open bridge");
    }

    /// Sends a binary message.
    ///
    /// # Panics
    /// When the bridge is gone.
    pub async fn sends_bytes(&mut self, bytes: impl Into<Vec<u8>>) {
        self.0
            .send(Message::binary(bytes.into()))
            .await
            .expect("an open bridge");
    }

    /// Sends many binary messages with one write.
    ///
    /// # Panics
    /// When the bridge is gone.
    pub async fn sends_at_once(&mut self, messages: impl IntoIterator<Item = Vec<u8>>) {
        for message in messages {
            let fed = self.0.feed(Message::binary(message)).await;
            fed.expect("an open bridge");
        }
        self.0.flush().await.expect("an open bridge");
    }

    /// Sends bytes that need not be a frame.
    ///
    /// # Panics
    /// When the bridge is gone.
    pub async fn sends_raw(&mut self, bytes: &[u8]) {
        let stream = self.0.get_mut();
        stream.write_all(bytes).await.expect("an open bridge");
    }

    /// Sends a ping, and waits for its answer.
    ///
    /// # Panics
    /// When the bridge is gone, or something else comes.
    pub async fn pings(&mut self, payload: &'static [u8]) {
        let ping = Message::Ping(payload.into());
        self.0.send(ping).await.expect("an open bridge");
        match within("an answer to the ping", self.0.next()).await {
            Some(Ok(Message::Pong(answer))) => assert_eq!(answer, payload),
            other => panic!("no pong: {other:?}"),
        }
    }

    /// Sends a close frame without a code.
    pub async fn closes(&mut self) {
        self.0.close(None).await.ok();
    }

    /// Sends a close frame with this code.
    pub async fn closes_with(&mut self, code: u16) {
        let (code, reason) = (code.into(), "".into());
        self.0.close(Some(CloseFrame { code, reason })).await.ok();
    }

    /// Receives until the end; returns the bytes of all messages, and the close code.
    pub async fn receives_to_the_end(&mut self) -> (Vec<u8>, Option<u16>) {
        let mut bytes = Vec::new();
        loop {
            match self.receives().await {
                Crossed::Text(text) => bytes.extend(text.into_bytes()),
                Crossed::Bytes(more) => bytes.extend(more),
                Crossed::End(code) => return (bytes, code),
            }
        }
    }

    /// Answers this many pings of the relay.
    ///
    /// # Panics
    /// When the bridge ends before.
    pub async fn answers_pings(&mut self, mut pings: u32) {
        while pings > 0 {
            match within("a ping of the relay", self.0.next()).await {
                Some(Ok(Message::Ping(_))) => pings -= 1,
                Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Pong(_))) => {}
                other => panic!("no ping: {other:?}"),
            }
        }
        // What answers the last one leaves with the next flush.
        self.0.flush().await.expect("an open bridge");
    }

    /// Receives the next message, or the end.
    pub async fn receives(&mut self) -> Crossed {
        loop {
            match within("something over the bridge", self.0.next()).await {
                Some(Ok(Message::Text(text))) => return Crossed::Text(text.to_string()),
                Some(Ok(Message::Binary(bytes))) => return Crossed::Bytes(bytes.to_vec()),
                Some(Ok(Message::Close(frame))) => {
                    return Crossed::End(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(_)) | None => return Crossed::End(None),
            }
        }
    }

    /// Receives messages until their bytes are `length` or more.
    ///
    /// # Panics
    /// When it ends before.
    pub async fn receives_bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            match self.receives().await {
                Crossed::Text(text) => bytes.extend(text.into_bytes()),
                Crossed::Bytes(more) => bytes.extend(more),
                Crossed::End(code) => panic!(
                    "the bridge ended ({code:?}) after {} of {length} bytes",
                    bytes.len()
                ),
            }
        }
        bytes
    }
}
