//! What is kept of a line is not believed: whoever gives a licence reads the facts once more.

use domain::{Approval, Breach};
use server::app::Caller;
use sim::apple::{TokenKind, sample::adam_id};

use crate::lab::{Database, Lab, Setup, iphone, members_are, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_was_kept_wrongly_gives_nobody_a_licence_on_sqlite() {
    a_line_that_was_kept_wrongly(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_line_that_was_kept_wrongly_gives_nobody_a_licence_on_postgres() {
    a_line_that_was_kept_wrongly(Database::Postgres).await;
}

/// Twenty licences, of which one is wanted. Somebody whom no deployment reaches any more stands first in the line all the same.
async fn a_line_that_was_kept_wrongly(database: Database) {
    let lab = Lab::open(Setup::on(database)).await;
    lab.link(TokenKind::Valid).await;
    let adam = adam_id(1);
    let app = lab.app_known(&adam).await;
    let mut people = Vec::new();
    for (number, name) in ["회원", "다음 회원", "옛 회원"].into_iter().enumerate() {
        people.push(lab.person(name).await);
        lab.enrol(people[number], iphone(number)).await;
    }
    let (first, second, former) = (people[0], people[1], people[2]);
    let group = lab.group("영업팀", &[first, former]).await;
    lab.deploy(app, group, Approval::Required).await;
    until("both members have it", async || lab.installed(app).await == 2).await;
    members_are(&lab.app, group, &[first.0]).await;
    until("one licence is back", async || lab.apple_holders(&adam).len() == 1).await;

    let location = lab.app.store.locations().await.expect("locations")[0].id;
    let stopped = async || {
        let rows = lab.app.store.stopped_of(location, &[former]).await.expect("rows");
        rows.iter().map(|row| row.fault.breach).collect::<Vec<_>>()
    };
    until("the licence is not given", async || {
        // Whoever compares what is kept with the facts may put it right before it is found here.
        let wrong = lab.app.store.line_wrong(app, former).await;
        wrong.expect("a row");
        lab.app.look_again();
        stopped().await == [Breach::NotWanted]
    })
    .await;
    // Nobody waits for whoever stands before them by mistake.
    members_are(&lab.app, group, &[first.0, second.0]).await;
    until("the next member has it", async || lab.installed(app).await == 2).await;
    assert_eq!(lab.apple_holders(&adam).len(), 2);

    // Looked at again, they stand in no line, and nothing is stopped.
    let again = lab.app.plan_look_again(&Caller::System, former).await;
    again.expect("a plan that was stopped");
    until("nothing is stopped", async || stopped().await.is_empty()).await;
    until("all agree", async || lab.sides().differences().await.is_empty()).await;
    assert_eq!(lab.apple_holders(&adam).len(), 2);
    // Every other story ends with the question whether a plan was stopped.
    lab.without_server().await.close().await;
}
