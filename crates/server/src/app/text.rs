//! Text that came from outside: from people, from programs, from Apple, from devices.
//!
//! What people and programs give is refused when it holds what must not be in it: they can mend it, and know that it
//! was not taken. What Apple and devices call things is cleaned instead: it is not ours to refuse.
//!
//! Never in a text: control characters (PostgreSQL keeps no NUL, and a terminal obeys the rest), line and paragraph
//! separators, and the marks that turn the direction of what follows, with which a name can pretend to be another one
//! (UTS 55). Left-to-right and right-to-left marks (U+200E, U+200F) and the joiners stay: names and emoji need them.
//!
//! What is kept is in NFC. macOS hands out Hangul in pieces (ㄱ, ㅣ, ㅁ), which looks the same, and is neither found by
//! who types 김 nor equal to it.

use unicode_normalization::UnicodeNormalization;

use super::{AppError, FieldProblem};

pub use mdm::text::{NAME as NAME_CHARS, cleaned, is_unprintable};

/// `text` in NFC without the spaces around it, when there is any and not more than `max_chars` of it, on one line.
pub fn required(field: &'static str, text: &str, max_chars: usize) -> Result<String, AppError> {
    let wrong = |problem| Err(AppError::Invalid { field, problem });
    let text = text.trim();
    if text.is_empty() {
        return wrong(FieldProblem::Missing);
    }
    if text.contains(|c| is_unprintable(c) || c.is_control()) {
        return wrong(FieldProblem::Unprintable);
    }
    let text: String = text.nfc().take(max_chars + 1).collect();
    if text.chars().count() > max_chars {
        return wrong(FieldProblem::TooLong);
    }
    Ok(text)
}

/// Like [`required`], but nothing is fine too.
pub fn optional(field: &'static str, text: Option<&str>, max_chars: usize) -> Result<Option<String>, AppError> {
    match text.map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => required(field, text, max_chars).map(Some),
    }
}

/// The same for every way to write a login: case, width and composition of letters do not count.
pub fn login_key(login: &str) -> String {
    // By way of upper case, or "straße" and "STRASSE" would be two.
    let folded: String = login.trim().nfkc().flat_map(char::to_uppercase).collect();
    folded.to_lowercase().nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_that_differ_by_case_or_form_only_are_the_same() {
        for (one, other) in [
            ("Kim", "kim "),
            ("KIM", "kim"),
            ("straße", "STRASSE"),
            ("café", "cafe\u{301}"),
            (
                "홍라온",
                "\u{1112}\u{1169}\u{11bc}\u{1105}\u{1161}\u{110b}\u{1169}\u{11ab}",
            ),
        ] {
            assert_eq!(login_key(one), login_key(other), "{one} {other}");
        }
        assert_ne!(login_key("kim"), login_key("kin"));
    }

    fn problem(text: &str) -> Option<FieldProblem> {
        match required("name", text, 10) {
            Ok(_) => None,
            Err(AppError::Invalid { problem, .. }) => Some(problem),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn what_cannot_be_seen_is_refused_wherever_it_stands() {
        for hidden in [
            '\0', '\u{1}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{2028}', '\u{202e}', '\u{2066}',
        ] {
            assert_eq!(
                problem(&format!("김{hidden}하늘")),
                Some(FieldProblem::Unprintable),
                "{hidden:?}"
            );
        }
        assert_eq!(problem("\0"), Some(FieldProblem::Unprintable));
        // A name is one line.
        assert_eq!(problem("김\n하늘"), Some(FieldProblem::Unprintable));
        assert_eq!(problem("김\t하늘"), Some(FieldProblem::Unprintable));
    }

    #[test]
    fn names_of_all_the_world_are_taken() {
        for name in ["김하늘", "O’Neill", "محمد", "👩‍👩‍👧", "Ana\u{200f}", "Nguyễn"] {
            assert_eq!(problem(name), None, "{name}");
        }
    }

    #[test]
    fn hangul_in_pieces_becomes_the_syllables_that_people_type() {
        let pieces = "\u{1100}\u{1175}\u{11b7}\u{1112}\u{1161}\u{1102}\u{1173}\u{11af}";
        assert_eq!(required("name", pieces, 3).unwrap(), "김하늘");
    }

    #[test]
    fn the_length_is_counted_in_characters_after_the_spaces_around() {
        assert_eq!(problem("  가나다라마바사아자차  "), None);
        assert_eq!(problem("가나다라마바사아자차카"), Some(FieldProblem::TooLong));
        assert_eq!(problem(" \n "), Some(FieldProblem::Missing));
        assert_eq!(optional("name", Some("  "), 10).unwrap(), None);
    }
}
