-- Orders are of several kinds: what an order is for is a column for each kind, of which one is set. Times are milliseconds since 1970.
CREATE TABLE orders_anew (
    number INTEGER PRIMARY KEY,
    question INTEGER REFERENCES questions (id),   -- asks this question, or stops it
    cancels INTEGER NOT NULL,                     -- 1: stops what the column before names
    body BLOB NOT NULL,
    key BLOB NOT NULL,
    signature BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
INSERT INTO orders_anew (number, question, cancels, body, key, signature, expires_at)
    SELECT number, question, cancels, body, key, signature, expires_at FROM orders;
DROP TABLE orders;
ALTER TABLE orders_anew RENAME TO orders;
CREATE INDEX orders_by_question ON orders (question);

-- The highest number ever given, which outlives the orders themselves.
CREATE TABLE order_number (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO order_number (one, last) SELECT 1, coalesce(max(number), 0) FROM orders;
