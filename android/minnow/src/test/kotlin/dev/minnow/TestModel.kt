package dev.minnow

import java.io.File
import kotlin.time.Duration.Companion.minutes
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assumptions.assumeTrue

/** The real model that the tests run on: `cargo xtask android test` fetches it and says where it is. */
object TestModel {
    private val path: String? = System.getenv("MINNOW_TEST_MODEL")

    /** The model file; a test that needs it is skipped where nobody said where it is. */
    val file: File
        get() {
            assumeTrue(path != null, "MINNOW_TEST_MODEL names no model file")
            return File(path!!)
        }

    /** How tests open it: on the CPU, since a software GPU would only be slow. */
    val options = AssistantOptions(device = DevicePreference.CPU, threads = 2)

    suspend fun open(): Assistant = Assistant.open(file, options)
}

/** Runs a test of suspending functions in real time, and ends it where it hangs: no test takes a minute on an idle machine. */
fun test(body: suspend CoroutineScope.() -> Unit) {
    runBlocking { withTimeout(15.minutes) { body() } }
}

/** Runs a test with the real model. */
fun testWithModel(body: suspend CoroutineScope.(Assistant) -> Unit) = test {
    TestModel.open().use { body(it) }
}

/** Resident bytes of this process. */
fun residentBytes(): Long = File("/proc/self/statm").readText().split(' ')[1].toLong() * 4096
