//! The real process is asked to end, and its clients hold on.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::lab::until;

/// The real server on a new database, with an Apple that is not there.
fn serve(folder: &tempfile::TempDir) -> (Child, SocketAddr) {
    let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let server = Command::new(env!("CARGO_BIN_EXE_allotment"))
        .arg("serve")
        .env("ALLOTMENT_LISTEN", listen.to_string())
        .env("ALLOTMENT_PUBLIC_URL", format!("http://{listen}"))
        .env("ALLOTMENT_DATABASE_URL", format!("sqlite:{}", at("a.db")))
        .env("ALLOTMENT_KEY_FILE", at("key"))
        .env("ALLOTMENT_APPLE_LICENSING_URL", "http://127.0.0.1:1/mdm/v2")
        .env("ALLOTMENT_HTTP_STOP_WITHIN", "1s")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts");
    (server, listen)
}

fn terminate(process: &Child) {
    let pid = process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
}

async fn end_of(process: &mut Child) -> ExitStatus {
    let mut ended = None;
    until("the process ends", async || {
        ended = process.try_wait().unwrap();
        ended.is_some()
    })
    .await;
    ended.expect("it has ended")
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_the_process_in_time_whatever_its_clients_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut server, listen) = serve(&folder);
    let mut silent = None;
    until("the server listens", async || {
        silent = TcpStream::connect(listen).ok();
        silent.is_some()
    })
    .await;
    let mut half = TcpStream::connect(listen).unwrap();
    half.write_all(b"POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
        .unwrap();
    let mut idle = TcpStream::connect(listen).unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut said = [0; 12];
    idle.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"HTTP/1.1 200");

    let asked = Instant::now();
    terminate(&server);
    let ended = end_of(&mut server).await;

    assert!(ended.success(), "{ended}");
    // One second for what is under way, and a little; a busy machine is given ten.
    assert!(asked.elapsed() < Duration::from_secs(12), "{:?}", asked.elapsed());
    drop((silent, half, idle));
}

/// A service manager that changes its mind must not read of a crash.
#[tokio::test]
async fn a_server_that_is_asked_to_end_while_it_starts_ends_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut server, listen) = serve(&folder);
    // It listens before it has a database.
    until("the server listens", async || TcpStream::connect(listen).is_ok()).await;

    terminate(&server);
    let ended = end_of(&mut server).await;

    assert!(ended.success(), "{ended}");
    // And what it left is no half of a database: the next start goes on with it.
    let (mut server, listen) = serve(&folder);
    until("the next one answers", async || ready(listen)).await;
    terminate(&server);
    assert!(end_of(&mut server).await.success());
}

fn ready(listen: SocketAddr) -> bool {
    let Ok(mut client) = TcpStream::connect(listen) else {
        return false;
    };
    let asked = client.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut said = [0; 12];
    asked.is_ok() && client.read_exact(&mut said).is_ok() && &said == b"HTTP/1.1 200"
}
