//! Text that is not ours to refuse: what a device wrote, and what Apple calls things. It is shown to people and kept in
//! databases, neither of which takes everything.

use unicode_normalization::UnicodeNormalization;

/// What a device calls itself; what Apple calls an app, its maker, a location, an organisation, or another server.
/// More than anything real has, and little enough for a row of a table.
pub const NAME: usize = 200;
/// Of a sentence that explains an error.
pub const SENTENCE: usize = 500;
/// Of what names something exactly, and is no good in part: an id, a topic, a word of the protocol.
pub const EXACT: usize = 255;

/// Whether `c` may be in no text at all. Line breaks and tabs may be in one that has lines.
pub fn is_unprintable(c: char) -> bool {
    match c {
        '\n' | '\r' | '\t' => false,
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

/// What Apple or a device calls something, as far as a page can show it: in NFC, on one line, without what cannot be
/// seen, and cut to `max_chars`. A device once had a name of 4.9 MB.
pub fn cleaned(text: &str, max_chars: usize) -> String {
    let mut chars = text
        .chars()
        .filter_map(|c| match c {
            c if c.is_whitespace() => Some(' '),
            c if is_unprintable(c) => None,
            c => Some(c),
        })
        .skip_while(|c| *c == ' ')
        .nfc();
    let mut kept: String = chars.by_ref().take(max_chars).collect();
    if chars.any(|c| c != ' ') {
        kept.pop();
        kept.truncate(kept.trim_end().len());
        kept.push('…');
    }
    kept.truncate(kept.trim_end().len());
    kept
}

/// The same; nothing when nothing is left. A NUL is refused by PostgreSQL: the report would be sent again for ever.
pub fn bounded(text: &str, max_chars: usize) -> Option<String> {
    Some(cleaned(text, max_chars)).filter(|text| !text.is_empty())
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
        // As people type it, whatever pieces it came in: else it is never found.
        let pieces = "\u{1100}\u{1175}\u{11b7}\u{1112}\u{1161}\u{1102}\u{1173}\u{11af}";
        assert_eq!(cleaned(pieces, 3), "김하늘");
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

    #[test]
    fn what_a_device_calls_itself_is_cleaned_and_cut() {
        assert_eq!(cleaned(" 김하늘의\u{0} iPhone\u{202e}\n ", 200), "김하늘의 iPhone");
        assert_eq!(cleaned("가나다라", 4), "가나다라");
        assert_eq!(cleaned("가나다라  \n", 4), "가나다라");
        assert_eq!(cleaned("가나 다라마", 4), "가나…");
        assert_eq!(cleaned(&"a".repeat(5_000_000), NAME).chars().count(), NAME);
        assert_eq!(cleaned("\u{0}\u{1}", 10), "");
    }
}
