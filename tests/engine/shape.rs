//! Shaped answers: whatever the model wants to say, what ends with `Stop` has the shape. A model with random weights is the
//! hardest case, since it wants to say anything.

use minnow::{CancelToken, Engine, Error, Finish, GenerateOptions, Sampling, SessionOptions, Shape};
use minnow_tests::{cpu, data};
use serde_json::{Value, json};

fn tiny() -> Engine {
    cpu(data("tiny/smollm2/smollm2.q8_0.gguf"))
}

fn answer(engine: &Engine, shape: Shape, sampling: Sampling, max_new_tokens: usize) -> (Finish, String) {
    let cancel = CancelToken::new();
    let mut session = engine.session(SessionOptions::default().context_tokens(512)).unwrap();
    session.feed(&[72, 101, 108], &cancel).unwrap();
    let options = GenerateOptions::default().max_new_tokens(max_new_tokens).shape(shape).sampling(sampling);
    let answer = session.generate(&options, &cancel, |_| ()).unwrap();
    (answer.finish, answer.text)
}

#[test]
fn json_answers_have_the_schema_s_fields() {
    let engine = tiny();
    let schema = json!({
        "type": "object",
        "properties": {
            "urgent": { "type": "boolean" },
            "level": { "type": "integer", "minimum": 1, "maximum": 5 },
            "topic": { "enum": ["card", "loan", "other"] }
        },
        "required": ["urgent", "level", "topic"],
        "additionalProperties": false
    });
    let mut samplings = vec![Sampling::Greedy];
    samplings.extend((0..12).map(Sampling::random));
    for sampling in samplings {
        let (finish, text) = answer(&engine, Shape::JsonSchema(schema.clone()), sampling, 200);
        assert_eq!(finish, Finish::Stop, "{text}");
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(value["urgent"].is_boolean(), "{text}");
        assert!((1..=5).contains(&value["level"].as_i64().unwrap_or(0)), "{text}");
        assert!(["card", "loan", "other"].contains(&value["topic"].as_str().unwrap_or("")), "{text}");
        assert_eq!(value.as_object().map(serde_json::Map::len), Some(3), "{text}");
    }
}

#[test]
fn a_choice_is_one_of_the_list() {
    let engine = tiny();
    let choices = ["yes", "no", "I don't know", "é 中"].map(str::to_owned).to_vec();
    for seed in 0..12 {
        let (finish, text) = answer(&engine, Shape::Choices(choices.clone()), Sampling::random(seed), 64);
        assert_eq!(finish, Finish::Stop);
        assert!(choices.contains(&text), "{text}");
    }
}

#[test]
fn a_keyword_that_can_not_be_enforced_is_named() {
    let engine = tiny();
    let cancel = CancelToken::new();
    let mut session = engine.session(SessionOptions::default()).unwrap();
    session.feed(&[72], &cancel).unwrap();
    let schema = json!({ "type": "array", "uniqueItems": true });
    let options = GenerateOptions::default().shape(Shape::JsonSchema(schema));
    let error = session.generate(&options, &cancel, |_| ()).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("uniqueItems"), "{error}");
}
