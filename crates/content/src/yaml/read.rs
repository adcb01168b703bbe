//! From text to nodes, under bounds. The parser hands out events; the tree is built on a stack of our own, so no text nests deeper than
//! the bound, whatever it holds.

use super::node::{Body, Entry, Node};
use crate::fault::{Faults, Place};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashSet;

/// Longest file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Lists and mappings within each other.
const MAX_DEPTH: usize = 32;
/// Nodes of one file.
const MAX_NODES: usize = 50_000;
/// Longest key, in bytes.
const MAX_KEY: usize = 200;

/// A list or mapping that is still open.
enum Open {
    List(Place, Vec<Node>),
    Map(Place, Vec<Entry>, HashSet<String>, Option<(String, Place)>),
}

struct Reader<'f> {
    file: &'f str,
    faults: &'f mut Faults,
    stack: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

/// Reads one document. Faults go to `faults`; the tree is there as far as the text could be read.
pub fn read(file: &str, bytes: &[u8], faults: &mut Faults) -> Option<Node> {
    if bytes.len() > MAX_BYTES {
        faults.of_file(
            file,
            format!("the file has {} bytes; at most {MAX_BYTES} are read. Put long texts into files of their own", bytes.len()),
        );
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|b| **b == b'\n').count() + 1;
            let place = Place {
                line: u32::try_from(line).unwrap_or(u32::MAX),
                column: 1,
            };
            faults.add(file, place, "the file is not UTF-8 text");
            return None;
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        file,
        faults,
        stack: Vec::new(),
        root: None,
        nodes: 0,
    };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => {
                if !reader.take(event, span) {
                    return None;
                }
            }
            Err(error) => {
                let place = place(error.marker());
                reader
                    .faults
                    .add(file, place, format!("not YAML: {}", error.info()));
                return None;
            }
        }
    }
    if reader.root.is_none() {
        reader.faults.of_file(file, "the file is empty");
    }
    reader.root
}

fn place(marker: &saphyr_parser::Marker) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place {
        line: number(marker.line()).max(1),
        column: number(marker.col().saturating_add(1)),
    }
}

impl Reader<'_> {
    /// Takes one event; whether to go on.
    fn take(&mut self, event: Event<'_>, span: Span) -> bool {
        let at = place(&span.start);
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => true,
            Event::Alias(_) => {
                self.fault(
                    at,
                    "aliases (`*name`) are not allowed; write the value again",
                );
                self.put(Node {
                    place: at,
                    body: Body::Nothing,
                })
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_marks(at, anchor, tag.is_some());
                let plain = style == ScalarStyle::Plain;
                let one_line = span.start.line() == span.end.line();
                let body = if plain && matches!(&*text, "" | "~" | "null") {
                    Body::Nothing
                } else {
                    let length = span.end.index().saturating_sub(span.start.index());
                    let characters = text.chars().count();
                    let offset = match style {
                        ScalarStyle::Plain if one_line => Some(0),
                        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted
                            if one_line && length == characters + 2 =>
                        {
                            Some(1)
                        }
                        _ => None,
                    };
                    Body::Scalar {
                        text: text.into_owned(),
                        offset,
                        plain,
                    }
                };
                self.put(Node { place: at, body })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_marks(at, anchor, tag.is_some());
                self.open(Open::List(at, Vec::new()), at)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_marks(at, anchor, tag.is_some());
                self.open(Open::Map(at, Vec::new(), HashSet::new(), None), at)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let closed = match self.stack.pop() {
                    Some(Open::List(place, list)) => Node {
                        place,
                        body: Body::List(list),
                    },
                    Some(Open::Map(place, entries, ..)) => Node {
                        place,
                        body: Body::Map(entries),
                    },
                    None => return true,
                };
                self.put(closed)
            }
        }
    }

    fn refuse_marks(&mut self, at: Place, anchor: usize, tag: bool) {
        if anchor > 0 {
            self.fault(
                at,
                "anchors (`&name`) are not allowed; write the value where it is wanted",
            );
        }
        if tag {
            self.fault(
                at,
                "tags (`!name`) are not allowed; the field says what a value is",
            );
        }
    }

    fn open(&mut self, open: Open, at: Place) -> bool {
        if self.stack.len() >= MAX_DEPTH {
            self.fault(
                at,
                format!("lists and mappings nest deeper than {MAX_DEPTH}"),
            );
            return false;
        }
        // A list or mapping as a key would be taken for a value where none is awaited.
        if let Some(Open::Map(_, _, _, None)) = self.stack.last() {
            self.fault(at, "a key is plain text");
            return false;
        }
        self.stack.push(open);
        true
    }

    fn put(&mut self, node: Node) -> bool {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.fault(
                node.place,
                format!("the file has more than {MAX_NODES} values"),
            );
            return false;
        }
        match self.stack.last_mut() {
            None => {
                if self.root.is_some() {
                    self.fault(
                        node.place,
                        "a second document; a file holds one object, give each its own file",
                    );
                    return false;
                }
                self.root = Some(node);
            }
            Some(Open::List(_, list)) => list.push(node),
            Some(Open::Map(_, entries, seen, waiting)) => match waiting.take() {
                Some((key, place)) => {
                    if seen.insert(key.clone()) {
                        entries.push(Entry { key, place, node });
                    } else {
                        self.fault(place, format!("`{key}` stands twice"));
                    }
                }
                None => {
                    let Node { place, body } = node;
                    match body {
                        Body::Scalar { text, .. } if text.len() <= MAX_KEY => {
                            *waiting = Some((text, place));
                        }
                        _ => {
                            self.fault(
                                place,
                                format!("a key is plain text of at most {MAX_KEY} bytes"),
                            );
                            return false;
                        }
                    }
                }
            },
        }
        true
    }

    fn fault(&mut self, at: Place, message: impl AsRef<str>) {
        self.faults.add(self.file, at, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> (Option<Node>, Vec<String>) {
        let mut faults = Faults::default();
        let node = read("x.yaml", text.as_bytes(), &mut faults);
        let list = faults.into_list().iter().map(ToString::to_string).collect();
        (node, list)
    }

    #[test]
    fn a_node_knows_where_it_stands() {
        let (node, faults) = all("name: One\nlist:\n  - 'two'\n  - |\n    three\n");
        assert_eq!(faults, Vec::<String>::new());
        let Body::Map(entries) = node.unwrap().body else {
            panic!("no mapping")
        };
        let Body::List(list) = &entries[1].node.body else {
            panic!("no list")
        };
        assert_eq!(entries[0].node.place, Place { line: 1, column: 7 });
        assert_eq!(list[0].place_of(1), Place { line: 3, column: 7 });
        assert_eq!(list[1].text(), Some("three\n"));
    }

    #[test]
    fn many_laughs_are_refused() {
        let mut text = String::from("a: &a [x, x]\n");
        for (this, last) in ('b'..='z').zip('a'..='y') {
            text.push_str(&format!("{this}: &{this} [*{last}, *{last}, *{last}]\n"));
        }
        let (_, faults) = all(&text);
        assert_eq!(faults.len(), 26 + 25 * 3);
        assert_eq!(
            faults[0],
            "x.yaml:1:4: anchors (`&name`) are not allowed; write the value where it is wanted"
        );
    }

    #[test]
    fn deep_and_double_and_odd_texts_are_refused() {
        for (text, words) in [
            ("[".repeat(100), "nest deeper"),
            ("- ".repeat(10_000), "nest deeper"),
            ("a: 1\nb: 2\na: 3\n".into(), "`a` stands twice"),
            ("a: 1\n---\nb: 2\n".into(), "second document"),
            ("? [a]\n: b\n".into(), "a key is plain text"),
            ("a: !!int 3\n".into(), "tags"),
            ("a: 'x\n".into(), "not YAML"),
            (String::new(), "empty"),
        ] {
            let (_, faults) = all(&text);
            assert!(
                faults.iter().any(|f| f.contains(words)),
                "{text:.20}: {faults:?}"
            );
        }
        let mut faults = Faults::default();
        assert!(read("x", &[b'a', b'\n', 0xff], &mut faults).is_none());
        assert_eq!(
            faults.into_list()[0].to_string(),
            "x:2:1: the file is not UTF-8 text"
        );
    }
}
