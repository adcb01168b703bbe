-- Questions, the signed orders that carry them, and their answers. Times are milliseconds since 1970.
CREATE TABLE questions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    text TEXT NOT NULL,                      -- canonical
    tree TEXT NOT NULL,                      -- the parsed question (JSON): later changes of groups or sensors do not change it
    plan_tables INTEGER NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    order_number INTEGER NOT NULL UNIQUE,
    targets BLOB,                            -- Roaring bitmap; NULL: every endpoint
    cancelled_at INTEGER,
    cancelled_by TEXT,
    closed INTEGER NOT NULL DEFAULT 0,
    summary TEXT,                            -- coverage and rows when it was closed (JSON)
    unanswered BLOB                          -- who had not answered then: state byte, length, Roaring bitmap, repeated
) STRICT;
CREATE INDEX questions_open ON questions (closed) WHERE closed = 0;

-- Numbers are never reused: the highest ever given stays here even when its order is gone.
CREATE TABLE orders (
    number INTEGER PRIMARY KEY,
    question INTEGER NOT NULL REFERENCES questions (id),
    cancels INTEGER,                         -- number of the order this one stops
    body BLOB NOT NULL,
    key BLOB NOT NULL,
    signature BLOB NOT NULL,
    targets BLOB,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_question ON orders (question);

CREATE TABLE answer_rows (
    question INTEGER NOT NULL,
    part INTEGER NOT NULL,                   -- table of the plan
    row INTEGER NOT NULL,
    cells BLOB NOT NULL,
    PRIMARY KEY (question, part, row)
) STRICT, WITHOUT ROWID;

CREATE TABLE answer_endpoints (
    question INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    state INTEGER NOT NULL,
    rows BLOB NOT NULL,                      -- which rows it gave: for each table its number, count and ascending row ids as differences
    problems TEXT,                           -- JSON
    rows_cut INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (question, ordinal)
) STRICT, WITHOUT ROWID;
