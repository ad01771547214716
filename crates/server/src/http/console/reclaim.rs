//! 회수 규칙: by which rules licences come back. The switches are settings like the others, and previewed and saved as those are.

use std::time::Duration;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{Policy, ReclaimRules};
use serde::Deserialize;

use super::{
    Oops, frame, html,
    pages::{Place, reclaim::ReclaimPage},
    settings::{self, Filled, Previewing},
    speak,
};
use crate::{
    app::{App, AppError, settings::SILENT_DAYS_AT_MOST},
    http::{
        auth::{Admin, Reader},
        input::Form,
    },
};

const HERE: &str = "/administration/reclaim-rules";
const DAY: Duration = Duration::from_secs(86_400);

pub async fn page(State(app): State<App>, reader: Reader) -> Result<Response, Oops> {
    let rules = app.policy().await?.reclaim;
    show(&app, &reader, rules, None, false).await
}

async fn show(
    app: &App,
    reader: &Reader,
    rules: ReclaimRules,
    wrong_days: Option<String>,
    stale: bool,
) -> Result<Response, Oops> {
    // The version first: it may be too old, never too new.
    let version = app.policy_version().await?;
    let policy = Policy {
        reclaim: rules,
        ..app.policy().await?
    };
    html(&ReclaimPage {
        s: speak(app, reader.lang),
        frame: frame(app, reader, Place::Reclaim, HERE, None).await?,
        version: version.number,
        policy,
        rows: app.store.reclaims().await.map_err(AppError::from)?,
        wrong_days,
        stale,
    })
}

#[derive(Deserialize)]
pub struct Typed {
    /// Of the settings when the page was opened.
    #[serde(default)]
    version: i64,
    /// Sent only when the box is ticked.
    #[serde(rename = "leftAllGroups")]
    left_all_groups: Option<String>,
    /// Sent only when the box is ticked.
    removed: Option<String>,
    #[serde(rename = "removedDays", default)]
    removed_days: String,
    /// Only to ask another administrator.
    ask: Option<String>,
    #[serde(flatten)]
    previewing: Previewing,
}

impl Typed {
    /// All of it, for a form of hidden fields, but for the version.
    fn fields(&self) -> Vec<(String, String)> {
        let mut fields = vec![("removedDays".to_owned(), self.removed_days.clone())];
        let ticked = [("leftAllGroups", &self.left_all_groups), ("removed", &self.removed)];
        fields.extend(
            ticked
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))),
        );
        fields
    }

    /// `None` when what was typed is no number of days.
    fn removed_after(&self) -> Option<Option<Duration>> {
        if self.removed.is_none() {
            return Some(None);
        }
        let days: u32 = self.removed_days.trim().parse().ok()?;
        (1..=SILENT_DAYS_AT_MOST)
            .contains(&u64::from(days))
            .then(|| Some(DAY * days))
    }
}

pub async fn save(State(app): State<App>, admin: Admin, Form(typed): Form<Typed>) -> Result<Response, Oops> {
    let present = app.policy().await?;
    let left_all_groups = typed.left_all_groups.is_some();
    let Some(removed_after) = typed.removed_after() else {
        let rules = ReclaimRules {
            left_all_groups,
            ..present.reclaim
        };
        let page = show(&app, &admin, rules, Some(typed.removed_days), false).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    let policy = Policy {
        reclaim: ReclaimRules {
            left_all_groups,
            removed_after,
        },
        ..present
    };
    if typed.previewing.edit.is_some() && app.policy_version().await?.number == typed.version {
        return show(&app, &admin, policy.reclaim, None, false).await;
    }
    let filled = Filled {
        here: HERE,
        place: Place::Reclaim,
        title: "nav-reclaim",
        fields: typed.fields(),
        version: typed.version,
        policy: &policy,
        previewing: &typed.previewing,
        asks: typed.ask.is_some(),
    };
    match settings::saved(&app, &admin, &filled).await? {
        Err(AppError::Stale(_)) => {
            let now = app.policy().await?.reclaim;
            let page = show(&app, &admin, now, None, true).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        result => Ok(result?),
    }
}
