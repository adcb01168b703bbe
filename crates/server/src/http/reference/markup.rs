//! Text as HTML: nothing of it is markup but what stands between backticks, which is code.

/// A text in which nothing is markup.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A description: what stands between two backticks is code.
pub(super) fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // One without its second is a backtick.
    let whole = parts.len() % 2 == 1;
    let mut out = String::with_capacity(text.len());
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        if at % 2 == 1 && (whole || !last) {
            out.push_str("<code>");
            out.push_str(&escaped(part));
            out.push_str("</code>");
        } else {
            if at % 2 == 1 {
                out.push('`');
            }
            out.push_str(&escaped(part));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup_but_code() {
        assert_eq!(
            escaped(r#"<a href="x">&'"#),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;"
        );
        assert_eq!(prose("one `<b>` of"), "one <code>&lt;b&gt;</code> of");
        assert_eq!(prose("a ` alone <"), "a ` alone &lt;");
        assert_eq!(prose("`a` and `b"), "<code>a</code> and `b");
        assert_eq!(prose(""), "");
    }
}
