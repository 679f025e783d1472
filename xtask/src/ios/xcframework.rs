//! `cargo xtask ios xcframework`: the native library for all kinds of device in one bundle, as Xcode and the Swift package manager
//! take it, and as a zip file with its checksum for releases.
//!
//! The layout is what `xcodebuild -create-xcframework` writes, and where there is an Xcode it is asked to. Elsewhere the bundle is
//! put together here: an Info.plist and a folder for each kind of device.

use crate::archive::Archive;
use crate::ios::library::{self, Library};
use crate::ios::platform::Platform;
use crate::ios::{folder, swift};
use crate::mobile::PACKAGE;
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;
use xshell::{Shell, cmd};

/// The bundle, where `ios/Package.swift` expects it.
const BUNDLE: &str = "ios/MinnowFFI.xcframework";
/// The C declarations and their module map.
const HEADERS: &str = "ios/Sources/CMinnow/include";
/// In a folder of its own below `Headers`: Xcode copies the headers of all bundles into one place, and two files called
/// `module.modulemap` there break the build of whoever uses another bundle too.
const MODULE: &str = "CMinnow";

/// Builds, packs, checks.
pub fn run(shell: &Shell, platforms: &[Platform]) -> Result<()> {
    let libraries = platforms.iter().map(|platform| library::build(shell, *platform)).collect::<Result<Vec<_>>>()?;
    everything_is_linked(&shell.read_file("ios/Package.swift")?, &libraries)?;
    shell.remove_path(BUNDLE)?;
    if cmd!(shell, "xcodebuild -version").quiet().ignore_stdout().ignore_stderr().run().is_ok() {
        assemble_with_xcode(shell, &libraries)?;
    } else {
        assemble(shell, &libraries)?;
    }

    let mut archive = Archive::default();
    archive.add_folder("MinnowFFI.xcframework/", Path::new(BUNDLE), |_| true)?;
    let bytes = archive.compressed()?;
    let zip = folder()?.join("MinnowFFI.xcframework.zip");
    shell.write_file(&zip, &bytes)?;
    println!("xtask: {BUNDLE} holds {}", names(&libraries).join(", "));
    println!("xtask: {}: {} bytes", zip.display(), bytes.len());
    println!("xtask: for a release, in ios/Package.swift:");
    println!("    .binaryTarget(name: \"{MODULE}\", url: \"<where the file is>\", checksum: \"{}\")", checksum(&bytes));
    if cfg!(target_os = "linux") { swift::describe(shell, Path::new(BUNDLE)) } else { Ok(()) }
}

/// A static library doesn't say what it needs; the package does, in `linkerSettings`.
fn everything_is_linked(package: &str, libraries: &[Library]) -> Result<()> {
    let needed: BTreeSet<&str> = libraries.iter().flat_map(|library| &library.linked).map(String::as_str).collect();
    let missing: Vec<_> = needed.into_iter().filter(|entry| !package.contains(entry)).collect();
    ensure!(missing.is_empty(), "ios/Package.swift lacks {}), which {PACKAGE} needs", missing.join("), "));
    Ok(())
}

fn names(libraries: &[Library]) -> Vec<&'static str> {
    libraries.iter().map(|library| library.platform.slice()).collect()
}

/// By Apple's own tool.
fn assemble_with_xcode(shell: &Shell, libraries: &[Library]) -> Result<()> {
    let headers = shell.create_temp_dir()?;
    copy_headers(shell, &headers.path().join(MODULE))?;
    let mut command = cmd!(shell, "xcodebuild -create-xcframework -output {BUNDLE}");
    for library in libraries {
        command = command.arg("-library").arg(&library.path).arg("-headers").arg(headers.path());
    }
    command.run()?;
    Ok(())
}

/// By hand.
fn assemble(shell: &Shell, libraries: &[Library]) -> Result<()> {
    for library in libraries {
        let slice = Path::new(BUNDLE).join(library.platform.slice());
        copy_headers(shell, &slice.join("Headers").join(MODULE))?;
        shell.copy_file(&library.path, slice.join(library::FILE))?;
    }
    let platforms: Vec<_> = libraries.iter().map(|library| library.platform).collect();
    shell.write_file(Path::new(BUNDLE).join("Info.plist"), info(&platforms))?;
    Ok(())
}

fn copy_headers(shell: &Shell, folder: &Path) -> Result<()> {
    shell.create_dir(folder)?;
    for file in shell.read_dir(HEADERS)? {
        shell.copy_file(&file, folder.join(file.file_name().context("a header has no name")?))?;
    }
    Ok(())
}

/// The property list that says what is in the bundle. Its texts are all from this program, so none needs escaping.
fn info(platforms: &[Platform]) -> String {
    let slices: String = platforms.iter().map(|platform| slice(*platform)).collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>AvailableLibraries</key>
	<array>
{slices}	</array>
	<key>CFBundlePackageType</key>
	<string>XFWK</string>
	<key>XCFrameworkFormatVersion</key>
	<string>1.0</string>
</dict>
</plist>
"#
    )
}

fn slice(platform: Platform) -> String {
    let (system, variant) = platform.xcode();
    let variant = variant.map_or(String::new(), |variant| {
        format!("\t\t\t<key>SupportedPlatformVariant</key>\n\t\t\t<string>{variant}</string>\n")
    });
    let (identifier, file) = (platform.slice(), library::FILE);
    format!(
        "\t\t<dict>
\t\t\t<key>BinaryPath</key>
\t\t\t<string>{file}</string>
\t\t\t<key>HeadersPath</key>
\t\t\t<string>Headers</string>
\t\t\t<key>LibraryIdentifier</key>
\t\t\t<string>{identifier}</string>
\t\t\t<key>LibraryPath</key>
\t\t\t<string>{file}</string>
\t\t\t<key>SupportedArchitectures</key>
\t\t\t<array>
\t\t\t\t<string>arm64</string>
\t\t\t</array>
\t\t\t<key>SupportedPlatform</key>
\t\t\t<string>{system}</string>
{variant}\t\t</dict>
"
    )
}

/// What `swift package compute-checksum` prints.
fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn each_kind_of_device_is_named_once() {
        let info = info(&Platform::ALL);
        for platform in Platform::ALL {
            assert_eq!(info.matches(&format!("<string>{}</string>", platform.slice())).count(), 1);
        }
        assert_eq!(info.matches("<key>SupportedPlatformVariant</key>\n\t\t\t<string>simulator</string>").count(), 1);
        assert_eq!(info.matches("<dict>").count(), info.matches("</dict>").count());
    }

    #[test]
    fn a_framework_that_the_package_does_not_link_is_found() {
        let linked = [r#".linkedFramework("Metal""#, r#".linkedLibrary("objc""#].map(str::to_owned).into();
        let libraries = [Library { platform: Platform::Ios, path: PathBuf::new(), linked }];
        let both = r#"[.linkedFramework("Metal"), .linkedLibrary("objc", .when(platforms: [.macOS]))]"#;
        assert!(everything_is_linked(both, &libraries).is_ok());
        let error = everything_is_linked(r#"[.linkedFramework("Metal")]"#, &libraries).unwrap_err();
        assert_eq!(error.to_string(), r#"ios/Package.swift lacks .linkedLibrary("objc"), which minnow-ffi needs"#);
    }

    #[test]
    fn the_checksum_is_sha256_in_hexadecimal() {
        assert_eq!(checksum(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
