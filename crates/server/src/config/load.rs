//! Reads a configuration: the file, over it the environment, and the defaults where both say nothing.

use std::{net::Ipv4Addr, path::Path};

use super::{
    Config, ConfigError,
    given::Given,
    keys::*,
    values::{
        address, count, database_url, duration, flag, icon_host, invitation_url, language, log_level, long_duration,
        name, network, notifications, path_text, public_url, remote_url, time_of_day, time_zone, topic,
    },
};

impl Config {
    /// Reads the file, if there is one, and lets the environment override it.
    pub fn load(path: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
        let given = Given::read(path, env)?;
        let public_url = given
            .parsed(&PUBLIC_URL, public_url)?
            .ok_or_else(|| given.missing(&PUBLIC_URL))?;
        let database_url = given
            .parsed(&DATABASE_URL, database_url)?
            .ok_or_else(|| given.missing(&DATABASE_URL))?;
        let key_file = given
            .parsed(&KEY_FILE, path_text)?
            .ok_or_else(|| given.missing(&KEY_FILE))?;
        let listen = given
            .parsed(&LISTEN, address)?
            .unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 8080).into());

        let mut config = Config::local(listen, database_url, key_file, public_url);
        config.language = given.parsed(&LANGUAGE, language)?;
        config.organization = given.parsed(&ORGANIZATION, name)?;
        set(&mut config.time_zone, given.parsed(&TIME_ZONE, time_zone)?);
        set(&mut config.trusted_proxies, given.each(&TRUSTED_PROXIES, network)?);
        set(&mut config.reconcile_every, given.parsed(&RECONCILE_EVERY, duration)?);

        let apple = &mut config.apple;
        set(&mut apple.licensing_url, given.parsed(&LICENSING_URL, remote_url)?);
        apple.metadata_url = given.parsed(&METADATA_URL, remote_url)?;
        apple.invitation_url = given.parsed(&INVITATION, invitation_url)?;
        set(&mut apple.push_url, given.parsed(&PUSH_URL, remote_url)?);
        set(&mut apple.account_url, given.parsed(&ACCOUNT_URL, remote_url)?);
        set(&mut apple.poll_every, given.parsed(&POLL_EVERY, duration)?);
        set(&mut apple.event_poll_every, given.parsed(&EVENT_POLL_EVERY, duration)?);
        set(&mut apple.icon_hosts, given.each(&ICON_HOSTS, icon_host)?);
        set(&mut apple.patience.request, given.parsed(&ANSWER_WITHIN, duration)?);
        set(&mut apple.patience.event, given.parsed(&EVENT_WITHIN, duration)?);
        set(&mut apple.patience.lag, given.parsed(&LIST_LAG, duration)?);
        set(&mut apple.sync_at, given.each(&SYNC_AT, time_of_day)?);
        set(&mut apple.notifications, given.parsed(&NOTIFICATIONS, notifications)?);

        let mdm = &mut config.mdm;
        mdm.push_certificate_file = given.parsed(&PUSH_CERTIFICATE_FILE, path_text)?;
        mdm.push_topic = given.parsed(&PUSH_TOPIC, topic)?;
        mdm.organization = given.parsed(&MDM_ORGANIZATION, name)?;
        mdm.profile_signer_file = given.parsed(&PROFILE_SIGNER_FILE, path_text)?;
        set(&mut mdm.push_again_after, given.parsed(&PUSH_AGAIN_AFTER, duration)?);

        let http = &mut config.http;
        set(&mut http.connections, given.parsed(&CONNECTIONS, count)?);
        set(&mut http.requests, given.parsed(&REQUESTS, count)?);
        set(&mut http.head_timeout, given.parsed(&HEAD_TIMEOUT, duration)?);
        set(&mut http.idle_timeout, given.parsed(&IDLE_TIMEOUT, duration)?);
        set(&mut http.body_timeout, given.parsed(&BODY_TIMEOUT, duration)?);
        set(&mut http.answer_timeout, given.parsed(&ANSWER_TIMEOUT, duration)?);
        set(&mut http.stop_within, given.parsed(&STOP_WITHIN, duration)?);

        let retention = &mut config.retention;
        set(&mut retention.history, given.parsed(&KEEP_HISTORY, long_duration)?);
        set(&mut retention.work, given.parsed(&KEEP_WORK, long_duration)?);

        set(&mut config.log.level, given.parsed(&LOG_LEVEL, log_level)?);
        set(&mut config.log.json, given.parsed(&LOG_JSON, flag)?);
        Ok(config)
    }
}

fn set<T>(place: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *place = given;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::civil;

    use super::*;
    use crate::messages::Lang;

    const MINIMAL: &str = r#"
        public_url = "https://apps.example.com"
        database_url = "sqlite:/tmp/a.db"
        key_file = "/tmp/key"
    "#;

    fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("allotment.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(
            Some(&path),
            env.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    fn refusal(text: &str, env: &[(&str, &str)]) -> String {
        load(text, env).expect_err("this must be refused").to_string()
    }

    #[test]
    fn three_keys_are_enough() {
        let config = load(MINIMAL, &[]).unwrap();

        assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(config.public_url, "https://apps.example.com");
        assert!(config.is_https());
        assert_eq!(config.apple.licensing_url, "https://vpp.itunes.apple.com/mdm/v2");
        assert_eq!(config.apple.poll_every, Duration::from_secs(300));
        assert_eq!(
            config.apple.sync_at,
            [civil::time(2, 0, 0, 0), civil::time(14, 0, 0, 0)]
        );
        assert_eq!(config.time_zone, "Asia/Seoul");
        assert_eq!(config.language, None);
        assert!(config.apns().unwrap().is_none());
        assert_eq!(config.push_topic(), None);
    }

    #[test]
    fn every_key_can_be_written() {
        let config = load(
            r#"
            listen = "[::1]:9000"
            public_url = "https://Apps.Example.com:443/"
            database_url = "postgres://localhost/allotment"
            key_file = "key"
            language = "en"
            time_zone = "Europe/London"
            organization = "Example"
            reconcile_every = "500ms"
            [apple]
            licensing_url = "http://127.0.0.1:9/mdm/v2/"
            metadata_url = "http://localhost:9/lookup"
            invitation_url = "http://127.0.0.1:9/invite?inviteCode=%inviteCode%"
            push_url = "http://[::1]:9"
            account_url = "https://school.apple.com"
            poll_every = "1m"
            event_poll_every = "5s"
            icon_hosts = ["icons.example.com", "127.0.0.1:9"]
            sync_at = ["06:30"]
            [mdm]
            push_certificate_file = "push.pem"
            push_topic = "com.apple.mgmt.External.x"
            organization = "Example IT"
            push_again_after = "10m"
            [http]
            connections = 50
            requests = "10"
            head_timeout = "1s"
            idle_timeout = "2s"
            body_timeout = "3s"
            answer_timeout = "4s"
            stop_within = "5s"
            [retention]
            history = "400d"
            work = "31d"
            [log]
            level = "warn,server=debug"
            json = true
            "#,
            &[],
        )
        .unwrap();

        assert_eq!(config.listen, "[::1]:9000".parse().unwrap());
        assert_eq!(config.public_url, "https://apps.example.com");
        assert_eq!(config.language, Some(Lang::En));
        assert_eq!(config.reconcile_every, Duration::from_millis(500));
        assert_eq!(config.apple.licensing_url, "http://127.0.0.1:9/mdm/v2");
        assert_eq!(config.apple.metadata_url.as_deref(), Some("http://localhost:9/lookup"));
        assert_eq!(config.apple.sync_at, [civil::time(6, 30, 0, 0)]);
        assert_eq!(config.apple.icon_hosts[1].to_string(), "127.0.0.1:9");
        assert_eq!(config.push_topic().as_deref(), Some("com.apple.mgmt.External.x"));
        assert_eq!(config.mdm_organization(), "Example IT");
        assert_eq!(config.mdm.push_again_after, Duration::from_secs(600));
        assert_eq!((config.http.connections, config.http.requests), (50, 10));
        assert_eq!(config.http.head_timeout, Duration::from_secs(1));
        assert_eq!(config.http.idle_timeout, Duration::from_secs(2));
        assert_eq!(config.http.body_timeout, Duration::from_secs(3));
        assert_eq!(config.http.answer_timeout, Duration::from_secs(4));
        assert_eq!(config.http.stop_within, Duration::from_secs(5));
        assert_eq!(config.retention.history, Duration::from_secs(400 * 24 * 3600));
        assert_eq!(config.retention.work, Duration::from_secs(31 * 24 * 3600));
        assert!(config.log.json);
    }

    #[test]
    fn the_environment_beats_the_file() {
        let config = load(
            MINIMAL,
            &[
                ("ALLOTMENT_LISTEN", "0.0.0.0:80"),
                ("ALLOTMENT_APPLE_SYNC_AT", "01:00, 13:00"),
                ("ALLOTMENT_APPLE_POLL_EVERY", "12h"),
                ("ALLOTMENT_LOG_JSON", "true"),
                ("ALLOTMENT_LANGUAGE", ""),
                ("PATH", "/bin"),
            ],
        )
        .unwrap();

        assert_eq!(config.listen, "0.0.0.0:80".parse().unwrap());
        assert_eq!(
            config.apple.sync_at,
            [civil::time(1, 0, 0, 0), civil::time(13, 0, 0, 0)]
        );
        assert_eq!(config.apple.poll_every, Duration::from_secs(12 * 3600));
        assert!(config.log.json);
        assert_eq!(config.language, None, "an empty variable counts as not set");
    }

    #[test]
    fn the_environment_alone_is_enough() {
        let env = [
            ("ALLOTMENT_PUBLIC_URL", "http://localhost:8080"),
            ("ALLOTMENT_DATABASE_URL", "sqlite:a.db"),
            ("ALLOTMENT_KEY_FILE", "key"),
        ];
        let config = Config::load(None, env.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))).unwrap();

        assert_eq!(config.public_url, "http://localhost:8080");
        assert!(!config.is_https());
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
        let text = refusal(&format!("{MINIMAL}\npublik_url = \"x\""), &[]);
        assert!(text.contains("allotment.toml"), "{text}");
        assert!(text.contains("publik_url") && text.contains("public_url"), "{text}");

        let text = refusal(&format!("{MINIMAL}\n[apple]\npoll = \"5m\""), &[]);
        assert!(text.contains("apple.poll") && text.contains("poll_every"), "{text}");

        let text = refusal(&format!("{MINIMAL}\n[appel]\npoll_every = \"5m\""), &[]);
        assert!(text.contains("appel") && text.contains("apple"), "{text}");

        let text = refusal(MINIMAL, &[("ALLOTMENT_APPLE_POLL", "5m")]);
        assert!(
            text.contains("ALLOTMENT_APPLE_POLL") && text.contains("ALLOTMENT_APPLE_POLL_EVERY"),
            "{text}"
        );
    }

    #[test]
    fn variables_that_are_meant_for_something_else_are_left_alone() {
        let env = [
            ("ALLOTMENT_CONFIG", "x"),
            ("ALLOTMENT_LOG", "debug"),
            ("ALLOTMENT_TEST_POSTGRES", "x"),
            ("ALLOTMENT_ADMIN_PASSWORD", "x"),
        ];
        assert!(load(MINIMAL, &env).is_ok());
    }

    #[test]
    fn a_missing_key_says_what_to_write() {
        let text = refusal("database_url = \"sqlite:a.db\"\nkey_file = \"key\"", &[]);
        assert!(text.contains("public_url = \"https://apps.example.com\""), "{text}");
        assert!(
            text.contains("ALLOTMENT_PUBLIC_URL") && text.contains("allotment.toml"),
            "{text}"
        );
    }

    #[test]
    fn a_wrong_value_names_its_place_its_key_and_an_example() {
        for (line, problem) in [
            ("listen = \"8080\"", "not an address and a port"),
            ("listen = 8080", "not text"),
            ("language = \"fr\"", "does not speak"),
            ("time_zone = \"Seoul\"", "IANA"),
            ("organization = \"\"", "is empty"),
            ("[apple]\npoll_every = \"5 minutes\"", "not a length of time"),
            ("[apple]\npoll_every = 300", "not text"),
            ("[apple]\nsync_at = \"02:00\"", "not a list"),
            ("[apple]\nsync_at = []", "empty"),
            ("[apple]\nicon_hosts = [\"https://icons.example.com\"]", "not a host"),
            ("[apple]\nsync_at = [\"25:00\"]", "not a time of day"),
            ("[apple]\nlicensing_url = \"http://vpp.example.com\"", "unencrypted"),
            (
                "[apple]\nlicensing_url = \"ftp://vpp.example.com\"",
                "not a web address",
            ),
            (
                "[apple]\ninvitation_url = \"https://example.com\"",
                "place for the code",
            ),
            ("[mdm]\npush_topic = \"com.example\"", "com.apple.mgmt."),
            ("[http]\nrequests = 0", "not a number from 1"),
            ("[http]\nrequests = \"many\"", "not a number from 1"),
            ("[retention]\nhistory = \"30d\"", "from 31d"),
            ("[log]\njson = \"yes\"", "neither true nor false"),
            ("apple = 5", "not a section"),
        ] {
            let text = refusal(&format!("{MINIMAL}\n{line}"), &[]);
            assert!(text.contains(problem), "{line}: {text}");
            assert!(text.contains("allotment.toml"), "{line}: {text}");
        }
        let text = refusal(MINIMAL, &[("ALLOTMENT_APPLE_POLL_EVERY", "soon")]);
        assert!(
            text.contains("ALLOTMENT_APPLE_POLL_EVERY") && text.contains("\"5m\""),
            "{text}"
        );
    }

    #[test]
    fn an_address_that_would_show_sessions_to_others_is_refused() {
        let with = |url: &str| {
            refusal(
                "database_url = \"sqlite:a\"\nkey_file = \"k\"",
                &[("ALLOTMENT_PUBLIC_URL", url)],
            )
        };
        assert!(with("http://apps.example.com").contains("unencrypted"));
        assert!(with("apps.example.com").contains("not an address"));
        assert!(with("https://apps.example.com/allotment").contains("root of a host"));
        assert!(with("https://me:secret@apps.example.com").contains("no place in an address"));
        assert!(!with("https://me:secret@apps.example.com").contains("secret"));
    }

    /// P7: a mistyped database address is not repeated, nor is a good one printed.
    #[test]
    fn the_password_of_the_database_is_never_said() {
        let text = refusal(MINIMAL, &[("ALLOTMENT_DATABASE_URL", "mysql://me:hunter2@db")]);
        assert!(!text.contains("hunter2"), "{text}");
        let config = load(MINIMAL, &[("ALLOTMENT_DATABASE_URL", "postgres://me:hunter2@db/a")]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let text = refusal("database_url = \"postgres://me:hunter2@db/a", &[]);
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_file_that_is_not_there_or_not_toml_is_named() {
        let missing = Config::load(Some(Path::new("/nowhere/allotment.toml")), std::iter::empty());
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .starts_with("/nowhere/allotment.toml cannot be read")
        );
        assert!(refusal("public_url = ", &[]).contains("allotment.toml is not TOML: line 1"));
    }
}
