//! Installed applications and services.

use super::{Asked, Record};
use crate::machine::{Role, System, draw};

/// Name, first part of the version.
type Product = (&'static str, &'static str);

const LINUX: &[Product] = &[
    ("bash", "5.2"),
    ("coreutils", "9.4"),
    ("curl", "8.5"),
    ("dbus", "1.14"),
    ("gzip", "1.12"),
    ("iproute2", "6.1"),
    ("less", "590"),
    ("libc6", "2.39"),
    ("libssl3", "3.0"),
    ("openssh-server", "9.6"),
    ("openssl", "3.0"),
    ("perl-base", "5.38"),
    ("python3", "3.12"),
    ("rsyslog", "8.2312"),
    ("sed", "4.9"),
    ("sudo", "1.9"),
    ("systemd", "255"),
    ("tar", "1.35"),
    ("tzdata", "2025"),
    ("util-linux", "2.39"),
    ("vim-tiny", "9.1"),
    ("xz-utils", "5.4"),
    ("zlib1g", "1.3"),
];
const WINDOWS: &[Product] = &[
    ("7-Zip", "24.08"),
    ("Microsoft Edge", "138.0"),
    ("Microsoft 365 Apps", "16.0"),
    ("Microsoft OneDrive", "25.105"),
    ("Mozilla Firefox", "140.0"),
    ("Notepad++", "8.7"),
    ("VLC media player", "3.0"),
    ("Visual C++ 2022 Redistributable", "14.42"),
    ("Zoom Workplace", "6.3"),
];
const MAC: &[Product] = &[
    ("Firefox", "140.0"),
    ("Keynote", "14.4"),
    ("Numbers", "14.4"),
    ("Pages", "14.4"),
    ("Safari", "18.5"),
    ("Slack", "4.44"),
    ("Xcode", "16.4"),
    ("Zoom", "6.3"),
];

pub(super) fn installed(asked: &Asked<'_>) -> Vec<Record> {
    let machine = asked.machine;
    let (common, source): (&[Product], &str) = match machine.system() {
        System::Linux if machine.release().name.starts_with(['R', 'F']) => (LINUX, "rpm"),
        System::Linux => (LINUX, "dpkg"),
        System::Windows => (WINDOWS, "registry"),
        System::MacOs => (MAC, "app"),
    };
    let more: &[Product] = match (machine.system(), machine.role()) {
        (System::Linux, Role::Web) => &[("nginx", "1.24"), ("php8.3-fpm", "8.3")],
        (System::Linux, Role::Database) => &[("postgresql-16", "16.9"), ("pgbackrest", "2.50")],
        (System::Linux, Role::Build) => &[("docker.io", "27.5"), ("gcc", "13.2"), ("git", "2.43")],
        (System::Linux, Role::Containers) => &[("containerd", "1.7"), ("kubelet", "1.31")],
        (System::Linux, _) => &[("firefox", "140.0"), ("gnome-shell", "48.3")],
        _ => &[],
    };
    common
        .iter()
        .chain(more)
        .map(|(name, version)| {
            // Each release builds its own, and each patch level is newer.
            let build = draw(&[u64::from(machine.kind() / 1000), name.len() as u64]) % 9;
            vec![
                ("Name", (*name).to_owned()),
                (
                    "Version",
                    format!("{version}.{build}-{}", machine.patch + 1),
                ),
                ("Source", source.to_owned()),
                (
                    "Architecture",
                    if machine.system() == System::MacOs {
                        "arm64"
                    } else {
                        "amd64"
                    }
                    .to_owned(),
                ),
            ]
        })
        .collect()
}

/// Name, description, state, start mode, path.
type Service = (&'static str, &'static str, bool, &'static str, &'static str);

const LINUX_SERVICES: &[Service] = &[
    (
        "cordon-agent.service",
        "Endpoint agent",
        true,
        "enabled",
        "/usr/bin/cordon",
    ),
    (
        "cron.service",
        "Regular background program processing daemon",
        true,
        "enabled",
        "/usr/sbin/cron",
    ),
    (
        "dbus.service",
        "D-Bus System Message Bus",
        true,
        "static",
        "/usr/bin/dbus-daemon",
    ),
    (
        "fstrim.service",
        "Discard unused blocks",
        false,
        "static",
        "/sbin/fstrim",
    ),
    (
        "getty@tty1.service",
        "Getty on tty1",
        true,
        "enabled",
        "/sbin/agetty",
    ),
    (
        "rsyslog.service",
        "System Logging Service",
        true,
        "enabled",
        "/usr/sbin/rsyslogd",
    ),
    (
        "ssh.service",
        "OpenBSD Secure Shell server",
        true,
        "enabled",
        "/usr/sbin/sshd",
    ),
    (
        "systemd-journald.service",
        "Journal Service",
        true,
        "static",
        "/usr/lib/systemd/systemd-journald",
    ),
    (
        "systemd-logind.service",
        "User Login Management",
        true,
        "static",
        "/usr/lib/systemd/systemd-logind",
    ),
    (
        "systemd-resolved.service",
        "Network Name Resolution",
        true,
        "enabled",
        "/usr/lib/systemd/systemd-resolved",
    ),
    (
        "systemd-udevd.service",
        "Device events and files",
        true,
        "static",
        "/usr/lib/systemd/systemd-udevd",
    ),
];
const WINDOWS_SERVICES: &[Service] = &[
    (
        "CordonAgent",
        "Endpoint agent",
        true,
        "Auto",
        "C:\\Program Files\\Cordon\\cordon.exe",
    ),
    (
        "Dhcp",
        "DHCP Client",
        true,
        "Auto",
        "C:\\Windows\\System32\\svchost.exe",
    ),
    (
        "Dnscache",
        "DNS Client",
        true,
        "Auto",
        "C:\\Windows\\System32\\svchost.exe",
    ),
    (
        "EventLog",
        "Windows Event Log",
        true,
        "Auto",
        "C:\\Windows\\System32\\svchost.exe",
    ),
    (
        "RemoteRegistry",
        "Remote Registry",
        false,
        "Disabled",
        "C:\\Windows\\System32\\svchost.exe",
    ),
    (
        "Spooler",
        "Print Spooler",
        true,
        "Auto",
        "C:\\Windows\\System32\\spoolsv.exe",
    ),
    (
        "TermService",
        "Remote Desktop Services",
        true,
        "Manual",
        "C:\\Windows\\System32\\svchost.exe",
    ),
    (
        "WinDefend",
        "Antivirus Service",
        true,
        "Auto",
        "C:\\Program Files\\Windows Defender\\MsMpEng.exe",
    ),
];
const MAC_SERVICES: &[Service] = &[
    (
        "com.apple.mDNSResponder",
        "Multicast DNS",
        true,
        "daemon",
        "/usr/sbin/mDNSResponder",
    ),
    (
        "com.apple.syslogd",
        "System log",
        true,
        "daemon",
        "/usr/sbin/syslogd",
    ),
    (
        "com.openssh.sshd",
        "Remote login",
        false,
        "daemon",
        "/usr/sbin/sshd",
    ),
    (
        "cordon.agent",
        "Endpoint agent",
        true,
        "daemon",
        "/usr/local/bin/cordon",
    ),
];

pub(super) fn services(asked: &Asked<'_>) -> Vec<Record> {
    let machine = asked.machine;
    let (common, more): (&[Service], &[Service]) = match (machine.system(), machine.role()) {
        (System::Linux, Role::Web) => (
            LINUX_SERVICES,
            &[
                (
                    "nginx.service",
                    "Web server",
                    true,
                    "enabled",
                    "/usr/sbin/nginx",
                ),
                (
                    "php8.3-fpm.service",
                    "FastCGI process manager",
                    true,
                    "enabled",
                    "/usr/sbin/php-fpm8.3",
                ),
            ],
        ),
        (System::Linux, Role::Database) => (
            LINUX_SERVICES,
            &[(
                "postgresql@16-main.service",
                "PostgreSQL cluster 16-main",
                true,
                "enabled",
                "/usr/lib/postgresql/16/bin/postgres",
            )],
        ),
        (System::Linux, Role::Build | Role::Containers) => (
            LINUX_SERVICES,
            &[(
                "containerd.service",
                "Container runtime",
                true,
                "enabled",
                "/usr/bin/containerd",
            )],
        ),
        (System::Linux, _) => (LINUX_SERVICES, &[]),
        (System::Windows, Role::Directory) => (
            WINDOWS_SERVICES,
            &[
                (
                    "NTDS",
                    "Directory Services",
                    true,
                    "Auto",
                    "C:\\Windows\\System32\\lsass.exe",
                ),
                (
                    "DNS",
                    "DNS Server",
                    true,
                    "Auto",
                    "C:\\Windows\\System32\\dns.exe",
                ),
            ],
        ),
        (System::Windows, _) => (WINDOWS_SERVICES, &[]),
        (System::MacOs, _) => (MAC_SERVICES, &[]),
    };
    common
        .iter()
        .chain(more)
        .map(|(name, description, running, start, path)| {
            let state = if *running { "running" } else { "stopped" };
            vec![
                ("Service Name", name.trim_end_matches(".service").to_owned()),
                ("Service Display Name", (*description).to_owned()),
                ("Service Status", state.to_owned()),
                ("Service Startup Mode", (*start).to_owned()),
                ("Command", (*path).to_owned()),
                ("Other Commands", String::new()),
                ("Environment", String::new()),
                ("Trigger", String::new()),
                ("Manager", "system".to_owned()),
                (
                    "User",
                    if machine.system() == System::Windows {
                        "LocalSystem"
                    } else {
                        ""
                    }
                    .to_owned(),
                ),
                (
                    "Kind",
                    match machine.system() {
                        System::Linux => "systemd",
                        System::Windows => "scm",
                        System::MacOs => "launchd",
                    }
                    .to_owned(),
                ),
                (
                    "Path",
                    match machine.system() {
                        System::Linux => format!("/usr/lib/systemd/system/{name}"),
                        System::Windows => String::new(),
                        System::MacOs => format!("/Library/LaunchDaemons/{name}.plist"),
                    },
                ),
            ]
        })
        .collect()
}
