//! Printing tables row by row, in any form, to standard output or into files.
//!
//! Nothing is held but what alignment needs: an aligned table of very many rows is drawn in parts, each with its head.

use super::drawn::{Canvas, tabbed, tabbed_names};
use super::files::Files;
use super::tree::Tree;
use super::{Form, How};
use ::api::answer::ExportFormat;
use ::api::document::{QuestionHead, Tail, Writer};
use ::api::table::{Head, Row};
use anyhow::{Result, bail};
use question::cell;
use std::io::{BufWriter, IsTerminal, StdoutLock, Write};

/// Rows that are aligned together.
const TOGETHER: usize = 10_000;
/// Text that is gathered before it is written.
const GATHERED: usize = 64 << 10;

/// Where it goes.
enum Sink {
    Standard(BufWriter<StdoutLock<'static>>),
    Files(Files),
}

/// Prints tables: [`Self::table`] for each, then its rows, and [`Self::end`].
pub(crate) struct Printer {
    form: Form,
    sink: Sink,
    writer: Option<Writer>,
    wanted: Vec<usize>,
    /// Whether tables have their names over them.
    titled: bool,
    text: String,
    head: Head,
    /// How the table that was begun last is drawn as a tree, if it is.
    tree: Option<Tree>,
    held: Vec<Row>,
    tables: usize,
    canvas: Canvas,
}

/// Fails where these tables cannot be printed so: before anybody is asked.
pub(crate) fn check(how: &How, heads: &[Head]) -> Result<()> {
    let wanted = wanted(how, heads)?;
    if how.form == Form::Csv && wanted.len() > 1 && how.folder.is_none() {
        bail!(
            "there are {} tables, and CSV has room for one: choose one with `--table NAME`, or have each in a file of its own with `--out DIR`. They are: {}",
            wanted.len(),
            names(heads)
        );
    }
    Ok(())
}

/// The places of the tables that are wanted.
fn wanted(how: &How, heads: &[Head]) -> Result<Vec<usize>> {
    let Some(name) = &how.table else {
        return Ok((0..heads.len()).collect());
    };
    let folded = name.to_lowercase();
    let named = heads.iter().position(|h| h.name.to_lowercase() == folded);
    // People count from one.
    let numbered = || name.parse::<usize>().ok()?.checked_sub(1);
    match named.or_else(numbered).filter(|at| *at < heads.len()) {
        Some(at) => Ok(vec![at]),
        None => bail!("there is no table `{name}`: there is {}", names(heads)),
    }
}

fn names(heads: &[Head]) -> String {
    let names = heads.iter().map(|head| format!("`{}`", head.name));
    names.collect::<Vec<_>>().join(", ")
}

impl Printer {
    /// For these tables. `facts` are further members of a JSON document.
    pub fn new(
        how: &How,
        question: Option<QuestionHead>,
        facts: serde_json::Value,
        heads: &[Head],
    ) -> Result<Self> {
        check(how, heads)?;
        let wanted = wanted(how, heads)?;
        let first = wanted.first().and_then(|at| heads.get(*at));
        let sink = match &how.folder {
            None => Sink::Standard(BufWriter::with_capacity(GATHERED, std::io::stdout().lock())),
            Some(folder) => {
                let mut files = Files::in_folder(folder, how.replace)?;
                let name = match question.as_ref().and_then(|q| q.id) {
                    Some(id) => format!("question-{id}"),
                    None if question.is_some() => "answer".to_owned(),
                    None => first.map(|head| head.name.clone()).unwrap_or_default(),
                };
                match how.form {
                    Form::Json => files.begin(&name, "json")?,
                    Form::Jsonl => files.begin(&name, "jsonl")?,
                    Form::Aligned | Form::Tabs => files.begin(&name, "txt")?,
                    // Each table begins its own.
                    Form::Csv => {
                        for at in &wanted {
                            let name = heads.get(*at).map_or("", |head| &head.name);
                            files.begin(name, "csv")?;
                        }
                    }
                }
                Sink::Files(files)
            }
        };
        let format = match how.form {
            Form::Aligned | Form::Tabs => None,
            Form::Json => Some(ExportFormat::Json),
            Form::Jsonl => Some(ExportFormat::Jsonl),
            Form::Csv => Some(ExportFormat::Csv),
        };
        let mut printer = Self {
            form: how.form,
            canvas: Canvas::here(how.folder.is_none() && std::io::stdout().is_terminal()),
            sink,
            writer: format.map(|format| Writer::new(format, question).with(facts)),
            titled: wanted.len() > 1,
            wanted,
            text: String::new(),
            head: Head::default(),
            tree: None,
            held: Vec::new(),
            tables: 0,
        };
        if let Some(writer) = &mut printer.writer {
            writer.begin(&mut printer.text);
        }
        Ok(printer)
    }

    /// The places of the tables that are wanted.
    pub fn wanted(&self) -> Vec<usize> {
        self.wanted.clone()
    }

    /// Begins the next table.
    pub fn table(&mut self, head: &Head) -> Result<()> {
        self.draw();
        self.flush()?;
        if let (Sink::Files(files), Form::Csv) = (&mut self.sink, self.form) {
            files.choose(self.tables);
        }
        self.tables += 1;
        self.head = head.clone();
        self.tree = None;
        if let Some(writer) = &mut self.writer {
            writer.table(&mut self.text, head.clone());
            return self.flow();
        }
        if self.titled && !head.name.is_empty() {
            self.text.push_str(&cell::printable(head.name.as_bytes()));
            self.text.push('\n');
        }
        if self.form == Form::Tabs {
            self.text.push_str(&tabbed_names(head));
            self.text.push('\n');
        } else {
            // Its head is drawn even if no row comes.
            self.held.clear();
        }
        self.flow()
    }

    /// Begins the next table, which is drawn as a tree in the form for eyes.
    pub fn tree(&mut self, head: &Head, tree: Option<Tree>) -> Result<()> {
        self.table(head)?;
        self.tree = tree;
        Ok(())
    }

    /// A row of the table that was begun last.
    pub fn row(&mut self, row: &Row) -> Result<()> {
        match (&mut self.writer, self.form) {
            (Some(writer), _) => writer.row(&mut self.text, row),
            (None, Form::Tabs) => {
                self.text.push_str(&tabbed(&self.head, row));
                self.text.push('\n');
            }
            (None, _) => {
                if self.held.len() == TOGETHER {
                    self.draw();
                }
                self.held.push(row.clone());
            }
        }
        self.flow()
    }

    /// The end, with how far an answer is.
    pub fn end(mut self, tail: Option<&Tail>) -> Result<()> {
        self.draw();
        if let Some(writer) = &mut self.writer {
            writer.end(&mut self.text, tail);
        }
        self.flush()?;
        match self.sink {
            Sink::Standard(mut out) => out.flush()?,
            Sink::Files(files) => {
                for place in files.keep()? {
                    anstream::eprintln!("cordon: wrote {}", place.display());
                }
            }
        }
        Ok(())
    }

    /// Draws what is held of the table.
    fn draw(&mut self) {
        if self.form != Form::Aligned || self.tables == 0 {
            return;
        }
        let rows = std::mem::take(&mut self.held);
        self.text.push_str(&match self.tree {
            Some(tree) => self.canvas.tree(tree, &self.head, &rows),
            None => self.canvas.table(&self.head, &rows),
        });
        self.text.push('\n');
    }

    fn flow(&mut self) -> Result<()> {
        if self.text.len() < GATHERED {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        let out: &mut dyn Write = match &mut self.sink {
            Sink::Standard(out) => out,
            Sink::Files(files) => match files.chosen() {
                Some(file) => file,
                None => return Ok(()),
            },
        };
        out.write_all(self.text.as_bytes())?;
        self.text.clear();
        Ok(())
    }
}
