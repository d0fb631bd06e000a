//! Reads a capture file with tshark.

use std::{path::PathBuf, process::Command};

use crate::{folder::Folder, relay::Relay};

/// A capture file; it is deleted with the story.
#[derive(Debug)]
pub struct Capture {
    file: PathBuf,
    args: Vec<String>,
    _folder: Folder,
}

impl Capture {
    /// Prepares a file for tshark, with the relay's ports as plain data and with checksums verified.
    #[must_use]
    pub fn new(relay: &Relay, bytes: &[u8]) -> Self {
        let folder = Folder::new();
        let file = folder.keeps("packets.pcapng", bytes);
        let checks = ["ip", "udp", "tcp"]
            .map(|layer| ["-o".to_owned(), format!("{layer}.check_checksum:TRUE")]);
        let plain = [("udp", relay.udp), ("tcp", relay.tcp)].map(|(layer, server)| {
            [
                "-d".to_owned(),
                format!("{layer}.port=={},data", server.port()),
            ]
        });
        let args = checks.into_iter().chain(plain).flatten().collect();
        Self {
            file,
            args,
            _folder: folder,
        }
    }

    /// Fields of every packet that the filter passes; of a repeated field, the first.
    ///
    /// # Panics
    /// When tshark cannot read the file, or is not installed.
    #[must_use]
    pub fn fields(&self, fields: &[&str], filter: &str) -> Vec<Vec<String>> {
        let mut tshark = Command::new("tshark");
        tshark.arg("-n").args(&self.args);
        tshark.args(["-T", "fields", "-E", "occurrence=f", "-Y", filter]);
        for field in fields {
            tshark.args(["-e", field]);
        }
        let told = tshark.arg("-r").arg(&self.file).output();
        let told = told.expect("tshark: let tests/run install it");
        let complaint = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "tshark: {complaint}");
        let text = String::from_utf8_lossy(&told.stdout);
        let packet = |line: &str| line.split('\t').map(str::to_owned).collect();
        text.lines().map(packet).collect()
    }

    /// One field of every packet that the filter passes.
    #[must_use]
    pub fn field(&self, field: &str, filter: &str) -> Vec<String> {
        self.fields(&[field], filter).concat()
    }

    /// The numbers of the packets that tshark finds broken: malformed, or with a checksum that does not fit.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        self.field(
            "frame.number",
            "_ws.malformed || ip.checksum.status == Bad || udp.checksum.status == Bad \
             || tcp.checksum.status == Bad || icmp.checksum.status == Bad",
        )
    }
}
