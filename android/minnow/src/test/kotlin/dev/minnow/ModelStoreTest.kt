package dev.minnow

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import java.io.File
import java.io.IOException
import java.net.InetAddress
import java.net.InetSocketAddress
import java.nio.file.Path
import java.security.MessageDigest
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlin.random.Random
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import org.junit.jupiter.api.io.TempDir

/** Models from a server on this machine. */
class ModelStoreTest {
    @TempDir
    lateinit var folder: Path

    private val bytes = Random(1).nextBytes(3_000_000)
    private val requests = mutableListOf<String?>()

    /** What the server does with a request; it knows the header `Range`. */
    private var serve: (HttpExchange) -> Unit = ::whole

    private val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0).apply {
        executor = Executors.newCachedThreadPool { Thread(it).apply { isDaemon = true } }
        createContext("/") { exchange ->
            synchronized(requests) { requests += exchange.requestHeaders.getFirst("Range") }
            exchange.use { serve(it) }
        }
        start()
    }

    @AfterTest
    fun stop() = server.stop(0)

    private fun whole(exchange: HttpExchange) {
        exchange.responseHeaders["ETag"] = "\"v1\""
        exchange.sendResponseHeaders(200, bytes.size.toLong())
        exchange.responseBody.write(bytes)
    }

    /** The first million bytes, and then nothing; a second request goes on from there. */
    private fun broken(exchange: HttpExchange) {
        exchange.responseHeaders["ETag"] = "\"v1\""
        val start = exchange.requestHeaders.getFirst("Range")?.removePrefix("bytes=")?.removeSuffix("-")?.toInt() ?: 0
        if (start == 0) {
            exchange.sendResponseHeaders(200, bytes.size.toLong())
            exchange.responseBody.write(bytes, 0, 1_000_000)
            exchange.responseBody.flush()
            throw IOException("the network is gone")
        }
        exchange.responseHeaders["Content-Range"] = "bytes $start-${bytes.size - 1}/${bytes.size}"
        exchange.sendResponseHeaders(206, (bytes.size - start).toLong())
        exchange.responseBody.write(bytes, start, bytes.size - start)
    }

    private fun catalogue(sha256: String = sha256(bytes), accept: Boolean = false) =
        """
        [[model]]
        name = "fish"
        architecture = "llama"
        quantisation = "Q4_0"
        licence = { name = "Pond Terms", url = "https://example.org/terms", accept = $accept }
        [[model.file]]
        name = "fish.gguf"
        bytes = ${bytes.size}
        sha256 = "$sha256"
        [[model.file.source]]
        url = "http://127.0.0.1:${server.address.port}/fish.gguf"
        """.trimIndent()

    private fun sha256(of: ByteArray) = MessageDigest.getInstance("SHA-256").digest(of).joinToString("") { "%02x".format(it) }

    private fun testStore(catalogue: String? = catalogue(), client: HttpClient = HttpClient.system(), body: suspend (ModelStore) -> Unit) =
        test { ModelStore.open(folder.toFile(), catalogue, client).use { body(it) } }

    @Test
    fun `the catalogue that is shipped has the default models`() = testStore(catalogue = null) { store ->
        val model = store.models().single { it.name == ModelStore.DEFAULT_MODEL }
        assertEquals("Apache-2.0", model.licence)
        assertEquals(FeatureStatus.DOWNLOADABLE, model.status)
        assertTrue(model.bytes > 90_000_000)
        val encoder = store.models().single { it.name == ModelStore.DEFAULT_ENCODER }
        assertEquals("bert" to FeatureStatus.DOWNLOADABLE, encoder.architecture to encoder.status)
        assertTrue(store.models().any { it.licenceMustBeAccepted })
    }

    @Test
    fun `a download goes from downloadable to available`() = testStore { store ->
        assertEquals(FeatureStatus.DOWNLOADABLE, store.checkStatus("fish"))
        assertFailsWith<MinnowException.NotStored> { store.file("fish") }
        val news = store.download("fish").toList()
        assertEquals(DownloadStatus.DownloadStarted(bytes.size.toLong()), news.first())
        val progress = news.filterIsInstance<DownloadStatus.DownloadProgress>().map { it.totalBytesDownloaded }
        assertEquals(bytes.size.toLong(), progress.max())
        val file = assertIs<DownloadStatus.DownloadCompleted>(news.last()).file
        assertContentEquals(bytes, file.readBytes())
        assertEquals(FeatureStatus.AVAILABLE, store.checkStatus("fish"))
        assertEquals(file, store.file("fish"))
        store.verify("fish")
        assertEquals(listOf<DownloadStatus>(DownloadStatus.DownloadCompleted(file)), store.download("fish").toList(), "nothing to do")
        assertEquals(1, requests.size)
        repeat(2) { store.remove("fish") }
        assertFalse(file.exists())
        assertEquals(FeatureStatus.DOWNLOADABLE, store.checkStatus("fish"))
        assertFailsWith<MinnowException.Catalogue> { store.remove("no such model") }
    }

    @Test
    fun `a download that broke off goes on where it stopped`() = testStore { store ->
        serve = ::broken
        assertIs<DownloadStatus.DownloadCompleted>(store.download("fish").toList().last())
        assertContentEquals(bytes, store.file("fish").readBytes())
        assertEquals(listOf(null, "bytes=1000000-"), requests)
    }

    @Test
    fun `a cancelled download keeps what came in`() = testStore { store ->
        serve = { exchange ->
            exchange.sendResponseHeaders(200, bytes.size.toLong())
            for (start in bytes.indices step 100_000) {
                exchange.responseBody.write(bytes, start, minOf(100_000, bytes.size - start))
                exchange.responseBody.flush()
                Thread.sleep(50)
            }
        }
        store.download("fish").first { it is DownloadStatus.DownloadProgress && it.totalBytesDownloaded > 500_000 }
        var kept = 0L
        for (attempt in 0 until 100) {
            kept = folder.toFile().walk().filter { it.isFile }.maxOfOrNull { it.length() } ?: 0
            if (kept >= 500_000) break
            Thread.sleep(20)
        }
        assertTrue(kept in 500_000..2_500_000, "$kept bytes")
        assertEquals(FeatureStatus.DOWNLOADABLE, settled(store))
    }

    @Test
    fun `a cancelled download doesn't wait for a client that waits`() {
        val gaveUp = CountDownLatch(1)
        val client = HttpClient { _, _ ->
            object : HttpResponse {
                private var pieces = 0
                override val status = 200
                override val headers = emptyMap<String, String>()

                override fun read(): ByteArray {
                    if (pieces++ > 0) gaveUp.await(60, TimeUnit.SECONDS)
                    return ByteArray(1000)
                }

                override fun close() = Unit
            }
        }
        testStore(client = client) { store ->
            store.download("fish").first { it is DownloadStatus.DownloadProgress }
            assertEquals(FeatureStatus.DOWNLOADABLE, settled(store))
            gaveUp.countDown()
        }
    }

    /** The status once a cancelled download has noticed. */
    private suspend fun settled(store: ModelStore): FeatureStatus {
        repeat(100) {
            if (store.checkStatus("fish") != FeatureStatus.DOWNLOADING) return store.checkStatus("fish")
            Thread.sleep(20)
        }
        return store.checkStatus("fish")
    }

    @Test
    fun `a family that can't be run is unavailable and not downloaded`() =
        testStore(catalogue().replace("\"llama\"", "\"whale\"")) { store ->
            assertEquals(FeatureStatus.UNAVAILABLE, store.checkStatus("fish"))
            val failed = assertIs<DownloadStatus.DownloadFailed>(store.download("fish").toList().last())
            assertTrue("whale" in assertIs<MinnowException.Unsupported>(failed.error).message!!)
            assertEquals(0, requests.size)
        }

    @Test
    fun `a server without the model is a failed download with its words`() = testStore { store ->
        serve = { it.sendResponseHeaders(404, -1) }
        val failed = assertIs<DownloadStatus.DownloadFailed>(store.download("fish").toList().last())
        assertTrue("404" in assertIs<MinnowException.Download>(failed.error).message!!)
        assertEquals(FeatureStatus.DOWNLOADABLE, store.checkStatus("fish"))
    }

    @Test
    fun `a client that fails is a failed download`() {
        val client = HttpClient { _, _ -> throw IOException("no network here") }
        testStore(client = client) { store ->
            val failed = assertIs<DownloadStatus.DownloadFailed>(store.download("fish").toList().last())
            assertTrue("no network here" in failed.error.message!!, failed.error.message)
            assertIs<IOException>(failed.error.cause)
        }
    }

    @Test
    fun `a client that throws what it shouldn't is a failed download without a stack trace in its words`() {
        val client = HttpClient { _, _ -> error("a broken client") }
        testStore(client = client) { store ->
            val failed = assertIs<DownloadStatus.DownloadFailed>(store.download("fish").toList().last())
            assertTrue("IllegalStateException: a broken client" in failed.error.message!!, failed.error.message)
            assertTrue("at dev.minnow" !in failed.error.message!!, failed.error.message)
        }
    }

    @Test
    fun `another file than the catalogue's is never used`() = testStore(catalogue(sha256 = "0".repeat(64))) { store ->
        val failed = assertIs<DownloadStatus.DownloadFailed>(store.download("fish").toList().last())
        assertIs<MinnowException.Download>(failed.error)
        assertFailsWith<MinnowException.NotStored> { store.file("fish") }
    }

    @Test
    fun `terms must be accepted before a byte is asked for`() = testStore(catalogue(accept = true)) { store ->
        val failed = assertIs<DownloadStatus.DownloadFailed>(store.download("fish").toList().last())
        val error = assertIs<MinnowException.LicenceNotAccepted>(failed.error)
        assertEquals("Pond Terms" to "https://example.org/terms", error.licence to error.url)
        assertEquals(0, requests.size)
        assertIs<DownloadStatus.DownloadCompleted>(store.download("fish", acceptLicence = true).toList().last())
    }

    @Test
    fun `a damaged file is found and replaced`() = testStore { store ->
        store.download("fish").toList()
        store.file("fish").apply { writeBytes(readBytes().also { it[5] = (it[5] + 1).toByte() }) }
        assertFailsWith<MinnowException.ModelFile> { store.verify("fish") }
        assertIs<DownloadStatus.DownloadCompleted>(store.download("fish").toList().last())
        store.verify("fish")
    }

    @Test
    fun `a name that there isn't lists those that there are`() = testStore { store ->
        val error = assertFailsWith<MinnowException.Catalogue> { store.checkStatus("whale") }
        assertTrue("fish" in error.message!!)
        assertIs<DownloadStatus.DownloadFailed>(store.download("whale").toList().last())
    }

    @Test
    fun `a catalogue that isn't one is refused`() = test {
        assertFailsWith<MinnowException.Catalogue> { ModelStore.open(folder.toFile(), "no = [toml") }
    }

    @Test
    fun `a folder that can't be made is a failed download`() = test {
        val file = File(folder.toFile(), "file").apply { writeText("in the way") }
        ModelStore.open(File(file, "models"), catalogue()).use { store ->
            val failed = assertIs<DownloadStatus.DownloadFailed>(store.download("fish").toList().last())
            assertIs<MinnowException.Storage>(failed.error)
        }
    }
}
