package dev.minnow

import java.lang.management.ManagementFactory
import java.nio.file.Path
import kotlin.test.Test
import kotlin.test.assertTrue
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import org.junit.jupiter.api.io.TempDir

/** Nothing holds the thread that calls: on a phone it is the one that draws. */
class CallingThreadTest {
    @TempDir
    lateinit var folder: Path

    /** Milliseconds that a call takes on the calling thread: of its processor time, and by the clock. */
    private data class Held(val processor: Double, val clock: Double)

    private fun held(call: () -> Unit): Held {
        val threads = ManagementFactory.getThreadMXBean()
        val (processor, clock) = threads.currentThreadCpuTime to System.nanoTime()
        call()
        return Held((threads.currentThreadCpuTime - processor) / 1e6, (System.nanoTime() - clock) / 1e6)
    }

    private val measured = mutableMapOf<String, MutableList<Held>>()

    /** Runs [call] on this thread until it first suspends, and notes how long that took. */
    private suspend fun CoroutineScope.start(name: String, call: suspend () -> Unit) {
        lateinit var job: kotlinx.coroutines.Job
        val held = held { job = launch(start = CoroutineStart.UNDISPATCHED) { call() } }
        measured.getOrPut(name) { mutableListOf() } += held
        joinAll(job)
    }

    @Test
    fun `no call holds the calling thread for 5 ms`() = test {
        val file = TestModel.file
        val huge = "The clerk counted the money again and wrote a note about it. ".repeat(16_000)
        repeat(12) {
            lateinit var assistant: Assistant
            lateinit var chat: Chat
            lateinit var store: ModelStore
            start("open") { assistant = Assistant.open(file, TestModel.options) }
            start("summarize") { assistant.summarize("Short text. And one more.", SummarizeOptions(1)) }
            start("summarize, a megabyte, cancelled") {
                kotlinx.coroutines.withTimeoutOrNull(20) { assistant.summarize(huge) }
            }
            start("classify") { assistant.classify("hello", listOf("greeting", "complaint")) }
            start("schedule") { assistant.schedule("Lunch tomorrow at noon") }
            start("chat") { chat = assistant.chat(ChatOptions(contextTokens = 256)) }
            start("say") { chat.say("hi", AnswerOptions(maxTokens = 2)) }
            start("stream") { chat.stream("hi", AnswerOptions(maxTokens = 2)).collect() }
            start("messages") { chat.messages() }
            start("trim") { assistant.trim(MemoryPressure.CRITICAL) }
            start("store") { store = ModelStore.open(folder.toFile()) }
            start("models") { store.models() }
            lateinit var encoder: TextEncoder
            lateinit var classifier: Classifier
            lateinit var annotator: Annotator
            start("open an encoder") { encoder = TestEncoder.open() }
            start("embed") { encoder.embed(listOf("hello")) }
            start("train, a megabyte, cancelled") {
                kotlinx.coroutines.withTimeoutOrNull(20) {
                    encoder.trainClassifier(TestEncoder.examples + LabelledText(huge, "exchange_rate"))
                }
            }
            start("train") { classifier = encoder.trainClassifier(TestEncoder.examples) }
            start("classify, trained") { classifier.classify("hello") }
            start("learn") { classifier.learn(listOf(LabelledText("hello", "greeting"))) }
            start("save") { classifier.save(folder.resolve("head").toFile()) }
            start("annotator") { annotator = classifier.annotator() }
            start("annotate") { annotator.annotate(BankTransaction("TESCO 12", -100, java.time.LocalDate.of(2026, 1, 1))) }
            measured.getOrPut("close of an annotator") { mutableListOf() } += held { annotator.close() }
            measured.getOrPut("close of a classifier") { mutableListOf() } += held { classifier.close() }
            measured.getOrPut("close of an encoder") { mutableListOf() } += held { encoder.close() }
            measured.getOrPut("close of a chat") { mutableListOf() } += held { chat.close() }
            measured.getOrPut("close of an assistant") { mutableListOf() } += held { assistant.close() }
            measured.getOrPut("close of a store") { mutableListOf() } += held { store.close() }
        }
        for ((name, all) in measured) {
            // the first round loads classes, which a phone has compiled ahead of time
            val warm = all.drop(2)
            val processor = warm.maxOf { it.processor }
            // the machine may give the thread's time to others: the clock is judged by its middle
            val clock = warm.map { it.clock }.sorted()[warm.size / 2]
            println("calling thread: %-34s processor at most %5.2f ms, clock mostly %5.2f ms".format(name, processor, clock))
            assertTrue(processor < 5 && clock < 5, "$name holds the calling thread: $warm")
        }
    }
}
