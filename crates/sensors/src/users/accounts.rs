//! Local accounts: `passwd`, `group` and `shadow` (passwd(5), group(5), shadow(5)).

use crate::text;

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: Vec<u8>,
    /// The password field: normally `x`, meaning that `shadow` has it.
    pub password: Vec<u8>,
    /// User id.
    pub uid: u32,
    /// Id of the primary group.
    pub gid: u32,
    /// Full name and more.
    pub gecos: Vec<u8>,
    /// Home folder.
    pub home: Vec<u8>,
    /// Login shell.
    pub shell: Vec<u8>,
}

/// A line of `/etc/group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name.
    pub name: Vec<u8>,
    /// Group id.
    pub gid: u32,
    /// Members other than by primary group.
    pub members: Vec<Vec<u8>>,
}

/// What `/etc/shadow` says about a password, without the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Password {
    /// There is one.
    Set,
    /// None is needed to log in.
    Empty,
    /// It can never match.
    Locked,
    /// `shadow` could not be read or does not know the account.
    Unknown,
}

impl Password {
    /// As a cell shows it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Empty => "empty",
            Self::Locked => "locked",
            Self::Unknown => "unknown",
        }
    }

    fn of_field(field: &[u8]) -> Self {
        match field.first() {
            None => Self::Empty,
            Some(b'!' | b'*') => Self::Locked,
            Some(_) => Self::Set,
        }
    }
}

/// Accounts; lines that lack fields are left out, as the C library leaves them out.
pub fn accounts(bytes: &[u8]) -> impl Iterator<Item = Account> {
    text::lines(bytes).filter_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        let mut next = || fields.next();
        let name = next()?;
        // A line of a network service (`+`, `-`) or a comment is no account.
        if name.is_empty() || matches!(name.first(), Some(b'+' | b'-' | b'#')) {
            return None;
        }
        Some(Account {
            name: name.to_vec(),
            password: next()?.to_vec(),
            uid: text::number(next()?)?,
            gid: text::number(next()?)?,
            gecos: next()?.to_vec(),
            home: next()?.to_vec(),
            shell: next()?.to_vec(),
        })
    })
}

/// Groups.
pub fn groups(bytes: &[u8]) -> impl Iterator<Item = Group> {
    text::lines(bytes).filter_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        let name = fields.next()?;
        if name.is_empty() || matches!(name.first(), Some(b'+' | b'-' | b'#')) {
            return None;
        }
        let _password = fields.next()?;
        let gid = text::number(fields.next()?)?;
        let members = fields
            .next()
            .unwrap_or_default()
            .split(|b| *b == b',')
            .map(<[u8]>::trim_ascii)
            .filter(|m| !m.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        Some(Group {
            name: name.to_vec(),
            gid,
            members,
        })
    })
}

/// State of an account's password and the day of its last change (days since 1970).
pub fn shadow(bytes: &[u8]) -> impl Iterator<Item = (&[u8], Password, Option<i64>)> {
    text::lines(bytes).filter_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        let name = fields.next().filter(|n| !n.is_empty())?;
        let password = fields.next()?;
        let changed = fields.next().and_then(text::number);
        Some((name, Password::of_field(password), changed))
    })
}

/// What the password field of `passwd` says when it does not point to `shadow`.
#[must_use]
pub fn password_in_passwd(account: &Account) -> Option<Password> {
    (account.password != b"x").then(|| Password::of_field(&account.password))
}
