//! Which named condition is behind an error of the wire: errors in, a [`Trouble`] out.

use crate::kalshi::errors;
use crate::message::Trouble;
use crate::net::{DialError, TlsFault};
use crate::reconcile::client::{RestError, RestFailure};

/// Behind a connection that could not be made.
pub(super) fn of_dial(error: &DialError) -> Trouble {
    match error {
        DialError::Resolve { .. } => Trouble::NameUnresolved,
        DialError::Connect { .. } => Trouble::Unreachable,
        DialError::Tls { fault: TlsFault::Peer, .. } => Trouble::TlsFailed,
        DialError::Tls { fault: TlsFault::Link, .. } => Trouble::Unreachable,
        DialError::Upgrade { status, body } => {
            let code = errors::reject(*status, body.as_bytes()).code;
            errors::trouble(*status, code.as_str()).unwrap_or(Trouble::Unreachable)
        }
    }
}

/// Behind a read that did not succeed; `None` when it has no name.
pub(super) fn of_read(error: &RestError) -> Option<Trouble> {
    match &error.why {
        RestFailure::Dial(error) => Some(of_dial(error)),
        RestFailure::Timeout { .. } | RestFailure::Link(_) => Some(Trouble::Unreachable),
        RestFailure::Refused { status, code, .. } => errors::trouble(*status, code),
        RestFailure::Http(_)
        | RestFailure::Sign(_)
        | RestFailure::Decode(_)
        | RestFailure::Endless
        | RestFailure::FillsMissing => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upgrade(status: u16, body: &str) -> Trouble {
        of_dial(&DialError::Upgrade { status, body: body.to_owned() })
    }

    #[test]
    fn a_refused_upgrade_is_as_telling_as_a_refused_request() {
        let expired = r#"{"error":{"code":"header_timestamp_expired","message":"x"}}"#;
        assert_eq!(upgrade(401, expired), Trouble::ClockSkew);
        assert_eq!(upgrade(401, ""), Trouble::KeyRefused);
        assert_eq!(upgrade(429, ""), Trouble::RateLimited);
        assert_eq!(upgrade(502, "<html>"), Trouble::Unreachable);
    }
}
