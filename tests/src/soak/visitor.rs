//! Clients, one after another: each connects as a page or through a bridge, sends random requests, and closes in a random
//! way.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use shared::{
    PROTOCOL_V1, codec,
    lab::LabKind,
    message::{Ask, ClientMessage, Request, ServerMessage},
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use super::{Counts, Length, random::Random, request::request};
use crate::{relay::Relay, timeout::within};

/// The percentage of clients that use a bridge.
const BRIDGES: u64 = 20;
/// The number of ways in which a client can close.
pub(super) const WAYS_TO_CLOSE: u64 = 4;
/// The percentage of pages that resume their private lab.
const COME_BACK: u64 = 50;

/// Connects again and again until the soak is over; the last client stays, with its calls in flight.
pub(super) async fn connects_and_closes<'a>(
    relay: &Relay,
    mut random: Random,
    length: Length,
    counts: &'a Counts,
) -> Visitor<'a> {
    let (mut said, mut left, begun) = (0, None, Instant::now());
    loop {
        let path = match random.below(100) {
            0..BRIDGES => random.one_of(&["/raw/udp", "/raw/tcp"]),
            _ => "/ws",
        };
        let mut visitor = Visitor::opens(relay, path, counts).await;
        let back = left.take().filter(|_| random.percent(COME_BACK));
        if let Some(token) = back.filter(|_| visitor.is_page) {
            let heard = None;
            visitor
                .asks(Request::Ask(Ask::Resume { token, heard }))
                .await;
        }
        for _ in 0..5 + random.below(40) {
            if !visitor.is_there || length.is_over(said, begun) {
                break;
            }
            said += 1;
            visitor.sends_something(&mut random).await;
            let pause = random.one_of(&[0, 0, 1, 5]);
            visitor.receives_for(Duration::from_millis(pause)).await;
        }
        if length.is_over(said, begun) {
            return visitor;
        }
        left = visitor.closes(random.below(WAYS_TO_CLOSE)).await;
    }
}

/// A connected client.
#[derive(Debug)]
pub(super) struct Visitor<'a> {
    socket: WebSocketStream<TcpStream>,
    counts: &'a Counts,
    is_page: bool,
    /// False once the relay has closed the connection.
    is_there: bool,
    next_id: u64,
    /// The token of its session; `None` in the open lab.
    seat: Option<String>,
}

impl<'a> Visitor<'a> {
    async fn opens(relay: &Relay, path: &str, counts: &'a Counts) -> Self {
        let stream = within("a connection", TcpStream::connect(relay.http)).await;
        let stream = stream.expect("the relay listens");
        let mut request = format!("ws://{}{path}", relay.http)
            .into_client_request()
            .expect("a WebSocket URL");
        let is_page = path == "/ws";
        if is_page {
            let protocol = HeaderValue::from_static(PROTOCOL_V1);
            request
                .headers_mut()
                .insert("Sec-WebSocket-Protocol", protocol);
        }
        let opening = tokio_tungstenite::client_async(request, stream);
        let opened = within("the WebSocket handshake", opening).await;
        let count = if is_page {
            &counts.visits
        } else {
            &counts.bridges
        };
        count.fetch_add(1, Relaxed);
        Self {
            socket: opened.expect("a WebSocket").0,
            counts,
            is_page,
            is_there: true,
            next_id: 1,
            seat: None,
        }
    }

    /// Sends a random request.
    async fn sends_something(&mut self, random: &mut Random) {
        if self.is_page {
            let request = request(random, self.next_id, self.seat.is_some());
            return self.asks(request).await;
        }
        let message = match random.below(4) {
            0 => Message::text("by a bridge"),
            1 => Message::Ping("there?".into()),
            2 => Message::binary(vec![b'y'; 20_000]),
            _ => Message::binary(Vec::new()),
        };
        self.sends(message).await;
    }

    async fn asks(&mut self, request: Request) {
        let id = self.next_id;
        self.next_id += 1;
        let text = codec::encode_client(&ClientMessage { id, request });
        self.sends(Message::text(text)).await;
    }

    /// Sends, and receives meanwhile: the relay stops reading when its own messages are not read.
    async fn sends(&mut self, message: Message) {
        self.counts.calls.fetch_add(1, Relaxed);
        let fed = within("the relay taking a message", self.socket.send(message)).await;
        self.is_there &= fed.is_ok();
    }

    /// Receives for this time, and at least what has arrived.
    pub(super) async fn receives_for(&mut self, time: Duration) {
        let hears = async {
            while self.is_there {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) if self.is_page => self.handle_message(&text),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => self.is_there = false,
                    Some(Ok(_)) => {
                        self.counts.messages.fetch_add(1, Relaxed);
                    }
                }
            }
        };
        tokio::time::timeout(time, hears).await.ok();
        if !self.is_there && self.is_page {
            self.counts.ended.fetch_add(1, Relaxed);
        }
    }

    fn handle_message(&mut self, text: &str) {
        self.counts.messages.fetch_add(1, Relaxed);
        if !text.starts_with("{\"welcome\"") {
            return;
        }
        let message = codec::decode_server(text);
        if let ServerMessage::Welcome(welcome) = message.expect("a message") {
            let next = welcome.seat.as_ref().map_or(1, |seat| seat.next_id);
            self.next_id = self.next_id.max(next);
            let own = welcome.lab.kind == LabKind::Private;
            self.seat = welcome.seat.map(|seat| seat.token).filter(|_| own);
        }
    }

    /// Closes in one of [`WAYS_TO_CLOSE`]; returns the token of the session it leaves.
    pub(super) async fn closes(mut self, way: u64) -> Option<String> {
        match way {
            // As a closed tab: with a close frame, whose answer it hears or does not.
            0 => drop(self.socket.close(None).await),
            1 => {
                self.socket.close(None).await.ok();
                self.receives_to_the_end().await;
            }
            // As a pulled plug: the connection is reset.
            2 => {
                let stream = socket2::SockRef::from(self.socket.get_ref());
                stream.set_linger(Some(Duration::ZERO)).ok();
            }
            // As a program that exits: without a close frame.
            _ => {}
        }
        self.seat
    }

    async fn receives_to_the_end(&mut self) {
        let to_the_end = async { while let Some(Ok(_)) = self.socket.next().await {} };
        within("the answer to a close frame", to_the_end).await;
    }
}
