//! Display filters: which rows of a trace are shown, asked in the language of protocol analysers.
//!
//! ```text
//! udp.port == 12000 && ip.src == 127.0.0.1 && frame.len > 60
//! tcp.flags.syn == 1 or (icmp and not icmp.type == 8)
//! data contains "hello" || data contains 48:45
//! tcp.port in {80, 443, 8000..8080}        ip.addr == 127.0.0.0/8        tcp.flags & 0x12
//! call.name == "sendto" && call.errno == "ECONNREFUSED" && lab.side == "client"
//! call.truncated == 1        call.blocked == 1 && call.peer == "nobody"        edge.fate == "lost"
//! ```
//!
//! - A bare field or protocol asks whether it is there. So `tcp.flags.syn` is true of every segment; the ones that
//!   open a connection are `tcp.flags.syn == 1`.
//! - A field can be in a row more than once: `ip.addr` is the source and the destination, and an ICMP error has the
//!   fields of the packet it quotes. A comparison holds if it holds for *any* of them, except `!=`, which holds only
//!   if the field is there and *all* of them differ. `not` simply turns the answer round: `!(ip.addr == x)` is also
//!   true of rows without addresses. `not in` is `not (… in …)`.
//! - `not` binds closer than `and`, `and` closer than `or`.
//! - An empty filter shows every row.
//!
//! A filter is parsed once ([`Filter::parse`]) and then asked about each [`Row`] ([`Filter::matches`]). What does not
//! parse gives a [`Mistake`]: where it is, and a key with arguments, which the page puts into words. [`complete`]
//! offers fields.

mod complete;
mod expression;
mod field;
mod lexer;
mod literal;
mod mistake;
mod parser;
mod row;
#[cfg(test)]
mod tests;

pub use complete::{Candidate, Completion, complete};
pub use field::{CallKey, Field, Type};
pub use mistake::{Mistake, Reason};
pub use row::{CallRow, NewsRow, PacketRow, Row, Value};

use expression::Expression;

/// A filter that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    expression: Expression,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    ///
    /// The first mistake, with its place in the text.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        parser::parse(text).map(|expression| Self { expression })
    }

    /// Whether the row is to be shown.
    #[must_use]
    pub fn matches(&self, row: &dyn Row) -> bool {
        self.expression.holds(row)
    }
}
