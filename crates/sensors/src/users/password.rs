//! What `shadow` says about passwords, without the passwords: whether there is one, how it is kept, until when it is good
//! (shadow(5), crypt(5)). What follows from the dates is what the system's login module makes of them (pam_unix(8)).

use super::clib::{self, Fields};

/// A line of `/etc/shadow`. Days are counted from 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow<'a> {
    /// Login name.
    pub name: &'a [u8],
    /// The password as it is kept.
    pub hash: &'a [u8],
    /// Day of the last change; 0 means that it must be changed.
    pub changed: Option<i64>,
    /// Days after which it must be changed again.
    pub most_days: Option<i64>,
    /// Days after that, on which it can still be changed.
    pub grace_days: Option<i64>,
    /// Day on which the account ends.
    pub ends: Option<i64>,
}

/// Lines of `shadow`. Of two lines for one name the first counts: whoever looks one up takes that.
pub fn shadow(bytes: &[u8]) -> impl Iterator<Item = Shadow<'_>> {
    clib::lines(bytes).filter_map(|line| {
        let mut fields = Fields::of(line);
        let name = fields.text();
        if super::accounts::is_switch(name) {
            return None;
        }
        let hash = fields.text();
        let (changed, _least, most_days) =
            (day(&mut fields)?, day(&mut fields)?, day(&mut fields)?);
        let mut made = Shadow {
            name,
            hash,
            changed,
            most_days,
            grace_days: None,
            ends: None,
        };
        // An older form ends here.
        fields.pass_space();
        if fields.rest().is_empty() {
            return Some(made);
        }
        let _warning = day(&mut fields)?;
        made.grace_days = day(&mut fields)?;
        made.ends = day(&mut fields)?;
        if !fields.rest().is_empty() {
            fields.last_number_or_nothing()?;
        }
        Some(made)
    })
}

/// The library keeps these numbers in 32 bits with a sign, and -1 stands for none.
#[expect(clippy::option_option, reason = "a missing number is no refusal")]
fn day(fields: &mut Fields<'_>) -> Option<Option<i64>> {
    let value = fields.number_or_nothing()?;
    Some(
        value
            .map(|v| i64::from(v.cast_signed()))
            .filter(|v| *v != -1),
    )
}

/// State of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Password {
    /// There is one.
    Set,
    /// None is needed to log in.
    Empty,
    /// Nothing that is typed can match it.
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

    /// What a field with a hash says.
    #[must_use]
    pub fn of_hash(hash: &[u8]) -> Self {
        match hash.first() {
            None => Self::Empty,
            Some(b'!' | b'*') => Self::Locked,
            Some(b'$') => Self::Set,
            Some(_) if algorithm(hash).is_some() => Self::Set,
            Some(_) => Self::Locked,
        }
    }
}

/// The name of the algorithm of a hash, also of one behind the marks of a lock. `None` when it is none of crypt(5).
#[must_use]
pub fn algorithm(hash: &[u8]) -> Option<&'static str> {
    const PREFIXES: [(&[u8], &str); 14] = [
        (b"$1$", "MD5"),
        (b"$2a$", "bcrypt"),
        (b"$2b$", "bcrypt"),
        (b"$2x$", "bcrypt"),
        (b"$2y$", "bcrypt"),
        (b"$3$", "NTHASH"),
        (b"$5$", "SHA-256"),
        (b"$6$", "SHA-512"),
        (b"$7$", "scrypt"),
        (b"$y$", "yescrypt"),
        (b"$gy$", "gost-yescrypt"),
        (b"$sm3$", "SM3"),
        (b"$md5", "SunMD5"),
        (b"$sha1$", "SHA-1"),
    ];
    let start = hash.iter().position(|b| *b != b'!').unwrap_or(hash.len());
    let hash = hash.get(start..).unwrap_or_default();
    let known = PREFIXES.iter().find(|(prefix, _)| hash.starts_with(prefix));
    if let Some((_, name)) = known {
        return Some(name);
    }
    // An old way to keep dates is to write them behind a comma.
    let bare = hash.split(|b| *b == b',').next().unwrap_or_default();
    let plain = |text: &[u8]| {
        text.iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/'))
    };
    match bare.strip_prefix(b"_") {
        Some(rest) => (rest.len() == 19 && plain(rest)).then_some("BSDi DES"),
        None => (bare.len() == 13 && plain(bare)).then_some("DES"),
    }
}

/// The hash in a field of `passwd`; `None` when it points to `shadow`.
#[must_use]
pub fn in_passwd(field: &[u8]) -> Option<&[u8]> {
    (field != b"x" && !field.starts_with(b"##")).then_some(field)
}

impl Shadow<'_> {
    /// Day on which the password must be changed again; `None` for never.
    #[must_use]
    pub fn expires(&self) -> Option<i64> {
        // What lies thirty years ahead is the usual way to write never.
        let most = self.most_days.filter(|days| (0..10_000).contains(days))?;
        self.changed.filter(|day| *day > 0)?.checked_add(most)
    }

    /// What the dates mean for a login on this day, the worst first.
    #[must_use]
    pub fn standing(&self, today: i64) -> Vec<&'static str> {
        let mut words = Vec::new();
        if self.ends.is_some_and(|day| today >= day) {
            words.push("account expired");
        }
        let last = self
            .changed
            .filter(|day| *day > 0)
            .zip(self.most_days)
            .map(|(day, most)| day.saturating_add(most));
        match (last, self.grace_days) {
            _ if self.changed == Some(0) => words.push("password must change"),
            (Some(last), Some(grace)) if today > last.saturating_add(grace) => {
                words.push("password expired for good");
            }
            (Some(last), _) if today > last => words.push("password expired"),
            _ => {}
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_by_their_form() {
        for (hash, state, name) in [
            (&b""[..], Password::Empty, None),
            (b"!", Password::Locked, None),
            (b"*LK*", Password::Locked, None),
            (b"!!$6$a$b", Password::Locked, Some("SHA-512")),
            (b"x", Password::Locked, None),
            (b"$y$j9T$a$b", Password::Set, Some("yescrypt")),
            (b"$2y$10$abc", Password::Set, Some("bcrypt")),
            (b"$md5,rounds=5$a$b", Password::Set, Some("SunMD5")),
            (b"$new$a", Password::Set, None),
            (b"ab1234567890.", Password::Set, Some("DES")),
            (b"ab1234567890.,.A/", Password::Set, Some("DES")),
            (b"_J9..rasmBYk8r9AiWNc", Password::Set, Some("BSDi DES")),
            (b"abc", Password::Locked, None),
        ] {
            assert_eq!(
                (Password::of_hash(hash), algorithm(hash)),
                (state, name),
                "{hash:?}"
            );
        }
    }

    #[test]
    fn dates_of_a_password() {
        let said = |fields: &str, today| {
            let line = format!("a:h:{fields}");
            shadow(line.as_bytes()).next().map(|s| s.standing(today))
        };
        assert_eq!(
            said("0:0:99999:7:::", 20_000),
            Some(vec!["password must change"])
        );
        assert_eq!(
            said("0:0:99999:7::18000:", 20_000),
            Some(vec!["account expired", "password must change"])
        );
        assert_eq!(said("100:0:90:7:::", 190), Some(vec![]));
        assert_eq!(said("100:0:90:7:::", 191), Some(vec!["password expired"]));
        assert_eq!(
            said("100:0:90:7:5::", 196),
            Some(vec!["password expired for good"])
        );
        assert_eq!(said("100:0:90:7::200:", 190), Some(vec![]));
        assert_eq!(said("100:0:90", 191), Some(vec!["password expired"]));
        assert_eq!(said("x:0:90", 191), None);
        let expires = |line: &str| shadow(line.as_bytes()).next().and_then(|s| s.expires());
        assert_eq!(expires("a:h:100:0:90"), Some(190));
        assert_eq!(expires("a:h:100:0:99999:7:::"), None);
        assert_eq!(expires("a:h::0:90:7:::"), None);
    }
}
