//! Minnow for Kotlin and Swift.
uniffi::setup_scaffolding!("minnow");
