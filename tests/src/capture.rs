//! Reads a capture file with tshark, and with sharkd, which answers many filters in one run.

use std::{fmt::Write, fs::File, path::PathBuf, process::Command};

use serde_json::{Value, json};

use crate::{folder::Folder, relay::Relay};

/// A capture file; it is deleted with the story.
#[derive(Debug)]
pub struct Capture {
    file: PathBuf,
    /// The transport and port of each of the relays' servers.
    servers: Vec<(&'static str, u16)>,
    folder: Folder,
}

/// The protocols whose checksums are verified.
const CHECKED: [&str; 3] = ["ip", "udp", "tcp"];

impl Capture {
    /// Prepares a file for tshark, with the relay's ports as plain data and with checksums verified.
    #[must_use]
    pub fn new(relay: &Relay, bytes: &[u8]) -> Self {
        Self::of(&[relay], bytes)
    }

    /// The same for a file with the packets of several relays.
    #[must_use]
    pub fn of(relays: &[&Relay], bytes: &[u8]) -> Self {
        let folder = Folder::new();
        let file = folder.keeps("packets.pcapng", bytes);
        let of = |relay: &&Relay| [("udp", relay.udp.port()), ("tcp", relay.tcp.port())];
        let servers = relays.iter().flat_map(of).collect();
        Self {
            file,
            servers,
            folder,
        }
    }

    fn args(&self) -> Vec<String> {
        let checks = CHECKED.map(|layer| ["-o".to_owned(), format!("{layer}.check_checksum:TRUE")]);
        let servers = self.servers.iter();
        let plain =
            servers.map(|(layer, port)| ["-d".to_owned(), format!("{layer}.port=={port},data")]);
        checks.into_iter().chain(plain).flatten().collect()
    }

    /// The numbers of the packets that each filter passes; `None` for a filter that Wireshark refuses.
    ///
    /// # Panics
    /// When sharkd cannot read the file, or is not installed.
    #[must_use]
    pub fn numbers(&self, filters: &[String]) -> Vec<Option<Vec<u64>>> {
        let answers = self.answers(filters);
        let numbers = |answer: &Value| {
            let frames = answer["result"].as_array()?.iter();
            Some(frames.filter_map(|frame| frame["num"].as_u64()).collect())
        };
        answers.iter().map(numbers).collect()
    }

    /// Each filter's answer by sharkd (JSON-RPC 2.0, one object a line).
    fn answers(&self, filters: &[String]) -> Vec<Value> {
        self.configures();
        let request = |id: usize, method: &str, params: Value| {
            json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
        };
        let load = request(1, "load", json!({ "file": self.file }));
        let ask = |(id, filter)| request(id, "frames", json!({ "filter": filter }));
        let asks: Vec<String> = (2..).zip(filters).map(ask).collect();
        let requests = format!("{load}\n{}\n", asks.join("\n"));
        let requests = self.folder.keeps("requests.json", requests.as_bytes());
        let mut sharkd = Command::new("sharkd");
        sharkd.env("WIRESHARK_CONFIG_DIR", self.folder.path());
        let told = sharkd
            .arg("-")
            .stdin(File::open(requests).expect("just written"))
            .output();
        let told = told.expect("sharkd, which comes with tshark: let tests/run install it");
        let text = String::from_utf8_lossy(&told.stdout);
        let answers = text.lines().map(serde_json::from_str);
        let mut answers: Vec<Value> = answers.collect::<Result<_, _>>().expect("JSON");
        assert_eq!(answers.len(), filters.len() + 1, "{text:.300}");
        assert_eq!(answers.remove(0)["result"]["status"], "OK", "it is loaded");
        answers
    }

    /// Writes the same settings as [`Self::args`] to the folder.
    fn configures(&self) {
        let mut preferences = String::new();
        for layer in CHECKED {
            writeln!(preferences, "{layer}.check_checksum: TRUE").expect("a text has room");
        }
        self.folder.keeps("preferences", preferences.as_bytes());
        let mut plain = String::new();
        for (layer, port) in &self.servers {
            writeln!(plain, "decode_as_entry: {layer}.port,{port},(none),data")
                .expect("a text has room");
        }
        self.folder.keeps("decode_as_entries", plain.as_bytes());
    }

    /// Fields of every packet that the filter passes; of a repeated field, the first.
    ///
    /// # Panics
    /// When tshark cannot read the file, or is not installed.
    #[must_use]
    pub fn fields(&self, fields: &[&str], filter: &str) -> Vec<Vec<String>> {
        let mut tshark = Command::new("tshark");
        tshark.arg("-n").args(self.args());
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
