use super::*;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use protocol::message::{CancelOrder, QuestionOrder};
use protocol::order::sign;
use std::collections::{BTreeMap as Map, BTreeSet as Set};

const NOW: i64 = 1_800_000_000;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn keys() -> Vec<Vec<u8>> {
    vec![key().verifying_key().to_bytes().to_vec()]
}

fn question(number: u64, expires: i64) -> Order {
    Order {
        number,
        issued: NOW.min(expires - 60),
        expires,
        payload: Some(Payload::Question(QuestionOrder {
            text: "Get Computer Name from all machines".into(),
            limits: None,
        })),
        ..Order::default()
    }
}

fn judge(book: &Book, order: Order, now: i64) -> Verdict {
    let keys = keys();
    let standing = Standing {
        order_keys: &keys,
        ordinal: 3,
    };
    book.judge(&sign(order, &key()), standing, now)
}

/// Starts what is next.
fn start(book: &mut Book) -> Option<u64> {
    let number = book.next_to_start()?;
    book.started(number)?;
    Some(number)
}

fn refused(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Refuse { refused, .. } => refused.code(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn an_order_goes_its_way_once() {
    let mut book = Book::default();
    assert!(matches!(
        judge(&book, question(5, NOW + 60), NOW),
        Verdict::Accept(_)
    ));
    book.accept(5, NOW + 60);
    assert_eq!(
        judge(&book, question(5, NOW + 60), NOW),
        Verdict::Copy(Stage::Accepted)
    );
    assert_eq!(start(&mut book), Some(5));
    assert_eq!(start(&mut book), None);
    assert_eq!(
        judge(&book, question(5, NOW + 60), NOW),
        Verdict::Copy(Stage::Started)
    );
    assert!(book.spooled(5));
    assert!(!book.spooled(5));
    assert_eq!(book.waiting().collect::<Vec<_>>(), [5]);
    assert_eq!(
        judge(&book, question(5, NOW + 60), NOW),
        Verdict::Copy(Stage::Spooled)
    );
    assert_eq!(book.finish(5), Some(NOW + 60));
    assert_eq!(
        refused(judge(&book, question(5, NOW + 60), NOW)),
        "replayed"
    );
}

#[test]
fn a_target_set_decides_who_obeys() {
    let book = Book::default();
    let mut bytes = Vec::new();
    let others: roaring::RoaringBitmap = [1, 2, 4].into_iter().collect();
    others.serialize_into(&mut bytes).unwrap();
    let mut order = question(1, NOW + 60);
    order.targets = bytes;
    assert_eq!(refused(judge(&book, order.clone(), NOW)), "not-for-me");
    order.targets = b"no bitmap at all".to_vec();
    assert_eq!(refused(judge(&book, order.clone(), NOW)), "not-for-me");
    let mut bytes = Vec::new();
    let mine: roaring::RoaringBitmap = [3].into_iter().collect();
    mine.serialize_into(&mut bytes).unwrap();
    order.targets = bytes;
    assert!(matches!(judge(&book, order, NOW), Verdict::Accept(_)));
}

#[test]
fn what_cannot_be_read_claims_number_zero() {
    let book = Book::default();
    let keys = keys();
    let standing = Standing {
        order_keys: &keys,
        ordinal: 3,
    };
    let signed = SignedOrder {
        body: vec![0xFF; 40],
        key: vec![1; 32],
        signature: vec![2; 64],
    };
    assert!(matches!(
        book.judge(&signed, standing, NOW),
        Verdict::Refuse {
            number: 0,
            refused: Refused::UnknownKey
        }
    ));
}

#[test]
fn a_cancelled_order_is_done() {
    let mut book = Book::default();
    book.accept(5, NOW + 60);
    assert_eq!(start(&mut book), Some(5));
    let cancel = Order {
        targets: mine(),
        number: 6,
        issued: NOW,
        expires: NOW + 60,
        payload: Some(Payload::Cancel(CancelOrder { order: 5 })),
        ..Order::default()
    };
    assert_eq!(
        judge(&book, cancel.clone(), NOW),
        Verdict::Cancel {
            number: 6,
            expires: NOW + 60,
            target: 5
        }
    );
    assert_eq!(book.cancel(6, NOW + 60, 5, NOW), Cancelled::UnderWay);
    assert!(
        !book.spooled(5),
        "the answer of a cancelled order is not wanted"
    );
    assert_eq!(refused(judge(&book, cancel, NOW)), "replayed");
    assert_eq!(
        refused(judge(&book, question(5, NOW + 60), NOW)),
        "replayed"
    );
    assert!(book.has_room() && book.unfinished() == 0);
}

/// A target set with the endpoint of these tests in it.
fn mine() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mine: roaring::RoaringBitmap = [3].into_iter().collect();
    mine.serialize_into(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_cancellation_for_nobody_in_particular_is_refused() {
    let cancel = Order {
        number: 6,
        issued: NOW,
        expires: NOW + 60,
        payload: Some(Payload::Cancel(CancelOrder { order: 5 })),
        ..Order::default()
    };
    assert_eq!(refused(judge(&Book::default(), cancel, NOW)), "no-targets");
}

#[test]
fn an_order_cancelled_before_it_came_is_never_carried_out() {
    let mut book = Book::default();
    let Cancelled::NotYet { until } = book.cancel(6, NOW + 60, 5, NOW) else {
        panic!("it has not come");
    };
    assert!(until >= NOW + order::LONGEST_LIFE_SECONDS);
    // The mark outlives the cancelling order, and a restart.
    book.prune(NOW + 3600);
    let book = Book::restore(Remembered {
        cancelled: book.cancelled().collect(),
        done: book.done().collect(),
        pruned: book.pruned(),
        ..Remembered::default()
    });
    assert_eq!(
        refused(judge(&book, question(5, NOW + 7200), NOW + 3600)),
        "cancelled"
    );
}

#[test]
fn with_all_the_work_it_takes_it_is_busy_and_still_hears_that_it_may_stop() {
    let mut book = Book::default();
    for number in 1..=MAX_OPEN as u64 {
        book.accept(number, NOW + 60);
    }
    assert_eq!(refused(judge(&book, question(900, NOW + 60), NOW)), "busy");
    let cancel = Order {
        targets: mine(),
        number: 901,
        issued: NOW,
        expires: NOW + 60,
        payload: Some(Payload::Cancel(CancelOrder { order: 1 })),
        ..Order::default()
    };
    assert!(matches!(
        judge(&book, cancel, NOW),
        Verdict::Cancel { target: 1, .. }
    ));
}

#[test]
fn what_ended_the_agent_runs_alone_and_last() {
    let kept = |number, attempts| Kept {
        number,
        expires: NOW + 60,
        attempts,
    };
    let mut book = Book::restore(Remembered {
        accepted: vec![kept(1, 1), kept(2, 0), kept(3, 1), kept(4, 0)],
        ..Remembered::default()
    });
    assert_eq!((start(&mut book), start(&mut book)), (Some(2), Some(4)));
    assert_eq!(
        book.next_to_start(),
        None,
        "it waits until nothing else runs"
    );
    book.spooled(2);
    book.spooled(4);
    assert_eq!(start(&mut book), Some(1));
    assert_eq!(book.attempts(1), 2);
    book.accept(5, NOW + 60);
    assert_eq!(book.next_to_start(), None, "nothing runs beside it");
    book.spooled(1);
    assert_eq!((start(&mut book), start(&mut book)), (Some(5), None));
}

#[test]
fn pruned_numbers_stay_refused_when_the_clock_is_set_back() {
    let mut book = Book::default();
    for number in [5, 9] {
        book.accept(number, NOW + 60);
        start(&mut book);
        book.spooled(number);
        book.finish(number);
    }
    assert!(book.prune(NOW + 60).is_empty(), "the slack keeps them");
    assert_eq!(book.prune(NOW + 60 + CLOCK_SLACK_SECONDS), [5, 9]);
    // The clock was wrong; now it is right again, and an old order passes the check of its expiry.
    assert_eq!(
        refused(judge(&book, question(5, NOW + 60), NOW)),
        "replayed"
    );
    assert!(matches!(
        judge(&book, question(10, NOW + 60), NOW),
        Verdict::Accept(_)
    ));
    assert!(matches!(
        judge(&book, question(7, NOW + 3600), NOW),
        Verdict::Accept(_)
    ));
}

#[test]
fn overdue_orders_are_named() {
    let mut book = Book::default();
    for number in 1..=3 {
        book.accept(number, NOW);
    }
    assert_eq!((start(&mut book), start(&mut book)), (Some(1), Some(2)));
    book.spooled(2);
    assert_eq!(book.overdue(NOW - 1), Vec::<u64>::new());
    assert_eq!(book.overdue(NOW), [3]);
    assert_eq!(book.overdue(NOW + ANSWER_GRACE_SECONDS), [2, 3]);
}

#[derive(Clone, Debug)]
enum Step {
    Offer(u64),
    Start,
    Answer(u64),
    Stored(u64),
    Cancel(u64),
    Tidy(i64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u64..12).prop_map(Step::Offer),
        3 => Just(Step::Start),
        3 => (1_u64..12).prop_map(Step::Answer),
        2 => (1_u64..12).prop_map(Step::Stored),
        1 => (1_u64..12).prop_map(Step::Cancel),
        1 => (0_i64..2_000).prop_map(Step::Tidy),
        1 => Just(Step::Restart),
    ]
}

/// What a spool would hold.
#[derive(Default)]
struct Disk {
    accepted: Map<u64, i64>,
    answers: Map<u64, i64>,
    done: Map<u64, i64>,
    cancelled: Map<u64, i64>,
    pruned: Pruned,
}

proptest! {
    /// Whatever happens in whatever order, restarts included: an order that was done never runs again, none runs twice at
    /// once, and no accepted order is lost before it is done.
    #[test]
    fn orders_only_move_forward(steps in proptest::collection::vec(step(), 1..200)) {
        let (mut book, mut disk, mut now) = (Book::default(), Disk::default(), NOW);
        let (mut ever_done, mut running) = (Set::new(), Set::new());
        let mut cancels = 1_000;
        for step in steps {
            match step {
                Step::Offer(number) => {
                    let expires = NOW + 100 * i64::try_from(number).unwrap();
                    match judge(&book, question(number, expires), now) {
                        Verdict::Accept(order) => {
                            prop_assert!(!ever_done.contains(&number), "{number} was done");
                            disk.accepted.insert(number, order.expires);
                            book.accept(number, order.expires);
                        }
                        Verdict::Copy(_) => prop_assert!(
                            disk.accepted.contains_key(&number) || disk.answers.contains_key(&number)),
                        Verdict::Refuse { refused, .. } => prop_assert!(
                            ever_done.contains(&number) || expires <= now || refused.code() == "bad-times"
                                || refused.code() == "replayed" || refused.code() == "cancelled"),
                        Verdict::Cancel { .. } => prop_assert!(false),
                    }
                }
                Step::Start => if let Some(number) = start(&mut book) {
                    prop_assert!(running.insert(number), "{number} runs twice");
                    prop_assert!(running.len() <= MAX_RUNNING);
                },
                Step::Answer(number) => {
                    let wanted = book.spooled(number);
                    prop_assert_eq!(wanted, running.remove(&number));
                    if wanted {
                        let expires = disk.accepted.remove(&number);
                        prop_assert!(expires.is_some());
                        disk.answers.extend(expires.map(|e| (number, e)));
                    }
                }
                Step::Stored(number) => if book.stage(number) == Some(Stage::Spooled) {
                    disk.answers.remove(&number);
                    disk.done.extend(book.finish(number).map(|e| (number, e)));
                    ever_done.insert(number);
                },
                Step::Cancel(number) => {
                    cancels += 1;
                    let expires = book.expires(number);
                    disk.done.insert(cancels, now + 60);
                    if book.cancel(cancels, now + 60, number, now) == Cancelled::UnderWay {
                        disk.accepted.remove(&number);
                        disk.answers.remove(&number);
                        disk.done.extend(expires.map(|e| (number, e)));
                        running.remove(&number);
                    } else if !ever_done.contains(&number) {
                        disk.cancelled.extend(book.cancelled());
                    }
                    ever_done.insert(number);
                }
                Step::Tidy(later) => {
                    now = NOW + later;
                    for number in book.overdue(now) {
                        disk.accepted.remove(&number);
                        disk.answers.remove(&number);
                        disk.done.extend(book.finish(number).map(|e| (number, e)));
                        ever_done.insert(number);
                    }
                    for number in book.prune(now) {
                        disk.done.remove(&number);
                        disk.cancelled.remove(&number);
                    }
                    disk.pruned = book.pruned();
                }
                Step::Restart => {
                    let kept = |(number, expires): (&u64, &i64)| Kept {
                        number: *number,
                        expires: *expires,
                        attempts: 0,
                    };
                    book = Book::restore(Remembered {
                        accepted: disk.accepted.iter().map(kept).collect(),
                        answered: disk.answers.clone().into_iter().collect(),
                        done: disk.done.clone().into_iter().collect(),
                        cancelled: disk.cancelled.clone().into_iter().collect(),
                        pruned: disk.pruned,
                    });
                    running.clear();
                }
            }
            let waiting: Vec<u64> = book.waiting().collect();
            prop_assert_eq!(&waiting, &disk.answers.keys().copied().collect::<Vec<_>>());
            prop_assert_eq!(book.unfinished(), disk.accepted.len());
            prop_assert!(disk.accepted.keys().all(|n| book.stage(*n).is_some()));
        }
    }
}
