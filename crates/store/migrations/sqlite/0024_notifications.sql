-- Where Apple is to notify us of a location, and what became of that. Who knows the path and the secret may make us look, no more.
CREATE TABLE notification_channels (
    location_id TEXT PRIMARY KEY REFERENCES locations (id), path TEXT NOT NULL UNIQUE, secret_sealed BLOB NOT NULL,
    url TEXT, refused BIGINT, tried_at BIGINT, notified_at BIGINT, hinted_at BIGINT);
-- Of how many it was told so far that they are done, or cannot be.
ALTER TABLE operations ADD COLUMN told BIGINT NOT NULL DEFAULT 0;
