//! The parameters of a call: a JSON object, each of whose members is of one type or is refused.
//!
//! Members that are not asked for are not looked at, since clients are newer than we are.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::model::excerpt::excerpt;
use crate::output::ecs::error::ApiError;

/// One object of a call, and where in the call it stands.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    fields: &'a Map<String, Value>,
    place: String,
}

/// Reads the body of a call, an object; none at all is an empty one.
///
/// # Errors
/// `SerializationException`, if it is anything else.
pub fn parse(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => {
            Err(ApiError::serialization(format!("The body must be a structure, not {}", kind(&other))))
        }
        Err(error) => Err(ApiError::serialization(format!("The body is not JSON: {error}"))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a structure",
    }
}

fn mistyped<T>(place: &str, wanted: &str, found: &Value) -> Result<T, ApiError> {
    let found = match found {
        Value::Number(number) => format!("the number {number}"),
        other => kind(other).to_owned(),
    };
    Err(ApiError::serialization(format!("'{place}' must be {wanted}, not {found}")))
}

/// What AWS says of a value that is of the right type and cannot be.
pub(super) fn broken(place: &str, value: &str, must: &str) -> ApiError {
    let value = excerpt(value);
    ApiError::invalid_parameter(format!(
        "1 validation error detected: Value '{value}' at '{place}' failed to satisfy constraint: Member must {must}"
    ))
}

impl<'a> Input<'a> {
    /// A whole call.
    #[must_use]
    pub fn new(fields: &'a Map<String, Value>) -> Self {
        Self { fields, place: String::new() }
    }

    /// Everything it says.
    pub(super) fn fields(&self) -> &'a Map<String, Value> {
        self.fields
    }

    /// Where a member stands, as in `loadBalancers[0].containerPort`.
    #[must_use]
    pub fn place(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }

    /// A member; null is as good as none.
    fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// A string.
    ///
    /// # Errors
    /// `SerializationException`, if it is none.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, ApiError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => mistyped(&self.place(name), "a string", other),
        }
    }

    /// A string that must be there and not be empty; `message` is what is said otherwise.
    ///
    /// # Errors
    /// `InvalidParameterException`, or that it is no string.
    pub fn required(&self, name: &str, message: &str) -> Result<&'a str, ApiError> {
        let text = self.text(name)?.filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| ApiError::invalid_parameter(message))
    }

    /// A string of at most so many characters.
    ///
    /// # Errors
    /// `InvalidParameterException` for a longer one, or that it is no string.
    pub fn short(&self, name: &str, most: usize) -> Result<Option<&'a str>, ApiError> {
        match self.text(name)? {
            Some(text) if text.chars().count() > most => {
                Err(broken(&self.place(name), text, &format!("have length less than or equal to {most}")))
            }
            other => Ok(other),
        }
    }

    /// One of these words.
    ///
    /// # Errors
    /// `InvalidParameterException` for any other, or that it is no string.
    pub fn word(
        &self,
        name: &str,
        allowed: &'static [&'static str],
    ) -> Result<Option<&'static str>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = allowed.iter().copied().find(|word| *word == text);
        let must = || format!("satisfy enum value set: [{}]", allowed.join(", "));
        found.map(Some).ok_or_else(|| broken(&self.place(name), text, &must()))
    }

    /// A truth value; false where there is none.
    ///
    /// # Errors
    /// `SerializationException`, if it is none.
    pub fn flag(&self, name: &str) -> Result<bool, ApiError> {
        self.maybe_flag(name).map(Option::unwrap_or_default)
    }

    /// A truth value.
    ///
    /// # Errors
    /// `SerializationException`, if it is none.
    pub fn maybe_flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => mistyped(&self.place(name), "a boolean", other),
        }
    }

    /// A whole number in a range.
    ///
    /// # Errors
    /// `InvalidParameterException` if it is out of it, or that it is no number of 32 bits.
    pub fn number(&self, name: &str, allowed: &RangeInclusive<u32>) -> Result<Option<u32>, ApiError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let place = self.place(name);
        let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
        let Some(number) = number else { return mistyped(&place, "an integer of 32 bits", value) };
        let known = u32::try_from(number).ok();
        match known {
            Some(known) if allowed.contains(&known) => Ok(Some(known)),
            Some(known) if known > *allowed.end() => {
                let must = format!("have value less than or equal to {}", allowed.end());
                Err(broken(&place, &number.to_string(), &must))
            }
            _ => {
                let must = format!("have value greater than or equal to {}", allowed.start());
                Err(broken(&place, &number.to_string(), &must))
            }
        }
    }

    /// A list, as its members and where they stand; empty where there is none.
    fn list(&self, name: &str) -> Result<Vec<(String, &'a Value)>, ApiError> {
        let place = self.place(name);
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => {
                let placed = values.iter().enumerate();
                Ok(placed.map(|(index, value)| (format!("{place}[{index}]"), value)).collect())
            }
            Some(other) => mistyped(&place, "a list", other),
        }
    }

    /// A list of strings; empty where there is none.
    ///
    /// # Errors
    /// `SerializationException`, if it is none.
    pub fn texts(&self, name: &str) -> Result<Vec<&'a str>, ApiError> {
        let read = |(place, value): (String, &'a Value)| match value {
            Value::String(text) => Ok(text.as_str()),
            other => mistyped(&place, "a string", other),
        };
        self.list(name)?.into_iter().map(read).collect()
    }

    /// A list of structures; empty where there is none.
    ///
    /// # Errors
    /// `SerializationException`, if it is none.
    pub fn structures(&self, name: &str) -> Result<Vec<Self>, ApiError> {
        let read = |(place, value): (String, &'a Value)| match value {
            Value::Object(fields) => Ok(Self { fields, place }),
            other => mistyped(&place, "a structure", other),
        };
        self.list(name)?.into_iter().map(read).collect()
    }

    /// A structure.
    ///
    /// # Errors
    /// `SerializationException`, if it is none.
    pub fn structure(&self, name: &str) -> Result<Option<Self>, ApiError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self { fields, place: self.place(name) })),
            Some(other) => mistyped(&self.place(name), "a structure", other),
        }
    }

    /// Whether a member says anything: it is there, and neither empty nor false.
    #[must_use]
    pub fn says(&self, name: &str) -> bool {
        match self.value(name) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(values)) => !values.is_empty(),
            Some(Value::Object(fields)) => !fields.is_empty(),
            Some(Value::Bool(true) | Value::Number(_)) => true,
        }
    }

    /// Refuses members that would have to change something and cannot here.
    ///
    /// # Errors
    /// `UnsupportedFeatureException`, naming the first one that says anything.
    pub fn without(&self, refused: &[(&str, &str)]) -> Result<(), ApiError> {
        let found = refused.iter().find(|(name, _)| self.says(name));
        found.map_or(Ok(()), |(name, why)| {
            Err(ApiError::unsupported(format!("'{}' is not supported here: {why}.", self.place(name))))
        })
    }
}
