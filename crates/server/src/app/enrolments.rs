//! One-time links with which a person enrols a device, or somebody one that belongs to nobody.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{EnrolmentId, PersonId};
use mdm::{identity::IdentityError, profile::EnrolmentProfile, signature::SignatureError};
use secrecy::{ExposeSecret, SecretString};
use store::{EnrolmentRow, NewEvent, NewIdentity};

use super::{App, AppError, Caller, accounts::sha256_hex};
use crate::{
    clock::{time, timestamp},
    gate::Busy,
};

/// How long a link waits to be used.
const LINK_GOOD_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a device identity lasts; the device is lost to us afterwards unless it enrols again.
const IDENTITY_DAYS: u32 = 2 * 365;

/// What the page behind a link shows.
#[derive(Debug, Clone)]
pub struct EnrolmentView {
    /// `None` of a link that is for nobody.
    pub person_name: Option<String>,
    pub state: LinkState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    Open,
    Used,
    Expired,
    /// Its person left the organisation.
    Ended,
}

/// Links for which a key is being made.
#[derive(Debug, Clone, Default)]
pub struct UnderWay(Arc<Mutex<BTreeSet<EnrolmentId>>>);

/// One of them, until it is dropped.
struct Making(UnderWay, EnrolmentId);

impl UnderWay {
    /// `None` when somebody makes it already.
    fn begin(&self, id: EnrolmentId) -> Option<Making> {
        let new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        new.then(|| Making(self.clone(), id))
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

pub enum ProfileAnswer {
    /// A `.mobileconfig`. Handed out once: it holds the device's private key.
    Profile(Vec<u8>),
    Used,
    Expired,
    Ended,
    Unknown,
    /// No push certificate: a device could enrol but would never be woken.
    NotReady,
}

/// Why a profile could not be made. Nothing that whoever asked for it can mend.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("could not issue a device identity")]
    Identity(#[source] IdentityError),
    #[error("could not sign an enrolment profile")]
    Signature(#[source] SignatureError),
}

impl App {
    /// Makes a link for one device of this person. The text is shown once; only its SHA-256 is kept.
    pub async fn enrolment_link(&self, caller: &Caller, person: PersonId) -> Result<SecretString, AppError> {
        self.enrolment_link_for(caller, Some(person)).await
    }

    /// The same for one device that belongs to nobody.
    pub async fn enrolment_link_for_nobody(&self, caller: &Caller) -> Result<SecretString, AppError> {
        self.enrolment_link_for(caller, None).await
    }

    async fn enrolment_link_for(&self, caller: &Caller, person: Option<PersonId>) -> Result<SecretString, AppError> {
        caller.may_write()?;
        let token = URL_SAFE_NO_PAD.encode(self.random.secret());
        let now = self.now();
        let row = EnrolmentRow {
            id: EnrolmentId(self.random.id()),
            person_id: person,
            token_sha256: sha256_hex(&token),
            created_at: now,
            expires_at: now + LINK_GOOD_FOR,
            downloaded_at: None,
            certificate_sha256: None,
            not_after: None,
            access_rights: None,
            revoked_at: None,
            device_id: None,
        };
        let mut tx = self.store.begin().await?;
        if let Some(person) = person {
            super::leavers::here(&mut tx, person).await?;
        }
        tx.enrolment_insert(&row).await?;
        tx.event(&NewEvent::new(now, caller.actor(), "enrolmentLinkMade").person(person))
            .await?;
        tx.commit().await?;
        Ok(SecretString::from(format!(
            "{}/enrol/{token}",
            self.config.public_url.trim_end_matches('/')
        )))
    }

    pub async fn enrolment_view(&self, token: &str) -> Result<Option<EnrolmentView>, AppError> {
        let Some(row) = self.store.enrolment_by_token(&sha256_hex(token)).await? else {
            return Ok(None);
        };
        let person = match row.person_id {
            Some(person) => Some(self.person(person).await?.ok_or(AppError::NotFound("person"))?),
            None => None,
        };
        Ok(Some(EnrolmentView {
            person_name: person.map(|person| person.name),
            state: self.link_state(&row),
        }))
    }

    fn link_state(&self, row: &EnrolmentRow) -> LinkState {
        if row.downloaded_at.is_some() {
            LinkState::Used
        } else if row.revoked_at.is_some() {
            LinkState::Ended
        } else if row.expires_at <= self.now() {
            LinkState::Expired
        } else {
            LinkState::Open
        }
    }

    /// Makes the identity of one device and wraps it into its enrolment profile.
    pub async fn enrolment_profile(&self, token: &str) -> Result<ProfileAnswer, AppError> {
        let Some(row) = self.store.enrolment_by_token(&sha256_hex(token)).await? else {
            return Ok(ProfileAnswer::Unknown);
        };
        match self.link_state(&row) {
            LinkState::Open => {}
            LinkState::Used => return Ok(ProfileAnswer::Used),
            LinkState::Expired => return Ok(ProfileAnswer::Expired),
            LinkState::Ended => return Ok(ProfileAnswer::Ended),
        }
        let Some(topic) = self.push_topic.clone() else {
            return Ok(ProfileAnswer::NotReady);
        };

        // Of a hundred requests for one link one makes a key; the others come back and find the link used.
        let _making = self.keys_under_way.begin(row.id).ok_or(Busy)?;
        let app = self.clone();
        let now = self.now();
        let common_name = row.id.to_string();
        // An RSA key takes up to half a second.
        let issued = self
            .gates
            .keys
            .run(move || app.device_ca.issue(&common_name, timestamp(now), IDENTITY_DAYS))
            .await?
            .map_err(ProfileError::Identity)?;

        // What a profile does not ask for now, the device never grants.
        let erase = if self.policy().await?.wiping {
            mdm::profile::ERASE
        } else {
            0
        };
        let access_rights = mdm::profile::ACCESS_RIGHTS | erase;
        let organization = self.config.mdm_organization();
        let server_url = format!("{}/mdm", self.config.public_url.trim_end_matches('/'));
        let profile = EnrolmentProfile {
            organization,
            server_url,
            topic,
            p12: issued.p12.clone(),
            password: SecretString::from(issued.password.expose_secret()),
            enrolment_id: row.id.0,
            access_rights,
        };
        // Before the link is used up: what cannot be signed leaves it as it was.
        let profile = self.signed(&profile.to_plist())?;

        let identity = NewIdentity {
            sha256: &issued.sha256,
            not_after: time(issued.not_after),
            access_rights,
        };
        let mut tx = self.store.begin().await?;
        if !tx.enrolment_downloaded(row.id, &identity, now).await? {
            return Ok(ProfileAnswer::Used);
        }
        tx.event(&NewEvent::new(now, store::Actor::System, "enrolmentProfileTaken").person(row.person_id))
            .await?;
        tx.commit().await?;
        Ok(ProfileAnswer::Profile(profile))
    }

    /// With the operator's certificate where there is one. A device takes a profile whoever signed it, so one that
    /// cannot be used at the moment keeps nobody from enrolling.
    fn signed(&self, profile: &[u8]) -> Result<Vec<u8>, AppError> {
        let own = match self.config.profile_signer() {
            Ok(signer) => signer,
            Err(error) => {
                tracing::error!(error = %crate::cause::Chain(&error), "a profile is signed by the authority of the devices");
                None
            }
        };
        let signed = match own {
            Some(signer) => signer.sign(profile),
            None => self.device_ca.sign_profile(profile),
        };
        Ok(signed.map_err(ProfileError::Signature)?)
    }
}
