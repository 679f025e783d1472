import org.jetbrains.kotlin.gradle.dsl.JvmTarget
import org.jetbrains.kotlin.gradle.dsl.KotlinVersion

plugins {
    alias(libs.plugins.android.library)
    alias(libs.plugins.kotlin.android)
    `maven-publish`
}

group = "dev.minnow"
version = "0.1.0"

/** The repository: cargo runs there. */
val repository = rootDir.parentFile

/** Where xtask keeps what it builds. */
val cache = providers.environmentVariable("MINNOW_CACHE")
    .orElse(providers.systemProperty("user.home").map { "$it/.cache/minnow" })

/** Where cargo keeps what it builds for this machine. */
val hostTarget = providers.environmentVariable("CARGO_TARGET_DIR").orElse(repository.resolve("target").path)

/** The processors that the library is built for. `-Pminnow.abis=arm64-v8a` builds for phones alone. */
val abis = providers.gradleProperty("minnow.abis").orElse("arm64-v8a,x86_64").map { it.split(',') }

// Cargo knows what has changed, so it is asked every time. It needs cargo-ndk and an NDK for a library that is more than a check.
val buildNative by tasks.registering(Exec::class) {
    group = "build"
    description = "Builds the native library with cargo xtask android build"
    workingDir = repository
    commandLine(listOf("cargo", "xtask", "android", "build") + abis.get().flatMap { listOf("--abi", it) })
}

tasks.named("preBuild") {
    dependsOn(buildNative)
}

android {
    namespace = "dev.minnow"
    compileSdk = libs.versions.android.compileSdk.get().toInt()

    defaultConfig {
        minSdk = libs.versions.android.minSdk.get().toInt()
        consumerProguardFiles("consumer-rules.pro")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }

    sourceSets.named("main") {
        jniLibs.srcDir("${cache.get()}/android/jniLibs")
    }

    testOptions.unitTests.all { test ->
        test.useJUnitPlatform()
        // On this machine's library, as `cargo build` leaves it; MINNOW_TEST_MODEL names a model.
        test.systemProperty("jna.library.path", "${hostTarget.get()}/debug")
        test.systemProperty("java.library.path", "${hostTarget.get()}/debug")
    }

    publishing {
        singleVariant("release") {
            withSourcesJar()
        }
    }
}

kotlin {
    // The generated file, which names no visibilities, suppresses these warnings for itself.
    explicitApiWarning()
    coreLibrariesVersion = libs.versions.kotlin.stdlib.get()
    compilerOptions {
        jvmTarget = JvmTarget.JVM_11
        languageVersion = KotlinVersion.KOTLIN_2_2
        apiVersion = KotlinVersion.KOTLIN_2_2
    }
}

dependencies {
    api(libs.coroutines.core)
    // The AAR, whose native code is Android's; unit tests run on this machine's.
    implementation(variantOf(libs.jna) { artifactType("aar") })

    testImplementation(platform(libs.junit.bom))
    testImplementation(libs.coroutines.test)
    testImplementation(libs.jna)
    testImplementation(libs.kotlin.test)
    testRuntimeOnly(libs.junit.launcher)
}

publishing {
    publications {
        register<MavenPublication>("release") {
            artifactId = "minnow"
            afterEvaluate {
                from(components["release"])
            }
            pom {
                name = "Minnow"
                description = "Small language models on the phone, for the narrow jobs that most agent work is made of"
                url = "https://minnow.dev"
                licenses {
                    license {
                        name = "Apache-2.0"
                        url = "https://www.apache.org/licenses/LICENSE-2.0.txt"
                    }
                }
                developers {
                    developer {
                        name = "The Minnow maintainers"
                    }
                }
                scm {
                    url = "https://minnow.dev/minnow"
                }
            }
        }
    }
}
