//! What the relay counts, for `/metrics` in the Prometheus text format.

use std::{
    fmt::Write,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use shared::call::Transport;

/// The counters and gauges of one relay.
#[derive(Debug, Default)]
pub struct Metrics {
    /// HTTP requests answered.
    pub requests: AtomicU64,
    /// Pages and bridges that are here now.
    pub pages: AtomicU64,
    /// Pages and bridges that have come.
    pub pages_came: AtomicU64,
    /// Pages and bridges that were turned away by a limit.
    pub pages_refused: AtomicU64,
    /// Calls made, by clients and servers.
    pub calls: AtomicU64,
    /// Events in the trace.
    pub events: AtomicU64,
    udp_up: AtomicBool,
    tcp_up: AtomicBool,
}

impl Metrics {
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
                "calls_total",
                "counter",
                "Socket calls made by clients and servers",
                &self.calls,
            ),
            (
                "trace_events_total",
                "counter",
                "Events written to the trace",
                &self.events,
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
        text
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
