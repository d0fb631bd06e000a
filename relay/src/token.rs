//! Random tokens, codes and host names, and the digests that are stored in place of tokens.
//!
//! All randomness comes from the operating system. How often a token or code may be guessed is limited in
//! `admission`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use shared::class::{CODE_LENGTH, CODE_LETTERS};

/// The SHA-256 digest (FIPS 180-4) of a token. It is stored in place of the token itself.
pub type Digest = [u8; 32];

/// Letters and digits that are not mistaken for each other.
const UNAMBIGUOUS: &[u8; 31] = b"23456789abcdefghjkmnpqrstuvwxyz";

/// Returns a token of 128 random bits in the URL-safe base64 alphabet (RFC 4648 §5).
///
/// # Panics
/// If the system has no source of randomness.
#[must_use]
pub fn random_token() -> String {
    URL_SAFE_NO_PAD.encode(random::<16>())
}

/// Returns the digest of a token.
#[must_use]
pub fn digest(token: &str) -> Digest {
    Sha256::digest(token).into()
}

/// Compares two tokens in a time that does not depend on where they differ.
#[must_use]
pub fn constant_time_eq(token: &str, candidate: &str) -> bool {
    let (token, candidate) = (digest(token), digest(candidate));
    let differences = token
        .iter()
        .zip(candidate)
        .fold(0, |differences, (a, b)| differences | (a ^ b));
    differences == 0
}

/// Returns a random class code.
pub fn random_code() -> String {
    let letter = |byte: u8| char::from(CODE_LETTERS[usize::from(byte) % CODE_LETTERS.len()]);
    random::<CODE_LENGTH>().map(letter).iter().collect()
}

/// Returns a random seed for a generator of pseudo-random numbers.
pub(crate) fn random_seed() -> u64 {
    u64::from_le_bytes(random())
}

/// Returns a host name such as `lab-k7x3.internal`: short enough to read aloud, and different from the other labs'
/// of a classroom with high probability.
pub(crate) fn random_host_name() -> String {
    let letter = |byte: u8| char::from(UNAMBIGUOUS[usize::from(byte) % UNAMBIGUOUS.len()]);
    let letters: String = random::<4>().map(letter).iter().collect();
    format!("lab-{letters}.internal")
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
    fn random_tokens_are_url_safe_and_unique() {
        let (one, other) = (random_token(), random_token());
        assert_ne!(one, other);
        assert_eq!(one.len(), 22, "128 bits, 6 per letter");
        let safe = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        assert!(one.chars().all(safe), "{one}");
    }

    #[test]
    fn only_equal_tokens_compare_equal() {
        assert!(constant_time_eq("secret", "secret"));
        for other in ["", "secre", "secrets", "Secret"] {
            assert!(!constant_time_eq("secret", other), "{other}");
        }
    }

    #[test]
    fn random_codes_use_only_code_letters() {
        for _ in 0..100 {
            let code = random_code();
            assert!(
                code.bytes().all(|byte| CODE_LETTERS.contains(&byte)),
                "{code}"
            );
        }
    }

    #[test]
    fn random_host_names_use_only_unambiguous_letters() {
        let name = random_host_name();
        let letters = name
            .strip_prefix("lab-")
            .and_then(|name| name.strip_suffix(".internal"))
            .expect("lab-….internal");
        assert_eq!(letters.len(), 4);
        assert!(letters.bytes().all(|letter| UNAMBIGUOUS.contains(&letter)));
    }
}
