//! `getaddrinfo`: the addresses of the few names a lab knows. Nothing else is looked up, here or anywhere.

use std::{io, net::IpAddr, rc::Rc};

use shared::{
    call::Transport,
    outcome::{Failed, Reason, Returned},
    trace::{Arguments, CallName, Fact, Source},
};

use super::{FinishedCall, Process};
use crate::{failure, trace::SocketSnapshot};

/// The one name that every system knows (RFC 6761 §6.3).
const LOCALHOST: &str = "localhost";

/// The lab's own name, and its host's address: what its own resolver knows.
#[derive(Clone, Debug)]
pub struct OwnHost {
    /// The name.
    pub name: String,
    /// The address.
    pub address: IpAddr,
}

/// What a name turns out to be before anybody is asked.
#[derive(Debug, PartialEq, Eq)]
enum HostName {
    /// An address as it is written: nobody needs to be asked.
    Literal(IpAddr),
    /// The lab's own host.
    Own(IpAddr),
    /// A name for the system.
    Localhost,
    /// A name that is not looked up.
    Unknown,
}

impl OwnHost {
    /// Names have no upper and lower case (RFC 4343).
    fn classify(&self, name: &str) -> HostName {
        if let Ok(address) = name.parse() {
            HostName::Literal(address)
        } else if name.eq_ignore_ascii_case(&self.name) {
            HostName::Own(self.address)
        } else if name.eq_ignore_ascii_case(LOCALHOST) {
            HostName::Localhost
        } else {
            HostName::Unknown
        }
    }
}

impl Process {
    /// Makes the call `getaddrinfo`, which is no system call; resolves when it returns, and before where it is
    /// `cancelled`.
    pub async fn resolve(
        self: Rc<Self>,
        name: String,
        transport: Transport,
        own: OwnHost,
        request: Option<u64>,
        cancelled: impl Future<Output = Failed>,
    ) -> FinishedCall {
        let arguments = Arguments {
            word: Some(name.clone()),
            ..Arguments::default()
        };
        let name_of_call = CallName::GetAddrInfo;
        let starting = self.starting(None, transport, name_of_call, arguments, request);
        let open = self.trace().start_call(starting);
        let (resolver, addresses) = match own.classify(&name) {
            HostName::Literal(address) => (None, Ok(vec![address])),
            HostName::Own(address) => (Some("lab"), Ok(vec![address])),
            HostName::Localhost => {
                let asked = tokio::select! {
                    asked = localhost() => asked.map_err(|error| not_resolved(&error)),
                    failed = cancelled => Err(failed),
                };
                (Some("system"), asked)
            }
            HostName::Unknown => (None, Err(unknown(&own.name))),
        };
        let outcome = failure::outcome(addresses.map(|addresses| Returned::Resolved { addresses }));
        let facts = resolver.map(|resolver| Fact {
            name: "resolver".to_owned(),
            value: resolver.to_owned(),
            source: Source::Computed,
        });
        let ends = SocketSnapshot {
            facts: facts.into_iter().collect(),
            ..SocketSnapshot::default()
        };
        let took_ns = self.trace().finish_call(open, outcome.clone(), ends);
        FinishedCall {
            outcome,
            took_ns,
            local: None,
            peer: None,
        }
    }
}

/// What the system says, in its order; it is asked on a thread that may wait for it.
async fn localhost() -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((LOCALHOST, 0)).await?;
    let addresses = deduplicate(found.map(|address| address.ip()));
    if addresses.is_empty() {
        return Err(io::Error::other("the system knows no address of it"));
    }
    Ok(addresses)
}

/// Each address where it came first.
fn deduplicate(addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut seen = Vec::new();
    for address in addresses {
        if !seen.contains(&address) {
            seen.push(address);
        }
    }
    seen
}

fn not_resolved(error: &io::Error) -> Failed {
    Failed {
        errno: "EAI_FAIL".to_owned(),
        ..failure::kernel(error)
    }
}

fn unknown(own: &str) -> Failed {
    let message = format!("only {LOCALHOST}, {own} and addresses are looked up here");
    failure::relay(Reason::UnknownName, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> IpAddr {
        address.parse().expect("an address")
    }

    #[test]
    fn only_a_few_names_mean_anything() {
        let own = OwnHost {
            name: "lab-k7f3.internal".to_owned(),
            address: at("127.1.2.3"),
        };
        for (name, meant) in [
            ("127.0.0.1", HostName::Literal(at("127.0.0.1"))),
            ("::1", HostName::Literal(at("::1"))),
            ("LAB-k7f3.internal", HostName::Own(at("127.1.2.3"))),
            ("Localhost", HostName::Localhost),
            ("localhost.", HostName::Unknown),
            ("example.org", HostName::Unknown),
            ("127.1", HostName::Unknown),
            ("", HostName::Unknown),
        ] {
            assert_eq!(own.classify(name), meant, "{name}");
        }
    }

    #[test]
    fn an_address_comes_once_and_in_the_resolvers_order() {
        let (a, b) = (at("::1"), at("127.0.0.1"));
        assert_eq!(deduplicate([a, b, a, b].into_iter()), [a, b]);
    }
}
