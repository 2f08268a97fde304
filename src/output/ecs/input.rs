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

fn mistyped(place: &str, wanted: &str, found: &Value) -> ApiError {
    let number = found.as_number().map(|number| format!("the number {number}"));
    let found = number.unwrap_or_else(|| kind(found).to_owned());
    ApiError::serialization(format!("'{place}' must be {wanted}, not {found}"))
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

    /// A member that `read` can read, or nothing.
    fn typed<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| mistyped(&self.place(name), wanted, value))
    }

    /// A string.
    ///
    /// # Errors
    /// `SerializationException`, if it is none.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, ApiError> {
        self.typed(name, "a string", Value::as_str)
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
        self.typed(name, "a boolean", Value::as_bool)
    }

    /// A whole number in a range.
    ///
    /// # Errors
    /// `InvalidParameterException` if it is out of it, or that it is no number of 32 bits.
    pub fn number(&self, name: &str, allowed: &RangeInclusive<u32>) -> Result<Option<u32>, ApiError> {
        let integer = |value: &Value| value.as_i64().and_then(|number| i32::try_from(number).ok());
        let Some(number) = self.typed(name, "an integer of 32 bits", integer)? else { return Ok(None) };
        let place = self.place(name);
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
    fn list<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl Fn(&'a Value, &str) -> Option<T>,
    ) -> Result<Vec<T>, ApiError> {
        let values = self.typed(name, "a list", Value::as_array)?;
        let place = self.place(name);
        let one = |(index, value): (usize, &'a Value)| {
            let place = format!("{place}[{index}]");
            read(value, &place).ok_or_else(|| mistyped(&place, wanted, value))
        };
        values.into_iter().flatten().enumerate().map(one).collect()
    }

    /// A list of strings; empty where there is none.
    ///
    /// # Errors
    /// `SerializationException`, if it is none.
    pub fn texts(&self, name: &str) -> Result<Vec<&'a str>, ApiError> {
        self.list(name, "a string", |value, _| value.as_str())
    }

    /// A list of structures; empty where there is none.
    ///
    /// # Errors
    /// `SerializationException`, if it is none.
    pub fn structures(&self, name: &str) -> Result<Vec<Self>, ApiError> {
        let read = |value: &'a Value, place: &str| {
            value.as_object().map(|fields| Self { fields, place: place.to_owned() })
        };
        self.list(name, "a structure", read)
    }

    /// A structure.
    ///
    /// # Errors
    /// `SerializationException`, if it is none.
    pub fn structure(&self, name: &str) -> Result<Option<Self>, ApiError> {
        let fields = self.typed(name, "a structure", Value::as_object)?;
        Ok(fields.map(|fields| Self { fields, place: self.place(name) }))
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
