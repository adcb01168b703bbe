//! What an endpoint answers to one order, encoded once and sent by as many endpoints as answer the same.
//!
//! In protobuf, the bytes of two messages put together are the message merged of both. So the rows are encoded by themselves, and each
//! endpoint puts its own fields (order, attempt, part, state) before them.

use answer::State;
use prost::Message;
use protocol::message::{AnswerPart, OrderLimits, Problem, WireRow};
use question::ast::Row;

/// Bytes of rows in one part: frames stay well below what the channel allows.
const PART_BYTES: usize = 240 << 10;
/// Field of `ToServer` that holds an answer, length-delimited.
const ANSWER_FIELD: u32 = 3;
/// Field of `AnswerPart` that holds rows.
const ROWS_FIELD: u32 = 5;

#[derive(Debug)]
pub(crate) struct Outcome {
    state: State,
    problems: Vec<Problem>,
    total_rows: u64,
    rows_cut: u64,
    /// Encoded rows of each part; never empty.
    parts: Vec<Vec<u8>>,
}

impl Outcome {
    pub(crate) fn new(
        mut state: State,
        tables: Vec<Vec<Row>>,
        mut problems: Vec<Problem>,
        limits: OrderLimits,
    ) -> Self {
        let mut parts = vec![Vec::new()];
        let (mut total_rows, mut rows_cut, mut bytes) = (0, 0, 0_u64);
        let mut hit = None;
        for (table, rows) in (0..).zip(tables) {
            for row in rows {
                let size: u64 = row.iter().map(|c| c.len() as u64).sum();
                if hit.is_none() && limits.rows > 0 && total_rows >= limits.rows {
                    hit = Some((State::RowLimit, "row limit reached"));
                }
                if hit.is_none() && limits.bytes > 0 && bytes + size > limits.bytes {
                    hit = Some((State::ByteLimit, "byte limit reached"));
                }
                if hit.is_some() {
                    rows_cut += 1;
                    continue;
                }
                total_rows += 1;
                bytes += size;
                let row = WireRow {
                    table,
                    cells: row.into_iter().map(<[u8]>::into_vec).collect(),
                };
                let length = row.encoded_len();
                if parts.last().is_some_and(|p| p.len() + length > PART_BYTES) {
                    parts.push(Vec::new());
                }
                if let Some(part) = parts.last_mut() {
                    prost::encoding::message::encode(ROWS_FIELD, &row, part);
                }
            }
        }
        if let Some((limit, message)) = hit {
            state = limit;
            problems.push(Problem::new("", limit, message));
        }
        Self {
            state,
            problems,
            total_rows,
            rows_cut,
            parts,
        }
    }

    pub(crate) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// The whole frame of one part.
    pub(crate) fn frame(&self, order: u64, attempt: u64, part: usize) -> Vec<u8> {
        let rows = self.parts.get(part).map_or(&[][..], Vec::as_slice);
        let mut own = AnswerPart {
            order,
            attempt,
            part: u32::try_from(part).unwrap_or(u32::MAX),
            ..AnswerPart::default()
        };
        if part + 1 >= self.parts.len() {
            own.last = true;
            own.set_state(self.state);
            own.problems.clone_from(&self.problems);
            own.total_rows = self.total_rows;
            own.rows_cut = self.rows_cut;
        }
        let answer = own.encoded_len() + rows.len();
        let mut frame = Vec::with_capacity(answer + 16);
        frame.extend_from_slice(&[0; 4]);
        prost::encoding::encode_key(
            ANSWER_FIELD,
            prost::encoding::WireType::LengthDelimited,
            &mut frame,
        );
        prost::encoding::encode_varint(answer as u64, &mut frame);
        own.encode_raw(&mut frame);
        frame.extend_from_slice(rows);
        let length = u32::try_from(frame.len() - 4).unwrap_or(u32::MAX);
        if let Some(place) = frame.first_chunk_mut::<4>() {
            *place = length.to_be_bytes();
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::message::{ToServer, agent_says::Body};

    fn rows(count: usize, size: usize) -> Vec<Row> {
        (0..count)
            .map(|i| vec![format!("{i}").into_bytes().into(), vec![7; size].into()])
            .collect()
    }

    fn decoded(outcome: &Outcome) -> Vec<AnswerPart> {
        (0..outcome.parts())
            .map(|part| {
                let frame = outcome.frame(5, 99, part);
                assert!(frame.len() < protocol::frame::MAX);
                let (length, body) = frame.split_first_chunk::<4>().unwrap();
                assert_eq!(u32::from_be_bytes(*length) as usize, body.len());
                match ToServer::decode(body).unwrap().body.unwrap() {
                    Body::Answer(part) => part,
                    other => panic!("{other:?}"),
                }
            })
            .collect()
    }

    #[test]
    fn frames_put_together_by_hand_are_what_the_protocol_reads() {
        let problem = Problem::new("Uptime", State::Error, "no");
        let outcome = Outcome::new(
            State::Answered,
            vec![rows(3, 10), rows(2, 200_000)],
            vec![problem.clone()],
            OrderLimits::default(),
        );
        let parts = decoded(&outcome);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts.iter().map(|p| p.rows.len()).sum::<usize>(), 5);
        assert_eq!((parts[0].order, parts[0].attempt), (5, 99));
        assert!(!parts[0].last && parts[0].problems.is_empty());
        let last = &parts[1];
        assert!(last.last && last.part == 1);
        assert_eq!(last.state(), Some(State::Answered));
        assert_eq!(last.total_rows, 5);
        assert_eq!(last.problems, [problem]);
        assert_eq!(parts[0].rows[1].cells[0], b"1");
        assert_eq!(last.rows.last().unwrap().table, 1);
    }

    #[test]
    fn limits_cut_and_say_so() {
        let limits = OrderLimits {
            rows: 4,
            ..OrderLimits::default()
        };
        let outcome = Outcome::new(State::Answered, vec![rows(6, 1)], vec![], limits);
        let parts = decoded(&outcome);
        assert_eq!((parts[0].total_rows, parts[0].rows_cut), (4, 2));
        assert_eq!(parts[0].state(), Some(State::RowLimit));
        let none = Outcome::new(State::Empty, vec![], vec![], limits);
        assert_eq!(decoded(&none)[0].total_rows, 0);
    }
}
