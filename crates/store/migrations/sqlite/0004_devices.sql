-- Devices: identities, retirement, what support asks for.

-- One enrolment, one identity, one device: the enrolment itself is the pin.
DROP TABLE device_certificates;
ALTER TABLE enrolments ADD COLUMN access_rights BIGINT;
ALTER TABLE enrolments ADD COLUMN revoked_at BIGINT;
CREATE INDEX enrolments_device ON enrolments (device_id);

-- `next_push_at` is when to wake the device; NULL is never. `push_asked` counts what was queued for it.
ALTER TABLE devices ADD COLUMN push_token_at BIGINT;
ALTER TABLE devices ADD COLUMN push_asked BIGINT NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN push_failures BIGINT NOT NULL DEFAULT 0;
-- Until when Apple wants no push for it.
ALTER TABLE devices ADD COLUMN push_not_before BIGINT;
ALTER TABLE devices ADD COLUMN unreachable_since BIGINT;
ALTER TABLE devices ADD COLUMN leaving_since BIGINT;
-- When it was asked for a sign of life after a long silence, and since when it counts as gone for want of one.
ALTER TABLE devices ADD COLUMN called_at BIGINT;
ALTER TABLE devices ADD COLUMN silent_since BIGINT;
-- When it last spoke although it had been taken out.
ALTER TABLE devices ADD COLUMN refused_at BIGINT;
UPDATE devices SET next_push_at = 0 WHERE push_token IS NOT NULL;
CREATE INDEX devices_push ON devices (next_push_at) WHERE next_push_at IS NOT NULL;
CREATE INDEX devices_silent ON devices (last_seen_at) WHERE gone_at IS NULL AND silent_since IS NULL;
CREATE INDEX devices_heard ON devices (last_seen_at);

ALTER TABLE installs ADD COLUMN asked_again_at BIGINT;

-- What devices said when they came and went, without their secrets: for support.
CREATE TABLE check_ins (
    id TEXT PRIMARY KEY, device_id TEXT NOT NULL REFERENCES devices (id), at BIGINT NOT NULL, kind TEXT NOT NULL,
    refusal TEXT, body TEXT NOT NULL);
CREATE INDEX check_ins_device ON check_ins (device_id, id);
