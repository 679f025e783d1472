package dev.minnow.bank

import android.app.Application
import dev.minnow.AssistantOptions
import dev.minnow.ModelStore
import dev.minnow.bank.account.AccountRepository
import dev.minnow.bank.account.SqliteAccountRepository
import dev.minnow.bank.setup.MinnowModelSource
import dev.minnow.bank.setup.ModelSetup
import dev.minnow.observeMemory
import dev.minnow.open
import kotlinx.coroutines.Dispatchers

/** Holds what outlives the screen: the model, which takes a moment to open, and the account. */
class BankApplication : Application() {
    /**
     * The way to the open assistant; it begins with the first look at it. Memory is given back whenever Android asks; the assistant lives
     * as long as the process.
     */
    val setup: ModelSetup by lazy {
        val source = MinnowModelSource(
            options = AssistantOptions(cacheFolder = cacheDir),
            openStore = { ModelStore.open(this) },
            onOpen = { assistant -> assistant.observeMemory(this) },
        )
        ModelSetup(source, Dispatchers.Main.immediate).also(ModelSetup::start)
    }

    /** The customer's account. */
    val accounts: AccountRepository by lazy { SqliteAccountRepository(this) }
}
