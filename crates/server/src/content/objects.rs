//! Edits of single objects. An editor says which object they looked at, by its digest; who comes second is told, and nothing is lost.

use super::change::{Brought, Done};
use super::{ContentError, Library, Why};
use crate::store::content::KeptContent;
use ::content::change::{self, EditRefused, files_of};
use ::content::digest::Digest;
use ::content::name::Key;
use ::content::objects::Object;
use ::content::pack;
use serde_json::{Value, json};
use std::sync::Arc;

impl Library {
    /// Makes or changes an object by its text; gives its digest. `expected` is that of the object which the editor looked at, none for
    /// one that is new.
    ///
    /// # Errors
    /// Its faults by place; [`EditRefused`]; the store's.
    pub async fn edit(
        self: &Arc<Self>,
        key: Key,
        text: String,
        expected: Option<Digest>,
        why: Why,
    ) -> Result<Digest, ContentError> {
        self.change(why, move |library, held, state, who, brought| {
            // Who comes second is told that first: what they wrote rests on what is no more.
            let there = state.objects.get(&key).map(|item| item.content.digest());
            if there != expected {
                return Err(EditRefused::Changed { key, there }.into());
            }
            let around = library.around_object(state, &key);
            let object = pack::object(key.kind, key.kind.word(), text.as_bytes(), &around)
                .map_err(|faults| ContentError::Faults {
                    what: key.to_string(),
                    faults,
                })?;
            let value = object.write();
            library.named(held, &value, brought)?;
            change::edit(state, &key, expected, Some(&object), who)?;
            let digest = Digest::of_value(&value);
            Ok(Done {
                gives: digest,
                action: "content.edit",
                object: key.to_string(),
                detail: json!({"before": expected, "after": digest, "why": who.why}),
            })
        })
        .await
    }

    /// Changes a value in place, as a program does; the work gives something for the caller, and more for the audit log.
    pub(super) async fn edit_value<T: Send + 'static>(
        self: &Arc<Self>,
        key: Key,
        expected: Digest,
        why: Why,
        action: &'static str,
        work: impl FnOnce(&mut Value, &mut Brought) -> Result<(T, Value), ContentError> + Send + 'static,
    ) -> Result<T, ContentError> {
        self.change(why, move |library, held, state, who, brought| {
            let item = state
                .objects
                .get(&key)
                .ok_or_else(|| ContentError::missing(format!("the {} `{}`", key.kind, key.name)))?;
            let there = item.content.digest();
            if there != expected {
                let there = Some(there);
                return Err(EditRefused::Changed { key, there }.into());
            }
            let mut value = item.content.value().clone();
            let (gives, detail) = work(&mut value, brought)?;
            let object =
                Object::from_value(key.kind, &value).map_err(|faults| ContentError::Faults {
                    what: key.to_string(),
                    faults,
                })?;
            library.named(held, &object.write(), brought)?;
            change::edit(state, &key, Some(expected), Some(&object), who)?;
            Ok(Done {
                gives,
                action,
                object: key.to_string(),
                detail,
            })
        })
        .await
    }

    /// Deletes an object that nothing refers to.
    ///
    /// # Errors
    /// [`EditRefused`]; the store's.
    pub async fn delete(
        self: &Arc<Self>,
        key: Key,
        expected: Digest,
        why: Why,
    ) -> Result<(), ContentError> {
        self.change(why, move |_, _, state, who, _| {
            if !state.objects.contains_key(&key) {
                return Err(ContentError::missing(format!(
                    "the {} `{}`",
                    key.kind, key.name
                )));
            }
            change::edit(state, &key, Some(expected), None, who)?;
            Ok(Done {
                gives: (),
                action: "content.delete",
                object: key.to_string(),
                detail: json!({"before": expected, "why": who.why}),
            })
        })
        .await
    }

    /// Every file that a value names must be there.
    fn named(
        &self,
        held: &KeptContent,
        value: &Value,
        brought: &mut Brought,
    ) -> Result<(), ContentError> {
        for (path, digest) in files_of(value) {
            if held.files.contains_key(&digest) || brought.size(&digest).is_some() {
                continue;
            }
            let size = self.files.size(digest).ok_or_else(|| {
                ContentError::Invalid(format!(
                    "the file `{path}` with the digest {digest} is not here; send it first"
                ))
            })?;
            brought.note(digest, size, false);
        }
        Ok(())
    }
}
