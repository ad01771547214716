//! Where Apple is to notify us of a location, and what it said: a hint to look, never more.

use domain::{LocationId, OperationId, Time};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Store, StoreError, Tx,
    db::{Conn, Record, reads, values},
};

/// The channel of a location. Its secret is read with [`Store::channel_secret`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRow {
    pub location_id: LocationId,
    /// The end of the address, which nobody can guess.
    pub path: String,
    /// Where Apple said last that it sends them; `None` while it sends none here.
    pub url: Option<String>,
    /// Apple's number for why it does not send them; 0 where it gave none.
    pub refused: Option<i64>,
    /// When Apple was asked last what it knows of it.
    pub tried_at: Option<Time>,
    /// When the last one came that made us look.
    pub notified_at: Option<Time>,
    /// Since when one waits to be looked after.
    pub hinted_at: Option<Time>,
}

reads! {
    channel(location: LocationId) -> Option<ChannelRow>;
    channel_at(path: &'a str) -> Option<ChannelRow>;
}

impl Conn<'_> {
    async fn channel(&mut self, location: LocationId) -> Result<Option<ChannelRow>, StoreError> {
        let sql = "SELECT * FROM notification_channels WHERE location_id = $1";
        self.one(sql, values![location], row).await
    }

    async fn channel_at(&mut self, path: &str) -> Result<Option<ChannelRow>, StoreError> {
        let sql = "SELECT * FROM notification_channels WHERE path = $1";
        self.one(sql, values![path], row).await
    }
}

impl Store {
    /// What Apple proves itself with.
    pub async fn channel_secret(&self, location: LocationId) -> Result<SecretString, StoreError> {
        let sql = "SELECT secret_sealed FROM notification_channels WHERE location_id = $1";
        let mut reader = self.reader().await?;
        let sealed = reader
            .conn()
            .one(sql, values![location], |row| row.bytes("secret_sealed"))
            .await?
            .ok_or(StoreError::Sealed)?;
        self.key.open_text(&place(location), &sealed)
    }
}

impl Tx {
    /// Before Apple is told of it: its test comes before its answer. What is there already stays.
    pub async fn channel_make(
        &mut self,
        location: LocationId,
        path: &str,
        secret: &SecretString,
    ) -> Result<(), StoreError> {
        let sealed = self.key.seal(&place(location), secret.expose_secret().as_bytes());
        let sql = "INSERT INTO notification_channels (location_id, path, secret_sealed) VALUES ($1, $2, $3)
             ON CONFLICT (location_id) DO NOTHING";
        self.run(sql, values![location, path, sealed]).await?;
        Ok(())
    }

    /// What Apple said of it: where it sends them, or why it does not.
    pub async fn channel_tried(
        &mut self,
        location: LocationId,
        url: Option<&str>,
        refused: Option<i64>,
        now: Time,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE notification_channels SET url = $2, refused = $3, tried_at = $4 WHERE location_id = $1";
        self.run(sql, values![location, url, refused, now]).await?;
        Ok(())
    }

    /// Apple is asked anew what it knows of it: it was told something else that may have replaced it.
    pub async fn channel_doubt(&mut self, location: LocationId) -> Result<(), StoreError> {
        let sql = "UPDATE notification_channels SET tried_at = NULL WHERE location_id = $1";
        self.run(sql, values![location]).await?;
        Ok(())
    }

    /// A notification came that says that there is something to look at. One hint is as good as many: nothing is written while one
    /// waits.
    pub async fn channel_hint(&mut self, location: LocationId, now: Time) -> Result<(), StoreError> {
        let sql = "UPDATE notification_channels SET hinted_at = $2, notified_at = $2
             WHERE location_id = $1 AND hinted_at IS NULL";
        self.run(sql, values![location, now]).await?;
        Ok(())
    }

    /// It is looked at now: whatever comes from here on is another hint.
    pub async fn channel_hint_take(&mut self, location: LocationId) -> Result<(), StoreError> {
        let sql = "UPDATE notification_channels SET hinted_at = NULL WHERE location_id = $1";
        self.run(sql, values![location]).await?;
        Ok(())
    }

    /// Apple said of so many more of an operation that they are done, or cannot be: once that is all of it, its outcome is asked
    /// for at `now`. Whether it is one of ours.
    pub async fn operation_told(
        &mut self,
        location: LocationId,
        event_id: &str,
        more: i64,
        now: Time,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE operations SET told = told + $3,
                 not_before = CASE WHEN told + $3 >= requested AND told < requested THEN $4 ELSE not_before END
             WHERE location_id = $1 AND state = 'pending' AND event_id = $2";
        if self.run(sql, values![location, event_id, more, now]).await? > 0 {
            return Ok(true);
        }
        // It may come before the answer that says what the event is called (S68). If it is another one's, somebody asks too soon.
        let sql = "UPDATE operations SET told = told + $2 WHERE location_id = $1 AND state = 'sending'";
        self.run(sql, values![location, more]).await?;
        Ok(false)
    }

    /// Apple has answered with the name of the event: if all of it was told before, its outcome is asked for now.
    pub async fn operation_told_before(&mut self, id: OperationId, now: Time) -> Result<(), StoreError> {
        let sql = "UPDATE operations SET not_before = $2 WHERE id = $1 AND state = 'pending' AND told >= requested";
        self.run(sql, values![id, now]).await?;
        Ok(())
    }
}

fn row(row: &Record) -> Result<ChannelRow, StoreError> {
    Ok(ChannelRow {
        location_id: row.parsed("location_id")?,
        path: row.text("path")?,
        url: row.text_or_none("url")?,
        refused: row.int_or_none("refused")?,
        tried_at: row.time_or_none("tried_at")?,
        notified_at: row.time_or_none("notified_at")?,
        hinted_at: row.time_or_none("hinted_at")?,
    })
}

fn place(location: LocationId) -> String {
    format!("notification_channels/{location}")
}
