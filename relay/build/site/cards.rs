//! The cards of `www/cards/`, joined into the one file that the page fetches. Pure.

use std::collections::BTreeMap;

/// The folder of the cards' files.
const FOLDER: &str = "cards/";
/// The file that is made of them.
const JOINED: &str = "deck.json";

/// Replaces the cards' files in `sources` by a list of all cards, in the order of their names.
pub(super) fn join(sources: &mut BTreeMap<String, Vec<u8>>) -> Result<(), String> {
    let mut deck = String::from("[");
    let cards = sources.extract_if(.., |name, _| name.starts_with(FOLDER));
    for (name, bytes) in cards {
        let id = name
            .strip_prefix(FOLDER)
            .and_then(|name| name.strip_suffix(".json"));
        let is_plain = |id: &&str| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let id = id.filter(is_plain).ok_or_else(|| {
            format!("www/{name}: a card is a .json with letters, digits and - in its name")
        })?;
        let card = super::decode(&name, bytes)?;
        if deck.len() > 1 {
            deck.push(',');
        }
        deck += &format!("\n{{\"id\":\"{id}\",\"card\":{}}}", card.trim());
    }
    if deck.len() > 1 {
        deck.push_str("\n]\n");
        sources.insert(JOINED.to_owned(), deck.into_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(names: &[&str]) -> BTreeMap<String, Vec<u8>> {
        let named = names
            .iter()
            .map(|name| ((*name).to_owned(), b"{}\n".to_vec()));
        named.collect()
    }

    #[test]
    fn cards_are_joined_in_the_order_of_their_names() {
        let mut sources = sources(&["cards/20-b.json", "cards/10-a.json", "index.html"]);
        join(&mut sources).expect("good names");
        let names: Vec<&str> = sources.keys().map(String::as_str).collect();
        assert_eq!(names, [JOINED, "index.html"]);
        let made = String::from_utf8_lossy(&sources[JOINED]).into_owned();
        assert_eq!(
            made,
            "[\n{\"id\":\"10-a\",\"card\":{}},\n{\"id\":\"20-b\",\"card\":{}}\n]\n"
        );
    }

    #[test]
    fn a_file_that_is_no_card_is_refused() {
        for name in ["cards/notes.txt", "cards/a\"b.json", "cards/deeper/a.json"] {
            let wrong = join(&mut sources(&[name])).expect_err("no card");
            assert!(wrong.contains(name), "{wrong}");
        }
    }
}
