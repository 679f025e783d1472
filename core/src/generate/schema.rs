//! From a caller's JSON Schema (draft 2020-12) to the subset that the grammar engine really keeps.
//!
//! The engine (`llguidance`) ignores keywords it doesn't know and reads some known ones loosely, so that an answer could
//! parse and still not validate. Here every keyword is either carried over, known to be without effect (annotations), or
//! refused by name and place. The result holds nothing the engine would have to guess at: every `$ref` points into a flat
//! `$defs`, every number has bounds, every expression is translated.
//!
//! The result may allow *less* than the schema, never more; a generator loses nothing by that:
//! - an object that lists `properties` and says nothing of others gets no others (small models ramble where they may);
//! - numbers stay within ±2^53, where every JSON reader agrees on them, and a millionth away from whole exclusive bounds;
//! - a value the schema leaves open nests at most [`ANY_DEPTH`] levels, below every JSON reader's limit;
//! - control characters other than `\b \f \n \r \t` don't occur in strings, and a value with a `format` is a string.
//!
//! Not supported, hence refused: `not`, `if`, `contains`, `uniqueItems`, `propertyNames`, `dependent…`, `unevaluated…`,
//! references outside the document, and `oneOf` whose options the engine can't tell apart.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use self::keyword::{
    MAX_COUNT, MAX_DECIMALS, MAX_NUMBER, check_dialect, check_number, checked_type, count, decimal, format_patterns,
    greatest_common_divisor, malformed, step, translated, unsupported,
};
use crate::{Error, Result};

mod keyword;

/// Levels of subschemas, `$ref` included; the engine recurses over them.
const MAX_DEPTH: usize = 48;
/// Subschemas in all.
const MAX_SCHEMAS: usize = 4096;
/// Properties of one object: the engine's time grows with their square (4,000 took 30 s without optimisation).
const MAX_PROPERTIES: usize = 512;
/// Values in all `enum` and `const` keywords together.
const MAX_CONSTANTS: usize = 8192;
/// Levels of arrays and objects in a value that the schema leaves open. The engine's work to merge two open values doubles with each.
const ANY_DEPTH: usize = 3;

/// Keywords that say nothing about a value.
const ANNOTATIONS: [&str; 14] = [
    "$comment",
    "$anchor",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
];
/// Keywords that apply to the value itself; the engine merges their result with the rest.
const IN_PLACE: [&str; 6] = ["const", "enum", "allOf", "anyOf", "oneOf", "$ref"];

/// The schema as the engine gets it: a reference to the first of its `$defs`.
/// # Errors
/// `Unsupported` names the keyword that can't be kept and where it stands; `InvalidInput` says what is not JSON Schema
pub(super) fn prepare(schema: &Value) -> Result<Value> {
    let mut prepare = Prepare {
        root: schema,
        defs: Vec::new(),
        known: HashMap::new(),
        same_value: Vec::new(),
        schemas: 0,
        constants: 0,
        uses_any: false,
        multiples: BTreeSet::new(),
    };
    prepare.reference("", false, 0, None)?;
    prepare.check_cycles()?;
    prepare.check_multiples()?;
    let mut defs = Map::new();
    for (index, def) in prepare.defs.into_iter().enumerate() {
        defs.insert(format!("d{index}"), def);
    }
    if prepare.uses_any {
        for depth in 0..=ANY_DEPTH {
            defs.insert(format!("any{depth}"), any_definition(depth));
        }
    }
    Ok(json!({ "$ref": "#/$defs/d0", "$defs": defs }))
}

/// Any value, nested at most `depth` levels.
fn any_definition(depth: usize) -> Value {
    let scalar = json!({
        "type": ["null", "boolean", "number", "string"], "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER,
    });
    if depth == 0 {
        return scalar;
    }
    let inner = json!({ "$ref": format!("#/$defs/any{}", depth - 1) });
    json!({ "anyOf": [
        scalar,
        { "type": "array", "items": inner },
        { "type": "object", "additionalProperties": inner },
    ] })
}

struct Prepare<'a> {
    root: &'a Value,
    /// Prepared subschemas that are referred to.
    defs: Vec<Value>,
    /// From the place in the document, and whether the result is merged, to the index in `defs`.
    known: HashMap<(String, bool), usize>,
    /// For each of `defs`, those that must hold for the same value.
    same_value: Vec<Vec<usize>>,
    schemas: usize,
    constants: usize,
    uses_any: bool,
    /// All `multipleOf`, in units of 10^-MAX_DECIMALS.
    multiples: BTreeSet<u64>,
}

/// Where a subschema stands.
#[derive(Clone, Copy)]
struct Place<'p> {
    /// JSON pointer from the document's root.
    at: &'p str,
    depth: usize,
    /// Whether the engine merges it with others; it must not be narrowed then, or the merge would see other alternatives.
    merged: bool,
    /// The definition whose value this is about, if any.
    owner: Option<usize>,
}

impl<'a> Prepare<'a> {
    /// Prepares what `pointer` points to, once, and returns a reference to it.
    fn reference(&mut self, pointer: &str, merged: bool, depth: usize, owner: Option<usize>) -> Result<Value> {
        let key = (pointer.to_owned(), merged);
        let index = match self.known.get(&key) {
            Some(&index) => index,
            None => {
                let root: &'a Value = self.root;
                let target =
                    root.pointer(pointer).ok_or_else(|| malformed("$ref", pointer, "point into the schema"))?;
                let index = self.defs.len();
                self.known.insert(key, index);
                self.defs.push(Value::Null);
                self.same_value.push(Vec::new());
                let place = Place { at: pointer, depth: depth + 1, merged, owner: Some(index) };
                self.defs[index] = self.schema(target, place)?;
                index
            }
        };
        if let Some(owner) = owner {
            self.same_value[owner].push(index);
        }
        Ok(json!({ "$ref": format!("#/$defs/d{index}") }))
    }

    fn schema(&mut self, schema: &Value, place: Place<'_>) -> Result<Value> {
        self.schemas += 1;
        if place.depth > MAX_DEPTH || self.schemas > MAX_SCHEMAS {
            let what = format!("json schema with more than {MAX_DEPTH} levels or {MAX_SCHEMAS} subschemas");
            return Err(Error::unsupported(what, "split it"));
        }
        match schema {
            Value::Bool(true) => Ok(self.any()),
            Value::Bool(false) => Ok(Value::Bool(false)),
            Value::Object(keywords) => self.keywords(keywords, place),
            _ => Err(Error::invalid("schema", format!("a json schema is an object or a boolean, at `#{}`", place.at))),
        }
    }

    /// Any value at all.
    fn any(&mut self) -> Value {
        self.uses_any = true;
        json!({ "$ref": format!("#/$defs/any{ANY_DEPTH}") })
    }

    fn keywords(&mut self, keywords: &Map<String, Value>, place: Place<'_>) -> Result<Value> {
        let mut own = Map::new();
        let mut in_place = Vec::new();
        for (keyword, value) in keywords {
            match keyword.as_str() {
                k if ANNOTATIONS.contains(&k) || k.starts_with("x-") => {}
                "$schema" => check_dialect(value, place.at)?,
                // Below the root it would change what references mean.
                "$id" if place.at.is_empty() => {}
                // Without their partner these say nothing (draft 2020-12, applicator and validation vocabularies).
                "then" | "else" if !keywords.contains_key("if") => {}
                "minContains" | "maxContains" if !keywords.contains_key("contains") => {}
                "uniqueItems" if value == &Value::Bool(false) => {}
                k if IN_PLACE.contains(&k) => in_place.push((k, value)),
                k => self.own_keyword(k, value, place, &mut own)?,
            }
        }
        if own.is_empty() && in_place.is_empty() {
            return Ok(self.any());
        }
        if !own.is_empty() {
            if keywords.contains_key("format") {
                own.entry("type").or_insert(json!("string"));
            }
            check_property_counts(&mut own, place.at)?;
            self.close(&mut own, in_place.is_empty() && !place.merged);
        }
        let alone = own.is_empty() && in_place.len() == 1;
        for (keyword, value) in in_place {
            let value = self.in_place_keyword(keyword, value, Place { merged: place.merged || !alone, ..place })?;
            match own.get_mut(keyword) {
                // A format may have put its expression there.
                Some(Value::Array(present)) => present.extend(value.as_array().cloned().unwrap_or_default()),
                _ => drop(own.insert(keyword.to_owned(), value)),
            }
        }
        Ok(Value::Object(own))
    }

    /// A keyword about one type of value.
    fn own_keyword(
        &mut self,
        keyword: &str,
        value: &Value,
        place: Place<'_>,
        own: &mut Map<String, Value>,
    ) -> Result<()> {
        let at = place.at;
        let child = |name: &str| format!("{at}/{keyword}{name}");
        let below = Place { depth: place.depth + 1, owner: None, ..place };
        let value = match keyword {
            "type" => checked_type(value, at)?,
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => {
                let number = value.as_f64().ok_or_else(|| malformed(keyword, at, "be a number"))?;
                check_number(keyword, number, at)?;
                match keyword {
                    "exclusiveMinimum" if number.fract() == 0.0 => json!(number + step(number)),
                    "exclusiveMaximum" if number.fract() == 0.0 => json!(number - step(number)),
                    _ => value.clone(),
                }
            }
            "multipleOf" => {
                self.multiples.insert(decimal(value, at)?);
                value.clone()
            }
            "minLength" | "minItems" | "minProperties" | "maxLength" | "maxItems" | "maxProperties" => {
                let count = count(keyword, value, at)?;
                if keyword.starts_with("min") && count > MAX_COUNT {
                    return Err(unsupported(keyword, &format!(" above {MAX_COUNT}"), at, "lower it"));
                }
                json!(count.min(MAX_COUNT))
            }
            "pattern" => json!(translated(keyword, value.as_str(), at)?),
            "format" => match format_patterns(value, at)? {
                None => value.clone(),
                // Not as `pattern`, which the schema may have too.
                Some(patterns) => {
                    let patterns = patterns.into_iter().map(|pattern| json!({ "pattern": pattern })).collect();
                    own.insert("allOf".into(), patterns);
                    return Ok(());
                }
            },
            "required" => {
                let names = value.as_array().filter(|names| names.iter().all(Value::is_string));
                json!(names.ok_or_else(|| malformed(keyword, at, "be a list of names"))?)
            }
            "items" if value.is_array() => return Err(unsupported("items", " as a list", at, "use `prefixItems`")),
            "items" | "additionalProperties" => self.schema(value, Place { at: &child(""), ..below })?,
            "prefixItems" => Value::Array(self.list(keyword, value, below)?),
            "properties" | "patternProperties" => {
                let entries = value.as_object().ok_or_else(|| malformed(keyword, at, "be an object"))?;
                if entries.len() > MAX_PROPERTIES {
                    return Err(unsupported(
                        keyword,
                        &format!(" with more than {MAX_PROPERTIES} entries"),
                        at,
                        "split it",
                    ));
                }
                let mut prepared = Map::new();
                for (name, value) in entries {
                    let child = child(&format!("/{}", name.replace('~', "~0").replace('/', "~1")));
                    let name = match keyword {
                        "properties" => name.clone(),
                        _ => translated(keyword, Some(name), at)?,
                    };
                    prepared.insert(name, self.schema(value, Place { at: &child, ..below })?);
                }
                Value::Object(prepared)
            }
            _ => return Err(unsupported(keyword, "", at, "leave it out or check the answer yourself")),
        };
        own.insert(keyword.to_owned(), value);
        Ok(())
    }

    /// A keyword about the value itself.
    fn in_place_keyword(&mut self, keyword: &str, value: &Value, place: Place<'_>) -> Result<Value> {
        let at = place.at;
        match keyword {
            "const" => self.constant(keyword, value, at).map(|()| value.clone()),
            "enum" => {
                let values = value.as_array().ok_or_else(|| malformed(keyword, at, "be a list"))?;
                values.iter().try_for_each(|value| self.constant(keyword, value, at))?;
                Ok(value.clone())
            }
            "$ref" => {
                let target = value.as_str().ok_or_else(|| malformed(keyword, at, "be a string"))?;
                let pointer = target.strip_prefix('#').filter(|rest| rest.is_empty() || rest.starts_with('/'));
                let Some(pointer) = pointer.filter(|pointer| !pointer.contains('%')) else {
                    return Err(unsupported("$ref", " to another document", at, "copy the target into `$defs`"));
                };
                let reference = self.reference(pointer, place.merged, place.depth, place.owner)?;
                Ok(reference["$ref"].clone())
            }
            // An option of `oneOf` must stay as wide as it is: narrowed, it would look distinct from its siblings.
            "oneOf" => {
                let place = Place { merged: true, depth: place.depth + 1, ..place };
                Ok(Value::Array(self.list(keyword, value, place)?))
            }
            _ => {
                let several = keyword == "allOf" && value.as_array().is_some_and(|all| all.len() > 1);
                let place = Place { merged: place.merged || several, depth: place.depth + 1, ..place };
                Ok(Value::Array(self.list(keyword, value, place)?))
            }
        }
    }

    fn list(&mut self, keyword: &str, value: &Value, place: Place<'_>) -> Result<Vec<Value>> {
        let schemas = value.as_array().filter(|schemas| !schemas.is_empty());
        let schemas = schemas.ok_or_else(|| malformed(keyword, place.at, "be a list that is not empty"))?;
        let prepare = |(index, schema)| {
            let at = format!("{}/{keyword}/{index}", place.at);
            self.schema(schema, Place { at: &at, ..place })
        };
        schemas.iter().enumerate().map(prepare).collect()
    }

    /// Adds the bounds that the schema leaves open; `alone`: nothing else is merged into this schema.
    fn close(&mut self, own: &mut Map<String, Value>, alone: bool) {
        let may_be = |name: &str| match own.get("type") {
            Some(Value::Array(types)) => types.iter().any(|t| t == name),
            Some(only) => only == name,
            None => true,
        };
        let (number, array, object) = (may_be("number") || may_be("integer"), may_be("array"), may_be("object"));
        if number {
            own.entry("minimum").or_insert(json!(-MAX_NUMBER));
            own.entry("maximum").or_insert(json!(MAX_NUMBER));
        }
        if array && !own.contains_key("items") {
            own.insert("items".into(), self.any());
        }
        if object && !own.contains_key("additionalProperties") {
            let others = if alone && is_complete(own) { Value::Bool(false) } else { self.any() };
            own.insert("additionalProperties".into(), others);
        }
    }

    /// A value that `const` or `enum` allows.
    fn constant(&mut self, keyword: &str, value: &Value, at: &str) -> Result<()> {
        self.constants += 1;
        if self.constants > MAX_CONSTANTS {
            let what = format!("json schema with more than {MAX_CONSTANTS} constants");
            return Err(Error::unsupported(what, "use fewer `enum` values"));
        }
        match value {
            Value::String(text) if text.chars().any(|c| c.is_control() && !"\u{8}\u{c}\n\r\t".contains(c)) => {
                Err(unsupported(keyword, " with a control character", at, "leave that value out"))
            }
            Value::Number(number) => check_number(keyword, number.as_f64().unwrap_or(f64::INFINITY), at),
            Value::Array(items) => items.iter().try_for_each(|item| self.constant(keyword, item, at)),
            Value::Object(entries) => entries.values().try_for_each(|item| self.constant(keyword, item, at)),
            _ => Ok(()),
        }
    }

    /// Refuses a schema that is defined by itself for the same value, such as `{"$ref": "#"}`.
    fn check_cycles(&self) -> Result<()> {
        // Definitions that lean only on settled ones are settled; in a cycle nothing ever is.
        let mut settled = vec![false; self.defs.len()];
        loop {
            let ready = |index: &usize| !settled[*index] && self.same_value[*index].iter().all(|&next| settled[next]);
            let ready: Vec<usize> = (0..settled.len()).filter(ready).collect();
            if ready.is_empty() {
                break;
            }
            for index in ready {
                settled[index] = true;
            }
        }
        match settled.iter().all(|&settled| settled) {
            true => Ok(()),
            false => Err(Error::invalid("schema", "a json schema refers to itself without an array or object between")),
        }
    }

    /// Keeps the engine's 32-bit least common multiples from overflowing, whichever of them it merges.
    fn check_multiples(&self) -> Result<()> {
        let unit = 10u64.pow(MAX_DECIMALS);
        let common = self.multiples.iter().fold(unit, |gcd, &multiple| greatest_common_divisor(gcd, multiple));
        let product = self
            .multiples
            .iter()
            .try_fold(1u32, |product, &multiple| product.checked_mul(u32::try_from(multiple / common).ok()?));
        match product {
            Some(_) => Ok(()),
            None => Err(Error::unsupported(
                "json schema keyword `multipleOf` with many digits",
                "use `type: integer` or bounds",
            )),
        }
    }
}

/// Whether an object lists all that it needs, so that it can be closed.
fn is_complete(own: &Map<String, Value>) -> bool {
    let Some(Value::Object(properties)) = own.get("properties") else {
        return false;
    };
    let required = own.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    !properties.is_empty()
        && !own.contains_key("patternProperties")
        && !own.contains_key("minProperties")
        && required.iter().all(|name| name.as_str().is_some_and(|name| properties.contains_key(name)))
}

/// Refuses a `minProperties` that a repeated key could seem to reach, and drops bounds that always hold: the engine can't
/// count optional properties.
fn check_property_counts(own: &mut Map<String, Value>, at: &str) -> Result<()> {
    let required = own.get("required").and_then(Value::as_array).map_or(0, Vec::len) as u64;
    let listed = own.get("properties").and_then(Value::as_object).map_or(0, Map::len) as u64;
    let only_listed =
        own.get("additionalProperties") == Some(&Value::Bool(false)) && !own.contains_key("patternProperties");
    if let Some(least) = own.get("minProperties").and_then(Value::as_u64) {
        if least > required + 1 {
            return Err(unsupported(
                "minProperties",
                " beyond what is required",
                at,
                "list the properties as `required`",
            ));
        }
        if least <= required {
            own.remove("minProperties");
        }
    }
    if only_listed && own.get("maxProperties").and_then(Value::as_u64).is_some_and(|most| most >= listed) {
        own.remove("maxProperties");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_only_objects_that_stand_alone() {
        let closed = |schema: Value| prepare(&schema).unwrap()["$defs"]["d0"]["additionalProperties"] == json!(false);
        assert!(closed(json!({"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"]})));
        for open in [
            json!({"type": "object"}),
            json!({"properties": {"a": true}, "required": ["b"]}),
            json!({"properties": {"a": true}, "additionalProperties": true}),
            json!({"properties": {"a": true}, "anyOf": [{"required": ["a"]}]}),
            json!({"properties": {"a": true}, "patternProperties": {"^b": true}}),
        ] {
            assert!(!closed(open.clone()), "{open}");
        }
    }

    #[test]
    fn options_of_one_of_are_not_narrowed() {
        let object = json!({"type": "object", "properties": {"a": {"type": "null"}}});
        let prepared = prepare(&json!({"oneOf": [object, {"type": "string"}]})).unwrap();
        assert_ne!(prepared["$defs"]["d0"]["oneOf"][0]["additionalProperties"], json!(false));
        let prepared = prepare(&json!({"anyOf": [object, {"type": "string"}]})).unwrap();
        assert_eq!(prepared["$defs"]["d0"]["anyOf"][0]["additionalProperties"], json!(false));
    }

    #[test]
    fn drops_what_says_nothing_of_the_value() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:x", "title": "t", "default": 1, "x-order": 2,
            "type": "null", "then": false, "minContains": 3, "uniqueItems": false,
        });
        assert_eq!(prepare(&schema).unwrap()["$defs"]["d0"], json!({"type": "null"}));
    }

    #[test]
    fn references_are_resolved_once_and_unescaped() {
        let schema = json!({"$defs": {"a/b": {"type": "null"}}, "prefixItems": [{"$ref": "#/$defs/a~1b"}, {"$ref": "#/$defs/a~1b"}]});
        let prepared = prepare(&schema).unwrap();
        assert_eq!(prepared["$defs"]["d0"]["prefixItems"], json!([{"$ref": "#/$defs/d1"}, {"$ref": "#/$defs/d1"}]));
        assert_eq!(prepared["$defs"]["d1"], json!({"type": "null"}));
        let missing = prepare(&json!({"$ref": "#/$defs/none"})).unwrap_err().to_string();
        assert_eq!(missing, "json schema keyword `$ref` must point into the schema, at `#/$defs/none` (schema)");
    }
}
