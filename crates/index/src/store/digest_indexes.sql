-- Made after the first hash pass, for the same reason. Until then a search by hash reads all there are.
-- Four bytes of a hash (HASH_HEAD) tell ten million files apart as well as all of them do, at a third of the size.
-- What is tried again (DigestState::retried), to be counted at any time.
CREATE INDEX IF NOT EXISTS digest_again ON digest (state) WHERE state NOT IN (0, 1, 2, 5);
CREATE INDEX IF NOT EXISTS digest_md5 ON digest (substr(md5, 1, 4)) WHERE md5 IS NOT NULL;
CREATE INDEX IF NOT EXISTS digest_sha1 ON digest (substr(sha1, 1, 4)) WHERE sha1 IS NOT NULL;
CREATE INDEX IF NOT EXISTS digest_sha256 ON digest (substr(sha256, 1, 4)) WHERE sha256 IS NOT NULL;
