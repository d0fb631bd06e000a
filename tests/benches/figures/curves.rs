//! Curves: the same figures along one axis each.

use std::{io, rc::Rc};

use super::{capture, labs, messages::many, viewers};
use crate::{
    bench::{Bench, Measurement},
    effort::Effort,
    generator::{Load, LoadDriver, Sentences},
    machine::Placement::Spread,
    peers::{
        Peer::{
            Websocat4Tcp, Websocat4Udp, WebsocatTcp, WebsocatUdp, Websockify, WstunnelTcp,
            WstunnelUdp,
        },
        Service::{Page, RawTcp, RawUdp, Udp},
        Tracing::{L1, L2},
    },
    report::{
        Line,
        Metric::{self, Bandwidth, P99, Rate},
        Plot,
    },
    subject::{
        Contender::{self, Bridge, Peer, Relay},
        Side, Subject,
    },
};

/// One axis: its points, the contenders at each, and the picture.
struct Curve {
    plot: Plot,
    figure: &'static str,
    at: &'static [u32],
    contenders: &'static [Contender],
    metric: Metric,
    scale: f64,
}

const TO_UDP: &[Contender] = &[
    Contender::RawUdp,
    Bridge,
    Relay(RawUdp, L1),
    Peer(WebsocatUdp),
    Peer(Websocat4Udp),
    Peer(WstunnelUdp),
];
const TO_TCP: &[Contender] = &[
    Contender::RawTcp,
    Relay(RawTcp, L1),
    Peer(WebsocatTcp),
    Peer(Websocat4Tcp),
    Peer(WstunnelTcp),
    Peer(Websockify),
];

/// Sentences outstanding where they are long.
const OUTSTANDING: u64 = 8;
const CONNECTIONS: &[u32] = &[1, 5, 20, 100, 500, 2_000, 5_000];
const LENGTHS: &[u32] = &[16, 64, 256, 1_024, 4_096, 16_384, 65_536];
const VIEWERS: &[u32] = &[1, 10, 30, 100, 300, 1_000];
const PACKETS: &[u32] = &[1_000, 3_000, 10_000, 30_000, 100_000, 200_000];
const LABS: &[u32] = &[1, 10, 100, 300, 1_000];

/// Measures all of them; the pictures are drawn from the results.
pub(super) fn measure(bench: &mut Bench) -> Vec<Plot> {
    vec![
        connections(bench),
        lengths(bench),
        watched(bench),
        captured(bench),
        in_labs(bench),
    ]
}

fn connections(bench: &mut Bench) -> Plot {
    let curve = Curve {
        plot: Plot {
            file: "connections",
            title: "From WebSocket to UDP and back: many visitors",
            x: "connections, one sentence of 64 bytes outstanding on each",
            y: "sentences answered per second; up is better",
            lines: Vec::new(),
        },
        figure: "connections",
        at: CONNECTIONS,
        contenders: TO_UDP,
        metric: Rate,
        scale: 1.0,
    };
    curve.measure(bench, |subject, at, load| {
        let mut taken = many(subject, load, at as usize, 1)?;
        taken.values.retain(|(metric, _)| *metric == Rate);
        Ok(taken)
    })
}

fn lengths(bench: &mut Bench) -> Plot {
    let curve = Curve {
        plot: Plot {
            file: "lengths",
            title: "From WebSocket to TCP and back: long sentences",
            x: "bytes of a sentence, eight outstanding on one connection",
            y: "megabytes per second, each way; up is better",
            lines: Vec::new(),
        },
        figure: "bytes",
        at: LENGTHS,
        contenders: TO_TCP,
        metric: Bandwidth,
        scale: 1.0,
    };
    curve.measure(bench, |subject, at, effort| {
        let sentences = Rc::new(Sentences::of(at as usize));
        let mut load_driver = LoadDriver::open(subject.target, &sentences, 1)?;
        let load = Load {
            window: OUTSTANDING,
            answers: u64::MAX,
            time: effort.load,
        };
        let outcome = load_driver.run(&load)?;
        let bandwidth = outcome.per_second * f64::from(at) / 1e6;
        Ok(Measurement::of(&outcome, vec![(Bandwidth, bandwidth)]))
    })
}

fn watched(bench: &mut Bench) -> Plot {
    let curve = Curve {
        plot: Plot {
            file: "viewers",
            title: "A class looks on: 250 events a second, seen by all",
            x: "pages that look on",
            y: "milliseconds until 99 of 100 events are seen by the slowest; down is better",
            lines: Vec::new(),
        },
        figure: "viewers",
        at: VIEWERS,
        contenders: &[Relay(Page, L1)],
        metric: P99,
        scale: 1e-3,
    };
    let time = bench.effort.watching;
    curve.measure_alone(bench, |at| viewers::watch(time, at as usize, 250.0))
}

fn captured(bench: &mut Bench) -> Plot {
    let curve = Curve {
        plot: Plot {
            file: "packets",
            title: "Every packet is captured",
            x: "packets sent per second",
            y: "packets per second in the trace; up is better",
            lines: Vec::new(),
        },
        figure: "packets",
        at: PACKETS,
        contenders: &[Relay(Udp, L2)],
        metric: Rate,
        scale: 1.0,
    };
    let time = bench.effort.capture;
    curve.measure_alone(bench, |at| {
        let mut taken = capture::offer(time, f64::from(at) / 2.0)?;
        let lost = taken
            .values
            .iter()
            .find(|(metric, _)| *metric == Metric::Lost);
        let lost = lost.map_or(0.0, |(_, lost)| *lost) / time.as_secs_f64();
        for (metric, value) in &mut taken.values {
            if *metric == Rate {
                *value -= lost;
            }
        }
        Ok(taken)
    })
}

fn in_labs(bench: &mut Bench) -> Plot {
    let curve = Curve {
        plot: Plot {
            file: "labs",
            title: "Labs of one's own, all of them in use",
            x: "labs",
            y: "milliseconds from socket to close for 99 of 100 sentences; down is better",
            lines: Vec::new(),
        },
        figure: "labs",
        at: LABS,
        contenders: &[Relay(Page, L1)],
        metric: P99,
        scale: 1e-3,
    };
    let time = bench.effort.watching;
    curve.measure_alone(bench, |at| labs::in_use(at as usize, time))
}

impl Curve {
    /// Measures the contenders in turn at each point.
    fn measure(
        self,
        bench: &mut Bench,
        turn: impl Fn(&Subject, u32, &Effort) -> io::Result<Measurement>,
    ) -> Plot {
        for at in self.points(bench) {
            let figure = self.name(at);
            bench.figure(&figure, Spread, self.contenders, |subject, effort| {
                turn(subject, at, effort)
            });
        }
        self.plotted(bench)
    }

    /// Measures the relay alone, once at each point.
    fn measure_alone(
        self,
        bench: &mut Bench,
        turn: impl Fn(u32) -> io::Result<Measurement>,
    ) -> Plot {
        for at in self.points(bench) {
            let (figure, ours) = (self.name(at), self.contenders[0]);
            let _placed = Spread.enter();
            eprintln!("{figure} …");
            match turn(at) {
                Ok(taken) => bench.record(&figure, Spread, ours, taken, None),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    bench.results.note(format!("{figure}: {error}"));
                }
                Err(error) => bench.record_error(&figure, ours, &error),
            }
        }
        self.plotted(bench)
    }

    fn points(&self, bench: &Bench) -> impl Iterator<Item = u32> + use<> {
        self.at.iter().copied().take(bench.effort.points)
    }

    fn name(&self, at: u32) -> String {
        format!("curve: {at} {}", self.figure)
    }

    fn plotted(mut self, bench: &Bench) -> Plot {
        for contender in self.contenders {
            let value = |at: &u32| {
                let figure = self.name(*at);
                let value = bench
                    .results
                    .median(&figure, Spread, *contender, self.metric)?;
                Some((f64::from(*at), value * self.scale))
            };
            let points: Vec<_> = self.at.iter().filter_map(value).collect();
            self.plot.lines.push(Line {
                name: contender.name(),
                side: contender.side(),
                points,
            });
        }
        if self.figure == "packets" {
            // What there was to be seen.
            let all = self.points(bench).map(|at| (f64::from(at), f64::from(at)));
            self.plot.lines.push(Line {
                name: "all of them".to_owned(),
                side: Side::Floor,
                points: all.collect(),
            });
        }
        self.plot
    }
}
