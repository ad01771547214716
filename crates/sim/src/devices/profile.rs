//! The enrolment profile in the hands of a device: what it reads there, and signs with.

use mdm::identity::Identity;
use mdm::profile::ReadProfile;
use mdm::signing::{self, Form};
use secrecy::{ExposeSecret, SecretString};

use super::device::Profile;
use super::spec::SignatureForm;

/// Key and certificate of a device.
pub type DeviceIdentity = Identity;

/// Reads a profile as it was downloaded.
pub fn read(mobileconfig: &[u8]) -> Result<Profile, String> {
    let profile = ReadProfile::parse(mobileconfig).map_err(|error| error.to_string())?;
    Ok(Profile {
        server_url: profile.server_url,
        check_in_url: profile.check_in_url,
        topic: profile.topic,
        p12: profile.p12,
        password: profile.password.expose_secret().to_string(),
        sign_message: profile.sign_message,
        check_out_when_removed: profile.check_out_when_removed,
        access_rights: profile.access_rights,
        identifier: profile.identifier,
    })
}

/// Opens the identity in a profile. Not for an async thread: that is slow on purpose.
pub fn open(profile: &Profile) -> Result<DeviceIdentity, String> {
    let password = SecretString::from(profile.password.as_str());
    Identity::from_p12(&profile.p12, &password).map_err(|error| error.to_string())
}

/// The value of `Mdm-Signature` for a message.
pub fn sign(body: &[u8], identity: &DeviceIdentity, form: SignatureForm) -> Result<String, String> {
    let form = match form {
        SignatureForm::AppleBer => Form::AppleBer,
        SignatureForm::DerWithAttributes => Form::DerWithAttributes,
    };
    signing::sign(body, identity, form).map_err(|error| error.to_string())
}
