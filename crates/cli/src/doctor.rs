//! Says what is wrong with a configuration, and what to do.

use std::process::ExitCode;

use server::{
    Clock,
    config::{self, Severity},
};

use crate::{ConfigArgument, Failure};

/// Exit code 1 when something keeps the server from doing its job. Writes nothing, nowhere.
pub async fn run(argument: &ConfigArgument) -> Result<ExitCode, Failure> {
    let config = argument.load()?;
    let read = if argument.config.is_some() {
        "read"
    } else {
        "from the environment"
    };
    println!("configuration     {read}");
    let now = Clock::System.now();
    let (good, mut findings) = config::database(&config, now).await;
    for line in good {
        println!("{line}");
    }
    findings.extend(config::doctor(&config, now).await);
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

fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Bad => "bad ",
        Severity::Warn => "look",
    }
}
