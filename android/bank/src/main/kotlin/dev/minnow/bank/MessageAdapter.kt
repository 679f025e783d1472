package dev.minnow.bank

import android.content.Context
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.BaseAdapter
import android.widget.Button
import android.widget.LinearLayout
import android.widget.TextView
import dev.minnow.bank.talk.BankMessage
import dev.minnow.bank.talk.BankPresenter
import dev.minnow.bank.talk.BankState
import dev.minnow.bank.talk.Message
import dev.minnow.bank.talk.Reply
import dev.minnow.bank.talk.UserMessage

/** The messages as rows: a greeting, then what was said. */
class MessageAdapter(
    private val context: Context,
    private val presenter: BankPresenter,
    private val words: ReplyText,
) : BaseAdapter() {
    private var state = BankState()

    /** Shows these messages from now on. */
    fun show(state: BankState) {
        this.state = state
        notifyDataSetChanged()
    }

    override fun getCount(): Int = state.messages.size + 1

    /** The message; `null` for the greeting. */
    override fun getItem(position: Int): Message? = state.messages.getOrNull(position - 1)

    override fun getItemId(position: Int): Long = getItem(position)?.id ?: 0L

    override fun hasStableIds(): Boolean = true

    override fun getViewTypeCount(): Int = 2

    override fun getItemViewType(position: Int): Int = if (getItem(position) is UserMessage) USER else BANK

    override fun areAllItemsEnabled(): Boolean = false

    /** Rows aren't clicked, the buttons in them are. */
    override fun isEnabled(position: Int): Boolean = false

    override fun getView(position: Int, reusable: View?, parent: ViewGroup): View {
        val message = getItem(position)
        val layout = if (message is UserMessage) R.layout.message_user else R.layout.message_bank
        val row = reusable ?: LayoutInflater.from(context).inflate(layout, parent, false)
        when (message) {
            null -> showBank(row, context.getString(R.string.greeting), note = null)
            is UserMessage -> showUser(row, message)
            is BankMessage -> showReply(row, message, isLast = position == count - 1)
        }
        return row
    }

    private fun showUser(row: View, message: UserMessage) {
        row.findViewById<TextView>(R.id.text).showSaid(message.text, R.string.you_said)
        row.findViewById<TextView>(R.id.note).showOrHide(message.recognised?.let(words::of))
    }

    private fun showReply(row: View, message: BankMessage, isLast: Boolean) {
        // a screen reader says an answer when it is complete, and no old ones while the list scrolls
        val isNews = isLast && (message.reply as? Reply.Chat)?.end != Reply.Chat.End.RUNNING
        row.findViewById<View>(R.id.text).accessibilityLiveRegion =
            if (isNews) View.ACCESSIBILITY_LIVE_REGION_POLITE else View.ACCESSIBILITY_LIVE_REGION_NONE
        showBank(row, words.of(message.reply), words.noteOn(message.reply))
        val offers: LinearLayout = row.findViewById(R.id.offers)
        val open = (message.reply as? Reply.Offers)?.takeIf { it.chosen == null }?.visits.orEmpty()
        for (visit in open) {
            val button = Button(context, null, 0, R.style.Bank_Button)
            button.text = words.of(visit)
            button.setOnClickListener { presenter.choose(message.id, visit) }
            offers.addView(button)
        }
        val reject: Button = row.findViewById(R.id.reject)
        reject.visibility = if (message.canBeRejected && !state.isAnswering) View.VISIBLE else View.GONE
        reject.setOnClickListener { presenter.reject(message.id) }
    }

    private fun showBank(row: View, said: String, note: String?) {
        row.findViewById<TextView>(R.id.text).showSaid(said, R.string.bank_said)
        row.findViewById<TextView>(R.id.note).showOrHide(note)
        row.findViewById<LinearLayout>(R.id.offers).removeAllViews()
        row.findViewById<Button>(R.id.reject).visibility = View.GONE
    }

    private fun TextView.showSaid(said: String, spoken: Int) {
        // every piece of an answer shows all rows again: most have nothing new
        if (said.contentEquals(text)) return
        text = said
        contentDescription = context.getString(spoken, said)
    }

    private fun TextView.showOrHide(words: String?) {
        text = words
        visibility = if (words == null) View.GONE else View.VISIBLE
    }

    private companion object {
        const val BANK = 0
        const val USER = 1
    }
}
