//! Apple does not register a person: the person's page, the lists and the API say why, and whether that passes.

use domain::{Approval, Program};
use sim::apple::{Fault, TokenKind, Trouble, sample::adam_id};

use crate::{
    buttons::Console,
    lab::{Database, Lab, Setup, iphone, until},
};

/// What Apple says, and what people read of it.
struct Case {
    number: i32,
    reason: &'static str,
    korean: [&'static str; 2],
    english: [&'static str; 2],
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_apple_does_not_register_reads_why_and_whether_it_passes() {
    let cases = [
        Case {
            number: 9635,
            reason: "accountNotUsable",
            korean: ["쓸 수 없는 Apple 계정", "바뀐 것이 없으면 다시 거부됩니다"],
            english: [
                "The Apple Account cannot be used",
                "refused again unless something changed",
            ],
        },
        Case {
            number: 9717,
            reason: "badMail",
            korean: ["Apple이 받지 않는 메일 주소", "바뀐 것이 없으면 다시 거부됩니다"],
            english: [
                "Apple does not accept the mail address",
                "refused again unless something changed",
            ],
        },
        Case {
            number: 9642,
            reason: "atApple",
            korean: ["Apple VPP 계정에서 할 일이 있음", "바뀐 것이 없으면 다시 거부됩니다"],
            english: [
                "The Apple VPP account needs attention",
                "refused again unless something changed",
            ],
        },
        // Told by the event, for each person on their own.
        Case {
            number: 9603,
            reason: "trouble",
            korean: ["Apple의 일시적인 문제", "자동으로 다시 등록합니다"],
            english: ["Temporary trouble at Apple", "Tried again automatically"],
        },
    ];
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(4)).await;
    let console = Console::of(&lab).await;
    for (at, case) in cases.iter().enumerate() {
        lab.apple.switch(|switches| match case.number {
            9603 => switches.task_failure = 1.0,
            number => {
                switches.faults = vec![Fault {
                    call: "POST users/create".to_owned(),
                    is: Trouble::Refused {
                        number,
                        retry_after_s: None,
                    },
                    times: 1,
                }];
            }
        });
        let person = lab.person(&format!("사람 {at}")).await;
        lab.enrol(person, iphone(at)).await;
        let group = lab.group(&format!("그룹 {at}"), &[person]).await;
        lab.deploy(app, group, Approval::Required).await;
        until("Apple refuses", async || {
            let overview = lab.app.overview().await.unwrap().unwrap();
            let program = overview.world.people[&person].program;
            matches!(program, Program::Refused { error_number, .. } if error_number == i64::from(case.number))
        })
        .await;
        // The lists follow once they were decided anew.
        until("the lists say so", async || {
            let tab = console.page(&format!("/apps/{app}?tab=users"), "ko").await;
            tab.contains(case.korean[0])
        })
        .await;
        for (lang, [why, again]) in [("ko", case.korean), ("en", case.english)] {
            let page = console.page(&format!("/people/{person}"), lang).await;
            for text in [why, again, &case.number.to_string()] {
                assert!(page.contains(text), "{} {lang}: {text}", case.number);
            }
            let tab = console.page(&format!("/apps/{app}?tab=users"), lang).await;
            assert!(tab.contains(why), "{} {lang}: {why}", case.number);
            let list = console.page("/people?filter=refused", lang).await;
            assert!(list.contains(&format!("/people/{person}")), "{} {lang}", case.number);
        }
        let user = console.api(&format!("/api/v1/users/{person}")).await;
        let refusal = &user["vppProgram"]["refusal"];
        assert_eq!(refusal["errorNumber"], case.number);
        assert_eq!(refusal["reason"], case.reason);
        assert_eq!(refusal["passesByItself"], case.reason == "trouble");
        assert!(refusal["retryDateTime"].is_string());
        lab.deploy(app, group, Approval::NotApplicable).await;
    }
    lab.close().await;
}
