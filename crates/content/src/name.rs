//! Names and references, typed by what they name: a dashboard cannot be given where a package is meant.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// Longest name, in characters.
pub const MAX_CHARACTERS: usize = 120;

/// What a pack can hold. The order is the one in which objects are put in place: what is referred to comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A content set: what rights are given over.
    ContentSet,
    /// A computer group: a filter or a list of endpoints.
    ComputerGroup,
    /// An action group: computer groups that bound a saved action.
    ActionGroup,
    /// A list of values to choose from.
    ParameterList,
    /// A sensor.
    Sensor,
    /// A package.
    Package,
    /// A saved question.
    SavedQuestion,
    /// A dashboard.
    Dashboard,
    /// A category of dashboards.
    Category,
    /// A schedule.
    Schedule,
    /// A saved action.
    SavedAction,
    /// A role.
    Role,
}

impl Kind {
    /// Every kind, in the order of [`Kind`].
    pub const ALL: [Self; 12] = [
        Self::ContentSet,
        Self::ComputerGroup,
        Self::ActionGroup,
        Self::ParameterList,
        Self::Sensor,
        Self::Package,
        Self::SavedQuestion,
        Self::Dashboard,
        Self::Category,
        Self::Schedule,
        Self::SavedAction,
        Self::Role,
    ];

    /// The kind's word in files, APIs and digests. Never changed, for it is signed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ContentSet => "content-set",
            Self::ComputerGroup => "computer-group",
            Self::ActionGroup => "action-group",
            Self::ParameterList => "parameter-list",
            Self::Sensor => "sensor",
            Self::Package => "package",
            Self::SavedQuestion => "saved-question",
            Self::Dashboard => "dashboard",
            Self::Category => "category",
            Self::Schedule => "schedule",
            Self::SavedAction => "saved-action",
            Self::Role => "role",
        }
    }

    /// The folder of a pack that holds this kind.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::ContentSet => "content-sets",
            Self::ComputerGroup => "computer-groups",
            Self::ActionGroup => "action-groups",
            Self::ParameterList => "parameter-lists",
            Self::Sensor => "sensors",
            Self::Package => "packages",
            Self::SavedQuestion => "saved-questions",
            Self::Dashboard => "dashboards",
            Self::Category => "categories",
            Self::Schedule => "schedules",
            Self::SavedAction => "saved-actions",
            Self::Role => "roles",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The kind of a folder.
    #[must_use]
    pub fn of_folder(folder: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.folder() == folder)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, word) in self.word().split('-').enumerate() {
            write!(f, "{}{word}", if at > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

/// A type of objects that are known by a name.
pub trait Named {
    /// Its kind.
    const KIND: Kind;
}

/// The name of an object of kind `K`. Two names that differ in case or in white space alone are the same.
pub struct Name<K>(String, PhantomData<fn() -> K>);

/// A reference to an object of kind `K`, by its name.
pub struct Ref<K>(String, PhantomData<fn() -> K>);

/// Which object: its kind and its name as names are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its name, folded: lower case, single blanks.
    pub name: String,
}

impl Key {
    /// The key of a name.
    #[must_use]
    pub fn new(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: fold(name),
        }
    }

    /// The key of its text: `kind/name`.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        let kind = Kind::of_word(kind)?;
        (!name.is_empty() && fold(name) == name).then(|| Self {
            kind,
            name: name.to_owned(),
        })
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind.word(), self.name)
    }
}

impl serde::Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::of_text(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no object's key")))
    }
}

/// A name as names are compared: lower case, runs of white space as one blank.
#[must_use]
pub fn fold(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for word in name.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

/// What is wrong with a text as a name, if anything is.
///
/// # Errors
/// A sentence for people.
pub fn check(text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if length == 0 || length > MAX_CHARACTERS {
        return Err(format!(
            "a name has 1 to {MAX_CHARACTERS} characters, this one {length}"
        ));
    }
    if text.split(' ').any(str::is_empty) {
        return Err("a name neither begins nor ends with a blank, nor has two in a row".into());
    }
    // Control and format characters are not seen: two names would look the same.
    let unseen = |c: char| {
        c.is_control()
            || (c.is_whitespace() && c != ' ')
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    if let Some(c) = text.chars().find(|c| unseen(*c) || *c == '|') {
        return Err(format!(
            "a name must not have the character U+{:04X}",
            u32::from(c)
        ));
    }
    Ok(())
}

macro_rules! text_type {
    ($type:ident) => {
        impl<K> $type<K> {
            /// As it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
            /// Checks a text and makes one of it.
            ///
            /// # Errors
            /// What is wrong with it, as a sentence.
            pub fn new(text: impl Into<String>) -> Result<Self, String> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text, PhantomData))
            }
        }
        impl<K: Named> $type<K> {
            /// Its key.
            #[must_use]
            pub fn key(&self) -> Key {
                Key::new(K::KIND, &self.0)
            }
        }
        impl<K> Clone for $type<K> {
            fn clone(&self) -> Self {
                Self(self.0.clone(), PhantomData)
            }
        }
        impl<K> std::fmt::Debug for $type<K> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
        impl<K> std::fmt::Display for $type<K> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl<K> PartialEq for $type<K> {
            fn eq(&self, other: &Self) -> bool {
                self.0 == other.0
            }
        }
        impl<K> Eq for $type<K> {}
        impl<K> PartialOrd for $type<K> {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
        impl<K> Ord for $type<K> {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.cmp(&other.0)
            }
        }
        impl<K> Hash for $type<K> {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0.hash(state);
            }
        }
    };
}

text_type!(Name);
text_type!(Ref);

impl<K> Name<K> {
    /// A reference to what has this name.
    #[must_use]
    pub fn to_ref(&self) -> Ref<K> {
        Ref(self.0.clone(), PhantomData)
    }
}
