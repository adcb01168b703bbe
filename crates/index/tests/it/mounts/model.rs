//! Random mounts and file operations; after each stretch of them the Index must agree with the disk.

use super::stage::{Stage, apart, must, run, text};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How many operations; `cargo xtask mounts` asks for more.
const OPERATIONS: &str = "CORDON_MOUNT_OPERATIONS";
const SEED: &str = "CORDON_MOUNT_SEED";
/// Between two comparisons.
const STRETCH: u64 = 40;
/// How often is drawn for a file that is there, or is not.
const DRAWS: usize = 12;
/// Written files that are remembered.
const WRITTEN: usize = 64;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
#[ignore = "until three rounds of 10,000 operations on each kind are good in a row; `cargo xtask mounts` runs it"]
fn tmpfs() {
    apart("mounts::model::tmpfs", || walk("tmpfs"));
}

#[test]
#[ignore = "until three rounds of 10,000 operations on each kind are good in a row; `cargo xtask mounts` runs it"]
fn ext4() {
    apart("mounts::model::ext4", || walk("ext4"));
}

#[test]
#[ignore = "until three rounds of 10,000 operations on each kind are good in a row; `cargo xtask mounts` runs it"]
fn xfs() {
    apart("mounts::model::xfs", || walk("xfs"));
}

#[test]
#[ignore = "until three rounds of 10,000 operations on each kind are good in a row; `cargo xtask mounts` runs it"]
fn btrfs() {
    apart("mounts::model::btrfs", || walk("btrfs"));
}

fn walk(kind: &'static str) {
    let mut stage = Stage::new();
    let tree = stage.path("tree");
    let images: Vec<PathBuf> = match kind {
        "tmpfs" => Vec::new(),
        _ => (0..3)
            .map(|i| stage.image(kind, &format!("image{i}")))
            .collect(),
    };
    match images.first() {
        None => must("mount", &["-t", "tmpfs", "none", text(&tree)]),
        Some(base) => must("mount", &["-o", "loop", text(base), text(&tree)]),
    }
    let seed = number(SEED, 0x5EED) | 1;
    let mut model = Model {
        seed,
        kind,
        tree: tree.clone(),
        out: stage.path("out"),
        images: images.into_iter().skip(1).collect(),
        points: Vec::new(),
        written: Vec::new(),
        done: std::collections::BTreeMap::new(),
        tried: Vec::new(),
    };
    for name in ["low", "up", "work", "mark"] {
        fs::create_dir(model.out.join(name)).unwrap();
    }
    for _ in 0..200 {
        model.files();
    }
    stage.index(&[tree]);
    stage.settle("at first");
    let operations = number(OPERATIONS, 160);
    let began = Instant::now();
    let mut waited = Vec::new();
    for at in 1..=operations {
        model.step();
        if at % STRETCH == 0 || at == operations {
            let settled = stage.settle(&format!("{kind}, seed {seed}, after {at} operations"));
            waited.push(settled);
            model.tried.clear();
        }
    }
    eprintln!(
        "{kind}: {operations} operations in {:.0} s, of these {:.0} s in {} comparisons, {:.1} s at most; went well: {:?}",
        began.elapsed().as_secs_f64(),
        waited.iter().sum::<Duration>().as_secs_f64(),
        waited.len(),
        waited.iter().max().unwrap_or(&Duration::ZERO).as_secs_f64(),
        model.done
    );
}

struct Model {
    seed: u64,
    kind: &'static str,
    tree: PathBuf,
    out: PathBuf,
    images: Vec<PathBuf>,
    /// Where something was mounted.
    points: Vec<PathBuf>,
    /// Files that were written; many are gone or out of sight by now.
    written: Vec<PathBuf>,
    /// What went well, and how often.
    done: std::collections::BTreeMap<&'static str, u32>,
    /// What was tried since the last comparison; told when it fails.
    tried: Vec<String>,
}

impl Drop for Model {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("since the last comparison:\n{}", self.tried.join("\n"));
        }
    }
}

impl Model {
    fn number(&mut self, below: u64) -> u64 {
        // xorshift64
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    /// A directory of the tree, or of what is mounted in it; it need not be there.
    fn directory(&mut self) -> PathBuf {
        let base = match self.number(3) {
            0 if !self.points.is_empty() => {
                let at = self.number(self.points.len() as u64) as usize;
                self.points[at].clone()
            }
            _ => self.tree.clone(),
        };
        match self.number(3) {
            0 => base.join(format!("d{}", self.number(4))),
            _ => base.join(format!("d{}/e{}", self.number(4), self.number(3))),
        }
    }

    fn file(&mut self) -> PathBuf {
        let directory = self.directory();
        directory.join(format!("f{}", self.number(8)))
    }

    /// A file that is there, if one is found soon, and a free name that is likely to be in the same file system.
    fn there(&mut self) -> Option<(PathBuf, PathBuf)> {
        let file = (0..DRAWS).find_map(|_| {
            let at = self.number(self.written.len().max(1) as u64) as usize;
            self.written.get(at).filter(|file| file.exists()).cloned()
        })?;
        let here = file.parent()?;
        let beside = here.parent()?.join(format!("e{}", self.number(3)));
        let directory = match self.number(2) {
            0 if beside.is_dir() => beside,
            _ => here.to_owned(),
        };
        let name = (0..DRAWS).find_map(|_| {
            let name = directory.join(format!("f{}", self.number(8)));
            (!name.exists()).then_some(name)
        });
        Some((file, name?))
    }

    fn count(&mut self, what: &'static str, on: &[&str], went_well: bool) {
        let how = if went_well { "" } else { ", in vain" };
        let now = jiff::Timestamp::now();
        self.tried
            .push(format!("{now} {what} {}{how}", on.join(" ")));
        if went_well {
            *self.done.entry(what).or_default() += 1;
        }
    }

    fn step(&mut self) {
        match self.number(10) {
            0..=5 => self.files(),
            _ => self.mounts(),
        }
    }

    /// Fails where what it needs is not there: that is part of the game.
    fn files(&mut self) {
        let (mut file, mut other) = (self.file(), self.file());
        let content = format!("content {}", self.number(1 << 40));
        let what = self.number(12);
        if matches!(what, 6 | 7)
            && let Some(found) = self.there()
        {
            (file, other) = found;
        }
        let (what, went_well) = match what {
            0..=4 => {
                fs::create_dir_all(file.parent().unwrap()).ok();
                ("write", fs::write(&file, content).is_ok())
            }
            5 => ("remove", fs::remove_file(&file).is_ok()),
            6 => ("rename", fs::rename(&file, &other).is_ok()),
            7 => ("link", fs::hard_link(&file, &other).is_ok()),
            8 => {
                let to = self.directory();
                let moved = fs::rename(file.parent().unwrap(), &to);
                other = to;
                ("move a directory", moved.is_ok())
            }
            9 => {
                let mode = 0o600 + (self.number(2) as u32) * 0o55;
                let set = fs::set_permissions(&file, fs::Permissions::from_mode(mode));
                ("permissions", set.is_ok())
            }
            10 => ("symlink", symlink("somewhere", &other).is_ok()),
            _ => {
                let directory = file.parent().unwrap();
                let gone = self.number(4) == 0 && fs::remove_dir_all(directory).is_ok();
                ("remove a directory", gone)
            }
        };
        let on = [text(&file), text(&other)];
        self.count(what, &on, went_well);
        if went_well && matches!(what, "write" | "link" | "rename") {
            let now = if what == "write" { file } else { other };
            self.written.push(now);
            let keep = self.written.len().saturating_sub(WRITTEN);
            self.written.drain(..keep);
        }
    }

    fn point(&mut self) -> PathBuf {
        let point = self.directory();
        let made = !point.exists() && fs::create_dir_all(&point).is_ok();
        if made {
            let now = jiff::Timestamp::now();
            self.tried
                .push(format!("{now} a point, {}", point.display()));
        }
        point
    }

    /// One that may be mounted still.
    fn mounted(&mut self) -> PathBuf {
        match self.points.len() as u64 {
            0 => self.point(),
            some => {
                let at = self.number(some) as usize;
                self.points[at].clone()
            }
        }
    }

    fn mount(&mut self, what: &'static str, args: &[&str], point: PathBuf) {
        let went_well = run("mount", &[args, &[text(&point)]].concat());
        self.count(what, &[args, &[text(&point)]].concat(), went_well);
        if went_well {
            self.points.push(point);
        }
    }

    /// Another file system of the kind.
    fn another(&mut self, what: &'static str, point: PathBuf) {
        if self.images.is_empty() || self.number(3) == 0 {
            return self.mount(what, &["-t", "tmpfs", "none"], point);
        }
        let at = self.number(self.images.len() as u64) as usize;
        let image = self.images[at].clone();
        if self.kind == "btrfs" && self.number(2) == 0 {
            let part = format!("loop,subvol=d{}", self.number(4));
            return self.mount("mount a subvolume", &["-o", &part, text(&image)], point);
        }
        self.mount(what, &["-o", "loop", text(&image)], point);
    }

    fn unmount(&mut self, what: &'static str, point: &Path) {
        let lazily = self.number(3) == 0;
        let args: &[&str] = if lazily { &["-q", "-l"] } else { &["-q"] };
        let args = [args, &[text(point)]].concat();
        let went_well = run("umount", &args);
        self.count(what, &args, went_well);
    }

    fn mounts(&mut self) {
        match self.number(16) {
            0 | 1 => {
                let point = self.point();
                self.another("mount", point);
            }
            2 => {
                let (from, point) = (self.point(), self.point());
                self.mount("bind", &["--bind", text(&from)], point);
            }
            3 => {
                let (from, point) = (self.out.clone(), self.point());
                self.mount("bind from outside", &["--bind", text(&from)], point);
            }
            4 => {
                let (from, point) = (self.file(), self.file());
                fs::write(&from, "mounted over another").ok();
                fs::write(&point, "covered").ok();
                self.mount("bind a file", &["--bind", text(&from)], point);
            }
            5 => {
                let low = self.point();
                let out = text(&self.out).to_owned();
                let how = format!(
                    "lowerdir={},upperdir={out}/up,workdir={out}/work",
                    text(&low)
                );
                let point = self.point();
                self.mount("overlay", &["-t", "overlay", "-o", &how, "none"], point);
            }
            6 | 7 => {
                let point = self.mounted();
                self.unmount("swap away", &point);
                self.another("swap in", point);
            }
            8 => {
                let (from, to) = (self.mounted(), self.point());
                self.mount("move", &["--move", text(&from)], to);
            }
            9 => {
                // Gone before anybody looks.
                let (from, point) = (self.out.join("mark"), self.point());
                fs::write(point.join("before"), "x").ok();
                if run("mount", &["--bind", text(&from), text(&point)]) {
                    fs::write(point.parent().unwrap().join("beside"), "x").ok();
                    self.unmount("cover for a moment", &point);
                }
                fs::write(point.join("after"), "x").ok();
            }
            10 if self.kind == "btrfs" => self.subvolumes(),
            11 if self.number(12) == 0 => self.pivot(),
            12 => {
                // Nobody ever sees the folder itself again, but for what was bound elsewhere.
                let point = self.mounted();
                let went_well = run("mount", &["-o", "remount,bind,ro", text(&point)]);
                self.count("read only", &[text(&point)], went_well);
            }
            _ => {
                let point = self.mounted();
                self.unmount("unmount", &point);
            }
        }
        self.points.dedup();
        let keep = self.points.len().saturating_sub(12);
        self.points.drain(..keep);
    }

    fn subvolumes(&mut self) {
        let (one, other) = (self.directory(), self.directory());
        fs::create_dir_all(other.parent().unwrap()).ok();
        let (what, args): (_, &[&str]) = match self.number(4) {
            0 | 1 => ("subvolume", &["subvolume", "create", text(&other)]),
            2 => (
                "snapshot",
                &["subvolume", "snapshot", text(&one), text(&other)],
            ),
            _ => ("delete a subvolume", &["subvolume", "delete", text(&one)]),
        };
        let went_well = run("btrfs", args);
        self.count(what, args, went_well);
    }

    /// The same folders through another root: every mount is another one then.
    fn pivot(&mut self) {
        let root = self.out.join("root");
        fs::create_dir_all(root.join("old")).unwrap();
        must("mount", &["--rbind", "/", text(&root)]);
        let old = root.join(self.out.strip_prefix("/").unwrap()).join("root");
        let went_well = rustix::process::pivot_root(&root, &old).is_ok();
        if went_well {
            std::env::set_current_dir("/").unwrap();
            must("umount", &["-l", text(&self.out.join("root"))]);
        } else {
            must("umount", &["-l", text(&root)]);
        }
        self.count("pivot", &[], went_well);
    }
}
