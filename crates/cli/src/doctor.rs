//! Says what is wrong with a configuration, and what to do.

use std::process::ExitCode;

use server::{Clock, config::Severity, serve};

use crate::{ConfigArgument, Failure};

/// Exit code 1 when something keeps the server from doing its job.
pub async fn run(argument: &ConfigArgument) -> Result<ExitCode, Failure> {
    let config = argument.load()?;
    println!(
        "configuration     {}",
        if config_read(argument) {
            "read"
        } else {
            "from the environment"
        }
    );
    let mut findings = server::config::doctor(&config, Clock::System.now()).await;
    match serve::open(config, Clock::System).await {
        Ok(app) => {
            println!("database and key  in order");
            match app.location_view().await {
                Ok(Some(view)) => println!("content token     {:?}, {} days left", view.state, view.days_left),
                Ok(None) => println!("content token     none yet: upload one under Administration"),
                Err(error) => findings.push(server::config::Finding::bad(
                    "database",
                    error.to_string(),
                    "look at the log",
                )),
            }
        }
        Err(error) => {
            let Failure(what) = Failure::from(error);
            findings.push(server::config::Finding::bad(
                "start",
                what,
                "mend this first: the server cannot start",
            ));
        }
    }
    for finding in &findings {
        println!();
        println!("{}  {}", mark(finding.severity), finding.what);
        println!("      {}", finding.fix);
    }
    let bad = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Bad)
        .count();
    println!();
    if bad == 0 {
        println!("Nothing keeps the server from doing its job.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{bad} to mend.");
    Ok(ExitCode::FAILURE)
}

fn config_read(argument: &ConfigArgument) -> bool {
    argument.config.is_some()
}

fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Bad => "bad ",
        Severity::Warn => "look",
    }
}
