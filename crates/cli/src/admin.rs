//! Accounts, keys and enrolment links, for whoever sits at the server's own machine.

use std::{
    io::{IsTerminal, Read},
    time::Duration,
};

use clap::Subcommand;
use domain::{ApiKeyId, PersonId, Time};
use secrecy::{ExposeSecret, SecretString};
use server::{
    App, Clock,
    app::{
        Account, AppError, Base, Caller, FieldProblem, Role, accounts::AccountChange, api_keys::KEY_OVERLAP,
        passwords::PASSWORD_CHARS, people::NewPerson,
    },
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
    /// Lists the accounts.
    List {
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Sets the password of an account, and ends its sessions. The password is read as for `add`.
    Password(OneAccount),
    /// Sets what an account may do, and ends its sessions.
    Role {
        #[command(flatten)]
        account: OneAccount,
        /// May look but not change; without it, everything.
        #[arg(long)]
        read_only: bool,
    },
    /// Lets an account no longer sign in, and ends its sessions.
    Disable(OneAccount),
    /// Lets an account sign in again.
    Enable(OneAccount),
    /// Lets whoever was slowed down by wrong passwords for this login try again at once.
    Unlock(OneAccount),
    /// Lists who is signed in.
    Sessions {
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Ends all sessions of an account.
    EndSessions(OneAccount),
}

#[derive(clap::Args)]
pub struct OneAccount {
    #[command(flatten)]
    config: ConfigArgument,
    /// The name to sign in with.
    login: String,
}

#[derive(clap::Args)]
pub struct OneKey {
    #[command(flatten)]
    config: ConfigArgument,
    /// The key: its name, or its id where two have the same name.
    key: String,
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
        /// For how many days it is good; without it, until it is revoked.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3653))]
        days: Option<u32>,
    },
    /// Lists the keys, and when each was used last.
    List {
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Puts a new key in the place of an old one and prints it, once. The old one stays good for a day.
    Rotate {
        #[command(flatten)]
        key: OneKey,
        /// Ends the old one at once.
        #[arg(long)]
        at_once: bool,
    },
    /// Ends a key, for good.
    Revoke(OneKey),
}

#[derive(Subcommand)]
pub enum EnrolCommand {
    /// Makes a one-time link for one device of one person, or for one that belongs to nobody, and prints it.
    Link {
        #[command(flatten)]
        config: ConfigArgument,
        /// The person: id, mail address or full name.
        #[arg(required_unless_present = "nobody", conflicts_with = "nobody")]
        person: Option<String>,
        /// Adds the person when there is none of this name or address.
        #[arg(long, requires = "person")]
        add: bool,
        /// For a device that belongs to nobody: a kiosk, or one that is shared.
        #[arg(long)]
        nobody: bool,
    },
}

pub async fn admin(command: AdminCommand) -> Result<(), Failure> {
    let caller = &Caller::System;
    match command {
        AdminCommand::Add {
            config,
            login,
            name,
            read_only,
        } => {
            let app = serve::attach_or_open(config.load()?, Clock::System).await?;
            let password = password()?;
            let name = name.unwrap_or_else(|| login.clone());
            app.account_add(caller, &login, &name, &password, role(read_only))
                .await
                .map_err(explained)?;
            println!("Added {login}. Sign in at {}", app.config.public_url);
        }
        AdminCommand::List { config } => {
            let app = open(&config).await?;
            for account in app.accounts().await? {
                let state = if account.disabled_at.is_some() {
                    "disabled"
                } else {
                    "enabled"
                };
                let seen = account.signed_in_at.map_or_else(|| "never".to_owned(), written);
                println!(
                    "{}\t{}\t{state}\tsigned in {seen}",
                    account.login,
                    role_word(account.role)
                );
            }
        }
        AdminCommand::Password(one) => {
            let (app, account) = one.open().await?;
            app.password_set(caller, account.id, &password()?)
                .await
                .map_err(explained)?;
            println!("The password of {} is set, and its sessions have ended.", account.login);
        }
        AdminCommand::Role { account, read_only } => {
            let (app, account) = account.open().await?;
            let change = AccountChange {
                role: Some(role(read_only)),
                ..AccountChange::default()
            };
            app.account_change(caller, account.id, Base::Latest, change)
                .await
                .map_err(explained)?;
            println!("{} is now {}.", account.login, role_word(role(read_only)));
        }
        AdminCommand::Disable(one) => {
            let (app, account) = one.open().await?;
            enable(&app, &account, false).await?;
            println!("{} can no longer sign in.", account.login);
        }
        AdminCommand::Enable(one) => {
            let (app, account) = one.open().await?;
            enable(&app, &account, true).await?;
            println!("{} can sign in.", account.login);
        }
        AdminCommand::Unlock(one) => {
            let (app, account) = one.open().await?;
            app.account_unlock(caller, account.id).await?;
            println!("Wrong passwords for {} until now no longer count.", account.login);
        }
        AdminCommand::Sessions { config } => {
            let app = open(&config).await?;
            let accounts = app.accounts().await?;
            for session in app.sessions(None).await? {
                let owner = accounts.iter().find(|account| account.id == session.account_id);
                println!(
                    "{}\t{}\t{}\tsince {}\tused {}",
                    owner.map_or("?", |account| &account.login),
                    session.source,
                    session.browser,
                    written(session.created_at),
                    written(session.last_seen_at)
                );
            }
        }
        AdminCommand::EndSessions(one) => {
            let (app, account) = one.open().await?;
            let ended = app.sessions_end(caller, account.id, None).await?;
            println!("Ended {ended} sessions of {}.", account.login);
        }
    }
    Ok(())
}

async fn enable(app: &App, account: &Account, enabled: bool) -> Result<(), Failure> {
    let change = AccountChange {
        enabled: Some(enabled),
        ..AccountChange::default()
    };
    app.account_change(&Caller::System, account.id, Base::Latest, change)
        .await
        .map_err(explained)
}

pub async fn api_key(command: ApiKeyCommand) -> Result<(), Failure> {
    let caller = &Caller::System;
    match command {
        ApiKeyCommand::Create {
            config,
            name,
            read_only,
            days,
        } => {
            let app = open(&config).await?;
            let lasts = days.map(|days| Duration::from_secs(u64::from(days) * 24 * 3600));
            let (_, text) = app
                .api_key_create(caller, &name, role(read_only), lasts)
                .await
                .map_err(explained)?;
            println!("{}", text.expose_secret());
        }
        ApiKeyCommand::List { config } => {
            let app = open(&config).await?;
            for key in app.api_keys().await? {
                let state = match (key.revoked_at, key.expires_at) {
                    (Some(_), _) => "revoked".to_owned(),
                    (None, Some(end)) if end <= app.now() => "expired".to_owned(),
                    (None, Some(end)) => format!("good until {}", written(end)),
                    (None, None) => "good".to_owned(),
                };
                let used = key.last_used_at.map_or_else(|| "never".to_owned(), written);
                println!(
                    "{}\t{}\talk_…{}\t{}\t{state}\tused {used}",
                    key.id,
                    key.name,
                    key.hint,
                    role_word(key.role)
                );
            }
        }
        ApiKeyCommand::Rotate { key, at_once } => {
            let (app, id) = key.open().await?;
            let overlap = if at_once { Duration::ZERO } else { KEY_OVERLAP };
            let text = app.api_key_rotate(caller, id, Base::Latest, overlap).await?;
            println!("{}", text.expose_secret());
        }
        ApiKeyCommand::Revoke(key) => {
            let (app, id) = key.open().await?;
            app.api_key_revoke(caller, id, Base::Latest).await?;
            println!("The key is revoked.");
        }
    }
    Ok(())
}

impl OneAccount {
    async fn open(&self) -> Result<(App, Account), Failure> {
        let app = open(&self.config).await?;
        match app.account_by_login(&self.login).await? {
            Some(account) => Ok((app, account)),
            None => Err(Failure::new(format!(
                "there is no account {:?}; see allotment admin list",
                self.login
            ))),
        }
    }
}

impl OneKey {
    async fn open(&self) -> Result<(App, ApiKeyId), Failure> {
        let app = open(&self.config).await?;
        let mut keys = app.api_keys().await?;
        keys.retain(|key| key.revoked_at.is_none() && (key.name == self.key || key.id.to_string() == self.key));
        match keys.as_slice() {
            [key] => {
                let id = key.id;
                Ok((app, id))
            }
            [] => Err(Failure::new(format!(
                "there is no good key {:?}; see allotment api-key list",
                self.key
            ))),
            many => Err(Failure::new(format!(
                "{} keys are called {:?}; give the id, see allotment api-key list",
                many.len(),
                self.key
            ))),
        }
    }
}

/// What is wrong with a password or an account, and what would be right.
fn explained(error: AppError) -> Failure {
    match error {
        AppError::Invalid {
            field: "password",
            problem: FieldProblem::TooShort | FieldProblem::TooLong,
        } => Failure::new(format!(
            "a password has {} to {} characters",
            PASSWORD_CHARS.start(),
            PASSWORD_CHARS.end()
        )),
        AppError::Invalid {
            field: "password",
            problem: FieldProblem::Guessable,
        } => Failure::new(
            "the password is too easy to guess: it is little more than the login, common words, or runs such as 1234",
        ),
        AppError::Invalid {
            problem: FieldProblem::LastFull,
            ..
        } => Failure::new("this is the last account with full access; give full access to another one first"),
        error => Failure::from(error),
    }
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Full => "full",
        Role::ReadOnly => "read-only",
    }
}

fn written(time: Time) -> String {
    server::clock::timestamp(time).to_string()
}

pub async fn enrol(command: EnrolCommand) -> Result<(), Failure> {
    let EnrolCommand::Link {
        config, person, add, ..
    } = command;
    let app = open(&config).await?;
    let link = match person {
        Some(person) => {
            let id = of_person(&app, person, add).await?;
            app.enrolment_link(&Caller::System, id).await?
        }
        None => app.enrolment_link_for_nobody(&Caller::System).await?,
    };
    println!("{}", link.expose_secret());
    Ok(())
}

/// The person who is meant, and who is added if that was asked for.
async fn of_person(app: &App, person: String, add: bool) -> Result<PersonId, Failure> {
    Ok(match find(app, &person).await? {
        Some(id) => id,
        None if add => {
            let email = person.contains('@').then(|| person.clone());
            let new = NewPerson {
                name: person.clone(),
                email,
                department: None,
                office: None,
            };
            app.person_add(&Caller::System, new).await?
        }
        None => {
            return Err(Failure::new(format!(
                "there is nobody called {person:?}; add the person with --add"
            )));
        }
    })
}

async fn open(config: &ConfigArgument) -> Result<App, Failure> {
    Ok(serve::attach(config.load()?, Clock::System).await?)
}

/// So many that are called like it are looked at; who is not among them is found by id.
const CANDIDATES: usize = 1_000;

async fn find(app: &App, person: &str) -> Result<Option<PersonId>, Failure> {
    if let Ok(id) = person.parse() {
        return Ok(app.person(PersonId(id)).await?.map(|row| row.id));
    }
    let mut found = app.people_like(person, CANDIDATES).await?;
    found.retain(|row| row.email.as_deref() == Some(person) || row.name == person);
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
