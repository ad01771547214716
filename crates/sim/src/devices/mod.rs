//! A fleet of iPhones and iPads, simulated, that speak the real protocol to a real server.
//!
//! A device enrols with the one-time page of its enrolment, and from then on does what real
//! ones do: it stays silent until a push with its PushMagic comes, asks for work, answers, and
//! sends an answer again, byte for byte, until the server has it. What the store would know
//! (apps, licences, invitations) it asks of the simulated Apple over HTTP.
//!
//! People are part of the fleet: they accept invitations, answer prompts, delete apps, switch
//! devices off, all as their [`DeviceSpec`] says or by a method of [`Fleet`].
//!
//! Left out: what users are asked over their channels (they speak when told to), Shared iPad, User Enrollment, declarative management, client
//! certificates over TLS (devices sign their messages instead).

mod answer;
mod apps;
mod bytes;
mod commands;
mod device;
mod hand;
mod installing;
mod profile;
mod schema;
mod session;
mod spec;
mod state;
mod store;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::sync::{Notify, OwnedMutexGuard, Semaphore, watch};

use self::apps::Phase;
use self::device::{Device, Stage};
use self::state::{Slot, State};
use self::store::{AppName, Store};
use crate::clock::{Clock, system_clock};

pub use self::hand::{Hand, Market, Said};
pub use self::session::EnrolError;
pub use self::spec::{DeviceSpec, Farewell, InvitationManner, OfflineSpell, Prompt, SignatureForm};
pub use self::state::StateError;
pub use self::store::Licence;
pub use crate::facts::AppFacts;

/// How to start a fleet. Only the simulated Apple's address has to be given.
#[derive(Clone)]
pub struct FleetOptions {
    /// Where the simulated Apple is, without a slash at the end.
    pub apple_url: String,
    /// Where everything is kept that a device must not forget. Without it, nothing survives.
    pub state_file: Option<PathBuf>,
    pub seed: u64,
    pub timings: Timings,
    /// How many devices talk at the same time.
    pub sessions: usize,
}

impl Default for FleetOptions {
    fn default() -> Self {
        FleetOptions {
            apple_url: String::new(),
            state_file: None,
            seed: 1,
            timings: Timings::default(),
            sessions: 8,
        }
    }
}

/// How long things take that are no habit of a single device. The default looks lively.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// How long an app is queued before its download starts.
    pub queued: Duration,
    /// Before the first attempt to send something again; doubles with each.
    pub first_retry: Duration,
    pub longest_retry: Duration,
    /// How long one question for pushes waits.
    pub push_wait: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Timings {
            queued: Duration::from_secs(1),
            first_retry: Duration::from_secs(1),
            longest_retry: Duration::from_secs(30),
            push_wait: Duration::from_secs(25),
        }
    }
}

impl Timings {
    /// For tests that have no time to lose.
    pub fn fast() -> Self {
        Timings {
            queued: Duration::from_millis(10),
            first_retry: Duration::from_millis(20),
            longest_retry: Duration::from_millis(200),
            push_wait: Duration::from_secs(5),
        }
    }
}

/// Why a fleet could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("could not use the state file")]
    StateFile(#[source] io::Error),
    #[error("could not set up the network")]
    Http(#[source] reqwest::Error),
}

/// What one can see of a device from the outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceSnapshot {
    pub serial: String,
    pub name: String,
    pub udid: String,
    pub enrolled: bool,
    /// Why it is not enrolled any more.
    pub gone: Option<String>,
    pub awaiting_configuration: bool,
    pub account: Option<String>,
    pub online: bool,
    /// By bundle identifier, in the words of `ManagedApplicationList`, and `Unmanaged` for the
    /// person's own.
    pub apps: BTreeMap<String, String>,
    pub invitations_shown: usize,
    pub invitations_accepted: usize,
    /// Questions for work.
    pub polls: u64,
    /// Pushes with the right PushMagic.
    pub pushes: u64,
    pub results_delivered: u64,
    pub not_nows: u64,
    /// A result is waiting to be delivered.
    pub undelivered: bool,
    /// What the server did that it must not do; empty in front of a good one.
    pub protocol_errors: Vec<String>,
    /// In hex; empty before the enrolment.
    pub push_token: String,
}

/// What was on a device at one moment.
#[derive(Debug, Clone)]
pub struct Backup(String);

/// A running fleet. Stops at once when it is dropped, like a device whose battery is empty:
/// with a state file it can be started again and goes on.
pub struct Fleet {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    store: Store,
    timings: Timings,
    seed: u64,
    clock: Clock,
    sessions: Semaphore,
    /// Something may be due sooner than it was.
    wake: Notify,
    stopping: watch::Sender<bool>,
}

impl Fleet {
    /// Starts with the devices of the state file, if there is one.
    pub fn start(options: FleetOptions) -> BoxFuture<'static, Result<Fleet, StartError>> {
        Box::pin(Fleet::start_now(options))
    }

    async fn start_now(options: FleetOptions) -> Result<Fleet, StartError> {
        let state = State::load(options.state_file).map_err(StartError::StateFile)?;
        // Everything simulated is near: a proxy would only be in the way.
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(StartError::Http)?;
        let inner = Arc::new(Inner {
            state: Mutex::new(state),
            store: Store {
                http,
                url: options.apple_url.trim_end_matches('/').to_string(),
            },
            timings: options.timings,
            seed: options.seed,
            clock: system_clock(),
            sessions: Semaphore::new(options.sessions.max(1)),
            wake: Notify::new(),
            stopping: watch::Sender::new(false),
        });
        inner.spawn(listen_for_pushes(inner.clone()));
        inner.spawn(schedule(inner.clone()));
        Ok(Fleet { inner })
    }

    /// Enrols a device through the one-time page of its enrolment, and returns when it is
    /// enrolled or the first attempt failed. Where trying again makes sense, the device does so
    /// by itself afterwards.
    ///
    /// A serial number that is known already is the same device with another profile: it keeps
    /// its apps, and its former profile if it gets no other. See [`Fleet::erase`].
    pub fn enrol<'a>(&'a self, spec: DeviceSpec, enrol_url: &'a str) -> BoxFuture<'a, Result<(), EnrolError>> {
        Box::pin(self.enrol_now(spec, enrol_url))
    }

    async fn enrol_now(&self, spec: DeviceSpec, enrol_url: &str) -> Result<(), EnrolError> {
        let serial = spec.serial.clone();
        let turn = {
            let mut state = self.inner.state();
            if !state.slots.contains_key(&serial) {
                let mut device = Device::new(spec.clone(), self.inner.seed, enrol_url);
                device.stage = Stage::Gone {
                    why: "not enrolled yet".into(),
                };
                state.insert(device)?;
            }
            state.slots[&serial].turn.clone()
        };
        let turn = Turn {
            guard: Some(turn.lock_owned().await),
            inner: self.inner.clone(),
        };
        self.inner.change_slot(&serial, |slot, _| {
            slot.device.invite_again(spec, enrol_url);
            slot.identity = None;
        })?;
        // In a task of its own, so that a caller who stops waiting does not cut the enrolment.
        let inner = self.inner.clone();
        let (send, receive) = tokio::sync::oneshot::channel();
        self.inner.spawn(async move {
            let permit = inner.sessions.acquire().await;
            let outcome = session::enrol(&inner, &serial).await;
            drop((permit, turn));
            let _ = send.send(outcome);
        });
        receive.await.unwrap_or(Err(EnrolError::State(StateError::Stopped)))
    }

    /// All devices, by serial number.
    pub fn devices(&self) -> Vec<DeviceSnapshot> {
        let now = self.inner.now();
        let mut state = self.inner.state();
        let mut snapshots = Vec::new();
        for slot in state.slots.values_mut() {
            slot.device.advance(now);
            snapshots.push(snapshot(&slot.device, now));
        }
        snapshots
    }

    pub fn device(&self, serial: &str) -> Option<DeviceSnapshot> {
        self.inner.look(serial, snapshot)
    }

    /// Gives a device or its person other habits from now on.
    pub fn change(&self, serial: &str, change: impl FnOnce(&mut DeviceSpec)) -> bool {
        self.act(serial, |device, _| {
            let failing_downloads = device.spec.failing_downloads;
            change(&mut device.spec);
            if device.spec.failing_downloads != failing_downloads {
                device.failing_downloads = device.spec.failing_downloads;
            }
            true
        })
    }

    /// The person deletes an app. False when it is not there or may not be deleted.
    pub fn user_removes_app(&self, serial: &str, bundle_id: &str) -> bool {
        self.act(serial, |device, _| device.user_removes(bundle_id))
    }

    /// The person gets an app from the store. False when it is there already, or unknown.
    pub async fn user_installs_app(&self, serial: &str, bundle_id: &str) -> bool {
        match self.inner.store.app(&AppName::BundleId(bundle_id.into())).await {
            Ok(Some(facts)) => self.act(serial, |device, _| device.user_installs(&facts)),
            Ok(None) | Err(_) => false,
        }
    }

    /// The person answers the question about an app. False when there is none on the screen.
    pub fn user_answers_prompt(&self, serial: &str, bundle_id: &str, accepts: bool) -> bool {
        self.act(serial, |device, now| device.user_answers(bundle_id, accepts, now))
    }

    /// The person accepts every invitation on the screen now, whatever the habit is.
    pub fn user_accepts_invitations(&self, serial: &str) -> bool {
        self.act(serial, |device, now| {
            let mut any = false;
            for invitation in device.invitations.iter_mut().filter(|invitation| !invitation.accepted) {
                invitation.accept_at = Some(now);
                any = true;
            }
            any
        })
    }

    /// The person signs in to the store, or out. Apps that waited for it go on, or fail.
    pub async fn sign_in(&self, serial: &str, account: Option<&str>) -> bool {
        if !self.act(serial, |device, _| {
            device.spec.account = account.map(String::from);
            true
        }) {
            return false;
        }
        let Some(account) = account else { return true };
        let waiting = self.inner.look(serial, |device, _| {
            let apps = device.apps.values().filter(|app| app.phase == Phase::PromptingForLogin);
            apps.map(|app| (app.bundle_id.clone(), app.adam_id.clone()))
                .collect::<Vec<_>>()
        });
        for (bundle_id, adam_id) in waiting.unwrap_or_default() {
            let licence = self
                .inner
                .store
                .licence(&adam_id, serial, Some(account))
                .await
                .unwrap_or(Licence::None);
            let queue_ms = self.inner.timings.queued.as_millis() as i64;
            self.act(serial, |device, now| {
                let Some(app) = device.apps.get_mut(&bundle_id) else {
                    return false;
                };
                if app.phase == Phase::PromptingForLogin {
                    app.phase = match licence {
                        Licence::None => Phase::Failed,
                        Licence::Device | Licence::User => Phase::Queued { until: now + queue_ms },
                    };
                }
                true
            });
        }
        true
    }

    /// Nothing gets out of the device or into it until [`Fleet::go_online`].
    pub fn go_offline(&self, serial: &str) -> bool {
        self.act(serial, |device, _| {
            device.offline = true;
            true
        })
    }

    pub fn go_online(&self, serial: &str) -> bool {
        self.act(serial, |device, _| {
            device.offline = false;
            true
        })
    }

    /// The person removes the profile. The server is told if the profile says so; once, and
    /// only if the device is online.
    pub async fn check_out(&self, serial: &str) -> bool {
        let said = self.inner.change(serial, |device, now| {
            if !device.is_enrolled() {
                return None;
            }
            let message = device.check_out();
            let wanted = device
                .profile
                .as_ref()
                .is_some_and(|profile| profile.check_out_when_removed);
            let send = wanted && !device.is_offline(now);
            device.drop_enrolment("the person removed the profile");
            Some((message, send, device.token_hex()))
        });
        let Ok(Some((message, send, token))) = said else {
            return false;
        };
        if send {
            session::check_out(&self.inner, serial, &message).await;
        }
        let _ = self.inner.store.forget_token(&token).await;
        true
    }

    /// Makes the device as new. The server is not told; the next enrolment has the same UDID.
    pub async fn erase(&self, serial: &str) -> bool {
        let token = self.inner.change(serial, |device, _| {
            device.erase();
            device.token_hex()
        });
        let Ok(token) = token else { return false };
        let _ = self.inner.store.forget_token(&token).await;
        true
    }

    /// The push token changes, as it sometimes does. False when the server was not told.
    pub async fn rotate_token(&self, serial: &str) -> bool {
        let rotated = self.inner.change(serial, |device, _| {
            if !device.is_enrolled() {
                return None;
            }
            let old = device.token_hex();
            device.token = device.rng.bytes(32);
            Some((old, device.token_update(false)))
        });
        let Ok(Some((old, message))) = rotated else {
            return false;
        };
        let _ = self.inner.store.forget_token(&old).await;
        session::token_update(&self.inner, serial, &message).await
    }

    /// What a backup of the device would keep. `None` when no device has that serial number.
    pub fn backup(&self, serial: &str) -> Option<Backup> {
        let text = self.inner.look(serial, |device, _| serde_json::to_string(device))?;
        Some(Backup(text.expect("a device becomes JSON")))
    }

    /// The same device is restored from a backup: its apps are as they were, and it has another push token, which it
    /// tells its server. False when the enrolment of the backup is over, or the server was not told.
    pub async fn restore(&self, serial: &str, backup: &Backup) -> bool {
        let Ok(backup) = serde_json::from_str::<Device>(&backup.0) else {
            return false;
        };
        let restored = self.inner.change(serial, |device, _| {
            let old = device.token_hex();
            device.restore(&backup).then(|| (old, device.token_update(false)))
        });
        let Ok(Some((old, message))) = restored else {
            return false;
        };
        let _ = self.inner.store.forget_token(&old).await;
        session::token_update(&self.inner, serial, &message).await
    }

    /// Stops everything at once, and writes nothing any more. The same as dropping it.
    pub fn stop(&self) {
        self.inner.state().stop();
        self.inner.stopping.send_replace(true);
    }

    /// Does something to a device; false when that was not possible.
    fn act(&self, serial: &str, act: impl FnOnce(&mut Device, i64) -> bool) -> bool {
        match self.inner.change(serial, act) {
            Ok(done) => done,
            Err(error) => {
                tracing::warn!(device.serial = serial, %error, "nothing could be done to the device");
                false
            }
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Inner {
    fn now(&self) -> i64 {
        (self.clock)()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in between leaves one device half changed, which the next message shows.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Looks at a device as it is now.
    fn look<T>(&self, serial: &str, look: impl FnOnce(&Device, i64) -> T) -> Option<T> {
        let now = self.now();
        let mut state = self.state();
        let slot = state.slots.get_mut(serial)?;
        slot.device.advance(now);
        Some(look(&slot.device, now))
    }

    /// Changes a device, and saves it before this returns.
    fn change<T>(&self, serial: &str, change: impl FnOnce(&mut Device, i64) -> T) -> Result<T, StateError> {
        self.change_slot(serial, |slot, now| change(&mut slot.device, now))
    }

    fn change_slot<T>(&self, serial: &str, change: impl FnOnce(&mut Slot, i64) -> T) -> Result<T, StateError> {
        let now = self.now();
        let done = self.state().change(serial, |slot| {
            slot.device.advance(now);
            change(slot, now)
        });
        self.wake.notify_one();
        done
    }

    /// Runs until done, or until the fleet stops.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut stopping = self.stopping.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => {}
                () = task => {}
            }
        });
    }
}

/// The right to speak for a device. Giving it back lets others look what is due.
struct Turn {
    guard: Option<OwnedMutexGuard<()>>,
    inner: Arc<Inner>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.guard.take();
        self.inner.wake.notify_one();
    }
}

/// Gives every device with something to do its turn.
async fn schedule(inner: Arc<Inner>) {
    loop {
        let now = inner.now();
        let mut next: Option<i64> = None;
        let mut turns = Vec::new();
        for (serial, slot) in &inner.state().slots {
            let Some(due) = slot.device.due(now) else { continue };
            if due > now {
                next = Some(next.map_or(due, |earlier| earlier.min(due)));
                continue;
            }
            if let Ok(guard) = slot.turn.clone().try_lock_owned() {
                turns.push((serial.clone(), guard));
            }
        }
        for (serial, guard) in turns {
            let turn = Turn {
                guard: Some(guard),
                inner: inner.clone(),
            };
            let inner_of_turn = inner.clone();
            inner.spawn(async move {
                let permit = inner_of_turn.sessions.acquire().await;
                session::work(&inner_of_turn, &serial).await;
                drop((permit, turn));
            });
        }
        let wait = next.map_or(Duration::from_secs(60), |next| {
            Duration::from_millis((next - now).max(1) as u64)
        });
        tokio::select! {
            _ = inner.wake.notified() => {}
            _ = tokio::time::sleep(wait) => {}
        }
    }
}

/// Hears all pushes of the simulated push service, and wakes those devices that they are for.
async fn listen_for_pushes(inner: Arc<Inner>) {
    let mut pause = Duration::from_millis(50);
    loop {
        let cursor = inner.state().cursor;
        match inner.store.pushes(cursor, inner.timings.push_wait).await {
            Ok(heard) if heard.pushes.is_empty() && heard.last == cursor => pause = Duration::from_millis(50),
            Ok(heard) => {
                pause = Duration::from_millis(50);
                let saved = inner.state().hear(&heard.pushes, heard.last);
                inner.wake.notify_one();
                if let Err(error) = saved {
                    tracing::warn!(%error, "the pushes heard could not be saved");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "the push service is away");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
        }
    }
}

fn snapshot(device: &Device, now: i64) -> DeviceSnapshot {
    let mut apps = BTreeMap::new();
    for (bundle_id, app) in &device.apps {
        apps.insert(bundle_id.clone(), app.phase.status().unwrap_or("Unmanaged").to_string());
    }
    DeviceSnapshot {
        serial: device.spec.serial.clone(),
        name: device.spec.name.clone(),
        udid: device.udid.clone(),
        enrolled: device.is_enrolled(),
        gone: match &device.stage {
            Stage::Gone { why } => Some(why.clone()),
            _ => None,
        },
        awaiting_configuration: device.awaiting_configuration,
        account: device.spec.account.clone(),
        online: !device.is_offline(now),
        apps,
        invitations_shown: device.invitations.len(),
        invitations_accepted: device
            .invitations
            .iter()
            .filter(|invitation| invitation.accepted)
            .count(),
        polls: device.polls,
        pushes: device.heard,
        results_delivered: device.results_delivered,
        not_nows: device.not_nows,
        undelivered: device.result.is_some(),
        protocol_errors: device.protocol_errors.clone(),
        push_token: device.token_hex(),
    }
}
