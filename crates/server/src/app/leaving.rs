//! How a device leaves: retired, wiped, or taken out without its own doing. It does what was previewed, or nothing.
//!
//! A device that is told to leave stays what it was until it has left: its licences go back once its apps are known to
//! be gone, or it is. One that never answers stays "retiring since"; an administrator may take it out. What a device
//! answers is taken in [`super::devices`].

use std::collections::BTreeSet;

use domain::{AssetId, DeviceExit, DeviceId, Effect, Enrolment, EnrolmentId, Install, LeavingDevice, Time, decide_one};
use mdm::{command::Command, profile};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::{Actor, AppRow, CommandRow, CommandState, DeviceRow, NewEvent, Snapshot, Tx};

use super::{
    App, AppError, Caller,
    contract::{self, Agreed, Contract, Previewed},
    deployments::Preview,
};

/// Why a device was not told to leave, or to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotLeave {
    /// Nobody can tell it anything: it never finished its enrolment, or is gone.
    #[error("the device is not enrolled; it can only be removed")]
    NotEnrolled,
    /// Its profile never asked for the right, which cannot be added later.
    #[error("the device was enrolled without the right to be wiped; that cannot be added later")]
    NoRightToErase,
    /// It is to leave already, this way or another that takes more with it.
    #[error("the device is being retired or wiped already")]
    AlreadyLeaving,
    /// The command that ends it cannot be taken back.
    #[error("the device has been told to leave already")]
    AlreadyTold,
    /// The page or the program that asks has seen an earlier enrolment of the device.
    #[error("the device has enrolled anew since")]
    EnrolledAnew,
}

/// How a device is told to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Its apps go, then its management profile.
    Retire,
    /// It becomes as new.
    Wipe,
}

impl Leave {
    fn enrolment(self) -> Enrolment {
        match self {
            Leave::Retire => Enrolment::Retiring,
            Leave::Wipe => Enrolment::Wiping,
        }
    }

    fn exit(self) -> DeviceExit {
        match self {
            Leave::Retire => DeviceExit::Retires,
            Leave::Wipe => DeviceExit::IsWiped,
        }
    }

    fn event(self) -> &'static str {
        match self {
            Leave::Retire => "deviceRetireRequested",
            Leave::Wipe => "deviceWipeRequested",
        }
    }
}

/// What a device's leaving would do.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceLeavePreview {
    /// As it is.
    pub device: DeviceRow,
    pub exit: DeviceExit,
    /// Apps that may be on it, by name.
    pub there: Vec<AppRow>,
    /// Of each app of which a licence comes back, or that whoever has it loses, by name.
    pub apps: Vec<Preview>,
    /// Names all of it.
    pub digest: String,
}

impl DeviceLeavePreview {
    /// How many licences come back.
    pub fn taken_back(&self) -> u64 {
        self.apps.iter().map(|app| app.outcome.taken_back()).sum()
    }

    /// Whether the device is as it was, as far as this depends on itself.
    fn is_of(&self, device: &DeviceRow) -> bool {
        let said = |device: &DeviceRow| (device.enrolment, device.enrolment_id, device.person_id);
        said(device) == said(&self.device)
    }
}

impl Contract for DeviceLeavePreview {
    fn digest(&self) -> &str {
        &self.digest
    }

    /// As of any change; a device and its person have few licences of an app, which are seldom many.
    fn to_confirm(&self) -> Option<u64> {
        contract::to_confirm(self.apps.iter())
    }

    /// A device that is lost cannot wait for anybody.
    fn approval_above(&self) -> Option<u64> {
        None
    }

    fn shown(self) -> Previewed {
        Previewed::Device(Box::new(self))
    }
}

/// What can be done about a device now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MayLeave {
    pub retire: bool,
    pub wipe: bool,
    /// Whether its profile asked for the right to erase.
    pub may_be_erased: bool,
    /// Told to leave, and the command that ends it has not been handed out.
    pub stay: bool,
    /// The command that ends it has been handed out.
    pub told: bool,
    pub remove: bool,
}

/// What is to be known of some devices to say what can be done about each.
#[derive(Debug, Default)]
pub struct Leaving {
    erasable: BTreeSet<DeviceId>,
    told: BTreeSet<DeviceId>,
}

impl Leaving {
    pub fn of(&self, device: &DeviceRow) -> MayLeave {
        let may_be_erased = self.erasable.contains(&device.id);
        let told = device.enrolment.is_leaving() && self.told.contains(&device.id);
        let enrolled = device.enrolment == Enrolment::Enrolled;
        let retiring = device.enrolment == Enrolment::Retiring;
        MayLeave {
            retire: enrolled,
            wipe: may_be_erased && (enrolled || retiring),
            may_be_erased,
            stay: device.enrolment.is_leaving() && !told,
            told,
            remove: !device.enrolment.is_over(),
        }
    }
}

impl App {
    pub async fn devices_leaving(&self, devices: &[DeviceId]) -> Result<Leaving, AppError> {
        Ok(Leaving {
            erasable: self.store.devices_erasable(devices).await?,
            told: self.store.devices_told_to_leave(devices).await?,
        })
    }

    /// What a device's leaving would do. Nothing is changed. Of one that would stay what it is nothing happens.
    ///
    /// It reads what is its person's, and the line of each app of theirs.
    pub async fn device_leave_preview(&self, id: DeviceId, exit: DeviceExit) -> Result<DeviceLeavePreview, AppError> {
        let mut read = self.store.snapshot().await?;
        let device = read.device(id).await?.ok_or(AppError::NotFound("device"))?;
        let mut preview = DeviceLeavePreview {
            digest: String::new(),
            there: Vec::new(),
            apps: Vec::new(),
            device,
            exit,
        };
        if exit.enrolment(preview.device.enrolment).is_some() {
            self.apps_of_device(&mut read, &mut preview).await?;
        }
        drop(read);
        preview.there.sort_by(|one, next| one.name.cmp(&next.name));
        preview.apps.sort_by(|one, next| one.app.name.cmp(&next.app.name));
        let mut hash = Sha256::new();
        hash.update(id.0.as_bytes());
        hash.update([exit as u8]);
        hash.update(preview.device.enrolment_id.map_or([0; 16], |it| it.0.into_bytes()));
        for app in &preview.there {
            hash.update(app.id.0.as_bytes());
        }
        preview.digest = contract::of_apps(hash, preview.apps.iter());
        Ok(preview)
    }

    async fn apps_of_device(&self, read: &mut Snapshot, preview: &mut DeviceLeavePreview) -> Result<(), AppError> {
        let (now, owner) = (self.now(), preview.device.person_id);
        let leaving = LeavingDevice {
            device: preview.device.id,
            exit: preview.exit,
        };
        for location in read.locations().await? {
            let world = read.world_of(location.id, &[owner], now).await?;
            for (asset, facts) in &world.apps {
                if decide_one(&world, facts, owner, |_| None).is_none() {
                    continue;
                }
                let Some(row) = read.app(*asset).await?.filter(AppRow::is_app) else {
                    continue;
                };
                if facts.installs.get(&leaving.device).is_some_and(Install::may_be_there) {
                    preview.there.push(row.clone());
                }
                let outcome = read.previewed_device(location.id, *asset, leaving, now).await?;
                let happens = |it: &domain::Outcome| it.effect() != Effect::None || it.gives_back;
                if let Some(outcome) = outcome.filter(|outcome| outcome.outcomes.iter().any(happens)) {
                    preview.apps.push(self.previewed_app(read, row, outcome).await?);
                }
            }
        }
        Ok(())
    }

    /// Has the device leave, unless it does something else by now than was agreed to. `seen` is the enrolment that the caller has
    /// looked at: a device that enrolled anew since is another's, or used for something else, and stays.
    pub async fn device_leave(
        &self,
        caller: &Caller,
        id: DeviceId,
        how: Leave,
        seen: Option<EnrolmentId>,
        agreed: &Agreed,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        loop {
            let preview = self.device_leaving(id, how.exit(), seen, agreed).await?;
            let mut tx = self.store.begin().await?;
            let device = device_seen(&mut tx, id, seen).await?;
            if agreed.digest.is_some() && !preview.is_of(&device) {
                continue;
            }
            if device.enrolment == how.enrolment() {
                return Ok(());
            }
            self.leave(&mut tx, &device, how, caller.actor(), json!({})).await?;
            tx.commit().await?;
            self.look_again();
            return Ok(());
        }
    }

    /// What was agreed to, of the enrolment that was seen. Previewed in a reading of its own: nobody else waits for that.
    async fn device_leaving(
        &self,
        id: DeviceId,
        exit: DeviceExit,
        seen: Option<EnrolmentId>,
        agreed: &Agreed,
    ) -> Result<DeviceLeavePreview, AppError> {
        let preview = self.device_leave_preview(id, exit).await?;
        if seen.is_some() && preview.device.enrolment_id != seen {
            return Err(CannotLeave::EnrolledAnew.into());
        }
        // Of what cannot be done, or is done already, something else is said.
        match exit.enrolment(preview.device.enrolment) {
            Some(_) => preview.agreed(agreed),
            None => Ok(preview),
        }
    }

    /// Tells the device to leave: nothing else is on its way to it any more.
    pub(super) async fn leave(
        &self,
        tx: &mut Tx,
        device: &DeviceRow,
        how: Leave,
        actor: Actor,
        cause: serde_json::Value,
    ) -> Result<(), AppError> {
        let now = self.now();
        if how == Leave::Wipe {
            let enrolment = match device.enrolment_id {
                Some(id) => tx.enrolment(id).await?,
                None => None,
            };
            if !enrolment.is_some_and(|row| row.may_erase()) {
                return Err(CannotLeave::NoRightToErase.into());
            }
        }
        if !tx.device_leaving(device.id, how.enrolment(), now).await? {
            return Err(match device.enrolment {
                Enrolment::Wiping => CannotLeave::AlreadyLeaving,
                _ => CannotLeave::NotEnrolled,
            }
            .into());
        }
        withdraw_commands(tx, device.id, now).await?;
        if how == Leave::Wipe {
            self.command_queue(tx, device.id, &Command::EraseDevice, now).await?;
        } else if tx.locations().await?.is_empty() {
            // Nothing was ever installed, and nobody plans the end.
            self.command_queue(tx, device.id, &remove_profile(), now).await?;
        }
        tx.event(
            &NewEvent::new(now, actor, how.event())
                .device(device.id)
                .person(device.person_id)
                .with(cause),
        )
        .await?;
        Ok(())
    }

    /// Thinks better of it, while the command that ends the enrolment has not been handed out. Apps that were removed
    /// come back.
    pub async fn device_stay(&self, caller: &Caller, id: DeviceId) -> Result<(), AppError> {
        caller.may_write()?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let device = tx.device_held(id).await?.ok_or(AppError::NotFound("device"))?;
        if told(&tx.commands_open(id).await?) {
            return Err(CannotLeave::AlreadyTold.into());
        }
        if !tx.device_stays(id).await? {
            return Err(CannotLeave::NotEnrolled.into());
        }
        withdraw_commands(&mut tx, id, now).await?;
        tx.event(
            &NewEvent::new(now, caller.actor(), "deviceStays")
                .device(id)
                .person(device.person_id),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// Takes out a device that is lost, unless that does something else by now than was agreed to: nothing that is signed with its
    /// identity is accepted any more, and what is on it keeps no licence. A device that is gone already stays as it is.
    pub async fn device_remove(
        &self,
        caller: &Caller,
        id: DeviceId,
        seen: Option<EnrolmentId>,
        agreed: &Agreed,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        loop {
            let preview = self.device_leaving(id, DeviceExit::IsTakenOut, seen, agreed).await?;
            let mut tx = self.store.begin().await?;
            let device = device_seen(&mut tx, id, seen).await?;
            if agreed.digest.is_some() && !preview.is_of(&device) {
                continue;
            }
            if device.enrolment.is_over() {
                return Ok(());
            }
            self.take_out(&mut tx, &device, caller.actor(), json!({})).await?;
            tx.commit().await?;
            self.look_again();
            return Ok(());
        }
    }

    pub(super) async fn take_out(
        &self,
        tx: &mut Tx,
        device: &DeviceRow,
        actor: Actor,
        cause: serde_json::Value,
    ) -> Result<(), AppError> {
        let now = self.now();
        if let Some(enrolment) = device.enrolment_id {
            tx.enrolment_revoked(enrolment, now).await?;
        }
        forget_enrolment(tx, device.id, now).await?;
        tx.device_over(device.id, Enrolment::Removed, now).await?;
        tx.event(
            &NewEvent::new(now, actor, "deviceRemoved")
                .device(device.id)
                .person(device.person_id)
                .with(cause),
        )
        .await?;
        Ok(())
    }

    async fn command_queue(&self, tx: &mut Tx, device: DeviceId, command: &Command, now: Time) -> Result<(), AppError> {
        let uuid = self.random.id();
        let body = command.to_plist(&uuid.to_string());
        let row = CommandRow::new(uuid, device, command.request_type(), None, None, body, now);
        Ok(tx.command_insert(&row).await?)
    }

    /// Asks the device for a sign of life.
    pub async fn device_call(&self, tx: &mut Tx, device: DeviceId, now: Time) -> Result<(), AppError> {
        self.device_ask(tx, device, now).await?;
        Ok(tx.device_called(device, now).await?)
    }

    /// Gives the device a reason to speak. `false` when it has one.
    pub(crate) async fn device_ask(&self, tx: &mut Tx, device: DeviceId, now: Time) -> Result<bool, AppError> {
        if !tx.commands_open(device).await?.is_empty() {
            return Ok(false);
        }
        let queries = vec!["DeviceName".to_owned()];
        self.command_queue(tx, device, &Command::DeviceInformation { queries }, now)
            .await?;
        Ok(true)
    }
}

/// The command that ends an enrolment.
pub(crate) fn remove_profile() -> Command {
    Command::RemoveProfile {
        identifier: profile::IDENTIFIER.to_owned(),
    }
}

/// Holds the device, unless it enrolled anew since the caller has seen it.
async fn device_seen(tx: &mut Tx, id: DeviceId, seen: Option<EnrolmentId>) -> Result<DeviceRow, AppError> {
    let device = tx.device_held(id).await?.ok_or(AppError::NotFound("device"))?;
    if seen.is_some() && device.enrolment_id != seen {
        return Err(CannotLeave::EnrolledAnew.into());
    }
    Ok(device)
}

/// Whether the command that ends an enrolment was handed out.
fn told(open: &[CommandRow]) -> bool {
    open.iter().any(|row| {
        matches!(row.request_type.as_str(), "RemoveProfile" | "EraseDevice") && row.state != CommandState::Queued
    })
}

/// Takes the device's answer to the command that ends its enrolment.
pub(super) async fn answered(
    tx: &mut Tx,
    device: &DeviceRow,
    request_type: &str,
    refusal: Option<String>,
    now: Time,
) -> Result<(), AppError> {
    let wiped = request_type == "EraseDevice";
    let kind = match (&refusal, wiped) {
        (None, true) => "deviceWiped",
        (None, false) => "deviceRetired",
        (Some(_), true) => "deviceWipeRefused",
        (Some(_), false) => "deviceRetireRefused",
    };
    if refusal.is_some() {
        tx.device_stays(device.id).await?;
    } else {
        forget_enrolment(tx, device.id, now).await?;
        let how = if wiped { Enrolment::Wiped } else { Enrolment::Retired };
        tx.device_over(device.id, how, now).await?;
    }
    tx.event(
        &NewEvent::new(now, Actor::Device(device.id), kind)
            .device(device.id)
            .person(device.person_id)
            .with(json!({ "failure": refusal })),
    )
    .await?;
    Ok(())
}

/// Nothing is on its way to the device any more. It may have carried out what was handed to it.
pub(super) async fn withdraw_commands(tx: &mut Tx, device: DeviceId, now: Time) -> Result<(), AppError> {
    for asset in drop_commands(tx, device, now).await? {
        let mut install = tx.install(device, asset).await?;
        install.dropped();
        tx.install_put(device, asset, &install).await?;
    }
    Ok(())
}

/// The profile is gone or new: nothing of the old enrolment is on its way, and the apps are unknown.
pub(crate) async fn forget_enrolment(tx: &mut Tx, device: DeviceId, now: Time) -> Result<(), AppError> {
    drop_commands(tx, device, now).await?;
    for (asset, _, mut install) in tx.installs_of_device(device).await? {
        install.forgotten();
        tx.install_put(device, asset, &install).await?;
    }
    Ok(())
}

/// Takes back what the device has not answered. The apps that it was about.
async fn drop_commands(tx: &mut Tx, device: DeviceId, now: Time) -> Result<Vec<AssetId>, AppError> {
    let dropped = tx.commands_drop(device, now).await?;
    tx.invitations_dropped(device, now).await?;
    Ok(dropped.into_iter().filter_map(|command| command.asset_id).collect())
}
