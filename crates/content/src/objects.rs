//! The objects that a pack can hold, one declaration each.

mod acting;
mod asking;
mod lists;
mod manifest;
mod package;
mod rights;
mod sensor;
mod shared;
mod widgets;

pub use acting::{ActionGroup, Combine, SavedAction};
pub use asking::{
    Archive, Category, Dashboard, Phase, SavedParameter, SavedQuestion, Schedule, Unbound,
    Visibility, Weekday,
};
pub use lists::{ListValue, ParameterList};
pub use manifest::{FORMAT, Manifest, Release, Require, Supplied};
pub use package::{
    Command, Job, JobRun, Package, PackageFile, PackagePlatforms, PackageScript, Run, Source,
    Verify,
};
pub use rights::{ComputerGroup, ContentSet, Grant, Permission, Role};
pub use sensor::{
    Column, Fixture, Output, Script, Sensor, SensorParameter, SensorPlatforms, SensorUse,
};
pub use shared::{Encoding, Interpreter, Limits, Nothing, Platform, RowCount};
pub use widgets::{
    CheckBox, DateTime, DropDown, Filled, MultiList, Number, Parameter, Range, Secret, TextBox,
    Widget,
};

use crate::fault::{Fault, Faults};
use crate::form::{Definitions, Form, Reading};
use crate::name::{Key, Kind, Name, Named, Ref};
use crate::yaml::Node;
use serde_json::Value;

/// One object for each kind; what is the same for all of them goes through here.
macro_rules! objects {
    ($($kind:ident $(in $set:ident)?),+ $(,)?) => {
        $( impl Named for $kind {
            const KIND: Kind = Kind::$kind;
        } )+

        /// An object of any kind.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Object {
            $( #[doc = concat!("See [`", stringify!($kind), "`].")] $kind($kind) ),+
        }

        impl Object {
            /// Its kind.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self {
                    $( Self::$kind(_) => Kind::$kind ),+
                }
            }

            /// Its name as it is written.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $( Self::$kind(made) => made.name.as_str() ),+
                }
            }

            /// Reads an object of a kind.
            pub fn read(kind: Kind, node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
                match kind {
                    $( Kind::$kind => $kind::read(node, reading).map(Self::$kind) ),+
                }
            }

            /// It as a value; what is as by default is left out.
            #[must_use]
            pub fn write(&self) -> Value {
                match self {
                    $( Self::$kind(made) => made.write() ),+
                }
            }

            /// The JSON Schema of a kind, without its definitions.
            pub fn schema(kind: Kind, definitions: &mut Definitions) -> Value {
                match kind {
                    $( Kind::$kind => $kind::schema(definitions) ),+
                }
            }

            /// The fields of a kind, in the order in which people write them.
            #[must_use]
            pub fn fields(kind: Kind) -> &'static [&'static str] {
                match kind {
                    $( Kind::$kind => $kind::fields() ),+
                }
            }

            /// The content set it lies in; `None` where a kind lies in none, or where none is said.
            #[must_use]
            pub fn content_set(&self) -> Option<&Ref<ContentSet>> {
                match self {
                    $( Self::$kind(_made) => objects!(@get _made $($set)?) ),+
                }
            }

            /// Puts it into a content set unless it says one, or its kind lies in none.
            pub fn put_into(&mut self, set: &Name<ContentSet>) {
                match self {
                    $( Self::$kind(_made) => objects!(@put _made set $($set)?) ),+
                }
            }
        }
    };
    (@get $made:ident) => { None };
    (@get $made:ident $field:ident) => { $made.$field.as_ref() };
    (@put $made:ident $set:ident) => { { let _: &Name<ContentSet> = $set; } };
    (@put $made:ident $set:ident $field:ident) => { { $made.$field.get_or_insert_with(|| $set.to_ref()); } };
}

objects! {
    ContentSet,
    ComputerGroup,
    ActionGroup,
    ParameterList in content_set,
    Sensor in content_set,
    Package in content_set,
    SavedQuestion in content_set,
    Dashboard in content_set,
    Category in content_set,
    Schedule in content_set,
    SavedAction in content_set,
    Role,
}

impl Object {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> Key {
        Key::new(self.kind(), self.name())
    }

    /// Reads an object from a value that [`Object::write`] made, or that an editor hands in.
    ///
    /// # Errors
    /// Every fault; their file is the object's key, for a value has no lines.
    pub fn from_value(kind: Kind, value: &Value) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let mut reading = Reading::new(kind.word(), &mut faults, None);
        match Self::read(kind, &Node::from_value(value), &mut reading) {
            Some(object) if faults.is_empty() => Ok(object),
            _ => Err(faults.into_list()),
        }
    }

    /// The keys of all objects that its fields refer to. What its texts name ([`Object::texts`]) is not among them.
    #[must_use]
    pub fn mentions(&self) -> Vec<Key> {
        let mut mentions = self.found().0;
        mentions.sort();
        mentions.dedup();
        mentions
    }

    /// Its questions and filters, as they are asked; those with values to give, with their defaults.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.found().1
    }

    fn found(&self) -> (Vec<Key>, Vec<String>) {
        let mut faults = Faults::default();
        let mut reading = Reading::new(self.kind().word(), &mut faults, None);
        let node = Node::from_value(&self.write());
        // What was read once reads again; what it finds on the way is wanted.
        drop(Self::read(self.kind(), &node, &mut reading));
        let key = |m: &crate::form::Mention| Key::new(m.kind, &m.name);
        let mentions = reading.mentions.iter().map(key).collect();
        let texts = reading.questions.into_iter().map(|q| q.text).collect();
        (mentions, texts)
    }
}
