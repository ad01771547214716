//! What people changed of what they want, before and after. Rows are only ever added: the database refuses to change one, and to
//! delete one that is not older than history is kept ([`retention`](crate::retention)).

use domain::{HeldChangeId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Actor, StoreError, Tx,
    db::{Conn, Record, reads, values, word},
};

/// What of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangeKind {
    Deployment,
    GroupMembers,
    GroupRule,
    Settings,
    Updates,
    PersonLeft,
}

/// Without what it said: of members that may be thousands.
macro_rules! listed {
    ($rest:literal) => {
        concat!(
            "SELECT id, at, actor_kind, actor_id, made_by, kind, thing_id, name, CAST('null' AS TEXT) AS before,
                    CAST('null' AS TEXT) AS after, promised, digest, undoes, held_id, asked_by
             FROM changes ",
            $rest
        )
    };
}

/// Something that was just changed.
#[derive(Debug, Clone, PartialEq)]
pub struct NewChange {
    pub at: Time,
    pub actor: Actor,
    /// What whoever did it is called.
    pub by: String,
    pub kind: ChangeKind,
    /// The app, the group, the person.
    pub thing: String,
    /// What it is called.
    pub name: String,
    pub before: Value,
    pub after: Value,
    /// What the preview said, in numbers.
    pub promised: Value,
    pub digest: Option<String>,
    /// The change that it takes back.
    pub undoes: Option<i64>,
    /// What another administrator approved, and who asked for that.
    pub held: Option<HeldChangeId>,
    pub asked_by: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChangeRow {
    /// Counts up.
    pub id: i64,
    pub at: Time,
    pub actor_kind: String,
    pub actor_id: Option<String>,
    pub by: String,
    pub kind: ChangeKind,
    pub thing: String,
    pub name: String,
    pub before: Value,
    pub after: Value,
    pub promised: Value,
    pub digest: Option<String>,
    pub undoes: Option<i64>,
    pub held: Option<HeldChangeId>,
    pub asked_by: Option<String>,
}

/// Which changes; everything that is not given matches.
#[derive(Debug, Clone, Default)]
pub struct ChangeFilter {
    /// Of this app, group or person; `settings` of those.
    pub thing: Option<String>,
    /// Only those before this one.
    pub before: Option<i64>,
    pub limit: i64,
}

reads! {
    change(id: i64) -> Option<ChangeRow>;
    /// The latest first. What they said before and after is read one by one ([`Store::change`](crate::Store::change)).
    changes(filter: &'a ChangeFilter) -> Vec<ChangeRow>;
    /// Those of the same thing that came after one, the latest first.
    changes_since(thing: &'a str, id: i64, limit: i64) -> Vec<ChangeRow>;
    /// The changes that took this one back, the latest first.
    changes_undoing(id: i64) -> Vec<ChangeRow>;
}

impl Conn<'_> {
    async fn change(&mut self, id: i64) -> Result<Option<ChangeRow>, StoreError> {
        self.one("SELECT * FROM changes WHERE id = $1", values![id], row).await
    }

    async fn changes(&mut self, filter: &ChangeFilter) -> Result<Vec<ChangeRow>, StoreError> {
        let before = filter.before.unwrap_or(i64::MAX);
        match &filter.thing {
            Some(thing) => {
                self.all(
                    listed!("WHERE thing_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"),
                    values![thing.as_str(), before, filter.limit],
                    row,
                )
                .await
            }
            None => {
                self.all(
                    listed!("WHERE id < $1 ORDER BY id DESC LIMIT $2"),
                    values![before, filter.limit],
                    row,
                )
                .await
            }
        }
    }

    async fn changes_since(&mut self, thing: &str, id: i64, limit: i64) -> Result<Vec<ChangeRow>, StoreError> {
        self.all(
            listed!("WHERE thing_id = $1 AND id > $2 ORDER BY id DESC LIMIT $3"),
            values![thing, id, limit],
            row,
        )
        .await
    }

    async fn changes_undoing(&mut self, id: i64) -> Result<Vec<ChangeRow>, StoreError> {
        self.all(listed!("WHERE undoes = $1 ORDER BY id DESC"), values![id], row)
            .await
    }
}

impl Tx {
    /// Its number.
    pub async fn change_insert(&mut self, new: &NewChange) -> Result<i64, StoreError> {
        let id = self
            .conn()
            .one(
                "INSERT INTO changes (at, actor_kind, actor_id, made_by, kind, thing_id, name, before, after, promised, digest,
                                      undoes, held_id, asked_by)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id",
                values![
                    new.at,
                    word(&new.actor.kind()),
                    new.actor.id(),
                    new.by,
                    word(&new.kind),
                    new.thing,
                    new.name,
                    new.before.to_string(),
                    new.after.to_string(),
                    new.promised.to_string(),
                    new.digest,
                    new.undoes,
                    new.held,
                    new.asked_by
                ],
                |row| row.int("id"),
            )
            .await?;
        id.ok_or(StoreError::Conflict)
    }
}

fn row(row: &Record) -> Result<ChangeRow, StoreError> {
    Ok(ChangeRow {
        id: row.int("id")?,
        at: row.time("at")?,
        actor_kind: row.text("actor_kind")?,
        actor_id: row.text_or_none("actor_id")?,
        by: row.text("made_by")?,
        kind: row.word("kind")?,
        thing: row.text("thing_id")?,
        name: row.text("name")?,
        before: row.json("before")?,
        after: row.json("after")?,
        promised: row.json("promised")?,
        digest: row.text_or_none("digest")?,
        undoes: row.int_or_none("undoes")?,
        held: row.parsed_or_none("held_id")?,
        asked_by: row.text_or_none("asked_by")?,
    })
}
