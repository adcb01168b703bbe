//! Declarations that make type, reader, printer and schema at once.

/// The key of a field: its name, or what is said after `as`.
macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

/// A mapping with named fields.
///
/// A field without `= default` must be given, unless its type has something to be when it is absent. `exactly one of` names fields of
/// which one is given; `checked by` names a function that sees the finished value and may add faults.
macro_rules! record {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident {
            $( $(#[doc = $fdoc:literal])+ $field:ident $(as $key:literal)? : $type:ty $(= $default:expr)? ),+ $(,)?
        }
        $(exactly one of $($one:literal),+ ;)?
        $(checked by $check:path ;)?
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $( $(#[doc = $fdoc])+ pub $field: $type ),+
        }

        impl $crate::form::Form for $name {
            fn read(node: &$crate::yaml::Node, reading: &mut $crate::form::Reading<'_>) -> Option<Self> {
                let known = Self::fields();
                let mut fields = $crate::form::Fields::of(node, Self::WHAT, known, reading)?;
                $( let $field = fields.take::<$type>(
                    $crate::form::macros::key!($field $($key)?),
                    $crate::form::macros::default!($($default)?),
                    reading,
                ); )+
                #[allow(unused_mut, unused_assignments, clippy::allow_attributes, reason = "not every record has such fields")]
                let mut whole = true;
                $( whole = $crate::form::one_of(node, &[$($one),+], reading); )?
                let made = Self { $( $field: $field? ),+ };
                $( $check(&made, node, reading); )?
                whole.then_some(made)
            }

            fn write(&self) -> serde_json::Value {
                let mut map = serde_json::Map::new();
                $(
                    let default: Option<$type> = $crate::form::macros::default!($($default)?);
                    let default = default.or_else(<$type as $crate::form::Form>::absent);
                    if default.as_ref() != Some(&self.$field) {
                        map.insert(
                            $crate::form::macros::key!($field $($key)?).to_owned(),
                            $crate::form::Form::write(&self.$field),
                        );
                    }
                )+
                serde_json::Value::Object(map)
            }

            fn schema(definitions: &mut $crate::form::Definitions) -> serde_json::Value {
                definitions.named(stringify!($name), |definitions| {
                    let mut properties = Vec::new();
                    let mut required: Vec<&str> = Vec::new();
                    $({
                        let key = $crate::form::macros::key!($field $($key)?);
                        let mut schema = $crate::form::described(
                            <$type as $crate::form::Form>::schema(definitions),
                            &[$($fdoc),+],
                        );
                        let default: Option<$type> = $crate::form::macros::default!($($default)?);
                        if let (Some(default), serde_json::Value::Object(map)) = (&default, &mut schema) {
                            map.insert("default".into(), $crate::form::Form::write(default));
                        }
                        if default.is_none() && <$type as $crate::form::Form>::absent().is_none() {
                            required.push(key);
                        }
                        properties.push((key, schema));
                    })+
                    $crate::form::described(
                        $crate::form::object(properties, &required, &[$($($one),+)?]),
                        &[$($doc),+],
                    )
                })
            }

            fn absent() -> Option<Self> {
                // Present as a whole only when every field may be left out.
                let exactly_one: &[&str] = &[$($($one),+)?];
                if !exactly_one.is_empty() {
                    return None;
                }
                $(
                    let default: Option<$type> = $crate::form::macros::default!($($default)?);
                    let $field = default.or_else(<$type as $crate::form::Form>::absent)?;
                )+
                Some(Self { $( $field ),+ })
            }
        }

        impl $name {
            const WHAT: &str = stringify!($name);

            /// Its fields, in the order in which people write them.
            #[must_use]
            pub fn fields() -> &'static [&'static str] {
                &[$( $crate::form::macros::key!($field $($key)?) ),+]
            }
        }
    };
}

/// A default as an option: `None` where none is declared.
macro_rules! default {
    () => {
        None
    };
    ($default:expr) => {
        Some($default)
    };
}

/// A choice among words.
macro_rules! words {
    (
        $(#[doc = $doc:literal])+
        pub enum $name:ident {
            $( $(#[doc = $wdoc:literal])+ $word:ident = $text:literal ),+ $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[doc = $wdoc])+ $word ),+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$( Self::$word ),+];

            /// Its word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $( Self::$word => $text ),+
                }
            }
        }

        impl $crate::form::Form for $name {
            fn read(node: &$crate::yaml::Node, reading: &mut $crate::form::Reading<'_>) -> Option<Self> {
                let text = node.text().unwrap_or_default();
                let found = Self::ALL.iter().copied().find(|w| w.word() == text);
                if found.is_none() {
                    let all: Vec<&str> = Self::ALL.iter().map(|w| w.word()).collect();
                    let near = $crate::fault::did_you_mean(text, all.iter().copied());
                    reading.fault(node.place, format!("one of {} is awaited here{near}", all.join(", ")));
                }
                found
            }

            fn write(&self) -> serde_json::Value {
                serde_json::Value::String(self.word().to_owned())
            }

            fn schema(definitions: &mut $crate::form::Definitions) -> serde_json::Value {
                definitions.named(stringify!($name), |_| {
                    let each = [$( $crate::form::described(serde_json::json!({ "const": $text }), &[$($wdoc),+]) ),+];
                    $crate::form::described(serde_json::json!({ "oneOf": each }), &[$($doc),+])
                })
            }
        }
    };
}

/// A choice among forms: a mapping with exactly one key that says which, or that key alone where nothing more need be said.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])+
        pub enum $name:ident {
            $( $(#[doc = $cdoc:literal])+ $case:ident($type:ty) = $key:literal ),+ $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name {
            $( $(#[doc = $cdoc])+ $case($type) ),+
        }

        impl $crate::form::Form for $name {
            fn read(node: &$crate::yaml::Node, reading: &mut $crate::form::Reading<'_>) -> Option<Self> {
                use $crate::yaml::Body;
                let known = [$( $key ),+];
                let nothing = $crate::yaml::Node { place: node.place, body: Body::Nothing };
                let (key, place, inner) = match &node.body {
                    Body::Scalar { text, .. } => (text.as_str(), node.place, &nothing),
                    Body::Map(entries) => match entries.as_slice() {
                        [only] => (only.key.as_str(), only.place, &only.node),
                        _ => {
                            reading.fault(node.place, format!("exactly one of {} is awaited here", known.join(", ")));
                            return None;
                        }
                    },
                    _ => {
                        reading.fault(node.place, format!("one of {} is awaited here, not {}", known.join(", "), node.kind()));
                        return None;
                    }
                };
                match key {
                    $( $key => {
                        // With nothing behind it, it is what it is by default, if it is anything.
                        if inner.body == Body::Nothing && let Some(absent) = <$type as $crate::form::Form>::absent() {
                            return Some(Self::$case(absent));
                        }
                        <$type as $crate::form::Form>::read(inner, reading).map(Self::$case)
                    } )+
                    other => {
                        let near = $crate::fault::did_you_mean(other, known.into_iter());
                        reading.fault(place, format!("`{other}` is none of {}{near}", known.join(", ")));
                        None
                    }
                }
            }

            fn write(&self) -> serde_json::Value {
                let (key, value) = match self {
                    $( Self::$case(inner) => ($key, $crate::form::Form::write(inner)) ),+
                };
                match &value {
                    serde_json::Value::Object(map) if map.is_empty() => serde_json::Value::String(key.to_owned()),
                    _ => {
                        let mut map = serde_json::Map::new();
                        map.insert(key.to_owned(), value);
                        serde_json::Value::Object(map)
                    }
                }
            }

            fn schema(definitions: &mut $crate::form::Definitions) -> serde_json::Value {
                definitions.named(stringify!($name), |definitions| {
                    let mut each = Vec::new();
                    $({
                        let inner = <$type as $crate::form::Form>::schema(definitions);
                        if <$type as $crate::form::Form>::absent().is_some() {
                            each.push($crate::form::described(serde_json::json!({ "const": $key }), &[$($cdoc),+]));
                        }
                        each.push($crate::form::described(
                            $crate::form::object(vec![($key, inner)], &[$key], &[]),
                            &[$($cdoc),+],
                        ));
                    })+
                    $crate::form::described(serde_json::json!({ "oneOf": each }), &[$($doc),+])
                })
            }
        }
    };
}

pub(crate) use {choice, default, key, record, words};
