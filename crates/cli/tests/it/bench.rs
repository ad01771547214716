//! What measures goes on measuring: whoever changes the product, or what it is measured by, hears of it here.

use std::process::{Command, Stdio};

use store::testing::Fresh;

/// As few as there may be, and everything that is measured of them. Whether it is fast is not asked here.
fn measured(database: &str, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_allotment"))
        .args(["bench", "20", "40", "--apps", "2", "--times", "3", "--connections", "2"])
        .args(["--polls", "8", "--rest", "1"])
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .expect("it runs");
    let printed = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{printed}");
    let mut titles = Vec::new();
    let mut rows = Vec::new();
    for line in printed.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" |").map(str::trim).collect();
        match cells[0].strip_prefix(&format!("{database}: ")) {
            Some(title) => titles.push(title.split(':').next().unwrap_or_default().to_owned()),
            None if titles.is_empty() || cells[0] == "---" => {}
            None => rows.push(cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>()),
        }
    }
    assert_eq!(
        titles,
        ["deciding", "previews", "pages", "polls", "the server"],
        "{printed}"
    );
    for cells in &rows {
        assert_eq!(cells.len(), 6, "{cells:?}");
        for column in &cells[1..3] {
            let number = column.split(' ').next().unwrap_or_default();
            assert!(number.parse::<f64>().is_ok_and(f64::is_finite), "{cells:?}");
        }
    }
    let whats: Vec<&str> = rows.iter().map(|cells| cells[0].as_str()).collect();
    for what in [
        "… of processor, a change",
        "one more app for everybody, until decided",
        "database a pair, indexes included",
        "one more app for everybody",
        "dashboard",
        "… that are found",
        "API: 100 states of an app",
        "1,000 polls, nothing to do: processor",
        "1,000 polls, with a result: processor",
        "at rest, of a core",
        "memory at rest",
    ] {
        assert!(whats.contains(&what), "{what} of {whats:?}");
    }
    for aim in [
        "5.00 ms, × 1.3",
        "20.0 s",
        "300 bytes",
        "2.00 s",
        "50.0 ms, × 1.3",
        "0.200 s, × 1.1",
        "0.500 %",
        "150 MB",
    ] {
        let aimed = rows.iter().filter(|cells| cells[4] == aim);
        for cells in aimed.clone() {
            assert!(
                cells[5].split(' ').next().unwrap_or_default().parse::<f64>().is_ok(),
                "{cells:?}"
            );
        }
        assert!(aimed.count() > 0, "{aim} of {rows:?}");
    }
}

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "needs Linux, which says how much of a processor a process had"
)]
fn all_that_is_aimed_at_is_measured_on_sqlite() {
    measured("SQLite", &[]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn all_that_is_aimed_at_is_measured_on_postgres() {
    // Where databases may be made is where one was made.
    let fresh = Fresh::postgres().await;
    let server = fresh.url().to_owned();
    tokio::task::spawn_blocking(move || measured("PostgreSQL", &["--postgres", &server]))
        .await
        .expect("it ends");
    fresh.close().await;
}
