//! Words that people bring along from other programs, what they stand for here, and how commands are typed.

/// Words for which other programs have a command of that kind, and ours.
pub(super) const MEANT: &[(&str, &[&str])] = &[
    ("add", &["create"]),
    ("new", &["create"]),
    ("make", &["create"]),
    ("rm", &["delete", "revoke", "cancel"]),
    ("remove", &["delete", "revoke"]),
    ("del", &["delete"]),
    ("kill", &["cancel", "revoke"]),
    ("stop", &["cancel", "stop"]),
    ("abort", &["cancel"]),
    ("edit", &["change", "role"]),
    ("update", &["change", "role"]),
    ("set", &["change", "role"]),
    ("ls", &["list"]),
    ("all", &["list"]),
    ("get", &["show"]),
    ("view", &["show"]),
    ("info", &["show"]),
    ("describe", &["show"]),
    ("find", &["query"]),
    ("search", &["query"]),
    ("check", &["verify", "lint"]),
];

/// The same at the top, where what is acted on comes first.
pub(super) const MEANT_AT_TOP: &[(&str, &[&str])] = &[
    ("get", &["ask \"Get …\""]),
    ("query", &["ask \"Get …\"", "index query"]),
    ("question", &["ask \"Get …\"", "questions"]),
    ("find", &["ask \"…\"", "index query"]),
    ("search", &["ask \"…\"", "index query"]),
    ("who", &["whoami"]),
    ("me", &["whoami"]),
    ("ls", &["endpoints", "questions", "sensors"]),
    ("list", &["endpoints", "questions", "sensors"]),
    ("show", &["questions show NUMBER", "endpoints show NAME"]),
    ("answer", &["questions show NUMBER"]),
    ("answers", &["questions show NUMBER"]),
    ("results", &["questions show NUMBER"]),
    ("history", &["ask --history"]),
    ("cancel", &["questions cancel NUMBER"]),
    ("kill", &["questions cancel NUMBER"]),
    ("stop", &["questions cancel NUMBER", "index stop"]),
    ("revoke", &["endpoints revoke NAME"]),
    ("approve", &["endpoints approve NAME"]),
    ("status", &["agent status", "index status", "endpoints"]),
    ("start", &["up", "index start"]),
    ("host", &["endpoints"]),
    ("hosts", &["endpoints"]),
    ("machine", &["endpoints"]),
    ("machines", &["endpoints"]),
    ("computers", &["endpoints"]),
    ("clients", &["endpoints"]),
    ("agents", &["endpoints"]),
    ("sensor", &["sensors"]),
    ("log", &["audit"]),
    ("logs", &["audit"]),
    ("diff", &["compare"]),
    ("enroll", &["enrol"]),
    ("register", &["enrol"]),
    ("logon", &["login URL --authority FILE"]),
    ("signin", &["login URL --authority FILE"]),
    ("logout", &["sessions end --all"]),
    ("passwd", &["password"]),
    ("adduser", &["users create NAME"]),
];

/// Words that end other programs.
pub(super) const LEAVING: [&str; 4] = ["exit", "quit", "bye", "q"];

/// How a command is typed, for those whose operands are forgotten.
pub(super) const EXAMPLES: &[(&str, &str)] = &[
    (
        "ask",
        "cordon ask \"Get Computer Name and Uptime from all machines\"",
    ),
    (
        "login",
        "cordon login https://HOST:8443 --authority authority.pem  (that file lies in the server's data folder)",
    ),
    (
        "compare",
        "cordon compare 12 17  (`cordon questions` lists the numbers)",
    ),
    (
        "questions show",
        "cordon questions show 12  (`cordon questions` lists the numbers)",
    ),
    (
        "questions cancel",
        "cordon questions cancel 12  (`cordon questions` lists the numbers)",
    ),
    (
        "questions keep",
        "cordon questions keep 12  (`cordon questions` lists the numbers)",
    ),
    (
        "questions delete",
        "cordon questions delete 12  (`cordon questions` lists the numbers)",
    ),
    (
        "endpoints show",
        "cordon endpoints show web-1  (`cordon endpoints` lists them)",
    ),
    (
        "endpoints approve",
        "cordon endpoints approve web-1  (`cordon endpoints` lists them)",
    ),
    (
        "endpoints revoke",
        "cordon endpoints revoke web-1  (`cordon endpoints` lists them)",
    ),
    (
        "groups create",
        "cordon groups create \"Web Servers\" \"Listen Ports:Local Port = 443\"",
    ),
    (
        "groups show",
        "cordon groups show \"Web Servers\"  (`cordon groups` lists them)",
    ),
    ("users create", "cordon users create ada --role operator"),
    (
        "users delete",
        "cordon users delete ada  (`cordon users` lists them)",
    ),
    ("users role", "cordon users role ada operator"),
    (
        "token revoke",
        "cordon token revoke 3  (`cordon token list` lists them)",
    ),
    (
        "api-tokens create",
        "cordon api-tokens create \"nightly report\" --scope read",
    ),
    (
        "api-tokens revoke",
        "cordon api-tokens revoke 3  (`cordon api-tokens` lists them)",
    ),
    ("trust rotate", "cordon trust rotate order-key"),
    ("content lint", "cordon content lint content/linux-basics"),
];
