//! The commands of an operator beside a server: they use the database that is there, and leave its tables alone.

use std::{
    path::Path,
    process::{Command, Output},
};

use server::{Clock, Config, serve};
use store::testing::{Fresh, make_older};

use crate::lab::install_crypto;

/// Every command that works on the database and is not to make one; what each says must lie in a free file.
fn commands(free: &Path) -> Vec<Vec<String>> {
    let copy = free.display().to_string();
    let lines = [
        format!("backup {copy}"),
        "admin list".to_owned(),
        "admin password hong".to_owned(),
        "admin role hong".to_owned(),
        "admin disable hong".to_owned(),
        "admin enable hong".to_owned(),
        "admin unlock hong".to_owned(),
        "admin sessions".to_owned(),
        "admin end-sessions hong".to_owned(),
        "api-key create inventory".to_owned(),
        "api-key list".to_owned(),
        "api-key rotate inventory".to_owned(),
        "api-key revoke inventory".to_owned(),
        "enrol link somebody --add".to_owned(),
        "why somebody something".to_owned(),
    ];
    lines
        .iter()
        .map(|line| line.split(' ').map(str::to_owned).collect())
        .collect()
}

const ADD: [&str; 3] = ["admin", "add", "hong"];

/// A database of either kind, and how a command is told of it.
struct Place {
    fresh: Fresh,
}

impl Place {
    fn set(&self) -> [(&'static str, String); 4] {
        [
            ("ALLOTMENT_PUBLIC_URL", "http://127.0.0.1:1".to_owned()),
            ("ALLOTMENT_DATABASE_URL", self.fresh.url().to_owned()),
            ("ALLOTMENT_KEY_FILE", self.key().display().to_string()),
            ("ALLOTMENT_ADMIN_PASSWORD", "mint-gravel-otter-41".to_owned()),
        ]
    }

    fn key(&self) -> std::path::PathBuf {
        self.fresh.folder().join("key")
    }

    fn config(&self) -> Config {
        let set = self.set().map(|(name, value)| (name.to_owned(), value));
        let set = set.into_iter().filter(|(name, _)| name != "ALLOTMENT_ADMIN_PASSWORD");
        Config::load(None, set).expect("a configuration")
    }

    async fn run(&self, arguments: &[impl AsRef<str>]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_allotment"));
        command
            .args(arguments.iter().map(AsRef::as_ref))
            .envs(self.set())
            .current_dir(self.fresh.folder());
        tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("an end")
            .expect("a process")
    }

    async fn is_refused(&self, arguments: &[impl AsRef<str>], what: &str) {
        let shown: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
        let output = self.run(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(what), "{shown:?}: {said}");
    }

    /// A copy is wanted most before an update, with whichever of the two programs is at hand.
    async fn is_copied(&self, arguments: &[String]) {
        if self.fresh.url().starts_with("postgres:") {
            return self.is_refused(arguments, "use pg_dump").await;
        }
        let output = self.run(arguments).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::remove_file(&arguments[1]).expect("the copy");
    }

    /// What the doctor, who changes nothing, finds.
    async fn doctor(&self) -> String {
        String::from_utf8(self.run(&["doctor"]).await.stdout).expect("text")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_makes_a_database_or_touches_tables_of_another_version_on_sqlite() {
    others_are_left_alone(Fresh::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn no_command_makes_a_database_or_touches_tables_of_another_version_on_postgres() {
    others_are_left_alone(Fresh::postgres().await).await;
}

/// A wrong path made a second, empty database, whose accounts nobody could sign in with. The program of the next version
/// brought the tables up to date under the server of this one when it was only to make a copy before the update.
async fn others_are_left_alone(fresh: Fresh) {
    install_crypto();
    let place = Place { fresh };
    let commands = commands(&place.fresh.folder().join("copy.db"));

    for command in &commands {
        place.is_refused(command, "there is no database").await;
    }
    let made = std::fs::read_dir(place.fresh.folder()).expect("the folder").count();
    assert_eq!(made, 0, "neither a database nor a key");
    assert!(place.doctor().await.contains("not there yet"));

    make_older(place.fresh.url())
        .await
        .expect("tables of the version before");
    store::MasterKey::load_or_create(&place.key()).expect("a key");
    let (copy, others) = commands.split_first().expect("commands");
    place.is_copied(copy).await;
    for command in others {
        place.is_refused(command, "of an older version").await;
    }
    place.is_refused(&ADD, "of an older version").await;
    let said = place.doctor().await;
    assert!(said.contains("the next start brings the tables up to date"), "{said}");

    // The server brings them up to date, and one of the next version after it.
    let app = serve::open(place.config(), Clock::System)
        .await
        .expect("the database opens");
    app.store.becomes_newer().await.expect("a newer version");
    app.store.close().await;
    place.is_copied(copy).await;
    for command in others {
        place.is_refused(command, "of a newer version").await;
    }
    place.is_refused(&ADD, "of a newer version").await;
    place.fresh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_account_may_be_there_before_the_server_and_commands_work_beside_it() {
    install_crypto();
    let place = Place { fresh: Fresh::sqlite() };
    let added = place.run(&ADD).await;
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));

    let app = serve::open(place.config(), Clock::System)
        .await
        .expect("the database opens");
    for command in [&["admin", "list"][..], &["backup", "copy.db"], &["admin", "add", "lee"]] {
        let output = place.run(command).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(app.accounts().await.unwrap().len(), 2);
    app.store.close().await;
}
