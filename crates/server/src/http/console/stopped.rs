//! 멈춘 계획: whose plan did not pass the look that is taken at it, and why.

use axum::{extract::State, response::Response};
use domain::PersonId;
use serde::Deserialize;

use super::{
    Oops, frame, html,
    pages::{
        Place,
        parts::{Named, Pager, ROWS},
        stopped::{StoppedLine, StoppedPage},
    },
    speak, view,
};
use crate::{
    app::App,
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Path, Query},
    },
};

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    after: String,
}

pub async fn page(State(app): State<App>, reader: Reader, Query(wanted): Query<Wanted>) -> Result<Response, Oops> {
    let after = wanted.after.parse().ok();
    let (many, _) = app.stopped_counted().await?;
    let mut plans = app.stopped_plans(after, ROWS + 1).await?;
    let more = plans.len() > ROWS;
    plans.truncate(ROWS);
    let last = plans.last().filter(|_| more).map(|plan| plan.person);
    let s = speak(&app, reader.lang);
    let rows: Vec<StoppedLine> = plans
        .into_iter()
        .filter_map(|plan| {
            Some(StoppedLine {
                note: view::stopped_note(&s, plan.whom, &plan.why)?,
                whom: Named {
                    href: view::holder_href(plan.whom),
                    name: plan.name,
                },
            })
        })
        .collect();
    html(&StoppedPage {
        frame: frame(&app, &reader, Place::Activity, "/stopped", None).await?,
        pager: Pager {
            total: many.number,
            more: many.more,
            next: last.map(|last| format!("/stopped?after={last}")),
            ..Pager::default()
        },
        s,
        rows,
    })
}

pub async fn look_again(State(app): State<App>, admin: Admin, Path(person): Path<PersonId>) -> Result<Response, Oops> {
    app.plan_look_again(&admin.caller, person).await?;
    Ok(flash::to(&app, &admin, "/stopped", Done::PlanLookedAgain))
}
