//! One crate's modules, read from its source with a real parser: what each defines, brings into scope and names.
//!
//! Code that only tests see is passed over. Code for every system is read, for a circle on one of them is a circle.

use anyhow::{Context, Result};
use proc_macro2::{Span, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Meta, Token, UseTree};

/// A module's place in [`Tree::modules`].
pub type Id = usize;

/// All modules of one crate; the first is its root.
#[derive(Debug, Default)]
pub struct Tree {
    pub modules: Vec<Module>,
}

/// What a module's own code says, without its children's.
#[derive(Debug, Default)]
pub struct Module {
    pub name: String,
    pub parent: Option<Id>,
    pub children: BTreeMap<String, Id>,
    /// Names of types, functions and the like that are defined here.
    pub items: BTreeSet<String>,
    /// What `use` brings into scope: the name here, and the path it stands for.
    pub uses: BTreeMap<String, Vec<Vec<String>>>,
    /// Paths whose whole content is brought into scope.
    pub globs: Vec<Vec<String>>,
    /// Every path that the code names.
    pub references: Vec<Reference>,
}

/// A path in the code, and where it stands.
#[derive(Debug)]
pub struct Reference {
    pub path: Vec<String>,
    pub file: PathBuf,
    pub line: usize,
}

impl Tree {
    /// Reads the crate whose root is this file.
    pub fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.modules.push(Module::default());
        let folder = root.parent().unwrap_or(Path::new("")).to_owned();
        tree.file(0, root, &folder)?;
        Ok(tree)
    }

    /// A module's path from the root, as in `store::write`.
    pub fn path(&self, id: Id) -> String {
        let mut names: Vec<&str> = self.line(id).skip(1).map(|m| self.name(m)).collect();
        if names.is_empty() {
            names.push("crate");
        }
        names.join("::")
    }

    /// A module's own name.
    pub fn name(&self, id: Id) -> &str {
        self.modules.get(id).map_or("", |m| m.name.as_str())
    }

    /// The modules from the root down to this one.
    pub fn line(&self, id: Id) -> impl Iterator<Item = Id> + use<> {
        let mut up: Vec<Id> =
            std::iter::successors(Some(id), |&m| self.modules.get(m).and_then(|m| m.parent))
                .collect();
        up.reverse();
        up.into_iter()
    }

    /// Reads a file into a module; `folder` is where its children's files lie.
    fn file(&mut self, id: Id, file: &Path, folder: &Path) -> Result<()> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let parsed = syn::parse_file(&text)
            .with_context(|| format!("{} is not Rust that syn can read", file.display()))?;
        self.items(id, &parsed.items, file, folder)
    }

    fn items(&mut self, id: Id, items: &[Item], file: &Path, folder: &Path) -> Result<()> {
        for item in items {
            if let Item::Mod(inner) = item {
                if !for_tests(&inner.attrs) {
                    self.child(id, inner, file, folder)?;
                }
                continue;
            }
            let Some(module) = self.modules.get_mut(id) else {
                continue;
            };
            module.items.extend(defined(item));
            Reader { module, file }.visit_item(item);
        }
        Ok(())
    }

    fn child(&mut self, id: Id, inner: &ItemMod, file: &Path, folder: &Path) -> Result<()> {
        let name = inner.ident.to_string();
        let next = self.modules.len();
        let Some(module) = self.modules.get_mut(id) else {
            return Ok(());
        };
        // Written twice, each for another system, it is one module with the content of both.
        let child = *module.children.entry(name.clone()).or_insert(next);
        if child == next {
            self.modules.push(Module {
                name: name.clone(),
                parent: Some(id),
                ..Module::default()
            });
        }
        let below = folder.join(&name);
        if let Some((_, items)) = &inner.content {
            return self.items(child, items, file, &below);
        }
        let mut named = paths(&inner.attrs);
        if named.is_empty() {
            let plain = folder.join(format!("{name}.rs"));
            let inside = below.join("mod.rs");
            named.push(if plain.exists() { plain } else { inside });
        } else {
            let beside = file.parent().unwrap_or(Path::new(""));
            for path in &mut named {
                *path = beside.join(&path);
            }
        }
        for file in named {
            self.file(child, &file, &below)?;
        }
        Ok(())
    }
}

/// Collects what one item names.
struct Reader<'a> {
    module: &'a mut Module,
    file: &'a Path,
}

impl Reader<'_> {
    fn refer(&mut self, path: Vec<String>, at: Span) {
        self.module.references.push(Reference {
            path,
            file: self.file.to_owned(),
            line: at.start().line,
        });
    }

    fn bring(&mut self, tree: &UseTree, so_far: &[String]) {
        let with = |name: &syn::Ident| {
            let mut path = so_far.to_vec();
            if name != "self" || path.is_empty() {
                path.push(name.to_string());
            }
            path
        };
        let (name, path, at) = match tree {
            UseTree::Path(inner) => return self.bring(&inner.tree, &with(&inner.ident)),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|t| self.bring(t, so_far));
            }
            UseTree::Glob(glob) => {
                self.module.globs.push(so_far.to_vec());
                return self.refer(so_far.to_vec(), glob.star_token.spans[0]);
            }
            UseTree::Name(n) => {
                let path = with(&n.ident);
                let name = path.last().cloned().unwrap_or_default();
                (name, path, n.ident.span())
            }
            UseTree::Rename(r) => (r.rename.to_string(), with(&r.ident), r.ident.span()),
        };
        self.refer(path.clone(), at);
        self.module.uses.entry(name).or_default().push(path);
    }

    /// Paths within a macro's arguments, which are not parsed: names with `::` between them.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut at = Span::call_site();
        // How many of the two colons after the path have been seen; and whether what follows hangs on something else.
        let (mut colons, mut hangs) = (0, false);
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.end(&mut path, at);
                    }
                    if !hangs {
                        if path.is_empty() {
                            at = name.span();
                        }
                        path.push(name.to_string());
                    }
                    (colons, hangs) = (0, false);
                }
                TokenTree::Punct(p) if p.as_char() == ':' => {
                    colons += 1;
                    hangs = path.is_empty() && colons == 2;
                }
                other => {
                    self.end(&mut path, at);
                    colons = 0;
                    hangs = matches!(&other, TokenTree::Punct(p) if p.as_char() == '.');
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.end(&mut path, at);
    }

    fn end(&mut self, path: &mut Vec<String>, at: Span) {
        if !path.is_empty() {
            self.refer(std::mem::take(path), at);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes(item).is_some_and(for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        let tested = match statement {
            syn::Stmt::Local(local) => for_tests(&local.attrs),
            syn::Stmt::Macro(call) => for_tests(&call.attrs),
            _ => false,
        };
        if !tested {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            self.bring(&item.tree, &[]);
        }
    }

    /// What attributes name is the business of the macros behind them.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names = path.segments.iter().map(|s| s.ident.to_string()).collect();
            if let Some(first) = path.segments.first() {
                self.refer(names, first.ident.span());
            }
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        visit::visit_macro(self, call);
        self.tokens(call.tokens.clone());
    }
}

/// The name that an item defines.
fn defined(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(i) => &i.ident,
        Item::Enum(i) => &i.ident,
        Item::Fn(i) => &i.sig.ident,
        Item::Macro(i) => i.ident.as_ref()?,
        Item::Static(i) => &i.ident,
        Item::Struct(i) => &i.ident,
        Item::Trait(i) => &i.ident,
        Item::TraitAlias(i) => &i.ident,
        Item::Type(i) => &i.ident,
        Item::Union(i) => &i.ident,
        _ => return None,
    };
    Some(name.to_string())
}

fn attributes(item: &Item) -> Option<&[Attribute]> {
    Some(match item {
        Item::Const(i) => &i.attrs,
        Item::Enum(i) => &i.attrs,
        Item::Fn(i) => &i.attrs,
        Item::Impl(i) => &i.attrs,
        Item::Macro(i) => &i.attrs,
        Item::Mod(i) => &i.attrs,
        Item::Static(i) => &i.attrs,
        Item::Struct(i) => &i.attrs,
        Item::Trait(i) => &i.attrs,
        Item::Type(i) => &i.attrs,
        Item::Use(i) => &i.attrs,
        _ => return None,
    })
}

/// Whether only tests see what bears these attributes.
fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => {
            list.parse_args::<Meta>().is_ok_and(|m| needs_test(&m))
        }
        _ => false,
    })
}

fn needs_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => parts(list).is_some_and(|all| {
            (list.path.is_ident("all") && all.iter().any(needs_test))
                || (list.path.is_ident("any") && all.iter().all(needs_test))
        }),
        Meta::NameValue(_) => false,
    }
}

/// Files that `#[path = …]` names, whatever system it is for.
fn paths(attributes: &[Attribute]) -> Vec<PathBuf> {
    attributes.iter().flat_map(|a| path_of(&a.meta)).collect()
}

fn path_of(meta: &Meta) -> Vec<PathBuf> {
    match meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) => vec![PathBuf::from(text.value())],
            _ => Vec::new(),
        },
        Meta::List(list) if list.path.is_ident("cfg_attr") => parts(list)
            .into_iter()
            .flatten()
            .flat_map(|m| path_of(&m))
            .collect(),
        _ => Vec::new(),
    }
}

fn parts(list: &syn::MetaList) -> Option<Punctuated<Meta, Token![,]>> {
    list.parse_args_with(Punctuated::parse_terminated).ok()
}
