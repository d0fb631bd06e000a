//! The relay's counters and gauges, and `/metrics` in the Prometheus text format.

use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use shared::call::Transport;

use crate::{descriptors, sys};

/// The counters and gauges of one relay.
#[derive(Debug, Default)]
pub struct Metrics {
    /// HTTP requests received.
    pub requests: AtomicU64,
    /// Open HTTP connections that are not pages or bridges.
    pub connections: AtomicU64,
    refused: [AtomicU64; 3],
    descriptor_limit: Option<u64>,
    /// Pages and bridges connected now.
    pub pages: AtomicU64,
    /// Pages and bridges admitted so far.
    pub pages_admitted: AtomicU64,
    /// Pages and bridges refused because of a limit.
    pub pages_refused: AtomicU64,
    /// Pages and bridges disconnected because they did not answer a ping.
    pub ping_timeouts: AtomicU64,
    /// Calls made, by clients and servers.
    pub calls: AtomicU64,
    /// Events in the traces.
    pub events: AtomicU64,
    /// Packets that the kernel dropped because the capture had no room for them.
    pub packets_lost: AtomicU64,
    /// Labs running now, besides the open one.
    pub labs: AtomicU64,
    /// Labs opened so far, besides the open one.
    pub labs_opened: AtomicU64,
    /// Wrong class codes and admin tokens.
    pub wrong_attempts: AtomicU64,
    /// Attempts at codes and tokens waiting for their turn now.
    pub attempts_waiting: AtomicU64,
    udp_up: AtomicBool,
    tcp_up: AtomicBool,
}

/// The limit because of which a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedBy {
    /// The limit in total.
    Total,
    /// The limit per address.
    Address,
    /// The limit of file descriptors.
    Descriptors,
}

impl RefusedBy {
    const ALL: [Self; 3] = [Self::Total, Self::Address, Self::Descriptors];

    const fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Address => "address",
            Self::Descriptors => "descriptors",
        }
    }
}

impl Metrics {
    /// Metrics with all counters at zero.
    #[must_use]
    pub fn new(descriptor_limit: Option<u64>) -> Self {
        Self {
            descriptor_limit,
            ..Self::default()
        }
    }

    /// The limit of file descriptors; `None` if the system has none.
    #[must_use]
    pub const fn descriptor_limit(&self) -> Option<u64> {
        self.descriptor_limit
    }

    /// Counts a refused connection.
    pub fn count_refused_connection(&self, by: RefusedBy) {
        self.refused[by as usize].fetch_add(1, Relaxed);
    }

    /// Records whether a server of the open lab is up.
    pub fn set_server_up(&self, transport: Transport, up: bool) {
        self.server(transport).store(up, Relaxed);
    }

    /// Whether a server is up.
    #[must_use]
    pub fn is_up(&self, transport: Transport) -> bool {
        self.server(transport).load(Relaxed)
    }

    const fn server(&self, transport: Transport) -> &AtomicBool {
        match transport {
            Transport::Udp => &self.udp_up,
            Transport::Tcp => &self.tcp_up,
        }
    }

    /// All metrics in the Prometheus text format, version 0.0.4.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, kind, help, value) in self.single_values() {
            if let Some(value) = value {
                write_header(&mut text, name, kind, help);
                write_sample(&mut text, name, "", value);
            }
        }
        let name = "server_up";
        write_header(
            &mut text,
            name,
            "gauge",
            "Whether the open lab's server runs",
        );
        for transport in Transport::ALL {
            let labels = format!("{{transport=\"{}\"}}", transport.as_str());
            write_sample(&mut text, name, &labels, self.is_up(transport).into());
        }
        let name = "connections_refused_total";
        let help = "HTTP connections refused, by the limit reached";
        write_header(&mut text, name, "counter", help);
        for by in RefusedBy::ALL {
            let labels = format!("{{limit=\"{}\"}}", by.name());
            let refused = self.refused[by as usize].load(Relaxed);
            write_sample(&mut text, name, &labels, refused);
        }
        text
    }

    /// The name, kind, help and value of each metric without labels; no value if the system has none.
    #[rustfmt::skip]
    fn single_values(&self) -> [(&'static str, &'static str, &'static str, Option<u64>); 16] {
        let (counter, gauge) = ("counter", "gauge");
        let value = |counter: &AtomicU64| Some(counter.load(Relaxed));
        [
            ("requests_total", counter, "HTTP requests answered", value(&self.requests)),
            ("connections", gauge, "Open HTTP connections that are not pages or bridges", value(&self.connections)),
            ("pages", gauge, "Pages and bridges connected", value(&self.pages)),
            ("pages_total", counter, "Pages and bridges admitted", value(&self.pages_admitted)),
            ("pages_refused_total", counter, "Pages and bridges refused because of a limit", value(&self.pages_refused)),
            ("ping_timeouts_total", counter, "Pages and bridges disconnected because they did not answer a ping", value(&self.ping_timeouts)),
            ("calls_total", counter, "Socket calls made by clients and servers", value(&self.calls)),
            ("trace_events_total", counter, "Events recorded in the traces", value(&self.events)),
            ("capture_lost_packets_total", counter, "Packets dropped by the kernel because the capture had no room for them", value(&self.packets_lost)),
            ("labs", gauge, "Labs running, besides the open one", value(&self.labs)),
            ("labs_total", counter, "Labs opened, besides the open one", value(&self.labs_opened)),
            ("wrong_attempts_total", counter, "Wrong class codes and admin tokens", value(&self.wrong_attempts)),
            ("attempts_waiting", gauge, "Attempts at class codes and the admin token waiting for their turn", value(&self.attempts_waiting)),
            ("descriptors", gauge, "Open file descriptors, including the reserve", sys::descriptors::count()),
            ("descriptors_limit", gauge, "Limit of file descriptors", self.descriptor_limit),
            ("descriptors_exhausted_total", counter, "Calls that failed because no file descriptor was left", Some(descriptors::exhaustion_count())),
        ]
    }
}

/// The metrics of one lab. The calls and events of all labs are counted, but only the open lab's servers count for
/// readiness.
#[derive(Clone, Debug)]
pub struct Meter {
    metrics: Arc<Metrics>,
    open: bool,
}

impl Meter {
    /// The meter of the open lab.
    #[must_use]
    pub const fn for_open_lab(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            open: true,
        }
    }

    /// The meter of any other lab.
    #[must_use]
    pub const fn for_other_lab(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            open: false,
        }
    }

    /// Counts a call.
    pub fn count_call(&self) {
        self.metrics.calls.fetch_add(1, Relaxed);
    }

    /// Counts recorded events.
    pub fn count_events(&self, events: u64) {
        self.metrics.events.fetch_add(events, Relaxed);
    }

    /// Records whether a server is up, if the lab is the open one.
    pub fn set_server_up(&self, transport: Transport, up: bool) {
        if self.open {
            self.metrics.set_server_up(transport, up);
        }
    }
}

fn write_header(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string cannot fail.
    writeln!(
        text,
        "# HELP playground_{name} {help}.\n# TYPE playground_{name} {kind}"
    )
    .ok();
}

fn write_sample(text: &mut String, name: &str, labels: &str, value: u64) {
    writeln!(text, "playground_{name}{labels} {value}").ok();
}
