//! The identities of devices: issued one per enrolment by a certificate authority of our own.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use der::{Decode, Encode, oid::ObjectIdentifier};
use jiff::{SignedDuration, Timestamp};
use p12_keystore::{
    Certificate as P12Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, Pkcs12ImportPolicy,
    PrivateKey, PrivateKeyChain,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, RsaKeySize, SerialNumber,
};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::{Digest, Sha256};
use x509_cert::{Certificate, ext::pkix::ExtendedKeyUsage};

use crate::{
    pem,
    signature::{ECDSA_WITH_SHA256, SignatureError},
    signed,
};

/// `id-kp-clientAuth`
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
/// Devices with a clock that is behind shall accept it, and so shall we when our own was ahead and is right again.
const BEFORE_NOW: SignedDuration = SignedDuration::from_hours(48);
const CA_YEARS: i64 = 20;
/// As OpenSSL writes it. They slow down whoever guesses passwords; nobody guesses one of 144 random bits, and 10,000 took
/// longer than the key.
const ITERATIONS: u32 = 2048;

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("could not make or read a certificate: {0}")]
    Certificate(String),
    #[error("the certificate was not issued by this authority")]
    Stranger,
    #[error("the certificate is not for devices")]
    Purpose,
    #[error("the certificate is out of date")]
    OutOfDate,
}

impl From<rcgen::Error> for IdentityError {
    fn from(error: rcgen::Error) -> Self {
        IdentityError::Certificate(error.to_string())
    }
}

impl From<der::Error> for IdentityError {
    fn from(error: der::Error) -> Self {
        IdentityError::Certificate(error.to_string())
    }
}

impl From<p12_keystore::error::Error> for IdentityError {
    fn from(error: p12_keystore::error::Error) -> Self {
        IdentityError::Certificate(error.to_string())
    }
}

/// The authority that issues the identities of devices. Its key is P-256.
pub struct DeviceCa {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    certificate_pem: String,
}

/// A new identity of a device.
pub struct Issued {
    /// Key and certificate, in the old encryption that every iOS version opens.
    pub p12: Vec<u8>,
    pub password: SecretString,
    pub certificate_der: Vec<u8>,
    /// Of the certificate, in lower-case hex: by it the identity is pinned.
    pub sha256: String,
    pub not_after: Timestamp,
}

impl DeviceCa {
    pub fn generate(name: &str, now: Timestamp) -> Result<DeviceCa, IdentityError> {
        let key = KeyPair::generate()?;
        let mut params = ca_params(name)?;
        params.not_before = time(now - BEFORE_NOW)?;
        params.not_after = time(now + SignedDuration::from_hours(24 * 365 * CA_YEARS))?;
        let certificate_pem = params.self_signed(&key)?.pem();
        DeviceCa::new(certificate_pem, key)
    }

    fn new(certificate_pem: String, key: KeyPair) -> Result<DeviceCa, IdentityError> {
        let der = pem::body(&certificate_pem).map_err(|error| IdentityError::Certificate(error.to_string()))?;
        let certificate = Certificate::from_der(&der)?;
        let name = common_name(&certificate).ok_or(IdentityError::Certificate("no common name".to_owned()))?;
        Ok(DeviceCa {
            issuer: Issuer::new(ca_params(&name)?, key),
            certificate,
            certificate_pem,
        })
    }

    /// Certificate and private key.
    pub fn to_pem(&self) -> SecretString {
        SecretString::from(format!("{}{}", self.certificate_pem, self.issuer.key().serialize_pem()))
    }

    pub fn from_pem(pem: &SecretString) -> Result<DeviceCa, IdentityError> {
        let pem = pem.expose_secret();
        let end = "-----END CERTIFICATE-----";
        let split = pem
            .find(end)
            .ok_or(IdentityError::Certificate("no certificate".to_owned()))?
            + end.len();
        let (certificate, key) = pem.split_at(split);
        DeviceCa::new(format!("{certificate}\n"), KeyPair::from_pem(key.trim())?)
    }

    /// For whoever shall trust what it signs. The key is not in it.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// A profile with a signature around it, in DER.
    pub fn sign_profile(&self, content: &[u8]) -> Result<Vec<u8>, SignatureError> {
        signed::sign(content, self.issuer.key(), std::slice::from_ref(&self.certificate))
    }

    /// Makes a key and a certificate for one enrolment. Takes up to half a second: not for an async thread.
    pub fn issue(&self, common_name: &str, now: Timestamp, valid_days: u32) -> Result<Issued, IdentityError> {
        let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.serial_number = Some(SerialNumber::from(positive(random::<16>()?).to_vec()));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let not_after = now + SignedDuration::from_hours(24 * i64::from(valid_days));
        params.not_before = time(now - BEFORE_NOW)?;
        params.not_after = time(not_after)?;
        let certificate_der = params.signed_by(&key, &self.issuer)?.der().to_vec();

        let password = SecretString::from(URL_SAFE_NO_PAD.encode(random::<18>()?));
        let sha256 = hex::encode(Sha256::digest(&certificate_der));
        let chain = PrivateKeyChain::new(
            &sha256[..20],
            PrivateKey::from_der(&key.serialize_der())?,
            [P12Certificate::from_der(&certificate_der)?],
        );
        let mut keystore = KeyStore::new();
        keystore.add_entry(common_name, KeyStoreEntry::PrivateKeyChain(chain));
        let p12 = keystore
            .writer(password.expose_secret())
            .encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc)
            .mac_algorithm(MacAlgorithm::HmacSha1)
            .encryption_iterations(ITERATIONS)
            .mac_iterations(ITERATIONS)
            .write()?;
        Ok(Issued {
            p12,
            password,
            certificate_der,
            sha256,
            not_after,
        })
    }

    /// Whether this authority issued the certificate, for devices, and it is in date.
    pub fn verify(&self, certificate_der: &[u8], now: Timestamp) -> Result<(), IdentityError> {
        self.issued(certificate_der)?.at(now)
    }

    /// When a certificate is good that this authority issued for devices. That it did is true for ever; whether it is in date
    /// is to be asked again each time.
    pub fn issued(&self, certificate_der: &[u8]) -> Result<Validity, IdentityError> {
        issued(&self.certificate, certificate_der)
    }
}

/// From when until when a certificate is good, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    from: u64,
    until: u64,
}

impl Validity {
    pub fn at(self, now: Timestamp) -> Result<(), IdentityError> {
        let now = u64::try_from(now.as_second()).unwrap_or(0);
        if now < self.from || now > self.until {
            return Err(IdentityError::OutOfDate);
        }
        Ok(())
    }
}

fn issued(authority: &Certificate, certificate_der: &[u8]) -> Result<Validity, IdentityError> {
    let certificate = Certificate::from_der(certificate_der).map_err(|_| IdentityError::Stranger)?;
    let tbs = certificate.tbs_certificate();
    if tbs.issuer() != authority.tbs_certificate().subject() {
        return Err(IdentityError::Stranger);
    }
    // SHA-1 is not among them: a chain over it can be forged.
    let ca_key = authority.tbs_certificate().subject_public_key_info();
    let ca_key = ca_key.subject_public_key.as_bytes().ok_or(IdentityError::Stranger)?;
    let signature = certificate.signature().as_bytes().ok_or(IdentityError::Stranger)?;
    let signed = tbs.to_der().map_err(|_| IdentityError::Stranger)?;
    let verified = match certificate.signature_algorithm().oid {
        ECDSA_WITH_SHA256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, ca_key).verify(&signed, signature),
        SHA256_WITH_RSA => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, ca_key).verify(&signed, signature),
        _ => return Err(IdentityError::Stranger),
    };
    verified.map_err(|_| IdentityError::Stranger)?;

    let usage = tbs.get_extension::<ExtendedKeyUsage>().ok().flatten();
    if !usage.is_some_and(|(_, usage)| usage.0.contains(&CLIENT_AUTH)) {
        return Err(IdentityError::Purpose);
    }
    let validity = tbs.validity();
    Ok(Validity {
        from: validity.not_before.to_unix_duration().as_secs(),
        until: validity.not_after.to_unix_duration().as_secs(),
    })
}

/// A device's own key and certificate, as it opens them from its profile.
pub struct Identity {
    pub(crate) key_pkcs8: SecretSlice<u8>,
    pub certificate_der: Vec<u8>,
}

impl Identity {
    pub fn from_p12(p12: &[u8], password: &SecretString) -> Result<Identity, IdentityError> {
        let keystore = KeyStore::from_pkcs12(p12, password.expose_secret(), Pkcs12ImportPolicy::Relaxed)?;
        let (_, chain) = keystore
            .private_key_chain()
            .ok_or(IdentityError::Certificate("no private key".to_owned()))?;
        let certificate = chain
            .certs()
            .first()
            .ok_or(IdentityError::Certificate("no certificate".to_owned()))?;
        Ok(Identity {
            key_pkcs8: SecretSlice::from(chain.key().as_der().to_vec()),
            certificate_der: certificate.as_der().to_vec(),
        })
    }
}

fn ca_params(name: &str) -> Result<CertificateParams, IdentityError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    Ok(params)
}

fn common_name(certificate: &Certificate) -> Option<String> {
    let subject = certificate.tbs_certificate().subject();
    subject
        .common_name()
        .ok()
        .flatten()
        .map(|name| name.value().into_owned())
}

fn time(timestamp: Timestamp) -> Result<time::OffsetDateTime, IdentityError> {
    time::OffsetDateTime::from_unix_timestamp(timestamp.as_second())
        .map_err(|error| IdentityError::Certificate(error.to_string()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "what makes keys and serial numbers must not be in anybody's hand"
)]
fn random<const N: usize>() -> Result<[u8; N], IdentityError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| IdentityError::Certificate("no randomness".to_owned()))?;
    Ok(bytes)
}

/// A serial number is a positive integer.
fn positive(mut bytes: [u8; 16]) -> [u8; 16] {
    bytes[0] = bytes[0] & 0x7f | 0x01;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(authority: &Certificate, certificate_der: &[u8], now: Timestamp) -> Result<(), IdentityError> {
        issued(authority, certificate_der)?.at(now)
    }

    fn now() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_identity_is_good_for_its_own_authority_and_its_own_time() {
        let ca = DeviceCa::generate("Example Device CA", now()).unwrap();
        let issued = ca.issue("enrolment-1", now(), 30).unwrap();
        assert!(ca.verify(&issued.certificate_der, now()).is_ok());
        let later = now() + SignedDuration::from_hours(24 * 31);
        assert!(matches!(
            ca.verify(&issued.certificate_der, later),
            Err(IdentityError::OutOfDate)
        ));
        let stranger = DeviceCa::generate("Example Device CA", now()).unwrap();
        assert!(matches!(
            stranger.verify(&issued.certificate_der, now()),
            Err(IdentityError::Stranger)
        ));
        assert!(ca.verify(b"not a certificate", now()).is_err());

        // From an hour before it was made, for devices whose clock is behind.
        assert!(ca.verify(&issued.certificate_der, now() - BEFORE_NOW).is_ok());
        let earlier = now() - BEFORE_NOW - SignedDuration::from_secs(1);
        assert!(matches!(
            ca.verify(&issued.certificate_der, earlier),
            Err(IdentityError::OutOfDate)
        ));
        assert_eq!(issued.not_after, now() + SignedDuration::from_hours(24 * 30));
        assert!(ca.verify(&issued.certificate_der, issued.not_after).is_ok());
    }

    #[test]
    fn a_changed_certificate_is_a_strangers() {
        let ca = DeviceCa::generate("Example Device CA", now()).unwrap();
        let issued = ca.issue("enrolment-4", now(), 30).unwrap();
        for at in 0..issued.certificate_der.len() {
            let mut changed = issued.certificate_der.clone();
            changed[at] ^= 0x04;
            assert!(ca.verify(&changed, now()).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_authority_itself_is_no_device() {
        let ca = DeviceCa::generate("Example Device CA", now()).unwrap();
        let own = ca.certificate.to_der().unwrap();
        assert!(matches!(ca.verify(&own, now()), Err(IdentityError::Purpose)));
    }

    /// Each pair differs in nothing but the hash, and the one over SHA-256 is taken.
    #[test]
    fn a_chain_over_sha1_is_refused() {
        let certificates: serde_json::Value =
            serde_json::from_str(include_str!("../testdata/openssl-chains.json")).unwrap();
        let der = |name: &str| pem::body(certificates[name].as_str().unwrap()).unwrap();
        let at = "2030-01-01T00:00:00Z".parse().unwrap();
        for key in ["rsa", "p256"] {
            let authority = Certificate::from_der(&der(&format!("{key} authority"))).unwrap();
            assert!(verify(&authority, &der(&format!("{key} sha256")), at).is_ok(), "{key}");
            assert!(
                matches!(
                    verify(&authority, &der(&format!("{key} sha1")), at),
                    Err(IdentityError::Stranger)
                ),
                "{key}"
            );
        }
        let authority = Certificate::from_der(&der("rsa authority")).unwrap();
        assert!(matches!(
            verify(&authority, &der("rsa for servers"), at),
            Err(IdentityError::Purpose)
        ));
    }

    /// What older devices open, and nothing newer.
    #[test]
    fn an_identity_travels_in_the_old_encryption() {
        let ca = DeviceCa::generate("Example Device CA", now()).unwrap();
        let issued = ca.issue("enrolment-5", now(), 30).unwrap();
        let holds = |oid: &str| {
            let oid = ObjectIdentifier::new_unwrap(oid).to_der().unwrap();
            issued.p12.windows(oid.len()).any(|window| window == oid)
        };
        let (triple_des, sha1, pbes2) = ("1.2.840.113549.1.12.1.3", "1.3.14.3.2.26", "1.2.840.113549.1.5.13");
        assert!(holds(triple_des) && holds(sha1) && !holds(pbes2));
        let again = ca.issue("enrolment-5", now(), 30).unwrap();
        assert_ne!(again.password.expose_secret(), issued.password.expose_secret());
        assert_ne!(again.sha256, issued.sha256);
        assert_eq!(issued.sha256, hex::encode(Sha256::digest(&issued.certificate_der)));
    }

    #[test]
    fn the_authority_survives_being_stored() {
        let ca = DeviceCa::generate("장치 CA", now()).unwrap();
        let again = DeviceCa::from_pem(&ca.to_pem()).unwrap();
        let issued = again.issue("enrolment-2", now(), 30).unwrap();
        assert!(ca.verify(&issued.certificate_der, now()).is_ok());
    }

    #[test]
    fn a_device_opens_its_identity_with_the_password_and_without_it_not() {
        let ca = DeviceCa::generate("Example Device CA", now()).unwrap();
        let issued = ca.issue("enrolment-3", now(), 30).unwrap();
        let identity = Identity::from_p12(&issued.p12, &issued.password).unwrap();
        assert_eq!(identity.certificate_der, issued.certificate_der);
        assert!(Identity::from_p12(&issued.p12, &SecretString::from("wrong")).is_err());
    }
}
