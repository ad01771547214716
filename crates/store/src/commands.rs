//! The queue of each device: first in, first out, with the patience that `NotNow` asks for.

use domain::{AssetId, DeviceId, PersonId, Time};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    db::{Conn, Record, reads, values, word},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandState {
    Queued,
    /// Handed to the device at least once.
    Sent,
    NotNow,
    Acknowledged,
    Error,
    FormatError,
    /// Nobody waits for an answer any more: the device enrolled anew or went, or the command was taken back.
    Dropped,
}

impl CommandState {
    pub fn is_open(self) -> bool {
        matches!(self, CommandState::Queued | CommandState::Sent | CommandState::NotNow)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRow {
    pub uuid: Uuid,
    pub device_id: DeviceId,
    pub request_type: String,
    pub asset_id: Option<AssetId>,
    pub person_id: Option<PersonId>,
    /// The property list, as the device gets it.
    pub body: Vec<u8>,
    pub state: CommandState,
    pub created_at: Time,
    pub sent_at: Option<Time>,
    pub answered_at: Option<Time>,
    pub not_now_count: i64,
    pub not_now_at: Option<Time>,
    /// JSON, as the device sent it.
    pub error_chain: Option<String>,
}

impl CommandRow {
    pub fn new(
        uuid: Uuid,
        device: DeviceId,
        request_type: &str,
        asset: Option<AssetId>,
        person: Option<PersonId>,
        body: Vec<u8>,
        now: Time,
    ) -> CommandRow {
        CommandRow {
            uuid,
            device_id: device,
            request_type: request_type.to_owned(),
            asset_id: asset,
            person_id: person,
            body,
            state: CommandState::Queued,
            created_at: now,
            sent_at: None,
            answered_at: None,
            not_now_count: 0,
            not_now_at: None,
            error_chain: None,
        }
    }
}

/// Commands about apps that devices have not answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenCommands {
    pub installs: u64,
    pub removals: u64,
    /// Which so many devices are to carry out.
    pub devices: u64,
}

reads! {
    /// Costs as much as there is open.
    commands_about_apps() -> OpenCommands;
    command(uuid: Uuid) -> Option<CommandRow>;
    /// What the device has not answered for good, the oldest first.
    commands_open(device: DeviceId) -> Vec<CommandRow>;
    /// The latest first.
    commands_recent(device: DeviceId, limit: i64) -> Vec<CommandRow>;
}

impl Conn<'_> {
    async fn command(&mut self, uuid: Uuid) -> Result<Option<CommandRow>, StoreError> {
        self.one("SELECT * FROM commands WHERE uuid = $1", values![uuid], command)
            .await
    }

    async fn commands_open(&mut self, device: DeviceId) -> Result<Vec<CommandRow>, StoreError> {
        self.all(
            "SELECT * FROM commands WHERE device_id = $1 AND state IN ('queued', 'sent', 'notNow')
             ORDER BY created_at, uuid",
            values![device],
            command,
        )
        .await
    }

    async fn commands_about_apps(&mut self) -> Result<OpenCommands, StoreError> {
        let sql = "SELECT COUNT(CASE WHEN request_type = 'InstallApplication' THEN 1 END) AS installs,
                          COUNT(CASE WHEN request_type = 'RemoveApplication' THEN 1 END) AS removals,
                          COUNT(DISTINCT device_id) AS devices
                   FROM commands
                   WHERE state IN ('queued', 'sent', 'notNow')
                     AND request_type IN ('InstallApplication', 'RemoveApplication')";
        let read = |row: &Record| {
            let number = |name| Ok::<_, StoreError>(u64::try_from(row.int(name)?).unwrap_or(0));
            Ok(OpenCommands {
                installs: number("installs")?,
                removals: number("removals")?,
                devices: number("devices")?,
            })
        };
        Ok(self.one(sql, values![], read).await?.unwrap_or_default())
    }

    async fn commands_recent(&mut self, device: DeviceId, limit: i64) -> Result<Vec<CommandRow>, StoreError> {
        let sql = "SELECT * FROM commands WHERE device_id = $1 ORDER BY created_at DESC, uuid DESC LIMIT $2";
        self.all(sql, values![device, limit], command).await
    }
}

impl Tx {
    /// Queues it, and makes the device due to be woken: at once, or when its turn comes if it could not be woken lately.
    pub async fn command_insert(&mut self, row: &CommandRow) -> Result<(), StoreError> {
        self.run(
            "UPDATE devices SET push_asked = push_asked + 1,
                 next_push_at = CASE WHEN push_failures > 0 AND next_push_at IS NOT NULL THEN next_push_at ELSE 0 END
             WHERE id = $1",
            values![row.device_id],
        )
        .await?;
        self.run(
            "INSERT INTO commands (uuid, device_id, request_type, asset_id, person_id, body, state, created_at,
                                   not_now_count)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)",
            values![
                row.uuid,
                row.device_id,
                row.request_type,
                row.asset_id,
                row.person_id,
                row.body,
                word(&row.state),
                row.created_at
            ],
        )
        .await?;
        Ok(())
    }

    /// The command to hand out now, marked as sent. The same one again until the device has answered it.
    ///
    /// Those that the device put off with `NotNow` are passed over, unless `include_not_now`: it came by itself.
    pub async fn command_next(
        &mut self,
        device: DeviceId,
        include_not_now: bool,
        now: Time,
    ) -> Result<Option<CommandRow>, StoreError> {
        let sql = "UPDATE commands SET state = 'sent', sent_at = $3
                   WHERE uuid = (SELECT uuid FROM commands
                                 WHERE device_id = $1 AND state IN ('queued', 'sent', 'notNow') AND (state <> 'notNow' OR $2)
                                 ORDER BY created_at, uuid LIMIT 1)
                   RETURNING *";
        self.conn()
            .one(sql, values![device, include_not_now, now], command)
            .await
    }

    /// Takes the device's answer. The row as it is now; `None` when there is none that waits for an answer.
    pub async fn command_answer(
        &mut self,
        device: DeviceId,
        uuid: Uuid,
        state: CommandState,
        error_chain: Option<String>,
        now: Time,
    ) -> Result<Option<CommandRow>, StoreError> {
        if state == CommandState::NotNow {
            let sql = "UPDATE commands SET state = 'notNow', not_now_count = not_now_count + 1, not_now_at = $3
                       WHERE uuid = $1 AND device_id = $2 AND state IN ('queued', 'sent', 'notNow')
                       RETURNING *";
            return self.conn().one(sql, values![uuid, device, now], command).await;
        }
        let sql = "UPDATE commands SET state = $3, error_chain = $4, answered_at = $5
                   WHERE uuid = $1 AND device_id = $2 AND state IN ('queued', 'sent', 'notNow')
                   RETURNING *";
        let values = values![uuid, device, word(&state), error_chain, now];
        self.conn().one(sql, values, command).await
    }

    /// Takes back a command that was not answered yet. The device may have it all the same.
    pub(crate) async fn command_drop(&mut self, uuid: Uuid, now: Time) -> Result<(), StoreError> {
        self.run(
            "UPDATE commands SET state = 'dropped', answered_at = $2
             WHERE uuid = $1 AND state IN ('queued', 'sent', 'notNow')",
            values![uuid, now],
        )
        .await?;
        Ok(())
    }

    /// The device will never answer what is open. The rows as they were.
    pub async fn commands_drop(&mut self, device: DeviceId, now: Time) -> Result<Vec<CommandRow>, StoreError> {
        let open = self.commands_open(device).await?;
        self.run(
            "UPDATE commands SET state = 'dropped', answered_at = $2
             WHERE device_id = $1 AND state IN ('queued', 'sent', 'notNow')",
            values![device, now],
        )
        .await?;
        Ok(open)
    }
}

fn command(row: &Record) -> Result<CommandRow, StoreError> {
    Ok(CommandRow {
        uuid: row.parsed("uuid")?,
        device_id: row.parsed("device_id")?,
        request_type: row.text("request_type")?,
        asset_id: row.parsed_or_none("asset_id")?,
        person_id: row.parsed_or_none("person_id")?,
        body: row.bytes("body")?,
        state: row.word("state")?,
        created_at: row.time("created_at")?,
        sent_at: row.time_or_none("sent_at")?,
        answered_at: row.time_or_none("answered_at")?,
        not_now_count: row.int("not_now_count")?,
        not_now_at: row.time_or_none("not_now_at")?,
        error_chain: row.text_or_none("error_chain")?,
    })
}
