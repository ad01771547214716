//! What pages show of many: how many there are of each kind, and fifty of them, found by key.
//!
//! Nothing here costs more in a larger organisation. What is said of somebody in a line depends on who else stands there; so
//! it is asked of the verdicts, of which there are few, and of the edge up to which licences are left.

use std::collections::BTreeMap;

use domain::{AssetId, DeploymentId, DeviceId, Holder, HolderKind, LocationId, PersonId, Rank, Stock, Time, Waiter};
use uuid::Uuid;

use crate::{
    ClientUserRow, DeviceRow, InvitationRow, PersonRow, SeatState, StoreError, Verdict,
    db::{Conn, Key, Record, Value, gathered, reads, values},
    deciding::ids,
    devices::device,
    invitations::invitation,
    line::{order, waiter},
    pairs::{behind, holder, kept_key, rank},
    people::{client_user, person},
    seats,
    verdicts::verdict,
};

/// Of how many people, or devices, something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    pub no: i64,
    pub asset_id: AssetId,
    pub verdict: Verdict,
    pub times: u64,
}

/// The last in the line for whom a licence is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    rank: Rank,
    holder: Holder,
}

/// Of whom a verdict is said: of all, or by the edge, where it divides them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    All,
    Served(Edge),
    Behind(Edge),
}

/// Where in a list a page lies. Lists are in the order of names, and of ids where names are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    First,
    /// After this one.
    After(Uuid),
    /// Before this one, and right before it.
    Before(Uuid),
}

/// A page of a list: which of it, whose names contain what, and how many.
#[derive(Debug, Clone, Copy)]
pub struct Cut<'a> {
    pub span: Span,
    /// Empty: whatever they are called.
    pub query: &'a str,
    pub most: usize,
}

/// A row of a list, after what it is ordered by.
type Listed<T> = (String, Uuid, T);

/// A device in a list, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedDevice {
    pub device: DeviceId,
    pub person: PersonId,
}

reads! {
    /// Everything that is said of anybody about the location's assets.
    sums(location: LocationId) -> Vec<Sum>;
    /// The same about one asset.
    sums_of(asset: AssetId) -> Vec<Sum>;
    /// How many licences are reserved, or go back.
    seats_moving(location: LocationId) -> BTreeMap<(AssetId, SeatState), u64>;
    /// Of how many each verdict is said among the `first` who can use a licence, of those for whom this line of the deployment
    /// keeps some: of people for whom several stand there, once there is one for the last. Costs as much as they are.
    served(asset: AssetId, kept_by: Option<DeploymentId>, first: u64) -> BTreeMap<i64, u64>;
    /// The last of them; `None` when fewer can use one.
    edge(asset: AssetId, kept_by: Option<DeploymentId>, first: u64) -> Option<Edge>;
    /// A page of the people of whom one of these is said about an asset.
    people_said(verdicts: &'a [(i64, Part)], cut: Cut<'a>) -> Vec<PersonId>;
    /// The same of devices.
    devices_said(verdicts: &'a [(i64, Part)], cut: Cut<'a>) -> Vec<ListedDevice>;
    /// A page of those who have a licence.
    seats_page(asset: AssetId, span: Span, most: usize) -> Vec<Holder>;
    /// The first in the line, of those parts of it: all for whom this line of the deployment keeps licences, or those only to whom
    /// Apple had none to give.
    line_page(asset: AssetId, parts: &'a [(Option<DeploymentId>, bool)], most: usize) -> Vec<Waiter>;
    /// Since when the next in the line has been entitled to a licence, after that many of each part of it.
    line_since(asset: AssetId, after: &'a [(Option<DeploymentId>, u64)]) -> Option<Time>;
    /// How many people have not accepted the terms and would get something if they did, and when the first of them was shown
    /// an invitation.
    terms_open(location: LocationId) -> (u64, Option<Time>);
    /// People by their ids, as many as are there.
    people_rows(people: &'a [PersonId]) -> Vec<PersonRow>;
    /// Their devices.
    device_rows(people: &'a [PersonId]) -> Vec<DeviceRow>;
    /// Who they are at Apple now.
    client_user_rows(location: LocationId, people: &'a [PersonId]) -> Vec<ClientUserRow>;
    /// Their invitations since they were last invited anew, the earliest first.
    invitation_rows(location: LocationId, people: &'a [PersonId]) -> Vec<InvitationRow>;
}

/// Rows of people of a list of ids, which is the last value.
macro_rules! listed_rows {
    ($conn:expr, $people:expr, [$($value:expr),*], $select:literal, $list:literal $order:literal, $read:expr) => {{
        let sql = $conn.text(
            concat!($select, " IN (SELECT value FROM json_each(", $list, "))", $order),
            concat!($select, " = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST(", $list, " AS jsonb))))", $order),
        );
        $conn.all(sql, values![$($value,)* ids($people)], $read).await
    }};
}

macro_rules! summed {
    (lite $where:literal) => {
        gathered!(lite ["no", "asset_id", "said", "times"] "FROM verdicts JOIN assets ON id = asset_id WHERE times > 0 AND ",
                  $where)
    };
    (pg $where:literal) => {
        gathered!(pg ["CAST(no AS BIGINT) AS no", "asset_id", "said", "times"]
                  "FROM verdicts JOIN assets ON id = asset_id WHERE times > 0 AND ", $where)
    };
}

/// A page of one verdict. `$found` says whether a row is looked for by `$4`, `$edge` whether it lies up to the edge of `$6` to
/// `$10`.
macro_rules! page {
    ($columns:literal $table:literal $id:literal, $found:expr, $edge:expr, forwards) => {
        page!($columns $table $id, $found, $edge, ">" "")
    };
    ($columns:literal $table:literal $id:literal, $found:expr, $edge:expr, backwards) => {
        page!($columns $table $id, $found, $edge, "<" " DESC")
    };
    ($columns:literal $table:literal $id:literal, $found:expr, $edge:expr, $follows:literal $order:literal) => {
        concat!(
            "SELECT name, ", $columns, " FROM ", $table, " WHERE verdict = $1 AND (name, ", $id, ") ", $follows,
            " ($2, $3) AND ", $found, " AND ($5 = 'all' OR ($5 = 'served') = ", $edge, ") ORDER BY name", $order,
            ", ", $id, $order, " LIMIT $11"
        )
    };
}

/// Whoever is looked for: nobody in particular, or by name and what else one knows of them.
macro_rules! found {
    (anybody) => {
        "$4 = ''"
    };
    (person lite) => {
        "(name LIKE $4 ESCAPE '!' OR person_id IN (
             SELECT unhex(replace(id, '-', '')) FROM people
             WHERE department LIKE $4 ESCAPE '!' OR email LIKE $4 ESCAPE '!'))"
    };
    (person pg) => {
        "(name ILIKE $4 ESCAPE '!' OR person_id IN (
             SELECT id_bytes(id) FROM people
             WHERE department ILIKE $4 ESCAPE '!' OR email ILIKE $4 ESCAPE '!'))"
    };
    (device lite) => {
        "(name LIKE $4 ESCAPE '!' OR device_id IN (
             SELECT unhex(replace(id, '-', '')) FROM devices WHERE serial LIKE $4 ESCAPE '!')
          OR person_id IN (SELECT unhex(replace(id, '-', '')) FROM people WHERE name LIKE $4 ESCAPE '!'))"
    };
    (device pg) => {
        "(name ILIKE $4 ESCAPE '!' OR device_id IN (
             SELECT id_bytes(id) FROM devices WHERE serial ILIKE $4 ESCAPE '!')
          OR person_id IN (SELECT id_bytes(id) FROM people WHERE name ILIKE $4 ESCAPE '!'))"
    };
}

/// Before every name, and after it.
const FIRST: &str = "";
const LAST: &str = "\u{10ffff}";

impl Cut<'_> {
    pub(crate) fn forwards(&self) -> bool {
        !matches!(self.span, Span::Before(_))
    }

    /// What a name has to be like.
    pub(crate) fn like(&self) -> String {
        if self.query.is_empty() {
            return String::new();
        }
        let mut like = String::from("%");
        for letter in self.query.chars() {
            if matches!(letter, '%' | '_' | '!') {
                like.push('!');
            }
            like.push(letter);
        }
        like.push('%');
        like
    }

    /// One page of several that are each in order. What is in more than one of them is there once.
    fn merged<T>(&self, mut found: Vec<Listed<T>>) -> Vec<T> {
        found.sort_unstable_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        found.dedup_by_key(|row| row.1);
        if self.forwards() {
            found.truncate(self.most);
        } else {
            found.drain(..found.len().saturating_sub(self.most));
        }
        found.into_iter().map(|(_, _, row)| row).collect()
    }
}

impl Edge {
    /// Whether a licence is left for who stands there.
    pub(crate) fn reaches(&self, at: (Rank, Holder)) -> bool {
        at <= (self.rank, self.holder)
    }
}

impl Part {
    /// For a statement that takes several: the number of the verdict, and the edge.
    pub(crate) fn listed(self, no: i64) -> serde_json::Value {
        let (word, edge) = match self {
            Part::All => ("all", None),
            Part::Served(edge) => ("served", Some(edge)),
            Part::Behind(edge) => ("behind", Some(edge)),
        };
        serde_json::json!([
            no,
            word,
            edge.map(|edge| behind(edge.rank)),
            edge.map(|edge| edge.rank.only_available),
            edge.map(|edge| edge.rank.since.ms()),
            edge.map(|edge| edge.holder.kind() == HolderKind::Device),
            edge.map(|edge| edge.holder.id().simple().to_string()),
        ])
    }

    fn values(self) -> Vec<Value> {
        let (word, edge) = match self {
            Part::All => ("all", None),
            Part::Served(edge) => ("served", Some(edge)),
            Part::Behind(edge) => ("behind", Some(edge)),
        };
        values![
            word,
            edge.map_or(0, |edge| behind(edge.rank)),
            edge.is_some_and(|edge| edge.rank.only_available),
            edge.map_or(0, |edge| edge.rank.since.ms()),
            edge.is_some_and(|edge| edge.holder.kind() == HolderKind::Device),
            Key(edge.map_or(Uuid::nil(), |edge| edge.holder.id())),
        ]
    }
}

impl Conn<'_> {
    async fn sums(&mut self, location: LocationId) -> Result<Vec<Sum>, StoreError> {
        let sql = self.text(summed!(lite "location_id = $1"), summed!(pg "location_id = $1"));
        self.summed(sql, values![location]).await
    }

    pub(crate) async fn sums_of(&mut self, asset: AssetId) -> Result<Vec<Sum>, StoreError> {
        let sql = self.text(summed!(lite "asset_id = $1"), summed!(pg "asset_id = $1"));
        self.summed(sql, values![asset]).await
    }

    async fn summed(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Sum>, StoreError> {
        let columns = &["no", "asset_id", "said", "times"];
        self.gathered(sql, columns, values, |row| {
            Ok(Sum {
                no: row.int("no")?,
                asset_id: row.parsed("asset_id")?,
                verdict: verdict(row)?,
                times: u64::try_from(row.int("times")?).unwrap_or(0),
            })
        })
        .await
    }

    async fn seats_moving(&mut self, location: LocationId) -> Result<BTreeMap<(AssetId, SeatState), u64>, StoreError> {
        let sql = "SELECT asset_id, state, COUNT(*) AS number FROM assets JOIN seats ON asset_id = id
                   WHERE location_id = $1 AND state <> 'held' GROUP BY asset_id, state";
        let moving = self
            .all(sql, values![location], |row| {
                let number = u64::try_from(row.int("number")?).unwrap_or(0);
                Ok(((row.parsed("asset_id")?, row.word("state")?), number))
            })
            .await?;
        Ok(moving.into_iter().collect())
    }

    pub(crate) async fn served(
        &mut self,
        asset: AssetId,
        kept_by: Option<DeploymentId>,
        first: u64,
    ) -> Result<BTreeMap<i64, u64>, StoreError> {
        // Whose last stands no further back than the last of these. They are no more than these.
        macro_rules! first {
            ($columns:literal) => {
                concat!(
                    "(SELECT ",
                    $columns,
                    " FROM wishes WHERE asset = (SELECT number FROM assets WHERE id = $1) AND kept_by = $3 AND stand = 'ready'
                       ORDER BY ",
                    order!(),
                    " LIMIT $2) AS first"
                )
            };
        }
        let people = concat!(
            "SELECT CAST(verdict AS BIGINT) AS verdict, COUNT(*) AS number FROM ",
            first!("asset, person_id, holder"),
            " JOIN pairs ON pairs.person_id = first.person_id AND pairs.asset = first.asset AND pairs.holder = first.holder
              GROUP BY verdict"
        );
        let devices = concat!(
            "SELECT CAST(device_pairs.verdict AS BIGINT) AS verdict, COUNT(*) AS number FROM ",
            first!("asset, person_id, holder, device"),
            " JOIN device_pairs ON device_pairs.person_id = first.person_id AND device_pairs.asset = first.asset
                               AND CASE WHEN first.device THEN device_pairs.device_id = first.holder ELSE NOT own END
              GROUP BY device_pairs.verdict"
        );
        let most = i64::try_from(first).unwrap_or(i64::MAX);
        let mut served = BTreeMap::new();
        for sql in [people, devices] {
            let counted = self
                .all(sql, values![asset, most, kept_key(kept_by)], |row| {
                    Ok((row.int("verdict")?, u64::try_from(row.int("number")?).unwrap_or(0)))
                })
                .await?;
            served.extend(counted);
        }
        Ok(served)
    }

    pub(crate) async fn edge(
        &mut self,
        asset: AssetId,
        kept_by: Option<DeploymentId>,
        first: u64,
    ) -> Result<Option<Edge>, StoreError> {
        let Some(before) = first.checked_sub(1) else {
            return Ok(None);
        };
        let sql = concat!(
            "SELECT ",
            order!(),
            " FROM wishes WHERE asset = (SELECT number FROM assets WHERE id = $1) AND kept_by = $3 AND stand = 'ready' ORDER BY ",
            order!(),
            " LIMIT 1 OFFSET $2"
        );
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        self.one(sql, values![asset, before, kept_key(kept_by)], |row| {
            Ok(Edge {
                rank: rank(row)?,
                holder: holder(row)?,
            })
        })
        .await
    }

    /// What a page lies beside, and what that is called: `named` tells.
    pub(crate) async fn beside(&mut self, named: &'static str, cut: Cut<'_>) -> Result<(String, Uuid), StoreError> {
        Ok(match cut.span {
            Span::First => (FIRST.to_owned(), Uuid::nil()),
            Span::After(id) | Span::Before(id) => {
                let name = self.one(named, values![id], |row| row.text("name")).await?;
                // Who is gone meanwhile was at the beginning, or at the end.
                let lost = if cut.forwards() { FIRST } else { LAST };
                (name.unwrap_or_else(|| lost.to_owned()), id)
            }
        })
    }

    /// A page of all of these verdicts, by `sql` for each. `named` tells what whoever the page lies beside is called.
    async fn page<T>(
        &mut self,
        sql: &'static str,
        named: &'static str,
        verdicts: &[(i64, Part)],
        cut: Cut<'_>,
        read: fn(&Record) -> Result<Listed<T>, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let (name, id) = self.beside(named, cut).await?;
        let (like, most) = (cut.like(), i64::try_from(cut.most).unwrap_or(i64::MAX));
        let mut found = Vec::new();
        for (no, part) in verdicts {
            let mut values = values![*no, name, Key(id), like];
            values.extend(part.values());
            values.extend(values![most]);
            found.extend(self.all(sql, values, read).await?);
        }
        Ok(cut.merged(found))
    }

    pub(crate) async fn people_said(
        &mut self,
        verdicts: &[(i64, Part)],
        cut: Cut<'_>,
    ) -> Result<Vec<PersonId>, StoreError> {
        macro_rules! people {
            ($direction:ident $($whom:ident)+) => {
                page!("person_id" "pairs" "person_id", found!($($whom)+),
                      concat!("((", order!(), ") <= ($6, $7, $8, $9, $10))"), $direction)
            };
        }
        let sql = match (cut.query.is_empty(), cut.forwards()) {
            (true, true) => people!(forwards anybody),
            (true, false) => people!(backwards anybody),
            (false, true) => self.text(people!(forwards person lite), people!(forwards person pg)),
            (false, false) => self.text(people!(backwards person lite), people!(backwards person pg)),
        };
        let named = "SELECT name FROM people WHERE id = $1";
        self.page(sql, named, verdicts, cut, |row| {
            let id = row.key("person_id")?;
            Ok((row.text("name")?, id, PersonId(id)))
        })
        .await
    }

    pub(crate) async fn devices_said(
        &mut self,
        verdicts: &[(i64, Part)],
        cut: Cut<'_>,
    ) -> Result<Vec<ListedDevice>, StoreError> {
        macro_rules! devices {
            ($direction:ident $($whom:ident)+) => {
                page!("device_id, person_id" "device_pairs" "device_id", found!($($whom)+),
                      concat!("EXISTS (SELECT 1 FROM wishes
                               WHERE wishes.asset = device_pairs.asset
                                 AND holder = CASE WHEN own THEN device_pairs.device_id ELSE device_pairs.person_id END
                                 AND (", order!(), ") <= ($6, $7, $8, $9, $10))"), $direction)
            };
        }
        let sql = match (cut.query.is_empty(), cut.forwards()) {
            (true, true) => devices!(forwards anybody),
            (true, false) => devices!(backwards anybody),
            (false, true) => self.text(devices!(forwards device lite), devices!(forwards device pg)),
            (false, false) => self.text(devices!(backwards device lite), devices!(backwards device pg)),
        };
        let named = "SELECT name FROM devices WHERE id = $1";
        self.page(sql, named, verdicts, cut, |row| {
            let id = row.key("device_id")?;
            let listed = ListedDevice {
                device: DeviceId(id),
                person: PersonId(row.key("person_id")?),
            };
            Ok((row.text("name")?, id, listed))
        })
        .await
    }

    async fn seats_page(&mut self, asset: AssetId, span: Span, most: usize) -> Result<Vec<Holder>, StoreError> {
        let (sql, id) = match span {
            Span::First | Span::After(_) => (
                "SELECT holder_id, kind FROM seats WHERE asset_id = $1 AND holder_id > $2 ORDER BY holder_id LIMIT $3",
                match span {
                    Span::After(id) => id.to_string(),
                    _ => String::new(),
                },
            ),
            Span::Before(id) => (
                "SELECT holder_id, kind FROM seats WHERE asset_id = $1 AND holder_id < $2 ORDER BY holder_id DESC LIMIT $3",
                id.to_string(),
            ),
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut holders = self.all(sql, values![asset, id, most], seats::holder).await?;
        holders.sort_unstable_by_key(|holder| holder.id());
        Ok(holders)
    }

    async fn line_page(
        &mut self,
        asset: AssetId,
        parts: &[(Option<DeploymentId>, bool)],
        most: usize,
    ) -> Result<Vec<Waiter>, StoreError> {
        let sql = concat!(
            "SELECT person_id, stand, kept_by, ",
            order!(),
            " FROM wishes WHERE asset = (SELECT number FROM assets WHERE id = $1) AND kept_by = $4
                AND ($2 = 'all' OR stand = $2) ORDER BY ",
            order!(),
            " LIMIT $3"
        );
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let mut first = Vec::new();
        for (kept_by, out_of_stock) in parts {
            let which = if *out_of_stock { "outOfStock" } else { "all" };
            let values = values![asset, which, limit, kept_key(*kept_by)];
            first.extend(self.all(sql, values, waiter).await?);
        }
        first.sort_unstable_by_key(|waiter: &Waiter| (waiter.wish.rank, waiter.holder));
        first.truncate(most);
        Ok(first)
    }

    /// Who of those gets a licence who can use one, as they stand there: of each part of the line those are read who may.
    pub(crate) async fn divided(
        &mut self,
        asset: AssetId,
        stock: &Stock,
    ) -> Result<BTreeMap<Option<DeploymentId>, u64>, StoreError> {
        if let Some(served) = stock.division() {
            return Ok(served);
        }
        let sql = concat!(
            "SELECT person_id, stand, kept_by, ",
            order!(),
            " FROM wishes WHERE asset = (SELECT number FROM assets WHERE id = $1) AND kept_by = $2 AND stand = 'ready' ORDER BY ",
            order!(),
            " LIMIT $3"
        );
        let mut line: Vec<Waiter> = Vec::new();
        for kept_by in stock.ready.keys() {
            let most = i64::try_from(stock.most_served(*kept_by)).unwrap_or(i64::MAX);
            let values = values![asset, kept_key(*kept_by), most];
            line.extend(self.all(sql, values, waiter).await?);
        }
        line.sort_unstable_by_key(|waiter| (waiter.wish.rank, waiter.holder));
        let line: Vec<_> = line.iter().map(|waiter| waiter.wish.kept_by).collect();
        Ok(stock.divided(&line))
    }

    async fn line_since(
        &mut self,
        asset: AssetId,
        after: &[(Option<DeploymentId>, u64)],
    ) -> Result<Option<Time>, StoreError> {
        let sql = concat!(
            "SELECT person_id, stand, kept_by, ",
            order!(),
            " FROM wishes WHERE asset = (SELECT number FROM assets WHERE id = $1) AND kept_by = $3 ORDER BY ",
            order!(),
            " LIMIT 1 OFFSET $2"
        );
        let mut next: Vec<Waiter> = Vec::new();
        for (kept_by, after) in after {
            let after = i64::try_from(*after).unwrap_or(i64::MAX);
            let values = values![asset, after, kept_key(*kept_by)];
            next.extend(self.one(sql, values, waiter).await?);
        }
        let next = next.into_iter().min_by_key(|waiter| (waiter.wish.rank, waiter.holder));
        Ok(next.map(|waiter| waiter.wish.rank.since))
    }

    async fn terms_open(&mut self, location: LocationId) -> Result<(u64, Option<Time>), StoreError> {
        macro_rules! wanting {
            ($key:literal) => {
                concat!(
                    "FROM concerns
                     JOIN client_users ON client_users.person_id = concerns.person_id
                                      AND client_users.location_id = concerns.location_id AND replaced_at IS NULL
                     LEFT JOIN invitations ON invitations.client_user_id = client_users.client_user_id
                                          AND invitations.round = client_users.round AND outcome = 'shown'
                     WHERE concerns.location_id = $1 AND concern = 'terms' AND EXISTS (
                         SELECT 1 FROM pairs JOIN verdicts ON no = verdict
                         WHERE pairs.person_id = ",
                    $key,
                    " AND said LIKE 'person _w%')"
                )
            };
        }
        let sql = self.text(
            concat!(
                "SELECT COUNT(DISTINCT concerns.person_id) AS people, MIN(ended_at) AS oldest ",
                wanting!("unhex(replace(concerns.person_id, '-', ''))")
            ),
            concat!(
                "SELECT COUNT(DISTINCT concerns.person_id) AS people, MIN(ended_at) AS oldest ",
                wanting!("id_bytes(concerns.person_id)")
            ),
        );
        let open = self
            .one(sql, values![location], |row| {
                let people = u64::try_from(row.int("people")?).unwrap_or(0);
                Ok((people, row.time_or_none("oldest")?))
            })
            .await?;
        Ok(open.unwrap_or_default())
    }

    async fn people_rows(&mut self, people: &[PersonId]) -> Result<Vec<PersonRow>, StoreError> {
        listed_rows!(
            self, people, [], "SELECT * FROM people WHERE kind = 'person' AND id", "$1" "", person
        )
    }

    async fn device_rows(&mut self, people: &[PersonId]) -> Result<Vec<DeviceRow>, StoreError> {
        listed_rows!(self, people, [], "SELECT * FROM devices WHERE person_id", "$1" " ORDER BY id", device)
    }

    async fn client_user_rows(
        &mut self,
        location: LocationId,
        people: &[PersonId],
    ) -> Result<Vec<ClientUserRow>, StoreError> {
        listed_rows!(
            self, people, [location],
            "SELECT * FROM client_users WHERE location_id = $1 AND replaced_at IS NULL AND person_id", "$2" "",
            client_user
        )
    }

    async fn invitation_rows(
        &mut self,
        location: LocationId,
        people: &[PersonId],
    ) -> Result<Vec<InvitationRow>, StoreError> {
        listed_rows!(
            self, people, [location],
            "SELECT invitations.*, person_id FROM invitations
             JOIN client_users ON client_users.client_user_id = invitations.client_user_id
                              AND client_users.round = invitations.round
             WHERE location_id = $1 AND replaced_at IS NULL AND person_id", "$2" " ORDER BY queued_at, id",
            invitation
        )
    }
}
