//! A plain WebSocket bridge to the open lab's server: one message is one datagram, or the next bytes of a stream.

use std::{pin::Pin, rc::Rc, time::Duration};

use bytes::Bytes;
use shared::{
    call::{Call, Fd, Target, Transport},
    data::Data,
    message::GoodbyeReason,
    outcome::{Failed, Outcome, Returned},
    trace::Role,
};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use super::{
    Surroundings,
    talk::{Heard, Talk},
};
use crate::{
    client::{Door, Made, Process},
    server::task::LONGEST_DATAGRAM,
};

/// A bridge has one socket.
const FD: Fd = 3;
/// The server could not be reached (registered for WebSocket as "Bad Gateway").
const BAD_GATEWAY: u16 = 1014;

/// Bridges until one side ends it; tells the visitor why in the close frame.
pub(super) async fn hold(mut talk: Talk, transport: Transport, surroundings: Surroundings) {
    let lab = Rc::clone(&surroundings.lab);
    let process = Rc::new(Process::new(
        lab.join(Role::Bridge),
        lab.client_source(),
        Rc::clone(lab.trace()),
        Rc::clone(lab.edge()),
    ));
    let id = process.id();
    let ended = match open(process, transport, &surroundings).await {
        Ok(door) => {
            let ended = carry(&mut talk, &door, transport, surroundings).await;
            let _made = door.close(None);
            ended
        }
        Err(failed) => Some((BAD_GATEWAY, told(&failed))),
    };
    lab.leave(id);
    if let Some((code, reason)) = ended {
        talk.close(code, &reason).await;
    }
}

async fn open(
    process: Rc<Process>,
    transport: Transport,
    surroundings: &Surroundings,
) -> Result<Rc<Door>, Failed> {
    let server = surroundings.lab.server_address(transport);
    let (door, _took) = process.open(FD, transport, None, server, None);
    let door = Rc::new(door?);
    let made = door
        .make(
            &Call::Connect {
                fd: FD,
                to: Target::Server,
            },
            None,
        )
        .await;
    match made.outcome {
        Outcome::Returned(_) => Ok(door),
        Outcome::Failed(failed) => Err(failed),
    }
}

/// Why a bridge ends: the close code and the reason; none where the visitor is already gone.
type Ended = Option<(u16, String)>;

/// A call of the bridge's own that is being made, so that both directions run at once.
type Making<'a> = Option<Pin<Box<dyn Future<Output = Made> + 'a>>>;

async fn carry(
    talk: &mut Talk,
    door: &Rc<Door>,
    transport: Transport,
    mut surroundings: Surroundings,
) -> Ended {
    let queued_most = usize::try_from(surroundings.limits.queued_bytes).unwrap_or(usize::MAX);
    let unread = Duration::from_secs(surroundings.limits.unread_seconds);
    let mut looks = tokio::time::interval(unread);
    let mut sending: Making<'_> = None;
    let mut receiving: Making<'_> = None;
    loop {
        let room = talk.queued() < queued_most;
        if room && receiving.is_none() {
            receiving = Some(make(door, receive(transport)));
        }
        let listening = room && sending.is_none();
        let ended = tokio::select! {
            biased;
            Ok(()) = surroundings.ending.changed() => {
                Some((CloseCode::Away.into(), "the relay is ending".to_owned()))
            }
            _ = looks.tick() => left_unread(talk, unread),
            made = resolved(&mut sending) => after_sending(transport, made),
            made = resolved(&mut receiving), if room => forward(talk, transport, made),
            heard = talk.heard(listening) => match send(transport, heard) {
                Ok(Some(call)) => {
                    sending = Some(make(door, call));
                    None
                }
                Ok(None) => None,
                Err(ended) => return ended,
            },
        };
        if ended.is_some() {
            return ended;
        }
    }
}

/// A visitor that does not take what it is sent holds its socket for nothing.
fn left_unread(talk: &Talk, most: Duration) -> Ended {
    let since = talk
        .unread_since()
        .filter(|since| since.elapsed() >= most)?;
    let reason = format!("nothing was read for {} s", since.elapsed().as_secs());
    Some((GoodbyeReason::Unread.close_code(), reason))
}

fn make<'a>(door: &'a Rc<Door>, call: Call) -> Pin<Box<dyn Future<Output = Made> + 'a>> {
    Box::pin(async move { door.make(&call, None).await })
}

/// The call's end; never, where none is being made.
async fn resolved(making: &mut Making<'_>) -> Made {
    match making {
        Some(call) => {
            let made = call.await;
            *making = None;
            made
        }
        None => std::future::pending().await,
    }
}

const fn receive(transport: Transport) -> Call {
    match transport {
        Transport::Udp => Call::Recv {
            fd: FD,
            size: 65_535,
        },
        Transport::Tcp => Call::Recv {
            fd: FD,
            size: 64 << 10,
        },
    }
}

/// What the visitor said, as a call; nothing for what is no data; or that it is gone.
fn send(transport: Transport, heard: Heard) -> Result<Option<Call>, Ended> {
    let bytes: Bytes = match heard {
        Heard::Said(Message::Binary(bytes)) => bytes,
        Heard::Said(Message::Text(text)) => text.into(),
        Heard::Said(
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_),
        )
        | Heard::Flushed => {
            return Ok(None);
        }
        Heard::TooLong => {
            return Err(Some((
                CloseCode::Size.into(),
                "this message is far too long".to_owned(),
            )));
        }
        Heard::NotText => {
            return Err(Some((
                CloseCode::Invalid.into(),
                "text that is not UTF-8".to_owned(),
            )));
        }
        Heard::Gone => return Err(None),
    };
    if transport == Transport::Udp && bytes.len() > LONGEST_DATAGRAM {
        let reason = format!("one datagram holds at most {LONGEST_DATAGRAM} bytes");
        return Err(Some((CloseCode::Size.into(), reason)));
    }
    Ok(Some(Call::Send {
        fd: FD,
        data: Data(bytes.into()),
    }))
}

/// A datagram that could not be sent is lost, as on any way; a stream that cannot go on has ended.
fn after_sending(transport: Transport, made: Made) -> Ended {
    match (transport, made.outcome) {
        (Transport::Tcp, Outcome::Failed(failed)) => Some((BAD_GATEWAY, told(&failed))),
        (Transport::Udp, Outcome::Failed(_)) | (_, Outcome::Returned(_)) => None,
    }
}

/// Passes on what came; the end of the stream ends the bridge.
fn forward(talk: &mut Talk, transport: Transport, made: Made) -> Ended {
    match made.outcome {
        Outcome::Returned(Returned::Datagram { data, .. } | Returned::Chunk { data }) => {
            talk.queue(Message::Binary(data.0.into()));
            None
        }
        Outcome::Returned(Returned::EndOfStream) => {
            Some((CloseCode::Normal.into(), "end of stream".to_owned()))
        }
        Outcome::Failed(failed) if transport == Transport::Tcp => {
            Some((BAD_GATEWAY, told(&failed)))
        }
        Outcome::Failed(_) | Outcome::Returned(_) => None,
    }
}

fn told(failed: &Failed) -> String {
    format!("{}: {}", failed.errno, failed.message)
}
