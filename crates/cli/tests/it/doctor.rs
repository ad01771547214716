//! `allotment doctor`, as an operator runs it: it names each cause, and leaves everything as it was.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::Path,
    process::{Command, Stdio},
};

use domain::Time;
use rcgen::{CertificateParams, DnType, DnValue, KeyPair};
use server::{Clock, Config, serve};
use sim::apple::{Apple, AppleOptions, TokenKind};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpListener};

use crate::lab::{TOPIC, install_crypto, link_token, quick_config};

/// A server that was used, and is stopped.
struct Place {
    folder: TempDir,
    apple: Apple,
    set: BTreeMap<&'static str, String>,
}

impl Place {
    /// Nothing is there yet.
    async fn new() -> Place {
        install_crypto();
        let folder = tempfile::tempdir().expect("a folder");
        let apple = Apple::start(AppleOptions::default()).await.expect("a simulated Apple");
        let at = |name: &str| folder.path().join(name).display().to_string();
        let set = BTreeMap::from([
            ("ALLOTMENT_PUBLIC_URL", "http://127.0.0.1:1".to_owned()),
            ("ALLOTMENT_DATABASE_URL", format!("sqlite:{}", at("a.db"))),
            ("ALLOTMENT_KEY_FILE", at("key")),
            ("ALLOTMENT_APPLE_LICENSING_URL", apple.base_url()),
            ("ALLOTMENT_APPLE_PUSH_URL", apple.url()),
            ("ALLOTMENT_MDM_PUSH_TOPIC", TOPIC.to_owned()),
        ]);
        Place { folder, apple, set }
    }

    fn config(&self) -> Config {
        let listen = (Ipv4Addr::LOCALHOST, 1).into();
        quick_config(
            listen,
            self.set["ALLOTMENT_DATABASE_URL"].clone(),
            self.folder.path(),
            &self.apple,
        )
    }

    /// A database with a token, and a key.
    async fn used() -> Place {
        let place = Place::new().await;
        let app = serve::open(place.config(), Clock::System).await.expect("a database");
        link_token(&app, &place.apple, TokenKind::Valid).await;
        app.store.close().await;
        place
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Place {
        self.set.insert(name, value.into());
        self
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let files = std::fs::read_dir(self.folder.path()).expect("the folder");
        files
            .map(|file| {
                let path = file.expect("a file").path();
                (path.display().to_string(), std::fs::read(&path).expect("its content"))
            })
            .collect()
    }

    /// Whether nothing is to mend, and what is said.
    async fn doctor(&self) -> (bool, String) {
        let before = self.files();
        let (set, home) = (self.set.clone(), self.folder.path().to_owned());
        let output = tokio::task::spawn_blocking(move || run(&set, &home))
            .await
            .expect("an answer");
        assert_eq!(self.files(), before, "the doctor writes nothing");
        output
    }

    async fn says(&self, what: &str) {
        let (well, said) = self.doctor().await;
        assert!(said.contains(what) && said.contains("bad "), "{what}: {said}");
        assert!(!well, "{said}");
    }
}

fn run(set: &BTreeMap<&'static str, String>, home: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_allotment"))
        .arg("doctor")
        .envs(set)
        .current_dir(home)
        .stderr(Stdio::inherit())
        .output()
        .expect("the doctor");
    (output.status.success(), String::from_utf8(output.stdout).expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_nothing_where_all_is_well() {
    let place = Place::used().await;
    let (well, said) = place.doctor().await;
    assert!(well, "{said}");
    assert!(said.contains("database and key  in order"), "{said}");
    assert!(said.contains("content token     valid"), "{said}");
    assert!(said.contains("only this machine can reach"), "{said}");

    // Also beside a server that runs.
    let app = serve::open(place.config(), Clock::System).await.expect("a database");
    let (set, home) = (place.set.clone(), place.folder.path().to_owned());
    let (well, said) = tokio::task::spawn_blocking(move || run(&set, &home)).await.unwrap();
    assert!(well && said.contains("in order"), "{said}");
    app.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_makes_nothing_where_nothing_is() {
    let place = Place::new().await;
    let (well, said) = place.doctor().await;
    assert!(well, "{said}");
    assert!(said.contains("made on the first start"), "{said}");

    let nowhere = place.folder.path().join("missing").join("a.db");
    let place = place.with("ALLOTMENT_DATABASE_URL", format!("sqlite:{}", nowhere.display()));
    place.says("of the database is not there").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_what_is_wrong_with_the_key() {
    let place = Place::used().await;
    let key = place.folder.path().join("key");
    let right = std::fs::read(&key).unwrap();

    std::fs::write(&key, "not hexadecimal").unwrap();
    place.says("64 hexadecimal digits").await;
    std::fs::write(&key, "ab".repeat(32)).unwrap();
    place.says("is not the one of this database").await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        place.says("chmod 600").await;
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    std::fs::remove_file(&key).unwrap();
    place.says("is not there, but the database is").await;
    std::fs::write(&key, right).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_why_the_database_cannot_be_used() {
    let place = Place::used().await;
    let path = place.folder.path().join("a.db");
    std::fs::write(&path, "not a database, and long enough to be looked at".repeat(100)).unwrap();
    place.says("not a database").await;

    let place = place.with("ALLOTMENT_DATABASE_URL", "postgres://allotment@127.0.0.1:1/allotment");
    place.says("Connection refused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_why_apple_does_not_answer() {
    let place = Place::used()
        .await
        .with("ALLOTMENT_APPLE_LICENSING_URL", "http://127.0.0.1:1/mdm/v2");
    place.says("Connection refused").await;

    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<html";
    let place = place.with("ALLOTMENT_APPLE_LICENSING_URL", answering(page, false).await);
    place.says("did not answer with JSON").await;
    let wrong = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let place = place.with("ALLOTMENT_APPLE_LICENSING_URL", answering(wrong, false).await);
    place.says("answered 404").await;
    // It would take all memory there is.
    let endless = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\":\"";
    let place = place.with("ALLOTMENT_APPLE_LICENSING_URL", answering(endless, true).await);
    place.says("more than").await;
}

/// Something that answers everything so, and perhaps never ends.
async fn answering(head: &'static str, endless: bool) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        loop {
            let Ok((mut connection, _)) = listener.accept().await else {
                return;
            };
            tokio::spawn(async move {
                let mut asked = [0; 1024];
                let _ = tokio::io::AsyncReadExt::read(&mut connection, &mut asked).await;
                let _ = connection.write_all(head.as_bytes()).await;
                let much = [b'x'; 64 * 1024];
                while endless && connection.write_all(&much).await.is_ok() {}
            });
        }
    });
    url
}

/// A push certificate as Apple makes them, which ends then.
fn push_certificate(year: i32, month: u8) -> String {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    let user_id = [0, 9, 2342, 19200300, 100, 1, 1];
    params.distinguished_name.push(
        DnType::CustomDnType(user_id.to_vec()),
        DnValue::Utf8String(TOPIC.to_owned()),
    );
    params.not_after = rcgen::date_time_ymd(year, month, 1);
    params.self_signed(&key).unwrap().pem() + &key.serialize_pem()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_names_what_is_wrong_with_the_push_certificate() {
    let place = Place::used().await;
    let file = place.folder.path().join("push.pem");
    let place = place.with("ALLOTMENT_MDM_PUSH_CERTIFICATE_FILE", file.display().to_string());
    place.says("push.pem").await;

    std::fs::write(&file, push_certificate(2020, 1)).unwrap();
    place.says("the push certificate has expired").await;

    let mut place = place;
    place.set.remove("ALLOTMENT_MDM_PUSH_CERTIFICATE_FILE");
    place.set.remove("ALLOTMENT_MDM_PUSH_TOPIC");
    place.says("no device can enrol").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_that_the_token_has_expired_or_will_soon() {
    let place = Place::used().await;
    for (days, well, what) in [(10, true, "expires in 9 days"), (-1, false, "has expired")] {
        let app = serve::open(place.config(), Clock::System).await.expect("a database");
        let mut tx = app.store.begin().await.unwrap();
        let mut row = app.store.locations().await.unwrap().remove(0);
        row.expires_at = Time(app.now().ms() + days * 24 * 3_600_000);
        tx.location_read(&row).await.unwrap();
        tx.commit().await.unwrap();
        app.store.close().await;
        let (found, said) = place.doctor().await;
        assert!(said.contains(what), "{said}");
        assert_eq!(found, well, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_asks_whether_the_public_address_leads_to_us() {
    let place = Place::used()
        .await
        .with("ALLOTMENT_PUBLIC_URL", "https://allotment.invalid");
    let (well, said) = place.doctor().await;
    assert!(well, "the server may not run: {said}");
    assert!(said.contains("nothing answers at https://allotment.invalid"), "{said}");
}
