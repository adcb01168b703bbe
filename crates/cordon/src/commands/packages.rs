//! `cordon packages`: packages and their files. They are objects of content like all others; these verbs spare one their kind.

use super::content::{self, Object};
use crate::api::{Client, encoded, with_query};
use crate::args::{FindArgs, PackageAction, PackageFileAction, PackagesArgs};
use crate::output::{self, say, shown};
use ::api::content::{ExpectedQuery, ObjectDetail, StoredFile};
use ::content::name::Kind;
use anyhow::{Result, bail};
use hyper::Method;
use serde_json::json;
use std::process::ExitCode;

/// Runs the command.
pub async fn run(args: PackagesArgs) -> Result<ExitCode> {
    let client = Client::connect(&args.connection)?;
    let output = args.output;
    match args
        .action
        .unwrap_or(PackageAction::List { words: Vec::new() })
    {
        PackageAction::List { words } => {
            let wanted = FindArgs {
                words,
                kind: Some(Kind::Package.word().to_owned()),
                ..FindArgs::default()
            };
            content::find(&client, wanted, output).await?;
        }
        PackageAction::Show { name } => {
            content::show_object(&client, &package(&name), output).await?;
        }
        PackageAction::File { action } => file(&client, action, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn package(name: &str) -> Object {
    Object {
        kind: Kind::Package,
        name: name.to_owned(),
    }
}

async fn file(
    client: &Client,
    action: PackageFileAction,
    output: Option<crate::args::Output>,
) -> Result<()> {
    match action {
        PackageFileAction::List { package: name } => {
            let detail: ObjectDetail = client.get(&package(&name).path()).await?;
            let facts = json!({"package": name, "files": detail.files});
            output::print(output, &[content::file_table(&detail)], facts)
        }
        PackageFileAction::Get {
            package: name,
            name: wanted,
            out,
        } => {
            let detail: ObjectDetail = client.get(&package(&name).path()).await?;
            let found = detail.files.iter().find(|file| file.name == wanted);
            match found {
                Some(found) => match found.file {
                    Some(file) => content::fetch(client, file, &wanted, out).await,
                    None => bail!("`{wanted}` is a file that is supplied, and was not yet"),
                },
                None => bail!("`{name}` has no file `{wanted}`"),
            }
        }
        PackageFileAction::Add {
            package: package_name,
            file,
            name,
            why,
        } => {
            let name = content::name_of(&file, name)?;
            let bytes = content::read(&file)?;
            let path = path(client, &package_name, &name, &why).await?;
            let kept: StoredFile = client.send_file(Method::PUT, &path, bytes).await?;
            say!(
                "`{}` of `{}` has {} bytes, digest {}.",
                shown(&name),
                shown(&package_name),
                kept.size,
                kept.sha256
            );
            Ok(())
        }
        PackageFileAction::Remove {
            package: package_name,
            name,
            why,
        } => {
            let path = path(client, &package_name, &name, &why).await?;
            client.delete(&path).await?;
            say!(
                "`{}` is taken from `{}`.",
                shown(&name),
                shown(&package_name)
            );
            Ok(())
        }
    }
}

/// The path of a file of the package as it is now: if somebody changes it in between, one is told.
async fn path(client: &Client, name: &str, file: &str, why: &str) -> Result<String> {
    let detail: ObjectDetail = client.get(&package(name).path()).await?;
    let query = ExpectedQuery {
        expected: detail.object.sha256,
        why: (!why.is_empty()).then(|| why.to_owned()),
    };
    let path = format!(
        "/content/packages/{}/files/{}",
        encoded(name),
        encoded(file)
    );
    with_query(&path, query)
}
