//! Who is in the groups that have a rule.
//!
//! Who is in is kept in `group_members`, as of every group, so whoever decides, lists or counts knows nothing of rules.
//! Triggers mark of whom something changed that a rule may look at, in the transaction of the change; a rule that is new is
//! asked of everybody, some at a time. Whoever [follows](Tx::members_follow) takes marks away first and reads the facts
//! afterwards, so that what is committed meanwhile leaves a mark that stays.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    DeviceId, GroupId, GroupKind, Members, MembershipRule, Ownership, Rules, Subject, SubjectDevice, membership::Circle,
};
use uuid::Uuid;

use crate::{
    Base, Change, StoreError, Tx, Version,
    db::{Conn, Record, listed, reads, values, word},
    versions::version,
};

/// What the rules of some groups say of some people, or devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByRule {
    /// Who is to come, and who is to go, by group.
    pub moves: Vec<Members>,
    /// Who is in it afterwards, by group.
    pub within: BTreeMap<GroupId, Vec<Uuid>>,
}

/// What was done for the groups that have a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Followed {
    /// Who came and who went, since something changed of them.
    pub moved: Vec<Members>,
    /// A rule that is new has been asked of everybody.
    pub walked: Option<Walked>,
}

/// How many a rule that is new brought in, and how many it took out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    pub group: GroupId,
    pub joined: i64,
    pub went: i64,
}

/// Whose a device is, as somebody said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnershipRow {
    /// `None` as long as nobody said.
    pub ownership: Option<Ownership>,
    pub version: Version,
}

reads! {
    /// The rules of all groups of this kind that have one.
    membership_rules(kind: GroupKind) -> BTreeMap<GroupId, MembershipRule>;
    /// Whether something changed that a rule may look at. Two looks into indexes.
    members_to_follow() -> bool;
    /// Groups whose rule is still being asked of everybody.
    groups_walked() -> BTreeSet<GroupId>;
    /// What rules look at, of those people, or devices, who are known.
    subjects(kind: GroupKind, ids: &'a [Uuid]) -> Vec<(Uuid, Subject)>;
    /// The next people, or devices, in the order of their ids, whether they are here or not.
    subjects_after(kind: GroupKind, after: Option<Uuid>, most: usize) -> Vec<Uuid>;
    /// What the rules say of these people, or devices, against what is kept. `as_if` has come and gone already, in a group that
    /// has no rule.
    members_by_rule(kind: GroupKind, rules: &'a Rules, ids: &'a [Uuid], as_if: &'a [Members]) -> ByRule;
    /// The groups whose rules look at the members of this one: their names.
    group_used_by(group: GroupId) -> Vec<String>;
    device_ownership(device: DeviceId) -> OwnershipRow;
    /// Whose these devices are, as far as somebody said.
    devices_ownership(devices: &'a [DeviceId]) -> BTreeMap<DeviceId, Ownership>;
}

impl Conn<'_> {
    async fn membership_rules(&mut self, kind: GroupKind) -> Result<BTreeMap<GroupId, MembershipRule>, StoreError> {
        let sql = "SELECT id, kind, membership_rule FROM groups WHERE kind = $1 AND membership_rule IS NOT NULL";
        let read = |row: &Record| Ok((row.parsed("id")?, rule(row)?));
        let rules: Vec<(GroupId, Option<MembershipRule>)> = self.all(sql, values![word(&kind)], read).await?;
        let rules = rules.into_iter().filter_map(|(group, rule)| Some((group, rule?)));
        Ok(rules.collect())
    }

    async fn members_to_follow(&mut self) -> Result<bool, StoreError> {
        let nothing = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM group_marks WHERE seq > 0)
                         AND NOT EXISTS (SELECT 1 FROM group_walks WHERE group_id > '')";
        Ok(self.one(nothing, values![], |_| Ok(())).await?.is_none())
    }

    async fn groups_walked(&mut self) -> Result<BTreeSet<GroupId>, StoreError> {
        let sql = "SELECT group_id FROM group_walks WHERE group_id > ''";
        let groups = self.all(sql, values![], |row| row.parsed("group_id")).await?;
        Ok(groups.into_iter().collect())
    }

    async fn subjects(&mut self, kind: GroupKind, ids: &[Uuid]) -> Result<Vec<(Uuid, Subject)>, StoreError> {
        macro_rules! of {
            (people $ids:literal) => {
                concat!(
                    "SELECT id, left_at IS NULL AS is_here, name, email, department, office
                     FROM people WHERE kind = 'person' AND id ",
                    $ids
                )
            };
            (devices $ids:literal) => {
                concat!(
                    "SELECT devices.id, gone_at IS NULL AS is_here, people.name, email, department, office, product_name,
                            platform, os_version, ownership, supervised, dep
                     FROM devices LEFT JOIN people ON people.id = person_id AND kind = 'person'
                     LEFT JOIN device_ownership ON device_id = devices.id WHERE devices.id ",
                    $ids
                )
            };
        }
        match kind {
            GroupKind::User => {
                let sql = self.text(
                    of!(people "IN (SELECT value FROM json_each($1))"),
                    of!(people "= ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($1 AS jsonb))))"),
                );
                self.all(sql, values![listed(ids)], |row| Ok((row.parsed("id")?, person(row)?)))
                    .await
            }
            GroupKind::Device => {
                let sql = self.text(
                    of!(devices "IN (SELECT value FROM json_each($1))"),
                    of!(devices "= ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($1 AS jsonb))))"),
                );
                self.all(sql, values![listed(ids)], |row| Ok((row.parsed("id")?, device(row)?)))
                    .await
            }
        }
    }

    async fn subjects_after(
        &mut self,
        kind: GroupKind,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<Uuid>, StoreError> {
        let sql = match kind {
            GroupKind::User => "SELECT id FROM people WHERE id > $1 AND kind = 'person' ORDER BY id LIMIT $2",
            GroupKind::Device => "SELECT id FROM devices WHERE id > $1 ORDER BY id LIMIT $2",
        };
        let after = after.map_or_else(String::new, |after| after.to_string());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.all(sql, values![after, most], |row| row.parsed("id")).await
    }

    async fn members_by_rule(
        &mut self,
        kind: GroupKind,
        rules: &Rules,
        ids: &[Uuid],
        as_if: &[Members],
    ) -> Result<ByRule, StoreError> {
        let mut by_rule = ByRule::default();
        if rules.is_empty() || ids.is_empty() {
            return Ok(by_rule);
        }
        let subjects: BTreeMap<Uuid, Subject> = self.subjects(kind, ids).await?.into_iter().collect();
        let sql = self.text(
            "SELECT member_id, group_id FROM group_members WHERE member_id IN (SELECT value FROM json_each($1))",
            "SELECT member_id, group_id FROM group_members
             WHERE member_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($1 AS jsonb))))",
        );
        let kept: Vec<(Uuid, GroupId)> = self
            .all(sql, values![listed(ids)], |row| {
                Ok((row.parsed("member_id")?, row.parsed("group_id")?))
            })
            .await?;
        let mut groups_of: BTreeMap<Uuid, BTreeSet<GroupId>> = BTreeMap::new();
        for (member, group) in kept {
            groups_of.entry(member).or_default().insert(group);
        }
        let with_rule: BTreeSet<GroupId> = rules.groups().collect();
        let nobody = Subject::default();
        let mut moves: BTreeMap<GroupId, Members> = BTreeMap::new();
        let ids: BTreeSet<Uuid> = ids.iter().copied().collect();
        for id in ids {
            let mut kept = groups_of.remove(&id).unwrap_or_default();
            for moved in as_if {
                if moved.go.contains(&id) {
                    kept.remove(&moved.group);
                }
                if moved.come.contains(&id) {
                    kept.insert(moved.group);
                }
            }
            // What is nobody is here no more than whoever left.
            let groups = rules.groups_of(subjects.get(&id).unwrap_or(&nobody), &kept);
            for group in &groups {
                by_rule.within.entry(*group).or_default().push(id);
            }
            let was: BTreeSet<GroupId> = kept.intersection(&with_rule).copied().collect();
            for group in was.symmetric_difference(&groups) {
                let moved = moves.entry(*group).or_insert_with(|| Members {
                    group: *group,
                    kind,
                    come: BTreeSet::new(),
                    go: BTreeSet::new(),
                });
                if groups.contains(group) {
                    moved.come.insert(id);
                } else {
                    moved.go.insert(id);
                }
            }
        }
        by_rule.moves = moves.into_values().collect();
        Ok(by_rule)
    }

    async fn group_used_by(&mut self, group: GroupId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT name FROM groups JOIN group_uses ON group_id = id WHERE used_id = $1 ORDER BY name";
        self.all(sql, values![group], |row| row.text("name")).await
    }

    async fn device_ownership(&mut self, device: DeviceId) -> Result<OwnershipRow, StoreError> {
        let sql = "SELECT * FROM device_ownership WHERE device_id = $1";
        let read = |row: &Record| {
            Ok(OwnershipRow {
                ownership: row.word_or_none("ownership")?,
                version: version(row, "")?,
            })
        };
        Ok(self.one(sql, values![device], read).await?.unwrap_or_default())
    }

    async fn devices_ownership(&mut self, devices: &[DeviceId]) -> Result<BTreeMap<DeviceId, Ownership>, StoreError> {
        let ids: Vec<Uuid> = devices.iter().map(|device| device.0).collect();
        let sql = self.text(
            "SELECT device_id, ownership FROM device_ownership
             WHERE ownership IS NOT NULL AND device_id IN (SELECT value FROM json_each($1))",
            "SELECT device_id, ownership FROM device_ownership
             WHERE ownership IS NOT NULL
               AND device_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($1 AS jsonb))))",
        );
        let read = |row: &Record| Ok((row.parsed("device_id")?, row.word("ownership")?));
        let said: Vec<(DeviceId, Ownership)> = self.all(sql, values![listed(&ids)], read).await?;
        Ok(said.into_iter().collect())
    }
}

impl Tx {
    /// Gives a group a rule, or takes it away: then its members stay, and are put in and taken out by hand from now on.
    ///
    /// Whoever gives rules comes one after the other, so what was found of them in this transaction after
    /// [`Tx::membership_rules_hold`] is true. `false` when the group is not there, or its members, or its rule, are not as
    /// `base` was any more. Nothing was changed then.
    pub async fn group_rule_set(
        &mut self,
        group: GroupId,
        base: Base,
        rule: Option<&MembershipRule>,
        by: Change<'_>,
    ) -> Result<bool, StoreError> {
        let uses: Vec<Uuid> = rule
            .map(MembershipRule::uses)
            .unwrap_or_default()
            .iter()
            .map(|it| it.0)
            .collect();
        // Whoever moves members of a group that the rule looks at writes its row, and marks them if the rule is there by then.
        let mut held = uses.clone();
        held.push(group.0);
        let sql = self.conn().text(
            "SELECT id FROM groups WHERE id IN (SELECT value FROM json_each($1))",
            "SELECT id FROM groups WHERE id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($1 AS jsonb))))
             ORDER BY id FOR UPDATE",
        );
        self.conn()
            .all(sql, values![listed(&held)], |row| row.parsed::<Uuid>("id"))
            .await?;
        let changed = self
            .run(
                "UPDATE groups SET membership_rule = $3, members_version = members_version + 1, members_changed_at = $4,
                                   members_changed_by = $5
                 WHERE id = $1 AND (CAST($2 AS BIGINT) IS NULL OR members_version = $2)",
                values![group, base, rule.map(MembershipRule::kept), by.at, by.by],
            )
            .await?;
        if changed == 0 {
            return Ok(false);
        }
        self.run("DELETE FROM group_uses WHERE group_id = $1", values![group])
            .await?;
        let sql = self.conn().text(
            "INSERT INTO group_uses (group_id, used_id) SELECT $1, value FROM json_each($2)",
            "INSERT INTO group_uses (group_id, used_id)
             SELECT $1, used FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS used",
        );
        self.run(sql, values![group, listed(&uses)]).await?;
        Ok(true)
    }

    /// Keeps everybody else from giving rules until this transaction ends.
    pub async fn membership_rules_hold(&mut self) -> Result<(), StoreError> {
        // In SQLite nobody else writes. The number is that of nothing else.
        let sql = self.conn().text("SELECT 1", "SELECT pg_advisory_xact_lock(1300)");
        self.conn().all(sql, values![], |_| Ok(())).await?;
        Ok(())
    }

    /// Brings the members of groups that have a rule up to what changed: of `most` people or devices, or of twice as many where
    /// a rule is new. To be done by one at a time.
    pub async fn members_follow(&mut self, most: usize) -> Result<Followed, StoreError> {
        for kind in [GroupKind::User, GroupKind::Device] {
            let marked = self.group_marks_take(kind, most).await?;
            if !marked.is_empty() {
                let moved = self.members_moved_by_rule(kind, &marked).await?;
                return Ok(Followed { moved, walked: None });
            }
        }
        self.group_walk(most.saturating_mul(2)).await
    }

    /// Takes the marks of some, the first marked first.
    async fn group_marks_take(&mut self, kind: GroupKind, most: usize) -> Result<Vec<Uuid>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        // Those of the other kind stand in between, and few at a time.
        let sql = "DELETE FROM group_marks
                   WHERE seq IN (SELECT seq FROM (SELECT seq, kind FROM group_marks WHERE seq > 0 ORDER BY seq LIMIT $2) AS first
                                 WHERE kind = $1)
                   RETURNING member_id";
        let marked: BTreeSet<Uuid> = self
            .conn()
            .all(sql, values![word(&kind), most], |row| row.parsed("member_id"))
            .await?
            .into_iter()
            .collect();
        Ok(marked.into_iter().collect())
    }

    /// Asks a rule that is new of the next people, or devices.
    async fn group_walk(&mut self, most: usize) -> Result<Followed, StoreError> {
        // Whoever gives the group another rule comes before this, and is read here, or has it begin anew.
        let sql = self.conn().text(
            "SELECT group_id, kind, done_until FROM group_walks JOIN groups ON id = group_id WHERE group_id > ''
             ORDER BY group_id LIMIT 1",
            "SELECT group_id, kind, done_until FROM group_walks JOIN groups ON id = group_id WHERE group_id > ''
             ORDER BY group_id LIMIT 1 FOR UPDATE OF group_walks",
        );
        let read = |row: &Record| Ok((row.parsed("group_id")?, row.word("kind")?, row.text("done_until")?));
        let first: Option<(GroupId, GroupKind, String)> = self.conn().one(sql, values![], read).await?;
        let Some((group, kind, done_until)) = first else {
            return Ok(Followed::default());
        };
        let ids = self
            .conn()
            .subjects_after(kind, Uuid::parse_str(&done_until).ok(), most)
            .await?;
        let mut followed = Followed {
            moved: self.members_moved_by_rule(kind, &ids).await?,
            walked: None,
        };
        let own = followed.moved.iter().position(|moved| moved.group == group);
        let own = own.map(|at| followed.moved.remove(at));
        let count = |ids: Option<&BTreeSet<Uuid>>| ids.map_or(0, |ids| i64::try_from(ids.len()).unwrap_or(i64::MAX));
        let joined = count(own.as_ref().map(|moved| &moved.come));
        let went = count(own.as_ref().map(|moved| &moved.go));
        let last = ids.last().map_or(done_until, Uuid::to_string);
        let sums = self
            .conn()
            .one(
                "UPDATE group_walks SET done_until = $2, joined = joined + $3, went = went + $4 WHERE group_id = $1
                 RETURNING joined, went",
                values![group, last, joined, went],
                |row| Ok((row.int("joined")?, row.int("went")?)),
            )
            .await?;
        if ids.len() < most {
            self.run("DELETE FROM group_walks WHERE group_id = $1", values![group])
                .await?;
            followed.walked = sums.map(|(joined, went)| Walked { group, joined, went });
        }
        Ok(followed)
    }

    /// Asks all rules of these people, or devices, and writes down who comes and who goes.
    async fn members_moved_by_rule(&mut self, kind: GroupKind, ids: &[Uuid]) -> Result<Vec<Members>, StoreError> {
        let rules = self.conn().membership_rules(kind).await?;
        let rules = Rules::new(rules).map_err(circle)?;
        let mut moves = self.conn().members_by_rule(kind, &rules, ids, &[]).await?.moves;
        // People before groups, as whoever leaves takes them. Whoever left meanwhile does not come.
        let come: BTreeSet<Uuid> = moves.iter().flat_map(|moved| moved.come.iter().copied()).collect();
        if !come.is_empty() {
            let come: Vec<Uuid> = come.into_iter().collect();
            let stay = self.members_stay(kind, &come).await?;
            for moved in &mut moves {
                moved.come.retain(|id| stay.contains(id));
            }
        }
        moves.retain(|moved| !moved.come.is_empty() || !moved.go.is_empty());
        for moved in &moves {
            let ids = |ids: &BTreeSet<Uuid>| ids.iter().copied().collect::<Vec<_>>();
            self.group_members_move((moved.group, kind), &ids(&moved.come), &ids(&moved.go))
                .await?;
        }
        Ok(moves)
    }

    /// Says whose a device is. `false` when somebody said something else since `base`, and nothing was changed. To be asked of a
    /// device that is there.
    pub async fn device_ownership_set(
        &mut self,
        device: DeviceId,
        base: Base,
        ownership: Option<Ownership>,
        by: Change<'_>,
    ) -> Result<bool, StoreError> {
        // As long as nobody said anything it is of version 0.
        self.run(
            "INSERT INTO device_ownership (device_id, version) VALUES ($1, 0) ON CONFLICT DO NOTHING",
            values![device],
        )
        .await?;
        let changed = self
            .run(
                "UPDATE device_ownership SET ownership = $3, version = version + 1, changed_at = $4, changed_by = $5
                 WHERE device_id = $1 AND (CAST($2 AS BIGINT) IS NULL OR version = $2)",
                values![device, base, ownership.as_ref().map(word), by.at, by.by],
            )
            .await?;
        Ok(changed > 0)
    }
}

/// The rule of a group, of its columns `kind` and `membership_rule`.
pub(crate) fn rule(row: &Record) -> Result<Option<MembershipRule>, StoreError> {
    let Some(text) = row.text_or_none("membership_rule")? else {
        return Ok(None);
    };
    let rule = MembershipRule::of_kept(row.word("kind")?, &text);
    rule.map(Some).map_err(|_| StoreError::Corrupt {
        column: "membership_rule".to_owned(),
        value: text,
    })
}

/// No rule is saved that closes one.
fn circle(circle: Circle) -> StoreError {
    StoreError::Corrupt {
        column: "membership_rule".to_owned(),
        value: format!("{:?}", circle.0),
    }
}

fn person(row: &Record) -> Result<Subject, StoreError> {
    Ok(Subject {
        is_here: row.flag("is_here")?,
        name: row.text_or_none("name")?,
        mail: row.text_or_none("email")?,
        department: row.text_or_none("department")?,
        office: row.text_or_none("office")?,
        device: None,
    })
}

fn device(row: &Record) -> Result<Subject, StoreError> {
    let device = SubjectDevice {
        model: row.text("product_name")?,
        platform: row.word("platform")?,
        os_version: row.text_or_none("os_version")?,
        ownership: row.word_or_none("ownership")?,
        supervised: row.flag_or_none("supervised")?,
        dep: row.flag("dep")?,
    };
    Ok(Subject {
        device: Some(device),
        ..person(row)?
    })
}
