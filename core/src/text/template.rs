//! Running a chat template: Jinja as model publishers write it, through `minijinja`.
//!
//! Source: `apply_chat_template` of the transformers library, which fixes what templates may expect: blocks trimmed on both
//! sides, `break` and `continue`, Python's string and mapping methods, `raise_exception`, `strftime_now`, and a `tojson` that
//! writes as Python's `json.dumps` does. The `generation` block (it marks text for training) is not known here.
//!
//! A template comes with the model file, so it is foreign code. It can't reach anything outside, and its work is limited: each
//! step and each 64 bytes that it makes cost one unit of fuel, and there are [`FUEL`] of them. Lists in lists can still be nested
//! deeper than a phone's thread has stack to print or free, so rendering runs on a thread of its own with enough of it.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, ErrorKind, State, Value};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};

use crate::{Error, Location, Result};

/// Steps, or 64-byte pieces of text: enough for two thousand messages or some megabytes of text, spent in well under a second.
const FUEL: u64 = 250_000;

/// Four times what the deepest value that [`FUEL`] can build needs; only touched pages are real memory.
const STACK_BYTES: usize = 16 << 20;

/// The longest published templates have 15 KB.
const MAX_TEMPLATE_BYTES: usize = 256 << 10;

/// Begins the detail of errors that the template raised itself.
const RAISED: &str = "raised by the template: ";

/// A compiled template.
#[derive(Debug)]
pub(super) struct Template {
    environment: Environment<'static>,
    source: String,
}

impl Template {
    /// Compiles `source`.
    ///
    /// # Errors
    /// `ModelFile` with the line where it is not a template.
    pub(super) fn new(source: &str) -> Result<Self> {
        let bad = |what: String| Error::model_file(what, Location::part("chat_template"));
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(bad(format!("expected at most {MAX_TEMPLATE_BYTES} bytes, found {}", source.len())));
        }
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|source| Error::Internal { what: source.to_string() })?);
        environment.set_fuel(Some(FUEL));
        environment.set_debug(false);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", to_json);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", strftime_now);
        environment.add_template_owned(NAME, source.to_owned()).map_err(|error| {
            bad(format!("not a valid template: {} in line {}", error.kind(), error.line().unwrap_or_default()))
        })?;
        Ok(Self { environment, source: source.to_owned() })
    }

    /// Renders with the variables in `context`.
    ///
    /// # Errors
    /// `InvalidInput` where the template refuses the messages, `Unsupported` where it needs too many steps, `ModelFile` with the
    /// line where it fails.
    pub(super) fn render(&self, context: Value) -> Result<String> {
        let template = self.environment.get_template(NAME).map_err(|error| self.explain(&error))?;
        let rendered = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            let rendering = thread.spawn_scoped(scope, || template.render(context)).ok()?;
            rendering.join().ok()
        });
        let rendered = rendered.ok_or_else(|| Error::Internal { what: "no thread for the chat template".into() })?;
        rendered.map_err(|error| self.explain(&error))
    }

    /// The error without what may be a user's words: the engine's messages can quote values.
    fn explain(&self, error: &minijinja::Error) -> Error {
        if let Some(message) = error.detail().and_then(|detail| detail.strip_prefix(RAISED)) {
            // Only a message that stands in the template is the template's own.
            let reason = if self.source.contains(message) { format!(": {message}") } else { String::new() };
            return Error::invalid("messages", format!("the chat template refuses this conversation{reason}"));
        }
        if error.kind() == ErrorKind::OutOfFuel {
            return Error::unsupported(
                format!("the chat template takes more than {FUEL} steps"),
                "shorten the conversation, or use a model with another template",
            );
        }
        let what = format!("the chat template fails: {} in line {}", error.kind(), error.line().unwrap_or_default());
        Error::model_file(what, Location::part("chat_template"))
    }
}

const NAME: &str = "chat";

fn raise_exception(message: String) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, format!("{RAISED}{message}")))
}

/// The local date and time in a C format, for templates that tell the model the date.
fn strftime_now(format: &str) -> Result<String, minijinja::Error> {
    jiff::fmt::strtime::format(format, &jiff::ZonedDateTime::now())
        .map_err(|_| minijinja::Error::new(ErrorKind::InvalidOperation, "strftime_now: not a date format"))
}

/// JSON as `json.dumps(value, ensure_ascii=False, indent=indent)` writes it: a space after separators and no escapes for HTML,
/// unlike the engine's own filter. Further arguments of the Python function are taken and ignored.
fn to_json(state: &State, value: &Value, arguments: Kwargs) -> Result<Value, minijinja::Error> {
    let bad = |what: &'static str| minijinja::Error::new(ErrorKind::InvalidOperation, what);
    let mut out = Vec::new();
    let written = match arguments.get::<Option<usize>>("indent")? {
        None => value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Spaced)),
        Some(indent) if indent <= 16 => {
            let spaces = " ".repeat(indent);
            let formatter = PrettyFormatter::with_indent(spaces.as_bytes());
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter))
        }
        Some(_) => return Err(bad("tojson: an indent of more than 16")),
    };
    written.map_err(|_| bad("tojson: not a value that JSON has"))?;
    state.consume_fuel(out.len() as u64 / 64)?;
    String::from_utf8(out).map(Value::from_safe_string).map_err(|_| bad("tojson: not text"))
}

/// One line, a space after `,` and `:`.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, out: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        out.write_all(b": ")
    }
}

/// Anything serializable as a template's value.
pub(super) fn value(of: impl Serialize) -> Value {
    Value::from(Serde(of))
}

#[cfg(test)]
mod tests {
    use minijinja::context;
    use serde_json::json;

    use super::*;

    fn render(source: &str) -> Result<String> {
        let messages = json!([{ "role": "user", "content": "secret <b>" }]);
        Template::new(source)?.render(context! { messages => value(messages) })
    }

    #[test]
    fn blocks_are_trimmed_and_python_methods_work() {
        assert_eq!(render("  {% if true %}\n  a\n  {% endif %}\nb\n").unwrap(), "  a\nb");
        assert_eq!(render("{{ ' x '.strip().upper() + 'a,b'.split(',')[1] }}").unwrap(), "Xb");
        assert_eq!(
            render("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}").unwrap(),
            "01"
        );
        assert_eq!(render("{{ messages[0].get('name', 'none') }}").unwrap(), "none");
        assert_eq!(render("{{ messages[0]['content'] }}").unwrap(), "secret <b>");
    }

    #[test]
    fn json_is_python_s() {
        assert_eq!(
            render("{{ {'a': [1, 2.5, none], 'b': '<é>'} | tojson }}").unwrap(),
            r#"{"a": [1, 2.5, null], "b": "<é>"}"#
        );
        assert_eq!(render("{{ {'a': [1]} | tojson(indent=2) }}").unwrap(), "{\n  \"a\": [\n    1\n  ]\n}");
        assert!(render("{{ 1 | tojson(indent=1000000000) }}").is_err());
    }

    #[test]
    fn dates_are_formatted_and_nonsense_is_refused() {
        assert_eq!(render("{{ strftime_now('%Y') | length }}").unwrap(), "4");
        let error = render("{{ strftime_now('%!') }}").unwrap_err().to_string();
        assert_eq!(error, "the chat template fails: invalid operation in line 1 (chat_template)");
    }

    #[test]
    fn errors_hold_the_template_s_words_and_never_the_user_s() {
        let message = |source: &str| render(source).unwrap_err().to_string();
        assert_eq!(
            message("{{ raise_exception('roles must alternate') }}"),
            "the chat template refuses this conversation: roles must alternate (messages)"
        );
        assert_eq!(
            message("{{ raise_exception(messages[0].content) }}"),
            "the chat template refuses this conversation (messages)"
        );
        assert_eq!(message("\n{% if %}"), "not a valid template: syntax error in line 2 (chat_template)");
        assert!(!message("{{ messages[0].content.nothing() }}").contains("secret"));
        assert!(!message("{{ messages[0].content + 1 }}").contains("secret"));
    }

    #[test]
    fn a_template_that_never_ends_or_makes_too_much_is_stopped() {
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}";
        let doubling = "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}";
        for source in [
            endless,
            doubling,
            "{{ 'x' * 100000000 }}",
            "{{ 'x'|center(900000000) }}",
            "{{ range(99999)|tojson * 99 }}",
        ] {
            assert!(render(source).is_err(), "{source}");
        }
        assert_eq!(
            render(endless).unwrap_err().to_string(),
            "the chat template takes more than 250000 steps (shorten the conversation, or use a model with another template)"
        );
        let deep = "(".repeat(100_000);
        assert!(render(&format!("{{{{ {deep} }}}}")).is_err());
        assert!(render(&"a".repeat(MAX_TEMPLATE_BYTES + 1)).is_err());
    }

    #[test]
    fn values_nested_as_deep_as_fuel_allows_are_harmless() {
        let nesting = "{% set ns = namespace(x=[]) %}{% for i in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}";
        for source in
            [nesting.to_owned(), format!("{nesting}{{{{ ns.x|tojson }}}}"), format!("{nesting}{{{{ ns.x }}}}")]
        {
            let _ = render(&source); // the claim is that the process survives
        }
    }
}
