//! A trace to keep: as JSON that opens in the page again, or as a capture file for protocol analysers.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{
    dissect::complete_checksums,
    lab::{Lab, Truth},
    message::json::to_json,
    pcapng::{Interface, Packet as Captured, Statistics, Writer},
    trace::{CallId, CallStarted, Event, Packet, What},
};

/// The number of this format; it changes when an old page could misread a new file.
pub const FORMAT: u32 = 1;

/// The head of a saved trace: everything but its events.
///
/// The file is one JSON object, `{"socket_playground_trace":1,"version":…,"lab":…,"truth":…,"events":[…]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// [`FORMAT`].
    pub socket_playground_trace: u32,
    /// The version of the relay that saved it.
    pub version: String,
    /// The lab as it was then; events before its `first_seq` were no longer kept.
    pub lab: Lab,
    /// How much of the truth could be seen.
    pub truth: Truth,
}

/// A saved trace as it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// All about it.
    #[serde(flatten)]
    pub head: Head,
    /// What happened.
    pub events: Vec<Event>,
}

/// The file up to its first event; the events follow, parted by commas, and then [`CLOSING`].
#[must_use]
pub fn opening(head: &Head) -> String {
    let head = to_json(head);
    let members = head.strip_suffix('}').unwrap_or(&head);
    [members, ",\"events\":["].concat()
}

/// How the file ends after its last event.
pub const CLOSING: &str = "\n]}\n";

/// Which option has Wireshark and tshark show UDP on ports 12000 to 12004 as data: they take it for Logical-Link
/// Control, as SNA's Enterprise Extender uses these ports (RFC 2353 2.6.1).
pub const AS_DATA: &str = "-d udp.port==12000-12004,data";

/// The comment of a capture file.
const UDP_12000: &str = "Wireshark and tshark take UDP on ports 12000 to 12004 for LLC. To see it as UDP with data, \
    open this file with the option -d udp.port==12000-12004,data; or in Wireshark's window, Analyze > Decode As... : \
    UDP port, 12000, Data.";

/// What a capture file is to say of checksums that the kernel left unfinished on loopback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Every byte as it was captured.
    #[default]
    Captured,
    /// Unfinished checksums completed by us, and a comment where that was done.
    Completed,
}

/// Writes the packets among the events as a capture file; tells how many there are. Nothing derived is in it.
#[must_use]
pub fn pcapng<'a>(events: impl Iterator<Item = &'a Event>, form: Form) -> (Vec<u8>, usize) {
    let mut file = File::new(form);
    for event in events {
        file.add(event);
    }
    file.finish()
}

/// A capture file in the making.
struct File<'a> {
    form: Form,
    writer: Writer,
    interfaces: Vec<(&'a str, Interface)>,
    calls: HashMap<CallId, &'a CallStarted>,
    packets: usize,
    dropped: u64,
    last_ns: u64,
}

impl<'a> File<'a> {
    fn new(form: Form) -> Self {
        Self {
            form,
            writer: Writer::new(
                concat!("Socket Playground ", env!("CARGO_PKG_VERSION")),
                UDP_12000,
            ),
            interfaces: Vec::new(),
            calls: HashMap::new(),
            packets: 0,
            dropped: 0,
            last_ns: 0,
        }
    }

    fn add(&mut self, event: &'a Event) {
        match &event.what {
            What::CallStarted(started) => {
                self.calls.insert(started.call, started);
            }
            What::Packet(packet) => self.add_packet(event.seq, packet),
            What::CaptureLost { packets, .. } => self.dropped += packets,
            What::Process(_)
            | What::ProcessEnded { .. }
            | What::CallReturned(_)
            | What::Derived(_)
            | What::Facts(_)
            | What::Server(_)
            | What::Sockets(_)
            | What::Conditions(_)
            | What::Edge(_) => {}
        }
    }

    fn add_packet(&mut self, seq: u64, packet: &'a Packet) {
        let mut bytes = packet.bytes.clone();
        let completed = self.form == Form::Completed && complete_checksums(packet.link, &mut bytes);
        let mut comments = vec![format!("event {seq} of the trace")];
        comments.extend(
            packet
                .call
                .and_then(|call| self.calls.get(&call))
                .map(|call| describe(call)),
        );
        if completed {
            comments.push("checksums completed by the playground: the kernel leaves them to the network card, and loopback has none".to_owned());
        } else if packet.checksum_unfinished {
            comments.push("checksum unfinished: the kernel leaves it to the network card, and loopback has none".to_owned());
        }
        let comments: Vec<&str> = comments.iter().map(String::as_str).collect();
        let interface = self.interface(packet);
        self.packets += 1;
        self.last_ns = packet
            .kernel_s
            .saturating_mul(1_000_000_000)
            .saturating_add(packet.kernel_ns.into());
        self.writer.packet(&Captured {
            interface,
            time: self.last_ns,
            direction: None,
            bytes: &bytes,
            original_length: usize::try_from(packet.length).unwrap_or(usize::MAX),
            comments: &comments,
        });
    }

    fn interface(&mut self, packet: &'a Packet) -> Interface {
        let known = self
            .interfaces
            .iter()
            .find(|(name, _)| *name == packet.interface);
        if let Some((_, interface)) = known {
            return *interface;
        }
        let interface =
            self.writer
                .interface(packet.link, &packet.interface, "captured; each packet once");
        self.interfaces.push((&packet.interface, interface));
        interface
    }

    fn finish(mut self) -> (Vec<u8>, usize) {
        if let Some((_, interface)) = self.interfaces.first() {
            let received = self.packets as u64 + self.dropped;
            let statistics = Statistics {
                interface: *interface,
                time: self.last_ns,
                received,
                dropped: self.dropped,
            };
            self.writer.statistics(&statistics);
        }
        (self.writer.finish(), self.packets)
    }
}

/// The call a packet came from, in a line.
fn describe(call: &CallStarted) -> String {
    let CallStarted {
        call,
        process,
        fd,
        name,
        ..
    } = call;
    let socket = fd.map_or_else(String::new, |fd| format!(" on socket {fd}"));
    format!(
        "from {}(){socket} of process {process}, call {call}",
        name.as_str()
    )
}
