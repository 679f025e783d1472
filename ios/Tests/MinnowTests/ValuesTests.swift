import Foundation
import XCTest

@testable import Minnow

/// Values without a model.
final class ValuesTests: XCTestCase {
    func testASpanCountsAsTextViewsDo() throws {
        let text = "🐟 café"
        let span = TextSpan(utf16: 3..<7)
        XCTAssertEqual(span.nsRange, NSRange(location: 3, length: 4))
        XCTAssertEqual(try XCTUnwrap(span.range(in: text)).upperBound, text.endIndex)
        XCTAssertNil(TextSpan(utf16: 3..<70).range(in: text))
        XCTAssertNil(TextSpan(utf16: -5..<2).range(in: text))
        // an end within a character takes all of it
        let keycap = "lunch at 5\u{FE0F}\u{20E3}, then"
        XCTAssertEqual(try XCTUnwrap(TextSpan(utf16: 6..<10).range(in: keycap)).upperBound, keycap.firstIndex(of: ","))
        XCTAssertEqual(keycap[try XCTUnwrap(TextSpan(utf16: 6..<8).range(in: keycap))], "at")
        XCTAssertEqual(TextSpan(utf16: 0..<0).range(in: "").map { $0.isEmpty }, true)
    }

    func testADayBeginsWhenItDoesInAZone() throws {
        let day = DateComponents(calendar: Calendar(identifier: .gregorian), year: 2027, month: 3, day: 5)
        let tokyo = TimeZone(identifier: "Asia/Tokyo")!
        let london = TimeZone(identifier: "Europe/London")!
        XCTAssertEqual(EventMoment.day(day).date(in: london), Date(timeIntervalSince1970: 1_804_204_800))
        XCTAssertEqual(EventMoment.day(day).date(in: tokyo), Date(timeIntervalSince1970: 1_804_172_400))
        XCTAssertNil(EventMoment.day(DateComponents(year: 2027)).date(in: tokyo))
        // an evening in London is the next day in Japan
        let evening = EventMoment.time(Date(timeIntervalSince1970: 1_804_190_400), zone: tokyo)
        XCTAssertEqual(evening.day, day)
        XCTAssertEqual(evening.date(in: london), Date(timeIntervalSince1970: 1_804_190_400))
    }

    func testValuesSurviveBeingSaved() throws {
        func saved<Value: Codable>(_ value: Value) throws -> Value {
            try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value))
        }
        let day = DateComponents(calendar: Calendar(identifier: .gregorian), year: 2027, month: 3, day: 5)
        let moment = EventMoment.time(Date(timeIntervalSince1970: 0), zone: TimeZone(identifier: "Europe/Zurich")!)
        let time = EventTime(
            start: .day(day), end: moment, isWindow: true, recurrence: "FREQ=DAILY",
            origins: EventTimeOrigins(year: .now, month: .text, day: .text, time: nil, end: .preference), icalendar: "")
        let event = ScheduledEvent(
            title: "a", time: time, alternatives: [], span: TextSpan(utf16: 0..<1), confidence: 1)
        let schedule = Schedule(events: [event], servedBy: .rules)
        XCTAssertEqual(try saved(schedule), schedule)
        let answer = Answer(text: "a", end: .length, tokens: 1, timeToFirstToken: nil, totalTime: .milliseconds(2))
        XCTAssertEqual(try saved(ChatEvent.done(answer)), .done(answer))
        XCTAssertEqual(try saved(TaskUpdate<String>.done("a")), .done("a"))
        XCTAssertEqual(try saved(DownloadStatus.started(bytesToDownload: 1)), .started(bytesToDownload: 1))
        let found = Classification(
            label: nil, abstention: .outOfScope, confidence: 1, scores: [LabelScore(label: "a", probability: 1)],
            evidence: [Evidence(word: "a", span: TextSpan(utf16: 0..<1), weight: 1)], servedBy: .onDevice)
        XCTAssertEqual(try saved(found), found)
        let note = TransactionAnnotation(
            merchant: "a", category: "b", confidence: 1,
            flags: [.recurring(everyDays: 30), .unusualAmount(usual: -1), .possibleDuplicate(of: 0)])
        XCTAssertEqual(try saved(note), note)
        let options = AnswerOptions(sampling: RandomSampling(seed: .max), timeLimit: .seconds(1))
        XCTAssertEqual(try saved(options), options)
    }

    func testTurnsAreTakenOneAtATimeAndACancelledOneIsLeftOut() async throws {
        let turns = Turns()
        let order = Locked<[Int]>([])
        let first = Task {
            try await turns.take {
                try await Task.sleep(for: .milliseconds(200))
                order.with { $0.append(0) }
            }
        }
        try await Task.sleep(for: .milliseconds(50))
        var others: [Task<Void, any Error>] = []
        for index in 1...3 {
            others.append(Task { try await turns.take { order.with { $0.append(index) } } })
            try await Task.sleep(for: .milliseconds(20))
        }
        others[1].cancel()
        await assertCancelled(others[1])
        XCTAssertEqual(order.with { $0 }, [], "it doesn't wait for its turn to say so")
        for turn in [first, others[0], others[2]] { try await turn.value }
        XCTAssertEqual(order.with { $0 }, [0, 1, 3])
    }
}
