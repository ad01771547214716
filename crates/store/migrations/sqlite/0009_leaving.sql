-- People who left: since when Apple is asked to retire the client user of one.
ALTER TABLE client_users ADD COLUMN retiring_at BIGINT;
CREATE INDEX enrolments_person ON enrolments (person_id);
-- Whoever left is in no group, and has asked for nothing.
DELETE FROM group_members WHERE member_id IN (SELECT id FROM people WHERE left_at IS NOT NULL);
DELETE FROM install_requests WHERE person_id IN (SELECT id FROM people WHERE left_at IS NOT NULL);
