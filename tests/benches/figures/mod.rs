//! The figures, each in a file, and the run through all of them.

mod bulk;
mod capture;
mod class;
mod curves;
mod idle;
mod labs;
mod messages;
mod native_tcp;
mod native_udp;
mod opens;
mod page;
mod round_trip;
mod slow_viewer;
mod trace_cost;
mod viewers;
mod watched;

use std::{path::Path, process::ExitCode};

use crate::{
    arguments::Arguments,
    bench::Bench,
    effort::Effort,
    machine,
    peers::{
        Peer::{
            Socat, Websocat4Tcp, Websocat4Udp, WebsocatTcp, WebsocatUdp, Websockify, WstunnelTcp,
            WstunnelUdp,
        },
        Service::{BlindPage, RawTcp, RawUdp},
        Tracing::{L1, L2, Off},
    },
    report::{self, Results},
    subject::Contender::{self, Bridge, Echo, Peer, Relay},
};

pub(crate) const ROUND_TRIP: &str = "round trip";
/// Connections, and sentences outstanding on each.
pub(crate) const MESSAGES: [(&str, usize, u64); 3] = [
    ("messages 50 x 1", 50, 1),
    ("messages 50 x 32", 50, 32),
    ("messages 500 x 1", 500, 1),
];
pub(crate) const BULK: &str = "64 KiB messages";
/// Idle connections.
pub(crate) const IDLE: [(&str, usize); 2] = [("1,000 idle", 1_000), ("5,000 idle", 5_000)];
pub(crate) const OPENS: &str = "opens";
pub(crate) const NATIVE_UDP: &str = "native udp bursts";
pub(crate) const NATIVE_LOSS: &str = "native udp 50 x 32";
pub(crate) const NATIVE_TCP: &str = "native tcp, 64 clients";
pub(crate) const TRACE_COST: &str = "trace cost";
pub(crate) const CAPTURE: &str = "capture";
pub(crate) const VIEWERS: &str = "100 viewers";
pub(crate) const WATCHED: &str = "200 watching";
pub(crate) const SLOW_VIEWER: &str = "slow viewer";
pub(crate) const LAB_OPENS: &str = "a lab is opened";
pub(crate) const LABS: &str = "500 labs in use";
pub(crate) const CLASS: &str = "a class of 1,000";
pub(crate) const WALL: &str = "the wall of that class";
pub(crate) const PAGE_LOAD: &str = "page load";
pub(crate) const PAGE_FRAMES: &str = "page frames, 5,000 events/s";
pub(crate) const PAGE_RUSH: &str = "page frames, 5,000 packets/s";

/// The length of a sentence in all figures but [`BULK`], in bytes.
const SENTENCE: usize = 64;

/// All contenders with a UDP server.
const TO_UDP: [Contender; 9] = [
    Contender::RawUdp,
    Echo,
    Bridge,
    Relay(RawUdp, Off),
    Relay(RawUdp, L1),
    Relay(RawUdp, L2),
    Peer(WebsocatUdp),
    Peer(Websocat4Udp),
    Peer(WstunnelUdp),
];

/// All contenders with a TCP server.
const TO_TCP: [Contender; 9] = [
    Contender::RawTcp,
    Relay(RawTcp, Off),
    Relay(RawTcp, L1),
    Relay(RawTcp, L2),
    Peer(WebsocatTcp),
    Peer(Websocat4Tcp),
    Peer(WstunnelTcp),
    Peer(Websockify),
    Peer(Socat),
];

/// Pages that do not watch the trace.
const BLIND_PAGES: [Contender; 3] = [
    Relay(BlindPage, Off),
    Relay(BlindPage, L1),
    Relay(BlindPage, L2),
];

type Figure = fn(&mut Bench);

/// The figures in order; a name is that of its table, or its beginning.
const FIGURES: [(&str, Figure); 18] = [
    (ROUND_TRIP, round_trip::measure),
    ("messages", messages::measure),
    (BULK, bulk::measure),
    ("idle", idle::measure),
    (OPENS, opens::measure),
    (NATIVE_UDP, native_udp::bursts_of_one_size),
    (NATIVE_LOSS, native_udp::many_outstanding),
    (NATIVE_TCP, native_tcp::measure),
    (TRACE_COST, trace_cost::measure),
    (CAPTURE, capture::measure),
    (VIEWERS, viewers::measure),
    (WATCHED, watched::measure),
    (SLOW_VIEWER, slow_viewer::measure),
    (LABS, labs::measure),
    (CLASS, class::measure),
    (PAGE_LOAD, page::load),
    (PAGE_FRAMES, page::frames),
    (PAGE_RUSH, page::rush),
];

/// Measures the figures that the arguments name, and prints them.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    machine::raise_descriptor_limit();
    let effort = if arguments.short {
        Effort::SHORT
    } else {
        Effort::FULL
    };
    let mut bench = Bench {
        effort,
        who: arguments.who.clone(),
        results: Results::default(),
    };
    // The relay is built now, on all cores, and its errors show before anything is measured.
    drop(tests::relay::Relay::start(&[]));
    if let Some(folder) = &arguments.curves {
        let plots = curves::measure(&mut bench);
        if let Err(error) = draw(&plots, folder) {
            bench.results.failures.push(error);
        }
    } else {
        for (name, measure) in FIGURES {
            if arguments.wants(name) {
                measure(&mut bench);
            }
        }
    }
    tell(&bench.results, arguments)
}

fn draw(plots: &[report::Plot], folder: &Path) -> Result<(), String> {
    for plot in plots {
        let file = folder.join(plot.file).with_extension("svg");
        if let Some(svg) = plot.svg() {
            std::fs::write(&file, svg)
                .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
            println!("{}", file.display());
        }
    }
    Ok(())
}

fn tell(results: &Results, arguments: &Arguments) -> ExitCode {
    let verdicts = report::verdicts(results);
    if arguments.markdown {
        report::print_markdown(&verdicts);
    } else {
        report::print_verdicts(&verdicts);
    }
    let busiest = results.foreign.iter().copied().fold(0.0, f64::max);
    let foreign = report::median(&results.foreign);
    println!(
        "\nOther programs kept {foreign:.2} cores busy meanwhile (median of turns; at most {busiest:.2})."
    );
    for note in &results.notes {
        println!("Not measured: {note}");
    }
    if let Some(file) = &arguments.json {
        let json = report::json(results, &verdicts, arguments.short);
        if let Err(error) = std::fs::write(file, format!("{json:#}\n")) {
            eprintln!("cannot write {}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    }
    for failure in &results.failures {
        eprintln!("FAILED {failure}");
    }
    if results.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
