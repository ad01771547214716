//! The content token: one line of base64, in which a JSON object names the location's secret and its end.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{Timestamp, fmt::strtime};
use secrecy::SecretString;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A token file has a few hundred bytes; far more is something else.
pub const LIMIT_BYTES: usize = 64 * 1024;

/// A token as it was read from a file.
#[derive(Debug, Clone)]
pub struct ContentToken {
    /// The whole base64 text, which is also what Apple wants as bearer. Kept byte for byte.
    pub text: SecretString,
    /// Of the text, in lower-case hex: the same file again is known by it.
    pub sha256: String,
    pub expires_at: Timestamp,
    /// Name of the organisation, for display. Not an identity: every location of it has the same.
    pub organization_name: String,
}

/// Why a file is not a content token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the file is empty")]
    Empty,
    #[error("the file is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
    /// The other kind of token that the same portal hands out.
    #[error("this is a server token for device enrolment, not a content token")]
    DeviceEnrolmentToken,
    #[error("the file is not base64 text")]
    NotBase64,
    #[error("the file does not hold JSON")]
    NotJson,
    #[error("the file holds no {missing}")]
    NotAContentToken { missing: &'static str },
    #[error("the expiry {text:?} is not a date")]
    BadDate { text: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inner {
    token: Option<String>,
    exp_date: Option<String>,
    /// A name, or a number.
    org_name: Option<serde_json::Value>,
}

impl ContentToken {
    /// Reads a `.vpptoken` file. Whether it has expired is for the caller to see.
    pub fn parse(file: &[u8]) -> Result<ContentToken, TokenError> {
        if file.len() > LIMIT_BYTES {
            return Err(TokenError::TooLarge {
                limit_bytes: LIMIT_BYTES,
            });
        }
        if is_enrolment_token(file) {
            return Err(TokenError::DeviceEnrolmentToken);
        }
        let text = std::str::from_utf8(file).map_err(|_| TokenError::NotBase64)?;
        // Some mail programs break long lines.
        let text: String = text.trim_start_matches('\u{feff}').split_whitespace().collect();
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        let decoded = STANDARD.decode(&text).map_err(|_| TokenError::NotBase64)?;
        if is_enrolment_token(&decoded) {
            return Err(TokenError::DeviceEnrolmentToken);
        }
        let value: serde_json::Value = serde_json::from_slice(&decoded).map_err(|_| TokenError::NotJson)?;
        let missing = |missing| TokenError::NotAContentToken { missing };
        let inner: Inner = serde_json::from_value(value).map_err(|_| missing("token"))?;
        inner.token.filter(|token| !token.is_empty()).ok_or(missing("token"))?;
        let expires = inner.exp_date.ok_or(missing("expDate"))?;
        let expires_at = parse_date(&expires).ok_or(TokenError::BadDate {
            text: expires.chars().take(40).collect(),
        })?;
        Ok(ContentToken {
            sha256: hex::encode(Sha256::digest(text.as_bytes())),
            text: SecretString::from(text),
            expires_at,
            organization_name: match inner.org_name {
                Some(serde_json::Value::String(name)) => name,
                Some(serde_json::Value::Number(number)) => number.to_string(),
                _ => String::new(),
            },
        })
    }
}

/// What the portal hands out for device enrolment: an S/MIME message, or one in PEM or DER.
fn is_enrolment_token(bytes: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(2048)]);
    let start = start.trim_start();
    start.starts_with("Content-Type:")
        || start.starts_with("MIME-Version:")
        || start.contains("-----BEGIN")
        // An ASN.1 SEQUENCE with a long length, as a DER `.p7m` begins.
        || matches!(bytes, [0x30, 0x80..=0x84, ..])
}

/// Apple's dates: `2027-03-01T10:00:00+0000`, also with a colon, `Z`, or a fraction.
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse() {
        return Some(timestamp);
    }
    ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S%.f%z"]
        .iter()
        .find_map(|format| strtime::parse(format, text).ok()?.to_timestamp().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: &str) -> Vec<u8> {
        STANDARD.encode(json).into_bytes()
    }

    fn refused(bytes: &[u8]) -> TokenError {
        ContentToken::parse(bytes).expect_err("not a token")
    }

    #[test]
    fn a_token_keeps_its_text_and_tells_its_end() {
        let bytes =
            file(r#"{ "expDate":"2027-03-01T10:00:00+0000", "token":"c2VjcmV0", "orgName":"서린들", "new":1 }"#);
        let token = ContentToken::parse(&bytes).unwrap();
        assert_eq!(token.expires_at.to_string(), "2027-03-01T10:00:00Z");
        assert_eq!(token.organization_name, "서린들");
        assert_eq!(token.sha256.len(), 64);
    }

    #[test]
    fn line_breaks_of_a_mail_program_do_no_harm() {
        let bytes = file(r#"{"expDate":"2027-03-01T10:00:00Z","token":"c2VjcmV0","orgName":"x"}"#);
        let broken = format!(
            "\u{feff}{}\r\n{}\n",
            std::str::from_utf8(&bytes[..20]).unwrap(),
            std::str::from_utf8(&bytes[20..]).unwrap()
        );
        assert_eq!(
            ContentToken::parse(broken.as_bytes()).unwrap().sha256,
            ContentToken::parse(&bytes).unwrap().sha256
        );
    }

    #[test]
    fn every_way_to_write_the_date_is_read() {
        for text in [
            "2027-03-01T10:00:00+0000",
            "2027-03-01T03:00:00-0700",
            "2027-03-01T12:00:00+02:00",
            "2027-03-01T10:00:00Z",
            "2027-03-01T10:00:00.000+0000",
        ] {
            assert_eq!(
                parse_date(text).map(|at| at.to_string()).as_deref(),
                Some("2027-03-01T10:00:00Z"),
                "{text}"
            );
        }
        assert_eq!(parse_date("next year"), None);
    }

    #[test]
    fn each_wrong_file_has_its_own_reason() {
        assert_eq!(refused(b""), TokenError::Empty);
        assert_eq!(refused(b" \n"), TokenError::Empty);
        assert_eq!(refused(&[0xff, 0xfe, 0x00, 0x9f]), TokenError::NotBase64);
        assert_eq!(refused(b"hello, token!"), TokenError::NotBase64);
        assert_eq!(
            refused(&vec![b'a'; 5_000_000]),
            TokenError::TooLarge {
                limit_bytes: LIMIT_BYTES
            }
        );
        assert_eq!(refused(&file("not JSON")), TokenError::NotJson);
        assert_eq!(
            refused(&file(r#"{"name":"x"}"#)),
            TokenError::NotAContentToken { missing: "token" }
        );
        assert_eq!(
            refused(&file("[1,2]")),
            TokenError::NotAContentToken { missing: "token" }
        );
        assert_eq!(
            refused(&file(r#"{"token":"x"}"#)),
            TokenError::NotAContentToken { missing: "expDate" }
        );
        let bad_date = refused(&file(r#"{"token":"x","expDate":"soon"}"#));
        assert_eq!(
            bad_date,
            TokenError::BadDate {
                text: "soon".to_owned()
            }
        );
        for enrolment in [
            "Content-Type: application/pkcs7-mime\r\n\r\nMIIB",
            "MIME-Version: 1.0\n",
            "-----BEGIN MESSAGE-----\n{}",
        ] {
            assert_eq!(refused(enrolment.as_bytes()), TokenError::DeviceEnrolmentToken);
        }
        assert_eq!(
            refused(&[0x30, 0x82, 0x10, 0x00, 0x06]),
            TokenError::DeviceEnrolmentToken
        );
    }

    #[test]
    fn a_token_is_never_printed() {
        let bytes = file(r#"{"expDate":"2027-03-01T10:00:00Z","token":"c2VjcmV0","orgName":"x"}"#);
        let token = ContentToken::parse(&bytes).unwrap();
        assert!(!format!("{token:?}").contains(std::str::from_utf8(&bytes[..12]).unwrap()));
    }

    /// For display only: whatever it is, the token works.
    #[test]
    fn the_organisation_may_be_a_number_or_missing() {
        for (name, shown) in [(r#","orgName":4711"#, "4711"), (r#","orgName":null"#, ""), ("", "")] {
            let json = format!(r#"{{"token":"c2VjcmV0","expDate":"2027-03-01T10:00:00Z"{name}}}"#);
            assert_eq!(ContentToken::parse(&file(&json)).unwrap().organization_name, shown);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_a_portal_writes_is_read_back(
            secret in "[A-Za-z0-9+/]{1,60}",
            name in "\\PC{0,40}",
            expires in 0_i64..4_000_000_000,
            width in 20_usize..100,
        ) {
            let expires_at = Timestamp::from_second(expires).unwrap();
            let date = expires_at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string();
            let text = file(&serde_json::json!({ "token": secret, "expDate": date, "orgName": name }).to_string());
            let lines: Vec<_> = text.chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
            let token = ContentToken::parse(lines.join("\r\n").as_bytes()).unwrap();
            proptest::prop_assert_eq!(secrecy::ExposeSecret::expose_secret(&token.text).as_bytes(), &text[..]);
            proptest::prop_assert_eq!((token.expires_at, token.organization_name), (expires_at, name));
        }

        #[test]
        fn no_file_makes_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let _ = ContentToken::parse(&bytes);
        }
    }
}
