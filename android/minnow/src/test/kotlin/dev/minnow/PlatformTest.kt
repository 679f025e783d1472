package dev.minnow

import android.app.Application
import android.content.ComponentCallbacks
import android.content.ComponentCallbacks2
import android.content.Context
import java.util.Collections
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.collect

/** What the platform and the library tell each other. */
class PlatformTest {
    /** As much of an Android app as the hooks need. */
    private class FakeApplication : Application() {
        val callbacks = mutableListOf<ComponentCallbacks>()

        override fun getApplicationContext(): Context = this

        override fun registerComponentCallbacks(callback: ComponentCallbacks) {
            callbacks += callback
        }

        override fun unregisterComponentCallbacks(callback: ComponentCallbacks) {
            callbacks -= callback
        }
    }

    @Test
    @Suppress("DEPRECATION")
    fun `Android's levels become pressures`() {
        assertEquals(MemoryPressure.CRITICAL, memoryPressureOf(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND))
        assertEquals(MemoryPressure.CRITICAL, memoryPressureOf(ComponentCallbacks2.TRIM_MEMORY_RUNNING_CRITICAL))
        assertEquals(MemoryPressure.MODERATE, memoryPressureOf(ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN))
        assertNull(memoryPressureOf(0))
    }

    @Test
    fun `memory that Android asks for is given back`() = testWithModel { assistant ->
        val application = FakeApplication()
        val handle = assistant.observeMemory(application)
        val lines = Collections.synchronizedList(mutableListOf<LogLine>())
        Minnow.setLogging(LogLevel.DEBUG) { lines += it }
        (application.callbacks.single() as ComponentCallbacks2).onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND)
        for (attempt in 0 until 200) {
            if (lines.any { "trimmed" in it.message }) break
            Thread.sleep(10)
        }
        Minnow.setLogging(LogLevel.WARN)
        assertTrue(lines.any { "trimmed" in it.message && "Critical" in it.message }, "$lines")
        assertIs<Classification>(assistant.classify("hello", listOf("greeting", "complaint")))
        handle.close()
        assertEquals(0, application.callbacks.size)
    }

    @Test
    fun `an encoder gives its memory back too`() = testWithEncoder { encoder ->
        val application = FakeApplication()
        encoder.observeMemory(application).use {
            val before = encoder.embed(listOf("hello")).single()
            val full = residentBytes()
            (application.callbacks.single() as ComponentCallbacks2).onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_COMPLETE)
            for (attempt in 0 until 200) {
                if (residentBytes() < full - 15_000_000) break
                Thread.sleep(10)
            }
            assertTrue(residentBytes() < full - 15_000_000, "the weights are 25 MB")
            assertContentEquals(before, encoder.embed(listOf("hello")).single())
        }
        assertEquals(0, application.callbacks.size)
    }

    @Test
    fun `the log says what was opened and never what was asked`() = test {
        val lines = Collections.synchronizedList(mutableListOf<LogLine>())
        Minnow.setLogging(LogLevel.DEBUG) {
            lines += it
            error("a listener's own trouble is ignored")
        }
        TestModel.open().use { assistant ->
            assistant.summarize("Mrs Kowalczyk's secret is safe. Her account is not. She told nobody about it.", SummarizeOptions(1))
            assistant.chat().use { it.say("Mrs Kowalczyk says hello", AnswerOptions(maxTokens = 4)) }
        }
        TestEncoder.open().use { encoder ->
            val examples = TestEncoder.examples + LabelledText("Mrs Kowalczyk is rich", "Kowalczyk")
            encoder.trainClassifier(examples).use { classifier ->
                classifier.classify("Is Mrs Kowalczyk there?", ClassifyOptions(evidence = true))
                classifier.learn(listOf(LabelledText("Kowalczyk called", "Kowalczyk")))
            }
        }
        Minnow.setLogging(LogLevel.WARN)
        assertTrue(lines.any { "model opened" in it.message && it.level == LogLevel.INFO && it.target.startsWith("minnow") })
        assertTrue(lines.none { "Kowalczyk" in it.message })
        val before = lines.size
        TestModel.open().close()
        assertEquals(before, lines.size, "nothing is said below the level")
    }

    @Test
    fun `pieces of an answer come on one thread that Java knows by name`() = testWithModel { assistant ->
        val threads = mutableSetOf<Thread>()
        val listener = object : dev.minnow.ffi.TextListener {
            override fun onText(piece: String) {
                threads += Thread.currentThread()
            }
        }
        val native = calling {
            dev.minnow.ffi.openAssistant(
                TestModel.file.path,
                dev.minnow.ffi.OpenOptions(dev.minnow.ffi.DeviceChoice.CPU, 2u, null),
            )
        }
        val chat = calling { native.chat(dev.minnow.ffi.ChatOptions(null, emptyList(), 256u)) }
        calling { chat.say("Name three fruits", dev.minnow.ffi.AnswerOptions(16u, null, null, null), listener) }
        assertEquals(listOf("minnow-job"), threads.map { it.name }, "attached once, not for each piece")
        chat.shutDownAndClose()
        native.shutDown()
        native.close()
        assistant.chat().use { it.stream("hi", AnswerOptions(maxTokens = 2)).collect() }
    }
}
