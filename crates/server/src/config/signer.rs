//! The certificate with which enrolment profiles are signed, where the operator brings one.

use std::path::Path;

use domain::Time;
use mdm::signed::{ProfileSigner, SignerError};
use secrecy::SecretString;

use crate::clock::time;

/// Why profiles are not signed as the configuration says. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ProfileSignerError {
    #[error("{path}, which is to sign enrolment profiles, cannot be read: {problem}")]
    Unreadable { path: String, problem: std::io::Error },
    #[error("{path} cannot sign enrolment profiles: {problem}")]
    Unusable { path: String, problem: SignerError },
}

/// Reads certificate, chain and key.
pub fn read(path: &Path) -> Result<ProfileSigner, ProfileSignerError> {
    let name = path.display().to_string();
    let pem = std::fs::read_to_string(path).map_err(|problem| ProfileSignerError::Unreadable {
        path: name.clone(),
        problem,
    })?;
    ProfileSigner::from_pem(&SecretString::from(pem))
        .map_err(|problem| ProfileSignerError::Unusable { path: name, problem })
}

/// Until when what it signs is good.
pub fn expires_at(signer: &ProfileSigner) -> Time {
    time(signer.expires_at())
}
