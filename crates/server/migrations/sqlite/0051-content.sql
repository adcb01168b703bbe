-- What can be asked and done (ARCHITECTURE.md, Content): objects, packs with the versions that were left, and who changed what.
CREATE TABLE content_values (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,         -- SHA-256 of the body
    body TEXT NOT NULL                   -- an object or a manifest as canonical JSON; never changed
) STRICT;

CREATE TABLE content_objects (
    key TEXT PRIMARY KEY,                -- kind/name
    value INTEGER NOT NULL REFERENCES content_values (id),
    pack TEXT                            -- NULL: people's own
) STRICT, WITHOUT ROWID;

-- A pack as it is in force, and as it was each time a version was left.
CREATE TABLE content_editions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order in which versions were left
    pack TEXT NOT NULL,
    current INTEGER NOT NULL,            -- 1: in force
    version TEXT,                        -- NULL: before the import, or after the removal
    manifest INTEGER REFERENCES content_values (id)
) STRICT;
CREATE UNIQUE INDEX content_editions_current ON content_editions (pack) WHERE current = 1;
CREATE UNIQUE INDEX content_editions_left ON content_editions (pack, coalesce(version, '')) WHERE current = 0;

-- What an edition shipped.
CREATE TABLE content_shipped (
    edition INTEGER NOT NULL REFERENCES content_editions (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value INTEGER NOT NULL REFERENCES content_values (id),
    PRIMARY KEY (edition, key)
) STRICT, WITHOUT ROWID;

-- What was there when it was left.
CREATE TABLE content_left (
    edition INTEGER NOT NULL REFERENCES content_editions (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value INTEGER NOT NULL REFERENCES content_values (id),
    pack TEXT,
    PRIMARY KEY (edition, key)
) STRICT, WITHOUT ROWID;

-- Files that were supplied.
CREATE TABLE content_supplied (
    edition INTEGER NOT NULL REFERENCES content_editions (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (edition, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE content_deeds (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- the newest one is the revision of all content
    at INTEGER NOT NULL,                 -- milliseconds since 1970
    actor TEXT NOT NULL,                 -- JSON
    why TEXT NOT NULL,
    cause TEXT NOT NULL                  -- JSON
) STRICT;

CREATE TABLE content_changes (
    deed INTEGER NOT NULL REFERENCES content_deeds (number),
    key TEXT NOT NULL,
    before INTEGER REFERENCES content_values (id),
    after INTEGER REFERENCES content_values (id),
    PRIMARY KEY (deed, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX content_changes_by_key ON content_changes (key, deed);

-- Files that any of this names. They lie beside the database (content/), each under its digest.
CREATE TABLE content_files (
    digest BLOB PRIMARY KEY,             -- SHA-256
    size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
