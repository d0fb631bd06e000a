//! 50,000 packets per second on the wire: each of them has to be in the trace.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    rc::Rc,
    time::Duration,
};

use super::{CAPTURE, SENTENCE};
use crate::{
    bench::{Bench, Measurement},
    effort::LONGEST_TURN,
    generator::{Paced, Sentences},
    machine::Placement::Spread,
    peers::{self, Service::Udp, Tracing::L2},
    report::{
        Metric::{Lost, Rate},
        print_figure,
    },
    subject::Contender::Relay,
};

/// A sentence is two packets, one there and one back.
const SENTENCES_PER_SECOND: f64 = 25_000.0;
/// A log that holds all events of the measurement.
const ROOM: [&str; 2] = ["--trace-bytes", "4294967296"];

pub(super) fn measure(bench: &mut Bench) {
    let relay = Relay(Udp, L2);
    let _placed = Spread.enter();
    eprintln!("{CAPTURE} …");
    for _ in 0..bench.effort.rounds.min(2) {
        match offer(bench.effort.capture, SENTENCES_PER_SECOND) {
            Ok(taken) => bench.record(CAPTURE, Spread, relay, taken, None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                bench.results.note(format!("{CAPTURE}: {error}"));
                return;
            }
            Err(error) => return bench.record_error(CAPTURE, relay, &error),
        }
    }
    print_figure(&bench.results, CAPTURE, Spread);
}

/// Sends sentences of two packets each, and counts the packets in the trace.
pub(super) fn offer(time: Duration, per_second: f64) -> io::Result<Measurement> {
    let no_capture = |why| io::Error::new(io::ErrorKind::PermissionDenied, why);
    let relay = peers::start_relay(L2, &ROOM).map_err(no_capture)?;
    let sentences = Rc::new(Sentences::of(SENTENCE));
    let source = Paced::begin(relay.udp, per_second, &sentences)?;
    let (said, outcome) = source.go_on(time)?;
    let crossed = said + outcome.answered;
    let seen = Capture::fetch(relay.http)?;
    let missing = crossed.saturating_sub(seen.packets).max(seen.dropped);
    let values = vec![(Rate, 2.0 * outcome.per_second), (Lost, missing as f64)];
    Ok(Measurement::of(&outcome, values))
}

/// The counts of a capture file.
#[derive(Debug, Default)]
struct Capture {
    packets: u64,
    dropped: u64,
}

/// The block types and the option of pcapng that are read here.
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;
const DROPPED: u16 = 5;

impl Capture {
    /// Fetches the current file.
    fn fetch(http: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect(http)?;
        stream.set_read_timeout(Some(LONGEST_TURN))?;
        write!(
            stream,
            "GET /labs/open/trace.pcapng HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        let body = end.and_then(|end| without_chunks(answer.get(end + 4..)?));
        body.and_then(|body| Self::read(&body))
            .ok_or_else(|| io::Error::other("no capture file"))
    }

    fn read(mut blocks: &[u8]) -> Option<Self> {
        let mut capture = Self::default();
        while !blocks.is_empty() {
            let length = word(blocks, 4)? as usize;
            let block = blocks.get(..length)?;
            match word(block, 0)? {
                PACKET => capture.packets += 1,
                STATISTICS => capture.dropped += dropped(block.get(20..)?).unwrap_or_default(),
                _ => {}
            }
            blocks = &blocks[length..];
        }
        Some(capture)
    }
}

/// Decodes a chunked body (RFC 9112 §7.1).
fn without_chunks(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = chunks.windows(2).position(|window| window == b"\r\n")?;
        let length = std::str::from_utf8(&chunks[..line]).ok()?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        let begin = line + 2;
        body.extend_from_slice(chunks.get(begin..begin + length)?);
        chunks = chunks.get(begin + length + 2..)?;
    }
}

/// The number in the options of a block of statistics.
fn dropped(mut options: &[u8]) -> Option<u64> {
    loop {
        let (code, length) = (half(options, 0)?, usize::from(half(options, 2)?));
        if code == DROPPED {
            return Some(u64::from_le_bytes(*options.get(4..)?.first_chunk()?));
        }
        options = options.get(4 + length.next_multiple_of(4)..)?;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
