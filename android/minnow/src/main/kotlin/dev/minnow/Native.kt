package dev.minnow

import kotlin.coroutines.coroutineContext
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.withContext
import dev.minnow.ffi.InternalException as NativeInternalException
import dev.minnow.ffi.MinnowException as NativeException

// Crossing into the native library: off the caller's thread, and with exceptions that an app can use.

/** Where calls into the native library start. Threads of its own, as many as needed up to this: they don't wait for what else the app does. */
internal val CallDispatcher: CoroutineDispatcher = Dispatchers.IO.limitedParallelism(16)

/**
 * Calls the native library on a background thread: handing a long text over, and loading the library at the first call, take longer
 * than a frame.
 */
internal suspend fun <T> calling(call: suspend () -> T): T = withContext(CallDispatcher) {
    try {
        NativeLibrary.load()
        call()
    } catch (error: NativeException) {
        // a call that ends because its coroutine was cancelled ends as coroutines do
        coroutineContext.ensureActive()
        throw error.toPublic()
    } catch (error: NativeInternalException) {
        throw MinnowException.Internal("the native library failed: ${error.message}", error)
    } catch (error: IllegalStateException) {
        if (error is CancellationException) throw error
        // what UniFFI throws for an object that was closed before the call
        throw MinnowException.Closed("closed (open it again)", error)
    }
}

/**
 * As [calling], for a native object: frees it where the caller is gone before it arrives. A coroutine may be cancelled on the way back
 * from the background thread, and a model would stay in memory until the garbage collector finds it.
 */
internal suspend fun <T : Any> callingFor(free: (T) -> Unit, make: suspend () -> T): T {
    var made: T? = null
    try {
        return calling { make().also { made = it } }
    } catch (error: Throwable) {
        made?.let(free)
        throw error
    }
}

/**
 * A text as the native library takes it. Half an emoji, as `take(n)` may leave it, is no character: the replacement character takes its
 * place, which is as long, so that spans stay right.
 */
internal fun String.wellFormed(): String {
    var fixed: StringBuilder? = null
    var index = 0
    while (index < length) {
        val char = this[index]
        val isPair = char.isHighSurrogate() && index + 1 < length && this[index + 1].isLowSurrogate()
        if (char.isSurrogate() && !isPair) {
            fixed = fixed ?: StringBuilder(this)
            fixed.setCharAt(index, '\uFFFD')
        }
        index += if (isPair) 2 else 1
    }
    return fixed?.toString() ?: this
}

/** A count for the native library, which has no negative ones. */
internal fun Int.positive(argument: String): UInt {
    if (this < 0) throw MinnowException.InvalidInput(argument, "$this, expected at least 1 ($argument)", null)
    return toUInt()
}

/** The native library: loaded at the first call, never by a static initialiser of the app. */
internal object NativeLibrary {
    private var loaded = false

    /**
     * Loads it.
     *
     * @throws MinnowException.Unsupported where it isn't there for this device.
     */
    @Synchronized
    fun load() {
        if (loaded) return
        try {
            // Through Java's own loader first, so that the library learns of the Java machine (JNI_OnLoad) and its threads need not be
            // attached for each piece of an answer. On a desktop the library may be where only JNA looks.
            System.loadLibrary(NAME)
        } catch (_: UnsatisfiedLinkError) {
        }
        try {
            dev.minnow.ffi.version()
        } catch (error: LinkageError) {
            throw MinnowException.Unsupported(
                "the native library $NAME is not there for this device (${System.getProperty("os.arch")})",
                error,
            )
        }
        loaded = true
    }

    private const val NAME = "minnow_ffi"
}
