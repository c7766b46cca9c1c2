//! The effective configuration as text: a table for people, TOML that reads back, JSON.
//!
//! In: settings with their origins. Out: text with every key once. Secrets are not in what comes
//! in, and so in nothing that goes out.

use serde_json::{Map, Value, json};

use crate::config::{Origin, Setting, Shown};

/// Key, value and origin in columns, a blank line between sections.
#[must_use]
pub fn table(settings: &[Setting]) -> String {
    let longest = |text: &dyn Fn(&Setting) -> usize| settings.iter().map(text).max().unwrap_or(0);
    let key_width = longest(&|setting| setting.key.len());
    let value_width = longest(&|setting| setting.value.to_string().chars().count());
    let mut out = String::new();
    let mut section = settings.first().map_or("", |setting| section_of(setting.key));
    for setting in settings {
        if section_of(setting.key) != section {
            section = section_of(setting.key);
            out.push('\n');
        }
        let (key, value, origin) = (setting.key, setting.value.to_string(), &setting.origin);
        add_line(&mut out, &format!("{key:key_width$}  {value:value_width$}  {origin}"));
    }
    out
}

/// A file that `--config` takes: the same values, each with its origin as a comment.
#[must_use]
pub fn toml(settings: &[Setting]) -> String {
    let mut out = String::from("# Effective configuration, made by `kalshi-exec config`.\n");
    let mut section = "";
    for setting in settings {
        let (of, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if of != section {
            section = of;
            add_line(&mut out, &format!("\n[{section}]"));
        }
        let origin = &setting.origin;
        let line = match &setting.value {
            Shown::Number(text) => format!("{name} = {text}  # {origin}"),
            Shown::Flag(flag) => format!("{name} = {flag}  # {origin}"),
            Shown::Text(text) => format!("{name} = {}  # {origin}", quoted(text)),
            Shown::List(words) => {
                let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                format!("{name} = [{}]  # {origin}", words.join(", "))
            }
            Shown::Unset(meaning) => format!("# {name}: {meaning}"),
            Shown::Hidden => format!("# {name}: set, not shown"),
        };
        add_line(&mut out, &line);
    }
    out
}

/// `{"risk.max_position_size": {"value": 100, "origin": "default", "place": null}, …}`.
#[must_use]
pub fn json(settings: &[Setting]) -> String {
    let entry = |setting: &Setting| {
        let value = match &setting.value {
            Shown::Number(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            Shown::Text(text) => json!(text),
            Shown::Flag(flag) => json!(flag),
            Shown::List(words) => json!(words),
            Shown::Unset(_) | Shown::Hidden => Value::Null,
        };
        let place = match &setting.origin {
            Origin::Default => Value::Null,
            origin => json!(origin.place()),
        };
        let value = json!({ "value": value, "origin": setting.origin.layer(), "place": place });
        (setting.key.to_owned(), value)
    };
    let all: Map<String, Value> = settings.iter().map(entry).collect();
    format!("{:#}\n", Value::Object(all))
}

fn section_of(key: &str) -> &str {
    key.split_once('.').map_or("", |(section, _)| section)
}

/// A TOML basic string: JSON's escapes are among TOML's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn add_line(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Arguments, Config, Environment, Loaded};

    fn load(file: Option<&Path>, variables: &[(&str, &str)]) -> Loaded {
        let environment = Environment::from_pairs(variables);
        Config::load(file, &environment, &Arguments::default()).unwrap()
    }

    #[test]
    fn the_configuration_as_toml_reads_back_as_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("effective.toml");
        let loaded = load(None, &[("TRADING_PROFILE", "AGGRESSIVE"), ("MAX_DAILY_LOSS", "77")]);

        std::fs::write(&path, toml(&loaded.settings)).unwrap();

        assert_eq!(load(Some(&path), &[]).config, loaded.config);
    }

    #[test]
    fn every_form_has_every_key_with_its_origin() {
        let variables = [("MAX_DAILY_LOSS", "77"), ("KALSHI_API_KEY_ID", "8c35ecb3")];
        let loaded = load(None, &variables);
        let (table, toml, json) =
            (table(&loaded.settings), toml(&loaded.settings), json(&loaded.settings));

        for text in [&table, &toml, &json] {
            assert!(!text.contains("8c35ecb3"), "{text}");
        }
        assert_eq!(table.lines().filter(|line| !line.is_empty()).count(), loaded.settings.len());
        let line = table.lines().find(|line| line.contains("max_daily_loss")).unwrap();
        assert!(line.contains(" 77 ") && line.ends_with("environment MAX_DAILY_LOSS"), "{line}");
        assert!(toml.contains("max_daily_loss_cents = 77  # environment MAX_DAILY_LOSS\n"));
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json.as_object().unwrap().len(), loaded.settings.len());
        let expected = json!({ "value": 77, "origin": "environment", "place": "MAX_DAILY_LOSS" });
        assert_eq!(json["risk.max_daily_loss_cents"], expected);
        assert_eq!(json["exchange.api_key_id"]["value"], Value::Null);
    }
}
