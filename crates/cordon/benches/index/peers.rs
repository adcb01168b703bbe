//! Inventory and hashing against the programs that people use for them today.

use super::{Bench, Outcome, RUNS, delete, median, time};
use std::process::Command;

/// File systems that hold no files of this machine; both sides leave them out.
const PSEUDO: &str = "proc sysfs cgroup cgroup2 devtmpfs devpts mqueue debugfs tracefs securityfs fusectl pstore bpf configfs hugetlbfs binfmt_misc autofs";

/// All attributes of every entry of the root into SQLite, against names alone.
pub fn inventory(bench: &Bench) -> Outcome<()> {
    let database = bench.path("inventory.db");
    let locate = bench.path("locate.db");
    let ours = |fresh: bool| {
        if fresh {
            delete(&database);
        }
        time(
            bench
                .index(&["run", "--once", "--no-hashes", "--root", "/", "--database"])
                .arg(&database),
        )
    };
    let theirs = || {
        // A database that is there already would be brought up to date instead of made.
        std::fs::remove_file(&locate).ok();
        time(Command::new("updatedb").arg("-o").arg(&locate).args([
            "--prunepaths",
            "",
            "--prunenames",
            "",
            "--prunefs",
            PSEUDO,
        ]))
    };
    // Once each for the page cache.
    ours(true)?;
    theirs()?;
    let (mut a, mut b, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        a.push(ours(true)?);
        again.push(ours(false)?);
        b.push(theirs()?);
    }
    let connection = index::store::open_to_read(&database)?;
    let entries: i64 = connection.query_row("SELECT count(*) FROM entry", [], |r| r.get(0))?;
    let (a, b, again) = (median(a), median(b), median(again));
    println!("## Inventory of /: {entries} entries, all attributes, every index");
    println!(
        "cordon {a:.2}, updatedb (names alone) {b:.2}: ratio {:.2} (aim 1.0)",
        a / b
    );
    println!("a walk that finds no difference: {again:.2}\n");
    Ok(())
}

/// MD5, SHA-1 and SHA-256 of /usr, page cache warm.
pub fn hash(bench: &Bench) -> Outcome<()> {
    let database = bench.path("hash.db");
    let ours = || {
        delete(&database);
        time(
            bench
                .index(&["run", "--once", "--root", "/usr", "--database"])
                .arg(&database),
        )
    };
    let config = bench.path("aide.conf");
    std::fs::write(
        &config,
        format!(
            "database_out=file:{}\ngzip_dbout=no\nreport_url=stdout\n/usr p+i+n+u+g+s+m+c+md5+sha1+sha256\n",
            bench.path("aide.db").display()
        ),
    )?;
    let aide = || {
        time(
            Command::new("aide")
                .arg("--init")
                .arg("--config")
                .arg(&config),
        )
    };
    ours()?;
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        a.push(ours()?);
        b.push(aide()?);
        c.push(time(&mut shell(
            "find /usr -xdev -type f -print0 | xargs -0 -P2 -n200 sha256sum",
        ))?);
    }
    let connection = index::store::open_to_read(&database)?;
    let (files, bytes, states): (i64, i64, i64) = connection.query_row(
        "SELECT count(*), sum(e.size), sum(g.state <> 0) FROM digest g JOIN entry e ON e.id = g.entry",
        [],
        |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)),
    )?;
    let size = std::fs::metadata(&database)?.len();
    let (a, b, c) = (median(a), median(b), median(c));
    println!(
        "## Three hashes of /usr, cache warm: {files} files, {} MB, {states} not hashed",
        bytes / 1_000_000
    );
    println!(
        "cordon (inventory included) {a:.2}, aide --init {b:.2}: ratio {:.3} (aim 0.2)",
        a / b
    );
    println!(
        "sha256sum alone on two processes {c:.2}: ratio {:.2} (aim below 1)",
        a / c
    );
    println!(
        "database {size} bytes: {} a file (aim 300)\n",
        size / files.cast_unsigned().max(1)
    );
    Ok(())
}

/// The same with nothing in the page cache, against reading alone.
pub fn cold(bench: &Bench) -> Outcome<()> {
    let database = bench.path("cold.db");
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        delete(&database);
        drop_caches()?;
        a.push(time(
            bench
                .index(&["run", "--once", "--root", "/usr", "--database"])
                .arg(&database),
        )?);
        drop_caches()?;
        b.push(time(&mut shell(
            "find /usr -xdev -type f -print0 | xargs -0 -P2 -n200 cat",
        ))?);
    }
    let (a, b) = (median(a), median(b));
    println!("## Three hashes of /usr, cache cold");
    println!(
        "cordon {a:.2}, reading alone {b:.2}: {:.2} of its speed (aim 0.95)\n",
        b / a
    );
    Ok(())
}

fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    command
}

fn drop_caches() -> Outcome<()> {
    time(&mut shell("sync; echo 3 > /proc/sys/vm/drop_caches"))?;
    Ok(())
}
