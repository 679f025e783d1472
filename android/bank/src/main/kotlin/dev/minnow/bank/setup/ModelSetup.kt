package dev.minnow.bank.setup

import dev.minnow.DownloadStatus
import dev.minnow.FeatureStatus
import dev.minnow.MinnowException
import dev.minnow.Model
import dev.minnow.bank.Problem
import dev.minnow.bank.problem
import dev.minnow.bank.talk.BankAssistant
import java.io.File
import kotlin.coroutines.CoroutineContext
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.launch

/** Where the bank's model comes from. Calls throw [MinnowException]. */
interface ModelSource {
    /** What the catalogue says of it, and whether it is here. */
    suspend fun model(): Model

    /** Fetches it; one that is here already is checked, and fetched again where it is damaged. */
    fun download(): Flow<DownloadStatus>

    /** Where it is. */
    suspend fun file(): File

    /** Opens it. */
    suspend fun open(file: File): BankAssistant
}

/**
 * How the bank gets from nothing to an open assistant:
 *
 * ```
 * Checking ─► Missing ─► Downloading ─► Opening ─► Ready
 *     │          ▲            │            ▲
 *     │          └── cancel ──┘            │
 *     └────────────────────────────────────┘       any step but Missing ─► Failed ─ retry ─► Checking (Downloading for a damaged file)
 * ```
 *
 * Call it, and collect [state], on the one thread that the context runs on. It lives as long as the app.
 */
class ModelSetup(private val source: ModelSource, context: CoroutineContext) {
    private val scope = CoroutineScope(context + SupervisorJob(context[Job]))
    private val current = MutableStateFlow<SetupState>(SetupState.Checking)
    private var running: Job? = null
    private var bytes = 0L

    /** How far it is. */
    val state: StateFlow<SetupState> = current.asStateFlow()

    /** Looks whether the model is here and opens it. Does nothing while something runs, and once the assistant is open. */
    fun start() = run {
        current.value = SetupState.Checking
        val model = source.model()
        bytes = model.bytes
        when (model.status) {
            FeatureStatus.AVAILABLE -> open(source.file())
            FeatureStatus.DOWNLOADABLE -> current.value = SetupState.Missing(bytes)
            // it goes on from an earlier start of the app
            FeatureStatus.DOWNLOADING -> fetch()
            FeatureStatus.UNAVAILABLE -> current.value = SetupState.Failed(Problem.UNSUPPORTED)
        }
    }

    /** Fetches the model and opens it. Does nothing while something runs, and once the assistant is open. */
    fun download() = run { fetch() }

    /** Tries again what failed. */
    fun retry() {
        val failed = current.value as? SetupState.Failed ?: return
        if (failed.problem == Problem.MODEL_DAMAGED) download() else start()
    }

    /** Stops the download; what has come in is kept for the next one. */
    fun cancel() {
        if (current.value is SetupState.Downloading) running?.cancel()
    }

    private fun run(step: suspend () -> Unit) {
        if (running?.isActive == true || current.value is SetupState.Ready) return
        // undispatched, so that a job that is cancelled at once has entered `try` and leaves it in order
        running = scope.launch(start = CoroutineStart.UNDISPATCHED) {
            try {
                step()
            } catch (error: CancellationException) {
                current.value = SetupState.Missing(bytes)
                throw error
            } catch (error: MinnowException) {
                current.value = SetupState.Failed(error.problem())
            }
        }
    }

    private suspend fun fetch() {
        current.value = SetupState.Downloading(0, bytes)
        source.download().collect { status ->
            when (status) {
                is DownloadStatus.DownloadStarted -> bytes = status.bytesToDownload
                is DownloadStatus.DownloadProgress ->
                    current.value = SetupState.Downloading(status.totalBytesDownloaded, status.bytesToDownload)
                is DownloadStatus.DownloadCompleted -> open(status.file)
                is DownloadStatus.DownloadFailed -> throw status.error
            }
        }
    }

    private suspend fun open(file: File) {
        current.value = SetupState.Opening
        current.value = SetupState.Ready(source.open(file))
    }
}

/** How far the model is. */
sealed interface SetupState {
    /** Is it here? */
    data object Checking : SetupState

    /** It isn't here; the customer decides about fetching [bytes]. */
    data class Missing(val bytes: Long) : SetupState

    /** It is coming. */
    data class Downloading(val bytes: Long, val ofBytes: Long) : SetupState

    /** It is here and being opened. */
    data object Opening : SetupState

    /** The assistant answers. */
    data class Ready(val assistant: BankAssistant) : SetupState

    /** It can't be had. */
    data class Failed(val problem: Problem) : SetupState
}
