-- There are more built-in roles than there were, and which ones is the program's to say: a column with a list of them in its CHECK makes way
-- for one without.
ALTER TABLE users ADD COLUMN role_now TEXT NOT NULL DEFAULT 'member';
UPDATE users SET role_now = role;
ALTER TABLE users DROP COLUMN role;
ALTER TABLE users RENAME COLUMN role_now TO role;

-- Roles that people make, user groups, what bounds somebody, and who is in the computer groups that bound.
CREATE TABLE roles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    description TEXT NOT NULL,
    lines TEXT NOT NULL,                 -- JSON: what it grants and denies
    version INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE user_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    description TEXT NOT NULL,
    bounds TEXT,                         -- JSON: computer groups by name; NULL: it says nothing of that
    version INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE user_group_members (
    user_group INTEGER NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (user_group, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_group_members_by_user ON user_group_members (user_id);

-- A role in use stays: no ON DELETE.
CREATE TABLE user_group_roles (
    user_group INTEGER NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    role INTEGER NOT NULL REFERENCES roles (id),
    PRIMARY KEY (user_group, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_group_roles_by_role ON user_group_roles (role);

CREATE TABLE user_roles (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role INTEGER NOT NULL REFERENCES roles (id),
    PRIMARY KEY (user_id, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_roles_by_role ON user_roles (role);

ALTER TABLE users ADD COLUMN bounds TEXT;      -- JSON, as of user groups

-- The last evaluation of a computer group that bounds somebody.
CREATE TABLE group_members (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    version INTEGER NOT NULL,            -- of the group that was evaluated
    members BLOB NOT NULL,               -- Roaring bitmap of ordinals
    others BLOB NOT NULL,                -- those that said that they are not in it
    evaluated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
