-- Running the server: retention, guards.
-- Whether something can be written: a row that comes and goes.
CREATE TABLE pulse (id TEXT PRIMARY KEY, filler BYTEA NOT NULL);

-- The order in which a reader may follow the history and miss nothing: with one writer, that of the rows.
ALTER TABLE events ADD COLUMN tx BIGINT NOT NULL DEFAULT 0;
CREATE INDEX events_order ON events (tx, seq);
CREATE VIEW events_settled AS SELECT * FROM events;

-- History is deleted by retention only: within one transaction it says up to when, deletes, and takes its word back. So
-- outside of such a transaction nothing is older than "history_before", and what happened in the last 30 days goes never.
CREATE TABLE retention (only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row), history_before BIGINT NOT NULL);
INSERT INTO retention (history_before) VALUES (0);
CREATE INDEX events_at ON events (at);
CREATE TRIGGER retention_one BEFORE DELETE ON retention
BEGIN
    SELECT RAISE(ABORT, 'retention has one row');
END;
CREATE TRIGGER retention_not_all BEFORE UPDATE ON retention
    WHEN NEW.history_before > (SELECT COALESCE(MAX(at), 0) FROM events) - 2592000000
BEGIN
    SELECT RAISE(ABORT, 'the history of the last 30 days is not deleted') WHERE NEW.history_before > 0;
END;
DROP TRIGGER events_kept;
CREATE TRIGGER events_kept BEFORE DELETE ON events
    WHEN OLD.at >= (SELECT COALESCE(MAX(history_before), 0) FROM retention)
BEGIN
    SELECT RAISE(ABORT, 'history is not deleted');
END;

-- What is asked at every look, at every leave, on every page and every hour. Work that is over stays for months.
CREATE INDEX commands_open ON commands (device_id) WHERE state IN ('queued', 'sent', 'notNow');
CREATE INDEX commands_answered ON commands (answered_at);
CREATE INDEX operations_created ON operations (created_at);
CREATE INDEX seats_person ON seats (person_id);
CREATE INDEX group_members_member ON group_members (member_id);
CREATE INDEX install_requests_person ON install_requests (person_id);
