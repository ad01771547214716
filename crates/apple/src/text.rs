//! How much of what Apple says is kept. Whatever comes from outside passes here where it enters: what it says ends up in
//! rows and on pages, and neither takes everything.

use serde::{Deserialize, Deserializer};

/// Characters of a sentence that explains an error.
pub(crate) const SENTENCE: usize = 500;
/// Characters of what something is called: the longest that Apple names a limit for is `mdmInfo.metadata`, with 255.
pub(crate) const NAME: usize = 255;
/// Bytes of what names something exactly. Apple's own ids have at most 100.
const EXACT: usize = 255;
/// Bytes of an address.
const ADDRESS: usize = 2000;
/// Words in a list of a few words: platforms, families of devices.
const WORDS: usize = 20;

/// As much of a text as is kept: without control characters, of which a database refuses some, and cut to `max_chars`.
pub(crate) fn kept(text: &str, max_chars: usize) -> String {
    let printable = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    printable.filter(|c| !c.is_control()).take(max_chars).collect()
}

/// What names something is taken whole or not at all: cut, it would name something else.
pub(crate) fn exact(text: String) -> Option<String> {
    whole(text, EXACT)
}

/// An address, whole or not at all.
pub(crate) fn address(text: String) -> Option<String> {
    whole(text, ADDRESS)
}

/// The first few of the words that are ones.
pub(crate) fn words(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    texts.into_iter().filter_map(exact).take(WORDS).collect()
}

fn whole(text: String, max_bytes: usize) -> Option<String> {
    let good = !text.is_empty() && text.len() <= max_bytes && !text.chars().any(char::is_control);
    good.then_some(text)
}

/// A name in an answer.
pub(crate) fn name_in<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.map(|text| kept(&text, NAME)))
}

/// What names something exactly, in an answer.
pub(crate) fn exact_in<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.and_then(exact))
}

/// An address in an answer.
pub(crate) fn address_in<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.and_then(address))
}

/// A list of a few words in an answer.
pub(crate) fn words_in<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts: Option<Vec<String>> = Option::deserialize(deserializer)?;
    Ok(words(texts.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_loses_what_no_database_takes() {
        assert_eq!(kept("가나다라", 3), "가나다");
        assert_eq!(kept("no\0 licence\nis\u{1b}[31m left", 500), "no licence is[31m left");
        assert_eq!(kept(&"가".repeat(1_000_000), SENTENCE).chars().count(), SENTENCE);
    }

    #[test]
    fn what_names_something_is_whole_or_nothing() {
        assert_eq!(exact("u-5f0c".to_owned()).as_deref(), Some("u-5f0c"));
        for bad in ["", "u\0", &"x".repeat(EXACT + 1)] {
            assert_eq!(exact(bad.to_owned()), None, "{bad:?}");
        }
        assert_eq!(words(vec!["iOS".to_owned(); 1000]).len(), WORDS);
    }
}
