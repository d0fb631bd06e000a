//! The relay as a process: its privileges, and the signals that end it.

use std::io;

/// Resolves on SIGINT (Ctrl-C) or SIGTERM.
///
/// # Errors
/// Where signals cannot be listened for.
#[cfg(unix)]
pub fn termination_signal() -> io::Result<impl Future<Output = ()>> {
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

/// Resolves on Ctrl-C.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
pub fn termination_signal() -> io::Result<impl Future<Output = ()>> {
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
