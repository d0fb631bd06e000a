//! A page without a browser: it exchanges the protocol's messages with the relay, typed or as raw text.

mod opening;
mod transition;

use std::{collections::VecDeque, time::Duration};

use futures_util::{SinkExt, StreamExt};
use shared::{
    call::Call,
    class::News,
    codec,
    lab::{Level, ObstacleKind},
    message::{Ask, ClientMessage, Gap, Goodbye, Reply, Request, ServerMessage, Welcome},
    outcome::{Failed, Outcome, Returned},
    trace::Event,
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::frame::{self, CloseFrame, Frame, coding::OpCode},
    },
};

use crate::timeout::within;

/// A page that is connected to the relay.
#[derive(Debug)]
pub struct Page {
    socket: WebSocketStream<TcpStream>,
    next_id: u64,
    /// The last welcome it received.
    pub welcome: Welcome,
    arrived: bool,
    replies: VecDeque<Reply>,
    /// The events it has received and the story has not read.
    pub events: VecDeque<Event>,
    /// The gaps it has received.
    pub gaps: Vec<Gap>,
    /// The news of its class that it has received and the story has not read, in order.
    pub news: VecDeque<News>,
    goodbye: Option<Goodbye>,
}

/// A host name under which nobody has the rights of the relay's machine.
pub const VISITORS_NAME: &str = "lab.example";

/// How a connection ended.
#[derive(Debug)]
pub struct Parting {
    /// The goodbye that the relay sent before.
    pub goodbye: Option<Goodbye>,
    /// The close frame's code, if there was a close frame.
    pub code: Option<u16>,
}

/// What a page receives next.
enum Heard {
    Message(ServerMessage),
    End(Parting),
}

impl Page {
    /// Whether packets are captured for it. Where they are not, the system must be why: the story then ends there.
    ///
    /// # Panics
    /// When there is another reason.
    #[must_use]
    pub fn sees_packets(&self) -> bool {
        let truth = &self.welcome.truth;
        if truth.level == Level::L2 {
            return true;
        }
        let obstacle = truth.why_not_higher.as_ref().expect("a reason");
        let allowed = [ObstacleKind::NoCapNetRaw, ObstacleKind::NotLinux];
        assert!(allowed.contains(&obstacle.kind), "{obstacle:?}");
        eprintln!("not told to its end, nothing can be captured here: {obstacle:?}");
        false
    }

    /// Makes a call without waiting for its reply.
    pub async fn starts(&mut self, call: Call) -> u64 {
        self.sends_request(Request::Call(call)).await
    }

    /// Makes a call and waits for its reply.
    pub async fn calls(&mut self, call: Call) -> Reply {
        let id = self.starts(call).await;
        self.waits_for_reply(id).await
    }

    /// Makes a call that must return.
    ///
    /// # Panics
    /// When it fails.
    pub async fn makes(&mut self, call: Call) -> Returned {
        let named = format!("{call:?}");
        match self.calls(call).await.outcome {
            Outcome::Returned(returned) => returned,
            Outcome::Failed(failed) => panic!("{named:.80} failed: {failed:?}"),
        }
    }

    /// Makes a call that must fail.
    ///
    /// # Panics
    /// When it returns.
    pub async fn fails(&mut self, call: Call) -> Failed {
        let named = format!("{call:?}");
        match self.calls(call).await.outcome {
            Outcome::Failed(failed) => failed,
            Outcome::Returned(returned) => panic!("{named:.80} returned {returned:?}"),
        }
    }

    /// Sends a request to the lab and waits for the reply.
    pub async fn asks(&mut self, ask: Ask) -> Reply {
        let id = self.begins_to_ask(ask).await;
        self.waits_for_reply(id).await
    }

    /// Sends a request to the lab without waiting for the reply; returns its id.
    pub async fn begins_to_ask(&mut self, ask: Ask) -> u64 {
        self.sends_request(Request::Ask(ask)).await
    }

    /// Waits for the reply to that call.
    ///
    /// # Panics
    /// When the connection ends before.
    pub async fn waits_for_reply(&mut self, id: u64) -> Reply {
        loop {
            if let Some(at) = self.replies.iter().position(|reply| reply.id == Some(id)) {
                return self.replies.remove(at).expect("just found");
            }
            self.receives_message().await;
        }
    }

    /// Waits for the next reply to any request.
    pub async fn receives_reply(&mut self) -> Reply {
        loop {
            if let Some(reply) = self.replies.pop_front() {
                return reply;
            }
            self.receives_message().await;
        }
    }

    /// Waits for the next event of the trace.
    pub async fn receives_event(&mut self) -> Event {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            self.receives_message().await;
        }
    }

    /// Waits for the next news of its class.
    pub async fn receives_news(&mut self) -> News {
        loop {
            if let Some(news) = self.news.pop_front() {
                return news;
            }
            self.receives_message().await;
        }
    }

    /// Discards the events and gaps that the story has not read.
    pub fn forgets_events(&mut self) {
        self.events.clear();
        self.gaps.clear();
    }

    /// Waits until the relay ends the connection, and discards all messages before.
    pub async fn receives_close(mut self) -> Parting {
        loop {
            if let Heard::End(parting) = hear(&mut self.socket, &mut self.goodbye).await {
                return parting;
            }
        }
    }

    /// Sends any text message.
    pub async fn sends_text(&mut self, text: impl Into<String>) {
        self.sends(Message::text(text.into())).await;
    }

    /// Sends a binary message, which the protocol does not have.
    pub async fn sends_bytes(&mut self, bytes: impl Into<Vec<u8>>) {
        self.sends(Message::binary(bytes.into())).await;
    }

    /// Sends a text message; false when the connection is broken.
    pub async fn tries_to_say(&mut self, text: String) -> bool {
        self.socket.send(Message::text(text)).await.is_ok()
    }

    /// Sends a text message that is not UTF-8.
    pub async fn sends_broken_text(&mut self) {
        let text = OpCode::Data(frame::coding::Data::Text);
        self.sends(Message::Frame(Frame::message(
            b"{\"id\":\xff}".to_vec(),
            text,
            true,
        )))
        .await;
    }

    /// Resets the connection.
    ///
    /// # Panics
    /// Where a socket has no `SO_LINGER`.
    pub fn vanishes(self) {
        let stream = self.socket.into_inner();
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .expect("SO_LINGER");
    }

    /// Closes the connection as a closed tab does, with a close frame.
    pub async fn closes(mut self) {
        self.socket.close(None).await.ok();
    }

    /// Receives one message and keeps it with others of its kind.
    async fn receives_message(&mut self) {
        if let Some(parting) = self.receives_or_ends().await {
            panic!("the relay ended the conversation: {parting:?}");
        }
    }

    async fn receives_or_ends(&mut self) -> Option<Parting> {
        match hear(&mut self.socket, &mut self.goodbye).await {
            Heard::Message(ServerMessage::Reply(reply)) => self.replies.push_back(reply),
            Heard::Message(ServerMessage::Trace(event)) => self.events.push_back(event),
            Heard::Message(ServerMessage::Traces(events)) => self.events.extend(events),
            Heard::Message(ServerMessage::Gap(gap)) => self.gaps.push(gap),
            Heard::Message(ServerMessage::Class(news)) => self.news.push_back(news),
            Heard::Message(ServerMessage::Welcome(welcome)) => self.handles_welcome(*welcome),
            Heard::Message(ServerMessage::Goodbye(goodbye)) => self.goodbye = Some(goodbye),
            Heard::End(parting) => return Some(parting),
        }
        None
    }

    /// Handles a welcome to a lab; the events before it are of another lab.
    fn handles_welcome(&mut self, welcome: Welcome) {
        let next_id = welcome.seat.as_ref().map_or(1, |seat| seat.next_id);
        self.next_id = self.next_id.max(next_id);
        self.forgets_events();
        self.news.clear();
        (self.welcome, self.arrived) = (welcome, true);
    }

    /// The number of replies that the story has not read.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.replies.len()
    }

    async fn sends_request(&mut self, request: Request) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.sends_text(codec::encode_client(&ClientMessage { id, request }))
            .await;
        id
    }

    async fn sends(&mut self, message: Message) {
        within(
            "the relay reading what the page says",
            self.socket.send(message),
        )
        .await
        .expect("an open conversation");
    }
}

async fn hear(socket: &mut WebSocketStream<TcpStream>, goodbye: &mut Option<Goodbye>) -> Heard {
    loop {
        let message = within("a word from the relay", socket.next()).await;
        match message {
            Some(Ok(Message::Text(text))) => {
                let message = codec::decode_server(&text);
                let message = message.unwrap_or_else(|error| panic!("{error}: {text}"));
                if let ServerMessage::Goodbye(said) = &message {
                    *goodbye = Some(said.clone());
                }
                return Heard::Message(message);
            }
            Some(Ok(Message::Close(frame))) => return ended(goodbye.take(), frame),
            Some(Ok(Message::Binary(bytes))) => {
                panic!("the relay said {} bytes instead of text", bytes.len())
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(_)) | None => return ended(goodbye.take(), None),
        }
    }
}

fn ended(goodbye: Option<Goodbye>, frame: Option<CloseFrame>) -> Heard {
    Heard::End(Parting {
        goodbye,
        code: frame.map(|frame| frame.code.into()),
    })
}
