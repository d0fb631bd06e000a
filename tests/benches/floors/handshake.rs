//! The handshake of a WebSocket server that accepts only the generator's key.

use std::io;

use crate::generator::{KEY, KEY_ANSWER};

const END: &[u8] = b"\r\n\r\n";

/// Answers the request once it is complete, and returns whether it is. The client may not send more before.
///
/// # Errors
/// When the request has another key.
pub(super) fn handshake(
    request: &mut Vec<u8>,
    bytes: &[u8],
    answer: &mut Vec<u8>,
) -> io::Result<bool> {
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
