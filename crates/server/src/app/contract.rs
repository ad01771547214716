//! Saving is a contract: whoever saves what they saw in a preview gets that, or is told that it is something else now.
//!
//! One rule, whatever is changed: the digest of what was seen is that of what would be done, whoever takes back many licences
//! says how many, and where the organisation wants two administrators for that, another one has approved it.

use domain::{AssetId, HeldChangeId};
use sha2::{Digest, Sha256};

use super::AppError;

pub use super::Previewed;

/// What somebody agreed to who saves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreed {
    /// [`Contract::digest`] of what they saw; `None` for whoever saves whatever it does.
    pub digest: Option<String>,
    /// How many licences they know that it takes back.
    pub take_back: Option<u64>,
    pub because: Because,
}

/// Why a change is made that somebody did not just think of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Because {
    /// The change that it takes back.
    pub undoes: Option<i64>,
    /// What another administrator approved, and who had asked for it.
    pub approved: Option<(HeldChangeId, String)>,
}

/// What saving would do, and can be agreed to.
pub trait Contract: Sized {
    /// Names all of it: another outcome has another digest.
    fn digest(&self) -> &str;
    /// How many licences it takes back, when they are so many that whoever saves has to say so.
    fn to_confirm(&self) -> Option<u64>;
    /// A change to be confirmed that takes back more than so many is approved by another administrator; `None`: none is.
    fn approval_above(&self) -> Option<u64>;

    /// How many licences it takes back, when they are so many that another administrator approves it first.
    fn to_approve(&self) -> Option<u64> {
        let above = self.approval_above()?;
        self.to_confirm().filter(|licences| *licences > above)
    }

    /// Whether another administrator approves it first.
    fn needs_approval(&self) -> bool {
        self.to_approve().is_some()
    }

    /// As it is shown to whoever agreed to something else.
    fn shown(self) -> Previewed;

    /// Errors unless this is what was agreed to.
    fn agreed(self, agreed: &Agreed) -> Result<Self, AppError> {
        if agreed.digest.as_ref().is_some_and(|digest| digest != self.digest()) {
            return Err(AppError::Outdated(self.shown()));
        }
        match self.to_confirm() {
            Some(licences) if agreed.take_back != Some(licences) => Err(AppError::TakesBack(licences, self.shown())),
            _ if self.needs_approval() && agreed.because.approved.is_none() => {
                Err(AppError::NeedsApproval(self.shown()))
            }
            _ => Ok(self),
        }
    }
}

/// How many licences a change takes back, of those apps of which they are so many that whoever saves has to say so.
pub(super) fn to_confirm<'a, C: Contract + 'a>(apps: impl Iterator<Item = &'a C>) -> Option<u64> {
    apps.filter_map(Contract::to_confirm)
        .reduce(|licences, more| licences + more)
}

/// Names what a change does to one app, when there is nothing to choose about the app itself.
pub(super) fn of_app(asset: AssetId, outcome: &domain::Preview) -> String {
    let mut hash = Sha256::new();
    hash.update(asset.0.as_bytes());
    outcome.said(|bytes| hash.update(bytes));
    short(hash)
}

/// Names what a change does to several apps; `change` was told what is changed.
pub(super) fn of_apps<'a, C: Contract + 'a>(mut change: Sha256, apps: impl Iterator<Item = &'a C>) -> String {
    for app in apps {
        change.update(app.digest());
    }
    short(change)
}

/// Half of it tells apart whatever two people may agree to.
pub(super) fn short(hash: Sha256) -> String {
    hex::encode(&hash.finalize()[..16])
}
