//! What is signed of a sensor or package: everything that decides what runs, and nothing that does not.

use super::catalogue::Catalogue;
use super::refused::Refused;
use super::root::{Root, Use};
use super::signature::Signed;
use crate::digest::Digest;
use crate::form::Form;
use crate::form::{FileRef, LongText};
use crate::name::{Key, Kind};
use crate::objects::{Interpreter, Object, Package, Platform, Run, Sensor};
use ed25519_dalek::SigningKey;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const DOMAIN: &[u8] = b"cordon content definition v1\0";
const WHAT: &str = "a definition";
/// Fields of a package that decide how it runs, beside what runs.
const PACKAGE_FIELDS: &[&str] = &[
    "parameters",
    "command_timeout",
    "download_timeout",
    "ignore_action_lock",
    "verify",
    "run_as",
    "limits",
];
/// The same of a sensor.
const SENSOR_FIELDS: &[&str] = &["parameters", "columns", "rows", "key", "max_age", "limits"];

/// Why an object has no definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undefined {
    /// Nothing of it runs on an endpoint.
    #[error("{kind} `{name}` is nothing that endpoints run")]
    RunsNothing {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// A file that the importer supplies is not there.
    #[error("`{name}` waits for the file `{file}`, which was not supplied")]
    NotSupplied {
        /// The package.
        name: String,
        /// The file.
        file: String,
    },
}

/// The definition of a sensor or package in a version, to be signed. `supplied` has the digests of the files that were supplied.
///
/// # Errors
/// [`Undefined`].
pub fn definition(
    object: &Object,
    version: &str,
    supplied: &BTreeMap<String, Digest>,
) -> Result<Value, Undefined> {
    let mut map = Map::new();
    map.insert("kind".into(), json!(object.kind().word()));
    map.insert("name".into(), json!(object.name()));
    map.insert("version".into(), json!(version));
    match object {
        Object::Sensor(sensor) if sensor.native.is_none() => {
            take(&sensor.write(), SENSOR_FIELDS, &mut map);
            map.insert("platforms".into(), scripts(sensor));
        }
        Object::Package(package) => {
            take(&package.write(), PACKAGE_FIELDS, &mut map);
            map.insert("platforms".into(), runs(package));
            map.insert("files".into(), files(package, supplied)?);
        }
        other => {
            return Err(Undefined::RunsNothing {
                kind: other.kind().to_string(),
                name: other.name().into(),
            });
        }
    }
    Ok(Value::Object(map))
}

fn take(from: &Value, fields: &[&str], into: &mut Map<String, Value>) {
    for field in fields {
        if let Some(value) = from.get(field) {
            into.insert((*field).to_owned(), value.clone());
        }
    }
}

fn script(interpreter: Interpreter, text: Option<&LongText>, file: Option<&FileRef>) -> Value {
    let digest = match (text, file) {
        (Some(text), _) => Digest::of(text.as_str().as_bytes()).to_hex(),
        (None, Some(file)) => file.sha256.as_str().to_owned(),
        (None, None) => String::new(),
    };
    json!({ "interpreter": interpreter.word(), "sha256": digest })
}

fn scripts(sensor: &Sensor) -> Value {
    let each = Platform::ALL.iter().filter_map(|platform| {
        let made = sensor.script(*platform)?;
        let mut value = script(made.interpreter, made.text.as_ref(), made.file.as_ref());
        if let Value::Object(map) = &mut value {
            map.insert("output".into(), made.output.write());
            map.insert("encoding".into(), made.encoding.write());
        }
        Some((platform.word().to_owned(), value))
    });
    Value::Object(each.collect())
}

fn runs(package: &Package) -> Value {
    let each = package.runs().map(|(platform, run)| {
        let value = match run {
            Run::Script(made) => script(made.interpreter, made.text.as_ref(), made.file.as_ref()),
            Run::Command(_) | Run::Job(_) => {
                let what = run.write();
                json!({ "sha256": Digest::of_value(&what).to_hex(), "run": what })
            }
        };
        (platform.word().to_owned(), value)
    });
    Value::Object(each.collect())
}

fn files(package: &Package, supplied: &BTreeMap<String, Digest>) -> Result<Value, Undefined> {
    let mut list = Vec::new();
    for file in &package.files {
        let (name, digest) = match (&file.file, &file.supplied) {
            (Some(own), _) => {
                let name = own.path.rsplit('/').next().unwrap_or(&own.path);
                (name, own.sha256.as_str().to_owned())
            }
            (None, Some(asked)) => match supplied.get(asked.as_str()) {
                Some(digest) => (asked.as_str(), digest.to_hex()),
                None if file.optional => continue,
                None => {
                    return Err(Undefined::NotSupplied {
                        name: package.name.as_str().into(),
                        file: asked.as_str().into(),
                    });
                }
            },
            (None, None) => continue,
        };
        let name = file.name.as_ref().map_or(name, |n| n.as_str());
        list.push(json!({ "name": name, "sha256": digest }));
    }
    Ok(Value::Array(list))
}

/// A definition that was verified: signed by a content key that is in force, and in the newest catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The object.
    pub key: Key,
    /// Its version.
    pub version: String,
    /// Digest of the definition, by which orders, caches and archives name it.
    pub digest: Digest,
    value: Value,
}

impl Definition {
    /// Signs a definition with content keys.
    #[must_use]
    pub fn sign(definition: &Value, keys: &[&SigningKey]) -> Signed {
        Signed::make(DOMAIN, definition, keys)
    }

    /// Verifies a definition as an endpoint does before it runs anything: by its pinned root, by the newest catalogue it has seen, and
    /// as the object that an order names.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn verify(
        signed: &Signed,
        wanted: &Key,
        root: &Root,
        catalogue: &Catalogue,
        now: i64,
    ) -> Result<Self, Refused> {
        root.verify(DOMAIN, signed, &[Use::Content], now)?;
        let value = signed.value(WHAT)?;
        let wrong = || Refused::NotUnderstood { what: WHAT };
        let text = |field: &str| value.get(field).and_then(Value::as_str);
        let kind = text("kind").and_then(Kind::of_word).ok_or_else(wrong)?;
        let name = text("name").filter(|n| crate::name::check(n).is_ok());
        let key = Key::new(kind, name.ok_or_else(wrong)?);
        let version = text("version").ok_or_else(wrong)?.to_owned();
        if key != *wanted {
            return Err(Refused::OtherObject {
                found: key.to_string(),
                wanted: wanted.to_string(),
            });
        }
        let digest = Digest::of(signed.body.as_bytes());
        catalogue.holds(&key, digest)?;
        Ok(Self {
            key,
            version,
            digest,
            value,
        })
    }

    /// What runs on a platform, as it was signed.
    ///
    /// # Errors
    /// [`Refused::OtherPlatform`].
    pub fn run(&self, platform: Platform) -> Result<&Value, Refused> {
        self.value
            .get("platforms")
            .and_then(|p| p.get(platform.word()))
            .ok_or_else(|| Refused::OtherPlatform {
                platform: platform.word().into(),
            })
    }

    /// Checks that a script is the one that was signed for a platform.
    ///
    /// # Errors
    /// [`Refused::OtherPlatform`], [`Refused::OtherContent`].
    pub fn check_script(&self, platform: Platform, script: &[u8]) -> Result<(), Refused> {
        let signed = self.run(platform)?.get("sha256").and_then(Value::as_str);
        if signed == Some(Digest::of(script).to_hex().as_str()) {
            Ok(())
        } else {
            Err(Refused::OtherContent {
                what: format!("the script of {}", self.key),
            })
        }
    }

    /// The files of a package, with the digests that were signed.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Digest> {
        let text = |value: &Value, field: &str| {
            value
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let list = self.value.get("files").and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(|f| Some((text(f, "name"), Digest::of_hex(&text(f, "sha256"))?)))
            .collect()
    }

    /// All of it, as it was signed.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }
}
