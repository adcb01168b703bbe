//! What the agent knows about itself: its version, its state, how long its sensors take, and the tags its
//! administrator gave the machine. All but the tags come from [`HostFacts`](crate::framework::HostFacts).

use crate::disk;
use crate::framework::{Entry, Request, SensorError, Sink};
use crate::text;
use question::catalogue::ValueType::{Decimal, Integer, Text, Version};
use question::catalogue::{Platforms, Sensor};

const CATEGORY: &str = "Agent";

/// The sensors of this family.
pub const SENSORS: &[Entry] = &[
    Entry {
        declare: || {
            Sensor::new(
                "Custom Tags",
                CATEGORY,
                "Tags of the machine: the lines of tags.txt in the agent's state folder that are not empty and do not begin with #.",
            )
            .column("Tag", Text, "One tag.")
            .platforms(Platforms::ALL)
            .max_age(60)
            .example("Get Agent Version from all machines with Custom Tags contains production")
        },
        collect: custom_tags,
    },
    Entry {
        declare: || {
            Sensor::new(
                "Agent Version",
                CATEGORY,
                "Version of the agent that answers.",
            )
            .column("Agent Version", Version, "Version number.")
            .one_row()
            .platforms(Platforms::ALL)
        },
        collect: agent_version,
    },
    Entry {
        declare: || {
            Sensor::new(
                "Agent Status",
                CATEGORY,
                "What the agent measures about itself: connection, processor time, memory, open orders.",
            )
            .column("Name", Text, "What is measured, with its unit.")
            .column("Value", Text, "The value.")
            .platforms(Platforms::ALL)
            .max_age(0)
        },
        collect: |request, sink| {
            for (name, value) in &request.host.status {
                sink.push([name, value])?;
            }
            Ok(())
        },
    },
    Entry {
        declare: || {
            Sensor::new(
                "Sensor Run Times",
                CATEGORY,
                "How often each sensor ran since the agent started, and how long it took.",
            )
            .column("Sensor", Text, "Name of the sensor.")
            .column("Runs", Integer, "Number of runs.")
            .column("Average Time", Decimal, "Average wall time of a run in milliseconds.")
            .column("Maximum Time", Decimal, "Longest wall time of a run in milliseconds.")
            .column("Last State", Text, "How the last run ended.")
            .platforms(Platforms::ALL)
            .max_age(0)
            .key("Sensor")
            .example("Get Sensor Run Times having Sensor Run Times:Average Time > 1000 from all machines")
        },
        collect: sensor_run_times,
    },
];

/// Most bytes of the file of tags.
const TAGS_MAX: u64 = 1 << 20;

fn custom_tags(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let folder = &request.host.state_dir;
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    let tags = folder.join("tags.txt");
    let bytes = disk::read_if_there(&tags, TAGS_MAX, &sink.notes()).unwrap_or_default();
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    for line in text::lines(bytes).map(<[u8]>::trim_ascii) {
        if !line.is_empty() && !line.starts_with(b"#") {
            sink.push([line])?;
        }
    }
    Ok(())
}

fn agent_version(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    // Without an agent around it (`cordon ask --local`) the program itself answers.
    let version = match request.host.agent_version.as_str() {
        "" => env!("CARGO_PKG_VERSION"),
        version => version,
    };
    sink.push([version])?;
    Ok(())
}

fn sensor_run_times(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    for (sensor, runs, average, maximum, state) in &request.host.run_times {
        sink.push([
            sensor.clone(),
            runs.to_string(),
            format!("{average:.1}"),
            format!("{maximum:.1}"),
            state.clone(),
        ])?;
    }
    Ok(())
}
