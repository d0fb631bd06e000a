//! Who has the rights of this machine: the user who started the relay, who connects directly; nobody whom a proxy
//! brings, whatever its visitor or its configuration says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use shared::{
    call::Transport,
    message::Ask,
    outcome::{Outcome, Reason},
};
use tests::{
    http::{get_with, raw},
    page::{Page, VISITORS_NAME},
    proxy::{Nginx, Setup, Tunnel, is_root},
    relay::Relay,
};

const TRACE: &str = "/labs/open/trace.json";
const KILL: Ask = Ask::KillServer {
    transport: Transport::Udp,
};

const fn create() -> Ask {
    Ask::CreateClass {
        title: String::new(),
        admin: None,
    }
}

/// Requests every right of this machine at an address under this host name; returns those that were granted.
async fn rights_at(address: SocketAddr, host: &str) -> Vec<&'static str> {
    let mut rights = Vec::new();
    let trace = get_with(address, TRACE, &[("Host", host)]).await;
    match trace.status {
        200 => rights.push("trace"),
        403 | 421 => {}
        other => panic!("{other} for the trace: {}", trace.text()),
    }
    // Where no WebSocket is opened there is nothing to be had by it.
    let Some(mut page) = Page::open_under(address, host).await else {
        return rights;
    };
    if page.welcome.may_control {
        rights.push("control");
    }
    let killed = page.asks(KILL).await.outcome;
    let created = page.asks(create()).await.outcome;
    for (outcome, right, reason) in [
        (killed, "kill", Reason::OnlyThisMachine),
        (created, "class", Reason::OnlyWithAdminToken),
    ] {
        match outcome {
            Outcome::Returned(_) => rights.push(right),
            Outcome::Failed(failed) => assert_eq!(failed.reason, Some(reason), "{right}"),
        }
    }
    rights
}

const ALL: [&str; 4] = ["trace", "control", "kill", "class"];
const NONE: [&str; 0] = [];

/// The names under which a visitor may ask for a relay behind a proxy.
fn hosts(relay: SocketAddr, proxy: SocketAddr) -> [String; 6] {
    [
        "localhost".to_owned(),
        format!("127.0.0.1:{}", relay.port()),
        relay.to_string(),
        "[::1]".to_owned(),
        VISITORS_NAME.to_owned(),
        proxy.to_string(),
    ]
}

async fn nobody_rules_through(relay: &Relay, setup: Setup) {
    let nginx = Nginx::before(relay.http, setup);
    for host in hosts(relay.http, nginx.address) {
        assert_eq!(
            rights_at(nginx.address, &host).await,
            NONE,
            "{setup:?} {host}"
        );
    }
}

#[tokio::test]
async fn the_starter_has_rights_under_every_loopback_name() {
    for (http, host) in [
        ("127.0.0.1:0", "127.0.0.1"),
        ("127.0.0.1:0", "localhost"),
        ("[::]:0", "127.0.0.1"),
        ("[::1]:0", "[::1]"),
        ("0.0.0.0:0", "localhost"),
    ] {
        let relay = Relay::launch(http, "127.0.0.1:0", &[]);
        let port = relay.http.port();
        let ip = if http.contains("::1") {
            "::1"
        } else {
            "127.0.0.1"
        };
        let address = SocketAddr::new(ip.parse().expect("an address"), port);
        let rights = rights_at(address, &format!("{host}:{port}")).await;
        assert_eq!(rights, ALL, "{http} {host}");
    }
}

#[tokio::test]
async fn an_undeclared_proxy_gives_no_rights() {
    let relay = Relay::start(&[]);
    for setup in Setup::ALL {
        // One that runs as the relay's own user and adds nothing is like that user: it has to be declared.
        if is_root() || matches!(setup, Setup::Default | Setup::Forwarding) {
            nobody_rules_through(&relay, setup).await;
        }
    }
    let host = relay.http.to_string();
    assert_eq!(
        rights_at(relay.http, &host).await,
        ALL,
        "its user still does"
    );
}

#[tokio::test]
async fn behind_a_declared_proxy_no_address_gives_rights() {
    for declared in [
        ["--allow-host", VISITORS_NAME],
        ["--trust-proxy", "127.0.0.0/8"],
    ] {
        let relay =
            Relay::start(&[&declared[..], &["--admin-token", "a token of the teacher"]].concat());
        for setup in Setup::ALL {
            nobody_rules_through(&relay, setup).await;
        }
        let host = relay.http.to_string();
        assert_eq!(rights_at(relay.http, &host).await, NONE, "{declared:?}");
        let bearer = ("Authorization", "Bearer a token of the teacher");
        let answer = get_with(relay.http, TRACE, &[bearer]).await;
        assert_eq!(answer.status, 200, "whoever has the token, {declared:?}");
        let refused = get_with(relay.http, TRACE, &[]).await;
        assert!(
            refused
                .text()
                .contains("a proxy is declared (--allow-host or --trust-proxy)")
        );
    }
}

#[tokio::test]
async fn a_request_that_was_passed_on_is_not_of_this_machine() {
    let relay = Relay::start(&[]);
    for header in [
        "Forwarded",
        "Via",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Real-IP",
        "X-Client-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
    ] {
        for value in ["", "127.0.0.1", "for=127.0.0.1"] {
            let answer = get_with(relay.http, TRACE, &[(header, value)]).await;
            assert_eq!(answer.status, 403, "{header}: {value}");
        }
    }
    let old = format!("GET {TRACE} HTTP/1.0\r\nHost: {}\r\n\r\n", relay.http);
    let answer = raw(relay.http, &old).await;
    assert_eq!(answer.status, 403, "nginx's own way of asking");
    assert!(
        answer.text().contains("connect directly"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn another_user_of_this_machine_does_not_rule() {
    if !is_root() {
        eprintln!("not told: only root can be another user");
        return;
    }
    let relay = Relay::start(&[]);
    let tunnel = Tunnel::of_another_user(relay.http);
    for host in [
        relay.http.to_string(),
        "localhost".to_owned(),
        "[::1]".to_owned(),
    ] {
        assert_eq!(rights_at(tunnel.address, &host).await, NONE, "{host}");
    }
    let refused = get_with(tunnel.address, TRACE, &[("Host", "localhost")]).await;
    assert!(refused.text().contains("--owner UID"), "{}", refused.text());
    let owner = tests::proxy::ANOTHER_USER.to_string();
    let theirs = Relay::start(&["--owner", &owner]);
    let tunnel = Tunnel::of_another_user(theirs.http);
    assert_eq!(rights_at(tunnel.address, "localhost").await, ALL);
    let host = theirs.http.to_string();
    assert_eq!(
        rights_at(theirs.http, &host).await,
        NONE,
        "root is not named"
    );
}

/// How many of these visitors are let in together, where an address may have one page.
async fn let_in(relay: SocketAddr, visitors: &[(IpAddr, &'static str, &str)]) -> Vec<bool> {
    let mut pages = Vec::new();
    for (source, name, value) in visitors {
        pages.push(Page::try_open_from(*source, relay, &[(*name, *value)]).await);
    }
    pages.iter().map(Result::is_ok).collect()
}

const VISITOR: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const NEIGHBOUR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const ONE_EACH: [&str; 2] = ["--max-pages-per-address", "1"];

#[tokio::test]
async fn of_a_trusted_proxy_the_forwarded_address_counts() {
    let relay = Relay::start(&[&ONE_EACH[..], &["--trust-proxy", "127.0.0.1"]].concat());
    let forwarded = "x-forwarded-for";
    let visitors = [
        (VISITOR, forwarded, "192.0.2.1"),
        (VISITOR, forwarded, "192.0.2.2"),
        (VISITOR, forwarded, "6.6.6.6, 192.0.2.2"),
        (VISITOR, "forwarded", "for=\"192.0.2.3:4711\""),
        (VISITOR, "forwarded", "for=192.0.2.1"),
        (VISITOR, forwarded, "2001:db8:1:2::1"),
        (VISITOR, forwarded, "2001:db8:1:2:ffff::1"),
        (VISITOR, forwarded, "2001:db8:1:3::1"),
    ];
    let expected = [true, true, false, true, false, true, false, true];
    assert_eq!(let_in(relay.http, &visitors).await, expected);
}

#[tokio::test]
async fn of_anybody_else_it_does_not() {
    for trusted in [&[][..], &["--trust-proxy", "127.0.0.9,10.0.0.0/8"]] {
        let relay = Relay::start(&[&ONE_EACH[..], trusted].concat());
        let visitors = [
            (VISITOR, "x-forwarded-for", "192.0.2.1"),
            (VISITOR, "x-forwarded-for", "192.0.2.2"),
            (VISITOR, "forwarded", "for=192.0.2.3"),
            (NEIGHBOUR, "x-forwarded-for", "192.0.2.1"),
        ];
        let expected = [true, false, false, true];
        assert_eq!(let_in(relay.http, &visitors).await, expected, "{trusted:?}");
    }
}

#[tokio::test]
async fn a_visitor_behind_nginx_cannot_choose_its_address() {
    let relay = Relay::start(&[&ONE_EACH[..], &["--trust-proxy", Nginx::HOSTS]].concat());
    let nginx = Nginx::before(relay.http, Setup::Forwarding);
    let visitors = [
        (VISITOR, "x-forwarded-for", "192.0.2.1"),
        (VISITOR, "x-forwarded-for", "192.0.2.2"),
        (NEIGHBOUR, "x-forwarded-for", "127.0.0.1"),
        (NEIGHBOUR, "accept", "*/*"),
    ];
    let expected = [true, false, true, false];
    assert_eq!(let_in(nginx.address, &visitors).await, expected);
    // A header that this nginx does not set changes no client's address.
    let written = (NEIGHBOUR, "forwarded", "for=192.0.2.7");
    let again = (NEIGHBOUR, "forwarded", "for=192.0.2.8");
    assert_eq!(
        let_in(nginx.address, &[written, again]).await,
        [true, false]
    );
}

#[test]
fn a_range_that_is_none_is_refused_at_the_start() {
    let said = tests::relay::refuses_to_start(&["--trust-proxy", "10.0.0.0/33"]);
    assert!(
        said.contains("--trust-proxy") && said.contains("10.0.0.0/8"),
        "{said}"
    );
}
