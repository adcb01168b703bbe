//! Digests, magic numbers and content types of files: one read for all of them, several files at once.
