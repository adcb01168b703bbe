//! Fixtures of the packs that ship, run with the shell of this machine.

use crate::shipped::{PACKS, shipped};
use content::fixture::{Prepared, Ran, Runner, Verdict, try_pack};
use content::objects::{Interpreter, Output, Platform};
use std::process::Command;

/// Runs shell scripts in a folder with the fixture's files. Limits are the agent's; a test needs none.
struct Shell;

impl Runner for Shell {
    fn run(&mut self, prepared: &Prepared<'_>) -> Result<Ran, String> {
        if prepared.interpreter != Interpreter::Sh {
            return Err("only the shell is here".into());
        }
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        for (path, text) in &prepared.files {
            let at = folder.path().join(path);
            std::fs::create_dir_all(at.parent().ok_or("no folder")?).map_err(|e| e.to_string())?;
            std::fs::write(at, text).map_err(|e| e.to_string())?;
        }
        let script = String::from_utf8_lossy(prepared.script).into_owned();
        let output = Command::new("/bin/sh")
            .args(["-c", &script])
            .env_clear()
            .envs(&prepared.environment)
            .env("CORDON_ROOT", folder.path())
            .output()
            .map_err(|e| e.to_string())?;
        let Output::Delimited(delimiter) = &prepared.output else {
            return Err("only delimited text is here".into());
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(Ran {
            rows: text
                .lines()
                .map(|line| line.split(delimiter.as_str()).map(str::to_owned).collect())
                .collect(),
            error: (!output.status.success())
                .then(|| String::from_utf8_lossy(&output.stderr).into_owned()),
        })
    }
}

#[cfg(unix)]
#[test]
fn shipped_scripts_give_what_their_fixtures_say() {
    let mut tried = 0;
    for name in PACKS {
        for result in try_pack(&shipped(name), Platform::Linux, &mut Shell) {
            assert_eq!(
                result.verdict,
                Verdict::Passed,
                "{} {}",
                result.key,
                result.name
            );
            tried += 1;
        }
    }
    assert_eq!(tried, 4);
}

#[test]
fn differences_are_told() {
    let pack = crate::help::pack(&[(
        "sensors/a.yaml",
        "name: A\nplatforms: {linux: {interpreter: sh, text: x}}\ncolumns: [{name: A}]\n\
         fixtures:\n  - {name: one, platform: linux, rows: [[a], [b], [b]]}\n  - {name: two, platform: linux, fails: no such}\n",
    )]);
    struct Fixed(Ran);
    impl Runner for Fixed {
        fn run(&mut self, _: &Prepared<'_>) -> Result<Ran, String> {
            Ok(self.0.clone())
        }
    }
    let cell = |t: &str| vec![t.to_owned()];
    let ran = Ran {
        rows: vec![cell("b"), cell("c"), cell("a")],
        error: None,
    };
    let verdicts: Vec<Verdict> = try_pack(&pack, Platform::Linux, &mut Fixed(ran))
        .into_iter()
        .map(|t| t.verdict)
        .collect();
    assert_eq!(
        verdicts[0],
        Verdict::Differs {
            missing: vec![cell("b")],
            unexpected: vec![cell("c")],
            more: 0
        }
    );
    assert_eq!(
        verdicts[1],
        Verdict::Failed {
            error: "it did not fail".into()
        }
    );
}

/// A fixture tries a script with the variables that it gets on an endpoint.
#[test]
fn parameters_are_named_as_on_endpoints() {
    for key in ["path", "some key", "a-b.c", "UPPER_1"] {
        let there = sensors::script::variable(key);
        assert_eq!(content::fixture::variable(key), there);
    }
}
