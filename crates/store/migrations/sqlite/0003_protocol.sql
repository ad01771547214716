-- The protocol with Apple: what a refusal says, when a request is dead, how old a list is, who we are there.
ALTER TABLE seat_refusals ADD COLUMN reason TEXT NOT NULL DEFAULT 'temporary';
-- From then on nothing more can come of the request, whatever became of its answer.
ALTER TABLE operations ADD COLUMN dead_at BIGINT;
ALTER TABLE client_users ADD COLUMN error_number BIGINT;
ALTER TABLE client_users ADD COLUMN not_before BIGINT;
-- When the reading of the latest list began that was taken over for this asset.
ALTER TABLE assets ADD COLUMN listed_at BIGINT;
-- When the last licence of a person and an asset ended: a list from before does not bring it back.
CREATE TABLE seats_ended (
    asset_id TEXT NOT NULL REFERENCES assets (id), person_id TEXT NOT NULL, at BIGINT NOT NULL,
    PRIMARY KEY (asset_id, person_id));
-- Who we are at Apple, written down before it is claimed there.
CREATE TABLE claims (uid TEXT PRIMARY KEY, mdm_id TEXT NOT NULL, created_at BIGINT NOT NULL);
-- Since when Apple has not answered for this location, while it does not.
ALTER TABLE locations ADD COLUMN unanswered_since BIGINT;
