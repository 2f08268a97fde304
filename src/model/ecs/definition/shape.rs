//! The shape of a task definition: known fields, values of the right type. What is right is copied, and nothing else.

use serde_json::{Map, Value};

use crate::model::ecs::definition::fields::{Done, Field, Kind};
use crate::model::ecs::definition::notes::{Notes, Scope, quote};
use crate::model::nearest::nearest;

/// Copies what has the right shape. `null` is as good as absent. Items of a list that are not right leave a hole of the
/// right type, so that those behind them keep their numbers.
pub(super) fn copy(
    given: &Map<String, Value>,
    fields: &'static [Field],
    scope: &Scope<'_>,
    notes: &mut Notes,
) -> Map<String, Value> {
    let mut copied = Map::new();
    for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        let scope = scope.field(name);
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            notes.problem(&scope, unknown(name, fields));
            continue;
        };
        match field.done {
            Done::Required | Done::Used => {}
            Done::Ignored(_) if is_empty(value) => {}
            Done::Ignored(why) => notes.warning(&scope, format_args!("is kept and ignored: {why}")),
            Done::Given => {
                notes.warning(&scope, "is left out: it is given at registration");
                continue;
            }
        }
        if let Some(value) = typed(value, field.kind, &scope, notes) {
            copied.insert(name.clone(), value);
        }
    }
    for field in fields.iter().filter(|field| field.done == Done::Required) {
        if given.get(field.name).is_none_or(Value::is_null) {
            notes.problem(&scope.field(field.name), "is missing");
        }
    }
    copied
}

fn unknown(name: &str, fields: &'static [Field]) -> String {
    let names: Vec<&'static str> =
        fields.iter().filter(|field| field.done != Done::Given).map(|field| field.name).collect();
    nearest(name, &names)
        .map_or_else(|| "is unknown".to_owned(), |near| format!("is unknown; did you mean {near}?"))
}

/// Whether a value says nothing: an ignored field at its default needs no warning.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
    }
}

/// The value, if it has the type.
fn typed(value: &Value, kind: Kind, scope: &Scope<'_>, notes: &mut Notes) -> Option<Value> {
    let allowed = match (kind, value) {
        (Kind::Text | Kind::TextOrWhole | Kind::TextsOrText, Value::String(text)) => {
            return text_of(text, scope, notes);
        }
        (Kind::Text, _) => "a text",
        (Kind::Whole | Kind::TextOrWhole, Value::Number(number)) if number.as_i64().is_some() => {
            return Some(value.clone());
        }
        (Kind::Whole, _) => "a whole number",
        (Kind::TextOrWhole, _) => "a text",
        (Kind::Truth, Value::Bool(_)) => return Some(value.clone()),
        (Kind::Truth, _) => "true or false",
        (Kind::Texts | Kind::TextsOrText, Value::Array(items)) => {
            return Some(items_of(items, Kind::Text, scope, notes));
        }
        (Kind::Texts | Kind::TextsOrText, _) => "a list of texts",
        (Kind::Wholes, Value::Array(items)) => return Some(items_of(items, Kind::Whole, scope, notes)),
        (Kind::Wholes, _) => "a list of whole numbers",
        (Kind::TextMap, Value::Object(entries)) => return Some(texts_of(entries, scope, notes)),
        (Kind::Object, Value::Object(_)) | (Kind::List, Value::Array(_)) => return Some(value.clone()),
        (Kind::Thing(fields), Value::Object(entries)) => {
            return Some(Value::Object(copy(entries, fields, scope, notes)));
        }
        (Kind::TextMap | Kind::Object | Kind::Thing(_), _) => "an object",
        (Kind::Things(fields), Value::Array(items)) => {
            return Some(things_of(items, fields, scope, notes));
        }
        (Kind::List | Kind::Things(_), _) => "a list",
    };
    notes.problem(scope, format_args!("must be {allowed}"));
    None
}

/// A text without NUL, which no argument, variable or path can hold.
fn text_of(text: &str, scope: &Scope<'_>, notes: &mut Notes) -> Option<Value> {
    if text.contains('\0') {
        notes.problem(scope, "must not contain the character NUL");
        return None;
    }
    Some(Value::String(text.to_owned()))
}

fn items_of(items: &[Value], kind: Kind, scope: &Scope<'_>, notes: &mut Notes) -> Value {
    let hole = || if matches!(kind, Kind::Whole) { Value::from(0) } else { Value::from("") };
    items
        .iter()
        .enumerate()
        .map(|(index, item)| typed(item, kind, &scope.item(index), notes).unwrap_or_else(hole))
        .collect()
}

fn texts_of(entries: &Map<String, Value>, scope: &Scope<'_>, notes: &mut Notes) -> Value {
    let mut copied = Map::new();
    for (name, value) in entries {
        if name.contains('\0') {
            notes.problem(scope, format_args!("must not contain the character NUL in {}", quote(name)));
        } else if let Some(value) = typed(value, Kind::Text, &scope.field(name), notes) {
            copied.insert(name.clone(), value);
        }
    }
    Value::Object(copied)
}

fn things_of(items: &[Value], fields: &'static [Field], scope: &Scope<'_>, notes: &mut Notes) -> Value {
    let thing = |(index, item): (usize, &Value)| {
        let at = scope.item(index);
        let own = item.get("name").and_then(Value::as_str);
        // Containers are called by their names, everything else by its place.
        let at = if scope.is_containers() { Scope::in_container(own, index) } else { at };
        if let Some(entries) = item.as_object() {
            return copy(entries, fields, &at, notes);
        }
        notes.problem(&at, "must be an object");
        Map::new()
    };
    items.iter().enumerate().map(thing).map(Value::Object).collect()
}
