-- Made after the first inventory: sorting once costs less than keeping them sorted through it.
CREATE INDEX IF NOT EXISTS directory_path ON directory (path);
CREATE INDEX IF NOT EXISTS directory_inode ON directory (inode);
CREATE INDEX IF NOT EXISTS directory_problem ON directory (problem) WHERE problem IS NOT NULL;
CREATE INDEX IF NOT EXISTS directory_parent ON directory (parent);
CREATE INDEX IF NOT EXISTS entry_dir ON entry (dir);
CREATE INDEX IF NOT EXISTS entry_name ON entry (name, dir);
-- Other names of a file: a second link shows only at the new name.
CREATE INDEX IF NOT EXISTS entry_inode ON entry (inode);
CREATE INDEX IF NOT EXISTS digest_changed ON digest (changed) WHERE changed IS NOT NULL;
