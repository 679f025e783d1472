package dev.minnow.bank

import android.app.Activity
import android.content.ActivityNotFoundException
import android.os.Bundle
import android.view.View
import dev.minnow.bank.setup.SetupState
import dev.minnow.bank.talk.BankAssistant
import dev.minnow.bank.talk.BankPresenter
import dev.minnow.closeWith
import java.time.Clock
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch

/**
 * The only screen: set-up until the model is there, then the chat.
 *
 * The chat outlives the activity when the phone is turned, and ends when the customer leaves; the model stays with the application.
 */
class BankActivity : Activity() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Main.immediate)
    private val bank get() = application as BankApplication
    private var presenter: BankPresenter? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.bank_activity)
        presenter = lastNonConfigurationInstance as BankPresenter?
        presenter?.closeWith(this)
        val setup = bank.setup
        val panel = SetupPanel(findViewById(R.id.setup), setup, replyText())
        scope.launch {
            setup.state.collect { state ->
                panel.show(state)
                if (state is SetupState.Ready) showChat(state.assistant)
            }
        }
    }

    /** The chat, for the activity that follows when the phone is turned. */
    override fun onRetainNonConfigurationInstance(): Any? = presenter

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }

    private fun showChat(assistant: BankAssistant) {
        val talk = presenter ?: newPresenter(assistant).also { presenter = it }
        val view: View = findViewById(R.id.chat)
        view.visibility = View.VISIBLE
        val panel = ChatPanel(view, talk, replyText())
        scope.launch {
            talk.state.collect { state ->
                panel.show(state)
                state.forCalendar?.let { visit ->
                    try {
                        startActivity(calendarIntent(visit, getString(R.string.calendar_title), getString(R.string.calendar_place)))
                        talk.calendarOpened()
                    } catch (_: ActivityNotFoundException) {
                        talk.calendarMissing()
                    }
                }
            }
        }
    }

    private fun newPresenter(assistant: BankAssistant): BankPresenter {
        // the presenter outlives this activity, so it must not hold it: the locale is the application's
        val resources = bank.resources
        val locale = { resources.configuration.locales[0] }
        val presenter = BankPresenter(assistant, bank.accounts, Clock.systemDefaultZone(), locale, Dispatchers.Main.immediate)
        presenter.closeWith(this)
        return presenter
    }

    private fun replyText(): ReplyText =
        ReplyText({ id, values -> getString(id, *values) }, resources.configuration.locales[0])
}
