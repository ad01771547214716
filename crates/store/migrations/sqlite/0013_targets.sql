-- Groups by a rule, and what rules look at.

-- Where somebody works, and whose a device is, which no device can tell: people say so.
ALTER TABLE people ADD COLUMN office TEXT;
CREATE TABLE device_ownership (
    device_id TEXT PRIMARY KEY REFERENCES devices (id),
    ownership TEXT CHECK (ownership IN ('company', 'personal')), version BIGINT NOT NULL DEFAULT 1, changed_at BIGINT,
    changed_by TEXT);
-- By what somebody is in a group; without it, whoever was put into it.
ALTER TABLE groups ADD COLUMN membership_rule TEXT;
-- At whose members a rule looks: those groups stay, and their members are asked anew when they come and go.
CREATE TABLE group_uses (
    group_id TEXT NOT NULL REFERENCES groups (id), used_id TEXT NOT NULL REFERENCES groups (id),
    PRIMARY KEY (group_id, used_id));
CREATE INDEX group_uses_used ON group_uses (used_id);

-- Of whom something changed that a rule may look at, since the rules were asked of them last. Added to only; whoever asks
-- takes the rows away.
CREATE TABLE group_marks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL CHECK (kind IN ('user', 'device')),
    member_id TEXT NOT NULL);
-- Groups whose rule is new: it is asked of everybody, some thousand at a time.
CREATE TABLE group_walks (
    group_id TEXT PRIMARY KEY REFERENCES groups (id), done_until TEXT NOT NULL DEFAULT '', joined BIGINT NOT NULL DEFAULT 0,
    went BIGINT NOT NULL DEFAULT 0);

-- In the transaction of the fact and whoever writes it, so that no change is forgotten, whatever crashes.
CREATE TRIGGER asks_person_new AFTER INSERT ON people
BEGIN
    INSERT INTO group_marks (kind, member_id) VALUES ('user', NEW.id);
END;
-- The rules of devices look at their people, too.
CREATE TRIGGER asks_person_changed AFTER UPDATE ON people
    WHEN (OLD.name, OLD.email, OLD.department, OLD.office, OLD.left_at IS NULL)
        IS DISTINCT FROM (NEW.name, NEW.email, NEW.department, NEW.office, NEW.left_at IS NULL)
BEGIN
    INSERT INTO group_marks (kind, member_id) VALUES ('user', NEW.id);
    INSERT INTO group_marks (kind, member_id) SELECT 'device', id FROM devices WHERE person_id = NEW.id;
END;
CREATE TRIGGER asks_device_new AFTER INSERT ON devices
BEGIN
    INSERT INTO group_marks (kind, member_id) VALUES ('device', NEW.id);
END;
CREATE TRIGGER asks_device_gone AFTER DELETE ON devices
BEGIN
    INSERT INTO group_marks (kind, member_id) VALUES ('device', OLD.id);
END;
CREATE TRIGGER asks_device_changed AFTER UPDATE ON devices
    WHEN (OLD.person_id, OLD.product_name, OLD.platform, OLD.os_version, OLD.supervised, OLD.dep, OLD.gone_at IS NULL)
        IS DISTINCT FROM
         (NEW.person_id, NEW.product_name, NEW.platform, NEW.os_version, NEW.supervised, NEW.dep, NEW.gone_at IS NULL)
BEGIN
    INSERT INTO group_marks (kind, member_id) VALUES ('device', NEW.id);
END;
CREATE TRIGGER asks_ownership_new AFTER INSERT ON device_ownership
BEGIN
    INSERT INTO group_marks (kind, member_id) VALUES ('device', NEW.device_id);
END;
CREATE TRIGGER asks_ownership_gone AFTER DELETE ON device_ownership
BEGIN
    INSERT INTO group_marks (kind, member_id) VALUES ('device', OLD.device_id);
END;
CREATE TRIGGER asks_ownership_changed AFTER UPDATE ON device_ownership WHEN OLD.ownership IS DISTINCT FROM NEW.ownership
BEGIN
    INSERT INTO group_marks (kind, member_id) VALUES ('device', NEW.device_id);
END;
-- Whoever comes into a group that a rule looks at, or leaves it.
CREATE TRIGGER members_used_come AFTER INSERT ON group_members
    WHEN EXISTS (SELECT 1 FROM group_uses WHERE used_id = NEW.group_id)
BEGIN
    INSERT INTO group_marks (kind, member_id) SELECT kind, NEW.member_id FROM groups WHERE id = NEW.group_id;
END;
CREATE TRIGGER members_used_go AFTER DELETE ON group_members
    WHEN EXISTS (SELECT 1 FROM group_uses WHERE used_id = OLD.group_id)
BEGIN
    INSERT INTO group_marks (kind, member_id) SELECT kind, OLD.member_id FROM groups WHERE id = OLD.group_id;
END;
-- One that is under way begins anew.
CREATE TRIGGER asks_rule_new AFTER INSERT ON groups WHEN NEW.membership_rule IS NOT NULL
BEGIN
    INSERT INTO group_walks (group_id) VALUES (NEW.id);
END;
CREATE TRIGGER asks_rule_changed AFTER UPDATE ON groups WHEN OLD.membership_rule IS DISTINCT FROM NEW.membership_rule
BEGIN
    DELETE FROM group_walks WHERE group_id = NEW.id;
    INSERT INTO group_walks (group_id) SELECT NEW.id WHERE NEW.membership_rule IS NOT NULL;
END;
