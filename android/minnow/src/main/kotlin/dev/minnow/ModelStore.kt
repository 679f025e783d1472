package dev.minnow

import dev.minnow.ffi.FetchListener
import dev.minnow.ffi.FetchStage
import dev.minnow.ffi.NativeStore
import dev.minnow.ffi.openStore
import java.io.File
import kotlinx.coroutines.Dispatchers
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
 */
public class ModelStore private constructor(private val native: NativeStore) : AutoCloseable {
    /**
     * Every model of the catalogue and whether it is here.
     *
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun models(): List<Model> = calling { native.list().map { it.toPublic() } }

    /**
     * One model of the catalogue: its size and terms before it is downloaded, and whether it is here.
     *
     * @throws MinnowException.Catalogue for a name that there isn't.
     */
    public suspend fun model(name: String): Model = calling { native.describe(name.wellFormed()).toPublic() }

    /**
     * Whether a model can be used now. Looks at names and lengths only: cheap enough for every start of the app.
     *
     * @throws MinnowException.Catalogue for a name that there isn't.
     */
    public suspend fun checkStatus(name: String): FeatureStatus = model(name).status

    /**
     * Where a model is that is here: for [Assistant.open].
     *
     * @throws MinnowException.NotStored where it isn't here.
     * @throws MinnowException.Catalogue for a name that there isn't.
     */
    public suspend fun file(name: String): File = calling { File(native.path(name.wellFormed())) }

    /**
     * Fetches a model. The flow is cold, ends with [DownloadStatus.DownloadCompleted] or [DownloadStatus.DownloadFailed], and throws
     * nothing. Ending the collection cancels the download; what has come in is kept for the next one.
     *
     * A model that is here already is checked and reported as completed.
     *
     * @param acceptLicence the user has read and accepted the model's terms: see [Model.licenceMustBeAccepted].
     */
    public fun download(name: String, acceptLicence: Boolean = false): Flow<DownloadStatus> =
        channelFlow {
            try {
                val total = calling { native.describe(name.wellFormed()).bytes.toLong() }
                send(DownloadStatus.DownloadStarted(total))
                val path = calling { native.fetch(name.wellFormed(), acceptLicence, relay(total) { trySend(it) }) }
                send(DownloadStatus.DownloadCompleted(File(path)))
            } catch (error: MinnowException) {
                send(DownloadStatus.DownloadFailed(error))
            }
        }
            .buffer(Channel.UNLIMITED)
            .flowOn(Dispatchers.Default)

    /**
     * Computes the checksums of a model that is here, which reads all of it.
     *
     * @throws MinnowException.ModelFile for a file that isn't what the catalogue describes: download it again.
     * @throws MinnowException.NotStored where it isn't here.
     */
    public suspend fun verify(name: String) {
        calling { native.verify(name.wellFormed()) }
    }

    /** Gives the store up; models stay where they are, and running downloads go on until their flow ends. */
    override fun close() {
        native.close()
    }

    public companion object {
        /** The model to start with: SmolLM2 135M, 98 MB, Apache-2.0. */
        public const val DEFAULT_MODEL: String = "smollm2-135m-instruct-q4_1"

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
        ): ModelStore =
            ModelStore(
                callingFor(free = { unused: NativeStore -> unused.close() }) {
                    openStore(folder.path.wellFormed(), catalogue?.wellFormed(), NativeTransport(client))
                },
            )
    }
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
    /** It isn't here and can't be downloaded on this device. */
    UNAVAILABLE,

    /** It isn't here, or not completely; it can be downloaded. */
    DOWNLOADABLE,

    /** It is being downloaded. */
    DOWNLOADING,

    /** It is here. */
    AVAILABLE,
}

/** News of a download. */
public sealed interface DownloadStatus {
    /** The download begins. */
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
        /** Why. */
        public val error: MinnowException,
    ) : DownloadStatus
}

/** Adds the bytes of several files up. */
private fun relay(modelBytes: Long, tell: (DownloadStatus) -> Unit) = object : FetchListener {
    private val doneOf = mutableMapOf<String, Long>()

    override fun onProgress(stage: FetchStage, file: String, done: ULong, total: ULong) {
        if (stage == FetchStage.WAITING) return
        doneOf[file] = done.toLong()
        tell(DownloadStatus.DownloadProgress(doneOf.values.sum(), modelBytes))
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
