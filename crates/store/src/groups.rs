//! Groups of people or of devices.

use std::collections::BTreeMap;

use domain::{GroupId, GroupKind, Time};
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    db::{Conn, Record, reads, values, word},
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
}

const SELECT: &str = "SELECT groups.*, (SELECT COUNT(*) FROM group_members WHERE group_id = groups.id) AS members FROM groups ORDER BY name";
const SELECT_ONE: &str = "SELECT groups.*, (SELECT COUNT(*) FROM group_members WHERE group_id = groups.id) AS members FROM groups WHERE id = $1";

reads! {
    groups() -> Vec<GroupRow>;
    group(id: GroupId) -> Option<GroupRow>;
    /// People of a user group, devices of a device group.
    group_members(id: GroupId) -> Vec<Uuid>;
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

    pub(crate) async fn group_members_all(&mut self) -> Result<BTreeMap<GroupId, Vec<Uuid>>, StoreError> {
        let rows: Vec<(GroupId, Uuid)> = self
            .all("SELECT group_id, member_id FROM group_members", values![], |row| {
                Ok((row.parsed("group_id")?, row.parsed("member_id")?))
            })
            .await?;
        let mut members: BTreeMap<GroupId, Vec<Uuid>> = BTreeMap::new();
        for (group, member) in rows {
            members.entry(group).or_default().push(member);
        }
        Ok(members)
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

    pub async fn group_update(&mut self, row: &GroupRow) -> Result<(), StoreError> {
        self.run(
            "UPDATE groups SET name = $2, priority = $3 WHERE id = $1",
            values![row.id, row.name, row.priority],
        )
        .await?;
        Ok(())
    }

    /// Its members stay what they are (A77).
    pub async fn group_delete(&mut self, id: GroupId) -> Result<(), StoreError> {
        self.run("DELETE FROM group_members WHERE group_id = $1", values![id])
            .await?;
        self.run("DELETE FROM groups WHERE id = $1", values![id]).await?;
        Ok(())
    }

    pub async fn group_members_set(&mut self, id: GroupId, members: &[Uuid]) -> Result<(), StoreError> {
        self.run("DELETE FROM group_members WHERE group_id = $1", values![id])
            .await?;
        for member in members {
            self.group_member_add(id, *member).await?;
        }
        Ok(())
    }

    pub async fn group_member_add(&mut self, id: GroupId, member: Uuid) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO group_members (group_id, member_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            values![id, member],
        )
        .await?;
        Ok(())
    }

    pub async fn group_member_remove(&mut self, id: GroupId, member: Uuid) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM group_members WHERE group_id = $1 AND member_id = $2",
            values![id, member],
        )
        .await?;
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
    })
}
