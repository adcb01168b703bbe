//! From values to text that reads back as the same values, for folders that people keep under version control.

use serde_json::{Map, Value};

/// Prints a value as a YAML document. Keys stand in the order of `order`, others after them by name.
#[must_use]
pub fn print(value: &Value, order: &[&str]) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(map, order, 0, &mut out),
        Value::Array(list) if !list.is_empty() => sequence(list, 0, &mut out),
        other => {
            inline(other, 0, &mut out);
            out.push('\n');
        }
    }
    out
}

fn mapping(map: &Map<String, Value>, order: &[&str], depth: usize, out: &mut String) {
    let place = |key: &str| order.iter().position(|o| *o == key).unwrap_or(order.len());
    let mut entries: Vec<(&String, &Value)> = map.iter().collect();
    entries.sort_by(|a, b| place(a.0).cmp(&place(b.0)).then(a.0.cmp(b.0)));
    for (at, (key, value)) in entries.into_iter().enumerate() {
        if at > 0 {
            indent(depth, out);
        }
        scalar(key, out);
        out.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => {
                out.push('\n');
                indent(depth + 1, out);
                mapping(map, &[], depth + 1, out);
            }
            Value::Array(list) if !list.is_empty() => {
                out.push('\n');
                indent(depth + 1, out);
                sequence(list, depth + 1, out);
            }
            other => {
                out.push(' ');
                inline(other, depth, out);
                out.push('\n');
            }
        }
    }
}

fn sequence(list: &[Value], depth: usize, out: &mut String) {
    for (at, value) in list.iter().enumerate() {
        if at > 0 {
            indent(depth, out);
        }
        out.push_str("- ");
        match value {
            Value::Object(map) if !map.is_empty() => mapping(map, &[], depth + 1, out),
            Value::Array(list) if !list.is_empty() => sequence(list, depth + 1, out),
            other => {
                inline(other, depth, out);
                out.push('\n');
            }
        }
    }
}

fn indent(depth: usize, out: &mut String) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

fn inline(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Null => out.push('~'),
        Value::Bool(b) => {
            out.push_str(&b.to_string());
        }
        Value::Number(n) => {
            out.push_str(&n.to_string());
        }
        Value::String(text) => {
            if is_block(text) {
                block(text, depth, out);
            } else {
                scalar(text, out);
            }
        }
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// Whether a text of several lines reads back as it is from a literal block.
fn is_block(text: &str) -> bool {
    let Some(first) = text.lines().next() else {
        return false;
    };
    text.contains('\n')
        && !first.is_empty()
        && !first.starts_with([' ', '\t'])
        && !text.ends_with("\n\n")
        && text
            .lines()
            .all(|line| !line.trim_matches([' ', '\t']).is_empty() || line.is_empty())
        && text.chars().all(|c| {
            c == '\n'
                || c == '\t'
                || (!c.is_control()
                    && !matches!(c, '\u{feff}' | '\u{85}' | '\u{2028}' | '\u{2029}'))
        })
}

fn block(text: &str, depth: usize, out: &mut String) {
    out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            indent(depth + 1, out);
            out.push_str(line);
        }
    }
}

/// Text in one line: plain where no reader takes it for something else, else in double quotes.
fn scalar(text: &str, out: &mut String) {
    let safe =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '.' | '/' | '(' | ')');
    let inner = |c: char| safe(c) || matches!(c, '-' | '+' | '=' | ';' | '$');
    let word = !matches!(
        text.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | ".nan" | ".inf"
    );
    let plain = word
        && text
            .chars()
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(inner)
        && !text.ends_with(' ')
        && !text.contains("  ");
    if plain {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control()
                || matches!(
                    c,
                    '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}'
                ) =>
            {
                out.push_str(&format!("\\U{:08X}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
