//! The people of the organisation.

use domain::PersonId;
use store::{Base, NewEvent, PersonChange, PersonRow};

use super::{App, AppError, Caller};

/// What an administrator says of a person.
#[derive(Debug, Clone, Default)]
pub struct NewPerson {
    pub name: String,
    pub email: Option<String>,
    pub department: Option<String>,
    /// Where they work.
    pub office: Option<String>,
}

impl App {
    pub async fn people(&self) -> Result<Vec<PersonRow>, AppError> {
        Ok(self.store.people().await?)
    }

    pub async fn person(&self, id: PersonId) -> Result<Option<PersonRow>, AppError> {
        Ok(self.store.person(id).await?)
    }

    pub async fn person_add(&self, caller: &Caller, new: NewPerson) -> Result<PersonId, AppError> {
        caller.may_write()?;
        let now = self.now();
        let row = PersonRow {
            id: PersonId(self.random.id()),
            name: super::required("name", &new.name, 100)?,
            email: email(new.email.as_deref())?,
            department: super::optional("department", new.department.as_deref(), 100)?,
            office: super::optional("office", new.office.as_deref(), 100)?,
            created_at: now,
            left_at: None,
            version: store::Version::default(),
        };
        let mut tx = self.store.begin().await?;
        tx.person_insert(&row).await?;
        tx.event(&NewEvent::new(now, caller.actor(), "personAdded").person(row.id))
            .await?;
        tx.commit().await?;
        self.look_again();
        Ok(row.id)
    }

    /// Changes what `change` names, unless the person was changed since `base`.
    pub async fn person_change(
        &self,
        caller: &Caller,
        id: PersonId,
        base: Base,
        change: PersonChange,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let change = PersonChange {
            name: change
                .name
                .map(|name| super::required("name", &name, 100))
                .transpose()?,
            email: change.email.map(|text| email(text.as_deref())).transpose()?,
            department: change
                .department
                .map(|text| super::optional("department", text.as_deref(), 100))
                .transpose()?,
            office: change
                .office
                .map(|text| super::optional("office", text.as_deref(), 100))
                .transpose()?,
        };
        let now = self.now();
        let mut tx = self.store.begin().await?;
        if !tx.person_change(id, base, &change, caller.changes(now)).await? {
            tx.person(id).await?.ok_or(AppError::NotFound("person"))?;
            return Err(AppError::Stale("person"));
        }
        tx.event(&NewEvent::new(now, caller.actor(), "personChanged").person(id))
            .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }
}

fn email(text: Option<&str>) -> Result<Option<String>, AppError> {
    let Some(text) = super::optional("email", text, 254)? else {
        return Ok(None);
    };
    let well_formed = text.split_once('@').is_some_and(|(local, host)| {
        !local.is_empty() && !host.is_empty() && !host.contains('@') && !text.contains(char::is_whitespace)
    });
    if !well_formed {
        return Err(AppError::Invalid {
            field: "email",
            problem: super::FieldProblem::Malformed,
        });
    }
    Ok(Some(text))
}
