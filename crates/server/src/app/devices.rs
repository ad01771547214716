//! What a device tells us, and what that changes. The HTTP side is in `http::devices`.
//!
//! A device is believed about itself only: every message must be signed with the identity that was
//! issued to it, and that identity stays pinned to the device it first enrolled (`mdm-protocol` §1.10).

use std::{collections::BTreeMap, time::Duration};

use domain::{
    AssetId, DeviceId, Enrolment, EnrolmentId, FailureClass, Install, Ownership, PersonId, Platform, Seen,
    StoreVersion, Time, invitation::Ending,
};
use mdm::{
    checkin::{Authenticate, CheckIn, CheckOut, TokenUpdate, speaker},
    command::Command,
    errors::Class,
    report::{Report, Status},
    signature::SignerCertificate,
};
use serde_json::json;
use store::{
    Actor, Base, CommandRow, CommandState, DeviceFacts, DeviceRow, EnrolmentRow, NewEnrolment, NewEvent, OwnershipRow,
    Tx,
};
use uuid::Uuid;

use super::{App, AppError, Caller, leaving, signs};
use crate::clock::timestamp;

/// What is refused and comes again and again fills no history.
const ONCE_A_DAY: Duration = Duration::from_secs(24 * 3600);

/// Why a device was not served. None of them is ever answered with 401: that would unenrol the device.
#[derive(Debug, thiserror::Error)]
pub enum DeviceRefused {
    /// The certificate is not ours, is out of date, or belongs to another device.
    #[error("the identity certificate is not good for this device: {0}")]
    Identity(&'static str),
    /// The person whom the identity was made for left the organisation: nothing is enrolled for them.
    #[error("the person left the organisation")]
    PersonLeft,
    /// The device has another person, or nobody has it, and it is not known to have left.
    #[error("the device is enrolled for somebody else, or for nobody; an administrator has to take it out first")]
    TakenByAnother,
    /// It speaks with the identity that it had when an administrator took it out.
    #[error("an administrator has taken the device out; it needs a new enrolment")]
    TakenOut(DeviceId),
    #[error("the topic is not the one of this server's profiles")]
    Topic,
    #[error("the message type is not one this server speaks")]
    UnknownMessage,
    /// Not managed: the answer 410 tells a Mac to leave this user alone.
    #[error("users of a device are not managed")]
    UserNotManaged,
    #[error(transparent)]
    App(#[from] AppError),
}

/// A certificate that this server issued and that is not out of date. Which device it belongs to is said by its pin.
pub struct Signer {
    sha256: String,
}

#[cfg(feature = "simulation")]
impl Signer {
    /// For a simulation, whose devices sign nothing: the one whose certificate has this fingerprint, in lower-case hex.
    /// It is believed; whoever hears a real device asks [`App::identify`].
    pub fn believed(sha256: &str) -> Signer {
        Signer {
            sha256: sha256.to_owned(),
        }
    }
}

impl From<store::StoreError> for DeviceRefused {
    fn from(error: store::StoreError) -> Self {
        DeviceRefused::App(error.into())
    }
}

impl App {
    pub async fn devices(&self) -> Result<Vec<DeviceRow>, AppError> {
        Ok(self.store.devices().await?)
    }

    /// Those of a person, gone ones included.
    pub async fn devices_of(&self, person: PersonId) -> Result<Vec<DeviceRow>, AppError> {
        Ok(self.store.devices_of(person).await?)
    }

    pub async fn device(&self, id: DeviceId) -> Result<Option<DeviceRow>, AppError> {
        Ok(self.store.device(id).await?)
    }

    /// What was asked of the device lately, newest first.
    pub async fn device_commands(&self, id: DeviceId, limit: i64) -> Result<Vec<CommandRow>, AppError> {
        Ok(self.store.commands_recent(id, limit).await?)
    }

    /// Has an app tried again on a device, whatever came of it before: its person cancelled, or it failed for good.
    pub async fn install_again(&self, caller: &Caller, device: DeviceId, asset: AssetId) -> Result<(), AppError> {
        caller.may_write()?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let row = tx.device_held(device).await?.ok_or(AppError::NotFound("device"))?;
        tx.app(asset).await?.ok_or(AppError::NotFound("app"))?;
        tx.install_asked_again(device, asset, now).await?;
        tx.event(
            &NewEvent::new(now, caller.actor(), "installAskedAgain")
                .device(device)
                .person(row.person_id)
                .asset(asset),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// The same on every device of a person that could not install it, or turned it down.
    pub async fn install_again_for(&self, caller: &Caller, person: PersonId, asset: AssetId) -> Result<(), AppError> {
        caller.may_write()?;
        let of = self.of_person(person).await?.ok_or(AppError::NotFound("app"))?;
        of.rows.get(&asset).ok_or(AppError::NotFound("app"))?;
        let app = of.apps.iter().find(|app| app.row.id == asset);
        let verdict = &app.ok_or(AppError::NotFound("person"))?.verdict;
        for device in verdict.devices.values().filter(|device| device.may_be_tried_again()) {
            self.install_again(caller, device.device, asset).await?;
        }
        Ok(())
    }

    /// The identity of a device: until when it is good, and whether it was revoked.
    pub async fn device_identity(&self, row: &DeviceRow) -> Result<Option<EnrolmentRow>, AppError> {
        match row.enrolment_id {
            Some(id) => Ok(self.store.enrolment(id).await?),
            None => Ok(None),
        }
    }

    /// Whose a device is, as somebody said.
    pub async fn device_ownership(&self, device: DeviceId) -> Result<OwnershipRow, AppError> {
        Ok(self.store.device_ownership(device).await?)
    }

    /// The same of several, as far as anything was said.
    pub async fn devices_ownership(&self, devices: &[DeviceId]) -> Result<BTreeMap<DeviceId, Ownership>, AppError> {
        Ok(self.store.devices_ownership(devices).await?)
    }

    /// Says whose a device is, unless somebody said something else since `base`.
    pub async fn device_ownership_set(
        &self,
        caller: &Caller,
        device: DeviceId,
        base: Base,
        ownership: Option<Ownership>,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let row = tx.device_held(device).await?.ok_or(AppError::NotFound("device"))?;
        if !tx
            .device_ownership_set(device, base, ownership, caller.changes(now))
            .await?
        {
            return Err(AppError::Stale("device"));
        }
        tx.event(
            &NewEvent::new(now, caller.actor(), "deviceOwnershipSet")
                .device(device)
                .person(row.person_id)
                .with(json!({ "ownership": ownership })),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// From now on nothing is accepted that is signed with the device's identity: a copy of it may be about.
    /// The device is not woken any more; it has to enrol anew.
    pub async fn identity_revoke(&self, caller: &Caller, device: DeviceId) -> Result<(), AppError> {
        caller.may_write()?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let row = tx.device_held(device).await?.ok_or(AppError::NotFound("device"))?;
        let enrolment = row.enrolment_id.ok_or(AppError::NotFound("identity"))?;
        if tx.enrolment_revoked(enrolment, now).await? {
            tx.device_unreachable(device, now).await?;
            tx.event(
                &NewEvent::new(now, caller.actor(), "identityRevoked")
                    .device(device)
                    .person(row.person_id),
            )
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Whether whoever signed is one of ours: to be known before anything is read of what was signed.
    pub fn identify(&self, signer: &SignerCertificate) -> Result<Signer, DeviceRefused> {
        self.chains
            .issued(&self.device_ca, signer)
            .and_then(|validity| validity.at(timestamp(self.now())))
            .map_err(|_| DeviceRefused::Identity("not issued by this server, or out of date"))?;
        Ok(Signer {
            sha256: signer.sha256.clone(),
        })
    }

    /// Takes one check-in message.
    pub async fn check_in(&self, signer: &Signer, message: CheckIn) -> Result<(), DeviceRefused> {
        let result = self.check_in_now(signer, message).await;
        self.refusal_noted(&result).await?;
        result
    }

    async fn check_in_now(&self, signer: &Signer, message: CheckIn) -> Result<(), DeviceRefused> {
        match message {
            CheckIn::TokenUpdate(TokenUpdate { id, .. }) | CheckIn::CheckOut(CheckOut { id, .. })
                if speaker(&id).1.is_some() =>
            {
                self.user_heard(signer, &id).await
            }
            CheckIn::Authenticate(message) => self.authenticate(signer, message).await,
            CheckIn::TokenUpdate(message) => self.token_update(signer, message).await,
            CheckIn::CheckOut(message) => self.check_out(signer, &message).await,
            CheckIn::SetBootstrapToken => Ok(()),
            CheckIn::UserAuthenticate => Err(DeviceRefused::UserNotManaged),
            CheckIn::Other(_) => Err(DeviceRefused::UnknownMessage),
        }
    }

    /// The first message of every enrolment. What was on its way, and what was known of the apps, is void.
    async fn authenticate(&self, signer: &Signer, message: Authenticate) -> Result<(), DeviceRefused> {
        self.our_topic(&message.topic)?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        // The person before the device, as when somebody leaves.
        if let Some(made_for) = tx.enrolment_by_certificate(&signer.sha256).await?
            && let Some(person) = made_for.person_id
            && !tx.person_stays(person).await?
        {
            drop(tx);
            self.leaver_refused(&message.id, &made_for).await?;
            return Err(DeviceRefused::PersonLeft);
        }
        let known = tx.device_heard(&message.id, now).await?;
        let enrolment = identity(&mut tx, signer, known.as_ref()).await?;
        if let Some(device) = &known
            && let Err(refused) = may_enrol(device, &enrolment, message.serial_number.as_deref())
        {
            drop(tx);
            if matches!(refused, DeviceRefused::TakenByAnother) {
                self.takeover_refused(device, &enrolment).await?;
            }
            return Err(refused);
        }
        let id = known
            .as_ref()
            .map_or_else(|| DeviceId(self.random.id()), |device| device.id);
        if enrolment.device_id.is_some_and(|owner| owner != id) {
            return Err(DeviceRefused::Identity("it belongs to another device"));
        }
        if known.is_some() {
            leaving::forget_enrolment(&mut tx, id, now).await?;
        }
        let person_id = match enrolment.person_id {
            Some(person) => person,
            None => tx.nobody_put(id, now).await?,
        };
        let product_name = message.product_name.unwrap_or_default();
        let new = NewEnrolment {
            id,
            udid: message.id,
            serial: message.serial_number,
            name: message.device_name.unwrap_or_else(|| product_name.clone()),
            platform: platform(&product_name),
            product_name,
            os_version: message.os_version,
            build_version: message.build_version,
            person_id,
            topic: message.topic,
            enrolment_id: enrolment.id,
        };
        tx.device_authenticated(&new, now).await?;
        if !tx.enrolment_used(enrolment.id, id).await? {
            return Err(DeviceRefused::Identity("it belongs to another device"));
        }
        tx.event(
            &NewEvent::new(now, Actor::Device(id), "deviceAuthenticated")
                .device(id)
                .person(new.person_id),
        )
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Somebody enrols for a person who left: nothing changes, and it can be read in the history, once a day.
    async fn leaver_refused(&self, udid: &str, enrolment: &EnrolmentRow) -> Result<(), AppError> {
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let mut event = NewEvent::new(now, Actor::System, "enrolmentRefused").person(enrolment.person_id);
        if let Some(device) = tx.device_by_udid(udid).await? {
            event = event.device(device.id);
        }
        tx.event_unless_since(&event, now - ONCE_A_DAY).await?;
        Ok(tx.commit().await?)
    }

    /// Somebody enrols with a device that another person has: nothing changes, and it can be read in the history, once a
    /// day for each who tries.
    async fn takeover_refused(&self, device: &DeviceRow, enrolment: &EnrolmentRow) -> Result<(), AppError> {
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let event = NewEvent::new(now, Actor::System, "deviceTakeoverRefused")
            .device(device.id)
            .person(enrolment.person_id);
        tx.event_unless_since(&event, now - ONCE_A_DAY).await?;
        Ok(tx.commit().await?)
    }

    /// A device that was taken out speaks: it can be read in the history, once a day.
    async fn refusal_noted<T>(&self, result: &Result<T, DeviceRefused>) -> Result<(), AppError> {
        let Err(DeviceRefused::TakenOut(device)) = result else {
            return Ok(());
        };
        let now = self.now();
        let mut tx = self.store.begin().await?;
        if tx.device_refused(*device, now - ONCE_A_DAY, now).await? {
            tx.event(&NewEvent::new(now, Actor::Device(*device), "deviceHeardAfterRemoval").device(*device))
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// A device listens to the topic of its profile. Another one is of a profile that is not ours.
    fn our_topic(&self, topic: &str) -> Result<(), DeviceRefused> {
        match &self.push_topic {
            Some(ours) if ours != topic => Err(DeviceRefused::Topic),
            _ => Ok(()),
        }
    }

    async fn token_update(&self, signer: &Signer, message: TokenUpdate) -> Result<(), DeviceRefused> {
        self.our_topic(&message.topic)?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let device = pinned(&mut tx, signer, &message.id, now).await?;
        let another = device.push_token.as_ref() != Some(&message.token);
        tx.device_token(device.id, message.token, &message.push_magic, now)
            .await?;
        if device.enrolment == Enrolment::Pending {
            // A device waits in Setup Assistant only after enrolling through DEP (`mdm-protocol` §4.11).
            let waits = message.awaiting_configuration.unwrap_or(false);
            tx.device_enrolled(device.id, waits, now).await?;
            tx.event(
                &NewEvent::new(now, Actor::Device(device.id), "deviceEnrolled")
                    .device(device.id)
                    .person(device.person_id)
                    .with(json!({ "dep": waits })),
            )
            .await?;
        } else if another && device.enrolment == Enrolment::Enrolled {
            // Tokens seldom change. They do when a device is restored from a backup, and its apps are those of the backup.
            self.ask_apps(&mut tx, device.id, now).await?;
        }
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// Asks the device for its list of managed apps, unless that waits for it already.
    async fn ask_apps(&self, tx: &mut Tx, device: DeviceId, now: Time) -> Result<(), AppError> {
        let list = Command::ManagedApplicationList { identifiers: None };
        let kind = list.request_type();
        let recent = tx.commands_recent(device, 20).await?;
        if recent.iter().any(|row| row.request_type == kind && row.state.is_open()) {
            return Ok(());
        }
        let uuid = self.random.id();
        let row = CommandRow::new(uuid, device, kind, None, None, list.to_plist(&uuid.to_string()), now);
        Ok(tx.command_insert(&row).await?)
    }

    /// A user of a Mac or of a Shared iPad has a channel of their own. Nothing is ever asked on it, and it must not
    /// pass for the device's: it has another push token.
    async fn user_heard(&self, signer: &Signer, id: &str) -> Result<(), DeviceRefused> {
        let mut tx = self.store.begin().await?;
        pinned(&mut tx, signer, speaker(id).0, self.now()).await?;
        Ok(())
    }

    async fn check_out(&self, signer: &Signer, message: &CheckOut) -> Result<(), DeviceRefused> {
        if let Some(topic) = &message.topic {
            self.our_topic(topic)?;
        }
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let device = pinned(&mut tx, signer, &message.id, now).await?;
        leaving::forget_enrolment(&mut tx, device.id, now).await?;
        // A device that is to be wiped and loses its profile instead was not wiped.
        let (how, kind) = match device.enrolment {
            Enrolment::Retiring => (Enrolment::Retired, "deviceRetired"),
            _ => (Enrolment::Gone, "deviceCheckedOut"),
        };
        tx.device_over(device.id, how, now).await?;
        tx.event(
            &NewEvent::new(now, Actor::Device(device.id), kind)
                .device(device.id)
                .person(device.person_id),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// Takes what a device reports on the command channel, and gives it its next command, if any.
    ///
    /// The result and the choice of the next command are one transaction: some app states are said
    /// exactly once, and an answer that we lose cannot be asked for again (`mdm-protocol` §4.6).
    pub async fn device_report(&self, signer: &Signer, report: Report) -> Result<Option<Vec<u8>>, DeviceRefused> {
        let result = self.device_report_now(signer, report).await;
        self.refusal_noted(&result).await?;
        result
    }

    async fn device_report_now(&self, signer: &Signer, report: Report) -> Result<Option<Vec<u8>>, DeviceRefused> {
        if speaker(&report.id).1.is_some() {
            self.user_heard(signer, &report.id).await?;
            return Ok(None);
        }
        let now = self.now();
        if report.command_uuid.is_none() && self.nothing_to_do(signer, &report, now).await? {
            return Ok(None);
        }
        let mut tx = self.store.begin().await?;
        let device = pinned(&mut tx, signer, &report.id, now).await?;
        let device_id = device.id;
        let mut changed = false;
        if let Some(uuid) = report
            .command_uuid
            .as_deref()
            .and_then(|uuid| Uuid::parse_str(uuid).ok())
        {
            let state = match report.status {
                Status::Acknowledged => CommandState::Acknowledged,
                Status::Error => CommandState::Error,
                Status::CommandFormatError => CommandState::FormatError,
                Status::NotNow => CommandState::NotNow,
                Status::Idle => CommandState::Sent,
            };
            let chain = (!report.error_chain.is_empty()).then(|| json!(report.error_chain).to_string());
            // A report may come twice, or for a command that was dropped: taken, and without effect.
            if state != CommandState::Sent {
                match tx.command_answer(device_id, uuid, state, chain, now).await? {
                    Some(_) if state == CommandState::NotNow => {}
                    Some(command) => {
                        self.apply_answer(&mut tx, device, &command, &report, now).await?;
                        changed = true;
                    }
                    // It was asked in vain for too long, and shows the invitation all the same.
                    None if invitation_error(&report).is_none() => {
                        changed = invitation_answered(&mut tx, device_id, uuid, &report, now).await?;
                    }
                    None => {}
                }
            }
        }
        let next = tx.command_next(device_id, report.status == Status::Idle, now).await?;
        tx.commit().await?;
        if changed {
            // The device is not called: it speaks. What is decided upon its answer rings for itself.
            self.groups_bell.notify_one();
            self.location_bell.notify_one();
        }
        Ok(next.map(|command| command.body))
    }

    /// Whether a poll needs no more than a look: the device has nothing to say, nothing waits for it, and nobody waits for
    /// its word.
    async fn nothing_to_do(&self, signer: &Signer, report: &Report, now: Time) -> Result<bool, DeviceRefused> {
        let Some(poll) = self.store.poll(&signer.sha256, &report.id).await? else {
            // Why not is found out by whoever refuses.
            return Ok(false);
        };
        if poll.enrolment.is_over() || poll.waits || poll.is_news {
            return Ok(false);
        }
        Ok(self.signs.note(poll.device, poll.last_seen_at, now))
    }

    async fn apply_answer(
        &self,
        tx: &mut Tx,
        device: DeviceRow,
        command: &CommandRow,
        report: &Report,
        now: Time,
    ) -> Result<(), AppError> {
        let acknowledged = report.status == Status::Acknowledged;
        match command.request_type.as_str() {
            "InstallApplication" | "RemoveApplication" => {
                let Some(asset) = command.asset_id else { return Ok(()) };
                let before = tx.install(device.id, asset).await?;
                let mut install = before.clone();
                apply_app_answer(&mut install, command, report, now);
                tx.install_change(device.id, asset, Some(&before), &install).await?;
                let kind = match (command.request_type.as_str(), install.failure.is_none()) {
                    ("InstallApplication", true) => "installAccepted",
                    ("InstallApplication", false) => "installFailed",
                    (_, true) => "removeAccepted",
                    (_, false) => "removeFailed",
                };
                tx.event(
                    &NewEvent::new(now, Actor::Device(device.id), kind)
                        .device(device.id)
                        .person(device.person_id)
                        .asset(asset)
                        .with(json!({ "failure": install.failure.as_ref().map(|failure| &failure.code) })),
                )
                .await?;
            }
            "ManagedApplicationList" => {
                let listed = if acknowledged { report.managed_apps() } else { None };
                apply_list(tx, &device, listed, now).await?;
            }
            "InviteToProgram" => {
                invitation_answered(tx, device.id, command.uuid, report, now).await?;
            }
            "DeviceInformation" => {
                // A device that answers with an error has answered too: it is not asked again at once.
                let facts = if acknowledged {
                    report.device_information()
                } else {
                    Default::default()
                };
                let told = DeviceFacts {
                    platform: facts.product_name.as_deref().map(platform),
                    name: facts.device_name,
                    serial: facts.serial_number,
                    product_name: facts.product_name,
                    os_version: facts.os_version,
                    build_version: facts.build_version,
                    supervised: facts.is_supervised,
                    shared: facts.is_multi_user,
                    store_account_active: facts.store_account_is_active,
                    store_account_hash: facts.store_account_hash,
                };
                tx.device_informed(device.id, &told, now).await?;
            }
            // An error says that the device was not waiting any more (`mdm-protocol` §5.2).
            "DeviceConfigured" => tx.device_configured(device.id).await?,
            "RemoveProfile" | "EraseDevice" => {
                let refusal = (!acknowledged).then(|| error_code(report));
                leaving::answered(tx, &device, &command.request_type, refusal, now).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The identity that signed, if it was handed out here and counts. `device` is the one that it speaks for.
async fn identity(tx: &mut Tx, signer: &Signer, device: Option<&DeviceRow>) -> Result<EnrolmentRow, DeviceRefused> {
    let enrolment = tx
        .enrolment_by_certificate(&signer.sha256)
        .await?
        .ok_or(DeviceRefused::Identity("no enrolment was started with it"))?;
    match device {
        Some(device) => counts(device, enrolment.id, enrolment.revoked_at)?,
        None if enrolment.revoked_at.is_some() => return Err(REVOKED),
        None => {}
    }
    Ok(enrolment)
}

const REVOKED: DeviceRefused = DeviceRefused::Identity("it was revoked");

/// Whether an identity counts for whoever speaks as this device.
fn counts(device: &DeviceRow, identity: EnrolmentId, revoked_at: Option<Time>) -> Result<(), DeviceRefused> {
    if device.enrolment == Enrolment::Removed && device.enrolment_id == Some(identity) {
        return Err(DeviceRefused::TakenOut(device.id));
    }
    if revoked_at.is_some() {
        return Err(REVOKED);
    }
    Ok(())
}

/// Whether an identity may enrol a device that is known already (`mdm-protocol` §1.9 and §1.10).
///
/// The same identity begins again only while its enrolment lasts: its answer was lost. Another identity takes the
/// device over when the device is gone, or when its own person enrols it anew: it was erased. An identity that
/// never had a device is no proof of having this one.
fn may_enrol(device: &DeviceRow, enrolment: &EnrolmentRow, serial: Option<&str>) -> Result<(), DeviceRefused> {
    match enrolment.device_id {
        Some(owner) if owner != device.id => return Err(DeviceRefused::Identity("it belongs to another device")),
        Some(_) if device.enrolment_id != Some(enrolment.id) => {
            return Err(DeviceRefused::Identity("the device has enrolled anew since"));
        }
        Some(_) if device.enrolment.is_over() => {
            return Err(DeviceRefused::Identity("the device has left; it needs a new enrolment"));
        }
        // Or its person could undo the order by installing the profile once more.
        Some(_) if device.enrolment.is_leaving() => {
            return Err(DeviceRefused::Identity("the device was told to leave"));
        }
        Some(_) => return Ok(()),
        None if device.enrolment.is_over() => return Ok(()),
        None => {}
    }
    let another_serial = serial.is_some_and(|serial| device.serial.as_deref().is_some_and(|known| known != serial));
    // A link for nobody says of no device that it is meant: one that belongs to nobody is enrolled anew once it has left.
    if enrolment.person_id != Some(device.person_id) || another_serial {
        return Err(DeviceRefused::TakenByAnother);
    }
    Ok(())
}

/// The device that this identity is for, if it is the one that speaks and its enrolment lasts. Nothing is written before that
/// is certain.
async fn pinned(tx: &mut Tx, signer: &Signer, udid: &str, now: Time) -> Result<DeviceRow, DeviceRefused> {
    let Some(speaking) = tx.device_speaks(udid, &signer.sha256).await? else {
        return Err(DeviceRefused::Identity(match tx.device_by_udid(udid).await? {
            None => "no such device has authenticated",
            Some(_) => "no enrolment was started with it",
        }));
    };
    let device = speaking.device;
    counts(&device, speaking.identity, speaking.revoked_at)?;
    if speaking.owner != Some(device.id) {
        return Err(DeviceRefused::Identity("it belongs to another device"));
    }
    if device.enrolment_id != Some(speaking.identity) {
        return Err(DeviceRefused::Identity("the device has enrolled anew since"));
    }
    if device.enrolment.is_over() {
        return Err(DeviceRefused::Identity("the device has left; it needs a new enrolment"));
    }
    if speaking.is_hard_to_wake || !signs::is_known(device.last_seen_at, now) {
        tx.device_spoke(udid, now).await?;
    }
    // It counted as gone because it had been silent: it comes back to life by itself.
    if device.silent_since.is_some() && tx.device_back(device.id).await? {
        tx.event(
            &NewEvent::new(now, Actor::Device(device.id), "deviceHeardAgain")
                .device(device.id)
                .person(device.person_id),
        )
        .await?;
    }
    Ok(device)
}

/// What a device gave as the reason of its refusal.
fn error_code(report: &Report) -> String {
    match report.error_chain.first() {
        _ if report.status == Status::CommandFormatError => "CommandFormatError".to_owned(),
        Some(error) => format!("{} {}", error.error_domain, error.error_code),
        None => "Error".to_owned(),
    }
}

/// Why the device does not show the invitation; `None` when it does.
fn invitation_error(report: &Report) -> Option<String> {
    let result = report.invitation_result();
    match (report.status, result) {
        (Status::Acknowledged, Some(result)) if result == "Acknowledged" => None,
        (Status::Acknowledged, result) => Some(result.unwrap_or_else(|| "InvitationResult".to_owned())),
        _ => Some(error_code(report)),
    }
}

/// Takes over what the device says to the invitation. `false` when that is of no use any more.
async fn invitation_answered(
    tx: &mut Tx,
    device: DeviceId,
    command: Uuid,
    report: &Report,
    now: Time,
) -> Result<bool, AppError> {
    let Some(invitation) = tx.invitation(command).await?.filter(|it| it.device_id == device) else {
        return Ok(false);
    };
    let error = invitation_error(report);
    let (outcome, kind) = match error {
        None => (Ending::Shown, "invitationShown"),
        Some(_) => (Ending::Failed, "invitationFailed"),
    };
    if !tx.invitation_ended(command, outcome, error.as_deref(), now).await? {
        return Ok(false);
    }
    if outcome == Ending::Shown {
        // Shown late: the device that was asked instead need not show it too.
        tx.invitation_close(&invitation.client_user_id, Ending::Withdrawn, now)
            .await?;
    }
    tx.event(
        &NewEvent::new(now, Actor::Device(device), kind)
            .device(device)
            .person(invitation.person_id)
            .with(json!({ "error": error })),
    )
    .await?;
    Ok(true)
}

fn apply_app_answer(install: &mut Install, command: &CommandRow, report: &Report, now: Time) {
    let installing = command.request_type == "InstallApplication";
    let reason = report.rejection_reason();
    let first = report.error_chain.first();
    let (class, code) = match report.status {
        Status::Acknowledged => (None, String::new()),
        Status::CommandFormatError => (Some(FailureClass::Permanent), "CommandFormatError".to_owned()),
        _ => {
            let code = match (first, &reason) {
                (Some(error), _) => format!("{} {}", error.error_domain, error.error_code),
                (None, Some(reason)) => reason.clone(),
                (None, None) => "Error".to_owned(),
            };
            let class = match mdm::errors::class(&report.error_chain, reason.as_deref()) {
                Class::Fine => None,
                Class::Retry => Some(FailureClass::Retry),
                Class::VerifyLicence => Some(FailureClass::LicenceNotFound),
                Class::User => Some(FailureClass::User),
                Class::Permanent => Some(FailureClass::Permanent),
            };
            (class, code)
        }
    };
    match (class, installing) {
        (Some(class), _) => install.failed(class, code, now),
        (None, true) => install.accepted(now),
        (None, false) => install.removed(now),
    }
}

/// Takes over what the device says of its managed apps; `None` when it answered without a list.
async fn apply_list(
    tx: &mut Tx,
    device: &DeviceRow,
    listed: Option<BTreeMap<String, mdm::report::ManagedApp>>,
    now: Time,
) -> Result<(), AppError> {
    // What was known of each, if anything was.
    let mut rows: BTreeMap<AssetId, (Option<String>, Option<Install>)> = tx
        .installs_of_device(device.id)
        .await?
        .into_iter()
        .map(|(asset, bundle_id, install)| (asset, (bundle_id, Some(install))))
        .collect();
    let Some(listed) = listed else {
        for (asset, (_, known)) in &rows {
            let mut install = known.clone().unwrap_or_default();
            install.checks += 1;
            tx.install_change(device.id, *asset, known.as_ref(), &install).await?;
        }
        return Ok(());
    };
    // An app of ours that we never asked this device for may be there from an earlier enrolment.
    if let Some(location) = tx.location_linked().await? {
        for app in tx.apps(location.id).await? {
            let Some(bundle_id) = app.bundle_id else { continue };
            if listed.contains_key(&bundle_id) {
                rows.entry(app.id).or_insert_with(|| (Some(bundle_id), None));
            }
        }
    }
    for (asset, (bundle_id, known)) in &rows {
        let Some(bundle_id) = bundle_id else { continue };
        let mut install = known.clone().unwrap_or_default();
        let before = install.seen;
        let said = listed.get(bundle_id);
        let seen = said.map_or(Seen::Absent, |app| Seen::from_status(app.status.as_str()));
        let version = said.and_then(|app| app.external_version);
        install.listed_version(version.filter(|_| seen == Seen::Installed).map(StoreVersion));
        install.listed(seen, now);
        tx.install_change(device.id, *asset, known.as_ref(), &install).await?;
        if install.seen == before {
            continue;
        }
        let kind = match install.seen {
            Some(Seen::Installed) => "appInstalled",
            Some(Seen::Absent) if before.is_some() => "appGone",
            Some(Seen::RemovedByUser) => "appRemovedByUser",
            Some(Seen::Rejected) => "installRejected",
            Some(Seen::Failed) => "installFailed",
            _ => continue,
        };
        tx.event(
            &NewEvent::new(now, Actor::Device(device.id), kind)
                .device(device.id)
                .person(device.person_id)
                .asset(*asset),
        )
        .await?;
    }
    Ok(())
}

/// What a `ProductName` such as `iPad13,1` says of the platform. Macs are never told by `iP`.
fn platform(product_name: &str) -> Platform {
    if product_name.starts_with("iPad") {
        Platform::IpadOs
    } else if product_name.starts_with("AppleTV") {
        Platform::TvOs
    } else if product_name.contains("Mac") {
        Platform::MacOs
    } else {
        Platform::Ios
    }
}
