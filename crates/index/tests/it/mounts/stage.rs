//! A stage for mounts: a namespace of its own, folders to mount in, and an Index that runs over them.

use index::home::Home;
use index::status::{self, Status};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Set in the process that a test starts for itself: to the test's name.
const APART: &str = "CORDON_TEST_APART";
/// Set in the process that indexes: to its home. What a process does itself is told to it in another way than what others
/// do, so the one that indexes is not the one that changes things.
const SERVES: &str = "CORDON_TEST_SERVES";
/// Long enough for a loaded machine; nothing waits so long when all is well.
pub const PATIENCE: Duration = Duration::from_secs(240);
/// Of a log that is shown.
const MOST_LOG: usize = 1 << 20;
/// Between two looks at most.
const MOMENT: Duration = Duration::from_millis(500);

/// Runs a test in a process and a mount namespace of its own, so that no other test meets what it mounts. `name` is the
/// test's, with its modules.
pub fn apart(name: &str, test: impl FnOnce()) {
    assert!(
        rustix::process::geteuid().is_root(),
        "mounting file systems needs root"
    );
    if let Some(home) = std::env::var_os(SERVES) {
        return serve(&Home::new(PathBuf::from(home)));
    }
    if std::env::var_os(APART).is_some() {
        return test();
    }
    let done = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--include-ignored", "--nocapture"])
        .env(APART, name)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    eprint!("{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(
        done.status.success() && said.contains("1 passed"),
        "{name} failed"
    );
}

/// Runs the Index until nobody holds the other end of the standard input any more.
fn serve(home: &Home) {
    let stop = Arc::<AtomicBool>::default();
    let ends = Arc::clone(&stop);
    std::thread::spawn(move || {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
        ends.store(true, Ordering::SeqCst);
    });
    index::service::run(home, &stop).unwrap();
}

/// Runs a program; tells whether it went well.
pub fn run(program: &str, args: &[&str]) -> bool {
    let done = Command::new(program).args(args).output().unwrap();
    done.status.success()
}

/// The same, where it must.
pub fn must(program: &str, args: &[&str]) {
    let done = Command::new(program).args(args).output().unwrap();
    assert!(done.status.success(), "{program} {args:?}: {done:?}");
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Whatever the Index writes: its status, its database. It works at the lowest priority; who would ask it without a pause
/// would keep it from its work.
struct News {
    told: OwnedFd,
    began: Instant,
}

impl News {
    fn of(home: &Home) -> Self {
        let told = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).unwrap();
        let what = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
        inotify::add_watch(&told, home.folder(), what).unwrap();
        Self {
            told,
            began: Instant::now(),
        }
    }

    /// Waits for something that was written since the last time, or for a moment: what is written is told before other processes see
    /// it (SQLite tells them through memory that they share), and a look that failed is not ended by any writing. False when there is no
    /// patience left.
    fn wait(&self) -> bool {
        let mut fds = [PollFd::new(&self.told, PollFlags::IN)];
        poll(&mut fds, Some(&MOMENT.try_into().unwrap())).unwrap();
        // Before one looks: what is written meanwhile is told again.
        while rustix::io::read(&self.told, &mut [0; 4096]).is_ok() {}
        self.began.elapsed() < PATIENCE
    }
}

/// Folders: `tree` is indexed, `out` is not; `home` is the Index's.
pub struct Stage {
    pub folder: tempfile::TempDir,
    service: Option<Child>,
}

impl Stage {
    pub fn new() -> Self {
        let stage = Self {
            folder: tempfile::tempdir().unwrap(),
            service: None,
        };
        for name in ["tree", "out"] {
            std::fs::create_dir(stage.path(name)).unwrap();
        }
        stage
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    pub fn home(&self) -> Home {
        Home::new(self.path("home"))
    }

    /// Makes a file system in a file.
    pub fn image(&self, kind: &str, name: &str) -> PathBuf {
        self.image_of(kind, name, if kind == "xfs" { 320 } else { 160 })
    }

    /// The same, of so many megabytes.
    pub fn image_of(&self, kind: &str, name: &str, megabytes: u64) -> PathBuf {
        let image = self.path(name);
        std::fs::File::create(&image)
            .and_then(|file| file.set_len(megabytes << 20))
            .unwrap();
        let mkfs = format!("mkfs.{kind}");
        let force = if kind == "ext4" { "-F" } else { "-f" };
        must(&mkfs, &["-q", force, text(&image)]);
        image
    }

    /// Starts the Index over these folders.
    pub fn index(&mut self, folders: &[PathBuf]) {
        let home = self.home();
        home.make().unwrap();
        let list: Vec<&str> = folders.iter().map(|f| text(f)).collect();
        let config = format!(
            "CPUUsageLimit=none\nHashesToCalculate=MD5\nRescanInterval=86400\nlogging.loggers.root.level=debug\nIndexOnly={}\n",
            list.join(",")
        );
        std::fs::write(home.folder().join("config.ini"), config).unwrap();
        let name = std::env::var_os(APART).unwrap();
        let service = Command::new(std::env::current_exe().unwrap())
            .arg("--exact")
            .arg("--include-ignored")
            .arg(name)
            .args(["--nocapture"])
            .env(SERVES, home.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        self.service = Some(service.unwrap());
    }

    pub fn status(&self) -> Status {
        status::current(&self.home()).unwrap()
    }

    /// Waits until the Index says this.
    pub fn reach(&self, what: &str, is: impl Fn(&Status) -> bool) -> Status {
        let news = News::of(&self.home());
        loop {
            let status = self.status();
            if is(&status) {
                return status;
            }
            assert!(news.wait(), "{what}: {status:?}\n{}", self.log());
        }
    }

    /// Waits until the Index agrees with the disk and nothing waits for its hashes. Answers for how long.
    pub fn settle(&self, what: &str) -> Duration {
        let news = News::of(&self.home());
        self.reach(what, |status| status.state.name() == "Monitoring");
        // When each look began, how long it took, and how much waited.
        let mut looks = vec![(news.began.elapsed(), Duration::ZERO, 0)];
        loop {
            let began = Instant::now();
            let at = news.began.elapsed();
            let looked = self.verify();
            looks.push((
                at,
                began.elapsed(),
                looked.as_ref().map_or(0, |found| found.0),
            ));
            let (pending, differences) = match looked {
                Ok(found) => found,
                Err(error) => {
                    assert!(
                        news.wait(),
                        "{what}: it cannot be verified: {error:?}\n{}",
                        self.log()
                    );
                    continue;
                }
            };
            if pending == 0 && differences.is_empty() {
                return news.began.elapsed();
            }
            assert!(
                news.wait(),
                "{what}: {pending} wait: {:#?}; {differences:#?}\nlooks {looks:?}\n{}\n{}",
                self.unread(),
                self.log(),
                std::fs::read_to_string("/proc/self/mountinfo").unwrap()
            );
        }
    }

    fn verify(&self) -> Result<(u64, Vec<index::verify::Difference>), Box<dyn std::error::Error>> {
        let round = index::round::of_database(&self.home().database())?;
        let found = std::sync::Mutex::new(Vec::new());
        let tell = |difference| found.lock().unwrap().push(difference);
        let survey = round.survey()?;
        let report = round
            .with_plan(|plan| index::verify::verify(&survey, Some(plan), &round.progress, &tell))?;
        Ok((report.pending + report.again, found.into_inner().unwrap()))
    }

    /// What has no hashes, and why.
    fn unread(&self) -> Vec<String> {
        let database = rusqlite::Connection::open(self.home().database()).unwrap();
        let mut rows = database
            .prepare(
                "SELECT d.path, e.name, e.flags, e.links, g.state, g.hashed, e.mode FROM entry e LEFT JOIN directory d ON d.id = e.dir
                 LEFT JOIN digest g ON g.entry = e.id WHERE g.state != 0 OR g.state IS NULL AND e.mode & 61440 = 32768",
            )
            .unwrap();
        let told = rows.query_map([], |row| {
            let bytes = |at| {
                row.get_ref(at)
                    .map(|v| String::from_utf8_lossy(v.as_bytes().unwrap_or_default()).into_owned())
            };
            let (flags, links): (u32, u32) = (row.get(2)?, row.get(3)?);
            let (state, at): (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
            let mode: u32 = row.get(6)?;
            Ok(format!(
                "{}/{} mode {mode:o} flags {flags:x} links {links}: state {state:?} at {at:?}",
                bytes(0)?,
                bytes(1)?
            ))
        });
        told.unwrap().map(Result::unwrap).collect()
    }

    /// Unmounts as anybody would, who waits a moment for what is just being read there: the Index holds nothing for long.
    pub fn unmount(&self, point: &Path) {
        let began = Instant::now();
        while !run("umount", &["-q", text(point)]) {
            assert!(began.elapsed() < PATIENCE, "{} is held", point.display());
        }
    }

    /// The end of what the Index says of its work.
    pub fn log(&self) -> String {
        let log = std::fs::read(self.home().folder().join("cordon-index.log")).unwrap_or_default();
        let end = log
            .get(log.len().saturating_sub(MOST_LOG)..)
            .unwrap_or_default();
        String::from_utf8_lossy(end).into_owned()
    }

    /// What the Index has below the tree, and how often.
    pub fn names(&self) -> Vec<String> {
        let connection = index::store::open_to_read(&self.home().database()).unwrap();
        let all = index::query::Filter {
            directories: true,
            ..index::query::Filter::default()
        };
        let mut names = Vec::new();
        let tree = self.path("tree");
        index::query::find(&connection, &all, &mut |record| {
            let path = String::from_utf8(record.path()).unwrap();
            names.extend(path.strip_prefix(text(&tree)).map(str::to_owned));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        names.sort();
        names
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(mut service) = self.service.take() {
            drop(service.stdin.take());
            let ended = service.wait().unwrap();
            assert!(ended.success() || std::thread::panicking());
        }
        // What is mounted goes with the namespace; the folders are to be removed.
        let folder = self.folder.path().canonicalize().unwrap();
        let table = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
        let points = table.lines().filter_map(|line| line.split(' ').nth(4));
        let points: Vec<&str> = points.filter(|p| p.starts_with(text(&folder))).collect();
        for point in points.into_iter().rev() {
            run("umount", &["-q", "-l", point]);
        }
    }
}
