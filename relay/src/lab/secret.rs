//! What cannot be guessed, from the system's own randomness, and the names made of it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use shared::class::{CODE_LENGTH, CODE_LETTERS};

/// What is kept of a secret, in place of the secret itself (SHA-256, FIPS 180-4).
pub type Digest = [u8; 32];

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

/// What is kept of a secret.
#[must_use]
pub fn digest(secret: &str) -> Digest {
    Sha256::digest(secret).into()
}

/// Whether two secrets are the same, in a time that tells nothing of where they differ.
#[must_use]
pub fn same(secret: &str, said: &str) -> bool {
    let (secret, said) = (digest(secret), digest(said));
    let differences = secret
        .iter()
        .zip(said)
        .fold(0, |differences, (a, b)| differences | (a ^ b));
    differences == 0
}

/// A code of a class.
pub fn code() -> String {
    let letter = |byte: u8| char::from(CODE_LETTERS[usize::from(byte) % CODE_LETTERS.len()]);
    random::<CODE_LENGTH>().map(letter).iter().collect()
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
    fn only_the_whole_secret_is_the_secret() {
        assert!(same("secret", "secret"));
        for other in ["", "secre", "secrets", "Secret"] {
            assert!(!same("secret", other), "{other}");
        }
    }

    #[test]
    fn a_code_is_one_that_can_be_typed() {
        for _ in 0..100 {
            let code = code();
            assert!(
                code.bytes().all(|byte| CODE_LETTERS.contains(&byte)),
                "{code}"
            );
        }
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
