//! The people of the organisation.

use axum::{Json as JsonBody, extract::State, http::StatusCode, response::IntoResponse};
use domain::{Parting, PersonId, Time};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use store::{ClientUserRow, DeviceRow, InvitationRow, PersonChange, PersonRow};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals, created,
    deployments::PreviewedApp,
    etag::{self, IfMatch, Tagged},
    groups::AppOfMembers,
    input::{Json, Path, Query, given},
    page::{Page, PageQuery},
    program::{Invitation, Program},
    words::DateTime,
};
use crate::{
    app::{
        App,
        contract::{Agreed, Contract},
        leavers::{self, Devices, LeavingLicence},
        people::NewPerson,
    },
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(users_list, user_add))
        .routes(routes!(user_get, user_update))
        .routes(routes!(user_leave))
        .routes(routes!(user_leave_preview))
        .routes(routes!(user_return))
        .routes(routes!(user_return_preview))
        .routes(routes!(user_enrolment_link))
        .routes(routes!(user_invite_again))
        .routes(routes!(user_invitations))
        .routes(routes!(user_registrations))
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct User {
    id: Uuid,
    display_name: String,
    mail: Option<String>,
    department: Option<String>,
    /// Where they work.
    office_location: Option<String>,
    created_date_time: DateTime,
    /// Since when nothing is wanted for this person any more.
    left_date_time: Option<DateTime>,
    vpp_program: Program,
}

/// As whom Apple knows a person, or knew them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Registration {
    client_user_id: String,
    created_date_time: Option<DateTime>,
    accepted_date_time: Option<DateTime>,
    /// When it was learned that Apple had retired it.
    retired_date_time: Option<DateTime>,
    /// Since when the person has another one.
    replaced_date_time: Option<DateTime>,
}

impl From<ClientUserRow> for Registration {
    fn from(row: ClientUserRow) -> Registration {
        Registration {
            client_user_id: row.client_user_id,
            created_date_time: DateTime::of(row.created_at),
            accepted_date_time: DateTime::of(row.accepted_at),
            retired_date_time: DateTime::of(row.retired_at),
            replaced_date_time: DateTime::of(row.replaced_at),
        }
    }
}

impl User {
    fn of(row: PersonRow, client_user: Option<&ClientUserRow>, latest: Option<&InvitationRow>) -> User {
        User {
            id: row.id.0,
            display_name: row.name,
            mail: row.email,
            department: row.department,
            office_location: row.office,
            created_date_time: DateTime(row.created_at),
            left_date_time: DateTime::of(row.left_at),
            vpp_program: Program::of(client_user, latest),
        }
    }
}

/// A person to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewUser {
    display_name: String,
    #[serde(default)]
    mail: Option<String>,
    #[serde(default)]
    department: Option<String>,
    #[serde(default)]
    office_location: Option<String>,
}

/// What to change of a person. What is absent stays; null empties.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UserChange {
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    mail: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    department: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    office_location: Option<Option<String>>,
}

/// What else leaving means.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LeaveQuery {
    /// `false` leaves the devices enrolled, without the person's apps.
    #[serde(default)]
    retire_devices: Option<bool>,
    /// The `digest` of the preview that was looked at. When leaving would do anything else by now, nothing is done.
    #[serde(default)]
    preview_digest: Option<String>,
    /// How many licences leaving takes back. To be said when they are many; the refusal tells the number.
    #[serde(default)]
    confirm_take_back: Option<u64>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LeavePreviewQuery {
    /// `false` leaves the devices enrolled, without the person's apps.
    #[serde(default)]
    retire_devices: Option<bool>,
}

fn devices(retire: Option<bool>) -> Devices {
    match retire {
        Some(false) => Devices::Keep,
        _ => Devices::Retire,
    }
}

/// What a person's leaving would do. Nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LeavePreview {
    /// Names all of this. Leave with it as `previewDigest`, and it is this that happens, or nothing is done.
    digest: String,
    /// Groups that the person leaves.
    group_ids: Vec<Uuid>,
    devices: Vec<LeavingDevice>,
    /// Apple is asked to retire the person once all licences are back.
    retired_at_apple: bool,
    /// What it does to each app that the person has, or was to have.
    apps: Vec<LeavingApp>,
    /// What the person has that is no app, such as books: Apple takes none back, and it stays theirs.
    kept_app_ids: Vec<Uuid>,
}

/// What was agreed to of a person's return.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReturnQuery {
    /// The `digest` of the preview that was looked at. When returning would do anything else by now, nothing is done.
    #[serde(default)]
    preview_digest: Option<String>,
    /// How many licences it takes back. To be said when they are many; the refusal tells the number.
    #[serde(default)]
    confirm_take_back: Option<u64>,
}

/// What a person's return would do. Nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReturnPreview {
    /// Names all of this. Have them return with it as `previewDigest`, and it is this that happens, or nothing is done.
    digest: String,
    /// Groups whose rules let them in.
    group_ids: Vec<Uuid>,
    /// How many licences it takes back in all, when they are so many of an app that whoever does it has to say so as
    /// `confirmTakeBack`.
    confirm_take_back: Option<u64>,
    /// What it does to each app of which something happens to somebody.
    apps: Vec<AppOfMembers>,
}

/// What becomes of a device of somebody who leaves.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LeavingDevice {
    device_id: Uuid,
    outcome: DeviceOutcome,
}

/// What becomes of a device of somebody who leaves.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum DeviceOutcome {
    /// It is told to leave: everything that was managed goes, and then the profile.
    Retires,
    /// It never finished its enrolment, and is removed.
    Removed,
    /// It is to leave already.
    LeavesAlready,
    /// It stays enrolled, without the person's apps.
    Stays,
}

/// What a person's leaving does to an app.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LeavingApp {
    app_id: Uuid,
    license: LicenseOutcome,
    /// Their devices on which the app may be.
    device_ids: Vec<Uuid>,
    #[serde(flatten)]
    outcome: PreviewedApp,
}

/// What becomes of the licence of somebody who leaves.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum LicenseOutcome {
    /// They have none.
    None,
    /// It comes back once the app is known to be gone.
    ComesBack,
    /// It was to come back anyhow.
    ComesBackAlready,
    /// Apple takes none back of this app.
    Stays,
}

impl From<leavers::LeavePreview> for LeavePreview {
    fn from(preview: leavers::LeavePreview) -> LeavePreview {
        let device = |(device, parting): &(DeviceRow, Parting)| LeavingDevice {
            device_id: device.id.0,
            outcome: match parting {
                Parting::Retires => DeviceOutcome::Retires,
                Parting::TakenOut => DeviceOutcome::Removed,
                Parting::LeavesAlready => DeviceOutcome::LeavesAlready,
                Parting::Stays => DeviceOutcome::Stays,
            },
        };
        let app = |app: &leavers::LeavingApp| LeavingApp {
            app_id: app.preview.app.id.0,
            license: match app.licence {
                LeavingLicence::None => LicenseOutcome::None,
                LeavingLicence::ComesBack => LicenseOutcome::ComesBack,
                LeavingLicence::ComesBackAlready => LicenseOutcome::ComesBackAlready,
                LeavingLicence::Stays => LicenseOutcome::Stays,
            },
            device_ids: app.devices.iter().map(|device| device.0).collect(),
            outcome: PreviewedApp::from(&app.preview),
        };
        LeavePreview {
            group_ids: preview.groups.iter().map(|(group, _)| group.0).collect(),
            devices: preview.devices.iter().map(device).collect(),
            retired_at_apple: preview.is_retired_at_apple(),
            apps: preview.apps.iter().map(app).collect(),
            kept_app_ids: preview.kept.iter().map(|row| row.id.0).collect(),
            digest: preview.digest,
        }
    }
}

/// A one-time address with which one device is enrolled.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnrolmentLink {
    /// Shown this once; good for seven days and one device.
    pub(super) url: String,
}

/// All people
#[utoipa::path(
    get, path = "/users", tag = "users", params(PageQuery),
    responses((status = 200, description = "As asked for", body = Page<User>), Refusals)
)]
async fn users_list(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<User>>, Problem> {
    let (part, rows) = app.people_after(query.asked()?).await?;
    let mut rows = rows.into_iter();
    Ok(JsonBody(Page::of_part(
        &part,
        |person| person.0,
        |_| {
            let person = rows.next()?;
            Some(User::of(
                person.row,
                person.client_user.as_ref(),
                person.invitation.as_ref(),
            ))
        },
    )))
}

/// Add a person
#[utoipa::path(
    post, path = "/users", tag = "users", request_body = NewUser,
    responses((status = 201, description = "Made", body = User), Refusals)
)]
async fn user_add(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Json(new): Json<NewUser>,
) -> Result<impl IntoResponse, Problem> {
    let new = NewPerson {
        name: new.display_name,
        email: new.mail,
        department: new.department,
        office: new.office_location,
    };
    let id = app.person_add(&caller, new).await.map_err(renamed)?;
    Ok(created(format!("users/{id}"), shown(&app, id).await?))
}

/// One person
#[utoipa::path(
    get, path = "/users/{user}", tag = "users", params(("user" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = User), Refusals)
)]
async fn user_get(State(app): State<App>, _: ApiReader, Path(person): Path<PersonId>) -> Result<Tagged<User>, Problem> {
    shown(&app, person).await
}

/// Change a person
#[utoipa::path(
    patch, path = "/users/{user}", tag = "users",
    params(("user" = Uuid, Path), IfMatch), request_body = UserChange,
    responses((status = 200, description = "As asked for", body = User), Refusals)
)]
async fn user_update(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(person): Path<PersonId>,
    IfMatch(base): IfMatch,
    Json(change): Json<UserChange>,
) -> Result<Tagged<User>, Problem> {
    let change = PersonChange {
        name: change.display_name,
        email: change.mail,
        department: change.department,
        office: change.office_location,
    };
    let done = app.person_change(&caller, person, base, change).await;
    etag::changed(done, shown(&app, person)).await.map_err(renamed)
}

/// The person left the organisation
///
/// They leave all groups, their requests and enrolment links end, and nothing is enrolled for them any more. Their devices
/// are retired unless `retireDevices` is false, apps are removed, then the licences come back, and when all are back they
/// are retired at Apple: `vppProgram` says how far it is. For somebody who had left already nothing changes. With the digest
/// of a preview, nothing is done but what was previewed.
#[utoipa::path(
    post, path = "/users/{user}/leave", tag = "users",
    params(
        ("user" = Uuid, Path),
        IfMatch,
        LeaveQuery
    ),
    responses((status = 200, description = "As asked for", body = User), Refusals)
)]
async fn user_leave(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(person): Path<PersonId>,
    IfMatch(base): IfMatch,
    Query(query): Query<LeaveQuery>,
) -> Result<Tagged<User>, Problem> {
    let devices = devices(query.retire_devices);
    let agreed = Agreed {
        digest: query.preview_digest,
        take_back: query.confirm_take_back,
        ..Agreed::default()
    };
    let done = app.person_leave(&caller, person, base, devices, &agreed).await;
    etag::changed(done, shown(&app, person)).await
}

/// Preview that a person leaves
///
/// What happens to their groups and devices, and app by app: what becomes of the licence, and who gets it next. For somebody
/// who has left nothing happens.
#[utoipa::path(
    post, path = "/users/{user}/leave/preview", tag = "users",
    params(("user" = Uuid, Path), LeavePreviewQuery),
    responses((status = 200, description = "As asked for", body = LeavePreview), Refusals)
)]
async fn user_leave_preview(
    State(app): State<App>,
    _: ApiReader,
    Path(person): Path<PersonId>,
    Query(query): Query<LeavePreviewQuery>,
) -> Result<JsonBody<LeavePreview>, Problem> {
    let devices = devices(query.retire_devices);
    Ok(JsonBody(app.person_leave_preview(person, devices).await?.into()))
}

/// The person is back
///
/// Groups are to be joined anew, but for those whose rules let them in. Whoever was not retired at Apple yet goes on as before;
/// anybody else is registered and invited to the programme anew when they are due an app. With the digest of a preview, nothing is
/// done but what was previewed.
#[utoipa::path(
    post, path = "/users/{user}/return", tag = "users",
    params(("user" = Uuid, Path), IfMatch, ReturnQuery),
    responses((status = 200, description = "As asked for", body = User), Refusals)
)]
async fn user_return(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(person): Path<PersonId>,
    IfMatch(base): IfMatch,
    Query(query): Query<ReturnQuery>,
) -> Result<Tagged<User>, Problem> {
    let agreed = Agreed {
        digest: query.preview_digest,
        take_back: query.confirm_take_back,
        ..Agreed::default()
    };
    let done = app.person_return(&caller, person, base, &agreed).await;
    etag::changed(done, shown(&app, person)).await.map_err(renamed)
}

/// Preview that a person returns
///
/// What they get, what they wait for, and what they cannot have; and who waits behind them. For somebody who is here nothing
/// happens.
#[utoipa::path(
    post, path = "/users/{user}/return/preview", tag = "users", params(("user" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = ReturnPreview), Refusals)
)]
async fn user_return_preview(
    State(app): State<App>,
    _: ApiReader,
    Path(person): Path<PersonId>,
) -> Result<JsonBody<ReturnPreview>, Problem> {
    let preview = app.person_return_preview(person).await?;
    Ok(JsonBody(ReturnPreview {
        confirm_take_back: preview.to_confirm(),
        group_ids: preview.groups.iter().map(|(group, _)| group.0).collect(),
        apps: preview.apps.iter().map(AppOfMembers::from).collect(),
        digest: preview.digest,
    }))
}

/// Make a one-time address to enrol a device
#[utoipa::path(
    post, path = "/users/{user}/enrolmentLinks", tag = "users", params(("user" = Uuid, Path)),
    responses((status = 201, description = "Made", body = EnrolmentLink), Refusals)
)]
async fn user_enrolment_link(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(person): Path<PersonId>,
) -> Result<impl IntoResponse, Problem> {
    let url = app.enrolment_link(&caller, person).await?.expose_secret().to_owned();
    Ok((StatusCode::CREATED, JsonBody(EnrolmentLink { url })))
}

/// Invite to the volume purchase programme once more
///
/// By itself an invitation is shown only once. It goes to the device that was heard last, of those that can show it.
/// 409 says why nobody was invited: `not-invited-waiting`, `-no-device`, `-accepted`, `-retired`, `-registering`,
/// `-not-due`, `-left`, `-not-linked`, `-token-not-usable`.
#[utoipa::path(
    post, path = "/users/{user}/inviteAgain", tag = "users", params(("user" = Uuid, Path)),
    responses((status = 202, description = "A device is asked to show it, or Apple to register the person", body = User), Refusals)
)]
async fn user_invite_again(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(person): Path<PersonId>,
) -> Result<impl IntoResponse, Problem> {
    app.invite_again(&caller, person).await?;
    Ok((StatusCode::ACCEPTED, shown(&app, person).await?))
}

/// All invitations of a person to the volume purchase programme
///
/// The latest first. What has ended is kept for as long as `retention.work` says, and the invitation that the person was shown last for good.
#[utoipa::path(
    get, path = "/users/{user}/invitations", tag = "users", params(("user" = Uuid, Path), PageQuery),
    responses((status = 200, description = "As asked for", body = Page<Invitation>), Refusals)
)]
async fn user_invitations(
    State(app): State<App>,
    _: ApiReader,
    Path(person): Path<PersonId>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<Invitation>>, Problem> {
    app.person(person).await?.ok_or_else(|| Problem::not_found("person"))?;
    // An id begins with its time.
    let mut rows = app.invitations(person).await?;
    rows.sort_by_key(|row| std::cmp::Reverse(row.id));
    let page = Page::falling(rows, &query, |row| row.id.to_string())?;
    Ok(JsonBody(page.map(|row| Invitation::of(&row))))
}

/// As whom Apple knows a person, and knew them
///
/// The one in use first. Whoever Apple retires gets another one.
#[utoipa::path(
    get, path = "/users/{user}/vppRegistrations", tag = "users", params(("user" = Uuid, Path), PageQuery),
    responses((status = 200, description = "As asked for", body = Page<Registration>), Refusals)
)]
async fn user_registrations(
    State(app): State<App>,
    _: ApiReader,
    Path(person): Path<PersonId>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<Registration>>, Problem> {
    app.person(person).await?.ok_or_else(|| Problem::not_found("person"))?;
    let mut rows = app.registrations(person).await?;
    rows.sort_by_key(|row| std::cmp::Reverse(in_use_until(row)));
    let page = Page::falling(rows, &query, in_use_until)?;
    Ok(JsonBody(page.map(Registration::from)))
}

/// The latest is the one in use. All of the same length, so that they are in order as text, too.
fn in_use_until(row: &ClientUserRow) -> String {
    let until = row.replaced_at.map_or(i64::MAX, Time::ms);
    format!("{until:020} {}", row.client_user_id)
}

async fn shown(app: &App, person: PersonId) -> Result<Tagged<User>, Problem> {
    let row = app.person(person).await?.ok_or_else(|| Problem::not_found("person"))?;
    let user = match app.location_view().await? {
        Some(view) => app.store.client_user(person, view.row.id).await?,
        None => None,
    };
    // The latest of those since the person was last invited anew.
    let invitations = app.invitations(person).await?;
    let now = |row: &&InvitationRow| {
        let user = user.as_ref();
        user.is_some_and(|user| row.client_user_id == user.client_user_id && row.round == user.round)
    };
    Ok(Tagged {
        version: row.version.clone(),
        body: User::of(row, user.as_ref(), invitations.iter().find(now)),
    })
}

/// The app says `name`, `email` and `office`; here they are `displayName`, `mail` and `officeLocation`.
fn renamed(problem: impl Into<Problem>) -> Problem {
    problem
        .into()
        .renamed(&[("name", "displayName"), ("email", "mail"), ("office", "officeLocation")])
}
