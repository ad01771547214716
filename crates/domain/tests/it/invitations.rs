//! Where a person is invited to the programme, and when on the next device.

use std::time::Duration;

use domain::{
    invitation::{Ending, Next, anew, next},
    program::Invitation,
    *,
};

use crate::worlds::*;

const HOUR: Duration = Duration::from_secs(3600);

/// A device of the person, heard so many minutes ago.
fn heard(number: usize, minutes: u32) -> Device {
    Device {
        heard_at: Some(NOW - MINUTE * minutes),
        ..iphone(number, person(0))
    }
}

fn asked(number: usize, since: Time, ended: Option<(Ending, Time)>) -> Attempt {
    Attempt {
        device: device(number),
        since,
        ended,
    }
}

fn at(now: Time, devices: &[Device], attempts: &[Attempt]) -> Next {
    let devices: Vec<&Device> = devices.iter().collect();
    next(&devices, attempts, &Policy::default(), now)
}

#[test]
fn the_device_that_was_heard_last_is_asked() {
    let devices = [heard(0, 50), heard(1, 3), heard(2, 9)];
    assert_eq!(at(NOW, &devices, &[]), Next::Invite(device(1)));
}

/// A Mac was asked on its device channel, which knows no invitations, and its owner never joined.
#[test]
fn a_device_that_cannot_show_it_is_not_asked() {
    let unable = [
        Device {
            platform: Platform::MacOs,
            ..heard(0, 0)
        },
        Device {
            platform: Platform::TvOs,
            ..heard(1, 0)
        },
        Device {
            platform: Platform::IpadOs,
            shared: true,
            ..heard(2, 0)
        },
        Device {
            awaiting_configuration: true,
            ..heard(3, 0)
        },
        Device {
            enrolment: Enrolment::Retiring,
            ..heard(4, 0)
        },
        Device {
            unreachable_since: Some(NOW),
            ..heard(5, 0)
        },
    ];
    for device in &unable {
        assert_eq!(at(NOW, std::slice::from_ref(device), &[]), Next::NoDevice, "{device:?}");
    }
    let mut all = unable.to_vec();
    all.push(heard(6, 90));
    assert_eq!(at(NOW, &all, &[]), Next::Invite(device(6)));
}

#[test]
fn a_device_that_says_nothing_for_an_hour_gives_way_to_the_next() {
    let devices = [heard(0, 1), heard(1, 5)];
    let first = [asked(0, NOW, None)];
    let waiting = Next::Waiting {
        device: device(0),
        since: NOW,
    };
    assert_eq!(at(NOW + MINUTE * 59, &devices, &first), waiting);
    assert_eq!(at(NOW + HOUR, &devices, &first), Next::Invite(device(1)));
    assert_eq!(
        at(NOW + HOUR, &devices[..1], &first),
        waiting,
        "there is none that would be better"
    );
}

#[test]
fn a_device_that_turns_it_down_gives_way_at_once_and_is_asked_again_the_next_day() {
    let devices = [heard(0, 1), heard(1, 5)];
    let failed = |number| asked(number, NOW, Some((Ending::Failed, NOW)));
    assert_eq!(at(NOW, &devices, &[failed(0)]), Next::Invite(device(1)));

    let both = [failed(0), failed(1)];
    assert_eq!(at(NOW + HOUR, &devices, &both), Next::Tried { until: NOW + DAY });
    assert_eq!(at(NOW + DAY, &devices, &both), Next::Invite(device(0)));
}

/// By hand, nothing that was shown or turned down counts, and what waits goes on waiting.
#[test]
fn whoever_is_invited_anew_is_asked_on_the_device_that_was_heard_last() {
    let devices = [heard(0, 1), heard(1, 5)];
    let own: Vec<&Device> = devices.iter().collect();
    let anew = |attempts: &[Attempt]| anew(&own, attempts, &Policy::default(), NOW);
    for ending in [Ending::Shown, Ending::Failed, Ending::Silent] {
        assert_eq!(anew(&[asked(0, NOW, Some((ending, NOW)))]), Next::Invite(device(0)));
    }
    let waiting = Next::Waiting {
        device: device(1),
        since: NOW,
    };
    assert_eq!(anew(&[asked(1, NOW, None)]), waiting);
}

#[test]
fn a_device_that_goes_gives_way_at_once() {
    let mut devices = [heard(0, 1), heard(1, 5)];
    devices[0].enrolment = Enrolment::Wiping;
    assert_eq!(at(NOW, &devices, &[asked(0, NOW, None)]), Next::Invite(device(1)));
}

#[test]
fn a_device_that_enrolled_anew_is_asked_at_once() {
    let dropped = [asked(0, NOW, Some((Ending::Dropped, NOW)))];
    assert_eq!(at(NOW, &[heard(0, 0)], &dropped), Next::Invite(device(0)));
}

/// The device that was silent may show it after all, while the next one is asked.
#[test]
fn whoever_is_shown_the_invitation_is_not_asked_again() {
    let devices = [heard(0, 1), heard(1, 5)];
    let attempts = [
        asked(0, NOW, Some((Ending::Shown, NOW + DAY))),
        asked(1, NOW + HOUR, None),
    ];
    let shown = Next::Shown {
        device: device(0),
        at: NOW + DAY,
    };
    assert_eq!(at(NOW + DAY * 30, &devices, &attempts), shown);
    assert_eq!(Invitation::of(&attempts), Invitation::Shown { at: NOW + DAY });
}

/// A clock that ran ahead wrote down a time that is still to come: nobody waits for that.
#[test]
fn nobody_waits_longer_for_a_device_because_the_clock_was_wrong() {
    let devices = [heard(0, 1), heard(1, 5)];
    assert_eq!(at(NOW, &devices, &[asked(0, NOW + DAY, None)]), Next::Invite(device(1)));
}
