package dev.minnow.bank.setup

import dev.minnow.Assistant
import dev.minnow.HttpClient
import dev.minnow.HttpResponse
import dev.minnow.ModelStore
import dev.minnow.bank.Problem
import java.io.ByteArrayInputStream
import java.io.File
import java.io.IOException
import java.security.MessageDigest
import java.util.concurrent.CountDownLatch
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.job
import kotlinx.coroutines.cancelChildren
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.io.TempDir

/** The way to an open assistant, through Minnow's real store and a network of the test's own. */
class ModelSetupTest {
    @TempDir
    lateinit var folder: File

    private val file = File("../../tests/data/tiny/smollm2/smollm2.q4_0.gguf").readBytes()
    private val opened = mutableListOf<Assistant>()

    @AfterTest
    fun close() = opened.forEach(Assistant::close)

    @Test
    fun `a missing model is offered, fetched and opened`() = settingUp({ _, headers -> serve(headers) }) { setup ->
        setup.start()
        assertEquals(SetupState.Missing(file.size.toLong()), setup.state.first { it !is SetupState.Checking })
        setup.download()
        setup.state.first { it is SetupState.Ready }
        assertEquals(1, opened.size)
    }

    @Test
    fun `a model that is here is opened at the next start, without a network`() {
        settingUp({ _, headers -> serve(headers) }) { setup ->
            setup.download()
            setup.state.first { it is SetupState.Ready }
        }
        settingUp({ _, _ -> throw IOException("no network") }) { setup ->
            setup.start()
            setup.state.first { it is SetupState.Ready }
        }
    }

    @Test
    fun `a failed download says so and can be tried again`() {
        var network: (Map<String, String>) -> HttpResponse = { throw IOException("no network") }
        settingUp({ _, headers -> network(headers) }) { setup ->
            setup.download()
            assertEquals(SetupState.Failed(Problem.NO_DOWNLOAD), setup.state.first { it is SetupState.Failed })
            network = ::serve
            setup.retry()
            setup.state.first { it is SetupState.Missing }
            setup.download()
            setup.state.first { it is SetupState.Ready }
        }
    }

    @Test
    fun `a download can be cancelled and is offered again`() {
        val release = CountDownLatch(1)
        settingUp({ _, headers -> serve(headers, pause = release) }) { setup ->
            setup.download()
            setup.state.first { (it as? SetupState.Downloading)?.bytes ?: 0 > 0 }
            setup.cancel()
            assertIs<SetupState.Missing>(setup.state.first { it !is SetupState.Downloading })
            release.countDown()
        }
    }

    @Test
    fun `starting again while something runs changes nothing`() = settingUp({ _, headers -> serve(headers) }) { setup ->
        setup.download()
        setup.start()
        setup.download()
        setup.state.first { it is SetupState.Ready }
        setup.start()
        assertIs<SetupState.Ready>(setup.state.value)
        assertEquals(1, opened.size)
    }

    private fun settingUp(client: HttpClient, test: suspend CoroutineScope.(ModelSetup) -> Unit) = runBlocking {
        val source = MinnowModelSource(
            MODEL,
            openStore = { ModelStore.open(File(folder, "models"), catalogue(), client) },
            onOpen = { opened += it },
        )
        withTimeout(TEST_MS) {
            test(ModelSetup(source, coroutineContext))
            coroutineContext.job.cancelChildren()
        }
    }

    private fun catalogue(): String {
        val sha256 = MessageDigest.getInstance("SHA-256").digest(file).joinToString("") { "%02x".format(it) }
        return """
            [[model]]
            name = "$MODEL"
            architecture = "llama"
            quantisation = "Q4_0"
            licence = { name = "Apache-2.0", url = "https://example.org/licence" }

            [[model.file]]
            name = "tiny.gguf"
            bytes = ${file.size}
            sha256 = "$sha256"

            [[model.file.source]]
            url = "https://example.org/tiny.gguf"
        """.trimIndent()
    }

    /** The file from where it is asked for; after the first piece, until [pause] ends, nothing. */
    private fun serve(headers: Map<String, String>, pause: CountDownLatch? = null): HttpResponse {
        val range = headers.entries.find { it.key.equals("Range", ignoreCase = true) }?.value
        val from = range?.removePrefix("bytes=")?.removeSuffix("-")?.toInt() ?: 0
        val body = ByteArrayInputStream(file, from, file.size - from)
        return object : HttpResponse {
            override val status = if (from == 0) 200 else 206
            override val headers = mapOf(
                "Content-Length" to "${file.size - from}",
                "Content-Range" to "bytes $from-${file.size - 1}/${file.size}",
            )
            private var pieces = 0

            override fun read(): ByteArray? {
                if (pieces++ > 0) pause?.await()
                val piece = ByteArray(PIECE_BYTES)
                val count = body.read(piece)
                return if (count < 0) null else piece.copyOf(count)
            }

            override fun close() = Unit
        }
    }

    private companion object {
        const val MODEL = "tiny"
        const val PIECE_BYTES = 4096

        /** Against hanging only: machines that are busy take their time. */
        const val TEST_MS = 120_000L
    }
}
