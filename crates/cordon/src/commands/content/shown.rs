//! Packs, objects, what differs and what was done, as tables.

use super::named::{self, Named, pack_path};
use crate::api::Client;
use crate::args::{FindArgs, Output};
use crate::output::{self, Form, Table, counted, say, shown};
use ::api::ValueType;
use ::api::content::{
    DeedInfo, DeedKind, EditedObject, FieldDiff, HistoryQuery, ObjectDetail, ObjectsPage,
    ObjectsQuery, PackDetail, PackInfo,
};
use anyhow::Result;
use serde_json::{Value, json};

/// Characters of a value that a table for people shows; structured forms have all of it.
const LONGEST: usize = 200;
/// Objects that are asked for at once.
const PAGE: u32 = 20_000;

const PACKS: [(&str, ValueType); 7] = [
    ("Pack", ValueType::Text),
    ("Title", ValueType::Text),
    ("Available", ValueType::Text),
    ("Imported", ValueType::Text),
    ("Objects", ValueType::Integer),
    ("Edited", ValueType::Integer),
    ("Files awaited", ValueType::Text),
];
const OBJECTS: [(&str, ValueType); 6] = [
    ("Kind", ValueType::Text),
    ("Name", ValueType::Text),
    ("Pack", ValueType::Text),
    ("Content set", ValueType::Text),
    ("Edited", ValueType::Boolean),
    ("Description", ValueType::Text),
];
const FIELDS: [(&str, ValueType); 5] = [
    ("Kind", ValueType::Text),
    ("Name", ValueType::Text),
    ("Field", ValueType::Text),
    ("Shipped", ValueType::Text),
    ("Here", ValueType::Text),
];
const DEEDS: [(&str, ValueType); 7] = [
    ("Number", ValueType::Integer),
    ("At", ValueType::DateTime),
    ("Who", ValueType::Text),
    ("What", ValueType::Text),
    ("Objects", ValueType::Integer),
    ("Why", ValueType::Text),
    ("Fields", ValueType::Text),
];
const FILES: [(&str, ValueType); 4] = [
    ("Name", ValueType::Text),
    ("Bytes", ValueType::Integer),
    ("SHA-256", ValueType::Text),
    ("Note", ValueType::Text),
];

/// A value in a cell.
pub(super) fn cell(value: Option<&Value>, form: Form) -> String {
    let text = match value {
        None => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    if form.is_text() && text.chars().count() > LONGEST {
        let mut short: String = text.chars().take(LONGEST).collect();
        short.push('…');
        return short;
    }
    text
}

/// All packs.
pub(super) async fn list(client: &Client, output: Option<Output>) -> Result<()> {
    let packs: Vec<PackInfo> = client.get("/content/packs").await?;
    let rows = packs.iter().map(|pack| {
        vec![
            pack.name.clone().into(),
            pack.title.clone().into(),
            pack.available.clone().into(),
            pack.imported.clone().into(),
            pack.objects.into(),
            pack.edited.into(),
            pack.awaits.clone().into(),
        ]
    });
    output::print(output, &[Table::of("packs", &PACKS, rows)], json!({}))
}

/// Objects that fit.
pub(crate) async fn find(client: &Client, args: FindArgs, output: Option<Output>) -> Result<()> {
    let kind = args.kind.as_deref().map(named::kind).transpose()?;
    let query = ObjectsQuery {
        kind: kind.map(named::to_api),
        pack: args.pack,
        content_set: args.content_set,
        text: (!args.words.is_empty()).then(|| args.words.join(" ")),
        offset: None,
        limit: Some(PAGE),
    };
    let page: ObjectsPage = client.query("/content/objects", query).await?;
    let rows = page.objects.iter().map(|object| {
        vec![
            named::word(object.kind).into(),
            object.name.clone().into(),
            object.pack.clone().into(),
            object.content_set.clone().into(),
            object.edited.into(),
            object.description.clone().into(),
        ]
    });
    let table = Table::of("objects", &OBJECTS, rows);
    output::print(output, &[table], json!({"total": page.total}))
}

/// A pack or an object in full.
pub(super) async fn show(client: &Client, what: &str, output: Option<Output>) -> Result<()> {
    match Named::of(what)? {
        Named::Pack(name) => {
            let pack: PackDetail = client.get(&pack_path(&name)).await?;
            show_pack(&pack, output)
        }
        Named::Object(object) => show_object(client, &object, output).await,
    }
}

fn show_pack(detail: &PackDetail, output: Option<Output>) -> Result<()> {
    let pack = &detail.pack;
    let requires = detail.requires.iter();
    let requires: Vec<String> = requires
        .map(|required| format!("{} {}", required.pack, required.version))
        .collect();
    let facts: [(&str, String); 10] = [
        ("Name", pack.name.clone()),
        ("Title", pack.title.clone()),
        ("Description", detail.description.clone()),
        ("Publisher", detail.publisher.clone()),
        ("Available", pack.available.clone().unwrap_or_default()),
        ("Imported", pack.imported.clone().unwrap_or_default()),
        ("Earlier", pack.earlier.join(", ")),
        (
            "Objects",
            format!("{}, {} edited", pack.objects, pack.edited),
        ),
        ("Requires", requires.join(", ")),
        ("Content sets", detail.content_sets.join(", ")),
    ];
    let facts = Table::plain(
        "pack",
        &["Field", "Value"],
        facts.map(|(name, value)| vec![name.to_owned(), value]),
    );
    let files = supplied(detail);
    let releases = detail.changelog.iter().map(|release| {
        vec![
            release.version.clone(),
            release.date.clone().unwrap_or_default(),
            release.changes.join(" "),
        ]
    });
    let releases = Table::plain("changelog", &["Version", "Date", "Changes"], releases);
    let tables = [facts, files, releases];
    print_several(output, &tables, json!({"pack": detail}))
}

/// CSV has room for one table: the first.
pub(super) fn print_several(output: Option<Output>, tables: &[Table], facts: Value) -> Result<()> {
    let some = match (output, tables) {
        (Some(Output::Csv), [first, ..]) => std::slice::from_ref(first),
        (_, all) => all,
    };
    output::print(output, some, facts)
}

/// The files that a pack asks for.
pub(super) fn supplied(detail: &PackDetail) -> Table {
    let rows = detail.supplied.iter().map(|file| {
        vec![
            file.name.clone().into(),
            file.file.map(|file| file.size).into(),
            file.file.map(|file| file.sha256.to_string()).into(),
            if file.file.is_none() {
                format!("not supplied: {}", file.help).into()
            } else {
                file.help.clone().into()
            },
        ]
    });
    Table::of("files", &FILES, rows)
}

/// The files of an object.
pub(crate) fn file_table(detail: &ObjectDetail) -> Table {
    let rows = detail.files.iter().map(|file| {
        vec![
            file.name.clone().into(),
            file.file.map(|file| file.size).into(),
            file.file.map(|file| file.sha256.to_string()).into(),
            match (file.supplied, file.file) {
                (true, None) => "not supplied".into(),
                (true, Some(_)) => "supplied".into(),
                (false, _) => "".into(),
            },
        ]
    });
    Table::of("files", &FILES, rows)
}

/// An object: its text for people, all of it for programs.
pub(crate) async fn show_object(
    client: &Client,
    object: &named::Object,
    output: Option<Output>,
) -> Result<()> {
    let detail: ObjectDetail = client.get(&object.path()).await?;
    if Form::of(output).is_text() {
        let info = &detail.object;
        let whose = match &info.pack {
            Some(pack) if info.edited => format!("of the pack {pack}, changed here"),
            Some(pack) => format!("of the pack {pack}"),
            None => "made here".to_owned(),
        };
        anstream::eprintln!(
            "{} `{}`, {}",
            named::of_api(info.kind),
            shown(&info.name),
            shown(&whose)
        );
        if detail.source_changed {
            anstream::eprintln!("The package that it was copied from changed since.");
        }
        say!("{}", shown(detail.text.trim_end()));
        return Ok(());
    }
    print_several(output, &[file_table(&detail)], json!({"object": detail}))
}

/// What was changed here.
pub(super) async fn diff(client: &Client, what: &str, output: Option<Output>) -> Result<()> {
    let (pack, only) = match Named::of(what)? {
        Named::Pack(name) => (name, None),
        Named::Object(object) => {
            let detail: ObjectDetail = client.get(&object.path()).await?;
            let Some(pack) = detail.object.pack.clone() else {
                anstream::eprintln!("It was made here; no pack ships it.");
                return print_edits(output, &[]);
            };
            (pack, Some(detail.object))
        }
    };
    let path = format!("{}/edits", pack_path(&pack));
    let mut edits: Vec<EditedObject> = client.get(&path).await?;
    if let Some(only) = only {
        edits.retain(|edit| edit.kind == only.kind && edit.name == only.name);
    }
    print_edits(output, &edits)?;
    if Form::of(output).is_text() {
        anstream::eprintln!("{} changed here", counted(edits.len() as u64, "object"));
    }
    Ok(())
}

fn print_edits(output: Option<Output>, edits: &[EditedObject]) -> Result<()> {
    let form = Form::of(output);
    let rows = edits.iter().flat_map(|edit| {
        let row = move |field: &str, shipped: String, here: String| {
            vec![
                named::word(edit.kind).into(),
                edit.name.clone().into(),
                field.into(),
                shipped.into(),
                here.into(),
            ]
        };
        let deleted = edit
            .deleted
            .then(|| row("", String::new(), "deleted".to_owned()));
        let fields = edit.fields.iter().map(move |field: &FieldDiff| {
            row(
                &field.path,
                cell(field.before.as_ref(), form),
                cell(field.after.as_ref(), form),
            )
        });
        deleted.into_iter().chain(fields)
    });
    let table = Table::of("fields", &FIELDS, rows);
    output::print(output, &[table], json!({"edits": edits}))
}

/// What was done.
pub(super) async fn history(
    client: &Client,
    what: Option<&str>,
    limit: u32,
    output: Option<Output>,
) -> Result<()> {
    let path = match what.map(Named::of).transpose()? {
        None => "/content/history".to_owned(),
        Some(Named::Pack(name)) => format!("{}/history", pack_path(&name)),
        Some(Named::Object(object)) => format!("{}/history", object.path()),
    };
    let query = HistoryQuery {
        before: None,
        limit: Some(limit),
    };
    let deeds: Vec<DeedInfo> = client.query(&path, query).await?;
    let rows = deeds.iter().map(|deed| {
        let mut fields: Vec<String> = deed
            .changes
            .iter()
            .flat_map(|change| &change.fields)
            .map(|field| field.path.clone())
            .collect();
        fields.sort();
        fields.dedup();
        vec![
            deed.number.into(),
            deed.at.into(),
            deed.who.clone().into(),
            done(deed).into(),
            (deed.changes.len() as u64).into(),
            deed.why.clone().into(),
            fields.into(),
        ]
    });
    let table = Table::of("history", &DEEDS, rows);
    output::print(output, &[table], json!({"deeds": deeds}))
}

/// What was done, in words.
fn done(deed: &DeedInfo) -> String {
    let pack = deed.pack.as_deref().unwrap_or_default();
    match deed.what {
        DeedKind::Edit => match deed.changes.as_slice() {
            [one] => {
                let how = match (one.before, one.after) {
                    (None, _) => "made",
                    (_, None) => "deleted",
                    _ => "edited",
                };
                format!("{how} {}/{}", named::word(one.kind), one.name)
            }
            _ => "edited".to_owned(),
        },
        DeedKind::Supply => format!(
            "file {} of {pack}",
            deed.file.as_deref().unwrap_or_default()
        ),
        DeedKind::Rollback => match &deed.to {
            Some(to) => format!("rolled {pack} back to {to}"),
            None => format!("rolled {pack} back to before its import"),
        },
        DeedKind::Pack => match (&deed.from, &deed.to) {
            (None, Some(to)) => format!("imported {pack} {to}"),
            (Some(from), Some(to)) => format!("upgraded {pack} from {from} to {to}"),
            _ => format!("removed {pack}"),
        },
    }
}
