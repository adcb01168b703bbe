use proptest::prelude::*;
use protocol::token::{EnrolmentToken, TokenError};

fn token() -> EnrolmentToken {
    EnrolmentToken {
        servers: vec!["one:17472".into(), "[::1]:17472".into()],
        authority_fingerprint: [7; 32],
        secret: vec![9; 32],
    }
}

#[test]
fn a_token_is_read_as_it_was_written() {
    let text = token().to_string();
    assert_eq!(text.parse::<EnrolmentToken>().expect("a token"), token());
    assert_eq!(
        format!(" {text}\n")
            .parse::<EnrolmentToken>()
            .expect("white space around it does no harm"),
        token()
    );
}

#[test]
fn the_secret_never_shows_in_debug_output() {
    let shown = format!(
        "{:?}",
        EnrolmentToken {
            secret: b"0123456789abcdef".to_vec(),
            ..token()
        }
    );
    assert!(
        !shown.contains("48, 49") && !shown.contains("0123456789"),
        "{shown}"
    );
}

#[test]
fn damage_is_named() {
    assert!(matches!(
        "hello".parse::<EnrolmentToken>(),
        Err(TokenError::Prefix)
    ));
    assert!(matches!(
        "cordon1.!!".parse::<EnrolmentToken>(),
        Err(TokenError::Encoding(_))
    ));
    assert!(matches!(
        "cordon1.AAAA".parse::<EnrolmentToken>(),
        Err(TokenError::Content(_))
    ));
    let short = EnrolmentToken {
        secret: vec![1; 3],
        ..token()
    }
    .to_string();
    assert!(matches!(
        short.parse::<EnrolmentToken>(),
        Err(TokenError::Length(_))
    ));
}

proptest! {
    #[test]
    fn any_text_is_a_token_or_an_error(text in "\\PC{0,200}") {
        drop(text.parse::<EnrolmentToken>());
        drop(format!("cordon1.{text}").parse::<EnrolmentToken>());
    }
}
