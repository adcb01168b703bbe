//! Arguments of `content`.

use super::{Connection, Output};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Arguments of `content`.
#[derive(Args, Debug)]
pub struct ContentArgs {
    /// What to do
    #[command(subcommand)]
    pub action: ContentAction,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM", global = true)]
    pub output: Option<Output>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Actions on packs. The first ones need a server, the last ones none.
#[derive(Subcommand, Debug)]
pub enum ContentAction {
    /// List packs: the version that the server has in itself, the one that is imported, what was changed here
    List,
    /// Find objects: sensors, packages, saved questions and all other kinds
    Find(FindArgs),
    /// Show a pack (NAME) or an object (KIND/NAME)
    Show {
        /// Name of a pack, or an object as in `sensor/Listen Ports`
        #[arg(value_name = "WHAT")]
        what: String,
    },
    /// Show what was changed here of a pack or of an object, against what was shipped
    Diff {
        /// Name of a pack, or an object as in `sensor/Listen Ports`
        #[arg(value_name = "WHAT")]
        what: String,
    },
    /// Import a pack, or upgrade to it: tell what would be done, then do it
    Import(ImportArgs),
    /// Upgrade a pack that is imported. Without one, all that the server has in a newer version
    Upgrade {
        /// How, and which
        #[command(flatten)]
        import: UpgradeArgs,
    },
    /// Go back to a version of a pack that was left: objects and supplied files become exactly what they were then
    Rollback {
        /// Name of the pack
        pack: String,
        /// The version, or `none` for before the import [default: the one that was left last]
        #[arg(value_name = "VERSION")]
        to: Option<String>,
        /// How it is applied
        #[command(flatten)]
        apply: ApplyArgs,
    },
    /// Write a pack as one file, with what was changed here
    Export {
        /// Name of the pack
        pack: String,
        /// A version that was left [default: the one in force]
        #[arg(long = "of", value_name = "VERSION")]
        of: Option<String>,
        /// As it was shipped, without what was changed here
        #[arg(long)]
        shipped: bool,
        /// The file [default: NAME-VERSION.cordonpack here]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Bring a folder and the server to the same content, both ways: what changed on one side alone is taken to the other. Exit status:
    /// 0 they are the same; 1 something changed on both, or was refused
    Sync {
        /// The folder; one for each pack in it, and `own` for what belongs to none
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Which side wins where both changed the same object
        #[arg(long, value_enum, value_name = "SIDE")]
        prefer: Option<SyncSide>,
        /// Only tell what would be done
        #[arg(long)]
        dry_run: bool,
        /// Why; it is kept in the history
        #[arg(long, default_value = "", value_name = "TEXT")]
        why: String,
    },
    /// Show what was done to all content, to a pack or to an object: who, when, why, and what differs
    History {
        /// Name of a pack, or an object as in `sensor/Listen Ports`
        #[arg(value_name = "WHAT")]
        what: Option<String>,
        /// At most this many entries
        #[arg(long, default_value_t = 20, value_name = "NUMBER")]
        limit: u32,
    },
    /// Edit an object in your editor, or give it the text of a file
    Edit {
        /// The object, as in `sensor/Listen Ports`
        #[arg(value_name = "KIND/NAME")]
        object: String,
        /// File with the text, `-` for standard input [default: the editor that VISUAL or EDITOR names]
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Make one that is not there yet
        #[arg(long)]
        new: bool,
        /// Only tell what would differ
        #[arg(long)]
        dry_run: bool,
        /// Why; it is kept in the history
        #[arg(long, default_value = "", value_name = "TEXT")]
        why: String,
    },
    /// Take a pack (NAME) away with its objects, or delete an object (KIND/NAME)
    Remove {
        /// Name of a pack, or an object as in `sensor/Listen Ports`
        #[arg(value_name = "WHAT")]
        what: String,
        /// How it is applied
        #[command(flatten)]
        apply: ApplyArgs,
    },
    /// Files that packs ask whoever imports them for, such as `Autoruns.zip`
    File {
        /// What to do
        #[command(subcommand)]
        action: SuppliedAction,
    },
    /// List every fault of a pack by file, line and column. Exit status: 0 there is none; 1 there are; 2 it could not be looked at
    Lint {
        /// Folder of the pack; packs that it requires are looked for beside it
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Run the fixtures of a pack's scripts that are for this system. Exit status: 0 all gave what they should; 1 some did not
    Test {
        /// Folder of the pack
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Write a pack as one file
    Pack {
        /// Folder of the pack
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// The file [default: NAME-VERSION.cordonpack here]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Write the folder of a pack that is one file
    Unpack {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The folder, which must not be there
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Print the JSON Schema of a kind of object; without a kind, name the kinds
    Schema {
        /// The kind, such as `sensor`, or `pack`
        #[arg(value_name = "KIND")]
        kind: Option<String>,
    },
}

/// Which objects.
#[derive(Args, Debug, Clone, Default)]
pub struct FindArgs {
    /// Words that name, further names, keywords or description have; none finds all
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Only of this kind, such as `sensor` or `saved-question`
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Only of this pack
    #[arg(long, value_name = "NAME")]
    pub pack: Option<String>,
    /// Only in this content set
    #[arg(long = "content-set", value_name = "NAME")]
    pub content_set: Option<String>,
}

/// How a change of a pack is applied.
#[derive(Args, Debug, Clone)]
pub struct ApplyArgs {
    /// Only tell what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask, at a terminal
    #[arg(long)]
    pub yes: bool,
    /// Why; it is kept in the history
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub why: String,
}

/// What becomes of what was changed here.
#[derive(Args, Debug, Clone)]
pub struct DecideArgs {
    /// What becomes of content sets that were changed here
    #[arg(long, value_enum, default_value_t = SetsChoice::Keep, value_name = "CHOICE")]
    pub content_sets: SetsChoice,
    /// Take what the pack brings of this object where both sides changed it, as in `sensor/Listen Ports` (repeat for several)
    #[arg(long, value_name = "KIND/NAME")]
    pub take: Vec<String>,
    /// Take what the pack brings wherever both sides changed something
    #[arg(long)]
    pub take_all: bool,
}

/// Arguments of `content import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// A pack that the server has in itself, by name; or a file or folder, as in `./mine`
    #[arg(value_name = "PACK")]
    pub pack: String,
    /// What becomes of what was changed here
    #[command(flatten)]
    pub decide: DecideArgs,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}

/// Arguments of `content upgrade`.
#[derive(Args, Debug)]
pub struct UpgradeArgs {
    /// A pack that the server has in itself, by name; or a file or folder, as in `./mine`
    #[arg(value_name = "PACK")]
    pub pack: Option<String>,
    /// What becomes of what was changed here
    #[command(flatten)]
    pub decide: DecideArgs,
    /// How it is applied
    #[command(flatten)]
    pub apply: ApplyArgs,
}

/// What becomes of content sets that were changed here.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetsChoice {
    /// They stay.
    Keep,
    /// They become as the pack has them.
    Overwrite,
}

/// A side of `content sync`.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncSide {
    /// The server.
    Server,
    /// The folder.
    Folder,
}

/// Actions on supplied files.
#[derive(Subcommand, Debug)]
pub enum SuppliedAction {
    /// List the files that a pack asks for, and those that are there
    List {
        /// Name of the pack
        pack: String,
    },
    /// Write one into a file
    Get {
        /// Name of the pack
        pack: String,
        /// Name of the file
        name: String,
        /// Where to [default: its name here]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Supply one; it is kept over upgrades
    Add {
        /// Name of the pack
        pack: String,
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Name under which the pack asks for it [default: the file's own]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Why; it is kept in the history
        #[arg(long, default_value = "", value_name = "TEXT")]
        why: String,
    },
    /// Take one away
    Remove {
        /// Name of the pack
        pack: String,
        /// Name of the file
        name: String,
        /// Why; it is kept in the history
        #[arg(long, default_value = "", value_name = "TEXT")]
        why: String,
    },
}
