//! Token bytes in, readable text out, piece by piece.
//!
//! A token may end in the middle of a character, and the next one may join the last character (an accent, a skin tone, a
//! joined emoji). `TextChunks` therefore holds back what may still grow: an incomplete UTF-8 sequence and the last
//! extended grapheme cluster (UAX #29). What it gives out never has to be taken back.
//!
//! Bytes that can't be completed to a character become U+FFFD, one for each maximal ill-formed part, exactly as
//! `String::from_utf8_lossy` does it (Unicode 15, section 3.9, "U+FFFD substitution of maximal subparts"). A cluster that
//! grows beyond [`MAX_HELD_BYTES`] is given out unfinished, so an endless run of combining marks can't fill the memory.

use unicode_segmentation::GraphemeCursor;

/// The largest cluster that is waited for, in bytes. The longest emoji sequences in use take 35 (a family of four with
/// joiners 25, a subdivision flag 28) and stacked scripts stay below 100; 256 is generous and still nothing to hold.
pub const MAX_HELD_BYTES: usize = 256;

/// Turns the bytes of one answer's tokens into chunks of whole characters.
#[derive(Clone, Debug, Default)]
pub struct TextChunks {
    /// The start of a UTF-8 sequence, at most three bytes.
    incomplete: Vec<u8>,
    /// Decoded text that was not given out: its last cluster may still grow.
    held: String,
}

impl TextChunks {
    /// Takes the bytes of one token and returns the text that is certain by now; often empty.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.decode(bytes);
        let mut certain = self.last_boundary();
        if self.held.len() - certain > MAX_HELD_BYTES {
            certain = self.held.len();
        }
        let rest = self.held.split_off(certain);
        std::mem::replace(&mut self.held, rest)
    }

    /// Ends an answer that was cut off: returns the rest, without a character that the next tokens would have completed.
    pub fn finish_cut(self) -> String {
        self.held
    }

    /// Ends the answer: returns the rest, with U+FFFD for a character that was never completed.
    pub fn finish(mut self) -> String {
        if !self.incomplete.is_empty() {
            self.held.push(char::REPLACEMENT_CHARACTER);
        }
        self.held
    }

    /// Appends `bytes` to the held text, except for an incomplete sequence at their end.
    fn decode(&mut self, bytes: &[u8]) {
        self.incomplete.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.incomplete);
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.held.push_str(chunk.valid());
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            // At the end of the input, a part that is ill-formed only because it stops may still be completed.
            let unfinished =
                chunks.peek().is_none() && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if unfinished {
                self.incomplete.extend_from_slice(invalid);
            } else {
                self.held.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    /// Start of the last cluster in the held text: everything before it is certain.
    fn last_boundary(&self) -> usize {
        let mut cursor = GraphemeCursor::new(self.held.len(), self.held.len(), true);
        // The cursor sees the held text from its start, so it never lacks context; to hold everything would be safe.
        cursor.prev_boundary(&self.held, 0).ok().flatten().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation;

    /// Every chunk that is not empty, the rest at the end last.
    fn chunks<'a>(tokens: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut text = TextChunks::default();
        let mut given: Vec<String> = tokens.into_iter().map(|token| text.push(token)).collect();
        given.push(text.finish());
        given.retain(|chunk| !chunk.is_empty());
        given
    }

    #[test]
    fn completes_a_character_split_over_tokens() {
        let euro = "€".as_bytes();
        assert_eq!(chunks([&b"5 "[..], &euro[..1], &euro[1..2], &euro[2..], b"!"]), ["5", " ", "€", "!"]);
    }

    #[test]
    fn holds_a_letter_until_its_accent_can_no_longer_come() {
        assert_eq!(chunks(["e", "\u{301}", "a"].map(str::as_bytes)), ["e\u{301}", "a"]);
    }

    #[test]
    fn keeps_joined_emoji_flags_and_line_ends_whole() {
        let family = ["👩", "\u{200d}", "👧", "\u{200d}", "👦", " "];
        assert_eq!(chunks(family.map(str::as_bytes)), ["👩\u{200d}👧\u{200d}👦", " "]);
        let flags = ["🇩", "🇪", "🇫", "🇷"];
        assert_eq!(chunks(flags.map(str::as_bytes)), ["🇩🇪", "🇫🇷"]);
        assert_eq!(chunks(["\r", "\n", "x"].map(str::as_bytes)), ["\r\n", "x"]);
    }

    #[test]
    fn replaces_only_what_cannot_be_completed() {
        assert_eq!(chunks([&[0xf0, 0x9f][..], b"a"]).concat(), "\u{fffd}a");
        assert_eq!(chunks([&[0xe2, 0x82][..]]).concat(), "\u{fffd}");
        assert_eq!(chunks([&[0xff, 0xc0, 0x80][..]]).concat(), "\u{fffd}\u{fffd}\u{fffd}");
        // A surrogate is ill-formed from its second byte on.
        assert_eq!(chunks([&[0xed][..], &[0xa0], &[0x80]]).concat(), "\u{fffd}\u{fffd}\u{fffd}");
    }

    #[test]
    fn an_answer_that_was_cut_off_ends_with_its_last_whole_character() {
        let mut text = TextChunks::default();
        let given = text.push(b"a") + &text.push("é".as_bytes()) + &text.push(&"🐟".as_bytes()[..3]);
        assert_eq!(given + &text.finish_cut(), "aé");
    }

    #[test]
    fn endless_combining_marks_are_not_held_for_ever() {
        let mut text = TextChunks::default();
        let mut given = text.push(b"a");
        for _ in 0..10_000 {
            given += &text.push("\u{301}".as_bytes());
            assert!(text.held.len() <= MAX_HELD_BYTES);
        }
        given += &text.finish();
        assert_eq!(given.chars().count(), 10_001);
    }

    /// Text that is rich in what makes clusters, cut anywhere, with stray bytes.
    fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let atoms = prop::sample::select(vec![
            "a", " ", "\r", "\n", "é", "e\u{301}", "\u{308}", "中", "한", "\u{1100}", "\u{1161}", "👩", "\u{200d}",
            "🏽", "🇩", "🇪", "\u{fe0f}", "क", "\u{94d}", "\u{600}", "\u{e33}",
        ]);
        let bytes =
            prop_oneof![8 => atoms.prop_map(|atom| atom.as_bytes().to_vec()), 1 => any::<u8>().prop_map(|b| vec![b])];
        (prop::collection::vec(bytes, 0..60), prop::collection::vec(1usize..6, 1..40)).prop_map(|(parts, cuts)| {
            let all = parts.concat();
            let mut rest = &all[..];
            let mut tokens = Vec::new();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (token, tail) = rest.split_at((*cut).min(rest.len()));
                tokens.push(token.to_vec());
                rest = tail;
            }
            tokens
        })
    }

    proptest! {
        #[test]
        fn chunks_join_to_the_lossy_text_and_end_between_clusters(tokens in pieces()) {
            let given = chunks(tokens.iter().map(Vec::as_slice));
            let whole = String::from_utf8_lossy(&tokens.concat()).into_owned();
            prop_assert_eq!(given.concat(), &whole[..]);
            let longest = whole.graphemes(true).map(str::len).max().unwrap_or(0);
            prop_assume!(longest <= MAX_HELD_BYTES);
            let borders: Vec<usize> = whole.grapheme_indices(true).map(|(at, _)| at).collect();
            let mut at = 0;
            for chunk in &given {
                prop_assert!(borders.contains(&at), "a chunk starts inside a cluster");
                at += chunk.len();
            }
        }

        #[test]
        fn arbitrary_bytes_join_to_the_lossy_text(tokens in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..40)) {
            let whole = tokens.concat();
            prop_assert_eq!(chunks(tokens.iter().map(Vec::as_slice)).concat(), String::from_utf8_lossy(&whole));
        }
    }
}
