//! Why something signed is not taken.

/// A refusal, with the reason that an endpoint or importer is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody signed.
    #[error("nobody signed it")]
    Unsigned,
    /// Only keys signed that are not trusted for this.
    #[error("it is signed by no key that is trusted for this ({keys})")]
    UnknownKey {
        /// The keys, in hexadecimal.
        keys: String,
    },
    /// The signature does not fit.
    #[error("the signature of key {key} does not fit: it is forged or was changed on the way")]
    BadSignature {
        /// The key.
        key: String,
    },
    /// The key is not in force yet.
    #[error("key {key} is in force from {from} on (seconds since 1970); the clock says {now}")]
    KeyNotYet {
        /// The key.
        key: String,
        /// Beginning.
        from: i64,
        /// The clock.
        now: i64,
    },
    /// The key is no longer in force.
    #[error("key {key} was in force until {until} (seconds since 1970); the clock says {now}")]
    KeyOver {
        /// The key.
        key: String,
        /// End.
        until: i64,
        /// The clock.
        now: i64,
    },
    /// The signed bytes are not what they should be.
    #[error("the signed bytes are not {what} that this version understands")]
    NotUnderstood {
        /// What they should be.
        what: &'static str,
    },
    /// A catalogue that is older than one seen before.
    #[error("the catalogue has serial {serial}; {seen} was seen before, so this one was replaced")]
    OldCatalogue {
        /// Its serial.
        serial: u64,
        /// The greatest one seen.
        seen: u64,
    },
    /// Two catalogues with one serial.
    #[error("another catalogue with serial {serial} was seen before")]
    TwoCatalogues {
        /// Their serial.
        serial: u64,
    },
    /// A catalogue whose time is over.
    #[error("the catalogue was valid until {expires} (seconds since 1970); the clock says {now}")]
    CatalogueOver {
        /// End.
        expires: i64,
        /// The clock.
        now: i64,
    },
    /// A catalogue from the future.
    #[error("the catalogue was issued at {issued} (seconds since 1970); the clock says {now}")]
    CatalogueNotYet {
        /// Issue.
        issued: i64,
        /// The clock.
        now: i64,
    },
    /// A definition that is not in force.
    #[error(
        "{key} is not in the catalogue with serial {serial}: it was withdrawn, or never in force"
    )]
    NotListed {
        /// The object.
        key: String,
        /// Serial of the catalogue.
        serial: u64,
    },
    /// Another definition is in force.
    #[error("{key} is in the catalogue with serial {serial} in another version")]
    OtherVersion {
        /// The object.
        key: String,
        /// Serial of the catalogue.
        serial: u64,
    },
    /// The definition is of something else than what was asked for.
    #[error("the definition is of {found}, not of {wanted}")]
    OtherObject {
        /// What it is of.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// The definition names nothing for this platform.
    #[error("the definition has nothing to run on {platform}")]
    OtherPlatform {
        /// The platform.
        platform: String,
    },
    /// The content is not the one that the definition names.
    #[error("{what} has not the digest that was signed: it was changed on the way")]
    OtherContent {
        /// The script or file.
        what: String,
    },
    /// A trust root that is no newer.
    #[error("the trust root has version {version}; version {held} is held already")]
    OldRoot {
        /// Its version.
        version: u64,
        /// The one held.
        held: u64,
    },
    /// Recovery keys changed by another key.
    #[error("only a recovery key may change the recovery keys")]
    NotByRecovery,
    /// A root that would trust nobody.
    #[error(
        "the trust root has no content key that is in force at {now}, so nothing could be signed any more"
    )]
    NoContentKey {
        /// The clock.
        now: i64,
    },
    /// A root that contradicts itself.
    #[error("the trust root is not sound: {problem}")]
    UnsoundRoot {
        /// What is wrong.
        problem: String,
    },
}

impl Refused {
    /// Short form, as refusals of orders have one.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unsigned => "content-unsigned",
            Self::UnknownKey { .. } => "content-unknown-key",
            Self::BadSignature { .. } => "content-bad-signature",
            Self::KeyNotYet { .. } => "content-key-not-yet",
            Self::KeyOver { .. } => "content-key-over",
            Self::NotUnderstood { .. } => "content-not-understood",
            Self::OldCatalogue { .. } => "catalogue-old",
            Self::TwoCatalogues { .. } => "catalogue-double",
            Self::CatalogueOver { .. } => "catalogue-over",
            Self::CatalogueNotYet { .. } => "catalogue-not-yet",
            Self::NotListed { .. } => "content-not-listed",
            Self::OtherVersion { .. } => "content-other-version",
            Self::OtherObject { .. } => "content-other-object",
            Self::OtherPlatform { .. } => "content-other-platform",
            Self::OtherContent { .. } => "content-changed",
            Self::OldRoot { .. } => "trust-old",
            Self::NotByRecovery => "trust-not-by-recovery",
            Self::NoContentKey { .. } => "trust-no-content-key",
            Self::UnsoundRoot { .. } => "trust-unsound",
        }
    }
}
