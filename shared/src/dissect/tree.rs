//! A dissection as a tree: what the page shows when somebody opens a packet.

use super::walk::Visit;
use super::{Analysis, Checksum, Fault, Key, Protocol, Value};
use std::ops::Range;

/// A frame taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dissection {
    /// What is known of the frame as a whole.
    pub frame: Vec<Field>,
    /// Its layers, outermost first; behind an ICMP error those of the packet that it quotes.
    pub layers: Vec<Layer>,
}

/// One protocol's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Whose header it is.
    pub protocol: Protocol,
    /// The header's bytes; for [`Protocol::Data`] all of them.
    pub range: Range<usize>,
    /// Its fields, in the order of their bytes.
    pub fields: Vec<Field>,
    /// It belongs to the packet quoted inside an ICMP error, so it did not travel here itself.
    pub quoted: bool,
    /// Why it could not be read to its end.
    pub fault: Option<Fault>,
    /// What its checksum says, where the protocol has one.
    pub checksum: Option<Checksum>,
}

/// One field of a header, with the fields it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub key: Key,
    /// Its value.
    pub value: Value,
    /// Its bytes; empty where the value is computed and stands nowhere in the frame.
    pub range: Range<usize>,
    /// Which bits of those bytes, read as one big-endian number; 0 where it is all of them.
    pub mask: u32,
    /// What it is made of.
    pub children: Vec<Self>,
}

impl Dissection {
    /// The outermost field of this key.
    #[must_use]
    pub fn first(&self, key: Key) -> Option<&Field> {
        let layers = self.layers.iter().flat_map(|layer| &layer.fields);
        self.frame
            .iter()
            .chain(layers)
            .find_map(|field| field.first(key))
    }

    /// Says how long the frame was on the wire, if the capture kept only its beginning.
    pub fn was(&mut self, length: u64) {
        for field in self
            .frame
            .iter_mut()
            .filter(|field| field.key == Key::FrameLen)
        {
            field.value = Value::Unsigned(length);
        }
    }

    /// Puts the segment into its conversation: `tcp.seq`, `tcp.ack` and SACK blocks become relative (`tcp.seq_raw` and
    /// `tcp.ack_raw` stay as on the wire), and the stream, the scaled window and the analysis marks are added.
    pub fn relate(&mut self, analysis: &Analysis) {
        let tcp = self
            .layers
            .iter_mut()
            .find(|layer| layer.protocol == Protocol::Tcp && !layer.quoted);
        let Some(tcp) = tcp else {
            return;
        };
        tcp.fields
            .iter_mut()
            .for_each(|field| field.relate(analysis));
        analysis.each(&mut |key, value| tcp.fields.push(Field::computed(key, value)));
    }
}

impl Field {
    /// Itself or the first of its parts that has this key.
    fn first(&self, key: Key) -> Option<&Self> {
        if self.key == key {
            Some(self)
        } else {
            self.children.iter().find_map(|child| child.first(key))
        }
    }

    fn relate(&mut self, analysis: &Analysis) {
        if let Value::Unsigned(number) = &mut self.value {
            *number = analysis.relative(self.key, *number);
        }
        self.children
            .iter_mut()
            .for_each(|child| child.relate(analysis));
    }

    fn computed(key: Key, value: Value) -> Self {
        Self {
            key,
            value,
            range: 0..0,
            mask: 0,
            children: Vec::new(),
        }
    }
}

/// Builds the tree while the frame is walked.
#[derive(Debug, Default)]
pub(super) struct Builder {
    done: Dissection,
    open: Vec<Field>,
}

impl Builder {
    pub(super) fn finish(self) -> Dissection {
        self.done
    }
}

impl Visit for Builder {
    fn enter(&mut self, protocol: Protocol, packet: Range<usize>, quoted: bool) {
        let (fault, checksum) = (None, None);
        self.done.layers.push(Layer {
            protocol,
            range: packet,
            fields: Vec::new(),
            quoted,
            fault,
            checksum,
        });
    }

    fn open(&mut self, key: Key, value: Value, range: Range<usize>, mask: u32) {
        self.open.push(Field {
            key,
            value,
            range,
            mask,
            children: Vec::new(),
        });
    }

    fn close(&mut self) {
        let Some(field) = self.open.pop() else {
            return;
        };
        let siblings = match (self.open.last_mut(), self.done.layers.last_mut()) {
            (Some(parent), _) => &mut parent.children,
            (None, Some(layer)) => &mut layer.fields,
            (None, None) => &mut self.done.frame,
        };
        siblings.push(field);
    }

    fn leave(&mut self, end: usize, fault: Option<Fault>, checksum: Option<Checksum>) {
        if let Some(layer) = self.done.layers.last_mut() {
            layer.range.end = end.clamp(layer.range.start, layer.range.end);
            layer.fault = fault;
            layer.checksum = checksum;
        }
    }

    fn verifies(&self) -> bool {
        true
    }
}
