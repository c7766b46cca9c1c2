//! Answers that say what they should not.

use serde_json::Value;

use super::plan::Edit;

/// What ids are replaced by: well-formed, and nobody's.
const NOBODYS: &str = "00000000-0000-4000-8000-00000000dead";

impl Edit {
    /// Changes a JSON answer; anything else stays as it is.
    #[must_use]
    pub fn apply(self, body: &str) -> String {
        let Ok(mut json) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
        match self {
            Self::NoOrderId => remove(&mut json),
            Self::WrongOrderId => replace(&mut json, "order_id", NOBODYS),
            Self::ShortPage => replace(&mut json, "cursor", ""),
        }
        json.to_string()
    }
}

fn remove(json: &mut Value) {
    each(json, &mut |fields| {
        fields.remove("order_id");
    });
}

fn replace(json: &mut Value, field: &str, by: &str) {
    each(json, &mut |fields| {
        if let Some(value) = fields.get_mut(field) {
            *value = Value::String(by.to_owned());
        }
    });
}

/// The object itself and those in its `orders`.
fn each(json: &mut Value, change: &mut impl FnMut(&mut serde_json::Map<String, Value>)) {
    let Some(fields) = json.as_object_mut() else { return };
    change(fields);
    if let Some(Value::Array(orders)) = fields.get_mut("orders") {
        orders.iter_mut().filter_map(Value::as_object_mut).for_each(change);
    }
}
