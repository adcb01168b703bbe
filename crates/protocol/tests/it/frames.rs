use proptest::prelude::*;
use prost::Message;
use protocol::frame::{self, FrameError};
use protocol::message::{AnswerPart, ToServer, WireRow, agent_says};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
}

fn read(bytes: &[u8], bound: usize) -> Result<ToServer, FrameError> {
    runtime().block_on(async { frame::read(&mut &*bytes, bound).await })
}

#[test]
fn a_frame_comes_back_as_it_was_sent() {
    let row = WireRow {
        table: 1,
        cells: vec![vec![0xff, 0, b'x'], Vec::new()],
    };
    let part = AnswerPart {
        order: 7,
        attempt: 3,
        part: 0,
        last: true,
        rows: vec![row],
        total_rows: 1,
        ..Default::default()
    };
    let message = ToServer {
        body: Some(agent_says::Body::Answer(part)),
    };
    assert_eq!(
        read(&frame::encode(&message), frame::MAX).expect("a frame"),
        message
    );
}

#[test]
fn a_message_from_the_future_is_skipped_not_refused() {
    // Field 99, length-delimited, three bytes: no variant of this version.
    let mut body = Vec::new();
    prost::encoding::bytes::encode(99, &vec![1_u8, 2, 3], &mut body);
    let mut bytes = u32::try_from(body.len())
        .expect("short")
        .to_be_bytes()
        .to_vec();
    bytes.extend(body);
    assert_eq!(
        read(&bytes, frame::MAX).expect("a frame"),
        ToServer { body: None }
    );
}

#[test]
fn a_frame_above_the_bound_is_refused_before_its_bytes_are_read() {
    let announced = u32::try_from(frame::MAX + 1).expect("fits");
    let error = read(&announced.to_be_bytes(), frame::MAX).expect_err("too large");
    assert!(
        matches!(error, FrameError::TooLarge { announced: a, .. } if a == frame::MAX + 1),
        "{error}"
    );
}

#[test]
fn ends_are_told_apart() {
    assert!(matches!(read(&[], frame::MAX), Err(FrameError::Closed)));
    assert!(matches!(
        read(&[0, 0], frame::MAX),
        Err(FrameError::Io { during: "read", .. })
    ));
    assert!(matches!(
        read(&[0, 0, 0, 9, 1, 2], frame::MAX),
        Err(FrameError::Io { during: "read", .. })
    ));
    assert!(matches!(
        read(&[0, 0, 0, 2, 0xff, 0xff], frame::MAX),
        Err(FrameError::Malformed { length: 2, .. })
    ));
}

#[test]
fn nothing_larger_than_the_bound_is_sent() {
    let row = WireRow {
        table: 0,
        cells: vec![vec![0; frame::MAX]],
    };
    let message = ToServer {
        body: Some(agent_says::Body::Answer(AnswerPart {
            rows: vec![row],
            ..Default::default()
        })),
    };
    let mut sent = Vec::new();
    let error = runtime()
        .block_on(frame::write(&mut sent, &message))
        .expect_err("too large");
    assert!(matches!(error, FrameError::TooLarge { .. }));
    assert!(sent.is_empty());
}

proptest! {
    #[test]
    fn any_bytes_are_a_frame_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        drop(read(&bytes, frame::MAX));
        drop(protocol::message::ToAgent::decode(bytes.as_slice()));
    }
}
