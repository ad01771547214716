//! 설정.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{GroupKind, Policy, TakeBackLimits};
use serde::Deserialize;

use super::{
    Oops,
    agreeing::{self, Refused},
    frame, held, html,
    pages::{
        Place,
        changes::{Action, AgreePage, Note},
        conflict::{Conflict, Difference},
        parts::Named,
        rule_sets::RuleSetsPage,
        settings::{
            Count, CountField, LIMITS, SPANS, SettingsPage, Span, SpanField, after_days, rule_set_of, said, silent_days,
        },
        ui::Glyph,
    },
    speak,
};
use crate::{
    app::{
        App, AppError, Base,
        changes::Intent,
        contract::{Agreed, Contract, Previewed},
        settings::{PAUSES, SILENT_DAYS, SILENT_DAYS_AT_MOST, SettingsPreview},
    },
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::Form,
    },
};

const HERE: &str = "/administration/settings";

pub async fn page(State(app): State<App>, reader: Reader) -> Result<Response, Oops> {
    let version = app.policy_version().await?;
    let policy = app.policy().await?;
    let shown = Shown {
        version: version.number,
        was: &policy,
        policy: &policy,
        conflict: None,
        needs_approval: false,
        wrong: Wrong::default(),
    };
    show(&app, &reader, shown).await
}

/// What comes out where deployments meet, by either set of rules.
pub async fn rule_sets(State(app): State<App>, reader: Reader) -> Result<Response, Oops> {
    let rule_set = app.policy().await?.rule_set;
    let page = RuleSetsPage {
        s: speak(&app, reader.lang),
        frame: frame(&app, &reader, Place::Settings, "/administration/rule-sets", None).await?,
        rule_set,
    };
    html(&page)
}

/// What was typed where it is no number that can be meant.
#[derive(Default)]
struct Wrong {
    silent_days: Option<String>,
    approval: Option<String>,
    /// By the name of the field.
    spans: BTreeMap<&'static str, String>,
    counts: BTreeMap<&'static str, String>,
}

struct Shown<'a> {
    version: i64,
    /// What the form was opened with.
    was: &'a Policy,
    policy: &'a Policy,
    conflict: Option<Conflict>,
    /// Only another administrator can save it.
    needs_approval: bool,
    wrong: Wrong,
}

async fn show(app: &App, reader: &Reader, shown: Shown<'_>) -> Result<Response, Oops> {
    let Shown {
        version,
        was,
        policy,
        conflict,
        needs_approval,
        mut wrong,
    } = shown;
    let approvers = match needs_approval {
        true => Some(app.approvers(&reader.caller).await?),
        false => None,
    };
    let s = speak(app, reader.lang);
    html(&SettingsPage {
        frame: frame(app, reader, Place::Settings, HERE, None).await?,
        s,
        version,
        was: (was.policy_2016, was.rule_set),
        conflict,
        approvers,
        was_approval: was.take_back.approval_above,
        approval: policy.take_back.approval_above,
        wrong_approval: wrong.approval.take(),
        was_wiping: was.wiping,
        was_silent_days: silent_days(was),
        policy_2016: policy.policy_2016,
        rule_set: policy.rule_set,
        wiping: policy.wiping,
        silent_days: silent_days(policy),
        wrong_days: wrong.silent_days,
        spans: SPANS
            .iter()
            .map(|span| SpanField {
                span,
                was: span.unit.shown((span.of)(was)),
                now: span.unit.shown((span.of)(policy)),
                wrong: wrong.spans.remove(span.name),
            })
            .collect(),
        limits: LIMITS
            .iter()
            .map(|count| CountField {
                count,
                was: (count.of)(was),
                now: (count.of)(policy),
                wrong: wrong.counts.remove(count.name),
            })
            .collect(),
        public_url: app.config.public_url.clone(),
        time_zone: app.config.time_zone.clone(),
        push_ready: app.apns.is_some() && app.push_topic.is_some(),
    })
}

#[derive(Deserialize)]
pub struct Typed {
    /// Sent only when the box is ticked.
    policy2016: Option<String>,
    #[serde(rename = "ruleSet", default)]
    rule_set: String,
    /// Of the settings as they were when the page was opened, and what they were then.
    #[serde(default)]
    version: i64,
    #[serde(default)]
    was_policy2016: bool,
    #[serde(rename = "was_ruleSet", default)]
    was_rule_set: String,
    wiping: Option<String>,
    silent: Option<String>,
    #[serde(rename = "silentDays", default)]
    silent_days: String,
    #[serde(default)]
    was_wiping: bool,
    #[serde(rename = "was_silentDays", default)]
    was_silent_days: u64,
    /// Sent only when the box is ticked.
    approval: Option<String>,
    #[serde(rename = "approvalAbove", default)]
    approval_above: String,
    #[serde(rename = "was_approvalAbove", default)]
    was_approval_above: String,
    /// Only to ask another administrator.
    ask: Option<String>,
    #[serde(flatten)]
    agreeing: Previewing,
    /// What was typed as a span of time or a number, and what the field said before: by its name, and by that after `was_`.
    #[serde(flatten)]
    spans: BTreeMap<String, String>,
}

/// What is sent from the page that shows what saving would do.
#[derive(Deserialize, Default)]
pub(super) struct Previewing {
    /// Of what was shown; none before anything was.
    digest: Option<String>,
    #[serde(rename = "take-back")]
    take_back: Option<String>,
    /// Only to look at it anew.
    check: Option<String>,
    /// Back to the form.
    pub edit: Option<String>,
}

impl Previewing {
    /// What was agreed to, where something was shown and is not to be shown anew.
    fn agreed(&self) -> Result<Option<Agreed>, Oops> {
        let Some(digest) = self.digest.clone().filter(|_| self.check.is_none()) else {
            return Ok(None);
        };
        let take_back = self.take_back.as_deref().map(str::parse).transpose();
        Ok(Some(Agreed {
            digest: Some(digest),
            take_back: take_back.map_err(|_| Oops::of(StatusCode::BAD_REQUEST))?,
            ..Agreed::default()
        }))
    }
}

/// A form that changes settings, as it was filled in.
pub(super) struct Filled<'a> {
    /// The page that it is on, and what that is called.
    pub here: &'static str,
    pub place: Place,
    pub title: &'static str,
    pub fields: Vec<(String, String)>,
    pub version: i64,
    pub policy: &'a Policy,
    pub previewing: &'a Previewing,
    /// Only to ask another administrator.
    pub asks: bool,
}

/// Saves settings, or shows what that would do first where it does anything to anybody. What is left for the page of the form to tell is an
/// error: somebody else changed the settings since, or only another administrator can save them though nobody is concerned.
pub(super) async fn saved(app: &App, admin: &Admin, filled: &Filled<'_>) -> Result<Result<Response, AppError>, Oops> {
    let base = Base::Version(filled.version);
    let agreed = match filled.previewing.agreed()? {
        Some(agreed) => agreed,
        // Nothing is saved that was not previewed, where it does anything.
        None => {
            let preview = app.policy_preview(filled.policy).await?;
            if !base.is(&preview.version) {
                return Ok(Err(AppError::Stale("settings")));
            }
            if !preview.apps.is_empty() {
                return Ok(Ok(previewed(app, admin, filled, &preview, Refused::default()).await?));
            }
            Agreed::default()
        }
    };
    let done = match filled.asks {
        // Only another administrator can save it.
        true => {
            let intent = Intent::Settings {
                policy: Box::new(filled.policy.clone()),
            };
            match held::ask(app, admin, &intent, base, &agreed).await {
                Ok(asked) => return Ok(Ok(asked)),
                Err(error) => Err(error),
            }
        }
        false => {
            app.policy_save(&admin.caller, base, filled.policy.clone(), &agreed)
                .await
        }
    };
    let (status, refused, preview) = match done {
        Ok(()) => return Ok(Ok(flash::to(app, admin, filled.here, Done::Saved))),
        Err(AppError::Outdated(Previewed::Settings(preview))) => {
            let refused = Refused {
                outdated: true,
                ..Refused::default()
            };
            (StatusCode::CONFLICT, refused, preview)
        }
        Err(AppError::TakesBack(_, Previewed::Settings(preview))) => {
            let refused = Refused {
                unconfirmed: true,
                ..Refused::default()
            };
            (StatusCode::UNPROCESSABLE_ENTITY, refused, preview)
        }
        Err(AppError::NeedsApproval(Previewed::Settings(preview))) if !preview.apps.is_empty() => {
            (StatusCode::UNPROCESSABLE_ENTITY, Refused::default(), preview)
        }
        Err(error) => return Ok(Err(error)),
    };
    let page = previewed(app, admin, filled, &preview, refused).await?;
    Ok(Ok((status, page).into_response()))
}

/// What saving would do.
async fn previewed(
    app: &App,
    admin: &Admin,
    filled: &Filled<'_>,
    preview: &SettingsPreview,
    refused: Refused,
) -> Result<Response, Oops> {
    let s = speak(app, admin.lang);
    let mut apps = Vec::new();
    for of in &preview.apps {
        apps.push(agreeing::previewed_app(app, &s, of).await?);
    }
    let approvers = match preview.needs_approval() {
        true => Some(app.approvers(&admin.caller).await?),
        false => None,
    };
    let notes = [
        ("settings-preview-silent", preview.silent, Glyph::Warn),
        ("settings-preview-back", preview.back, Glyph::Way),
    ];
    let notes = notes.into_iter().filter(|(_, count, _)| *count > 0);
    html(&AgreePage {
        frame: frame(app, admin, filled.place, filled.here, None).await?,
        title: s.t("preview-save-title"),
        crumbs: vec![Named {
            name: s.t(filled.title),
            href: filled.here.to_owned(),
        }],
        context: s.t("settings-preview-context"),
        notes: notes
            .map(|(key, count, glyph)| Note {
                glyph,
                text: s.t1(key, "count", count),
            })
            .collect(),
        rows: agreeing::settings_rows(&s, &preview.before, &preview.after),
        kind: GroupKind::User,
        rule: None,
        matching: None,
        moved: Vec::new(),
        apps,
        digest: preview.digest.clone(),
        version: preview.version.number,
        to_confirm: preview.to_confirm(),
        outdated: refused.outdated,
        unconfirmed: refused.unconfirmed,
        action: Some(Action {
            href: filled.here.to_owned(),
            fields: filled.fields.clone(),
            edits: true,
            button: s.t("button-save"),
            help: s.t("preview-promise-anew"),
            approvers,
        }),
        turn_down: None,
        withdraw: None,
        s,
    })
}

impl Typed {
    /// `None` when what was typed is no number of days.
    fn silent_after(&self) -> Option<Option<Duration>> {
        if self.silent.is_none() {
            return Some(None);
        }
        let days: u64 = self.silent_days.trim().parse().ok()?;
        (1..=SILENT_DAYS_AT_MOST).contains(&days).then(|| after_days(days))
    }
}

impl Typed {
    /// `None` when what was typed is no number that can be meant.
    fn approval_above(&self) -> Option<Option<u64>> {
        if self.approval.is_none() {
            return Some(None);
        }
        let above: u64 = self.approval_above.trim().parse().ok()?;
        TakeBackLimits::APPROVALS.contains(&above).then_some(Some(above))
    }

    /// All of it, for a form of hidden fields, but for the version.
    fn fields(&self) -> Vec<(String, String)> {
        let mut fields = vec![
            ("ruleSet", self.rule_set.clone()),
            ("was_policy2016", self.was_policy2016.to_string()),
            ("was_ruleSet", self.was_rule_set.clone()),
            ("silentDays", self.silent_days.clone()),
            ("was_wiping", self.was_wiping.to_string()),
            ("was_silentDays", self.was_silent_days.to_string()),
            ("approvalAbove", self.approval_above.clone()),
            ("was_approvalAbove", self.was_approval_above.clone()),
        ];
        let ticked = [
            ("policy2016", &self.policy2016),
            ("wiping", &self.wiping),
            ("silent", &self.silent),
            ("approval", &self.approval),
        ];
        fields.extend(
            ticked
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.clone()?))),
        );
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        let spans = self.spans.iter().map(|(name, value)| (name.clone(), value.clone()));
        fields.chain(spans).collect()
    }

    fn typed(&self, name: &str) -> &str {
        self.spans.get(name).map_or("", |typed| typed.trim())
    }

    /// What the field said when the page was opened.
    fn was(&self, span: &Span) -> &str {
        self.typed(&format!("was_{}", span.name))
    }

    /// What a field says: whatever was there if nobody touched it, since a program can set what is no whole number.
    /// `None` when it is no number that can be meant.
    fn span(&self, span: &Span, seen: Duration) -> Option<Duration> {
        let typed = self.typed(span.name);
        if typed == self.was(span) {
            return Some(seen);
        }
        let typed = span.unit.span(typed.parse().ok()?)?;
        PAUSES.contains(&typed).then_some(typed)
    }

    /// What the field said when the page was opened.
    fn count_was(&self, count: &Count, otherwise: u64) -> u64 {
        let was = self.typed(&format!("was_{}", count.name)).parse().ok();
        was.filter(|was| count.bounds.contains(was)).unwrap_or(otherwise)
    }

    /// `None` when it is no number that can be meant.
    fn count(&self, count: &Count) -> Option<u64> {
        let typed = self.typed(count.name).parse().ok();
        typed.filter(|typed| count.bounds.contains(typed))
    }
}

pub async fn save(State(app): State<App>, admin: Admin, Form(typed): Form<Typed>) -> Result<Response, Oops> {
    let present = app.policy().await?;
    let rule_set = rule_set_of(&typed.rule_set).ok_or(Oops::of(StatusCode::BAD_REQUEST))?;
    // What the page said when it was opened. Where that cannot be told, what is there now.
    let mut was = Policy {
        policy_2016: typed.was_policy2016,
        rule_set: rule_set_of(&typed.was_rule_set).unwrap_or(present.rule_set),
        wiping: typed.was_wiping,
        silent_after: after_days(typed.was_silent_days.min(SILENT_DAYS_AT_MOST)),
        ..present.clone()
    };
    was.take_back.approval_above = typed.was_approval_above.parse().ok();
    for span in &SPANS {
        *(span.of_mut)(&mut was) = span.unit.read(typed.was(span), (span.of)(&present));
    }
    for count in &LIMITS {
        *(count.of_mut)(&mut was) = typed.count_was(count, (count.of)(&present));
    }
    let silent_after = typed.silent_after();
    let mut wrong = Wrong {
        silent_days: silent_after.is_none().then(|| typed.silent_days.clone()),
        ..Wrong::default()
    };
    let mut policy = Policy {
        policy_2016: typed.policy2016.is_some(),
        rule_set,
        wiping: typed.wiping.is_some(),
        silent_after: silent_after.unwrap_or(after_days(SILENT_DAYS)),
        ..was.clone()
    };
    for span in &SPANS {
        match typed.span(span, (span.of)(&was)) {
            Some(set) => *(span.of_mut)(&mut policy) = set,
            None => {
                wrong.spans.insert(span.name, typed.typed(span.name).to_owned());
            }
        }
    }
    for count in &LIMITS {
        match typed.count(count) {
            Some(set) => *(count.of_mut)(&mut policy) = set,
            None => {
                wrong.counts.insert(count.name, typed.typed(count.name).to_owned());
            }
        }
    }
    match typed.approval_above() {
        Some(above) => policy.take_back.approval_above = above,
        None => {
            policy.take_back.approval_above = Some(0);
            wrong.approval = Some(typed.approval_above.clone());
        }
    }
    if silent_after.is_none() || wrong.approval.is_some() || !wrong.spans.is_empty() || !wrong.counts.is_empty() {
        // What else was typed stays as it was typed.
        let shown = Shown {
            version: typed.version,
            was: &was,
            policy: &policy,
            conflict: None,
            needs_approval: false,
            wrong,
        };
        let page = show(&app, &admin, shown).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    if typed.agreeing.edit.is_some() {
        let shown = Shown {
            version: typed.version,
            was: &was,
            policy: &policy,
            conflict: None,
            needs_approval: false,
            wrong,
        };
        return show(&app, &admin, shown).await;
    }
    let filled = Filled {
        here: HERE,
        place: Place::Settings,
        title: "nav-settings",
        fields: typed.fields(),
        version: typed.version,
        policy: &policy,
        previewing: &typed.agreeing,
        asks: typed.ask.is_some(),
    };
    match saved(&app, &admin, &filled).await? {
        Err(AppError::NeedsApproval(_)) => {
            let shown = Shown {
                version: typed.version,
                was: &was,
                policy: &policy,
                conflict: None,
                needs_approval: true,
                wrong,
            };
            let page = show(&app, &admin, shown).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
        Err(AppError::Stale(_)) => {}
        result => return Ok(result?),
    }

    let version = app.policy_version().await?;
    let now = app.policy().await?;
    let mut merged = Policy {
        policy_2016: Conflict::merged(&was.policy_2016, now.policy_2016, policy.policy_2016),
        rule_set: Conflict::merged(&was.rule_set, now.rule_set, rule_set),
        wiping: Conflict::merged(&was.wiping, now.wiping, policy.wiping),
        silent_after: Conflict::merged(&was.silent_after, now.silent_after, policy.silent_after),
        ..now.clone()
    };
    for span in &SPANS {
        *(span.of_mut)(&mut merged) = Conflict::merged(&(span.of)(&was), (span.of)(&now), (span.of)(&policy));
    }
    merged.take_back.approval_above = Conflict::merged(
        &was.take_back.approval_above,
        now.take_back.approval_above,
        policy.take_back.approval_above,
    );
    for count in &LIMITS {
        *(count.of_mut)(&mut merged) = Conflict::merged(&(count.of)(&was), (count.of)(&now), (count.of)(&policy));
    }
    let s = speak(&app, admin.lang);
    let seen = said(&s, &was).into_iter().zip(said(&s, &now)).zip(said(&s, &policy));
    let rows = seen.filter_map(|(((what, was), (_, now)), (_, mine))| Difference::of(what, was, now, mine));
    let opened = version.number;
    let conflict = Conflict {
        version,
        rows: rows.collect(),
        theirs: HERE.to_owned(),
    };
    let shown = Shown {
        version: opened,
        was: &now,
        policy: &merged,
        conflict: Some(conflict),
        needs_approval: false,
        wrong: Wrong::default(),
    };
    let page = show(&app, &admin, shown).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}
