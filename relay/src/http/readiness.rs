//! `/readyz`: whether the servers can answer.
//!
//! The relay knows the state of its own servers. With `--external-server` it searches the kernel's list of sockets for a
//! listening one. It does not connect, because the book's server serves one connection at a time and would be busy with
//! it or die. On other systems than Linux, and for other machines, the state is unknown.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use shared::call::Transport;

use super::AppState;
use crate::sys::socket_owner::listener_exists;

/// Whether each server is up; `None` if that is unknown.
type Servers = [(Transport, Option<bool>); 2];

pub(super) async fn ready(State(state): State<Arc<AppState>>) -> Response {
    let (status, text) = readiness(state.external_server, probe_servers(&state));
    (status, text).into_response()
}

/// Finds out which servers are up, and updates the metrics.
pub(super) fn probe_servers(state: &AppState) -> Servers {
    Transport::ALL.map(|transport| {
        let Some(address) = state.external_server else {
            return (transport, Some(state.metrics.is_up(transport)));
        };
        let is_up = listener_exists(transport, address);
        if let Some(is_up) = is_up {
            state.metrics.set_server_up(transport, is_up);
        }
        (transport, is_up)
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
            format!("no server listens at {address} for {down}: start your server there\n"),
        ),
        (None, Some(unknown), Some(address)) => (
            StatusCode::OK,
            format!(
                "ready, but it is unknown whether a server listens at {address} for {unknown}: this can be seen only on \
                 Linux and for an address of this machine\n"
            ),
        ),
        (None, _, _) => (StatusCode::OK, "ready\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn respond(external: Option<&str>, udp: Option<bool>, tcp: Option<bool>) -> (u16, String) {
        let external = external.map(|address| address.parse().expect("an address"));
        let servers = [(Transport::Udp, udp), (Transport::Tcp, tcp)];
        let (status, text) = readiness(external, servers);
        (status.as_u16(), text)
    }

    #[test]
    fn missing_and_unknown_servers_are_named() {
        let (up, down) = (Some(true), Some(false));
        assert_eq!(respond(None, up, up), (200, "ready\n".to_owned()));
        assert_eq!(
            respond(None, up, down),
            (503, "not running: TCP server\n".to_owned())
        );
        let at = Some("127.0.0.1:12000");
        assert_eq!(respond(at, up, up), (200, "ready\n".to_owned()));
        let nobody =
            "no server listens at 127.0.0.1:12000 for UDP and TCP: start your server there\n";
        assert_eq!(respond(at, down, down), (503, nobody.to_owned()));
        let (status, text) = respond(Some("192.0.2.1:12000"), None, None);
        assert_eq!(status, 200);
        assert!(text.contains("it is unknown whether a server"), "{text}");
    }
}
