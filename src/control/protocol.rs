//! What is said on the control socket: one JSON object a line in either direction.
//!
//! `{"command":"halt","reason":"…"}` is answered with `{"ok":true,…}` or
//! `{"ok":false,"error":{"code":"…","message":"…"}}`. A connection may ask again and again; its
//! answers come in the order of its questions.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Longest line a person's command needs, several times over.
pub(super) const LINE_BYTES_MAX: usize = 4_096;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Request {
    /// Send no order until a person resumes, and cancel what rests.
    Halt {
        /// Why, for whoever finds it halted.
        reason: String,
    },
    /// Trade again.
    Resume,
    /// The engine at a glance.
    Status,
    /// Cancel what rests, and trade on.
    CancelAll,
    /// What is held.
    Positions,
    /// What is alive.
    Orders,
    /// Compare books and exchange now.
    Reconcile,
}

impl Request {
    /// Reads one line.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        let request: Self = serde_json::from_slice(line).map_err(|error| {
            let known = "halt, resume, status, cancel-all, positions, orders and reconcile";
            format!("{error}; commands are {known}")
        })?;
        match &request {
            Self::Halt { reason } if reason.trim().is_empty() => {
                Err("a halt needs a reason, for whoever finds it halted".to_owned())
            }
            _ => Ok(request),
        }
    }
}

/// Why a request was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    /// The request makes no sense.
    BadRequest,
    /// A halt file is in the way of a resume.
    HaltFile,
    /// The engine did not answer in time.
    NoAnswer,
    /// Too many are connected.
    Busy,
}

impl Denial {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::HaltFile => "halt_file",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
        }
    }
}

/// An answer that says no.
pub(super) fn denied(denial: Denial, message: &str) -> Value {
    json!({ "ok": false, "error": { "code": denial.code(), "message": message } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_command_by_name() {
        let parse = |line: &str| Request::parse(line.as_bytes());
        assert_eq!(parse(r#"{"command":"cancel-all"}"#), Ok(Request::CancelAll));
        let halt = Request::Halt { reason: "x y".to_owned() };
        assert_eq!(parse(r#"{"command":"halt","reason":"x y"}"#), Ok(halt));
        for bad in ["", "[]", r#"{"command":"stop"}"#, r#"{"command":"halt"}"#] {
            assert!(parse(bad).unwrap_err().contains("cancel-all"), "{bad}");
        }
        assert!(parse(r#"{"command":"halt","reason":" "}"#).unwrap_err().contains("reason"));
    }
}
