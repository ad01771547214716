//! Every key there is, and what to write for it.

/// What the name of every variable begins with that stands for a key.
pub const PREFIX: &str = "ALLOTMENT_";

/// One key of the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// Empty for a key that stands above all sections.
    pub section: &'static str,
    pub name: &'static str,
    /// What to write, for whoever wrote something else.
    pub example: &'static str,
}

impl Key {
    pub fn path(&self) -> String {
        match self.section {
            "" => self.name.to_owned(),
            section => format!("{section}.{}", self.name),
        }
    }

    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.path().replace('.', "_").to_uppercase())
    }
}

pub const LISTEN: Key = Key {
    section: "",
    name: "listen",
    example: "\"127.0.0.1:8080\"",
};
pub const PUBLIC_URL: Key = Key {
    section: "",
    name: "public_url",
    example: "\"https://apps.example.com\"",
};
pub const DATABASE_URL: Key = Key {
    section: "",
    name: "database_url",
    example: "\"sqlite:/var/lib/allotment/allotment.db\"",
};
pub const KEY_FILE: Key = Key {
    section: "",
    name: "key_file",
    example: "\"/var/lib/allotment/key\"",
};
pub const LANGUAGE: Key = Key {
    section: "",
    name: "language",
    example: "\"ko\" or \"en\"",
};
pub const TIME_ZONE: Key = Key {
    section: "",
    name: "time_zone",
    example: "\"Asia/Seoul\"",
};
pub const ORGANIZATION: Key = Key {
    section: "",
    name: "organization",
    example: "\"Example Company\"",
};
pub const TRUSTED_PROXIES: Key = Key {
    section: "",
    name: "trusted_proxies",
    example: "[\"127.0.0.1\", \"10.0.0.0/8\"]",
};
pub const RECONCILE_EVERY: Key = Key {
    section: "",
    name: "reconcile_every",
    example: "\"2s\"",
};
pub const LICENSING_URL: Key = Key {
    section: "apple",
    name: "licensing_url",
    example: "\"https://vpp.itunes.apple.com/mdm/v2\"",
};
pub const METADATA_URL: Key = Key {
    section: "apple",
    name: "metadata_url",
    example: "\"https://uclient-api.itunes.apple.com/WebObjects/MZStorePlatform.woa/wa/lookup\"",
};
pub const INVITATION: Key = Key {
    section: "apple",
    name: "invitation_url",
    example: "an address with %25inviteCode%25 where the code goes, or nothing: Apple's own is the default",
};
pub const PUSH_URL: Key = Key {
    section: "apple",
    name: "push_url",
    example: "\"https://api.push.apple.com\"",
};
pub const ACCOUNT_URL: Key = Key {
    section: "apple",
    name: "account_url",
    example: "\"https://business.apple.com\"",
};
pub const POLL_EVERY: Key = Key {
    section: "apple",
    name: "poll_every",
    example: "\"5m\"",
};
pub const EVENT_POLL_EVERY: Key = Key {
    section: "apple",
    name: "event_poll_every",
    example: "\"30s\"",
};
pub const ICON_HOSTS: Key = Key {
    section: "apple",
    name: "icon_hosts",
    example: "[\"icons.example.com\"]",
};
pub const ANSWER_WITHIN: Key = Key {
    section: "apple",
    name: "answer_within",
    example: "\"40s\"",
};
pub const EVENT_WITHIN: Key = Key {
    section: "apple",
    name: "event_within",
    example: "\"10m\"",
};
pub const LIST_LAG: Key = Key {
    section: "apple",
    name: "list_lag",
    example: "\"60s\"",
};
pub const SYNC_AT: Key = Key {
    section: "apple",
    name: "sync_at",
    example: "[\"02:00\", \"14:00\"]",
};
pub const NOTIFICATIONS: Key = Key {
    section: "apple",
    name: "notifications",
    example: "\"off\", or the address under which Apple reaches this server: \"https://apps.example.com\"",
};
pub const PUSH_CERTIFICATE_FILE: Key = Key {
    section: "mdm",
    name: "push_certificate_file",
    example: "\"/etc/allotment/push.pem\"",
};
pub const PROFILE_SIGNER_FILE: Key = Key {
    section: "mdm",
    name: "profile_signer_file",
    example: "\"/etc/allotment/signer.pem\", with certificate, chain and key",
};
pub const PUSH_TOPIC: Key = Key {
    section: "mdm",
    name: "push_topic",
    example: "nothing: the topic is read from the certificate",
};
pub const MDM_ORGANIZATION: Key = Key {
    section: "mdm",
    name: "organization",
    example: "\"Example Company\"",
};
pub const PUSH_AGAIN_AFTER: Key = Key {
    section: "mdm",
    name: "push_again_after",
    example: "\"15m\"",
};
pub const CONNECTIONS: Key = Key {
    section: "http",
    name: "connections",
    example: "1000",
};
pub const REQUESTS: Key = Key {
    section: "http",
    name: "requests",
    example: "128",
};
pub const HEAD_TIMEOUT: Key = Key {
    section: "http",
    name: "head_timeout",
    example: "\"10s\"",
};
pub const IDLE_TIMEOUT: Key = Key {
    section: "http",
    name: "idle_timeout",
    example: "\"90s\"",
};
pub const BODY_TIMEOUT: Key = Key {
    section: "http",
    name: "body_timeout",
    example: "\"60s\"",
};
pub const ANSWER_TIMEOUT: Key = Key {
    section: "http",
    name: "answer_timeout",
    example: "\"5m\"",
};
pub const STOP_WITHIN: Key = Key {
    section: "http",
    name: "stop_within",
    example: "\"20s\"",
};
pub const KEEP_HISTORY: Key = Key {
    section: "retention",
    name: "history",
    example: "\"1825d\"",
};
pub const KEEP_WORK: Key = Key {
    section: "retention",
    name: "work",
    example: "\"90d\"",
};
pub const LOG_LEVEL: Key = Key {
    section: "log",
    name: "level",
    example: "\"info\"",
};
pub const LOG_JSON: Key = Key {
    section: "log",
    name: "json",
    example: "true",
};

/// Every key there is.
pub const KEYS: &[Key] = &[
    LISTEN,
    PUBLIC_URL,
    DATABASE_URL,
    KEY_FILE,
    LANGUAGE,
    TIME_ZONE,
    ORGANIZATION,
    TRUSTED_PROXIES,
    RECONCILE_EVERY,
    LICENSING_URL,
    METADATA_URL,
    INVITATION,
    PUSH_URL,
    ACCOUNT_URL,
    NOTIFICATIONS,
    POLL_EVERY,
    EVENT_POLL_EVERY,
    ICON_HOSTS,
    ANSWER_WITHIN,
    EVENT_WITHIN,
    LIST_LAG,
    SYNC_AT,
    PUSH_CERTIFICATE_FILE,
    PROFILE_SIGNER_FILE,
    PUSH_TOPIC,
    MDM_ORGANIZATION,
    PUSH_AGAIN_AFTER,
    CONNECTIONS,
    REQUESTS,
    HEAD_TIMEOUT,
    IDLE_TIMEOUT,
    BODY_TIMEOUT,
    ANSWER_TIMEOUT,
    STOP_WITHIN,
    KEEP_HISTORY,
    KEEP_WORK,
    LOG_LEVEL,
    LOG_JSON,
];
