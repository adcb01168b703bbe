//! Free words of responders over all sensors of this build: the best reading must be the sensible one.

use question::{interpret, parse};

#[test]
fn the_best_reading_is_the_sensible_one() {
    let cases = [
        (
            "which machines run nginx",
            "Get Computer Name from all machines with Running Processes contains nginx",
        ),
        (
            "running processes with hash on linux",
            "Get Running Processes with Hash from all machines with Is Linux = True",
        ),
        (
            "machines without nginx",
            "Get Computer Name from all machines with not Installed Applications:Name contains nginx",
        ),
        (
            "machines with nginx",
            "Get Computer Name from all machines with Installed Applications:Name contains nginx",
        ),
        (
            "linux machines missing auditd",
            "Get Computer Name from all machines with not Installed Applications:Name contains auditd and Is Linux = True",
        ),
        (
            "machines not running sshd",
            "Get Computer Name from all machines with not Running Processes contains sshd",
        ),
        (
            "machines that don\u{2019}t run sshd",
            "Get Computer Name from all machines with not Running Processes contains sshd",
        ),
        (
            "running processes except bash",
            "Get Running Processes does not contain bash from all machines",
        ),
        (
            "non windows machines running sshd",
            "Get Computer Name from all machines with Running Processes contains sshd and Is Windows = False",
        ),
        (
            "machines not running windows",
            "Get Computer Name from all machines with Is Windows = False",
        ),
        (
            "containers not privileged",
            "Get Containers having Containers:Privileged != True from all machines",
        ),
        (
            "machines without the file /etc/ld.so.preload",
            "Get Computer Name from all machines with not File Exists[\"/etc/ld.so.preload\"] contains \"/etc/ld.so.preload\"",
        ),
        (
            "kernel version below 6.1",
            "Get OS Version having OS Version:Kernel < 6.1 from all machines",
        ),
        (
            "linux machines with kernel older than 6.1",
            "Get Computer Name from all machines with OS Version:Kernel < 6.1 and Is Linux = True",
        ),
        (
            "machines with uptime not over 90 days",
            "Get Computer Name from all machines with not Uptime > \"90 days\"",
        ),
        ("who is logged in", "Get Logged In Users from all machines"),
        (
            "open ports on windows servers",
            "Get Listen Ports from all machines with Is Windows = True",
        ),
        (
            "files in /tmp",
            "Get Folder Contents[\"/tmp\"] from all machines",
        ),
        (
            "what is in /etc/cron.d",
            "Get Folder Contents[\"/etc/cron.d\"] from all machines",
        ),
        ("failed logins", "Get Failed Logins from all machines"),
        (
            "failed logins from 10.0.0.5",
            "Get Failed Logins having Failed Logins:Remote Address = 10.0.0.5 from all machines",
        ),
        (
            "last logins of root",
            "Get Last Logins having Last Logins:User contains root from all machines",
        ),
        (
            "installed software on linux",
            "Get Installed Applications from all machines with Is Linux = True",
        ),
        (
            "which machines have openssl installed",
            "Get Computer Name from all machines with Installed Applications:Name contains openssl",
        ),
        (
            "version of openssl",
            "Get Installed Applications having Installed Applications:Name contains openssl from all machines",
        ),
        (
            "processes running from /tmp",
            "Get Running Processes with Hash having Running Processes with Hash:Path contains \"/tmp\" from all machines",
        ),
        (
            "deleted binaries still running",
            "Get Process Details having Process Details:Deleted = True from all machines",
        ),
        (
            "privileged containers",
            "Get Containers having Containers:Privileged = True from all machines",
        ),
        (
            "containers running nginx",
            "Get Containers having Containers:Name contains nginx from all machines",
        ),
        (
            "scheduled tasks with curl",
            "Get Scheduled Tasks having Scheduled Tasks:Command contains curl from all machines",
        ),
        (
            "cron jobs",
            "Get Scheduled Tasks having Scheduled Tasks:Kind = cron from all machines",
        ),
        ("who has sudo", "Get Sudoers from all machines"),
        (
            "local administrators on windows",
            "Get Local Administrators from all machines with Is Windows = True",
        ),
        (
            "ssh keys of root",
            "Get SSH Authorized Keys having SSH Authorized Keys:User contains root from all machines",
        ),
        (
            "machines with uptime over 90 days",
            "Get Computer Name from all machines with Uptime > \"90 days\"",
        ),
        (
            "machines with less than 5 GB free disk",
            "Get Computer Name from all machines with Disk Free:Free < \"5 GB\"",
        ),
        ("how much ram", "Get RAM from all machines"),
        (
            "which machines talk to 203.0.113.7",
            "Get Computer Name from all machines with Established Connections:Remote Address = 203.0.113.7",
        ),
        ("dns servers", "Get DNS Servers from all machines"),
        (
            "loaded kernel modules",
            "Get Kernel Modules from all machines",
        ),
        (
            "hash of /usr/sbin/sshd",
            "Get File Hash[\"/usr/sbin/sshd\"] from all machines",
        ),
        (
            "md5 of /usr/sbin/sshd",
            "Get File Hash[\"/usr/sbin/sshd\", \"MD5\"] from all machines",
        ),
        (
            "md5 of running processes",
            "Get Running Processes with Hash[\"MD5\"] from all machines",
        ),
        (
            "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "Get Running Processes with Hash having Running Processes with Hash:Hash = e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 from all machines",
        ),
        (
            "does /etc/ld.so.preload exist",
            "Get File Exists[\"/etc/ld.so.preload\"] from all machines",
        ),
        (
            "which machines have the file /etc/ld.so.preload",
            "Get Computer Name and File Exists[\"/etc/ld.so.preload\"] from all machines",
        ),
        (
            "stopped services",
            "Get Service Details having Service Details:Service Status = stopped from all machines",
        ),
        (
            "services on linux",
            "Get Service Details from all machines with Is Linux = True",
        ),
        ("hosts file", "Get Hosts File Entries from all machines"),
        ("arp cache", "Get ARP Cache from all machines"),
        ("routing table", "Get IP Route Details from all machines"),
        (
            "mac address of all machines",
            "Get MAC Address from all machines",
        ),
        (
            "which operating systems do we have",
            "Get Operating System from all machines",
        ),
        (
            "when was the last reboot",
            "Get Last Reboot from all machines",
        ),
        (
            "virtual machines",
            "Get Computer Name from all machines with Is Virtual:Is Virtual = True",
        ),
        (
            "environment of sshd",
            "Get Process Environment[sshd] from all machines",
        ),
        (
            "children of nginx",
            "Get Child Processes[nginx] from all machines",
        ),
        (
            "search /etc for password",
            "Get File Contents Search[\"/etc\", password] from all machines",
        ),
        (
            "grep PermitRootLogin in /etc/ssh",
            "Get File Contents Search[\"/etc/ssh\", PermitRootLogin] from all machines",
        ),
        ("agent version", "Get Agent Version from all machines"),
        (
            "cpu usage on linux",
            "Get CPU from all machines with Is Linux = True",
        ),
        (
            "what is listening on port 4444",
            "Get Listen Ports having Listen Ports:Local Port = 4444 from all machines",
        ),
        (
            "how many machines run windows",
            "Get number of machines from all machines with Is Windows = True",
        ),
        ("mounted file systems", "Get Mounts from all machines"),
        (
            "is powershell running",
            "Get Running Processes contains powershell from all machines",
        ),
        (
            "users with user id 0",
            "Get Local Users having Local Users:User ID = 0 from all machines",
        ),
        (
            "open files of sshd",
            "Get Open Files having Open Files:Process contains sshd from all machines",
        ),
        (
            "which linux machines have port 22 open",
            "Get Computer Name from all machines with Listen Ports:Local Port = 22 and Is Linux = True",
        ),
        (
            "find powershell processes",
            "Get Running Processes contains powershell from all machines",
        ),
        (
            "docker containers",
            "Get Containers having Containers:Runtime = docker from all machines",
        ),
        (
            "accounts with empty password",
            "Get Local Users having Local Users:Password = empty from all machines",
        ),
        (
            "established connections to port 443",
            "Get Established Connections having Established Connections:Remote Port = 443 from all machines",
        ),
        ("process tree", "Get Process Tree from all machines"),
        ("custom tags", "Get Custom Tags from all machines"),
    ];
    let catalogue = sensors::catalogue();
    let mut wrong = Vec::new();
    for (text, wanted) in cases {
        let wanted = parse(wanted, &catalogue)
            .map(|q| q.to_string())
            .unwrap_or_else(|e| panic!("{wanted}: {e}"));
        let readings = interpret(text, &catalogue);
        if readings.first().is_none_or(|r| r.canonical != wanted) {
            let all: Vec<String> = readings
                .iter()
                .map(|r| format!("  {:.2} {}", r.score, r.canonical))
                .collect();
            wrong.push(format!("{text}\n  wanted {wanted}\n{}", all.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
