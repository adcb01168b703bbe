//! Packages: what an endpoint can be made to do.

use super::shared::{distinct_keys, field, placeholders};
use super::{ContentSet, Fixture, Interpreter, Limits, Parameter, Platform};
use crate::form::{
    FileRef, FilterText, Line, LongText, Reading, Seconds, Sha256Text, choice, record, words,
};
use crate::name::{Name, Ref};
use crate::yaml::Node;
use std::collections::BTreeMap;

record! {
    /// A package: a command, a script or a built-in job for each platform, with its files and parameters.
    pub struct Package {
        /// Name.
        name: Name<Package>,
        /// What it does, and what it changes on an endpoint.
        description: LongText = LongText::default(),
        /// Heading under which it is listed.
        category: Option<Line>,
        /// Content set it lies in; the pack's first one where none is said.
        content_set: Option<Ref<ContentSet>>,
        /// Further names, under which it was known elsewhere.
        aliases: Vec<Name<Package>>,
        /// What is run, for each platform.
        platforms: PackagePlatforms,
        /// Files that are on the endpoint before anything is run.
        files: Vec<PackageFile>,
        /// Parameters in order, as they are asked for.
        parameters: Vec<Parameter>,
        /// Wall time of the run; then it is ended with everything it started.
        command_timeout: Seconds = Seconds(900),
        /// Time for fetching its files.
        download_timeout: Seconds = Seconds(600),
        /// Runs also where the endpoint's action lock is on.
        ignore_action_lock: bool = false,
        /// How one knows afterwards that it did what it should.
        verify: Option<Verify>,
        /// User that it runs as; the agent's own where none is said.
        run_as: Option<Line>,
        /// What a run may use, beside its time.
        limits: Limits,
        /// The package that this one was copied from.
        source: Option<Source>,
        /// Runs with known output.
        fixtures: Vec<Fixture>,
    }
    checked by check;
}

record! {
    /// What is run, for each platform. On one that is not named the package does not run.
    pub struct PackagePlatforms {
        /// On Linux.
        linux: Option<Run>,
        /// On macOS.
        macos: Option<Run>,
        /// On Windows.
        windows: Option<Run>,
    }
    checked by some_platform;
}

choice! {
    /// What is run.
    pub enum Run {
        /// A program with arguments, without a shell.
        Command(Command) = "command",
        /// A script.
        Script(PackageScript) = "script",
        /// A job that the agent has built in.
        Job(JobRun) = "job",
    }
}

record! {
    /// A program with arguments. `||key||` inside an argument is the value of a parameter; whatever it holds, it stays inside that argument.
    pub struct Command {
        /// The program: a name that is looked for in the system's folders, or a file of the package.
        program: Line,
        /// Its arguments.
        arguments: Vec<LongText>,
    }
}

record! {
    /// A script. Parameters reach it as environment variables `CORDON_PARAM_KEY`.
    pub struct PackageScript {
        /// What runs it.
        interpreter: Interpreter,
        /// The script.
        text: Option<LongText>,
        /// The file with the script.
        file: Option<FileRef>,
    }
    exactly one of "text", "file";
}

record! {
    /// A built-in job with the values it takes. `||key||` is the value of a parameter.
    pub struct JobRun {
        /// Which job.
        name: Job,
        /// What it takes.
        with: BTreeMap<String, LongText>,
    }
}

words! {
    /// Jobs that agents have built in. A word that an agent does not know is refused there with a reason.
    pub enum Job {
        /// Puts tools of the agent in place: the folder of a solution with its files.
        InstallTools = "install-tools",
        /// Puts a configuration file of the Index in place.
        IndexConfigure = "index-configure",
        /// Puts a list of digests to look for in place.
        IndexBlacklist = "index-blacklist",
        /// Starts the Index.
        IndexStart = "index-start",
        /// Stops the Index.
        IndexStop = "index-stop",
        /// Deletes what the Index has gathered, so that it begins anew.
        IndexDelete = "index-delete",
        /// Looks for files by pattern across folders.
        SearchFiles = "search-files",
        /// Looks for bytes in files across folders.
        SearchBytes = "search-bytes",
        /// Compares the digests of running programs with given ones.
        MatchRunning = "match-running",
        /// Compares the digests of files across folders with given ones.
        MatchFiles = "match-files",
        /// Copies files to a central place.
        CopyFiles = "copy-files",
        /// Copies the results of a job to a central place.
        CopyResults = "copy-results",
        /// Collects what a collector configuration names and hands it to a destination.
        LiveResponse = "live-response",
        /// Isolates the endpoint.
        QuarantineApply = "quarantine-apply",
        /// Ends the isolation.
        QuarantineRemove = "quarantine-remove",
        /// Turns the action lock on or off.
        ActionLock = "action-lock",
        /// Sets or removes tags of the endpoint.
        CustomTags = "custom-tags",
    }
}

record! {
    /// A file of a package.
    pub struct PackageFile {
        /// Name on the endpoint; the file's own where none is said.
        name: Option<Line>,
        /// A file of the pack.
        file: Option<FileRef>,
        /// A file that whoever imports the pack supplies, by the name under which `pack.yaml` asks for it.
        supplied: Option<Line>,
        /// The package is of use without it.
        optional: bool = false,
    }
    exactly one of "file", "supplied";
}

record! {
    /// A filter that must hold on the endpoint after the run, within a time.
    pub struct Verify {
        /// The filter.
        filter: FilterText,
        /// How long it is waited for.
        within: Seconds = Seconds(600),
    }
}

record! {
    /// The package that one was copied from, so that one can be told when that one changed since.
    pub struct Source {
        /// The package.
        package: Ref<Package>,
        /// Its digest when it was copied.
        sha256: Sha256Text,
    }
}

fn some_platform(made: &PackagePlatforms, node: &Node, reading: &mut Reading<'_>) {
    if made.linux.is_none() && made.macos.is_none() && made.windows.is_none() {
        reading.fault(
            node.place,
            "no platform has anything to run; give linux, macos or windows",
        );
    }
}

fn check(made: &Package, node: &Node, reading: &mut Reading<'_>) {
    if let Some(parameters) = field(node, "parameters") {
        let keys = made.parameters.iter().filter_map(|p| p.key.as_ref());
        distinct_keys(keys.map(Line::as_str), parameters, reading);
    }
    let place = field(node, "platforms").map_or(node.place, |n| n.place);
    for (platform, run) in made.runs() {
        let texts: Vec<&str> = match run {
            Run::Command(command) => std::iter::once(command.program.as_str())
                .chain(command.arguments.iter().map(LongText::as_str))
                .collect(),
            Run::Job(job) => job.with.values().map(LongText::as_str).collect(),
            Run::Script(_) => Vec::new(),
        };
        for key in texts.into_iter().flat_map(placeholders) {
            if !made.has_parameter(key) {
                reading.fault(
                    place,
                    format!(
                        "{}: there is no parameter `{key:.60}` for `||{key:.60}||`",
                        platform.word()
                    ),
                );
            }
        }
    }
    for fixture in &made.fixtures {
        if made.run(fixture.platform).is_none() {
            let place = field(node, "fixtures").map_or(node.place, |n| n.place);
            reading.fault(
                place,
                format!(
                    "`{}` is for {}, where nothing is run",
                    fixture.name,
                    fixture.platform.word()
                ),
            );
        }
    }
}

impl Package {
    /// What is run on a platform.
    #[must_use]
    pub fn run(&self, platform: Platform) -> Option<&Run> {
        match platform {
            Platform::Linux => self.platforms.linux.as_ref(),
            Platform::Macos => self.platforms.macos.as_ref(),
            Platform::Windows => self.platforms.windows.as_ref(),
        }
    }

    /// Whether it has a parameter of this key.
    #[must_use]
    pub fn has_parameter(&self, key: &str) -> bool {
        let is = |p: &Parameter| p.key.as_ref().is_some_and(|k| k.as_str() == key);
        self.parameters.iter().any(is)
    }

    /// What is run, platform by platform.
    pub fn runs(&self) -> impl Iterator<Item = (Platform, &Run)> {
        Platform::ALL
            .iter()
            .filter_map(|p| self.run(*p).map(|run| (*p, run)))
    }

    /// Least life of an action with this package: what its downloads and its command may take.
    #[must_use]
    pub fn least_expiry(&self) -> Seconds {
        Seconds(
            self.command_timeout
                .0
                .saturating_add(self.download_timeout.0),
        )
    }
}
