//! Sessions: one WebSocket connection each, of a page (`page`) or of a plain bridge (`bridge`).
//!
//! What both need is here: the WebSocket's heartbeat and close codes, and [`SessionContext`]. Rights and quotas are
//! checked in [`admission`](crate::admission), the handshake is answered in [`http`](crate::http).
//!
//! Rooms, each importing only from those after it: `page`, `bridge`, `ws`, `protocol`, `heartbeat`, `close_code`.

mod bridge;
mod close_code;
mod heartbeat;
mod page;
mod protocol;
mod ws;

use std::rc::Rc;

use bytes::Bytes;
use shared::{call::Transport, limits::Limits};
use tokio::{
    net::TcpStream,
    sync::{Mutex, oneshot, watch},
};

pub use bridge::{Encoding, end_turn};
pub(crate) use page::SessionRegistry;
pub use protocol::Protocol;

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

/// A connection whose WebSocket handshake is answered.
#[derive(Debug)]
pub struct UpgradedConnection {
    /// What the client requested.
    pub purpose: Purpose,
    /// The connection.
    pub stream: TcpStream,
    /// A slot of the descriptor reserve, if the connection was accepted with one: then it is refused.
    pub slot: Option<ReserveSlot>,
    /// Bytes that arrived before the handshake was answered.
    pub read_ahead: Vec<u8>,
    /// The client's address and rights.
    pub origin: ClientOrigin,
}

/// The kinds of session, by their paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `/ws`.
    Conversation(Protocol),
    /// `/raw/udp`, `/raw/tcp`.
    Bridge(Transport, Encoding),
}

/// A message from an HTTP task to the event loop's thread. HTTP handlers must be `Send`; labs and sessions are not.
#[derive(Debug)]
pub enum Command {
    /// Serve this connection.
    Serve(UpgradedConnection),
    /// Check an admin token that was sent from this origin.
    CheckAdminToken(String, ClientOrigin, oneshot::Sender<bool>),
    /// Export the trace of the lab with this id. The reply is dropped if there is no such lab.
    ExportTrace(String, Format, oneshot::Sender<Export>),
    /// Read the saved trace of this link. The reply is dropped if there is none.
    ReadLink(String, oneshot::Sender<Bytes>),
}

/// What a session uses of the relay.
#[derive(Clone, Debug)]
pub struct SessionContext {
    /// The session's lab; at first the open one.
    pub lab: Rc<Lab>,
    /// All labs.
    pub labs: Rc<LabRegistry>,
    /// All page sessions that can be resumed.
    pub(crate) sessions: Rc<SessionRegistry>,
    /// All classes.
    pub classes: Rc<ClassRegistry>,
    /// What outlives the relay.
    pub store: Store,
    /// Held while a trace is encoded and saved as a link.
    pub save_lock: Rc<Mutex<()>>,
    /// Admission and its quotas.
    pub page_quota: Rc<PageQuota>,
    /// The limits in force.
    pub limits: Rc<Limits>,
    /// True once the relay ends.
    pub shutdown: watch::Receiver<bool>,
}

impl SessionContext {
    /// Exports the trace of the lab with this id.
    pub fn export_trace(&self, lab: &str, format: Format, reply: oneshot::Sender<Export>) {
        if let Some(lab) = self.labs.find(lab) {
            // The receiver is gone if the HTTP client is.
            reply.send(export(&lab, format)).ok();
        }
    }

    /// Reads the saved trace of this link.
    pub async fn read_link(self, link: String, reply: oneshot::Sender<Bytes>) {
        // An error of the store is answered like a missing link.
        if let Ok(Some(trace)) = self.store.link(link, unix_time_s()).await {
            reply.send(trace.into()).ok();
        }
    }
}

/// Serves a connection until it ends.
pub async fn serve(connection: UpgradedConnection, context: SessionContext) {
    let SessionContext {
        page_quota, limits, ..
    } = &context;
    let admission = match &connection.slot {
        Some(_) => Err(page_quota.out_of_descriptors()),
        None => page_quota.admit(connection.origin.address, limits),
    };
    let UpgradedConnection {
        purpose,
        stream,
        slot: _slot,
        read_ahead,
        origin,
    } = connection;
    match (admission, purpose) {
        // Boxed, so that the future of an idle bridge is not as large as that of a page.
        (admission, Purpose::Conversation(protocol)) => {
            Box::pin(async {
                let mut ws = ws::WsConnection::new(stream, read_ahead, protocol, limits).await;
                match admission {
                    Err(goodbye) => ws.close(&goodbye).await,
                    Ok(_permit) => page::run(ws, origin, context.clone()).await,
                }
            })
            .await;
        }
        (Err(goodbye), Purpose::Bridge(..)) => {
            bridge::refuse(stream, goodbye.reason.close_code(), &goodbye.message).await;
        }
        (Ok(_permit), Purpose::Bridge(transport, encoding)) => {
            bridge::run(stream, read_ahead, (transport, encoding), context.clone()).await;
        }
    }
}
