//! Inviting people to the programme: carries out what [`domain::invitation`] decides.

use domain::{
    DeviceId, PersonId, Program, Time, World,
    invitation::{self, Ending, Next},
};
use mdm::command::Command;
use serde_json::json;
use store::{Actor, ClientUserRow, CommandRow, InvitationRow, NewEvent, Tx};
use uuid::Uuid;

use super::{App, AppError, Caller, of_person::OfPerson};

/// What came of inviting a person by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitedAgain {
    /// This device is asked to show the invitation.
    On(DeviceId),
    /// Apple had refused to register the person, and is asked again.
    Registering,
}

/// Why a person was not invited. Each has a sentence in the message files (`not-invited-…`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotInvited {
    #[error("no content token is linked")]
    NotLinked,
    #[error("the content token cannot be used")]
    TokenNotUsable,
    #[error("the person has left the organisation")]
    Left,
    #[error("no app that needs the programme is due to the person")]
    NotDue,
    #[error("the person is being registered at Apple; the invitation follows by itself")]
    Registering,
    #[error("the person has accepted the terms already")]
    Accepted { since: Time },
    /// Whoever is due an app gets a new registration by itself.
    #[error("Apple has retired the person's registration; a new one is made when an app is due")]
    Retired,
    #[error("no iPhone or iPad of the person can show the invitation")]
    NoDevice,
    #[error("the invitation waits on {device}, which has not answered yet")]
    Waiting { id: DeviceId, device: String, since: Time },
}

impl NotInvited {
    /// The message that says it to a person.
    pub fn key(&self) -> &'static str {
        match self {
            NotInvited::NotLinked => "not-invited-not-linked",
            NotInvited::TokenNotUsable => "not-invited-token-not-usable",
            NotInvited::Left => "not-invited-left",
            NotInvited::NotDue => "not-invited-not-due",
            NotInvited::Registering => "not-invited-registering",
            NotInvited::Accepted { .. } => "not-invited-accepted",
            NotInvited::Retired => "not-invited-retired",
            NotInvited::NoDevice => "not-invited-no-device",
            NotInvited::Waiting { .. } => "not-invited-waiting",
        }
    }
}

/// What inviting a person by hand would do.
pub(super) enum Anew {
    Invite(DeviceId),
    /// Apple had refused to register the person.
    Register,
}

/// Looks whether inviting a person by hand would do anything.
pub(super) fn anew(world: &World, person: PersonId) -> Result<Anew, NotInvited> {
    let facts = world.people.get(&person).ok_or(NotInvited::NotDue)?;
    if facts.left {
        return Err(NotInvited::Left);
    }
    if !world.token.usable() {
        return Err(NotInvited::TokenNotUsable);
    }
    match facts.program {
        Program::None => Err(NotInvited::NotDue),
        Program::Creating => Err(NotInvited::Registering),
        Program::Associated { since } => Err(NotInvited::Accepted { since }),
        Program::Retiring { .. } | Program::Retired => Err(NotInvited::Retired),
        Program::Refused { .. } => Ok(Anew::Register),
        Program::Registered { .. } => {
            let devices = world.devices_of(person);
            match invitation::anew(&devices, &facts.invited, &world.policy, world.now) {
                Next::Invite(device) => Ok(Anew::Invite(device)),
                Next::Waiting { device: id, since } => Err(NotInvited::Waiting {
                    id,
                    device: String::new(),
                    since,
                }),
                Next::Shown { .. } | Next::Tried { .. } | Next::NoDevice => Err(NotInvited::NoDevice),
            }
        }
    }
}

impl OfPerson {
    /// `None` when inviting the person by hand would do something; else why it would not.
    pub fn not_invited(&self) -> Option<NotInvited> {
        let mut why = anew(&self.world, self.person).err()?;
        if let NotInvited::Waiting { id, device, .. } = &mut why {
            *device = self.devices.get(id).map(|row| row.name.clone()).unwrap_or_default();
        }
        Some(why)
    }
}

impl App {
    /// All invitations that a person ever got, the latest first.
    pub async fn invitations(&self, person: PersonId) -> Result<Vec<InvitationRow>, AppError> {
        Ok(self.store.invitations_of(person).await?)
    }

    /// As whom Apple knows a person, or knew them, the latest first.
    pub async fn registrations(&self, person: PersonId) -> Result<Vec<ClientUserRow>, AppError> {
        Ok(self.store.client_users_of(person).await?)
    }

    /// Invites a person by hand, on the device that was heard last; by itself an invitation is shown only once.
    ///
    /// Does something, or says why not.
    pub async fn invite_again(&self, caller: &Caller, person: PersonId) -> Result<InvitedAgain, AppError> {
        caller.may_write()?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        if !tx.person_stays(person).await? {
            tx.person(person).await?.ok_or(AppError::NotFound("person"))?;
            return Err(NotInvited::Left.into());
        }
        let location = tx.location_linked().await?.ok_or(NotInvited::NotLinked)?;
        let user = tx
            .client_user_held(person, location.id)
            .await?
            .ok_or(NotInvited::NotDue)?;
        let world = tx.world_of(location.id, &[person], now).await?;
        let anew = match anew(&world, person) {
            Ok(anew) => anew,
            Err(NotInvited::Waiting { id, since, .. }) => {
                let device = tx.device(id).await?.map(|device| device.name).unwrap_or_default();
                return Err(NotInvited::Waiting { id, device, since }.into());
            }
            Err(why) => return Err(why.into()),
        };
        let done = self.invited_anew(&mut tx, caller, &user, anew, now, None).await?;
        tx.commit().await?;
        self.look_again();
        Ok(done)
    }

    /// Invites whoever `user` is, whom their transaction holds.
    pub(super) async fn invited_anew(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        user: &ClientUserRow,
        anew: Anew,
        now: Time,
        cause: Option<Uuid>,
    ) -> Result<InvitedAgain, AppError> {
        let (person, location) = (user.person_id, user.location_id);
        tx.client_user_round(&user.client_user_id, now).await?;
        let done = match anew {
            Anew::Register => InvitedAgain::Registering,
            Anew::Invite(device) => {
                let user = tx
                    .client_user(person, location)
                    .await?
                    .ok_or(AppError::NotFound("client user"))?;
                self.invite(tx, &user, device, now).await?;
                InvitedAgain::On(device)
            }
        };
        let mut event = NewEvent::new(now, caller.actor(), "invitationRenewed")
            .person(person)
            .location(location);
        if let Some(cause) = cause {
            event = event.with(json!({ "bulkAction": cause }));
        }
        tx.event(&event).await?;
        Ok(done)
    }

    /// Queues the invitation for a device. One that still waits on another is given up.
    pub(crate) async fn invite(
        &self,
        tx: &mut Tx,
        user: &ClientUserRow,
        device: DeviceId,
        now: Time,
    ) -> Result<(), AppError> {
        let Some(code) = &user.invite_code else {
            return Ok(());
        };
        let (location, person) = (user.location_id, user.person_id);
        let told = |kind: &str, device| {
            NewEvent::new(now, Actor::System, kind)
                .location(location)
                .person(person)
                .device(device)
        };
        let given_up = tx.invitation_close(&user.client_user_id, Ending::Silent, now).await?;
        if let Some(given_up) = given_up {
            let event = told("invitationSilent", given_up.device_id).with(json!({ "error": given_up.error }));
            tx.event(&event).await?;
        }
        let command = Command::InviteToProgram {
            invitation_url: self.invitation_url(code),
        };
        let id = self.random.id();
        tx.command_insert(&CommandRow::new(
            id,
            device,
            command.request_type(),
            None,
            Some(person),
            command.to_plist(&id.to_string()),
            now,
        ))
        .await?;
        tx.invitation_insert(&InvitationRow {
            id,
            client_user_id: user.client_user_id.clone(),
            person_id: person,
            device_id: device,
            round: user.round,
            queued_at: now,
            ended_at: None,
            outcome: None,
            error: None,
        })
        .await?;
        tx.event(&told("personInvited", device)).await?;
        Ok(())
    }
}
