//! The values of JSON Schema's keywords: which are well formed, which the engine reads right, and what stands in for those
//! it reads too loosely.
//!
//! `format` is meant as an assertion here. The engine's own expressions for dates know no leap years, and those for
//! mailboxes and host names no length, so they are replaced.

use serde_json::Value;

use super::super::pattern;
use crate::{Error, Result};

/// Where a count (`maxLength`, `maxItems`) is cut off: longer than any answer.
pub(super) const MAX_COUNT: u64 = 65_536;
/// The largest number whose neighbours are still whole: 2^53.
pub(super) const MAX_NUMBER: f64 = 9_007_199_254_740_992.0;
/// Digits behind the point of `multipleOf`.
pub(super) const MAX_DECIMALS: u32 = 6;

/// Formats whose expressions in the engine hold only valid values.
const ENGINE_FORMATS: [&str; 5] = ["duration", "ipv4", "ipv6", "uri", "uuid"];

/// `full-date` of RFC 3339, leap years included.
const DATE: &str = "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)\
    |02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";
/// `full-time` of RFC 3339 without leap seconds, whose days no expression knows.
const TIME: &str =
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
/// A part of a mailbox's local part (`atext` of RFC 5322).
const ATOM: &str = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
/// A part of a host name (RFC 1123, without the reserved `--` that internationalised names begin with).
const LABEL: &str = "[A-Za-z0-9](?:[A-Za-z0-9]{0,2}(?:-?[A-Za-z0-9]){0,30})?";

/// The expressions that a value with this `format` must match, or `None` where the engine's own is right.
pub(super) fn format_patterns(value: &Value, at: &str) -> Result<Option<Vec<String>>> {
    let patterns = match value.as_str().ok_or_else(|| malformed("format", at, "be a string"))? {
        "date" => vec![format!("^{DATE}$")],
        "time" => vec![format!("^{TIME}$")],
        "date-time" => vec![format!("^{DATE}T{TIME}$")],
        // At most 64 characters before the sign and 254 in all (RFC 5321).
        "email" => vec![format!("^{ATOM}(?:[.]{ATOM})*@{LABEL}(?:[.]{LABEL})+$"), "^[^@]{1,64}@[^@]{1,189}$".into()],
        "hostname" => vec![format!("^{LABEL}(?:[.]{LABEL})*$"), "^.{1,253}$".into()],
        known if ENGINE_FORMATS.contains(&known) => return Ok(None),
        _ => return Err(unsupported("format", " with this value", at, "use `pattern`")),
    };
    Ok(Some(patterns))
}

/// Refuses drafts whose keywords mean something else.
pub(super) fn check_dialect(value: &Value, at: &str) -> Result<()> {
    let uri = value.as_str().ok_or_else(|| malformed("$schema", at, "be a string"))?;
    let known = [
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-07/schema",
    ];
    match known.contains(&uri.trim_end_matches('#')) {
        true => Ok(()),
        false => Err(unsupported("$schema", " with this value", at, "use draft 2020-12")),
    }
}

/// The value of `type`, if it names types.
pub(super) fn checked_type(value: &Value, at: &str) -> Result<Value> {
    const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];
    let is_type = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    match value {
        Value::Array(types) if !types.is_empty() && types.iter().all(is_type) => Ok(value.clone()),
        name if is_type(name) => Ok(value.clone()),
        _ => Err(malformed("type", at, "name JSON types")),
    }
}

/// Refuses numbers that the engine can't spell out exactly.
pub(super) fn check_number(keyword: &str, number: f64, at: &str) -> Result<()> {
    // Below 10^-9 the decimal expansion outgrows what a reader rounds to.
    let readable = number == 0.0 || (1e-9..=MAX_NUMBER).contains(&number.abs());
    match readable {
        true => Ok(()),
        false => Err(unsupported(keyword, " beyond 2^53 or below 10^-9", at, "use a smaller range")),
    }
}

/// How far a whole exclusive bound is moved inwards. The engine lets (73, 73.1] hold 73; moved, the bound has a fraction,
/// which it reads right. The step is one that a number of this size can still hold.
pub(super) fn step(bound: f64) -> f64 {
    match bound.abs() {
        size if size < 1e6 => 1e-6,
        size if size < 1e12 => 1e-2,
        _ => 1.0,
    }
}

/// `multipleOf` in units of 10^-MAX_DECIMALS.
pub(super) fn decimal(value: &Value, at: &str) -> Result<u64> {
    let number = value.as_f64().filter(|&number| number > 0.0);
    let number = number.ok_or_else(|| malformed("multipleOf", at, "be a number above 0"))?;
    let units = number * 10f64.powi(MAX_DECIMALS as i32);
    match units <= 1e15 && (units - units.round()).abs() <= units * 1e-12 && units.round() >= 1.0 {
        true => Ok(units.round() as u64),
        false => Err(unsupported("multipleOf", " with many digits", at, "use at most 6 digits behind the point")),
    }
}

/// A count; JSON Schema allows it to be written as `2.0`.
pub(super) fn count(keyword: &str, value: &Value, at: &str) -> Result<u64> {
    let whole = |number: f64| (number >= 0.0 && number.fract() == 0.0 && number <= MAX_NUMBER).then_some(number as u64);
    let count = value.as_u64().or_else(|| value.as_f64().and_then(whole));
    count.ok_or_else(|| malformed(keyword, at, "be a whole number, 0 or more"))
}

/// An expression in the engine's syntax.
pub(super) fn translated(keyword: &str, pattern: Option<&str>, at: &str) -> Result<String> {
    let pattern = pattern.ok_or_else(|| malformed(keyword, at, "be a string"))?;
    pattern::translate(pattern).map_err(|reason| {
        let what = format!("json schema keyword `{keyword}` with {reason}, at `#{at}`");
        Error::unsupported(what, "use a simpler expression")
    })
}

pub(super) fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// A keyword that can't be kept. `detail` says which use of the keyword is meant, if not all are; it starts with a space.
pub(super) fn unsupported(keyword: &str, detail: &str, at: &str, hint: &str) -> Error {
    Error::unsupported(format!("json schema keyword `{keyword}`{detail}, at `#{at}`"), hint)
}

/// Something that is not JSON Schema.
pub(super) fn malformed(keyword: &str, at: &str, must: &str) -> Error {
    Error::invalid("schema", format!("json schema keyword `{keyword}` must {must}, at `#{at}`"))
}
