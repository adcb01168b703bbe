-- The Index on one endpoint. Times are nanoseconds since 1970 UTC unless a comment says otherwise
-- (outside of 1677 to 2262 as the crate `volumes` has them in `times`: still in order; the least number is no time); names and paths are text
-- where they are UTF-8 and blobs where not; hashes are bytes.

-- Facts about the database and the process that keeps it: phase, progress, tool version.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

-- A file system, or a folder given as root.
CREATE TABLE volume (
    id     INTEGER PRIMARY KEY,
    point  ANY NOT NULL UNIQUE,   -- absolute path of its root
    kind   TEXT NOT NULL,         -- file system type
    source ANY NOT NULL,          -- device
    walked INTEGER                -- when a walk of it last came to its end; NULL before the first
) STRICT;

-- Each directory's path once; entries name it by number.
CREATE TABLE directory (
    id      INTEGER PRIMARY KEY,
    parent  INTEGER,              -- NULL for the root of a volume
    volume  INTEGER NOT NULL,
    inode   INTEGER NOT NULL,
    path    ANY NOT NULL,
    problem INTEGER               -- the system's error number when it could not be read
) STRICT;

-- A name in a directory. Hard links are entries of the same inode and volume.
CREATE TABLE entry (
    id    INTEGER PRIMARY KEY,
    dir   INTEGER NOT NULL,
    name  ANY NOT NULL,
    mode  INTEGER NOT NULL,       -- st_mode: type and permissions
    size  INTEGER NOT NULL,       -- bytes
    mtime INTEGER NOT NULL,
    ctime INTEGER NOT NULL,
    btime INTEGER,
    uid   INTEGER NOT NULL,
    gid   INTEGER NOT NULL,
    links INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    flags INTEGER NOT NULL,       -- immutable and the like
    seen  INTEGER NOT NULL        -- when the Index first saw it, in seconds since 1970
) STRICT;

-- What a regular file holds, or why that is not known (state). No row: waiting to be hashed.
CREATE TABLE digest (
    entry   INTEGER PRIMARY KEY,
    state   INTEGER NOT NULL,
    hashed  INTEGER NOT NULL,     -- seconds since 1970
    magic   BLOB,                 -- the first four bytes
    mime    INTEGER,
    md5     BLOB,
    sha1    BLOB,
    sha256  BLOB,
    blake3  BLOB,
    changed INTEGER               -- when the content was found to differ from before, in seconds since 1970
) STRICT;

CREATE TABLE mime (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- What was known of a file that waits to be read again. Whether its content is another is known when it was read: a
-- change of its times or permissions alone must not pass for one, and must not make one forgotten.
CREATE TABLE reread (
    entry   INTEGER PRIMARY KEY,
    until   INTEGER NOT NULL,     -- seconds since 1970
    md5     BLOB,
    sha1    BLOB,
    sha256  BLOB,
    blake3  BLOB,
    changed INTEGER               -- as in digest
) STRICT;

-- Hashes of a file before its content last changed.
CREATE TABLE former (
    entry  INTEGER PRIMARY KEY,
    until  INTEGER NOT NULL,      -- seconds since 1970
    md5    BLOB,
    sha1   BLOB,
    sha256 BLOB,
    blake3 BLOB
) STRICT;

-- Files whose modification time was set back under the Index' eyes.
CREATE TABLE set_back (
    entry   INTEGER PRIMARY KEY,
    before  INTEGER NOT NULL,     -- modification time until then
    noticed INTEGER NOT NULL      -- seconds since 1970
) STRICT;

-- Targets of symbolic links.
CREATE TABLE target (
    entry INTEGER PRIMARY KEY,
    path  ANY NOT NULL
) STRICT;

-- Extended attributes, where permissions are scanned and there are any.
CREATE TABLE extended (
    entry        INTEGER PRIMARY KEY,
    names        TEXT NOT NULL,   -- one a line
    capabilities TEXT             -- as getcap(8) prints them
) STRICT;

-- Files whose hash stands in a list of the endpoint.
CREATE TABLE listed (
    list  INTEGER NOT NULL,       -- 0 blacklist, 1 known good
    entry INTEGER NOT NULL,
    kind  INTEGER NOT NULL,       -- which hash matched: 0 MD5, 1 SHA-1, 2 SHA-256
    since INTEGER NOT NULL,       -- seconds since 1970
    PRIMARY KEY (entry, list)
) STRICT, WITHOUT ROWID;

-- Names of owners and groups when last seen.
CREATE TABLE principal (
    kind INTEGER NOT NULL,        -- 0 user, 1 group
    id   INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER entry_gone AFTER DELETE ON entry BEGIN
    DELETE FROM digest WHERE entry = OLD.id;
    DELETE FROM reread WHERE entry = OLD.id;
    DELETE FROM former WHERE entry = OLD.id;
    DELETE FROM set_back WHERE entry = OLD.id;
    DELETE FROM target WHERE entry = OLD.id;
    DELETE FROM extended WHERE entry = OLD.id;
    DELETE FROM listed WHERE entry = OLD.id;
END;
