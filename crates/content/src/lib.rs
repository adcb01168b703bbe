//! Content: packs of sensors, packages, saved questions, roles and the like, from a folder of files to signed definitions that an endpoint
//! runs.
//!
//! Pure: no sockets, no clock, no database. Time is handed in as seconds since 1970, what is there already as a value ([`change::State`]).
//! Only [`pack::open()`], [`pack::lint()`] and [`pack::tree::Tree`] touch a file system, to read and write the folder of a pack.
//!
//! * [`objects`]: what a pack can hold, one declaration for each kind; [`form`]: how a declaration becomes reader, printer and schema.
//! * [`yaml`], [`fault`]: text with places, and everything that is wrong with it at once.
//! * [`pack`]: folder or archive to checked pack, and back; [`schema`]: the JSON Schemas in `docs/schemas`.
//! * [`trust`]: what is signed, by whom, and why something is refused.
//! * [`change`]: import, upgrade, roll-back and edit as plan and apply.
//! * [`fixture`]: trying scripts with known input.
//!
//! # From a folder to a state
//!
//! ```
//! use content::change::{self, Options, State, Who};
//! use content::pack::{self, Surroundings, archive};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("cordon-content-example-{}", std::process::id()));
//! # std::fs::create_dir_all(folder.join("content-sets"))?;
//! # std::fs::create_dir_all(folder.join("computer-groups"))?;
//! # std::fs::write(folder.join("pack.yaml"), "name: example\ntitle: Example\nversion: 1.0.0\npublisher: Us\ncontent_sets: [Example]\nchangelog: [{version: 1.0.0, changes: [First.]}]\n")?;
//! # std::fs::write(folder.join("content-sets/example.yaml"), "name: Example\n")?;
//! # std::fs::write(folder.join("computer-groups/lab.yaml"), "name: Lab\nmembers: [\"1\"]\n")?;
//! let sensors = question::Catalogue::default(); // what agents have built in
//! let cordon = "0.1.0".parse()?;
//! let around = Surroundings::new(&sensors, cordon);
//!
//! // Every fault with its place; none for a sound pack.
//! assert!(pack::lint(&folder, &around).is_empty());
//! let made = pack::open(&folder, &around).map_err(|faults| faults[0].to_string())?;
//!
//! // A pack as one file, and back.
//! let bytes = archive::write(&made.to_tree()?)?;
//! let tree = archive::read(&bytes).map_err(|faults| faults[0].to_string())?;
//! assert_eq!(pack::read(&tree, &around).map_err(|faults| faults[0].to_string())?, made);
//!
//! // What an import would do, and doing it.
//! let mut state = State::default();
//! let plan = change::plan(&state, &made, &Options::default())?;
//! assert_eq!(plan.steps.len(), 2);
//! let who = Who { by: "user 1".into(), at: 1_800_000_000, why: "first import".into() };
//! change::apply(&mut state, &plan, &who)?;
//!
//! // Back to before.
//! let plan = change::rollback(&state, "example", None)?;
//! change::apply(&mut state, &plan, &who)?;
//! assert!(state.objects.is_empty());
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Signing and verifying
//!
//! ```
//! use content::digest::Digest;
//! use content::name::{Key, Kind};
//! use content::objects::{Object, Platform};
//! use content::trust::{self, Catalogue, Definition, PublicKey, Root, TrustedKey};
//! use std::collections::BTreeMap;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
//! let now = 1_800_000_000;
//! let root = Root {
//!     version: 1,
//!     content: vec![TrustedKey { key: PublicKey::of(&key), name: "server".into(), from: 0, until: None }],
//!     publishers: vec![],
//!     recovery: vec![],
//! };
//! let sensor = serde_json::json!({
//!     "name": "Kernel Release",
//!     "columns": [{ "name": "Kernel Release" }],
//!     "platforms": { "linux": { "interpreter": "sh", "text": "uname -r", "output": { "delimited": "|" } } },
//! });
//! let object = Object::from_value(Kind::Sensor, &sensor).map_err(|faults| faults[0].to_string())?;
//!
//! let definition = trust::definition(&object, "1.0.0", &BTreeMap::new())?;
//! let signed = Definition::sign(&definition, &[&key]);
//! let catalogue = Catalogue {
//!     serial: 1,
//!     issued: now,
//!     expires: now + 86_400,
//!     definitions: BTreeMap::from([(object.key(), Digest::of(signed.body.as_bytes()))]),
//! };
//!
//! // On an endpoint.
//! let (catalogue, _seen) = Catalogue::verify(&catalogue.sign(&[&key]), &root, None, now)?;
//! let wanted = Key::new(Kind::Sensor, "Kernel Release");
//! let verified = Definition::verify(&signed, &wanted, &root, &catalogue, now)?;
//! verified.check_script(Platform::Linux, b"uname -r")?;
//! assert_eq!(verified.check_script(Platform::Linux, b"uname -a").unwrap_err().code(), "content-changed");
//! # Ok(())
//! # }
//! ```

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod change;
pub mod digest;
pub mod fault;
pub mod fixture;
pub mod form;
pub mod name;
pub mod objects;
pub mod pack;
pub mod path;
pub mod schema;
pub mod trust;
pub mod yaml;
