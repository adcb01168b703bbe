//! What goes between the agent and the process of a sensor: frames as on the channel to the server, over two pipes. One
//! [`Job`] goes in; parts of an answer come out, the last with the problems.

use prost::Message;
use protocol::frame;
use protocol::message::OrderLimits;
use question::catalogue::Limits;
use sensors::framework::{HostFacts, Request};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::Arc;
use std::time::Duration;

/// What is to be run.
#[derive(Clone, PartialEq, Message)]
pub struct Job {
    /// Canonical name.
    #[prost(string, tag = "1")]
    pub sensor: String,
    /// Values of all parameters.
    #[prost(string, repeated, tag = "2")]
    pub parameters: Vec<String>,
    /// Limits of the run, and of the process.
    #[prost(message, optional, tag = "3")]
    pub limits: Option<OrderLimits>,
    /// As in [`HostFacts`].
    #[prost(string, tag = "4")]
    pub endpoint_id: String,
    /// As in [`HostFacts`].
    #[prost(string, tag = "5")]
    pub agent_version: String,
    /// As in [`HostFacts`].
    #[prost(bytes = "vec", tag = "6")]
    pub state_dir: Vec<u8>,
    /// Number of the agent's process: whose death ends the run.
    #[prost(uint32, tag = "7")]
    pub agent: u32,
}

impl Job {
    /// A job. What an agent knows of its connection and run times no sensor asks that is run apart.
    #[must_use]
    pub fn new(sensor: &str, request: &Request, limits: Limits) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        // The process has another working directory.
        let folder = &request.host.state_dir;
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
        Self {
            sensor: sensor.into(),
            parameters: request.parameters.clone(),
            limits: Some(OrderLimits {
                wall_ms: millis(limits.wall),
                cpu_ms: millis(limits.cpu),
                memory: limits.memory,
                rows: limits.rows,
                bytes: limits.bytes,
            }),
            endpoint_id: request.host.endpoint_id.clone(),
            agent_version: request.host.agent_version.clone(),
            state_dir: folder.as_os_str().as_bytes().to_vec(),
            agent: std::process::id(),
        }
    }

    /// As it goes over the pipe.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        frame::encode(self)
    }

    /// The limits; those that are not said are zero, so that nothing runs without any.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let said = self.limits.unwrap_or_default();
        Limits {
            wall: Duration::from_millis(said.wall_ms),
            cpu: Duration::from_millis(said.cpu_ms),
            memory: said.memory,
            rows: said.rows,
            bytes: said.bytes,
        }
    }

    /// What the sensor is asked for.
    #[must_use]
    pub fn request(&self) -> Request {
        Request {
            parameters: self.parameters.clone(),
            host: Arc::new(HostFacts {
                endpoint_id: self.endpoint_id.clone(),
                agent_version: self.agent_version.clone(),
                state_dir: std::ffi::OsString::from_vec(self.state_dir.clone()).into(),
                ..HostFacts::default()
            }),
        }
    }
}

/// Cuts what comes in pieces into messages. Holds one frame and one piece at most.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    read: usize,
}

impl Frames {
    /// Adds a piece.
    pub fn add(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// The next message; `None` until more of it came.
    ///
    /// # Errors
    /// A sentence, when what came is no message. Nothing that follows can be understood then.
    pub fn take<M: Message + Default>(&mut self) -> Result<Option<M>, String> {
        let rest = self.bytes.get(self.read..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length > frame::MAX {
            return Err(format!(
                "a frame of {length} bytes is more than {}",
                frame::MAX
            ));
        }
        let Some(message) = rest.get(..length) else {
            return Ok(None);
        };
        let message = M::decode(message).map_err(|e| format!("it is no message: {e}"))?;
        self.read += 4 + length;
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_job_arrives_as_it_was_sent() {
        let request = Request {
            parameters: vec!["/a".into(), String::new()],
            host: Arc::new(HostFacts {
                endpoint_id: "00".into(),
                agent_version: "1".into(),
                state_dir: std::ffi::OsString::from_vec(b"/\xFF".to_vec()).into(),
                ..HostFacts::default()
            }),
        };
        let limits = Limits::default();
        let sent = Job::new("Folder Contents", &request, limits);
        let mut frames = Frames::default();
        for byte in sent.encoded() {
            assert_eq!(frames.take::<Job>(), Ok(None));
            frames.add(&[byte]);
        }
        let job = frames.take::<Job>().unwrap().unwrap();
        assert_eq!(job, sent);
        assert_eq!(job.limits(), limits);
        assert_eq!(job.request().parameters, request.parameters);
        assert_eq!(job.request().host.state_dir, request.host.state_dir);
        assert!(Job::default().limits().memory == 0);
    }

    #[test]
    fn a_relative_folder_means_the_same_in_another_working_directory() {
        let request = Request {
            host: Arc::new(HostFacts {
                state_dir: ".cordon/agent".into(),
                ..HostFacts::default()
            }),
            ..Request::default()
        };
        let job = Job::new("Index Status", &request, Limits::default());
        let meant = std::env::current_dir().unwrap().join(".cordon/agent");
        assert_eq!(job.request().host.state_dir, meant);
    }

    proptest! {
        #[test]
        fn any_bytes_are_messages_or_an_error(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let mut frames = Frames::default();
            for piece in pieces {
                frames.add(&piece);
                loop {
                    match frames.take::<Job>() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => return Ok(()),
                    }
                }
            }
        }
    }
}
