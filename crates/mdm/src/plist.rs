//! Property lists from strangers: capped, guarded, XML only.

use std::io::Cursor;

use ::plist::{Dictionary, Value};
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
fn guard(bytes: &[u8]) -> Result<(), PlistError> {
    let mut reader = Reader::from_reader(bytes);
    let mut depth = 0_usize;
    let mut elements = 0_usize;
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => {
                depth += 1;
                elements += 1;
                if depth > LIMIT_DEPTH {
                    return Err(PlistError::TooDeep);
                }
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Empty(_)) => elements += 1,
            Ok(Event::Eof) if elements == 0 => return Err(PlistError::NotXml("no element".to_owned())),
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(PlistError::NotXml(error.to_string())),
        }
    }
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

    #[test]
    fn a_tower_of_arrays_is_refused_before_it_falls() {
        let tower = format!("<plist>{}{}</plist>", "<array>".repeat(3000), "</array>".repeat(3000));
        assert_eq!(parse(tower.as_bytes()), Err(PlistError::TooDeep));
    }

    #[test]
    fn only_xml_of_a_sensible_size_is_read() {
        assert_eq!(parse(&vec![b' '; LIMIT_BYTES + 1]), Err(PlistError::TooLarge));
        assert!(matches!(parse(b"bplist00\xd1\x01\x02"), Err(PlistError::NotXml(_))));
        assert!(matches!(parse(b""), Err(PlistError::NotXml(_))));
        assert_eq!(
            parse(b"<plist version=\"1.0\"><array/></plist>"),
            Err(PlistError::NotADictionary)
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let written = dictionary([
            ("A", Some("x".into())),
            ("B", None),
            ("C", Some(Value::Data(vec![1, 2, 3]))),
        ]);
        assert_eq!(parse(&write(&written)).unwrap(), written);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = parse(&bytes);
        }
    }
}
