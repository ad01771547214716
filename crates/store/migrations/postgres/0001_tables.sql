-- Intent: what people want.
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL, updated_at BIGINT NOT NULL);
CREATE TABLE secrets (name TEXT PRIMARY KEY, sealed BYTEA NOT NULL);
CREATE TABLE accounts (
    id TEXT PRIMARY KEY, login TEXT NOT NULL UNIQUE, name TEXT NOT NULL, password_hash TEXT NOT NULL,
    role TEXT NOT NULL, language TEXT, created_at BIGINT NOT NULL, disabled_at BIGINT);
CREATE TABLE sessions (
    token_sha256 TEXT PRIMARY KEY, account_id TEXT NOT NULL REFERENCES accounts (id), created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL, last_seen_at BIGINT NOT NULL);
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, key_sha256 TEXT NOT NULL UNIQUE, role TEXT NOT NULL,
    created_at BIGINT NOT NULL, last_used_at BIGINT, revoked_at BIGINT);
CREATE TABLE people (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT, department TEXT, created_at BIGINT NOT NULL, left_at BIGINT);
CREATE TABLE groups (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('user', 'device')), name TEXT NOT NULL UNIQUE,
    priority BIGINT NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES groups (id), member_id TEXT NOT NULL, PRIMARY KEY (group_id, member_id));

-- Observed: what Apple said.
CREATE TABLE locations (
    id TEXT PRIMARY KEY, uid TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, apple_id TEXT NOT NULL,
    token_sealed BYTEA NOT NULL, token_sha256 TEXT NOT NULL, organization_name TEXT NOT NULL,
    location_name TEXT NOT NULL, country TEXT NOT NULL, default_platform TEXT NOT NULL, website_url TEXT,
    expires_at BIGINT NOT NULL, state TEXT NOT NULL, owner_name TEXT, owner_metadata TEXT, mdm_id TEXT NOT NULL,
    uploaded_by TEXT, last_modified_at BIGINT NOT NULL, last_sync_at BIGINT, assets_version TEXT,
    assignments_version TEXT, users_version TEXT, created_at BIGINT NOT NULL);
CREATE TABLE uploads (
    id TEXT PRIMARY KEY, account_id TEXT, sealed BYTEA NOT NULL, facts TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE assets (
    id TEXT PRIMARY KEY, location_id TEXT NOT NULL REFERENCES locations (id), adam_id TEXT NOT NULL,
    pricing_param TEXT NOT NULL, product_type TEXT NOT NULL, owned BIGINT NOT NULL, total BIGINT NOT NULL,
    assigned BIGINT NOT NULL, available BIGINT NOT NULL, retired BIGINT NOT NULL, unlimited BOOLEAN NOT NULL,
    taken BIGINT NOT NULL DEFAULT 0 CHECK (taken >= 0), foreign_held BIGINT NOT NULL DEFAULT 0,
    device_assignable BOOLEAN NOT NULL, revocable BOOLEAN NOT NULL, platforms TEXT NOT NULL,
    observed_at BIGINT NOT NULL, gone_at BIGINT, UNIQUE (location_id, adam_id, pricing_param));
CREATE TABLE app_metadata (
    asset_id TEXT PRIMARY KEY REFERENCES assets (id), name TEXT NOT NULL, bundle_id TEXT, publisher TEXT,
    minimum_os TEXT, device_families TEXT NOT NULL, version TEXT, url TEXT, icon_url TEXT, observed_at BIGINT NOT NULL);
CREATE TABLE app_icons (
    asset_id TEXT PRIMARY KEY REFERENCES assets (id), media_type TEXT NOT NULL, bytes BYTEA NOT NULL,
    fetched_at BIGINT NOT NULL);
CREATE TABLE assignments (
    asset_id TEXT NOT NULL REFERENCES assets (id), holder_kind TEXT NOT NULL CHECK (holder_kind IN ('user', 'device')),
    holder TEXT NOT NULL, observed_at BIGINT NOT NULL, PRIMARY KEY (asset_id, holder_kind, holder));
CREATE TABLE client_users (
    client_user_id TEXT PRIMARY KEY, location_id TEXT NOT NULL REFERENCES locations (id),
    person_id TEXT NOT NULL REFERENCES people (id), status TEXT NOT NULL, invite_code TEXT, id_hash TEXT,
    invitation TEXT NOT NULL, invitation_at BIGINT, accepted_at BIGINT, operation_id TEXT, observed_at BIGINT,
    UNIQUE (location_id, person_id));
CREATE INDEX client_users_operation ON client_users (operation_id);

CREATE TABLE deployments (
    id TEXT PRIMARY KEY, asset_id TEXT NOT NULL REFERENCES assets (id), group_id TEXT NOT NULL REFERENCES groups (id),
    approval TEXT NOT NULL CHECK (approval IN ('required', 'available', 'notApplicable', 'uninstall')),
    deadline BIGINT, since BIGINT NOT NULL, updated_at BIGINT NOT NULL, UNIQUE (asset_id, group_id));
CREATE TABLE install_requests (
    asset_id TEXT NOT NULL REFERENCES assets (id), person_id TEXT NOT NULL REFERENCES people (id),
    requested_at BIGINT NOT NULL, PRIMARY KEY (asset_id, person_id));

-- Observed: what devices said.
CREATE TABLE enrolments (
    id TEXT PRIMARY KEY, person_id TEXT NOT NULL REFERENCES people (id), token_sha256 TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, downloaded_at BIGINT, certificate_sha256 TEXT UNIQUE,
    not_after BIGINT, device_id TEXT);
CREATE TABLE devices (
    id TEXT PRIMARY KEY, udid TEXT NOT NULL UNIQUE, serial TEXT, name TEXT NOT NULL, product_name TEXT NOT NULL,
    platform TEXT NOT NULL, os_version TEXT, build_version TEXT, person_id TEXT NOT NULL REFERENCES people (id),
    enrolment TEXT NOT NULL, dep BOOLEAN NOT NULL, supervised BOOLEAN, awaiting_configuration BOOLEAN NOT NULL,
    push_token BYTEA, push_magic TEXT, topic TEXT, enrolment_id TEXT, enrolled_at BIGINT, last_seen_at BIGINT,
    informed_at BIGINT, gone_at BIGINT, next_push_at BIGINT, pushed_at BIGINT, store_account_active BOOLEAN,
    store_account_hash TEXT);
CREATE INDEX devices_person ON devices (person_id);
CREATE TABLE device_certificates (sha256 TEXT PRIMARY KEY, device_id TEXT NOT NULL REFERENCES devices (id));
CREATE TABLE device_apps (
    device_id TEXT NOT NULL REFERENCES devices (id), asset_id TEXT NOT NULL REFERENCES assets (id), seen TEXT,
    seen_at BIGINT, PRIMARY KEY (device_id, asset_id));

-- Operations: what is on its way.
CREATE TABLE syncs (
    id TEXT PRIMARY KEY, location_id TEXT NOT NULL REFERENCES locations (id), cause TEXT NOT NULL, actor TEXT NOT NULL,
    requested_at BIGINT NOT NULL, started_at BIGINT, finished_at BIGINT, status TEXT NOT NULL, phase TEXT NOT NULL,
    done BIGINT NOT NULL, total BIGINT NOT NULL, requests BIGINT NOT NULL, changes BIGINT NOT NULL, error_code TEXT,
    error_detail TEXT);
CREATE INDEX syncs_location ON syncs (location_id, requested_at);
CREATE TABLE operations (
    id TEXT PRIMARY KEY, location_id TEXT NOT NULL REFERENCES locations (id), kind TEXT NOT NULL, state TEXT NOT NULL,
    event_id TEXT, attempts BIGINT NOT NULL, not_before BIGINT, requested BIGINT NOT NULL, completed BIGINT NOT NULL,
    error_number BIGINT, error_message TEXT, created_at BIGINT NOT NULL, sent_at BIGINT, finished_at BIGINT);
CREATE INDEX operations_open ON operations (location_id, state);
CREATE TABLE seats (
    asset_id TEXT NOT NULL REFERENCES assets (id), person_id TEXT NOT NULL REFERENCES people (id),
    state TEXT NOT NULL CHECK (state IN ('reserved', 'held', 'returning')), operation_id TEXT, since BIGINT NOT NULL,
    PRIMARY KEY (asset_id, person_id));
CREATE INDEX seats_operation ON seats (operation_id);
CREATE TABLE seat_refusals (
    asset_id TEXT NOT NULL, person_id TEXT NOT NULL, error_number BIGINT NOT NULL, at BIGINT NOT NULL,
    attempts BIGINT NOT NULL, not_before BIGINT NOT NULL, PRIMARY KEY (asset_id, person_id));
CREATE TABLE commands (
    uuid TEXT PRIMARY KEY, device_id TEXT NOT NULL REFERENCES devices (id), request_type TEXT NOT NULL, asset_id TEXT,
    person_id TEXT, body BYTEA NOT NULL, state TEXT NOT NULL, created_at BIGINT NOT NULL, sent_at BIGINT,
    answered_at BIGINT, not_now_count BIGINT NOT NULL, not_now_at BIGINT, error_chain TEXT);
CREATE INDEX commands_device ON commands (device_id, state);
CREATE TABLE installs (
    device_id TEXT NOT NULL REFERENCES devices (id), asset_id TEXT NOT NULL REFERENCES assets (id), command TEXT,
    command_since BIGINT, accepted_at BIGINT, removed_at BIGINT, checks BIGINT NOT NULL, failure_class TEXT,
    failure_code TEXT, failure_at BIGINT, failure_attempts BIGINT, PRIMARY KEY (device_id, asset_id));
CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, fence BIGINT NOT NULL, until BIGINT NOT NULL);

-- Events: what happened.
CREATE TABLE events (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at BIGINT NOT NULL, actor_kind TEXT NOT NULL, actor_id TEXT,
    kind TEXT NOT NULL, location_id TEXT, asset_id TEXT, person_id TEXT, device_id TEXT, group_id TEXT,
    detail TEXT NOT NULL);
CREATE INDEX events_asset ON events (asset_id, seq);
CREATE INDEX events_person ON events (person_id, seq);
CREATE INDEX events_device ON events (device_id, seq);
