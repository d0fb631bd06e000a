//! Errors by the names programs and manual pages use (errno(3)).

use std::io;

/// The name, such as `ECONNREFUSED`; an error without one keeps its number.
#[must_use]
pub fn name(error: &io::Error) -> String {
    let named = error.raw_os_error().and_then(by_number).map(str::to_owned);
    named
        .or_else(|| by_kind(error.kind()).map(str::to_owned))
        .unwrap_or_else(|| match error.raw_os_error() {
            Some(number) => format!("errno {number}"),
            None => "EIO".to_owned(),
        })
}

/// The system's own sentence, without the number Rust adds to it.
#[must_use]
pub fn message(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(unix)]
fn by_number(number: i32) -> Option<&'static str> {
    macro_rules! table {
        ($($name:ident)*) => { [$((libc::$name, stringify!($name))),*] };
    }
    let table = table!(
        EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF ECANCELED ECONNABORTED ECONNREFUSED
        ECONNRESET EDESTADDRREQ EFAULT EHOSTUNREACH EINPROGRESS EINTR EINVAL EIO EISCONN EMFILE EMSGSIZE ENETDOWN
        ENETUNREACH ENFILE ENOBUFS ENODEV ENOMEM ENOPROTOOPT ENOSYS ENOTCONN ENOTSOCK ENOTSUP EPERM EPIPE EPROTO
        ERANGE ETIMEDOUT
    );
    table
        .into_iter()
        .find(|(known, _)| *known == number)
        .map(|(_, name)| name)
}

/// Other systems number their errors differently; what Rust understands of them is enough for the common ones.
#[cfg(not(unix))]
const fn by_number(_: i32) -> Option<&'static str> {
    None
}

fn by_kind(kind: io::ErrorKind) -> Option<&'static str> {
    use io::ErrorKind as K;
    let table = [
        (K::AddrInUse, "EADDRINUSE"),
        (K::AddrNotAvailable, "EADDRNOTAVAIL"),
        (K::BrokenPipe, "EPIPE"),
        (K::ConnectionAborted, "ECONNABORTED"),
        (K::ConnectionRefused, "ECONNREFUSED"),
        (K::ConnectionReset, "ECONNRESET"),
        (K::InvalidInput, "EINVAL"),
        (K::NotConnected, "ENOTCONN"),
        (K::PermissionDenied, "EACCES"),
        (K::TimedOut, "ETIMEDOUT"),
        (K::WouldBlock, "EAGAIN"),
    ];
    table
        .into_iter()
        .find(|(known, _)| *known == kind)
        .map(|(_, name)| name)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_names_of_the_manual() {
        let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        assert_eq!(
            (name(&refused).as_str(), message(&refused).as_str()),
            ("ECONNREFUSED", "Connection refused")
        );
        assert_eq!(name(&io::Error::from(io::ErrorKind::BrokenPipe)), "EPIPE");
        assert_eq!(name(&io::Error::from_raw_os_error(9999)), "errno 9999");
    }
}
