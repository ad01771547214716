//! What the server says to devices, honest ones and others, in the words of the protocol.

use domain::{Enrolment, PersonId};
use mdm::{
    checkin::{Authenticate, CheckIn, CheckOut, TokenUpdate},
    command::Command,
    identity::Identity,
    plist::{self, Value},
    profile::{ProfileError, ReadProfile},
    report::{Report, Status},
    signature::SignerCertificate,
    signing::{Form, sign},
};
use rcgen::{CertificateParams, DnType, KeyPair};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use server::app::{Base, Caller, contract::Agreed, leavers::Devices, people::NewPerson};
use sha2::{Digest, Sha256};
use store::{CommandRow, DeviceRow, EventFilter};
use uuid::Uuid;
use x509_cert::{Certificate, der::Decode};

use crate::server::{Browser, TestServer};

const CHECK_IN: &str = "application/x-apple-aspen-mdm-checkin";
pub const COMMANDS: &str = "application/x-apple-aspen-mdm";

pub async fn server() -> TestServer {
    TestServer::start_with(|config| config.mdm.push_topic = Some("com.apple.mgmt.External.test".to_owned())).await
}

/// A device by hand: it says what a test wants it to say.
pub struct Phone<'a> {
    server: &'a TestServer,
    pub udid: String,
    topic: String,
    identity: Identity,
}

impl<'a> Phone<'a> {
    /// Takes a profile from an enrolment page of a person made for it.
    async fn with_profile(server: &'a TestServer, udid: &str) -> Phone<'a> {
        let new = NewPerson {
            name: "김민지".to_owned(),
            email: None,
            department: None,
            office: None,
        };
        let app = &server.running.app;
        let person = app.person_add(&Caller::System, new).await.unwrap();
        let link = app.enrolment_link(&Caller::System, person).await.unwrap();
        Phone::take_profile(server, link.expose_secret(), udid).await
    }

    async fn take_profile(server: &'a TestServer, link: &str, udid: &str) -> Phone<'a> {
        let answer = server.http.post(link).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let profile = ReadProfile::parse(&answer.bytes().await.unwrap()).unwrap();
        Phone {
            server,
            udid: udid.to_owned(),
            topic: profile.topic.clone(),
            identity: Identity::from_p12(&profile.p12, &profile.password).unwrap(),
        }
    }

    /// The same from a link that is for nobody.
    async fn for_nobody(server: &'a TestServer, udid: &str) -> Phone<'a> {
        let link = server
            .running
            .app
            .enrolment_link_for_nobody(&Caller::System)
            .await
            .unwrap();
        Phone::take_profile(server, link.expose_secret(), udid).await
    }

    pub async fn enrolled(server: &'a TestServer, udid: &str) -> Phone<'a> {
        let phone = Phone::with_profile(server, udid).await;
        assert_eq!(phone.check_in(phone.authenticate()).await, StatusCode::OK);
        assert_eq!(phone.check_in(phone.token_update(1)).await, StatusCode::OK);
        phone
    }

    pub fn authenticate(&self) -> CheckIn {
        CheckIn::Authenticate(Authenticate {
            id: self.udid.clone(),
            topic: self.topic.clone(),
            product_name: Some("iPhone15,4".to_owned()),
            ..Authenticate::default()
        })
    }

    pub fn token_update(&self, token: u8) -> CheckIn {
        CheckIn::TokenUpdate(TokenUpdate {
            id: self.udid.clone(),
            topic: self.topic.clone(),
            token: vec![token; 32],
            push_magic: "magic".to_owned(),
            ..TokenUpdate::default()
        })
    }

    pub fn check_out(&self) -> CheckIn {
        CheckIn::CheckOut(CheckOut {
            id: self.udid.clone(),
            topic: Some(self.topic.clone()),
        })
    }

    pub async fn check_in(&self, message: CheckIn) -> StatusCode {
        self.say(CHECK_IN, &message.to_dictionary()).await.0
    }

    /// Signs and sends. The status, and the command that came back.
    pub async fn say(&self, content_type: &str, message: &plist::Dictionary) -> (StatusCode, Vec<u8>) {
        let body = plist::write(message);
        let signature = sign(&body, &self.identity, Form::AppleBer).unwrap();
        self.send(content_type, body, Some(signature)).await
    }

    async fn send(&self, content_type: &str, body: Vec<u8>, signature: Option<String>) -> (StatusCode, Vec<u8>) {
        let mut request = self
            .server
            .request(Method::PUT, "/mdm")
            .header("content-type", content_type)
            .body(body);
        if let Some(signature) = signature {
            request = request.header("mdm-signature", signature);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.bytes().await.unwrap().to_vec())
    }

    /// Who signs what it says.
    pub fn signer(&self) -> SignerCertificate {
        let der = self.identity.certificate_der.clone();
        SignerCertificate {
            sha256: hex::encode(Sha256::digest(&der)),
            der,
        }
    }

    /// Puts something into the queue of the device.
    pub async fn ask(&self, command: &Command) -> Uuid {
        let app = &self.server.running.app;
        let devices = app.devices().await.unwrap();
        let device = devices.into_iter().find(|device| device.udid == self.udid).unwrap();
        let uuid = Uuid::now_v7();
        let body = command.to_plist(&uuid.to_string());
        let row = CommandRow::new(uuid, device.id, command.request_type(), None, None, body, app.now());
        let mut tx = app.store.begin().await.unwrap();
        tx.command_insert(&row).await.unwrap();
        tx.commit().await.unwrap();
        uuid
    }

    /// Another device that has the profile of this person's next enrolment, and says it is `udid`.
    pub async fn again_for(server: &'a TestServer, person: PersonId, udid: &str) -> Phone<'a> {
        let link = server
            .running
            .app
            .enrolment_link(&Caller::System, person)
            .await
            .unwrap();
        Phone::take_profile(server, link.expose_secret(), udid).await
    }

    pub async fn row(&self) -> DeviceRow {
        let devices = self.server.running.app.devices().await.unwrap();
        devices.into_iter().find(|device| device.udid == self.udid).unwrap()
    }

    async fn push_token(&self) -> Option<Vec<u8>> {
        let devices = self.server.running.app.devices().await.unwrap();
        let device = devices.into_iter().find(|device| device.udid == self.udid);
        device.and_then(|device| device.push_token)
    }
}

/// Neither a link that is open, nor a profile that was taken, nor the device that was theirs. And never 401.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_enrols_for_a_person_who_left_until_they_are_back() {
    let server = server().await;
    let app = &server.running.app;
    let phone = Phone::enrolled(&server, "PHONE-1").await;
    let person = phone.row().await.person_id;
    let begun = Phone::again_for(&server, person, "PHONE-2").await;
    assert_eq!(begun.check_in(begun.authenticate()).await, StatusCode::OK);
    let unused = Phone::again_for(&server, person, "PHONE-3").await;
    app.person_leave(&Caller::System, person, Base::Latest, Devices::Keep, &Agreed::default())
        .await
        .unwrap();

    // Again and again: the history tells of each device once a day.
    for device in [&unused, &begun, &phone, &unused, &begun, &phone] {
        let (status, reason) = device.say(CHECK_IN, &device.authenticate().to_dictionary()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(String::from_utf8(reason).unwrap(), "the person left the organisation");
    }
    assert_eq!(
        begun.check_in(begun.token_update(1)).await,
        StatusCode::BAD_REQUEST,
        "it never was enrolled"
    );
    assert_eq!(
        phone.check_in(phone.token_update(2)).await,
        StatusCode::OK,
        "apps have to be taken from it"
    );
    assert_eq!(phone.row().await.enrolment, Enrolment::Enrolled);
    let told = app
        .events(&EventFilter {
            person: Some(person),
            limit: 50,
            ..EventFilter::default()
        })
        .await
        .unwrap();
    assert_eq!(told.iter().filter(|event| event.kind == "enrolmentRefused").count(), 3);

    // A profile that was taken before is of no use even then: a new one is.
    app.person_return(&Caller::System, person, Base::Latest, &Agreed::default())
        .await
        .unwrap();
    assert_eq!(unused.check_in(unused.authenticate()).await, StatusCode::BAD_REQUEST);
    let again = Phone::again_for(&server, person, "PHONE-3").await;
    assert_eq!(again.check_in(again.authenticate()).await, StatusCode::OK);
    server.stop().await;
}

/// The same message, on the channel of a user of the device.
fn of_user(message: &CheckIn) -> plist::Dictionary {
    let mut message = message.to_dictionary();
    message.insert("UserID".to_owned(), Value::from("7C9A4B7E-4F43-4AB2-8A4F-5F3B1C0F4E11"));
    message
}

/// A Mac speaks for its users too, with another push token each: taken for the device's, the device could not be
/// woken any more, and a user who leaves would take the whole device along.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_a_device_is_never_taken_for_the_device() {
    let server = server().await;
    let phone = Phone::enrolled(&server, "MAC-1").await;

    for message in [phone.token_update(2), phone.check_out()] {
        let (status, answer) = phone.say(CHECK_IN, &of_user(&message)).await;
        assert_eq!((status, answer.len()), (StatusCode::OK, 0));
        assert_eq!(phone.push_token().await, Some(vec![1; 32]));
    }

    // There is something to do for the device, and nothing for the user.
    phone.ask(&Command::DeviceConfigured).await;
    let mut idle = Report::idle("MAC-1").body;
    let (status, command) = phone.say(COMMANDS, &idle).await;
    assert_eq!(status, StatusCode::OK);
    assert!(!command.is_empty());
    idle.insert("UserID".to_owned(), Value::from("7C9A4B7E-4F43-4AB2-8A4F-5F3B1C0F4E11"));
    let (status, command) = phone.say(COMMANDS, &idle).await;
    assert_eq!((status, command.len()), (StatusCode::OK, 0));

    // A network user of a Mac is not to be managed at all.
    let mut message = plist::Dictionary::new();
    for (key, value) in [("MessageType", "UserAuthenticate"), ("UDID", "MAC-1"), ("UserID", "u")] {
        message.insert(key.to_owned(), Value::from(value));
    }
    assert_eq!(phone.say(CHECK_IN, &message).await.0, StatusCode::GONE);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_speaks_for_itself_only() {
    let server = server().await;
    let mut phone = Phone::enrolled(&server, "PHONE-1").await;
    let other = Phone::enrolled(&server, "PHONE-2").await;
    let uuid = other.ask(&Command::DeviceConfigured).await.to_string();
    let (_, command) = other.say(COMMANDS, &Report::idle("PHONE-2").body).await;
    assert!(!command.is_empty());

    // Its own name, another's command: taken, and without effect.
    let answer = Report::answer("PHONE-1", &uuid, Status::Acknowledged);
    assert_eq!(phone.say(COMMANDS, &answer.body).await.0, StatusCode::OK);
    let (_, again) = other.say(COMMANDS, &Report::idle("PHONE-2").body).await;
    assert_eq!(again, command);

    // Another's name.
    phone.udid = "PHONE-2".to_owned();
    for message in [phone.token_update(9), phone.check_out(), phone.authenticate()] {
        assert_eq!(phone.check_in(message).await, StatusCode::BAD_REQUEST);
    }
    assert_eq!(
        phone.say(COMMANDS, &Report::idle("PHONE-2").body).await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(other.push_token().await, Some(vec![1; 32]));
    server.stop().await;
}

/// 401 is the order to unenrol: nobody gets it, whatever they say.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_to_unenrol() {
    let server = server().await;
    let phone = Phone::enrolled(&server, "PHONE-1").await;
    let stranger = {
        let now = jiff::Timestamp::now();
        let ca = mdm::identity::DeviceCa::generate("Somebody else", now).unwrap();
        let issued = ca.issue("device", now, 30).unwrap();
        Identity::from_p12(&issued.p12, &issued.password).unwrap()
    };
    let body = plist::write(&phone.token_update(3).to_dictionary());
    let good = sign(&body, &phone.identity, Form::DerWithAttributes).unwrap();
    let foreign = sign(&body, &stranger, Form::DerWithAttributes).unwrap();
    for (case, body, signature) in [
        ("no signature", body.clone(), None),
        ("no base64", body.clone(), Some("%%%".to_owned())),
        ("somebody else's authority", body.clone(), Some(foreign)),
        ("another body", b"<plist/>".to_vec(), Some(good.clone())),
        ("no property list", Vec::new(), Some(good)),
    ] {
        let (status, answer) = phone.send(CHECK_IN, body, signature).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{case}");
        assert!(!answer.is_empty(), "{case}: the log of the device must say why");
    }
    for strange in ["", "<plist><dict/></plist>", "<plist><string>x</string></plist>"] {
        let signature = sign(strange.as_bytes(), &phone.identity, Form::AppleBer).unwrap();
        let (status, _) = phone.send(COMMANDS, strange.into(), Some(signature)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{strange:?}");
    }
    let huge = phone.send(COMMANDS, vec![b' '; 9 * 1024 * 1024], None).await.0;
    assert_eq!(huge, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(phone.push_token().await, Some(vec![1; 32]));
    server.stop().await;
}

/// A profile is for one device. A link that was used up gives no second one.
#[tokio::test(flavor = "multi_thread")]
async fn a_copied_profile_enrols_no_second_device() {
    let server = server().await;
    let mut phone = Phone::enrolled(&server, "PHONE-1").await;
    phone.udid = "PHONE-2".to_owned();
    assert_eq!(phone.check_in(phone.authenticate()).await, StatusCode::BAD_REQUEST);
    assert_eq!(server.running.app.devices().await.unwrap().len(), 1);
    // The device itself may come again: it was erased, or it lost the answer.
    phone.udid = "PHONE-1".to_owned();
    assert_eq!(phone.check_in(phone.authenticate()).await, StatusCode::OK);
    assert_eq!(phone.push_token().await, None);
    assert_eq!(phone.check_in(phone.token_update(4)).await, StatusCode::OK);
    assert_eq!(phone.push_token().await, Some(vec![4; 32]));
    server.stop().await;
}

/// Whoever has an enrolment link of their own may not say that they are somebody else's device.
#[tokio::test(flavor = "multi_thread")]
async fn an_identity_that_never_had_a_device_takes_over_nobodys() {
    let server = server().await;
    let phone = Phone::enrolled(&server, "PHONE-1").await;
    let thief = Phone::with_profile(&server, "PHONE-1").await;
    let before = phone.row().await;
    for message in [thief.authenticate(), thief.token_update(9), thief.check_out()] {
        assert_eq!(thief.check_in(message).await, StatusCode::BAD_REQUEST);
    }
    let after = phone.row().await;
    assert_eq!(
        (after.person_id, after.push_token),
        (before.person_id, Some(vec![1; 32]))
    );
    assert_eq!(phone.check_in(phone.token_update(2)).await, StatusCode::OK);
    assert_eq!(thief.check_in(thief.authenticate()).await, StatusCode::BAD_REQUEST);
    let (_, history) = server.get("/api/v1/events").await;
    assert_eq!(
        history.to_string().matches("deviceTakeoverRefused").count(),
        1,
        "{history}"
    );
    server.stop().await;
}

/// It was erased: its person enrols it anew, and whoever has a copy of the old identity has nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_old_identity_of_a_device_that_enrolled_anew_is_dead() {
    let server = server().await;
    let old = Phone::enrolled(&server, "PHONE-1").await;
    let new = Phone::again_for(&server, old.row().await.person_id, "PHONE-1").await;
    assert_eq!(new.check_in(new.authenticate()).await, StatusCode::OK);
    assert_eq!(new.check_in(new.token_update(2)).await, StatusCode::OK);
    for message in [old.authenticate(), old.token_update(9), old.check_out()] {
        assert_eq!(old.check_in(message).await, StatusCode::BAD_REQUEST);
    }
    let idle = Report::idle("PHONE-1").body;
    assert_eq!(old.say(COMMANDS, &idle).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(new.say(COMMANDS, &idle).await.0, StatusCode::OK);
    assert_eq!(new.push_token().await, Some(vec![2; 32]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_check_out_nothing_is_accepted_but_a_new_enrolment() {
    let server = server().await;
    let phone = Phone::enrolled(&server, "PHONE-1").await;
    assert_eq!(phone.check_in(phone.check_out()).await, StatusCode::OK);
    for message in [phone.token_update(2), phone.authenticate(), phone.check_out()] {
        assert_eq!(phone.check_in(message).await, StatusCode::BAD_REQUEST);
    }
    let idle = Report::idle("PHONE-1").body;
    assert_eq!(phone.say(COMMANDS, &idle).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(phone.row().await.enrolment, Enrolment::Gone);
    // Handed on to somebody else, with an enrolment of theirs.
    let next = Phone::enrolled(&server, "PHONE-1").await;
    assert_eq!(next.row().await.enrolment, Enrolment::Enrolled);
    server.stop().await;
}

/// A link for nobody says of no device that it is meant, so it takes none that is managed, and neither does a person's.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_belongs_to_nobody_is_enrolled_anew_only_once_it_has_left() {
    let server = server().await;
    let app = &server.running.app;
    let kiosk = Phone::for_nobody(&server, "KIOSK-1").await;
    assert_eq!(kiosk.check_in(kiosk.authenticate()).await, StatusCode::OK);
    assert_eq!(kiosk.check_in(kiosk.token_update(1)).await, StatusCode::OK);
    let before = kiosk.row().await;
    assert_eq!(before.owner(), None);
    let theirs = Phone::enrolled(&server, "PHONE-1").await;
    assert!(theirs.row().await.owner().is_some());

    // Again and again: the history tells of each once a day.
    let nobodys = Phone::for_nobody(&server, "KIOSK-1").await;
    let somebodys = Phone::with_profile(&server, "KIOSK-1").await;
    let strange = Phone::for_nobody(&server, "PHONE-1").await;
    for other in [&nobodys, &somebodys, &strange, &nobodys, &somebodys, &strange] {
        let (status, reason) = other.say(CHECK_IN, &other.authenticate().to_dictionary()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let reason = String::from_utf8(reason).unwrap();
        assert!(reason.contains("take it out first"), "{reason}");
    }
    let filter = EventFilter {
        limit: 100,
        ..EventFilter::default()
    };
    let refused = app.events(&filter).await.unwrap();
    let refused = refused
        .into_iter()
        .filter(|event| event.kind == "deviceTakeoverRefused");
    let refused: Vec<bool> = refused.map(|event| event.person_id.is_some()).collect();
    assert_eq!(refused, [false, true, false], "each once, the latest first");
    let after = kiosk.row().await;
    assert_eq!(
        (after.enrolment_id, after.push_token),
        (before.enrolment_id, before.push_token)
    );
    assert_eq!(
        kiosk.check_in(kiosk.authenticate()).await,
        StatusCode::OK,
        "its own profile once more"
    );

    // Once it has left it is whoever's link comes first, and the same device.
    assert_eq!(kiosk.check_in(kiosk.check_out()).await, StatusCode::OK);
    assert_eq!(nobodys.check_in(nobodys.authenticate()).await, StatusCode::OK);
    assert_eq!(nobodys.check_in(nobodys.token_update(2)).await, StatusCode::OK);
    assert_eq!((nobodys.row().await.id, nobodys.row().await.owner()), (before.id, None));
    assert_eq!(nobodys.check_in(nobodys.check_out()).await, StatusCode::OK);
    assert_eq!(somebodys.check_in(somebodys.authenticate()).await, StatusCode::OK);
    let row = somebodys.row().await;
    assert_eq!(row.id, before.id);
    assert!(row.owner().is_some());

    // Programs see that there is nobody, and make such links.
    let (status, link) = server
        .send(
            Method::POST,
            "/api/v1/managedDevices/enrolmentLinks",
            &serde_json::json!({}),
        )
        .await;
    assert_eq!(status, StatusCode::CREATED);
    let another = Phone::take_profile(&server, link["url"].as_str().unwrap(), "KIOSK-2").await;
    assert_eq!(another.check_in(another.authenticate()).await, StatusCode::OK);
    let id = another.row().await.id;
    let path = format!("/api/v1/managedDevices/{id}");
    let (_, told) = server.get(&path).await;
    assert_eq!(
        (&told["userId"], &told["userDisplayName"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
    let (status, _) = server.get(&format!("/api/v1/users/{id}")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_identity_is_refused_and_its_device_is_not_told_to_unenrol() {
    let server = server().await;
    let phone = Phone::enrolled(&server, "PHONE-1").await;
    let path = format!("/api/v1/managedDevices/{}/revokeIdentity", phone.row().await.id);
    let looker = server.request(Method::POST, &path).bearer_auth(&server.looker);
    assert_eq!(looker.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(
        server.send(Method::POST, &path, &serde_json::json!({})).await.0,
        StatusCode::NO_CONTENT
    );
    for message in [phone.token_update(2), phone.authenticate(), phone.check_out()] {
        assert_eq!(phone.check_in(message).await, StatusCode::BAD_REQUEST);
    }
    let row = phone.row().await;
    assert!(row.push_token.is_none() && row.unreachable_since.is_some());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_ours_is_refused() {
    let server = server().await;
    let mut phone = Phone::enrolled(&server, "PHONE-1").await;
    phone.topic = "com.apple.mgmt.External.other".to_owned();
    for message in [phone.token_update(2), phone.authenticate(), phone.check_out()] {
        assert_eq!(phone.check_in(message).await, StatusCode::BAD_REQUEST);
    }
    assert_eq!(phone.push_token().await, Some(vec![1; 32]));
    server.stop().await;
}

/// PostgreSQL takes no NUL, and a page of one name took 4.9 MB.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_a_device_gives_itself_is_short_and_printable() {
    let server = server().await;
    let phone = Phone::enrolled(&server, "PHONE-1").await;
    let uuid = phone
        .ask(&Command::DeviceInformation {
            queries: vec!["DeviceName".to_owned()],
        })
        .await
        .to_string();
    let facts = [("DeviceName".to_owned(), Value::from("가".repeat(1_500_000)))];
    let report = Report::answer("PHONE-1", &uuid, Status::Acknowledged)
        .with("QueryResponses", Value::Dictionary(facts.into_iter().collect()));
    assert_eq!(phone.say(COMMANDS, &report.body).await.0, StatusCode::OK);
    assert_eq!(phone.row().await.name.chars().count(), mdm::text::NAME);
    server.stop().await;
}

/// The device did not hear that its report was taken; or it answers what was given up meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_comes_twice_or_too_late_changes_nothing() {
    let server = server().await;
    let phone = Phone::enrolled(&server, "PHONE-1").await;
    let taken = phone.ask(&Command::DeviceConfigured).await.to_string();
    let report = Report::answer("PHONE-1", &taken, Status::Acknowledged);
    for _ in 0..2 {
        let (status, answer) = phone.say(COMMANDS, &report.body).await;
        assert_eq!((status, answer.len()), (StatusCode::OK, 0));
    }
    let dropped = phone.ask(&Command::DeviceConfigured).await;
    assert_eq!(phone.check_in(phone.authenticate()).await, StatusCode::OK);
    assert_eq!(phone.check_in(phone.token_update(2)).await, StatusCode::OK);
    let late = Report::answer("PHONE-1", &dropped.to_string(), Status::Acknowledged);
    assert_eq!(phone.say(COMMANDS, &late.body).await.0, StatusCode::OK);
    let command = server.running.app.store.command(dropped).await.unwrap().unwrap();
    assert_eq!(command.state, store::CommandState::Dropped);
    // It leaves before it came.
    let stranger = Phone::with_profile(&server, "PHONE-2").await;
    for message in [stranger.check_out(), stranger.token_update(1)] {
        assert_eq!(stranger.check_in(message).await, StatusCode::BAD_REQUEST);
    }
    server.stop().await;
}

/// A profile that was changed on the way could hand the device to somebody else.
#[tokio::test]
async fn a_profile_comes_signed_by_the_authority_of_the_devices() {
    let server = server().await;
    let (bytes, read) = profile(&server).await;
    let by = Certificate::from_der(&read.signer.unwrap().der).unwrap();
    assert_eq!(by.tbs_certificate().subject().to_string(), "CN=Allotment Device CA");
    let at = bytes.windows(5).position(|part| part == b"/mdm<").unwrap();
    let mut changed = bytes;
    changed[at] ^= 1;
    let refused = ReadProfile::parse(&changed);
    assert!(matches!(refused, Err(ProfileError::Signature(_))), "{refused:?}");
    server.stop().await;
}

#[tokio::test]
async fn an_operators_own_certificate_signs_profiles_and_may_be_renewed_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signer.pem");
    let write = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(&file, certificate.pem() + &key.serialize_pem()).unwrap();
        certificate.der().to_vec()
    };
    let first = write("the first");
    let configured = file.clone();
    let server = TestServer::start_with(|config| {
        config.mdm.push_topic = Some("com.apple.mgmt.External.test".to_owned());
        config.mdm.profile_signer_file = Some(configured);
    })
    .await;
    let signer = async || profile(&server).await.1.signer.unwrap().der;
    assert_eq!(signer().await, first);
    let second = write("the second");
    assert_eq!(signer().await, second);
    // Half of a file, while it is written: whoever enrols at this moment enrols.
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----").unwrap();
    let by = Certificate::from_der(&signer().await).unwrap();
    assert_eq!(by.tbs_certificate().subject().to_string(), "CN=Allotment Device CA");
    server.stop().await;
}

/// What an enrolment page hands out, as it came and as a device reads it.
async fn profile(server: &TestServer) -> (Vec<u8>, ReadProfile) {
    let app = &server.running.app;
    let new = NewPerson {
        name: "김민지".to_owned(),
        email: None,
        department: None,
        office: None,
    };
    let person = app.person_add(&Caller::System, new).await.unwrap();
    let link = app.enrolment_link(&Caller::System, person).await.unwrap();
    let answer = server.http.post(link.expose_secret()).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-apple-aspen-config");
    let bytes = answer.bytes().await.unwrap().to_vec();
    let read = ReadProfile::parse(&bytes).unwrap();
    (bytes, read)
}

/// "It does not enrol" is answered by what it said, and what it was told.
#[tokio::test]
async fn what_devices_say_is_kept_for_support_without_secrets_and_refused_ones_with_their_reason() {
    let server = server().await;
    let phone = Phone::enrolled(&server, "PHONE-1").await;
    let other = Phone::enrolled(&server, "PHONE-2").await;
    let device = phone.row().await.id;
    // Speaks for another device, with an identity of ours.
    let pretending = Phone {
        udid: "PHONE-1".to_owned(),
        ..other
    };
    assert_eq!(
        pretending.check_in(pretending.token_update(9)).await,
        StatusCode::BAD_REQUEST
    );
    // Anybody at all, who knows the id of a device.
    let body = plist::write(&phone.check_out().to_dictionary());
    assert_eq!(phone.send(CHECK_IN, body, None).await.0, StatusCode::BAD_REQUEST);

    let (_, kept) = server.get(&format!("/api/v1/managedDevices/{device}/checkIns")).await;
    let kinds = |rows: &serde_json::Value| -> Vec<(String, Option<String>)> {
        let rows = rows["value"].as_array().unwrap().iter();
        rows.map(|row| {
            let text = |key: &str| row[key].as_str().map(str::to_owned);
            (text("messageType").unwrap(), text("refusal"))
        })
        .collect()
    };
    assert_eq!(
        kinds(&kept),
        [
            ("TokenUpdate".to_owned(), Some("identity".to_owned())),
            ("TokenUpdate".to_owned(), None),
            ("Authenticate".to_owned(), None),
        ]
    );
    let text = kept.to_string();
    assert!(
        text.contains("PHONE-1") && text.contains("it belongs to another device"),
        "{text}"
    );
    assert!(text.contains("32 bytes, not kept") && !text.contains("magic"), "{text}");

    let (_, strangers) = server.get("/api/v1/refusedCheckIns").await;
    assert_eq!(
        kinds(&strangers),
        [("CheckOut".to_owned(), Some("signature".to_owned()))]
    );
    assert_eq!(strangers["value"][0]["source"], "127.0.0.1");
    let (_, latest) = server
        .get(&format!("/api/v1/managedDevices/{device}/checkIns?limit=1"))
        .await;
    assert_eq!(kinds(&latest), kinds(&kept)[..1]);
    assert!(latest["nextCursor"].is_string());

    let browser = Browser::sign_in(&server).await;
    let page = browser.page(&server, &format!("/devices/{device}")).await;
    assert!(
        page.contains("체크 인 메시지 3개") && page.contains("거부함: 장치의 인증서가 유효하지 않음"),
        "{page}"
    );
    let page = browser.page(&server, "/devices").await;
    assert!(page.contains("알 수 없는 장치의 체크 인 1건을 거부함") && page.contains("127.0.0.1에서 보냄"));
    server.stop().await;
}
