//! One thing done to many people or devices at once: previewed, agreed to, done, and told of.
//!
//! Who comes into groups and who goes, and the deployment of an app to a group that is made for them, is one transaction.
//! Inviting and moving up is done for one after the other, some in each transaction, so that nobody waits for all of them;
//! whoever is not to be done any more by then is told of as such. What is done has one cause, which every event of it names.
//!
//! Groups that have a rule are never touched: their members follow from it.

mod doing;
mod previewing;
pub mod selection;

use std::collections::{BTreeMap, BTreeSet};

use domain::{Approval, AssetId, Deployment, GroupId, GroupKind, LicenseType, Members};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::{GroupRow, Version};
use uuid::Uuid;

use self::selection::Selection;
use super::{
    App, AppError, Caller,
    contract::{self, Agreed, Contract, Previewed},
    deployments::Preview,
    invitations::NotInvited,
    members::hash_moves,
};

/// What is done to each of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "action")]
pub enum Act {
    AddToGroup {
        group: GroupId,
    },
    RemoveFromGroup {
        group: GroupId,
    },
    /// They get an app through a group.
    GiveApp {
        app: AssetId,
        through: Through,
    },
    /// They shall not have an app any more.
    TakeBackApp {
        app: AssetId,
        way: TakeBack,
    },
    /// To the programme, as by hand.
    InviteAgain,
    /// In the line for an app's licences.
    MoveUp {
        app: AssetId,
        reason: String,
    },
}

/// Through which group somebody gets an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Through {
    /// One to which the app is deployed already.
    Group(GroupId),
    /// One that is made of them.
    New {
        name: String,
        approval: Approval,
        license_type: LicenseType,
    },
}

/// How an app is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum TakeBack {
    /// They are taken out of the groups through which they get it: and lose whatever else they get through those.
    FromGroups,
    /// They come into a group for which the app is not applicable, which beats every group of the same kind.
    Except(GroupId),
    /// The same, of a group that is made of them.
    ExceptNew { name: String },
}

/// Why nothing is done to somebody who was chosen. Each has a sentence in the message files (`bulk-skip-…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Skip {
    /// Is in the group already.
    AlreadyIn,
    /// Is not in the group.
    NotIn,
    Left,
    /// A device that is not here any more.
    Gone,
    /// Is no person, or no device.
    Unknown,
    /// Does not get the app through any group.
    NotDue,
    /// Gets the app through a group that has a rule.
    ByRule,
    /// A device that gets the app through a group of its person.
    ByPerson,
    NotWaiting,
    MovedUpAlready,
    // Of inviting somebody, as of one.
    NotLinked,
    TokenNotUsable,
    NoProgram,
    Registering,
    Accepted,
    Retired,
    NoDevice,
    InvitationWaiting,
}

impl Skip {
    /// The message that says it to a person.
    pub fn key(self) -> &'static str {
        match self {
            Skip::AlreadyIn => "bulk-skip-already-in",
            Skip::NotIn => "bulk-skip-not-in",
            Skip::Left => "bulk-skip-left",
            Skip::Gone => "bulk-skip-gone",
            Skip::Unknown => "bulk-skip-unknown",
            Skip::NotDue => "bulk-skip-not-due",
            Skip::ByRule => "bulk-skip-by-rule",
            Skip::ByPerson => "bulk-skip-by-person",
            Skip::NotWaiting => "bulk-skip-not-waiting",
            Skip::MovedUpAlready => "bulk-skip-moved-up-already",
            Skip::NotLinked => "bulk-skip-not-linked",
            Skip::TokenNotUsable => "bulk-skip-token-not-usable",
            Skip::NoProgram => "bulk-skip-no-program",
            Skip::Registering => "bulk-skip-registering",
            Skip::Accepted => "bulk-skip-accepted",
            Skip::Retired => "bulk-skip-retired",
            Skip::NoDevice => "bulk-skip-no-device",
            Skip::InvitationWaiting => "bulk-skip-invitation-waiting",
        }
    }
}

impl From<&NotInvited> for Skip {
    fn from(why: &NotInvited) -> Skip {
        match why {
            NotInvited::NotLinked => Skip::NotLinked,
            NotInvited::TokenNotUsable => Skip::TokenNotUsable,
            NotInvited::Left => Skip::Left,
            NotInvited::NotDue => Skip::NoProgram,
            NotInvited::Registering => Skip::Registering,
            NotInvited::Accepted { .. } => Skip::Accepted,
            NotInvited::Retired => Skip::Retired,
            NotInvited::NoDevice => Skip::NoDevice,
            NotInvited::Waiting { .. } => Skip::InvitationWaiting,
        }
    }
}

/// Why something is not done to many at once, whoever they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BulkRefused {
    #[error("more than {most} were chosen; narrow the list first")]
    TooMany { most: usize },
    /// People are no devices.
    #[error("the group is of the other kind")]
    GroupKind,
    /// Devices are not invited, and do not stand in a line by themselves.
    #[error("this is done to people only")]
    PeopleOnly,
    /// Through such a group nobody gets the app.
    #[error("the app is not deployed to this group as required or available")]
    NotDeployed,
    /// Such a group keeps the app from nobody.
    #[error("the app is not deployed to this group as not applicable")]
    NotExcluded,
    /// Only one change of one thing can wait for another administrator.
    #[error(
        "it takes back so many licences that another administrator has to approve it: change the group or the deployment itself"
    )]
    NeedsApproval,
}

impl BulkRefused {
    /// The message that says it to a person.
    pub fn key(self) -> &'static str {
        match self {
            BulkRefused::TooMany { .. } => "bulk-too-many",
            BulkRefused::GroupKind => "bulk-group-kind",
            BulkRefused::PeopleOnly => "bulk-people-only",
            BulkRefused::NotDeployed => "bulk-not-deployed",
            BulkRefused::NotExcluded => "bulk-not-excluded",
            BulkRefused::NeedsApproval => "bulk-needs-approval",
        }
    }
}

/// What doing it would do.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkPreview {
    pub kind: GroupKind,
    pub act: Act,
    /// To whom it would be done.
    pub does: BTreeSet<Uuid>,
    /// To whom not, and why: with those all who were chosen.
    pub skipped: BTreeMap<Skip, BTreeSet<Uuid>>,
    /// Who comes into groups, and who goes. A group that is made has an id of its own only once it is.
    pub moves: Vec<Members>,
    /// Who comes into other groups, and who goes, because their rules look at these.
    pub follows: Vec<Members>,
    /// The deployment of an app with the group that is made.
    made: Option<Made>,
    /// What it does to each app, by name.
    pub apps: Vec<Preview>,
    /// Names all of it.
    pub digest: String,
}

/// A group that is made, and an app that is deployed to it.
#[derive(Debug, Clone, PartialEq)]
struct Made {
    name: String,
    app: AssetId,
    version: Version,
    lines: Vec<Deployment>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkDone {
    /// The number of the event that tells of all of it; `None` where nothing was to be done.
    pub event: Option<i64>,
    pub selected: u64,
    pub done: u64,
    pub skipped: BTreeMap<Skip, u64>,
}

/// A group through which some who were chosen get an app.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenBy {
    pub group: GroupRow,
    pub approval: Approval,
    /// How many of them, or of their devices, are in it.
    pub members: u64,
    /// How many other apps are deployed to it.
    pub other_apps: u64,
}

/// A group that is not made yet.
const UNMADE: GroupId = GroupId(Uuid::nil());
/// So many are invited, or moved up, at once: each is written down by itself, while whoever asked waits.
pub const ONE_BY_ONE: usize = 5_000;

impl Act {
    /// The app that it is about.
    pub fn app(&self) -> Option<AssetId> {
        match self {
            Act::GiveApp { app, .. } | Act::TakeBackApp { app, .. } | Act::MoveUp { app, .. } => Some(*app),
            Act::AddToGroup { .. } | Act::RemoveFromGroup { .. } | Act::InviteAgain => None,
        }
    }

    /// The one group that it is about.
    pub fn group(&self) -> Option<GroupId> {
        match self {
            Act::AddToGroup { group } | Act::RemoveFromGroup { group } => Some(*group),
            Act::GiveApp {
                through: Through::Group(group),
                ..
            }
            | Act::TakeBackApp {
                way: TakeBack::Except(group),
                ..
            } => Some(*group),
            _ => None,
        }
    }

    /// Whose turn it takes: nobody else changes the same meanwhile.
    fn turn(&self) -> Uuid {
        let group = self.group().map(|group| group.0);
        group.or(self.app().map(|app| app.0)).unwrap_or_default()
    }

    /// As it is kept and agreed to.
    fn told(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl BulkPreview {
    /// How many were chosen.
    pub fn selected(&self) -> u64 {
        let skipped: usize = self.skipped.values().map(BTreeSet::len).sum();
        (self.does.len() + skipped) as u64
    }

    /// The name of the group that is made.
    pub fn made(&self) -> Option<&str> {
        self.made.as_ref().map(|made| made.name.as_str())
    }

    /// With the digest of all that it says.
    fn named(mut self) -> BulkPreview {
        let mut hash = Sha256::new();
        hash.update(self.act.told().to_string());
        for id in &self.does {
            hash.update(id.as_bytes());
        }
        for (why, ids) in &self.skipped {
            hash.update([0, *why as u8]);
            for id in ids {
                hash.update(id.as_bytes());
            }
        }
        hash_moves(&mut hash, self.moves.iter().chain(&self.follows));
        self.digest = contract::of_apps(hash, self.apps.iter());
        self
    }
}

impl Contract for BulkPreview {
    fn digest(&self) -> &str {
        &self.digest
    }

    fn to_confirm(&self) -> Option<u64> {
        contract::to_confirm(self.apps.iter())
    }

    fn approval_above(&self) -> Option<u64> {
        self.apps.first()?.approval_above()
    }

    fn shown(self) -> Previewed {
        Previewed::Bulk(Box::new(self))
    }
}

impl App {
    /// Does this to all of them, unless it does something else by now than was agreed to. To its end, whoever listens.
    pub async fn bulk(
        &self,
        caller: &Caller,
        selection: &Selection,
        act: &Act,
        agreed: &Agreed,
    ) -> Result<BulkDone, AppError> {
        caller.may_write()?;
        let (app, caller, selection) = (self.clone(), caller.clone(), selection.clone());
        let (act, agreed) = (act.clone(), agreed.clone());
        App::to_its_end(async move { app.bulk_now(&caller, &selection, &act, &agreed).await }).await
    }

    async fn bulk_now(
        &self,
        caller: &Caller,
        selection: &Selection,
        act: &Act,
        agreed: &Agreed,
    ) -> Result<BulkDone, AppError> {
        let _turn = self.turns.next(act.turn()).await;
        let cause = self.random.id();
        loop {
            let preview = match self.bulk_preview(selection, act).await?.agreed(agreed) {
                Err(AppError::NeedsApproval(_)) => return Err(BulkRefused::NeedsApproval.into()),
                preview => preview?,
            };
            if preview.does.is_empty() {
                return Ok(BulkDone {
                    event: None,
                    selected: preview.selected(),
                    done: 0,
                    skipped: counted(&preview.skipped),
                });
            }
            let done = match act {
                Act::InviteAgain => Some(self.invite_many(caller, preview, cause).await?),
                Act::MoveUp { app, reason } => Some(self.move_up_many(caller, preview, (*app, reason), cause).await?),
                _ => self.change_groups(caller, preview, cause).await?,
            };
            // Otherwise somebody was faster, and it is previewed once more.
            if let Some(done) = done {
                self.look_again();
                return Ok(done);
            }
        }
    }

    /// What was done, as it is told under this number.
    pub async fn bulk_done(&self, event: i64) -> Result<(Act, GroupKind, BulkDone), AppError> {
        let nothing = || AppError::NotFound("bulk action");
        let row = self.store.event_numbered(event).await?;
        let row = row.filter(|row| row.kind == "bulkDone").ok_or_else(nothing)?;
        let number = |key: &str| row.detail.get(key).and_then(Value::as_u64).unwrap_or_default();
        fn said<T: serde::de::DeserializeOwned>(detail: &Value, key: &str) -> Option<T> {
            serde_json::from_value(detail.get(key)?.clone()).ok()
        }
        let done = BulkDone {
            event: Some(row.seq),
            selected: number("selected"),
            done: number("done"),
            skipped: said(&row.detail, "skipped").unwrap_or_default(),
        };
        let act = said(&row.detail, "bulk").ok_or_else(nothing)?;
        let kind = said(&row.detail, "kind").ok_or_else(nothing)?;
        Ok((act, kind, done))
    }
}

fn counted(skipped: &BTreeMap<Skip, BTreeSet<Uuid>>) -> BTreeMap<Skip, u64> {
    skipped.iter().map(|(why, ids)| (*why, ids.len() as u64)).collect()
}
