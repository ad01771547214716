//! By what somebody is in a group: chosen row by row, or written, previewed, saved.
//!
//! What is chosen travels in the fields of the form, as often as it takes: a row more, a look at what it would do, and back.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{Attribute, Condition, Form, GroupId, GroupKind, MembershipRule, Operator, RuleProblem, Test};
use store::GroupRow;
use uuid::Uuid;

use super::{
    Oops, frame, held, html,
    members::{self, Refused},
    pages::{
        Flash, Place,
        parts::Named,
        rules::{self, Membership, Row, RulePage},
    },
    problem, speak,
};
use crate::{
    app::{
        App, AppError, Base,
        changes::Intent,
        contract::{Agreed, Previewed},
        followers::RuleRefused,
        rules::{GroupNames, GroupOf},
    },
    http::{
        auth::Admin,
        flash::{self, Done},
        input::{Pairs, Path},
    },
    messages::Speak,
};

/// So many rows a form has at most: more are written as text.
const ROWS: usize = 20;

/// What the form says, as it was chosen and typed.
#[derive(Debug, Clone, Default)]
struct Typed {
    membership: Membership,
    is_any: bool,
    rows: Vec<Row>,
    text: String,
    /// Of the rule, or the members, that were there when the form was opened.
    version: i64,
}

/// What is wrong, and in which row if it is in one.
struct Wrong {
    row: Option<usize>,
    text: String,
}

impl Typed {
    /// As a group has it.
    fn of(row: &GroupRow, names: &GroupNames, s: &Speak) -> Typed {
        let mut typed = Typed {
            version: row.members_version.number,
            ..Typed::default()
        };
        let Some(rule) = &row.membership_rule else {
            // Whoever opens the form wants one.
            typed.membership = Membership::Rule;
            typed.rows.push(Row::default());
            return typed;
        };
        typed.text = names.text(rule);
        typed.membership = match rule.parts() {
            _ if rule.is_all() => Membership::All,
            Some((is_any, parts)) if parts.len() <= ROWS => {
                typed.is_any = is_any;
                typed.rows = parts.into_iter().filter_map(|part| Row::of(part, names, s)).collect();
                Membership::Rule
            }
            _ => Membership::Text,
        };
        if typed.rows.is_empty() {
            typed.rows.push(Row::default());
        }
        typed
    }

    /// As the form sends it: the fields of a row come one after the other.
    fn read(pairs: &[(String, String)]) -> Typed {
        let mut typed = Typed::default();
        for (name, value) in pairs {
            match name.as_str() {
                "membership" => typed.membership = Membership::of(value),
                "match" => typed.is_any = value == "any",
                "attribute" if typed.rows.len() < ROWS => typed.rows.push(Row {
                    attribute: value.clone(),
                    ..Row::default()
                }),
                "operator" => {
                    if let Some(row) = typed.rows.last_mut() {
                        row.operator.clone_from(value);
                    }
                }
                "value" => {
                    if let Some(row) = typed.rows.last_mut() {
                        row.value.clone_from(value);
                    }
                }
                "rule" => typed.text.clone_from(value),
                "version" => typed.version = value.parse().unwrap_or(-1),
                _ => {}
            }
        }
        typed
    }

    /// All of it, for a form of hidden fields.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("membership", self.membership.value().to_owned()),
            ("match", if self.is_any { "any" } else { "all" }.to_owned()),
            ("rule", self.text.clone()),
            ("version", self.version.to_string()),
        ];
        for row in &self.rows {
            fields.push(("attribute", row.attribute.clone()));
            fields.push(("operator", row.operator.clone()));
            fields.push(("value", row.value.clone()));
        }
        fields
    }

    /// The rule that is meant; `None` where members are put in by hand.
    async fn rule(&self, app: &App, kind: GroupKind, s: &Speak) -> Result<Result<Option<MembershipRule>, Wrong>, Oops> {
        match self.membership {
            Membership::Assigned => Ok(Ok(None)),
            Membership::All => Ok(Ok(Some(MembershipRule::all()))),
            Membership::Rule => {
                let groups = app.store.groups().await?;
                Ok(self.rows_read(kind, &groups, s).map(Some))
            }
            Membership::Text => match app.membership_rule_read(kind, &self.text).await {
                Ok(rule) => Ok(Ok(Some(rule))),
                Err(error) => wrong(s, error).map(Err),
            },
        }
    }

    fn rows_read(&self, kind: GroupKind, groups: &[GroupRow], s: &Speak) -> Result<MembershipRule, Wrong> {
        let mut parts = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            if row.attribute.is_empty() {
                continue;
            }
            let read = row.read(kind, groups, s);
            parts.push(read.map_err(|problem| Wrong {
                row: Some(at),
                text: rules::problem(s, &problem),
            })?);
        }
        MembershipRule::of_parts(self.is_any, parts).ok_or_else(|| Wrong {
            row: None,
            text: rules::problem(s, &RuleProblem::Empty),
        })
    }
}

impl Row {
    /// A row that says this part of a rule.
    fn of(part: &Condition, names: &GroupNames, s: &Speak) -> Option<Row> {
        let member = |group, operator: Operator| Row {
            attribute: "memberOf".to_owned(),
            operator: operator.name().to_owned(),
            value: names.name(group),
        };
        match part {
            Condition::Test(test) => Some(Row {
                attribute: test.attribute.name().to_owned(),
                operator: test.operator.name().to_owned(),
                value: rules::values(s, test),
            }),
            Condition::MemberOf(group) => Some(member(*group, Operator::Equal)),
            Condition::Not(not) => match **not {
                Condition::MemberOf(group) => Some(member(group, Operator::NotEqual)),
                _ => None,
            },
            Condition::All | Condition::And(_) | Condition::Or(_) => None,
        }
    }

    fn read(&self, kind: GroupKind, groups: &[GroupRow], s: &Speak) -> Result<Condition, RuleProblem> {
        let unknown = || RuleProblem::UnknownOperator(self.operator.clone());
        let operator = Operator::of(&self.operator).ok_or_else(unknown)?;
        let value = self.value.trim();
        if self.attribute == "memberOf" {
            if value.is_empty() {
                return Err(RuleProblem::ValueMissing);
            }
            let found = groups.iter().find(|group| group.kind == kind && group.name == value);
            let member = Condition::MemberOf(found.ok_or_else(|| RuleProblem::UnknownGroup(value.to_owned()))?.id);
            return match operator {
                Operator::Equal => Ok(member),
                Operator::NotEqual => Ok(Condition::Not(Box::new(member))),
                _ => Err(unknown()),
            };
        }
        let attribute = Attribute::of(&self.attribute).filter(|attribute| attribute.is_of(kind));
        let attribute = attribute.ok_or_else(|| RuleProblem::UnknownAttribute(self.attribute.clone()))?;
        let words = |value: &str| match attribute.form() {
            Form::Word(known) => known
                .iter()
                .find(|word| rules::word(s, attribute, word).eq_ignore_ascii_case(value.trim()))
                .map_or_else(|| value.to_owned(), |word| (*word).to_owned()),
            Form::Text | Form::Version => value.to_owned(),
        };
        let values: Vec<String> = match operator.takes_many() {
            true => value.split(',').map(words).collect(),
            false => vec![words(value)],
        };
        Ok(Condition::Test(Test::checked(attribute, operator, &values)?))
    }
}

/// What is wrong with a rule that was written, in words; everything else is no mistake of the reader's.
fn wrong(s: &Speak, error: AppError) -> Result<Wrong, Oops> {
    let text = match error {
        AppError::Rule(refused) => rules::refused(s, &refused),
        AppError::Invalid {
            field: "membershipRule",
            problem: wrong,
        } => problem(s, wrong),
        error => return Err(error.into()),
    };
    Ok(Wrong { row: None, text })
}

pub async fn page(State(app): State<App>, admin: Admin, Path(id): Path<GroupId>) -> Result<Response, Oops> {
    let row = app.group(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let typed = Typed::of(&row, &app.group_names().await?, &speak(&app, admin.lang));
    show(&app, &admin, &row, typed, None, None).await
}

async fn show(
    app: &App,
    admin: &Admin,
    row: &GroupRow,
    mut typed: Typed,
    wrong: Option<Wrong>,
    flash: Option<Flash>,
) -> Result<Response, Oops> {
    if typed.rows.is_empty() {
        typed.rows.push(Row::default());
    }
    let groups = app.store.groups().await?;
    let others = groups
        .into_iter()
        .filter(|group| group.kind == row.kind && group.id != row.id);
    html(&RulePage {
        s: speak(app, admin.lang),
        frame: frame(app, admin, Place::Groups, &format!("/groups/{}/rule", row.id), flash).await?,
        id: row.id,
        name: row.name.clone(),
        kind: row.kind,
        membership: typed.membership,
        is_any: typed.is_any,
        may_add: typed.rows.len() < ROWS,
        rows: typed.rows,
        text: typed.text,
        version: typed.version,
        groups: others.map(|group| group.name).collect(),
        wrong_row: wrong.as_ref().and_then(|wrong| wrong.row),
        wrong: wrong.map(|wrong| wrong.text),
    })
}

/// Shows what the rule does, whatever that is, and saves it from there.
pub async fn save(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<GroupId>,
    Pairs(pairs): Pairs,
) -> Result<Response, Oops> {
    let row = app.group(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let s = speak(&app, admin.lang);
    let mut typed = Typed::read(&pairs);
    let given = |field: &str| {
        let pair = pairs.iter().find(|(name, _)| name == field);
        pair.map(|(_, value)| value.as_str())
    };
    if given("add").is_some() {
        typed.rows.push(Row::default());
        typed.rows.truncate(ROWS);
        return show(&app, &admin, &row, typed, None, None).await;
    }
    if let Some(at) = given("drop").and_then(|at| at.parse::<usize>().ok()) {
        if at < typed.rows.len() {
            typed.rows.remove(at);
        }
        return show(&app, &admin, &row, typed, None, None).await;
    }
    if given("edit").is_some() {
        return show(&app, &admin, &row, typed, None, None).await;
    }
    let take_back = given("take-back").map(str::parse).transpose();
    let take_back = take_back.map_err(|_| Oops::of(StatusCode::BAD_REQUEST))?;
    let rule = match typed.rule(&app, row.kind, &s).await? {
        Ok(rule) => rule,
        Err(wrong) => return mistaken(&app, &admin, &row, typed, wrong).await,
    };
    let base = Base::Version(typed.version);
    if !base_is(base, &row) {
        return stale(&app, &admin, id, typed).await;
    }
    let Some(digest) = given("digest").filter(|_| given("check").is_none()) else {
        return match app.group_rule_preview(id, rule.as_ref()).await {
            Ok(preview) => members::rule_previewed(&app, &admin, &preview, typed.fields(), Refused::Not).await,
            Err(error) => {
                let wrong = wrong(&s, error)?;
                mistaken(&app, &admin, &row, typed, wrong).await
            }
        };
    };
    let agreed = Agreed {
        digest: Some(digest.to_owned()),
        take_back,
        ..Agreed::default()
    };
    let done = match given("ask") {
        // Only another administrator can save it.
        Some(_) => {
            let rule = rule.as_ref().map(MembershipRule::kept);
            match held::ask(&app, &admin, &Intent::GroupRule { group: id, rule }, base, &agreed).await {
                Ok(asked) => return Ok(asked),
                Err(error) => Err(error),
            }
        }
        None => {
            app.group_rule_set(&admin.caller, id, base, rule.as_ref(), &agreed)
                .await
        }
    };
    match done {
        Ok(()) => Ok(flash::to(&app, &admin, &format!("/groups/{id}"), Done::RuleSaved)),
        Err(AppError::Outdated(Previewed::Members(preview))) => {
            let page = members::rule_previewed(&app, &admin, &preview, typed.fields(), Refused::Outdated).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(AppError::TakesBack(_, Previewed::Members(preview))) => {
            let page = members::rule_previewed(&app, &admin, &preview, typed.fields(), Refused::Unconfirmed).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(AppError::NeedsApproval(Previewed::Members(preview))) => {
            let page = members::rule_previewed(&app, &admin, &preview, typed.fields(), Refused::Not).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(AppError::Stale(_)) => stale(&app, &admin, id, typed).await,
        Err(error @ AppError::Rule(RuleRefused::Circle(_))) => {
            let wrong = wrong(&s, error)?;
            mistaken(&app, &admin, &row, typed, wrong).await
        }
        Err(error) => Err(error.into()),
    }
}

fn base_is(base: Base, row: &GroupRow) -> bool {
    base.is(&row.members_version)
}

async fn mistaken(app: &App, admin: &Admin, row: &GroupRow, typed: Typed, wrong: Wrong) -> Result<Response, Oops> {
    let page = show(app, admin, row, typed, Some(wrong), None).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Somebody else changed rule or members since the form was opened: what they said is told, and what was typed stays.
async fn stale(app: &App, admin: &Admin, id: GroupId, mut typed: Typed) -> Result<Response, Oops> {
    let row = app.group(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let s = speak(app, admin.lang);
    let names = app.group_names().await?;
    let version = row.members_version.clone();
    let who = version.changed_by.unwrap_or_else(|| "–".to_owned());
    let when = version.changed_at.map_or_else(|| "–".to_owned(), |at| s.date_time(at));
    let rule = match &row.membership_rule {
        Some(rule) => names.text(rule),
        None => s.t("membership-assigned"),
    };
    let text = format!(
        "{} {} {}",
        s.t("conflict-not-saved"),
        s.t2("conflict-who", "name", who, "when", when),
        s.t1("rule-now", "rule", rule)
    );
    typed.version = version.number;
    let page = show(app, admin, &row, typed, None, Flash::bad(text)).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

/// The groups that a person, or a device, is in, and in words by what.
pub(super) async fn groups_of(
    app: &App,
    s: &Speak,
    kind: GroupKind,
    member: Uuid,
) -> Result<Vec<(Named, String)>, Oops> {
    let names = app.group_names().await?;
    let groups = app.groups_of(kind, member).await?.into_iter();
    let line = |group: GroupOf| {
        let by = rules::because(s, &names, kind, &group.because);
        let named = Named {
            name: group.name,
            href: format!("/groups/{}", group.id),
        };
        (named, by)
    };
    Ok(groups.map(line).collect())
}
