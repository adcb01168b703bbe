//! What a policy comes to: who may run any command at all as the superuser, here and now. As in sudo the last thing that fits
//! decides, an exclusion in a list takes back what stood before it, a rule of another host says nothing, and a name in
//! capitals without an alias is a name like others.
//!
//! Where only a directory on the network knows (netgroups, groups of other systems), the name itself is what is told.

use super::super::accounts::{Account, Group};
use super::super::glob;
use super::grammar::{Element, Name, RunAs, Spec};
use super::{Entry, Kind, Placed};
use crate::text;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// How deep aliases may lie in aliases; those of a circle are taken as names.
const DEPTH_MAX: usize = 64;
/// Elements looked at in one rule for one user.
const STEPS_MAX: u32 = 1_000_000;

/// The machine that a policy is read on.
pub struct Machine<'a> {
    /// Its name.
    pub host: Vec<u8>,
    /// Its addresses, where they are known.
    pub addresses: Vec<IpAddr>,
    /// Seconds since 1970.
    pub now: i64,
    accounts: Vec<&'a Account>,
    by_name: HashMap<&'a [u8], &'a Account>,
    /// Names of the accounts that are the superuser.
    superusers: Vec<&'a [u8]>,
    groups: &'a [Group],
}

impl<'a> Machine<'a> {
    /// A machine with these accounts and groups, at this moment.
    #[must_use]
    pub fn new(host: Vec<u8>, accounts: Vec<&'a Account>, groups: &'a [Group]) -> Self {
        let superusers = accounts.iter().filter(|a| a.uid == 0);
        let mut superusers: Vec<&[u8]> = superusers.map(|a| a.name.as_slice()).collect();
        if superusers.is_empty() {
            superusers.push(b"root");
        }
        Self {
            host,
            addresses: Vec::new(),
            now: jiff::Timestamp::now().as_second(),
            by_name: accounts.iter().map(|a| (a.name.as_slice(), *a)).collect(),
            accounts,
            superusers,
            groups,
        }
    }
}

/// Whom a policy is asked about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Whoever is named nowhere.
    Anybody,
    /// A user, of the machine or not.
    User(Vec<u8>),
    /// A group that the machine does not know, as written.
    Group(Vec<u8>),
}

/// A rule that lets somebody run anything as the superuser.
#[derive(Clone, Debug)]
pub struct Grant<'a> {
    /// Who.
    pub subject: Subject,
    /// The group by which the rule is meant for it, if one is.
    pub by: Option<Vec<u8>>,
    /// The rule.
    pub rule: &'a Placed,
}

/// A policy with its aliases.
pub struct Policy<'a> {
    entries: &'a [Placed],
    aliases: BTreeMap<(&'static str, &'a [u8]), &'a [Element]>,
    any_case: bool,
    default_user: Vec<u8>,
    /// Elements looked at for one decision: aliases of aliases can be many.
    steps: Cell<u32>,
}

/// What a list says of something: nothing, yes, or no.
type Verdict = Option<bool>;

impl<'a> Policy<'a> {
    /// The policy of these entries.
    #[must_use]
    pub fn of(entries: &'a [Placed]) -> Self {
        let mut made = Self {
            entries,
            aliases: BTreeMap::new(),
            any_case: true,
            default_user: b"root".to_vec(),
            steps: Cell::new(0),
        };
        for placed in entries {
            match &placed.entry {
                Entry::Aliases(kind, list) => {
                    for (name, members) in list {
                        // A second one of the same name is an error, and passed over.
                        made.aliases.entry((kind.as_str(), name)).or_insert(members);
                    }
                }
                Entry::Defaults(bound, settings) if bound.is_empty() => made.set(settings),
                _ => {}
            }
        }
        made
    }

    fn set(&mut self, settings: &[u8]) {
        for setting in settings.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
            match setting {
                b"!case_insensitive_user" => self.any_case = false,
                b"case_insensitive_user" => self.any_case = true,
                _ => {}
            }
            if let Some((name, value)) = text::split_once(setting, b'=')
                && name.trim_ascii() == b"runas_default"
            {
                let value = value.trim_ascii();
                let inner = value
                    .strip_prefix(b"\"")
                    .and_then(|v| v.strip_suffix(b"\""));
                self.default_user = inner.unwrap_or(value).to_vec();
            }
        }
    }

    /// Everybody who may run anything as the superuser, with each rule that gives it.
    ///
    /// # Errors
    /// What `check` says when the run must stop.
    pub fn administrators<E>(
        &self,
        machine: &Machine<'_>,
        check: impl Fn() -> Result<(), E>,
    ) -> Result<Vec<Grant<'a>>, E> {
        let mut made = Vec::new();
        for subject in self.subjects(machine) {
            check()?;
            if self.decide(&subject, machine) != Some(true) {
                continue;
            }
            for rule in self.entries {
                if self.decide_by(rule, &subject, machine) == Some(true) {
                    made.push(Grant {
                        by: self.reason(rule, &subject, machine),
                        subject: subject.clone(),
                        rule,
                    });
                }
            }
        }
        Ok(made)
    }

    /// Whether this user may run any command as the superuser; `None` when no rule says anything.
    #[must_use]
    pub fn decide(&self, subject: &Subject, machine: &Machine<'_>) -> Option<bool> {
        let mut rules = self.entries.iter().rev();
        rules.find_map(|rule| self.decide_by(rule, subject, machine))
    }

    /// Accounts of the machine, and whoever else is named.
    fn subjects(&self, machine: &Machine<'_>) -> Vec<Subject> {
        let mut made = vec![Subject::Anybody];
        let known = |name: &[u8]| machine.accounts.iter().any(|a| self.same(&a.name, name));
        made.extend(
            machine
                .accounts
                .iter()
                .map(|a| Subject::User(a.name.clone())),
        );
        let aliases = self.aliases.iter();
        let aliases = aliases
            .filter(|((kind, _), _)| *kind == Kind::UserAlias.as_str())
            .flat_map(|(_, members)| members.iter());
        let rules = self.entries.iter().flat_map(|placed| match &placed.entry {
            Entry::Rule(rule) => rule.users.as_slice(),
            _ => &[],
        });
        for element in rules.chain(aliases).filter(|e| !e.not) {
            let subject = match &element.name {
                Name::Alias(name) if self.alias(Kind::UserAlias, name).is_none() => {
                    Subject::User(name.clone())
                }
                Name::Word(name) if is_group(name) => {
                    if machine.group(name).is_some() {
                        continue;
                    }
                    Subject::Group(name.clone())
                }
                Name::Word(name) => Subject::User(name.clone()),
                _ => continue,
            };
            let of_machine = match &subject {
                Subject::User(name) => known(name) || machine.by_id(name).is_some(),
                _ => false,
            };
            if !of_machine && !made.contains(&subject) {
                made.push(subject);
            }
        }
        made
    }

    fn decide_by(&self, rule: &Placed, subject: &Subject, machine: &Machine<'_>) -> Verdict {
        let Entry::Rule(rule) = &rule.entry else {
            return None;
        };
        self.steps.set(0);
        let is = |name: &[u8]| self.is_subject(name, subject, machine);
        if self.list(&rule.users, Kind::UserAlias, &is, 0) != Some(true) {
            return None;
        }
        for privilege in rule.privileges.iter().rev() {
            let here = |name: &[u8]| machine.is_host(name);
            if self.list(&privilege.hosts, Kind::HostAlias, &here, 0) != Some(true) {
                continue;
            }
            for spec in privilege.specs.iter().rev() {
                if machine.in_time(spec) && self.as_superuser(spec, subject, machine) {
                    let any = self.list(
                        std::slice::from_ref(&spec.command),
                        Kind::CommandAlias,
                        &|_| false,
                        0,
                    );
                    if any.is_some() {
                        return any;
                    }
                }
            }
        }
        None
    }

    /// What a list says: the last element that fits decides.
    fn list(
        &self,
        elements: &[Element],
        kind: Kind,
        fits: &dyn Fn(&[u8]) -> bool,
        depth: usize,
    ) -> Verdict {
        elements.iter().rev().find_map(|element| {
            self.steps.set(self.steps.get().saturating_add(1));
            if self.steps.get() > STEPS_MAX {
                return None;
            }
            let said = match &element.name {
                // With a digest it is one command, whichever that is.
                Name::All(digests) => digests.is_empty().then_some(true),
                Name::Command(..) => None,
                Name::Alias(name) => match self.alias(kind, name).filter(|_| depth < DEPTH_MAX) {
                    Some(members) => self.list(members, kind, fits, depth + 1),
                    None => fits(name).then_some(true),
                },
                Name::Word(name) => fits(name).then_some(true),
            };
            said.map(|said| said != element.not)
        })
    }

    fn alias(&self, kind: Kind, name: &[u8]) -> Option<&'a [Element]> {
        self.aliases.get(&(kind.as_str(), name)).copied()
    }

    fn same(&self, a: &[u8], b: &[u8]) -> bool {
        if self.any_case {
            a.eq_ignore_ascii_case(b)
        } else {
            a == b
        }
    }

    fn is_subject(&self, name: &[u8], subject: &Subject, machine: &Machine<'_>) -> bool {
        let user = match subject {
            Subject::Anybody => return false,
            Subject::Group(group) => return group == name,
            Subject::User(user) => user,
        };
        if is_group(name) {
            return machine
                .group(name)
                .is_some_and(|group| machine.is_member(user, group));
        }
        match name.strip_prefix(b"#").and_then(text::number::<u32>) {
            Some(uid) => user == name || machine.account(user).is_some_and(|a| a.uid == uid),
            None => self.same(name, user),
        }
    }

    /// Whether a command may be run as the superuser, under any of its names.
    fn as_superuser(&self, spec: &Spec, subject: &Subject, machine: &Machine<'_>) -> bool {
        machine.superusers.iter().any(|target| {
            let is = |name: &[u8]| self.is_target(name, target, machine);
            match &spec.run_as {
                None => is(&self.default_user),
                // Without users it runs as whoever calls; with a group, only where that group is asked for.
                Some(RunAs { users, groups }) if users.is_empty() => {
                    groups.is_empty() && matches!(subject, Subject::User(user) if user == target)
                }
                Some(RunAs { users, .. }) => {
                    self.list(users, Kind::RunasAlias, &is, 0) == Some(true)
                }
            }
        })
    }

    fn is_target(&self, name: &[u8], target: &[u8], machine: &Machine<'_>) -> bool {
        if is_group(name) {
            return machine
                .group(name)
                .is_some_and(|group| machine.is_member(target, group));
        }
        match name.strip_prefix(b"#") {
            Some(id) => text::number(id) == Some(0_u32),
            None => self.same(name, target),
        }
    }

    /// The group or alias-free name by which a rule is meant for somebody, when that is not the name itself.
    fn reason(&self, rule: &Placed, subject: &Subject, machine: &Machine<'_>) -> Option<Vec<u8>> {
        let Entry::Rule(rule) = &rule.entry else {
            return None;
        };
        let mut found = None;
        let mut open: Vec<&Element> = rule.users.iter().collect();
        let mut steps = 0_usize;
        while let Some(element) = open.pop() {
            steps += 1;
            if steps > 10_000 || element.not {
                continue;
            }
            match &element.name {
                Name::All(_) => found = Some(b"ALL".to_vec()),
                Name::Alias(name) => match self.alias(Kind::UserAlias, name) {
                    Some(members) => open.extend(members),
                    None if self.is_subject(name, subject, machine) => return None,
                    None => {}
                },
                Name::Word(name) if self.is_subject(name, subject, machine) => {
                    if !is_group(name) || matches!(subject, Subject::Group(_)) {
                        return None;
                    }
                    let group = machine.group(name).map_or(&name[..], |g| &g.name);
                    found = Some([b"%", group].concat());
                }
                _ => {}
            }
        }
        found.filter(|_| *subject != Subject::Anybody)
    }
}

fn is_group(name: &[u8]) -> bool {
    name.starts_with(b"%") || name.starts_with(b"+")
}

impl Machine<'_> {
    fn account(&self, name: &[u8]) -> Option<&Account> {
        self.by_name.get(name).copied()
    }

    /// The account of `#1000`.
    fn by_id(&self, name: &[u8]) -> Option<&Account> {
        let uid: u32 = text::number(name.strip_prefix(b"#")?)?;
        self.accounts.iter().find(|a| a.uid == uid).copied()
    }

    /// The group of `%name` or `%#gid`, where it is one of this machine.
    fn group(&self, name: &[u8]) -> Option<&Group> {
        let name = name.strip_prefix(b"%").filter(|n| !n.starts_with(b":"))?;
        self.groups.iter().find(|g| match name.strip_prefix(b"#") {
            Some(gid) => text::number(gid) == Some(g.gid),
            None => g.name.eq_ignore_ascii_case(name),
        })
    }

    fn is_member(&self, user: &[u8], group: &Group) -> bool {
        group.members.iter().any(|m| m == user)
            || self.account(user).is_some_and(|a| a.gid == group.gid)
    }

    fn is_host(&self, name: &[u8]) -> bool {
        if let Some(said) = self.is_address(name) {
            return said;
        }
        // Nobody here knows who is in a netgroup.
        if name.starts_with(b"+") {
            return true;
        }
        let short = self.host.split(|b| *b == b'.').next().unwrap_or_default();
        let own = if name.contains(&b'.') {
            &self.host[..]
        } else {
            short
        };
        glob::like(name, own)
    }

    /// What an address or network says; `None` when it is neither.
    fn is_address(&self, name: &[u8]) -> Option<bool> {
        let name = std::str::from_utf8(name).ok()?;
        let (bare, mask) = name
            .split_once('/')
            .map_or((name, None), |(a, m)| (a, Some(m)));
        let wanted: IpAddr = bare.parse().ok()?;
        let bits = match wanted {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let prefix = match mask {
            // Alone it is an address, or the number of a network that ends where its last one does.
            None => match wanted {
                IpAddr::V4(a) => bits - u32::from(a).trailing_zeros().min(bits),
                IpAddr::V6(a) => bits - u128::from(a).trailing_zeros().min(bits),
            },
            Some(mask) => match mask.parse::<u32>() {
                Ok(prefix) => prefix.min(bits),
                Err(_) => match mask.parse::<IpAddr>().ok()? {
                    IpAddr::V4(a) => u32::from(a).leading_ones(),
                    IpAddr::V6(a) => u128::from(a).leading_ones(),
                },
            },
        };
        let within = |own: &IpAddr| match (own, wanted) {
            (IpAddr::V4(own), IpAddr::V4(wanted)) => {
                let differ = u32::from(*own) ^ u32::from(wanted);
                differ.checked_shr(32 - prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(wanted)) => {
                let differ = u128::from(*own) ^ u128::from(wanted);
                differ.checked_shr(128 - prefix).unwrap_or(0) == 0
            }
            _ => false,
        };
        Some(self.addresses.iter().any(within))
    }

    /// Whether a rule with bounds in time holds now. A bound that cannot be read is none.
    fn in_time(&self, spec: &Spec) -> bool {
        let bound = |key: &[u8]| {
            let found = spec.tags.iter().find_map(|t| t.strip_prefix(key));
            found.and_then(moment)
        };
        bound(b"NOTBEFORE=").is_none_or(|from| self.now >= from)
            && bound(b"NOTAFTER=").is_none_or(|to| self.now <= to)
    }
}

/// `20251231235959Z`: minutes and seconds may be missing; without `Z` the offset may be given, else it is taken as UTC.
fn moment(written: &[u8]) -> Option<i64> {
    let written = std::str::from_utf8(written).ok()?;
    let length = written.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = written.split_at_checked(length)?;
    let part = |from: usize| digits.get(from..from + 2).map_or(Some("00"), Some);
    let text = format!(
        "{}-{}-{}T{}:{}:{}{}",
        digits.get(..4)?,
        digits.get(4..6)?,
        digits.get(6..8)?,
        digits.get(8..10)?,
        part(10)?,
        part(12)?,
        match rest.split_at_checked(1) {
            Some(("+" | "-", _)) => rest,
            _ => "Z",
        }
    );
    text.parse::<jiff::Timestamp>().ok().map(|t| t.as_second())
}
