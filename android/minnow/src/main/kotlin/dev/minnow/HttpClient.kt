package dev.minnow

import dev.minnow.ffi.HttpAnswer
import dev.minnow.ffi.HttpHeader
import dev.minnow.ffi.HttpTransport
import dev.minnow.ffi.TransportException
import java.io.Closeable
import java.io.IOException
import java.net.HttpURLConnection
import java.net.URL

/**
 * What a [ModelStore] makes its downloads with. Minnow brings no network code of its own: certificates, proxies and permissions stay the
 * app's. Implement it over the client that the app has (OkHttp, Cronet), or take [system].
 *
 * Called on background threads.
 */
public fun interface HttpClient {
    /**
     * Sends one GET and returns once the head of the answer is there, after redirects. Must not ask for, or undo, an encoding of the
     * body, and gives up by itself when nothing comes for about a minute.
     */
    @Throws(IOException::class)
    public fun get(url: String, headers: Map<String, String>): HttpResponse

    public companion object {
        /** The platform's own client, `HttpURLConnection`. */
        public fun system(): HttpClient = HttpClient { url, headers -> systemGet(url, headers) }
    }
}

/** An answer whose body comes piece by piece. */
public interface HttpResponse : Closeable {
    /** The status code. */
    public val status: Int

    /** The headers; names in any case. */
    public val headers: Map<String, String>

    /** The next bytes of the body; `null` at its end. */
    @Throws(IOException::class)
    public fun read(): ByteArray?
}

private const val TIMEOUT_MS = 30_000
private const val PIECE_BYTES = 64 * 1024

private fun systemGet(url: String, headers: Map<String, String>): HttpResponse {
    val connection = URL(url).openConnection() as? HttpURLConnection ?: throw IOException("no HTTP address")
    connection.connectTimeout = TIMEOUT_MS
    connection.readTimeout = TIMEOUT_MS
    // a compressed body would not have the length and the checksum of the file
    connection.setRequestProperty("Accept-Encoding", "identity")
    headers.forEach { (name, value) -> connection.setRequestProperty(name, value) }
    val status = connection.responseCode
    return object : HttpResponse {
        override val status = status
        // the status line is a header without a name
        override val headers = connection.headerFields.filterKeys { it != null }.mapValues { it.value.joinToString(", ") }
        private val body = if (status < 400) connection.inputStream else connection.errorStream
        private val buffer = ByteArray(PIECE_BYTES)

        override fun read(): ByteArray? {
            val count = body?.read(buffer) ?: -1
            return if (count < 0) null else buffer.copyOf(count)
        }

        override fun close() = connection.disconnect()
    }
}

/** The app's client as the native library's. */
internal class NativeTransport(private val client: HttpClient) : HttpTransport {
    /** What the client threw last. */
    @Volatile
    var lastFailure: Exception? = null

    override fun get(url: String, headers: List<HttpHeader>): HttpAnswer =
        failing { Answer(client.get(url, headers.associate { it.name to it.value })) }

    private inner class Answer(private val response: HttpResponse) : HttpAnswer {
        override fun status(): UShort = failing {
            val status = response.status
            if (status !in 100..999) throw IOException("the HTTP client says status $status")
            status.toUShort()
        }

        override fun headers(): List<HttpHeader> = failing { response.headers.map { (name, value) -> HttpHeader(name, value) } }

        override fun read(): ByteArray {
            while (true) {
                val piece = failing { response.read() } ?: return ByteArray(0)
                // an empty piece would read as the end
                if (piece.isNotEmpty()) return piece
            }
        }

        override fun finish() = failing { response.close() }
    }

    /** Of whatever an app's client throws, the native library is told a line; [lastFailure] has the rest. */
    private inline fun <T> failing(act: () -> T): T = try {
        act()
    } catch (@Suppress("TooGenericExceptionCaught") error: Exception) {
        lastFailure = error
        val kind = error.javaClass.simpleName
        throw TransportException.Failed(error.message?.lineSequence()?.first()?.let { "$kind: $it" } ?: kind)
    }
}
