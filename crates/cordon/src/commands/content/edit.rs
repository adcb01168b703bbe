//! Editing an object: in an editor, or with the text of a file. What the server does not take is never lost: it stays in a file.

use super::named::{Object, word};
use super::plan::faults;
use super::shown::cell;
use crate::EXIT_UNSOUND;
use crate::api::{ApiError, Client};
use crate::args::Output;
use crate::output::{self, Form, Table, say, shown};
use ::api::ValueType;
use ::api::content::{FieldDiff, ObjectDetail, ObjectEdit};
use ::api::error::ErrorCode;
use ::content::change::{self, FieldChange};
use ::content::fault::Faults;
use ::content::yaml;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const FIELDS: [(&str, ValueType); 3] = [
    ("Field", ValueType::Text),
    ("Before", ValueType::Text),
    ("After", ValueType::Text),
];

/// How an object is to be edited.
pub(super) struct Edit {
    pub object: String,
    pub file: Option<PathBuf>,
    pub new: bool,
    pub dry_run: bool,
    pub why: String,
}

/// Edits an object.
pub(super) async fn run(client: &Client, edit: Edit, output: Option<Output>) -> Result<ExitCode> {
    let object = Object::of(&edit.object)?;
    let before: Option<ObjectDetail> = match client.get(&object.path()).await {
        Ok(detail) => Some(detail),
        Err(error) if edit.new && code(&error) == Some(ErrorCode::NotFound) => None,
        Err(error) => return Err(error),
    };
    if edit.new && before.is_some() {
        bail!("`{}` is there already; edit it without --new", edit.object);
    }
    let was = before.as_ref().map_or_else(
        || format!("name: {}\n", object.name),
        |before| before.text.clone(),
    );
    let text = match &edit.file {
        Some(file) => read(file)?,
        None => edited(&object, &was)?,
    };
    if before.is_some() && text == was {
        anstream::eprintln!("Nothing differs; nothing was done.");
        return Ok(ExitCode::SUCCESS);
    }
    if edit.dry_run {
        return differ(before.as_ref(), &text, output);
    }
    let sent = ObjectEdit {
        text: text.clone(),
        expected: before.as_ref().map(|before| before.object.sha256),
        why: edit.why.clone(),
    };
    let done: Result<ObjectDetail> = client.put(&object.path(), sent).await;
    match done {
        Ok(done) => {
            if Form::of(output).is_text() {
                say!(
                    "{} `{}`, digest {}.",
                    if before.is_some() { "Edited" } else { "Made" },
                    shown(&done.object.name),
                    done.object.sha256
                );
            } else {
                let facts = json!({"object": done});
                super::shown::print_several(output, &[super::shown::file_table(&done)], facts)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            // What came out of an editor is nowhere else.
            let kept = match edit.file {
                Some(_) => None,
                None => Some(keep(&object, &text)?),
            };
            if code(&error) == Some(ErrorCode::Changed) {
                if let Ok(now) = client.get::<ObjectDetail>(&object.path()).await {
                    anstream::eprintln!(
                        "What differs between what you looked at and what is there now:"
                    );
                    differ(before.as_ref(), &now.text, output)?;
                }
                told(kept.as_deref());
                anstream::eprintln!("cordon: {}", shown(&error.to_string()));
                return Ok(ExitCode::from(EXIT_UNSOUND));
            }
            told(kept.as_deref());
            faults(error)
        }
    }
}

fn told(kept: Option<&Path>) {
    if let Some(kept) = kept {
        anstream::eprintln!(
            "What you wrote is kept in {}; `--file` takes it.",
            kept.display()
        );
    }
}

fn code(error: &anyhow::Error) -> Option<ErrorCode> {
    error
        .downcast_ref::<ApiError>()
        .and_then(|error| error.code)
}

fn read(file: &Path) -> Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// The text as it comes out of the editor.
fn edited(object: &Object, text: &str) -> Result<String> {
    let editor = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let Some(editor) = editor else {
        bail!("neither VISUAL nor EDITOR names an editor; give the text with --file");
    };
    let folder = tempfile::tempdir().context("cannot make a folder for the editor")?;
    let path = folder.path().join(format!("{}.yaml", stem(object)));
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = std::process::Command::new(program)
        .args(words)
        .arg(&path)
        .status()
        .with_context(|| format!("cannot start the editor `{editor}`"))?;
    if !status.success() {
        bail!("the editor ended with an error; nothing was done");
    }
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

fn stem(object: &Object) -> String {
    let letters = object.name.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    });
    letters.collect()
}

/// Keeps what was written in a new file here.
fn keep(object: &Object, text: &str) -> Result<PathBuf> {
    for number in 1..1_000 {
        let path = PathBuf::from(format!("{}.{number}.rejected.yaml", stem(object)));
        let mut options = std::fs::OpenOptions::new();
        match options.write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                std::io::Write::write_all(&mut file, text.as_bytes())
                    .with_context(|| format!("cannot write {}", path.display()))?;
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot make {}", path.display()));
            }
        }
    }
    bail!("there are too many rejected texts here; remove some")
}

/// Which fields differ between an object and a text.
fn differ(before: Option<&ObjectDetail>, text: &str, output: Option<Output>) -> Result<ExitCode> {
    let form = Form::of(output);
    let value = |text: &str| -> Option<Value> {
        let node = yaml::read("object", text.as_bytes(), &mut Faults::default())?;
        Some(node.to_value())
    };
    let (was, now) = (before.and_then(|b| value(&b.text)), value(text));
    let fields = change::diff(was.as_ref(), now.as_ref());
    let rows = fields.iter().map(|field: &FieldChange| {
        vec![
            field.path.clone().into(),
            cell(field.before.as_ref(), form).into(),
            cell(field.after.as_ref(), form).into(),
        ]
    });
    let table = Table::of("fields", &FIELDS, rows);
    let fields: Vec<FieldDiff> = fields
        .iter()
        .map(|field| FieldDiff {
            path: field.path.clone(),
            before: field.before.clone(),
            after: field.after.clone(),
        })
        .collect();
    let object =
        before.map(|before| format!("{}/{}", word(before.object.kind), before.object.name));
    output::print(
        output,
        &[table],
        json!({"object": object, "fields": fields}),
    )?;
    Ok(ExitCode::SUCCESS)
}
