//! Regular expressions of JSON Schema (`pattern`, the keys of `patternProperties`) for the grammar engine.
//!
//! JSON Schema means ECMA-262 expressions, the engine reads the syntax of Rust's `regex` crate. Both read the common core
//! alike; what one of them reads otherwise or not at all is rewritten (`.`, `\s`, `\S`) or refused here: look-around,
//! word boundaries, back-references, named groups and flags, and the class operations of Rust. `\d` and `\w` mean ASCII
//! in ECMA-262; the engine sees to that itself.
//!
//! Source: ECMA-262 section 22.2 (RegExp) and the syntax page of `regex` 1.x.

/// What ECMA-262 calls white space or line terminators, as the inside of a class.
const SPACE: &str = r"\t\n\x0B\x0C\r \xA0\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF}";
/// Everything but ECMA-262's line terminators.
const DOT: &str = r"[^\n\r\x{2028}\x{2029}]";
/// Longer expressions are refused: they come from generators, not from people, and cost seconds to compile.
const MAX_PATTERN_BYTES: usize = 4096;

/// The same expression in the engine's syntax, or what it uses that can't be carried over.
pub(super) fn translate(pattern: &str) -> Result<String, &'static str> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err("more than 4096 bytes");
    }
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let taken = escape(after, &mut out)?;
                rest = &after[taken..];
                continue;
            }
            '[' if in_class => return Err("`[` inside a class (escape it)"),
            '[' => in_class = true,
            ']' => in_class = false,
            '&' | '-' | '~' if in_class && after.starts_with(c) => {
                return Err("a doubled `&`, `-` or `~` inside a class");
            }
            '(' if !in_class && after.starts_with('?') && !after.starts_with("?:") => {
                return Err("look-around, a named group or flags");
            }
            '.' if !in_class => {
                out.push_str(DOT);
                rest = after;
                continue;
            }
            _ => {}
        }
        out.push(c);
        rest = after;
    }
    Ok(out)
}

/// Writes the escape whose part behind the backslash starts `rest`; returns how many bytes of `rest` it took.
fn escape(rest: &str, out: &mut String) -> Result<usize, &'static str> {
    let hex = |from: usize, count: usize| {
        rest.get(from..from + count).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let taken = match rest.chars().next() {
        Some('s') => {
            // A class inside a class is a union, so this is right in both places.
            out.push_str(&format!("[{SPACE}]"));
            return Ok(1);
        }
        Some('S') => {
            out.push_str(&format!("[^{SPACE}]"));
            return Ok(1);
        }
        Some('d' | 'D' | 'w' | 'W' | 'n' | 'r' | 't' | 'f' | 'v') => 1,
        Some('p' | 'P') if rest[1..].starts_with('{') => 1,
        Some('x') if hex(1, 2) => 3,
        Some('u') if hex(1, 4) => 5,
        Some('b' | 'B') => return Err("a word boundary"),
        Some('<' | '>') => return Err("an escaped `<` or `>` (they need no escape)"),
        Some('0'..='9' | 'k') => return Err("a back-reference"),
        Some(c) if c.is_ascii_punctuation() => 1,
        _ => return Err("an unknown escape"),
    };
    out.push('\\');
    out.push_str(&rest[..taken]);
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_common_core() {
        for pattern in [r"^[a-z_]{1,8}$", r"^\d{4}-\d\d$", r"a+|b?", r"^(?:x|y)*$", r"\u4e2d\x41\p{Lu}", r"[\]\-.]\/"] {
            assert_eq!(translate(pattern).unwrap(), pattern);
        }
    }

    #[test]
    fn rewrites_what_the_two_read_differently() {
        assert_eq!(translate(r"a.b[.]").unwrap(), format!("a{DOT}b[.]"));
        assert_eq!(translate(r"\s\S").unwrap(), format!("[{SPACE}][^{SPACE}]"));
    }

    #[test]
    fn refuses_what_the_engine_reads_otherwise() {
        for (pattern, reason) in [
            (r"(?=a)", "look-around, a named group or flags"),
            (r"(?<stop>a)", "look-around, a named group or flags"),
            (r"(?i)a", "look-around, a named group or flags"),
            (r"\bword", "a word boundary"),
            (r"(a)\1", "a back-reference"),
            (r"[a-z&&b]", "a doubled `&`, `-` or `~` inside a class"),
            (r"[[:alpha:]]", "`[` inside a class (escape it)"),
            (r"\<", "an escaped `<` or `>` (they need no escape)"),
            (r"\q", "an unknown escape"),
            (r"\", "an unknown escape"),
            (r"\u12", "an unknown escape"),
            (r"\p", "an unknown escape"),
        ] {
            assert_eq!(translate(pattern), Err(reason), "{pattern}");
        }
        assert!(translate(&"a".repeat(5000)).is_err());
    }
}
