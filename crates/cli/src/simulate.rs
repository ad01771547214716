//! The simulators by themselves, for a server that runs elsewhere.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Subcommand;
use sim::{
    apple::{Apple, AppleOptions, TokenKind},
    devices::{DeviceSpec, Fleet, FleetOptions, Prompt},
};

use crate::{Failure, stop::Stop};

#[derive(Subcommand)]
pub enum SimulateCommand {
    /// Apple's licensing service, store and push service, with a sample organisation.
    Apple {
        #[arg(long, default_value = "127.0.0.1:8081")]
        listen: SocketAddr,
        /// Keeps its books here.
        #[arg(long)]
        state: Option<PathBuf>,
        /// Chooses everything that is left to chance.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// iPhones and iPads that enrol with one-time links (`allotment enrol link`), one device a link.
    Devices {
        /// Where the simulated Apple is.
        #[arg(long, default_value = "http://127.0.0.1:8081")]
        apple: String,
        /// Keeps the devices here; those known already go on.
        #[arg(long)]
        state: Option<PathBuf>,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// One-time enrolment links.
        links: Vec<String>,
    },
}

pub async fn run(command: SimulateCommand) -> Result<(), Failure> {
    crate::log("info", false);
    let mut stop = Stop::listen()?;
    match command {
        SimulateCommand::Apple { listen, state, seed } => {
            let apple = Apple::start(AppleOptions {
                listen,
                state_file: state,
                seed,
                ..AppleOptions::default()
            })
            .await?;
            println!("In the server's configuration:");
            println!();
            println!("[apple]");
            println!("licensing_url = \"{}\"", apple.base_url());
            println!("push_url = \"{}\"", apple.url());
            println!("icon_hosts = [\"{}\"]", apple.address());
            println!();
            println!("[mdm]");
            println!("push_topic = \"com.apple.mgmt.External.simulated\"");
            println!();
            println!("A content token to upload:");
            println!();
            println!("{}", apple.token_file(TokenKind::Valid));
            stop.asked().await;
            apple.shutdown().await;
        }
        SimulateCommand::Devices {
            apple,
            state,
            seed,
            links,
        } => {
            let fleet = Fleet::start(FleetOptions {
                apple_url: apple,
                state_file: state,
                seed,
                ..FleetOptions::default()
            })
            .await?;
            let known = fleet.devices().len();
            for (index, link) in links.iter().enumerate() {
                let number = known + index;
                let spec = DeviceSpec {
                    name: format!("iPhone {number}"),
                    serial: format!("SIMD{number:06}"),
                    product_name: "iPhone15,4".to_owned(),
                    os_version: "18.1".to_owned(),
                    supervised: true,
                    account: Some(format!("person{number}@account.example")),
                    accepts_invitation_after: Some(Duration::from_secs(5)),
                    prompt: Prompt::Accept {
                        after: Duration::from_secs(3),
                    },
                    download_time: Duration::from_secs(3),
                    ..DeviceSpec::default()
                };
                if let Err(error) = fleet.enrol(spec, link).await {
                    eprintln!("{link}: {}", Failure::from(error).text());
                }
            }
            println!("{} devices. Ctrl-C ends them.", known + links.len());
            stop.asked().await;
            fleet.stop();
        }
    }
    Ok(())
}
