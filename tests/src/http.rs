//! A plain HTTP/1.1 client that sends any text, valid or not.

use std::{collections::BTreeMap, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::timeout::within;

/// A response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status code.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

/// GETs a path with the usual headers.
pub async fn get(server: SocketAddr, path: &str) -> Answer {
    get_with(server, path, &[]).await
}

/// GETs a path with these headers; they replace the usual ones of the same name.
pub async fn get_with(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    let host = server.to_string();
    let mut lines = vec![format!("GET {path} HTTP/1.1")];
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("Host"))
    {
        lines.push(format!("Host: {host}"));
    }
    lines.extend(
        headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}")),
    );
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("Connection"))
    {
        lines.push("Connection: close".to_owned());
    }
    raw(server, &(lines.join("\r\n") + "\r\n\r\n")).await
}

/// Requests a WebSocket; the status is 101 when it opens.
pub async fn websocket_handshake(
    server: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let mut all = vec![
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    all.extend(headers);
    get_with(server, path, &all).await
}

/// Sends exactly this text and reads one response.
///
/// # Panics
/// When what comes back is not HTTP.
pub async fn raw(server: SocketAddr, request: &str) -> Answer {
    within("an answer over HTTP", async {
        let mut stream = TcpStream::connect(server).await.expect("the relay listens");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the relay reads");
        read_answer(&mut stream).await
    })
    .await
}

async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a whole head"));
    }
    let head = String::from_utf8(head).expect("headers as text");
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|code| code.parse().ok());
    let header = |line: &str| {
        line.split_once(": ")
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
    };
    let headers: BTreeMap<_, _> = lines.filter_map(header).collect();
    let mut body = Vec::new();
    let length = headers.get("content-length");
    if let Some(length) = length.map(|length| length.parse().expect("a length")) {
        body.resize(length, 0);
        stream.read_exact(&mut body).await.expect("a whole body");
    } else if headers.contains_key("transfer-encoding") {
        body = read_chunks(stream).await;
    } else if status != Some(101) {
        stream.read_to_end(&mut body).await.ok();
    }
    Answer {
        status: status.expect("a status"),
        headers,
        body,
    }
}

/// A body in chunks (RFC 9112 §7.1): a length in hexadecimal, so many bytes, and again, until a length of 0.
async fn read_chunks(stream: &mut TcpStream) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut length = Vec::new();
        while !length.ends_with(b"\r\n") {
            length.push(stream.read_u8().await.expect("a chunk's length"));
        }
        let length = String::from_utf8(length).expect("text");
        let length = usize::from_str_radix(length.trim(), 16).expect("a length");
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk).await.expect("a whole chunk");
        if length == 0 {
            return body;
        }
        body.extend(&chunk[..length]);
    }
}
