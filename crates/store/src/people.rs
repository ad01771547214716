//! The people of the organisation, and who they are at Apple.

use domain::{Attempt, DeviceId, LocationId, OperationId, PersonId, Program, Time, program::Invitation};
use serde::{Deserialize, Serialize};

use crate::{
    Base, Change, OperationKind, OperationState, StoreError, Tx, Version,
    db::{Conn, Record, reads, values, word},
    versions::version,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    pub id: PersonId,
    pub name: String,
    pub email: Option<String>,
    pub department: Option<String>,
    /// Where they work.
    pub office: Option<String>,
    pub created_at: Time,
    pub left_at: Option<Time>,
    pub version: Version,
}

/// What to change of a person. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct PersonChange {
    pub name: Option<String>,
    pub email: Option<Option<String>>,
    pub department: Option<Option<String>>,
    pub office: Option<Option<String>>,
}

/// What Apple calls a client user: a person in one location, under an id that says nothing (P9).
///
/// Whoever Apple retired gets another one. The old one is kept: what Apple lists for it is the same person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientUserRow {
    pub client_user_id: String,
    pub location_id: LocationId,
    pub person_id: PersonId,
    pub status: ClientUserStatus,
    pub invite_code: Option<String>,
    pub id_hash: Option<String>,
    /// Counts how often the person was invited anew.
    pub round: i64,
    /// When we learned that the person had accepted.
    pub accepted_at: Option<Time>,
    pub operation_id: Option<OperationId>,
    pub observed_at: Option<Time>,
    /// Why Apple did not create it, while it has not.
    pub error_number: Option<i64>,
    /// Before this it is not asked for again.
    pub not_before: Option<Time>,
    pub created_at: Option<Time>,
    /// When we learned that Apple had retired it.
    pub retired_at: Option<Time>,
    /// Since when the person has another one.
    pub replaced_at: Option<Time>,
    /// Since when Apple is asked to retire it, while its answer is not known.
    pub retiring_at: Option<Time>,
}

/// Apple's words, and two of ours for the time before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientUserStatus {
    #[serde(rename = "creating")]
    Creating,
    /// Apple did not create it, and said why.
    #[serde(rename = "refused")]
    Refused,
    Registered,
    Associated,
    Retired,
    Deleted,
}

impl ClientUserStatus {
    /// A word that is not known counts as registered: the person exists, and nothing more is certain.
    pub fn from_apple(status: Option<&str>) -> ClientUserStatus {
        match status {
            Some("Associated") => ClientUserStatus::Associated,
            Some("Retired") => ClientUserStatus::Retired,
            Some("Deleted") => ClientUserStatus::Deleted,
            _ => ClientUserStatus::Registered,
        }
    }

    /// Apple has at most one such record of an id.
    pub fn is_active(self) -> bool {
        matches!(self, ClientUserStatus::Registered | ClientUserStatus::Associated)
    }
}

impl ClientUserRow {
    /// A person of whom Apple is to be told.
    pub fn new(
        client_user_id: String,
        location_id: LocationId,
        person_id: PersonId,
        operation: OperationId,
        now: Time,
    ) -> ClientUserRow {
        ClientUserRow {
            client_user_id,
            location_id,
            person_id,
            status: ClientUserStatus::Creating,
            invite_code: None,
            id_hash: None,
            round: 1,
            accepted_at: None,
            operation_id: Some(operation),
            observed_at: None,
            error_number: None,
            not_before: None,
            created_at: Some(now),
            retired_at: None,
            replaced_at: None,
            retiring_at: None,
        }
    }

    /// How far the person is; `invited` are the invitations of this round.
    pub fn program(&self, invited: &[Attempt]) -> Program {
        match self.status {
            status if status.is_active() && self.retiring_at.is_some() => Program::Retiring {
                since: self.retiring_at.unwrap_or_default(),
            },
            ClientUserStatus::Creating => Program::Creating,
            // Nobody can be invited without a code, which comes with a later list.
            ClientUserStatus::Registered if self.invite_code.is_none() => Program::Creating,
            ClientUserStatus::Refused => Program::Refused {
                error_number: self.error_number.unwrap_or_default(),
                not_before: self.not_before.unwrap_or_default(),
            },
            ClientUserStatus::Associated => Program::Associated {
                since: self.accepted_at.or(self.observed_at).unwrap_or_default(),
            },
            ClientUserStatus::Retired | ClientUserStatus::Deleted => Program::Retired,
            ClientUserStatus::Registered => Program::Registered {
                invitation: Invitation::of(invited),
            },
        }
    }
}

reads! {
    /// Everybody: what stands for a device that belongs to nobody is nobody here, nor anywhere where people are read.
    people() -> Vec<PersonRow>;
    person(id: PersonId) -> Option<PersonRow>;
    /// Those that people have now, without those that were replaced.
    client_users(location: LocationId) -> Vec<ClientUserRow>;
    /// Those of these ids that are ours.
    client_users_called(location: LocationId, ids: &'a [&'a str]) -> Vec<ClientUserRow>;
    /// Whose client user it is, or was.
    client_user_people(location: LocationId) -> Vec<(String, PersonId)>;
    /// The one that the person has now.
    client_user(person: PersonId, location: LocationId) -> Option<ClientUserRow>;
    /// The one that the person has, where Apple was not asked yet to retire it: whoever comes back in this moment keeps it.
    client_user_unretired(person: PersonId, location: LocationId) -> Option<ClientUserRow>;
    /// All that the person has or had, the latest first.
    client_users_of(person: PersonId) -> Vec<ClientUserRow>;
    /// The client users that an operation is about.
    operation_users(operation: OperationId) -> Vec<ClientUserRow>;
}

impl Conn<'_> {
    async fn client_user_unretired(
        &mut self,
        person: PersonId,
        location: LocationId,
    ) -> Result<Option<ClientUserRow>, StoreError> {
        let sql = "SELECT * FROM client_users
                   WHERE person_id = $1 AND location_id = $2 AND replaced_at IS NULL AND retiring_at IS NOT NULL
                     AND (SELECT state FROM operations WHERE operations.id = client_users.operation_id AND kind = $3) = $4";
        let (kind, state) = (word(&OperationKind::RetireUsers), word(&OperationState::Queued));
        self.one(sql, values![person, location, kind, state], client_user).await
    }

    pub(crate) async fn people(&mut self) -> Result<Vec<PersonRow>, StoreError> {
        self.all(
            "SELECT * FROM people WHERE kind = 'person' ORDER BY name, id",
            values![],
            person,
        )
        .await
    }

    async fn person(&mut self, id: PersonId) -> Result<Option<PersonRow>, StoreError> {
        self.one(
            "SELECT * FROM people WHERE id = $1 AND kind = 'person'",
            values![id],
            person,
        )
        .await
    }

    pub(crate) async fn client_users(&mut self, location: LocationId) -> Result<Vec<ClientUserRow>, StoreError> {
        self.all(
            "SELECT * FROM client_users WHERE location_id = $1 AND replaced_at IS NULL",
            values![location],
            client_user,
        )
        .await
    }

    async fn client_users_called(
        &mut self,
        location: LocationId,
        ids: &[&str],
    ) -> Result<Vec<ClientUserRow>, StoreError> {
        let sql = self.text(
            "SELECT * FROM client_users
             WHERE client_user_id IN (SELECT value FROM json_each($2)) AND location_id = $1 AND replaced_at IS NULL",
            "SELECT * FROM client_users
             WHERE client_user_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))
               AND location_id = $1 AND replaced_at IS NULL",
        );
        let ids = serde_json::Value::from(ids).to_string();
        self.all(sql, values![location, ids], client_user).await
    }

    async fn client_user_people(&mut self, location: LocationId) -> Result<Vec<(String, PersonId)>, StoreError> {
        self.all(
            "SELECT client_user_id, person_id FROM client_users WHERE location_id = $1",
            values![location],
            |row| Ok((row.text("client_user_id")?, row.parsed("person_id")?)),
        )
        .await
    }

    async fn client_user(
        &mut self,
        person: PersonId,
        location: LocationId,
    ) -> Result<Option<ClientUserRow>, StoreError> {
        let sql = "SELECT * FROM client_users WHERE person_id = $1 AND location_id = $2 AND replaced_at IS NULL";
        self.one(sql, values![person, location], client_user).await
    }

    async fn client_users_of(&mut self, person: PersonId) -> Result<Vec<ClientUserRow>, StoreError> {
        self.all(
            "SELECT * FROM client_users WHERE person_id = $1
             ORDER BY replaced_at IS NOT NULL, replaced_at DESC, client_user_id",
            values![person],
            client_user,
        )
        .await
    }

    async fn operation_users(&mut self, operation: OperationId) -> Result<Vec<ClientUserRow>, StoreError> {
        self.all(
            "SELECT * FROM client_users WHERE operation_id = $1",
            values![operation],
            client_user,
        )
        .await
    }
}

impl Tx {
    pub async fn person_insert(&mut self, row: &PersonRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO people (id, name, email, email_key, department, office, created_at, left_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                row.id,
                row.name,
                row.email,
                email_key(row.email.as_deref()),
                row.department,
                row.office,
                row.created_at,
                row.left_at
            ],
        )
        .await?;
        Ok(())
    }

    /// `false` when the person is not there, or is not as `base` was any more. Nothing was changed then.
    pub async fn person_change(
        &mut self,
        id: PersonId,
        base: Base,
        change: &PersonChange,
        by: Change<'_>,
    ) -> Result<bool, StoreError> {
        let email = change.email.as_ref().and_then(Option::as_ref);
        let department = change.department.as_ref().and_then(Option::as_ref);
        let office = change.office.as_ref().and_then(Option::as_ref);
        let changed = self
            .run(
                "UPDATE people SET name = COALESCE($3, name),
                                   email = CASE WHEN $4 THEN $5 ELSE email END,
                                   email_key = CASE WHEN $4 THEN $6 ELSE email_key END,
                                   department = CASE WHEN $7 THEN $8 ELSE department END,
                                   office = CASE WHEN $9 THEN $10 ELSE office END,
                                   version = version + 1, changed_at = $11, changed_by = $12
                 WHERE id = $1 AND kind = 'person' AND (CAST($2 AS BIGINT) IS NULL OR version = $2)",
                values![
                    id,
                    base,
                    change.name,
                    change.email.is_some(),
                    email.cloned(),
                    email_key(email.map(String::as_str)),
                    change.department.is_some(),
                    department.cloned(),
                    change.office.is_some(),
                    office.cloned(),
                    by.at,
                    by.by
                ],
            )
            .await?;
        Ok(changed > 0)
    }

    /// What stands for a device from now on, which belongs to nobody: [`PersonId::nobody`].
    pub async fn nobody_put(&mut self, device: DeviceId, now: Time) -> Result<PersonId, StoreError> {
        let nobody = PersonId::nobody(device);
        let sql =
            "INSERT INTO people (id, kind, name, created_at) VALUES ($1, 'device', '', $2) ON CONFLICT DO NOTHING";
        self.run(sql, values![nobody, now]).await?;
        Ok(nobody)
    }

    /// Keeps a person from leaving until this transaction ends. `false` when they are not there, or left already.
    pub async fn person_stays(&mut self, id: PersonId) -> Result<bool, StoreError> {
        let sql = "UPDATE people SET id = id WHERE id = $1 AND kind <> 'device' AND left_at IS NULL";
        Ok(self.run(sql, values![id]).await? > 0)
    }

    /// The person leaves. `false` when they had left, or are not as `base` was any more. Nothing was changed then.
    pub async fn person_left(&mut self, id: PersonId, base: Base, by: Change<'_>) -> Result<bool, StoreError> {
        let changed = self
            .run(
                "UPDATE people SET left_at = $3, version = version + 1, changed_at = $3, changed_by = $4
                 WHERE id = $1 AND kind <> 'device' AND left_at IS NULL AND (CAST($2 AS BIGINT) IS NULL OR version = $2)",
                values![id, base, by.at, by.by],
            )
            .await?;
        Ok(changed > 0)
    }

    /// The person comes back. `false` when they had not left, or are not as `base` was any more. Nothing was changed then.
    pub async fn person_back(&mut self, id: PersonId, base: Base, by: Change<'_>) -> Result<bool, StoreError> {
        let changed = self
            .run(
                "UPDATE people SET left_at = NULL, version = version + 1, changed_at = $3, changed_by = $4
                 WHERE id = $1 AND left_at IS NOT NULL AND (CAST($2 AS BIGINT) IS NULL OR version = $2)",
                values![id, base, by.at, by.by],
            )
            .await?;
        Ok(changed > 0)
    }

    /// Apple is to retire the client user. `false`, and nothing is changed, unless its person left, has no licence that
    /// could come back, and Apple has it.
    pub async fn client_user_retiring(
        &mut self,
        client_user_id: &str,
        operation: OperationId,
        now: Time,
    ) -> Result<bool, StoreError> {
        // Whoever comes back in this moment waits for this, and withdraws it; or was first.
        self.run(
            "UPDATE people SET id = id WHERE id = (SELECT person_id FROM client_users WHERE client_user_id = $1)",
            values![client_user_id],
        )
        .await?;
        let touched = self
            .run(
                "UPDATE client_users SET retiring_at = $2, operation_id = $3
                 WHERE client_user_id = $1 AND retiring_at IS NULL AND status IN ($4, $5)
                   AND EXISTS (SELECT 1 FROM people WHERE people.id = person_id AND left_at IS NOT NULL)
                   AND NOT EXISTS (SELECT 1 FROM seats JOIN assets ON assets.id = seats.asset_id
                                   WHERE seats.holder_id = client_users.person_id
                                     AND assets.location_id = client_users.location_id
                                     AND assets.product_type = 'App'
                                     AND (assets.revocable OR seats.state <> 'held'))",
                values![
                    client_user_id,
                    now,
                    operation,
                    word(&ClientUserStatus::Registered),
                    word(&ClientUserStatus::Associated)
                ],
            )
            .await?;
        Ok(touched == 1)
    }

    /// Apple has retired it.
    pub async fn client_user_retired(&mut self, client_user_id: &str, now: Time) -> Result<(), StoreError> {
        self.run(
            "UPDATE client_users SET status = $2, observed_at = $3, retired_at = $3, retiring_at = NULL,
                                     operation_id = NULL
             WHERE client_user_id = $1",
            values![client_user_id, word(&ClientUserStatus::Retired), now],
        )
        .await?;
        Ok(())
    }

    /// The person is back: whatever is written down to retire them, and has not been sent, is not sent. In which locations
    /// there was something.
    ///
    /// Whoever marks the request as sent in this moment comes before, and it is not found, or after, and leaves the
    /// person out: both take the row of the operation.
    pub async fn retirements_withdraw(&mut self, person: PersonId) -> Result<Vec<LocationId>, StoreError> {
        let asked = "SELECT location_id, operation_id FROM client_users
                     WHERE person_id = $1 AND retiring_at IS NOT NULL AND operation_id IS NOT NULL
                     ORDER BY operation_id";
        let asked: Vec<(LocationId, OperationId)> = self
            .conn()
            .all(asked, values![person], |row| {
                Ok((row.parsed("location_id")?, row.parsed("operation_id")?))
            })
            .await?;
        let mut withdrawn = Vec::new();
        for (location, operation) in asked {
            let unsent = "UPDATE operations SET requested = requested - 1
                          WHERE id = $1 AND kind = $2 AND state = $3";
            let (kind, state) = (word(&OperationKind::RetireUsers), word(&OperationState::Queued));
            if self.run(unsent, values![operation, kind, state]).await? == 1 {
                let stays = "UPDATE client_users SET retiring_at = NULL, operation_id = NULL
                             WHERE person_id = $1 AND operation_id = $2";
                self.run(stays, values![person, operation]).await?;
                withdrawn.push(location);
            }
        }
        Ok(withdrawn)
    }

    /// Apple did not retire it, and is not asked to any more: its person came back.
    pub async fn client_user_kept(&mut self, client_user_id: &str) -> Result<(), StoreError> {
        self.run(
            "UPDATE client_users SET retiring_at = NULL, operation_id = NULL WHERE client_user_id = $1",
            values![client_user_id],
        )
        .await?;
        Ok(())
    }

    pub async fn client_user_insert(&mut self, row: &ClientUserRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO client_users (client_user_id, location_id, person_id, status, invite_code, id_hash, round,
                                       accepted_at, operation_id, observed_at, error_number, not_before, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            values![
                row.client_user_id,
                row.location_id,
                row.person_id,
                word(&row.status),
                row.invite_code,
                row.id_hash,
                row.round,
                row.accepted_at,
                row.operation_id,
                row.observed_at,
                row.error_number,
                row.not_before,
                row.created_at
            ],
        )
        .await?;
        Ok(())
    }

    /// Apple did not create it, and said why; it is not asked again before `not_before`.
    pub async fn client_user_refused(
        &mut self,
        client_user_id: &str,
        error_number: i64,
        not_before: Time,
    ) -> Result<(), StoreError> {
        self.run(
            "UPDATE client_users SET status = $2, error_number = $3, not_before = $4, operation_id = NULL
             WHERE client_user_id = $1",
            values![
                client_user_id,
                word(&ClientUserStatus::Refused),
                error_number,
                not_before
            ],
        )
        .await?;
        Ok(())
    }

    /// Apple is to be asked again for one that it refused. `false` when it is not refused any more.
    pub async fn client_user_asked_again(
        &mut self,
        client_user_id: &str,
        operation: OperationId,
    ) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE client_users SET status = $2, operation_id = $3 WHERE client_user_id = $1 AND status = $4",
                values![
                    client_user_id,
                    word(&ClientUserStatus::Creating),
                    operation,
                    word(&ClientUserStatus::Refused)
                ],
            )
            .await?;
        Ok(touched == 1)
    }

    /// Whoever has it gets another one. `false` when it is not retired at Apple, or was replaced already.
    pub async fn client_user_replaced(&mut self, client_user_id: &str, now: Time) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE client_users SET replaced_at = $2
                 WHERE client_user_id = $1 AND replaced_at IS NULL AND status IN ($3, $4)",
                values![
                    client_user_id,
                    now,
                    word(&ClientUserStatus::Retired),
                    word(&ClientUserStatus::Deleted)
                ],
            )
            .await?;
        Ok(touched == 1)
    }

    /// Reads the one that the person has now, for a change. Whoever else means to change it waits until this
    /// transaction ends.
    pub async fn client_user_held(
        &mut self,
        person: PersonId,
        location: LocationId,
    ) -> Result<Option<ClientUserRow>, StoreError> {
        self.run(
            "UPDATE client_users SET round = round
             WHERE person_id = $1 AND location_id = $2 AND replaced_at IS NULL",
            values![person, location],
        )
        .await?;
        self.client_user(person, location).await
    }

    /// The person is invited anew: what was tried before does not count. The new round.
    pub async fn client_user_round(&mut self, client_user_id: &str, now: Time) -> Result<(), StoreError> {
        self.run(
            "UPDATE client_users SET round = round + 1,
                                     not_before = CASE WHEN not_before > $2 THEN $2 ELSE not_before END
             WHERE client_user_id = $1",
            values![client_user_id, now],
        )
        .await?;
        Ok(())
    }

    /// What Apple's list says of it, and nothing else of the row.
    pub async fn client_user_observed(&mut self, row: &ClientUserRow) -> Result<(), StoreError> {
        self.run(
            "UPDATE client_users SET status = $2, invite_code = $3, id_hash = $4, accepted_at = $5, observed_at = $6,
                                     retired_at = $7, error_number = NULL, not_before = NULL
             WHERE client_user_id = $1",
            values![
                row.client_user_id,
                word(&row.status),
                row.invite_code,
                row.id_hash,
                row.accepted_at,
                row.observed_at,
                row.retired_at
            ],
        )
        .await?;
        Ok(())
    }
}

/// By which two mail addresses are the same one. What is kept is in NFC already.
fn email_key(email: Option<&str>) -> Option<String> {
    email.map(str::to_lowercase)
}

pub(crate) fn person(row: &Record) -> Result<PersonRow, StoreError> {
    Ok(PersonRow {
        id: row.parsed("id")?,
        name: row.text("name")?,
        email: row.text_or_none("email")?,
        department: row.text_or_none("department")?,
        office: row.text_or_none("office")?,
        created_at: row.time("created_at")?,
        left_at: row.time_or_none("left_at")?,
        version: version(row, "")?,
    })
}

pub(crate) fn client_user(row: &Record) -> Result<ClientUserRow, StoreError> {
    Ok(ClientUserRow {
        client_user_id: row.text("client_user_id")?,
        location_id: row.parsed("location_id")?,
        person_id: row.parsed("person_id")?,
        status: row.word("status")?,
        invite_code: row.text_or_none("invite_code")?,
        id_hash: row.text_or_none("id_hash")?,
        round: row.int("round")?,
        accepted_at: row.time_or_none("accepted_at")?,
        operation_id: row.parsed_or_none("operation_id")?,
        observed_at: row.time_or_none("observed_at")?,
        error_number: row.int_or_none("error_number")?,
        not_before: row.time_or_none("not_before")?,
        created_at: row.time_or_none("created_at")?,
        retired_at: row.time_or_none("retired_at")?,
        replaced_at: row.time_or_none("replaced_at")?,
        retiring_at: row.time_or_none("retiring_at")?,
    })
}
