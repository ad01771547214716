//! What makes a fresh server usable: an account, a key, a device.

use std::io::{IsTerminal, Read};

use clap::Subcommand;
use domain::PersonId;
use secrecy::{ExposeSecret, SecretString};
use server::{
    App, Clock,
    app::{Caller, Role, people::NewPerson},
    serve,
};

use crate::{ConfigArgument, Failure};

#[derive(Subcommand)]
pub enum AdminCommand {
    /// Adds an account. The password is read from standard input, or from ALLOTMENT_ADMIN_PASSWORD.
    Add {
        #[command(flatten)]
        config: ConfigArgument,
        /// The name to sign in with.
        login: String,
        /// The name to show; the login if not given.
        #[arg(long)]
        name: Option<String>,
        /// May look but not change.
        #[arg(long)]
        read_only: bool,
    },
}

#[derive(Subcommand)]
pub enum ApiKeyCommand {
    /// Makes a key and prints it, once.
    Create {
        #[command(flatten)]
        config: ConfigArgument,
        /// What the key is for.
        name: String,
        /// May look but not change.
        #[arg(long)]
        read_only: bool,
    },
}

#[derive(Subcommand)]
pub enum EnrolCommand {
    /// Makes a one-time link for one device of one person, and prints it.
    Link {
        #[command(flatten)]
        config: ConfigArgument,
        /// The person: id, mail address or full name.
        person: String,
        /// Adds the person when there is none of this name or address.
        #[arg(long)]
        add: bool,
    },
}

pub async fn admin(command: AdminCommand) -> Result<(), Failure> {
    let AdminCommand::Add {
        config,
        login,
        name,
        read_only,
    } = command;
    let app = open(&config).await?;
    let password = password()?;
    let name = name.unwrap_or_else(|| login.clone());
    app.account_add(&Caller::System, &login, &name, &password, role(read_only))
        .await?;
    println!("Added {login}. Sign in at {}", app.config.public_url);
    Ok(())
}

pub async fn api_key(command: ApiKeyCommand) -> Result<(), Failure> {
    let ApiKeyCommand::Create {
        config,
        name,
        read_only,
    } = command;
    let app = open(&config).await?;
    let (_, text) = app.api_key_create(&Caller::System, &name, role(read_only)).await?;
    println!("{}", text.expose_secret());
    Ok(())
}

pub async fn enrol(command: EnrolCommand) -> Result<(), Failure> {
    let EnrolCommand::Link { config, person, add } = command;
    let app = open(&config).await?;
    let id = match find(&app, &person).await? {
        Some(id) => id,
        None if add => {
            let email = person.contains('@').then(|| person.clone());
            let new = NewPerson {
                name: person.clone(),
                email,
                department: None,
            };
            app.person_add(&Caller::System, new).await?
        }
        None => {
            return Err(Failure::new(format!(
                "there is nobody called {person:?}; add the person with --add"
            )));
        }
    };
    println!("{}", app.enrolment_link(&Caller::System, id).await?.expose_secret());
    Ok(())
}

async fn open(config: &ConfigArgument) -> Result<App, Failure> {
    Ok(serve::open(config.load()?, Clock::System).await?)
}

async fn find(app: &App, person: &str) -> Result<Option<PersonId>, Failure> {
    let mut found = app.people().await?;
    found.retain(|row| row.id.to_string() == person || row.email.as_deref() == Some(person) || row.name == person);
    if found.len() > 1 {
        return Err(Failure::new(format!(
            "{} people are called {person:?}; give the id",
            found.len()
        )));
    }
    Ok(found.pop().map(|row| row.id))
}

fn role(read_only: bool) -> Role {
    if read_only { Role::ReadOnly } else { Role::Full }
}

fn password() -> Result<SecretString, Failure> {
    if let Ok(password) = std::env::var("ALLOTMENT_ADMIN_PASSWORD") {
        return Ok(SecretString::from(password));
    }
    let mut input = std::io::stdin();
    if input.is_terminal() {
        eprint!("Password (shown as you type): ");
        let mut line = String::new();
        input.read_line(&mut line)?;
        return Ok(SecretString::from(line.trim_end_matches(['\r', '\n']).to_owned()));
    }
    let mut text = String::new();
    input.read_to_string(&mut text)?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))
}
