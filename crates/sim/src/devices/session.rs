//! A device at work: enrols, talks to its server, accepts invitations.

use std::sync::Arc;
use std::time::Duration;

use plist::Value;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;

use super::Inner;
use super::commands::{Received, Wanted};
use super::device::{Device, Leaving, Profile, Stage, Work};
use super::installing::Install;
use super::profile::{self, DeviceIdentity};
use super::spec::Farewell;
use super::state::StateError;
use super::store::{Accepted, Licence};

/// A server that never runs out of commands within one session is broken.
const LONGEST_SESSION: usize = 500;

const CHECK_IN: &str = "application/x-apple-aspen-mdm-checkin";
const COMMANDS: &str = "application/x-apple-aspen-mdm; charset=UTF-8";

/// Why a device is not enrolled (yet).
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The device goes on trying.
    #[error("could not reach the server, and will try again")]
    Unreachable(#[source] reqwest::Error),
    /// The device goes on trying.
    #[error("the server answered {status} to {message}, and will be asked again")]
    Server { message: &'static str, status: u16 },
    #[error("the server refused {message} with {status}")]
    Refused { message: &'static str, status: u16 },
    #[error("the enrolment profile is of no use: {0}")]
    Profile(String),
    #[error("the enrolment is over: {0}")]
    Gone(String),
    #[error(transparent)]
    State(#[from] StateError),
}

/// Why a session came to its end before everything was said.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("could not reach the server")]
    Unreachable(#[from] reqwest::Error),
    #[error("the server answered {0}")]
    Server(u16),
    #[error("the device cannot sign: {0}")]
    Identity(String),
    #[error(transparent)]
    State(#[from] StateError),
}

struct Reply {
    status: StatusCode,
    content_type: String,
    body: Vec<u8>,
}

/// Does all that the device has to do now.
pub async fn work(inner: &Arc<Inner>, serial: &str) {
    loop {
        let Some(work) = inner.look(serial, |device, now| device.work(now)).flatten() else {
            return;
        };
        let failed = match work {
            Work::Enrol => enrol(inner, serial).await.err().map(|error| error.to_string()),
            Work::Talk => talk(inner, serial).await.err().map(|error| error.to_string()),
            Work::Accept { code } => accept(inner, serial, &code).await.err().map(|error| error.to_string()),
        };
        if let Some(error) = failed {
            tracing::debug!(device.serial = serial, error, "a device will try again");
            // A failure that left no time to try again must not turn this into a busy loop.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Goes through what is left of the enrolment.
pub async fn enrol(inner: &Arc<Inner>, serial: &str) -> Result<(), EnrolError> {
    loop {
        let stage = inner.look(serial, |device, _| device.stage.clone());
        match stage.ok_or_else(|| StateError::UnknownDevice(serial.into()))? {
            Stage::Invited { enrol_url } => download_profile(inner, serial, &enrol_url).await?,
            Stage::Installing => {
                let authenticate = inner
                    .look(serial, |device, _| device.authenticate())
                    .unwrap_or_default();
                check_in(inner, serial, "Authenticate", &authenticate).await?;
                let token_update = inner
                    .look(serial, |device, _| device.token_update(true))
                    .unwrap_or_default();
                check_in(inner, serial, "TokenUpdate", &token_update).await?;
                inner.change(serial, |device, now| device.enrolled(now))?;
                user_speaks(inner, serial).await;
                tracing::info!(device.serial = serial, "a simulated device enrolled");
            }
            Stage::Enrolled => return Ok(()),
            Stage::Gone { why } => return Err(EnrolError::Gone(why)),
        }
    }
}

async fn download_profile(inner: &Arc<Inner>, serial: &str, enrol_url: &str) -> Result<(), EnrolError> {
    let reply = match inner.store.http.post(enrol_url).send().await {
        Ok(reply) => reply,
        Err(error) => return Err(try_later(inner, serial, EnrolError::Unreachable(error))?),
    };
    let status = reply.status();
    let message = "the download of the profile";
    if status.is_client_error() {
        let error = EnrolError::Refused {
            message,
            status: status.as_u16(),
        };
        return Err(no_profile(inner, serial, error)?);
    }
    if !status.is_success() {
        let error = EnrolError::Server {
            message,
            status: status.as_u16(),
        };
        return Err(try_later(inner, serial, error)?);
    }
    let content_type = header_text(&reply);
    let body = match reply.bytes().await {
        Ok(body) => body,
        Err(error) => return Err(try_later(inner, serial, EnrolError::Unreachable(error))?),
    };
    if !content_type.starts_with("application/x-apple-aspen-config") {
        let error = EnrolError::Profile(format!("it came as {content_type:?}"));
        return Err(no_profile(inner, serial, error)?);
    }
    let profile = match profile::read(&body) {
        Ok(profile) => profile,
        Err(error) => return Err(no_profile(inner, serial, EnrolError::Profile(error))?),
    };
    let (profile, identity) = match open(profile).await {
        Ok(opened) => opened,
        Err(error) => return Err(no_profile(inner, serial, EnrolError::Profile(error))?),
    };
    inner.change_slot(serial, |slot, _| {
        slot.device.take_profile(profile);
        slot.identity = Some(identity);
    })?;
    Ok(())
}

/// Opens the identity of a profile on a thread that may be slow.
async fn open(profile: Profile) -> Result<(Profile, Arc<DeviceIdentity>), String> {
    let opening = tokio::task::spawn_blocking(move || profile::open(&profile).map(|identity| (profile, identity)));
    let (profile, identity) = opening.await.map_err(|error| error.to_string())??;
    Ok((profile, Arc::new(identity)))
}

/// The key and certificate that a device signs with.
async fn identity(inner: &Inner, serial: &str, profile: Profile) -> Result<Arc<DeviceIdentity>, String> {
    if let Some(identity) = inner.state().slots.get(serial).and_then(|slot| slot.identity.clone()) {
        return Ok(identity);
    }
    let (_, identity) = open(profile).await?;
    if let Some(slot) = inner.state().slots.get_mut(serial) {
        slot.identity = Some(identity.clone());
    }
    Ok(identity)
}

async fn check_in(inner: &Arc<Inner>, serial: &str, message: &'static str, body: &str) -> Result<(), EnrolError> {
    let reply = match put(inner, serial, CHECK_IN, body).await {
        Ok(reply) => reply,
        Err(SessionError::Unreachable(error)) => {
            return Err(try_later(inner, serial, EnrolError::Unreachable(error))?);
        }
        Err(SessionError::State(error)) => return Err(error.into()),
        Err(error) => return Err(give_up(inner, serial, EnrolError::Profile(error.to_string()))?),
    };
    let status = reply.status.as_u16();
    if reply.status == StatusCode::OK {
        return Ok(());
    }
    if tells_to_unenrol(inner, serial, &reply) {
        return Err(give_up(inner, serial, EnrolError::Refused { message, status })?);
    }
    Err(try_later(inner, serial, EnrolError::Server { message, status })?)
}

fn try_later(inner: &Inner, serial: &str, error: EnrolError) -> Result<EnrolError, StateError> {
    inner.change(serial, |device, now| postpone(inner, device, now))?;
    Ok(error)
}

fn no_profile(inner: &Inner, serial: &str, error: EnrolError) -> Result<EnrolError, StateError> {
    inner.change(serial, |device, _| device.without_profile(&error.to_string()))?;
    Ok(error)
}

fn give_up(inner: &Inner, serial: &str, error: EnrolError) -> Result<EnrolError, StateError> {
    inner.change(serial, |device, _| device.drop_enrolment(&error.to_string()))?;
    Ok(error)
}

fn postpone(inner: &Inner, device: &mut Device, now: i64) {
    let timings = &inner.timings;
    device.undelivered(
        now,
        timings.first_retry.as_millis() as i64,
        timings.longest_retry.as_millis() as i64,
    );
}

/// What goes wrong with a message, by the habits of the device.
struct Faults {
    wrong_udid: bool,
    twice: bool,
    /// Sent after it.
    old: Option<String>,
}

impl Faults {
    fn of(device: &mut Device) -> Faults {
        let (wrong_udids, duplicates, old) = (
            device.spec.wrong_udids,
            device.spec.duplicate_results,
            device.spec.old_results,
        );
        let is_result = device.result.is_some();
        let old = match device.old_results.len() {
            known if known > 0 && is_result && device.rng.chance(old) => {
                let which = device.rng.below(known);
                Some(device.old_results[which].body.clone())
            }
            _ => None,
        };
        Faults {
            wrong_udid: device.rng.chance(wrong_udids),
            twice: is_result && device.rng.chance(duplicates),
            old,
        }
    }
}

/// Says the same for another device, with its own signature. A server that takes it believes anybody anything.
async fn in_anothers_name(inner: &Arc<Inner>, serial: &str, body: &str) -> Result<(), StateError> {
    let (own, others) = {
        let state = inner.state();
        let own = state.slots.get(serial).map(|slot| slot.device.udid.clone());
        let others = state.slots.iter().filter(|(other, _)| *other != serial);
        (
            own,
            others.map(|(_, slot)| slot.device.udid.clone()).collect::<Vec<_>>(),
        )
    };
    let Some(own) = own.filter(|_| !others.is_empty()) else {
        return Ok(());
    };
    let which = inner.change(serial, |device, _| device.rng.below(others.len()))?;
    let Ok(reply) = put(inner, serial, COMMANDS, &body.replace(&own, &others[which])).await else {
        return Ok(());
    };
    if reply.status.is_success() || tells_to_unenrol(inner, serial, &reply) {
        inner.change(serial, |device, _| {
            device.complain(format!("a message in another's name was answered {}", reply.status));
        })?;
    }
    Ok(())
}

/// A user of the device tells of their channel and asks for work. Nothing may be asked of them.
async fn user_speaks(inner: &Arc<Inner>, serial: &str) {
    let messages = inner.look(serial, |device, _| {
        device.spec.user_channel.then(|| device.user_messages())
    });
    let Some([update, idle]) = messages.flatten() else {
        return;
    };
    let _ = put(inner, serial, CHECK_IN, &update).await;
    if let Ok(reply) = put(inner, serial, COMMANDS, &idle).await
        && (!reply.body.is_empty() || reply.status == StatusCode::UNAUTHORIZED)
    {
        let complaint = format!("a user was answered {} and told something", reply.status);
        let _ = inner.change(serial, |device, _| device.complain(complaint));
    }
}

/// Delivers what is cached, asks for work, and goes on until the server has no more.
async fn talk(inner: &Arc<Inner>, serial: &str) -> Result<(), SessionError> {
    for _ in 0..LONGEST_SESSION {
        let message = inner.change(serial, |device, now| {
            if device.is_offline(now) {
                return None;
            }
            let body = device.next_message(now)?;
            let faults = Faults::of(device);
            Some((body, faults))
        })?;
        let Some((body, faults)) = message else { return Ok(()) };
        if faults.wrong_udid {
            in_anothers_name(inner, serial, &body).await?;
        }
        let twice = faults.twice;
        if twice {
            // Whatever the server says to this one got lost on its way.
            let _ = put(inner, serial, COMMANDS, &body).await;
        }
        let sent = put(inner, serial, COMMANDS, &body).await;
        if let Some(leaving) = inner.look(serial, |device, _| device.leaving).flatten() {
            return leave(inner, serial, leaving).await.map_err(SessionError::State);
        }
        let reply = match sent {
            Ok(reply) => reply,
            Err(error) => {
                inner.change(serial, |device, now| postpone(inner, device, now))?;
                return Err(error);
            }
        };
        if !inner.look(serial, |device, _| device.is_enrolled()).unwrap_or(false) {
            return Ok(());
        }
        user_speaks(inner, serial).await;
        if tells_to_unenrol(inner, serial, &reply) {
            let status = reply.status.as_u16();
            let token = inner.change(serial, |device, _| {
                device.drop_enrolment(&format!("the server answered {status}"));
                device.token_hex()
            })?;
            let _ = inner.store.forget_token(&token).await;
            return Ok(());
        }
        if !reply.status.is_success() {
            inner.change(serial, |device, now| postpone(inner, device, now))?;
            return Err(SessionError::Server(reply.status.as_u16()));
        }
        inner.change(serial, |device, _| device.delivered(!reply.body.is_empty()))?;
        if let Some(old) = faults.old {
            // Nobody listens to what the server says to this one.
            let _ = put(inner, serial, COMMANDS, &old).await;
        }
        if !reply.body.is_empty() && !take_command(inner, serial, &reply.body).await? {
            return Ok(());
        }
    }
    inner.change(serial, |device, _| {
        device.complain(format!("one session had more than {LONGEST_SESSION} messages"));
        device.session_broken();
    })?;
    Ok(())
}

/// Reads and executes a command. False when that was the end of the session.
async fn take_command(inner: &Arc<Inner>, serial: &str, body: &[u8]) -> Result<bool, StateError> {
    let message = match mdm::plist::parse(body) {
        Ok(message) => message,
        Err(error) => {
            inner.change(serial, |device, _| {
                device.complain(format!("a command could not be read: {error}"));
                device.session_broken();
            })?;
            return Ok(false);
        }
    };
    let received = inner.change(serial, |device, now| {
        let received = device.receive(&message, now);
        if received == Received::Lost {
            device.session_broken();
        }
        received
    })?;
    match received {
        Received::Lost => Ok(false),
        Received::Answered => Ok(true),
        Received::Leaves(leaving) => {
            leave(inner, serial, leaving).await?;
            Ok(false)
        }
        Received::AskStore(wanted) => {
            install(inner, serial, wanted).await?;
            Ok(true)
        }
    }
}

/// Does what the server ordered: the profile goes, or everything. Who loses the profile says so, once.
async fn leave(inner: &Arc<Inner>, serial: &str, leaving: Leaving) -> Result<(), StateError> {
    let (check_out, token) = inner.change(serial, |device, now| {
        let says_so = device.profile.as_ref().is_some_and(|it| it.check_out_when_removed);
        let heard = device.spec.farewell != Farewell::Unheard && !device.is_offline(now);
        let message = (leaving == Leaving::Unenrol && says_so && heard).then(|| device.check_out());
        match leaving {
            Leaving::Unenrol => device.drop_enrolment("the server removed the profile"),
            Leaving::Erase => device.erase(),
        }
        (message, device.token_hex())
    })?;
    tracing::info!(device.serial = serial, ?leaving, "a simulated device left");
    if let Some(message) = check_out {
        self::check_out(inner, serial, &message).await;
    }
    let _ = inner.store.forget_token(&token).await;
    Ok(())
}

async fn install(inner: &Arc<Inner>, serial: &str, wanted: Wanted) -> Result<(), StateError> {
    let account = inner
        .look(serial, |device, _| {
            device.spec.account.clone().filter(|_| !device.awaiting_configuration)
        })
        .flatten();
    let mut facts = None;
    let mut licence = Licence::None;
    let asked = async {
        let Some(name) = wanted.app() else { return Ok(()) };
        facts = inner.store.app(&name).await?;
        if let Some(facts) = &facts {
            licence = inner.store.licence(&facts.adam_id, serial, account.as_deref()).await?;
        }
        Ok::<(), reqwest::Error>(())
    };
    if let Err(error) = asked.await {
        tracing::warn!(device.serial = serial, %error, "a simulated device could not ask the store");
        facts = None;
    }
    let install = Install {
        command: &wanted.command,
        facts: facts.as_ref(),
        licence,
        queue_ms: inner.timings.queued.as_millis() as i64,
    };
    inner.change(serial, |device, now| {
        device.install_now(wanted.command_uuid.clone(), &install, now)
    })
}

/// The person opens an invitation and agrees.
async fn accept(inner: &Arc<Inner>, serial: &str, code: &str) -> Result<(), SessionError> {
    let account = inner.look(serial, |device, _| device.spec.account.clone()).flatten();
    let Some(account) = account else { return Ok(()) };
    let outcome = inner.store.accept(code, &account).await;
    inner.change(serial, |device, now| {
        for invitation in &mut device.invitations {
            if invitation.code != code {
                continue;
            }
            match &outcome {
                Ok(Accepted::Yes) => invitation.accepted = true,
                Ok(Accepted::Refused) => invitation.accept_at = None,
                Err(_) => {
                    invitation.attempts += 1;
                    let wait = inner
                        .timings
                        .first_retry
                        .saturating_mul(1 << invitation.attempts.min(20));
                    let wait = wait.min(inner.timings.longest_retry).max(Duration::from_millis(1));
                    invitation.accept_at = Some(now + wait.as_millis() as i64);
                }
            }
        }
    })?;
    match outcome? {
        Accepted::Yes => tracing::info!(device.serial = serial, "a person accepted the invitation"),
        Accepted::Refused => tracing::warn!(device.serial = serial, "an invitation could not be accepted"),
    }
    Ok(())
}

/// Tells the server that the profile was removed. One attempt, as devices make.
pub async fn check_out(inner: &Arc<Inner>, serial: &str, body: &str) {
    match put(inner, serial, CHECK_IN, body).await {
        Ok(reply) if reply.status.is_success() => {}
        Ok(reply) => tracing::debug!(
            device.serial = serial,
            status = reply.status.as_u16(),
            "CheckOut was not taken"
        ),
        Err(error) => tracing::debug!(device.serial = serial, %error, "CheckOut got lost"),
    }
}

/// Tells the server the new push token. False when it did not take it.
pub async fn token_update(inner: &Arc<Inner>, serial: &str, body: &str) -> bool {
    put(inner, serial, CHECK_IN, body)
        .await
        .is_ok_and(|reply| reply.status.is_success())
}

/// Sends a message, signed as the profile asks for.
async fn put(inner: &Inner, serial: &str, content_type: &str, body: &str) -> Result<Reply, SessionError> {
    let profile = inner.look(serial, |device, _| (device.profile.clone(), device.spec.signature));
    let Some((Some(profile), form)) = profile else {
        return Err(SessionError::Identity("it has no profile".into()));
    };
    let url = match content_type {
        CHECK_IN => &profile.check_in_url,
        _ => &profile.server_url,
    };
    let mut request = inner
        .store
        .http
        .put(url)
        .header(CONTENT_TYPE, content_type)
        .body(body.to_string());
    if profile.sign_message {
        let identity = identity(inner, serial, profile).await.map_err(SessionError::Identity)?;
        let signature = profile::sign(body.as_bytes(), &identity, form).map_err(SessionError::Identity)?;
        request = request.header("Mdm-Signature", signature);
    }
    let reply = request.send().await?;
    let (status, content_type) = (reply.status(), header_text(&reply));
    let body = reply.bytes().await?.to_vec();
    Ok(Reply {
        status,
        content_type,
        body,
    })
}

fn header_text(reply: &reqwest::Response) -> String {
    let value = reply.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_string()
}

/// 401 removes the profile on every device, and so does one kind of 403 since iOS 17.
fn tells_to_unenrol(inner: &Inner, serial: &str, reply: &Reply) -> bool {
    if reply.status == StatusCode::UNAUTHORIZED {
        return true;
    }
    if reply.status != StatusCode::FORBIDDEN {
        return false;
    }
    let code = if reply.content_type.contains("json") {
        serde_json::from_slice::<serde_json::Value>(&reply.body)
            .ok()
            .and_then(|body| body["code"].as_str().map(String::from))
    } else {
        mdm::plist::parse(&reply.body)
            .ok()
            .and_then(|body| body.get("code").and_then(Value::as_string).map(String::from))
    };
    let understands = inner
        .look(serial, |device, _| device.spec.os() >= vec![17])
        .unwrap_or(false);
    understands && code.as_deref() == Some("com.apple.unrecognized.device")
}
