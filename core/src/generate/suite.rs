//! Constrained decoding end to end: whatever is chosen within the masks, the answer parses and validates.
//!
//! The judges share no code with the grammar engine: the `jsonschema` crate for what comes out, and the verdicts of the
//! official JSON Schema test suite for what must not.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::{Value, json};

use super::constraint::{Constraint, ConstraintVocabulary};
use crate::{Error, Result};

const STOP: u32 = 256;
const SPECIAL: u32 = 257;

/// All bytes, a stop token, a special token, and tokens that cross the borders of JSON's own tokens or split a character.
static TOKENS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    let texts = "<stop>|<special>|{\"|\":|\":\"|\",\"|\"}|},{|[[|]}|true|false|null|12|0.5|-1|e|name|na|中|中文|é|👍|中\"|\\n|\\\"| |  \
                 |20|-0|T1|a@|bar|foo\":|name|1,|0}";
    tokens.extend(texts.split('|').map(|text| text.as_bytes().to_vec()));
    tokens.extend(["中".as_bytes()[..2].to_vec(), Vec::new()]);
    tokens
});
static VOCABULARY: LazyLock<ConstraintVocabulary> =
    LazyLock::new(|| ConstraintVocabulary::new(TOKENS.clone(), |id| id == SPECIAL, &[STOP]).unwrap());

fn constraint(schema: &Value) -> Result<Constraint> {
    Constraint::json_schema(schema, &VOCABULARY)
}

/// Chooses at random within the masks until the answer ends; `None` if it does not within `max_tokens`.
fn random_answer(constraint: &Constraint, seed: u64, max_tokens: usize) -> Option<String> {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    let mut constraint = constraint.clone();
    let mut bytes = Vec::new();
    for _ in 0..max_tokens {
        let allowed: Vec<u32> = constraint.mask().unwrap().ids().collect();
        // Every third choice ends whatever can end, so that strings and lists stay short.
        let ends = |id: &&u32| **id == STOP || matches!(TOKENS[**id as usize].first(), Some(b'"' | b']' | b'}'));
        let ending: Vec<u32> = allowed.iter().filter(ends).copied().collect();
        let from = if rng.next_u32() % 3 == 0 && !ending.is_empty() { &ending } else { &allowed };
        let token = from[rng.next_u32() as usize % from.len()];
        assert!(token != SPECIAL && (token == STOP || !TOKENS[token as usize].is_empty()));
        assert!(token != STOP || constraint.is_accepting().unwrap());
        constraint.commit(token).unwrap();
        if token != STOP {
            bytes.extend_from_slice(&TOKENS[token as usize]);
        }
        if constraint.is_finished() {
            return Some(String::from_utf8(bytes).unwrap());
        }
    }
    None
}

/// Whether the constraint lets exactly this text through, byte by byte.
fn accepts(constraint: &Constraint, text: &str) -> bool {
    let mut constraint = constraint.clone();
    text.bytes().all(|byte| !constraint.is_finished() && constraint.commit(byte.into()).is_ok())
        && constraint.is_accepting().unwrap()
}

fn judge(schema: &Value) -> jsonschema::Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

/// Random answers, all of which must validate; returns how many ended.
fn check_answers(schema: &Value, count: u64) -> u64 {
    let compiled = constraint(schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
    let judge = judge(schema);
    let mut ended = 0;
    for seed in 0..count {
        if let Some(text) = random_answer(&compiled, seed, 1500) {
            let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{schema}: {error}: {text}"));
            assert!(judge.is_valid(&value), "{schema} gave {text}");
            ended += 1;
        }
    }
    ended
}

fn suite() -> Option<Vec<Value>> {
    let shared = std::env::var_os("MINNOW_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into());
    let Ok(lines) = std::fs::read_to_string(shared.join("evals/jsonschema_suite.jsonl")) else {
        println!("skipped: the shared evaluation sets are not here");
        return None;
    };
    Some(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn official_suite_answers_validate_and_invalid_instances_never_pass() {
    let Some(groups) = suite() else { return };
    let (mut compiled, mut ended, mut valid, mut valid_passed) = (0, 0, 0, 0);
    let mut refused = Vec::new();
    for group in &groups {
        let schema = &group["schema"];
        let constraint = match constraint(schema) {
            Ok(constraint) => constraint,
            Err(error) => {
                refused.push(format!("{}: {error}", group["keyword"]));
                continue;
            }
        };
        compiled += 1;
        ended += check_answers(schema, 40);
        for test in group["tests"].as_array().unwrap() {
            let passes = accepts(&constraint, &test["data"].to_string());
            if test["valid"] == true {
                valid += 1;
                valid_passed += u32::from(passes);
            } else {
                assert!(!passes, "{schema} accepts {}", test["data"]);
            }
        }
    }
    refused.sort();
    println!("{compiled} of {} schemas compile, {ended} random answers validate", groups.len());
    println!("{valid_passed} of {valid} valid instances may be written\n{}", refused.join("\n"));
    assert!(compiled >= 74, "only {compiled} compile");
}

#[test]
fn everyday_schemas_give_valid_answers() {
    for schema in [
        json!({"type": "object", "properties": {
            "title": {"type": "string", "minLength": 1, "maxLength": 40}, "start": {"type": "string", "format": "date-time"},
            "all_day": {"type": "boolean"}, "people": {"type": "array", "items": {"type": "string"}, "maxItems": 4},
            "priority": {"enum": ["low", "high", 3, null]}, "count": {"type": "integer", "minimum": -3, "maximum": 17},
        }, "required": ["title", "start", "all_day"]}),
        json!({"type": ["object", "null"], "properties": {"a": {"type": ["string", "null"], "format": "date"}}, "required": ["a"]}),
        json!({"$defs": {"node": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"anyOf": [
            {"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["v", "next"]}}, "$ref": "#/$defs/node"}),
        json!({"oneOf": [
            {"type": "object", "properties": {"kind": {"const": "a"}, "x": {"type": "number"}}, "required": ["kind", "x"]},
            {"type": "object", "properties": {"kind": {"const": "b"}, "y": {"type": "string", "pattern": "^[A-Z]{2}\\d+$"}},
             "required": ["kind", "y"], "additionalProperties": false}]}),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "additionalProperties": false,
               "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}),
        json!({"type": "object", "patternProperties": {"^x_": {"type": "integer"}}, "additionalProperties": false, "minProperties": 1}),
        json!({"type": "array", "prefixItems": [{"type": "string", "format": "email"}, {"type": "number", "multipleOf": 0.01}],
               "items": {"type": "string", "format": "uuid"}, "minItems": 2, "maxItems": 4}),
        json!({"type": "object", "required": ["free"], "properties": {"free": true}}),
        json!({"type": "object", "additionalProperties": {"type": "string", "format": "time"}, "maxProperties": 3}),
        json!({"allOf": [{"exclusiveMinimum": 73}, {"type": ["number", "null"], "maximum": 73.1}]}),
        json!({"type": "number", "minimum": -0.5, "exclusiveMaximum": 0}),
        json!({"allOf": [{"type": "string", "pattern": "a"}, {"type": "string", "minLength": 3, "pattern": "^\\S*$"}]}),
    ] {
        assert!(check_answers(&schema, 150) > 100, "{schema}");
    }
}

#[test]
fn formats_hold_only_valid_values() {
    for format in ["date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"] {
        assert!(check_answers(&json!({"type": "string", "format": format}), 300) > 200, "{format}");
    }
    let date = constraint(&json!({"type": "string", "format": "date"})).unwrap();
    for (text, valid) in [
        ("2024-02-29", true),
        ("2023-02-29", false),
        ("1900-02-29", false),
        ("2000-02-29", true),
        ("2024-04-31", false),
        ("2024-13-01", false),
        ("2024-12-31", true),
    ] {
        assert_eq!(accepts(&date, &format!("\"{text}\"")), valid, "{text}");
    }
}

#[test]
fn a_refused_keyword_is_named_with_its_place() {
    let message = |schema: Value| constraint(&schema).unwrap_err().to_string();
    assert_eq!(
        message(json!({"type": "object", "properties": {"a/b": {"type": "array", "uniqueItems": true}}})),
        "json schema keyword `uniqueItems`, at `#/properties/a~1b` (leave it out or check the answer yourself)"
    );
    assert_eq!(
        message(json!({"$ref": "other.json"})),
        "json schema keyword `$ref` to another document, at `#` (copy the target into `$defs`)"
    );
    assert_eq!(message(json!({"type": "text"})), "json schema keyword `type` must name JSON types, at `#` (schema)");
    assert_eq!(
        message(json!({"type": "string", "format": "iri"})),
        "json schema keyword `format` with this value, at `#` (use `pattern`)"
    );
    assert_eq!(
        message(json!({"pattern": "a(?=b)"})),
        "json schema keyword `pattern` with look-around, a named group or flags, at `#` (use a simpler expression)"
    );
    assert_eq!(
        message(json!({"oneOf": [{"type": "integer"}, {"type": "number"}]})),
        "json schema keyword `oneOf` whose options may overlap (use `anyOf`, or give each option a required `const`)"
    );
    assert_eq!(message(json!(false)), "json schema that no value satisfies (loosen it)");
    assert_eq!(
        message(json!({"type": "integer", "minimum": 3, "maximum": 2})),
        "json schema that no value satisfies (loosen it)"
    );
    for keyword in [
        "not",
        "if",
        "contains",
        "propertyNames",
        "dependentRequired",
        "unevaluatedProperties",
        "$dynamicRef",
        "nullable",
        "typo",
    ] {
        let error = constraint(&json!({"type": "object", keyword: {}})).unwrap_err();
        assert!(matches!(&error, Error::Unsupported { what, .. } if what.contains(&format!("`{keyword}`"))), "{error}");
    }
}

#[test]
fn hostile_schemas_end_soon_with_an_error() {
    let mut nested = json!({"type": "string"});
    for _ in 0..2000 {
        nested = json!({"type": "array", "items": nested});
    }
    let chain: serde_json::Map<String, Value> = (0..4000)
        .map(|n| (format!("n{n}"), json!({"properties": {"x": {"$ref": format!("#/$defs/n{}", n + 1)}}})))
        .collect();
    let doubling: serde_json::Map<String, Value> = (0..40)
        .map(|n| {
            let next = json!({"$ref": format!("#/$defs/n{}", n + 1)});
            (format!("n{n}"), json!({"allOf": [{"properties": {"a": next}}, {"properties": {"a": next, "b": next}}]}))
        })
        .collect();
    let wide: serde_json::Map<String, Value> = (0..600).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect();
    for (name, schema) in [
        ("deep", nested),
        ("chain", json!({"$ref": "#/$defs/n0", "$defs": chain})),
        ("doubling", json!({"$ref": "#/$defs/n0", "$defs": doubling})),
        ("wide", json!({"type": "object", "properties": wide})),
        ("self", json!({"$ref": "#"})),
        ("self in anyOf", json!({"anyOf": [{"$ref": "#"}, {"type": "null"}]})),
        (
            "self in turns",
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}}),
        ),
        (
            "alternatives",
            json!({"type": "string", "pattern": "^(?:.*a.{20}|.*b.{21}|.*c.{22}).*(?:x|y.{30})$", "minLength": 50}),
        ),
        ("endless string", json!({"type": "string", "minLength": 4_000_000_000u64})),
        ("overflowing multiples", json!({"allOf": [{"multipleOf": 999_983}, {"multipleOf": 999_979}]})),
        ("huge bounds", json!({"type": "number", "minimum": 1e300})),
    ] {
        let start = Instant::now();
        let outcome = constraint(&schema).and_then(|mut constraint| constraint.mask().map(|_| ()));
        println!("{name}: {:?} in {:?}", outcome.as_ref().map_err(|e| e.to_string()), start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(10), "{name}");
        assert!(matches!(outcome, Err(Error::Unsupported { .. } | Error::InvalidInput { .. })), "{name}");
    }
}

#[test]
fn hostile_schemas_that_compile_stay_bounded_while_answering() {
    for schema in [
        json!({"type": "string", "pattern": "^(((a{1,99}){1,99}){1,99}){1,99}$"}),
        json!({"type": "string", "pattern": "^(a|b)*a(a|b){14}$"}),
        json!({"type": "array", "maxItems": 60_000, "items": {"type": "string", "maxLength": 60_000}}),
        json!({"enum": (0..5000).map(|n| format!("value {n}")).collect::<Vec<_>>()}),
        json!({"type": "object", "properties": (0..400).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect::<serde_json::Map<_, _>>()}),
    ] {
        let Ok(mut constraint) = constraint(&schema) else { continue };
        for step in 0..200 {
            let start = Instant::now();
            let Ok(mask) = constraint.mask() else { break };
            assert!(start.elapsed() < Duration::from_secs(2));
            let ids: Vec<u32> = mask.ids().collect();
            constraint.commit(ids[step * 7 % ids.len()]).unwrap();
            if constraint.is_finished() {
                break;
            }
        }
    }
}

#[test]
fn white_space_and_second_spellings_are_not_allowed() {
    let schema = json!({"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"], "additionalProperties": {"type": "string"}});
    let constraint = constraint(&schema).unwrap();
    assert!(accepts(&constraint, r#"{"a":1,"b":"x"}"#));
    for text in [r#"{"a": 1}"#, r#" {"a":1}"#, r#"{"a":1,"\u0061":"x"}"#, r#"{"a":1,"a":"x"}"#, r#"{"a":2}"#] {
        assert!(!accepts(&constraint, text), "{text}");
    }
}

#[test]
fn a_token_outside_the_mask_is_refused_and_changes_nothing() {
    let mut constraint = constraint(&json!({"enum": [true, false]})).unwrap();
    for token in [u32::from(b'x'), STOP, SPECIAL, u32::MAX] {
        assert!(matches!(constraint.commit(token), Err(Error::InvalidInput { field: "token", .. })));
    }
    for byte in *b"true" {
        assert!(!constraint.is_finished());
        constraint.commit(byte.into()).unwrap();
    }
    assert!(constraint.is_finished() && constraint.is_accepting().unwrap());
    assert_eq!(constraint.mask().unwrap().ids().collect::<Vec<_>>(), [STOP]);
    constraint.commit(STOP).unwrap();
}

#[test]
fn a_schema_without_a_choice_leaves_none() {
    let schema = json!({"type": "object", "properties": {"name": {"enum": ["x", "y"]}}, "required": ["name"]});
    let mut constraint = constraint(&schema).unwrap();
    for byte in br#"{"name":""# {
        assert!(constraint.mask().unwrap().allows(u32::from(*byte)));
        constraint.commit(u32::from(*byte)).unwrap();
    }
    assert_eq!(constraint.mask().unwrap().ids().collect::<Vec<_>>(), [u32::from(b'x'), u32::from(b'y')]);
}

#[test]
fn choices_come_out_exactly_as_written() {
    let choices = ["card lost", "card", "中文", "é\"quoted\""];
    let constraint = Constraint::choices(&choices, &VOCABULARY).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let text = random_answer(&constraint, seed, 50).unwrap();
        assert!(choices.contains(&text.as_str()), "{text}");
        seen.insert(text);
    }
    assert_eq!(seen.len(), choices.len());
}

#[test]
fn bad_choices_and_vocabularies_are_refused() {
    assert!(matches!(Constraint::choices(&[""; 0], &VOCABULARY), Err(Error::InvalidInput { .. })));
    assert!(matches!(Constraint::choices(&["a", ""], &VOCABULARY), Err(Error::InvalidInput { .. })));
    let ascii: Vec<Vec<u8>> = (0..128).map(|byte| vec![byte]).collect();
    let vocabulary = ConstraintVocabulary::new(ascii.clone(), |_| false, &[0]).unwrap();
    assert_eq!(
        Constraint::choices(&["a", "中"], &vocabulary).unwrap_err().to_string(),
        "choice 1 has characters that the vocabulary can't spell (reword it)"
    );
    assert!(ConstraintVocabulary::new(Vec::new(), |_| false, &[0]).is_err());
    assert!(ConstraintVocabulary::new(ascii.clone(), |_| false, &[128]).is_err());
    assert!(ConstraintVocabulary::new(ascii[..100].to_vec(), |_| false, &[0]).is_err());
    assert!(ConstraintVocabulary::new(vec![b"a".repeat(5_000_000)], |_| false, &[0]).is_err());
}

#[test]
fn masks_can_be_computed_on_another_thread() {
    let mut constraint = constraint(&json!({"type": "null"})).unwrap();
    let count = std::thread::spawn(move || constraint.mask().unwrap().ids().count()).join().unwrap();
    assert_eq!(count, 2, "`n` and `null`");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn numbers_keep_their_bounds(
        low in -2000i32..2000, width in 0i32..3000, scale in prop::sample::select(vec![1.0, 10.0, 1000.0]),
        open_low: bool, open_high: bool, integer: bool, seed: u64,
    ) {
        let (low, high) = (f64::from(low) / scale, f64::from(low + width) / scale);
        let kind = if integer { "integer" } else { "number" };
        let mut schema = json!({"type": kind});
        schema[if open_low { "exclusiveMinimum" } else { "minimum" }] = json!(low);
        schema[if open_high { "exclusiveMaximum" } else { "maximum" }] = json!(high);
        match constraint(&schema) {
            Ok(constraint) => {
                let judge = judge(&schema);
                for step in 0..20 {
                    if let Some(text) = random_answer(&constraint, seed.wrapping_add(step), 60) {
                        prop_assert!(judge.is_valid(&serde_json::from_str(&text).unwrap()), "{} gave {}", schema, text);
                    }
                }
            }
            Err(Error::Unsupported { .. }) => {
                let none = if integer { low.ceil() > high.floor() || open_low || open_high } else { low >= high };
                prop_assert!(none, "{} was refused", schema);
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn any_json_is_a_schema_or_an_error(schema in arbitrary_schema()) {
        if let Some(text) = constraint(&schema).ok().and_then(|constraint| random_answer(&constraint, 1, 200)) {
            let value: Value = serde_json::from_str(&text).unwrap();
            prop_assert!(judge(&schema).is_valid(&value), "{} gave {}", schema, text);
        }
    }
}

/// Schemas that are mostly well formed, with keywords in combinations that no one would write.
fn arbitrary_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!(false)),
        Just(json!({})),
        Just(json!({"type": "string"})),
        Just(json!({"minimum": -1.5})),
        Just(json!({"type": "integer", "multipleOf": 3})),
        Just(json!({"const": {"a": [1, "x"]}})),
        Just(json!({"enum": ["a", "b", 2]})),
        Just(json!({"$ref": "#/$defs/d"})),
        Just(json!({"maxLength": 3})),
        Just(json!({"pattern": "^a.c"})),
        Just(json!({"required": ["a"]})),
    ];
    let schema = leaf.prop_recursive(3, 16, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            list.clone().prop_map(|all| json!({"allOf": all})),
            list.clone().prop_map(|any| json!({"type": ["object", "array", "string"], "anyOf": any})),
            list.clone().prop_map(|one| json!({"oneOf": one})),
            list.clone().prop_map(|items| json!({"prefixItems": items, "maxItems": 3})),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| json!({"type": "object", "properties": {"a": a, "b": b}, "required": ["b"]})),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| json!({"properties": {"a": a}, "additionalProperties": b, "required": ["c"]})),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| json!({"patternProperties": {"^a": a, "^b": b}, "minProperties": 1})),
            inner.prop_map(|items| json!({"type": "array", "items": items, "minItems": 1})),
        ]
    });
    (schema.clone(), schema).prop_map(|(root, definition)| json!({"allOf": [root], "$defs": {"d": definition}}))
}
