//! The push certificate: what it says, and until when.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Time;
use secrecy::SecretString;
use x509_cert::{Certificate, der::Decode};

/// A certificate with its private key, from identity.apple.com.
#[derive(Debug)]
pub struct PushIdentity {
    pub pem: SecretString,
    /// `com.apple.mgmt.External.…`, if the certificate is one for device management.
    pub topic: Option<String>,
    pub expires_at: Time,
}

/// Why devices cannot be woken. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PushCertificateError {
    #[error("the push certificate {path} cannot be read: {source}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("{path} holds no certificate; it needs the one from identity.apple.com, as PEM")]
    NoCertificate { path: String },
    #[error("{path} holds no private key; append the one with which the certificate was requested, as PEM")]
    NoKey { path: String },
    #[error(
        "the key in {path} is locked with a password; write it without one and make the file readable for the server only"
    )]
    LockedKey { path: String },
    #[error("the push certificate cannot be used: {0}")]
    Unusable(String),
}

/// The attribute `UID` of a subject, where Apple writes the topic.
const USER_ID: &str = "0.9.2342.19200300.100.1.1";

impl PushIdentity {
    pub fn read(path: &Path) -> Result<PushIdentity, PushCertificateError> {
        let name = path.display().to_string();
        let pem = std::fs::read_to_string(path).map_err(|source| PushCertificateError::Unreadable {
            path: name.clone(),
            source,
        })?;
        PushIdentity::parse(&name, pem)
    }

    fn parse(path: &str, pem: String) -> Result<PushIdentity, PushCertificateError> {
        let certificate = certificate(&pem).ok_or(PushCertificateError::NoCertificate { path: path.to_owned() })?;
        if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") || pem.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(PushCertificateError::LockedKey { path: path.to_owned() });
        }
        if !pem.contains("PRIVATE KEY-----") {
            return Err(PushCertificateError::NoKey { path: path.to_owned() });
        }
        let not_after = certificate.tbs_certificate().validity().not_after.to_unix_duration();
        let expires_at = Time(i64::try_from(not_after.as_millis()).unwrap_or(i64::MAX));
        Ok(PushIdentity {
            topic: topic(&certificate),
            expires_at,
            pem: SecretString::from(pem),
        })
    }
}

fn certificate(pem: &str) -> Option<Certificate> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_whitespace().collect();
    Certificate::from_der(&STANDARD.decode(body).ok()?).ok()
}

fn topic(certificate: &Certificate) -> Option<String> {
    let subject = certificate.tbs_certificate().subject();
    for part in subject.iter() {
        if part.oid.to_string() == USER_ID {
            let text = String::from_utf8(part.value.value().to_vec()).ok()?;
            return Some(text).filter(|text| text.starts_with("com.apple.mgmt."));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

    use super::*;
    use crate::Config;

    const TOPIC: &str = "com.apple.mgmt.External.0c9f3a5e";

    /// A certificate as Apple makes them, and its key.
    fn pair(topic: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        let user_id = USER_ID.split('.').map(|number| number.parse().unwrap()).collect();
        params.distinguished_name.push(DnType::CommonName, "APSP:0c9f3a5e");
        params
            .distinguished_name
            .push(DnType::CustomDnType(user_id), DnValue::Utf8String(topic.to_owned()));
        params.not_after = rcgen::date_time_ymd(2031, 1, 2);
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn topic_and_expiry_are_read_from_the_certificate() {
        let (certificate, key) = pair(TOPIC);
        // The order in the file makes no difference.
        for pem in [format!("{certificate}{key}"), format!("{key}{certificate}")] {
            let identity = PushIdentity::parse("push.pem", pem).unwrap();
            assert_eq!(identity.topic.as_deref(), Some(TOPIC));
            assert_eq!(
                crate::clock::timestamp(identity.expires_at).to_string(),
                "2031-01-02T00:00:00Z"
            );
        }
        let other = PushIdentity::parse("push.pem", pair("com.example").0 + &key).unwrap();
        assert_eq!(other.topic, None);
    }

    #[test]
    fn a_configured_certificate_is_enough_to_wake_devices() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("push.pem");
        let (certificate, key) = pair(TOPIC);
        std::fs::write(&path, certificate + &key).unwrap();
        let mut config = Config::local(
            "127.0.0.1:0".parse().unwrap(),
            "sqlite:a.db",
            "key",
            "https://apps.example.com",
        );
        config.mdm.push_certificate_file = Some(path);

        assert_eq!(config.push_topic().as_deref(), Some(TOPIC));
        assert!(config.apns().unwrap().is_some());
    }

    #[test]
    fn a_file_without_a_certificate_or_a_key_says_which() {
        let (certificate, _) = pair(TOPIC);
        let none = PushIdentity::parse("push.pem", "hello".to_owned());
        assert!(matches!(none, Err(PushCertificateError::NoCertificate { .. })));
        let keyless = PushIdentity::parse("push.pem", certificate.clone());
        assert!(matches!(keyless, Err(PushCertificateError::NoKey { .. })));
        let locked = format!("{certificate}-----BEGIN ENCRYPTED PRIVATE KEY-----");
        let locked = PushIdentity::parse("push.pem", locked);
        assert!(matches!(locked, Err(PushCertificateError::LockedKey { .. })));
        let missing = PushIdentity::read(&PathBuf::from("/nowhere/push.pem"))
            .unwrap_err()
            .to_string();
        assert!(missing.contains("/nowhere/push.pem"), "{missing}");
    }
}
