//! What cannot be guessed, from the system's own randomness, and the names made of it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Letters and digits of which none looks like another.
const CLEAR: &[u8; 31] = b"23456789abcdefghjkmnpqrstuvwxyz";

/// A word of 128 random bits that may stand in a URL (RFC 4648 §5).
///
/// # Panics
/// Where the system has no randomness: nothing could be kept apart then.
#[must_use]
pub fn word() -> String {
    URL_SAFE_NO_PAD.encode(random::<16>())
}

/// A seed nobody else has.
pub(super) fn seed() -> u64 {
    u64::from_le_bytes(random())
}

/// A host's name that can be read aloud and tells apart the labs of a classroom, no more.
pub(super) fn host_name() -> String {
    let letters = random::<4>().map(|byte| char::from(CLEAR[usize::from(byte) % CLEAR.len()]));
    format!("lab-{}.internal", letters.iter().collect::<String>())
}

fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).expect("a system with randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_may_stand_in_a_url_and_is_never_the_same() {
        let (one, other) = (word(), word());
        assert_ne!(one, other);
        assert_eq!(one.len(), 22, "128 bits, 6 to a letter");
        let safe = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        assert!(one.chars().all(safe), "{one}");
    }

    #[test]
    fn a_hosts_name_is_made_of_clear_letters() {
        let name = host_name();
        let letters = name
            .strip_prefix("lab-")
            .and_then(|name| name.strip_suffix(".internal"))
            .expect("lab-….internal");
        assert_eq!(letters.len(), 4);
        assert!(letters.bytes().all(|letter| CLEAR.contains(&letter)));
    }
}
