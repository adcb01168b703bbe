-- Public keys of endpoints. NULL: not known; endpoints of before these were kept gain them when they connect or renew.
ALTER TABLE endpoints ADD COLUMN current_key BLOB;  -- SHA-256 of the public key it connects with (SubjectPublicKeyInfo)
ALTER TABLE endpoints ADD COLUMN next_key BLOB;     -- the same of a key that a renewal brought and that was not shown yet
ALTER TABLE endpoints ADD COLUMN sealing_key BLOB;  -- X25519 public key
