//! Request bodies, read as strictly as the exchange reads them: a JSON number where it wants a
//! string is refused with the words of its decoder. Unknown fields and nulls are ignored.

use serde_json::{Map, Value};

use crate::sim::api::failure::ApiError;

/// One JSON object of a request, with the name the exchange has for its type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body<'a> {
    request: &'static str,
    fields: &'a Map<String, Value>,
}

/// Parses a body that must be an object. An empty one counts as `{}`.
pub(crate) fn parse(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(body).map_err(|error| ApiError::Flat { details: error.to_string() })
}

impl<'a> Body<'a> {
    /// The object in `value`.
    pub(crate) fn new(request: &'static str, value: &'a Value) -> Result<Self, ApiError> {
        match value {
            Value::Object(fields) => Ok(Self { request, fields }),
            other => Err(ApiError::Flat {
                details: format!(
                    "json: cannot unmarshal {} into Go value of type {request}",
                    kind(other)
                ),
            }),
        }
    }

    /// The type's name.
    pub(crate) const fn request(&self) -> &'static str {
        self.request
    }

    fn present(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    fn mismatch(&self, field: &str, found: &Value, wanted: &str) -> ApiError {
        let (found, request) = (kind(found), self.request);
        let details = format!(
            "json: cannot unmarshal {found} into Go struct field {request}.{field} of type {wanted}"
        );
        ApiError::Flat { details }
    }

    /// A string, if there.
    pub(crate) fn text(&self, field: &str) -> Result<Option<&'a str>, ApiError> {
        match self.present(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.mismatch(field, other, "string")),
        }
    }

    /// A string that must be there and not be empty.
    pub(crate) fn required(&self, field: &str) -> Result<&'a str, ApiError> {
        let text = self.text(field)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| ApiError::missing(self.request, &camel(field)))
    }

    /// An integer, if there.
    pub(crate) fn integer(&self, field: &str) -> Result<Option<i64>, ApiError> {
        match self.present(field) {
            None => Ok(None),
            Some(Value::Number(number)) if number.is_i64() => Ok(number.as_i64()),
            Some(Value::Number(number)) => {
                Err(self.mismatch(field, &Value::Number(number.clone()), "int64"))
            }
            Some(other) => Err(self.mismatch(field, other, "int64")),
        }
    }

    /// An integer that must be there; it may be zero.
    pub(crate) fn required_integer(&self, field: &str) -> Result<i64, ApiError> {
        let missing = || ApiError::missing(self.request, &camel(field));
        self.integer(field)?.ok_or_else(missing)
    }

    /// A flag, false when absent.
    pub(crate) fn flag(&self, field: &str) -> Result<bool, ApiError> {
        match self.present(field) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.mismatch(field, other, "bool")),
        }
    }

    /// An array that must be there.
    pub(crate) fn array(&self, field: &str) -> Result<&'a [Value], ApiError> {
        match self.present(field) {
            None => Err(ApiError::missing(self.request, &camel(field))),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(self.mismatch(field, other, "[]object")),
        }
    }
}

/// `self_trade_prevention_type` → `SelfTradePreventionType`, as the validator names fields.
pub(crate) fn camel(field: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_ascii_uppercase().to_string() + letters.as_str()
        })
    };
    field.split('_').map(capital).collect()
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
