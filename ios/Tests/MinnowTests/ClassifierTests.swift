import Foundation
import Minnow
import XCTest

/// Encoders, and the classifiers and annotators that are made with them.
final class ClassifierTests: XCTestCase {
    private let examples = TestEncoder.examples

    /// Minutes of work.
    private let many = (0..<4000).map { LabelledText("The clerk counted the money of account \($0) again", label: "label \($0 % 50)") }

    private func withClassifier(_ body: (TextEncoder, Classifier) async throws -> Void) async throws {
        try await withEncoder { encoder in
            let classifier = try await encoder.trainClassifier(examples)
            defer { classifier.close() }
            try await body(encoder, classifier)
        }
    }

    private func cosine(_ a: [Float], _ b: [Float]) -> Float {
        zip(a, b).map(*).reduce(0, +)
    }

    /// Processor time of all threads.
    private func processSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private func payment(_ description: String, day: Int) -> BankTransaction {
        BankTransaction(description, amount: -450, date: DateComponents(year: 2026, month: 11, day: day))
    }

    func testAnEncoderSaysWhatItIsAndWhereMeaningsLie() async throws {
        try await withEncoder { encoder in
            let model = encoder.model
            XCTAssertEqual([model.dimensions, model.maxTokens, model.threads], [384, 256, 2])
            XCTAssert(model.architecture == "bert" && !model.onGPU && model.device.hasPrefix("cpu"), "\(model)")
            let found = try await encoder.embed([
                "My card was stolen", "Somebody took my bank card", "It will rain tomorrow",
            ])
            XCTAssertEqual(cosine(found[0], found[0]), 1, accuracy: 1e-5)
            XCTAssertGreaterThan(cosine(found[0], found[1]), 0.6)
            XCTAssertLessThan(cosine(found[0], found[2]), 0.3)
            let stored = try await TextEncoder.open(
                TestEncoder.file(), options: EncoderOptions(device: .cpu, precision: .asStored))
            let exact = try await stored.embed(["My card was stolen"])[0]
            XCTAssert(0.995...0.999999 ~= cosine(exact, found[0]), "8 bits are close, and not the same")
            let none = try await encoder.embed([])
            XCTAssertEqual(none, [])
            let updates = try await all(encoder.embedWithProgress((0..<300).map { "text \($0)" }))
            let shares = updates.compactMap { if case .progress(let share) = $0 { share } else { nil } }
            XCTAssertEqual(shares, shares.sorted())
            XCTAssert(shares.last == 1 && shares.count <= 201, "\(shares.count) updates")
            guard case .done(let embeddings) = updates.last else { return XCTFail("no result") }
            let alone = try await encoder.embed(["text 299"])
            XCTAssertEqual(embeddings.last, alone.first)
        }
    }

    func testAClassifierIsTrainedSavedAndReadAgain() async throws {
        let head = try temporaryFolder().appendingPathComponent("bank.head")
        try await withEncoder { encoder in
            let updates = try await all(encoder.trainClassifierWithProgress(examples))
            let shares = updates.compactMap { if case .progress(let share) = $0 { share } else { nil } }
            XCTAssert(shares == shares.sorted() && shares.count > 3, "\(shares)")
            guard case .done(let classifier) = updates.last else { return XCTFail("no result") }
            let info = try await classifier.info()
            XCTAssertEqual(info.labels, ["lost_card", "exchange_rate", "address_change"])
            XCTAssertEqual(info.examples, 18)
            XCTAssertGreaterThan(info.crossValidatedAccuracy, 0.8)
            let texts = ["My wallet is gone, with the card", "what do I get for 50 dollars", "my new home is in Bath"]
            let found = try await classifier.classify(texts)
            XCTAssertEqual(found.map(\.label), info.labels)
            for answer in found {
                XCTAssertEqual(Set(answer.scores.map(\.label)), Set(info.labels))
                XCTAssertEqual(answer.scores.map(\.probability).reduce(0, +), 1, accuracy: 1e-3)
                XCTAssertEqual(answer.confidence, answer.scores.first?.probability)
                XCTAssert(answer.evidence.isEmpty && answer.abstention == nil && answer.servedBy == .onDevice)
            }
            try await classifier.save(to: head)
            XCTAssert(1_000...400_000 ~= (try Data(contentsOf: head).count))
            classifier.close()
            let loaded = try await encoder.loadClassifier(head)
            let again = try await loaded.classify(texts)
            for (before, after) in zip(found, again) {
                XCTAssertEqual(before.label, after.label)
                XCTAssertEqual(before.confidence, after.confidence, accuracy: 0.02)
            }
            let loadedInfo = try await loaded.info()
            XCTAssertEqual(loadedInfo, info)
        }
    }

    func testAClassifierSaysWhatItDoesNotKnowAndWhyItThinksSo() async throws {
        try await withClassifier { _, classifier in
            let text = "🐟 Hello, my card was stolen in Zürich"
            let found = try await classifier.classify(text, options: ClassifyOptions(evidence: true))
            let words = found.evidence.map(\.word)
            XCTAssert(words.contains("stolen") || words.contains("card"), "\(words)")
            for evidence in found.evidence {
                XCTAssertEqual(try String(text[XCTUnwrap(evidence.span.range(in: text))]), evidence.word)
            }
            let weights = found.evidence.map(\.weight)
            XCTAssertEqual(weights, weights.sorted(by: >))
            func abstention(_ text: String, _ options: ClassifyOptions) async throws -> Abstention? {
                let found = try await classifier.classify(text, options: options)
                XCTAssertEqual(found.label == nil, found.abstention != nil)
                return found.abstention
            }
            let weather = "Will it rain in the mountains this weekend, and which boots should I wear?"
            let reasons = [
                try await abstention("my card", ClassifyOptions(minConfidence: 1)),
                try await abstention("my card", ClassifyOptions(accuracy: 0.999)),
                try await abstention(weather, ClassifyOptions(refused: 0.2)),
                try await abstention(weather, ClassifyOptions(refused: 0)),
            ]
            XCTAssertEqual(reasons, [.unsure, .unsure, .outOfScope, nil])
        }
    }

    func testWhatUsersCorrectIsLearnedWhileOthersAsk() async throws {
        try await withClassifier { _, classifier in
            let correction = LabelledText("Is the branch open on Saturday?", label: "opening_hours")
            let asking = (0..<8).map { _ in Task { try await classifier.classify("I lost my card on the bus").label } }
            try await classifier.learn([correction])
            for call in asking {
                let label = try await call.value
                XCTAssertEqual(label, "lost_card")
            }
            let learned = try await classifier.classify([correction.text, "I lost my card on the bus"]).map(\.label)
            XCTAssertEqual(learned, ["opening_hours", "lost_card"])
            let info = try await classifier.info()
            XCTAssertEqual(info.labels, ["lost_card", "exchange_rate", "address_change", "opening_hours"])
            XCTAssertEqual(info.examples, 19)
        }
    }

    func testLabelsAloneAreEnoughToBeginWith() async throws {
        try await withEncoder { encoder in
            let classifier = try await encoder.classifier(labels: ["lost or stolen card", "exchange rate"])
            let found = try await classifier.classify("Someone took my purse and my card was in it!")
            XCTAssertEqual(found.label, "lost or stolen card")
        }
    }

    func testAChatModelStandsInWhereNoEncoderFits() async throws {
        let chinese = [
            LabelledText("我的卡丢了", label: "挂失"), LabelledText("银行卡被偷了,请冻结", label: "挂失"),
            LabelledText("找不到我的卡", label: "挂失"), LabelledText("今天美元汇率多少", label: "汇率"),
            LabelledText("一百欧元换多少人民币", label: "汇率"), LabelledText("日元的汇率", label: "汇率"),
        ]
        let assistant = try await TestModel.open()
        let encoder = try await assistant.textEncoder()
        XCTAssertEqual(encoder.model.dimensions, 576)
        let classifier = try await encoder.trainClassifier(chinese)
        let found = try await classifier.classify(["我的卡丢了", "今天汇率是多少"]).map(\.label)
        XCTAssertEqual(found, ["挂失", "汇率"])
        assistant.close()
        let error = try await failure { try await classifier.classify("hello") }
        XCTAssertEqual(error.kind, "closed")
    }

    func testErrorsSayWhatIsWrong() async throws {
        let folder = try temporaryFolder()
        let model = try TestModel.file()
        let encoderFile = try TestEncoder.file()
        try await withClassifier { encoder, classifier in
            func argument<Value>(_ call: () async throws -> Value) async throws -> String? { try await failure(call).argument }
            let found = [
                try await argument { try await encoder.trainClassifier(Array(examples.prefix(3))) },
                try await argument { try await encoder.trainClassifier(examples + [LabelledText(" ", label: "empty")]) },
                try await argument { try await encoder.trainClassifier(examples + [LabelledText("empty", label: "")]) },
                try await argument { try await encoder.classifier(labels: ["cards", "17"]) },
                try await argument { try await classifier.classify("") },
                try await argument { try await classifier.classify("hello", options: ClassifyOptions(accuracy: 2)) },
                try await argument { try await TextEncoder.open(encoderFile, options: EncoderOptions(threads: 0)) },
                try await argument { try await encoder.loadClassifier(URL(string: "https://example.org/head")!) },
                try await argument { try await classifier.save(to: URL(string: "https://example.org/head")!) },
            ]
            XCTAssertEqual(
                found, ["labels", "examples", "examples", "labels", "text", "accuracy", "threads", "file", "file"])
            let file = folder.appendingPathComponent("head")
            let nowhere = folder.appendingPathComponent("no/such/folder/head")
            var kinds = [
                try await failure { try await encoder.loadClassifier(file) }.kind,
                try await failure { try await classifier.save(to: nowhere) }.kind,
            ]
            try Data("this is no head".utf8).write(to: file)
            kinds.append(try await failure { try await encoder.loadClassifier(file) }.kind)
            kinds.append(try await failure { try await TextEncoder.open(model) }.kind)
            kinds.append(try await failure { try await Assistant.open(encoderFile) }.kind)
            XCTAssertEqual(kinds, ["storage", "storage", "modelFile", "unsupported", "unsupported"])
        }
        try await withModel { assistant in
            let options = ClassifyOptions(accuracy: 0.9)
            let error = try await failure { try await assistant.classify("hello", labels: ["a", "b"], options: options) }
            XCTAssertEqual(error.kind, "unsupported")
        }
    }

    func testATrainingThatNobodyWaitsForEnds() async throws {
        try await withEncoder { encoder in
            let many = many
            let training = Task { try await encoder.trainClassifier(many) }
            try await Task.sleep(for: .milliseconds(300))
            training.cancel()
            await assertCancelled(training)
            // the batch that was running ends, and then the encoder is free
            let waited = try await time { _ = try await encoder.embed(["hello"]) }
            XCTAssertLessThan(waited, .seconds(3), "the training went on")
            // another call would get its turn beside a training, too: that nothing works shows in the process's time
            let before = processSeconds()
            try await Task.sleep(for: .seconds(1))
            XCTAssertLessThan(processSeconds() - before, 0.5, "the training went on")
        }
    }

    func testACloseEndsWhatWasMadeAndWhatRuns() async throws {
        let encoder = try await TestEncoder.open()
        let classifier = try await encoder.trainClassifier(examples)
        let annotator = try await classifier.annotator()
        let many = many
        let running =
            (0..<3).map { _ in Task<Void, any Error> { _ = try await encoder.trainClassifier(many) } }
            + (0..<3).map { _ in Task<Void, any Error> { _ = try await classifier.classify(many.map(\.text)) } }
        try await Task.sleep(for: .milliseconds(500))
        encoder.close()
        for call in running {
            let error = try await failure { try await call.value }
            XCTAssertEqual(error.kind, "closed")
        }
        let payment = payment("TESCO 12", day: 1)
        let kinds = [
            try await failure { try await encoder.embed(["hello"]) }.kind,
            try await failure { try await classifier.classify("hello") }.kind,
            try await failure { try await classifier.learn(examples) }.kind,
            try await failure { try await classifier.info() }.kind,
            try await failure { try await annotator.annotate(payment) }.kind,
        ]
        XCTAssertEqual(kinds, Array(repeating: "closed", count: 5))
    }

    func testAClassifierKeepsWhatItNeedsAndClosesWhatItMade() async throws {
        // nobody holds the encoder
        let classifier = try await TestEncoder.open().trainClassifier(examples)
        let found = try await classifier.classify("I lost my card on the bus")
        XCTAssertEqual(found.label, "lost_card")
        let annotator = try await classifier.annotator()
        classifier.close()
        let error = try await failure { try await annotator.annotate(payment("TESCO 12", day: 1)) }
        XCTAssertEqual(error.kind, "closed")
    }

    func testAnEncoderRestsAndGoesOn() async throws {
        try await withEncoder { encoder in
            try await encoder.pause()
            let call = Task { try await encoder.embed(["hello"]) }
            try await Task.sleep(for: .milliseconds(300))
            encoder.resume()
            let resumed = try await time { _ = try await call.value }
            XCTAssertLessThan(resumed, .seconds(5))
            let before = try await encoder.embed(["hello"])
            try await encoder.trim(.critical)
            let after = try await encoder.embed(["hello"])
            XCTAssertEqual(before, after)
        }
    }

    func testTransactionsAreAnnotatedAsTheyCome() async throws {
        let shops = [
            LabelledText("TESCO STORES 3021", label: "groceries"), LabelledText("SAINSBURYS S/MKT", label: "groceries"),
            LabelledText("LIDL GB LONDON", label: "groceries"), LabelledText("NETFLIX.COM", label: "streaming"),
            LabelledText("SPOTIFY P12", label: "streaming"), LabelledText("DISNEY PLUS", label: "streaming"),
        ]
        try await withEncoder { encoder in
            let annotator = try await encoder.trainClassifier(shops).annotator()
            let source = AsyncStream<BankTransaction> { stream in
                for month in 1...12 {
                    let day = DateComponents(year: 2026, month: month, day: 3)
                    stream.yield(BankTransaction("NETFLIX.COM 866-579", amount: -1299, date: day))
                }
                stream.finish()
            }
            var notes: [TransactionAnnotation] = []
            for try await note in annotator.annotate(source) { notes.append(note) }
            XCTAssertEqual(notes.count, 12)
            XCTAssertEqual(notes[0].merchant, "Netflix")
            XCTAssertEqual(notes[0].category, "streaming")
            XCTAssertEqual(notes[2].flags, [.recurring(everyDays: 30)])
        }
    }

    func testMerchantsAndFlagsNeedNoEncoder() async throws {
        let annotator = Annotator()
        let first = try await annotator.annotate(payment("SQ *BLUE BOTTLE COFFEE 0042", day: 2))
        XCTAssertEqual(
            first, TransactionAnnotation(merchant: "Blue Bottle Coffee", category: nil, confidence: 0, flags: []))
        let again = try await annotator.annotate(payment("SQ *BLUE BOTTLE COFFEE 0042", day: 2))
        XCTAssertEqual(again.flags, [.possibleDuplicate(of: 0)])
        for (wrong, argument) in [
            (payment(" ", day: 2), "description"), (payment("TESCO", day: 32), "date"),
            (BankTransaction("TESCO", amount: 1, date: DateComponents(year: 2026)), "date"),
            (BankTransaction("TESCO", amount: 1, date: DateComponents(year: .max, month: 1, day: 1)), "date"),
        ] {
            let error = try await failure { try await annotator.annotate(wrong) }
            XCTAssertEqual(error.argument, argument)
        }
        annotator.close()
        let error = try await failure { try await annotator.annotate(payment("TESCO", day: 2)) }
        XCTAssertEqual(error.kind, "closed")
    }
}
