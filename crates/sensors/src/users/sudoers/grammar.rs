//! Rules and aliases out of the words of a line, as sudo's grammar puts them together: several host parts in one rule, and
//! commands that take over run-as lists, tags and settings from those before them.

use super::lex::Token;

/// An element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Whether `!` stands before it.
    pub not: bool,
    /// What it is.
    pub name: Name,
}

/// What an element names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// `ALL`, with digests that the command must have.
    All(Vec<Vec<u8>>),
    /// A name in capitals: an alias where there is one, else itself.
    Alias(Vec<u8>),
    /// User, group, host or network.
    Word(Vec<u8>),
    /// A command, with digests that it must have.
    Command(Vec<Vec<u8>>, Vec<u8>),
}

impl Element {
    /// As it is shown.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let mark: &[u8] = if self.not { b"!" } else { b"" };
        let (digests, name): (&[Vec<u8>], &[u8]) = match &self.name {
            Name::All(digests) => (digests, b"ALL"),
            Name::Command(digests, command) => (digests, command),
            Name::Alias(name) | Name::Word(name) => (&[], name),
        };
        if digests.is_empty() {
            return [mark, name].concat();
        }
        [&crate::text::join(digests, b", "), &b" "[..], mark, name].concat()
    }
}

/// As whom a command may be run.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RunAs {
    /// Users between the brackets.
    pub users: Vec<Element>,
    /// Groups behind the colon.
    pub groups: Vec<Element>,
}

/// A command with everything that holds for it, what it took over included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// `None` where no brackets were given: the default user.
    pub run_as: Option<RunAs>,
    /// Tags, and settings as `NAME=value`.
    pub tags: Vec<Vec<u8>>,
    /// The command.
    pub command: Element,
}

/// One part of a rule: on these hosts these commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privilege {
    /// Hosts.
    pub hosts: Vec<Element>,
    /// Commands in their order.
    pub specs: Vec<Spec>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Users.
    pub users: Vec<Element>,
    /// What they may.
    pub privileges: Vec<Privilege>,
}

/// `users hosts = (run as) TAG: commands : hosts = …`; `None` where sudo refuses it.
#[must_use]
pub fn rule(tokens: &[Token]) -> Option<Rule> {
    let mut at = Words { tokens };
    let users = at.list(Words::name)?;
    let mut privileges = vec![at.privilege()?];
    while at.takes(&Token::Colon) {
        privileges.push(at.privilege()?);
    }
    at.tokens.is_empty().then_some(Rule { users, privileges })
}

/// `NAME = list : NAME = list`; commands where these are what the aliases stand for.
#[must_use]
pub fn aliases(tokens: &[Token], commands: bool) -> Option<Vec<(Vec<u8>, Vec<Element>)>> {
    let mut at = Words { tokens };
    let mut made = Vec::new();
    loop {
        let Token::Alias(name) = at.next()? else {
            return None;
        };
        if !at.takes(&Token::Equals) {
            return None;
        }
        let list = if commands {
            at.list(Words::command)?
        } else {
            at.list(Words::name)?
        };
        made.push((name.clone(), list));
        if at.tokens.is_empty() {
            return Some(made);
        }
        if !at.takes(&Token::Colon) {
            return None;
        }
    }
}

struct Words<'a> {
    tokens: &'a [Token],
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn takes(&mut self, wanted: &Token) -> bool {
        let is = self.tokens.first() == Some(wanted);
        if is {
            self.next();
        }
        is
    }

    fn list(&mut self, one: impl Fn(&mut Self) -> Option<Element>) -> Option<Vec<Element>> {
        let mut made = vec![one(self)?];
        while self.takes(&Token::Comma) {
            made.push(one(self)?);
        }
        Some(made)
    }

    fn name(&mut self) -> Option<Element> {
        let not = self.takes(&Token::Not);
        let name = match self.next()? {
            Token::All => Name::All(Vec::new()),
            Token::Alias(name) => Name::Alias(name.clone()),
            Token::Word(name) => Name::Word(name.clone()),
            _ => return None,
        };
        Some(Element { not, name })
    }

    fn command(&mut self) -> Option<Element> {
        let mut digests = Vec::new();
        while let Some(Token::Digest(digest)) = self.tokens.first() {
            self.next();
            digests.push(digest.clone());
            // A comma stands between digests, none before the command.
            if matches!(self.tokens, [Token::Comma, Token::Digest(_), ..]) {
                self.next();
            }
        }
        let not = self.takes(&Token::Not);
        let name = match self.next()? {
            Token::All => Name::All(digests),
            // Digests of an alias hold for nothing: sudo refuses them there.
            Token::Alias(name) if digests.is_empty() => Name::Alias(name.clone()),
            Token::Command(command) => Name::Command(digests, command.clone()),
            _ => return None,
        };
        Some(Element { not, name })
    }

    fn run_as(&mut self) -> Option<RunAs> {
        let mut made = RunAs::default();
        if self.takes(&Token::Close) {
            return Some(made);
        }
        if !self.takes(&Token::Colon) {
            made.users = self.list(Self::name)?;
            if self.takes(&Token::Close) {
                return Some(made);
            }
            if !self.takes(&Token::Colon) {
                return None;
            }
        }
        if self.takes(&Token::Close) {
            return Some(made);
        }
        made.groups = self.list(Self::name)?;
        self.takes(&Token::Close).then_some(made)
    }

    fn privilege(&mut self) -> Option<Privilege> {
        let hosts = self.list(Self::name)?;
        if !self.takes(&Token::Equals) {
            return None;
        }
        let mut specs: Vec<Spec> = Vec::new();
        loop {
            let before = specs.last();
            let mut run_as = match self.takes(&Token::Open) {
                true => Some(self.run_as()?),
                false => None,
            };
            let mut tags: Vec<Vec<u8>> = Vec::new();
            loop {
                match self.tokens.first() {
                    Some(Token::Setting(name, value)) => {
                        put(&mut tags, [name.as_bytes(), b"=", value].concat());
                    }
                    Some(Token::Tag(name)) => put(&mut tags, name.as_bytes().to_vec()),
                    _ => break,
                }
                self.next();
            }
            let command = self.command()?;
            if let Some(before) = before {
                run_as = run_as.or_else(|| before.run_as.clone());
                let own: Vec<Vec<u8>> = tags.iter().map(|t| subject(t).to_vec()).collect();
                let mut carried = before.tags.clone();
                carried.retain(|tag| !own.iter().any(|o| o == subject(tag)));
                carried.extend(tags);
                tags = carried;
            }
            specs.push(Spec {
                run_as,
                tags,
                command,
            });
            if !self.takes(&Token::Comma) {
                break;
            }
        }
        Some(Privilege { hosts, specs })
    }
}

/// What a tag is about: `NOPASSWD` and `PASSWD` take each other's place.
fn subject(tag: &[u8]) -> &[u8] {
    let name = tag.split(|b| *b == b'=').next().unwrap_or_default();
    match name {
        b"NOTBEFORE" | b"NOTAFTER" => name,
        _ => name.strip_prefix(b"NO").unwrap_or(name),
    }
}

/// Puts a tag in, where it takes the place of its likes.
fn put(tags: &mut Vec<Vec<u8>>, tag: Vec<u8>) {
    tags.retain(|known| subject(known) != subject(&tag));
    tags.push(tag);
}
