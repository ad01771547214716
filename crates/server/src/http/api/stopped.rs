//! Plans that were stopped, because what was decided of somebody would have broken a promise.

use axum::{Json as JsonBody, extract::State, http::StatusCode};
use domain::PersonId;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals,
    input::{Path, Query, invalid},
    page::{Page, PageQuery, cursor},
    words::{DateTime, breach, word},
};
use crate::{
    app::{
        App,
        stopped::{StoppedPlan, StoppedWhy},
    },
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(stopped_list))
        .routes(routes!(stopped_look_again))
}

/// Nothing is done for them until their plan is sound. It is looked at again when something of theirs changes, or on demand.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Stopped {
    /// The person; of a device that belongs to nobody its own id.
    id: Uuid,
    /// Null for a device that belongs to nobody.
    user_id: Option<Uuid>,
    /// Only for a device that belongs to nobody.
    device_id: Option<Uuid>,
    steps: Vec<StoppedStep>,
}

/// A step that is not taken.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoppedStep {
    /// What it would break.
    #[schema(schema_with = breach)]
    breach: String,
    /// What would be done: `step` says what, and the ids to whom.
    #[schema(value_type = Object)]
    step: Value,
    since_date_time: DateTime,
}

impl StoppedStep {
    pub fn all(why: &StoppedWhy) -> Vec<StoppedStep> {
        let steps = why.rows.iter().map(|row| StoppedStep {
            breach: word(row.fault.breach),
            step: json!(row.fault.step),
            since_date_time: DateTime(row.since),
        });
        steps.collect()
    }
}

impl From<StoppedPlan> for Stopped {
    fn from(plan: StoppedPlan) -> Stopped {
        Stopped {
            id: plan.person.0,
            user_id: plan.whom.person().map(|person| person.0),
            device_id: plan.whom.device().map(|device| device.0),
            steps: StoppedStep::all(&plan.why),
        }
    }
}

/// Whose plans are stopped
///
/// What is decided of somebody is looked at once more before it is done. A step that would break a promise is a defect of the
/// product: nothing of that person's plan is done then, and everybody else's is.
#[utoipa::path(
    get, path = "/stoppedPlans", tag = "activity", params(PageQuery),
    responses((status = 200, description = "As asked for", body = Page<Stopped>), Refusals)
)]
async fn stopped_list(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<Stopped>>, Problem> {
    let limit = query.limit()?;
    let after = match query.after()? {
        None => None,
        Some(key) => Some(
            key.parse::<PersonId>()
                .map_err(|_| invalid("cursor", "malformed", "cursor is not one that was given out here"))?,
        ),
    };
    let mut plans = app.stopped_plans(after, limit + 1).await?;
    let more = plans.len() > limit;
    plans.truncate(limit);
    let last = plans.last().filter(|_| more);
    Ok(JsonBody(Page {
        next_cursor: last.map(|last| cursor(&last.person.to_string())),
        value: plans.into_iter().map(Stopped::from).collect(),
    }))
}

/// Have a plan looked at again
///
/// It goes on when it is sound by then.
#[utoipa::path(
    post, path = "/stoppedPlans/{id}/lookAgain", tag = "activity", params(("id" = Uuid, Path)),
    responses((status = 204, description = "It will be"), Refusals)
)]
async fn stopped_look_again(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(person): Path<PersonId>,
) -> Result<StatusCode, Problem> {
    app.plan_look_again(&caller, person).await?;
    Ok(StatusCode::NO_CONTENT)
}
