-- What is old goes, what is marked stays.
ALTER TABLE questions ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;      -- 1: it and its answers stay however old they get
ALTER TABLE questions ADD COLUMN answers_removed_at INTEGER;           -- its answers are gone, what is known in sum stays
ALTER TABLE questions ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;   -- 1: nobody sees it; goes when no order names it
CREATE INDEX questions_removed ON questions (id) WHERE removed = 1;

-- Questions whose answers are being cleared away, some at a time.
CREATE TABLE doomed_answers (question INTEGER PRIMARY KEY) STRICT;

-- The last entry that was exported and cut off the front of the audit log: the first that is left follows from it.
CREATE TABLE audit_anchor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO audit_anchor (one, number, hash) VALUES (1, 0, zeroblob(32));

DROP TRIGGER audit_is_kept;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit WHEN old.number > (SELECT number FROM audit_anchor)
BEGIN SELECT raise(ABORT, 'the audit log only grows'); END;
