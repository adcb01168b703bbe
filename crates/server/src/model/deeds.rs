//! The words for what is done, as the audit log has them: for whoever looks for one that nobody did yet.

/// Every action that an entry may have.
pub const ACTIONS: [&str; 71] = [
    "access.end-all",
    "answer.export",
    "answer.read",
    "answers.expire",
    "api-token.create",
    "api-token.delete",
    "api.refused",
    "audit.contradicted",
    "audit.cut",
    "content.delete",
    "content.edit",
    "content.file",
    "content.import",
    "content.remove",
    "content.rollback",
    "content.supply",
    "content.upgrade",
    "content.withdraw",
    "endpoint.approve",
    "endpoint.doubled",
    "endpoint.enrol",
    "endpoint.key-replaced",
    "endpoint.renew",
    "endpoint.renew-keys",
    "endpoint.revoke",
    "enrolment-token.create",
    "enrolment-token.revoke",
    "enrolment.refused",
    "group.change",
    "group.create",
    "group.delete",
    "group.owner",
    "login",
    "login.failed",
    "login.limited",
    "logout",
    "order.distrust",
    "password.change",
    "password.failed",
    "password.reset",
    "question.ask",
    "question.cancel",
    "question.delete",
    "question.groups",
    "question.keep",
    "refusals.counted",
    "role.change",
    "role.create",
    "role.delete",
    "session.end",
    "sessions.end",
    "store.salvage",
    "trust.authority-key-in",
    "trust.authority-key-out",
    "trust.certificate",
    "trust.create",
    "trust.decrypt",
    "trust.drop-old",
    "trust.encrypt",
    "trust.recover",
    "trust.recovery-key",
    "trust.rotate",
    "user-group.change",
    "user-group.create",
    "user-group.delete",
    "user.create",
    "user.delete",
    "user.disable",
    "user.enable",
    "user.rights",
    "user.role",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Texts of this shape in the sources that are no action.
    const FILES: [&str; 6] = [
        "cordon.db",
        "cordon.db-wal",
        "keys.json",
        "server.lock",
        "server.state",
        "authority.pem",
    ];

    /// `question.ask`, and nothing like a sentence or a path.
    fn is_action(text: &str) -> bool {
        let word = |word: &str| {
            let letters = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            letters && !word.is_empty() && !word.starts_with('-') && !word.ends_with('-')
        };
        let parts: Vec<&str> = text.split('.').collect();
        parts.len() == 2 && parts.iter().all(|part| word(part))
    }

    fn look(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["tests", "suite"].contains(&name.as_str()) {
                    look(&path, found);
                }
                continue;
            }
            if !name.ends_with(".rs")
                || ["tests.rs", "suite.rs", "deeds.rs"].contains(&name.as_str())
            {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for line in code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
            {
                let literals = line.split('"').skip(1).step_by(2);
                found.extend(literals.filter(|l| is_action(l)).map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_action_of_the_sources_is_listed_and_none_else() {
        let mut found = Vec::new();
        look(Path::new("src"), &mut found);
        found.retain(|text| !FILES.contains(&text.as_str()));
        found.extend(["login".to_owned(), "logout".to_owned()]);
        found.sort();
        found.dedup();
        assert_eq!(found, ACTIONS);
    }
}
