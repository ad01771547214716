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
