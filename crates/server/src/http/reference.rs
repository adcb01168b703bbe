//! `/api/docs`: the OpenAPI document as a page to read. It is made once, from the document that this server serves, and is nothing but
//! text: no script, no file but its own style sheet, nothing from elsewhere.
//!
//! Like the document it is for everybody: it tells what the program can do, and nothing of what this server holds.

mod example;
mod markup;

use example::example;
use markup::{escaped, prose};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Where it is served.
pub(super) const PATH: &str = "/api/docs";
/// Its style sheet.
pub(super) const STYLE_PATH: &str = "/api/docs.css";
/// Where the document is served that it is made of.
pub(super) const DOCUMENT_PATH: &str = "/api/v1/openapi.json";

/// What comes before the name of a schema in a reference.
const SCHEMA: &str = "#/components/schemas/";

/// An operation with where it is.
struct Operation<'a> {
    method: String,
    path: &'a str,
    said: &'a Value,
}

impl Operation<'_> {
    fn text(&self, name: &str) -> &str {
        text(self.said, name)
    }

    fn anchor(&self) -> String {
        format!("operation-{}", self.text("operationId"))
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn members<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value
        .get(name)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The page of a document.
pub(super) fn page(document: &Value) -> String {
    let none = Map::new();
    let schemas = document
        .pointer("/components/schemas")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let mut by_tag: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, methods) in members(document, "paths") {
        for (method, said) in methods.as_object().into_iter().flatten() {
            let tag = items(said, "tags").next().and_then(Value::as_str);
            by_tag
                .entry(tag.unwrap_or("other"))
                .or_default()
                .push(Operation {
                    method: method.to_uppercase(),
                    path,
                    said,
                });
        }
    }
    let mut page = Page {
        out: String::with_capacity(256 << 10),
        schemas,
    };
    page.whole(document, &by_tag);
    page.out
}

/// A page in the making.
struct Page<'a> {
    out: String,
    schemas: &'a Map<String, Value>,
}

impl Page<'_> {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn whole(&mut self, document: &Value, by_tag: &BTreeMap<&str, Vec<Operation<'_>>>) {
        let info = document.get("info").unwrap_or(&Value::Null);
        let title = format!("{} {}", text(info, "title"), text(info, "version"));
        let _written = write!(
            self.out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}: API</title>\n\
             <link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">\n<link rel=\"stylesheet\" href=\"{STYLE_PATH}\">\n\
             </head>\n<body>\n<header>\n<h1>{title}: API</h1>\n<p>{}</p>\n\
             <p><a href=\"{DOCUMENT_PATH}\">The same as an OpenAPI document</a>. <a href=\"/\">The console</a>.</p>\n</header>\n",
            prose(text(info, "description")),
            title = escaped(&title),
        );
        self.put("<nav aria-label=\"Operations\">\n");
        for (tag, operations) in by_tag {
            let _written = writeln!(self.out, "<h2>{}</h2>\n<ul>", escaped(tag));
            for operation in operations {
                let _written = writeln!(
                    self.out,
                    "<li><a href=\"#{}\"><b>{}</b> <code>{}</code></a> {}</li>",
                    operation.anchor(),
                    operation.method,
                    escaped(operation.path),
                    prose(operation.text("summary")),
                );
            }
            self.put("</ul>\n");
        }
        self.put("</nav>\n<main>\n");
        for operation in by_tag.values().flatten() {
            self.operation(operation);
        }
        self.put("<h2 id=\"schemas\">Schemas</h2>\n");
        for (name, schema) in self.schemas {
            self.schema(name, schema);
        }
        self.put("</main>\n</body>\n</html>\n");
    }

    fn operation(&mut self, operation: &Operation<'_>) {
        let _written = writeln!(
            self.out,
            "<section id=\"{}\">\n<h3><b>{}</b> <code>{}</code></h3>\n<p>{}</p>",
            operation.anchor(),
            operation.method,
            escaped(operation.path),
            prose(operation.text("summary")),
        );
        let more = operation.text("description");
        if !more.is_empty() {
            let _written = writeln!(self.out, "<p>{}</p>", prose(more));
        }
        let _written = writeln!(
            self.out,
            "<p>Name <code>{}</code>. Needs {}.</p>",
            escaped(operation.text("operationId")),
            needs(operation.said)
        );
        let mut parameters = items(operation.said, "parameters").peekable();
        if parameters.peek().is_some() {
            self.put(
                "<table>\n<tr><th>Parameter</th><th>In</th><th>Type</th><th>What it is</th></tr>\n",
            );
            for parameter in parameters {
                let kind = self.kind(parameter.get("schema").unwrap_or(&Value::Null));
                let _written = writeln!(
                    self.out,
                    "<tr><td><code>{}</code>{}</td><td>{}</td><td>{kind}</td><td>{}</td></tr>",
                    escaped(text(parameter, "name")),
                    required(parameter.get("required") == Some(&Value::Bool(true))),
                    escaped(text(parameter, "in")),
                    prose(text(parameter, "description")),
                );
            }
            self.put("</table>\n");
        }
        self.call(operation);
        self.put("<table>\n<tr><th>Reply</th><th>Type</th><th>What it means</th></tr>\n");
        for (status, reply) in members(operation.said, "responses") {
            let kinds: Vec<String> = members(reply, "content")
                .map(|(format, content)| {
                    let kind = self.kind(content.get("schema").unwrap_or(&Value::Null));
                    format!("{kind} as <code>{}</code>", escaped(format))
                })
                .collect();
            let _written = writeln!(
                self.out,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                escaped(status),
                kinds.join(", "),
                prose(text(reply, "description")),
            );
        }
        self.put("</table>\n");
        let good = members(operation.said, "responses").find(|(status, _)| status.starts_with('2'));
        let json = good.and_then(|(_, reply)| reply.pointer("/content/application~1json/schema"));
        if let Some(schema) = json {
            let reply = pretty(&example(schema, self.schemas));
            let _written = writeln!(self.out, "<p>A reply:</p>\n<pre>{}</pre>", escaped(&reply));
        }
        self.put("</section>\n");
    }

    /// How it is called from a shell.
    fn call(&mut self, operation: &Operation<'_>) {
        let mut line = "curl --cacert authority.pem".to_owned();
        if operation.method != "GET" {
            let _written = write!(line, " -X {}", operation.method);
        }
        if operation.said.get("security").is_some() {
            line.push_str(" -H \"Authorization: Bearer $TOKEN\"");
        }
        let _written = write!(line, " \"$SERVER{}\"", operation.path);
        let body = operation.said.get("requestBody");
        if let Some(schema) = body.and_then(|b| b.pointer("/content/application~1json/schema")) {
            let body = pretty(&example(schema, self.schemas));
            let _written = write!(
                line,
                " \\\n  --json '{}'",
                // As a shell reads it.
                body.replace('\'', r"'\''")
            );
            let kind = self.kind(schema);
            let _written = writeln!(self.out, "<p>Body: {kind}.</p>");
        }
        let _written = writeln!(self.out, "<pre>{}</pre>", escaped(&line));
    }

    fn schema(&mut self, name: &str, schema: &Value) {
        let _written = writeln!(
            self.out,
            "<section id=\"schema-{0}\">\n<h3>{0}</h3>\n<p>{1}</p>",
            escaped(name),
            prose(text(schema, "description")),
        );
        let wanted: Vec<&str> = items(schema, "required")
            .filter_map(Value::as_str)
            .collect();
        let mut properties = members(schema, "properties").peekable();
        if properties.peek().is_none() {
            let kind = self.kind(schema);
            let _written = writeln!(self.out, "<p>{kind}</p>\n</section>");
            return;
        }
        self.put("<table>\n<tr><th>Member</th><th>Type</th><th>What it is</th></tr>\n");
        for (name, property) in properties {
            let kind = self.kind(property);
            let _written = writeln!(
                self.out,
                "<tr><td><code>{}</code>{}</td><td>{kind}</td><td>{}</td></tr>",
                escaped(name),
                required(wanted.contains(&name.as_str())),
                prose(text(property, "description")),
            );
        }
        self.put("</table>\n</section>\n");
    }

    /// What values a schema takes, in words.
    fn kind(&self, schema: &Value) -> String {
        if let Some(name) = text(schema, "$ref").strip_prefix(SCHEMA) {
            return format!("<a href=\"#schema-{0}\">{0}</a>", escaped(name));
        }
        for (choice, word) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " with ")] {
            let parts: Vec<String> = items(schema, choice).map(|part| self.kind(part)).collect();
            if !parts.is_empty() {
                return parts.join(word);
            }
        }
        let of: Vec<String> = items(schema, "enum")
            .map(|value| format!("<code>{}</code>", escaped(&value.to_string())))
            .collect();
        if !of.is_empty() {
            return of.join(", ");
        }
        let kinds: Vec<&str> = match schema.get("type") {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => return "anything".to_owned(),
        };
        let words = kinds.into_iter().map(|kind| match kind {
            "array" => {
                let items = schema.get("items").unwrap_or(&Value::Null);
                format!("list of {}", self.kind(items))
            }
            "object" => match schema.get("additionalProperties") {
                Some(others) if others.is_object() => {
                    format!("object with values: {}", self.kind(others))
                }
                _ => "object".to_owned(),
            },
            kind => format!("{}{}", escaped(kind), bounds(schema)),
        });
        words.collect::<Vec<_>>().join(" or ")
    }
}

/// Form and bounds of a number or text.
fn bounds(schema: &Value) -> String {
    let mut told = String::new();
    for (name, word) in [("format", ""), ("minimum", "from "), ("maximum", "to ")] {
        match schema.get(name) {
            Some(Value::String(format)) if format != "int64" => {
                let _written = write!(told, ", {word}{}", escaped(format));
            }
            // The largest that the format holds is no bound that anybody meets.
            Some(Value::Number(n)) if n.as_u64().is_some_and(|n| n <= u64::from(u32::MAX)) => {
                let _written = write!(told, ", {word}{n}");
            }
            _ => {}
        }
    }
    told
}

fn required(is: bool) -> &'static str {
    if is { " <i>required</i>" } else { "" }
}

/// Who may use an operation.
fn needs(operation: &Value) -> String {
    let ways: Vec<String> = items(operation, "security")
        .flat_map(|way| way.as_object().into_iter().flatten())
        .map(|(way, scopes)| {
            let scopes: Vec<&str> = scopes
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            match (way.as_str(), scopes.as_slice()) {
                ("session", _) => "a session".to_owned(),
                ("token", []) => "an API token".to_owned(),
                ("token", scopes) => {
                    let scopes = scopes
                        .iter()
                        .map(|s| format!("<code>{}</code>", escaped(s)));
                    format!(
                        "an API token that may {}",
                        scopes.collect::<Vec<_>>().join(", ")
                    )
                }
                (other, _) => escaped(other),
            }
        })
        .collect();
    if ways.is_empty() {
        "nothing".to_owned()
    } else {
        ways.join(" or ")
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
