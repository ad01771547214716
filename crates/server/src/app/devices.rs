//! What a device tells us, and what that changes. The HTTP side is in `http::devices`.
//!
//! A device is believed about itself only: every message must be signed with the identity that was
//! issued to it, and that identity stays pinned to the device it first enrolled (`mdm-protocol` §1.10).

use std::collections::BTreeMap;

use domain::{AssetId, DeviceId, Enrolment, FailureClass, Install, Platform, Seen, Time};
use mdm::{
    checkin::{Authenticate, CheckIn, CheckOut, TokenUpdate, speaker},
    errors::Class,
    report::{Report, Status},
    signature::SignerCertificate,
};
use serde_json::json;
use store::{Actor, CommandRow, CommandState, DeviceRow, InvitationState, NewEvent, Tx};
use uuid::Uuid;

use super::{App, AppError};
use crate::clock::timestamp;

/// Why a device was not served. None of them is ever answered with 401: that would unenrol the device.
#[derive(Debug, thiserror::Error)]
pub enum DeviceRefused {
    /// The certificate is not ours, is out of date, or belongs to another device.
    #[error("the identity certificate is not good for this device: {0}")]
    Identity(&'static str),
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

impl From<store::StoreError> for DeviceRefused {
    fn from(error: store::StoreError) -> Self {
        DeviceRefused::App(error.into())
    }
}

impl App {
    pub async fn devices(&self) -> Result<Vec<DeviceRow>, AppError> {
        Ok(self.store.devices().await?)
    }

    pub async fn device(&self, id: DeviceId) -> Result<Option<DeviceRow>, AppError> {
        Ok(self.store.device(id).await?)
    }

    /// What was asked of the device lately, newest first.
    pub async fn device_commands(&self, id: DeviceId, limit: i64) -> Result<Vec<CommandRow>, AppError> {
        Ok(self.store.commands_recent(id, limit).await?)
    }

    /// Whether whoever signed is one of ours: to be known before anything is read of what was signed.
    pub fn identify(&self, signer: &SignerCertificate) -> Result<Signer, DeviceRefused> {
        self.device_ca
            .verify(&signer.der, timestamp(self.now()))
            .map_err(|_| DeviceRefused::Identity("not issued by this server, or out of date"))?;
        Ok(Signer {
            sha256: signer.sha256.clone(),
        })
    }

    /// Takes one check-in message.
    pub async fn check_in(&self, signer: &Signer, message: CheckIn) -> Result<(), DeviceRefused> {
        match message {
            CheckIn::TokenUpdate(TokenUpdate { id, .. }) | CheckIn::CheckOut(CheckOut { id, .. })
                if speaker(&id).1.is_some() =>
            {
                self.user_heard(signer, &id).await
            }
            CheckIn::Authenticate(message) => self.authenticate(signer, message).await,
            CheckIn::TokenUpdate(message) => self.token_update(signer, message).await,
            CheckIn::CheckOut(message) => self.check_out(signer, &message.id).await,
            CheckIn::SetBootstrapToken => Ok(()),
            CheckIn::UserAuthenticate => Err(DeviceRefused::UserNotManaged),
            CheckIn::Other(_) => Err(DeviceRefused::UnknownMessage),
        }
    }

    /// The first message of every enrolment. What was on its way, and what was known of the apps, is void.
    async fn authenticate(&self, signer: &Signer, message: Authenticate) -> Result<(), DeviceRefused> {
        let now = self.now();
        let enrolment = self
            .store
            .enrolment_by_certificate(&signer.sha256)
            .await?
            .ok_or(DeviceRefused::Identity("no enrolment was started with it"))?;

        let mut tx = self.store.begin().await?;
        let known = tx.device_by_udid(&message.id).await?;
        if let Some(owner) = tx.certificate_device(&signer.sha256).await?
            && known.as_ref().is_none_or(|device| device.id != owner)
        {
            return Err(DeviceRefused::Identity("it belongs to another device"));
        }
        let id = known
            .as_ref()
            .map_or_else(|| DeviceId(self.random.id()), |device| device.id);
        if known.is_some() {
            forget_enrolment(&mut tx, id, now).await?;
        }
        let product_name = message.product_name.unwrap_or_default();
        let device = DeviceRow {
            id,
            udid: message.id,
            serial: message.serial_number,
            name: message.device_name.unwrap_or_else(|| product_name.clone()),
            platform: platform(&product_name),
            product_name,
            os_version: message.os_version,
            build_version: message.build_version,
            person_id: enrolment.person_id,
            enrolment: Enrolment::Pending,
            dep: false,
            supervised: None,
            awaiting_configuration: false,
            push_token: None,
            push_magic: None,
            topic: Some(message.topic),
            enrolment_id: Some(enrolment.id),
            enrolled_at: None,
            last_seen_at: Some(now),
            informed_at: None,
            gone_at: None,
            next_push_at: None,
            pushed_at: None,
            store_account_active: None,
            store_account_hash: None,
        };
        tx.device_put(&device).await?;
        tx.certificate_pin(&signer.sha256, id).await?;
        tx.event(
            &NewEvent::new(now, Actor::Device(id), "deviceAuthenticated")
                .device(id)
                .person(device.person_id),
        )
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn token_update(&self, signer: &Signer, message: TokenUpdate) -> Result<(), DeviceRefused> {
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let mut device = pinned(&mut tx, signer, &message.id).await?;
        let enrolled_now = device.enrolment != Enrolment::Enrolled;
        device.enrolment = Enrolment::Enrolled;
        device.push_token = Some(message.token);
        device.push_magic = Some(message.push_magic);
        device.topic = Some(message.topic);
        device.last_seen_at = Some(now);
        device.gone_at = None;
        device.next_push_at = None;
        if enrolled_now {
            device.enrolled_at = Some(now);
            device.awaiting_configuration = message.awaiting_configuration.unwrap_or(false);
            // A device waits in Setup Assistant only after enrolling through DEP (`mdm-protocol` §4.11).
            device.dep = device.awaiting_configuration;
        }
        tx.device_put(&device).await?;
        if enrolled_now {
            tx.event(
                &NewEvent::new(now, Actor::Device(device.id), "deviceEnrolled")
                    .device(device.id)
                    .person(device.person_id)
                    .with(json!({ "dep": device.dep })),
            )
            .await?;
        }
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// A user of a Mac or of a Shared iPad has a channel of their own. Nothing is ever asked on it, and it must not
    /// pass for the device's: it has another push token.
    async fn user_heard(&self, signer: &Signer, id: &str) -> Result<(), DeviceRefused> {
        let mut tx = self.store.begin().await?;
        pinned(&mut tx, signer, speaker(id).0).await?;
        Ok(())
    }

    async fn check_out(&self, signer: &Signer, udid: &str) -> Result<(), DeviceRefused> {
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let mut device = pinned(&mut tx, signer, udid).await?;
        forget_enrolment(&mut tx, device.id, now).await?;
        device.enrolment = Enrolment::Gone;
        device.gone_at = Some(now);
        device.push_token = None;
        device.last_seen_at = Some(now);
        tx.device_put(&device).await?;
        tx.event(
            &NewEvent::new(now, Actor::Device(device.id), "deviceCheckedOut")
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
        if speaker(&report.id).1.is_some() {
            self.user_heard(signer, &report.id).await?;
            return Ok(None);
        }
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let device = pinned(&mut tx, signer, &report.id).await?;
        let device_id = device.id;
        tx.device_seen(device_id, now).await?;
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
            if state != CommandState::Sent
                && let Some(command) = tx.command_answer(device_id, uuid, state, chain, now).await?
                && state != CommandState::NotNow
            {
                self.apply_answer(&mut tx, device, &command, &report, now).await?;
                changed = true;
            }
        }
        let next = tx.command_next(device_id, report.status == Status::Idle, now).await?;
        tx.commit().await?;
        if changed {
            self.look_again();
        }
        Ok(next.map(|command| command.body))
    }

    async fn apply_answer(
        &self,
        tx: &mut Tx,
        mut device: DeviceRow,
        command: &CommandRow,
        report: &Report,
        now: Time,
    ) -> Result<(), AppError> {
        let acknowledged = report.status == Status::Acknowledged;
        match command.request_type.as_str() {
            "InstallApplication" | "RemoveApplication" => {
                let Some(asset) = command.asset_id else { return Ok(()) };
                let mut install = tx.install(device.id, asset).await?;
                apply_app_answer(&mut install, command, report, now);
                tx.install_put(device.id, asset, &install).await?;
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
                let Some(person) = command.person_id else { return Ok(()) };
                let shown = acknowledged && report.invitation_result().as_deref() == Some("Acknowledged");
                for mut client_user in tx.client_users_of(person).await? {
                    if shown && client_user.invitation == InvitationState::Queued {
                        client_user.invitation = InvitationState::Shown;
                        client_user.invitation_at = Some(now);
                        tx.client_user_update(&client_user).await?;
                    }
                }
                let kind = if shown { "invitationShown" } else { "invitationFailed" };
                tx.event(
                    &NewEvent::new(now, Actor::Device(device.id), kind)
                        .device(device.id)
                        .person(person),
                )
                .await?;
            }
            "DeviceInformation" => {
                // A device that answers with an error has answered too: it is not asked again at once.
                device.informed_at = Some(now);
                device.last_seen_at = Some(now);
                if acknowledged {
                    let facts = report.device_information();
                    device.name = facts.device_name.unwrap_or(device.name);
                    device.os_version = facts.os_version.or(device.os_version);
                    device.build_version = facts.build_version.or(device.build_version);
                    device.serial = facts.serial_number.or(device.serial);
                    device.supervised = facts.is_supervised.or(device.supervised);
                    if let Some(product_name) = facts.product_name {
                        device.platform = platform(&product_name);
                        device.product_name = product_name;
                    }
                    device.store_account_active = facts.store_account_is_active.or(device.store_account_active);
                    device.store_account_hash = facts.store_account_hash.or(device.store_account_hash);
                }
                tx.device_put(&device).await?;
            }
            "DeviceConfigured" => {
                // An error says that the device was not waiting any more (`mdm-protocol` §5.2).
                device.awaiting_configuration = false;
                device.last_seen_at = Some(now);
                tx.device_put(&device).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The device that this identity is pinned to, if it is the one that speaks.
async fn pinned(tx: &mut Tx, signer: &Signer, udid: &str) -> Result<DeviceRow, DeviceRefused> {
    let device = tx
        .device_by_udid(udid)
        .await?
        .ok_or(DeviceRefused::Identity("no such device has authenticated"))?;
    match tx.certificate_device(&signer.sha256).await? {
        Some(owner) if owner == device.id => Ok(device),
        _ => Err(DeviceRefused::Identity("it belongs to another device")),
    }
}

/// The profile is gone or new: nothing of the old enrolment is on its way, and the apps are unknown.
async fn forget_enrolment(tx: &mut Tx, device: DeviceId, now: Time) -> Result<(), AppError> {
    for command in tx.commands_drop(device, now).await? {
        let Some(person) = command.person_id else { continue };
        for mut client_user in tx.client_users_of(person).await? {
            if client_user.invitation == InvitationState::Queued {
                client_user.invitation = InvitationState::None;
                client_user.invitation_at = None;
                tx.client_user_update(&client_user).await?;
            }
        }
    }
    for (asset, _, mut install) in tx.installs_of_device(device).await? {
        install.forgotten();
        tx.install_put(device, asset, &install).await?;
    }
    Ok(())
}

fn apply_app_answer(install: &mut Install, command: &CommandRow, report: &Report, now: Time) {
    let installing = command.request_type == "InstallApplication";
    let reason = report.rejection_reason();
    let first = report.error_chain.first();
    let (class, code) = match report.status {
        Status::Acknowledged => (None, String::new()),
        Status::CommandFormatError => (Some(FailureClass::Permanent), "CommandFormatError".to_owned()),
        _ => {
            let meaning = mdm::errors::meaning(&report.error_chain, reason.as_deref());
            let code = match (first, &reason) {
                (Some(error), _) => format!("{} {}", error.error_domain, error.error_code),
                (None, Some(reason)) => reason.clone(),
                (None, None) => "Error".to_owned(),
            };
            let class = match meaning.class {
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
    let mut rows: BTreeMap<AssetId, (Option<String>, Install)> = tx
        .installs_of_device(device.id)
        .await?
        .into_iter()
        .map(|(asset, bundle_id, install)| (asset, (bundle_id, install)))
        .collect();
    let Some(listed) = listed else {
        for (asset, (_, install)) in &mut rows {
            install.checks += 1;
            tx.install_put(device.id, *asset, install).await?;
        }
        return Ok(());
    };
    // An app of ours that we never asked this device for may be there from an earlier enrolment.
    if let Some(location) = tx.locations().await?.into_iter().next() {
        for app in tx.apps(location.id).await? {
            let Some(bundle_id) = app.bundle_id else { continue };
            if listed.contains_key(&bundle_id) {
                rows.entry(app.id)
                    .or_insert_with(|| (Some(bundle_id), Install::default()));
            }
        }
    }
    for (asset, (bundle_id, install)) in &mut rows {
        let Some(bundle_id) = bundle_id else { continue };
        let before = install.seen;
        let seen = listed
            .get(bundle_id)
            .map_or(Seen::Absent, |app| Seen::from_status(app.status.as_str()));
        install.listed(seen, now);
        tx.install_put(device.id, *asset, install).await?;
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
