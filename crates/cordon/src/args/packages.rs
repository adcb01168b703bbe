//! Arguments of `packages`.

use super::{Connection, Output};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `packages`.
#[derive(Args, Debug)]
pub struct PackagesArgs {
    /// What to do; none lists all
    #[command(subcommand)]
    pub action: Option<PackageAction>,
    /// Form of output [default: aligned columns in a terminal, columns separated by tabs elsewhere]
    #[arg(long, short, value_enum, value_name = "FORM", global = true)]
    pub output: Option<Output>,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Actions on packages.
#[derive(Subcommand, Debug)]
pub enum PackageAction {
    /// List them
    List {
        /// Words that name, further names or description have; none lists all
        #[arg(value_name = "WORD")]
        words: Vec<String>,
    },
    /// Show one
    Show {
        /// Name of the package
        name: String,
    },
    /// Files of packages
    File {
        /// What to do
        #[command(subcommand)]
        action: PackageFileAction,
    },
}

/// Actions on files of packages.
#[derive(Subcommand, Debug)]
pub enum PackageFileAction {
    /// List the files of a package
    List {
        /// Name of the package
        package: String,
    },
    /// Write one into a file
    Get {
        /// Name of the package
        package: String,
        /// Name of the file
        name: String,
        /// Where to [default: its name here]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Give a package a file, or another content to one that it has
    Add {
        /// Name of the package
        package: String,
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Its name on endpoints [default: the file's own]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Why; it is kept in the history
        #[arg(long, default_value = "", value_name = "TEXT")]
        why: String,
    },
    /// Take a file from a package
    Remove {
        /// Name of the package
        package: String,
        /// Name of the file
        name: String,
        /// Why; it is kept in the history
        #[arg(long, default_value = "", value_name = "TEXT")]
        why: String,
    },
}
