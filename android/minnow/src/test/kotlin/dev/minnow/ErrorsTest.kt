package dev.minnow

import dev.minnow.ffi.rehearsePanic
import java.io.File
import java.nio.file.Path
import java.time.Duration
import java.time.ZoneId
import java.time.ZonedDateTime
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertTrue
import org.junit.jupiter.api.io.TempDir
import dev.minnow.ffi.MinnowException as NativeException

/** Every way in which a call can fail arrives as its own exception, with words that help and a cause. */
class ErrorsTest {
    @TempDir
    lateinit var folder: Path

    private fun file(name: String, bytes: ByteArray): File = folder.resolve(name).toFile().apply { writeBytes(bytes) }

    @Test
    fun `a file that isn't there is a storage error with its path`() = test {
        val error = assertFailsWith<MinnowException.Storage> { Assistant.open(File("/no/such/model.gguf")) }
        assertTrue("/no/such/model.gguf" in error.message!!)
        // in debug runs, coroutines put a copy of an exception with the caller's stack around it
        assertIs<NativeException.Storage>(generateSequence<Throwable>(error) { it.cause }.last())
    }

    @Test
    fun `a file that is no model is refused`() = test {
        assertFailsWith<MinnowException.ModelFile> { Assistant.open(file("noise.gguf", ByteArray(4096) { it.toByte() })) }
        assertFailsWith<MinnowException.ModelFile> { Assistant.open(file("empty.gguf", ByteArray(0))) }
    }

    @Test
    fun `a model that is cut off says so`() = test {
        val whole = TestModel.file
        val half = file("half.gguf", whole.inputStream().use { it.readNBytes(40_000_000) })
        val error = assertFailsWith<MinnowException.ModelFile> { Assistant.open(half) }
        assertTrue("half.gguf" in error.message!!, error.message)
    }

    @Test
    fun `arguments out of range are named`() = testWithModel { assistant ->
        suspend fun argument(call: suspend () -> Unit) = assertFailsWith<MinnowException.InvalidInput> { call() }.argument
        assertEquals("labels", argument { assistant.classify("hello", listOf("one")) })
        assertEquals("labels", argument { assistant.classify("hello", listOf("one", "one")) })
        assertEquals("text", argument { assistant.classify(" ", listOf("one", "two")) })
        assertEquals("sentences", argument { assistant.summarize("hello", SummarizeOptions(sentences = 0)) })
        assertEquals("sentences", argument { assistant.summarize("hello", SummarizeOptions(sentences = -1)) })
        assertEquals("threads", argument { Assistant.open(TestModel.file, AssistantOptions(threads = 0)) })
        assertEquals("jsonSchema", argument { assistant.chat().use { it.say("hi", AnswerOptions(jsonSchema = "{")) } })
        assertEquals("text", argument { assistant.summarize("word ".repeat(300_000)) })
        val options = ScheduleOptions(ZonedDateTime.of(2026, 2, 1, 9, 0, 0, 0, ZoneId.of("UTC")))
        val impossible = assertFailsWith<MinnowException.ImpossibleDate> { assistant.schedule("Meet me on 30 February 2027", options) }
        assertTrue("30" in impossible.message!!, impossible.message)
        assertEquals("defaultDuration", argument { assistant.schedule("hi", options.copy(defaultDuration = Duration.ZERO)) })
        assertEquals("maxWords", argument { assistant.summarize("hello", SummarizeOptions(maxWords = 0)) })
        assertEquals("minConfidence", argument { assistant.classify("hello", listOf("a", "b"), ClassifyOptions(2f)) })
        assistant.chat().use { chat ->
            assertEquals("maxTokens", argument { chat.say("hi", AnswerOptions(maxTokens = 0)) })
            assertEquals("timeLimit", argument { chat.say("hi", AnswerOptions(timeLimit = Duration.ofMillis(-1))) })
            assertEquals("topP", argument { chat.say("hi", AnswerOptions(sampling = RandomSampling(seed = 1, topP = 2f))) })
        }
    }

    @Test
    fun `what doesn't fit says by how much`() = testWithModel { assistant ->
        assistant.chat(ChatOptions(contextTokens = 64)).use { chat ->
            val error = assertFailsWith<MinnowException.ContextFull> { chat.say("many words ".repeat(200)) }
            assertTrue(error.needed > error.available && error.available in 1..64, error.message)
            val huge = assertFailsWith<MinnowException.ContextFull> { chat.say("many words ".repeat(500_000)) }
            assertTrue(huge.needed > 1_000_000, huge.message)
        }
    }

    @Test
    fun `a schema that can't be enforced is refused, not ignored`() = testWithModel { assistant ->
        assistant.chat().use { chat ->
            assertFailsWith<MinnowException.Unsupported> {
                chat.say("hi", AnswerOptions(jsonSchema = """{"type":"array","uniqueItems":true}"""))
            }
        }
    }

    @Test
    fun `a panic in Rust is an exception, and the next call works`() = test {
        val error = assertFailsWith<MinnowException.Internal> { calling { rehearsePanic() } }
        assertTrue("a panic at" in error.message!! && "lib.rs" in error.message!!, error.message)
        assertNotNull(error.cause)
        assertEquals(Minnow.version(), Minnow.version())
    }

    @Test
    fun `an exception in the app's own listener ends the call that it listens to`() = testWithModel { assistant ->
        val listener = object : dev.minnow.ffi.TextListener {
            override fun onText(piece: String) = throw IllegalArgumentException("the app's bug")
        }
        val native = calling { dev.minnow.ffi.openAssistant(TestModel.file.path, nativeOptions) }
        val chat = calling { native.chat(dev.minnow.ffi.ChatOptions(null, emptyList(), null)) }
        val options = dev.minnow.ffi.AnswerOptions(64u, null, null, null)
        assertFailsWith<MinnowException.Internal> { calling { chat.say("Tell me a story", options, listener) } }
        assertEquals(2, calling { chat.messages() }.size)
        chat.shutDownAndClose()
        native.shutDown()
        native.close()
        assistant.classify("hello", listOf("greeting", "complaint"))
    }

    @Test
    fun `every error of the native library has an exception with its words`() {
        val natives = listOf(
            NativeException.ModelFile("words"),
            NativeException.Unsupported("words"),
            NativeException.InvalidInput("field", "words"),
            NativeException.ImpossibleDate("words"),
            NativeException.Device("words"),
            NativeException.ContextFull(2u, 1u, "words"),
            NativeException.Memory(2u, 1u, "words"),
            NativeException.Storage("words"),
            NativeException.Catalogue("words"),
            NativeException.LicenceNotAccepted("terms", "address", "words"),
            NativeException.NotStored("words"),
            NativeException.Download("words"),
            NativeException.Internal("words"),
        )
        val mapped = natives.map { it.toPublic() }
        assertEquals(natives.size, mapped.map { it::class }.toSet().size)
        mapped.zip(natives).forEach { (public, native) ->
            assertEquals("words", public.message)
            assertEquals(native, public.cause)
        }
        assertIs<MinnowException.Closed>(NativeException.Closed().toPublic())
    }

    private val nativeOptions = dev.minnow.ffi.OpenOptions(dev.minnow.ffi.DeviceChoice.CPU, 2u, null)
}
