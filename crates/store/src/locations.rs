//! Locations with their content tokens, and tokens that were read but not yet confirmed.

use domain::{AccountId, LocationId, Time, TokenState, UploadId};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Store, StoreError, Tx,
    db::{Conn, Record, reads, values, word},
};

/// A location; its token is read with [`Store::location_token`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationRow {
    pub id: LocationId,
    /// Apple's identity of it: the only one that is stable.
    pub uid: String,
    pub display_name: String,
    pub apple_id: String,
    pub token_sha256: String,
    pub organization_name: String,
    pub location_name: String,
    pub country: String,
    pub default_platform: String,
    pub website_url: Option<String>,
    pub expires_at: Time,
    /// What Apple last said; whether it expires soon is for the calendar to say.
    pub state: TokenState,
    /// The server that took the location over.
    pub owner_name: Option<String>,
    pub owner_metadata: Option<String>,
    /// Our own `mdmInfo.id`.
    pub mdm_id: String,
    pub uploaded_by: Option<String>,
    pub last_modified_at: Time,
    pub last_sync_at: Option<Time>,
    pub assets_version: Option<String>,
    pub assignments_version: Option<String>,
    pub users_version: Option<String>,
    pub created_at: Time,
    /// Since when Apple has not answered, while it does not.
    pub unanswered_since: Option<Time>,
}

/// A token between its upload and its confirmation.
#[derive(Debug, Clone)]
pub struct Upload {
    pub id: UploadId,
    pub account: Option<AccountId>,
    pub token: SecretString,
    pub facts: serde_json::Value,
    pub created_at: Time,
}

reads! {
    locations() -> Vec<LocationRow>;
    /// The one whose token is linked. There is one at most, and nothing else says so: what works for several asks for
    /// [`locations`](Store::locations).
    location_linked() -> Option<LocationRow>;
    location(id: LocationId) -> Option<LocationRow>;
    location_by_uid(uid: &'a str) -> Option<LocationRow>;
}

impl Conn<'_> {
    async fn locations(&mut self) -> Result<Vec<LocationRow>, StoreError> {
        self.all("SELECT * FROM locations ORDER BY created_at", values![], location)
            .await
    }

    async fn location_linked(&mut self) -> Result<Option<LocationRow>, StoreError> {
        let sql = "SELECT * FROM locations ORDER BY created_at LIMIT 1";
        self.one(sql, values![], location).await
    }

    pub(crate) async fn location(&mut self, id: LocationId) -> Result<Option<LocationRow>, StoreError> {
        self.one("SELECT * FROM locations WHERE id = $1", values![id], location)
            .await
    }

    async fn location_by_uid(&mut self, uid: &str) -> Result<Option<LocationRow>, StoreError> {
        self.one("SELECT * FROM locations WHERE uid = $1", values![uid], location)
            .await
    }
}

impl Store {
    /// Who we said we are, or are about to say, at Apple for the account `uid`.
    pub async fn claim(&self, uid: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT mdm_id FROM claims WHERE uid = $1";
        self.reader()
            .await?
            .conn()
            .one(sql, values![uid], |row| row.text("mdm_id"))
            .await
    }

    pub async fn location_token(&self, id: LocationId) -> Result<SecretString, StoreError> {
        let sealed = self
            .reader()
            .await?
            .conn()
            .one("SELECT token_sealed FROM locations WHERE id = $1", values![id], |row| {
                row.bytes("token_sealed")
            })
            .await?
            .ok_or(StoreError::Sealed)?;
        self.key.open_text(&token_place(id), &sealed)
    }

    pub async fn upload(&self, id: UploadId) -> Result<Option<Upload>, StoreError> {
        let found = self
            .reader()
            .await?
            .conn()
            .one("SELECT * FROM uploads WHERE id = $1", values![id], |row| {
                Ok((
                    row.parsed_or_none("account_id")?,
                    row.bytes("sealed")?,
                    row.json("facts")?,
                    row.time("created_at")?,
                ))
            })
            .await?;
        let Some((account, sealed, facts, created_at)) = found else {
            return Ok(None);
        };
        let token = self.key.open_text(&upload_place(id), &sealed)?;
        Ok(Some(Upload {
            id,
            account,
            token,
            facts,
            created_at,
        }))
    }
}

impl Tx {
    pub async fn location_insert(&mut self, row: &LocationRow, token: &SecretString) -> Result<(), StoreError> {
        let sealed = self.key.seal(&token_place(row.id), token.expose_secret().as_bytes());
        self.run(
            "INSERT INTO locations (id, uid, display_name, apple_id, token_sealed, token_sha256, organization_name,
                                    location_name, country, default_platform, website_url, expires_at, state,
                                    owner_name, owner_metadata, mdm_id, uploaded_by, last_modified_at, last_sync_at,
                                    assets_version, assignments_version, users_version, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                     $22, $23)",
            values![
                row.id,
                row.uid,
                row.display_name,
                row.apple_id,
                sealed,
                row.token_sha256,
                row.organization_name,
                row.location_name,
                row.country,
                row.default_platform,
                row.website_url,
                row.expires_at,
                word(&row.state),
                row.owner_name,
                row.owner_metadata,
                row.mdm_id,
                row.uploaded_by,
                row.last_modified_at,
                row.last_sync_at,
                row.assets_version,
                row.assignments_version,
                row.users_version,
                row.created_at
            ],
        )
        .await?;
        Ok(())
    }

    /// Takes the renewed token of the same location. Everything else stays.
    #[expect(clippy::too_many_arguments, reason = "what an upload brings, together")]
    pub async fn location_token_replace(
        &mut self,
        id: LocationId,
        token: &SecretString,
        token_sha256: &str,
        expires_at: Time,
        last_modified_at: Time,
        uploaded_by: &str,
        display_name: &str,
        apple_id: &str,
    ) -> Result<(), StoreError> {
        let sealed = self.key.seal(&token_place(id), token.expose_secret().as_bytes());
        self.run(
            "UPDATE locations SET token_sealed = $2, token_sha256 = $3, expires_at = $4, last_modified_at = $5,
                                  uploaded_by = $6, display_name = $7, apple_id = $8
             WHERE id = $1",
            values![
                id,
                sealed,
                token_sha256,
                expires_at,
                last_modified_at,
                uploaded_by,
                display_name,
                apple_id
            ],
        )
        .await?;
        Ok(())
    }

    /// What Apple says of the token, and who it names as the manager. It is said of one token: `false`, and nothing is
    /// changed, when another one has taken its place.
    pub async fn location_state(
        &mut self,
        id: LocationId,
        token_sha256: &str,
        state: TokenState,
        owner: (Option<String>, Option<String>),
    ) -> Result<bool, StoreError> {
        let changed = self
            .run(
                "UPDATE locations SET state = $3, owner_name = $4, owner_metadata = $5
                 WHERE id = $1 AND token_sha256 = $2",
                values![id, token_sha256, word(&state), owner.0, owner.1],
            )
            .await?;
        Ok(changed > 0)
    }

    /// What a complete read of the location told of it.
    pub async fn location_read(&mut self, row: &LocationRow) -> Result<(), StoreError> {
        self.run(
            "UPDATE locations SET location_name = $2, country = $3, default_platform = $4, website_url = $5,
                                  last_sync_at = $6, assets_version = $7, assignments_version = $8, users_version = $9
             WHERE id = $1",
            values![
                row.id,
                row.location_name,
                row.country,
                row.default_platform,
                row.website_url,
                row.last_sync_at,
                row.assets_version,
                row.assignments_version,
                row.users_version
            ],
        )
        .await?;
        let sql = "UPDATE locations SET expires_at = $3 WHERE id = $1 AND token_sha256 = $2";
        self.run(sql, values![row.id, row.token_sha256, row.expires_at]).await?;
        Ok(())
    }

    /// From which versions on the next look asks.
    pub async fn location_versions(&mut self, row: &LocationRow) -> Result<(), StoreError> {
        self.run(
            "UPDATE locations SET assets_version = $2, assignments_version = $3, users_version = $4 WHERE id = $1",
            values![row.id, row.assets_version, row.assignments_version, row.users_version],
        )
        .await?;
        Ok(())
    }

    /// Apple does not answer, since `since`; `None`: it does. The first moment stays. Whether this is news.
    pub async fn location_unanswered(&mut self, id: LocationId, since: Option<Time>) -> Result<bool, StoreError> {
        let sql = match since {
            Some(_) => "UPDATE locations SET unanswered_since = $2 WHERE id = $1 AND unanswered_since IS NULL",
            None => "UPDATE locations SET unanswered_since = $2 WHERE id = $1 AND unanswered_since IS NOT NULL",
        };
        Ok(self.run(sql, values![id, since]).await? > 0)
    }

    /// Who we are at Apple for the account `uid`: what was written down first, which is `mdm_id` if nothing was.
    pub async fn claim_once(&mut self, uid: &str, mdm_id: &str, now: Time) -> Result<String, StoreError> {
        self.run(
            "INSERT INTO claims (uid, mdm_id, created_at) VALUES ($1, $2, $3) ON CONFLICT (uid) DO NOTHING",
            values![uid, mdm_id, now],
        )
        .await?;
        let sql = "SELECT mdm_id FROM claims WHERE uid = $1";
        let claim = self.conn().one(sql, values![uid], |row| row.text("mdm_id")).await?;
        Ok(claim.unwrap_or_else(|| mdm_id.to_owned()))
    }

    /// Writes what may change of a location; not its token, nor who it is.
    pub async fn location_update(&mut self, row: &LocationRow) -> Result<(), StoreError> {
        self.run(
            "UPDATE locations SET location_name = $2, country = $3, default_platform = $4, website_url = $5,
                                  expires_at = $6, state = $7, owner_name = $8, owner_metadata = $9, mdm_id = $10,
                                  last_sync_at = $11, assets_version = $12, assignments_version = $13,
                                  users_version = $14
             WHERE id = $1",
            values![
                row.id,
                row.location_name,
                row.country,
                row.default_platform,
                row.website_url,
                row.expires_at,
                word(&row.state),
                row.owner_name,
                row.owner_metadata,
                row.mdm_id,
                row.last_sync_at,
                row.assets_version,
                row.assignments_version,
                row.users_version
            ],
        )
        .await?;
        Ok(())
    }

    pub async fn upload_insert(&mut self, upload: &Upload) -> Result<(), StoreError> {
        let sealed = self
            .key
            .seal(&upload_place(upload.id), upload.token.expose_secret().as_bytes());
        self.run(
            "INSERT INTO uploads (id, account_id, sealed, facts, created_at) VALUES ($1, $2, $3, $4, $5)",
            values![
                upload.id,
                upload.account,
                sealed,
                upload.facts.to_string(),
                upload.created_at
            ],
        )
        .await?;
        Ok(())
    }

    pub async fn upload_delete(&mut self, id: UploadId) -> Result<(), StoreError> {
        self.run("DELETE FROM uploads WHERE id = $1", values![id]).await?;
        Ok(())
    }
}

fn token_place(id: LocationId) -> String {
    format!("locations/{id}/token")
}

fn upload_place(id: UploadId) -> String {
    format!("uploads/{id}/token")
}

fn location(row: &Record) -> Result<LocationRow, StoreError> {
    Ok(LocationRow {
        id: row.parsed("id")?,
        uid: row.text("uid")?,
        display_name: row.text("display_name")?,
        apple_id: row.text("apple_id")?,
        token_sha256: row.text("token_sha256")?,
        organization_name: row.text("organization_name")?,
        location_name: row.text("location_name")?,
        country: row.text("country")?,
        default_platform: row.text("default_platform")?,
        website_url: row.text_or_none("website_url")?,
        expires_at: row.time("expires_at")?,
        state: row.word("state")?,
        owner_name: row.text_or_none("owner_name")?,
        owner_metadata: row.text_or_none("owner_metadata")?,
        mdm_id: row.text("mdm_id")?,
        uploaded_by: row.text_or_none("uploaded_by")?,
        last_modified_at: row.time("last_modified_at")?,
        last_sync_at: row.time_or_none("last_sync_at")?,
        assets_version: row.text_or_none("assets_version")?,
        assignments_version: row.text_or_none("assignments_version")?,
        users_version: row.text_or_none("users_version")?,
        created_at: row.time("created_at")?,
        unanswered_since: row.time_or_none("unanswered_since")?,
    })
}
