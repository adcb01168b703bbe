-- Groups have an owner and a version; what a name meant before stays told apart even when the group was removed and made again.
ALTER TABLE groups ADD COLUMN owner INTEGER;                          -- NULL: nobody; administrators look after it
ALTER TABLE groups ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE groups ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;
UPDATE groups SET changed_at = created_at,
                  owner = (SELECT id FROM users WHERE users.name = groups.created_by AND users.service = 0);

CREATE TABLE group_versions (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    version INTEGER NOT NULL             -- the newest that any group of this name had
) STRICT, WITHOUT ROWID;
INSERT INTO group_versions (name, version) SELECT name, 1 FROM groups;

-- By which groups a question was asked. Its text carries their filters; this only tells that a group is in use.
CREATE TABLE group_uses (
    name TEXT NOT NULL COLLATE NOCASE,
    question INTEGER NOT NULL REFERENCES questions (id) ON DELETE CASCADE,
    PRIMARY KEY (name, question)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_uses_by_question ON group_uses (question);
