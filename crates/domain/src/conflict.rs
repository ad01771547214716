//! 배포 충돌: several deployments of one app reach one device, and one result comes out (A33-A38).

use serde::{Deserialize, Serialize};

use crate::{Approval, DeploymentId, GroupKind, Installation, Time};

/// Which table of rules resolves conflicts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleSet {
    /// A33-A37.
    #[default]
    #[serde(rename = "2016")]
    Y2016,
    /// The full table after A37.
    #[serde(rename = "2020")]
    Y2020,
}

/// The rule that decided. Every one has a sentence in the message files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rule {
    /// No deployment reaches this device.
    NoDeployment,
    /// No deployment reaches it any more, and nothing is taken from whoever left all groups.
    KeptWithoutDeployment,
    /// There was nothing to decide: all that reach it say the same.
    OnlyIntent,
    /// A33.
    DeviceGroupBeatsUserGroup,
    /// A34.
    AvailableDespiteNotApplicable,
    /// A35.
    AdministratorBeatsUser,
    /// A36.
    InstallBeatsUninstall,
    /// A37.
    RequiredAndAvailableCombine,
    /// A38, the 2020 table: available and uninstall on one target.
    UninstallBeatsAvailable,
    /// A39: exclude beats include within one group type.
    NotApplicableBeatsRest,
    /// A39, the 2020 table: what groups of one kind exclude says nothing about groups of the other kind.
    ExclusionNotEvaluated,
}

/// What comes out for one person on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    pub required: bool,
    /// May be asked for. With [`required`](Self::required): both (A37).
    pub available: bool,
    /// Not required yet, and required from this deadline on (A24).
    pub required_from: Option<Time>,
    pub uninstall: bool,
    pub not_applicable: bool,
    /// No deployment reaches it any more, and whoever has it keeps it: [`ReclaimRules::left_all_groups`](crate::ReclaimRules)
    /// is off.
    pub kept: bool,
    /// Who installs it, where it may be: [`installation`].
    pub installation: Installation,
    pub rule: Rule,
    /// The deployments that carried the result.
    pub by: Vec<DeploymentId>,
    /// All others that reach the device: what the rule overruled.
    pub beat: Vec<DeploymentId>,
}

/// One deployment that reaches the device, through the person's or the device's own group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    pub deployment: DeploymentId,
    pub kind: GroupKind,
    pub approval: Approval,
    pub installation: Installation,
}

/// Resolves what reaches one person on one device. The order of `intents` makes no difference.
///
/// First the groups of each kind among themselves, then user groups with device groups. Who installs is said as of somebody
/// who has not asked for the app.
pub fn resolve(rule_set: RuleSet, intents: &[Intent]) -> Resolution {
    let table = rule_set.table();
    let user = table.of_kind(intents, GroupKind::User);
    let device = table.of_kind(intents, GroupKind::Device);
    let (user, device, rule) = table.between(user, device);
    let says = |approval| user.has(approval) || device.has(approval);

    let mut resolution = Resolution {
        required: says(Approval::Required),
        available: says(Approval::Available),
        required_from: None,
        uninstall: says(Approval::Uninstall),
        not_applicable: says(Approval::NotApplicable),
        kept: false,
        installation: Installation::default(),
        rule,
        by: Vec::new(),
        beat: Vec::new(),
    };
    for intent in intents {
        let said = match intent.kind {
            GroupKind::User => user,
            GroupKind::Device => device,
        };
        let lines = if said.has(intent.approval) {
            &mut resolution.by
        } else {
            &mut resolution.beat
        };
        lines.push(intent.deployment);
    }
    resolution.by.sort_unstable();
    resolution.beat.sort_unstable();
    resolution.installation = installation(intents, &resolution.by, false);
    resolution
}

/// Who installs what these deployments carry, for somebody who `asked` for the app or has not.
///
/// Those decide by which the app is due: the required ones, and, for whoever asked, the available ones. Where several are,
/// and one of them is ours to install, we do. While it is due by none, it is as if it were by all.
pub fn installation(intents: &[Intent], by: &[DeploymentId], asked: bool) -> Installation {
    let carrying = || {
        let carries = |intent: &&Intent| by.contains(&intent.deployment) && intent.approval.installs();
        intents.iter().filter(carries)
    };
    let is_due = |intent: &Intent| intent.approval == Approval::Required || asked;
    let any_due = carrying().any(is_due);
    let mut deciding = carrying().filter(|intent| is_due(intent) || !any_due).peekable();
    let external = |intent: &Intent| intent.installation == Installation::External;
    match deciding.peek().is_some() && deciding.all(external) {
        true => Installation::External,
        false => Installation::Managed,
    }
}

impl Resolution {
    /// No deployment reaches it.
    pub fn none() -> Resolution {
        resolve(RuleSet::default(), &[])
    }

    /// Whether the app may stay where it is: required or available, or kept by whoever has it.
    pub fn keeps(&self) -> bool {
        self.required || self.available || self.kept
    }

    /// It may be there, and somebody else installs it.
    pub fn is_external(&self) -> bool {
        self.installation == Installation::External
    }
}

/// What the groups of one kind say together: one word, after [`RuleTable::within`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stance {
    /// No group of the kind reaches the device, or what it says was overruled.
    Nothing,
    Required,
    Available,
    /// Required and available (A37).
    Both,
    Uninstall,
    NotApplicable,
}

impl Stance {
    /// All that groups can say, in the order in which the tables have it.
    pub const ALL: [Stance; 5] = [
        Stance::Required,
        Stance::Available,
        Stance::Both,
        Stance::Uninstall,
        Stance::NotApplicable,
    ];

    /// What two kinds of groups say together, where both are left. What contradicts each other is never left.
    pub fn and(self, other: Stance) -> Stance {
        match (self, other) {
            (Stance::Nothing, said) | (said, Stance::Nothing) => said,
            (one, two) if one == two => one,
            _ => Stance::Both,
        }
    }

    fn has(self, approval: Approval) -> bool {
        match self {
            Stance::Nothing => false,
            Stance::Both => approval.installs(),
            Stance::Required => approval == Approval::Required,
            Stance::Available => approval == Approval::Available,
            Stance::Uninstall => approval == Approval::Uninstall,
            Stance::NotApplicable => approval == Approval::NotApplicable,
        }
    }
}

/// What meets within groups of one kind, what they say then, and by which rule.
pub type Within = (&'static [Approval], Stance, Rule);

/// What is left of what user groups say, and of what device groups say, where they meet, and by which rule. Where both are
/// left, the rule by which one of them came to its word is told if it is the stronger one.
pub type Cell = (Stance, Stance, Rule);

/// A set of rules, as the two tables that it is.
///
/// [`resolve`] looks into the first for the groups of each kind, and into the second where both kinds say something. Both
/// are printed, with their sentences, in `docs/conflicts.md`.
#[derive(Debug)]
pub struct RuleTable {
    /// A row for every combination of approvals.
    pub within: [Within; 15],
    /// A row for each word of the user groups, a column for each of the device groups, both in the order of [`Stance::ALL`].
    pub across: [[Cell; 5]; 5],
}

impl RuleSet {
    pub const fn table(self) -> &'static RuleTable {
        match self {
            RuleSet::Y2016 => &TABLE_2016,
            RuleSet::Y2020 => &TABLE_2020,
        }
    }
}

mod tables {
    use super::{Cell, RuleTable, Stance, Within};
    use crate::Approval::{Available as A, NotApplicable as N, Required as R, Uninstall as U};
    use crate::conflict::Rule::{
        AvailableDespiteNotApplicable, DeviceGroupBeatsUserGroup, ExclusionNotEvaluated, InstallBeatsUninstall,
        NotApplicableBeatsRest, OnlyIntent, RequiredAndAvailableCombine, UninstallBeatsAvailable,
    };

    /// A33-A37. Where A33 and A36 contradict each other, A36 is the stronger one: the reading note after A37.
    pub const TABLE_2016: RuleTable = RuleTable {
        within: within((&[A, U], Stance::Available, InstallBeatsUninstall)),
        across: across(
            [
                device(Stance::NotApplicable, DeviceGroupBeatsUserGroup),
                user(Stance::Available, AvailableDespiteNotApplicable),
                // What is required besides is beaten: only the person may ask for it (A34).
                user(Stance::Available, AvailableDespiteNotApplicable),
                device(Stance::NotApplicable, DeviceGroupBeatsUserGroup),
            ],
            [
                device(Stance::Required, DeviceGroupBeatsUserGroup),
                device(Stance::Available, DeviceGroupBeatsUserGroup),
                device(Stance::Both, DeviceGroupBeatsUserGroup),
                device(Stance::Uninstall, DeviceGroupBeatsUserGroup),
            ],
        ),
    };

    /// The full table after A37, with A38 and A39.
    pub const TABLE_2020: RuleTable = RuleTable {
        within: within((&[A, U], Stance::Uninstall, UninstallBeatsAvailable)),
        across: across(
            [
                user(Stance::Required, ExclusionNotEvaluated),
                user(Stance::Available, ExclusionNotEvaluated),
                user(Stance::Both, ExclusionNotEvaluated),
                user(Stance::Uninstall, ExclusionNotEvaluated),
            ],
            [
                device(Stance::Required, ExclusionNotEvaluated),
                device(Stance::Available, ExclusionNotEvaluated),
                device(Stance::Both, ExclusionNotEvaluated),
                device(Stance::Uninstall, ExclusionNotEvaluated),
            ],
        ),
    };

    /// The groups of one kind. The sets differ in one row (A38).
    const fn within(available_and_uninstall: Within) -> [Within; 15] {
        [
            (&[R], Stance::Required, OnlyIntent),
            (&[A], Stance::Available, OnlyIntent),
            (&[U], Stance::Uninstall, OnlyIntent),
            (&[N], Stance::NotApplicable, OnlyIntent),
            (&[R, A], Stance::Both, RequiredAndAvailableCombine),
            (&[R, U], Stance::Required, InstallBeatsUninstall),
            available_and_uninstall,
            (&[R, A, U], Stance::Both, InstallBeatsUninstall),
            (&[R, N], Stance::NotApplicable, NotApplicableBeatsRest),
            (&[A, N], Stance::NotApplicable, NotApplicableBeatsRest),
            (&[U, N], Stance::NotApplicable, NotApplicableBeatsRest),
            (&[R, A, N], Stance::NotApplicable, NotApplicableBeatsRest),
            (&[R, U, N], Stance::NotApplicable, NotApplicableBeatsRest),
            (&[A, U, N], Stance::NotApplicable, NotApplicableBeatsRest),
            (&[R, A, U, N], Stance::NotApplicable, NotApplicableBeatsRest),
        ]
    }

    /// User groups downwards, device groups to the right. The sets differ in what an exclusion by the one kind of group
    /// says about the other.
    const fn across(device_excludes: [Cell; 4], user_excludes: [Cell; 4]) -> [[Cell; 5]; 5] {
        use Stance::{Available, Both, NotApplicable, Required, Uninstall};
        let combine = RequiredAndAvailableCombine;
        let install = InstallBeatsUninstall;
        let [required, available, both, uninstall] = device_excludes;
        let [beside_required, beside_available, beside_both, beside_uninstall] = user_excludes;
        [
            [
                (Required, Required, OnlyIntent),
                (Required, Available, combine),
                (Required, Both, combine),
                user(Required, install),
                required,
            ],
            [
                (Available, Required, combine),
                (Available, Available, OnlyIntent),
                (Available, Both, combine),
                user(Available, install),
                available,
            ],
            [
                (Both, Required, combine),
                (Both, Available, combine),
                (Both, Both, combine),
                user(Both, install),
                both,
            ],
            [
                device(Required, install),
                device(Available, install),
                device(Both, install),
                (Uninstall, Uninstall, OnlyIntent),
                uninstall,
            ],
            [
                beside_required,
                beside_available,
                beside_both,
                beside_uninstall,
                (NotApplicable, NotApplicable, OnlyIntent),
            ],
        ]
    }

    const fn user(said: Stance, rule: super::Rule) -> Cell {
        (said, Stance::Nothing, rule)
    }

    const fn device(said: Stance, rule: super::Rule) -> Cell {
        (Stance::Nothing, said, rule)
    }
}

use tables::{TABLE_2016, TABLE_2020};

impl RuleTable {
    /// What the groups of one kind say together.
    pub fn of_kind(&self, intents: &[Intent], kind: GroupKind) -> (Stance, Rule) {
        let bits =
            |approvals: &mut dyn Iterator<Item = Approval>| approvals.fold(0u8, |bits, each| bits | 1 << each as u8);
        let of_kind = intents.iter().filter(|intent| intent.kind == kind);
        let given = bits(&mut of_kind.map(|intent| intent.approval));
        let row = self.within.iter().find(|row| bits(&mut row.0.iter().copied()) == given);
        row.map_or((Stance::Nothing, Rule::NoDeployment), |(_, said, rule)| (*said, *rule))
    }

    /// What is left where both kinds meet, and by which rule.
    pub fn between(&self, user: (Stance, Rule), device: (Stance, Rule)) -> Cell {
        let place = |said| Stance::ALL.iter().position(|each| *each == said);
        let (Some(row), Some(column)) = (place(user.0), place(device.0)) else {
            return (user.0, device.0, user.1.max(device.1));
        };
        let (of_users, of_devices, rule) = self.across[row][column];
        let both_left = of_users != Stance::Nothing && of_devices != Stance::Nothing;
        let rule = if both_left {
            rule.max(user.1).max(device.1)
        } else {
            rule
        };
        (of_users, of_devices, rule)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use Approval::{Available, NotApplicable, Required, Uninstall};

    type Line = (GroupKind, Approval);
    const USER: fn(Approval) -> Line = |approval| (GroupKind::User, approval);
    const DEVICE: fn(Approval) -> Line = |approval| (GroupKind::Device, approval);

    fn id(number: usize) -> DeploymentId {
        DeploymentId(Uuid::from_u128(number as u128 + 1))
    }

    /// The lines get the numbers 0, 1, 2 … in their order.
    fn resolved(rule_set: RuleSet, lines: &[Line]) -> Resolution {
        let intents: Vec<Intent> = lines
            .iter()
            .enumerate()
            .map(|(number, (kind, approval))| Intent {
                deployment: id(number),
                kind: *kind,
                approval: *approval,
                installation: Installation::Managed,
            })
            .collect();
        resolve(rule_set, &intents)
    }

    /// One word for what came out.
    fn word(resolution: &Resolution) -> &'static str {
        match resolution {
            Resolution {
                required: true,
                available: true,
                uninstall: false,
                not_applicable: false,
                ..
            } => "both",
            Resolution {
                required: true,
                available: false,
                uninstall: false,
                not_applicable: false,
                ..
            } => "required",
            Resolution {
                required: false,
                available: true,
                uninstall: false,
                not_applicable: false,
                ..
            } => "available",
            Resolution {
                required: false,
                available: false,
                uninstall: true,
                not_applicable: false,
                ..
            } => "uninstall",
            Resolution {
                required: false,
                available: false,
                uninstall: false,
                not_applicable: true,
                ..
            } => "not applicable",
            Resolution {
                required: false,
                available: false,
                uninstall: false,
                not_applicable: false,
                ..
            } => "nothing",
            _ => "a contradiction",
        }
    }

    /// Every row: what meets, what comes out, by which rule, and which of the lines carry it.
    type Row<'a> = (&'a [Line], &'a str, Rule, &'a [usize]);

    fn holds(rule_set: RuleSet, rows: &[Row]) {
        for (lines, expected, rule, by) in rows {
            let resolution = resolved(rule_set, lines);
            assert_eq!(word(&resolution), *expected, "{lines:?}");
            assert_eq!(resolution.rule, *rule, "{lines:?}");
            let carrying: Vec<DeploymentId> = by.iter().copied().map(id).collect();
            assert_eq!(resolution.by, carrying, "what carried {lines:?}");
            let beaten: Vec<DeploymentId> = (0..lines.len()).filter(|line| !by.contains(line)).map(id).collect();
            assert_eq!(resolution.beat, beaten, "what was beaten in {lines:?}");
        }
    }

    #[test]
    fn every_combination_of_approvals_has_a_row_and_what_is_said_is_carried_by_those_who_say_it() {
        let all = [Required, Available, Uninstall, NotApplicable];
        let some = |bits: usize, kind: fn(Approval) -> Line| {
            let given = move |(number, _): &(usize, Approval)| bits >> number & 1 == 1;
            all.into_iter()
                .enumerate()
                .filter(given)
                .map(move |(_, each)| kind(each))
        };
        for rule_set in [RuleSet::Y2016, RuleSet::Y2020] {
            for bits in 1..256_usize {
                let lines: Vec<Line> = some(bits & 15, USER).chain(some(bits >> 4, DEVICE)).collect();
                let resolution = resolved(rule_set, &lines);
                assert_ne!(word(&resolution), "a contradiction", "{lines:?}");
                assert_ne!(resolution.rule, Rule::NoDeployment, "{lines:?}");
                let carries = |wanted: Approval| {
                    let by = |line: &usize| resolution.by.contains(&id(*line)) && lines[*line].1 == wanted;
                    (0..lines.len()).any(|line| by(&line))
                };
                let carried = [
                    carries(Required),
                    carries(Available),
                    carries(Uninstall),
                    carries(NotApplicable),
                ];
                let said = [
                    resolution.required,
                    resolution.available,
                    resolution.uninstall,
                    resolution.not_applicable,
                ];
                assert_eq!(carried, said, "{lines:?}");
            }
        }
    }

    #[test]
    fn what_meets_nothing_stands_in_both_rule_sets() {
        for rule_set in [RuleSet::Y2016, RuleSet::Y2020] {
            holds(rule_set, &[(&[], "nothing", Rule::NoDeployment, &[])]);
            for kind in [USER, DEVICE] {
                holds(
                    rule_set,
                    &[
                        (&[kind(Required)], "required", Rule::OnlyIntent, &[0]),
                        (&[kind(Available)], "available", Rule::OnlyIntent, &[0]),
                        (&[kind(Uninstall)], "uninstall", Rule::OnlyIntent, &[0]),
                        (&[kind(NotApplicable)], "not applicable", Rule::OnlyIntent, &[0]),
                        (&[kind(Required), kind(Required)], "required", Rule::OnlyIntent, &[0, 1]),
                    ],
                );
            }
        }
    }

    #[test]
    fn a33_a_device_group_beats_a_user_group() {
        let rule = Rule::DeviceGroupBeatsUserGroup;
        holds(
            RuleSet::Y2016,
            &[
                (&[USER(Required), DEVICE(NotApplicable)], "not applicable", rule, &[1]),
                (&[USER(Uninstall), DEVICE(NotApplicable)], "not applicable", rule, &[1]),
                (&[USER(NotApplicable), DEVICE(Required)], "required", rule, &[1]),
                (&[USER(NotApplicable), DEVICE(Uninstall)], "uninstall", rule, &[1]),
                (
                    &[USER(NotApplicable), DEVICE(NotApplicable)],
                    "not applicable",
                    Rule::OnlyIntent,
                    &[0, 1],
                ),
            ],
        );
    }

    /// What is required besides is beaten all the same: only the person may ask for it.
    #[test]
    fn a34_what_is_available_to_the_person_stays_available_on_a_device_that_is_excluded() {
        let rule = Rule::AvailableDespiteNotApplicable;
        holds(
            RuleSet::Y2016,
            &[
                (&[USER(Available), DEVICE(NotApplicable)], "available", rule, &[0]),
                (
                    &[USER(Required), USER(Available), DEVICE(NotApplicable)],
                    "available",
                    rule,
                    &[1],
                ),
                (
                    &[USER(Uninstall), USER(Available), DEVICE(NotApplicable)],
                    "available",
                    rule,
                    &[1],
                ),
            ],
        );
    }

    #[test]
    fn a36_install_beats_uninstall_and_is_stronger_than_device_over_user() {
        let rule = Rule::InstallBeatsUninstall;
        holds(
            RuleSet::Y2016,
            &[
                (&[USER(Required), USER(Uninstall)], "required", rule, &[0]),
                (&[USER(Required), DEVICE(Uninstall)], "required", rule, &[0]),
                (&[USER(Available), DEVICE(Uninstall)], "available", rule, &[0]),
                (&[USER(Uninstall), DEVICE(Required)], "required", rule, &[1]),
                (&[DEVICE(Required), DEVICE(Uninstall)], "required", rule, &[0]),
                (
                    &[USER(Uninstall), DEVICE(Uninstall)],
                    "uninstall",
                    Rule::OnlyIntent,
                    &[0, 1],
                ),
                (
                    &[USER(Required), USER(Available), USER(Uninstall)],
                    "both",
                    rule,
                    &[0, 1],
                ),
            ],
        );
    }

    #[test]
    fn a37_required_and_available_combine() {
        let rule = Rule::RequiredAndAvailableCombine;
        for rule_set in [RuleSet::Y2016, RuleSet::Y2020] {
            holds(
                rule_set,
                &[
                    (&[USER(Required), USER(Available)], "both", rule, &[0, 1]),
                    (&[USER(Available), DEVICE(Required)], "both", rule, &[0, 1]),
                    (
                        &[USER(Required), USER(Available), DEVICE(Required)],
                        "both",
                        rule,
                        &[0, 1, 2],
                    ),
                ],
            );
        }
    }

    #[test]
    fn a38_available_and_uninstall_on_one_target_is_where_2016_and_2020_differ() {
        let lines = [USER(Available), USER(Uninstall)];
        holds(
            RuleSet::Y2016,
            &[(&lines, "available", Rule::InstallBeatsUninstall, &[0])],
        );
        holds(
            RuleSet::Y2020,
            &[(&lines, "uninstall", Rule::UninstallBeatsAvailable, &[1])],
        );
    }

    #[test]
    fn a39_what_is_excluded_is_excluded_within_one_kind_of_group() {
        let rule = Rule::NotApplicableBeatsRest;
        for rule_set in [RuleSet::Y2016, RuleSet::Y2020] {
            for kind in [USER, DEVICE] {
                for other in [Required, Available, Uninstall] {
                    holds(
                        rule_set,
                        &[(&[kind(other), kind(NotApplicable)], "not applicable", rule, &[1])],
                    );
                }
            }
        }
    }

    #[test]
    fn a39_in_2020_an_exclusion_says_nothing_about_the_other_kind_of_group() {
        let rule = Rule::ExclusionNotEvaluated;
        holds(
            RuleSet::Y2020,
            &[
                (&[USER(Required), DEVICE(NotApplicable)], "required", rule, &[0]),
                (&[USER(Available), DEVICE(NotApplicable)], "available", rule, &[0]),
                (&[USER(NotApplicable), DEVICE(Required)], "required", rule, &[1]),
                (&[USER(NotApplicable), DEVICE(Uninstall)], "uninstall", rule, &[1]),
                (
                    &[USER(Required), USER(NotApplicable), DEVICE(Required)],
                    "required",
                    rule,
                    &[2],
                ),
            ],
        );
    }

    #[test]
    fn the_table_of_2020_holds_row_by_row() {
        let install = Rule::InstallBeatsUninstall;
        let combine = Rule::RequiredAndAvailableCombine;
        holds(
            RuleSet::Y2020,
            &[
                (&[USER(Required), USER(Available)], "both", combine, &[0, 1]),
                (&[USER(Required), USER(Uninstall)], "required", install, &[0]),
                (
                    &[USER(Available), USER(Uninstall)],
                    "uninstall",
                    Rule::UninstallBeatsAvailable,
                    &[1],
                ),
                (
                    &[USER(Required), DEVICE(Required)],
                    "required",
                    Rule::OnlyIntent,
                    &[0, 1],
                ),
                (&[USER(Required), DEVICE(Uninstall)], "required", install, &[0]),
                (&[USER(Available), DEVICE(Required)], "both", combine, &[0, 1]),
                (&[USER(Available), DEVICE(Uninstall)], "available", install, &[0]),
                (&[USER(Uninstall), DEVICE(Required)], "required", install, &[1]),
                (
                    &[USER(Uninstall), DEVICE(Uninstall)],
                    "uninstall",
                    Rule::OnlyIntent,
                    &[0, 1],
                ),
                (&[DEVICE(Required), DEVICE(Uninstall)], "required", install, &[0]),
                // Required and available, and a third.
                (
                    &[USER(Required), USER(Available), USER(Available)],
                    "both",
                    combine,
                    &[0, 1, 2],
                ),
                (
                    &[USER(Required), USER(Available), USER(Uninstall)],
                    "both",
                    install,
                    &[0, 1],
                ),
                (
                    &[USER(Required), USER(Available), DEVICE(Required)],
                    "both",
                    combine,
                    &[0, 1, 2],
                ),
                (
                    &[USER(Required), USER(Available), DEVICE(Uninstall)],
                    "both",
                    install,
                    &[0, 1],
                ),
            ],
        );
    }

    /// What meets, whether the person asked for the app, and who installs it: `E` for somebody else.
    type Installs<'a> = (&'a [(Line, bool)], bool, Installation);

    #[test]
    fn somebody_else_installs_what_is_due_by_nothing_of_ours() {
        use Installation::{External, Managed};
        const E: bool = true;
        const M: bool = false;
        let rows: &[Installs] = &[
            (&[], false, Managed),
            (&[(USER(Required), M)], false, Managed),
            (&[(USER(Required), E)], false, External),
            (&[(DEVICE(Required), E)], false, External),
            (&[(USER(Available), E)], false, External),
            (&[(USER(Available), E)], true, External),
            // Where both are due, we install.
            (&[(USER(Required), E), (USER(Required), M)], false, Managed),
            (&[(USER(Required), E), (DEVICE(Required), M)], false, Managed),
            (&[(USER(Available), E), (USER(Available), M)], true, Managed),
            // What is available is due for whoever asks for it, and for nobody else.
            (&[(USER(Required), E), (USER(Available), M)], false, External),
            (&[(USER(Required), E), (USER(Available), M)], true, Managed),
            (&[(USER(Required), M), (USER(Available), E)], false, Managed),
            (&[(USER(Required), M), (USER(Available), E)], true, Managed),
            (&[(USER(Available), E), (DEVICE(Required), M)], false, Managed),
            (&[(USER(Available), E), (USER(Available), M)], false, Managed),
            // What is beaten has no say.
            (&[(USER(Required), E), (USER(Uninstall), M)], false, External),
            (&[(USER(Required), E), (DEVICE(Uninstall), M)], false, External),
            // Nothing is installed, whatever the lines say.
            (&[(USER(Uninstall), E)], false, Managed),
            (&[(USER(NotApplicable), E)], true, Managed),
            (&[(USER(Required), E), (USER(NotApplicable), E)], false, Managed),
        ];
        for rule_set in [RuleSet::Y2016, RuleSet::Y2020] {
            for (lines, asked, expected) in rows {
                let intent = |(number, ((kind, approval), external)): (usize, &(Line, bool))| Intent {
                    deployment: id(number),
                    kind: *kind,
                    approval: *approval,
                    installation: if *external { External } else { Managed },
                };
                let intents: Vec<Intent> = lines.iter().enumerate().map(intent).collect();
                let resolution = resolve(rule_set, &intents);
                let said = installation(&intents, &resolution.by, *asked);
                assert_eq!(said, *expected, "{lines:?}, asked: {asked}");
                if !asked {
                    assert_eq!(resolution.installation, said);
                }
            }
        }
    }
}
