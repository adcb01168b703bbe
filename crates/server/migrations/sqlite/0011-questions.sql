-- Questions, the signed orders that carry them, and their answers. Times are milliseconds since 1970.
CREATE TABLE questions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    text TEXT NOT NULL,                      -- canonical
    plan TEXT NOT NULL,                      -- tables of the answer (JSON): later changes of sensors do not change them
    asked_by TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    order_number INTEGER NOT NULL UNIQUE,
    targets BLOB,                            -- Roaring bitmap; NULL: every endpoint
    cancelled_at INTEGER,
    cancelled_by TEXT,
    closed INTEGER NOT NULL DEFAULT 0,
    summary TEXT,                            -- coverage and rows when it was closed (JSON)
    unanswered TEXT                          -- who had not answered then (JSON: state, Roaring bitmap in base64)
) STRICT;
CREATE INDEX questions_open ON questions (id) WHERE closed = 0;

-- Rows stay when they have expired: the highest number ever given must never be given again.
CREATE TABLE orders (
    number INTEGER PRIMARY KEY,
    question INTEGER NOT NULL REFERENCES questions (id),
    cancels INTEGER NOT NULL,                -- 1: stops the question's order
    body BLOB NOT NULL,
    key BLOB NOT NULL,
    signature BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_by_question ON orders (question);

CREATE TABLE answer_rows (
    question INTEGER NOT NULL,
    part INTEGER NOT NULL,                   -- table of the plan
    row INTEGER NOT NULL,
    cells BLOB NOT NULL,                     -- count, then length and bytes of each, numbers as LEB128
    PRIMARY KEY (question, part, row)
) STRICT, WITHOUT ROWID;

-- One line for each contribution that changed something; an endpoint can have several.
CREATE TABLE answer_parts (
    id INTEGER PRIMARY KEY,
    question INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    state INTEGER NOT NULL,
    rows BLOB NOT NULL,                      -- for each table: number, count, ascending row numbers as differences, LEB128
    problems TEXT,                           -- JSON
    rows_cut INTEGER NOT NULL
) STRICT;
CREATE INDEX answer_parts_by_question ON answer_parts (question, id);
