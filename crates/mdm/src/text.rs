//! Text that a device wrote: shown to people and kept in databases, neither of which takes everything.

/// So many characters of a name are shown.
pub const NAME: usize = 100;
/// Of a sentence that explains an error.
pub const SENTENCE: usize = 500;
/// Of what names something exactly, and is no good in part: an id, a topic, a word of the protocol.
pub const EXACT: usize = 255;

/// The first characters of a text without the control characters in it; nothing when nothing is left.
///
/// A NUL is refused by PostgreSQL: the report would be sent again for ever. A name may be megabytes long.
pub fn bounded(text: &str, max_chars: usize) -> Option<String> {
    let kept: String = text.chars().filter(|it| !it.is_control()).take(max_chars).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// The text as it is, if it can be what it should be: what names something is not changed.
pub fn exact(text: String) -> Option<String> {
    let good = !text.is_empty() && text.len() <= EXACT && !text.chars().any(char::is_control);
    good.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_device_is_short_and_printable() {
        assert_eq!(bounded("a\0b\u{1b}[31m\n", NAME).as_deref(), Some("ab[31m"));
        assert_eq!(bounded(&"가".repeat(5_000_000), NAME).unwrap().chars().count(), NAME);
        assert_eq!(bounded(" \0\r ", NAME), None);
    }

    #[test]
    fn what_names_something_is_taken_whole_or_not_at_all() {
        assert_eq!(exact(" 0000-A ".to_owned()).as_deref(), Some(" 0000-A "));
        for bad in ["", "a\0", "a\nb", &"x".repeat(EXACT + 1)] {
            assert_eq!(exact(bad.to_owned()), None, "{bad:?}");
        }
    }
}
