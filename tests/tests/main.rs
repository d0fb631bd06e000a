//! All stories in one binary; each room says in one sentence what its stories are about.

/// Where the sockets of a page are: at an address of its own, unless it is the machine's own user's.
#[cfg(target_os = "linux")]
mod addresses;
/// Two datagram servers never answer each other for ever, whatever is sent in whose name.
mod answers;
/// One clear answer to whatever comes in wrong, and nobody else feels it.
mod bad_input;
/// How a bridge ends, and in which kinds of messages it speaks: as its visitor does.
mod bridge_ends;
/// Plain WebSocket clients reach the lab's servers byte for byte.
mod bridges;
/// A person at real Chromium does what section 2.7 does, and sees what happened.
mod browser;
/// The cards in real Chromium: what each has to show is seen, and not without what decides it.
mod cards;
/// A teacher, members who join by a code, a wall, and a relay that may be killed in the midst of it.
mod class;
/// A class in real Chromium: a teacher's page and several students' pages at one relay.
mod classroom;
/// What the edge of a lab's network does to datagrams: by dice or by hand, each fate told.
mod conditions;
/// HTTP connections that are slow, deaf, half open or too many, and what becomes of them.
#[cfg(target_os = "linux")]
mod connections;
/// A relay with few file descriptors: what it says, whom it refuses, and that all is well afterwards.
#[cfg(target_os = "linux")]
mod descriptors;
/// What was done at the workbench, as programs in other languages, does the same.
mod equivalents;
/// A trace to take along, as JSON and as a capture file that another analyser reads.
mod files;
/// The page and its neighbours over HTTP: bytes, caching, and the headers that keep it safe.
mod http;
/// Whatever its visitors did, the relay is idle afterwards, holds nothing of theirs, and answers.
#[cfg(target_os = "linux")]
mod idle;
/// The ladder, the packets and the files to take along in real Chromium: one truth in many views.
mod inspector;
/// Networks of a story's own: clients on another host, packets in fragments, a server at every address.
#[cfg(target_os = "linux")]
mod interfaces;
/// The book's own programs in Python meet our servers and our client sockets.
mod interop;
/// Labs of one's own: real servers nobody else has, and a seat to come back to.
mod labs;
/// No text lies over another and none is cut, in every pane and at every size of the window.
mod legible;
/// A server's life: started as one likes, stopped, killed, and what its clients meet.
mod lifecycle;
/// Saved traces: who reads them, who deletes them, and what a killed relay still has.
mod links;
/// Whoever does not answer pings is let go, and whoever does stays, however quiet.
mod liveness;
/// Who belongs to a class: out and back, removed and let in, muted, and told of no sockets but its own.
mod membership;
/// Labs of one's own in real Chromium, by keyboard alone: what their servers, their network and their seats do.
mod own_lab;
/// The book's programs, line by line, in real Chromium and by keyboard alone.
mod programs;
/// Every call of the conversation, on real sockets, as the manual pages say.
mod protocol;
/// Through a real nginx: under a path, over quiet times, and what the page says when nothing gets through.
#[cfg(target_os = "linux")]
mod proxied;
/// The past in real Chromium: saved as links, replayed, and a client's calls made again on fresh sockets.
mod replay;
/// A client's port that is used again: each packet belongs to whoever had the port then.
mod reuse;
/// The two server programs, sturdy and the book's, seen from plain sockets.
mod servers;
/// The table of packets in windows of any size.
mod sizes;
/// Every call in every state of a socket does through the relay what it does without it.
#[cfg(target_os = "linux")]
mod states;
/// Where a client may go beside its server, and the names it may ask for.
mod targets;
/// The architecture, checked: what lives in which room and what does not.
mod tidy;
/// Both sides of every call, in one gapless log.
mod trace;
/// Who has the rights of this machine, and whom a proxy does not give them.
#[cfg(target_os = "linux")]
mod trust;
/// How much of the wire is seen at each level, and that nothing is invented.
mod truth;
/// What the page shows of each packet, beside what another analyser finds in the same.
mod tshark;
/// What Enter, Escape and undo mean while somebody types.
mod typing;
/// The same where nothing may be captured: as an unprivileged user.
#[cfg(unix)]
mod uncaptured;
/// The page with forced colours, by ear, by key and on paper.
mod ways;
/// The workbench in real Chromium, by keyboard alone: any call, in any order, right or wrong.
mod workbench;
