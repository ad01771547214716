-- Running the server: retention, guards.
-- Whether something can be written: a row that comes and goes.
CREATE TABLE pulse (id TEXT PRIMARY KEY, filler BYTEA NOT NULL);
