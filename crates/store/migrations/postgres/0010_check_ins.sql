-- What devices said when they came and went, for support: also of devices that are not known, by where they came from.
DROP TABLE check_ins;
CREATE TABLE check_ins (
    id TEXT PRIMARY KEY, device_id TEXT REFERENCES devices (id), source TEXT, at BIGINT NOT NULL, kind TEXT NOT NULL,
    refusal TEXT, reason TEXT, body TEXT NOT NULL);
CREATE INDEX check_ins_device ON check_ins (device_id, id);
CREATE INDEX check_ins_source ON check_ins (source, id) WHERE device_id IS NULL;
CREATE INDEX check_ins_at ON check_ins (at);
