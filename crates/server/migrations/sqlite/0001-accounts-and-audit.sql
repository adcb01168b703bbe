-- People who sign in, their sessions, tokens for programs, groups of endpoints, and the audit log.
-- Times are whole seconds since 1970 (UTC); the audit log keeps text, because text is what its chain hashes.

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL COLLATE NOCASE UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('administrator', 'operator', 'reader')),
    password TEXT NOT NULL,              -- PHC string, argon2id
    one_time INTEGER NOT NULL DEFAULT 0, -- 1: set by someone else, to be changed at the first sign-in
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    digest BLOB PRIMARY KEY,             -- SHA-256 of the cookie's value
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,         -- SHA-256 of the whole token text
    name TEXT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,                -- comma-separated: read, ask, admin
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;

CREATE TABLE groups (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    filter TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    number INTEGER PRIMARY KEY,          -- 1, 2, 3, … without gaps
    time TEXT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,                -- JSON, hashed exactly as stored
    previous BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- The newest entry once more, so that entries cut from the end are noticed.
CREATE TABLE audit_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO audit_head (one, number, hash) VALUES (1, 0, zeroblob(32));

-- The log only grows. This stops mistakes; the chain is what reveals intent.
CREATE TRIGGER audit_is_final BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the audit log only grows'); END;
