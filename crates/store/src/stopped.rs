//! Plans that did not pass the look that is taken at them before anything is done ([`domain::sound`]).
//!
//! It is an operation's kind of state: what is wrong with a plan says nothing of what is wanted, and goes when the plan is sound.

use std::collections::BTreeSet;

use domain::{Breach, Fault, LocationId, PersonId, Step, Time};

use crate::{
    Many, StoreError, Tx,
    db::{Conn, Key, Record, hexed, reads, values, word},
};

/// So many people are counted whose plans are stopped; it is a defect of ours if it is one.
const MOST: i64 = 10_000;

/// A step that is not taken, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoppedRow {
    pub fault: Fault,
    pub since: Time,
}

/// What became of the plans of some people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stopped {
    /// What is wrong with plans and was not before.
    pub new: Vec<Fault>,
    /// Whose plan is sound again.
    pub sound: BTreeSet<PersonId>,
}

reads! {
    /// What is wrong with the plans of these people; most of the time nothing.
    stopped_of(location: LocationId, people: &'a [PersonId]) -> Vec<StoppedRow>;
    /// The same of the next people of the location, `most` of them, by their ids.
    stopped_after(location: LocationId, after: Option<PersonId>, most: i64) -> Vec<StoppedRow>;
    /// Whose plans are stopped: how many they are, and since when the first of them.
    stopped_counted(location: LocationId) -> (Many, Option<Time>);
}

fn row(row: &Record) -> Result<StoppedRow, StoreError> {
    Ok(StoppedRow {
        fault: Fault {
            person: PersonId(row.key("person_id")?),
            breach: row.word::<Breach>("breach")?,
            step: row.json::<Step>("step")?,
        },
        since: row.time("since")?,
    })
}

fn text(step: &Step) -> String {
    serde_json::to_string(step).unwrap_or_default()
}

impl Conn<'_> {
    async fn stopped_of(&mut self, location: LocationId, people: &[PersonId]) -> Result<Vec<StoppedRow>, StoreError> {
        let sql = self.text(
            "SELECT person_id, breach, step, since FROM stopped_plans
             WHERE location_id = $1 AND person_id IN (SELECT unhex(value) FROM json_each($2))
             ORDER BY person_id, breach, step",
            "SELECT person_id, breach, step, since FROM stopped_plans
             WHERE location_id = $1 AND person_id = ANY (ARRAY (
                 SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS value))
             ORDER BY person_id, breach, step",
        );
        let listed = hexed(people.iter().map(|person| person.0));
        self.all(sql, values![location, listed], row).await
    }

    async fn stopped_after(
        &mut self,
        location: LocationId,
        after: Option<PersonId>,
        most: i64,
    ) -> Result<Vec<StoppedRow>, StoreError> {
        let after = after.unwrap_or(PersonId(uuid::Uuid::nil()));
        let next = "SELECT DISTINCT person_id FROM stopped_plans WHERE location_id = $1 AND person_id > $2
                    ORDER BY person_id LIMIT $3";
        let people = self
            .all(next, values![location, Key(after.0), most], |row| {
                Ok(PersonId(row.key("person_id")?))
            })
            .await?;
        self.stopped_of(location, &people).await
    }

    async fn stopped_counted(&mut self, location: LocationId) -> Result<(Many, Option<Time>), StoreError> {
        let sql = "SELECT person_id, MIN(since) AS since FROM stopped_plans WHERE location_id = $1
                   GROUP BY person_id ORDER BY person_id LIMIT $2";
        let since = self
            .all(sql, values![location, MOST + 1], |row| row.time("since"))
            .await?;
        let number = since.len() as u64;
        let most = u64::try_from(MOST).unwrap_or(u64::MAX);
        let many = Many {
            number: number.min(most),
            more: number > most,
        };
        Ok((many, since.into_iter().min()))
    }
}

impl Tx {
    /// These people were decided, and this is all that is wrong with their plans.
    pub async fn stopped_keep(
        &mut self,
        location: LocationId,
        people: &[PersonId],
        faults: &[Fault],
        now: Time,
    ) -> Result<Stopped, StoreError> {
        let before = self.conn().stopped_of(location, people).await?;
        let mut stopped = self.stopped_add(location, faults, now).await?;
        let over = before
            .iter()
            .map(|row| row.fault)
            .filter(|fault| !faults.contains(fault));
        let is_stopped = |person: PersonId| faults.iter().any(|fault| fault.person == person);
        for fault in over {
            self.run(
                "DELETE FROM stopped_plans WHERE location_id = $1 AND person_id = $2 AND breach = $3 AND step = $4",
                values![location, Key(fault.person.0), word(&fault.breach), text(&fault.step)],
            )
            .await?;
            if !is_stopped(fault.person) {
                stopped.sound.insert(fault.person);
            }
        }
        Ok(stopped)
    }

    /// This is wrong with plans, beside what is known already.
    pub async fn stopped_add(
        &mut self,
        location: LocationId,
        faults: &[Fault],
        now: Time,
    ) -> Result<Stopped, StoreError> {
        let mut stopped = Stopped::default();
        for fault in faults {
            let added = self
                .run(
                    "INSERT INTO stopped_plans (location_id, person_id, breach, step, since) VALUES ($1, $2, $3, $4, $5)
                     ON CONFLICT DO NOTHING",
                    values![
                        location,
                        Key(fault.person.0),
                        word(&fault.breach),
                        text(&fault.step),
                        now
                    ],
                )
                .await?;
            if added > 0 {
                stopped.new.push(*fault);
            }
        }
        Ok(stopped)
    }
}
