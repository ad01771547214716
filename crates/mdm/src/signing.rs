//! `Mdm-Signature` as a device writes it: for those that are simulated.

use aws_lc_rs::{rand::SystemRandom, rsa, signature};
use base64::{Engine, engine::general_purpose::STANDARD};
use cms::{
    cert::{CertificateChoices, IssuerAndSerialNumber},
    content_info::{CmsVersion, ContentInfo},
    signed_data::{CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos},
};
use der::{
    Any, AnyRef, Decode, Encode,
    asn1::{OctetString, SetOfVec},
};
use secrecy::ExposeSecret;
use x509_cert::{Certificate, spki::AlgorithmIdentifierOwned};

use crate::{
    identity::Identity,
    signature::{DATA, RSA, SHA256, SIGNED_DATA, SignatureError, attributes},
};

/// How a device writes its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As Apple's devices do: BER of indefinite length, no signed attributes.
    AppleBer,
    /// As other clients do: DER, signed attributes.
    DerWithAttributes,
}

/// Signs a body as a device with this identity does. The value of the header.
///
/// Over SHA-256: the cryptography at hand verifies SHA-1, which captured devices use, but does not sign with it.
pub fn sign(body: &[u8], identity: &Identity, form: Form) -> Result<String, SignatureError> {
    let malformed = |_| SignatureError::Malformed("the signature cannot be made");
    let certificate = Certificate::from_der(&identity.certificate_der).map_err(malformed)?;
    let key = rsa::KeyPair::from_pkcs8(identity.key_pkcs8.expose_secret()).map_err(|_| SignatureError::Algorithm)?;
    let signed_attrs = match form {
        Form::AppleBer => None,
        Form::DerWithAttributes => Some(attributes(body, SHA256)?),
    };
    let signed = match &signed_attrs {
        None => body.to_vec(),
        Some(attributes) => attributes.to_der().map_err(malformed)?,
    };
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &signature::RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        &signed,
        &mut signature,
    )
    .map_err(|_| SignatureError::Algorithm)?;

    let tbs = certificate.tbs_certificate();
    let null = Some(Any::from(AnyRef::NULL));
    let sha256 = AlgorithmIdentifierOwned {
        oid: SHA256,
        parameters: null.clone(),
    };
    let signer = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: tbs.issuer().clone(),
            serial_number: tbs.serial_number().clone(),
        }),
        digest_alg: sha256.clone(),
        signed_attrs,
        signature_algorithm: AlgorithmIdentifierOwned {
            oid: RSA,
            parameters: null,
        },
        signature: OctetString::new(signature).map_err(malformed)?,
        unsigned_attrs: None,
    };
    let data = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from(vec![sha256]).map_err(malformed)?,
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: DATA,
            econtent: None,
        },
        certificates: Some(CertificateSet(
            SetOfVec::try_from(vec![CertificateChoices::Certificate(certificate)]).map_err(malformed)?,
        )),
        crls: None,
        signer_infos: SignerInfos(SetOfVec::try_from(vec![signer]).map_err(malformed)?),
    };
    let bytes = match form {
        Form::DerWithAttributes => {
            let content = Any::encode_from(&data).map_err(malformed)?;
            ContentInfo {
                content_type: SIGNED_DATA,
                content,
            }
            .to_der()
            .map_err(malformed)?
        }
        Form::AppleBer => apple_layout(&data).map_err(malformed)?,
    };
    Ok(STANDARD.encode(bytes))
}

/// The outer layers of indefinite length, the inner ones definite, as captured from real devices.
pub(crate) fn apple_layout(data: &SignedData) -> der::Result<Vec<u8>> {
    const SEQUENCE: u8 = 0x30;
    const CONTEXT_0: u8 = 0xa0;
    const INDEFINITE: u8 = 0x80;
    const END: [u8; 2] = [0, 0];
    let mut bytes = vec![SEQUENCE, INDEFINITE];
    bytes.extend(SIGNED_DATA.to_der()?);
    bytes.extend([CONTEXT_0, INDEFINITE, SEQUENCE, INDEFINITE]);
    bytes.extend(data.version.to_der()?);
    bytes.extend(data.digest_algorithms.to_der()?);
    bytes.extend([SEQUENCE, INDEFINITE]);
    bytes.extend(DATA.to_der()?);
    bytes.extend(END);
    if let Some(certificates) = &data.certificates {
        let mut set = certificates.to_der()?;
        // IMPLICIT: the same bytes under another tag.
        set[0] = CONTEXT_0;
        bytes.extend(set);
    }
    bytes.extend(data.signer_infos.to_der()?);
    bytes.extend(END);
    bytes.extend(END);
    bytes.extend(END);
    Ok(bytes)
}
