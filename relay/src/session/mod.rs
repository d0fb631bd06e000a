//! One visitor: a page's conversation, or a plain bridge.

mod bridge;
mod close_code;
mod conversation;
mod heartbeat;
mod moves;
mod seat;
mod seats;
mod table;
mod talk;

use std::rc::Rc;

use bytes::Bytes;
use shared::{call::Transport, limits::Limits};
use tokio::{
    net::TcpStream,
    sync::{Mutex, oneshot, watch},
};

pub use bridge::{Encoding, turn_ends};
pub use seats::Seats;

use crate::{
    admission::{ClientOrigin, PageQuota},
    class::ClassRegistry,
    descriptors::ReserveSlot,
    lab::{
        Lab, LabRegistry,
        export::{Export, Format, export},
    },
    store::{Store, unix_time_s},
};

/// Somebody whose WebSocket handshake is done.
#[derive(Debug)]
pub struct Visitor {
    /// What was asked for.
    pub purpose: Purpose,
    /// The connection.
    pub stream: TcpStream,
    /// Where it came on a descriptor of the reserve: it is told so, and nothing else.
    pub slot: Option<ReserveSlot>,
    /// What the visitor sent before the handshake's answer.
    pub early: Vec<u8>,
    /// Where it comes from.
    pub from: ClientOrigin,
}

/// What a visitor can come for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `/ws`.
    Conversation,
    /// `/raw/udp`, `/raw/tcp`.
    Bridge(Transport, Encoding),
}

/// What the front door hands to the event loop on which labs live.
#[derive(Debug)]
pub enum Errand {
    /// Somebody to be served.
    Visit(Visitor),
    /// Whether this is the admin token, as somebody says who comes from there.
    Admin(String, ClientOrigin, oneshot::Sender<bool>),
    /// A file of a lab's trace is wanted; nothing is answered where there is no such lab.
    Export(String, Format, oneshot::Sender<Export>),
    /// A saved trace is wanted, by its link; nothing is answered where there is none.
    Link(String, oneshot::Sender<Bytes>),
}

/// What every session needs of the relay.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The lab the visitor is in; at first the open one.
    pub lab: Rc<Lab>,
    /// All labs.
    pub labs: Rc<LabRegistry>,
    /// What pages left and may come back to.
    pub seats: Rc<Seats>,
    /// All classes.
    pub classes: Rc<ClassRegistry>,
    /// What outlives the relay.
    pub store: Store,
    /// Held while a trace is written and saved as a link.
    pub saving: Rc<Mutex<()>>,
    /// Who may.
    pub page_quota: Rc<PageQuota>,
    /// The limits in force.
    pub limits: Rc<Limits>,
    /// Turns true when the relay ends.
    pub ending: watch::Receiver<bool>,
}

impl Surroundings {
    /// Writes a file of a lab's trace for whoever waits for it.
    pub fn export(&self, lab: &str, format: Format, wanted: oneshot::Sender<Export>) {
        if let Some(lab) = self.labs.find(lab) {
            // Who does not wait any longer does not want it any longer.
            wanted.send(export(&lab, format)).ok();
        }
    }

    /// Reads a saved trace for whoever waits for it.
    pub async fn link(self, link: String, wanted: oneshot::Sender<Bytes>) {
        // Why it could not be read was said where that was found out.
        if let Ok(Some(trace)) = self.store.link(link, unix_time_s()).await {
            wanted.send(trace.into()).ok();
        }
    }
}

/// Serves a visitor until it leaves.
pub async fn serve(visitor: Visitor, surroundings: Surroundings) {
    let Surroundings {
        page_quota, limits, ..
    } = &surroundings;
    let place = match &visitor.slot {
        Some(_) => Err(page_quota.out_of_descriptors()),
        None => page_quota.admit(visitor.from.address, limits),
    };
    let Visitor {
        purpose,
        stream,
        slot: _slot,
        early,
        from,
    } = visitor;
    match (place, purpose) {
        // Boxed: a bridge that is idle is not to pay for what only a page needs.
        (place, Purpose::Conversation) => {
            Box::pin(async {
                let mut talk = talk::Talk::new(stream, early, limits).await;
                match place {
                    Err(goodbye) => talk.part(&goodbye).await,
                    Ok(_place) => conversation::hold(talk, from, surroundings.clone()).await,
                }
            })
            .await;
        }
        (Err(goodbye), Purpose::Bridge(..)) => {
            bridge::refuse(stream, goodbye.reason.close_code(), &goodbye.message).await;
        }
        (Ok(_place), Purpose::Bridge(transport, encoding)) => {
            let way = (transport, encoding);
            bridge::hold(stream, early, way, surroundings.clone()).await;
        }
    }
}
