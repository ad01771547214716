//! What an administrator wants: an app, a group, an approval.

use serde::{Deserialize, Serialize};

use crate::{AssetId, DeploymentId, GroupId, LicenseType, Policy, Time};

/// 승인: what shall happen to the app in a group (A23).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Approval {
    /// 필수: installed without being asked for.
    Required,
    /// 사용 가능: installed when the person asks for it.
    Available,
    /// 해당 사항 없음: neither installed nor shown.
    NotApplicable,
    /// 제거: taken off the devices, and the licence returned (A41).
    Uninstall,
}

impl Approval {
    /// Required or available: the app comes to devices by it.
    pub fn installs(self) -> bool {
        matches!(self, Approval::Required | Approval::Available)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupKind {
    User,
    Device,
}

/// Who brings the app onto the devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Installation {
    /// We tell the devices to install it, and to remove it. The only way of 2016.
    #[default]
    Managed,
    /// Somebody else does: another server, Munki, a declaration. We give the licences, and tell no device anything.
    External,
}

/// One line of the deployment of an app: at most one per app and group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    pub id: DeploymentId,
    pub app: AssetId,
    pub group: GroupId,
    pub kind: GroupKind,
    pub approval: Approval,
    /// Only with [`Approval::Required`] (A24): until then the app is there for whoever asks for it.
    pub deadline: Option<Time>,
    pub license_type: LicenseType,
    /// External only with [`Approval::Required`] and [`Approval::Available`]: what is not installed is nobody's to install.
    pub installation: Installation,
    /// So many licences of the app are kept for the group: until as many are out to those who have the app by this line, nobody
    /// else gets what is missing. 0 keeps none. Only with what is required or available.
    pub kept_licenses: u64,
    /// When this approval was first given to this group; decides who waits longest.
    pub since: Time,
}

impl Deployment {
    /// What the line says at `now`: what is required by a deadline that lies ahead is available until then. Nothing is
    /// forced on a device, and a licence goes to whoever asks. For a device group, that is whoever has the device.
    pub fn approval_at(&self, now: Time) -> Approval {
        if self.is_early(now) {
            return Approval::Available;
        }
        self.approval
    }

    /// Since when it has said that.
    pub(crate) fn since_at(&self, now: Time) -> Time {
        match self.deadline {
            Some(deadline) if self.approval_at(now) == Approval::Required => self.since.max(deadline),
            _ => self.since,
        }
    }

    /// More cannot be kept than anybody ever owned.
    pub const KEPT_AT_MOST: u64 = 1_000_000;

    /// How many licences it keeps. In 2016 none was kept for anybody.
    pub fn keeps(&self, policy: &Policy) -> u64 {
        match !policy.policy_2016 && self.approval.installs() {
            true => self.kept_licenses,
            false => 0,
        }
    }

    /// What it says of its group: all that makes a difference to anybody in it.
    pub(crate) fn said(&self) -> (GroupId, Approval, Option<Time>, LicenseType, Installation, u64) {
        let Deployment {
            group,
            approval,
            deadline,
            license_type,
            installation,
            kept_licenses,
            ..
        } = *self;
        (group, approval, deadline, license_type, installation, kept_licenses)
    }

    /// Whether the deadline lies ahead.
    pub fn is_early(&self, now: Time) -> bool {
        self.approval == Approval::Required && self.deadline.is_some_and(|deadline| now < deadline)
    }
}

/// Why a set of deployments of one app cannot be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeploymentError {
    /// A25.
    #[error("a device group cannot have an app as available")]
    DeviceGroupAvailable(GroupId),
    /// A26.
    #[error("user and device groups together can only be available")]
    MixedKindsNotAvailable(GroupId),
    /// A24.
    #[error("a deadline belongs to required only")]
    DeadlineWithoutRequired(GroupId),
    #[error("only what is required or available can be installed by somebody else")]
    ExternalWithoutInstall(GroupId),
    #[error("licences can be kept only where the app is required or available")]
    KeptWithoutInstall(GroupId),
    #[error("no more than a million licences can be kept")]
    TooManyKept(GroupId),
    #[error("a group can be chosen once")]
    GroupTwice(GroupId),
}

/// Whether `lines` can take the place of `present`, all that an app had before.
///
/// An app may have many deployments, and what reaches one device of one person through several of them is a conflict
/// that rules resolve (A33-A39). What A26 forbids, it forbids within one deployment: to the groups that are chosen
/// together, which are those that this save adds or changes. Lines that stay as they were are not looked at again.
pub fn check(present: &[Deployment], lines: &[Deployment]) -> Result<(), DeploymentError> {
    let chosen: Vec<&Deployment> = lines.iter().filter(|line| !stands(present, line)).collect();
    let has = |kind| chosen.iter().any(|line| line.kind == kind);
    let mixed = has(GroupKind::User) && has(GroupKind::Device);
    // A26 names available as the one choice for both kinds together, and A25 forbids it to device groups.
    // Read strictly, that leaves nothing to choose; so a device group may have it together with a user group.
    let beside_people = lines
        .iter()
        .any(|line| line.kind == GroupKind::User && line.approval == Approval::Available);
    for (index, line) in lines.iter().enumerate() {
        if lines[..index].iter().any(|earlier| earlier.group == line.group) {
            return Err(DeploymentError::GroupTwice(line.group));
        }
    }
    for line in chosen {
        if line.deadline.is_some() && line.approval != Approval::Required {
            return Err(DeploymentError::DeadlineWithoutRequired(line.group));
        }
        if line.installation == Installation::External && !line.approval.installs() {
            return Err(DeploymentError::ExternalWithoutInstall(line.group));
        }
        if line.kept_licenses > 0 && !line.approval.installs() {
            return Err(DeploymentError::KeptWithoutInstall(line.group));
        }
        if line.kept_licenses > Deployment::KEPT_AT_MOST {
            return Err(DeploymentError::TooManyKept(line.group));
        }
        if mixed && line.approval != Approval::Available {
            return Err(DeploymentError::MixedKindsNotAvailable(line.group));
        }
        if line.approval == Approval::Available && line.kind == GroupKind::Device && !beside_people {
            return Err(DeploymentError::DeviceGroupAvailable(line.group));
        }
    }
    Ok(())
}

/// Whether the line is among those of before, and says the same.
fn stands(present: &[Deployment], line: &Deployment) -> bool {
    present.iter().any(|before| before.said() == line.said())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use Approval::{Available, NotApplicable, Required, Uninstall};
    use GroupKind::{Device, User};

    fn group(number: u128) -> GroupId {
        GroupId(Uuid::from_u128(number))
    }

    fn line(number: u128, kind: GroupKind, approval: Approval) -> Deployment {
        Deployment {
            id: DeploymentId(Uuid::from_u128(number)),
            app: AssetId(Uuid::nil()),
            group: group(number),
            kind,
            approval,
            deadline: None,
            license_type: LicenseType::User,
            installation: Installation::Managed,
            kept_licenses: 0,
            since: Time(0),
        }
    }

    #[test]
    fn no_deployment_is_a_deployment() {
        assert_eq!(check(&[], &[]), Ok(()));
    }

    #[test]
    fn a24_a_deadline_belongs_to_required_only() {
        for approval in [Required, Available, NotApplicable, Uninstall] {
            let line = Deployment {
                deadline: Some(Time(1)),
                ..line(1, User, approval)
            };
            let expected = if approval == Required {
                Ok(())
            } else {
                Err(DeploymentError::DeadlineWithoutRequired(group(1)))
            };
            assert_eq!(check(&[], &[line]), expected);
        }
    }

    #[test]
    fn somebody_else_can_install_what_is_installed_and_nothing_else() {
        for (approval, expected) in [
            (Required, Ok(())),
            (Available, Ok(())),
            (NotApplicable, Err(DeploymentError::ExternalWithoutInstall(group(1)))),
            (Uninstall, Err(DeploymentError::ExternalWithoutInstall(group(1)))),
        ] {
            let line = Deployment {
                installation: Installation::External,
                ..line(1, User, approval)
            };
            assert_eq!(check(&[], &[line]), expected, "{approval:?}");
        }
    }

    #[test]
    fn licences_are_kept_of_what_is_installed_and_of_nothing_else() {
        for (approval, expected) in [
            (Required, Ok(())),
            (Available, Ok(())),
            (NotApplicable, Err(DeploymentError::KeptWithoutInstall(group(1)))),
            (Uninstall, Err(DeploymentError::KeptWithoutInstall(group(1)))),
        ] {
            let line = Deployment {
                kept_licenses: 1,
                ..line(1, User, approval)
            };
            assert_eq!(check(&[], &[line]), expected, "{approval:?}");
        }
        let keeps = |kept_licenses| Deployment {
            kept_licenses,
            ..line(1, User, Required)
        };
        assert_eq!(check(&[], &[keeps(Deployment::KEPT_AT_MOST)]), Ok(()));
        let too_many = Err(DeploymentError::TooManyKept(group(1)));
        assert_eq!(check(&[], &[keeps(Deployment::KEPT_AT_MOST + 1)]), too_many);
    }

    #[test]
    fn in_2016_no_licence_was_kept_for_anybody() {
        let line = Deployment {
            kept_licenses: 3,
            ..line(1, User, Required)
        };
        let policy = |policy_2016| Policy {
            policy_2016,
            ..Policy::default()
        };
        assert_eq!([false, true].map(|in_2016| line.keeps(&policy(in_2016))), [3, 0]);
    }

    /// Or a switch that is turned would be no change, and A26 would not look at it.
    #[test]
    fn who_installs_is_part_of_what_a_line_says() {
        let both = [line(1, User, Required), line(2, Device, Required)];
        let turned = [
            Deployment {
                installation: Installation::External,
                ..both[0].clone()
            },
            Deployment {
                installation: Installation::External,
                ..both[1].clone()
            },
        ];
        let refused = Err(DeploymentError::MixedKindsNotAvailable(group(1)));
        assert_eq!((check(&both, &both), check(&both, &turned)), (Ok(()), refused));
        assert_eq!(
            check(&both, &[turned[0].clone(), both[1].clone()]),
            Ok(()),
            "one at a time"
        );
    }

    #[test]
    fn a25_a_user_group_can_have_any_approval_and_a_device_group_all_but_available() {
        for approval in [Required, Available, NotApplicable, Uninstall] {
            assert_eq!(check(&[], &[line(1, User, approval)]), Ok(()));
            let expected = if approval == Available {
                Err(DeploymentError::DeviceGroupAvailable(group(1)))
            } else {
                Ok(())
            };
            assert_eq!(check(&[], &[line(1, Device, approval)]), expected);
        }
    }

    #[test]
    fn a26_both_kinds_of_group_together_can_only_be_available() {
        let both = [line(1, User, Available), line(2, Device, Available)];
        assert_eq!(check(&[], &both), Ok(()));
        assert_eq!(check(&both[..1], &both), Ok(()), "beside a user group of before, too");
        let refused = Err(DeploymentError::MixedKindsNotAvailable(group(2)));
        for approval in [Required, NotApplicable, Uninstall] {
            let lines = [line(1, User, Available), line(2, Device, approval)];
            assert_eq!(check(&[], &lines), refused);
            let lines = [line(2, User, approval), line(1, Device, Available)];
            assert_eq!(check(&[], &lines), refused);
        }
    }

    /// Otherwise no conflict between groups of both kinds (A33-A37) could ever arise.
    #[test]
    fn a26_speaks_of_one_deployment_and_a_second_one_may_reach_groups_of_the_other_kind() {
        for user in [Required, Available, NotApplicable, Uninstall] {
            for device in [Required, NotApplicable, Uninstall] {
                let (first, second) = (line(1, User, user), line(2, Device, device));
                let both = [first.clone(), second.clone()];
                assert_eq!(check(&[first], &both), Ok(()), "{user:?} {device:?}");
                assert_eq!(check(&[second], &both), Ok(()), "{user:?} {device:?}");
                assert_eq!(check(&both, &both), Ok(()), "what stands may be saved again");
            }
        }
    }

    #[test]
    fn a25_a_device_group_may_have_an_app_as_available_beside_people_who_may_and_no_others() {
        let available = line(2, Device, Available);
        for user in [Required, NotApplicable, Uninstall] {
            let first = line(1, User, user);
            let both = [first.clone(), available.clone()];
            let refused = Err(DeploymentError::DeviceGroupAvailable(group(2)));
            assert_eq!(check(&[first], &both), refused, "{user:?}");
        }
    }

    #[test]
    fn before_its_deadline_what_is_required_is_available() {
        let line = Deployment {
            deadline: Some(Time(10)),
            since: Time(5),
            ..line(1, User, Required)
        };
        assert_eq!(
            (line.approval_at(Time(9)), line.since_at(Time(9))),
            (Available, Time(5))
        );
        assert_eq!(
            (line.approval_at(Time(10)), line.since_at(Time(10))),
            (Required, Time(10))
        );
    }

    #[test]
    fn a_group_can_be_chosen_once() {
        let again = Deployment {
            group: group(1),
            ..line(2, User, Uninstall)
        };
        assert_eq!(
            check(&[], &[line(1, User, Required), again]),
            Err(DeploymentError::GroupTwice(group(1)))
        );
    }
}
