//! Property lists from strangers: capped, guarded, XML only.

use std::io::Cursor;

pub use ::plist::{Dictionary, Value};
use quick_xml::{Reader, events::Event};

/// Lists of installed apps may have megabytes; nothing that a device sends has more.
pub const LIMIT_BYTES: usize = 5 * 1024 * 1024;
/// Real messages nest some five levels. The parser would overflow the stack at a few thousand.
const LIMIT_DEPTH: usize = 64;

/// Why bytes are not a property list that we read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlistError {
    #[error("the property list is larger than {LIMIT_BYTES} bytes")]
    TooLarge,
    #[error("the property list is nested more than {LIMIT_DEPTH} levels deep")]
    TooDeep,
    #[error("the body is not a property list in XML: {0}")]
    NotXml(String),
    #[error("the property list is not a dictionary")]
    NotADictionary,
}

/// Reads a dictionary. Never overflows the stack, whatever comes.
pub fn parse(bytes: &[u8]) -> Result<Dictionary, PlistError> {
    if bytes.len() > LIMIT_BYTES {
        return Err(PlistError::TooLarge);
    }
    guard(bytes)?;
    let value = Value::from_reader_xml(Cursor::new(bytes)).map_err(|error| PlistError::NotXml(error.to_string()))?;
    value.into_dictionary().ok_or(PlistError::NotADictionary)
}

/// Walks through the elements without recursion, and counts how deep they are.
///
/// The parser that comes after it reads XML on its own, so whatever two readers could take for different things is
/// refused: a tower that only one of them sees would end the process. Nothing that devices write is lost by it.
fn guard(bytes: &[u8]) -> Result<(), PlistError> {
    let refused = |what: &str| Err(PlistError::NotXml(format!("{what} is not accepted")));
    let mut reader = Reader::from_reader(bytes);
    let mut depth = 0_usize;
    let mut elements = 0_usize;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                depth += 1;
                elements += 1;
                if depth > LIMIT_DEPTH {
                    return Err(PlistError::TooDeep);
                }
                if !is_plain(&tag) {
                    return refused("such a tag");
                }
            }
            Ok(Event::Empty(tag)) => {
                elements += 1;
                if !is_plain(&tag) {
                    return refused("such a tag");
                }
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Text(_) | Event::GeneralRef(_)) => {}
            Ok(Event::Decl(declaration)) if elements == 0 && is_plain(&declaration) => {}
            Ok(Event::DocType(doctype)) if elements == 0 && is_plain(&doctype) => {}
            Ok(Event::Decl(_) | Event::DocType(_)) => return refused("such a declaration"),
            Ok(Event::Comment(_)) => return refused("a comment"),
            Ok(Event::CData(_)) => return refused("a CDATA section"),
            Ok(Event::PI(_)) => return refused("a processing instruction"),
            Ok(Event::Eof) if elements == 0 => return Err(PlistError::NotXml("no element".to_owned())),
            Ok(Event::Eof) => return Ok(()),
            Err(error) => return Err(PlistError::NotXml(error.to_string())),
        }
    }
}

/// Whether markup ends for every reader where it ends for this one: nothing opens in it, and its quotes are closed.
fn is_plain(markup: &str) -> bool {
    let mut quote = None;
    for byte in markup.bytes() {
        match byte {
            b'<' | b'>' | b'[' => return false,
            b'"' | b'\'' if quote.is_none() => quote = Some(byte),
            b'"' | b'\'' if quote == Some(byte) => quote = None,
            _ => {}
        }
    }
    quote.is_none()
}

/// Writes a dictionary as devices and servers send it.
pub fn write(dictionary: &Dictionary) -> Vec<u8> {
    let mut bytes = Vec::new();
    Value::Dictionary(dictionary.clone())
        .to_writer_xml(&mut bytes)
        .expect("writing to memory does not fail");
    bytes
}

/// Short ways to what a dictionary holds.
pub(crate) trait Get {
    fn text(&self, key: &str) -> Option<String>;
    fn flag(&self, key: &str) -> Option<bool>;
    fn whole(&self, key: &str) -> Option<i64>;
    fn bytes(&self, key: &str) -> Option<Vec<u8>>;
}

impl Get for Dictionary {
    fn text(&self, key: &str) -> Option<String> {
        self.get(key)?.as_string().map(str::to_owned)
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_boolean()
    }

    fn whole(&self, key: &str) -> Option<i64> {
        self.get(key)?.as_signed_integer()
    }

    fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.get(key)?.as_data().map(<[u8]>::to_vec)
    }
}

/// A dictionary of what is there; what is `None` is left out.
pub(crate) fn dictionary<const N: usize>(entries: [(&str, Option<Value>); N]) -> Dictionary {
    let mut dictionary = Dictionary::new();
    for (key, value) in entries {
        if let Some(value) = value {
            dictionary.insert(key.to_owned(), value);
        }
    }
    dictionary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apple_writes_is_read() {
        let text = br#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>Status</key><string>Idle</string><key>UDID</key><string>A1</string></dict></plist>"#;
        assert_eq!(parse(text).unwrap().text("Status").as_deref(), Some("Idle"));
    }

    /// What a body of 45 KB holds.
    const TOWER: usize = 3000;

    fn nested(levels: usize) -> String {
        let (open, close) = ("<array>".repeat(levels), "</array>".repeat(levels));
        format!("<plist><dict><key>A</key>{open}{close}</dict></plist>")
    }

    #[test]
    fn a_tower_of_arrays_is_refused_before_it_falls() {
        assert_eq!(parse(nested(TOWER).as_bytes()), Err(PlistError::TooDeep));
        let unfinished = format!("<plist>{}", "<dict><key>A</key>".repeat(TOWER));
        assert_eq!(parse(unfinished.as_bytes()), Err(PlistError::TooDeep));
    }

    #[test]
    fn sixty_four_levels_are_read_and_no_more() {
        // The `plist` and the `dict` around the arrays are levels too.
        assert!(parse(nested(62).as_bytes()).is_ok());
        assert_eq!(parse(nested(63).as_bytes()), Err(PlistError::TooDeep));
    }

    /// Markup in which one reader may see elements and another one none.
    #[test]
    fn nothing_that_could_hide_a_tower_is_read() {
        let inner = "<dict><key>A</key><string>x</string></dict>";
        let plain = format!("<plist version=\"1.0\">{inner}</plist>");
        assert!(parse(plain.as_bytes()).is_ok());
        for hidden in [
            format!("<plist><!-- {inner} -->{inner}</plist>"),
            format!("<plist><![CDATA[{inner}]]>{inner}</plist>"),
            format!("<?php {inner} ?>{plain}"),
            format!("<!DOCTYPE plist [<!ENTITY tower \"{inner}\">]>{plain}"),
            format!("<!DOCTYPE plist \">\">{plain}"),
            format!("<?xml version=\"1.0?>{plain}"),
            format!("<plist><!DOCTYPE plist>{inner}</plist>"),
            format!("<plist note=\"<array>\">{inner}</plist>"),
            format!("<plist note='>'>{inner}</plist>"),
        ] {
            assert!(
                matches!(parse(hidden.as_bytes()), Err(PlistError::NotXml(_))),
                "{hidden}"
            );
        }
    }

    #[test]
    fn entities_mean_characters_and_nothing_else() {
        let of = |text: &str| {
            let text = format!("<plist><dict><key>A</key><string>{text}</string></dict></plist>");
            parse(text.as_bytes()).map(|read| read.text("A").unwrap())
        };
        assert_eq!(of("a&amp;b&lt;c&#x44;").unwrap(), "a&b<cD");
        assert_eq!(of("&file;&file;").unwrap(), "");
        assert!(of("&file").is_err());
    }

    #[test]
    fn only_xml_of_a_sensible_size_is_read() {
        assert_eq!(parse(&vec![b' '; LIMIT_BYTES + 1]), Err(PlistError::TooLarge));
        let big = format!(
            "<plist><dict><key>A</key><string>{}</string></dict></plist>",
            "x".repeat(6_000_000)
        );
        assert_eq!(parse(big.as_bytes()), Err(PlistError::TooLarge));
        let mut binary = Vec::new();
        Value::Dictionary(dictionary([("Status", Some("Idle".into()))]))
            .to_writer_binary(&mut binary)
            .unwrap();
        assert!(matches!(parse(&binary), Err(PlistError::NotXml(_))));
        assert!(matches!(parse(b""), Err(PlistError::NotXml(_))));
        assert_eq!(
            parse(b"<plist version=\"1.0\"><array/></plist>"),
            Err(PlistError::NotADictionary)
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let written = dictionary([
            ("A", Some("https://example.com/?a=1&b=<\"'>  주식회사".into())),
            ("B", None),
            ("C", Some(Value::Data(vec![1, 2, 3]))),
        ]);
        assert_eq!(parse(&write(&written)).unwrap(), written);
    }

    fn levels(value: &Value) -> usize {
        let mut deepest = 0;
        let mut waiting = vec![(value, 1)];
        while let Some((value, level)) = waiting.pop() {
            deepest = deepest.max(level);
            match value {
                Value::Array(values) => waiting.extend(values.iter().map(|value| (value, level + 1))),
                Value::Dictionary(values) => waiting.extend(values.values().map(|value| (value, level + 1))),
                _ => {}
            }
        }
        deepest
    }

    fn piece() -> impl proptest::strategy::Strategy<Value = &'static str> {
        proptest::sample::select(vec![
            "<plist>",
            "</plist>",
            "<dict>",
            "</dict>",
            "<array>",
            "</array>",
            "<array/>",
            "<key>",
            "</key>",
            "<!--",
            "-->",
            "<!-->",
            "--",
            "<![CDATA[",
            "]]>",
            "<!DOCTYPE plist",
            "[",
            "]",
            "<!ENTITY a \"",
            "<?xml",
            "<?a",
            "?>",
            "<",
            ">",
            "\"",
            "'",
            "&",
            ";",
            "&amp;",
            "/",
            "!",
            "x",
            " ",
            "\0",
            "<array a=\"",
            "</array >",
            "</array",
        ])
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = parse(&bytes);
        }

        /// Pieces of markup in any order around a tower: the parser never builds more than the guard has counted.
        #[test]
        fn no_markup_hides_a_tower(
            before in proptest::collection::vec(piece(), 0..6),
            after in proptest::collection::vec(piece(), 0..6),
            padding in 0_usize..9000,
        ) {
            let (padding, before, after) = (" ".repeat(padding), before.concat(), after.concat());
            let (open, close) = ("<array>".repeat(TOWER), "</array>".repeat(TOWER));
            let text = format!("{padding}{before}{open}{close}{after}");
            if guard(text.as_bytes()).is_ok()
                && let Ok(value) = Value::from_reader_xml(Cursor::new(&text))
            {
                proptest::prop_assert!(levels(&value) <= LIMIT_DEPTH, "{} levels", levels(&value));
            }
        }
    }
}
