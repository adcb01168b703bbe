//! Any text: the parser ends without panic, an error lies within the text, what parses prints and parses again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use question::catalogue::{Catalogue, Group, Sensor, ValueType as T};
use std::sync::LazyLock;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let group = |name: &str, filter: &str| Group {
        name: name.into(),
        filter: filter.into(),
    };
    Catalogue::new([
        Sensor::new("Computer Name", "System", "Host name.")
            .column("Computer Name", T::Text, "Name.")
            .one_row()
            .alias("Hostname"),
        Sensor::new("Is Linux", "System", "Whether it runs Linux.")
            .column("Is Linux", T::Boolean, "Whether.")
            .one_row(),
        Sensor::new("Uptime", "System", "Time since start.")
            .column("Uptime", T::Duration, "Time.")
            .one_row(),
        Sensor::new("Listen Ports", "Network", "Open ports.")
            .column("Process", T::Text, "Process.")
            .column("Address", T::IpAddress, "Address.")
            .column("Local IP and Port", T::Integer, "Port."),
        Sensor::new("Running Processes", "Processes", "Processes.").column(
            "Name",
            T::Text,
            "Name.",
        ),
        Sensor::new("Running Processes with Hash", "Processes", "Processes.")
            .column("Path", T::Text, "Path.")
            .column("Hash", T::Hash, "Hash.")
            .parameter(
                "HashAlgorithm",
                T::Text,
                Some("MD5"),
                &["MD5", "SHA-1"],
                "Which.",
            ),
        Sensor::new("Folder Contents", "Files", "Entries.")
            .column("Name", T::Text, "Name.")
            .column("Size", T::DataSize, "Size.")
            .column("Time", T::DateTime, "Time.")
            .parameter("folderPath", T::Text, None, &[], "Folder.")
            .parameter("limit", T::Integer, Some("5"), &[], "Limit."),
        Sensor::new("Read and Write (KB)", "System", "Quoted.").column("A:B", T::Version, "Value."),
    ])
    .with_groups([
        group("Servers", "Is Linux = True and not Lab"),
        group("Lab", "Uptime > 2 days or Hostname contains lab"),
        group("Loop", "Is Linux = True or Loop"),
    ])
});

fuzz_target!(|text: &str| {
    match question::parse(text, &CATALOGUE) {
        Ok(parsed) => {
            let canonical = parsed.to_string();
            assert_eq!(
                question::parse(&canonical, &CATALOGUE).as_ref(),
                Ok(&parsed),
                "{canonical}"
            );
        }
        Err(error) => {
            assert!(
                error.start <= error.end && error.end <= text.chars().count(),
                "{error:?}"
            );
        }
    }
    let cursor = text.len() / 2;
    let completion = question::complete(text, cursor, &CATALOGUE);
    assert!(completion.start <= completion.end);
    for reading in question::interpret(text, &CATALOGUE) {
        assert_eq!(
            question::parse(&reading.canonical, &CATALOGUE),
            Ok(reading.question)
        );
    }
});
