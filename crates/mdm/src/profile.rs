//! The enrolment profile: what a person installs so that the device is managed from then on.

use std::fmt;

use plist::{Dictionary, Value};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::{
    Missing,
    plist::{Get, PlistError, dictionary, parse, write},
    signature::{SignatureError, SignerCertificate},
    signed,
};

/// Of the enrolment profile. Constant, so that a renewed profile replaces the one before.
pub const IDENTIFIER: &str = "org.allotment.mdm";
/// What the management of apps needs, and nothing more (`mdm-protocol` §3.1): inspect profiles (1) and replace or
/// remove our own (2), ask what the device is (16), manage apps (4096).
///
/// Left out: to lock, and to see the network or the person's own apps; to erase unless [`ERASE`] is added. Rights can
/// never be added later.
pub const ACCESS_RIGHTS: i64 = 1 + 2 + 16 + 4096;
/// The right to erase the device. Asked for only where wiping is switched on.
pub const ERASE: i64 = 8;

/// What goes into the profile of one device.
pub struct EnrolmentProfile {
    /// The name that the device shows.
    pub organization: String,
    /// For check-in and commands.
    pub server_url: String,
    /// The topic of the push certificate: the device listens to no other.
    pub topic: String,
    /// The device's identity, its private key included.
    pub p12: Vec<u8>,
    pub password: SecretString,
    pub enrolment_id: Uuid,
    /// [`ACCESS_RIGHTS`], and [`ERASE`] where wiping is switched on.
    pub access_rights: i64,
}

impl EnrolmentProfile {
    /// A `.mobileconfig`, not signed yet.
    pub fn to_plist(&self) -> Vec<u8> {
        // Derived, so that the same enrolment gives the same profile.
        let identity_uuid = derived(self.enrolment_id, 1);
        let mdm_uuid = derived(self.enrolment_id, 2);
        let identity = dictionary([
            ("PayloadType", Some("com.apple.security.pkcs12".into())),
            ("PayloadVersion", Some(1.into())),
            ("PayloadIdentifier", Some(format!("{IDENTIFIER}.identity").into())),
            ("PayloadUUID", Some(identity_uuid.clone().into())),
            ("PayloadDisplayName", Some("Device identity".into())),
            ("PayloadCertificateFileName", Some("identity.p12".into())),
            ("PayloadContent", Some(Value::Data(self.p12.clone()))),
            ("Password", Some(self.password.expose_secret().into())),
        ]);
        let mdm = dictionary([
            ("PayloadType", Some("com.apple.mdm".into())),
            ("PayloadVersion", Some(1.into())),
            ("PayloadIdentifier", Some(format!("{IDENTIFIER}.mdm").into())),
            ("PayloadUUID", Some(mdm_uuid.into())),
            ("PayloadDisplayName", Some("Device management".into())),
            ("IdentityCertificateUUID", Some(identity_uuid.into())),
            ("Topic", Some(self.topic.as_str().into())),
            ("ServerURL", Some(self.server_url.as_str().into())),
            ("CheckInURL", Some(self.server_url.as_str().into())),
            ("AccessRights", Some(self.access_rights.into())),
            ("SignMessage", Some(true.into())),
            ("CheckOutWhenRemoved", Some(true.into())),
            (
                "ServerCapabilities",
                Some(Value::Array(vec!["com.apple.mdm.per-user-connections".into()])),
            ),
        ]);
        write(&dictionary([
            ("PayloadType", Some("Configuration".into())),
            ("PayloadVersion", Some(1.into())),
            ("PayloadIdentifier", Some(IDENTIFIER.into())),
            ("PayloadUUID", Some(self.enrolment_id.to_string().to_uppercase().into())),
            (
                "PayloadDisplayName",
                Some(format!("{} device management", self.organization).into()),
            ),
            ("PayloadOrganization", Some(self.organization.as_str().into())),
            ("PayloadScope", Some("System".into())),
            (
                "PayloadContent",
                Some(Value::Array(vec![Value::Dictionary(identity), Value::Dictionary(mdm)])),
            ),
        ]))
    }
}

/// One of several ids that follow from the enrolment's.
fn derived(enrolment: Uuid, number: u8) -> String {
    let mut bytes = *enrolment.as_bytes();
    bytes[15] ^= number;
    Uuid::from_bytes(bytes).to_string().to_uppercase()
}

/// A profile as a device reads it.
#[derive(Clone)]
pub struct ReadProfile {
    /// Who signed it; `None` when nobody did.
    pub signer: Option<SignerCertificate>,
    /// By which a server removes it.
    pub identifier: String,
    pub server_url: String,
    /// The server's address for commands where none is given for check-ins.
    pub check_in_url: String,
    pub topic: String,
    pub p12: Vec<u8>,
    pub password: SecretString,
    pub sign_message: bool,
    pub check_out_when_removed: bool,
    pub access_rights: i64,
}

/// Without the identity, which nobody but the device may see.
impl fmt::Debug for ReadProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadProfile")
            .field("server_url", &self.server_url)
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// It is signed, and what is inside is not what was signed.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Plist(#[from] PlistError),
    #[error(transparent)]
    Missing(#[from] Missing),
}

impl ReadProfile {
    /// With a signature around it or without one, as a device takes it.
    pub fn parse(bytes: &[u8]) -> Result<ReadProfile, ProfileError> {
        const SEQUENCE: u8 = 0x30;
        let opened;
        let (content, signer) = if bytes.first() == Some(&SEQUENCE) {
            let (content, signer) = signed::open(bytes)?;
            opened = content;
            (opened.as_slice(), Some(signer))
        } else {
            (bytes, None)
        };
        let profile = parse(content)?;
        let payloads: Vec<&Dictionary> = profile
            .get("PayloadContent")
            .and_then(Value::as_array)
            .map(|payloads| payloads.iter().filter_map(Value::as_dictionary).collect())
            .unwrap_or_default();
        let of_type = |wanted: &str| {
            payloads
                .iter()
                .find(|it| it.text("PayloadType").as_deref() == Some(wanted))
        };
        let mdm = of_type("com.apple.mdm").ok_or(Missing("com.apple.mdm payload"))?;
        let identity_uuid = mdm
            .text("IdentityCertificateUUID")
            .ok_or(Missing("IdentityCertificateUUID"))?;
        let identity = of_type("com.apple.security.pkcs12")
            .filter(|payload| payload.text("PayloadUUID").as_ref() == Some(&identity_uuid))
            .ok_or(Missing("identity payload"))?;
        let server_url = mdm.text("ServerURL").ok_or(Missing("ServerURL"))?;
        Ok(ReadProfile {
            signer,
            identifier: profile.text("PayloadIdentifier").ok_or(Missing("PayloadIdentifier"))?,
            check_in_url: mdm.text("CheckInURL").unwrap_or_else(|| server_url.clone()),
            server_url,
            topic: mdm.text("Topic").ok_or(Missing("Topic"))?,
            p12: identity.bytes("PayloadContent").ok_or(Missing("PKCS#12"))?,
            password: SecretString::from(identity.text("Password").unwrap_or_default()),
            sign_message: mdm.flag("SignMessage").unwrap_or(false),
            check_out_when_removed: mdm.flag("CheckOutWhenRemoved").unwrap_or(false),
            access_rights: mdm.whole("AccessRights").ok_or(Missing("AccessRights"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::DeviceCa;

    fn profile(enrolment: u128) -> EnrolmentProfile {
        EnrolmentProfile {
            organization: "서린들".to_owned(),
            server_url: "https://apps.example.com/mdm?e=7&x=<y>".to_owned(),
            topic: "com.apple.mgmt.External.x".to_owned(),
            p12: vec![1, 2, 3],
            password: SecretString::from("secret"),
            enrolment_id: Uuid::from_u128(enrolment),
            access_rights: ACCESS_RIGHTS,
        }
    }

    /// With another identifier it would be a second profile, which no device takes.
    #[test]
    fn a_renewed_profile_replaces_the_one_before() {
        let [first, second] = [1, 2].map(|enrolment| parse(&profile(enrolment).to_plist()).unwrap());
        assert_eq!(first["PayloadIdentifier"], second["PayloadIdentifier"]);
        assert_ne!(first["PayloadUUID"], second["PayloadUUID"]);
        assert_eq!(profile(1).to_plist(), profile(1).to_plist());
    }

    #[test]
    fn a_profile_asks_for_no_right_to_erase_lock_or_look_at_a_persons_own_apps() {
        let read = ReadProfile::parse(&profile(1).to_plist()).unwrap();
        for right in [4, 8, 32, 64, 128, 256, 512, 1024, 2048] {
            assert_eq!(read.access_rights & right, 0, "{right}");
        }
    }

    #[test]
    fn the_right_to_erase_is_asked_for_where_wiping_is_switched_on() {
        let profile = EnrolmentProfile {
            access_rights: ACCESS_RIGHTS | ERASE,
            ..profile(1)
        };
        let read = ReadProfile::parse(&profile.to_plist()).unwrap();
        assert_eq!(read.access_rights, ACCESS_RIGHTS + 8);
    }

    #[test]
    fn a_person_can_remove_the_profile() {
        let text = String::from_utf8(profile(1).to_plist()).unwrap();
        assert!(!text.contains("PayloadRemovalDisallowed"));
    }

    #[test]
    fn a_profile_tells_nobody_its_identity() {
        let read = ReadProfile::parse(&profile(1).to_plist()).unwrap();
        let shown = format!("{read:?}");
        assert!(shown.contains("apps.example.com") && !shown.contains("secret") && !shown.contains("[1, 2, 3]"));
    }

    #[test]
    fn a_device_takes_a_signed_profile_and_none_that_was_changed_since() {
        let ca = DeviceCa::generate("Example Device CA", "2026-11-23T12:00:00Z".parse().unwrap()).unwrap();
        let mut signed = ca.sign_profile(&profile(1).to_plist()).unwrap();
        let read = ReadProfile::parse(&signed).unwrap();
        assert!(read.signer.is_some());
        assert_eq!(read.p12, [1, 2, 3]);
        let at = signed.windows(4).position(|part| part == b"apps").unwrap();
        signed[at] = b'A';
        assert!(matches!(
            ReadProfile::parse(&signed),
            Err(ProfileError::Signature(SignatureError::Mismatch))
        ));
    }

    #[test]
    fn a_device_finds_in_the_profile_what_the_server_put_there() {
        let profile = profile(7);
        let read = ReadProfile::parse(&profile.to_plist()).unwrap();
        assert_eq!(
            (read.server_url.as_str(), read.topic.as_str()),
            (profile.server_url.as_str(), profile.topic.as_str())
        );
        assert_eq!(read.check_in_url, profile.server_url);
        assert_eq!(
            (read.p12.as_slice(), read.password.expose_secret()),
            ([1, 2, 3].as_slice(), "secret")
        );
        assert!(read.sign_message && read.check_out_when_removed);
        assert_eq!(read.access_rights, ACCESS_RIGHTS);
    }
}
