//! What the server takes, and gives back.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
};

use secrecy::SecretString;
use server::{
    Clock, Config,
    app::{Caller, Role},
    serve,
};

use crate::lab::{install_crypto, until};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// What of its memory is in use, as Linux counts.
    fn resident_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("a process");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        kb.expect("a number of kB")
    }
}

/// Hashing a password takes megabytes, each time on any of many threads. An allocator that keeps them for each thread
/// let the server grow by that much with every sign-in.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "needs Linux, which says how much memory a process has"
)]
async fn signing_in_leaves_no_memory_behind() {
    const LOGIN: &str = "admin";
    const PASSWORD: &str = "a password for this test";
    install_crypto();
    let folder = tempfile::tempdir().expect("a folder");
    let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let listen: SocketAddr = free.local_addr().expect("an address");
    drop(free);
    let (database_url, key_file) = (
        format!("sqlite:{}", folder.path().join("allotment.db").display()),
        folder.path().join("key"),
    );
    let url = format!("http://{listen}");
    let look = Config::local(listen, database_url.clone(), key_file.clone(), url.clone());
    let app = serve::open(look, Clock::System).await.expect("a database");
    let password = SecretString::from(PASSWORD);
    app.account_add(&Caller::System, LOGIN, "홍라온", &password, Role::Full)
        .await
        .expect("an account");

    let child = Command::new(env!("CARGO_BIN_EXE_allotment"))
        .arg("serve")
        .env("ALLOTMENT_LISTEN", listen.to_string())
        .env("ALLOTMENT_PUBLIC_URL", &url)
        .env("ALLOTMENT_DATABASE_URL", database_url)
        .env("ALLOTMENT_KEY_FILE", key_file)
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts");
    let server = Server(child);
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let sign_in = async || {
        let form = [("login", LOGIN), ("password", PASSWORD)];
        let request = http.post(format!("{url}/sign-in")).header("origin", &url).form(&form);
        let answer = request.send().await;
        answer.is_ok_and(|answer| answer.status().is_redirection())
    };
    until("the server serves", async || sign_in().await).await;
    let before = server.resident_kb();
    for _ in 0..24 {
        assert!(sign_in().await);
    }
    let after = server.resident_kb();
    assert!(after < before + 40 * 1024, "{before} kB before, {after} kB after");
}
