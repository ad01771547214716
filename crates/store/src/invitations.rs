//! Invitations to the programme: which device was asked to show one, when, and how that ended.

use domain::{Attempt, DeviceId, LocationId, PersonId, Time, invitation::Ending};
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    db::{Conn, Record, reads, values, word},
};

/// One invitation on one device. A person has at most one that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRow {
    /// Of the command that carries it.
    pub id: Uuid,
    pub client_user_id: String,
    pub person_id: PersonId,
    pub device_id: DeviceId,
    /// [`ClientUserRow::round`](crate::ClientUserRow::round) when it was sent.
    pub round: i64,
    pub queued_at: Time,
    pub ended_at: Option<Time>,
    pub outcome: Option<Ending>,
    /// What the device said, when it did not show it.
    pub error: Option<String>,
}

impl InvitationRow {
    pub fn attempt(&self) -> Attempt {
        Attempt {
            device: self.device_id,
            since: self.queued_at,
            ended: self.outcome.zip(self.ended_at),
        }
    }
}

reads! {
    /// Those since each person was last invited anew, the earliest first.
    invitations_now(location: LocationId) -> Vec<InvitationRow>;
    /// All that a person ever got, the latest first.
    invitations_of(person: PersonId) -> Vec<InvitationRow>;
    invitation(id: Uuid) -> Option<InvitationRow>;
}

impl Conn<'_> {
    pub(crate) async fn invitations_now(&mut self, location: LocationId) -> Result<Vec<InvitationRow>, StoreError> {
        self.all(
            "SELECT invitations.*, person_id FROM invitations
             JOIN client_users ON client_users.client_user_id = invitations.client_user_id
                              AND client_users.round = invitations.round
             WHERE location_id = $1 AND replaced_at IS NULL
             ORDER BY queued_at, id",
            values![location],
            invitation,
        )
        .await
    }

    async fn invitations_of(&mut self, person: PersonId) -> Result<Vec<InvitationRow>, StoreError> {
        self.all(
            "SELECT invitations.*, person_id FROM invitations
             JOIN client_users ON client_users.client_user_id = invitations.client_user_id
             WHERE person_id = $1
             ORDER BY queued_at DESC, id DESC",
            values![person],
            invitation,
        )
        .await
    }

    async fn invitation(&mut self, id: Uuid) -> Result<Option<InvitationRow>, StoreError> {
        self.one(
            "SELECT invitations.*, person_id FROM invitations
             JOIN client_users ON client_users.client_user_id = invitations.client_user_id
             WHERE invitations.id = $1",
            values![id],
            invitation,
        )
        .await
    }
}

impl Tx {
    /// [`StoreError::Conflict`] when another one is open: somebody else invited the person at the same time.
    pub async fn invitation_insert(&mut self, row: &InvitationRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO invitations (id, client_user_id, device_id, round, queued_at) VALUES ($1, $2, $3, $4, $5)",
            values![row.id, row.client_user_id, row.device_id, row.round, row.queued_at],
        )
        .await?;
        Ok(())
    }

    /// How it ended. `false` when that is known already; only a device that was given up for silent may still show it.
    pub async fn invitation_ended(
        &mut self,
        id: Uuid,
        outcome: Ending,
        error: Option<&str>,
        now: Time,
    ) -> Result<bool, StoreError> {
        let late = outcome == Ending::Shown;
        let touched = self
            .run(
                "UPDATE invitations SET outcome = $2, error = $3, ended_at = $4
                 WHERE id = $1 AND (ended_at IS NULL OR ($5 AND outcome = $6))",
                values![id, word(&outcome), error, now, late, word(&Ending::Silent)],
            )
            .await?;
        Ok(touched == 1)
    }

    /// Ends the one that is open, if there is one, and takes its command back.
    pub async fn invitation_close(
        &mut self,
        client_user_id: &str,
        outcome: Ending,
        now: Time,
    ) -> Result<Option<InvitationRow>, StoreError> {
        let open = self.conn().invitation_open(client_user_id).await?;
        let Some(mut open) = open else { return Ok(None) };
        let put_off = self.command(open.id).await?.is_some_and(|row| row.not_now_count > 0);
        open.error = put_off.then(|| "NotNow".to_owned());
        self.invitation_ended(open.id, outcome, open.error.as_deref(), now)
            .await?;
        self.command_drop(open.id, now).await?;
        Ok(Some(open))
    }

    /// The device will never answer what it was asked to show.
    pub async fn invitations_dropped(&mut self, device: DeviceId, now: Time) -> Result<(), StoreError> {
        self.run(
            "UPDATE invitations SET outcome = $2, ended_at = $3 WHERE device_id = $1 AND ended_at IS NULL",
            values![device, word(&Ending::Dropped), now],
        )
        .await?;
        Ok(())
    }
}

impl Conn<'_> {
    async fn invitation_open(&mut self, client_user_id: &str) -> Result<Option<InvitationRow>, StoreError> {
        self.one(
            "SELECT invitations.*, person_id FROM invitations
             JOIN client_users ON client_users.client_user_id = invitations.client_user_id
             WHERE invitations.client_user_id = $1 AND ended_at IS NULL",
            values![client_user_id],
            invitation,
        )
        .await
    }
}

pub(crate) fn invitation(row: &Record) -> Result<InvitationRow, StoreError> {
    Ok(InvitationRow {
        id: row.parsed("id")?,
        client_user_id: row.text("client_user_id")?,
        person_id: row.parsed("person_id")?,
        device_id: row.parsed("device_id")?,
        round: row.int("round")?,
        queued_at: row.time("queued_at")?,
        ended_at: row.time_or_none("ended_at")?,
        outcome: row.word_or_none("outcome")?,
        error: row.text_or_none("error")?,
    })
}
