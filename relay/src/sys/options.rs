//! Socket options no crate wraps: the one room with `unsafe`, behind two functions over plain bytes.
#![expect(
    unsafe_code,
    reason = "getsockopt and setsockopt take pointers; here they only ever get whole slices"
)]

use std::{
    io,
    os::fd::{AsRawFd, RawFd},
};

/// Sets an option whose value is an int.
///
/// # Errors
/// The kernel's.
pub fn set(socket: &impl AsRawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let bytes = value.to_ne_bytes();
    let length = libc::socklen_t::try_from(bytes.len()).map_err(io::Error::other)?;
    // SAFETY: the pointer and the length are those of one array that outlives the call; the kernel only reads.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            bytes.as_ptr().cast(),
            length,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Reads an option into `buffer`; tells how many bytes this kernel has of it.
///
/// # Errors
/// The kernel's.
pub fn get(socket: &impl AsRawFd, level: i32, name: i32, buffer: &mut [u8]) -> io::Result<usize> {
    get_raw(socket.as_raw_fd(), level, name, buffer)
}

fn get_raw(socket: RawFd, level: i32, name: i32, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = libc::socklen_t::try_from(buffer.len()).map_err(io::Error::other)?;
    // SAFETY: the pointer and the length are those of one slice that outlives the call; the kernel writes at
    // most `length` bytes and says how many it wrote.
    let result = unsafe {
        libc::getsockopt(
            socket,
            level,
            name,
            buffer.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        Ok(usize::try_from(length).unwrap_or_default())
    } else {
        Err(io::Error::last_os_error())
    }
}
