import Foundation
import Minnow
import XCTest

@testable import BankCore

/// What a message is taken for.
final class RecogniseTests: XCTestCase {
    func testWordsDecideAgainstAModelThatIsUnsureOrWrong() {
        XCTAssertEqual(
            Recognised(words: .balance, model: unsure()), Recognised(intent: .balance, confidence: 0, byWords: true))
        XCTAssertEqual(
            Recognised(words: .transactions, model: labelled(.exchangeRate, 0.36)),
            Recognised(intent: .transactions, confidence: 0, byWords: true))
    }

    func testAModelThatIsNearlySureOverrulesWords() {
        XCTAssertEqual(
            Recognised(words: .balance, model: labelled(.loan, 0.93)), Recognised(intent: .loan, confidence: 0.93, byWords: false))
    }

    func testWhereBothAgreeTheModelsConfidenceIsShown() {
        XCTAssertEqual(
            Recognised(words: .balance, model: labelled(.balance, 0.33)),
            Recognised(intent: .balance, confidence: 0.33, byWords: true))
    }

    func testTheModelAloneServesOnlyWhatIsMoreLikelyThanNot() {
        XCTAssertNil(Recognised(words: nil, model: labelled(.balance, 0.49)).intent)
        XCTAssertEqual(Recognised(words: nil, model: labelled(.balance, 0.5)).intent, .balance)
        XCTAssertEqual(Recognised(words: nil, model: labelled(.pin, 0.31)).intent, .pin)
        XCTAssertEqual(Recognised(words: nil, model: unsure()), Recognised(intent: nil, confidence: 0.12, byWords: false))
    }

    func testWordsForTheBalanceInTwoLanguages() {
        let messages = ["What's my balance?", "balance", "how much money do I have left", "我的余额是多少", "我还有多少钱"]
        for message in messages { XCTAssertEqual(BankWords.intent(message, speaksOfTime: false), .balance, message) }
    }

    func testWordsForTheTransactionsInTwoLanguages() {
        let messages = [
            "show my last transactions",
            "What are my most recent purchases?",
            "my transaction history",
            "最近的交易",
            "查一下消费记录",
        ]
        for message in messages { XCTAssertEqual(BankWords.intent(message, speaksOfTime: false), .transactions, message) }
    }

    func testTroubleWithABalanceOrATransactionIsNoRequestForIt() {
        let messages = [
            "My balance hasn't changed after my cheque deposit",
            "There is a transaction I don't recognise on my last statement",
            "How much do I have to pay for a balance transfer?",
            "How much do I have left to pay on my bills",
            "为什么我的余额没有更新",
        ]
        for message in messages { XCTAssertNil(BankWords.intent(message, speaksOfTime: false), message) }
    }

    func testComingInIsAnAppointmentOnlyWithATimeAnAppointmentIsOneWithout() {
        XCTAssertNil(BankWords.intent("Where is the nearest branch?", speaksOfTime: false))
        XCTAssertEqual(BankWords.intent("Can I come in next Tuesday at 10?", speaksOfTime: true), .appointment)
        XCTAssertEqual(BankWords.intent("I'd like an appointment", speaksOfTime: false), .appointment)
        XCTAssertEqual(BankWords.intent("我想预约", speaksOfTime: false), .appointment)
        XCTAssertFalse(BankWords.mayBeVisit("My card has not come in the mail yet"))
        XCTAssertFalse(BankWords.mayBeVisit("Remind me to pay the rent on Friday"))
    }

    func testEveryPatternIsOne() throws {
        for pattern in BankWords.all { XCTAssertNoThrow(try NSRegularExpression(pattern: pattern), pattern) }
    }

    func testTheWordsAreThoseOfTheAndroidApp() throws {
        let kotlin = try TestData.text("android/bank/src/main/kotlin/dev/minnow/bank/talk/BankWords.kt")
        // one of them ends with a constant in Kotlin, whose text it holds here
        let shared = BankWords.all.map { $0.replacingOccurrences(of: #"(?!( \w+){0,2} (to|spent|been|bought) )"#, with: "") }
        for pattern in shared { XCTAssert(kotlin.contains(pattern), pattern) }
    }

    func testALongTextIsALetterInLettersOrInIdeographs() {
        XCTAssertTrue(Letter.isLetter(String(repeating: "word ", count: 90)))
        XCTAssertFalse(Letter.isLetter(String(repeating: "word ", count: 89)))
        XCTAssertTrue(Letter.isLetter(String(repeating: "字", count: 150)))
        XCTAssertFalse(Letter.isLetter(String(repeating: "字", count: 149)))
    }

    func testLabelsAreDistinctAndLeadBackToTheirIntents() {
        XCTAssertEqual(BankIntent.labels.map(BankIntent.init), BankIntent.allCases)
    }
}
