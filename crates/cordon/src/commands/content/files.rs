//! Files: those that packs ask for and those of packages, in and out.

use super::named::pack_path;
use super::shown::supplied;
use crate::api::{Client, encoded, with_query};
use crate::args::{Output, SuppliedAction};
use crate::output::{self, say, shown};
use ::api::content::{PackDetail, StoredFile, WhyQuery};
use anyhow::{Context, Result, bail};
use hyper::Method;
use serde_json::json;
use std::path::{Path, PathBuf};

/// `content file`.
pub(super) async fn run(
    client: &Client,
    action: SuppliedAction,
    output: Option<Output>,
) -> Result<()> {
    match action {
        SuppliedAction::List { pack } => {
            let detail: PackDetail = client.get(&pack_path(&pack)).await?;
            let facts = json!({"pack": pack, "supplied": detail.supplied});
            output::print(output, &[supplied(&detail)], facts)
        }
        SuppliedAction::Get { pack, name, out } => {
            let detail: PackDetail = client.get(&pack_path(&pack)).await?;
            let file = detail.supplied.iter().find(|file| file.name == name);
            let Some(file) = file.and_then(|file| file.file) else {
                bail!(
                    "`{pack}` has no supplied file `{name}`; `cordon content file list {pack}` lists them"
                );
            };
            fetch(client, file, &name, out).await
        }
        SuppliedAction::Add {
            pack,
            file,
            name,
            why,
        } => {
            let name = name_of(&file, name)?;
            let path = with_query(&path(&pack, &name), reason(&why))?;
            let kept: StoredFile = client.send_file(Method::PUT, &path, read(&file)?).await?;
            say!(
                "`{}` of {} has {} bytes, digest {}.",
                shown(&name),
                shown(&pack),
                kept.size,
                kept.sha256
            );
            Ok(())
        }
        SuppliedAction::Remove { pack, name, why } => {
            client
                .delete(&with_query(&path(&pack, &name), reason(&why))?)
                .await?;
            say!("`{}` is taken away from {}.", shown(&name), shown(&pack));
            Ok(())
        }
    }
}

fn path(pack: &str, name: &str) -> String {
    format!("{}/supplied/{}", pack_path(pack), encoded(name))
}

/// A reason, where there is one.
pub(crate) fn reason(why: &str) -> WhyQuery {
    WhyQuery {
        why: (!why.is_empty()).then(|| why.to_owned()),
    }
}

/// The name that was given, or the file's own.
pub(crate) fn name_of(file: &Path, name: Option<String>) -> Result<String> {
    let own = || file.file_name()?.to_str().map(str::to_owned);
    name.or_else(own)
        .with_context(|| format!("{} has no name; give one with --name", file.display()))
}

/// A file's bytes.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Fetches a file into a new one.
pub(crate) async fn fetch(
    client: &Client,
    file: StoredFile,
    name: &str,
    out: Option<PathBuf>,
) -> Result<()> {
    let out = match out {
        Some(out) => out,
        // A name is the server's word: nothing of it leads elsewhere.
        None => PathBuf::from(
            Path::new(name)
                .file_name()
                .with_context(|| format!("`{name}` is no name of a file; give one with --out"))?,
        ),
    };
    let bytes = client
        .file(&format!("/content/files/{}", file.sha256))
        .await?;
    std::fs::write(&out, &bytes).with_context(|| format!("cannot write {}", out.display()))?;
    say!("{} ({} bytes)", out.display(), bytes.len());
    Ok(())
}
