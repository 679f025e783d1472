// The project that app developers open: the library and the sample bank. CI proves the same sources with Maven (pom.xml), since
// Android's Gradle plugin is not on Maven Central. It needs Gradle 8.13 or newer, JDK 17 and Android's SDK 36.

pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositoriesMode = RepositoriesMode.FAIL_ON_PROJECT_REPOS
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "minnow-android"

include(":minnow", ":bank")
