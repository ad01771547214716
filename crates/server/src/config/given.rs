//! What the file and the environment say, before anybody asks whether it makes sense.

use std::{collections::BTreeMap, path::Path};

use toml::Value;

use super::{
    ConfigError,
    keys::{CONNECTIONS, ICON_HOSTS, KEYS, Key, LOG_JSON, PREFIX, REQUESTS, SYNC_AT, TRUSTED_PROXIES},
};

/// Variables with our prefix that are no keys: for the command line, and for tests.
const OTHER_VARIABLES: [&str; 3] = ["ALLOTMENT_CONFIG", "ALLOTMENT_LOG", "ALLOTMENT_ADMIN_PASSWORD"];
const TEST_PREFIX: &str = "ALLOTMENT_TEST_";

/// All values that somebody gave, each with the place where it stands.
pub struct Given {
    /// The file, for whoever has to add something; empty without one.
    file: String,
    values: BTreeMap<String, (String, Value)>,
}

impl Given {
    pub fn read(path: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Given, ConfigError> {
        let file = path.map(|path| path.display().to_string()).unwrap_or_default();
        let mut given = Given {
            file,
            values: BTreeMap::new(),
        };
        if let Some(path) = path {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
                path: given.file.clone(),
                source,
            })?;
            let table: toml::Table = text.parse().map_err(|error: toml::de::Error| ConfigError::NotToml {
                path: given.file.clone(),
                problem: toml_problem(&text, &error),
            })?;
            given.take_table("", table)?;
        }
        for (variable, value) in env {
            given.take_variable(&variable, value)?;
        }
        Ok(given)
    }

    fn take_table(&mut self, section: &'static str, table: toml::Table) -> Result<(), ConfigError> {
        for (name, value) in table {
            if let Some(key) = KEYS.iter().find(|key| key.section == section && key.name == name) {
                self.values.insert(key.path(), (self.file.clone(), value));
                continue;
            }
            let subsection = KEYS.iter().map(|key| key.section).find(|known| *known == name);
            let path = if section.is_empty() {
                name.clone()
            } else {
                format!("{section}.{name}")
            };
            match (subsection, value) {
                (Some(subsection), Value::Table(table)) if section.is_empty() => {
                    self.take_table(subsection, table)?;
                }
                (Some(_), _) if section.is_empty() => {
                    return Err(ConfigError::Wrong {
                        place: self.file.clone(),
                        key: path,
                        problem: "is not a section".to_owned(),
                        example: "its keys below a line such as [apple]",
                    });
                }
                (_, Value::Table(_)) => {
                    let sections = KEYS.iter().map(|key| key.section).filter(|section| !section.is_empty());
                    let advice = format!("the sections are {}", listed(sections));
                    return Err(ConfigError::Unknown {
                        place: self.file.clone(),
                        key: path,
                        advice,
                    });
                }
                _ => {
                    let names = KEYS.iter().filter(|key| key.section == section).map(|key| key.name);
                    let advice = format!("here can stand {}", listed(names));
                    return Err(ConfigError::Unknown {
                        place: self.file.clone(),
                        key: path,
                        advice,
                    });
                }
            }
        }
        Ok(())
    }

    fn take_variable(&mut self, variable: &str, value: String) -> Result<(), ConfigError> {
        let foreign =
            !variable.starts_with(PREFIX) || variable.starts_with(TEST_PREFIX) || OTHER_VARIABLES.contains(&variable);
        if foreign {
            return Ok(());
        }
        let Some(key) = KEYS.iter().find(|key| key.variable() == variable) else {
            let variables: Vec<String> = KEYS.iter().map(Key::variable).collect();
            let advice = format!("the variables are {}", listed(variables.iter().map(String::as_str)));
            let key = variable.to_owned();
            return Err(ConfigError::Unknown {
                place: "the environment".to_owned(),
                key,
                advice,
            });
        };
        // Container tools pass on variables that were never set as empty ones.
        if value.is_empty() {
            return Ok(());
        }
        let value = if *key == SYNC_AT || *key == ICON_HOSTS || *key == TRUSTED_PROXIES {
            Value::Array(
                value
                    .split(',')
                    .map(|part| Value::String(part.trim().to_owned()))
                    .collect(),
            )
        } else {
            Value::String(value)
        };
        self.values.insert(key.path(), ("the environment".to_owned(), value));
        Ok(())
    }

    /// The value of a key that is written as text, as a number, or as `true` and `false`.
    pub fn parsed<T>(&self, key: &Key, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, ConfigError> {
        let Some((place, value)) = self.values.get(&key.path()) else {
            return Ok(None);
        };
        let parsed = match value {
            Value::String(text) => parse(text),
            Value::Integer(number) if [CONNECTIONS, REQUESTS].contains(key) => parse(&number.to_string()),
            Value::Boolean(value) if *key == LOG_JSON => parse(if *value { "true" } else { "false" }),
            _ => Err("is not text in quotation marks".to_owned()),
        };
        parsed.map(Some).map_err(|problem| wrong(place, key, problem))
    }

    /// The values of a key that is written as a list.
    pub fn each<T>(&self, key: &Key, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<Vec<T>>, ConfigError> {
        let Some((place, value)) = self.values.get(&key.path()) else {
            return Ok(None);
        };
        let Value::Array(items) = value else {
            return Err(wrong(place, key, "is not a list".to_owned()));
        };
        if items.is_empty() {
            return Err(wrong(place, key, "is empty".to_owned()));
        }
        let parse = |item: &Value| match item {
            Value::String(text) => parse(text),
            _ => Err("holds something that is not text in quotation marks".to_owned()),
        };
        items
            .iter()
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Some)
            .map_err(|problem| wrong(place, key, problem))
    }

    pub fn missing(&self, key: &Key) -> ConfigError {
        let place = match self.file.as_str() {
            "" => "into a file and name it with --config".to_owned(),
            file => format!("into {file}"),
        };
        ConfigError::Missing {
            key: key.name,
            example: key.example,
            place,
            variable: key.variable(),
        }
    }
}

fn wrong(place: &str, key: &Key, problem: String) -> ConfigError {
    let path = if place == "the environment" {
        key.variable()
    } else {
        key.path()
    };
    ConfigError::Wrong {
        place: place.to_owned(),
        key: path,
        problem,
        example: key.example,
    }
}

/// Line and reason, without the line itself: it may hold a password.
fn toml_problem(text: &str, error: &toml::de::Error) -> String {
    let line = error
        .span()
        .map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    format!("line {line}: {}", error.message())
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
