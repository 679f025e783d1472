package dev.minnow.bank

import android.text.format.Formatter
import android.view.View
import android.widget.Button
import android.widget.ProgressBar
import android.widget.TextView
import dev.minnow.bank.setup.ModelSetup
import dev.minnow.bank.setup.SetupState

/** The set-up's part of the screen: what is going on, how far it is, and the one thing that can be done. */
class SetupPanel(private val view: View, private val setup: ModelSetup, private val words: ReplyText) {
    private val text: TextView = view.findViewById(R.id.setup_text)
    private val progress: ProgressBar = view.findViewById(R.id.setup_progress)
    private val button: Button = view.findViewById(R.id.setup_button)

    /** Shows how far the set-up is. */
    fun show(state: SetupState) {
        view.visibility = if (state is SetupState.Ready) View.GONE else View.VISIBLE
        text.text = textOf(state)
        progress.visibility = if (isBusy(state)) View.VISIBLE else View.INVISIBLE
        val share = share(state)
        progress.isIndeterminate = share == null
        share?.let { progress.progress = (it * progress.max).toInt() }
        when (state) {
            is SetupState.Missing -> offer(R.string.setup_download, setup::download)
            is SetupState.Downloading -> offer(R.string.setup_cancel, setup::cancel)
            is SetupState.Failed -> offer(R.string.setup_retry, setup::retry)
            SetupState.Checking, SetupState.Opening, is SetupState.Ready -> button.visibility = View.INVISIBLE
        }
    }

    private fun offer(label: Int, act: () -> Unit) {
        button.visibility = View.VISIBLE
        button.setText(label)
        button.setOnClickListener { act() }
    }

    private fun textOf(state: SetupState): String = when (state) {
        SetupState.Checking -> string(R.string.setup_checking)
        is SetupState.Missing -> string(R.string.setup_missing, size(state.bytes))
        is SetupState.Downloading -> string(R.string.setup_downloading, size(state.bytes), size(state.ofBytes))
        SetupState.Opening, is SetupState.Ready -> string(R.string.setup_opening)
        is SetupState.Failed -> words.of(state.problem)
    }

    private fun isBusy(state: SetupState): Boolean =
        state == SetupState.Checking || state is SetupState.Downloading || state == SetupState.Opening

    /** The share that is done; `null` where nobody knows. */
    private fun share(state: SetupState): Double? = (state as? SetupState.Downloading)?.run {
        if (ofBytes > 0) bytes.toDouble() / ofBytes else null
    }

    private fun string(id: Int, vararg values: Any): String = view.context.getString(id, *values)

    private fun size(bytes: Long): String = Formatter.formatShortFileSize(view.context, bytes)
}
