//! `cordon index run`.

use crate::EXIT_PARTIAL;
use crate::args::RunArgs;
use crate::commands::ownership;
use ::index::config::Config;
use ::index::home::Home;
use ::index::image::{self, ImageError, Report};
use ::index::round::{self, Round};
use anyhow::{Context, Result};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Runs the command.
pub fn run(home: &Home, args: RunArgs) -> Result<ExitCode> {
    match (args.once, &args.database) {
        (true, Some(database)) => once(database, &args),
        _ => {
            ownership::must_be_ours(home.folder())?;
            ::index::service::run(home, &told_to_stop()?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// `cordon index service`.
pub fn service(home: &Home) -> Result<ExitCode> {
    ownership::must_be_ours(home.folder())?;
    crate::commands::keep_memory_private()?;
    ::index::service::keep(home, &told_to_stop()?)?;
    Ok(ExitCode::SUCCESS)
}

fn once(database: &Path, args: &RunArgs) -> Result<ExitCode> {
    let (config, text) = match &args.config {
        None => (round::unbounded(), String::new()),
        Some(path) => {
            let text = std::fs::read(path)
                .with_context(|| format!("cannot read the configuration {}", path.display()))?;
            let (config, warnings) = Config::read(&text);
            for warning in warnings {
                anstream::eprintln!("{}: {warning}", path.display());
            }
            (config, String::from_utf8_lossy(&text).into_owned())
        }
    };
    let round = Round {
        threads: if config.cpu_usage_limit.is_some() {
            1
        } else {
            round::threads()
        },
        pacer: ::index::service::pacer_of(&config),
        config: Arc::new(config),
        database: std::path::absolute(database)
            .with_context(|| format!("cannot find {}", database.display()))?,
        home: None,
        roots: args.roots.clone(),
        numbers: Arc::default(),
        met: Arc::default(),
        surprises: Arc::default(),
        progress: Arc::default(),
    };
    let bar = bar("entries");
    let entries = watch(&bar, {
        let round = round.clone();
        move |bar| bar.set_position(round.entries())
    });
    let read = ProgressBar::hidden();
    let mut files = None;
    let shown = || {
        drop(entries);
        bar.finish_and_clear();
        read.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        read.set_style(hash_style());
        let progress = Arc::clone(&round.progress);
        files = Some(watch(&read, move |bar| {
            bar.set_length(progress.bytes.load(Ordering::Relaxed));
            bar.set_position(progress.read.load(Ordering::Relaxed));
            bar.set_message(format!(
                "{} of {} files",
                HumanCount(progress.done.load(Ordering::Relaxed)),
                HumanCount(progress.files.load(Ordering::Relaxed))
            ));
        }));
    };
    let hashes = !args.no_hashes;
    let report = match &args.image {
        None => round.once(text, hashes, shown).map(|()| None)?,
        Some(image) => match image::index(&round, image, text, hashes, |_| shown()) {
            Ok(report) => Some(report),
            Err(error @ ImageError::Nothing { .. }) => {
                anstream::eprintln!("cordon: {error}");
                return Ok(ExitCode::from(EXIT_PARTIAL));
            }
            Err(error) => return Err(error.into()),
        },
    };
    drop(files);
    read.finish_and_clear();
    let entries = match &report {
        None => round.entries(),
        Some(report) => report.volumes.iter().map(|v| v.entries).sum(),
    };
    if let Some(report) = &report {
        tell(report);
    }
    anstream::eprintln!(
        "{} entries, {} files read ({})",
        HumanCount(entries),
        HumanCount(round.progress.done.load(Ordering::Relaxed)),
        HumanBytes(round.progress.read.load(Ordering::Relaxed)),
    );
    if report.is_some_and(|report| report.is_partial()) {
        anstream::eprintln!("cordon: a part of the image was not read");
        return Ok(ExitCode::from(EXIT_PARTIAL));
    }
    Ok(ExitCode::SUCCESS)
}

/// What was found in an image, beside what the database says.
fn tell(report: &Report) {
    for v in &report.volumes {
        anstream::eprintln!(
            "{}: {}, {} entries ({} streams, {} orphans), {} deleted files left out, {} damaged places{}",
            v.point,
            v.kind,
            HumanCount(v.entries),
            HumanCount(v.streams),
            HumanCount(v.orphans),
            HumanCount(v.deleted),
            HumanCount(v.damaged),
            v.failed
                .as_ref()
                .map(|why| format!("; not read to its end: {why}"))
                .unwrap_or_default()
        );
    }
    for damage in &report.damage {
        anstream::eprintln!("damaged: {damage}");
    }
    for l in &report.left_out {
        anstream::eprintln!(
            "left out: {} of {} at byte {}: {}",
            l.kind,
            HumanBytes(l.bytes),
            l.offset,
            l.why
        );
    }
}

/// Set when the process is told to end.
fn told_to_stop() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the signal handler")?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            runtime.block_on(async {
                super::super::shutdown_signal().cancelled().await;
                told.store(true, Ordering::Relaxed);
            });
        })
        .context("cannot start the signal handler")?;
    Ok(stop)
}

fn bar(what: &str) -> ProgressBar {
    ProgressBar::no_length()
        .with_style(
            ProgressStyle::with_template("{spinner} {human_pos} {msg}  {per_sec}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        )
        .with_message(what.to_owned())
}

fn hash_style() -> ProgressStyle {
    ProgressStyle::with_template(
        "{bar:30} {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left  {msg}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Keeps a bar up to date until it is dropped.
pub(super) struct Watch {
    stop: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

pub(super) fn watch(bar: &ProgressBar, update: impl Fn(&ProgressBar) + Send + 'static) -> Watch {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let bar = bar.clone();
    let thread = std::thread::spawn(move || {
        while stopped.recv_timeout(Duration::from_millis(100))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            update(&bar);
        }
    });
    Watch {
        stop: Some(stop),
        thread: Some(thread),
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A bar that panicked takes nothing with it.
            thread.join().ok();
        }
    }
}
