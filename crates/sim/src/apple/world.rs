//! All that has to survive a restart: locations, tokens, the store's catalogue, pushes.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::keys::Holder;
use super::ledger::Location;
use super::refusal::Refusal;
use super::sample::{App, Organisation};
use super::token::{Token, TokenState, is_token_file, token_text};
use crate::facts::id_hash;
use crate::rng::Rng;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Debug, Serialize, Deserialize)]
pub struct World {
    pub rng: Rng,
    /// The port of the first start, so that links and settings stay right after a restart.
    pub port: Option<u16>,
    pub locations: Vec<Location>,
    pub tokens: Vec<Token>,
    pub catalogue: Vec<App>,
    pub pushes: Pushes,
}

/// A push as the fake push service passes it on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// Counts up; the place to go on reading from.
    pub id: u64,
    /// The device's token, in lower-case hex.
    pub token: String,
    pub magic: String,
    pub topic: String,
    pub at: i64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Pushes {
    pub last: u64,
    pub queue: VecDeque<Push>,
    /// Tokens that answer 410, with the time since when.
    pub dead: Vec<(String, i64)>,
    /// How many came while no push was taken.
    #[serde(default)]
    pub refused: u64,
}

impl Pushes {
    /// Keeps only the latest push for a device and topic, as the real service does.
    pub fn accept(&mut self, token: &str, magic: &str, topic: &str, now: i64) -> u64 {
        self.queue.retain(|push| push.token != token || push.topic != topic);
        self.last += 1;
        self.queue.push_back(Push {
            id: self.last,
            token: token.into(),
            magic: magic.into(),
            topic: topic.into(),
            at: now,
        });
        self.last
    }

    pub fn after(&self, id: u64) -> Vec<Push> {
        self.queue.iter().filter(|push| push.id > id).cloned().collect()
    }

    pub fn dead_since(&self, token: &str) -> Option<i64> {
        self.dead
            .iter()
            .find(|(dead, _)| dead == token)
            .map(|(_, since)| *since)
    }
}

/// Through whom a device may install an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Via {
    Device,
    User,
}

impl World {
    pub fn new(organisations: &[Organisation], seed: u64, now: i64) -> Self {
        let mut rng = Rng::new(seed);
        let mut locations = Vec::new();
        let mut tokens = Vec::new();
        let mut catalogue: Vec<App> = Vec::new();
        for organisation in organisations {
            locations.push(Location::new(organisation, now));
            for spec in &organisation.tokens {
                let expires_at = (now + spec.expires_in_days * DAY_MS) / 1000 * 1000;
                let secret = BASE64_STANDARD.encode(rng.bytes(24));
                tokens.push(Token {
                    kind: spec.kind,
                    text: token_text(&secret, expires_at, &organisation.name),
                    uid: organisation.uid.clone(),
                    state: spec.state,
                    read_only: spec.read_only,
                    expires_at,
                });
            }
            for app in &organisation.assets {
                if !catalogue.iter().any(|known| known.adam_id == app.adam_id) {
                    catalogue.push(app.clone());
                }
            }
        }
        World {
            rng,
            port: None,
            locations,
            tokens,
            catalogue,
            pushes: Pushes::default(),
        }
    }

    /// Finds the token that a request came with.
    pub fn authorise(&self, header: Option<&str>, now: i64) -> Result<&Token, Refusal> {
        let text = match header.and_then(|header| header.split_once(' ')) {
            Some((scheme, text)) if scheme.eq_ignore_ascii_case("bearer") => text.trim(),
            _ => return Err(Refusal::new(9722)),
        };
        let Some(token) = self.tokens.iter().find(|token| token.text == text) else {
            let number = if is_token_file(text) { 9622 } else { 9722 };
            return Err(Refusal::new(number));
        };
        match token.state {
            TokenState::Unknown => Err(Refusal::new(9622)),
            TokenState::Revoked => Err(Refusal::new(9625)),
            TokenState::Expired => Err(Refusal::new(9621)),
            TokenState::Valid if token.expires_at <= now => Err(Refusal::new(9621)),
            TokenState::Valid => Ok(token),
        }
    }

    pub fn location(&mut self, uid: &str) -> Option<&mut Location> {
        self.locations.iter_mut().find(|location| location.uid == uid)
    }

    pub fn app(&self, adam_id: &str) -> Option<&App> {
        self.catalogue.iter().find(|app| app.adam_id == adam_id)
    }

    /// What the store tells a device that wants to install an app: by its own licence, or by
    /// the licence of the person whose account is signed in.
    pub fn licence(&self, adam_id: &str, serial: &str, account: &str, believed_since: i64) -> Option<Via> {
        let mut via = None;
        for location in &self.locations {
            let books = &location.books;
            // An account is one person's at most.
            let person = (!account.is_empty()).then(|| books.user_with_account(&id_hash(account)));
            let person = person.flatten().map(|user| Holder::User(user.client_user_id.clone()));
            let device = (!serial.is_empty()).then(|| Holder::Device(serial.to_owned()));
            for asset in books.assets.iter().filter(|asset| asset.key.adam_id == adam_id) {
                let holds = |holder: &Option<Holder>| {
                    let row = holder.as_ref().and_then(|holder| asset.holders.get(holder));
                    row.is_some_and(|row| row.since <= believed_since)
                };
                if holds(&device) {
                    return Some(Via::Device);
                }
                if holds(&person) {
                    via = Some(Via::User);
                }
            }
        }
        via
    }
}
