//! What words of the command line name: a pack, or an object by kind and name.

use crate::api::encoded;
use ::api::content::ObjectKind;
use ::content::name::Kind;
use anyhow::{Result, bail};

/// A pack, or an object.
pub(super) enum Named {
    /// A pack.
    Pack(String),
    /// An object.
    Object(Object),
}

/// An object by kind and name.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

impl Object {
    /// An object as `kind/name`.
    pub fn of(text: &str) -> Result<Self> {
        let Some((word, name)) = text.split_once('/').filter(|(_, name)| !name.is_empty()) else {
            bail!("`{text}` is no object; one is KIND/NAME, as in `sensor/Listen Ports`");
        };
        Ok(Self {
            kind: kind(word)?,
            name: name.to_owned(),
        })
    }

    /// Its path in the API.
    pub fn path(&self) -> String {
        format!(
            "/content/objects/{}/{}",
            self.kind.word(),
            encoded(&self.name)
        )
    }
}

impl Named {
    pub fn of(text: &str) -> Result<Self> {
        if text.contains('/') {
            return Object::of(text).map(Self::Object);
        }
        Ok(Self::Pack(text.to_owned()))
    }
}

/// The path of a pack in the API.
pub(super) fn pack_path(name: &str) -> String {
    format!("/content/packs/{}", encoded(name))
}

/// A kind by its word.
pub(super) fn kind(word: &str) -> Result<Kind> {
    match Kind::of_word(word) {
        Some(kind) => Ok(kind),
        None => {
            let words = Kind::ALL.map(Kind::word);
            bail!("there is no kind `{word}`; there are: {}", words.join(", "))
        }
    }
}

/// The word of a kind as the API has it.
pub(crate) fn word(kind: ObjectKind) -> &'static str {
    of_api(kind).word()
}

/// A kind as the API has it.
pub(super) fn of_api(kind: ObjectKind) -> Kind {
    match kind {
        ObjectKind::ContentSet => Kind::ContentSet,
        ObjectKind::ComputerGroup => Kind::ComputerGroup,
        ObjectKind::ActionGroup => Kind::ActionGroup,
        ObjectKind::ParameterList => Kind::ParameterList,
        ObjectKind::Sensor => Kind::Sensor,
        ObjectKind::Package => Kind::Package,
        ObjectKind::SavedQuestion => Kind::SavedQuestion,
        ObjectKind::Dashboard => Kind::Dashboard,
        ObjectKind::Category => Kind::Category,
        ObjectKind::Schedule => Kind::Schedule,
        ObjectKind::SavedAction => Kind::SavedAction,
        ObjectKind::Role => Kind::Role,
    }
}

/// A kind for the API.
pub(super) fn to_api(kind: Kind) -> ObjectKind {
    match kind {
        Kind::ContentSet => ObjectKind::ContentSet,
        Kind::ComputerGroup => ObjectKind::ComputerGroup,
        Kind::ActionGroup => ObjectKind::ActionGroup,
        Kind::ParameterList => ObjectKind::ParameterList,
        Kind::Sensor => ObjectKind::Sensor,
        Kind::Package => ObjectKind::Package,
        Kind::SavedQuestion => ObjectKind::SavedQuestion,
        Kind::Dashboard => ObjectKind::Dashboard,
        Kind::Category => ObjectKind::Category,
        Kind::Schedule => ObjectKind::Schedule,
        Kind::SavedAction => ObjectKind::SavedAction,
        Kind::Role => ObjectKind::Role,
    }
}
