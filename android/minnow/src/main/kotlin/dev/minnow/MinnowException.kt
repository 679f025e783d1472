package dev.minnow

import dev.minnow.ffi.MinnowException as NativeException

/**
 * Why a call gave no value, cut by what the app can do next.
 *
 * Messages say what was expected, what was found and where. They never hold the user's words, so they are safe to log and to report.
 * The cause is what the native library threw. The constructors are public for an app's own tests.
 */
public sealed class MinnowException(message: String, cause: Throwable?) : Exception(message, cause) {
    /** A model file is damaged, inconsistent or no model file: fetch it again, or take another. */
    public class ModelFile(message: String, cause: Throwable? = null) : MinnowException(message, cause)

    /** The request is well formed but this model or build can't serve it: the message says what to use instead. */
    public class Unsupported(message: String, cause: Throwable? = null) : MinnowException(message, cause)

    /** An argument is out of its range. */
    public class InvalidInput(
        /** The argument's name. */
        public val argument: String,
        message: String,
        cause: Throwable? = null,
    ) : MinnowException(message, cause)

    /** The text names a date that is on no calendar, such as 30 February: ask the user for it again. */
    public class ImpossibleDate(message: String, cause: Throwable? = null) : MinnowException(message, cause)

    /** The compute device failed or is missing. */
    public class Device(message: String, cause: Throwable? = null) : MinnowException(message, cause)

    /** The text and its answer don't fit into the conversation's context: shorten the text, or open a longer context. */
    public class ContextFull(
        /** Tokens that the text takes. */
        public val needed: Long,
        /** Tokens that there is room for: those of the context, less the room for an answer. */
        public val available: Long,
        message: String,
        cause: Throwable? = null,
    ) : MinnowException(message, cause)

    /** An allocation this large was refused: open a shorter context. */
    public class Memory(
        /** Bytes that the call needed. */
        public val needed: Long,
        /** Bytes that may be used. */
        public val available: Long,
        message: String,
        cause: Throwable? = null,
    ) : MinnowException(message, cause)

    /** A file or folder can't be read or written, or the disk is full. */
    public class Storage(message: String, cause: Throwable? = null) : MinnowException(message, cause)

    /** The catalogue doesn't have such a model, or is wrong itself. */
    public class Catalogue(message: String, cause: Throwable? = null) : MinnowException(message, cause)

    /** The model comes under terms that the user has to accept first. */
    public class LicenceNotAccepted(
        /** The terms' name. */
        public val licence: String,
        /** Where to read them. */
        public val url: String,
        message: String,
        cause: Throwable? = null,
    ) : MinnowException(message, cause)

    /** The model isn't on this device yet: fetch it with [ModelStore.download]. */
    public class NotStored(message: String, cause: Throwable? = null) : MinnowException(message, cause)

    /** No source delivered the model: try again when there is a network. What has come in is kept. */
    public class Download(message: String, cause: Throwable? = null) : MinnowException(message, cause)

    /** What was called is closed, or was closed while the call ran. */
    public class Closed(message: String, cause: Throwable? = null) : MinnowException(message, cause)

    /** A promise inside Minnow was broken: please report it, the message holds nothing private. */
    public class Internal(message: String, cause: Throwable? = null) : MinnowException(message, cause)
}

internal fun NativeException.toPublic(): MinnowException = when (this) {
    is NativeException.ModelFile -> MinnowException.ModelFile(reason, this)
    is NativeException.Unsupported -> MinnowException.Unsupported(reason, this)
    is NativeException.InvalidInput -> MinnowException.InvalidInput(field, reason, this)
    is NativeException.ImpossibleDate -> MinnowException.ImpossibleDate(reason, this)
    is NativeException.Device -> MinnowException.Device(reason, this)
    is NativeException.ContextFull -> MinnowException.ContextFull(needed.toLong(), available.toLong(), reason, this)
    is NativeException.Memory -> MinnowException.Memory(needed.toLong(), available.toLong(), reason, this)
    is NativeException.Storage -> MinnowException.Storage(reason, this)
    is NativeException.Catalogue -> MinnowException.Catalogue(reason, this)
    is NativeException.LicenceNotAccepted -> MinnowException.LicenceNotAccepted(licence, url, reason, this)
    is NativeException.NotStored -> MinnowException.NotStored(reason, this)
    is NativeException.Download -> MinnowException.Download(reason, this)
    is NativeException.Closed -> MinnowException.Closed("closed (open it again)", this)
    is NativeException.Cancelled -> MinnowException.Internal("a call was cancelled that nobody cancelled", this)
    is NativeException.Internal -> MinnowException.Internal(reason, this)
}
