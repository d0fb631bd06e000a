//! Every failure has a sentence, in both languages.

use super::*;
use crate::model::text::explain;

#[test]
fn every_errno_of_sockets_has_its_own_words() {
    for errno in [
        "ECONNREFUSED",
        "ETIMEDOUT",
        "ECONNRESET",
        "EPIPE",
        "EMSGSIZE",
        "ENOTCONN",
        "EISCONN",
        "EADDRINUSE",
        "EADDRNOTAVAIL",
        "EBADF",
        "EINVAL",
        "EMFILE",
        "EAGAIN",
        "EACCES",
        "EDESTADDRREQ",
        "EALREADY",
        "ENOTSUP",
        "EOPNOTSUPP",
        "EWOULDBLOCK",
    ] {
        for language in [Language::English, Language::Chinese] {
            let said = explain::failure(&failed(errno), &Texts::new(language));
            assert!(
                !said.contains(errno) && said.chars().count() > 12,
                "{errno}: {said}"
            );
        }
    }
}

#[test]
fn an_errno_nobody_thought_of_is_told_in_the_systems_words() {
    let texts = Texts::new(Language::English);
    let failed = Failed {
        message: "No buffer space in the drawer".to_owned(),
        ..failed("EDRAWER")
    };
    assert_eq!(
        explain::failure(&failed, &texts),
        "No buffer space in the drawer."
    );
}

#[test]
fn a_limit_is_told_with_its_number() {
    let texts = Texts::new(Language::English);
    let failed = Failed {
        reason: Some(Reason::TooManySockets),
        limit: Some(16),
        ..failed("EMFILE")
    };
    assert!(explain::failure(&failed, &texts).contains("16 sockets"));
}
