-- Versions of what people edit: counted by the statement that changes the row, with when and by whom it last was.
ALTER TABLE people ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE people ADD COLUMN changed_at BIGINT;
ALTER TABLE people ADD COLUMN changed_by TEXT;
ALTER TABLE groups ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE groups ADD COLUMN changed_at BIGINT;
ALTER TABLE groups ADD COLUMN changed_by TEXT;
-- The members of a group, and the deployment of an app, are edited as a whole.
ALTER TABLE groups ADD COLUMN members_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE groups ADD COLUMN members_changed_at BIGINT;
ALTER TABLE groups ADD COLUMN members_changed_by TEXT;
ALTER TABLE assets ADD COLUMN deployments_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE assets ADD COLUMN deployments_changed_at BIGINT;
ALTER TABLE assets ADD COLUMN deployments_changed_by TEXT;
ALTER TABLE settings ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE settings ADD COLUMN changed_by TEXT;

-- A mail address is one person's. Kept in small letters beside it, since the databases disagree on what those are; of
-- whoever left it is free again.
ALTER TABLE people ADD COLUMN email_key TEXT;
UPDATE people SET email_key = lower(email) WHERE NOT EXISTS (
    SELECT 1 FROM people AS earlier
    WHERE lower(earlier.email) = lower(people.email) AND earlier.id < people.id AND earlier.left_at IS NULL);
CREATE UNIQUE INDEX people_email_key ON people (email_key) WHERE left_at IS NULL;
