//! Why no WebSocket could be opened. Browsers hide the answer to a WebSocket's handshake from scripts, so the page
//! asks once more with a plain request, and this reads the answer. Pure.

use crate::i18n::Texts;

/// The longest text of an answer that is shown, in characters.
const MAX_WORDS: usize = 200;

/// What stands between the page and a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody answers.
    Unreachable,
    /// The relay, or a proxy, refuses the page's origin (403); its words, if it used any.
    Origin(String),
    /// The relay does not know the name it was called by (421).
    Name,
    /// A proxy does not pass the address on to the relay (404, 405).
    NotFound(u16),
    /// The relay answers, but was not asked for a WebSocket: a proxy drops the upgrade.
    NoUpgrade,
    /// A proxy does not reach the relay (502, 503, 504).
    Gateway(u16),
    /// Something else answers.
    Other(u16),
}

impl Refusal {
    /// Reads the status and the text of the answer; none where no answer came.
    pub(crate) fn of(answer: Option<(u16, String)>) -> Self {
        match answer {
            None => Self::Unreachable,
            Some((400 | 426, text)) if text.starts_with("No WebSocket: ") => Self::NoUpgrade,
            Some((403, text)) => Self::Origin(words(&text)),
            Some((421, _)) => Self::Name,
            Some((status @ (404 | 405), _)) => Self::NotFound(status),
            Some((status @ 502..=504, _)) => Self::Gateway(status),
            Some((status, _)) => Self::Other(status),
        }
    }

    /// What is wrong, and what to do. `url` is the WebSocket's address, `host` the page's host name.
    pub(crate) fn say(&self, url: &str, host: &str, texts: &Texts) -> String {
        let fill = |key, status: u16, words: &str| {
            let status = status.to_string();
            let gaps = [
                ("url", url),
                ("host", host),
                ("status", &status),
                ("words", words),
            ];
            texts.fill(key, &gaps)
        };
        match self {
            Self::Unreachable => fill("refused.unreachable", 0, ""),
            Self::Origin(words) => fill("refused.origin", 403, words),
            Self::Name => fill("refused.name", 421, ""),
            Self::NotFound(status) => fill("refused.not_found", *status, ""),
            Self::NoUpgrade => fill("refused.no_upgrade", 0, ""),
            Self::Gateway(status) => fill("refused.gateway", *status, ""),
            Self::Other(status) => fill("refused.other", *status, ""),
        }
    }
}

/// What was said in plain text, with a space before it; nothing of a page.
fn words(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.starts_with('<') {
        return String::new();
    }
    let shown: String = text.chars().take(MAX_WORDS).collect();
    [" ", &shown].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Language;

    fn of(status: u16, text: &str) -> Refusal {
        Refusal::of(Some((status, text.to_owned())))
    }

    #[test]
    fn each_answer_has_its_reason() {
        assert_eq!(Refusal::of(None), Refusal::Unreachable);
        assert_eq!(
            of(400, "No WebSocket: here a WebSocket is expected\n"),
            Refusal::NoUpgrade
        );
        assert_eq!(of(400, "<html>Bad Request"), Refusal::Other(400));
        let words = "Pages of \"https://x\" may not use this relay";
        let said = [words, "\n"].concat();
        assert_eq!(of(403, &said), Refusal::Origin([" ", words].concat()));
        assert_eq!(of(403, "<html>"), Refusal::Origin(String::new()));
        assert_eq!(of(421, "This relay does not…"), Refusal::Name);
        assert_eq!(of(404, ""), Refusal::NotFound(404));
        assert_eq!(of(405, ""), Refusal::NotFound(405));
        for status in 502..=504 {
            assert_eq!(of(status, "<html>"), Refusal::Gateway(status));
        }
        for status in [200, 401, 500] {
            assert_eq!(of(status, "hello"), Refusal::Other(status));
        }
    }

    #[test]
    fn each_says_in_both_languages_what_to_do() {
        let long = "x".repeat(1_000);
        for language in [Language::English, Language::Chinese] {
            let texts = Texts::new(language);
            let say =
                |refusal: &Refusal| refusal.say("wss://lab.example/lab/ws", "lab.example", &texts);
            for (refusal, says) in [
                (Refusal::Unreachable, "wss://lab.example/lab/ws"),
                (of(403, "Because."), "Because."),
                (of(403, ""), "proxy_set_header Host $http_host"),
                (Refusal::Name, "--allow-host lab.example"),
                (Refusal::NotFound(404), "404"),
                (Refusal::NoUpgrade, "proxy_set_header Upgrade $http_upgrade"),
                (Refusal::Gateway(502), "502"),
                (Refusal::Other(200), "200"),
            ] {
                let said = say(&refusal);
                assert!(said.contains(says), "{said}");
                assert!(!said.contains('{') && !said.contains('}'), "{said}");
            }
            assert!(say(&of(403, &long)).len() < 700);
        }
    }
}
