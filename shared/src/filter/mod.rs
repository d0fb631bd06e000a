//! Display filters: which rows of a trace are shown, in the language of protocol analysers.
//!
//! ```text
//! udp.port == 12000 && ip.src == 127.0.0.1 && frame.len > 60
//! tcp.flags.syn == 1 or (icmp and not icmp.type == 8)
//! data contains "hello" || data contains 48:45
//! tcp.port in {80, 443, 8000..8080}        ip.addr == 127.0.0.0/8        tcp.flags & 0x12
//! tcp[13] & 2        udp[0:2] == 2e:e0        len(udp.payload) > 20        udp.srcport == udp.dstport
//! any ip.addr != 127.0.0.1        all tcp.port > 1023        udp.checksum.status == "Bad"        not arp
//! call.name == "sendto" && call.errno == "ECONNREFUSED" && lab.side == "client"
//! call.truncated == 1        call.blocked == 1 && call.peer == "nobody"        edge.fate == "lost"
//! ```
//!
//! - A bare field or protocol tests that the row has it. So `tcp.flags.syn` is true of every segment; the segments
//!   that open a connection are `tcp.flags.syn == 1`.
//! - A field can be in a row more than once: `ip.addr` is the source and the destination, and an ICMP error has the
//!   fields of the packet it quotes. A comparison holds if it holds for *any* of them, except `!=`, which holds only
//!   if the field is there and *all* of them differ. `not` negates the result: `!(ip.addr == x)` is also
//!   true of rows without addresses. `not in` is `not (… in …)`.
//! - `any` and `all` before a comparison say for how many of the values it must hold.
//! - Slices and lengths of Ethernet, IP and UDP are their headers': `udp[8]` is in no row. Those of TCP include its data,
//!   and `contains` searches everything behind a header, too.
//! - A protocol that the dissector does not read, such as `arp`, is in no row.
//! - `not` binds closer than `and`, `and` closer than `or`.
//! - An empty filter shows every row.
//!
//! A filter is parsed once ([`Filter::parse`]) and then tested against each [`Row`] ([`Filter::matches`]). A text that
//! does not parse gives a [`ParseError`]: its range, and a key with arguments for the page's text. [`complete`] offers
//! fields. [`PacketRow`] is a packet as a row; a caller that knows more than its bytes implements [`Row`].

mod complete;
mod error;
mod expression;
mod field;
mod lexer;
mod literal;
mod operand;
mod parser;
mod row;
#[cfg(test)]
mod tests;

pub use complete::{Candidate, Completion, complete};
pub use error::{ParseError, Reason};
pub use field::{CallKey, Field, ValueType};
pub use row::{CallRow, EventRow, PacketRow, Row, Value};

use expression::Expression;

/// A parsed filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    expression: Expression,
}

impl Filter {
    /// Parses a filter.
    ///
    /// # Errors
    ///
    /// The first error, with its range in the text.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parser::parse(text).map(|expression| Self { expression })
    }

    /// Whether the filter shows the row.
    #[must_use]
    pub fn matches(&self, row: &dyn Row) -> bool {
        self.expression.matches(row)
    }
}
