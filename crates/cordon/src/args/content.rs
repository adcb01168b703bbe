//! Arguments of `content`.

use super::Output;
use clap::{Args, Subcommand};
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
}

/// Actions on packs. None of them needs a server.
#[derive(Subcommand, Debug)]
pub enum ContentAction {
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
