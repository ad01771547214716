//! A profile with a signature around it: whose it is, and that nothing of it was changed on the way.
//!
//! CMS signed-data in DER with the content inside, signed attributes, and the signer's certificates
//! (`mdm-protocol` §3.2). What devices sign travels the other way, without its content: [`crate::signature`].

use cms::{
    cert::{CertificateChoices, IssuerAndSerialNumber},
    content_info::{CmsVersion, ContentInfo},
    signed_data::{CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos},
};
use der::{
    Any, AnyRef, Decode, Encode,
    asn1::{OctetString, SetOfVec},
    oid::ObjectIdentifier,
};
use jiff::Timestamp;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, PublicKeyData, SigningKey};
use secrecy::{ExposeSecret, SecretString};
use x509_cert::{Certificate, spki::AlgorithmIdentifierOwned};

use crate::{
    pem,
    signature::{
        DATA, ECDSA_WITH_SHA256, RSA, SHA256, SHA384, SIGNED_DATA, SignatureError, SignerCertificate, attributes,
        the_signer, verified,
    },
};

const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

/// Why a file does not sign profiles. The text says what is missing.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    #[error("it holds no certificate, as PEM")]
    NoCertificate,
    #[error("it holds a certificate that cannot be read")]
    Certificate,
    #[error("it holds no private key, as PEM")]
    NoKey,
    #[error("its key is locked with a password; write it without one, readable for the server only")]
    LockedKey,
    #[error("its key is neither RSA nor of the curves P-256 and P-384")]
    Key,
    #[error("none of its certificates belongs to its key")]
    Stranger,
}

/// A certificate of the operator's own with its key: one that devices trust makes them call the profile verified.
pub struct ProfileSigner {
    key: KeyPair,
    /// The signer's first, then what leads to an authority.
    certificates: Vec<Certificate>,
}

impl ProfileSigner {
    /// Certificate, those that lead to its authority, and the key, in any order.
    pub fn from_pem(pem: &SecretString) -> Result<ProfileSigner, SignerError> {
        let blocks = blocks(pem.expose_secret());
        let of_kind = |end: &'static str| blocks.iter().filter(move |(label, _)| label.ends_with(end));
        let mut certificates = Vec::new();
        for (_, block) in of_kind("CERTIFICATE") {
            let der = pem::body(block).map_err(|_| SignerError::Certificate)?;
            certificates.push(Certificate::from_der(&der).map_err(|_| SignerError::Certificate)?);
        }
        if certificates.is_empty() {
            return Err(SignerError::NoCertificate);
        }
        let (label, key) = of_kind("PRIVATE KEY").next().ok_or(SignerError::NoKey)?;
        if label.starts_with("ENCRYPTED") || key.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(SignerError::LockedKey);
        }
        let key = KeyPair::from_pem(key).map_err(|_| SignerError::Key)?;
        algorithms(&key).ok_or(SignerError::Key)?;
        let own = certificates.iter().position(|certificate| {
            let known = certificate.tbs_certificate().subject_public_key_info();
            known.subject_public_key.raw_bytes() == key.der_bytes()
        });
        certificates.swap(0, own.ok_or(SignerError::Stranger)?);
        Ok(ProfileSigner { key, certificates })
    }

    /// Until when the first of its certificates to end is good.
    pub fn expires_at(&self) -> Timestamp {
        let ends = self.certificates.iter().map(|certificate| {
            let not_after = certificate.tbs_certificate().validity().not_after;
            let seconds = i64::try_from(not_after.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
            Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
        });
        ends.min().unwrap_or(Timestamp::MIN)
    }

    pub fn sign(&self, content: &[u8]) -> Result<Vec<u8>, SignatureError> {
        sign(content, &self.key, &self.certificates)
    }
}

/// The pieces of a PEM file with their labels.
fn blocks(pem: &str) -> Vec<(&str, &str)> {
    let mut blocks = Vec::new();
    let mut rest = pem;
    while let Some(begin) = rest.find("-----BEGIN ") {
        rest = &rest[begin..];
        let Some(label) = rest[11..].split("-----").next() else {
            break;
        };
        let end = format!("-----END {label}-----");
        let Some(at) = rest.find(&end) else { break };
        blocks.push((label, &rest[..at + end.len()]));
        rest = &rest[at + end.len()..];
    }
    blocks
}

/// Over which hash a key signs, and what the signature is called.
fn algorithms(key: &KeyPair) -> Option<(ObjectIdentifier, AlgorithmIdentifierOwned)> {
    let named = |oid, parameters| AlgorithmIdentifierOwned { oid, parameters };
    if key.is_compatible(&PKCS_ECDSA_P256_SHA256) {
        Some((SHA256, named(ECDSA_WITH_SHA256, None)))
    } else if key.is_compatible(&PKCS_ECDSA_P384_SHA384) {
        Some((SHA384, named(ECDSA_WITH_SHA384, None)))
    } else if key.is_compatible(&PKCS_RSA_SHA256) {
        Some((SHA256, named(RSA, Some(Any::from(AnyRef::NULL)))))
    } else {
        None
    }
}

/// Signs with the key of the first certificate; all of them go along.
pub(crate) fn sign(content: &[u8], key: &KeyPair, certificates: &[Certificate]) -> Result<Vec<u8>, SignatureError> {
    const CANNOT: SignatureError = SignatureError::Malformed("the signature cannot be made");
    let malformed = |_: der::Error| CANNOT;
    let own = certificates.first().ok_or(CANNOT)?.tbs_certificate();
    let (hash, signature_algorithm) = algorithms(key).ok_or(SignatureError::Algorithm)?;
    let attributes = attributes(content, hash)?;
    let signature = key
        .sign(&attributes.to_der().map_err(malformed)?)
        .map_err(|_| SignatureError::Algorithm)?;
    let hash = AlgorithmIdentifierOwned {
        oid: hash,
        parameters: None,
    };
    let signer = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: own.issuer().clone(),
            serial_number: own.serial_number().clone(),
        }),
        digest_alg: hash.clone(),
        signed_attrs: Some(attributes),
        signature_algorithm,
        signature: OctetString::new(signature).map_err(malformed)?,
        unsigned_attrs: None,
    };
    let certificates = certificates.iter().cloned().map(CertificateChoices::Certificate);
    let content = OctetString::new(content).map_err(malformed)?;
    let data = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from(vec![hash]).map_err(malformed)?,
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: DATA,
            econtent: Some(Any::encode_from(&content).map_err(malformed)?),
        },
        certificates: Some(CertificateSet(SetOfVec::from_iter(certificates).map_err(malformed)?)),
        crls: None,
        signer_infos: SignerInfos(SetOfVec::try_from(vec![signer]).map_err(malformed)?),
    };
    let content = Any::encode_from(&data).map_err(malformed)?;
    let message = ContentInfo {
        content_type: SIGNED_DATA,
        content,
    };
    message.to_der().map_err(malformed)
}

/// What was signed, and by whom. Whether the certificate is worth anything is for whoever reads it to say.
pub fn open(bytes: &[u8]) -> Result<(Vec<u8>, SignerCertificate), SignatureError> {
    let message = ContentInfo::from_der(bytes).map_err(|_| SignatureError::Malformed("no ContentInfo"))?;
    if message.content_type != SIGNED_DATA {
        return Err(SignatureError::Malformed("not SignedData"));
    }
    let signed: SignedData = message
        .content
        .decode_as()
        .map_err(|_| SignatureError::Malformed("no SignedData"))?;
    let inside = &signed.encap_content_info;
    let content = inside
        .econtent
        .as_ref()
        .filter(|_| inside.econtent_type == DATA)
        .and_then(|content| content.decode_as::<OctetString>().ok())
        .ok_or(SignatureError::Malformed("there is no content"))?;
    let signer = the_signer(&signed)?;
    let certificate = verified(&signed, signer, content.as_bytes())?;
    Ok((content.as_bytes().to_vec(), certificate))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests sign as of the time of the machine")]
mod tests {
    use std::{path::Path, process::Command};

    use rcgen::{CertificateParams, DnType, RsaKeySize};

    use super::*;
    use crate::identity::DeviceCa;

    const CONTENT: &[u8] = b"<plist>a profile</plist>\n";

    fn now() -> Timestamp {
        Timestamp::now()
    }

    fn keys() -> [(&'static str, KeyPair); 3] {
        [
            ("P-256", KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()),
            ("P-384", KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap()),
            (
                "RSA",
                KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap(),
            ),
        ]
    }

    fn certificate(name: &str, key: &KeyPair) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.self_signed(key).unwrap().pem()
    }

    fn signer(pem: &str) -> Result<ProfileSigner, SignerError> {
        ProfileSigner::from_pem(&SecretString::from(pem))
    }

    #[test]
    fn what_was_signed_is_read_again_with_who_signed_it() {
        let ca = DeviceCa::generate("Example Device CA", now()).unwrap();
        let (content, by) = open(&ca.sign_profile(CONTENT).unwrap()).unwrap();
        assert_eq!(content, CONTENT);
        let name = Certificate::from_der(&by.der).unwrap();
        assert!(
            name.tbs_certificate()
                .subject()
                .to_string()
                .contains("Example Device CA")
        );
        for (name, key) in keys() {
            let chain = certificate("another", &KeyPair::generate().unwrap());
            let own = certificate(name, &key);
            // The order in the file makes no difference.
            for pem in [
                format!("{chain}{own}{}", key.serialize_pem()),
                format!("{}{own}{chain}", key.serialize_pem()),
            ] {
                let signed = signer(&pem).unwrap().sign(CONTENT).unwrap();
                let (content, by) = open(&signed).unwrap();
                assert_eq!(
                    (content.as_slice(), by.der),
                    (CONTENT, pem::body(&own).unwrap()),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn a_profile_that_was_changed_on_the_way_is_refused() {
        let ca = DeviceCa::generate("Example Device CA", now()).unwrap();
        let signed = ca.sign_profile(CONTENT).unwrap();
        let (_, by) = open(&signed).unwrap();
        let content_at = signed.windows(CONTENT.len()).position(|part| part == CONTENT).unwrap();
        for at in 0..signed.len() {
            for bit in [0x01, 0x20, 0x80] {
                let mut changed = signed.clone();
                changed[at] ^= bit;
                let opened = open(&changed);
                if (content_at..content_at + CONTENT.len()).contains(&at) {
                    assert_eq!(opened, Err(SignatureError::Mismatch), "byte {at}");
                } else if let Ok((content, still)) = opened {
                    // What does not speak of the content may be written in several ways.
                    let key = |der: &[u8]| {
                        let certificate = Certificate::from_der(der).unwrap();
                        certificate.tbs_certificate().subject_public_key_info().clone()
                    };
                    assert_eq!(
                        (content.as_slice(), key(&still.der)),
                        (CONTENT, key(&by.der)),
                        "byte {at}"
                    );
                }
            }
        }
        for end in 0..signed.len() {
            assert!(open(&signed[..end]).is_err(), "{end}");
        }
        assert!(open(CONTENT).is_err() && open(&[&signed[..], b"x"].concat()).is_err());
    }

    #[test]
    fn a_file_that_cannot_sign_says_what_it_lacks() {
        let key = KeyPair::generate().unwrap();
        let own = certificate("own", &key);
        let key = key.serialize_pem();
        let other = certificate("other", &KeyPair::generate().unwrap());
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let ed25519 = certificate("ed", &ed25519) + &ed25519.serialize_pem();
        assert!(matches!(signer("hello"), Err(SignerError::NoCertificate)));
        assert!(matches!(signer(&key), Err(SignerError::NoCertificate)));
        assert!(matches!(signer(&own), Err(SignerError::NoKey)));
        assert!(matches!(signer(&format!("{own}{locked}")), Err(SignerError::LockedKey)));
        assert!(matches!(signer(&format!("{other}{key}")), Err(SignerError::Stranger)));
        assert!(matches!(signer(&ed25519), Err(SignerError::Key)));
        let broken = own.replacen("MI", "!!", 1);
        assert!(matches!(
            signer(&format!("{broken}{key}")),
            Err(SignerError::Certificate)
        ));
    }

    fn openssl(arguments: &[&str], folder: &Path) -> std::process::Output {
        let command = Command::new("openssl").args(arguments).current_dir(folder).output();
        command.expect("openssl runs")
    }

    /// Somebody else's reader and writer of the same format.
    #[test]
    #[ignore = "needs openssl"]
    fn openssl_reads_what_we_sign_and_we_read_what_it_signs() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        let ca = DeviceCa::generate("Example Device CA", now()).unwrap();
        let mut cases = vec![("CA", ca.certificate_pem().to_owned(), ca.sign_profile(CONTENT).unwrap())];
        for (name, key) in keys() {
            let own = certificate(name, &key);
            let pem = format!("{own}{}", key.serialize_pem());
            let signed = signer(&pem).unwrap().sign(CONTENT).unwrap();
            write("own.pem", pem.as_bytes());
            write("content", CONTENT);
            let sign = "cms -sign -binary -nodetach -md sha256 -outform DER -signer own.pem -in content -out theirs";
            let made = openssl(&sign.split(' ').collect::<Vec<_>>(), folder.path());
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            let theirs = std::fs::read(folder.path().join("theirs")).unwrap();
            assert_eq!(open(&theirs).unwrap().0, CONTENT, "{name}");
            cases.push((name, own, signed));
        }
        let verify = "cms -verify -binary -inform DER -in signed -CAfile trusted.pem -out content";
        let verify: Vec<_> = verify.split(' ').collect();
        for (name, trusted, signed) in cases {
            write("trusted.pem", trusted.as_bytes());
            write("signed", &signed);
            write("content", b"");
            let answer = openssl(&verify, folder.path());
            assert!(
                answer.status.success(),
                "{name}: {}",
                String::from_utf8_lossy(&answer.stderr)
            );
            assert_eq!(std::fs::read(folder.path().join("content")).unwrap(), CONTENT, "{name}");

            let at = signed.windows(CONTENT.len()).position(|part| part == CONTENT).unwrap();
            let mut changed = signed.clone();
            changed[at] ^= 1;
            write("signed", &changed);
            assert!(!openssl(&verify, folder.path()).status.success(), "{name}");
        }
    }
}
