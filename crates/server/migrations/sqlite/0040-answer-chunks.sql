-- Answers in chunks: many rows, and what many endpoints gave, in one value each (see store/sqlite/pack.rs). Lines of earlier
-- versions (answer_rows, answer_parts) are brought over by the program after this, which then drops their tables.
CREATE TABLE answer_row_chunks (
    id INTEGER PRIMARY KEY,
    question INTEGER NOT NULL,
    part INTEGER NOT NULL,                   -- table of the plan
    first INTEGER NOT NULL,                  -- number of its first row; the others follow
    rows INTEGER NOT NULL,                   -- how many
    loose INTEGER NOT NULL,                  -- 1: to be put together with its neighbours when the question has ended
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX answer_row_chunks_by_row ON answer_row_chunks (question, part, first);

CREATE TABLE answer_part_chunks (
    id INTEGER PRIMARY KEY,
    question INTEGER NOT NULL,
    parts INTEGER NOT NULL,                  -- how many
    loose INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX answer_part_chunks_by_question ON answer_part_chunks (question, id);

ALTER TABLE questions ADD COLUMN packed INTEGER NOT NULL DEFAULT 0;  -- 1: it has no loose chunks (any more)
CREATE INDEX questions_to_pack ON questions (id) WHERE closed = 1 AND packed = 0;
