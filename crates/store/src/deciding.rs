//! Whom to decide anew, and what was decided: the derived state, which may be dropped and made again.
//!
//! Every change of a fact marks whom it concerns, in its own transaction, by triggers of the database. Whoever decides takes
//! the marks away first and reads the facts afterwards, so that what is committed meanwhile leaves a mark that stays.

use std::collections::{BTreeMap, BTreeSet};

use domain::{LocationId, PersonId, Time};
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    db::{Conn, Key, listed, reads, values},
};

/// So many people are marked at once of a change that concerns many.
const SPREAD: i64 = 2_000;

/// Who is decided now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    pub people: Vec<PersonId>,
    /// Somebody is still to be decided. Until nobody is, the line for licences may be another one.
    pub more: bool,
}

/// What the look finds at which something is to be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub now: Time,
    /// Apple was looked at under this lease: it may be asked for something.
    pub looked: bool,
    pub token_usable: bool,
}

impl Look {
    fn gives(&self) -> bool {
        self.looked && self.token_usable
    }
}

reads! {
    /// Whether somebody is to be decided, or given a licence. A few looks into indexes, whatever the size.
    undecided(location: LocationId, look: Look) -> bool;
    /// To whom something happened since they were decided, while they are no more than `most`; `None` when they are, or when
    /// it is not even known who they all are.
    undecided_people(location: LocationId, now: Time, most: i64) -> Option<Vec<PersonId>>;
    /// Those of these people to whom something happened since they were decided, or for whom a moment has come.
    marked_among(location: LocationId, people: &'a [PersonId], now: Time) -> BTreeSet<PersonId>;
    /// When who is decided anew because of the time alone: for judges, too.
    moments(location: LocationId) -> BTreeMap<PersonId, Time>;
}

impl Conn<'_> {
    async fn undecided(&mut self, location: LocationId, look: Look) -> Result<bool, StoreError> {
        Ok(self.somebody(location, look).await? || (look.gives() && self.is_somebody_next(location).await?))
    }

    /// Whether somebody is to be decided.
    async fn somebody(&mut self, location: LocationId, look: Look) -> Result<bool, StoreError> {
        let nobody = "SELECT 1 FROM deciding WHERE location_id = $1 AND token_usable = $2
                        AND NOT EXISTS (SELECT 1 FROM dirty WHERE location_id = $1 AND NOT waits_for_look)
                        AND NOT EXISTS (SELECT 1 FROM dirty_many WHERE location_id = $1)
                        AND NOT EXISTS (SELECT 1 FROM decide_again WHERE location_id = $1 AND at <= $3)
                        AND NOT ($4 AND EXISTS (SELECT 1 FROM dirty WHERE location_id = $1 AND waits_for_look))";
        let found = values![location, look.token_usable, look.now, look.looked];
        Ok(self.one(nobody, found, |_| Ok(())).await?.is_none())
    }

    /// Whether something happened to anybody since they were decided.
    pub(crate) async fn is_anybody_marked(&mut self, location: LocationId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM deciding WHERE location_id = $1
                     AND (EXISTS (SELECT 1 FROM dirty WHERE location_id = $1)
                          OR EXISTS (SELECT 1 FROM dirty_many WHERE location_id = $1))";
        Ok(self.one(sql, values![location], |_| Ok(())).await?.is_some())
    }

    pub(crate) async fn undecided_people(
        &mut self,
        location: LocationId,
        now: Time,
        most: i64,
    ) -> Result<Option<Vec<PersonId>>, StoreError> {
        let many = "SELECT 1 FROM dirty_many WHERE location_id = $1 ORDER BY location_id, seq LIMIT 1";
        if self.one(many, values![location], |_| Ok(())).await?.is_some() {
            return Ok(None);
        }
        let mut people = self.marked(location, false, most.saturating_add(1)).await?;
        let due = "SELECT person_id FROM decide_again WHERE location_id = $1 AND at <= $2
                   ORDER BY location_id, at LIMIT $3";
        let due: Vec<PersonId> = self
            .all(due, values![location, now, most.saturating_add(1)], |row| {
                row.parsed("person_id")
            })
            .await?;
        people.extend(due);
        Ok((i64::try_from(people.len()).unwrap_or(i64::MAX) <= most).then_some(people))
    }

    async fn marked_among(
        &mut self,
        location: LocationId,
        people: &[PersonId],
        now: Time,
    ) -> Result<BTreeSet<PersonId>, StoreError> {
        macro_rules! marked {
            ($people:literal) => {
                concat!(
                    "SELECT person_id FROM dirty WHERE location_id = $1 AND person_id ",
                    $people,
                    " UNION SELECT person_id FROM decide_again WHERE location_id = $1 AND at <= $3 AND person_id ",
                    $people
                )
            };
        }
        let sql = self.text(
            marked!("IN (SELECT value FROM json_each($2))"),
            marked!("= ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))"),
        );
        let marked = self
            .all(sql, values![location, ids(people), now], |row| row.parsed("person_id"))
            .await?;
        Ok(marked.into_iter().collect())
    }

    async fn moments(&mut self, location: LocationId) -> Result<BTreeMap<PersonId, Time>, StoreError> {
        let sql = "SELECT person_id, at FROM decide_again WHERE location_id = $1";
        let moments: Vec<(PersonId, Time)> = self
            .all(sql, values![location], |row| {
                Ok((row.parsed("person_id")?, row.time("at")?))
            })
            .await?;
        Ok(moments.into_iter().collect())
    }

    async fn marked(&mut self, location: LocationId, waits: bool, most: i64) -> Result<Vec<PersonId>, StoreError> {
        self.all(
            // By the index, and not along those of whom something else is true.
            "SELECT person_id FROM dirty WHERE location_id = $1 AND waits_for_look = $2
             ORDER BY location_id, waits_for_look, seq LIMIT $3",
            values![location, waits, most],
            |row| row.parsed("person_id"),
        )
        .await
    }
}

pub(crate) fn ids(people: &[PersonId]) -> String {
    let ids: Vec<Uuid> = people.iter().map(|person| person.0).collect();
    listed(&ids)
}

impl Tx {
    /// Takes some people who are to be decided, `most` of them, the first marked first. Their marks go with the
    /// transaction. Until Apple was looked at, those who wait for that stay.
    pub async fn decide_take(&mut self, location: LocationId, look: Look, most: usize) -> Result<Taken, StoreError> {
        self.decided_with(location, look.token_usable).await?;
        // Somebody may be marked many times over: a device tells of many apps at once.
        let many = most.saturating_mul(4);
        let limit = i64::try_from(many).unwrap_or(i64::MAX);
        let mut people: BTreeSet<PersonId> = BTreeSet::new();
        // Whether what was read is all there is.
        let mut whole;
        loop {
            let mut marked = self.conn().marked(location, false, limit).await?;
            whole = marked.len() < many;
            if look.looked {
                let waiting = self.conn().marked(location, true, limit).await?;
                whole &= waiting.len() < many;
                marked.extend(waiting);
            }
            for person in marked {
                if people.len() < most {
                    people.insert(person);
                }
            }
            if people.len() >= most || !self.spread(location).await? {
                break;
            }
        }
        if people.len() < most {
            let due = "SELECT person_id FROM decide_again WHERE location_id = $1 AND at <= $2
                       ORDER BY location_id, at LIMIT $3";
            let due: Vec<PersonId> = self
                .conn()
                .all(due, values![location, look.now, limit], |row| row.parsed("person_id"))
                .await?;
            whole &= due.len() < many;
            for person in due {
                if people.len() < most {
                    people.insert(person);
                }
            }
        }
        let people: Vec<PersonId> = people.into_iter().collect();
        let list = ids(&people);
        let sql = self.conn().text(
            "DELETE FROM dirty WHERE location_id = $1 AND person_id IN (SELECT value FROM json_each($2))",
            "DELETE FROM dirty WHERE location_id = $1
               AND person_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))",
        );
        self.run(sql, values![location, list]).await?;
        // What was due is told anew by the decision.
        let sql = self.conn().text(
            "DELETE FROM decide_again WHERE location_id = $1 AND at <= $3
               AND person_id IN (SELECT value FROM json_each($2))",
            "DELETE FROM decide_again WHERE location_id = $1 AND at <= $3
               AND person_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))",
        );
        self.run(sql, values![location, list, look.now]).await?;
        let more = !(whole && people.len() < most) && self.conn().somebody(location, look).await?;
        Ok(Taken { people, more })
    }

    /// Whoever was decided while the token could be used, and cannot be any more, or the other way, is decided anew.
    async fn decided_with(&mut self, location: LocationId, token_usable: bool) -> Result<(), StoreError> {
        let changed = self
            .run(
                "INSERT INTO deciding (location_id, token_usable) VALUES ($1, $2)
                 ON CONFLICT (location_id) DO UPDATE SET token_usable = excluded.token_usable
                 WHERE deciding.token_usable <> excluded.token_usable",
                values![location, token_usable],
            )
            .await?;
        if changed > 0 {
            // They are to be anyhow when the location is new, and this decision reads whatever there is.
            self.run(
                "INSERT INTO dirty_many (location_id, scope)
                 SELECT $1, 'everybody' WHERE NOT EXISTS (
                     SELECT 1 FROM dirty_many WHERE location_id = $1 AND scope = 'everybody' AND done_until = '')",
                values![location],
            )
            .await?;
        }
        Ok(())
    }

    /// Everybody is to be decided anew.
    pub async fn decide_everybody(&mut self, location: LocationId) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO dirty_many (location_id, scope) VALUES ($1, 'everybody')",
            values![location],
        )
        .await?;
        Ok(())
    }

    /// These people are decided anew.
    pub async fn decide_anew(&mut self, location: LocationId, people: &[PersonId]) -> Result<(), StoreError> {
        let sql = self.conn().text(
            "INSERT INTO dirty (location_id, person_id) SELECT $1, value FROM json_each($2)",
            "INSERT INTO dirty (location_id, person_id)
             SELECT $1, person FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS person",
        );
        self.run(sql, values![location, ids(people)]).await?;
        Ok(())
    }

    /// These people are decided once more after Apple was looked at: something is to be asked there for them.
    pub async fn decide_after_look(&mut self, location: LocationId, people: &[PersonId]) -> Result<(), StoreError> {
        let sql = self.conn().text(
            "INSERT INTO dirty (location_id, person_id, waits_for_look) SELECT $1, value, TRUE FROM json_each($2)",
            "INSERT INTO dirty (location_id, person_id, waits_for_look)
             SELECT $1, person, TRUE FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS person",
        );
        self.run(sql, values![location, ids(people)]).await?;
        Ok(())
    }

    /// Marks the next people of the first change that concerns many. `false` when there is none.
    async fn spread(&mut self, location: LocationId) -> Result<bool, StoreError> {
        let first: Option<(i64, String, String, String)> = self
            .conn()
            .one(
                "SELECT seq, scope, id, done_until FROM dirty_many WHERE location_id = $1 ORDER BY location_id, seq LIMIT 1",
                values![location],
                |row| {
                    Ok((
                        row.int("seq")?,
                        row.text("scope")?,
                        row.text("id")?,
                        row.text("done_until")?,
                    ))
                },
            )
            .await?;
        let Some((seq, scope, id, done_until)) = first else {
            return Ok(false);
        };
        let scoped = match scope.as_str() {
            "everybody" => "SELECT id AS person FROM people WHERE id > $2 AND $1 = '' ORDER BY id LIMIT $3",
            "group" => {
                "SELECT member_id AS person FROM group_members JOIN groups ON groups.id = group_id AND kind = 'user'
                 WHERE group_id = $1 AND member_id > $2
                 UNION
                 SELECT devices.person_id FROM group_members
                 JOIN groups ON groups.id = group_id AND kind = 'device' JOIN devices ON devices.id = member_id
                 WHERE group_id = $1 AND devices.person_id > $2
                 ORDER BY person LIMIT $3"
            }
            _ => {
                "SELECT member_id AS person FROM deployments JOIN groups ON groups.id = deployments.group_id AND kind = 'user'
                 JOIN group_members ON group_members.group_id = groups.id
                 WHERE asset_id = $1 AND member_id > $2
                 UNION
                 SELECT devices.person_id FROM deployments
                 JOIN groups ON groups.id = deployments.group_id AND kind = 'device'
                 JOIN group_members ON group_members.group_id = groups.id JOIN devices ON devices.id = member_id
                 WHERE asset_id = $1 AND devices.person_id > $2
                 ORDER BY person LIMIT $3"
            }
        };
        let mut people: Vec<PersonId> = self
            .conn()
            .all(scoped, values![id, done_until, SPREAD], |row| row.parsed("person"))
            .await?;
        if scope == "asset" {
            // And whoever has something of it, though nothing reaches them.
            let decided = "SELECT person_id FROM pairs
                           WHERE asset = (SELECT number FROM assets WHERE id = $1) AND person_id > $2
                           ORDER BY asset, person_id LIMIT $3";
            let after = Uuid::parse_str(&done_until).unwrap_or_default();
            let decided = self
                .conn()
                .all(decided, values![id, Key(after), SPREAD], |row| {
                    Ok(PersonId(row.key("person_id")?))
                })
                .await?;
            people.extend(decided);
            people.sort_unstable();
            people.dedup();
            people.truncate(usize::try_from(SPREAD).unwrap_or(usize::MAX));
        }
        self.decide_anew(location, &people).await?;
        match people.last() {
            Some(last) if i64::try_from(people.len()).unwrap_or(i64::MAX) >= SPREAD => {
                self.run(
                    "UPDATE dirty_many SET done_until = $2 WHERE seq = $1",
                    values![seq, *last],
                )
                .await?;
            }
            _ => {
                self.run("DELETE FROM dirty_many WHERE seq = $1", values![seq]).await?;
            }
        }
        Ok(true)
    }
}
