//! Arguments of `questions`.

use super::{Connection, InState, Printing, Which};
use crate::EXIT_HELP;
use ::api::ids::QuestionId;
use clap::{Args, Subcommand};

/// Arguments of `questions`.
#[derive(Args, Debug)]
pub struct QuestionsArgs {
    /// What to do; none lists all
    #[command(subcommand)]
    pub action: Option<QuestionAction>,
    /// List questions at most
    #[arg(long, short = 'n', default_value_t = 100, value_name = "N")]
    pub limit: u32,
    /// List only questions with a smaller number: the next page
    #[arg(long, value_name = "NUMBER")]
    pub before: Option<QuestionId>,
    /// Form, tables and place of output.
    #[command(flatten)]
    pub printing: Printing,
    /// Server and sign-in.
    #[command(flatten)]
    pub connection: Connection,
}

/// Actions on a question.
#[derive(Subcommand, Debug)]
pub enum QuestionAction {
    /// Show a question, its coverage and its rows
    #[command(after_help = EXIT_HELP)]
    Show {
        /// Question id.
        id: QuestionId,
        /// Rows to show of each table in a terminal (pipes and files get all)
        #[arg(long, default_value_t = 50, value_name = "N")]
        rows: usize,
        /// The rarest rows first
        #[arg(long)]
        rare: bool,
        /// Stay until the question ends, for endpoints that come back meanwhile
        #[arg(long)]
        follow: bool,
        /// Print what went wrong on endpoints instead of the rows: sensor, reason, how many, which
        #[arg(long)]
        problems: bool,
        /// Print the endpoints in this state instead of the rows, as in `offline` or `timed_out`; `all` prints every one
        #[arg(long, value_name = "STATE", conflicts_with = "problems")]
        endpoints: Option<InState>,
        /// How the answer is shown.
        #[command(flatten)]
        which: Which,
    },
    /// Stop it
    Cancel {
        /// Question id.
        id: QuestionId,
    },
    /// Keep it with its answers, however old it gets
    Keep {
        /// Question id.
        id: QuestionId,
        /// No longer: it goes when it is old
        #[arg(long)]
        no: bool,
    },
    /// Delete it with its answers, for good; it must have ended
    Delete {
        /// Question id.
        id: QuestionId,
    },
}
