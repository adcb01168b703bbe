//! Any bytes are messages, orders and tokens or errors, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message;
use protocol::message::{
    Order, SignedOrder, SignedRevocation, SignedTrust, ToAgent, ToServer, Trust,
};
use protocol::order::{self, Seen};
use protocol::revocation::{self, Subject};
use protocol::sealing::{Context, SealingKey, SealingPublic};

struct Nothing;

impl Seen for Nothing {
    fn completed(&self, _: u64) -> bool {
        false
    }
    fn cancelled(&self, _: u64) -> bool {
        false
    }
}

fuzz_target!(|bytes: &[u8]| {
    drop(ToServer::decode(bytes));
    drop(ToAgent::decode(bytes));
    drop(Order::decode(bytes));
    if let Ok(signed) = SignedOrder::decode(bytes) {
        let keys = vec![signed.key.clone()];
        drop(order::check(&signed, &keys, 0, |_| true, &Nothing));
    }
    if let Ok(signed) = SignedTrust::decode(bytes) {
        drop(order::check_trust(
            &signed,
            &Trust {
                order_keys: vec![signed.key.clone()],
                ..Trust::default()
            },
        ));
    }
    if let Ok(signed) = SignedRevocation::decode(bytes) {
        let order_keys = std::slice::from_ref(&signed.key);
        let subject = Subject {
            order_keys,
            endpoint: &[1; 32],
            ordinal: 1,
            lifted: None,
        };
        drop(revocation::check(&signed, subject));
    }
    if let Ok(key) = SealingKey::from_secret(&[9; 32]) {
        let context = Context {
            endpoint: &[1; 32],
            purpose: "fuzz",
            about: &[],
        };
        drop(key.open(context, bytes));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        text.parse::<SealingPublic>().ok();
        drop(text.parse::<protocol::token::EnrolmentToken>());
    }
});
