//! A merchant's name out of a line of a statement.
//!
//! Terminals and banks add numbers, dates, the kind of payment and the form of the company; what is left is the name. Rules only: where they leave
//! nothing, the line itself is the name.

use unicode_segmentation::UnicodeSegmentation;

/// What payment services put before a name; the rest of such a token is the name's first word.
const SERVICES: [&str; 9] = ["sq", "sqc", "pp", "paypal", "tst", "sp", "izettle", "zettle", "sumup"];

/// Words about the payment.
const PAYMENT: [&str; 24] = [
    "pos",
    "card",
    "purchase",
    "payment",
    "debit",
    "credit",
    "contactless",
    "visa",
    "mastercard",
    "maestro",
    "direct",
    "dd",
    "sepa",
    "transfer",
    "ref",
    "auth",
    "online",
    "recurring",
    "withdrawal",
    "atm",
    "eft",
    "ach",
    "bill",
    "pmt",
];

/// Forms of companies.
const COMPANIES: [&str; 14] =
    ["ltd", "limited", "inc", "llc", "plc", "llp", "gmbh", "ag", "sa", "bv", "pty", "corp", "co", "srl"];

/// The name in a description that isn't empty.
pub(super) fn name(description: &str) -> String {
    // a service's mark, the name after it
    let marked = description.split_once('*').and_then(|(before, after)| {
        let service = before.trim().to_lowercase();
        (SERVICES.contains(&service.as_str()) && !after.trim().is_empty()).then_some(after)
    });
    let words: Vec<&str> = marked.unwrap_or(description).split_whitespace().filter_map(word).collect();
    let is = |list: &[&str], word: &str| list.contains(&word.to_lowercase().as_str());
    // words about the payment stand around the name, not in it
    let start = words.iter().position(|word| !is(&PAYMENT, word)).unwrap_or(words.len());
    let end =
        words.iter().rposition(|word| !is(&PAYMENT, word) && !is(&COMPANIES, word)).map_or(start, |last| last + 1);
    let kept = words.get(start..end).filter(|kept| !kept.is_empty());
    match kept {
        Some(kept) => kept.iter().map(|word| titled(word)).collect::<Vec<_>>().join(" "),
        None => description.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// A word of a name: without marks around it and what follows a web address; `None` for numbers, dates and codes.
fn word(token: &str) -> Option<&str> {
    let trimmed = token.trim_matches(|c: char| !c.is_alphanumeric() && c != '&');
    // of a web address the part before its end; what is not ASCII has no such end
    let ends = [".com", ".co.uk", ".net", ".org", ".de"];
    let end = ends.iter().filter_map(|end| trimmed.to_ascii_lowercase().find(end)).min();
    let trimmed = end.and_then(|end| trimmed.get(..end)).unwrap_or(trimmed);
    let trimmed = trimmed.strip_prefix("www.").unwrap_or(trimmed);
    let digits = trimmed.chars().filter(char::is_ascii_digit).count();
    let letters = trimmed.chars().filter(|c| c.is_alphabetic()).count();
    // "7-Eleven" and "H&M" are names, "0042", "12/03" and "X7K21" are not
    (letters > 0 && digits < 3 && digits <= letters).then_some(trimmed)
}

/// `COFFEE` as `Coffee`; what has small letters is written as its owner wants it.
fn titled(word: &str) -> String {
    let shouted = !word.chars().any(char::is_lowercase);
    if !shouted || word.graphemes(true).count() <= 2 || word.contains('&') {
        return word.to_owned();
    }
    let mut letters = word.graphemes(true);
    letters.next().map(|first| first.to_uppercase()).into_iter().chain(letters.map(str::to_lowercase)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_what_terminals_and_banks_leave() {
        for (line, expected) in [
            ("SQ *BLUE BOTTLE COFFEE 0042", "Blue Bottle Coffee"),
            ("PAYPAL *SPOTIFY 35314369001", "Spotify"),
            ("POS PURCHASE TESCO STORES 3124 12/03", "Tesco Stores"),
            ("CARD PAYMENT TO", "TO"),
            ("AMZN.COM/BILL WA", "Amzn WA"),
            ("MANTARAY ABSEIL LTD", "Mantaray Abseil"),
            ("H&M 0213", "H&M"),
            ("7-ELEVEN 21145", "7-eleven"),
            ("iTunes.com", "iTunes"),
            ("中国移动 缴费", "中国移动 缴费"),
            ("1234 5678", "1234 5678"),
            ("VISA", "VISA"),
            ("*", "*"),
        ] {
            assert_eq!(name(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_has_a_name(line in "\\PC{1,60}") {
            prop_assume!(!line.trim().is_empty());
            prop_assert!(!name(line.trim()).is_empty());
        }
    }
}
