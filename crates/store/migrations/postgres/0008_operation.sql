-- Running the server: retention, guards.

-- TRUNCATE passes by the guards of rows: nothing that is guarded can be emptied at one stroke.
CREATE FUNCTION not_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is not emptied', TG_TABLE_NAME;
END $$;
CREATE TRIGGER events_not_emptied BEFORE TRUNCATE ON events EXECUTE FUNCTION not_emptied();
CREATE TRIGGER seats_not_emptied BEFORE TRUNCATE ON seats EXECUTE FUNCTION not_emptied();
CREATE TRIGGER assets_not_emptied BEFORE TRUNCATE ON assets EXECUTE FUNCTION not_emptied();
CREATE TRIGGER operations_not_emptied BEFORE TRUNCATE ON operations EXECUTE FUNCTION not_emptied();
CREATE TRIGGER leases_not_emptied BEFORE TRUNCATE ON leases EXECUTE FUNCTION not_emptied();
CREATE TRIGGER claims_not_emptied BEFORE TRUNCATE ON claims EXECUTE FUNCTION not_emptied();
-- Whether something can be written: a row that comes and goes.
CREATE TABLE pulse (id TEXT PRIMARY KEY, filler BYTEA NOT NULL);

-- The order in which a reader may follow the history and miss nothing. Identity values are given out before their
-- transactions end, so a smaller one may appear after a larger one. Rows are ordered by their transaction instead, and
-- a row is read once every transaction up to its own has ended. A restored database counts transactions from the
-- start again: "base" is then moved behind what is there.
ALTER TABLE events ADD COLUMN tx BIGINT NOT NULL DEFAULT 0;
CREATE INDEX events_order ON events (tx, seq);
CREATE TABLE events_base (only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row), base BIGINT NOT NULL);
INSERT INTO events_base (base) VALUES (0);
CREATE FUNCTION events_placed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.tx := (SELECT base FROM events_base) + pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER events_placed BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION events_placed();
CREATE VIEW events_settled AS SELECT * FROM events
    WHERE tx < (SELECT base FROM events_base) + pg_snapshot_xmin(pg_current_snapshot())::text::bigint;

-- History is deleted by retention only: within one transaction it says up to when, deletes, and takes its word back. So
-- outside of such a transaction nothing is older than "history_before", and what happened in the last 30 days goes never.
CREATE TABLE retention (only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row), history_before BIGINT NOT NULL);
INSERT INTO retention (history_before) VALUES (0);
CREATE INDEX events_at ON events (at);
CREATE FUNCTION retention_not_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'retention has one row';
    END IF;
    IF NEW.history_before > 0
        AND NEW.history_before > (SELECT COALESCE(MAX(at), 0) FROM events) - 2592000000 THEN
        RAISE EXCEPTION 'the history of the last 30 days is not deleted';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER retention_not_all BEFORE UPDATE OR DELETE ON retention
    FOR EACH ROW EXECUTE FUNCTION retention_not_all();
CREATE TRIGGER retention_not_emptied BEFORE TRUNCATE ON retention EXECUTE FUNCTION not_emptied();
DROP TRIGGER events_unchanged ON events;
CREATE TRIGGER events_unchanged BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION events_unchanged();
CREATE FUNCTION events_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.at >= (SELECT COALESCE(MAX(history_before), 0) FROM retention) THEN
        RAISE EXCEPTION 'history is not deleted';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER events_kept BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION events_kept();

-- What is asked at every look, at every leave, on every page and every hour. Work that is over stays for months.
CREATE INDEX commands_open ON commands (device_id) WHERE state IN ('queued', 'sent', 'notNow');
CREATE INDEX commands_answered ON commands (answered_at);
CREATE INDEX operations_created ON operations (created_at);
CREATE INDEX seats_person ON seats (person_id);
CREATE INDEX group_members_member ON group_members (member_id);
CREATE INDEX install_requests_person ON install_requests (person_id);
