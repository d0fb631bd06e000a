//! The command line, and the one table of limits. Every flag is also an environment variable `PLAYGROUND_…`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, ValueEnum};
use ipnet::IpNet;
use shared::{
    lab::{Level, Program, Task},
    limits::Limits,
};

use crate::admission::parse_address_range;

/// Socket Playground: real UDP and TCP servers, and a page to be their client.
#[derive(Clone, Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Config {
    /// Where the page is served; port 0 lets the system choose. Only this machine reaches 127.0.0.1.
    #[arg(
        long,
        env = "PLAYGROUND_HTTP",
        value_name = "ADDR",
        default_value = "127.0.0.1:8080"
    )]
    pub http: SocketAddr,

    /// Where the UDP and the TCP server of the open lab listen.
    #[arg(
        long,
        env = "PLAYGROUND_SERVER",
        value_name = "ADDR",
        default_value = "127.0.0.1:12000"
    )]
    pub server: SocketAddr,

    /// Which program the servers run.
    #[arg(long, env = "PLAYGROUND_PROGRAM", value_enum, default_value = "sturdy")]
    pub program: ProgramName,

    /// What the servers do with a sentence: `upper`, `count:LETTER`, `reverse` or `echo`.
    #[arg(long, env = "PLAYGROUND_TASK", default_value = "upper", value_parser = parse_task)]
    pub task: Task,

    /// Run no servers: be the client of whatever listens at --server, such as your own program.
    #[arg(long, env = "PLAYGROUND_EXTERNAL_SERVER")]
    pub external_server: bool,

    /// Go no higher than this level of truth.
    #[arg(long, env = "PLAYGROUND_MAX_LEVEL", value_enum, default_value = "l2")]
    pub max_level: LevelName,

    /// A further host name under which the page is reached, such as the one of a proxy before it; repeatable. With one
    /// no connection has the rights of this machine by its address.
    #[arg(
        long,
        env = "PLAYGROUND_ALLOW_HOST",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub allow_host: Vec<String>,

    /// Addresses of a proxy before the relay, as a range or one address; repeatable. What it forwards as the visitor's
    /// address then counts for limits, and no connection has the rights of this machine by its address.
    #[arg(
        long,
        env = "PLAYGROUND_TRUST_PROXY",
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = parse_address_range
    )]
    pub trust_proxy: Vec<IpNet>,

    /// A user of this machine, by number, whose direct connections have its rights, in place of the user who starts
    /// the relay; repeatable. Linux only: elsewhere every direct connection from this machine has them.
    #[arg(
        long,
        env = "PLAYGROUND_OWNER",
        value_name = "UID",
        value_delimiter = ','
    )]
    pub owner: Vec<u32>,

    /// Who says it may create classes, and as a bearer token read the open lab's trace, from another machine.
    #[arg(
        long,
        env = "PLAYGROUND_ADMIN_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub admin_token: Option<String>,

    /// A folder to keep classes and saved traces in; made if it is not there. Without it they are gone when the
    /// relay ends.
    #[arg(long, env = "PLAYGROUND_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Limits.
    #[command(flatten)]
    pub limits: LimitFlags,
}

/// What one page, one address and the whole relay may use.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitFlags {
    /// Bytes in one message of the conversation. The longest datagram UDP can carry, 65,507 bytes, fits into the
    /// default whatever its bytes are: JSON writes some of them as six.
    #[arg(long, env = "PLAYGROUND_MAX_MESSAGE_BYTES", value_name = "BYTES", default_value_t = 512 << 10)]
    max_message_bytes: u64,
    /// Bytes in one call's data, and in one receive.
    #[arg(long, env = "PLAYGROUND_MAX_DATA_BYTES", value_name = "BYTES", default_value_t = 128 << 10)]
    max_data_bytes: u64,
    /// Sockets per page.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_SOCKETS",
        value_name = "COUNT",
        default_value_t = 64
    )]
    max_sockets: u64,
    /// Calls in flight per page.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_CALLS",
        value_name = "COUNT",
        default_value_t = 1024
    )]
    max_calls: u64,
    /// Bytes waiting to be sent to a page before it is read from no further; and bytes its waiting calls may carry.
    #[arg(long, env = "PLAYGROUND_MAX_QUEUED_BYTES", value_name = "BYTES", default_value_t = 1 << 20)]
    max_queued_bytes: u64,
    /// Pages from one address.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_PAGES_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = 2048
    )]
    max_pages_per_address: u64,
    /// Pages in total, raw bridges included.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_PAGES",
        value_name = "COUNT",
        default_value_t = 8192
    )]
    max_pages: u64,
    /// HTTP connections that are no page, in total. Like --max-pages it is lowered at start to what the limit of
    /// file descriptors bears.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_CONNECTIONS",
        value_name = "COUNT",
        default_value_t = 8192
    )]
    max_connections: u64,
    /// The same from one address; of IPv6 from one /64.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_CONNECTIONS_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = 2048
    )]
    max_connections_per_address: u64,
    /// Seconds an HTTP connection may take for a request's headers, or say nothing between two requests.
    #[arg(long, env = "PLAYGROUND_HANDSHAKE_SECONDS", value_name = "SECONDS", default_value_t = 10, value_parser = seconds())]
    handshake_seconds: u64,
    /// Seconds a page may say nothing before it is asked to leave.
    #[arg(long, env = "PLAYGROUND_IDLE_SECONDS", value_name = "SECONDS", default_value_t = 3600, value_parser = seconds())]
    idle_seconds: u64,
    /// Seconds a page, or any other connection, may leave unread what it was sent.
    #[arg(long, env = "PLAYGROUND_UNREAD_SECONDS", value_name = "SECONDS", default_value_t = 30, value_parser = seconds())]
    unread_seconds: u64,
    /// Seconds between the relay's pings; a page or bridge that does not answer one until the next is due is let go.
    /// More than some 50 lets proxies with a read timeout of 60 seconds cut idle connections.
    #[arg(long, env = "PLAYGROUND_PING_SECONDS", value_name = "SECONDS", default_value_t = 20, value_parser = seconds())]
    ping_seconds: u64,
    /// Bytes a lab's trace keeps; the oldest events make room. With 0 nothing is traced, and pages see no calls.
    #[arg(long, env = "PLAYGROUND_TRACE_BYTES", value_name = "BYTES", default_value_t = 64 << 20)]
    trace_bytes: u64,
    /// The same for every lab beside the open one.
    #[arg(long, env = "PLAYGROUND_LAB_TRACE_BYTES", value_name = "BYTES", default_value_t = 4 << 20)]
    lab_trace_bytes: u64,
    /// Labs beside the open one: private ones, each with servers on an address of its own.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_LABS",
        value_name = "COUNT",
        default_value_t = 600
    )]
    max_labs: u64,
    /// The same of one address: a class may share one, but nobody takes them all.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_LABS_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = 400
    )]
    max_labs_per_address: u64,
    /// Classes, each a lab with a teacher and members.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_CLASSES",
        value_name = "COUNT",
        default_value_t = 100
    )]
    max_classes: u64,
    /// Members of a class; its teacher may set fewer.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_MEMBERS",
        value_name = "COUNT",
        default_value_t = 1000
    )]
    max_members: u64,
    /// The same from one address: raise it where a whole school comes from one.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_MEMBERS_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = 400
    )]
    max_members_per_address: u64,
    /// Traces saved as links.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_LINKS",
        value_name = "COUNT",
        default_value_t = 1000
    )]
    max_links: u64,
    /// The same of one address.
    #[arg(
        long,
        env = "PLAYGROUND_MAX_LINKS_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = 200
    )]
    max_links_per_address: u64,
    /// Bytes of all saved traces together. Without --data they are in memory.
    #[arg(long, env = "PLAYGROUND_MAX_LINKS_BYTES", value_name = "BYTES", default_value_t = 64 << 20)]
    max_links_bytes: u64,
    /// The same of one address.
    #[arg(long, env = "PLAYGROUND_MAX_LINKS_BYTES_PER_ADDRESS", value_name = "BYTES", default_value_t = 16 << 20)]
    max_links_bytes_per_address: u64,
    /// Bytes of a saved trace.
    #[arg(long, env = "PLAYGROUND_MAX_LINK_BYTES", value_name = "BYTES", default_value_t = 4 << 20)]
    max_link_bytes: u64,
    /// Days a saved trace is kept.
    #[arg(long, env = "PLAYGROUND_LINK_DAYS", value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3650))]
    link_days: u64,
    /// Seconds a private lab, or a member's sockets in a class, are kept after their page has gone.
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

/// [`Program`] as the command line spells it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ProgramName {
    /// Exactly the book's: one client at a time, and it dies of what it did not expect.
    Book,
    /// Serves everyone at once, answers a stream as it comes, never dies.
    Sturdy,
}

impl From<ProgramName> for Program {
    fn from(name: ProgramName) -> Self {
        match name {
            ProgramName::Book => Self::Book,
            ProgramName::Sturdy => Self::Sturdy,
        }
    }
}

/// [`Level`] as the command line spells it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LevelName {
    /// Calls, addresses, bytes, times.
    L0,
    /// And the kernel's facts.
    L1,
    /// And captured packets.
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
            "say `upper`, `reverse`, `echo`, or `count:` and one letter, such as `count:s`"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Config::command().debug_assert();
    }

    #[test]
    fn a_task_is_upper_or_one_letter() {
        assert_eq!(parse_task("upper"), Ok(Task::Upper));
        assert_eq!(parse_task("reverse"), Ok(Task::Reverse));
        assert_eq!(parse_task("echo"), Ok(Task::Echo));
        assert_eq!(parse_task("count:界"), Ok(Task::Count('界')));
        for wrong in ["", "Upper", "count:", "count:ab", "count", "s"] {
            assert!(parse_task(wrong).is_err(), "{wrong}");
        }
    }
}
