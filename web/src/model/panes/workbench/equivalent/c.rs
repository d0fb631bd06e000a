//! The program in C, with the calls as the manual pages (section 2) have them.

use std::{fmt::Write, net::SocketAddr};

use shared::{call::Transport, trace::CallName};

use super::{RecordedStep, octal_escape, quoted, uses};
use crate::i18n::Texts;

pub(super) fn write(steps: &[RecordedStep<'_>], texts: &Texts) -> String {
    let mut text = head(steps);
    text.push_str("int main(void) {\n");
    declare(&mut text, steps);
    for step in steps {
        write_step(&mut text, step, texts);
    }
    text.push_str("    return 0;\n}\n");
    text
}

fn head(steps: &[RecordedStep<'_>]) -> String {
    let made = |names: &[CallName]| uses(steps, names);
    let mut text = String::new();
    let mut headers = vec![
        "arpa/inet.h",
        "netinet/in.h",
        "stdio.h",
        "sys/socket.h",
        "unistd.h",
    ];
    if made(&[CallName::GetAddrInfo]) {
        headers.push("netdb.h");
    }
    if steps
        .iter()
        .any(|step| step.is_made() && step.word == "TCP_NODELAY")
    {
        headers.push("netinet/tcp.h");
    }
    if made(&[CallName::SetTimeout]) {
        headers.extend(["fcntl.h", "sys/time.h"]);
    }
    headers.sort_unstable();
    for header in headers {
        writeln!(text, "#include <{header}>").ok();
    }
    let is_v6 = |step: &RecordedStep<'_>| step.address.is_some_and(|address| address.is_ipv6());
    let named = steps
        .iter()
        .filter(|step| step.is_made() && step.address.is_some());
    if named.clone().any(|step| !is_v6(step)) {
        text.push_str(AT);
    }
    if named.clone().any(is_v6) {
        text.push_str(AT6);
    }
    text.push('\n');
    text
}

const AT: &str = "
static struct sockaddr_in at(const char *host, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &a.sin_addr);
    return a;
}
";
const AT6: &str = "
static struct sockaddr_in6 at6(const char *host, int port) {
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    inet_pton(AF_INET6, host, &a.sin6_addr);
    return a;
}
";

/// What is used by several calls.
fn declare(text: &mut String, steps: &[RecordedStep<'_>]) {
    let is_receive =
        |step: &&RecordedStep<'_>| matches!(step.name, CallName::Recv | CallName::RecvFrom);
    let sizes = steps.iter().filter(is_receive).map(RecordedStep::size);
    if let Some(size) = sizes.max() {
        writeln!(text, "    char message[{}];\n    ssize_t n;", size.max(1)).ok();
    }
    let is_v4 = |step: &RecordedStep<'_>| step.address.is_some_and(|address| address.is_ipv4());
    let mut named = steps
        .iter()
        .filter(|step| step.is_made() && step.address.is_some());
    if named.clone().any(is_v4) {
        text.push_str("    struct sockaddr_in to;\n");
    }
    if named.any(|step| !is_v4(step)) {
        text.push_str("    struct sockaddr_in6 to6;\n");
    }
}

fn write_step(text: &mut String, step: &RecordedStep<'_>, texts: &Texts) {
    let remark = step.remark(texts).map(|remark| format!("  /* {remark} */"));
    let remark = remark.unwrap_or_default();
    if !step.is_made() {
        let (name, socket) = (step.name.as_str(), &step.socket);
        writeln!(text, "    /* {name}({socket}, …) */{remark}").ok();
        return;
    }
    let (name, socket) = (step.name.as_str(), &step.socket);
    let to = if step.address.is_some_and(|address| address.is_ipv6()) {
        "to6"
    } else {
        "to"
    };
    if let Some(address) = step.address {
        writeln!(text, "    {to} = {};", at(address)).ok();
    }
    let with_address = format!("(struct sockaddr *)&{to}, sizeof {to}");
    let checked = |call: String| format!("if ({call} < 0) perror(\"{name}\");");
    let line = match step.name {
        CallName::Socket => {
            let family = if step.v6 { "AF_INET6" } else { "AF_INET" };
            let kind = match step.transport {
                Transport::Udp => "SOCK_DGRAM",
                Transport::Tcp => "SOCK_STREAM",
            };
            format!("int {socket} = socket({family}, {kind}, 0);")
        }
        CallName::Bind | CallName::Connect => checked(format!("{name}({socket}, {with_address})")),
        CallName::Send | CallName::SendTo => {
            let (data, length) = (literal(step.data), step.data.len());
            let to = if step.name == CallName::SendTo {
                format!(", {with_address}")
            } else {
                String::new()
            };
            // Without the flag the signal SIGPIPE would end the program.
            checked(format!(
                "{name}({socket}, \"{data}\", {length}, MSG_NOSIGNAL{to})"
            ))
        }
        CallName::Recv | CallName::RecvFrom => receive(step),
        CallName::SetTimeout => timeout(step),
        CallName::SetSockOpt => option(step),
        CallName::GetSockName | CallName::GetPeerName => address_of(step),
        CallName::GetAddrInfo => resolve(step),
        CallName::Shutdown => checked(format!("shutdown({socket}, {})", step.word)),
        CallName::Close
        | CallName::Listen
        | CallName::Accept
        | CallName::Upper
        | CallName::Count
        | CallName::Reverse
        | CallName::Sleep => checked(format!("{name}({socket})")),
    };
    let mut lines = line.lines();
    let first = lines.next().unwrap_or_default();
    writeln!(text, "    {first}{remark}").ok();
    for line in lines {
        writeln!(text, "    {line}").ok();
    }
}

fn receive(step: &RecordedStep<'_>) -> String {
    let (name, socket, size) = (step.name.as_str(), &step.socket, step.size());
    let from = if step.name == CallName::RecvFrom {
        ", NULL, NULL"
    } else {
        ""
    };
    format!(
        "n = {name}({socket}, message, {size}, 0{from});\n\
         if (n < 0) perror(\"{name}\");\n\
         else printf(\"%.*s\\n\", (int)n, message);"
    )
}

/// The system has a timeout for each direction; none at all is a socket that does not block.
fn timeout(step: &RecordedStep<'_>) -> String {
    let socket = &step.socket;
    match step.number {
        Some(0) => format!("fcntl({socket}, F_SETFL, O_NONBLOCK);"),
        number => {
            let ms = number.unwrap_or_default();
            let (seconds, us) = (ms / 1_000, ms % 1_000 * 1_000);
            let unblocks = if step.unblocks {
                format!("fcntl({socket}, F_SETFL, 0);\n")
            } else {
                String::new()
            };
            format!(
                "{unblocks}setsockopt({socket}, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){{{seconds}, {us}}}, sizeof(struct timeval));\n\
                 setsockopt({socket}, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){{{seconds}, {us}}}, sizeof(struct timeval));"
            )
        }
    }
}

fn option(step: &RecordedStep<'_>) -> String {
    let (level, name) = match step.word {
        "TCP_NODELAY" => ("IPPROTO_TCP", "TCP_NODELAY"),
        // <linux/in.h> names it 11.
        "IP_RECVERR" => ("IPPROTO_IP", "11"),
        name => ("SOL_SOCKET", name),
    };
    let value = step.size();
    let value = if step.word == "SO_LINGER" {
        let on = i32::from(value >= 0);
        format!(
            "&(struct linger){{{on}, {}}}, sizeof(struct linger)",
            value.max(0)
        )
    } else {
        format!("&(int){{{value}}}, sizeof(int)")
    };
    format!(
        "if (setsockopt({}, {level}, {name}, {value}) < 0) perror(\"setsockopt\");",
        step.socket
    )
}

fn address_of(step: &RecordedStep<'_>) -> String {
    let (name, socket) = (step.name.as_str(), &step.socket);
    let (family, length, kind, prefix) = if step.v6 {
        ("AF_INET6", "INET6_ADDRSTRLEN", "sockaddr_in6", "sin6")
    } else {
        ("AF_INET", "INET_ADDRSTRLEN", "sockaddr_in", "sin")
    };
    format!(
        "{{\n    struct {kind} a;\n    socklen_t length = sizeof a;\n    char host[{length}];\n    \
         if ({name}({socket}, (struct sockaddr *)&a, &length) < 0) perror(\"{name}\");\n    \
         else printf(\"%s:%d\\n\", inet_ntop({family}, &a.{prefix}_addr, host, sizeof host), ntohs(a.{prefix}_port));\n}}"
    )
}

fn resolve(step: &RecordedStep<'_>) -> String {
    let name = literal(step.word.as_bytes());
    format!(
        "{{\n    struct addrinfo hints = {{.ai_socktype = SOCK_STREAM}}, *found;\n    char host[INET6_ADDRSTRLEN];\n    \
         int error = getaddrinfo(\"{name}\", NULL, &hints, &found);\n    \
         if (error) fprintf(stderr, \"getaddrinfo: %s\\n\", gai_strerror(error));\n    \
         else for (; found; found = found->ai_next)\n        \
         if (!getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST)) puts(host);\n}}"
    )
}

fn at(address: SocketAddr) -> String {
    let function = if address.is_ipv6() { "at6" } else { "at" };
    format!("{function}(\"{}\", {})", address.ip(), address.port())
}

/// Octal escapes end after three digits, whatever follows.
fn literal(bytes: &[u8]) -> String {
    quoted(bytes, |byte| match byte {
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\\' | b'"' | b'?' => format!("\\{}", char::from(byte)),
        b'\'' | b'%' => String::from(char::from(byte)),
        other => octal_escape(other),
    })
}
