//! 배포 관리: which groups get an app, and how.
//!
//! An app may have many deployments at once, to groups of both kinds; the groups that one save adds or changes are
//! one deployment, and have to go together (A26).
//!
//! Saving is a contract: whoever saves what they saw in a preview gets that, or is told what is different now.

use std::collections::BTreeMap;

use domain::{
    Approval, AssetId, Counts, Deployment, DeploymentId, Effect, Group, GroupId, GroupKind, HolderKind, Installation,
    LicenseType, TakeBackLimits, Time,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{AppRow, Base, ChangeKind, GroupRow, NewEvent, Snapshot, Tx, Version};

use super::{
    App, AppError, Caller, FieldProblem,
    contract::{Agreed, Contract, Previewed, of_app, short},
    kept::{Kept, promised},
};

/// One line of what an administrator chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentChoice {
    pub group: GroupId,
    pub approval: Approval,
    pub deadline: Option<Time>,
    pub license_type: LicenseType,
    /// Of what is required or available.
    pub installation: Installation,
    /// So many licences are kept for the group, of what is required or available.
    pub kept_licenses: u64,
}

impl DeploymentChoice {
    /// A line as it is.
    pub fn of(line: &Deployment) -> DeploymentChoice {
        DeploymentChoice {
            group: line.group,
            approval: line.approval,
            deadline: line.deadline,
            license_type: line.license_type,
            installation: line.installation,
            kept_licenses: line.kept_licenses,
        }
    }

    pub fn says(&self) -> LineSays {
        LineSays {
            approval: self.approval,
            deadline: self.deadline,
            license_type: self.license_type,
            installation: self.installation,
            kept_licenses: self.kept_licenses,
        }
    }
}

/// A line of a deployment, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptLine {
    #[serde(flatten)]
    pub choice: DeploymentChoice,
    /// What the group was called.
    pub name: String,
    pub group_kind: GroupKind,
}

/// What saving would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    pub app: AppRow,
    /// Of the deployment that would be changed.
    pub version: Version,
    pub outcome: domain::Preview,
    /// As they are now.
    pub counts: Counts,
    /// The lines that come, go or say something else.
    pub changes: Vec<LineChange>,
    pub requests: Requests,
    pub limits: TakeBackLimits,
    /// Names all of it, the choices too: another outcome has another digest.
    pub digest: String,
}

/// What changes for a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineChange {
    pub group: GroupId,
    pub before: Option<LineSays>,
    pub after: Option<LineSays>,
}

/// What a line says of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineSays {
    pub approval: Approval,
    pub deadline: Option<Time>,
    pub license_type: LicenseType,
    pub installation: Installation,
    pub kept_licenses: u64,
}

impl LineSays {
    pub fn of(line: &Deployment) -> LineSays {
        DeploymentChoice::of(line).says()
    }
}

/// What Apple is asked because of a change: for how many people, and in how many requests when each kind can go as a whole.
/// Removals that are confirmed at different times return in parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    pub create_users: Asked,
    pub associate: Asked,
    pub disassociate: Asked,
    /// Once what comes back has come back.
    pub associate_later: Asked,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    pub people: u64,
    pub requests: u64,
}

impl Requests {
    pub fn total(&self) -> u64 {
        let all = [
            self.create_users,
            self.associate,
            self.disassociate,
            self.associate_later,
        ];
        all.iter().map(|asked| asked.requests).sum()
    }

    fn of(outcome: &domain::Preview, limits: &apple::wire::Limits) -> Requests {
        let asked = |people: u64, at_once: usize| Asked {
            people,
            requests: people.div_ceil(u64::try_from(at_once).unwrap_or(1).max(1)),
        };
        let creates = outcome.outcomes.iter().filter(|outcome| outcome.creates_user);
        // People and devices apart, as they are asked for.
        let licences = |which: &dyn Fn(&domain::Outcome) -> bool| {
            let of = |kind: HolderKind, at_once| {
                let outcomes = outcome.outcomes.iter();
                let number = outcomes.filter(|it| it.holder.kind() == kind && which(it)).count();
                asked(number as u64, at_once)
            };
            let (people, devices) = (
                of(HolderKind::User, limits.client_user_ids),
                of(HolderKind::Device, limits.serial_numbers),
            );
            Asked {
                people: people.people + devices.people,
                requests: people.requests + devices.requests,
            }
        };
        Requests {
            create_users: asked(creates.count() as u64, limits.users),
            associate: licences(&|it| it.effect() == Effect::Gains),
            disassociate: licences(&|it| it.gives_back),
            associate_later: licences(&|it| it.effect() == Effect::GainsLater),
        }
    }
}

impl Contract for Preview {
    fn digest(&self) -> &str {
        &self.digest
    }

    fn to_confirm(&self) -> Option<u64> {
        self.outcome
            .take_back_to_confirm(&self.limits, self.counts.used + self.counts.on_the_way)
    }

    fn approval_above(&self) -> Option<u64> {
        self.limits.approval_above
    }

    fn shown(self) -> Previewed {
        Previewed::Deployment(Box::new(self))
    }
}

impl App {
    pub async fn deployments(&self, asset: AssetId) -> Result<Vec<Deployment>, AppError> {
        Ok(self.store.deployments(asset).await?)
    }

    /// The deployments of all apps together.
    pub async fn deployments_all(&self) -> Result<Vec<Deployment>, AppError> {
        let mut all = Vec::new();
        for location in self.store.locations().await? {
            all.extend(self.store.deployments_all(location.id).await?);
        }
        Ok(all)
    }

    /// Which version of its deployment an app has. Read it before the deployment, not after.
    pub async fn deployments_version(&self, asset: AssetId) -> Result<Version, AppError> {
        let version = self.store.deployments_version(asset).await?;
        version.ok_or(AppError::NotFound("app"))
    }

    /// What the page about the deployment of an app shows before anything is chosen.
    pub async fn deployable(&self, asset: AssetId) -> Result<Deployable, AppError> {
        let mut read = self.store.snapshot().await?;
        let app = read.app(asset).await?.filter(AppRow::is_app);
        let app = app.ok_or(AppError::NotFound("app"))?;
        let version = read.deployments_version(asset).await?;
        Ok(Deployable {
            counts: read.counts(asset).await?,
            version: version.ok_or(AppError::NotFound("app"))?,
            lines: read.deployments(asset).await?,
            groups: read.groups().await?,
            policy: read.policy().await?,
            app,
        })
    }

    /// Replaces all that an app has, unless it was changed since `base`, or does something else by now than was agreed to:
    /// lines that are left out go, and what is added or changed is one deployment.
    pub async fn deployments_save(
        &self,
        caller: &Caller,
        asset: AssetId,
        base: Base,
        choices: Vec<DeploymentChoice>,
        agreed: &Agreed,
    ) -> Result<(), AppError> {
        self.deployments_save_as(caller, asset, base, choices, agreed, false)
            .await
    }

    /// The same; `as_before` of what was so once, as a whole, and need not be one deployment (A26).
    pub(super) async fn deployments_save_as(
        &self,
        caller: &Caller,
        asset: AssetId,
        base: Base,
        choices: Vec<DeploymentChoice>,
        agreed: &Agreed,
        as_before: bool,
    ) -> Result<(), AppError> {
        let chosen = |_: &[Deployment]| Ok(choices.clone());
        self.deployments_change(caller, asset, base, agreed, as_before, chosen)
            .await
    }

    /// Deploys an app to further groups. What it has already stays as it is.
    pub async fn deployments_add(
        &self,
        caller: &Caller,
        asset: AssetId,
        choices: Vec<DeploymentChoice>,
        agreed: &Agreed,
    ) -> Result<(), AppError> {
        let chosen = |present: &[Deployment]| {
            let taken = |choice: &DeploymentChoice| present.iter().any(|line| line.group == choice.group);
            if choices.iter().any(taken) {
                return Err(AppError::Invalid {
                    field: "group",
                    problem: FieldProblem::Taken,
                });
            }
            let kept = present.iter().map(DeploymentChoice::of);
            Ok(kept.chain(choices.iter().copied()).collect())
        };
        // It adds to whatever there is.
        self.deployments_change(caller, asset, Base::Latest, agreed, false, chosen)
            .await
    }

    /// Previews first, in a reading of its own: nobody else waits for that. What was previewed is of the version that is
    /// changed then. Whatever else happens between the two happens to the deployment as it is saved, as it would right after.
    async fn deployments_change(
        &self,
        caller: &Caller,
        asset: AssetId,
        base: Base,
        agreed: &Agreed,
        as_before: bool,
        chosen: impl Fn(&[Deployment]) -> Result<Vec<DeploymentChoice>, AppError>,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let app = self.app_to_deploy(asset).await?;
        let _turn = self.turns.next(asset.0).await;
        loop {
            let now = self.now();
            let version = self.deployments_version(asset).await?;
            if !base.is(&version) {
                return Err(AppError::Stale("deployment"));
            }
            let choices = chosen(&self.store.deployments(asset).await?)?;
            let preview = self.deployments_preview_of(asset, &choices, as_before).await?;
            if preview.version.number != version.number {
                if matches!(base, Base::Latest) {
                    // Somebody was faster, which does not matter to this caller; but what is added is added to theirs.
                    continue;
                }
                return Err(AppError::Stale("deployment"));
            }
            let preview = preview.agreed(agreed)?;
            let kinds = self.kinds_of(&choices).await?;

            let mut tx = self.store.begin().await?;
            let seen = Base::Version(preview.version.number);
            if !tx.deployments_begin(asset, seen, caller.changes(now)).await? {
                if matches!(base, Base::Latest) {
                    continue;
                }
                return Err(AppError::Stale("deployment"));
            }
            let present = tx.deployments(asset).await?;
            let wanted = self.deployments_of(asset, &present, &choices, &kinds, now, as_before)?;
            tx.deployments_replace(asset, &wanted, now).await?;
            let mut event = saved(caller, &app, &wanted, &preview, now);
            if !changes(&present, &wanted).is_empty() || agreed.because.approved.is_some() {
                let kept = kept(&mut tx, &preview, &present, &wanted).await?;
                let id = self.change_keep(&mut tx, caller, now, kept, &agreed.because).await?;
                event.detail["change"] = json!(id);
            }
            tx.event(&event).await?;
            tx.commit().await?;
            self.look_again();
            return Ok(());
        }
    }

    /// What saving `choices` would do. Nothing is changed.
    ///
    /// It reads those whom the change reaches, and the line for the app: however large the organisation is, no more.
    pub async fn deployments_preview(&self, asset: AssetId, choices: &[DeploymentChoice]) -> Result<Preview, AppError> {
        self.deployments_preview_of(asset, choices, false).await
    }

    pub(super) async fn deployments_preview_of(
        &self,
        asset: AssetId,
        choices: &[DeploymentChoice],
        as_before: bool,
    ) -> Result<Preview, AppError> {
        self.app_to_deploy(asset).await?;
        let kinds = self.kinds_of(choices).await?;
        let previewed = self.lines_previewed(asset, choices, kinds, None, as_before);
        Ok(previewed.await?.0)
    }

    /// What deploying the app to one more group would do, that is made for it and has these members at once: that, and the
    /// lines that the app has then. Nothing is changed.
    pub(super) async fn deployed_to_new(
        &self,
        asset: AssetId,
        made: &Group,
        (approval, license_type): (Approval, LicenseType),
    ) -> Result<(Preview, Vec<Deployment>), AppError> {
        self.app_to_deploy(asset).await?;
        let present = self.store.deployments(asset).await?;
        let kinds = present.iter().map(|line| (line.group, line.kind));
        let kinds = kinds.chain([(made.id, made.kind)]).collect();
        let mut choices: Vec<DeploymentChoice> = present.iter().map(DeploymentChoice::of).collect();
        choices.push(DeploymentChoice {
            group: made.id,
            approval,
            deadline: None,
            license_type,
            installation: Installation::Managed,
            kept_licenses: 0,
        });
        self.lines_previewed(asset, &choices, kinds, Some(made), false).await
    }

    async fn lines_previewed(
        &self,
        asset: AssetId,
        choices: &[DeploymentChoice],
        kinds: BTreeMap<GroupId, GroupKind>,
        made: Option<&Group>,
        as_before: bool,
    ) -> Result<(Preview, Vec<Deployment>), AppError> {
        let now = self.now();
        let mut read = self.store.snapshot().await?;
        let app = read.app(asset).await?.ok_or(AppError::NotFound("app"))?;
        let version = read.deployments_version(asset).await?;
        let version = version.ok_or(AppError::NotFound("app"))?;
        let present = read.deployments(asset).await?;
        let wanted = self.deployments_of(asset, &present, choices, &kinds, now, as_before)?;
        let counts = read.counts(asset).await?;
        let changes = changes(&present, &wanted);

        let outcome = match made {
            Some(made) => {
                read.previewed_with_group(app.location_id, asset, &wanted, made, now)
                    .await?
            }
            None => read.previewed(app.location_id, asset, &wanted, now).await?,
        };
        let outcome = outcome.ok_or(AppError::NotFound("app"))?;
        let limits = read.policy().await?.take_back;
        drop(read);
        let preview = Preview {
            digest: digest(asset, &wanted, &outcome),
            requests: Requests::of(&outcome, &self.service.limits()),
            counts: Counts {
                waiting: outcome.waited,
                kept: outcome.kept_before(),
                ..counts
            },
            limits,
            app,
            version,
            outcome,
            changes,
        };
        Ok((preview, wanted))
    }

    /// What a change that leaves the deployment of an app as it is comes to for the app, of `outcome`.
    pub(super) async fn previewed_app(
        &self,
        read: &mut Snapshot,
        app: AppRow,
        outcome: domain::Preview,
    ) -> Result<Preview, AppError> {
        let counts = read.counts(app.id).await?;
        Ok(Preview {
            digest: of_app(app.id, &outcome),
            requests: Requests::of(&outcome, &self.service.limits()),
            counts: Counts {
                waiting: outcome.waited,
                kept: outcome.kept_before(),
                ..counts
            },
            limits: read.policy().await?.take_back,
            version: read.deployments_version(app.id).await?.unwrap_or_default(),
            app,
            outcome,
            changes: Vec::new(),
        })
    }

    /// The kinds of the groups of `choices`, all of which have to be there.
    async fn kinds_of(&self, choices: &[DeploymentChoice]) -> Result<BTreeMap<GroupId, GroupKind>, AppError> {
        let mut kinds = BTreeMap::new();
        for choice in choices {
            let group = self.store.group(choice.group).await?.ok_or(AppError::Invalid {
                field: "group",
                problem: FieldProblem::Unknown,
            })?;
            kinds.insert(group.id, group.kind);
        }
        Ok(kinds)
    }

    /// A line that keeps its approval keeps its place in the queue too.
    fn deployments_of(
        &self,
        asset: AssetId,
        present: &[Deployment],
        choices: &[DeploymentChoice],
        kinds: &BTreeMap<GroupId, GroupKind>,
        now: Time,
        as_before: bool,
    ) -> Result<Vec<Deployment>, AppError> {
        let mut wanted = Vec::with_capacity(choices.len());
        for choice in choices {
            let kept = present.iter().find(|line| line.group == choice.group);
            let kind = kinds.get(&choice.group).copied().or(kept.map(|line| line.kind));
            wanted.push(Deployment {
                id: kept.map_or_else(|| DeploymentId(self.random.id()), |line| line.id),
                app: asset,
                group: choice.group,
                kind: kind.ok_or(AppError::NotFound("group"))?,
                approval: choice.approval,
                deadline: choice.deadline,
                license_type: choice.license_type,
                installation: choice.installation,
                kept_licenses: choice.kept_licenses,
                since: kept
                    .filter(|line| line.approval == choice.approval)
                    .map_or(now, |line| line.since),
            });
        }
        domain::deployment::check(if as_before { &wanted } else { present }, &wanted)?;
        Ok(wanted)
    }
}

/// An app whose deployment is looked at.
pub struct Deployable {
    pub app: AppRow,
    pub counts: Counts,
    pub version: Version,
    pub lines: Vec<Deployment>,
    /// Every group, by name.
    pub groups: Vec<GroupRow>,
    pub policy: domain::Policy,
}

/// A change of the deployment of an app, as it is written down.
pub(super) async fn kept(
    tx: &mut Tx,
    preview: &Preview,
    present: &[Deployment],
    wanted: &[Deployment],
) -> Result<Kept, AppError> {
    let names: BTreeMap<GroupId, String> = tx
        .groups()
        .await?
        .into_iter()
        .map(|group| (group.id, group.name))
        .collect();
    let app = &preview.app;
    Ok(Kept {
        kind: ChangeKind::Deployment,
        thing: app.id.to_string(),
        name: app.name.clone().unwrap_or_else(|| app.adam_id.clone()),
        before: json!({ "lines": kept_lines(present, &names) }),
        after: json!({ "lines": kept_lines(wanted, &names) }),
        promised: promised(std::iter::once(&preview.outcome)),
        digest: Some(preview.digest.clone()),
    })
}

/// The lines that a kept deployment had.
pub fn lines_of(said: &Value) -> Option<Vec<KeptLine>> {
    serde_json::from_value(said.get("lines")?.clone()).ok()
}

fn kept_lines(lines: &[Deployment], names: &BTreeMap<GroupId, String>) -> Vec<KeptLine> {
    let kept = |line: &Deployment| KeptLine {
        choice: DeploymentChoice::of(line),
        name: names.get(&line.group).cloned().unwrap_or_default(),
        group_kind: line.kind,
    };
    lines.iter().map(kept).collect()
}

fn changes(present: &[Deployment], wanted: &[Deployment]) -> Vec<LineChange> {
    let said = |lines: &[Deployment], group: GroupId| {
        let line = lines.iter().find(|line| line.group == group);
        line.map(LineSays::of)
    };
    let mut changes: Vec<LineChange> = Vec::new();
    for line in wanted.iter().chain(present) {
        let change = LineChange {
            group: line.group,
            before: said(present, line.group),
            after: said(wanted, line.group),
        };
        if change.before != change.after && !changes.contains(&change) {
            changes.push(change);
        }
    }
    changes
}

/// Of the choices and of what they do. The clock is in it as far as it does something: since when a new line holds is not.
fn digest(asset: AssetId, wanted: &[Deployment], outcome: &domain::Preview) -> String {
    let mut hash = Sha256::new();
    hash.update(asset.0.as_bytes());
    let mut lines: Vec<&Deployment> = wanted.iter().collect();
    lines.sort_by_key(|line| line.group);
    for line in lines {
        hash.update(line.group.0.as_bytes());
        hash.update([line.approval as u8, line.license_type as u8, line.installation as u8]);
        hash.update(line.deadline.map_or(i64::MIN, Time::ms).to_be_bytes());
        hash.update(line.kept_licenses.to_be_bytes());
    }
    outcome.said(|bytes| hash.update(bytes));
    short(hash)
}

pub(super) fn saved(caller: &Caller, app: &AppRow, lines: &[Deployment], preview: &Preview, now: Time) -> NewEvent {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| {
            json!({
                "group": line.group, "approval": line.approval, "deadline": line.deadline,
                "licenseType": line.license_type, "installation": line.installation,
                "keptLicenses": line.kept_licenses,
            })
        })
        .collect();
    NewEvent::new(now, caller.actor(), "deploymentSaved")
        .location(app.location_id)
        .asset(app.id)
        .with(json!({ "deployments": lines, "previewDigest": preview.digest }))
}
