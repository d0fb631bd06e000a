//! The handshake of a WebSocket server that knows only one key: the generator's.

use std::io;

use crate::generator::{KEY, KEY_ANSWER};

const END: &[u8] = b"\r\n\r\n";

/// Answers the request once it has come whole; tells whether it has. Nothing may follow it yet.
///
/// # Errors
/// Where it is of somebody else.
pub(super) fn shake(request: &mut Vec<u8>, bytes: &[u8], answer: &mut Vec<u8>) -> io::Result<bool> {
    request.extend_from_slice(bytes);
    if !request.ends_with(END) {
        return Ok(false);
    }
    if !request
        .windows(KEY.len())
        .any(|window| window == KEY.as_bytes())
    {
        return Err(io::Error::other("not the generator's key"));
    }
    *request = Vec::new();
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {KEY_ANSWER}\r\n\r\n"
    );
    answer.extend_from_slice(head.as_bytes());
    Ok(true)
}
