//! What happened. Rows are only ever added: the database refuses to change one, and to delete one that is not older than
//! history is kept ([`retention`](crate::retention)).

use domain::{AccountId, ApiKeyId, AssetId, DeviceId, GroupId, Holder, LocationId, PersonId, Time};
use serde::{Deserialize, Serialize};

use crate::{
    StoreError, Tx,
    db::{Conn, Record, Value, reads, values, word},
};

/// Who caused something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    System,
    Apple,
    Account(AccountId),
    ApiKey(ApiKeyId),
    Device(DeviceId),
}

/// What somebody is who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ActorKind {
    System,
    Apple,
    Account,
    ApiKey,
    Device,
}

impl Actor {
    pub fn kind(&self) -> ActorKind {
        match self {
            Actor::System => ActorKind::System,
            Actor::Apple => ActorKind::Apple,
            Actor::Account(_) => ActorKind::Account,
            Actor::ApiKey(_) => ActorKind::ApiKey,
            Actor::Device(_) => ActorKind::Device,
        }
    }

    /// As the history has it.
    pub fn kind_word(&self) -> String {
        word(&self.kind())
    }

    pub fn id(&self) -> Option<String> {
        match self {
            Actor::System | Actor::Apple => None,
            Actor::Account(id) => Some(id.to_string()),
            Actor::ApiKey(id) => Some(id.to_string()),
            Actor::Device(id) => Some(id.to_string()),
        }
    }
}

/// Something that just happened.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    pub at: Time,
    pub actor: Actor,
    pub kind: String,
    pub location: Option<LocationId>,
    pub asset: Option<AssetId>,
    pub person: Option<PersonId>,
    pub device: Option<DeviceId>,
    pub group: Option<GroupId>,
    pub detail: serde_json::Value,
}

impl NewEvent {
    pub fn new(at: Time, actor: Actor, kind: &str) -> NewEvent {
        NewEvent {
            at,
            actor,
            kind: kind.to_owned(),
            location: None,
            asset: None,
            person: None,
            device: None,
            group: None,
            detail: serde_json::json!({}),
        }
    }

    pub fn location(mut self, id: LocationId) -> NewEvent {
        self.location = Some(id);
        self
    }

    pub fn asset(mut self, id: AssetId) -> NewEvent {
        self.asset = Some(id);
        self
    }

    /// Of nobody when it happens to a device that belongs to nobody.
    pub fn person(mut self, id: impl Into<Option<PersonId>>) -> NewEvent {
        self.person = id.into();
        self
    }

    pub fn device(mut self, id: DeviceId) -> NewEvent {
        self.device = Some(id);
        self
    }

    pub fn group(mut self, id: GroupId) -> NewEvent {
        self.group = Some(id);
        self
    }

    pub fn with(mut self, detail: serde_json::Value) -> NewEvent {
        self.detail = detail;
        self
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// Counts up; where to go on reading from.
    pub seq: i64,
    pub at: Time,
    pub actor_kind: String,
    pub actor_id: Option<String>,
    pub kind: String,
    pub location_id: Option<LocationId>,
    pub asset_id: Option<AssetId>,
    pub person_id: Option<PersonId>,
    pub device_id: Option<DeviceId>,
    pub group_id: Option<GroupId>,
    pub detail: serde_json::Value,
}

/// How far somebody has read who follows the history; the default is before everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPlace {
    tx: i64,
    seq: i64,
}

/// Which events; everything that is not given matches.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    pub asset: Option<AssetId>,
    pub person: Option<PersonId>,
    pub device: Option<DeviceId>,
    /// Only those before this one.
    pub before: Option<i64>,
    pub limit: i64,
}

reads! {
    /// The latest first.
    events(filter: &'a EventFilter) -> Vec<EventRow>;
    /// One of them by its number.
    event_numbered(seq: i64) -> Option<EventRow>;
    /// What happened to one person about one app, or to one device, the latest first. Costs what happened to them, at most.
    events_of_pair(asset: AssetId, whom: Holder, limit: i64) -> Vec<EventRow>;
    /// What came after a place, the earliest first: for a reader that follows, on either database without missing any.
    events_after(place: EventPlace, limit: i64) -> Vec<(EventPlace, EventRow)>;
}

impl Conn<'_> {
    async fn events_after(&mut self, place: EventPlace, limit: i64) -> Result<Vec<(EventPlace, EventRow)>, StoreError> {
        self.all(
            "SELECT * FROM events_settled WHERE (tx, seq) > ($1, $2) ORDER BY tx, seq LIMIT $3",
            values![place.tx, place.seq, limit],
            |row| {
                let place = EventPlace {
                    tx: row.int("tx")?,
                    seq: row.int("seq")?,
                };
                Ok((place, event(row)?))
            },
        )
        .await
    }

    async fn event_numbered(&mut self, seq: i64) -> Result<Option<EventRow>, StoreError> {
        self.one("SELECT * FROM events WHERE seq = $1", values![seq], event)
            .await
    }

    async fn events_of_pair(&mut self, asset: AssetId, whom: Holder, limit: i64) -> Result<Vec<EventRow>, StoreError> {
        // By whom it happened to: more happened to an app than to anybody.
        let sql = match whom {
            Holder::Person(_) => {
                "SELECT * FROM events WHERE person_id = $2 AND asset_id || '' = $1 ORDER BY seq DESC LIMIT $3"
            }
            Holder::Device(_) => {
                "SELECT * FROM events WHERE device_id = $2 AND asset_id || '' = $1 ORDER BY seq DESC LIMIT $3"
            }
        };
        self.all(sql, values![asset, whom.id(), limit], event).await
    }

    async fn events(&mut self, filter: &EventFilter) -> Result<Vec<EventRow>, StoreError> {
        self.all(
            "SELECT * FROM events
             WHERE (CAST($1 AS TEXT) IS NULL OR asset_id = $1) AND (CAST($2 AS TEXT) IS NULL OR person_id = $2)
               AND (CAST($3 AS TEXT) IS NULL OR device_id = $3) AND (CAST($4 AS BIGINT) IS NULL OR seq < $4)
             ORDER BY seq DESC LIMIT $5",
            values![filter.asset, filter.person, filter.device, filter.before, filter.limit],
            event,
        )
        .await
    }
}

macro_rules! insert_event {
    () => {
        "INSERT INTO events (at, actor_kind, actor_id, kind, location_id, asset_id, person_id, device_id, group_id, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    };
}

impl Tx {
    /// Writes an event about a person unless the same was written of them and the same device, if any, after `since`, or about
    /// nobody and a device: for what may come again and again.
    pub async fn event_unless_since(&mut self, event: &NewEvent, since: Time) -> Result<(), StoreError> {
        let sql = match event.person {
            Some(_) => {
                "SELECT seq FROM events
                 WHERE kind = $1 AND at > $2
                   AND person_id = $3 AND COALESCE(device_id, '') = COALESCE(CAST($4 AS TEXT), '')
                 ORDER BY seq DESC LIMIT 1"
            }
            None => {
                "SELECT seq FROM events
                 WHERE kind = $1 AND at > $2 AND COALESCE(person_id, '') = COALESCE(CAST($3 AS TEXT), '')
                   AND device_id = $4
                 ORDER BY seq DESC LIMIT 1"
            }
        };
        let values = values![event.kind, since, event.person, event.device];
        let told = self.conn().one(sql, values, |row| row.int("seq")).await?;
        match told {
            Some(_) => Ok(()),
            None => self.event(event).await,
        }
    }

    pub async fn event(&mut self, event: &NewEvent) -> Result<(), StoreError> {
        self.run(insert_event!(), event.values()).await?;
        Ok(())
    }

    /// The same: the number of the event, under which it is found again.
    pub async fn event_told(&mut self, event: &NewEvent) -> Result<i64, StoreError> {
        let sql = concat!(insert_event!(), " RETURNING seq");
        let seq = self.conn().one(sql, event.values(), |row| row.int("seq")).await?;
        seq.ok_or(StoreError::Conflict)
    }
}

impl NewEvent {
    fn values(&self) -> Vec<Value> {
        values![
            self.at,
            word(&self.actor.kind()),
            self.actor.id(),
            self.kind,
            self.location,
            self.asset,
            // What happens to a device that belongs to nobody happens to nobody.
            self.person
                .filter(|person| self.device.is_none_or(|device| *person != PersonId::nobody(device))),
            self.device,
            self.group,
            self.detail.to_string()
        ]
    }
}

fn event(row: &Record) -> Result<EventRow, StoreError> {
    Ok(EventRow {
        seq: row.int("seq")?,
        at: row.time("at")?,
        actor_kind: row.text("actor_kind")?,
        actor_id: row.text_or_none("actor_id")?,
        kind: row.text("kind")?,
        location_id: row.parsed_or_none("location_id")?,
        asset_id: row.parsed_or_none("asset_id")?,
        person_id: row.parsed_or_none("person_id")?,
        device_id: row.parsed_or_none("device_id")?,
        group_id: row.parsed_or_none("group_id")?,
        detail: row.json("detail")?,
    })
}
