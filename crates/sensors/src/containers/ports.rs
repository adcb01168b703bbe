//! Ports of the machine that lead into a container, as each runtime writes them, in one form: `0.0.0.0:8080->80/tcp`.

use serde_json::Value;

/// `{"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}`
pub(super) fn of_map(map: Option<&Value>) -> Vec<String> {
    let map = map.and_then(Value::as_object).into_iter().flatten();
    let mut ports: Vec<String> = map
        .flat_map(|(inside, outside)| {
            let outside = outside.as_array().into_iter().flatten();
            outside.map(move |end| {
                let text = |key: &str| end.get(key).and_then(Value::as_str).unwrap_or_default();
                one(text("HostIp"), text("HostPort"), inside)
            })
        })
        .collect();
    ports.sort();
    ports.dedup();
    ports
}

/// `[{"host_ip": "", "host_port": 8080, "container_port": 80, "protocol": "tcp", "range": 1}]`, with any case of the keys.
pub(super) fn of_list(list: &Value) -> Vec<String> {
    let mut ports: Vec<String> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.as_object()?;
            let get = |name: &str| {
                let plain = |key: &str| key.replace('_', "").to_ascii_lowercase();
                let found = entry.iter().find(|(key, _)| plain(key) == name);
                found.map(|(_, value)| value)
            };
            let text = |name: &str| get(name).and_then(Value::as_str).unwrap_or_default();
            let number = |name: &str| get(name).and_then(Value::as_u64);
            let (outside, inside) = (number("hostport")?, number("containerport")?);
            if outside == 0 {
                return None;
            }
            let more = number("range").unwrap_or(1).saturating_sub(1);
            let span = |from: u64| match more {
                0 => from.to_string(),
                more => format!("{from}-{}", from.saturating_add(more)),
            };
            let protocol = match text("protocol") {
                "" => "tcp".to_owned(),
                other => other.to_ascii_lowercase(),
            };
            Some(one(
                text("hostip"),
                &span(outside),
                &format!("{}/{protocol}", span(inside)),
            ))
        })
        .collect();
    ports.sort();
    ports.dedup();
    ports
}

fn one(address: &str, outside: &str, inside: &str) -> String {
    let address = match address {
        "" => "0.0.0.0".to_owned(),
        six if six.contains(':') => format!("[{six}]"),
        other => other.to_owned(),
    };
    format!("{address}:{outside}->{inside}")
}
