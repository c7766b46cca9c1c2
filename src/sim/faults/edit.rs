//! Answers and messages that say what they should not, or say it in another format.
//!
//! In: a JSON text. Out: the same, changed; what is not JSON stays as it is. The order of fields
//! is kept except where it is what changes.

use core::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Number, Value};

use super::plan::{Change, Edit};

/// What ids are replaced by: well-formed, and nobody's.
const NOBODYS: &str = "00000000-0000-4000-8000-00000000dead";

/// A field that no version of the exchange has had.
const UNHEARD_OF: &str = "unheard_of";

/// A JSON value whose objects keep the order of their fields.
enum Json {
    Leaf(Value),
    List(Vec<Self>),
    Fields(Vec<(String, Self)>),
}

impl Edit {
    /// Changes a JSON answer; anything else stays as it is.
    #[must_use]
    pub fn apply(self, body: &str) -> String {
        if let Self::Changed(change) = self {
            return change.apply(body);
        }
        let Ok(mut json) = serde_json::from_str::<Json>(body) else { return body.to_owned() };
        json.each_order(&mut |fields| match self {
            Self::NoOrderId => fields.retain(|(name, _)| name != "order_id"),
            Self::WrongOrderId => replace(fields, "order_id", NOBODYS),
            Self::ShortPage => replace(fields, "cursor", ""),
            Self::Changed(_) => {}
        });
        json.text()
    }
}

impl Change {
    /// Changes a JSON text; anything else stays as it is.
    #[must_use]
    pub fn apply(self, text: &str) -> String {
        let Ok(mut json) = serde_json::from_str::<Json>(text) else { return text.to_owned() };
        json.change(self);
        json.text()
    }
}

fn replace(fields: &mut [(String, Json)], field: &str, by: &str) {
    for (_, value) in fields.iter_mut().filter(|(name, _)| name == field) {
        *value = Json::Leaf(Value::String(by.to_owned()));
    }
}

impl Json {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("what was parsed can be written")
    }

    /// The object itself and those in its `orders`.
    fn each_order(&mut self, change: &mut impl FnMut(&mut Vec<(String, Self)>)) {
        let Self::Fields(fields) = self else { return };
        change(fields);
        for (_, list) in fields.iter_mut().filter(|(name, _)| name == "orders") {
            let Self::List(orders) = list else { continue };
            for order in orders {
                if let Self::Fields(fields) = order {
                    change(fields);
                }
            }
        }
    }

    fn change(&mut self, change: Change) {
        match self {
            Self::Leaf(value) if change == Change::Numbers => *value = as_number(value),
            Self::Leaf(_) => {}
            Self::List(items) => items.iter_mut().for_each(|item| item.change(change)),
            Self::Fields(fields) => {
                fields.iter_mut().for_each(|(_, value)| value.change(change));
                change_fields(fields, change);
            }
        }
    }
}

fn change_fields(fields: &mut Vec<(String, Json)>, change: Change) {
    match change {
        Change::New => {
            let value = serde_json::json!({ "of": [1, null, "sorts"] });
            fields.insert(0, (UNHEARD_OF.to_owned(), Json::Leaf(value)));
        }
        Change::Missing(field) => fields.retain(|(name, _)| name != field.as_str()),
        Change::Renamed(from, to) => {
            for (name, _) in fields.iter_mut().filter(|(name, _)| name == from.as_str()) {
                to.as_str().clone_into(name);
            }
        }
        Change::Reordered => fields.reverse(),
        Change::Numbers => {}
    }
}

/// `"0.5600"` as `0.56`; anything else as it is.
fn as_number(value: &Value) -> Value {
    let decimal = |text: &&str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'));
    let number = value.as_str().filter(decimal).and_then(|text| text.parse::<Number>().ok());
    number.map_or_else(|| value.clone(), Value::Number)
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(value) => value.serialize(serializer),
            Self::List(items) => items.serialize(serializer),
            Self::Fields(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// Reads a [`Json`].
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Leaf(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Leaf(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Leaf(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Leaf(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Leaf(Value::String(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Leaf(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = entries.next_entry()? {
            fields.push(field);
        }
        Ok(Json::Fields(fields))
    }
}
