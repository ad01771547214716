-- Devices that belong to nobody. Everything that is decided is kept of a person, so such a device has a row among people that
-- stands for it, under the id of the device: nobody has a name there, and no list of people shows it.
ALTER TABLE people ADD COLUMN kind TEXT NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'device'));
DROP INDEX people_here;
DROP INDEX people_left;
CREATE INDEX people_here ON people (name, id) WHERE left_at IS NULL AND kind = 'person';
CREATE INDEX people_left ON people (name, id) WHERE left_at IS NOT NULL AND kind = 'person';
-- The device has the name.
DROP TRIGGER names_member;
CREATE TRIGGER names_member AFTER INSERT ON group_members WHEN NEW.name = ''
BEGIN
    UPDATE group_members SET name = COALESCE(
        (SELECT devices.name FROM devices WHERE id = NEW.member_id),
        (SELECT people.name FROM people WHERE id = NEW.member_id), '')
    WHERE group_id = NEW.group_id AND member_id = NEW.member_id;
END;
-- Whatever the program thinks: Apple never hears of nobody.
CREATE TRIGGER client_users_of_people BEFORE INSERT ON client_users
    WHEN (SELECT kind FROM people WHERE id = NEW.person_id) = 'device'
BEGIN
    SELECT RAISE(ABORT, 'nobody is registered for a device');
END;

-- A link that is for nobody has no person.
CREATE TABLE enrolments_for_anybody (
    id TEXT PRIMARY KEY, person_id TEXT REFERENCES people (id), token_sha256 TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, downloaded_at BIGINT, certificate_sha256 TEXT UNIQUE,
    not_after BIGINT, device_id TEXT, access_rights BIGINT, revoked_at BIGINT);
INSERT INTO enrolments_for_anybody (id, person_id, token_sha256, created_at, expires_at, downloaded_at,
                                    certificate_sha256, not_after, device_id, access_rights, revoked_at)
SELECT id, person_id, token_sha256, created_at, expires_at, downloaded_at, certificate_sha256, not_after, device_id,
       access_rights, revoked_at
FROM enrolments;
DROP TABLE enrolments;
ALTER TABLE enrolments_for_anybody RENAME TO enrolments;
CREATE INDEX enrolments_device ON enrolments (device_id);
CREATE INDEX enrolments_person ON enrolments (person_id);
