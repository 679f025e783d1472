import Foundation

/// `tests/data/bank/conversations.json`: its README says what the keys mean.
struct Script: Decodable {
    var now: String
    var zone: String
    var conversations: [Conversation]

    struct Conversation: Decodable {
        var name: String
        var locale: String
        var turns: [Turn]
    }

    struct Turn: Decodable {
        var user: String?
        var file: String?
        var choose: Int?
        var reject: Bool?
        var answer: String
        var intent: String?
        var offers: [String]?
        var start: String?
        var end: String?
        var says: [String]?
    }

    /// The script, read where it lies.
    static func read() throws -> Script {
        try JSONDecoder().decode(Script.self, from: Data(TestData.bank("conversations.json").utf8))
    }
}
