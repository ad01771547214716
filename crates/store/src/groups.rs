//! Groups of people or of devices.

use std::collections::BTreeSet;

use domain::{GroupId, GroupKind, MembershipRule, PersonId, Time};
use uuid::Uuid;

use crate::{
    Base, Change, Cut, StoreError, Tx, Version,
    db::{Conn, Record, gathered, listed, reads, values, word},
    membership::rule,
    versions::version,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRow {
    pub id: GroupId,
    pub kind: GroupKind,
    pub name: String,
    pub priority: i64,
    pub created_at: Time,
    /// How many; kept by the database.
    pub members: i64,
    /// By what they are in it; `None` where they are put in and taken out by hand.
    pub membership_rule: Option<MembershipRule>,
    /// Of name and priority.
    pub version: Version,
    /// Of who is put in by hand, or of the rule.
    pub members_version: Version,
}

reads! {
    groups() -> Vec<GroupRow>;
    group(id: GroupId) -> Option<GroupRow>;
    /// People of a user group, devices of a device group: all of them.
    group_members(id: GroupId) -> Vec<Uuid>;
    /// The next members after this one, in the order of their ids.
    group_members_after(id: GroupId, after: Option<Uuid>, most: usize) -> Vec<Uuid>;
    /// A page of the members, by name.
    group_members_listed(id: GroupId, kind: GroupKind, cut: Cut<'a>) -> Vec<Uuid>;
    /// The first, by name, who are here and no members, and of whom `query` is part of what one knows. As every search it looks
    /// at all names.
    group_members_offered(id: GroupId, kind: GroupKind, query: &'a str, most: usize) -> Vec<Uuid>;
    /// Which of these are members.
    group_members_among(id: GroupId, ids: &'a [Uuid]) -> Vec<Uuid>;
    /// The members of a group from one id on, `limit` of them by their ids, each with the person: of a device group, the one
    /// whose device it is.
    group_people(id: GroupId, kind: GroupKind, after: Option<Uuid>, limit: i64) -> Vec<(Uuid, PersonId)>;
    /// The groups that a person, or a device, is in: their ids and names.
    groups_of(member: Uuid) -> Vec<(GroupId, String)>;
}

impl Conn<'_> {
    pub(crate) async fn groups(&mut self) -> Result<Vec<GroupRow>, StoreError> {
        self.all("SELECT * FROM groups ORDER BY name", values![], group).await
    }

    async fn group(&mut self, id: GroupId) -> Result<Option<GroupRow>, StoreError> {
        self.one("SELECT * FROM groups WHERE id = $1", values![id], group).await
    }

    async fn group_members(&mut self, id: GroupId) -> Result<Vec<Uuid>, StoreError> {
        let sql = "SELECT member_id FROM group_members WHERE group_id = $1 ORDER BY member_id";
        self.all(sql, values![id], |row| row.parsed("member_id")).await
    }

    async fn group_members_after(
        &mut self,
        id: GroupId,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<Uuid>, StoreError> {
        let sql =
            "SELECT member_id FROM group_members WHERE group_id = $1 AND member_id > $2 ORDER BY member_id LIMIT $3";
        let after = after.map_or_else(String::new, |after| after.to_string());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.all(sql, values![id, after, most], |row| row.parsed("member_id"))
            .await
    }

    async fn group_members_among(&mut self, id: GroupId, ids: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
        let sql = self.text(
            "SELECT member_id FROM group_members
             WHERE group_id = $1 AND member_id IN (SELECT value FROM json_each($2))",
            "SELECT member_id FROM group_members
             WHERE group_id = $1 AND member_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))",
        );
        self.all(sql, values![id, listed(ids)], |row| row.parsed("member_id"))
            .await
    }

    pub(crate) async fn group_people(
        &mut self,
        id: GroupId,
        kind: GroupKind,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<(Uuid, PersonId)>, StoreError> {
        macro_rules! people {
            ($database:ident $person:literal $join:literal) => {
                gathered!($database ["member_id", "person"]
                    "FROM (SELECT member_id, ", $person, " AS person FROM group_members ", $join,
                    " WHERE group_id = $1 AND member_id > $2 ORDER BY member_id LIMIT $3) AS members")
            };
        }
        let sql = match kind {
            GroupKind::User => self.text(people!(lite "member_id" ""), people!(pg "member_id" "")),
            GroupKind::Device => self.text(
                people!(lite "person_id" "JOIN devices ON devices.id = member_id"),
                people!(pg "person_id" "JOIN devices ON devices.id = member_id"),
            ),
        };
        let after = after.map_or_else(String::new, |after| after.to_string());
        self.gathered(sql, &["member_id", "person"], values![id, after, limit], |row| {
            Ok((row.parsed("member_id")?, row.parsed("person")?))
        })
        .await
    }

    async fn groups_of(&mut self, member: Uuid) -> Result<Vec<(GroupId, String)>, StoreError> {
        let sql = "SELECT id, groups.name FROM groups JOIN group_members ON group_id = id
                   WHERE member_id = $1 ORDER BY groups.name, id";
        self.all(sql, values![member], |row| Ok((row.parsed("id")?, row.text("name")?)))
            .await
    }
}

impl Tx {
    /// A group that has no rule yet.
    pub async fn group_insert(&mut self, row: &GroupRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO groups (id, kind, name, priority, created_at) VALUES ($1, $2, $3, $4, $5)",
            values![row.id, word(&row.kind), row.name, row.priority, row.created_at],
        )
        .await?;
        Ok(())
    }

    /// What is `None` stays. `false` when the group is not there, or is not as `base` was any more.
    pub async fn group_change(
        &mut self,
        id: GroupId,
        base: Base,
        name: Option<&str>,
        priority: Option<i64>,
        by: Change<'_>,
    ) -> Result<bool, StoreError> {
        let changed = self
            .run(
                "UPDATE groups SET name = COALESCE($3, name), priority = COALESCE($4, priority),
                                   version = version + 1, changed_at = $5, changed_by = $6
                 WHERE id = $1 AND (CAST($2 AS BIGINT) IS NULL OR version = $2)",
                values![id, base, name, priority, by.at, by.by],
            )
            .await?;
        Ok(changed > 0)
    }

    /// Its members stay what they are (A77). [`StoreError::InUse`] while an app is deployed to it, or a rule looks at its members.
    ///
    /// `false` when the group is not there, or is not as `base` was any more. Nothing was changed then.
    pub async fn group_delete(&mut self, id: GroupId, base: Base) -> Result<bool, StoreError> {
        // The group before its members, as whoever changes those takes them: otherwise the two would wait for each other.
        let there = self
            .run(
                "UPDATE groups SET id = id WHERE id = $1 AND (CAST($2 AS BIGINT) IS NULL OR version = $2)",
                values![id, base],
            )
            .await?;
        if there == 0 {
            return Ok(false);
        }
        self.run("DELETE FROM group_uses WHERE group_id = $1", values![id])
            .await?;
        self.run("DELETE FROM group_walks WHERE group_id = $1", values![id])
            .await?;
        self.run("DELETE FROM group_members WHERE group_id = $1", values![id])
            .await?;
        self.run("DELETE FROM groups WHERE id = $1", values![id]).await?;
        Ok(true)
    }

    /// Keeps those of these who are there until this transaction ends, and people from leaving: they are who is returned. Each
    /// is to be named once.
    pub async fn members_stay(&mut self, kind: GroupKind, ids: &[Uuid]) -> Result<BTreeSet<Uuid>, StoreError> {
        let mut conn = self.conn();
        // `kind <> 'device'` and not `kind = 'person'`: who is asked for by id would be looked for along the names of all who
        // are here, by the index of those. In SQLite nobody else writes. In PostgreSQL in one order, so that two who name the same do not wait for each other.
        let sql = match kind {
            GroupKind::User => conn.text(
                "SELECT id FROM people
                 WHERE left_at IS NULL AND kind <> 'device' AND id IN (SELECT value FROM json_each($1))",
                "SELECT id FROM (SELECT it FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS it ORDER BY it) AS asked
                 CROSS JOIN LATERAL (
                     SELECT id FROM people WHERE id = it AND left_at IS NULL AND kind <> 'device' FOR SHARE) AS there",
            ),
            GroupKind::Device => conn.text(
                "SELECT id FROM devices WHERE id IN (SELECT value FROM json_each($1))",
                "SELECT id FROM (SELECT it FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS it ORDER BY it) AS asked
                 CROSS JOIN LATERAL (SELECT id FROM devices WHERE id = it FOR SHARE) AS there",
            ),
        };
        let there = conn.all(sql, values![listed(ids)], |row| row.parsed("id")).await?;
        Ok(there.into_iter().collect())
    }

    /// Brings some in and takes others out: how many came, and how many went. Nothing else of the group is looked at. `kind` is
    /// that of the group; what is nobody's does not come.
    ///
    /// `None` when the group is not there, has a rule, or its members are not as `base` was any more. Nothing was changed then.
    pub async fn group_members_change(
        &mut self,
        (id, kind): (GroupId, GroupKind),
        base: Base,
        come: &[Uuid],
        go: &[Uuid],
        by: Change<'_>,
    ) -> Result<Option<(u64, u64)>, StoreError> {
        let changed = self
            .run(
                "UPDATE groups SET members_version = members_version + 1, members_changed_at = $3,
                                   members_changed_by = $4
                 WHERE id = $1 AND membership_rule IS NULL AND (CAST($2 AS BIGINT) IS NULL OR members_version = $2)",
                values![id, base, by.at, by.by],
            )
            .await?;
        if changed == 0 {
            return Ok(None);
        }
        Ok(Some(self.group_members_move((id, kind), come, go).await?))
    }

    /// Writes down who comes and who goes: how many did.
    pub(crate) async fn group_members_move(
        &mut self,
        (id, kind): (GroupId, GroupKind),
        come: &[Uuid],
        go: &[Uuid],
    ) -> Result<(u64, u64), StoreError> {
        let mut conn = self.conn();
        let sql = conn.text(
            "DELETE FROM group_members WHERE group_id = $1 AND member_id IN (SELECT value FROM json_each($2))",
            "DELETE FROM group_members
             WHERE group_id = $1 AND member_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))",
        );
        let went = conn.run(sql, values![id, listed(go)]).await?;
        // With their names: the trigger would look up one after the other.
        macro_rules! named {
            (lite $table:literal) => {
                concat!(
                    "INSERT INTO group_members (group_id, member_id, name)
                     SELECT $1, id, name FROM ",
                    $table,
                    " WHERE id IN (SELECT value FROM json_each($2)) ON CONFLICT DO NOTHING"
                )
            };
            (pg $table:literal) => {
                concat!(
                    "INSERT INTO group_members (group_id, member_id, name)
                     SELECT $1, id, name FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS it
                     CROSS JOIN LATERAL (SELECT id, name FROM ",
                    $table,
                    " WHERE id = it OFFSET 0) AS called ON CONFLICT DO NOTHING"
                )
            };
        }
        let sql = match kind {
            GroupKind::User => conn.text(named!(lite "people"), named!(pg "people")),
            GroupKind::Device => conn.text(named!(lite "devices"), named!(pg "devices")),
        };
        let came = conn.run(sql, values![id, listed(come)]).await?;
        Ok((came, went))
    }

    /// Whoever edits the members at the same time sees it: it counts as a version of them. Of a group that has a rule it does
    /// not: its members are not edited.
    pub async fn group_member_remove(&mut self, id: GroupId, member: Uuid, by: Change<'_>) -> Result<(), StoreError> {
        // The group first, as whoever changes its members takes it.
        let is_in = self
            .run(
                "UPDATE groups SET
                     members_version = CASE WHEN membership_rule IS NULL THEN members_version + 1 ELSE members_version END,
                     members_changed_at = CASE WHEN membership_rule IS NULL THEN $3 ELSE members_changed_at END,
                     members_changed_by = CASE WHEN membership_rule IS NULL THEN $4 ELSE members_changed_by END
                 WHERE id = $1 AND EXISTS (SELECT 1 FROM group_members WHERE group_id = $1 AND member_id = $2)",
                values![id, member, by.at, by.by],
            )
            .await?;
        if is_in > 0 {
            self.run(
                "DELETE FROM group_members WHERE group_id = $1 AND member_id = $2",
                values![id, member],
            )
            .await?;
        }
        Ok(())
    }
}

fn group(row: &Record) -> Result<GroupRow, StoreError> {
    Ok(GroupRow {
        id: row.parsed("id")?,
        kind: row.word("kind")?,
        name: row.text("name")?,
        priority: row.int("priority")?,
        created_at: row.time("created_at")?,
        members: row.int("members")?,
        membership_rule: rule(row)?,
        version: version(row, "")?,
        members_version: version(row, "members_")?,
    })
}
