//! Both rule sets, cell by cell, as the console says them and as `docs/conflicts.md` prints them.

use reqwest::Method;
use serde_json::json;
use store::testing::{Fresh, Organisation};

use crate::{
    limits,
    previews::company,
    server::{Browser, TestServer, on_both},
};

const HERE: &str = "/administration/rule-sets";

/// The rows of the tables of a page, heads included, as rows of Markdown.
fn rows(page: &str) -> Vec<String> {
    let text = |cell: &str| {
        let spaced = cell.replace("<span class=\"reason\">", ": ");
        let mut text = String::new();
        let mut in_tag = false;
        for letter in spaced.chars() {
            match letter {
                '<' => in_tag = true,
                '>' => in_tag = false,
                _ if !in_tag => text.push(letter),
                _ => {}
            }
        }
        text.replace("&#39;", "'").replace("&#32;", " ").trim().to_owned()
    };
    let cells = |row: &str| {
        let body = row.split_once('>').expect("the end of a tag").1;
        let begins = body.split("<th").flat_map(|part| part.split("<td")).skip(1);
        let cells: Vec<String> = begins
            .map(|cell| text(cell.split_once('>').expect("the end of a tag").1))
            .collect();
        format!("| {} |", cells.join(" | "))
    };
    let begins = page.split("<tr").skip(1);
    begins
        .map(|row| cells(row.split("</tr>").next().unwrap_or(row)))
        .collect()
}

async fn page(server: &TestServer, browser: &Browser, lang: &str) -> String {
    let answer = browser.request(server, Method::GET, HERE, lang).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("text")
}

on_both! {
    upon company;

    /// All forty cells of both sets, with their sentences, in both languages.
    async fn every_cell_of_both_rule_sets_is_told_as_it_is_printed(server: &TestServer, _company: Organisation) {
        let printed: Vec<String> = include_str!("../../../../docs/conflicts.md")
            .lines()
            .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
            .map(str::to_owned)
            .collect();
        let browser = Browser::sign_in(server).await;
        let mut told = Vec::new();
        for lang in ["en", "ko"] {
            told.extend(rows(&page(server, &browser, lang).await));
        }
        assert_eq!(told.len(), 2 * (1 + 15 + 1 + 25));
        let told: Vec<String> = told.iter().map(|row| row.replace(" (in force)", "").replace("(적용 중)", "")).collect();
        assert_eq!(printed, told, "docs/conflicts.md is to say:\n{}", told.join("\n"));
    }

    async fn the_set_that_decides_is_marked(server: &TestServer, _company: Organisation) {
        let browser = Browser::sign_in(server).await;
        let before = page(server, &browser, "ko").await;
        assert!(before.contains("2016(적용 중)") && !before.contains("2020(적용 중)"));
        limits::set(server, json!({ "ruleSet": "2020" })).await;
        let after = page(server, &browser, "ko").await;
        assert!(after.contains("2020(적용 중)") && !after.contains("2016(적용 중)"));
    }
}
