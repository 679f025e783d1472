//! Code in the pages of `docs/` that is compiled. A fence takes part if the line before it marks it:
//!
//! ````text
//! <!-- compile -->
//! ```kotlin
//! import dev.minnow.…
//! ````

use anyhow::{Context, Result};

/// What marks a fence, on the line before it.
pub const MARK: &str = "<!-- compile -->";

/// A marked fence.
#[derive(Debug, PartialEq, Eq)]
pub struct Fence {
    /// The number of its first line, that of the three backticks.
    pub line: usize,
    /// The code.
    pub code: String,
}

/// The marked fences of a page, which must all be in one language.
pub fn fences(page: &str, language: &str) -> Result<Vec<Fence>> {
    let mut fences = Vec::new();
    let open = format!("```{language}");
    let mut lines = page.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end()));
    while let Some((mark, line)) = lines.next() {
        if line != MARK {
            continue;
        }
        let fence = lines.next().filter(|(_, line)| *line == open);
        let (number, _) = fence.with_context(|| format!("line {mark}: {MARK} is not followed by {open}"))?;
        let mut code = Vec::new();
        loop {
            let (_, line) = lines.next().with_context(|| format!("line {number}: the fence is not closed"))?;
            if line == "```" {
                break;
            }
            code.push(line);
        }
        fences.push(Fence { line: number, code: code.join("\n") });
    }
    Ok(fences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_fences_are_found_with_their_lines() -> Result<()> {
        let page = "# Guide\n```swift\nleft out\n```\n<!-- compile -->\n```swift\nlet a = 1\nlet b = 2\n```\n";
        assert_eq!(fences(page, "swift")?, [Fence { line: 6, code: "let a = 1\nlet b = 2".to_owned() }]);
        Ok(())
    }

    #[test]
    fn a_mark_without_a_fence_is_an_error() {
        let error = fences("<!-- compile -->\n\n```kotlin\n```\n", "kotlin").err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("line 1: <!-- compile --> is not followed by ```kotlin"));
        let error = fences("<!-- compile -->\n```kotlin\nval a = 1\n", "kotlin").err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("line 2: the fence is not closed"));
    }
}
