//! Words from files, made fit for a message.
//!
//! A damaged or hostile file can hold names of any length with any control character in them; an error message that quotes one
//! must stay one readable line.

/// Longest part of a name that a message quotes, in characters. Real tensor names and keys are shorter.
const MAX_SHOWN: usize = 160;

/// `name` on one line, control characters escaped, cut where it is too long.
pub(crate) fn shown(name: &str) -> String {
    let mut out: String = name.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    if name.chars().nth(MAX_SHOWN).is_some() {
        out.push('…');
    }
    out
}

/// serde's words about a file, which may quote it.
pub(crate) fn json_error(error: &serde_json::Error) -> String {
    format!("unexpected JSON: {}", shown(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(shown("blk.0.attn_q.weight"), "blk.0.attn_q.weight");
        assert_eq!(shown("a\n\u{1b}[2Jb"), "a\\n\\u{1b}[2Jb");
        assert_eq!(shown(&"x".repeat(161)), format!("{}…", "x".repeat(160)));
    }
}
