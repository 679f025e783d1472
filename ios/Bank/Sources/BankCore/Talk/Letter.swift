/// Whether a text that was written is a letter.
public enum Letter {
    /// About 80 English words.
    private static let leastWeight = 450

    /// From here on a text may have more than one sentence.
    private static let leastToOffer = 100

    /// A Chinese character says as much as a short word.
    private static let ideographWeight = 3

    /// Whether a text is so long that it was pasted rather than typed: a letter to summarise, not a question to answer.
    public static func isLetter(_ text: String) -> Bool {
        text.unicodeScalars.reduce(0) { $0 + ($1.properties.isIdeographic ? ideographWeight : 1) } >= leastWeight
    }

    /// Whether a shorter text is long enough to offer its summary.
    public static func mayBeLetter(_ text: String) -> Bool {
        text.count >= leastToOffer
    }
}
