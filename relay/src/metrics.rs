//! What the relay counts, for `/metrics` in the Prometheus text format.

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
    /// HTTP requests answered.
    pub requests: AtomicU64,
    /// HTTP connections that are no page or bridge.
    pub connections: AtomicU64,
    refused: [AtomicU64; 3],
    descriptor_limit: Option<u64>,
    /// Pages and bridges that are here now.
    pub pages: AtomicU64,
    /// Pages and bridges that have come.
    pub pages_came: AtomicU64,
    /// Pages and bridges that were turned away by a limit.
    pub pages_refused: AtomicU64,
    /// Pages and bridges that were let go because they did not answer a ping.
    pub ping_timeouts: AtomicU64,
    /// Calls made, by clients and servers.
    pub calls: AtomicU64,
    /// Events in the traces.
    pub events: AtomicU64,
    /// Labs beside the open one that are there now.
    pub labs: AtomicU64,
    /// Labs beside the open one that were opened.
    pub labs_opened: AtomicU64,
    /// Wrong class codes and admin tokens.
    pub wrong_attempts: AtomicU64,
    /// Attempts at codes and tokens that wait for their turn now.
    pub attempts_waiting: AtomicU64,
    udp_up: AtomicBool,
    tcp_up: AtomicBool,
}

/// What leaves no room for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedBy {
    /// The limit for all together.
    Total,
    /// The limit of its address.
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
    /// Nothing is counted yet.
    #[must_use]
    pub fn new(descriptor_limit: Option<u64>) -> Self {
        Self {
            descriptor_limit,
            ..Self::default()
        }
    }

    /// How many file descriptors the system lets the relay have; none where there is no such limit.
    #[must_use]
    pub const fn descriptor_limit(&self) -> Option<u64> {
        self.descriptor_limit
    }

    /// A connection was refused.
    pub fn count_refused_connection(&self, by: RefusedBy) {
        self.refused[by as usize].fetch_add(1, Relaxed);
    }

    /// A server has come up or gone down.
    pub fn server_is(&self, transport: Transport, up: bool) {
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

    /// All of it as text (Prometheus exposition format 0.0.4).
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, kind, help, value) in [
            (
                "requests_total",
                "counter",
                "HTTP requests answered",
                &self.requests,
            ),
            (
                "connections",
                "gauge",
                "HTTP connections that are no page or bridge",
                &self.connections,
            ),
            ("pages", "gauge", "Pages and bridges connected", &self.pages),
            (
                "pages_total",
                "counter",
                "Pages and bridges that have connected",
                &self.pages_came,
            ),
            (
                "pages_refused_total",
                "counter",
                "Pages and bridges turned away by a limit",
                &self.pages_refused,
            ),
            (
                "ping_timeouts_total",
                "counter",
                "Pages and bridges let go because they did not answer a ping",
                &self.ping_timeouts,
            ),
            (
                "calls_total",
                "counter",
                "Socket calls made by clients and servers",
                &self.calls,
            ),
            (
                "trace_events_total",
                "counter",
                "Events written to the traces",
                &self.events,
            ),
            ("labs", "gauge", "Labs beside the open one", &self.labs),
            (
                "labs_total",
                "counter",
                "Labs beside the open one that were opened",
                &self.labs_opened,
            ),
            (
                "wrong_attempts_total",
                "counter",
                "Wrong class codes and admin tokens",
                &self.wrong_attempts,
            ),
            (
                "attempts_waiting",
                "gauge",
                "Attempts at class codes and the admin token that wait for their turn",
                &self.attempts_waiting,
            ),
        ] {
            head(&mut text, name, kind, help);
            line(&mut text, name, "", value.load(Relaxed));
        }
        head(
            &mut text,
            "server_up",
            "gauge",
            "Whether the open lab's server runs",
        );
        for transport in Transport::ALL {
            let labels = format!("{{transport=\"{}\"}}", transport.name().to_lowercase());
            line(
                &mut text,
                "server_up",
                &labels,
                u64::from(self.is_up(transport)),
            );
        }
        self.write_refused(&mut text);
        self.write_descriptors(&mut text);
        text
    }

    fn write_refused(&self, text: &mut String) {
        let name = "connections_refused_total";
        head(
            text,
            name,
            "counter",
            "HTTP connections refused, by the limit that was reached",
        );
        for by in RefusedBy::ALL {
            let labels = format!("{{limit=\"{}\"}}", by.name());
            line(text, name, &labels, self.refused[by as usize].load(Relaxed));
        }
    }

    fn write_descriptors(&self, text: &mut String) {
        for (name, kind, help, value) in [
            (
                "descriptors",
                "gauge",
                "File descriptors open, the reserve included",
                sys::descriptors::count(),
            ),
            (
                "descriptors_limit",
                "gauge",
                "File descriptors the system allows",
                self.descriptor_limit,
            ),
            (
                "descriptors_exhausted_total",
                "counter",
                "Calls that failed for want of a file descriptor",
                Some(descriptors::exhaustion_count()),
            ),
        ] {
            if let Some(value) = value {
                head(text, name, kind, help);
                line(text, name, "", value);
            }
        }
    }
}

/// What one lab adds to it: every lab's calls and events count, but only the open lab's servers make the relay
/// ready.
#[derive(Clone, Debug)]
pub struct Meter {
    metrics: Arc<Metrics>,
    open: bool,
}

impl Meter {
    /// The open lab's.
    #[must_use]
    pub const fn of_the_open_lab(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            open: true,
        }
    }

    /// Any other lab's.
    #[must_use]
    pub const fn of_another_lab(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            open: false,
        }
    }

    /// A call was made.
    pub fn count_call(&self) {
        self.metrics.calls.fetch_add(1, Relaxed);
    }

    /// Events were written down.
    pub fn count_events(&self, events: u64) {
        self.metrics.events.fetch_add(events, Relaxed);
    }

    /// One of the lab's servers has come up or gone down.
    pub fn server_is(&self, transport: Transport, up: bool) {
        if self.open {
            self.metrics.server_is(transport, up);
        }
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string cannot fail.
    writeln!(
        text,
        "# HELP playground_{name} {help}.\n# TYPE playground_{name} {kind}"
    )
    .ok();
}

fn line(text: &mut String, name: &str, labels: &str, value: u64) {
    writeln!(text, "playground_{name}{labels} {value}").ok();
}
