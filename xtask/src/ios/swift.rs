//! Swift on Linux: a Debian root with its compiler, and what is run in it.
//!
//! The package, the guide's code and the sample bank are compiled in Swift 6 mode with every warning an error, and tested with the
//! real engine. What only Apple's systems compile, the bank's views, is parsed.

use crate::guide::{self, Fence};
use crate::{debian, demo, model};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::time::Instant;
use xshell::Shell;

/// Debian with a Swift compiler, and SQLite for the sample.
const ROOT: debian::Recipe = debian::Recipe {
    name: "swift-root",
    suite: "trixie",
    packages: "ca-certificates,git,libc6-dev,libsqlite3-dev,libstdc++-14-dev,swiftlang",
    cost: "some minutes, 3 GB",
};

/// The page with the quick start.
const GUIDE: &str = "docs/ios.md";

/// What every build is told: where the native library is, and that a warning is an error.
const STRICT: &str = "-Xlinker -L/programs -Xswiftc -warnings-as-errors";

/// What nobody formats: generated.
const GENERATED: &str = "MinnowFFI.swift";

/// Compiles the packages and runs their tests.
pub fn test(shell: &Shell) -> Result<()> {
    let programs = demo::build_all(shell)?;
    let (model, encoder) = (model::ensure(shell)?, model::ensure_encoder(shell)?);
    let root = debian::ensure(shell, &ROOT)?;
    let begun = Instant::now();
    let build = super::folder()?.join("swift-build");
    shell.create_dir(&build)?;
    write_guide(shell, &build.join("guide"))?;
    let inside = |folder: &str, path: &Path| -> Result<String> {
        let name = path.file_name().with_context(|| format!("{} has no name", path.display()))?;
        Ok(format!("'/{folder}/{}'", name.to_string_lossy()))
    };
    let environment = format!(
        "export HOME=/root LD_LIBRARY_PATH=/programs MINNOW_TEST_MODEL={} MINNOW_TEST_ENCODER={}",
        inside("models", &model)?,
        inside("encoders", &encoder)?
    );
    let folder =
        |path: &Path| path.parent().map(Path::to_owned).with_context(|| format!("{} is in no folder", path.display()));
    let folders = [
        (shell.current_dir(), "minnow"),
        (programs, "programs"),
        (folder(&model)?, "models"),
        (folder(&encoder)?, "encoders"),
        (build, "build"),
    ];
    let folders: Vec<(&Path, &str)> = folders.iter().map(|(outside, name)| (outside.as_path(), *name)).collect();
    let steps = [
        "cd /minnow/ios".to_owned(),
        format!("swift test --scratch-path /build/package {STRICT}"),
        uikit_check(),
        "cd /minnow/ios/Bank".to_owned(),
        format!("swift test --scratch-path /build/bank {STRICT}"),
        "swiftc -frontend -parse -swift-version 6 App/*.swift Sources/BankViews/*.swift".to_owned(),
        "cd /build/guide".to_owned(),
        format!("swift build --scratch-path /build/guide-build {STRICT}"),
        "cd /minnow/ios".to_owned(),
        format!(
            "find . -name '*.swift' -not -name {GENERATED} -not -path '*/.build/*' -exec swift format lint --strict {{}} +"
        ),
    ];
    root.run(shell, &folders, &format!("{environment} && {}", steps.join(" && ")))?;
    println!(
        "xtask: the Swift package, the code of {GUIDE} and the sample bank are compiled and tested ({:.0} s)",
        begun.elapsed().as_secs_f32()
    );
    Ok(())
}

/// Compiles the package once more with a stand-in for UIKit, which brings in what only iOS has.
fn uikit_check() -> String {
    let headers = "-Xcc -fmodule-map-file=/minnow/ios/Sources/CMinnow/include/module.modulemap";
    let flags = "-swift-version 6 -warnings-as-errors -parse-as-library";
    [
        "mkdir -p /build/stand-ins".to_owned(),
        format!("swiftc {flags} -emit-module -module-name UIKit /minnow/ios/Tests/StandIns/UIKit.swift -o /build/stand-ins/UIKit.swiftmodule"),
        format!("swiftc {flags} -typecheck -module-name Minnow -I /build/stand-ins -I /build/package/debug/Modules {headers} /minnow/ios/Sources/Minnow/*.swift"),
    ]
    .join(" && ")
}

/// A package whose code is that of the guide.
fn write_guide(shell: &Shell, folder: &Path) -> Result<()> {
    let fences = guide::fences(&shell.read_file(GUIDE)?, "swift").with_context(|| format!("{GUIDE} is malformed"))?;
    ensure!(!fences.is_empty(), "{GUIDE} has no ```swift fence with {} on the line before it", guide::MARK);
    shell.remove_path(folder)?;
    shell.write_file(
        folder.join("Package.swift"),
        r#"// swift-tools-version: 6.0
import PackageDescription
let package = Package(
    name: "Guide",
    platforms: [.iOS(.v16), .macOS(.v13)],
    dependencies: [.package(name: "Minnow", path: "/minnow/ios")],
    targets: [.target(name: "Guide", dependencies: [.product(name: "Minnow", package: "Minnow")])]
)
"#,
    )?;
    for fence in &fences {
        shell.write_file(folder.join(format!("Sources/Guide/IosMdLine{}.swift", fence.line)), file(fence))?;
    }
    Ok(())
}

/// A fence as a Swift file whose lines the compiler counts as the page does.
fn file(Fence { line, code }: &Fence) -> String {
    format!("#sourceLocation(file: \"{GUIDE}\", line: {})\n{code}\n", line + 1)
}

/// Asks the package manager what it makes of a bundle: it reads the property list, and refuses what it doesn't understand.
pub fn describe(shell: &Shell, bundle: &Path) -> Result<()> {
    let root = debian::ensure(shell, &ROOT)?;
    let package = shell.create_temp_dir()?;
    let name = PathBuf::from(bundle.file_name().context("the bundle has no name")?);
    // where the bundle is seen inside
    shell.create_dir(package.path().join(&name))?;
    let name = name.display();
    shell.write_file(
        package.path().join("Package.swift"),
        format!(
            "// swift-tools-version: 6.0\nimport PackageDescription\n\
             let package = Package(name: \"Bundle\", targets: [.binaryTarget(name: \"CMinnow\", path: \"{name}\")])\n"
        ),
    )?;
    let bundle = shell.current_dir().join(bundle);
    let inside = format!("package/{name}");
    let folders = [(package.path(), "package"), (bundle.as_path(), inside.as_str())];
    root.run(shell, &folders, "cd /package && HOME=/root swift package --scratch-path /tmp/describe describe")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_counts_lines_as_the_page_does() {
        let fence = Fence { line: 6, code: "let a = 1".to_owned() };
        assert_eq!(file(&fence), "#sourceLocation(file: \"docs/ios.md\", line: 7)\nlet a = 1\n");
    }
}
