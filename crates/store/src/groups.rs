//! Groups of people or of devices.

use domain::{GroupId, GroupKind, PersonId, Time};
use uuid::Uuid;

use crate::{
    Base, Change, StoreError, Tx, Version,
    db::{Conn, Record, gathered, listed, reads, values, word},
    versions::version,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRow {
    pub id: GroupId,
    pub kind: GroupKind,
    pub name: String,
    pub priority: i64,
    pub created_at: Time,
    /// How many; counted, not kept.
    pub members: i64,
    /// Of name and priority.
    pub version: Version,
    pub members_version: Version,
}

const SELECT: &str = "SELECT groups.*, (SELECT COUNT(*) FROM group_members WHERE group_id = groups.id) AS members FROM groups ORDER BY name";
const SELECT_ONE: &str = "SELECT groups.*, (SELECT COUNT(*) FROM group_members WHERE group_id = groups.id) AS members FROM groups WHERE id = $1";

reads! {
    groups() -> Vec<GroupRow>;
    group(id: GroupId) -> Option<GroupRow>;
    /// People of a user group, devices of a device group.
    group_members(id: GroupId) -> Vec<Uuid>;
    /// The members of a group from one id on, `limit` of them by their ids, each with the person: of a device group, the one
    /// whose device it is.
    group_people(id: GroupId, kind: GroupKind, after: Option<Uuid>, limit: i64) -> Vec<(Uuid, PersonId)>;
    /// The groups that a person, or a device, is in: their ids and names.
    groups_of(member: Uuid) -> Vec<(GroupId, String)>;
}

impl Conn<'_> {
    pub(crate) async fn groups(&mut self) -> Result<Vec<GroupRow>, StoreError> {
        self.all(SELECT, values![], group).await
    }

    async fn group(&mut self, id: GroupId) -> Result<Option<GroupRow>, StoreError> {
        self.one(SELECT_ONE, values![id], group).await
    }

    async fn group_members(&mut self, id: GroupId) -> Result<Vec<Uuid>, StoreError> {
        let sql = "SELECT member_id FROM group_members WHERE group_id = $1 ORDER BY member_id";
        self.all(sql, values![id], |row| row.parsed("member_id")).await
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
        let sql =
            "SELECT id, name FROM groups JOIN group_members ON group_id = id WHERE member_id = $1 ORDER BY name, id";
        self.all(sql, values![member], |row| Ok((row.parsed("id")?, row.text("name")?)))
            .await
    }
}

impl Tx {
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

    /// Its members stay what they are (A77).
    ///
    /// `false` when the group is not there, or is not as `base` was any more: then the transaction is to be dropped.
    pub async fn group_delete(&mut self, id: GroupId, base: Base) -> Result<bool, StoreError> {
        self.run("DELETE FROM group_members WHERE group_id = $1", values![id])
            .await?;
        let deleted = self
            .run(
                "DELETE FROM groups WHERE id = $1 AND (CAST($2 AS BIGINT) IS NULL OR version = $2)",
                values![id, base],
            )
            .await?;
        Ok(deleted > 0)
    }

    /// How many of these there are, people who left among them; each is to be named once.
    pub async fn members_known(&mut self, kind: GroupKind, ids: &[Uuid]) -> Result<usize, StoreError> {
        let mut conn = self.conn();
        let sql = match kind {
            GroupKind::User => conn.text(
                "SELECT COUNT(*) AS known FROM people WHERE id IN (SELECT value FROM json_each($1))",
                "SELECT COUNT(*) AS known FROM people
                 WHERE id IN (SELECT json_array_elements_text(CAST($1 AS json)))",
            ),
            GroupKind::Device => conn.text(
                "SELECT COUNT(*) AS known FROM devices WHERE id IN (SELECT value FROM json_each($1))",
                "SELECT COUNT(*) AS known FROM devices
                 WHERE id IN (SELECT json_array_elements_text(CAST($1 AS json)))",
            ),
        };
        let known = conn.one(sql, values![listed(ids)], |row| row.int("known")).await?;
        Ok(usize::try_from(known.unwrap_or(0)).unwrap_or(0))
    }

    /// `false` when the group is not there, or its members are not as `base` was any more. Nothing was changed then.
    pub async fn group_members_set(
        &mut self,
        id: GroupId,
        base: Base,
        members: &[Uuid],
        by: Change<'_>,
    ) -> Result<bool, StoreError> {
        let changed = self
            .run(
                "UPDATE groups SET members_version = members_version + 1, members_changed_at = $3,
                                   members_changed_by = $4
                 WHERE id = $1 AND (CAST($2 AS BIGINT) IS NULL OR members_version = $2)",
                values![id, base, by.at, by.by],
            )
            .await?;
        if changed == 0 {
            return Ok(false);
        }
        let members = listed(members);
        let mut conn = self.conn();
        let sql = conn.text(
            "DELETE FROM group_members
             WHERE group_id = $1 AND member_id NOT IN (SELECT value FROM json_each($2))",
            "DELETE FROM group_members
             WHERE group_id = $1 AND member_id NOT IN (SELECT json_array_elements_text(CAST($2 AS json)))",
        );
        conn.run(sql, values![id, members]).await?;
        let sql = conn.text(
            "INSERT INTO group_members (group_id, member_id)
             SELECT $1, value FROM json_each($2) WHERE true ON CONFLICT DO NOTHING",
            "INSERT INTO group_members (group_id, member_id)
             SELECT $1, member FROM json_array_elements_text(CAST($2 AS json)) AS member ON CONFLICT DO NOTHING",
        );
        conn.run(sql, values![id, members]).await?;
        Ok(true)
    }

    /// Whoever edits the members at the same time sees it: it counts as a version of them.
    pub async fn group_member_remove(&mut self, id: GroupId, member: Uuid, by: Change<'_>) -> Result<(), StoreError> {
        let removed = self
            .run(
                "DELETE FROM group_members WHERE group_id = $1 AND member_id = $2",
                values![id, member],
            )
            .await?;
        if removed > 0 {
            self.run(
                "UPDATE groups SET members_version = members_version + 1, members_changed_at = $2, members_changed_by = $3
                 WHERE id = $1",
                values![id, by.at, by.by],
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
        version: version(row, "")?,
        members_version: version(row, "members_")?,
    })
}
