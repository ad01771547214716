//! The simulated fleet against a small server of the test's own: what the devices say, when
//! they say it, and what they do not forget.

#![expect(
    clippy::disallowed_methods,
    reason = "the authority of a server that exists for the test only"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use plist::{Dictionary, Value};
use serde_json::json;
use sim::devices::{
    DeviceSnapshot, DeviceSpec, EnrolError, Farewell, Fleet, FleetOptions, OfflineSpell, Prompt, SignatureForm, Timings,
};

const TOPIC: &str = "com.apple.mgmt.External.6f1a8a52-3c0b-4a55-9a5e-0b9d3d0c7e11";
const NOTES: &str = "example.dodam.notes";

// --- enrolment ---------------------------------------------------------------------------

#[tokio::test]
async fn a_device_enrols_and_stays_silent_until_it_is_pushed() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;

    world.enrol(&fleet, spec("A")).await;

    assert_eq!(world.heard(), ["Authenticate", "TokenUpdate"]);
    assert_eq!(device(&fleet, "A").polls, 0);

    world.push("A");
    eventually("the device asks for work", || {
        world.heard() == ["Authenticate", "TokenUpdate", "Idle"]
    })
    .await;
}

#[tokio::test]
async fn both_forms_of_signature_prove_the_certificate_that_was_issued() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;

    world
        .enrol(
            &fleet,
            DeviceSpec {
                signature: SignatureForm::AppleBer,
                ..spec("A")
            },
        )
        .await;
    world
        .enrol(
            &fleet,
            DeviceSpec {
                signature: SignatureForm::DerWithAttributes,
                ..spec("B")
            },
        )
        .await;

    // The server of this test takes nothing whose signature does not verify.
    let signatures = world.server(|server| server.signatures.clone());
    let indefinite = |serial: &str| signatures[serial].starts_with("MIAG");
    assert!(indefinite("A"), "Apple's form has an indefinite length");
    assert!(!indefinite("B"));
    assert_ne!(
        world.server(|server| server.certificates["A"].clone()),
        world.server(|server| server.certificates["B"].clone()),
    );
}

#[tokio::test]
async fn a_push_without_the_magic_is_not_followed() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;

    world.push_with("A", "not the magic");
    eventually("the push is noticed", || device(&fleet, "A").protocol_errors.len() == 1).await;

    assert_eq!(device(&fleet, "A").polls, 0);
}

/// The page of an enrolment works once, so the profile must outlive what comes after it.
#[tokio::test]
async fn an_enrolment_cut_half_way_goes_on_with_the_profile_it_has() {
    let world = World::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("fleet.json");
    let fleet = world.fleet(Some(&file)).await;
    world.server(|server| server.check_in_down = true);

    let url = world.enrolment("A");
    let outcome = fleet.enrol(spec("A"), &url).await;
    assert!(
        matches!(outcome, Err(EnrolError::Server { status: 503, .. })),
        "{outcome:?}"
    );
    drop(fleet);
    world.server(|server| server.check_in_down = false);
    let fleet = world.fleet(Some(&file)).await;

    eventually("the device is enrolled", || device(&fleet, "A").enrolled).await;
    assert_eq!(world.server(|server| server.downloads), 1);
}

#[tokio::test]
async fn a_used_page_enrols_nobody() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    let url = world.enrolment("A");
    fleet.enrol(spec("A"), &url).await.unwrap();

    let outcome = fleet.enrol(spec("B"), &url).await;

    assert!(
        matches!(outcome, Err(EnrolError::Refused { status: 410, .. })),
        "{outcome:?}"
    );
    assert!(!device(&fleet, "B").enrolled);
    assert!(device(&fleet, "A").enrolled);
}

#[tokio::test]
async fn a_device_that_gets_no_other_profile_keeps_the_one_it_has() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    let url = world.enrolment("A");
    fleet.enrol(spec("A"), &url).await.unwrap();

    let outcome = fleet.enrol(spec("A"), &url).await;

    assert!(
        matches!(outcome, Err(EnrolError::Refused { status: 410, .. })),
        "{outcome:?}"
    );
    assert!(device(&fleet, "A").enrolled);
    world.report(&world.send("A", list())).await;
}

#[tokio::test]
async fn a_401_ends_the_enrolment_and_takes_its_apps() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;
    world.install_and_wait(&fleet, "A").await;

    world.server(|server| server.answers.push_back(StatusCode::UNAUTHORIZED));
    world.push("A");

    eventually("the device is gone", || !device(&fleet, "A").enrolled).await;
    assert_eq!(device(&fleet, "A").apps, BTreeMap::new());
    assert!(!world.heard().contains(&"CheckOut".to_string()));
}

#[tokio::test]
async fn a_person_who_removes_the_profile_says_goodbye_once() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;

    assert!(fleet.check_out("A").await);
    assert!(!fleet.check_out("A").await);

    assert_eq!(world.heard(), ["Authenticate", "TokenUpdate", "CheckOut"]);
    assert!(world.apple(|apple| !apple.dead_tokens.is_empty()));
}

#[tokio::test]
async fn an_erased_device_comes_back_as_the_same_one_with_nothing_on_it() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;
    world.install_and_wait(&fleet, "A").await;
    let before = device(&fleet, "A");

    fleet.erase("A").await;
    world.enrol(&fleet, spec("A")).await;

    let after = device(&fleet, "A");
    assert_eq!(after.udid, before.udid);
    assert_ne!(after.push_token, before.push_token);
    assert_eq!(after.apps, BTreeMap::new());
}

#[tokio::test]
async fn a_device_whose_profile_is_removed_loses_the_apps_of_the_profile_and_checks_out() {
    for (farewell, answered) in [(Farewell::Usual, false), (Farewell::Acknowledged, true)] {
        let world = World::start().await;
        let fleet = world.fleet(None).await;
        world.enrol(&fleet, DeviceSpec { farewell, ..spec("A") }).await;
        world.install_and_wait(&fleet, "A").await;

        let uuid = world.send("A", remove_profile(mdm::profile::IDENTIFIER));
        eventually("it is gone", || !device(&fleet, "A").enrolled).await;
        eventually("it says so", || {
            world.heard().last().is_some_and(|last| last == "CheckOut")
        })
        .await;
        assert_eq!(device(&fleet, "A").apps, BTreeMap::new());
        assert_eq!(world.answered(&uuid), answered);
    }
}

#[tokio::test]
async fn a_profile_that_is_not_ours_is_not_removed() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;

    let report = world.report(&world.send("A", remove_profile("com.example.wifi"))).await;

    assert_eq!(codes(&report), [12013]);
    assert!(device(&fleet, "A").enrolled);
}

#[tokio::test]
async fn a_wiped_device_says_so_goes_silent_and_can_enrol_anew() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;
    world.install_and_wait(&fleet, "A").await;

    let report = world.report(&world.send("A", command("EraseDevice", &[]))).await;
    assert_eq!(text(&report, "Status"), "Acknowledged");
    eventually("it is erased", || !device(&fleet, "A").enrolled).await;
    assert_eq!(device(&fleet, "A").apps, BTreeMap::new());

    world.enrol(&fleet, spec("A")).await;
    assert!(device(&fleet, "A").enrolled);
}

/// Nobody can tell it from a device that is off.
#[tokio::test]
async fn a_device_may_obey_and_never_be_heard_again() {
    for order in [remove_profile(mdm::profile::IDENTIFIER), command("EraseDevice", &[])] {
        let world = World::start().await;
        let fleet = world.fleet(None).await;
        let farewell = Farewell::Unheard;
        world.enrol(&fleet, DeviceSpec { farewell, ..spec("A") }).await;

        let uuid = world.send("A", order);
        eventually("it is gone", || !device(&fleet, "A").enrolled).await;
        // It asked what there is to do, and nothing was heard since.
        assert_eq!(world.heard(), ["Authenticate", "TokenUpdate", "Idle"]);
        assert!(!world.answered(&uuid));
    }
}

// --- installing --------------------------------------------------------------------------

#[tokio::test]
async fn an_app_comes_silently_to_a_supervised_device() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;

    let install = world.send("A", install_notes());
    let report = world.report(&install).await;

    assert_eq!(text(&report, "Status"), "Acknowledged");
    assert_eq!(text(&report, "State"), "Installing");
    assert_eq!(text(&report, "Identifier"), NOTES);
    eventually("the app is there", || device(&fleet, "A").apps[NOTES] == "Managed").await;
    let list = world.report(&world.send("A", list())).await;
    let apps = mdm::report::Report::parse(list).unwrap().managed_apps().unwrap();
    assert_eq!(apps[NOTES].status.as_str(), "Managed");
    assert_eq!(device(&fleet, "A").protocol_errors, Vec::<String>::new());
}

#[tokio::test]
async fn a_second_install_of_an_app_under_way_is_already_queued() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world
        .enrol(
            &fleet,
            DeviceSpec {
                download_time: Duration::from_secs(60),
                ..spec("A")
            },
        )
        .await;

    let first = world.send("A", install_notes());
    let second = world.send("A", install_notes());

    assert_eq!(text(&world.report(&first).await, "Status"), "Acknowledged");
    let report = world.report(&second).await;
    assert_eq!(text(&report, "RejectionReason"), "AppAlreadyQueued");
    let removal = world
        .report(&world.send("A", command("RemoveApplication", &[("Identifier", NOTES.into())])))
        .await;
    assert_eq!(codes(&removal), [12036]);
}

#[tokio::test]
async fn without_a_licence_the_answer_is_12064() {
    let world = World::start().await;
    world.apple(|apple| apple.licensed = false);
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;

    let report = world.report(&world.send("A", install_notes())).await;

    assert_eq!(text(&report, "Status"), "Error");
    assert_eq!(codes(&report), [12064, 2605]);
    assert_eq!(device(&fleet, "A").apps, BTreeMap::new());
}

#[tokio::test]
async fn an_app_that_the_store_does_not_know_is_refused() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;

    let report = world.report(&world.send("A", install(999))).await;

    assert_eq!(text(&report, "RejectionReason"), "CouldNotVerifyAppID");
    assert_eq!(codes(&report), [12023]);
}

#[tokio::test]
async fn an_app_for_a_newer_system_is_refused() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world
        .enrol(
            &fleet,
            DeviceSpec {
                os_version: "14.8.1".into(),
                ..spec("A")
            },
        )
        .await;

    let report = world.report(&world.send("A", install_notes())).await;

    assert_eq!(text(&report, "RejectionReason"), "NotSupported");
}

#[tokio::test]
async fn with_nobody_signed_in_a_device_waits_for_it() {
    let world = World::start().await;
    world.apple(|apple| apple.licensed = false);
    let fleet = world.fleet(None).await;
    world
        .enrol(
            &fleet,
            DeviceSpec {
                account: None,
                ..spec("A")
            },
        )
        .await;

    let report = world.report(&world.send("A", install_notes())).await;
    assert_eq!(text(&report, "State"), "PromptingForLogin");

    world.apple(|apple| apple.licensed = true);
    assert!(fleet.sign_in("A", Some("kim@account.example")).await);
    eventually("the app is there", || device(&fleet, "A").apps[NOTES] == "Managed").await;
}

#[tokio::test]
async fn an_unsupervised_device_asks_its_person_first() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world
        .enrol(
            &fleet,
            DeviceSpec {
                supervised: false,
                prompt: Prompt::Ignore,
                ..spec("A")
            },
        )
        .await;

    let report = world.report(&world.send("A", install_notes())).await;
    assert_eq!(text(&report, "State"), "Prompting");
    let again = world.report(&world.send("A", install_notes())).await;
    assert_eq!(codes(&again), [1407]);

    assert!(fleet.user_answers_prompt("A", NOTES, true));
    eventually("the app is there", || device(&fleet, "A").apps[NOTES] == "Managed").await;
}

/// What a device says only once must survive the loss of the answer to it.
#[tokio::test]
async fn a_rejection_is_said_exactly_once_and_never_lost() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    let prompt = Prompt::Reject { after: Duration::ZERO };
    world
        .enrol(
            &fleet,
            DeviceSpec {
                supervised: false,
                prompt,
                ..spec("A")
            },
        )
        .await;
    world.report(&world.send("A", install_notes())).await;
    eventually("the person said no", || {
        device(&fleet, "A").apps[NOTES] == "UserRejected"
    })
    .await;

    let said = world.queue("A", list());
    world.server(|server| server.lose_results = 2);
    world.push("A");
    let report = world.report(&said).await;

    assert_eq!(statuses(&report), [(NOTES.to_string(), "UserRejected".to_string())]);
    let bodies = world.server(|server| server.bodies_about(&said));
    assert_eq!(bodies.len(), 3, "lost twice, then taken");
    assert_eq!(
        bodies.iter().collect::<BTreeSet<_>>().len(),
        1,
        "the same bytes each time"
    );
    let later = world.report(&world.send("A", list())).await;
    assert_eq!(statuses(&later), []);
}

#[tokio::test]
async fn a_failed_download_is_said_once_and_can_be_tried_again() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world
        .enrol(
            &fleet,
            DeviceSpec {
                failing_downloads: 1,
                ..spec("A")
            },
        )
        .await;

    world.report(&world.send("A", install_notes())).await;
    eventually("the download fails", || device(&fleet, "A").apps[NOTES] == "Failed").await;
    let list = world.report(&world.send("A", list())).await;
    assert_eq!(statuses(&list), [(NOTES.to_string(), "Failed".to_string())]);
    assert_eq!(device(&fleet, "A").apps, BTreeMap::new());

    world.install_and_wait(&fleet, "A").await;
}

#[tokio::test]
async fn a_rejected_update_leaves_the_former_version() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world
        .enrol(
            &fleet,
            DeviceSpec {
                supervised: false,
                ..spec("A")
            },
        )
        .await;
    world.install_and_wait(&fleet, "A").await;
    fleet.change("A", |spec| spec.prompt = Prompt::Reject { after: Duration::ZERO });

    world.apple(|apple| apple.version = 829_165_943);
    let report = world.report(&world.send("A", install_notes())).await;
    assert_eq!(text(&report, "State"), "PromptingForUpdate");

    for status in ["UpdateRejected", "Managed"] {
        let report = world.report(&world.send("A", list())).await;
        assert_eq!(statuses(&report), [(NOTES.to_string(), status.to_string())]);
        assert_eq!(version(&report), 829_165_942);
    }
    fleet.change("A", |spec| spec.prompt = Prompt::Accept { after: Duration::ZERO });
    world.report(&world.send("A", install_notes())).await;
    eventually("the update is there", || device(&fleet, "A").apps[NOTES] == "Managed").await;
    assert_eq!(version(&world.report(&world.send("A", list())).await), 829_165_943);
}

#[tokio::test]
async fn a_list_of_some_apps_keeps_what_it_does_not_mention() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world
        .enrol(
            &fleet,
            DeviceSpec {
                failing_downloads: 1,
                ..spec("A")
            },
        )
        .await;
    world.report(&world.send("A", install_notes())).await;
    eventually("the download fails", || device(&fleet, "A").apps[NOTES] == "Failed").await;

    let others = Value::Array(vec!["example.other".into()]);
    let report = world
        .report(&world.send("A", command("ManagedApplicationList", &[("Identifiers", others)])))
        .await;

    assert_eq!(statuses(&report), []);
    assert_eq!(device(&fleet, "A").apps[NOTES], "Failed");
}

#[tokio::test]
async fn a_managed_app_goes_when_told_and_stays_listed_when_its_person_deletes_it() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;
    world.install_and_wait(&fleet, "A").await;

    assert!(fleet.user_removes_app("A", NOTES));
    let report = world.report(&world.send("A", list())).await;
    assert_eq!(
        statuses(&report),
        [(NOTES.to_string(), "ManagedButUninstalled".to_string())]
    );

    world.install_and_wait(&fleet, "A").await;
    let remove = || command("RemoveApplication", &[("Identifier", NOTES.into())]);
    assert_eq!(
        text(&world.report(&world.send("A", remove())).await, "Status"),
        "Acknowledged"
    );
    assert_eq!(device(&fleet, "A").apps, BTreeMap::new());
    assert_eq!(codes(&world.report(&world.send("A", remove())).await), [12038]);
}

#[tokio::test]
async fn an_app_of_the_persons_own_is_managed_only_when_the_command_says_so() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;
    assert!(fleet.user_installs_app("A", NOTES).await);

    let plain = install_command(100, &[]);
    assert_eq!(codes(&world.report(&world.send("A", plain)).await), [12025]);
    assert_eq!(device(&fleet, "A").apps[NOTES], "Unmanaged");

    let report = world.report(&world.send("A", install_notes())).await;
    assert_eq!(text(&report, "State"), "Managed");
}

// --- when devices talk -------------------------------------------------------------------

#[tokio::test]
async fn after_a_not_now_the_device_asks_again_by_itself() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world
        .enrol(
            &fleet,
            DeviceSpec {
                not_now_for: Duration::from_millis(300),
                ..spec("A")
            },
        )
        .await;

    let install = world.send("A", install_notes());
    eventually("the device says not now", || device(&fleet, "A").not_nows == 1).await;

    // No other push is sent.
    let report = world.report(&install).await;
    assert_eq!(text(&report, "Status"), "Acknowledged");
    assert_eq!(device(&fleet, "A").pushes, 1);
}

#[tokio::test]
async fn an_offline_device_answers_once_it_is_online() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;
    fleet.go_offline("A");

    let install = world.send("A", install_notes());
    eventually("the push waits for the device", || device(&fleet, "A").pushes == 1).await;
    assert_eq!(device(&fleet, "A").polls, 0);
    fleet.go_online("A");

    assert_eq!(text(&world.report(&install).await, "Status"), "Acknowledged");
}

#[tokio::test]
async fn a_spell_without_network_ends_by_itself() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    let spell = OfflineSpell {
        starts_after: Duration::ZERO,
        lasts: Duration::from_millis(300),
    };
    world
        .enrol(
            &fleet,
            DeviceSpec {
                offline: vec![spell],
                ..spec("A")
            },
        )
        .await;
    assert!(!device(&fleet, "A").online);

    let install = world.send("A", install_notes());

    assert_eq!(text(&world.report(&install).await, "Status"), "Acknowledged");
}

#[tokio::test]
async fn a_result_sent_twice_is_the_same_result() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world
        .enrol(
            &fleet,
            DeviceSpec {
                duplicate_results: 1.0,
                ..spec("A")
            },
        )
        .await;

    let sent = world.send("A", list());
    world.report(&sent).await;

    eventually("it came twice", || {
        world.server(|server| server.bodies_about(&sent).len()) == 2
    })
    .await;
    let bodies = world.server(|server| server.bodies_about(&sent));
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn a_new_push_token_is_told_to_the_server() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;
    let old = device(&fleet, "A").push_token;

    assert!(fleet.rotate_token("A").await);

    assert!(world.apple(|apple| apple.dead_tokens.contains(&old)));
    world.report(&world.send("A", list())).await;
}

#[tokio::test]
async fn installs_are_turned_down_and_pretended_as_often_as_the_habit_says() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    let spec = DeviceSpec {
        refused_installs: 1,
        install_error: 12026,
        pretended_installs: 1,
        ..spec("A")
    };
    world.enrol(&fleet, spec).await;

    let refused = world.report(&world.send("A", install_notes())).await;
    assert_eq!(codes(&refused), [12026]);
    let pretended = world.report(&world.send("A", install_notes())).await;
    assert_eq!(text(&pretended, "Status"), "Acknowledged");
    assert_eq!(device(&fleet, "A").apps, BTreeMap::new(), "nothing comes of it");

    world.install_and_wait(&fleet, "A").await;
}

#[tokio::test]
async fn an_old_answer_comes_again_after_a_later_one() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    let spec = DeviceSpec {
        old_results: 1.0,
        ..spec("A")
    };
    world.enrol(&fleet, spec).await;
    let first = world.send("A", list());
    world.report(&first).await;

    let second = world.send("A", install_notes());
    world.report(&second).await;

    eventually("the first answer came again", || {
        world.server(|server| server.bodies_about(&first).len()) > 1
    })
    .await;
}

#[tokio::test]
async fn a_restored_device_has_the_apps_of_its_backup_and_another_push_token() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;
    let backup = fleet.backup("A").unwrap();
    world.install_and_wait(&fleet, "A").await;
    let before = device(&fleet, "A").push_token;

    assert!(fleet.restore("A", &backup).await);

    let after = device(&fleet, "A");
    assert_eq!(after.apps, BTreeMap::new());
    assert_ne!(after.push_token, before);
    world.report(&world.send("A", list())).await;

    fleet.erase("A").await;
    assert!(!fleet.restore("A", &backup).await, "that enrolment is over");
}

// --- other commands ----------------------------------------------------------------------

#[tokio::test]
async fn an_invitation_is_accepted_by_those_who_mean_to() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;
    world
        .enrol(
            &fleet,
            DeviceSpec {
                accepts_invitation_after: None,
                ..spec("B")
            },
        )
        .await;

    let url = |code: &str| format!("https://store.example/invite?inviteCode={code}&mt=8");
    for (serial, code) in [("B", "code-b"), ("A", "code-a")] {
        let report = world.report(&world.send(serial, invite(&url(code)))).await;
        assert_eq!(text(&report, "InvitationResult"), "Acknowledged");
    }

    eventually("one accepts", || device(&fleet, "A").invitations_accepted == 1).await;
    let kim = ("code-a".to_string(), "kim@account.example".to_string());
    assert_eq!(world.apple(|apple| apple.accepted.clone()), [kim]);
    assert_eq!(device(&fleet, "B").invitations_shown, 1);
    assert_eq!(device(&fleet, "B").invitations_accepted, 0);

    assert!(fleet.user_accepts_invitations("B"));
    eventually("the other does too", || device(&fleet, "B").invitations_accepted == 1).await;
}

#[tokio::test]
async fn an_invitation_that_leads_nowhere_is_not_shown() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;

    let report = world
        .report(&world.send("A", invite("https://store.example/invite?inviteCode=%25inviteCode%25")))
        .await;

    assert_eq!(text(&report, "InvitationResult"), "InvalidInvitationURL");
    assert_eq!(device(&fleet, "A").invitations_shown, 0);
}

#[tokio::test]
async fn a_device_in_setup_assistant_waits_until_it_is_configured() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, DeviceSpec { dep: true, ..spec("A") }).await;
    assert!(world.server(|server| server.devices["A"].awaiting_configuration));

    let invitation = world.send("A", invite("https://store.example/invite?inviteCode=1"));
    eventually("the device says not now", || device(&fleet, "A").not_nows == 1).await;
    let report = world.report(&world.send("A", command("DeviceConfigured", &[]))).await;
    assert_eq!(text(&report, "Status"), "Acknowledged");
    world.push("A");

    assert_eq!(
        text(&world.report(&invitation).await, "InvitationResult"),
        "Acknowledged"
    );
    let again = world.report(&world.send("A", command("DeviceConfigured", &[]))).await;
    assert_eq!(codes(&again), [101]);
}

#[tokio::test]
async fn device_information_answers_what_it_knows_and_drops_the_rest() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;

    let queries = [
        "SerialNumber",
        "OSVersion",
        "iTunesStoreAccountIsActive",
        "iTunesStoreAccountHash",
        "PhoneNumber",
    ];
    let queries = Value::Array(queries.map(Value::from).to_vec());
    let report = world
        .report(&world.send("A", command("DeviceInformation", &[("Queries", queries)])))
        .await;

    let facts = report["QueryResponses"].as_dictionary().unwrap();
    assert_eq!(text(facts, "SerialNumber"), "A");
    assert_eq!(text(facts, "OSVersion"), "18.1");
    assert_eq!(facts["iTunesStoreAccountIsActive"].as_boolean(), Some(true));
    assert_eq!(
        text(facts, "iTunesStoreAccountHash"),
        sim::apple::id_hash("kim@account.example")
    );
    assert!(!facts.contains_key("PhoneNumber"));
}

#[tokio::test]
async fn what_a_server_must_not_send_is_answered_and_remembered() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;

    let unknown = world.report(&world.send("A", command("MakeCoffee", &[]))).await;
    let malformed = world.report(&world.send("A", command("RemoveApplication", &[]))).await;

    assert_eq!(codes(&unknown), [12021]);
    assert_eq!(text(&malformed, "Status"), "CommandFormatError");
    assert_eq!(
        device(&fleet, "A").protocol_errors,
        [
            "\"MakeCoffee\" is no command that a device knows",
            "RemoveApplication.Identifier is missing"
        ]
    );
}

#[tokio::test]
async fn every_command_that_the_protocol_crate_writes_is_allowed() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    world.enrol(&fleet, spec("A")).await;

    // The answer of a device that leaves is to be heard here.
    fleet.change("A", |spec| spec.farewell = Farewell::Acknowledged);
    for command in every_command() {
        let body = command.to_plist("0f0c1c0a-0000-4000-8000-000000000000");
        let message = mdm::plist::parse(&body).unwrap();
        world
            .report(&world.send("A", message["Command"].as_dictionary().unwrap().clone()))
            .await;
        if command.request_type() == "RemoveProfile" {
            eventually("it is gone", || !device(&fleet, "A").enrolled).await;
            world.enrol(&fleet, spec("A")).await;
        }
    }

    assert_eq!(device(&fleet, "A").protocol_errors, Vec::<String>::new());
}

// --- restarts ----------------------------------------------------------------------------

#[tokio::test]
async fn a_fleet_goes_on_where_it_was_killed() {
    let world = World::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("fleet.json");
    let fleet = world.fleet(Some(&file)).await;
    world.enrol(&fleet, spec("A")).await;
    world.report(&world.send("A", install_notes())).await;
    let before = device(&fleet, "A");
    drop(fleet);

    let fleet = world.fleet(Some(&file)).await;

    let after = device(&fleet, "A");
    assert_eq!((after.udid, after.push_token), (before.udid, before.push_token));
    eventually("the app is there", || device(&fleet, "A").apps[NOTES] == "Managed").await;
    let list = world.report(&world.send("A", list())).await;
    assert_eq!(statuses(&list), [(NOTES.to_string(), "Managed".to_string())]);
    assert_eq!(device(&fleet, "A").protocol_errors, Vec::<String>::new());
}

#[tokio::test]
async fn an_undelivered_result_survives_a_restart_byte_for_byte() {
    let world = World::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("fleet.json");
    let fleet = world.fleet(Some(&file)).await;
    world
        .enrol(
            &fleet,
            DeviceSpec {
                failing_downloads: 1,
                ..spec("A")
            },
        )
        .await;
    world.report(&world.send("A", install_notes())).await;
    eventually("the download fails", || device(&fleet, "A").apps[NOTES] == "Failed").await;
    let said = world.queue("A", list());
    world.server(|server| server.lose_results = usize::MAX);
    world.push("A");
    eventually("the result gets lost", || {
        world.server(|server| !server.bodies_about(&said).is_empty())
    })
    .await;
    drop(fleet);

    world.server(|server| server.lose_results = 0);
    let _fleet = world.fleet(Some(&file)).await;

    let report = world.report(&said).await;
    assert_eq!(statuses(&report), [(NOTES.to_string(), "Failed".to_string())]);
    let bodies = world.server(|server| server.bodies_about(&said));
    assert_eq!(bodies.iter().collect::<BTreeSet<_>>().len(), 1);
}

/// The one push of a batch goes to everybody at once, and only a few may talk at a time.
#[tokio::test]
async fn a_storm_of_pushes_is_answered_by_every_device() {
    let world = World::start().await;
    let fleet = world.fleet(None).await;
    let serials: Vec<String> = (0..12).map(|number| format!("S{number}")).collect();
    for serial in &serials {
        world.enrol(&fleet, spec(serial)).await;
    }

    let mut sent = Vec::new();
    for serial in &serials {
        sent.push(world.queue(serial, install_notes()));
    }
    for serial in &serials {
        world.push(serial);
    }

    for uuid in &sent {
        assert_eq!(text(&world.report(uuid).await, "Status"), "Acknowledged");
    }
}

/// The routes that the fleet asks are those that the simulated Apple has.
#[tokio::test]
async fn the_simulated_apple_answers_what_the_fleet_asks() {
    let apple = sim::apple::Apple::start(sim::apple::AppleOptions::default())
        .await
        .unwrap();
    let world = World::start().await;
    let fleet = world.fleet_with(&apple.url(), None).await;
    world.enrol(&fleet, spec("A")).await;
    let adam_id: i64 = sim::apple::sample::adam_id(5).parse().unwrap();
    let install = world.queue("A", install(adam_id));

    let (token, magic) = world.server(|server| {
        let device = &server.devices["A"];
        (device.token.clone(), device.magic.clone())
    });
    let push = reqwest::Client::builder().no_proxy().build().unwrap();
    let pushed = push
        .post(format!("{}/3/device/{token}", apple.url()))
        .header("apns-push-type", "mdm")
        .header("apns-topic", TOPIC)
        .body(format!("{{\"mdm\":\"{magic}\"}}"))
        .send()
        .await
        .unwrap();
    assert_eq!(pushed.status(), 200);

    let report = world.report(&install).await;
    assert_eq!(codes(&report), [12064, 2605], "nobody has given it a licence");
    assert!(fleet.user_installs_app("A", NOTES).await);
}

// --- the world of these tests ------------------------------------------------------------

struct World {
    server: Arc<Mutex<Server>>,
    apple: Arc<Mutex<FakeApple>>,
    server_url: String,
    apple_url: String,
}

/// A device management server as small as it can be.
struct Server {
    url: String,
    ca: mdm::identity::DeviceCa,
    /// Tokens of enrolment pages that were not used yet.
    pages: BTreeSet<String>,
    downloads: usize,
    check_in_down: bool,
    /// Statuses to answer to the next requests of the command channel.
    answers: VecDeque<StatusCode>,
    /// How many results are heard but not taken.
    lose_results: usize,
    /// By serial number.
    devices: BTreeMap<String, Known>,
    certificates: BTreeMap<String, String>,
    signatures: BTreeMap<String, String>,
    /// What kinds of messages came, in order.
    heard: Vec<String>,
    bodies: Vec<Vec<u8>>,
    /// By the command's UUID.
    reports: HashMap<String, Dictionary>,
    next_uuid: u32,
}

#[derive(Default)]
struct Known {
    udid: String,
    token: String,
    magic: String,
    awaiting_configuration: bool,
    /// Commands without a final answer, and whether they answered `NotNow`.
    queue: Vec<(String, Dictionary, bool)>,
}

#[derive(Default)]
struct FakeApple {
    pushes: Vec<serde_json::Value>,
    licensed: bool,
    /// Of the only app in the store.
    version: i64,
    accepted: Vec<(String, String)>,
    dead_tokens: BTreeSet<String>,
}

impl World {
    async fn start() -> World {
        let apple = Arc::new(Mutex::new(FakeApple {
            licensed: true,
            version: 829_165_942,
            ..FakeApple::default()
        }));
        let routes = Router::new()
            .route("/sim/pushes", get(apple_pushes))
            .route("/sim/licence", get(apple_licence))
            .route("/sim/apps", get(apple_apps))
            .route("/sim/accept", post(apple_accept))
            .route("/sim/dead-token", post(apple_dead_token))
            .with_state(apple.clone());
        let apple_url = serve(routes).await;

        let server = Arc::new(Mutex::new(Server {
            url: String::new(),
            ca: new_ca(),
            pages: BTreeSet::new(),
            downloads: 0,
            check_in_down: false,
            answers: VecDeque::new(),
            lose_results: 0,
            devices: BTreeMap::new(),
            certificates: BTreeMap::new(),
            signatures: BTreeMap::new(),
            heard: Vec::new(),
            bodies: Vec::new(),
            reports: HashMap::new(),
            next_uuid: 0,
        }));
        let routes = Router::new()
            .route("/enrol/{token}", post(enrol))
            .route("/mdm", put(message))
            .with_state(server.clone());
        let server_url = serve(routes).await;
        server.lock().unwrap().url = server_url.clone();
        World {
            server,
            apple,
            server_url,
            apple_url,
        }
    }

    async fn fleet(&self, state_file: Option<&Path>) -> Fleet {
        self.fleet_with(&self.apple_url, state_file).await
    }

    async fn fleet_with(&self, apple_url: &str, state_file: Option<&Path>) -> Fleet {
        let options = FleetOptions {
            apple_url: apple_url.into(),
            state_file: state_file.map(PathBuf::from),
            seed: 7,
            timings: Timings::fast(),
            sessions: 4,
        };
        Fleet::start(options).await.unwrap()
    }

    fn server<T>(&self, act: impl FnOnce(&mut Server) -> T) -> T {
        act(&mut self.server.lock().unwrap())
    }

    fn apple<T>(&self, act: impl FnOnce(&mut FakeApple) -> T) -> T {
        act(&mut self.apple.lock().unwrap())
    }

    fn heard(&self) -> Vec<String> {
        self.server(|server| server.heard.clone())
    }

    /// A page that works once.
    fn enrolment(&self, name: &str) -> String {
        self.server(|server| server.pages.insert(name.into()));
        format!("{}/enrol/{name}", self.server_url)
    }

    async fn enrol(&self, fleet: &Fleet, spec: DeviceSpec) {
        let url = self.enrolment(&spec.serial);
        fleet.enrol(spec, &url).await.unwrap();
    }

    fn queue(&self, serial: &str, command: Dictionary) -> String {
        self.server(|server| {
            server.next_uuid += 1;
            let uuid = format!("0f0c1c0a-0000-4000-8000-{:012}", server.next_uuid);
            server
                .devices
                .get_mut(serial)
                .unwrap()
                .queue
                .push((uuid.clone(), command, false));
            uuid
        })
    }

    fn push(&self, serial: &str) {
        let magic = self.server(|server| server.devices[serial].magic.clone());
        self.push_with(serial, &magic);
    }

    fn push_with(&self, serial: &str, magic: &str) {
        let token = self.server(|server| server.devices[serial].token.clone());
        self.apple(|apple| {
            let id = apple.pushes.len() as u64 + 1;
            apple.pushes.push(json!({"id": id, "token": token, "magic": magic}));
        });
    }

    fn send(&self, serial: &str, command: Dictionary) -> String {
        let uuid = self.queue(serial, command);
        self.push(serial);
        uuid
    }

    fn answered(&self, uuid: &str) -> bool {
        self.server(|server| server.reports.contains_key(uuid))
    }

    /// The final answer to a command, when it is there.
    async fn report(&self, uuid: &str) -> Dictionary {
        eventually("the command is answered", || {
            self.server(|server| server.reports.contains_key(uuid))
        })
        .await;
        self.server(|server| server.reports[uuid].clone())
    }

    async fn install_and_wait(&self, fleet: &Fleet, serial: &str) {
        self.report(&self.send(serial, install_notes())).await;
        eventually("the app is there", || {
            device(fleet, serial)
                .apps
                .get(NOTES)
                .is_some_and(|status| status == "Managed")
        })
        .await;
    }
}

impl Server {
    fn bodies_about(&self, uuid: &str) -> Vec<Vec<u8>> {
        let about = |body: &&Vec<u8>| body.windows(uuid.len()).any(|window| window == uuid.as_bytes());
        self.bodies.iter().filter(about).cloned().collect()
    }

    fn command(&mut self, serial: &str, message: &Dictionary) -> Response {
        let status = text(message, "Status");
        let known = self.devices.get_mut(serial).unwrap();
        if status != "Idle" {
            let uuid = text(message, "CommandUUID");
            if self.lose_results > 0 {
                self.lose_results -= 1;
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
            if status == "NotNow" {
                for (queued, _, not_now) in &mut known.queue {
                    *not_now |= *queued == uuid;
                }
            } else {
                known.queue.retain(|(queued, ..)| *queued != uuid);
                self.reports.insert(uuid, message.clone());
            }
        }
        let next = known.queue.iter().find(|(_, _, not_now)| status == "Idle" || !not_now);
        match next {
            None => StatusCode::OK.into_response(),
            Some((uuid, command, _)) => {
                let command = Dictionary::from_iter([
                    ("CommandUUID", Value::from(uuid.clone())),
                    ("Command", Value::from(command.clone())),
                ]);
                (
                    [(header::CONTENT_TYPE, "application/xml; charset=UTF-8")],
                    mdm::plist::write(&command),
                )
                    .into_response()
            }
        }
    }

    fn check_in(&mut self, serial: &str, message: &Dictionary) -> Response {
        let known = self.devices.entry(serial.into()).or_default();
        assert_eq!(text(message, "Topic"), TOPIC);
        known.udid = text(message, "UDID");
        match text(message, "MessageType").as_str() {
            "Authenticate" => known.queue.clear(),
            "TokenUpdate" => {
                known.token = hex::encode(message["Token"].as_data().unwrap());
                known.magic = text(message, "PushMagic");
                if let Some(awaiting) = message.get("AwaitingConfiguration") {
                    known.awaiting_configuration = awaiting.as_boolean().unwrap();
                }
            }
            "CheckOut" => {}
            other => panic!("{other} is no message that a device sends"),
        }
        StatusCode::OK.into_response()
    }
}

async fn enrol(State(server): State<Arc<Mutex<Server>>>, UrlPath(token): UrlPath<String>) -> Response {
    let mut server = server.lock().unwrap();
    if !server.pages.remove(&token) {
        return StatusCode::GONE.into_response();
    }
    let profile = enrolment_profile(&mut server, &token);
    ([(header::CONTENT_TYPE, "application/x-apple-aspen-config")], profile).into_response()
}

async fn message(State(server): State<Arc<Mutex<Server>>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut server = server.lock().unwrap();
    let content_type = headers[header::CONTENT_TYPE].to_str().unwrap();
    let signature = headers["mdm-signature"].to_str().unwrap();
    let certificate = verified(&server, signature, &body);
    let message = mdm::plist::parse(&body).unwrap();
    let udid = text(&message, "UDID");
    if content_type == "application/x-apple-aspen-mdm-checkin" {
        let message_type = text(&message, "MessageType");
        server.heard.push(message_type.clone());
        let read = mdm::checkin::CheckIn::parse(&message).unwrap();
        assert!(
            !matches!(read, mdm::checkin::CheckIn::Other(_)),
            "{message_type} is known to the protocol crate"
        );
        if server.check_in_down {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        let serial = match message_type.as_str() {
            "Authenticate" => text(&message, "SerialNumber"),
            _ => server.serial(&udid),
        };
        server.certificates.insert(serial.clone(), certificate);
        server.signatures.insert(serial.clone(), signature.into());
        return server.check_in(&serial, &message);
    }
    assert_eq!(content_type, "application/x-apple-aspen-mdm; charset=UTF-8");
    let serial = server.serial(&udid);
    assert_eq!(
        server.certificates[&serial], certificate,
        "the certificate that enrolled the device"
    );
    mdm::report::Report::parse(message.clone()).unwrap();
    server.heard.push(text(&message, "Status"));
    server.bodies.push(body.to_vec());
    if let Some(status) = server.answers.pop_front() {
        return status.into_response();
    }
    server.command(&serial, &message)
}

impl Server {
    fn serial(&self, udid: &str) -> String {
        let known = self.devices.iter().find(|(_, known)| known.udid == udid);
        known.map(|(serial, _)| serial.clone()).expect("a device that enrolled")
    }
}

async fn apple_pushes(
    State(apple): State<Arc<Mutex<FakeApple>>>,
    Query(query): Query<HashMap<String, String>>,
) -> axum::Json<serde_json::Value> {
    let number = |name: &str| query[name].parse::<u64>().unwrap();
    let until = tokio::time::Instant::now() + Duration::from_millis(number("wait_ms"));
    loop {
        let (pushes, last) = {
            let apple = apple.lock().unwrap();
            let after = number("after") as usize;
            (
                apple.pushes.iter().skip(after).cloned().collect::<Vec<_>>(),
                apple.pushes.len(),
            )
        };
        if !pushes.is_empty() || tokio::time::Instant::now() > until {
            return axum::Json(json!({"pushes": pushes, "last": last}));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn apple_licence(State(apple): State<Arc<Mutex<FakeApple>>>) -> axum::Json<serde_json::Value> {
    let licensed = apple.lock().unwrap().licensed;
    axum::Json(json!({"licensed": licensed, "via": licensed.then_some("user")}))
}

async fn apple_apps(State(apple): State<Arc<Mutex<FakeApple>>>) -> axum::Json<serde_json::Value> {
    let version = apple.lock().unwrap().version;
    axum::Json(json!([{
        "adamId": "100", "bundleId": NOTES, "name": "Dodam Notes", "version": "3.7",
        "externalVersionId": version, "platforms": ["iOS"], "minimumOs": "15.0",
    }]))
}

async fn apple_accept(
    State(apple): State<Arc<Mutex<FakeApple>>>,
    axum::Json(body): axum::Json<serde_json::Value>,
) -> StatusCode {
    let word = |name: &str| body[name].as_str().unwrap().to_string();
    apple
        .lock()
        .unwrap()
        .accepted
        .push((word("inviteCode"), word("account")));
    StatusCode::OK
}

async fn apple_dead_token(
    State(apple): State<Arc<Mutex<FakeApple>>>,
    axum::Json(body): axum::Json<serde_json::Value>,
) -> StatusCode {
    apple
        .lock()
        .unwrap()
        .dead_tokens
        .insert(body["token"].as_str().unwrap().into());
    StatusCode::OK
}

async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    format!("http://{address}")
}

/// A device that is quick about everything.
fn spec(serial: &str) -> DeviceSpec {
    DeviceSpec {
        account: Some("kim@account.example".into()),
        download_time: Duration::from_millis(50),
        ..DeviceSpec::new(serial)
    }
}

fn device(fleet: &Fleet, serial: &str) -> DeviceSnapshot {
    fleet.device(serial).expect("the fleet has the device")
}

fn command(request_type: &str, keys: &[(&str, Value)]) -> Dictionary {
    let mut command = Dictionary::from_iter([("RequestType", request_type)]);
    for (name, value) in keys {
        command.insert((*name).into(), value.clone());
    }
    command
}

fn install_command(adam_id: i64, more: &[(&str, Value)]) -> Dictionary {
    let options = Dictionary::from_iter([("PurchaseMethod", 1)]);
    let mut keys = vec![
        ("iTunesStoreID", adam_id.into()),
        ("Options", options.into()),
        ("ManagementFlags", 1.into()),
    ];
    keys.extend_from_slice(more);
    command("InstallApplication", &keys)
}

fn install(adam_id: i64) -> Dictionary {
    install_command(adam_id, &[("ChangeManagementState", "Managed".into())])
}

fn install_notes() -> Dictionary {
    install(100)
}

fn list() -> Dictionary {
    command("ManagedApplicationList", &[])
}

fn remove_profile(identifier: &str) -> Dictionary {
    command("RemoveProfile", &[("Identifier", identifier.into())])
}

fn invite(url: &str) -> Dictionary {
    command(
        "InviteToProgram",
        &[
            ("ProgramID", "com.apple.cloudvpp".into()),
            ("InvitationURL", url.into()),
        ],
    )
}

fn text(dictionary: &Dictionary, key: &str) -> String {
    let value = dictionary.get(key).and_then(Value::as_string);
    value
        .unwrap_or_else(|| panic!("no text {key} in {dictionary:?}"))
        .to_string()
}

fn codes(report: &Dictionary) -> Vec<i64> {
    let chain = report.get("ErrorChain").and_then(Value::as_array);
    let chain = chain.unwrap_or_else(|| panic!("no error in {report:?}"));
    chain
        .iter()
        .map(|item| item.as_dictionary().unwrap()["ErrorCode"].as_signed_integer().unwrap())
        .collect()
}

fn statuses(report: &Dictionary) -> Vec<(String, String)> {
    let list = report["ManagedApplicationList"].as_dictionary().unwrap();
    list.iter()
        .map(|(bundle_id, app)| (bundle_id.clone(), text(app.as_dictionary().unwrap(), "Status")))
        .collect()
}

fn version(report: &Dictionary) -> i64 {
    let list = report["ManagedApplicationList"].as_dictionary().unwrap();
    list[NOTES].as_dictionary().unwrap()["ExternalVersionIdentifier"]
        .as_signed_integer()
        .unwrap()
}

fn new_ca() -> mdm::identity::DeviceCa {
    mdm::identity::DeviceCa::generate("Devices of the test", jiff::Timestamp::now()).unwrap()
}

fn enrolment_profile(server: &mut Server, name: &str) -> Vec<u8> {
    let issued = server.ca.issue(name, jiff::Timestamp::now(), 30).unwrap();
    server.downloads += 1;
    let profile = mdm::profile::EnrolmentProfile {
        organization: "서린들 주식회사".into(),
        server_url: format!("{}/mdm", server.url),
        topic: TOPIC.into(),
        p12: issued.p12,
        password: issued.password,
        enrolment_id: uuid::Uuid::from_u128(server.downloads as u128),
        access_rights: mdm::profile::ACCESS_RIGHTS | mdm::profile::ERASE,
    };
    profile.to_plist()
}

/// The hash of the certificate behind a signature that holds.
fn verified(server: &Server, signature: &str, body: &[u8]) -> String {
    let signer = mdm::signature::verify(signature, body).unwrap();
    server.ca.verify(&signer.der, jiff::Timestamp::now()).unwrap();
    signer.sha256
}

fn every_command() -> Vec<mdm::command::Command> {
    use mdm::command::Command;
    vec![
        Command::InstallApplication {
            itunes_store_id: 100,
            management_flags: 1,
            change_management_state: true,
        },
        Command::ManagedApplicationList { identifiers: None },
        Command::ManagedApplicationList {
            identifiers: Some(vec![NOTES.into()]),
        },
        Command::InviteToProgram {
            invitation_url: "https://store.example/invite?inviteCode=1".into(),
        },
        Command::DeviceInformation {
            queries: vec!["SerialNumber".into(), "IsSupervised".into()],
        },
        Command::DeviceConfigured,
        Command::RemoveApplication {
            identifier: NOTES.into(),
        },
        Command::RemoveProfile {
            identifier: mdm::profile::IDENTIFIER.into(),
        },
        Command::EraseDevice,
    ]
}

/// Waits for a state of the world, but not for ever.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain: {what}");
}
