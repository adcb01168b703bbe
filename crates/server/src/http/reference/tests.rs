use super::*;

fn document() -> Value {
    serde_json::to_value(crate::http::openapi()).expect("serializable")
}

/// What stands in an attribute of this name.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!(" {name}=\"");
    let parts = page.split(begin.as_str()).skip(1);
    parts
        .map(|part| part.split('"').next().expect("its end"))
        .collect()
}

#[test]
fn the_page_has_every_operation_parameter_and_schema() {
    let document = document();
    let page = page(&document);
    let mut operations = 0;
    for (path, methods) in members(&document, "paths") {
        for (method, said) in methods.as_object().expect("operations") {
            operations += 1;
            let name = text(said, "operationId");
            let (begin, end) = (format!("<section id=\"operation-{name}\">"), "</section>");
            let (_, section) = page.split_once(&begin).expect(name);
            let (section, _) = section.split_once(end).expect(name);
            let head = format!("<b>{}</b> <code>{path}</code>", method.to_uppercase());
            assert!(section.contains(&head), "{name}");
            assert!(section.contains(&prose(text(said, "summary"))), "{name}");
            assert!(
                section.contains(&format!("\"$SERVER{path}\"").replace('"', "&quot;")),
                "{name}"
            );
            for parameter in items(said, "parameters") {
                let cell = format!("<td><code>{}</code>", text(parameter, "name"));
                assert!(section.contains(&cell), "{name}: {cell}");
            }
            for (status, _) in members(said, "responses") {
                let cell = format!("<td><code>{status}</code></td>");
                assert!(section.contains(&cell), "{name}: {cell}");
            }
            assert!(
                page.contains(&format!("<a href=\"#operation-{name}\">")),
                "{name}"
            );
        }
    }
    assert!(operations > 40);
    let schemas = document.pointer("/components/schemas").expect("schemas");
    for (name, schema) in schemas.as_object().expect("an object") {
        let (_, section) = page
            .split_once(&format!("<section id=\"schema-{name}\">"))
            .expect(name);
        let (section, _) = section.split_once("</section>").expect(name);
        for (member, _) in members(schema, "properties") {
            assert!(
                section.contains(&format!("<code>{member}</code>")),
                "{name}: {member}"
            );
        }
    }
}

#[test]
fn nothing_comes_from_elsewhere_and_every_link_leads_somewhere() {
    let page = page(&document());
    let anchors = attributes(&page, "id");
    for link in attributes(&page, "href") {
        match link.strip_prefix('#') {
            Some(anchor) => assert!(anchors.contains(&anchor), "{link}"),
            None => assert!(
                ["/", "/favicon.svg", STYLE_PATH, DOCUMENT_PATH].contains(&link),
                "{link}"
            ),
        }
    }
    for foreign in [
        "<script",
        "<style",
        "<iframe",
        "<img",
        " src=",
        " style=",
        " onclick=",
        "@import",
        "url(",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let style = include_str!("../../../assets/docs.css");
    for foreign in ["url(", "@import", "//"] {
        assert!(!style.contains(foreign), "{foreign} in the style sheet");
    }
}

#[test]
fn what_a_document_says_is_never_markup() {
    let evil = "<script>alert(1)</script>\"'";
    let document = serde_json::json!({
        "info": {"title": evil, "version": evil, "description": evil},
        "paths": {"/a<b>": {"get": {
            "tags": [evil], "summary": evil, "operationId": "x", "description": evil,
            "parameters": [{"name": evil, "in": evil, "description": evil, "schema": {"type": evil}}],
            "responses": {"200": {"description": evil, "content": {evil: {"schema": {"enum": [evil]}}}}},
        }}},
        "components": {"schemas": {evil: {"type": "object", "description": evil, "properties": {evil: {"type": "string"}}}}},
    });
    let page = page(&document);
    assert!(!page.contains("<script"), "{page}");
    assert!(!page.contains("a<b>"), "{page}");
}

#[test]
fn an_example_fits_its_schema_and_one_that_holds_itself_ends() {
    let schemas = serde_json::json!({
        "Tree": {"type": "object", "properties": {
            "name": {"type": ["string", "null"]},
            "at": {"type": "string", "format": "date-time"},
            "size": {"type": "integer", "minimum": 0},
            "below": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
            "state": {"oneOf": [{"type": "null"}, {"type": "string", "enum": ["up", "down"]}]},
            "counts": {"type": "object", "additionalProperties": {"type": "boolean"},
                "propertyNames": {"type": "string", "enum": ["a"]}},
        }}
    });
    let made = example(
        &serde_json::json!({"$ref": "#/components/schemas/Tree"}),
        schemas.as_object().expect("an object"),
    );
    assert_eq!(
        made,
        serde_json::json!({
            "name": "text", "at": "2026-11-22T22:00:00Z", "size": 7, "below": [null],
            "state": "up", "counts": {"a": true},
        })
    );
}
