package dev.minnow

import android.app.Activity
import android.app.Application
import android.content.ComponentCallbacks2
import android.content.Context
import android.content.res.Configuration
import android.os.Bundle
import java.io.File
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch

/**
 * Opens the app's model store: a folder of its private storage that isn't backed up.
 *
 * @throws MinnowException as [ModelStore.Companion.open].
 */
public suspend fun ModelStore.Companion.open(context: Context, client: HttpClient = HttpClient.system()): ModelStore {
    // finding the folder may create it: not on the main thread
    return open(calling { File(context.applicationContext.noBackupFilesDir, "minnow/models") }, client = client)
}

/**
 * Gives memory back whenever Android asks for it, until the returned handle is closed: caches when the app leaves the screen or memory
 * runs low, the weights too when the process is in danger. The next call reads them again.
 *
 * The handle holds the assistant: close both together. An assistant that lives as long as the process needs no handle.
 *
 * ```kotlin
 * Assistant.open(model).use { assistant ->
 *     assistant.observeMemory(context).use { … }
 * }
 * ```
 */
public fun Assistant.observeMemory(context: Context): AutoCloseable = observeMemory(context) { trim(it) }

/**
 * Gives memory back when Android asks for it with urgency, until the returned handle is closed: the encoder's weights go when the process is
 * in danger, and the next call reads them again. The handle holds the encoder, as that of an assistant does.
 */
public fun TextEncoder.observeMemory(context: Context): AutoCloseable = observeMemory(context) { trim(it) }

private fun observeMemory(context: Context, trim: suspend (MemoryPressure) -> Unit): AutoCloseable {
    val callbacks = MemoryCallbacks(trim)
    val application = context.applicationContext
    application.registerComponentCallbacks(callbacks)
    return AutoCloseable {
        application.unregisterComponentCallbacks(callbacks)
        callbacks.close()
    }
}

/**
 * Closes this when [activity] is destroyed for good, and not when it is only recreated, as when the phone is turned. For something that
 * lives in one activity and is handed on when that is recreated: then call this again with the new one. What outlives activities belongs
 * into a `ViewModel`, whose `onCleared` closes it.
 */
public fun AutoCloseable.closeWith(activity: Activity) {
    val application = activity.application
    application.registerActivityLifecycleCallbacks(
        object : Application.ActivityLifecycleCallbacks {
            override fun onActivityDestroyed(destroyed: Activity) {
                if (destroyed !== activity) return
                application.unregisterActivityLifecycleCallbacks(this)
                if (!destroyed.isChangingConfigurations) close()
            }

            override fun onActivityCreated(activity: Activity, state: Bundle?) = Unit

            override fun onActivityStarted(activity: Activity) = Unit

            override fun onActivityResumed(activity: Activity) = Unit

            override fun onActivityPaused(activity: Activity) = Unit

            override fun onActivityStopped(activity: Activity) = Unit

            override fun onActivitySaveInstanceState(activity: Activity, state: Bundle) = Unit
        },
    )
}

/**
 * What a level of `onTrimMemory` asks of a model; `null`: nothing.
 *
 * Newer Android versions only send UI_HIDDEN and BACKGROUND; the others are for those before 14.
 */
@Suppress("DEPRECATION")
public fun memoryPressureOf(trimLevel: Int): MemoryPressure? = when (trimLevel) {
    ComponentCallbacks2.TRIM_MEMORY_RUNNING_CRITICAL,
    ComponentCallbacks2.TRIM_MEMORY_BACKGROUND,
    ComponentCallbacks2.TRIM_MEMORY_MODERATE,
    ComponentCallbacks2.TRIM_MEMORY_COMPLETE,
    -> MemoryPressure.CRITICAL
    ComponentCallbacks2.TRIM_MEMORY_RUNNING_MODERATE,
    ComponentCallbacks2.TRIM_MEMORY_RUNNING_LOW,
    ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN,
    -> MemoryPressure.MODERATE
    else -> null
}

private class MemoryCallbacks(private val trim: suspend (MemoryPressure) -> Unit) : ComponentCallbacks2, AutoCloseable {
    private val scope = CoroutineScope(SupervisorJob() + CallDispatcher)

    override fun onTrimMemory(level: Int) {
        memoryPressureOf(level)?.let(::giveBack)
    }

    @Deprecated("Android calls it on versions before 14")
    override fun onLowMemory() = giveBack(MemoryPressure.CRITICAL)

    override fun onConfigurationChanged(configuration: Configuration) = Unit

    override fun close() = scope.cancel()

    private fun giveBack(pressure: MemoryPressure) {
        scope.launch {
            try {
                trim(pressure)
            } catch (_: MinnowException) {
                // closed meanwhile: there is nothing to give back
            }
        }
    }
}
