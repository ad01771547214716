-- By which rule licences came back, how many in all and lately, and when last: counted as Apple is asked for them.
CREATE TABLE reclaims (
    rule TEXT PRIMARY KEY,
    returned BIGINT NOT NULL,
    last_returned BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);
