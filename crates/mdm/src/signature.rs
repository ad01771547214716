//! `Mdm-Signature`: the proof that a message comes from the device that it names.
//!
//! The header holds a detached CMS signature over the bytes of the body, exactly as they came. Apple's devices
//! write it in BER with indefinite lengths, SHA-1, and no signed attributes; other clients write DER with signed
//! attributes. Both are read.

use aws_lc_rs::{
    digest,
    signature::{
        ECDSA_P256_SHA1_ASN1, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1,
        ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1,
        RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
        RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use cms::{
    cert::CertificateChoices,
    content_info::ContentInfo,
    signed_data::{SignedData, SignerIdentifier, SignerInfo},
};
use der::{
    Any, Decode, Encode, EncodingRules,
    asn1::{OctetString, SetOfVec},
    oid::ObjectIdentifier,
};
use sha2::{Digest, Sha256};
use x509_cert::{Certificate, attr::Attribute, spki::AlgorithmIdentifierOwned};

/// Real headers have some 2 KB.
const LIMIT_BYTES: usize = 16 * 1024;

pub(crate) const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
pub(crate) const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
pub(crate) const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
pub(crate) const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(crate) const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// Why a signature proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature is larger than {LIMIT_BYTES} bytes")]
    TooLarge,
    #[error("the signature is not base64")]
    NotBase64,
    #[error("the signature is not a CMS message: {0}")]
    Malformed(&'static str),
    #[error("the signature uses an algorithm that is not accepted")]
    Algorithm,
    #[error("the signature does not belong to this message")]
    Mismatch,
}

/// Whose key made the signature. Whether the certificate is worth anything is for the device CA to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerCertificate {
    pub der: Vec<u8>,
    /// Of the certificate, in lower-case hex.
    pub sha256: String,
}

/// Verifies the header over the raw body, and returns who signed.
pub fn verify(header: &str, body: &[u8]) -> Result<SignerCertificate, SignatureError> {
    if header.len() > LIMIT_BYTES {
        return Err(SignatureError::TooLarge);
    }
    let bytes = STANDARD.decode(header.trim()).map_err(|_| SignatureError::NotBase64)?;
    let signed = signed_data(&bytes)?;
    if signed.encap_content_info.econtent_type != DATA || signed.encap_content_info.econtent.is_some() {
        return Err(SignatureError::Malformed("the content is not detached"));
    }
    verified(&signed, the_signer(&signed)?, body)
}

pub(crate) fn the_signer(signed: &SignedData) -> Result<&SignerInfo, SignatureError> {
    match signed.signer_infos.0.as_slice() {
        [signer] => Ok(signer),
        _ => Err(SignatureError::Malformed("there is not exactly one signer")),
    }
}

/// The certificate of whoever signed these bytes.
pub(crate) fn verified(
    signed: &SignedData,
    signer: &SignerInfo,
    bytes: &[u8],
) -> Result<SignerCertificate, SignatureError> {
    let certificate = signer_certificate(signed, signer)?;
    check(signer, &certificate, bytes)?;
    let der = certificate
        .to_der()
        .map_err(|_| SignatureError::Malformed("the certificate cannot be written"))?;
    Ok(SignerCertificate {
        sha256: hex::encode(Sha256::digest(&der)),
        der,
    })
}

/// Reads DER, and BER with indefinite lengths. Nothing may follow.
fn signed_data(bytes: &[u8]) -> Result<SignedData, SignatureError> {
    let message = ContentInfo::from_ber(bytes).map_err(|_| SignatureError::Malformed("no ContentInfo"))?;
    if message.content_type != SIGNED_DATA {
        return Err(SignatureError::Malformed("not SignedData"));
    }
    message
        .content
        .decode_as_encoding(EncodingRules::Ber)
        .map_err(|_| SignatureError::Malformed("no SignedData"))
}

fn signer_certificate(signed: &SignedData, signer: &SignerInfo) -> Result<Certificate, SignatureError> {
    let SignerIdentifier::IssuerAndSerialNumber(wanted) = &signer.sid else {
        return Err(SignatureError::Malformed(
            "the signer is not named by issuer and serial number",
        ));
    };
    let certificates = signed
        .certificates
        .as_ref()
        .map(|set| set.0.as_slice())
        .unwrap_or_default();
    let found = certificates.iter().find_map(|choice| match choice {
        CertificateChoices::Certificate(certificate) => {
            let tbs = certificate.tbs_certificate();
            let named = tbs.issuer() == &wanted.issuer && tbs.serial_number() == &wanted.serial_number;
            named.then(|| certificate.clone())
        }
        CertificateChoices::Other(_) => None,
    });
    found.ok_or(SignatureError::Malformed("the signer's certificate is missing"))
}

fn check(signer: &SignerInfo, certificate: &Certificate, body: &[u8]) -> Result<(), SignatureError> {
    let hash = hash(signer.digest_alg.oid)?;
    let attributes;
    let signed: &[u8] = match &signer.signed_attrs {
        None => body,
        Some(signed_attributes) => {
            let said = the_one(signed_attributes, MESSAGE_DIGEST)
                .and_then(|value| value.decode_as::<OctetString>().ok())
                .ok_or(SignatureError::Malformed("the signed attributes have no digest"))?;
            let content_type =
                the_one(signed_attributes, CONTENT_TYPE).and_then(|value| value.decode_as::<ObjectIdentifier>().ok());
            if content_type != Some(DATA) {
                return Err(SignatureError::Malformed("the signed attributes have no content type"));
            }
            if said.as_bytes() != digest::digest(hash, body).as_ref() {
                return Err(SignatureError::Mismatch);
            }
            // Signed is the SET OF, not the [0] under which it travels.
            attributes = signed_attributes
                .to_der()
                .map_err(|_| SignatureError::Malformed("the signed attributes cannot be written"))?;
            &attributes
        }
    };
    let key_info = certificate.tbs_certificate().subject_public_key_info();
    let key = key_info
        .subject_public_key
        .as_bytes()
        .ok_or(SignatureError::Malformed("no public key"))?;
    let algorithm = algorithm(signer.digest_alg.oid, &key_info.algorithm)?;
    let signature = signer.signature.as_bytes();
    UnparsedPublicKey::new(algorithm, key)
        .verify(signed, signature)
        .map_err(|_| SignatureError::Mismatch)
}

/// The value of an attribute that has to be there once, with one value: of two, readers could take different ones.
fn the_one(attributes: &SetOfVec<Attribute>, oid: ObjectIdentifier) -> Option<&Any> {
    let mut found = attributes.iter().filter(|attribute| attribute.oid == oid);
    let (Some(attribute), None) = (found.next(), found.next()) else {
        return None;
    };
    match attribute.values.as_slice() {
        [value] => Some(value),
        _ => None,
    }
}

fn hash(oid: ObjectIdentifier) -> Result<&'static digest::Algorithm, SignatureError> {
    match oid {
        SHA1 => Ok(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        SHA256 => Ok(&digest::SHA256),
        SHA384 => Ok(&digest::SHA384),
        SHA512 => Ok(&digest::SHA512),
        _ => Err(SignatureError::Algorithm),
    }
}

/// The key decides what kind of signature it is, and the digest algorithm over which hash: what writers put
/// into the signature algorithm differs (`rsaEncryption`, `sha1WithRSAEncryption`).
fn algorithm(
    hash: ObjectIdentifier,
    key: &AlgorithmIdentifierOwned,
) -> Result<&'static dyn VerificationAlgorithm, SignatureError> {
    let curve = || {
        key.parameters
            .as_ref()
            .and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok())
    };
    Ok(match (key.oid, hash) {
        (RSA, SHA1) => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (RSA, SHA256) => &RSA_PKCS1_2048_8192_SHA256,
        (RSA, SHA384) => &RSA_PKCS1_2048_8192_SHA384,
        (RSA, SHA512) => &RSA_PKCS1_2048_8192_SHA512,
        (EC_PUBLIC_KEY, hash) => match (curve(), hash) {
            (Some(P256), SHA1) => &ECDSA_P256_SHA1_ASN1,
            (Some(P256), SHA256) => &ECDSA_P256_SHA256_ASN1,
            (Some(P256), SHA384) => &ECDSA_P256_SHA384_ASN1,
            (Some(P256), SHA512) => &ECDSA_P256_SHA512_ASN1,
            // SHA-1 is too short for this curve; the cryptography at hand does not know the pair.
            (Some(P384), SHA256) => &ECDSA_P384_SHA256_ASN1,
            (Some(P384), SHA384) => &ECDSA_P384_SHA384_ASN1,
            (Some(P384), SHA512) => &ECDSA_P384_SHA512_ASN1,
            _ => return Err(SignatureError::Algorithm),
        },
        _ => return Err(SignatureError::Algorithm),
    })
}

/// What is signed instead of the bytes: what kind they are, and their hash.
pub(crate) fn attributes(body: &[u8], hash: ObjectIdentifier) -> Result<SetOfVec<Attribute>, SignatureError> {
    let digest = digest::digest(self::hash(hash)?, body);
    let made = made_attributes(digest.as_ref());
    made.map_err(|_| SignatureError::Malformed("the signature cannot be made"))
}

fn made_attributes(digest: &[u8]) -> der::Result<SetOfVec<Attribute>> {
    let one = |oid, value: Any| {
        Ok::<_, der::Error>(Attribute {
            oid,
            values: SetOfVec::try_from(vec![value])?,
        })
    };
    SetOfVec::try_from(vec![
        one(CONTENT_TYPE, Any::encode_from(&DATA)?)?,
        one(MESSAGE_DIGEST, Any::encode_from(&OctetString::new(digest)?)?)?,
    ])
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::OnceLock};

    use aws_lc_rs::{rand::SystemRandom, rsa, signature};
    use cms::{cert::IssuerAndSerialNumber, signed_data::SignerInfos};
    use der::AnyRef;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::{
        identity::{DeviceCa, Identity},
        signing::{Form, apple_layout, sign},
    };

    /// One key for all tests: making one takes a while.
    fn identity() -> &'static Identity {
        static ONCE: OnceLock<Identity> = OnceLock::new();
        ONCE.get_or_init(|| {
            let now = "2026-11-23T12:00:00Z".parse().unwrap();
            let issued = DeviceCa::generate("CA", now).unwrap().issue("device", now, 30).unwrap();
            Identity::from_p12(&issued.p12, &issued.password).unwrap()
        })
    }

    /// A header and a body from a real Mac: BER, indefinite lengths, SHA-1, no signed attributes.
    #[test]
    fn a_signature_of_a_real_device_is_verified() {
        let (bytes, body) = captured();
        let header = STANDARD.encode(bytes);
        let signer = verify(&header, &body).unwrap();
        assert_eq!(signer.sha256, hex::encode(Sha256::digest(&signer.der)));
        let mut other = body.clone();
        other[10] ^= 1;
        assert_eq!(verify(&header, &other), Err(SignatureError::Mismatch));
    }

    #[test]
    fn both_forms_prove_who_signed() {
        for form in [Form::AppleBer, Form::DerWithAttributes] {
            let header = sign(b"a message", identity(), form).unwrap();
            assert_eq!(
                verify(&header, b"a message").unwrap().der,
                identity().certificate_der,
                "{form:?}"
            );
            assert_eq!(
                verify(&header, b"another one"),
                Err(SignatureError::Mismatch),
                "{form:?}"
            );
        }
        assert!(
            sign(b"x", identity(), Form::AppleBer)
                .unwrap()
                .starts_with("MIAGCSqGSIb3DQEHAqCAMIAC")
        );
    }

    /// What another implementation wrote: every hash, every kind of key, with signed attributes and without.
    #[test]
    fn what_openssl_signs_is_verified() {
        let (body, cases) = openssl("signatures");
        for (name, bytes) in &cases {
            let signer = verify(&STANDARD.encode(bytes), &body);
            assert!(signer.is_ok(), "{name}: {signer:?}");
            let mut changed = body.clone();
            changed[7] ^= 1;
            assert_eq!(
                verify(&STANDARD.encode(bytes), &changed),
                Err(SignatureError::Mismatch),
                "{name}"
            );
        }
    }

    /// The same in the layout of Apple's devices; so SHA-1 without attributes is tried beyond the captured header.
    #[test]
    fn apples_layout_is_read_with_every_algorithm() {
        let (body, cases) = openssl("signatures");
        for (name, bytes) in &cases {
            let apple = apple_layout(&signed_data(bytes).unwrap()).unwrap();
            assert_ne!(apple, *bytes);
            assert_eq!(
                verify(&STANDARD.encode(apple), &body),
                verify(&STANDARD.encode(bytes), &body),
                "{name}"
            );
        }
    }

    /// Writers differ in how they name RSA, and in whether they write a NULL behind it.
    #[test]
    fn rsa_is_known_under_each_of_its_names() {
        const SHA1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
        let (body, cases) = openssl("signatures");
        let mut signed = signed_data(&cases["rsa sha1 plain"]).unwrap();
        for oid in [RSA, SHA1_WITH_RSA] {
            for parameters in [None, Some(Any::from(AnyRef::NULL))] {
                let mut signer = signed.signer_infos.0.as_slice()[0].clone();
                signer.signature_algorithm = AlgorithmIdentifierOwned {
                    oid,
                    parameters: parameters.clone(),
                };
                signer.digest_alg.parameters = parameters;
                signed.signer_infos = SignerInfos(SetOfVec::try_from(vec![signer]).unwrap());
                let header = STANDARD.encode(apple_layout(&signed).unwrap());
                assert!(verify(&header, &body).is_ok(), "{oid}");
            }
        }
    }

    #[test]
    fn what_openssl_writes_beyond_the_protocol_is_refused() {
        let (body, cases) = openssl("refused");
        for (name, bytes) in &cases {
            let expected = match name.as_str() {
                "rsa md5" | "p384 sha1 attributes" | "p384 sha1 plain" => SignatureError::Algorithm,
                "rsa pss" => SignatureError::Mismatch,
                "two signers" => SignatureError::Malformed("there is not exactly one signer"),
                "no certificate" => SignatureError::Malformed("the signer's certificate is missing"),
                "named by key identifier" => {
                    SignatureError::Malformed("the signer is not named by issuer and serial number")
                }
                _ => SignatureError::Malformed("the content is not detached"),
            };
            assert_eq!(verify(&STANDARD.encode(bytes), &body), Err(expected), "{name}");
        }
    }

    /// Somebody else's certificate in place of the signer's, under the signer's name and number or not.
    #[test]
    fn a_signature_is_nothing_with_another_certificate() {
        let (body, cases) = openssl("signatures");
        let signed = |name: &str| signed_data(&cases[name]).unwrap();
        let header = |signed: &SignedData| STANDARD.encode(apple_layout(signed).unwrap());

        let mut swapped = signed("rsa sha256 plain");
        swapped.certificates = signed("p256 sha256 plain").certificates;
        assert_eq!(
            verify(&header(&swapped), &body),
            Err(SignatureError::Malformed("the signer's certificate is missing"))
        );

        // Two of one kind of key: the signature of one, claimed by the other.
        let mut claimed = signed("p256 sha256 plain");
        let mut signer = claimed.signer_infos.0.as_slice()[0].clone();
        let other = signed("another certificate beside");
        let certificates = other.certificates.as_ref().unwrap();
        let stranger = certificates.0.iter().find_map(|choice| match choice {
            CertificateChoices::Certificate(certificate) => {
                let tbs = certificate.tbs_certificate();
                let name = IssuerAndSerialNumber {
                    issuer: tbs.issuer().clone(),
                    serial_number: tbs.serial_number().clone(),
                };
                (signer.sid != SignerIdentifier::IssuerAndSerialNumber(name.clone())).then_some(name)
            }
            CertificateChoices::Other(_) => None,
        });
        signer.sid = SignerIdentifier::IssuerAndSerialNumber(stranger.unwrap());
        claimed.certificates = other.certificates;
        claimed.signer_infos = SignerInfos(SetOfVec::try_from(vec![signer]).unwrap());
        assert_eq!(verify(&header(&claimed), &body), Err(SignatureError::Mismatch));
    }

    #[test]
    fn signed_attributes_say_each_thing_once() {
        let body = b"a message";
        let with = |change: fn(&mut Vec<Attribute>)| {
            let header = sign(body, identity(), Form::DerWithAttributes).unwrap();
            let mut signed = signed_data(&STANDARD.decode(header).unwrap()).unwrap();
            let mut signer = signed.signer_infos.0.as_slice()[0].clone();
            let mut attributes = signer.signed_attrs.take().unwrap().into_vec();
            change(&mut attributes);
            let attributes = SetOfVec::try_from(attributes).unwrap();
            // Signed anew, so that nothing but the attributes is wrong.
            signer.signature = OctetString::new(rsa_sign(&attributes.to_der().unwrap())).unwrap();
            signer.signed_attrs = Some(attributes);
            signed.signer_infos = SignerInfos(SetOfVec::try_from(vec![signer]).unwrap());
            verify(&STANDARD.encode(apple_layout(&signed).unwrap()), body)
        };
        assert!(with(|_| {}).is_ok());
        let no_digest = Err(SignatureError::Malformed("the signed attributes have no digest"));
        assert_eq!(
            with(|attributes| attributes.retain(|it| it.oid != MESSAGE_DIGEST)),
            no_digest
        );
        assert_eq!(
            with(|attributes| {
                let second = OctetString::new([0; 32]).unwrap();
                attributes.push(Attribute {
                    oid: MESSAGE_DIGEST,
                    values: SetOfVec::try_from(vec![Any::encode_from(&second).unwrap()]).unwrap(),
                });
            }),
            no_digest
        );
        assert_eq!(
            with(|attributes| {
                for it in attributes.iter_mut().filter(|it| it.oid == MESSAGE_DIGEST) {
                    let second = OctetString::new([0; 32]).unwrap();
                    it.values.insert(Any::encode_from(&second).unwrap()).unwrap();
                }
            }),
            no_digest
        );
        assert_eq!(
            with(|attributes| attributes.retain(|it| it.oid != CONTENT_TYPE)),
            Err(SignatureError::Malformed("the signed attributes have no content type"))
        );
    }

    /// Lengths without end, one within the other, as many as the header has room for.
    #[test]
    fn a_tower_of_lengths_is_refused_before_it_falls() {
        for tag in [0x30, 0x31, 0x24, 0xa0] {
            let tower = [tag, 0x80].repeat(LIMIT_BYTES / 4 * 3 / 2 - 8);
            let mut content = vec![0x30, 0x80];
            content.extend(SIGNED_DATA.to_der().unwrap());
            content.extend([0xa0, 0x80]);
            content.extend(&tower);
            for bytes in [tower, content] {
                let header = STANDARD.encode(bytes);
                assert!(header.len() <= LIMIT_BYTES);
                assert!(
                    matches!(verify(&header, b""), Err(SignatureError::Malformed(_))),
                    "{tag:x}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_signature_is_refused_with_its_reason() {
        assert_eq!(verify("%%%", b""), Err(SignatureError::NotBase64));
        assert_eq!(verify(&"A".repeat(16 * 1024 + 1), b""), Err(SignatureError::TooLarge));
        assert!(matches!(
            verify(&"A".repeat(16 * 1024), b""),
            Err(SignatureError::Malformed(_))
        ));
        assert!(matches!(verify("MAA=", b""), Err(SignatureError::Malformed(_))));
        for form in [Form::AppleBer, Form::DerWithAttributes] {
            let header = sign(b"a message", identity(), form).unwrap();
            let bytes = STANDARD.decode(&header).unwrap();
            for garbage in [&[0_u8][..], &[0, 0], b"garbage"] {
                let followed = [&bytes, garbage].concat();
                assert!(
                    matches!(
                        verify(&STANDARD.encode(&followed), b"a message"),
                        Err(SignatureError::Malformed(_))
                    ),
                    "{form:?}"
                );
            }
            for end in 0..bytes.len() {
                let refused = verify(&STANDARD.encode(&bytes[..end]), b"a message");
                assert!(
                    matches!(refused, Err(SignatureError::Malformed(_))),
                    "{form:?} {end}: {refused:?}"
                );
            }
        }
    }

    fn captured() -> (Vec<u8>, Vec<u8>) {
        let captured: serde_json::Value =
            serde_json::from_str(include_str!("../testdata/captured-mdm-signature.json")).unwrap();
        let bytes = |key: &str| STANDARD.decode(captured[key].as_str().unwrap()).unwrap();
        (bytes("header"), bytes("body"))
    }

    /// The body that all of them sign, and the messages by name.
    fn openssl(group: &str) -> (Vec<u8>, BTreeMap<String, Vec<u8>>) {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../testdata/openssl-signatures.json")).unwrap();
        let bytes = |text: &serde_json::Value| STANDARD.decode(text.as_str().unwrap()).unwrap();
        let cases = file[group].as_object().unwrap().iter();
        (
            bytes(&file["body"]),
            cases.map(|(name, text)| (name.clone(), bytes(text))).collect(),
        )
    }

    fn rsa_sign(message: &[u8]) -> Vec<u8> {
        let key = rsa::KeyPair::from_pkcs8(identity().key_pkcs8.expose_secret()).unwrap();
        let mut made = vec![0; key.public_modulus_len()];
        key.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut made)
            .unwrap();
        made
    }

    proptest::proptest! {
        /// Bytes changed, cut out and put in, in every form that is read: an error or the same key, never a panic.
        #[test]
        fn a_damaged_signature_never_speaks_for_another_message_or_another_key(
            which in 0_usize..4,
            changes in proptest::collection::vec((0_usize..4000, 0_u8..3, proptest::num::u8::ANY), 1..6),
        ) {
            let (mut bytes, body) = match which {
                0 => captured(),
                1 => (header(Form::AppleBer), b"a message".to_vec()),
                2 => (header(Form::DerWithAttributes), b"a message".to_vec()),
                _ => {
                    let (body, cases) = openssl("signatures");
                    (cases["p256 sha256 attributes"].clone(), body)
                }
            };
            let signer = verify(&STANDARD.encode(&bytes), &body).unwrap();
            for (at, how, byte) in changes {
                let at = at % bytes.len();
                match how {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => drop(bytes.remove(at)),
                }
            }
            let damaged = STANDARD.encode(&bytes);
            if let Ok(still) = verify(&damaged, &body) {
                proptest::prop_assert_eq!(key_of(&still.der), key_of(&signer.der));
            }
            proptest::prop_assert!(verify(&damaged, b"another message").is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let _ = verify(&STANDARD.encode(&bytes), b"");
            let _ = verify(&String::from_utf8_lossy(&bytes), b"");
        }
    }

    fn header(form: Form) -> Vec<u8> {
        static ONCE: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
        let made = ONCE.get_or_init(|| {
            [Form::AppleBer, Form::DerWithAttributes]
                .map(|form| STANDARD.decode(sign(b"a message", identity(), form).unwrap()).unwrap())
        });
        made[usize::from(form == Form::DerWithAttributes)].clone()
    }

    fn key_of(certificate_der: &[u8]) -> Vec<u8> {
        let certificate = Certificate::from_der(certificate_der).unwrap();
        let key = certificate.tbs_certificate().subject_public_key_info();
        key.subject_public_key.raw_bytes().to_vec()
    }
}
