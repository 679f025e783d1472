import Foundation
import XCTest

@testable import BankCore

/// The files of strings.
final class StringsTests: XCTestCase {
    /// The strings of a language, by name, from its file in this package.
    private func patterns(_ language: Strings.Language) throws -> [String: String] {
        let path = "ios/Bank/Sources/BankCore/Resources/\(language.rawValue).lproj/Localizable.strings"
        return try pairs(path, #/"(?<name>\w+)" = "(?<text>[^"]*)";/#)
    }

    private func pairs(_ path: String, _ pattern: Regex<(Substring, name: Substring, text: Substring)>) throws -> [String: String] {
        let found = try TestData.text(path).matches(of: pattern).map { (String($0.name), String($0.text)) }
        return Dictionary(found) { _, last in
            XCTFail("twice: \(last)")
            return last
        }
    }

    private func places(_ pattern: String) -> [String] {
        pattern.matches(of: /%[0-9]\$@/).map { String($0.output) }.sorted()
    }

    func testBothLanguagesHaveEveryStringWithTheSamePlaces() throws {
        let english = try patterns(.english)
        let chinese = try patterns(.simplifiedChinese)
        XCTAssertEqual(Set(english.keys), Set(Strings.Key.allCases.map(\.rawValue)))
        XCTAssertEqual(Set(chinese.keys), Set(english.keys))
        for (name, pattern) in english {
            XCTAssertEqual(places(pattern), places(chinese[name] ?? ""), name)
            // a lone % would be taken for a place too
            XCTAssertEqual(pattern.filter { $0 == "%" }.count, places(pattern).count, name)
        }
    }

    func testTheStringsAreFoundWhereTheAppLooksForThem() throws {
        for language in Strings.Language.allCases {
            let strings = Strings(language)
            let patterns = try patterns(language)
            for key in Strings.Key.allCases { XCTAssertEqual(strings[key], patterns[key.rawValue]) }
        }
    }

    func testTheTextsAreThoseOfTheAndroidApp() throws {
        for (language, folder) in [(Strings.Language.english, "values"), (.simplifiedChinese, "values-zh")] {
            let path = "android/bank/src/main/res/\(folder)/strings.xml"
            let android = try pairs(path, #/<string name="(?<name>\w+)">(?<text>[^<]*)</string>/#).mapValues {
                $0.replacing("\\'", with: "'").replacing("$s", with: "$@")
            }
            XCTAssertEqual(try patterns(language), android, path)
        }
    }

    func testPlacesAreFilledInTheLanguagesOrder() {
        XCTAssertEqual(Strings(.english)[.setupDownloading, "1", "2"], "1 of 2")
        XCTAssertEqual(Strings(.simplifiedChinese)[.setupDownloading, "1", "2"], "已下载 1，共 2")
        XCTAssertEqual(Strings(.english)[.youSaid, "100 %@"], "You: 100 %@", "what is filled in is no pattern")
    }

    func testTheLanguageIsTheLocales() {
        for locale in ["en-GB", "en_US", "fr-FR", ""] {
            XCTAssertEqual(Strings.Language(Locale(identifier: locale)), .english, locale)
        }
        for locale in ["zh-CN", "zh-Hans", "zh_Hans_SG", "zh"] {
            XCTAssertEqual(Strings.Language(Locale(identifier: locale)), .simplifiedChinese, locale)
        }
    }
}
