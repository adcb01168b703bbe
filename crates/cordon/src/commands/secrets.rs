//! Secrets at the command line: read without showing them, and told once, to a terminal or a new file that only its owner reads.

use anyhow::{Context, Result, bail};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Where a secret goes that is told once. It is made sure of before there is a secret, so that none is lost.
pub(crate) enum Place {
    /// Standard output.
    Output,
    /// A file that was not there.
    File(NewFile),
}

/// A new file, which goes again unless it gets what it is for.
pub(crate) struct NewFile {
    path: PathBuf,
    file: std::fs::File,
    filled: bool,
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.filled
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "a file that was made for a secret cannot be removed; it is empty");
        }
    }
}

impl Place {
    /// For a password: a person's terminal, or what was named.
    pub(crate) fn of_password(to: Option<PathBuf>) -> Result<Self> {
        if to.is_none() && !std::io::stdout().is_terminal() {
            bail!(
                "the password is told once, and standard output is no terminal: name a new file for it with `--to FILE`, or take it from standard output with `--to -`"
            );
        }
        Self::named(to)
    }

    /// What was named, or standard output.
    pub(crate) fn named(to: Option<PathBuf>) -> Result<Self> {
        let Some(path) = to.filter(|path| path.as_os_str() != "-") else {
            return Ok(Self::Output);
        };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).with_context(|| {
            format!(
                "cannot make {}, which must be a new file; nothing was asked of the server",
                path.display()
            )
        })?;
        Ok(Self::File(NewFile {
            path,
            file,
            filled: false,
        }))
    }

    /// Tells the secret. `what` is said beside it to a person, and where it lies.
    pub(crate) fn tell(self, what: &str, secret: &str) -> Result<()> {
        match self {
            Self::Output => {
                let mut out = std::io::stdout().lock();
                if out.is_terminal() {
                    anstream::eprintln!("{what}, told this once:");
                }
                writeln!(out, "{secret}")?;
                out.flush()?;
            }
            Self::File(mut place) => {
                let written = writeln!(place.file, "{secret}").and_then(|()| place.file.sync_all());
                written.with_context(|| format!("cannot write {}", place.path.display()))?;
                place.filled = true;
                anstream::eprintln!("{what} is in {}.", place.path.display());
            }
        }
        Ok(())
    }
}

/// Reads a password without showing it; from standard input where that is no terminal.
pub(crate) fn read(prompt: &str) -> Result<String> {
    let mut line = String::new();
    if !std::io::stdin().is_terminal() {
        std::io::stdin()
            .read_line(&mut line)
            .context("cannot read the password from standard input")?;
        return Ok(line.trim_end_matches(['\n', '\r']).to_owned());
    }
    anstream::eprint!("{prompt}: ");
    std::io::stderr().flush()?;
    let hidden = Echo::off();
    let read = std::io::stdin().read_line(&mut line);
    drop(hidden);
    anstream::eprintln!();
    read.context("cannot read the password")?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks for a new password: twice at a terminal, else the next line of standard input.
pub(crate) fn choose(prompt: &str, missing: &'static str) -> Result<String> {
    let new = read(prompt)?;
    if new.is_empty() {
        bail!(missing);
    }
    if std::io::stdin().is_terminal() && read("Once more")? != new {
        bail!("these are two different passwords; nothing was changed");
    }
    Ok(new)
}

/// A secret from the first line of a file, or of standard input.
pub(crate) fn from_file(path: &std::path::Path) -> Result<String> {
    let text = if path.as_os_str() == "-" {
        return read("First password");
    } else {
        std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the password from {}", path.display()))?
    };
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Turns the terminal's echo off for as long as it lives.
struct Echo {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Echo {
    #[cfg(unix)]
    fn off() -> Self {
        let before = rustix::termios::tcgetattr(std::io::stdin()).ok();
        if let Some(mut now) = before.clone() {
            now.local_modes.remove(rustix::termios::LocalModes::ECHO);
            set(&now);
        }
        Self { before }
    }

    #[cfg(not(unix))]
    fn off() -> Self {
        Self {}
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(before) = &self.before {
            set(before);
        }
    }
}

/// A terminal that cannot be changed shows the password: the person sees it, and nothing else depends on it.
#[cfg(unix)]
fn set(settings: &rustix::termios::Termios) {
    if let Err(error) = rustix::termios::tcsetattr(
        std::io::stdin(),
        rustix::termios::OptionalActions::Now,
        settings,
    ) {
        tracing::warn!(%error, "the terminal's echo could not be changed");
    }
}
