//! The packs in the program itself: what lies in `content/` of the source, as it was built (`build.rs`).

use ::content::objects::Manifest;
use ::content::pack;
use ::content::pack::tree::Tree;

/// A pack's folder, and its files by path.
type Folder = (&'static str, &'static [(&'static str, &'static [u8])]);

const SHIPPED: &[Folder] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// A pack that ships.
#[derive(Clone, Debug)]
pub(super) struct Shipped {
    /// What it is as a whole.
    pub manifest: Manifest,
    /// Its files.
    pub tree: Tree,
}

/// All of them, by name. One that cannot be read is left out and told; the tests of the packs keep that from happening.
pub(super) fn all() -> Vec<Shipped> {
    let mut found = Vec::new();
    for (name, files) in SHIPPED {
        let mut tree = Tree::default();
        let whole = files
            .iter()
            .try_for_each(|(path, bytes)| tree.add(path, bytes.to_vec()));
        match (whole, pack::manifest(&tree)) {
            (Ok(()), Some(manifest)) => found.push(Shipped { manifest, tree }),
            (whole, _) => tracing::error!(
                name,
                problem = whole.err(),
                "a pack that ships cannot be read; this is a defect"
            ),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packs_that_ship_are_in_the_program() {
        let names: Vec<_> = all()
            .iter()
            .map(|shipped| shipped.manifest.name.as_str().to_owned())
            .collect();
        assert_eq!(names, ["core", "incident-response", "index", "quarantine"]);
    }
}
