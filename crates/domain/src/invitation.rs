//! On which device a person is invited to the programme, and when on the next one.
//!
//! Apple sends nothing by itself: the invitation is a command to one of the person's devices. A device may be unable to
//! show it, turn it down, or say nothing for days, so who has another device is asked there. Once a device shows it,
//! nobody is asked again but by hand.

use std::{cmp::Reverse, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Device, DeviceId, Platform, Policy, Time, program::Invitation};

/// How long a device that turned the invitation down, or said nothing, is left alone with it.
const AGAIN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The invitation on one device, since the person was last invited anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    pub device: DeviceId,
    pub since: Time,
    /// How it ended, and when; `None` while the device has not answered.
    pub ended: Option<(Ending, Time)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// The device shows it.
    Shown,
    /// The device turned it down.
    Failed,
    /// The device did not answer in time, and another one was asked.
    Silent,
    /// The device left or enrolled anew before it answered.
    Dropped,
    /// It was not needed any more: the person accepted, or Apple retired them.
    Withdrawn,
}

/// What becomes of a person's invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Show it on this device.
    Invite(DeviceId),
    /// It waits on this device, and there is none that would be better.
    Waiting { device: DeviceId, since: Time },
    /// This device shows it.
    Shown { device: DeviceId, at: Time },
    /// Every device that could show it was asked; the first is asked again then.
    Tried { until: Time },
    /// No device of the person can show it.
    NoDevice,
}

/// Decides what becomes of the invitation of a person who has to accept the terms.
///
/// `devices` are the person's own, `attempts` those since they were last invited anew, in the order of time. Of the
/// devices that can show it the one that was heard last is asked. It has [`Policy::invite_next_after`] to answer; then
/// the next one is asked, if there is a next one.
pub fn next(devices: &[&Device], attempts: &[Attempt], policy: &Policy, now: Time) -> Next {
    for attempt in attempts {
        if let Some((Ending::Shown, at)) = attempt.ended {
            return Next::Shown {
                device: attempt.device,
                at,
            };
        }
    }
    let open = attempts.iter().find(|attempt| attempt.ended.is_none());
    if let Some(open) = open {
        let silent = (open.since + policy.invite_next_after).has_come(now, policy.invite_next_after);
        let able = devices
            .iter()
            .any(|device| device.id == open.device && can_show(device));
        if able && !silent {
            return open.waiting();
        }
    }
    let mut best: Option<&Device> = None;
    let mut again: Option<Time> = None;
    for device in devices.iter().copied() {
        let asked = open.is_some_and(|open| open.device == device.id);
        if asked || !can_show(device) || device.unreachable_since.is_some() {
            continue;
        }
        if let Some(until) = left_alone_until(device, attempts, now) {
            again = Some(again.map_or(until, |again| again.min(until)));
            continue;
        }
        let rank = |device: &Device| (device.heard_at, Reverse(device.id));
        if best.is_none_or(|best| rank(device) > rank(best)) {
            best = Some(device);
        }
    }
    match (best, open, again) {
        (Some(device), ..) => Next::Invite(device.id),
        (None, Some(open), _) => open.waiting(),
        (None, None, Some(until)) => Next::Tried { until },
        (None, None, None) => Next::NoDevice,
    }
}

/// Decides what becomes of it when the person is invited anew by hand: what was shown or turned down before does not
/// count, and what waits goes on waiting.
pub fn anew(devices: &[&Device], attempts: &[Attempt], policy: &Policy, now: Time) -> Next {
    let open: Vec<Attempt> = attempts.iter().copied().filter(|it| it.ended.is_none()).collect();
    next(devices, &open, policy, now)
}

/// An enrolled iPhone or iPad of one person, out of Setup Assistant. On a Mac and on an iPad that several people share
/// only their own channels could show it, and nothing is sent on those (`mdm-protocol` §4.4).
pub fn can_show(device: &Device) -> bool {
    device.is_enrolled()
        && !device.awaiting_configuration
        && !device.shared
        && matches!(device.platform, Platform::Ios | Platform::IpadOs)
}

/// Until when a device is not asked again, if it was asked in vain lately.
fn left_alone_until(device: &Device, attempts: &[Attempt], now: Time) -> Option<Time> {
    let in_vain = |attempt: &&Attempt| {
        attempt.device == device.id && matches!(attempt.ended, Some((Ending::Failed | Ending::Silent, _)))
    };
    let (_, ended) = attempts.iter().rev().find(in_vain)?.ended?;
    let until = ended + AGAIN_AFTER;
    (!until.has_come(now, AGAIN_AFTER)).then_some(until)
}

/// When what [`next`] says of these attempts may change, from the passing of time alone.
pub(crate) fn moments(attempts: &[Attempt], policy: &Policy) -> impl Iterator<Item = Time> {
    attempts.iter().flat_map(|attempt| match attempt.ended {
        // A moment that is further ahead than anybody waits counts as come: `Time::has_come`.
        None => [attempt.since, attempt.since + policy.invite_next_after],
        Some((_, ended)) => [ended, ended + AGAIN_AFTER],
    })
}

impl Attempt {
    fn waiting(&self) -> Next {
        Next::Waiting {
            device: self.device,
            since: self.since,
        }
    }
}

impl Invitation {
    /// How far the attempts have come together.
    pub fn of(attempts: &[Attempt]) -> Invitation {
        let mut queued = Invitation::None;
        for attempt in attempts {
            match attempt.ended {
                Some((Ending::Shown, at)) => return Invitation::Shown { at },
                None => queued = Invitation::Queued { since: attempt.since },
                Some(_) => {}
            }
        }
        queued
    }
}
