package dev.minnow.bank

import android.text.Editable
import android.text.TextWatcher
import android.view.View
import android.widget.Button
import android.widget.EditText
import android.widget.ListView
import dev.minnow.bank.talk.BankPresenter
import dev.minnow.bank.talk.BankState

/** The chat's part of the screen: the messages, and where the customer writes. */
class ChatPanel(view: View, private val presenter: BankPresenter, words: ReplyText) {
    private val adapter = MessageAdapter(view.context, presenter, words)
    private val input: EditText = view.findViewById(R.id.input)
    private val send: Button = view.findViewById(R.id.send)
    private val summarise: Button = view.findViewById(R.id.summarise)
    private var isAnswering = false

    init {
        view.findViewById<ListView>(R.id.messages).adapter = adapter
        send.setOnClickListener { if (isAnswering) presenter.cancel() else take(presenter::send) }
        summarise.setOnClickListener { take(presenter::summarize) }
        input.addTextChangedListener(
            object : TextWatcher {
                override fun afterTextChanged(text: Editable) = showButtons()

                override fun beforeTextChanged(text: CharSequence, start: Int, count: Int, after: Int) = Unit

                override fun onTextChanged(text: CharSequence, start: Int, before: Int, count: Int) = Unit
            },
        )
        showButtons()
    }

    /** Shows the chat. */
    fun show(state: BankState) {
        isAnswering = state.isAnswering
        adapter.show(state)
        showButtons()
    }

    private fun take(say: (String) -> Unit) {
        val text = input.text.toString()
        input.text.clear()
        say(text)
    }

    private fun showButtons() {
        send.setText(if (isAnswering) R.string.stop else R.string.send)
        send.isEnabled = isAnswering || input.text.isNotBlank()
        // a letter is recognised by its length; this is for shorter ones
        summarise.visibility = if (!isAnswering && input.text.length >= MAY_BE_LETTER) View.VISIBLE else View.GONE
    }

    private companion object {
        /** From here on a text may have more than one sentence. */
        const val MAY_BE_LETTER = 100
    }
}
