import Foundation
internal import MinnowFFI

/// A stretch of the text that a call was given.
///
/// ```swift
/// if let range = event.span.range(in: text) { print(text[range]) }
/// ```
public struct TextSpan: Sendable, Codable, Hashable {
    /// Its first UTF-16 unit, and the one after its last.
    public var utf16: Range<Int>

    /// A stretch of UTF-16 units.
    public init(utf16: Range<Int>) {
        self.utf16 = utf16
    }

    /// As `NSAttributedString` and text views count.
    public var nsRange: NSRange { NSRange(utf16) }

    /// The stretch in `text`, with all of the characters at its ends; `nil` for a text that is too short.
    public func range(in text: String) -> Range<String.Index>? {
        let units = text.utf16
        guard utf16.lowerBound >= 0,
            let start = units.index(units.startIndex, offsetBy: utf16.lowerBound, limitedBy: units.endIndex),
            let end = units.index(units.startIndex, offsetBy: utf16.upperBound, limitedBy: units.endIndex)
        else { return nil }
        return text.rangeOfComposedCharacterSequences(for: start..<end)
    }
}

extension TextSpan {
    init(_ native: MinnowFFI.TextSpan) {
        // an end before its start would be a native library gone wrong: an empty stretch rather than the end of the app
        let start = Int(native.start)
        self.init(utf16: start..<max(start, Int(native.end)))
    }
}
