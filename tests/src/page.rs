//! A page without a browser: it speaks the conversation with the relay, in typed messages or in raw text.

mod going;
mod opening;

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

use crate::patience::within;

/// A page in conversation with the relay.
#[derive(Debug)]
pub struct Page {
    socket: WebSocketStream<TcpStream>,
    next_id: u64,
    /// What it was welcomed with last.
    pub welcome: Welcome,
    arrived: bool,
    replies: VecDeque<Reply>,
    /// The events it has heard and not yet looked at.
    pub events: VecDeque<Event>,
    /// The gaps it has heard of.
    pub gaps: Vec<Gap>,
    /// The news of its class it has heard and not looked at, in order.
    pub news: VecDeque<News>,
    goodbye: Option<Goodbye>,
}

/// A host name under which nobody is on the relay's own machine.
pub const VISITORS_NAME: &str = "lab.example";

/// How a conversation ended.
#[derive(Debug)]
pub struct Parting {
    /// What the relay said before.
    pub goodbye: Option<Goodbye>,
    /// The close frame's code, if there was a close frame.
    pub code: Option<u16>,
}

/// What a page hears next.
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
        self.says(Request::Call(call)).await
    }

    /// Makes a call and waits for its reply.
    pub async fn calls(&mut self, call: Call) -> Reply {
        let id = self.starts(call).await;
        self.hears_of(id).await
    }

    /// Makes a call that must return.
    ///
    /// # Panics
    /// When it fails.
    pub async fn does(&mut self, call: Call) -> Returned {
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

    /// Asks something of the lab and waits for the reply.
    pub async fn asks(&mut self, ask: Ask) -> Reply {
        let id = self.begins_to_ask(ask).await;
        self.hears_of(id).await
    }

    /// Asks something of the lab without waiting for the reply.
    pub async fn begins_to_ask(&mut self, ask: Ask) -> u64 {
        self.says(Request::Ask(ask)).await
    }

    /// Waits for the reply to that call.
    ///
    /// # Panics
    /// When the conversation ends before.
    pub async fn hears_of(&mut self, id: u64) -> Reply {
        loop {
            if let Some(at) = self.replies.iter().position(|reply| reply.id == Some(id)) {
                return self.replies.remove(at).expect("just found");
            }
            self.listens().await;
        }
    }

    /// Waits for the next reply of all.
    pub async fn hears_reply(&mut self) -> Reply {
        loop {
            if let Some(reply) = self.replies.pop_front() {
                return reply;
            }
            self.listens().await;
        }
    }

    /// Waits for the next event of the trace.
    pub async fn hears_event(&mut self) -> Event {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            self.listens().await;
        }
    }

    /// Waits for the next news of its class.
    pub async fn hears_news(&mut self) -> News {
        loop {
            if let Some(news) = self.news.pop_front() {
                return news;
            }
            self.listens().await;
        }
    }

    /// Forgets the events and gaps it has heard and not looked at.
    pub fn forgets_events(&mut self) {
        self.events.clear();
        self.gaps.clear();
    }

    /// Hears the relay end the conversation; what comes before is not looked at.
    pub async fn hears_the_end(mut self) -> Parting {
        loop {
            if let Heard::End(parting) = hear(&mut self.socket, &mut self.goodbye).await {
                return parting;
            }
        }
    }

    /// Says anything at all, as text.
    pub async fn says_text(&mut self, text: impl Into<String>) {
        self.sends(Message::text(text.into())).await;
    }

    /// Says bytes where text is due.
    pub async fn says_bytes(&mut self, bytes: impl Into<Vec<u8>>) {
        self.sends(Message::binary(bytes.into())).await;
    }

    /// Says anything, if the relay still takes it; false when it does not.
    pub async fn tries_to_say(&mut self, text: String) -> bool {
        self.socket.send(Message::text(text)).await.is_ok()
    }

    /// Says, as text, what is not UTF-8.
    pub async fn says_broken_text(&mut self) {
        let text = OpCode::Data(frame::coding::Data::Text);
        self.sends(Message::Frame(Frame::message(
            b"{\"id\":\xff}".to_vec(),
            text,
            true,
        )))
        .await;
    }

    /// Is gone from one moment to the next, as a pulled plug: its connection is reset.
    ///
    /// # Panics
    /// Where a socket has no `SO_LINGER`.
    pub fn vanishes(self) {
        let stream = self.socket.into_inner();
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .expect("SO_LINGER");
    }

    /// Leaves as a closed tab does, with a close frame.
    pub async fn leaves(mut self) {
        self.socket.close(None).await.ok();
    }

    /// Hears one more message and puts it where it belongs.
    async fn listens(&mut self) {
        if let Some(parting) = self.listens_or_ends().await {
            panic!("the relay ended the conversation: {parting:?}");
        }
    }

    async fn listens_or_ends(&mut self) -> Option<Parting> {
        match hear(&mut self.socket, &mut self.goodbye).await {
            Heard::Message(ServerMessage::Reply(reply)) => self.replies.push_back(reply),
            Heard::Message(ServerMessage::Trace(event)) => self.events.push_back(event),
            Heard::Message(ServerMessage::Gap(gap)) => self.gaps.push(gap),
            Heard::Message(ServerMessage::Class(news)) => self.news.push_back(news),
            Heard::Message(ServerMessage::Welcome(welcome)) => self.is_welcomed(*welcome),
            Heard::Message(ServerMessage::Goodbye(goodbye)) => self.goodbye = Some(goodbye),
            Heard::End(parting) => return Some(parting),
        }
        None
    }

    /// What it heard of a lab's trace before is of the lab it left.
    fn is_welcomed(&mut self, welcome: Welcome) {
        let next_id = welcome.seat.as_ref().map_or(1, |seat| seat.next_id);
        self.next_id = self.next_id.max(next_id);
        self.forgets_events();
        self.news.clear();
        (self.welcome, self.arrived) = (welcome, true);
    }

    /// The replies it has heard and not looked at.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.replies.len()
    }

    async fn says(&mut self, request: Request) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.says_text(codec::encode_client(&ClientMessage { id, request }))
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
