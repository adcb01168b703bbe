//! What `cordon up` says when the first answer is there: how to ask on from anywhere, and where this machine's Index lives.

use ::index::config::{ConfigStore, Current};
use ::index::home::Home;
use anyhow::{Context, Result};
use std::path::Path;

/// The next steps, for what `up` keeps in this folder.
pub(super) fn told(data: &Path) -> Result<String> {
    let data = std::path::absolute(data)
        .with_context(|| format!("cannot tell where {} is", data.display()))?;
    let program = program();
    let profile = data.join("profile.json");
    let mut lines = vec![
        format!("Profile: {}", profile.display()),
        "Ask more from another terminal, in any folder:".to_owned(),
        format!(
            "  {program} ask --profile {} \"Get Computer Name and Operating System from all machines\"",
            quoted(&profile)
        ),
    ];
    if data.file_name().is_some_and(|name| name == ".cordon")
        && let Some(folder) = data.parent()
    {
        lines.push(format!(
            "In {} the profile is found by itself; elsewhere `export CORDON_PROFILE={}` spares `--profile`.",
            folder.display(),
            quoted(&profile)
        ));
    } else {
        lines.push(format!(
            "`export CORDON_PROFILE={}` spares `--profile`.",
            quoted(&profile)
        ));
    }
    let home = Home::of_agent(&data.join("agent"));
    let index = format!("{program} index --home {}", quoted(home.folder()));
    lines.push(format!(
        "The Index of this machine, which the agent starts: {}",
        home.folder().display()
    ));
    let configured = matches!(
        ConfigStore::new(home.folder()).current(),
        Ok(Current::Config(..))
    );
    lines.push(if configured {
        format!("It is configured; how it stands: {index} status")
    } else {
        format!(
            "It has no configuration yet. To start it: {index} config --sample | tail -n +2 > index.ini && {index} config index.ini"
        )
    });
    Ok(lines.join("\n"))
}

/// How this very program is called: by its name where the shell finds it so, else by its path.
fn program() -> String {
    let Ok(own) = std::env::current_exe() else {
        return "cordon".to_owned();
    };
    let same = |path: &Path| {
        std::fs::canonicalize(path)
            .ok()
            .zip(std::fs::canonicalize(&own).ok())
            .is_some_and(|(a, b)| a == b)
    };
    let named = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| same(&folder.join("cordon")))
    });
    if named {
        "cordon".to_owned()
    } else {
        quoted(&own)
    }
}

/// A path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:\\".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_word_for_a_shell() {
        for (path, word) in [
            ("/srv/a", "/srv/a"),
            ("/srv/a b", "'/srv/a b'"),
            ("/srv/it's", "'/srv/it'\\''s'"),
            ("/srv/$HOME", "'/srv/$HOME'"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }

    #[test]
    fn another_folder_than_the_usual_one_is_told_whole() {
        let told = told(Path::new("/srv/here/data")).expect("told");
        assert!(
            told.contains("--profile /srv/here/data/profile.json"),
            "{told}"
        );
        assert!(told.contains("/srv/here/data/agent/index"), "{told}");
        assert!(told.contains("To start it"), "{told}");
    }
}
