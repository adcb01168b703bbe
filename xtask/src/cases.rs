//! Reproducers: small scripts that prepare a machine in private namespaces, ask `cordon`, and print what was expected and
//! what came. They are written for people; what a machine can hold them to stands in `cases/expected.tsv`, a line for
//! each demand on a case. A case that no line tells about is only looked at for an answer at all, and counts as not judged,
//! for "something came" is no proof.

use crate::shell::{cargo, root, target_dir, works};
use anyhow::{Context, Result, bail, ensure};
use regex::Regex;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a script may take, as `timeout` reads it. Some wait for a service to look twice.
const LONGEST: &str = "300";
/// What a script prints where no row came.
const NOTHING: &str = "(nothing)";
const TABLE: &str = "cases/expected.tsv";

/// Runs every script of a folder and fails unless each of them came out as it must.
pub fn run(folder: &Path, only: Option<&str>) -> Result<()> {
    ensure!(
        works("sh", &["-c", "test $(id -u) = 0"]),
        "the scripts make namespaces and mounts: run this as the superuser"
    );
    let table = root().join("xtask").join(TABLE);
    let text = std::fs::read_to_string(&table)
        .with_context(|| format!("cannot read {}", table.display()))?;
    let demands = demands(&text).with_context(|| format!("in {}", table.display()))?;
    let scripts = scripts(folder, only)?;
    ensure!(
        !scripts.is_empty(),
        "{} has no scripts to run",
        folder.display()
    );
    cargo(&["build", "--locked", "--package", "cordon"])?;
    let program = target_dir().join("debug/cordon");
    let (mut passed, mut failed, mut unjudged) = (0, 0, 0);
    for script in &scripts {
        let name = name(script);
        let printed = printed(script, &program)?;
        let own: Vec<&Demand> = demands.iter().filter(|d| d.case == name).collect();
        let wrong = judge(&printed, &own);
        let verdict = match (wrong.is_empty(), own.is_empty()) {
            (false, _) => {
                failed += 1;
                "FAIL"
            }
            (true, true) => {
                unjudged += 1;
                "LOOK"
            }
            (true, false) => {
                passed += 1;
                "pass"
            }
        };
        println!("{verdict}  {name}");
        if verdict != "pass" {
            for line in printed.lines().chain(wrong.iter().map(String::as_str)) {
                println!("      {line}");
            }
        }
    }
    println!(
        "{} cases: {passed} passed, {failed} failed, {unjudged} without a line in xtask/{TABLE}",
        scripts.len()
    );
    if failed + unjudged > 0 {
        bail!("not every case came out as it must");
    }
    Ok(())
}

fn scripts(folder: &Path, only: Option<&str>) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot list the cases in {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_script = path.extension().is_some_and(|e| e == "sh");
        // `lib.sh` is what they share.
        if is_script && name(&path) != "lib" && only.is_none_or(|o| name(&path).contains(o)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn name(path: &Path) -> &str {
    path.file_stem()
        .and_then(|n| n.to_str())
        .unwrap_or_default()
}

/// What a script prints. How it ends says nothing: most end with whatever their last command did.
fn printed(script: &Path, program: &Path) -> Result<String> {
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=10", LONGEST, "bash"])
        .arg(script)
        .env("CORDON", program)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    let output = command
        .output()
        .with_context(|| format!("cannot run {}", script.display()))?;
    let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.code() == Some(124) {
        printed.push_str("\nthe script was ended: it took too long\n");
    }
    Ok(printed)
}

/// A line of the table.
#[derive(Debug)]
struct Demand {
    case: String,
    /// Which answer of the case, from 1; 0 is all that it prints.
    which: usize,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    /// The answer is what the script said that it expects.
    Same,
    /// It holds the first number of what the script expects.
    Number,
    Has(Regex),
    HasNot(Regex),
}

impl Rule {
    fn holds(&self, answer: &Answer) -> bool {
        match self {
            Self::Same => answer.expected.trim() == answer.got.trim(),
            Self::Number => {
                let numbers = |text: &str| -> Vec<String> {
                    let parts = text.split(|c: char| !c.is_ascii_digit());
                    parts.filter(|n| !n.is_empty()).map(str::to_owned).collect()
                };
                let wanted = numbers(&answer.expected);
                wanted
                    .first()
                    .is_some_and(|n| numbers(&answer.got).contains(n))
            }
            Self::Has(wanted) => wanted.is_match(&answer.got),
            Self::HasNot(unwanted) => !unwanted.is_match(&answer.got),
        }
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Same => write!(f, "is not what was expected"),
            Self::Number => write!(f, "lacks the number expected"),
            Self::Has(wanted) => write!(f, "lacks `{wanted}`"),
            Self::HasNot(unwanted) => write!(f, "has `{unwanted}`"),
        }
    }
}

/// Lines of four fields between tabulators: case, answer, rule, text. `#` begins a comment.
fn demands(text: &str) -> Result<Vec<Demand>> {
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(at, line)| demand(line).with_context(|| format!("line {}", at + 1)))
        .collect()
}

fn demand(line: &str) -> Result<Demand> {
    let mut fields = line.splitn(4, '\t');
    let mut field = || fields.next().unwrap_or_default();
    let (case, which, rule, text) = (field(), field(), field(), field());
    let pattern = || Regex::new(&format!("(?m){text}"));
    Ok(Demand {
        case: case.to_owned(),
        which: which
            .parse()
            .with_context(|| format!("`{which}` is no number of an answer"))?,
        rule: match rule {
            "same" => Rule::Same,
            "number" => Rule::Number,
            "has" => Rule::Has(pattern()?),
            "not" => Rule::HasNot(pattern()?),
            other => bail!("there is no rule `{other}`; there are: same, number, has, not"),
        },
    })
}

struct Answer {
    expected: String,
    got: String,
}

/// The pairs that a script prints. An answer goes on to the next `expected:`.
fn answers(printed: &str) -> Vec<Answer> {
    let mut found: Vec<Answer> = Vec::new();
    let mut in_got = false;
    for line in printed.lines() {
        if let Some(expected) = line.strip_prefix("expected:") {
            in_got = false;
            found.push(Answer {
                expected: expected.trim().to_owned(),
                got: String::new(),
            });
            continue;
        }
        let Some(last) = found.last_mut() else {
            continue;
        };
        let (text, more) = match line.strip_prefix("got:") {
            Some(got) if !in_got => {
                in_got = true;
                (&mut last.got, got.trim())
            }
            _ if in_got => (&mut last.got, line),
            _ => (&mut last.expected, line),
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(more);
    }
    found
}

/// What is wrong with what a case printed; without demands, only whether anything came.
fn judge(printed: &str, demands: &[&Demand]) -> Vec<String> {
    let answers = answers(printed);
    if demands.is_empty() {
        let empty = |(at, a): (usize, &Answer)| {
            (a.got.is_empty() || a.got == NOTHING).then(|| format!("answer {} is empty", at + 1))
        };
        return answers.iter().enumerate().filter_map(empty).collect();
    }
    let whole = Answer {
        expected: String::new(),
        got: printed.to_owned(),
    };
    let mut wrong = Vec::new();
    for demand in demands {
        let answer = match demand.which.checked_sub(1) {
            None => Some(&whole),
            Some(at) => answers.get(at),
        };
        match answer {
            None => wrong.push(format!("answer {} did not come", demand.which)),
            Some(answer) if !demand.rule.holds(answer) => {
                wrong.push(format!("answer {} {}", demand.which, demand.rule));
            }
            Some(_) => {}
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "noise\nexpected: two rows (as\ntool says)\ngot:      a | 1\nb | 2\nexpected: 31 mounts\ngot:      [\"answered\",31]\nexpected: none\ngot:      (nothing)\n";

    fn judged(table: &str) -> Vec<String> {
        let demands = demands(table).unwrap();
        judge(PRINTED, &demands.iter().collect::<Vec<_>>())
    }

    #[test]
    fn answers_of_several_lines_are_told_apart() {
        let found = answers(PRINTED);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].expected, "two rows (as\ntool says)");
        assert_eq!(found[0].got, "a | 1\nb | 2");
        assert_eq!(found[2].got, NOTHING);
    }

    #[test]
    fn demands_are_held_against_their_answer() {
        assert!(
            judged("x\t1\thas\t^b \\| 2$\nx\t2\tnumber\nx\t3\tnot\troot\nx\t0\thas\tnoise")
                .is_empty()
        );
        assert_eq!(
            judged("x\t1\thas\tc\nx\t1\tnot\ta\nx\t2\tsame\nx\t4\thas\tx"),
            [
                "answer 1 lacks `(?m)c`",
                "answer 1 has `(?m)a`",
                "answer 2 is not what was expected",
                "answer 4 did not come"
            ]
        );
        assert_eq!(judge(PRINTED, &[]), ["answer 3 is empty"]);
    }

    #[test]
    fn a_table_that_is_odd_is_refused_with_its_line() {
        for (table, line) in [
            ("# x\n\na\tb\thas\tx", "line 3"),
            ("a\t1\tis\tx", "line 1"),
            ("a\t1\thas\t(", "line 1"),
        ] {
            let error = format!("{:#}", demands(table).unwrap_err());
            assert!(error.contains(line), "{error}");
        }
    }

    #[test]
    fn the_table_of_the_project_can_be_read() {
        let text = std::fs::read_to_string(root().join("xtask").join(TABLE)).unwrap();
        assert!(demands(&text).unwrap().len() > 20);
    }
}
