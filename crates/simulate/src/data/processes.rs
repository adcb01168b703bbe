//! Processes: what runs on every machine of a system, what its role adds, and what was planted.

use super::{Asked, Record, last_part};
use crate::machine::{Machine, Role, System};
use sha2::{Digest, Sha256};

/// A running program. Kernel threads have no path.
#[derive(Clone)]
pub(super) struct Process {
    pub(super) name: String,
    pub(super) path: String,
    arguments: String,
    pub(super) user: &'static str,
    /// Part of the content that differs between builds; empty means the release's own build, and all else that it was planted.
    pub(super) content: &'static str,
}

impl Process {
    /// The same with the content that its release gave it.
    pub(super) fn as_released(&self) -> Self {
        Self {
            content: "",
            ..self.clone()
        }
    }
}

/// Path, arguments, user; the name is the last part of the path.
type Program = (&'static str, &'static str, &'static str);

const LINUX: &[Program] = &[
    ("/usr/lib/snapd/snapd", "", "root"),
    ("/usr/libexec/udisks2/udisksd", "", "root"),
    ("/usr/sbin/auditd", "", "root"),
    ("/usr/sbin/atd", "-f", "root"),
    ("/usr/libexec/accounts-daemon", "", "root"),
    ("/usr/lib/systemd/systemd-oomd", "", "systemd-oom"),
    ("/usr/bin/rpcbind", "-f -w", "_rpc"),
    ("/usr/sbin/smartd", "-n", "root"),
    ("/usr/libexec/postfix/master", "-w", "root"),
    ("/usr/libexec/postfix/qmgr", "-l -t unix -u", "postfix"),
    (
        "/usr/lib/systemd/systemd",
        "--switched-root --system",
        "root",
    ),
    ("/usr/lib/systemd/systemd-journald", "", "root"),
    ("/usr/lib/systemd/systemd-udevd", "", "root"),
    ("/usr/lib/systemd/systemd-resolved", "", "systemd-resolve"),
    ("/usr/lib/systemd/systemd-logind", "", "root"),
    ("/usr/lib/systemd/systemd-timesyncd", "", "systemd-timesync"),
    ("/usr/lib/systemd/systemd-networkd", "", "systemd-network"),
    ("/usr/bin/dbus-daemon", "--system --nopidfile", "messagebus"),
    ("/usr/sbin/cron", "-f -P", "root"),
    ("/usr/sbin/rsyslogd", "-n -iNONE", "syslog"),
    ("/usr/sbin/sshd", "-D", "root"),
    ("/sbin/agetty", "-o -- \\u --noclear - linux", "root"),
    ("/usr/sbin/irqbalance", "", "root"),
    ("/usr/bin/cordon", "agent", "root"),
    ("/usr/libexec/polkitd", "--no-debug", "polkitd"),
    ("/usr/sbin/chronyd", "-F 1", "_chrony"),
    ("/usr/sbin/multipathd", "-d -s", "root"),
    (
        "/usr/bin/python3",
        "/usr/bin/networkd-dispatcher --run-startup-triggers",
        "root",
    ),
];
const WINDOWS: &[Program] = &[
    ("System", "", "SYSTEM"),
    ("C:\\Windows\\System32\\smss.exe", "", "SYSTEM"),
    ("C:\\Windows\\System32\\csrss.exe", "", "SYSTEM"),
    ("C:\\Windows\\System32\\wininit.exe", "", "SYSTEM"),
    ("C:\\Windows\\System32\\winlogon.exe", "", "SYSTEM"),
    ("C:\\Windows\\System32\\services.exe", "", "SYSTEM"),
    ("C:\\Windows\\System32\\lsass.exe", "", "SYSTEM"),
    (
        "C:\\Windows\\System32\\svchost.exe",
        "-k DcomLaunch -p",
        "SYSTEM",
    ),
    (
        "C:\\Windows\\System32\\svchost.exe",
        "-k RPCSS -p",
        "NETWORK SERVICE",
    ),
    (
        "C:\\Windows\\System32\\svchost.exe",
        "-k netsvcs -p",
        "SYSTEM",
    ),
    (
        "C:\\Windows\\System32\\svchost.exe",
        "-k LocalService -p",
        "LOCAL SERVICE",
    ),
    (
        "C:\\Windows\\System32\\svchost.exe",
        "-k NetworkService -p",
        "NETWORK SERVICE",
    ),
    ("C:\\Windows\\System32\\fontdrvhost.exe", "", "UMFD-0"),
    ("C:\\Windows\\System32\\dwm.exe", "", "DWM-1"),
    ("C:\\Windows\\System32\\spoolsv.exe", "", "SYSTEM"),
    (
        "C:\\Windows\\System32\\SearchIndexer.exe",
        "/Embedding",
        "SYSTEM",
    ),
    (
        "C:\\Windows\\System32\\wbem\\WmiPrvSE.exe",
        "",
        "NETWORK SERVICE",
    ),
    ("C:\\Windows\\System32\\dllhost.exe", "", "SYSTEM"),
    (
        "C:\\Program Files\\Windows Defender\\MsMpEng.exe",
        "",
        "SYSTEM",
    ),
    ("C:\\Program Files\\Cordon\\cordon.exe", "agent", "SYSTEM"),
];
const MAC: &[Program] = &[
    ("/sbin/launchd", "", "root"),
    (
        "/System/Library/CoreServices/ControlCenter.app/Contents/MacOS/ControlCenter",
        "",
        "ops",
    ),
    ("/usr/libexec/logd", "", "root"),
    ("/usr/libexec/UserEventAgent", "(System)", "root"),
    ("/usr/sbin/mDNSResponder", "", "_mdnsresponder"),
    ("/usr/libexec/opendirectoryd", "", "root"),
    ("/usr/sbin/cfprefsd", "daemon", "root"),
    ("/usr/libexec/trustd", "", "_trustd"),
    (
        "/System/Library/CoreServices/WindowServer",
        "-daemon",
        "_windowserver",
    ),
    (
        "/System/Library/CoreServices/Finder.app/Contents/MacOS/Finder",
        "",
        "ops",
    ),
    (
        "/System/Library/CoreServices/Dock.app/Contents/MacOS/Dock",
        "",
        "ops",
    ),
    ("/usr/libexec/secd", "", "ops"),
    ("/usr/sbin/syslogd", "", "root"),
    ("/usr/libexec/airportd", "", "root"),
    ("/usr/sbin/bluetoothd", "", "root"),
    ("/usr/local/bin/cordon", "agent", "root"),
];

fn of_role(system: System, role: Role) -> &'static [Program] {
    match (system, role) {
        (System::Linux, Role::Web) => &[
            ("/usr/sbin/nginx", "nginx: master process", "root"),
            ("/usr/sbin/nginx", "nginx: worker process", "www-data"),
            ("/usr/sbin/php-fpm8.3", "php-fpm: master process", "root"),
            ("/usr/sbin/php-fpm8.3", "php-fpm: pool www", "www-data"),
        ],
        (System::Linux, Role::Database) => &[
            (
                "/usr/lib/postgresql/16/bin/postgres",
                "-D /var/lib/postgresql/16/main",
                "postgres",
            ),
            (
                "/usr/lib/postgresql/16/bin/postgres",
                "16/main: checkpointer",
                "postgres",
            ),
            (
                "/usr/lib/postgresql/16/bin/postgres",
                "16/main: walwriter",
                "postgres",
            ),
            ("/usr/bin/pgbackrest", "archive-push", "postgres"),
        ],
        (System::Linux, Role::Build) => &[
            ("/usr/bin/dockerd", "-H fd://", "root"),
            ("/usr/bin/containerd", "", "root"),
            ("/opt/runner/bin/runner", "run --once", "builder"),
            ("/usr/bin/git", "fetch --prune", "builder"),
            ("/usr/bin/make", "-j32", "builder"),
            (
                "/usr/lib/gcc/x86_64-linux-gnu/13/cc1plus",
                "-quiet",
                "builder",
            ),
        ],
        (System::Linux, Role::Containers) => &[
            ("/usr/bin/containerd", "", "root"),
            (
                "/usr/bin/kubelet",
                "--config=/var/lib/kubelet/config.yaml",
                "root",
            ),
            (
                "/usr/local/bin/kube-proxy",
                "--config=/var/lib/kube-proxy/config.conf",
                "root",
            ),
            (
                "/usr/bin/containerd-shim-runc-v2",
                "-namespace k8s.io",
                "root",
            ),
            ("/pause", "", "65535"),
            ("/coredns", "-conf /etc/coredns/Corefile", "nonroot"),
            ("/bin/node_exporter", "", "nobody"),
        ],
        (System::Linux, _) => &[
            ("/usr/bin/gnome-shell", "", "ops"),
            ("/usr/bin/pipewire", "", "ops"),
            ("/usr/bin/Xwayland", ":0 -rootless", "ops"),
            ("/usr/lib64/firefox/firefox", "", "ops"),
            ("/usr/sbin/NetworkManager", "--no-daemon", "root"),
            ("/usr/sbin/gdm", "", "root"),
        ],
        (System::Windows, Role::Directory) => &[
            ("C:\\Windows\\System32\\dns.exe", "", "SYSTEM"),
            ("C:\\Windows\\System32\\dfsrs.exe", "", "SYSTEM"),
            ("C:\\Windows\\System32\\ismserv.exe", "", "SYSTEM"),
        ],
        (System::Windows, Role::Workstation) => &[
            ("C:\\Windows\\explorer.exe", "", "user"),
            ("C:\\Windows\\System32\\sihost.exe", "", "user"),
            ("C:\\Windows\\System32\\taskhostw.exe", "", "user"),
            ("C:\\Windows\\System32\\ctfmon.exe", "", "user"),
            (
                "C:\\Program Files\\Mozilla Firefox\\firefox.exe",
                "",
                "user",
            ),
            (
                "C:\\Program Files\\Microsoft Office\\root\\Office16\\OUTLOOK.EXE",
                "",
                "user",
            ),
            (
                "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
                "--type=renderer",
                "user",
            ),
            (
                "C:\\Program Files\\Microsoft OneDrive\\OneDrive.exe",
                "/background",
                "user",
            ),
        ],
        (System::Windows, _) => &[
            (
                "C:\\Windows\\System32\\inetsrv\\w3wp.exe",
                "-ap DefaultAppPool",
                "IIS APPPOOL",
            ),
            ("C:\\Windows\\System32\\inetsrv\\inetinfo.exe", "", "SYSTEM"),
        ],
        (System::MacOs, _) => &[
            (
                "/Applications/Firefox.app/Contents/MacOS/firefox",
                "",
                "ops",
            ),
            ("/Applications/Slack.app/Contents/MacOS/Slack", "", "ops"),
            (
                "/System/Applications/Mail.app/Contents/MacOS/Mail",
                "",
                "ops",
            ),
        ],
    }
}

pub(super) fn processes(machine: &Machine) -> Vec<Process> {
    let common = match machine.system() {
        System::Linux => LINUX,
        System::Windows => WINDOWS,
        System::MacOs => MAC,
    };
    let programs = common
        .iter()
        .chain(of_role(machine.system(), machine.role()));
    let mut list: Vec<Process> = programs
        .map(|(path, arguments, user)| Process {
            name: last_part(path).to_owned(),
            // The kernel of Windows has no executable.
            path: if *path == "System" { "" } else { path }.to_owned(),
            arguments: (*arguments).to_owned(),
            user,
            content: "",
        })
        .collect();
    if machine.system() == System::Linux {
        // Kernel threads: most of what runs on a Linux machine.
        let thread = |name: String| Process {
            name,
            path: String::new(),
            arguments: String::new(),
            user: "root",
            content: "",
        };
        let single = [
            "kthreadd",
            "rcu_gp",
            "rcu_preempt",
            "rcu_tasks_kthread",
            "slub_flushwq",
            "netns",
            "mm_percpu_wq",
            "kauditd",
            "khungtaskd",
            "oom_reaper",
            "writeback",
            "kcompactd0",
            "ksmd",
            "khugepaged",
            "kintegrityd",
            "kblockd",
            "blkcg_punt_bio",
            "edac-poller",
            "devfreq_wq",
            "watchdogd",
            "kswapd0",
            "kthrotld",
            "scsi_eh_0",
            "scsi_tmf_0",
            "jbd2/vda1-8",
            "ext4-rsv-conver",
            "kstrp",
            "charger_manager",
        ];
        list.extend(single.map(|name| thread(name.to_owned())));
        let cores = if machine.role() == Role::Web { 4 } else { 16 };
        for core in 0..cores {
            for name in ["cpuhp", "idle_inject", "migration", "ksoftirqd"] {
                list.push(thread(format!("{name}/{core}")));
            }
            list.push(thread(format!("kworker/{core}:0H-events_highpri")));
        }
    }
    if machine.planted.altered_program {
        for process in &mut list {
            if matches!(process.name.as_str(), "sshd" | "svchost.exe" | "cfprefsd") {
                process.content = "altered";
            }
        }
    }
    if machine.planted.rare_process {
        let path = match machine.system() {
            System::Linux => "/tmp/.font-unix/kworkerd-sync",
            System::Windows => "C:\\Users\\Public\\svch0st.exe",
            System::MacOs => "/private/tmp/.cache/mdworkerd",
        };
        list.push(Process {
            name: last_part(path).to_owned(),
            path: path.to_owned(),
            arguments: "-o pool.example.net:3333".to_owned(),
            user: "nobody",
            content: "rare",
        });
    }
    if machine.planted.odd_port {
        let path = odd_program(machine.system());
        list.push(Process {
            name: last_part(path).to_owned(),
            path: path.to_owned(),
            arguments: "--listen 31337".to_owned(),
            user: match machine.system() {
                System::Windows => "SYSTEM",
                System::Linux | System::MacOs => "root",
            },
            content: "odd",
        });
    }
    list
}

/// The planted program that listens where nothing should.
pub(super) fn odd_program(system: System) -> &'static str {
    match system {
        System::Linux => "/var/tmp/updater",
        System::Windows => "C:\\Windows\\Temp\\updater.exe",
        System::MacOs => "/private/var/tmp/updater",
    }
}

/// What the program's content is, as a digest: the same path has the same content on all machines of one release and patch level.
pub(super) fn contents(machine: &Machine, process: &Process) -> [u8; 32] {
    if process.content.is_empty() {
        return released(machine, &process.path);
    }
    let mut hash = Sha256::new();
    hash.update(process.content);
    hash.update(&process.path);
    hash.finalize().into()
}

/// The content that a program of this path has in the machine's release.
pub(super) fn released(machine: &Machine, path: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([
        u8::try_from(machine.kind() / 1000).unwrap_or(0),
        machine.patch,
    ]);
    hash.update(path);
    hash.finalize().into()
}

/// Digits of a hash by this algorithm: other ones for each, the same for the same contents.
pub(super) fn digits(contents: &[u8; 32], algorithm: &str) -> String {
    let (name, length) = match algorithm.to_lowercase().replace('-', "").as_str() {
        "none" => return String::new(),
        "md5" => ("md5", 32),
        "sha1" => ("sha1", 40),
        "blake3" => ("blake3", 64),
        _ => return hex::encode(contents),
    };
    let mut hash = Sha256::new();
    hash.update(name);
    hash.update(contents);
    let mut digits = hex::encode(hash.finalize());
    digits.truncate(length);
    digits
}

/// The digest that the question's parameter names, or none.
pub(super) fn hash(asked: &Asked<'_>, process: &Process) -> String {
    if process.path.is_empty() {
        return String::new();
    }
    let algorithm = asked.parameters.first().map_or("", String::as_str);
    digits(&contents(asked.machine, process), algorithm)
}

/// Names as a list of processes shows them: threads of the kernel of Linux in brackets, without their number.
pub(super) fn shown(process: &Process) -> String {
    if !process.path.is_empty() || process.name == "System" {
        return process.name.clone();
    }
    let name = process.name.split(['/', ':']).next().unwrap_or_default();
    format!("[{name}]")
}

pub(super) fn running(asked: &Asked<'_>) -> Vec<Record> {
    let mut names: Vec<String> = processes(asked.machine).iter().map(shown).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| vec![("Process", name)])
        .collect()
}

pub(super) fn running_with_hash(asked: &Asked<'_>) -> Vec<Record> {
    let mut list = processes(asked.machine);
    // Threads of the kernel have no executable.
    list.retain(|p| !p.path.is_empty());
    list.sort_by(|a, b| (&a.path, &a.name).cmp(&(&b.path, &b.name)));
    list.dedup_by(|a, b| a.path == b.path && a.name == b.name);
    list.into_iter()
        .map(|process| {
            let hash = hash(asked, &process);
            vec![("Path", process.path), ("Hash", hash)]
        })
        .collect()
}

/// Its arguments as a process shows them; threads of the kernel show none.
pub(super) fn command(process: &Process) -> String {
    let line = match process.path.as_str() {
        "" => String::new(),
        path => format!("{path} {}", process.arguments),
    };
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Planted;

    fn linux(n: u32) -> Machine {
        (n..)
            .map(|n| Machine::new(1, n))
            .find(|m| m.system() == System::Linux && m.role() == Role::Database)
            .unwrap()
    }

    #[test]
    fn machines_of_one_kind_run_the_same_and_planted_ones_do_not() {
        let one = linux(0);
        let other = (one.n + 1..)
            .map(|n| Machine::new(1, n))
            .find(|m| m.kind() == one.kind())
            .unwrap();
        let table = |machine: &Machine| {
            running_with_hash(&Asked {
                machine,
                parameters: &[],
                now: 0,
            })
        };
        assert_eq!(table(&one), table(&other));
        assert!(table(&one).len() > 20);
        let mut planted = other;
        planted.planted = Planted {
            rare_process: true,
            ..Planted::default()
        };
        assert_eq!(table(&planted).len(), table(&one).len() + 1);
        planted.planted = Planted {
            altered_program: true,
            ..Planted::default()
        };
        let differ: Vec<_> = table(&planted)
            .into_iter()
            .zip(table(&one))
            .filter(|(a, b)| a != b)
            .collect();
        assert_eq!(differ.len(), 1);
        assert_eq!(differ[0].0[0].1, "/usr/sbin/sshd");
    }
}
