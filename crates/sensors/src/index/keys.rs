//! Keys of the parameters, as they are declared, read, and named in errors.

pub(super) const DIRECTORY: &str = "DirectoryPath";
pub(super) const NAME: &str = "FileName";
pub(super) const SIZE: &str = "FileSize";
pub(super) const MD5: &str = "FileMD5Hash";
pub(super) const SHA1: &str = "FileSHA1Hash";
pub(super) const SHA256: &str = "FileSHA256Hash";
pub(super) const MAGIC: &str = "MagicNumber";
pub(super) const LIMIT: &str = "Limit";
pub(super) const MAX_ROWS: &str = "MaxRows";
pub(super) const HOURS: &str = "Hours";
pub(super) const FORMER: &str = "ShowFormer";
pub(super) const SINCE: &str = "Since";
