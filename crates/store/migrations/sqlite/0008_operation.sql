-- Running the server: retention, guards.
-- Whether something can be written: a row that comes and goes.
CREATE TABLE pulse (id TEXT PRIMARY KEY, filler BYTEA NOT NULL);

-- The order in which a reader may follow the history and miss nothing: with one writer, that of the rows.
ALTER TABLE events ADD COLUMN tx BIGINT NOT NULL DEFAULT 0;
CREATE INDEX events_order ON events (tx, seq);
CREATE VIEW events_settled AS SELECT * FROM events;
