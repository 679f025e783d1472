package dev.minnow.bank.setup

import dev.minnow.Assistant
import dev.minnow.AssistantOptions
import dev.minnow.DownloadStatus
import dev.minnow.Model
import dev.minnow.ModelStore
import dev.minnow.bank.talk.BankAssistant
import dev.minnow.bank.talk.MinnowAssistant
import java.io.File
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.emitAll
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/**
 * The bank's model in Minnow's store.
 *
 * @param openStore opens the store; called once, at the first use.
 * @param options how the model is opened.
 * @param onOpen gets the assistant when it is open, to have it give memory back.
 */
class MinnowModelSource(
    private val name: String = ModelStore.DEFAULT_MODEL,
    private val options: AssistantOptions = AssistantOptions(),
    private val openStore: suspend () -> ModelStore,
    private val onOpen: (Assistant) -> Unit,
) : ModelSource {
    private val opening = Mutex()
    private var opened: ModelStore? = null

    override suspend fun model(): Model = store().models().first { it.name == name }

    override fun download(): Flow<DownloadStatus> = flow { emitAll(store().download(name)) }

    override suspend fun file(): File = store().file(name)

    override suspend fun open(file: File): BankAssistant = MinnowAssistant(Assistant.open(file, options).also(onOpen))

    private suspend fun store(): ModelStore = opening.withLock { opened ?: openStore().also { opened = it } }
}
