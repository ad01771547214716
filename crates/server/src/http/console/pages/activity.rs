//! 활동: what is under way, and everything that happened.

use askama::Template;

use super::{
    Frame,
    changes::HeldLine,
    parts::{EventLine, Running},
    ui::Glyph,
};
use crate::messages::Speak;

#[derive(Template)]
#[template(path = "console/activity.html")]
pub struct ActivityPage {
    pub s: Speak,
    pub frame: Frame,
    pub running: Vec<Running>,
    /// Changes that wait for another administrator.
    pub held: Vec<HeldLine>,
    /// The latest first.
    pub events: Vec<EventLine>,
    /// The address of what happened before.
    pub earlier: Option<String>,
    /// The latest of all are shown, so the page may keep itself fresh.
    pub latest: bool,
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::http::console::pages::{
        Place,
        app::tests::named,
        changes,
        parts::Who,
        tests::{ago, frame},
        words::EventWord,
    };

    /// One of everything that can happen.
    const KINDS: [&str; 86] = [
        "accountChanged",
        "accountDisabled",
        "accountEnabled",
        "accountUnlocked",
        "apiKeyRotated",
        "passwordChanged",
        "passwordSet",
        "sessionEnded",
        "sessionsEnded",
        "accountAdded",
        "apiKeyCreated",
        "apiKeyRevoked",
        "bulkDone",
        "appDescribed",
        "appGone",
        "appInstalled",
        "appRemovedByUser",
        "appRequested",
        "appUpdatesSet",
        "appRequestWithdrawn",
        "changeApproved",
        "changeExpired",
        "changeHeld",
        "changeTurnedDown",
        "changeWithdrawn",
        "deploymentSaved",
        "deviceAuthenticated",
        "deviceCheckedOut",
        "deviceEnrolled",
        "deviceRemoved",
        "deviceUnreachable",
        "enrolmentLinkMade",
        "enrolmentProfileTaken",
        "enrolmentRefused",
        "groupAdded",
        "groupChanged",
        "groupDeleted",
        "groupLeft",
        "groupMembersSet",
        "groupMembersFollowed",
        "groupRuleSet",
        "deviceOwnershipSet",
        "installAccepted",
        "installCommanded",
        "installFailed",
        "installRejected",
        "invitationFailed",
        "invitationRenewed",
        "invitationShown",
        "invitationSilent",
        "licenceAssigned",
        "licenceFound",
        "licenceLost",
        "licenceRefused",
        "licenceReserved",
        "licenceReturned",
        "licenceReturning",
        "licenceReturnRefused",
        "movedBack",
        "movedUp",
        "movedUpEnded",
        "personAdded",
        "personChanged",
        "personInvited",
        "personLeft",
        "personReturned",
        "planLookedAgain",
        "planSound",
        "planStopped",
        "policyChanged",
        "programAccepted",
        "programUserCreated",
        "programUserKept",
        "programUserReplaced",
        "programUserRetired",
        "programUserRetiring",
        "removeAccepted",
        "removeCommanded",
        "removeFailed",
        "signedIn",
        "tokenLinked",
        "tokenRenewed",
        "programUserRefused",
        "tokenUnusable",
        "tokenUsable",
        "somethingNew",
    ];

    pub fn events(s: &Speak) -> Vec<EventLine> {
        let who = [
            Who::System,
            Who::Apple,
            Who::Device,
            Who::Account("홍라온".to_owned()),
            Who::ApiKey("인사 시스템".to_owned()),
        ];
        KINDS
            .into_iter()
            .enumerate()
            .map(|(index, kind)| EventLine {
                at: ago(s, 97 * index as u64),
                word: EventWord(kind.to_owned()),
                who: who[index % who.len()].clone(),
                app: Some(named("한올서명", "/apps/1")),
                person: Some(named("윤가람", "/people/1")),
                device: Some(named("가람의 iPhone", "/devices/1")),
                group: None,
                name: Some("본사".to_owned()),
                moved: (kind.starts_with("groupMembers") || kind == "bulkDone").then_some((3, 1)),
                of_many: kind == "invitationRenewed",
                told_at: (kind == "bulkDone").then(|| "/bulk/7".to_owned()),
                change: kind.starts_with("change").then(|| "/changes/1842".to_owned()),
                code: kind.contains("Failed").then(|| "MCMDMErrorDomain 12064".to_owned()),
            })
            .collect()
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let page = |events: Vec<EventLine>, earlier: Option<&str>| ActivityPage {
            s: s.clone(),
            frame: frame(Place::Activity),
            held: if events.is_empty() {
                Vec::new()
            } else {
                changes::tests::held(s)
            },
            running: if events.is_empty() {
                Vec::new()
            } else {
                vec![Running::Commands {
                    installs: 0,
                    removals: 2,
                    devices: 1,
                }]
            },
            events,
            earlier: earlier.map(str::to_owned),
            latest: true,
        };
        vec![
            (
                "activity",
                page(events(s), Some("/activity?before=3")).render().unwrap(),
            ),
            ("activity-none", page(Vec::new(), None).render().unwrap()),
        ]
    }

    #[test]
    fn a_history_is_told_day_by_day_and_nothing_is_lost() {
        let s = crate::http::console::pages::tests::speak(crate::messages::Lang::Ko);
        let events = events(&s);
        let days = s.days(&events);
        assert!(days.len() > 2);
        assert_eq!(days.iter().map(|day| day.events.len()).sum::<usize>(), events.len());
        for event in &events[..KINDS.len() - 1] {
            assert!(
                !event.sentence(&s).contains('–'),
                "{}: {}",
                event.word.0,
                event.sentence(&s)
            );
        }
        assert_eq!(events[KINDS.len() - 1].sentence(&s), "somethingNew");
    }
}
