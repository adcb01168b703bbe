//! How long a pack of 1,000 sensors takes: read from files, checked, planned, applied, signed, verified.
//!
//! `cargo run --release -p content --example figures`

use content::change::{Options, State, Who, apply, plan};
use content::pack::tree::Tree;
use content::pack::{Surroundings, archive, read};
use std::time::Instant;

fn pack(version: &str, sensors: usize, age: u64) -> Tree {
    let mut tree = Tree::default();
    let manifest = format!(
        "name: bench\ntitle: Bench\nversion: {version}\npublisher: Us\ncontent_sets: [Bench]\nchangelog: [{{version: {version}, changes: [Things.]}}]\n"
    );
    let mut add = |path: String, text: String| tree.add(&path, text.into_bytes());
    add("pack.yaml".into(), manifest).unwrap_or_default();
    add("content-sets/bench.yaml".into(), "name: Bench\n".into()).unwrap_or_default();
    for n in 0..sensors {
        let text = format!(
            "name: Bench Sensor {n:04}\ndescription: What it tells, in a sentence or two.\ncategory: Bench\nkeywords: [bench, number {n}]\n\
             max_age: {age} min\nplatforms:\n  linux:\n    interpreter: sh\n    output: {{delimited: \"|\"}}\n    file: files/{n}.sh\n\
             columns:\n  - {{name: Name, description: A name.}}\n  - {{name: Size, type: DataSize, description: How large.}}\nkey: Name\n\
             parameters:\n  - {{key: path, default: /tmp, description: Where.}}\n\
             example: Get Bench Sensor {n:04} having Bench Sensor {n:04}:Size > \"1 MB\" from all machines with Computer Name contains x\n"
        );
        add(format!("sensors/{n}.yaml"), text).unwrap_or_default();
        let script = format!(
            "# {n}\nfor f in \"$CORDON_PARAM_PATH\"/*; do\n    stat -c '%n|%s' \"$f\"\ndone\n"
        );
        add(format!("files/{n}.sh"), script).unwrap_or_default();
    }
    tree
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let catalogue =
        question::Catalogue::new([question::Sensor::new("Computer Name", "Host", "Its name.")
            .column("Computer Name", question::ValueType::Text, "Name.")
            .one_row()]);
    let around = Surroundings::new(&catalogue, "0.1.0".parse()?);
    let who = Who {
        by: "user 1".into(),
        at: 1_800_000_000,
        why: "bench".into(),
    };
    let timed = |what: &str, since: Instant| {
        println!("{what:<44} {:>8.1} ms", since.elapsed().as_secs_f64() * 1e3);
    };
    let mut state = State::default();
    for (version, age) in [("1.0.0", 10), ("2.0.0", 20)] {
        println!("version {version}, 1,000 sensors");
        let tree = pack(version, 1_000, age);
        let start = Instant::now();
        let bytes = archive::write(&tree)?;
        timed("write an archive", start);
        let start = Instant::now();
        let tree = archive::read(&bytes).map_err(|f| f[0].to_string())?;
        timed("read the archive", start);
        let start = Instant::now();
        let made = read(
            &tree,
            &state.surroundings(&catalogue, "0.1.0".parse()?, "bench"),
        )
        .map_err(|f| f[0].to_string())?;
        timed("lint (read and check everything)", start);
        let start = Instant::now();
        let plan = plan(&state, &made, &Options::default())?;
        timed("plan", start);
        let start = Instant::now();
        apply(&mut state, &plan, &who)?;
        timed("apply", start);
        println!(
            "  {} steps, archive of {} bytes",
            plan.steps.len(),
            bytes.len()
        );
    }
    let start = Instant::now();
    let back = content::change::rollback(&state, "bench", Some(&"1.0.0".parse()?))?;
    apply(&mut state, &back, &who)?;
    timed("roll back", start);
    let start = Instant::now();
    let found =
        read(&pack("3.0.0", 10_000, 5), &around).map_or_else(|f| f.len(), |p| p.objects.len());
    timed("lint of 10,000 sensors", start);
    println!("  {found} objects");
    Ok(())
}
