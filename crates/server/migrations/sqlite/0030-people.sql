-- Who a user is: a person, or the server's own account for programs on its machine; and whose word a one-time password is.
ALTER TABLE users ADD COLUMN service INTEGER NOT NULL DEFAULT 0;   -- 1: no person; has API tokens, signs in never
ALTER TABLE users ADD COLUMN by_server INTEGER NOT NULL DEFAULT 0; -- 1: its one-time password is the server's, which may make another
UPDATE users SET by_server = 1 WHERE one_time = 1 AND name = 'admin' AND id = (SELECT min(id) FROM users);

-- Names that a log uses for somebody else. Who has one goes on under another.
UPDATE users SET name = name || '-' || id WHERE name IN ('server', 'unknown', 'system', 'local');

-- Browsers that somebody signed in with. A known one has tries of its own, so that a stranger's guesses do not lock its owner out.
CREATE TABLE devices (
    digest BLOB PRIMARY KEY,             -- SHA-256 of the cookie's value
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_by_user ON devices (user_id, seen_at);
