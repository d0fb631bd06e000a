//! The goals: ratios to values of the same run, and a few absolute values.
//!
//! Bridges have goals without a trace and with L1, the default without privileges.

use std::fmt;

use super::Metric::{
    self, Bandwidth, Frames, Gaps, Lost, Memory, P50, P99, P999, Painted, Rate, Ready, Weight,
    Worst,
};
use crate::{
    figures::{
        BULK, CAPTURE, CLASS, IDLE, LAB_OPENS, LABS, MESSAGES, NATIVE_LOSS, NATIVE_TCP, NATIVE_UDP,
        OPENS, PAGE_FRAMES, PAGE_LOAD, PAGE_RUSH, ROUND_TRIP, SLOW_VIEWER, TRACE_COST, VIEWERS,
        WALL, WATCHED,
    },
    machine::Placement::{self, OneCore, Spread},
    peers::{
        Peer::{PythonTcp, PythonUdp, Websocat4Udp, WebsocatUdp, WstunnelTcp},
        Service::{BatchedPage, BlindPage, Page, RawTcp, RawUdp, Tcp, Udp},
        Tracing::{L1, L2, Off},
    },
    subject::Contender::{self, Peer, Relay},
};

/// One goal.
pub(super) struct Goal {
    /// The figure.
    pub(super) figure: &'static str,
    /// The cores.
    pub(super) placement: Placement,
    /// The metric.
    pub(super) metric: Metric,
    /// The relay's access and level of tracing.
    pub(super) ours: Contender,
    /// The condition.
    pub(super) rule: Rule,
}

/// The condition of a goal.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// At most this multiple of the first of these contenders that was measured.
    AtMost(f64, &'static [Contender]),
    /// At least this multiple of it.
    AtLeast(f64, &'static [Contender]),
    /// At most this value.
    NoMore(f64),
    /// At least this value.
    NoLess(f64),
}

impl Rule {
    /// The contender for the comparison: the first that was measured.
    pub(super) const fn of(self) -> &'static [Contender] {
        match self {
            Self::AtMost(_, of) | Self::AtLeast(_, of) => of,
            Self::NoMore(_) | Self::NoLess(_) => &[],
        }
    }

    /// Whether a ratio, or an absolute value, meets the goal.
    pub(super) fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound, _) | Self::NoMore(bound) => value <= bound,
            Self::AtLeast(bound, _) | Self::NoLess(bound) => value >= bound,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(times, of) => write!(f, "≤ {times} x {}", of[0].name()),
            Self::AtLeast(times, of) => write!(f, "≥ {times} x {}", of[0].name()),
            Self::NoMore(bound) => write!(f, "≤ {bound}"),
            Self::NoLess(bound) => write!(f, "≥ {bound}"),
        }
    }
}

const RAW: &[Contender] = &[Contender::RawUdp];
const WEBSOCAT: &[Contender] = &[Peer(WebsocatUdp)];
const WEBSOCAT_4: &[Contender] = &[Peer(Websocat4Udp), Peer(WebsocatUdp)];
const WSTUNNEL: &[Contender] = &[Peer(WstunnelTcp)];
const PYTHON_UDP: &[Contender] = &[Peer(PythonUdp)];
const PYTHON_TCP: &[Contender] = &[Peer(PythonTcp)];
const BRIDGED: &[Contender] = &[Relay(RawUdp, L1)];
const BRIDGED_L2: &[Contender] = &[Relay(RawUdp, L2)];
const UNTRACED: &[Contender] = &[Relay(BlindPage, Off)];
const NOBODY_SLOW: &[Contender] = &[Relay(BlindPage, L1)];

const MESSAGES_50_1: &str = MESSAGES[0].0;
const MESSAGES_50_32: &str = MESSAGES[1].0;
const MESSAGES_500_1: &str = MESSAGES[2].0;
const IDLE_1000: &str = IDLE[0].0;
const IDLE_5000: &str = IDLE[1].0;

macro_rules! goals {
    ($($figure:ident $placement:ident $metric:ident of $service:ident $tracing:ident: $rule:ident($($by:tt)*);)*) => {
        &[$(Goal {
            figure: $figure,
            placement: $placement,
            metric: $metric,
            ours: Relay($service, $tracing),
            rule: Rule::$rule($($by)*),
        }),*]
    };
}

/// All goals.
pub(super) const GOALS: &[Goal] = goals! {
    ROUND_TRIP OneCore P50 of RawUdp Off: AtMost(2.6, RAW);
    ROUND_TRIP OneCore P50 of RawUdp L1: AtMost(2.6, RAW);
    ROUND_TRIP OneCore P50 of RawUdp Off: AtMost(0.95, WEBSOCAT);
    ROUND_TRIP OneCore P50 of RawUdp L1: AtMost(0.95, WEBSOCAT);
    ROUND_TRIP Spread P50 of RawUdp Off: AtMost(0.8, WEBSOCAT_4);
    ROUND_TRIP Spread P50 of RawUdp L1: AtMost(0.8, WEBSOCAT_4);
    ROUND_TRIP OneCore P999 of RawUdp Off: AtMost(0.7, WEBSOCAT);
    ROUND_TRIP OneCore P999 of RawUdp L1: AtMost(0.7, WEBSOCAT);
    ROUND_TRIP Spread P999 of RawUdp L1: AtMost(0.7, WEBSOCAT);
    ROUND_TRIP OneCore P50 of Page L1: AtMost(1.5, BRIDGED);
    ROUND_TRIP Spread P50 of Page L1: AtMost(1.5, BRIDGED);
    ROUND_TRIP OneCore P50 of Page L2: AtMost(1.5, BRIDGED_L2);
    ROUND_TRIP Spread P50 of Page L2: AtMost(1.5, BRIDGED_L2);
    MESSAGES_50_32 Spread Rate of RawUdp Off: AtLeast(5.0, WEBSOCAT);
    MESSAGES_50_32 Spread Rate of RawUdp L1: AtLeast(5.0, WEBSOCAT);
    MESSAGES_50_1 Spread Rate of RawUdp Off: AtLeast(1.6, WEBSOCAT);
    MESSAGES_50_1 Spread Rate of RawUdp L1: AtLeast(1.6, WEBSOCAT);
    MESSAGES_500_1 Spread Rate of RawUdp Off: AtLeast(1.6, WEBSOCAT);
    MESSAGES_500_1 Spread Rate of RawUdp L1: AtLeast(1.6, WEBSOCAT);
    MESSAGES_50_32 Spread Rate of RawTcp Off: AtLeast(1.5, WSTUNNEL);
    MESSAGES_50_32 Spread Rate of RawTcp L1: AtLeast(1.5, WSTUNNEL);
    BULK Spread Bandwidth of RawTcp Off: AtLeast(1.6, WSTUNNEL);
    BULK Spread Bandwidth of RawTcp L1: AtLeast(1.6, WSTUNNEL);
    IDLE_1000 Spread Memory of RawUdp Off: NoMore(6.0);
    IDLE_5000 Spread Memory of RawUdp Off: NoMore(6.0);
    IDLE_1000 Spread Memory of BlindPage Off: NoMore(24.0);
    IDLE_5000 Spread Memory of BlindPage Off: NoMore(24.0);
    OPENS Spread Rate of RawUdp Off: AtLeast(1.3, WEBSOCAT_4);
    OPENS Spread Rate of RawUdp L1: AtLeast(1.3, WEBSOCAT_4);
    NATIVE_UDP Spread Rate of Udp Off: AtLeast(10.0, PYTHON_UDP);
    NATIVE_UDP Spread Rate of Udp L1: AtLeast(10.0, PYTHON_UDP);
    NATIVE_LOSS Spread Lost of Udp Off: NoMore(0.0);
    NATIVE_LOSS Spread Lost of Udp L1: NoMore(0.0);
    NATIVE_TCP Spread Rate of Tcp Off: AtLeast(13.0, PYTHON_TCP);
    NATIVE_TCP Spread Rate of Tcp L1: AtLeast(13.0, PYTHON_TCP);
    NATIVE_TCP Spread Worst of Tcp L1: NoMore(10.0);
    TRACE_COST OneCore P50 of Page L1: AtMost(1.15, UNTRACED);
    TRACE_COST Spread P50 of Page L1: AtMost(1.15, UNTRACED);
    CAPTURE Spread Lost of Udp L2: NoMore(0.0);
    VIEWERS Spread Worst of Page L1: NoMore(100.0);
    SLOW_VIEWER Spread P50 of Page L1: AtMost(1.15, NOBODY_SLOW);
    SLOW_VIEWER Spread Gaps of Page L1: NoLess(1.0);
    WATCHED Spread Rate of BatchedPage L1: NoLess(5_000.0);
    LAB_OPENS Spread P99 of Page L1: NoMore(5_000.0);
    LABS Spread P99 of Page L1: NoMore(50_000.0);
    CLASS Spread P99 of Page L1: NoMore(50_000.0);
    WALL Spread Worst of Page L1: NoMore(250.0);
    PAGE_LOAD Spread Weight of Page L1: NoMore(120.0);
    PAGE_LOAD Spread Painted of Page L1: NoMore(100.0);
    PAGE_LOAD Spread Ready of Page L1: NoMore(250.0);
    PAGE_FRAMES Spread Frames of Page L1: NoLess(59.0);
    PAGE_FRAMES Spread Worst of Page L1: NoMore(25.0);
    PAGE_RUSH Spread Frames of Page L1: NoLess(59.0);
    PAGE_RUSH Spread Worst of Page L1: NoMore(25.0);
};
