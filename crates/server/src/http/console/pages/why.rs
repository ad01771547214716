//! 왜: why a person or a device has an app, or has it not.

use askama::Template;
use domain::{
    AssetId, Detail, GroupKind, InstallState, RuleSet, Time,
    why::{Outcome, Tense},
};

use super::{
    Frame,
    parts::{EventLine, Named},
    stopped::StoppedNote,
    ui::{Glyph, Html},
    words,
};
use crate::{
    messages::Speak,
    reasons::{Said, SaidLink, SaidRule},
};

/// One of the person's devices, and what is said of it.
#[derive(Debug, Clone)]
pub struct WhyDevice {
    pub name: String,
    /// Its own answer.
    pub href: String,
    pub state: Option<(InstallState, Detail)>,
    pub os_version: Option<String>,
    pub supervised: bool,
    pub last_seen_at: Option<Time>,
}

#[derive(Template)]
#[template(path = "console/why.html")]
pub struct WhyPage {
    pub s: Speak,
    pub frame: Frame,
    pub app: Named,
    pub asset: AssetId,
    pub has_icon: bool,
    /// `None` where the device belongs to nobody.
    pub person: Option<Named>,
    pub department: Option<String>,
    /// Set when a device was asked about.
    pub device: Option<Named>,
    pub state: Option<(InstallState, Detail)>,
    pub said: Said,
    pub rule_set: RuleSet,
    pub devices: Vec<WhyDevice>,
    /// The latest first.
    pub events: Vec<EventLine>,
    /// Where the rest of the history is.
    pub earlier: Option<String>,
    /// Nothing is done for them: their plan was stopped.
    pub stopped: Option<StoppedNote>,
}

impl WhyPage {
    fn title(&self) -> String {
        let app = &self.app.name;
        match &self.device {
            Some(device) => self.s.t2("answer-title-device", "device", &device.name, "app", app),
            None => {
                let name = self.person.as_ref().map_or("–", |person| person.name.as_str());
                self.s.t2("answer-title", "person", name, "app", app)
            }
        }
    }

    /// What the state looks like; a thing that nobody wants has none.
    fn glyph(&self) -> Glyph {
        match self.state {
            Some((state, Detail::WaitingForLicense | Detail::UserNotEnrolledInProgram))
                if state != InstallState::Installed =>
            {
                Glyph::Wait
            }
            Some((state, _)) => Glyph::of_install(state),
            None => Glyph::Na,
        }
    }

    fn rule_set_word(&self) -> String {
        let set = self.s.t(words::rule_set(self.rule_set));
        self.s.t1("answer-rule-set", "set", set)
    }
}

impl SaidLink {
    fn class(&self) -> &'static str {
        match self.link.tense {
            Tense::Done => "done",
            Tense::Now => "now",
            Tense::Ahead => "later",
        }
    }

    fn node(&self) -> Html {
        match self.link.tense {
            Tense::Done => Glyph::Ok.svg(18),
            Tense::Now => Glyph::Wait.svg(18),
            Tense::Ahead => Glyph::None.svg(18),
        }
    }
}

impl SaidRule {
    fn outcome(&self, s: &Speak) -> Html {
        let glyph = match self.ruled.outcome {
            Outcome::Applies | Outcome::Together => Glyph::Ok,
            Outcome::Beaten => Glyph::Na,
        };
        s.state(glyph, &self.outcome.text)
    }

    fn kind(&self) -> GroupKind {
        self.deployment.kind
    }

    fn href(&self) -> String {
        format!("/groups/{}", self.deployment.group)
    }
}

#[cfg(test)]
pub mod tests {
    use domain::{
        Approval, Deployment, DeploymentId, GroupId, Rule,
        why::{Link, Remedy, Ruled, Stage, Who},
    };

    use super::*;
    use crate::{
        http::console::pages::{
            Place,
            app::tests::named,
            tests::{ago, frame, id},
        },
        reasons::{Line, SaidRemedy},
    };

    fn line(text: &str, reason: Option<&str>) -> Line {
        Line {
            text: text.to_owned(),
            reason: reason.map(str::to_owned),
        }
    }

    fn said(s: &Speak, waits: bool) -> Said {
        let link = |tense, at| SaidLink {
            link: Link {
                stage: Stage::Licence,
                tense,
                at,
                until: None,
                by: Who::Apple,
                deployment: None,
            },
            line: line("한올서명", Some("영업팀")),
            by: "Apple".to_owned(),
        };
        let rule = |outcome| SaidRule {
            ruled: Ruled {
                deployment: id(1, DeploymentId),
                approval: Approval::Required,
                outcome,
                rule: Rule::InstallBeatsUninstall,
            },
            deployment: Deployment {
                id: id(1, DeploymentId),
                app: id(1, AssetId),
                group: id(1, GroupId),
                kind: GroupKind::User,
                approval: Approval::Required,
                deadline: None,
                license_type: domain::LicenseType::User,
                installation: domain::Installation::Managed,
                kept_licenses: 0,
                since: ago(s, 5000),
            },
            group: "영업팀".to_owned(),
            outcome: line("A36", Some("A36")),
        };
        let links = [
            (Tense::Done, Some(ago(s, 3000))),
            (Tense::Now, Some(ago(s, 10))),
            (Tense::Ahead, None),
        ];
        let rules = [Outcome::Applies, Outcome::Together, Outcome::Beaten];
        let remedy = SaidRemedy {
            remedy: Remedy::AcceptTerms,
            line: line("한올서명", Some("영업팀")),
            href: "/people/1".to_owned(),
        };
        Said {
            sentence: "윤가람 - 한올서명 <3>".to_owned(),
            who: line("윤가람", None),
            waits_for: waits.then(|| line("Apple", Some("영업팀"))),
            licence: waits.then(|| line("Apple", Some("영업팀"))),
            links: if waits {
                links.map(|(tense, at)| link(tense, at)).to_vec()
            } else {
                Vec::new()
            },
            rules: if waits { rules.map(rule).to_vec() } else { Vec::new() },
            remedies: if waits { vec![remedy] } else { Vec::new() },
            stopped: Vec::new(),
        }
    }

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let page = |waits: bool| WhyPage {
            s: s.clone(),
            frame: frame(Place::Apps),
            app: named("한올서명", "/apps/1"),
            asset: id(1, AssetId),
            has_icon: waits,
            person: waits.then(|| named("윤가람", "/people/1")),
            department: waits.then(|| "영업팀".to_owned()),
            device: (!waits).then(|| named("가람의 iPhone", "/devices/1")),
            state: waits.then_some((InstallState::PendingInstall, Detail::WaitingForLicense)),
            said: said(s, waits),
            rule_set: RuleSet::Y2016,
            devices: vec![WhyDevice {
                name: "가람의 iPhone".to_owned(),
                href: "/why/1/1".to_owned(),
                state: waits.then_some((InstallState::PendingInstall, Detail::WaitingForLicense)),
                os_version: Some("27.1".to_owned()),
                supervised: waits,
                last_seen_at: Some(ago(s, 3)),
            }],
            events: Vec::new(),
            earlier: None,
            stopped: (!waits).then(|| crate::http::console::pages::stopped::tests::note(s)),
        };
        vec![
            ("why", page(true).render().unwrap()),
            ("why-nothing", page(false).render().unwrap()),
        ]
    }
}
