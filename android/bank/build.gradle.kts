import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

/** Where cargo keeps what it builds for this machine. */
val hostTarget = providers.environmentVariable("CARGO_TARGET_DIR").orElse(rootDir.resolveSibling("target").path)

android {
    namespace = "dev.minnow.bank"
    compileSdk = libs.versions.android.compileSdk.get().toInt()

    defaultConfig {
        applicationId = "dev.minnow.bank"
        minSdk = libs.versions.android.minSdk.get().toInt()
        targetSdk = libs.versions.android.targetSdk.get().toInt()
        versionCode = 1
        versionName = "0.1.0"
    }

    // The database's scripts, which the app for iOS has too.
    sourceSets.named("main") {
        assets.srcDir(rootDir.resolveSibling("tests/data/bank/assets"))
    }

    buildTypes {
        release {
            // Shrunk, so that the library's rules for shrinkers are put to use.
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
            signingConfig = signingConfigs.getByName("debug")
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }

    testOptions.unitTests.all { test ->
        test.useJUnitPlatform()
        // On this machine's library, as `cargo build` leaves it; MINNOW_TEST_MODEL names a model.
        test.systemProperty("jna.library.path", "${hostTarget.get()}/debug")
        test.systemProperty("java.library.path", "${hostTarget.get()}/debug")
    }
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.JVM_11
    }
}

dependencies {
    implementation(project(":minnow"))
    implementation(libs.coroutines.android)

    testImplementation(platform(libs.junit.bom))
    testImplementation(libs.coroutines.test)
    testImplementation(libs.jna)
    testImplementation(libs.kotlin.test)
    // Android's own is a stub in tests
    testImplementation(libs.org.json)
    testImplementation(libs.sqlite.jdbc)
    testRuntimeOnly(libs.junit.launcher)
}
