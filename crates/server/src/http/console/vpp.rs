//! Apple VPP(Volume Purchase Program) 관리: upload, confirm, sync (A13-A18).

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::UploadId;
use serde::Deserialize;
use store::{SyncRow, SyncStatus};

use super::{
    Oops, frame, html,
    pages::{
        Place,
        vpp::{SyncLine, SyncResult, TokenFacts, UploadErrors, VppConfirmPage, VppPage, VppRunning, VppUploadPage},
    },
    problem, speak, view,
};
use crate::{
    app::{
        App, AppError, FieldProblem,
        tokens::{LocationView, TokenRefused, TokenUpload, UploadFacts},
    },
    http::{
        auth::{self, Admin, Reader},
        flash::{self, Done},
        input::{Form, Multipart, Path, field_text, multipart_problem},
        problem::Problem as Refusal,
    },
    messages::Speak,
};

const HOME: &str = "/administration/vpp";

/// The linked token, its times, and the latest reads.
pub async fn page(State(app): State<App>, reader: Reader) -> Result<Response, Oops> {
    let token = match app.location_view().await? {
        Some(view) => Some(token_facts(&app, &view).await?),
        None => None,
    };
    let s = speak(&app, reader.lang);
    let frame = frame(&app, &reader, Place::Vpp, HOME, None).await?;
    let running = view::running(app.sync_open().await?.as_ref(), &[]);
    html(&VppPage {
        frame,
        account_url: app.config.apple.account_url.clone(),
        token,
        syncs: app.syncs(10).await?.iter().map(sync_line).collect(),
        running,
        sync_at: app
            .config
            .apple
            .sync_at
            .iter()
            .map(|at| at.strftime("%H:%M").to_string())
            .collect(),
        s,
    })
}

/// What runs, alone, for the script.
pub async fn running(State(app): State<App>, reader: Reader) -> Result<Response, Oops> {
    let running = view::running(app.sync_open().await?.as_ref(), &[]);
    html(&VppRunning {
        s: speak(&app, reader.lang),
        running,
    })
}

#[derive(Deserialize)]
pub struct Back {
    /// The page whose button it was.
    #[serde(rename = "return")]
    path: Option<String>,
}

/// 지금 동기화.
pub async fn sync(State(app): State<App>, admin: Admin, Form(back): Form<Back>) -> Result<Response, Oops> {
    match app.sync_now(&admin.caller).await {
        // The page of the token says what is the matter with it.
        Err(AppError::Token(TokenRefused::NotUsable { .. })) => return Ok(Redirect::to(HOME).into_response()),
        other => other?,
    };
    let to = back.path.as_deref().map_or(HOME, |path| auth::return_path(Some(path)));
    Ok(flash::to(&app, &admin, to, Done::SyncRequested))
}

pub async fn upload_page(State(app): State<App>, admin: Admin) -> Result<Response, Oops> {
    let linked = app.location_view().await?;
    let display_name = linked
        .as_ref()
        .map_or_else(String::new, |view| view.row.display_name.clone());
    let apple_id = linked.map_or_else(String::new, |view| view.row.apple_id);
    show_upload(&app, &admin, display_name, apple_id, UploadErrors::default()).await
}

/// VPP 토큰 업로드. What is wrong is said beside the field, and what was typed stays.
pub async fn upload(State(app): State<App>, admin: Admin, Multipart(form): Multipart) -> Result<Response, Oops> {
    let upload = match read_upload(form).await {
        Ok(upload) => upload,
        Err(refusal) if refusal.details().status == StatusCode::PAYLOAD_TOO_LARGE.as_u16() => {
            let s = speak(&app, admin.lang);
            let refused = TokenRefused::TooLarge {
                limit_bytes: apple::token::LIMIT_BYTES,
            };
            let errors = UploadErrors {
                file: Some(refused_text(&s, &refused)),
                ..UploadErrors::default()
            };
            let page = show_upload(&app, &admin, String::new(), String::new(), errors).await?;
            return Ok((StatusCode::PAYLOAD_TOO_LARGE, page).into_response());
        }
        Err(_) => return Err(Oops::of(StatusCode::BAD_REQUEST)),
    };
    let Upload { upload, chosen } = upload;
    let (display_name, apple_id) = (upload.display_name.clone(), upload.apple_id.clone());
    let s = speak(&app, admin.lang);
    if !chosen {
        let errors = UploadErrors {
            file: Some(s.t("upload-file-missing")),
            ..UploadErrors::default()
        };
        let page = show_upload(&app, &admin, display_name, apple_id, errors).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let errors = match app.token_read(&admin.caller, upload).await {
        Ok(id) => return Ok(Redirect::to(&format!("{HOME}/upload/{id}")).into_response()),
        Err(AppError::Token(refused)) => UploadErrors {
            file: Some(refused_text(&s, &refused)),
            ..UploadErrors::default()
        },
        Err(AppError::Invalid {
            field: "displayName",
            problem: wrong,
        }) => {
            let text = if wrong == FieldProblem::Missing {
                s.t("upload-name-missing")
            } else {
                problem(&s, wrong)
            };
            UploadErrors {
                display_name: Some(text),
                ..UploadErrors::default()
            }
        }
        Err(AppError::Invalid {
            field: "appleId",
            problem: wrong,
        }) => {
            let text = match wrong {
                FieldProblem::Missing => s.t("upload-apple-id-missing"),
                FieldProblem::Malformed => s.t("upload-apple-id-malformed"),
                wrong => problem(&s, wrong),
            };
            UploadErrors {
                apple_id: Some(text),
                ..UploadErrors::default()
            }
        }
        Err(error) => return Err(error.into()),
    };
    let page = show_upload(&app, &admin, display_name, apple_id, errors).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// The form as it came.
struct Upload {
    upload: TokenUpload,
    /// A file was chosen, be it an empty one.
    chosen: bool,
}

async fn read_upload(mut form: axum::extract::Multipart) -> Result<Upload, Refusal> {
    let mut upload = TokenUpload {
        file: Vec::new(),
        display_name: String::new(),
        apple_id: String::new(),
    };
    let mut chosen = false;
    while let Some(field) = form.next_field().await.map_err(|error| multipart_problem(&error))? {
        match field.name() {
            Some("file") => {
                chosen = field.file_name().is_some_and(|name| !name.is_empty());
                upload.file = field.bytes().await.map_err(|error| multipart_problem(&error))?.to_vec();
            }
            Some("displayName") => upload.display_name = field_text(field).await?,
            Some("appleId") => upload.apple_id = field_text(field).await?,
            _ => {}
        }
    }
    Ok(Upload { upload, chosen })
}

async fn show_upload(
    app: &App,
    reader: &Reader,
    display_name: String,
    apple_id: String,
    errors: UploadErrors,
) -> Result<Response, Oops> {
    let linked = app.location_view().await?.is_some();
    html(&VppUploadPage {
        s: speak(app, reader.lang),
        frame: frame(app, reader, Place::Vpp, &format!("{HOME}/upload"), None).await?,
        account_url: app.config.apple.account_url.clone(),
        renewal: linked,
        display_name,
        apple_id,
        errors,
    })
}

/// The confirmation that the account cannot be changed later (A16).
pub async fn confirm_page(State(app): State<App>, admin: Admin, Path(id): Path<UploadId>) -> Result<Response, Oops> {
    let Some(facts) = app.token_upload(id).await? else {
        return Ok(Redirect::to(HOME).into_response());
    };
    show_confirm(&app, &admin, facts, None).await
}

#[derive(Deserialize)]
pub struct Confirmation {
    /// Sent only when the box is ticked.
    confirmed: Option<String>,
}

pub async fn confirm(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<UploadId>,
    Form(form): Form<Confirmation>,
) -> Result<Response, Oops> {
    let facts = app.token_upload(id).await?;
    match app.token_link(&admin.caller, id, form.confirmed.is_some()).await {
        Ok(_) => {
            let done = if facts.is_some_and(|facts| facts.renewal) {
                Done::TokenRenewed
            } else {
                Done::TokenLinked
            };
            Ok(flash::to(&app, &admin, HOME, done))
        }
        Err(AppError::Token(refused)) => {
            let Some(facts) = facts else {
                return Ok(Redirect::to(HOME).into_response());
            };
            let text = refused_text(&speak(&app, admin.lang), &refused);
            let page = show_confirm(&app, &admin, facts, Some(text)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// 아니요: the token that was read is forgotten.
pub async fn cancel(State(app): State<App>, admin: Admin, Path(id): Path<UploadId>) -> Result<Response, Oops> {
    app.token_upload_cancel(&admin.caller, id).await?;
    Ok(flash::to(&app, &admin, HOME, Done::UploadCancelled))
}

async fn show_confirm(app: &App, reader: &Reader, facts: UploadFacts, error: Option<String>) -> Result<Response, Oops> {
    html(&VppConfirmPage {
        s: speak(app, reader.lang),
        frame: frame(app, reader, Place::Vpp, &format!("{HOME}/upload/{}", facts.id), None).await?,
        account_url: app.config.apple.account_url.clone(),
        id: facts.id,
        display_name: facts.display_name,
        apple_id: facts.apple_id,
        organization: facts.organization_name,
        location: facts.location_name,
        country: facts.country,
        uid: facts.uid,
        expires_at: facts.expires_at,
        renewal: facts.renewal,
        ours: facts.ours,
        error,
    })
}

async fn token_facts(app: &App, view: &LocationView) -> Result<TokenFacts, AppError> {
    let apps = app.store.apps(view.row.id).await?;
    let counted = apps.iter().filter(|app| !app.unlimited);
    Ok(TokenFacts {
        display_name: view.row.display_name.clone(),
        apple_id: view.row.apple_id.clone(),
        organization: view.row.organization_name.clone(),
        location: view.row.location_name.clone(),
        country: view.row.country.clone(),
        uid: view.row.uid.clone(),
        state: view.state,
        expires_at: view.row.expires_at,
        days_left: view.days_left,
        last_modified_at: view.row.last_modified_at,
        uploaded_by: view.uploaded_by.clone(),
        last_sync_at: view.row.last_sync_at,
        owner: view.row.owner_name.clone(),
        channel: app.channel(view.row.id).await?,
        looked_every: app.config.apple.poll_every,
        apps: apps.len() as u64,
        licences: counted.map(|app| u64::try_from(app.owned).unwrap_or(0)).sum(),
    })
}

fn sync_line(row: &SyncRow) -> SyncLine {
    let begun = row.started_at.unwrap_or(row.requested_at);
    SyncLine {
        cause: row.cause,
        actor: row.actor.clone(),
        at: begun,
        result: match row.status {
            SyncStatus::None => SyncResult::Waiting,
            SyncStatus::InProgress => SyncResult::Running,
            SyncStatus::Completed => SyncResult::Completed,
            SyncStatus::Failed => SyncResult::Failed {
                code: row.error_code.clone().unwrap_or_default(),
                detail: row.error_detail.clone(),
            },
        },
        changes: u64::try_from(row.changes).unwrap_or(0),
        requests: u64::try_from(row.requests).unwrap_or(0),
        took: row.finished_at.map(|finished| finished.since(begun)),
    }
}

/// Why a token was not taken, in a sentence of its own.
fn refused_text(s: &Speak, refused: &TokenRefused) -> String {
    let key = refused.key();
    match refused {
        TokenRefused::TooLarge { limit_bytes } => s.t1(key, "limit", limit_bytes / 1024),
        TokenRefused::NotAContentToken { missing } => s.t1(key, "missing", *missing),
        TokenRefused::BadDate { text } => s.t1(key, "date", text.as_str()),
        TokenRefused::Expired { at } => s.t1(key, "date", s.full_date(*at)),
        TokenRefused::Unrecognised { number }
        | TokenRefused::NotAllowed { number }
        | TokenRefused::AppleRefused { number } => s.t1(key, "number", number.to_string()),
        TokenRefused::OtherAccount { linked, given } => s.t2(key, "linked", linked.as_str(), "given", given.as_str()),
        TokenRefused::HeldByOther { name, metadata } => {
            let name = if name.is_empty() { "–" } else { name.as_str() };
            s.t2(key, "name", name, "metadata", metadata.as_str())
        }
        _ => s.t(key),
    }
}
