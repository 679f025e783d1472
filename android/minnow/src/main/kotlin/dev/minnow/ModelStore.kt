package dev.minnow

import dev.minnow.ffi.FetchListener
import dev.minnow.ffi.FetchStage
import dev.minnow.ffi.NativeStore
import dev.minnow.ffi.openStore
import java.io.File
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.flow.flowOn

/**
 * The models on this device: which there could be, which are here, and how they get here.
 *
 * ```kotlin
 * val store = ModelStore.open(File(noBackupFilesDir, "models"))
 * if (store.checkStatus(ModelStore.DEFAULT_MODEL) != FeatureStatus.AVAILABLE) {
 *     store.download(ModelStore.DEFAULT_MODEL).collect { status -> show(status) }
 * }
 * val assistant = Assistant.open(store.file(ModelStore.DEFAULT_MODEL))
 * ```
 *
 * A model is used only after its length and SHA-256 agree with the catalogue. Downloads that break off go on where they stopped. Two
 * calls, or two processes, that want the same model share one download.
 *
 * It is an interface so that an app's own tests can do without a network. New versions add functions to it.
 */
public interface ModelStore : AutoCloseable {
    /**
     * Every model of the catalogue and whether it is here.
     *
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun models(): List<Model>

    /**
     * One model of the catalogue: its size and terms before it is downloaded, and whether it is here.
     *
     * @throws MinnowException.Catalogue for a name that there isn't.
     */
    public suspend fun model(name: String): Model

    /**
     * Whether a model can be used now. Looks at names and lengths only: cheap enough for every start of the app.
     *
     * @throws MinnowException.Catalogue for a name that there isn't.
     */
    public suspend fun checkStatus(name: String): FeatureStatus

    /**
     * Where a model is that is here: for [Assistant.open].
     *
     * @throws MinnowException.NotStored where it isn't here.
     * @throws MinnowException.Catalogue for a name that there isn't.
     */
    public suspend fun file(name: String): File

    /**
     * Fetches a model. The flow is cold, ends with [DownloadStatus.DownloadCompleted] or [DownloadStatus.DownloadFailed], and throws
     * nothing. Ending the collection cancels the download; what has come in is kept for the next one.
     *
     * A model that is here already is checked, which reads all of it, and reported as completed.
     *
     * @param acceptLicence the user has read and accepted the model's terms: see [Model.licenceMustBeAccepted].
     */
    public fun download(name: String, acceptLicence: Boolean = false): Flow<DownloadStatus>

    /**
     * Computes the checksums of a model that is here, which reads all of it.
     *
     * @throws MinnowException.ModelFile for a file that isn't what the catalogue describes: download it again.
     * @throws MinnowException.NotStored where it isn't here.
     */
    public suspend fun verify(name: String)

    /**
     * Deletes a model that is here, and what broken-off downloads of it have left. One that isn't here is none the less removed. Waits for a
     * download that is running. An assistant that has the model open goes on, but can't read its weights again after a trim.
     *
     * @throws MinnowException.Catalogue for a name that there isn't.
     * @throws MinnowException.Storage where a file can't be deleted.
     */
    public suspend fun remove(name: String)

    /** Gives the store up; models stay where they are, and running downloads go on until their flow ends. */
    override fun close()

    public companion object {
        /** The model to start with: SmolLM2 135M, 98 MB, Apache-2.0. */
        public const val DEFAULT_MODEL: String = "smollm2-135m-instruct-q4_1"

        /** The encoder to start with: all-MiniLM-L6-v2, English, 91 MB as it is published, Apache-2.0. */
        public const val DEFAULT_ENCODER: String = "all-minilm-l6-v2"

        /**
         * The store in [folder], which may not exist yet. Keep it out of backups: models are large and can be fetched again.
         *
         * @param catalogue the text of a catalogue of your own (TOML, as Minnow's `models/catalog.toml`); `null`: Minnow's.
         * @param client what downloads are made with.
         * @throws MinnowException.Catalogue for a catalogue that isn't one.
         */
        public suspend fun open(
            folder: File,
            catalogue: String? = null,
            client: HttpClient = HttpClient.system(),
        ): ModelStore {
            val transport = NativeTransport(client)
            val native = callingFor(free = { unused: NativeStore -> unused.close() }) {
                openStore(folder.path.wellFormed(), catalogue?.wellFormed(), transport)
            }
            return OpenedStore(native, transport)
        }
    }
}

/** A store of the native library. */
private class OpenedStore(private val native: NativeStore, private val transport: NativeTransport) : ModelStore {
    override suspend fun models(): List<Model> = calling { native.list().map { it.toPublic() } }

    override suspend fun model(name: String): Model = calling { native.describe(name.wellFormed()).toPublic() }

    override suspend fun checkStatus(name: String): FeatureStatus = model(name).status

    override suspend fun file(name: String): File = calling { File(native.path(name.wellFormed())) }

    override fun download(name: String, acceptLicence: Boolean): Flow<DownloadStatus> =
        channelFlow {
            try {
                val model = model(name)
                val news = DownloadNews(model) { trySend(it) }
                transport.lastFailure = null
                if (model.status != FeatureStatus.AVAILABLE) news.start()
                val path = calling { native.fetch(name.wellFormed(), acceptLicence, news) }
                send(DownloadStatus.DownloadCompleted(File(path)))
            } catch (error: MinnowException.Download) {
                val cause = transport.lastFailure ?: error.cause
                send(DownloadStatus.DownloadFailed(MinnowException.Download(error.message.orEmpty(), cause)))
            } catch (error: MinnowException) {
                send(DownloadStatus.DownloadFailed(error))
            }
        }
            .buffer(Channel.UNLIMITED)
            .flowOn(CallDispatcher)

    override suspend fun verify(name: String) {
        calling { native.verify(name.wellFormed()) }
    }

    override suspend fun remove(name: String) {
        calling { native.remove(name.wellFormed()) }
    }

    override fun close() = native.close()
}

/** A model that the catalogue knows. */
public data class Model(
    /** Its name, for every call of [ModelStore]. */
    public val name: String,
    /** The model family, in the words of the model file. */
    public val architecture: String,
    /** The number format of most weights. */
    public val quantisation: String,
    /** Bytes of all its files. */
    public val bytes: Long,
    /** The name of the terms that it comes under. */
    public val licence: String,
    /** Where to read them. */
    public val licenceUrl: String,
    /** Whether the user must accept them before it is downloaded. */
    public val licenceMustBeAccepted: Boolean,
    /** Whether it can be used now. */
    public val status: FeatureStatus,
)

/** Whether a model can be used now. */
public enum class FeatureStatus {
    /** It isn't here and can't be downloaded on this device, or this version of Minnow can't run its family of models. */
    UNAVAILABLE,

    /** It isn't here, or not completely; it can be downloaded. */
    DOWNLOADABLE,

    /** It is being downloaded. */
    DOWNLOADING,

    /** It is here. */
    AVAILABLE,
}

/** News of a download. Progress comes a few times a second, and once at the end of each file. */
public sealed interface DownloadStatus {
    /** The download begins; left out for a model that is here. */
    public data class DownloadStarted(
        /** The model's size. */
        public val bytesToDownload: Long,
    ) : DownloadStatus

    /** Bytes came in. */
    public data class DownloadProgress(
        /** Bytes that are here. */
        public val totalBytesDownloaded: Long,
        /** The model's size. */
        public val bytesToDownload: Long,
    ) : DownloadStatus

    /** The model is here and intact; nothing comes after it. */
    public data class DownloadCompleted(
        /** For [Assistant.open]. */
        public val file: File,
    ) : DownloadStatus

    /** The model can't be had now; nothing comes after it. */
    public data class DownloadFailed(
        /** Why; the cause of a [MinnowException.Download] is what the HTTP client threw last, where it threw something. */
        public val error: MinnowException,
    ) : DownloadStatus
}

/** Adds the bytes of several files up, and tells of them no more often than a progress bar moves. */
private class DownloadNews(private val model: Model, private val tell: (DownloadStatus) -> Unit) : FetchListener {
    private val doneOf = mutableMapOf<String, Long>()
    private var started = false
    private var toldAt = 0L

    fun start() {
        if (!started) tell(DownloadStatus.DownloadStarted(model.bytes))
        started = true
    }

    override fun onProgress(stage: FetchStage, file: String, done: ULong, total: ULong) {
        if (stage == FetchStage.WAITING) return
        // a model that seemed to be here was damaged
        if (stage == FetchStage.DOWNLOADING) start()
        doneOf[file] = done.toLong()
        val now = System.nanoTime()
        if (started && (done == total || now - toldAt >= PAUSE_NANOS)) {
            toldAt = now
            tell(DownloadStatus.DownloadProgress(doneOf.values.sum(), model.bytes))
        }
    }

    private companion object {
        const val PAUSE_NANOS = 100_000_000L
    }
}

private fun dev.minnow.ffi.ModelDescription.toPublic() =
    Model(
        name = name,
        architecture = architecture,
        quantisation = quantisation,
        bytes = bytes.toLong(),
        licence = licence,
        licenceUrl = licenceUrl,
        licenceMustBeAccepted = licenceMustBeAccepted,
        status = when (status) {
            dev.minnow.ffi.FeatureStatus.UNAVAILABLE -> FeatureStatus.UNAVAILABLE
            dev.minnow.ffi.FeatureStatus.DOWNLOADABLE -> FeatureStatus.DOWNLOADABLE
            dev.minnow.ffi.FeatureStatus.DOWNLOADING -> FeatureStatus.DOWNLOADING
            dev.minnow.ffi.FeatureStatus.AVAILABLE -> FeatureStatus.AVAILABLE
        },
    )
