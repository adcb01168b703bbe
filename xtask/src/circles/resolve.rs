//! Which module a path means. A name that is handed on by `pub use` means the module that defines it.

use super::read::{Id, Module, Tree};
use std::collections::BTreeSet;

/// What a name stands for.
#[derive(Clone, Copy)]
enum Meaning {
    /// A module.
    Module(Id),
    /// Something that this module defines.
    Item(Id),
}

/// Names already being looked up, so that `use` statements that chase each other end.
type Seen<'a> = BTreeSet<(Id, &'a str)>;

impl Tree {
    /// The module of this crate that a path in a module's code means; none when it leads elsewhere.
    pub fn resolve(&self, from: Id, path: &[String]) -> Option<Id> {
        // A lone name in code is a value, a type or a local variable, never a module.
        match self.meaning(from, path, &mut BTreeSet::new())? {
            Meaning::Module(_) if path.len() == 1 && !is_keyword(path.first()?) => None,
            Meaning::Module(id) | Meaning::Item(id) => Some(id),
        }
    }

    fn meaning<'a>(&'a self, from: Id, path: &'a [String], seen: &mut Seen<'a>) -> Option<Meaning> {
        let mut here = Meaning::Module(from);
        for (place, name) in path.iter().enumerate() {
            let Meaning::Module(module) = here else {
                // A variant of an enumeration or a function of a type: where the type is, that is.
                return Some(here);
            };
            let last = place + 1 == path.len();
            let next = match name.as_str() {
                "crate" => Some(Meaning::Module(0)),
                "self" => Some(Meaning::Module(module)),
                "super" => self.module(module)?.parent.map(Meaning::Module),
                name => self.look(module, name, last, seen),
            };
            // A name that a macro makes is not seen; the module that holds it is known all the same.
            here = match next {
                Some(next) => next,
                None if place == 0 => return None,
                None => return Some(Meaning::Item(module)),
            };
        }
        Some(here)
    }

    /// What a name means in a module. Where it is both a module and an item, the end of a path means the item.
    fn look<'a>(
        &'a self,
        id: Id,
        name: &'a str,
        last: bool,
        seen: &mut Seen<'a>,
    ) -> Option<Meaning> {
        if !seen.insert((id, name)) {
            return None;
        }
        let module = self.module(id)?;
        let child = module.children.get(name).copied().map(Meaning::Module);
        let item = module.items.contains(name).then_some(Meaning::Item(id));
        let found = if last { item.or(child) } else { child.or(item) };
        let found = found.or_else(|| {
            let used = module.uses.get(name).into_iter().flatten();
            used.filter_map(|path| self.meaning(id, path, seen)).next()
        });
        let found = found.or_else(|| {
            let all = module.globs.iter();
            all.filter_map(|path| match self.meaning(id, path, seen)? {
                Meaning::Module(other) => self.look(other, name, last, seen),
                Meaning::Item(_) => None,
            })
            .next()
        });
        seen.remove(&(id, name));
        found
    }

    fn module(&self, id: Id) -> Option<&Module> {
        self.modules.get(id)
    }
}

fn is_keyword(name: &str) -> bool {
    matches!(name, "crate" | "self" | "super")
}
