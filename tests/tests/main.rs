//! All stories in one binary, so that it links once and runs them side by side. `tests/src` has the harness.

/// The addresses of a page's sockets: its own, unless it has the rights of this machine.
#[cfg(target_os = "linux")]
mod addresses;
/// UDP servers never answer each other's answers, whatever source address a datagram has.
mod answers;
/// Invalid input gets one clear answer, and no other client notices.
mod bad_input;
/// How a bridge closes, and which kind of messages it sends: the kind that its client sends.
mod bridge_ends;
/// Plain WebSocket clients reach the lab's servers byte for byte.
mod bridges;
/// The page in Chromium does what section 2.7 does, and shows what happened.
mod browser;
/// Datagrams that leave in one call, and floods: every packet is captured, or its loss is reported.
#[cfg(target_os = "linux")]
mod bursts;
/// The cards in Chromium: the check of each passes, and fails without its decisive step.
mod cards;
/// Classes: a teacher, members who join by a code, the wall, and a relay that is killed meanwhile.
mod class;
/// A class in Chromium: a teacher's page and several students' pages at one relay.
mod classroom;
/// Network conditions: what happens to datagrams by dice or by hand, each with an event.
mod conditions;
/// HTTP connections that are slow, half open, too many, or do not read.
#[cfg(target_os = "linux")]
mod connections;
/// A relay with few file descriptors: what it logs, which connections it refuses, and that it recovers.
#[cfg(target_os = "linux")]
mod descriptors;
/// The workbench's programs in other languages make the same calls.
mod equivalents;
/// A trace as a file: JSON, and a capture file that tshark reads.
mod files;
/// Display filters show the packets that Wireshark shows.
mod filters;
/// The page and the other HTTP resources: bytes, caching, and security headers.
mod http;
/// After any client has closed, the relay is idle, holds nothing of it, and answers.
#[cfg(target_os = "linux")]
mod idle;
/// The ladder, the packets and the exported files in Chromium agree with each other.
mod inspector;
/// Network namespaces: clients on another host, fragmented packets, a server at every address.
#[cfg(target_os = "linux")]
mod interfaces;
/// The book's programs in Python with the relay's servers and client sockets.
mod interop;
/// Private labs: their servers, and sessions that can be resumed.
mod labs;
/// No text overlaps another or is cut off, in every pane and at every window size.
mod legible;
/// Servers are started with settings, stopped and killed; what their clients then get.
mod lifecycle;
/// Saved traces: who may read and delete them, and that they survive a killed relay.
mod links;
/// A connection that does not answer pings is closed; a quiet one that does stays open.
mod liveness;
/// Members of a class: leaving and returning, removed and readmitted, muted, and told only of their own sockets.
mod membership;
/// Private labs in Chromium by keyboard alone: servers, network and sessions.
mod own_lab;
/// The book's programs line by line, in Chromium by keyboard alone.
mod programs;
/// Every call of the protocol on real sockets, compared with the manual pages.
mod protocol;
/// Behind a real nginx: under a path, with idle connections, and what the page says when no WebSocket opens.
#[cfg(target_os = "linux")]
mod proxied;
/// Saved links, replays, and calls made again on new sockets, in Chromium.
mod replay;
/// A client's port that is reused: each packet belongs to the process that had the port then.
mod reuse;
/// The two server programs, robust and the book's, from plain sockets.
mod servers;
/// The packet table in windows of any size.
mod sizes;
/// Every call in every socket state has the same result through the relay as without it.
#[cfg(target_os = "linux")]
mod states;
/// The targets other than the server that a client may use, and the names it may resolve.
mod targets;
/// The rules of the code: which room may hold what.
mod tidy;
/// Both sides of every call, in one gapless log.
mod trace;
/// Who has the rights of this machine, and whom a proxy does not give them.
#[cfg(target_os = "linux")]
mod trust;
/// What each level of truth shows, and that nothing is invented.
mod truth;
/// The page's dissection of each packet, compared with tshark's.
mod tshark;
/// Enter, Escape and undo in text fields.
mod typing;
/// A relay that may not capture, as an unprivileged user.
#[cfg(unix)]
mod uncaptured;
/// The page with forced colours, with a screen reader, by keyboard and on paper.
mod ways;
/// The workbench in Chromium by keyboard alone: any call in any order, valid or not.
mod workbench;
