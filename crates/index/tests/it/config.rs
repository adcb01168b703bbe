//! `config.ini`: every key, every mistake, versions on disk.

use index::config::{
    Config, ConfigStore, Current, Hashes, KEYS, Level, MARKER, MOST_WARNINGS, Mark, Platform,
    StoreError, Warning, is_sample, keys, render_sample,
};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::time::Duration;

fn linux(text: &str) -> (Config, Vec<Warning>) {
    Config::read_for(text, Platform::Linux)
}

fn one(text: &str) -> (Config, Warning) {
    let (config, mut warnings) = linux(text);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    (config, warnings.remove(0))
}

#[test]
fn defaults() {
    let (config, warnings) = linux("");
    assert_eq!(warnings, []);
    assert_eq!(config, Config::defaults(Platform::Linux));
    assert_eq!(config.cpu_usage_limit, Some(5.0));
    assert_eq!(config.cpu_violation_threshold, None);
    assert_eq!(config.stop_after_cpu_violations, 0);
    assert!(!config.take_sample_on_cpu_violation);
    assert_eq!(
        config.hashes,
        Hashes {
            md5: true,
            sha1: true,
            sha256: true,
            blake3: false
        }
    );
    assert_eq!(config.max_size_to_hash, Some(32 << 20));
    assert_eq!(config.file_indexes_per_throttle, 1000);
    assert_eq!(config.file_hash_updates_per_throttle, 100);
    assert_eq!(config.rescan_interval, Duration::from_secs(3600));
    assert!(!config.scan_file_permissions);
    assert!(config.track_changes);
    assert_eq!(config.log_level, Level::Information);
    assert!(config.exclude_from_hashing.is_empty() && config.exclude_from_indexing.is_empty());
    assert!(config.recorder_directory.is_none() && config.filesystem_types_to_exclude.is_empty());
}

#[test]
fn every_documented_key_has_its_marks() {
    use Mark::{No, OnRequest, Yes};
    let expected = [
        ("CPUUsageLimit", [Yes, Yes, Yes]),
        ("CPUViolationThreshold", [No, No, OnRequest]),
        ("CPUViolationInterval", [No, No, OnRequest]),
        ("StopAfterCPUViolations", [No, No, OnRequest]),
        ("TakeSampleOnCPUViolation", [No, No, OnRequest]),
        ("HashesToCalculate", [Yes, Yes, Yes]),
        ("MaxFileSizeToHashMB", [Yes, Yes, Yes]),
        ("FileIndexesPerThrottle", [Yes, Yes, Yes]),
        ("FileHashUpdatesPerThrottle", [Yes, Yes, Yes]),
        ("RescanInterval", [Yes, Yes, Yes]),
        ("ScanFilePermissions", [OnRequest, OnRequest, OnRequest]),
        ("TrackChanges", [Yes, Yes, No]),
        ("logging.loggers.root.level", [Yes, Yes, Yes]),
        ("FilesystemTypesToExclude", [No, OnRequest, No]),
        ("RecorderDBRescanInterval", [No, OnRequest, OnRequest]),
        ("RecorderDBEventsPerRead", [No, OnRequest, OnRequest]),
        ("RecorderDirectory", [No, OnRequest, OnRequest]),
        ("ExcludeFromIndexing", [OnRequest, OnRequest, OnRequest]),
        ("ExcludeFromHashing", [OnRequest, OnRequest, OnRequest]),
    ];
    assert_eq!(keys::DOCUMENTED, expected.len());
    for (key, (name, marks)) in KEYS.iter().zip(expected) {
        assert_eq!((key.name, [key.windows, key.linux, key.mac]), (name, marks));
    }
}

#[test]
fn a_whole_file() {
    let text = "\u{feff}; mine\r\ncpuusagelimit = 7 %\r\nHashesToCalculate=sha-256, Blake3\r\nMaxFileSizeToHashMB=1\r\n\
                FileIndexesPerThrottle=10\r\nFileHashUpdatesPerThrottle = 20 ; blocks\r\nRESCANINTERVAL=2h\r\n\
                ScanFilePermissions=yes\r\nTrackChanges=off\r\nlogging.loggers.root.level=Trace\r\n\
                FilesystemTypesToExclude=vfat, iso9660\r\nRecorderDBRescanInterval=5\r\nRecorderDBEventsPerRead=7\r\n\
                RecorderDirectory=\"/opt/my recorder\"\r\nExcludeFromIndexing=^/srv/a,b(/|$)\r\n# another\r\n\
                ExcludeFromIndexing=\\.tmp$\r\nExcludeFromHashing=^/var/lib/[;#] x\r\nPauseOnBattery=1\r\nIndexOnly=/srv, /home";
    let (config, warnings) = linux(text);
    assert_eq!(warnings, []);
    assert_eq!(config.cpu_usage_limit, Some(7.0));
    assert_eq!(config.hashes.to_string(), "SHA256,BLAKE3");
    assert!(config.too_large_to_hash(1 << 20) && !config.too_large_to_hash((1 << 20) - 1));
    assert_eq!(
        (
            config.file_indexes_per_throttle,
            config.file_hash_updates_per_throttle
        ),
        (10, 20)
    );
    assert_eq!(config.rescan_interval, Duration::from_secs(7200));
    assert!(config.scan_file_permissions && !config.track_changes && config.pause_on_battery);
    assert_eq!(config.index_only, [Path::new("/srv"), Path::new("/home")]);
    assert_eq!(config.log_level, Level::Trace);
    assert!(
        config.excludes_filesystem("VFAT")
            && config.excludes_filesystem("iso9660")
            && !config.excludes_filesystem("ext4")
    );
    assert_eq!(
        config.recorder_rescan_interval,
        Some(Duration::from_secs(5))
    );
    assert_eq!(config.recorder_events_per_read, Some(7));
    assert_eq!(
        config.recorder_directory.as_deref(),
        Some(Path::new("/opt/my recorder"))
    );
    assert!(
        config.excludes_indexing(b"/srv/a,b")
            && config.excludes_indexing(b"/srv/a,b/c")
            && config.excludes_indexing(b"/x.tmp")
    );
    assert!(!config.excludes_indexing(b"/srv/a,bc") && !config.excludes_indexing(b"/x.tmpl"));
    assert!(config.excludes_hashing(b"/var/lib/; x") && !config.excludes_hashing(b"/var/lib/x"));
}

#[test]
fn exclusions_match_any_bytes() {
    let (config, warnings) = linux(
        "ExcludeFromIndexing=^/a/.*\\.log$\nExcludeFromIndexing=\\xFE\nExcludeFromIndexing=/[äö]/\nExcludeFromIndexing=grün",
    );
    assert_eq!(warnings, []);
    assert!(config.excludes_indexing(b"/a/\xFF\n\xC3.log"));
    assert!(config.excludes_indexing(b"/q\xFE"));
    assert!(
        config.excludes_indexing("/\u{f6}/".as_bytes())
            && config.excludes_indexing("/grün".as_bytes())
    );
    assert!(!config.excludes_indexing("/ü/".as_bytes()) && !config.excludes_indexing(b"/q\xFD"));
}

#[test]
fn a_bad_expression_leaves_the_others() {
    let (config, warning) =
        one("ExcludeFromHashing=^/a\nExcludeFromHashing=(b\nExcludeFromHashing=c$");
    assert_eq!(
        (warning.line, warning.key.as_str()),
        (2, "ExcludeFromHashing")
    );
    assert!(
        warning.message.contains("unclosed group") && warning.message.contains("(b"),
        "{warning}"
    );
    assert_eq!(
        config.exclude_from_hashing.iter().collect::<Vec<_>>(),
        ["^/a", "c$"]
    );
    assert!(
        config.excludes_hashing(b"/a")
            && config.excludes_hashing(b"/c")
            && !config.excludes_hashing(b"/(b/")
    );
    let (config, warning) = one("ExcludeFromIndexing=\nExcludeFromIndexing=x");
    assert!(
        warning.message.contains("empty")
            && !config.excludes_indexing(b"/")
            && config.excludes_indexing(b"x")
    );
}

#[test]
fn expressions_are_bounded() {
    let (_, warning) = one("ExcludeFromIndexing=(a{1000}){1000}");
    assert!(warning.message.contains("size"), "{warning}");
    let long = format!(
        "ExcludeFromIndexing={}\nExcludeFromIndexing=ok",
        "a".repeat(5000)
    );
    assert!(one(&long).0.excludes_indexing(b"ok"));
    // Each is allowed, all together are not: the first ones stay in force, and every other one is reported or counted.
    let many: String = (0..300)
        .map(|n| format!("ExcludeFromIndexing=x{n}([a-z]{{60}}|[0-9]{{90}}){{30}}\n"))
        .collect();
    let (config, warnings) = linux(&format!("ExcludeFromIndexing=first\n{many}"));
    assert!(config.excludes_indexing(b"first"));
    let kept = config.exclude_from_indexing.iter().count();
    assert!(kept > 3 && kept < 301, "{kept}");
    assert!(
        warnings
            .iter()
            .any(|warning| warning.line == kept as u32 + 1),
        "{kept}: {:?}",
        warnings.first()
    );
}

#[test]
fn mistakes_are_reported_with_line_and_default() {
    let cases = [
        ("CPUUsageLimit=fast", "5"),
        ("CPUUsageLimit=0", "5"),
        ("CPUUsageLimit=1e1", "5"),
        ("CPUUsageLimit=inf", "5"),
        ("CPUUsageLimit=101", "5"),
        ("CPUUsageLimit=", "5"),
        ("HashesToCalculate=MD4", "MD5,SHA1,SHA256"),
        ("HashesToCalculate=", "MD5,SHA1,SHA256"),
        ("HashesToCalculate=none,md5", "MD5,SHA1,SHA256"),
        ("MaxFileSizeToHashMB=0", "32"),
        ("MaxFileSizeToHashMB=99999999999999999999", "32"),
        ("MaxFileSizeToHashMB=-1", "32"),
        ("FileIndexesPerThrottle=0", "1000"),
        ("FileHashUpdatesPerThrottle=ten", "100"),
        ("RescanInterval=0", "3600"),
        ("RescanInterval=99999999999999999d", "3600"),
        ("RescanInterval=1w", "3600"),
        ("ScanFilePermissions=maybe", "false"),
        ("TrackChanges=2", "true"),
        ("logging.loggers.root.level=loud", "information"),
        ("FilesystemTypesToExclude=a b", "nothing"),
        ("RecorderDirectory=opt/x", "nothing"),
        ("RecorderDBEventsPerRead=0", "nothing"),
        ("RecorderDBRescanInterval=soon", "nothing"),
        ("PauseOnBattery=si", "false"),
        ("IndexOnly=here", "nothing"),
    ];
    for (line, used) in cases {
        let (config, warning) = one(&format!("\n; x\n{line}"));
        assert_eq!(config, Config::defaults(Platform::Linux), "{line}");
        assert_eq!(
            (warning.line, warning.key.as_str()),
            (3, line.split_once('=').unwrap().0)
        );
        assert_eq!(
            warning.used,
            format!("the default is used: {used}"),
            "{line}"
        );
    }
    assert_eq!(
        one("RescanInterval=never").1.to_string(),
        "line 1: RescanInterval is not a number of seconds: never; the default is used: 3600"
    );
}

#[test]
fn unknown_lines_are_reported() {
    for (text, key) in [
        ("[index]", "[index]"),
        ("CPUUsageLimits=4", "CPUUsageLimits"),
        ("CPUUsageLimit 4", "CPUUsageLimit 4"),
        ("=4", ""),
        ("a\u{1b}[2J\u{202e}=4", "a\\u{1b}[2J\\u{202e}"),
    ] {
        let (config, warning) = one(text);
        assert_eq!((warning.line, warning.key.as_str()), (1, key));
        assert_eq!(config, Config::default());
    }
    let (config, warnings) = Config::read_for(
        b"ExcludeFromIndexing=\xFF\nCPUUsageLimit=6",
        Platform::Linux,
    );
    assert_eq!(
        (warnings[0].line, warnings[0].key.as_str(), warnings.len()),
        (1, "ExcludeFromIndexing", 1)
    );
    assert_eq!(config.cpu_usage_limit, Some(6.0));
}

#[test]
fn the_last_of_a_repeated_key_counts() {
    let (config, warning) = one("CPUUsageLimit=6\nCPUUsageLimit=7");
    assert_eq!((config.cpu_usage_limit, warning.line), (Some(7.0), 2));
    let (config, warning) = one("CPUUsageLimit=6\nCPUUsageLimit=x");
    assert_eq!(
        (config.cpu_usage_limit, warning.used.as_str()),
        (Some(6.0), "6 from line 1 is used")
    );
}

#[test]
fn platforms() {
    let (config, warnings) = Config::read_for(
        "TrackChanges=true\nFilesystemTypesToExclude=hfs",
        Platform::Mac,
    );
    assert!(!config.track_changes && config.filesystem_types_to_exclude.is_empty());
    assert_eq!(
        warnings.iter().map(|w| w.used.as_str()).collect::<Vec<_>>(),
        ["false is used", "nothing is used"]
    );
    assert!(warnings[0].message.contains("macOS"));
    let text = "CPUViolationThreshold=20\nCPUViolationInterval=30\nStopAfterCPUViolations=3\nTakeSampleOnCPUViolation=true";
    for (platform, reported) in [
        (Platform::Mac, 0),
        (Platform::Linux, 4),
        (Platform::Windows, 4),
    ] {
        let (config, warnings) = Config::read_for(text, platform);
        assert_eq!(warnings.len(), reported, "{warnings:?}");
        assert_eq!(
            (
                config.cpu_violation_threshold,
                config.stop_after_cpu_violations
            ),
            (Some(20.0), 3)
        );
        assert!(
            config.take_sample_on_cpu_violation
                && config.cpu_violation_interval == Duration::from_secs(30)
        );
    }
    let (config, warnings) = Config::read_for("RecorderDirectory=C:\\x", Platform::Windows);
    assert_eq!((config.recorder_directory, warnings.len()), (None, 1));
}

#[test]
fn words_for_no_limit() {
    let (config, warnings) = linux(
        "CPUUsageLimit=None\nMaxFileSizeToHashMB=none\nHashesToCalculate=None\nCPUViolationThreshold=",
    );
    assert_eq!(
        warnings.len(),
        1,
        "the threshold is for macOS: {warnings:?}"
    );
    assert_eq!(
        (
            config.cpu_usage_limit,
            config.max_size_to_hash,
            config.cpu_violation_threshold
        ),
        (None, None, None)
    );
    assert!(config.hashes.is_none() && !config.too_large_to_hash(u64::MAX));
}

#[test]
fn utf16_as_editors_write_it() {
    for (mark, bytes) in [
        ([0xFF, 0xFE], u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ([0xFE, 0xFF], u16::to_be_bytes),
    ] {
        let mut text = mark.to_vec();
        text.extend(
            "CPUUsageLimit=6\r\nExcludeFromHashing=ü"
                .encode_utf16()
                .flat_map(bytes),
        );
        let (config, warnings) = Config::read(&text);
        assert_eq!((config.cpu_usage_limit, warnings.len()), (Some(6.0), 0));
        assert!(config.excludes_hashing("/ü".as_bytes()));
    }
}

#[test]
fn warnings_are_bounded() {
    let (_, warnings) = linux(&"x\n".repeat(100_000));
    assert_eq!(warnings.len(), MOST_WARNINGS + 1);
    assert!(warnings[MOST_WARNINGS].message.contains("99800 more"));
    let (_, warnings) = linux(&format!("; {}", "x".repeat(2 << 20)));
    assert!(warnings[0].message.contains("longer than"), "{warnings:?}");
}

#[test]
fn changes_name_the_keys() {
    let (old, _) = linux("CPUUsageLimit=6\nExcludeFromHashing=a");
    let (new, _) = linux(
        "CPUUsageLimit=6 %\nExcludeFromHashing=a\nExcludeFromHashing=b\nlogging.loggers.root.level=debug",
    );
    assert_eq!(
        old.changes(&new),
        ["logging.loggers.root.level", "ExcludeFromHashing"]
    );
    assert_eq!(new.changes(&new.clone()), [""; 0]);
}

#[test]
fn the_sample() {
    let sample = render_sample();
    let shipped = Path::new("sample_config.ini");
    if std::env::var_os("CORDON_WRITE_SAMPLE").is_some() {
        fs::write(shipped, &sample).unwrap();
    }
    assert_eq!(
        fs::read_to_string(shipped).unwrap(),
        sample,
        "CORDON_WRITE_SAMPLE=1 writes it anew"
    );
    assert!(
        is_sample(sample.as_bytes())
            && is_sample(format!("\u{feff}\r\n{}", sample.replace('\n', "\r\n")).as_bytes())
    );
    let mine = sample.strip_prefix(MARKER).unwrap();
    assert!(!is_sample(mine.as_bytes()));
    // It says what holds anyway, and each of its commented values is one that can be set.
    let (config, warnings) = linux(mine);
    assert_eq!(
        (config, warnings),
        (Config::defaults(Platform::Linux), vec![])
    );
    let all: String = mine
        .lines()
        .map(|line| {
            format!(
                "{}\n",
                line.strip_prefix(';')
                    .filter(|l| l.contains('=') && !l.starts_with(' '))
                    .unwrap_or(line)
            )
        })
        .collect();
    for platform in [Platform::Windows, Platform::Linux, Platform::Mac] {
        let (config, warnings) = Config::read_for(&all, platform);
        assert!(
            warnings
                .iter()
                .all(|w| w.message.contains("usual on") || w.message.contains("no meaning on")),
            "{warnings:?}"
        );
        assert!(
            !config.exclude_from_hashing.is_empty() && config.cpu_violation_threshold.is_some()
        );
    }
}

#[test]
fn versions_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = ConfigStore::new(folder.path().join("index"));
    assert!(matches!(store.current().unwrap(), Current::Missing));
    assert_eq!(store.history().unwrap(), []);

    let file = folder.path().join("given");
    fs::write(&file, render_sample()).unwrap();
    assert!(matches!(
        store.install(&file),
        Err(StoreError::Sample { .. })
    ));
    assert!(matches!(
        store.install(Path::new("/nowhere")),
        Err(StoreError::Read { .. })
    ));

    fs::write(&file, "CPUUsageLimit=6\nx").unwrap();
    let first = store.install(&file).unwrap();
    assert_eq!(
        (first.version, first.changed, first.warnings.len()),
        (1, true, 1)
    );
    let again = store.install(&file).unwrap();
    assert_eq!((again.version, again.changed), (1, false));

    // Edited in place, then replaced: the edit is a version of its own.
    fs::write(store.path(), "CPUUsageLimit=9").unwrap();
    fs::write(&file, "CPUUsageLimit=7").unwrap();
    let third = store.install(&file).unwrap();
    assert_eq!((third.version, third.changed), (3, true));
    let texts: Vec<String> = store
        .history()
        .unwrap()
        .iter()
        .map(|v| fs::read_to_string(&v.path).unwrap())
        .collect();
    assert_eq!(
        texts,
        ["CPUUsageLimit=6\nx", "CPUUsageLimit=9", "CPUUsageLimit=7"]
    );
    let Current::Config(config, warnings) = store.current().unwrap() else {
        panic!("missing")
    };
    assert_eq!((config.cpu_usage_limit, warnings.len()), (Some(7.0), 0));

    // Installing what is in force already, from its own place.
    assert!(!store.install(&store.path()).unwrap().changed);

    fs::write(store.path(), render_sample()).unwrap();
    assert!(matches!(store.current().unwrap(), Current::Sample));
    assert_eq!(store.install(&file).unwrap().version, 3);
}

#[test]
fn an_interrupted_install_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let store = ConfigStore::new(folder.path());
    let file = folder.path().join("given");
    fs::write(&file, "CPUUsageLimit=6").unwrap();
    store.install(&file).unwrap();
    // The state after a crash between history and use, with a half-written file beside.
    fs::write(
        folder.path().join("config-history/2.ini"),
        "CPUUsageLimit=8",
    )
    .unwrap();
    fs::write(folder.path().join("config-history/3.ini.new"), "CPUUs").unwrap();
    fs::write(&file, "CPUUsageLimit=8").unwrap();
    let installed = store.install(&file).unwrap();
    assert!(installed.changed);
    let newest = store.history().unwrap().pop().unwrap();
    assert_eq!(
        (
            installed.version,
            fs::read_to_string(&newest.path).unwrap().as_str()
        ),
        (newest.number, "CPUUsageLimit=8")
    );
    assert_eq!(fs::read_to_string(store.path()).unwrap(), "CPUUsageLimit=8");
}

#[test]
fn old_versions_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = ConfigStore::new(folder.path());
    let file = folder.path().join("given");
    for n in 0..index::config::store::KEPT + 5 {
        fs::write(&file, format!("; {n}")).unwrap();
        store.install(&file).unwrap();
    }
    let history = store.history().unwrap();
    assert_eq!(
        (history.len(), history[0].number),
        (index::config::store::KEPT, 6)
    );
}

proptest! {
    /// Any bytes are read without a panic, and what was read, written down and read again is the same.
    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        let (config, _) = Config::read(&bytes);
        prop_assert!(config.file_indexes_per_throttle > 0);
    }

    #[test]
    fn written_and_read_again(lines in prop::collection::vec((0..KEYS.len(), "[ -~]{0,12}|[0-9]{1,4}[smhd%]?|true|md5,sha1|debug|/[a-z]{1,4}"), 0..30)) {
        let text: String = lines.iter().map(|(key, value)| format!("{}={value}\n", KEYS[*key].name)).collect();
        let (config, _) = linux(&text);
        let written: String = KEYS.iter().flat_map(|key| {
            let value = config.value(key.setting);
            value.lines().map(|value| format!("{}={value}\n", key.name)).collect::<Vec<_>>()
        }).collect();
        let (again, warnings) = linux(&written);
        prop_assert!(warnings.iter().all(|warning| warning.message.contains("usual on macOS")), "{:?}", warnings);
        prop_assert_eq!(config.changes(&again), Vec::<&str>::new());
        prop_assert_eq!(config, again);
    }
}
