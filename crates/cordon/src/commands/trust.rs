//! `cordon trust`: the authority that server and agents are known by, and the key that signs orders; how far a replacement is.

use crate::api::Client;
use crate::args::{Output, TrustAction, TrustArgs, TrustWhat};
use crate::output::counted;
use crate::output::{self, Form, Table};
use ::api::fleet::{DropOld, Rotation, TrustPart, TrustStatus};
use anyhow::Result;

/// Runs the command.
pub async fn run(args: TrustArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    let status: TrustStatus = match args.action {
        TrustAction::Status => client.get("/trust").await?,
        TrustAction::Rotate { what } => {
            let what = part(what);
            client.post("/trust/rotate", Rotation { what }).await?
        }
        TrustAction::Drop { what, force } => {
            let what = part(what);
            client
                .post("/trust/drop-old", DropOld { what, force })
                .await?
        }
    };
    show(args.output, &status)
}

fn part(what: TrustWhat) -> TrustPart {
    match what {
        TrustWhat::Authority => TrustPart::Authority,
        TrustWhat::OrderKey => TrustPart::OrderKey,
    }
}

fn show(form: Option<Output>, status: &TrustStatus) -> Result<()> {
    let place = |at: usize, of: usize| match (at, of) {
        (_, 1) => "in use",
        (0, _) => "old, still believed",
        _ => "new",
    };
    let authorities = status.authorities.iter().map(ToString::to_string);
    let keys = status.order_keys.iter().map(ToString::to_string);
    let recovery = status.recovery_keys.iter().map(ToString::to_string);
    let rows = [
        ("authority", authorities.collect::<Vec<_>>()),
        ("order-key", keys.collect()),
        ("recovery-key", recovery.collect()),
    ]
    .into_iter()
    .flat_map(|(what, all)| {
        let of = all.len();
        let all = all.into_iter().enumerate();
        all.map(move |(at, key)| vec![what.to_owned(), place(at, of).to_owned(), key])
    });
    let table = Table::plain("trust", &["What", "State", "Fingerprint or key"], rows);
    output::print(form, &[table], serde_json::to_value(status)?)?;
    if Form::of(form).is_text() {
        anstream::eprintln!("Version {} of the trust. {}", status.version, next(status));
    }
    Ok(())
}

/// What is to be done next.
fn next(status: &TrustStatus) -> String {
    let under_way = [
        ("authority", status.authorities.len()),
        ("order-key", status.order_keys.len()),
    ]
    .into_iter()
    .find(|(_, count)| *count > 1);
    match under_way {
        None => "No replacement is under way.".to_owned(),
        Some((what, _)) if status.behind == 0 => {
            format!(
                "Every endpoint knows the new one: `cordon trust drop {what}` ends the old one{}.",
                if what == "authority" {
                    ", and the enrolment tokens made until then"
                } else {
                    ""
                }
            )
        }
        Some((what, _)) => format!(
            "{} {} not know the new one yet; `cordon trust drop {what}` ends the old one when all were connected.",
            counted(status.behind, "endpoint"),
            if status.behind == 1 { "does" } else { "do" }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::api::ids::{Fingerprint, OrderKey};

    #[test]
    fn what_comes_next_is_said() {
        let mut status = TrustStatus {
            version: 2,
            authorities: vec![Fingerprint([1; 32])],
            order_keys: vec![OrderKey([2; 32])],
            recovery_keys: Vec::new(),
            behind: 3,
        };
        assert!(next(&status).contains("No replacement"));
        status.order_keys.push(OrderKey([3; 32]));
        assert!(next(&status).contains("3 endpoints") && next(&status).contains("drop order-key"));
        status.behind = 0;
        assert!(next(&status).contains("Every endpoint"));
    }
}
