//! Signing in.

use askama::Template;

use super::ui::Glyph;
use crate::messages::Speak;

/// Why somebody was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInProblem {
    Wrong,
    Wait {
        seconds: u64,
    },
    /// Too many sign in at once.
    Busy,
    /// The session ended in the middle of something.
    Over,
}

#[derive(Template)]
#[template(path = "console/sign_in.html")]
pub struct SignInPage {
    pub s: Speak,
    pub organization: Option<String>,
    pub login: String,
    pub problem: Option<SignInProblem>,
    pub return_path: String,
}

/// One square of the picture: used, on its way, or free.
struct Plot {
    fill: &'static str,
    x: usize,
    y: usize,
}

impl SignInPage {
    /// Back to this page, and from here to where the person wanted to go.
    fn path(&self) -> String {
        super::parts::link("/sign-in", &[("return", &self.return_path)])
    }

    /// 36 plots: an allotment of which much is taken.
    fn plots(&self) -> Vec<Plot> {
        const PLAN: [&str; 6] = ["uuuuuu", "uuuuuu", "uuuuuw", "uuuwwf", "uuffff", "ufffff"];
        let mut plots = Vec::new();
        for (row, line) in PLAN.into_iter().enumerate() {
            for (column, plot) in line.chars().enumerate() {
                let fill = match plot {
                    'u' => r#"class="a""#,
                    'w' => r#"fill="url(#way)""#,
                    _ => r#"class="n""#,
                };
                plots.push(Plot {
                    fill,
                    x: 2 + 40 * column,
                    y: 2 + 40 * row,
                });
            }
        }
        plots
    }

    fn problem_text(&self) -> Option<String> {
        Some(match self.problem? {
            SignInProblem::Wrong => self.s.t("sign-in-wrong"),
            SignInProblem::Wait { seconds } => self.s.t1(
                "sign-in-wait",
                "span",
                self.s.duration(std::time::Duration::from_secs(seconds.max(1))),
            ),
            SignInProblem::Busy => self.s.t("sign-in-busy"),
            SignInProblem::Over => self.s.t("sign-in-over"),
        })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let page = |problem| SignInPage {
            s: s.clone(),
            organization: Some("서린들 주식회사".to_owned()),
            login: "raon".to_owned(),
            problem,
            return_path: "/apps".to_owned(),
        };
        vec![
            ("sign-in", page(None).render().unwrap()),
            ("sign-in-wrong", page(Some(SignInProblem::Wrong)).render().unwrap()),
            (
                "sign-in-wait",
                page(Some(SignInProblem::Wait { seconds: 8 })).render().unwrap(),
            ),
            ("sign-in-busy", page(Some(SignInProblem::Busy)).render().unwrap()),
            ("sign-in-over", page(Some(SignInProblem::Over)).render().unwrap()),
        ]
    }
}
