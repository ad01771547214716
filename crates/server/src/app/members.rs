//! Who is in a group, and what changing that does to each app that is deployed to it.
//!
//! Saving is a contract, as it is of a deployment: whoever saves what they saw in a preview gets that, or is told that it is
//! something else now.

use std::collections::BTreeSet;

use domain::{AssetId, GroupId, GroupKind, Members};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::{Base, GroupRow, NewEvent, Snapshot};
use uuid::Uuid;

use super::{
    App, AppError, Caller, Problem,
    contract::{self, Agreed, Contract, Previewed},
    deployments::Preview,
};

/// What replacing the members of a group would do.
#[derive(Debug, Clone, PartialEq)]
pub struct MembersPreview {
    /// As it is.
    pub group: GroupRow,
    pub change: Members,
    /// Of each app that is deployed to it, by name.
    pub apps: Vec<Preview>,
    /// Names all of it.
    pub digest: String,
}

impl Contract for MembersPreview {
    fn digest(&self) -> &str {
        &self.digest
    }

    fn to_confirm(&self) -> Option<u64> {
        contract::to_confirm(self.apps.iter())
    }

    fn shown(self) -> Previewed {
        Previewed::Members(Box::new(self))
    }
}

impl App {
    /// People of a user group, devices of a device group.
    pub async fn group_members(&self, id: GroupId) -> Result<Vec<Uuid>, AppError> {
        Ok(self.store.group_members(id).await?)
    }

    /// What replacing the members would do. Nothing is changed.
    ///
    /// It reads those who come and go, and the line of each app that is deployed to the group.
    pub async fn group_members_preview(&self, id: GroupId, members: &[Uuid]) -> Result<MembersPreview, AppError> {
        let mut read = self.store.snapshot().await?;
        let group = read.group(id).await?.ok_or(AppError::NotFound("group"))?;
        let wanted: BTreeSet<Uuid> = members.iter().copied().collect();
        let present: BTreeSet<Uuid> = read.group_members(id).await?.into_iter().collect();
        let change = Members {
            group: id,
            kind: group.kind,
            come: wanted.difference(&present).copied().collect(),
            go: present.difference(&wanted).copied().collect(),
        };
        let mut apps = Vec::new();
        for asset in deployed_to(&mut read, id).await? {
            apps.extend(self.previewed(&mut read, asset, &change).await?);
        }
        drop(read);
        apps.sort_by(|one, next| one.app.name.cmp(&next.app.name));
        Ok(MembersPreview {
            digest: digest(&change, &apps),
            group,
            change,
            apps,
        })
    }

    /// Of one app. `None` of what is none any more.
    async fn previewed(
        &self,
        read: &mut Snapshot,
        asset: AssetId,
        change: &Members,
    ) -> Result<Option<Preview>, AppError> {
        let Some(app) = read.app(asset).await?.filter(store::AppRow::is_app) else {
            return Ok(None);
        };
        let outcome = read
            .previewed_members(app.location_id, asset, change, self.now())
            .await?;
        match outcome {
            Some(outcome) => Ok(Some(self.previewed_app(read, app, outcome).await?)),
            None => Ok(None),
        }
    }

    /// Replaces the members, unless they were changed since `base`, or it does something else by now than was agreed to. Nobody
    /// who has left, or leaves at this moment, gets in.
    ///
    /// Previews first, in a reading of its own: nobody else waits for that. What was previewed is of the members that are
    /// replaced then.
    pub async fn group_members_set(
        &self,
        caller: &Caller,
        id: GroupId,
        base: Base,
        members: &[Uuid],
        agreed: &Agreed,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let members: Vec<Uuid> = members.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let _turn = self.turns.next(id.0).await;
        loop {
            let now = self.now();
            let row = self.group(id).await?.ok_or(AppError::NotFound("group"))?;
            // Whoever left since the page was opened is told of as a change, and not as a mistake.
            if !base.is(&row.members_version) {
                return Err(AppError::Stale("group"));
            }
            let preview = self.group_members_preview(id, &members).await?;
            if preview.group.members_version.number != row.members_version.number {
                if matches!(base, Base::Latest) {
                    // Somebody was faster, which does not matter to this caller.
                    continue;
                }
                return Err(AppError::Stale("group"));
            }
            let preview = preview.agreed(agreed)?;

            let mut tx = self.store.begin().await?;
            // People before the group, as whoever leaves takes them: otherwise the two would wait for each other.
            let there = match row.kind {
                GroupKind::User => tx.people_stay(&members).await?,
                GroupKind::Device => tx.members_known(row.kind, &members).await?,
            };
            if there < members.len() {
                // Whoever was faster took them out, and is told of.
                let seen = tx.group(id).await?.ok_or(AppError::NotFound("group"))?;
                if !base.is(&seen.members_version) {
                    return Err(AppError::Stale("group"));
                }
                let problem = if tx.members_known(row.kind, &members).await? < members.len() {
                    Problem::Unknown
                } else {
                    Problem::Left
                };
                return Err(AppError::Invalid {
                    field: "members",
                    problem,
                });
            }
            let seen = Base::Version(preview.group.members_version.number);
            if !tx.group_members_set(id, seen, &members, caller.changes(now)).await? {
                if matches!(base, Base::Latest) {
                    continue;
                }
                return Err(AppError::Stale("group"));
            }
            tx.event(
                &NewEvent::new(now, caller.actor(), "groupMembersSet")
                    .group(id)
                    .with(json!({ "name": row.name, "members": members.len(), "previewDigest": preview.digest })),
            )
            .await?;
            tx.commit().await?;
            self.look_again();
            return Ok(());
        }
    }
}

/// The apps that are deployed to a group.
async fn deployed_to(read: &mut Snapshot, group: GroupId) -> Result<BTreeSet<AssetId>, AppError> {
    let mut assets = BTreeSet::new();
    for location in read.locations().await? {
        let lines = read.deployments_all(location.id).await?.into_iter();
        assets.extend(lines.filter(|line| line.group == group).map(|line| line.app));
    }
    Ok(assets)
}

/// Of who comes and goes, and of what that does.
fn digest(change: &Members, apps: &[Preview]) -> String {
    let mut hash = Sha256::new();
    hash.update(change.group.0.as_bytes());
    for (sign, ids) in [(b"+", &change.come), (b"-", &change.go)] {
        for id in ids {
            hash.update(sign);
            hash.update(id.as_bytes());
        }
    }
    contract::of_apps(hash, apps.iter())
}
