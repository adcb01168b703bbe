-- How the answer is to be shown: the end of the question's text, which endpoints are not asked. `text` is what they are asked, and what
-- the signed order says.
ALTER TABLE questions ADD COLUMN tail TEXT NOT NULL DEFAULT '';
