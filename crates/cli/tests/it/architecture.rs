//! Which crate may depend on which, as ARCHITECTURE.md has it, and that no modules of one form a circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

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

/// Circles that are left, each with its reason.
const CIRCLES: [(&str, &[&str], &str); 0] = [];

/// Of two modules of a crate at most one uses the other, through however many others: each can be read with what stands below it.
///
/// A module may use what the modules have that it stands in, such as the errors of the whole and the names that these re-export:
/// that is said of the part and the whole, and not of two parts.
#[test]
fn no_modules_of_a_crate_use_each_other() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates/");
    for (name, ..) in CRATES {
        let modules = Modules::of(&crates.join(name).join("src"));
        let found: BTreeSet<Vec<String>> = modules.circles().into_iter().collect();
        let known: BTreeSet<Vec<String>> = CIRCLES
            .iter()
            .filter(|(of, ..)| *of == name)
            .map(|(_, modules, _)| modules.iter().map(|module| (*module).to_owned()).collect())
            .collect();
        assert_eq!(found, known, "modules of {name} that use each other");
    }
}

#[test]
fn a_circle_of_modules_is_found() {
    let of = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(path, text)| (module_path(path), tokens(text)));
        Modules(files.collect()).circles()
    };
    let whole = ("", "mod a; mod b; pub use a::A;");
    assert_eq!(
        of(&[
            whole,
            ("a", "use crate::b::{self, B};"),
            ("b", "fn f() -> super::a::A {}")
        ]),
        [["a", "b"]]
    );
    assert_eq!(
        of(&[
            whole,
            ("a", "mod c; use self::c::C;"),
            ("a::c", "use crate::{b::B as Other, x};"),
            ("b", "use crate::a;")
        ]),
        [["a", "a::c", "b"]]
    );
    // The part and the whole, a comment, a text, a test, and another crate.
    assert!(
        of(&[
            whole,
            ("a", "mod c; use c::C; // b::B\nfn f() { r#\"crate::b\"#; }"),
            ("a::c", "use super::A; const C: char = '\"'; use ::b::c;"),
            ("b", "use crate::a::A; #[cfg(test)] mod tests { use crate::b::B; }"),
            ("x", "use crate::b::B; #[cfg(test)] mod tests { use crate::a; }"),
        ])
        .is_empty()
    );
}

/// The modules of a crate, by path, each with the words of its file.
struct Modules(BTreeMap<Vec<String>, Vec<String>>);

fn module_path(path: &str) -> Vec<String> {
    path.split("::")
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Modules {
    fn of(src: &Path) -> Modules {
        let is_library = src.join("lib.rs").exists();
        let mut modules = BTreeMap::new();
        visit(src, &mut |path, text| {
            let inside = path.strip_prefix(src).expect("a file of the crate").with_extension("");
            let mut module: Vec<String> = inside
                .iter()
                .map(|part| part.to_str().expect("a name").to_owned())
                .collect();
            // Other programs of the crate have modules of their own.
            if module[0] == "bin" || (is_library && module == ["main"]) {
                return;
            }
            if module == ["lib"] || module == ["main"] || module.ends_with(&["mod".to_owned()]) {
                module.pop();
            }
            modules.insert(module, tokens(text));
        });
        Modules(modules)
    }

    /// The module that a path leads into, as it is written in another.
    fn meant(&self, within: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut rest = path.iter().peekable();
        let mut module = match path[0].as_str() {
            "crate" => rest.next().map(|_| Vec::new())?,
            "self" => rest.next().map(|_| within.to_vec())?,
            "super" => within.to_vec(),
            child => {
                let child = [within, &[child.to_owned()]].concat();
                self.0.contains_key(&child).then(|| within.to_vec())?
            }
        };
        while rest.next_if(|part| *part == "super").is_some() {
            module.pop();
        }
        for part in rest {
            module.push(part.clone());
            if !self.0.contains_key(&module) {
                module.pop();
                break;
            }
        }
        Some(module)
    }

    /// Those that use each other, together.
    fn circles(&self) -> Vec<Vec<String>> {
        let used: BTreeMap<&Vec<String>, BTreeSet<Vec<String>>> = self
            .0
            .iter()
            .map(|(module, words)| {
                let used = paths(words).into_iter().filter_map(|path| self.meant(module, &path));
                (module, used.filter(|used| !module.starts_with(used)).collect())
            })
            .collect();
        let mut reached: BTreeMap<&Vec<String>, BTreeSet<&Vec<String>>> = BTreeMap::new();
        for module in self.0.keys() {
            let mut open = vec![module];
            let others = reached.entry(module).or_default();
            while let Some(next) = open.pop() {
                open.extend(used[next].iter().filter(|used| others.insert(*used)));
            }
        }
        let mut circles = BTreeSet::new();
        for (module, others) in &reached {
            let circle: Vec<String> = others
                .iter()
                .filter(|other| reached[**other].contains(module))
                .map(|module| module.join("::"))
                .collect();
            if !circle.is_empty() {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }
}

/// Every path that is written among some words, as the end of each branch: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(words: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let begins = is_name(&words[at]) && (at == 0 || !matches!(words[at - 1].as_str(), "::" | "."));
        at = match begins {
            true => branches(words, at, &mut Vec::new(), &mut found),
            false => at + 1,
        };
    }
    found
}

/// Those of a path from a word on; the word after it.
fn branches(words: &[String], mut at: usize, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    if word(at) == "{" {
        at += 1;
        while !matches!(word(at), "}" | "") {
            let is_branch = is_name(word(at)) && word(at - 1) != "as";
            at = match is_branch {
                true => branches(words, at, path, found),
                false => at + 1,
            };
        }
        return at + 1;
    }
    path.push(word(at).to_owned());
    let goes_on = word(at + 1) == "::" && (is_name(word(at + 2)) || word(at + 2) == "{");
    let end = match goes_on {
        true => branches(words, at + 2, path, found),
        false => {
            found.push(path.clone());
            at + 1
        }
    };
    path.pop();
    end
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// The words of a source file, without comments, texts and tests.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |at: usize| chars.get(at).copied().unwrap_or('\0');
    let (mut words, mut i) = (Vec::new(), 0);
    while i < chars.len() {
        match at(i) {
            '/' if at(i + 1) == '/' => i += chars[i..].iter().take_while(|c| **c != '\n').count(),
            '"' => i = after_text(&chars, i),
            // A character; otherwise it is a lifetime.
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => {
                i += 2 + usize::from(at(i + 1) == '\\');
                i += chars[i..].iter().take_while(|c| **c != '\'').count() + 1;
            }
            c if c.is_alphanumeric() || c == '_' => {
                let name = chars[i..].iter().take_while(|c| c.is_alphanumeric() || **c == '_');
                let name: String = name.collect();
                i += name.chars().count();
                let hashes = chars[i.min(chars.len())..].iter().take_while(|c| **c == '#').count();
                match name.as_str() {
                    "r" | "br" if at(i + hashes) == '"' => {
                        let end: Vec<char> = format!("\"{}", "#".repeat(hashes)).chars().collect();
                        let inside = i + hashes + 1;
                        let length = chars[inside..].windows(end.len()).position(|it| it == end);
                        i = inside + length.expect("the end of a text") + end.len();
                    }
                    _ => words.push(name),
                }
            }
            ':' if at(i + 1) == ':' => {
                words.push("::".to_owned());
                i += 2;
            }
            c => {
                if !c.is_whitespace() {
                    words.push(c.to_string());
                }
                i += 1;
            }
        }
    }
    without_tests(words)
}

fn after_text(chars: &[char], begin: usize) -> usize {
    let mut i = begin + 1;
    while chars[i] != '"' {
        i += 1 + usize::from(chars[i] == '\\');
    }
    i + 1
}

fn without_tests(words: Vec<String>) -> Vec<String> {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept: Vec<String> = Vec::new();
    let mut i = 0;
    while i < words.len() {
        if !words[i..].iter().map(String::as_str).take(TEST.len()).eq(TEST) {
            kept.push(words[i].clone());
            i += 1;
            continue;
        }
        // The item ends with a semicolon, or with its braces.
        i += TEST.len();
        let mut depth = 0_usize;
        loop {
            let word = words[i].as_str();
            i += 1;
            match word {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" => depth -= 1,
                "}" if depth == 1 => break,
                "}" => depth -= 1,
                ";" if depth == 0 => break,
                _ => {}
            }
        }
    }
    kept
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
