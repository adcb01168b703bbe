//! A catalogue that resembles the real one.

use question::catalogue::{Catalogue, Group, Platforms, Sensor, ValueType as T};

pub fn sensors() -> Vec<Sensor> {
    let yes_no = |name: &str, what: &str| {
        Sensor::new(name, "System", what)
            .column(name, T::Boolean, what)
            .one_row()
            .platforms(Platforms::ALL)
    };
    vec![
        Sensor::new("Computer Name", "System", "The endpoint's host name.")
            .column("Computer Name", T::Text, "Host name.")
            .one_row()
            .alias("Hostname"),
        yes_no("Is Linux", "Whether the endpoint runs Linux."),
        yes_no("Is Windows", "Whether the endpoint runs Windows."),
        yes_no("Is Mac", "Whether the endpoint runs macOS."),
        yes_no("Is Virtual", "Whether the endpoint is a virtual machine."),
        yes_no("Online", "Always True."),
        Sensor::new(
            "Operating System",
            "System",
            "Name of the operating system.",
        )
        .column("Operating System", T::Text, "Name.")
        .one_row(),
        Sensor::new("OS Version", "System", "Version of the operating system.")
            .column("OS Version", T::Version, "Version.")
            .one_row(),
        Sensor::new("Uptime", "System", "Time since the endpoint was started.")
            .column("Uptime", T::Duration, "Seconds.")
            .one_row(),
        Sensor::new(
            "Last Reboot",
            "System",
            "When the endpoint was last started.",
        )
        .column("Last Reboot", T::DateTime, "Moment.")
        .one_row(),
        Sensor::new("CPU", "Hardware", "Processor of the endpoint.")
            .column("Model", T::Text, "Model name.")
            .column("Cores", T::Integer, "Logical processors.")
            .column("Load", T::Decimal, "Load over one minute.")
            .one_row(),
        Sensor::new("CPU Count", "Hardware", "Number of logical processors.")
            .column("CPU Count", T::Integer, "Processors.")
            .one_row(),
        Sensor::new("RAM", "Hardware", "Memory of the endpoint.")
            .column("RAM", T::DataSize, "Bytes.")
            .one_row()
            .alias("Memory"),
        Sensor::new("Disk Free", "Hardware", "Free space of each file system.")
            .column("Mount", T::Text, "Where it is mounted.")
            .column("Free", T::DataSize, "Free bytes.")
            .key("Free")
            .column("Used Percent", T::Decimal, "Used share."),
        Sensor::new("IP Address", "Network", "Addresses of the endpoint.").column(
            "IP Address",
            T::IpAddress,
            "Address.",
        ),
        Sensor::new("IP Route Details", "Network", "Routing table.")
            .column("Destination", T::IpAddress, "Network.")
            .column("Gateway", T::IpAddress, "Next hop.")
            .column("Metric", T::Integer, "Metric."),
        Sensor::new(
            "Running Processes",
            "Processes",
            "Names of running processes.",
        )
        .column("Name", T::Text, "Name of the process."),
        Sensor::new(
            "Running Processes with Hash",
            "Processes",
            "Running processes with the hash of their executable file.",
        )
        .column("Path", T::Text, "Path of the executable.")
        .column("Hash", T::Hash, "Digest of the executable.")
        .parameter(
            "HashAlgorithm",
            T::Text,
            Some("SHA-256"),
            &["MD5", "SHA-1", "SHA-256"],
            "Which digest.",
        )
        .alias("Process Hashes"),
        Sensor::new(
            "Established Connections",
            "Network",
            "Open TCP connections with their process.",
        )
        .column("Process", T::Text, "Name of the process.")
        .column("Local IP and Port", T::Text, "Local end.")
        .column("Remote Address", T::IpAddress, "Address of the peer.")
        .column("Remote Port", T::Integer, "Port of the peer."),
        Sensor::new(
            "Listen Ports",
            "Network",
            "Ports on which processes listen.",
        )
        .column("Process", T::Text, "Name of the process.")
        .column("Protocol", T::Text, "tcp or udp.")
        .column("Local Port", T::Integer, "Port."),
        Sensor::new("Failed Logins", "Users", "Attempts to log in that failed.")
            .column("User", T::Text, "Account.")
            .column("From", T::Text, "Where from.")
            .column("Time", T::DateTime, "When."),
        Sensor::new("Last Logins", "Users", "Most recent logins.")
            .column("User", T::Text, "Account.")
            .column("Time", T::DateTime, "When."),
        Sensor::new("Logged In Users", "Users", "Users with a session.")
            .column("User", T::Text, "Account.")
            .column("Terminal", T::Text, "Terminal."),
        Sensor::new("Local Users", "Users", "Accounts of the endpoint.")
            .column("User", T::Text, "Account.")
            .column("UID", T::Integer, "Number.")
            .key("User"),
        Sensor::new("Installed Applications", "Software", "Installed packages.")
            .column("Name", T::Text, "Name of the package.")
            .package_version("Version", "Source", "Its version.")
            .column("Source", T::Text, "Package manager.")
            .key("Name"),
        Sensor::new("Service Details", "Software", "Services and their state.")
            .column("Service Name", T::Text, "Name.")
            .column("Service Status", T::Text, "running, stopped, failed."),
        Sensor::new("Kernel Modules", "Kernel", "Loaded kernel modules.")
            .column("Name", T::Text, "Name.")
            .column("Size", T::DataSize, "Bytes."),
        Sensor::new("Folder Contents", "Files", "Entries of a folder.")
            .column("Name", T::Text, "Name of the entry.")
            .parameter("folderPath", T::Text, None, &[], "Path of the folder."),
        Sensor::new("File Exists", "Files", "Whether a file exists.")
            .column("File Exists", T::Boolean, "True when it does.")
            .parameter("file", T::Text, None, &[], "Path of the file.")
            .one_row(),
        Sensor::new(
            "File Contents Search",
            "Files",
            "Lines of files in a folder that match an expression.",
        )
        .column("Path", T::Text, "File.")
        .column("Line", T::Integer, "Line number.")
        .column("Text", T::Text, "The line.")
        .parameter("folder", T::Text, None, &[], "Path of the folder.")
        .parameter("pattern", T::Text, None, &[], "Regular expression.")
        .parameter("limit", T::Integer, Some("100"), &[], "Most lines."),
        Sensor::new("Log Lines", "Files", "Last lines of a log.")
            .column("Line", T::Text, "The line.")
            .parameter("log", T::Text, Some("syslog"), &[], "Which log.")
            .parameter("span", T::Duration, Some("1h"), &[], "How far back.")
            .parameter(
                "follow",
                T::Boolean,
                Some("False"),
                &[],
                "Rotated ones too.",
            )
            .parameter("level", T::Text, None, &[], "Lowest level.")
            .parameter("limit", T::Integer, Some("100"), &[], "Most lines."),
        Sensor::new("Custom Tags", "System", "Tags set on the endpoint.").column(
            "Tag",
            T::Text,
            "Tag.",
        ),
        Sensor::new("High Uptime", "System", "Uptime in days where it is long.")
            .column("High Uptime", T::Integer, "Days.")
            .one_row(),
        Sensor::new("Read and Write (KB)", "System", "A name that needs quotes.").column(
            "Read and Write (KB)",
            T::Integer,
            "Traffic.",
        ),
    ]
}

/// Sensors whose names can be misread: they hold words of the language, or continue another's name with one.
pub fn tricky() -> Vec<Sensor> {
    [
        "Logged",
        "Logged In",
        "Uptime and CPU",
        "Uptime as Text",
        "All CPU",
        "Any CPU",
        "Not Online",
        "In Use",
        "Is",
        "CPU contains",
        "CPU not",
        "from all machines",
        "number of machines",
        "having",
        "A:B",
        "\"quoted\"",
        " blanks  ",
        "Ünï cöde",
    ]
    .iter()
    .map(|name| {
        Sensor::new(name, "Tricky", "Tricky.")
            .column("Port", T::Integer, "One.")
            .column("Port in", T::Integer, "Two.")
            .column("Port as Text", T::Text, "Three.")
            .column("and", T::Text, "Four.")
            .column("contains", T::Text, "Five.")
            .column("a = b", T::Text, "Six.")
    })
    .collect()
}

pub fn catalogue() -> Catalogue {
    let group = |name: &str, filter: &str| Group {
        name: name.into(),
        filter: filter.into(),
    };
    Catalogue::new(sensors()).with_groups([
        group("Linux Servers", "Is Linux = True and Is Virtual = False"),
        group("All Windows", "Is Windows = True"),
        group("Servers", "Linux Servers or Windows Servers"),
        group(
            "Windows Servers",
            "All Windows and Operating System contains server",
        ),
        group("No Computers", "Computer Name does not match .*"),
        group("Loop", "Is Linux = True or Loop Two"),
        group("Loop Two", "not Loop"),
        group("Broken", "Is Linx = True"),
        group("R&D (Lab)", "Custom Tags = lab"),
    ])
}
