//! What an administrator wants: an app, a group, an approval.

use serde::{Deserialize, Serialize};

use crate::{AssetId, DeploymentId, GroupId, Time};

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupKind {
    User,
    Device,
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
    /// Only with [`Approval::Required`] (A24).
    pub deadline: Option<Time>,
    /// When this approval was first given to this group; decides who waits longest.
    pub since: Time,
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
    #[error("a group can be chosen once")]
    GroupTwice(GroupId),
}

/// Whether these lines can be the deployment of one app.
pub fn check(lines: &[Deployment]) -> Result<(), DeploymentError> {
    let mixed = lines.iter().any(|line| line.kind == GroupKind::User)
        && lines.iter().any(|line| line.kind == GroupKind::Device);
    for (index, line) in lines.iter().enumerate() {
        if lines[..index].iter().any(|earlier| earlier.group == line.group) {
            return Err(DeploymentError::GroupTwice(line.group));
        }
        if line.deadline.is_some() && line.approval != Approval::Required {
            return Err(DeploymentError::DeadlineWithoutRequired(line.group));
        }
        // A26 names available as the one choice for both kinds together, and A25 forbids it to device groups.
        // Read strictly, that leaves nothing to choose; so in a mixed deployment a device group may have it.
        if line.approval == Approval::Available && line.kind == GroupKind::Device && !mixed {
            return Err(DeploymentError::DeviceGroupAvailable(line.group));
        }
        if mixed && line.approval != Approval::Available {
            return Err(DeploymentError::MixedKindsNotAvailable(line.group));
        }
    }
    Ok(())
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
            since: Time(0),
        }
    }

    #[test]
    fn no_deployment_is_a_deployment() {
        assert_eq!(check(&[]), Ok(()));
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
            assert_eq!(check(&[line]), expected);
        }
    }

    #[test]
    fn a25_a_user_group_can_have_any_approval_and_a_device_group_all_but_available() {
        for approval in [Required, Available, NotApplicable, Uninstall] {
            assert_eq!(check(&[line(1, User, approval)]), Ok(()));
            let expected = if approval == Available {
                Err(DeploymentError::DeviceGroupAvailable(group(1)))
            } else {
                Ok(())
            };
            assert_eq!(check(&[line(1, Device, approval)]), expected);
        }
    }

    #[test]
    fn a26_both_kinds_of_group_together_can_only_be_available() {
        assert_eq!(check(&[line(1, User, Available), line(2, Device, Available)]), Ok(()));
        let refused = Err(DeploymentError::MixedKindsNotAvailable(group(2)));
        for approval in [Required, NotApplicable, Uninstall] {
            assert_eq!(check(&[line(1, User, Available), line(2, Device, approval)]), refused);
            assert_eq!(check(&[line(2, User, approval), line(1, Device, Available)]), refused);
        }
    }

    #[test]
    fn a_group_can_be_chosen_once() {
        let again = Deployment {
            group: group(1),
            ..line(2, User, Uninstall)
        };
        assert_eq!(
            check(&[line(1, User, Required), again]),
            Err(DeploymentError::GroupTwice(group(1)))
        );
    }
}
