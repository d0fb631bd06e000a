//! The command line: every flag with its help text and default. Each flag is also an environment variable
//! `PLAYGROUND_…`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, ValueEnum};
use ipnet::IpNet;
use shared::{
    lab::{Level, Program, Task},
    limits::Limits,
};

use crate::admission::parse_address_range;

/// Socket Playground: real UDP and TCP servers, and a web page that acts as their client.
#[derive(Clone, Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Config {
    /// Address at which the page is served. With port 0 the system chooses a port. Only this machine can reach 127.0.0.1.
    #[arg(
        long,
        env = "PLAYGROUND_HTTP",
        value_name = "ADDR",
        default_value = "127.0.0.1:8080"
    )]
    pub http: SocketAddr,

    /// Address at which the UDP and TCP servers of the open lab listen.
    #[arg(
        long,
        env = "PLAYGROUND_SERVER",
        value_name = "ADDR",
        default_value = "127.0.0.1:12000"
    )]
    pub server: SocketAddr,

    /// Program that the servers run.
    #[arg(long, env = "PLAYGROUND_PROGRAM", value_enum, default_value = "robust")]
    pub program: ProgramName,

    /// What the servers do with a sentence: `upper`, `count:LETTER`, `reverse` or `echo`.
    #[arg(long, env = "PLAYGROUND_TASK", default_value = "upper", value_parser = parse_task)]
    pub task: Task,

    /// Do not run servers in the open lab: be the client of the program that listens at --server, such as your own.
    #[arg(long, env = "PLAYGROUND_EXTERNAL_SERVER")]
    pub external_server: bool,

    /// Highest level of truth to use.
    #[arg(long, env = "PLAYGROUND_MAX_LEVEL", value_enum, default_value = "l2")]
    pub max_level: LevelName,

    /// Additional host name of the page, such as the name of a reverse proxy; repeatable. If set, no connection has the
    /// rights of this machine.
    #[arg(
        long,
        env = "PLAYGROUND_ALLOW_HOST",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub allow_host: Vec<String>,

    /// Address or address range of a reverse proxy; repeatable. Limits per address then use the visitor's address that the
    /// proxy forwards, and no connection has the rights of this machine.
    #[arg(
        long,
        env = "PLAYGROUND_TRUST_PROXY",
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = parse_address_range
    )]
    pub trust_proxy: Vec<IpNet>,

    /// User id whose direct connections have the rights of this machine, instead of the user who starts the relay;
    /// repeatable. Linux only: on other systems every direct connection from this machine has these rights.
    #[arg(
        long,
        env = "PLAYGROUND_OWNER",
        value_name = "UID",
        value_delimiter = ','
    )]
    pub owner: Vec<u32>,

    /// Token with which visitors on other machines may create classes and, as a bearer token, read the open lab's trace.
    #[arg(
        long,
        env = "PLAYGROUND_ADMIN_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub admin_token: Option<String>,

    /// Folder in which classes and saved traces are stored; it is created if necessary. Without it they are lost when the
    /// relay ends.
    #[arg(long, env = "PLAYGROUND_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Limits.
    #[command(flatten)]
    pub limits: LimitFlags,
}

/// Limits of one page, of one address and of the whole relay.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitFlags {
    /// Maximum bytes of one message between page and relay. The default has space for the largest UDP payload, 65,507
    /// bytes, even though JSON may write one byte as six.
    #[arg(long, env = "PLAYGROUND_MAX_MESSAGE_BYTES", value_name = "BYTES", default_value_t = 512 << 10)]
    max_message_bytes: u64,
    /// Maximum bytes of the data of one call, and of one receive.
    #[arg(long, env = "PLAYGROUND_MAX_DATA_BYTES", value_name = "BYTES", default_value_t = 128 << 10)]
    max_data_bytes: u64,
    /// Maximum sockets per page.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_SOCKETS",
        value_name = "COUNT",
        default_value_t = 64
    )]
    max_sockets: u64,
    /// Maximum calls in progress per page.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_CALLS",
        value_name = "COUNT",
        default_value_t = 1024
    )]
    max_calls: u64,
    /// Maximum bytes queued for a page, beyond which the relay stops reading from it; also the maximum bytes of data in its
    /// waiting calls.
    #[arg(long, env = "PLAYGROUND_MAX_QUEUED_BYTES", value_name = "BYTES", default_value_t = 1 << 20)]
    max_queued_bytes: u64,
    /// Maximum pages per address.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_PAGES_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = 2048
    )]
    max_pages_per_address: u64,
    /// Maximum pages in total, including raw bridges. It is lowered at start if there are too few file descriptors.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_PAGES",
        value_name = "COUNT",
        default_value_t = 8192
    )]
    max_pages: u64,
    /// Maximum HTTP connections in total, not counting pages. It is lowered at start if there are too few file
    /// descriptors.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_CONNECTIONS",
        value_name = "COUNT",
        default_value_t = 8192
    )]
    max_connections: u64,
    /// Maximum HTTP connections per address (IPv6: per /64 network), not counting pages.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_CONNECTIONS_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = 2048
    )]
    max_connections_per_address: u64,
    /// Timeout for the headers of an HTTP request, and for an idle HTTP connection.
    #[arg(long, env = "PLAYGROUND_HANDSHAKE_SECONDS", value_name = "SECONDS", default_value_t = 10, value_parser = seconds())]
    handshake_seconds: u64,
    /// Timeout after which a page that sends nothing is disconnected.
    #[arg(long, env = "PLAYGROUND_IDLE_SECONDS", value_name = "SECONDS", default_value_t = 3600, value_parser = seconds())]
    idle_seconds: u64,
    /// Timeout after which a page, or any other connection, that does not read is disconnected.
    #[arg(long, env = "PLAYGROUND_UNREAD_SECONDS", value_name = "SECONDS", default_value_t = 30, value_parser = seconds())]
    unread_seconds: u64,
    /// Interval between pings. A page or bridge that does not answer before the next ping is disconnected. Keep it below
    /// 50: proxies often close connections that are idle for 60 seconds.
    #[arg(long, env = "PLAYGROUND_PING_SECONDS", value_name = "SECONDS", default_value_t = 20, value_parser = seconds())]
    ping_seconds: u64,
    /// Maximum bytes of the open lab's trace; the oldest events are dropped. With 0 nothing is traced, and pages show no
    /// calls.
    #[arg(long, env = "PLAYGROUND_TRACE_BYTES", value_name = "BYTES", default_value_t = 64 << 20)]
    trace_bytes: u64,
    /// Maximum bytes of the trace of every other lab; the lab of a class may use eight times as many.
    #[arg(long, env = "PLAYGROUND_LAB_TRACE_BYTES", value_name = "BYTES", default_value_t = 4 << 20)]
    lab_trace_bytes: u64,
    /// Maximum labs besides the open one. Each has servers at an address of its own.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_LABS",
        value_name = "COUNT",
        default_value_t = 600
    )]
    max_labs: u64,
    /// Maximum labs per address, besides the open one. A whole classroom may share an address.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_LABS_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = 400
    )]
    max_labs_per_address: u64,
    /// Maximum classes.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_CLASSES",
        value_name = "COUNT",
        default_value_t = 100
    )]
    max_classes: u64,
    /// Maximum members per class. The teacher can set a lower limit.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_MEMBERS",
        value_name = "COUNT",
        default_value_t = 1000
    )]
    max_members: u64,
    /// Maximum members per class and address. Raise it if a whole school shares an address.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_MEMBERS_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = 400
    )]
    max_members_per_address: u64,
    /// Maximum traces saved as links.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_LINKS",
        value_name = "COUNT",
        default_value_t = 1000
    )]
    max_links: u64,
    /// Maximum saved traces per address.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_LINKS_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = 200
    )]
    max_links_per_address: u64,
    /// Maximum bytes of all saved traces together. Without --data they are in memory.
    #[arg(long, env = "PLAYGROUND_MAX_LINKS_BYTES", value_name = "BYTES", default_value_t = 64 << 20)]
    max_links_bytes: u64,
    /// Maximum bytes of all saved traces of one address.
    #[arg(long, env = "PLAYGROUND_MAX_LINKS_BYTES_PER_ADDRESS", value_name = "BYTES", default_value_t = 16 << 20)]
    max_links_bytes_per_address: u64,
    /// Maximum bytes of one saved trace.
    #[arg(long, env = "PLAYGROUND_MAX_LINK_BYTES", value_name = "BYTES", default_value_t = 4 << 20)]
    max_link_bytes: u64,
    /// Days for which a saved trace is kept.
    #[arg(long, env = "PLAYGROUND_LINK_DAYS", value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3650))]
    link_days: u64,
    /// Seconds for which a private lab, or a member's sockets in a class, are kept after their page has disconnected.
    #[arg(long, env = "PLAYGROUND_KEEP_SECONDS", value_name = "SECONDS", default_value_t = 60, value_parser = seconds())]
    keep_seconds: u64,
}

fn seconds() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=31_536_000)
}

impl From<LimitFlags> for Limits {
    fn from(flags: LimitFlags) -> Self {
        Self {
            message_bytes: flags.max_message_bytes,
            data_bytes: flags.max_data_bytes,
            sockets: flags.max_sockets,
            calls: flags.max_calls,
            queued_bytes: flags.max_queued_bytes,
            pages_per_address: flags.max_pages_per_address,
            pages: flags.max_pages,
            connections: flags.max_connections,
            connections_per_address: flags.max_connections_per_address,
            handshake_seconds: flags.handshake_seconds,
            idle_seconds: flags.idle_seconds,
            unread_seconds: flags.unread_seconds,
            ping_seconds: flags.ping_seconds,
            trace_bytes: flags.trace_bytes,
            lab_trace_bytes: flags.lab_trace_bytes,
            labs: flags.max_labs,
            labs_per_address: flags.max_labs_per_address,
            keep_seconds: flags.keep_seconds,
            classes: flags.max_classes,
            members: flags.max_members,
            members_per_address: flags.max_members_per_address,
            links: flags.max_links,
            links_per_address: flags.max_links_per_address,
            links_bytes: flags.max_links_bytes,
            links_bytes_per_address: flags.max_links_bytes_per_address,
            link_bytes: flags.max_link_bytes,
            link_days: flags.link_days,
        }
    }
}

/// [`Program`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ProgramName {
    /// Exactly the book's program: it serves one client at a time and dies of unexpected errors.
    Book,
    /// Serves all clients at once, answers a stream as it arrives, and survives all errors.
    #[value(alias = "sturdy")]
    Robust,
}

impl From<ProgramName> for Program {
    fn from(name: ProgramName) -> Self {
        match name {
            ProgramName::Book => Self::Book,
            ProgramName::Robust => Self::Sturdy,
        }
    }
}

/// [`Level`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LevelName {
    /// Calls, addresses, bytes, times.
    L0,
    /// L0, and the kernel's state of sockets.
    L1,
    /// L1, and captured packets.
    L2,
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::L0 => Self::L0,
            LevelName::L1 => Self::L1,
            LevelName::L2 => Self::L2,
        }
    }
}

fn parse_task(text: &str) -> Result<Task, String> {
    let mut letters = text.strip_prefix("count:").unwrap_or_default().chars();
    match (text, letters.next(), letters.next()) {
        ("upper", _, _) => Ok(Task::Upper),
        ("reverse", _, _) => Ok(Task::Reverse),
        ("echo", _, _) => Ok(Task::Echo),
        (_, Some(letter), None) => Ok(Task::Count(letter)),
        _ => Err(
            "expected `upper`, `reverse`, `echo`, or `count:` and one letter, such as `count:s`"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn tasks_are_parsed() {
        assert_eq!(parse_task("upper"), Ok(Task::Upper));
        assert_eq!(parse_task("reverse"), Ok(Task::Reverse));
        assert_eq!(parse_task("echo"), Ok(Task::Echo));
        assert_eq!(parse_task("count:界"), Ok(Task::Count('界')));
        for wrong in ["", "Upper", "count:", "count:ab", "count", "s"] {
            assert!(parse_task(wrong).is_err(), "{wrong}");
        }
    }
}
