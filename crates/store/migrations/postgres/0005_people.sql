-- People: invitations, leaving and coming back, and moving up in a line.

-- Whoever Apple retired gets a new client user. The old one stays, for what was done with it: of the rows of a person
-- in a location one is current. Where an invitation stands is said by its own rows.
CREATE TABLE client_users_kept (
    client_user_id TEXT PRIMARY KEY, location_id TEXT NOT NULL REFERENCES locations (id),
    person_id TEXT NOT NULL REFERENCES people (id), status TEXT NOT NULL, invite_code TEXT, id_hash TEXT,
    accepted_at BIGINT, operation_id TEXT, observed_at BIGINT, error_number BIGINT, not_before BIGINT,
    -- Counts how often the person was invited anew.
    round BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT, retired_at BIGINT, replaced_at BIGINT);
INSERT INTO client_users_kept (client_user_id, location_id, person_id, status, invite_code, id_hash, accepted_at,
                               operation_id, observed_at, error_number, not_before)
SELECT client_user_id, location_id, person_id, status, invite_code, id_hash, accepted_at, operation_id, observed_at,
       error_number, not_before
FROM client_users;
DROP TABLE client_users;
ALTER TABLE client_users_kept RENAME TO client_users;
CREATE UNIQUE INDEX client_users_current ON client_users (person_id, location_id) WHERE replaced_at IS NULL;
CREATE INDEX client_users_operation ON client_users (operation_id);

-- One invitation on one device: the command of the same id.
CREATE TABLE invitations (
    id TEXT PRIMARY KEY, client_user_id TEXT NOT NULL REFERENCES client_users (client_user_id),
    device_id TEXT NOT NULL REFERENCES devices (id), round BIGINT NOT NULL, queued_at BIGINT NOT NULL,
    ended_at BIGINT, outcome TEXT, error TEXT);
-- One at a time, whoever invites.
CREATE UNIQUE INDEX invitations_open ON invitations (client_user_id) WHERE ended_at IS NULL;
CREATE INDEX invitations_user ON invitations (client_user_id, queued_at);
CREATE INDEX invitations_device ON invitations (device_id);

-- Several people sign in to it, so that its own channel shows no invitation.
ALTER TABLE devices ADD COLUMN shared BOOLEAN NOT NULL DEFAULT FALSE;

-- Whom somebody moved up in the line for an app's licences, and why. It is kept until they have one, or shall not have
-- the app any more.
CREATE TABLE moved_up (
    person_id TEXT NOT NULL REFERENCES people (id), asset_id TEXT NOT NULL REFERENCES assets (id),
    moved_at BIGINT NOT NULL, moved_by TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (person_id, asset_id));
