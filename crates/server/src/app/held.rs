//! Changes that wait for another administrator.
//!
//! A change that takes back many licences may need two (`domain::TakeBackLimits::approval_above`). Then saving only asks: what
//! is wanted is kept, with what whoever asked had seen, until another administrator has seen what it does by then and approves
//! it, or turns it down. What is approved is saved by the same way and under the same contract as everything else.

use std::time::Duration;

use domain::HeldChangeId;
use serde_json::json;
use store::{Actor, Base, HeldEnd, HeldRow, HeldState, NewEvent, Role, Version};

use super::{
    App, AppError, Caller,
    changes::Intent,
    contract::{Agreed, Because},
    kept::{about, promised},
};

/// After so long nobody remembers what it was for.
pub const WAITS_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// What somebody is who asks, as the history has it.
const ACCOUNT: &str = "account";
const API_KEY: &str = "apiKey";
/// So long is a reason.
const REASON_CHARS: usize = 500;

impl App {
    /// Asks another administrator to approve a change, unless it does something else by now than was agreed to, or is of
    /// another version. Nothing of it is done until then.
    pub async fn change_hold(
        &self,
        caller: &Caller,
        intent: &Intent,
        base: Base,
        agreed: &Agreed,
    ) -> Result<HeldChangeId, AppError> {
        caller.may_write()?;
        let (version, name) = self.thing_of(intent).await?;
        if !base.is(&version) {
            return Err(AppError::Stale("thing that is changed"));
        }
        let preview = self.intent_preview(intent).await?;
        if agreed
            .digest
            .as_deref()
            .is_some_and(|digest| digest != preview.digest())
        {
            return Err(AppError::Outdated(preview));
        }
        let take_back = preview.to_confirm();
        if let Some(licences) = take_back.filter(|licences| agreed.take_back != Some(*licences)) {
            return Err(AppError::TakesBack(licences, preview));
        }
        let (now, actor) = (self.now(), caller.actor());
        let held = HeldRow {
            id: HeldChangeId(self.random.id()),
            kind: intent.kind(),
            thing: intent.thing(),
            name,
            intent: serde_json::to_value(intent).unwrap_or_default(),
            base: version.number,
            digest: preview.digest().to_owned(),
            take_back: take_back.unwrap_or(0),
            promised: promised(preview.apps().into_iter().map(|app| &app.outcome)),
            undoes: agreed.because.undoes,
            asked_at: now,
            asked_by: caller.name().to_owned(),
            asker_kind: actor.kind_word(),
            asker_id: actor.id(),
            expires_at: now + WAITS_FOR,
            state: HeldState::Open,
            ended_at: None,
            ended_by: None,
            reason: None,
            change: None,
        };
        let mut tx = self.store.begin().await?;
        tx.held_change_insert(&held).await?;
        let what =
            json!({ "name": held.name, "held": held.id, "takesBack": held.take_back, "previewDigest": held.digest });
        let event = NewEvent::new(now, actor, "changeHeld");
        tx.event(&about(event, held.kind, &held.thing).with(what)).await?;
        tx.commit().await?;
        Ok(held.id)
    }

    pub async fn held_change(&self, id: HeldChangeId) -> Result<HeldRow, AppError> {
        let mut row = self
            .store
            .held_change(id)
            .await?
            .ok_or(AppError::NotFound("held change"))?;
        if row.state == HeldState::Open && row.expires_at <= self.now() {
            row.state = HeldState::Expired;
        }
        Ok(row)
    }

    /// Those that wait, the first to expire first.
    pub async fn held_changes_open(&self) -> Result<Vec<HeldRow>, AppError> {
        Ok(self.store.held_changes_open(self.now()).await?)
    }

    /// Those that ended, the latest first.
    pub async fn held_changes_ended(&self, most: i64) -> Result<Vec<HeldRow>, AppError> {
        Ok(self.store.held_changes_ended(most).await?)
    }

    /// What is wanted.
    pub fn held_intent(row: &HeldRow) -> Result<Intent, AppError> {
        serde_json::from_value(row.intent.clone()).map_err(|_| AppError::NotFound("held change"))
    }

    /// Whether the thing is as it was when the change was asked for: the version that it has.
    pub async fn held_base(&self, intent: &Intent) -> Result<Version, AppError> {
        Ok(self.thing_of(intent).await?.0)
    }

    /// Accounts that could approve what this caller asks for, by name.
    pub async fn approvers(&self, caller: &Caller) -> Result<Vec<String>, AppError> {
        let accounts = self.store.accounts().await?.into_iter();
        let may = accounts.filter(|account| account.disabled_at.is_none() && account.role == Role::Full);
        let others = may.filter(|account| !caller.is_account(account.id));
        let mut names: Vec<String> = others.map(|account| account.name).collect();
        if let Caller::ApiKey { .. } = caller {
            let maker = self.maker(caller).await?;
            names.retain(|name| *name != maker);
        }
        Ok(names)
    }

    /// Saves it, as whoever approves it has seen it.
    pub async fn held_change_approve(
        &self,
        caller: &Caller,
        id: HeldChangeId,
        agreed: &Agreed,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let row = self.held_waiting(id).await?;
        if self.is_asker(&row, caller).await? {
            return Err(AppError::HeldOwn);
        }
        let intent = App::held_intent(&row)?;
        // Who comes into a group and who goes is so whoever else does; everything else is of what was there.
        let base = match intent {
            Intent::GroupMembers { .. } => Base::Latest,
            _ => Base::Version(row.base),
        };
        if !base.is(&self.held_base(&intent).await?) {
            return Err(AppError::Stale("thing that is changed"));
        }
        let agreed = Agreed {
            because: Because {
                undoes: row.undoes,
                approved: Some((id, row.asked_by)),
            },
            ..agreed.clone()
        };
        self.intent_save(caller, &intent, base, &agreed).await
    }

    /// Whoever asked does not get it, and reads why.
    pub async fn held_change_turn_down(&self, caller: &Caller, id: HeldChangeId, reason: &str) -> Result<(), AppError> {
        caller.may_write()?;
        let reason = super::required("reason", reason, REASON_CHARS)?;
        let row = self.held_waiting(id).await?;
        if self.is_asker(&row, caller).await? {
            return Err(AppError::HeldOwn);
        }
        self.held_change_over(caller, &row, HeldState::TurnedDown, Some(&reason))
            .await
    }

    /// Whoever asked does not want it any more.
    pub async fn held_change_withdraw(&self, caller: &Caller, id: HeldChangeId) -> Result<(), AppError> {
        caller.may_write()?;
        let row = self.held_waiting(id).await?;
        if !self.is_asker(&row, caller).await? {
            return Err(AppError::HeldOfAnother);
        }
        self.held_change_over(caller, &row, HeldState::Withdrawn, None).await
    }

    /// Ends those that waited too long. How many.
    pub async fn held_changes_expire(&self) -> Result<u64, AppError> {
        let now = self.now();
        let mut expired = 0;
        for row in self.store.held_changes_expired(now).await? {
            match self
                .held_change_over(&Caller::System, &row, HeldState::Expired, None)
                .await
            {
                Ok(()) => expired += 1,
                Err(AppError::HeldOver) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(expired)
    }

    /// Whether this caller is who asked. A key is whoever made it: nobody approves their own change with one.
    pub async fn is_asker(&self, row: &HeldRow, caller: &Caller) -> Result<bool, AppError> {
        let actor = caller.actor();
        if actor.kind_word() == row.asker_kind && actor.id() == row.asker_id {
            return Ok(true);
        }
        // Two accounts are two people, whatever they are called.
        if row.asker_kind == ACCOUNT && actor.kind_word() == ACCOUNT {
            return Ok(false);
        }
        let asker = match (&row.asker_kind, &row.asker_id) {
            (kind, Some(id)) if kind == API_KEY => {
                let id = id.parse().map_err(|_| AppError::NotFound("API key"))?;
                let key = self.store.api_key(id).await?;
                key.map_or_else(|| row.asked_by.clone(), |key| key.made_by)
            }
            _ => row.asked_by.clone(),
        };
        Ok(asker == self.maker(caller).await?)
    }

    /// What the person is called who does something, or who made the key that does.
    async fn maker(&self, caller: &Caller) -> Result<String, AppError> {
        if let Actor::ApiKey(id) = caller.actor()
            && let Some(key) = self.store.api_key(id).await?
        {
            return Ok(key.made_by);
        }
        Ok(caller.name().to_owned())
    }

    async fn held_waiting(&self, id: HeldChangeId) -> Result<HeldRow, AppError> {
        let row = self.held_change(id).await?;
        match row.state {
            HeldState::Open => Ok(row),
            _ => Err(AppError::HeldOver),
        }
    }

    async fn held_change_over(
        &self,
        caller: &Caller,
        row: &HeldRow,
        state: HeldState,
        reason: Option<&str>,
    ) -> Result<(), AppError> {
        let now = self.now();
        let end = HeldEnd {
            state,
            at: now,
            by: caller.name(),
            reason,
            change: None,
        };
        let kind = match state {
            HeldState::TurnedDown => "changeTurnedDown",
            HeldState::Withdrawn => "changeWithdrawn",
            HeldState::Expired => "changeExpired",
            HeldState::Open | HeldState::Approved => return Ok(()),
        };
        let mut tx = self.store.begin().await?;
        if !tx.held_change_end(row.id, end).await? {
            return Err(AppError::HeldOver);
        }
        let event = about(NewEvent::new(now, caller.actor(), kind), row.kind, &row.thing);
        let what = json!({ "name": row.name, "held": row.id, "askedBy": row.asked_by, "reason": reason });
        tx.event(&event.with(what)).await?;
        Ok(tx.commit().await?)
    }

    /// It is so already: whoever approves it is told, and it waits no more.
    pub(super) async fn held_changes_nothing(&self, caller: &Caller, id: HeldChangeId) -> AppError {
        let ended = async {
            let row = self.held_change(id).await?;
            self.held_change_over(caller, &row, HeldState::Withdrawn, None).await
        };
        match ended.await {
            Ok(()) => AppError::HeldOver,
            Err(error) => error,
        }
    }

    /// The version of what it is about, and what that is called.
    async fn thing_of(&self, intent: &Intent) -> Result<(Version, String), AppError> {
        match intent {
            Intent::Deployment { app, .. } => {
                let row = self.store.app(*app).await?.ok_or(AppError::NotFound("app"))?;
                let name = row.name.unwrap_or(row.adam_id);
                Ok((self.deployments_version(*app).await?, name))
            }
            Intent::GroupMembers { group, .. } | Intent::GroupRule { group, .. } => {
                let row = self.group(*group).await?.ok_or(AppError::NotFound("group"))?;
                Ok((row.members_version, row.name))
            }
            Intent::Settings { .. } => Ok((self.policy_version().await?, String::new())),
            Intent::Updates { app, .. } => {
                let (row, version) = self.updates(*app).await?;
                Ok((version, row.name.unwrap_or(row.adam_id)))
            }
        }
    }
}
