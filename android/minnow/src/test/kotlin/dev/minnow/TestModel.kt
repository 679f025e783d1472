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

/** The real encoder that the tests run on. */
object TestEncoder {
    private val path: String? = System.getenv("MINNOW_TEST_ENCODER")

    /** The encoder's folder; a test that needs it is skipped where nobody said where it is. */
    val file: File
        get() {
            assumeTrue(path != null, "MINNOW_TEST_ENCODER names no encoder")
            return File(path!!)
        }

    /** What people write to a bank. */
    val examples: List<LabelledText> = listOf(
        "lost_card" to "I lost my card on the bus",
        "lost_card" to "Someone stole my purse and my card was in it",
        "lost_card" to "My card is missing, please block it",
        "lost_card" to "I left my bank card in a taxi",
        "lost_card" to "Block my card, it was stolen",
        "lost_card" to "I can't find my debit card anywhere",
        "exchange_rate" to "How many euros do I get for 100 pounds?",
        "exchange_rate" to "What is the exchange rate for dollars today?",
        "exchange_rate" to "Is your rate for yen better than last week?",
        "exchange_rate" to "How much is a Swiss franc worth at your bank",
        "exchange_rate" to "I want to change money before my holiday, at which rate?",
        "exchange_rate" to "Tell me the current rate of the euro",
        "address_change" to "I have moved, here is my new address",
        "address_change" to "Please update my address",
        "address_change" to "We are moving house next month, what do I have to do?",
        "address_change" to "My letters go to the wrong street",
        "address_change" to "How do I change where my statements are sent?",
        "address_change" to "I live in Leeds now, no longer in York",
    ).map { (label, text) -> LabelledText(text, label) }

    suspend fun open(): TextEncoder = TextEncoder.open(file, EncoderOptions(DevicePreference.CPU, threads = 2))
}

/** Runs a test with the real encoder. */
fun testWithEncoder(body: suspend CoroutineScope.(TextEncoder) -> Unit) = test {
    TestEncoder.open().use { body(it) }
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
