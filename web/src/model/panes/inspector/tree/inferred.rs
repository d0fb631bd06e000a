//! Builds the lines of an inferred packet: only what follows from its call.

use shared::{
    call::Transport,
    dissect::{Key, Protocol, Value},
    trace::Source,
};

use super::{
    FieldContent, LineContent,
    build::{Builder, PacketInfo},
    content::{SHOWN, beginning},
};
use crate::model::{
    panes::inspector::record::{Inferred, Record},
    text::format_call::quote_text,
};

impl Builder {
    /// Adds the lines of a packet that was not captured.
    pub(super) fn inferred(
        &mut self,
        record: &Record,
        inferred: &Inferred,
        about: &PacketInfo<'_>,
    ) {
        self.line("derived", 0..0, Source::Derived, LineContent::Inferred);
        self.inside(|inside| {
            inside.place(record, about, Source::Computed);
            inside.ends(inferred);
            let text = std::str::from_utf8(&inferred.payload);
            if !inferred.payload.is_empty() {
                let shown = text.map_or_else(
                    |_| beginning(&inferred.payload),
                    |text| quote_text(text, SHOWN * 2),
                );
                inside.line(
                    Key::DataData.name(),
                    0..0,
                    Source::Derived,
                    LineContent::Plain(shown),
                );
            }
        });
    }

    fn ends(&mut self, inferred: &Inferred) {
        let Inferred {
            from,
            to,
            transport,
            length,
            ..
        } = inferred;
        let addresses = if from.is_ipv4() {
            [Key::IpSrc, Key::IpDst]
        } else {
            [Key::Ipv6Src, Key::Ipv6Dst]
        };
        let ports = match transport {
            Transport::Udp => [Key::UdpSrcport, Key::UdpDstport],
            Transport::Tcp => [Key::TcpSrcport, Key::TcpDstport],
        };
        for (at, end) in [from, to].into_iter().enumerate() {
            let mut add = |key: Key, text: String| {
                self.line(key.name(), 0..0, Source::Derived, LineContent::Plain(text))
            };
            add(addresses[at], end.ip().to_string());
            add(ports[at], end.port().to_string());
        }
        if inferred.protocol() != Protocol::Icmp && inferred.protocol() != Protocol::Icmpv6 {
            let content = FieldContent {
                value: Value::Unsigned(*length),
                ..FieldContent::of(Key::DataLen)
            };
            self.line(
                Key::DataLen.name(),
                0..0,
                Source::Derived,
                LineContent::Field(Box::new(content)),
            );
        }
    }
}
