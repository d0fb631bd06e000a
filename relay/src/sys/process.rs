//! The relay as a process: its privileges, and how it is told to end.

use std::io;

/// Resolves when the relay is told to end: Ctrl-C, or SIGTERM.
///
/// # Errors
/// Where signals cannot be listened for.
#[cfg(unix)]
pub fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Resolves when the relay is told to end: Ctrl-C.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    Ok(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
}

/// Gives up every privilege: after this nothing the relay is made to do can be done with more rights than a
/// user's. What is open stays open (capabilities(7)).
///
/// # Errors
/// The kernel's.
#[cfg(target_os = "linux")]
pub fn drop_privileges() -> io::Result<()> {
    use caps::CapSet;

    for set in [
        CapSet::Ambient,
        CapSet::Inheritable,
        CapSet::Effective,
        CapSet::Permitted,
    ] {
        caps::clear(None, set).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Other systems have no such privileges to give up.
///
/// # Errors
/// Never.
#[cfg(not(target_os = "linux"))]
pub fn drop_privileges() -> io::Result<()> {
    Ok(())
}
