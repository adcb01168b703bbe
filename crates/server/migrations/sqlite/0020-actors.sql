-- Who asked is kept by number, beside the name: rights are decided by numbers. Labels of earlier versions, `name` or
-- `name (token 3)`, are taken apart here once.
ALTER TABLE questions ADD COLUMN asked_by_user INTEGER;   -- NULL: no user (any more)
ALTER TABLE questions ADD COLUMN asked_by_token INTEGER;  -- NULL: in person

UPDATE questions
SET asked_by_token = CAST(rtrim(substr(asked_by, instr(asked_by, ' (token ') + 8), ')') AS INTEGER),
    asked_by = substr(asked_by, 1, instr(asked_by, ' (token ') - 1)
WHERE instr(asked_by, ' (token ') > 0;
UPDATE questions SET asked_by_user = (SELECT id FROM users WHERE users.name = questions.asked_by);
