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
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('user', 'device')),
    member_id TEXT NOT NULL);
-- Groups whose rule is new: it is asked of everybody, some thousand at a time.
CREATE TABLE group_walks (
    group_id TEXT PRIMARY KEY REFERENCES groups (id), done_until TEXT NOT NULL DEFAULT '', joined BIGINT NOT NULL DEFAULT 0,
    went BIGINT NOT NULL DEFAULT 0);

-- In the transaction of the fact and whoever writes it, so that no change is forgotten, whatever crashes.
CREATE FUNCTION asks_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The rules of devices look at their people, too.
    INSERT INTO group_marks (kind, member_id)
    SELECT 'user', NEW.id UNION ALL SELECT 'device', id FROM devices WHERE person_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER asks_person_new AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION asks_person();
CREATE TRIGGER asks_person_changed AFTER UPDATE ON people FOR EACH ROW
    WHEN ((OLD.name, OLD.email, OLD.department, OLD.office, OLD.left_at IS NULL)
        IS DISTINCT FROM (NEW.name, NEW.email, NEW.department, NEW.office, NEW.left_at IS NULL))
    EXECUTE FUNCTION asks_person();
CREATE FUNCTION asks_device() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO group_marks (kind, member_id) VALUES ('device', COALESCE(NEW.id, OLD.id));
    RETURN NULL;
END $$;
CREATE TRIGGER asks_device AFTER INSERT OR DELETE ON devices FOR EACH ROW EXECUTE FUNCTION asks_device();
CREATE TRIGGER asks_device_changed AFTER UPDATE ON devices FOR EACH ROW
    WHEN ((OLD.person_id, OLD.product_name, OLD.platform, OLD.os_version, OLD.supervised, OLD.dep, OLD.gone_at IS NULL)
        IS DISTINCT FROM
          (NEW.person_id, NEW.product_name, NEW.platform, NEW.os_version, NEW.supervised, NEW.dep, NEW.gone_at IS NULL))
    EXECUTE FUNCTION asks_device();
CREATE FUNCTION asks_ownership() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO group_marks (kind, member_id) VALUES ('device', COALESCE(NEW.device_id, OLD.device_id));
    RETURN NULL;
END $$;
CREATE TRIGGER asks_ownership AFTER INSERT OR DELETE ON device_ownership FOR EACH ROW EXECUTE FUNCTION asks_ownership();
CREATE TRIGGER asks_ownership_changed AFTER UPDATE ON device_ownership FOR EACH ROW
    WHEN (OLD.ownership IS DISTINCT FROM NEW.ownership)
    EXECUTE FUNCTION asks_ownership();
-- Whoever comes into a group that a rule looks at, or leaves it. By their names these come after `members_come` and
-- `members_go`, which write the group's row: so whoever makes a rule look at the group, and holds its row for that, comes
-- before this, and is seen here, or after the members.
CREATE FUNCTION members_used() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO group_marks (kind, member_id)
    SELECT kind, member_id FROM moved JOIN groups ON groups.id = group_id
    WHERE EXISTS (SELECT 1 FROM group_uses WHERE used_id = moved.group_id);
    RETURN NULL;
END $$;
CREATE TRIGGER members_used_come AFTER INSERT ON group_members REFERENCING NEW TABLE AS moved
    FOR EACH STATEMENT EXECUTE FUNCTION members_used();
CREATE TRIGGER members_used_go AFTER DELETE ON group_members REFERENCING OLD TABLE AS moved
    FOR EACH STATEMENT EXECUTE FUNCTION members_used();
-- One that is under way begins anew.
CREATE FUNCTION asks_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.membership_rule IS NULL THEN
        DELETE FROM group_walks WHERE group_id = NEW.id;
    ELSE
        INSERT INTO group_walks (group_id) VALUES (NEW.id)
        ON CONFLICT (group_id) DO UPDATE SET done_until = '', joined = 0, went = 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER asks_rule_new AFTER INSERT ON groups FOR EACH ROW WHEN (NEW.membership_rule IS NOT NULL)
    EXECUTE FUNCTION asks_rule();
CREATE TRIGGER asks_rule_changed AFTER UPDATE ON groups FOR EACH ROW
    WHEN (OLD.membership_rule IS DISTINCT FROM NEW.membership_rule)
    EXECUTE FUNCTION asks_rule();
