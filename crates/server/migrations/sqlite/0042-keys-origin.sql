-- Whose keys belong to this database: a digest of the first trust that they signed, which no change of keys alters. Empty until they
-- were first used with it.
CREATE TABLE keys_origin (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    origin BLOB NOT NULL CHECK (length(origin) = 32)
) STRICT;
