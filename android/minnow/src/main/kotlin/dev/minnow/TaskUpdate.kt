package dev.minnow

import dev.minnow.ffi.ProgressListener
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.ProducerScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.flow.flowOn

/** News of a running call. */
public sealed interface TaskUpdate<out T> {
    /** The share that is done, 0 to 1. */
    public data class Progress(public val share: Float) : TaskUpdate<Nothing>

    /** The result; nothing comes after it. */
    public data class Done<out T>(public val result: T) : TaskUpdate<T>
}

/** A call as a flow of its news. */
internal fun <T> updates(call: suspend (ProgressListener) -> T): Flow<TaskUpdate<T>> =
    channelFlow { send(TaskUpdate.Done(call(progressTo(this@channelFlow)))) }
        // a slow reader doesn't hold the model up; a call tells of two hundred steps at most
        .buffer(Channel.UNLIMITED)
        .flowOn(CallDispatcher)

private fun <T> progressTo(updates: ProducerScope<TaskUpdate<T>>): ProgressListener =
    object : ProgressListener {
        override fun onProgress(share: Float) {
            updates.trySend(TaskUpdate.Progress(share))
        }
    }
