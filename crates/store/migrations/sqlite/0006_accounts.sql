-- Accounts, sessions, keys.

-- Two logins that differ by case or by the form of their letters only are one (`app::accounts::login_key`).
ALTER TABLE accounts ADD COLUMN login_key TEXT NOT NULL DEFAULT '';
UPDATE accounts SET login_key = lower(login);
CREATE UNIQUE INDEX accounts_by_login_key ON accounts (login_key);
-- Of name, role and whether it may sign in.
ALTER TABLE accounts ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE accounts ADD COLUMN changed_at BIGINT;
ALTER TABLE accounts ADD COLUMN changed_by TEXT;
ALTER TABLE accounts ADD COLUMN signed_in_at BIGINT;
-- Wrong passwords from before no longer count.
ALTER TABLE accounts ADD COLUMN unlocked_at BIGINT;
-- One row. Whoever takes rights away changes it first, so that two at once cannot take away the last.
CREATE TABLE account_guard (id BIGINT PRIMARY KEY, changes BIGINT NOT NULL);
INSERT INTO account_guard (id, changes) VALUES (1, 0);

-- A session can be pointed at without knowing its token. Whoever is signed in signs in again.
DROP TABLE sessions;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, token_sha256 TEXT NOT NULL UNIQUE, account_id TEXT NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, last_seen_at BIGINT NOT NULL, source TEXT NOT NULL,
    browser TEXT NOT NULL);
CREATE INDEX sessions_account ON sessions (account_id);

-- Browsers in which somebody has signed in before.
CREATE TABLE known_browsers (
    token_sha256 TEXT PRIMARY KEY, account_id TEXT NOT NULL REFERENCES accounts (id), created_at BIGINT NOT NULL);
CREATE INDEX known_browsers_account ON known_browsers (account_id, created_at);

-- Enough of a key to tell it from others, and the one it replaced, while that is still good.
ALTER TABLE api_keys ADD COLUMN hint TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN made_by TEXT NOT NULL DEFAULT 'system';
ALTER TABLE api_keys ADD COLUMN rotated_at BIGINT;
ALTER TABLE api_keys ADD COLUMN previous_sha256 TEXT;
ALTER TABLE api_keys ADD COLUMN previous_until BIGINT;
CREATE UNIQUE INDEX api_keys_previous ON api_keys (previous_sha256);
ALTER TABLE api_keys ADD COLUMN expires_at BIGINT;
ALTER TABLE api_keys ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE api_keys ADD COLUMN changed_at BIGINT;
ALTER TABLE api_keys ADD COLUMN changed_by TEXT;
