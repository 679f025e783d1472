package dev.minnow

import dev.minnow.ffi.LogListener
import dev.minnow.ffi.setLogLevel
import dev.minnow.ffi.setLogListener

/** What concerns the library as a whole. */
public object Minnow {
    /**
     * The version of the native library.
     *
     * @throws MinnowException.Unsupported where it isn't there for this device.
     */
    public suspend fun version(): String = calling { dev.minnow.ffi.version() }

    /**
     * How much the engine says from now on, to logcat under the tag `Minnow` and to [listener]. It never says what the user wrote.
     * Without this call: warnings and errors, to logcat only.
     *
     * @param listener gets every line too, from any thread; what it throws is ignored. `null`: none.
     */
    public suspend fun setLogging(level: LogLevel, listener: ((LogLine) -> Unit)? = null) {
        calling {
            setLogListener(listener?.let(::Relay))
            setLogLevel(
                when (level) {
                    LogLevel.OFF -> dev.minnow.ffi.LogLevel.OFF
                    LogLevel.ERROR -> dev.minnow.ffi.LogLevel.ERROR
                    LogLevel.WARN -> dev.minnow.ffi.LogLevel.WARN
                    LogLevel.INFO -> dev.minnow.ffi.LogLevel.INFO
                    LogLevel.DEBUG -> dev.minnow.ffi.LogLevel.DEBUG
                },
            )
        }
    }

    private class Relay(private val listener: (LogLine) -> Unit) : LogListener {
        override fun onLog(level: dev.minnow.ffi.LogLevel, target: String, line: String) {
            val named = when (level) {
                dev.minnow.ffi.LogLevel.OFF, dev.minnow.ffi.LogLevel.ERROR -> LogLevel.ERROR
                dev.minnow.ffi.LogLevel.WARN -> LogLevel.WARN
                dev.minnow.ffi.LogLevel.INFO -> LogLevel.INFO
                dev.minnow.ffi.LogLevel.DEBUG -> LogLevel.DEBUG
            }
            listener(LogLine(named, target, line))
        }
    }
}

/** How much the engine says. */
public enum class LogLevel {
    /** Nothing. */
    OFF,

    /** What failed. */
    ERROR,

    /** What may be wrong. */
    WARN,

    /** What was opened and chosen. */
    INFO,

    /** What happens inside. */
    DEBUG,
}

/** A line of the engine's log. */
public data class LogLine(
    /** How grave it is. */
    public val level: LogLevel,
    /** The part of the engine that says it. */
    public val target: String,
    /** What it says. */
    public val message: String,
)
