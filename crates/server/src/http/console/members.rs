//! Who is in a group: chosen on the page of the group, previewed, saved.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::GroupId;

use super::{
    Oops,
    agreeing::{Parts, parts},
    choosing::Choice,
    frame, groups, held, html,
    pages::{Flash, Place, members::MembersPreviewPage},
    speak,
};
use crate::{
    app::{
        App, AppError, Base,
        changes::Intent,
        contract::{Agreed, Contract, Previewed},
        members::{Absent, MembersPreview, Wanted},
    },
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Pairs, Path},
    },
    messages::Speak,
};

/// Shows what the change does where it does anything, and saves it from there.
pub async fn save(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<GroupId>,
    Pairs(pairs): Pairs,
) -> Result<Response, Oops> {
    let choice = Choice::of(&pairs)?;
    let given = |field: &str| {
        let pair = pairs.iter().find(|(name, _)| name == field);
        pair.map(|(_, value)| value.as_str())
    };
    if given("edit").is_some() {
        return groups::chosen(&app, &admin, id, &choice, None).await;
    }
    let take_back = given("take-back").map(str::parse).transpose();
    let take_back = take_back.map_err(|_| Oops::of(StatusCode::BAD_REQUEST))?;
    let agreed = match given("digest").filter(|_| given("check").is_none()) {
        Some(digest) => Agreed {
            digest: Some(digest.to_owned()),
            take_back,
            ..Agreed::default()
        },
        // Nothing is saved that was not previewed, where it does anything.
        None => {
            let preview = app.group_members_preview(id, Wanted::Change(&choice.change)).await?;
            if preview.moves_anybody() && !preview.apps.is_empty() {
                return previewed(&app, &admin, &preview, &choice, Refused::Not).await;
            }
            Agreed::default()
        }
    };
    let done = match given("ask") {
        // Only another administrator can save it.
        Some(_) => {
            let intent = Intent::GroupMembers {
                group: id,
                add: choice.change.add.clone(),
                remove: choice.change.remove.clone(),
            };
            match held::ask(&app, &admin, &intent, Base::Latest, &agreed).await {
                Ok(asked) => return Ok(asked),
                Err(error) => Err(error),
            }
        }
        None => {
            app.group_members_change(&admin.caller, id, &choice.change, &agreed)
                .await
        }
    };
    match done {
        Ok(moved) if moved.come.is_empty() && moved.go.is_empty() => {
            let flash = Flash::bad(speak(&app, admin.lang).t("members-unchanged"));
            groups::chosen(&app, &admin, id, &choice.of_nobody(), flash).await
        }
        Ok(_) => Ok(flash::to(&app, &admin, &choice.link(id), Done::MembersSaved)),
        Err(AppError::Outdated(Previewed::Members(preview))) => {
            let page = previewed(&app, &admin, &preview, &choice, Refused::Outdated).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(AppError::TakesBack(_, Previewed::Members(preview))) => {
            let page = previewed(&app, &admin, &preview, &choice, Refused::Unconfirmed).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(AppError::NeedsApproval(Previewed::Members(preview))) => {
            let page = previewed(&app, &admin, &preview, &choice, Refused::Not).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(AppError::MembersAbsent { absent, .. }) => {
            let flash = Flash::bad(says(&speak(&app, admin.lang), &absent));
            let page = groups::chosen(&app, &admin, id, &choice.without(&absent), flash).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Who cannot be added, in words.
fn says(s: &Speak, absent: &Absent) -> String {
    let mut sentences = vec![s.t("members-absent")];
    if !absent.left.is_empty() {
        let names: Vec<&str> = absent.left.iter().map(|person| person.name.as_str()).collect();
        sentences.push(s.t1("members-absent-left", "names", names.join(", ")));
    }
    if !absent.unknown.is_empty() {
        sentences.push(s.t1("members-absent-unknown", "count", absent.unknown.len()));
    }
    sentences.join(" ")
}

/// Why nothing was saved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It was only looked at.
    Not,
    Outdated,
    Unconfirmed,
}

/// What giving a group a rule would do; `fields` are those of the form that says which.
pub(super) async fn rule_previewed(
    app: &App,
    reader: &Reader,
    preview: &MembersPreview,
    fields: Vec<(&'static str, String)>,
    refused: Refused,
) -> Result<Response, Oops> {
    shown_before_saving(app, reader, preview, ("rule", "rule-title"), fields, refused).await
}

async fn previewed(
    app: &App,
    reader: &Reader,
    preview: &MembersPreview,
    choice: &Choice,
    refused: Refused,
) -> Result<Response, Oops> {
    let fields = choice.fields();
    shown_before_saving(app, reader, preview, ("members", "column-members"), fields, refused).await
}

/// `form` is where it is saved, and what was done there.
async fn shown_before_saving(
    app: &App,
    reader: &Reader,
    preview: &MembersPreview,
    form: (&str, &str),
    fields: Vec<(&'static str, String)>,
    refused: Refused,
) -> Result<Response, Oops> {
    let s = speak(app, reader.lang);
    let (group, change) = (&preview.group, &preview.change);
    let Parts {
        rule,
        matching,
        moved,
        apps,
    } = parts(app, &s, preview).await?;
    let approvers = match preview.needs_approval() {
        true => Some(app.approvers(&reader.caller).await?),
        false => None,
    };
    html(&MembersPreviewPage {
        frame: frame(app, reader, Place::Groups, &format!("/groups/{}", group.id), None).await?,
        id: group.id,
        name: group.name.clone(),
        kind: group.kind,
        come: change.come.len() as u64,
        go: change.go.len() as u64,
        action: form.0.to_owned(),
        step: s.t(form.1),
        rule,
        matching,
        moved,
        apps,
        digest: preview.digest.clone(),
        fields,
        to_confirm: preview.to_confirm(),
        approvers,
        outdated: refused == Refused::Outdated,
        unconfirmed: refused == Refused::Unconfirmed,
        s,
    })
}
