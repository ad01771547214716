//! Which crate may depend on which, as ARCHITECTURE.md has it.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

const CRATES: [(&str, &[&str], &[&str]); 10] = [
    // crate, what it may use, what its tests may use besides
    ("domain", &[], &[]),
    ("apple", &[], &[]),
    ("mdm", &[], &[]),
    // It tests itself with its own feature on.
    ("store", &["domain"], &["store"]),
    ("server", &["domain", "apple", "mdm", "store"], &["sim", "store"]),
    ("sim", &["apple", "mdm"], &[]),
    // Nothing depends on it: it is for tests only.
    ("model", &["domain"], &[]),
    ("world", &["apple", "domain", "mdm", "server", "sim", "store"], &[]),
    ("fuzz", &["apple", "mdm", "server"], &[]),
    // What pretends and measures fills a database and speaks for devices.
    (
        "cli",
        &["domain", "mdm", "server", "sim", "store"],
        &["apple", "mdm", "store", "world"],
    ),
];

fn ours(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    let names: BTreeSet<_> = CRATES.iter().map(|(name, ..)| *name).collect();
    let Some(section) = manifest.get(section).and_then(|section| section.as_table()) else {
        return BTreeSet::new();
    };
    section
        .keys()
        .filter(|key| names.contains(key.as_str()))
        .cloned()
        .collect()
}

#[test]
fn every_crate_depends_on_what_the_architecture_allows() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates/");
    for (name, allowed, in_tests) in CRATES {
        let text = fs::read_to_string(crates.join(name).join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = text.parse().expect("TOML");
        let allowed: BTreeSet<_> = allowed.iter().map(|name| (*name).to_owned()).collect();
        let used = ours(&manifest, "dependencies");
        assert!(
            used.is_subset(&allowed),
            "{name} uses {used:?}, and may use {allowed:?}"
        );
        let allowed: BTreeSet<_> = allowed
            .into_iter()
            .chain(in_tests.iter().map(|name| (*name).to_owned()))
            .collect();
        let used = ours(&manifest, "dev-dependencies");
        assert!(
            used.is_subset(&allowed),
            "the tests of {name} use {used:?}, and may use {allowed:?}"
        );
    }
}

/// The deciding crate can do nothing but decide: no clock, no network, no database, no randomness in its manifest.
#[test]
fn the_domain_has_nothing_to_act_with() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates/");
    let text = fs::read_to_string(crates.join("domain/Cargo.toml")).expect("a manifest");
    let manifest: toml::Table = text.parse().expect("TOML");
    let used: BTreeSet<_> = manifest["dependencies"]
        .as_table()
        .expect("a table")
        .keys()
        .cloned()
        .collect();
    assert_eq!(used, ["serde", "thiserror", "uuid"].map(str::to_owned).into());
}

/// What pretends to be Apple or a device is in no server that is built without it.
#[test]
fn a_server_without_simulators_has_nothing_of_them() {
    let crates_with = |arguments: &[&str]| -> BTreeSet<String> {
        let tree = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--locked",
                "-p",
                "allotment",
                "-e",
                "normal",
                "--prefix",
                "none",
            ])
            .args(arguments)
            .output()
            .expect("cargo runs");
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let lines = String::from_utf8(tree.stdout).expect("text");
        lines
            .lines()
            .filter_map(|line| line.split(' ').next())
            .map(str::to_owned)
            .collect()
    };
    assert!(crates_with(&[]).contains("sim"), "`cargo run -- demo` has them");
    assert!(!crates_with(&["--no-default-features"]).contains("sim"));
}

/// SQL lives in `store` and nowhere else.
#[test]
fn sql_is_written_in_one_crate_only() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates/");
    let mut found = Vec::new();
    for (name, ..) in CRATES.iter().filter(|(name, ..)| *name != "store") {
        visit(&crates.join(name).join("src"), &mut |path, text| {
            for needle in ["SELECT ", "INSERT INTO ", "DELETE FROM ", "UPDATE "] {
                if text
                    .lines()
                    .any(|line| !line.trim_start().starts_with("//") && line.contains(needle))
                {
                    found.push(format!("{}: {needle}", path.display()));
                }
            }
        });
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// A test that cannot run says so, and is not counted among those that passed. What takes long is not hidden this way:
/// `bash .ci/run` runs whatever is ignored, and a longer run of a test is asked for by a variable.
#[test]
fn a_test_is_ignored_only_for_something_that_it_needs() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates/");
    let mut found = Vec::new();
    visit(crates, &mut |path, text| {
        for line in text.lines().map(str::trim).filter(|line| line.starts_with("#[ignore")) {
            if !line.starts_with("#[ignore = \"needs ") {
                found.push(format!("{}: {line}", path.display()));
            }
        }
    });
    assert!(found.is_empty(), "{found:#?}");
}

fn visit(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            visit(&path, look);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&path, &fs::read_to_string(&path).expect("a source file"));
        }
    }
}
