-- A session has a number, by which it can be named and ended, and says where it began. What is over by itself within half a day is not
-- asked to sign in again for that: sessions that are there go on, and their beginning is not known.
CREATE TABLE sessions_now (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,         -- SHA-256 of the cookie's value
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    address TEXT,                        -- from where it began
    client TEXT                          -- what it began with, as that called itself
) STRICT;
INSERT INTO sessions_now (digest, user_id, created_at, seen_at)
SELECT digest, user_id, created_at, seen_at FROM sessions ORDER BY created_at;
DROP TABLE sessions;
ALTER TABLE sessions_now RENAME TO sessions;
CREATE INDEX sessions_by_user ON sessions (user_id);

-- Since when a user is shut out; nothing for those who are not.
ALTER TABLE users ADD COLUMN disabled_at INTEGER;
