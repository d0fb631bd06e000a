//! `/readyz`: whether a sentence would be answered.
//!
//! Of its own servers the relay knows. With `--external-server` it looks whether somebody listens, in the kernel's table
//! of sockets: a connection made to find out would be a real one, and the book's server, which serves one at a time,
//! would be busy with it or die of it. Of another machine, or another system than Linux, that cannot be known.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use shared::call::Transport;

use super::AppState;
use crate::sys::socket_owner::listener_exists;

/// Whether somebody is there, by transport; `None` where that cannot be known.
type Servers = [(Transport, Option<bool>); 2];

pub(super) async fn ready(State(state): State<Arc<AppState>>) -> Response {
    let (status, text) = readiness(state.external_server, probe_servers(&state));
    (status, text).into_response()
}

/// Looks who is there, and lets the metrics know.
pub(super) fn probe_servers(state: &AppState) -> Servers {
    Transport::ALL.map(|transport| {
        let Some(address) = state.external_server else {
            return (transport, Some(state.metrics.is_up(transport)));
        };
        let seen = listener_exists(transport, address);
        if let Some(seen) = seen {
            state.metrics.server_is(transport, seen);
        }
        (transport, seen)
    })
}

fn readiness(external: Option<SocketAddr>, servers: Servers) -> (StatusCode, String) {
    let named = |wanted: Option<bool>| {
        let found = servers.iter().filter(|(_, seen)| *seen == wanted);
        let names: Vec<_> = found.map(|(transport, _)| transport.name()).collect();
        (!names.is_empty()).then(|| names.join(" and "))
    };
    match (named(Some(false)), named(None), external) {
        (Some(down), _, None) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not running: {down} server\n"),
        ),
        (Some(down), _, Some(address)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("nobody listens at {address} for {down}: start your server there\n"),
        ),
        (None, Some(unknown), Some(address)) => (
            StatusCode::OK,
            format!(
                "ready, but whether anybody listens at {address} for {unknown} cannot be seen from here: only on Linux, \
                 and only of an address of this machine\n"
            ),
        ),
        (None, _, _) => (StatusCode::OK, "ready\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(external: Option<&str>, udp: Option<bool>, tcp: Option<bool>) -> (u16, String) {
        let external = external.map(|address| address.parse().expect("an address"));
        let servers = [(Transport::Udp, udp), (Transport::Tcp, tcp)];
        let (status, text) = readiness(external, servers);
        (status.as_u16(), text)
    }

    #[test]
    fn it_says_who_is_missing_and_what_cannot_be_known() {
        let (up, down) = (Some(true), Some(false));
        assert_eq!(told(None, up, up), (200, "ready\n".to_owned()));
        assert_eq!(
            told(None, up, down),
            (503, "not running: TCP server\n".to_owned())
        );
        let at = Some("127.0.0.1:12000");
        assert_eq!(told(at, up, up), (200, "ready\n".to_owned()));
        let nobody = "nobody listens at 127.0.0.1:12000 for UDP and TCP: start your server there\n";
        assert_eq!(told(at, down, down), (503, nobody.to_owned()));
        let (status, text) = told(Some("192.0.2.1:12000"), None, None);
        assert_eq!(status, 200);
        assert!(text.contains("cannot be seen from here"), "{text}");
    }
}
