//! What one page, one address and the whole relay may use. A reply that hits a limit names it.

use serde::{Deserialize, Serialize};

/// The limits in force, as the relay's configuration sets them and the welcome reports them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes in one message of the conversation.
    pub message_bytes: u64,
    /// Bytes in one call's data, and in one receive.
    pub data_bytes: u64,
    /// Sockets a page may have open.
    pub sockets: u64,
    /// Calls a page may have in flight.
    pub calls: u64,
    /// Bytes that may wait to be sent to a page before the relay stops reading from it, and that the calls which
    /// wait for their turn may carry together.
    pub queued_bytes: u64,
    /// Pages from one address.
    pub pages_per_address: u64,
    /// Pages in total, raw bridges included.
    pub pages: u64,
    /// HTTP connections that are no page, in total.
    pub connections: u64,
    /// The same from one address; of IPv6 from one /64.
    pub connections_per_address: u64,
    /// Seconds an HTTP connection may take for a request's headers, or stay silent between two requests.
    pub handshake_seconds: u64,
    /// Seconds a page may send nothing before its connection is closed.
    pub idle_seconds: u64,
    /// Seconds a page, or any other connection, may leave unread what it was sent.
    pub unread_seconds: u64,
    /// Seconds between the relay's pings (RFC 6455 §5.5.2). A page that does not answer one until the next is due is
    /// let go.
    pub ping_seconds: u64,
    /// Bytes the open lab's trace keeps.
    pub trace_bytes: u64,
    /// Bytes the trace of any other lab keeps.
    pub lab_trace_bytes: u64,
    /// Labs beside the open one.
    pub labs: u64,
    /// Labs of one address.
    pub labs_per_address: u64,
    /// Seconds a lab, or what a member has in a class, is kept while its page is not there.
    pub keep_seconds: u64,
    /// Classes.
    pub classes: u64,
    /// Members a class may have.
    pub members: u64,
    /// Members of one class from one address.
    pub members_per_address: u64,
    /// Saved traces.
    pub links: u64,
    /// Saved traces of one address.
    pub links_per_address: u64,
    /// Bytes of all saved traces together.
    pub links_bytes: u64,
    /// Bytes of all saved traces of one address.
    pub links_bytes_per_address: u64,
    /// Bytes of one saved trace.
    pub link_bytes: u64,
    /// Days a saved trace is kept.
    pub link_days: u64,
}
