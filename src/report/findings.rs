//! What a look at a host or an account found, as a table for people or JSON.
//!
//! In: findings, made by whoever looked. Out: text. Never a secret: none is in what comes in.

use core::fmt;

use serde_json::{Value, json};

/// How a finding stands to live trading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Trading works, slower or with less margin.
    Warn,
    /// Live trading is refused.
    Refuse,
}

impl Verdict {
    /// The word in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// How that stands to live trading.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it; empty when it is as it should be.
    pub remedy: String,
}

impl Finding {
    /// As it should be.
    #[must_use]
    pub fn ok(subject: &'static str, found: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Ok, found: found.into(), remedy: String::new() }
    }

    /// Not as it should be, and not in the way of trading.
    #[must_use]
    pub fn warn(
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let verdict = Verdict::Warn;
        Self { subject, verdict, found: found.into(), remedy: remedy.into() }
    }

    /// Live trading is refused.
    #[must_use]
    pub fn refuse(
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let verdict = Verdict::Refuse;
        Self { subject, verdict, found: found.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.found)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

/// Whether live trading is refused because of any.
#[must_use]
pub fn is_refused(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.verdict == Verdict::Refuse)
}

/// A line each, remedies under what they are for.
#[must_use]
pub fn table(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.subject.len()).max().unwrap_or(0);
    let mut out = String::new();
    for Finding { subject, verdict, found, remedy } in findings {
        let verdict = verdict.as_str();
        out += &format!("{verdict:<7} {subject:<width$}  {found}\n");
        if !remedy.is_empty() {
            out += &format!("{:<7} {:<width$}  -> {remedy}\n", "", "");
        }
    }
    out += match (is_refused(findings), findings.iter().any(|it| it.verdict == Verdict::Warn)) {
        (true, _) => "live trading would be refused\n",
        (false, true) => "live trading would start, with warnings\n",
        (false, false) => "live trading would start\n",
    };
    out
}

/// `{"live": "ok"|"refused", "findings": [{"subject", "verdict", "found", "remedy"}…]}`.
#[must_use]
pub fn json(findings: &[Finding]) -> String {
    let one = |finding: &Finding| {
        let remedy = Some(&finding.remedy).filter(|remedy| !remedy.is_empty());
        json!({
            "subject": finding.subject,
            "verdict": finding.verdict.as_str(),
            "found": finding.found,
            "remedy": remedy,
        })
    };
    let live = if is_refused(findings) { "refused" } else { "ok" };
    let all: Vec<Value> = findings.iter().map(one).collect();
    format!("{:#}\n", json!({ "live": live, "findings": all }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::ok("clock", "2 ms behind"),
            Finding::warn("governor", "powersave", "set performance"),
            Finding::refuse("key file", "mode 644", "chmod 600 it"),
        ]
    }

    #[test]
    fn a_table_has_each_remedy_under_what_it_is_for() {
        let expected = "ok      clock     2 ms behind\n\
                        warn    governor  powersave\n\
                        \x20                 -> set performance\n\
                        refuse  key file  mode 644\n\
                        \x20                 -> chmod 600 it\n\
                        live trading would be refused\n";
        assert_eq!(table(&findings()), expected);
        assert!(table(&findings()[..2]).ends_with("would start, with warnings\n"));
        assert!(table(&findings()[..1]).ends_with("would start\n"));
    }

    #[test]
    fn json_says_the_same() {
        let value: Value = serde_json::from_str(&json(&findings())).unwrap();
        assert_eq!(value["live"], "refused");
        assert_eq!(value["findings"][0]["remedy"], Value::Null);
        assert_eq!(value["findings"][2]["verdict"], "refuse");
    }
}
