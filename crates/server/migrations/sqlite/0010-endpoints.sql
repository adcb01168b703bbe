-- Endpoints and the tokens that let them in. Times are milliseconds since 1970.
CREATE TABLE enrolment_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    secret BLOB NOT NULL UNIQUE,             -- SHA-256 of the secret
    uses INTEGER,                            -- NULL: any number of machines
    used INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER NOT NULL,
    approve INTEGER NOT NULL,                -- 1: its endpoints wait for approval
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

-- AUTOINCREMENT: an ordinal stands in answers for good and is never given to another endpoint.
CREATE TABLE endpoints (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,                 -- SHA-256 of the first public key
    standing INTEGER NOT NULL,               -- 0 waiting, 1 approved, 2 revoked
    doubled INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL REFERENCES enrolment_tokens (id),
    hostname TEXT NOT NULL,
    platform TEXT NOT NULL,
    agent_version TEXT NOT NULL DEFAULT '',
    machine BLOB NOT NULL,
    enrolled_at INTEGER NOT NULL,
    last_seen INTEGER,
    trust_version INTEGER NOT NULL DEFAULT 0,
    issuer TEXT NOT NULL DEFAULT '',
    certificate_until INTEGER
) STRICT;
