package dev.minnow.bank.talk

import dev.minnow.Classification

/**
 * What customers write to a bank about, in the manner of banking77 (Casanueva et al. 2020), in fewer and wider classes.
 *
 * @param label what the model is given: English words that say what they mean, whatever language the customer writes.
 */
enum class BankIntent(val label: String) {
    BALANCE("account balance"),
    TRANSACTIONS("recent transactions"),
    APPOINTMENT("branch appointment"),
    CARD_NOT_WORKING("card not working"),
    CARD_LOST("lost or stolen card"),
    CARD_DELIVERY("card delivery"),
    TRANSFER("transfer problem"),
    CASH_MACHINE("cash machine"),
    EXCHANGE_RATE("exchange rate"),
    FEES("fees and charges"),
    PIN("PIN or password"),
    LOAN("loan or mortgage"),
    ;

    /** The app answers it from its own data. */
    val isServed: Boolean get() = this == BALANCE || this == TRANSACTIONS || this == APPOINTMENT

    companion object {
        /** Every label, for the model. */
        val LABELS: List<String> = entries.map { it.label }

        /** The intent with this label. */
        fun of(label: String): BankIntent? = entries.find { it.label == label }
    }
}

/** What a message was taken for. */
data class Recognised(
    /** `null`: nobody knows. */
    val intent: BankIntent?,
    /** The model's probability for [intent]; for its own best guess where there is none. Not calibrated. */
    val confidence: Float,
    /** The message's own words decided, whatever the model thinks. */
    val byWords: Boolean,
)

/**
 * What a message is about.
 *
 * SmolLM2-135M is right on about two messages in three where it chooses among eight labels, and reads next to no Chinese, so it doesn't
 * decide alone. Words that can hardly mean anything else decide first, unless the model is nearly sure of something else. By the model
 * alone an intent is only *served* where it is more likely than not, since an answer from the wrong data is worse than a chat; what is
 * merely shown may be less sure. The customer sees all of it and can object.
 *
 * Measured with these labels on 130 messages of banking77 and clinc150: of 30 that ask for the balance or transactions the model alone
 * would serve 11, two of them with the other one's data; of 100 others, 2.
 *
 * @param words what [BankWords] found in the message.
 */
fun recognise(words: BankIntent?, model: Classification): Recognised {
    val guess = (model as? Classification.Labelled)?.let { BankIntent.of(it.label) }
    if (words != null && (guess == words || model.confidence < NEARLY_SURE)) {
        val share = model.scores.find { it.label == words.label }?.probability ?: 0f
        return Recognised(words, share, byWords = true)
    }
    val isEnough = guess != null && (!guess.isServed || model.confidence >= TO_SERVE)
    return Recognised(guess.takeIf { isEnough }, model.confidence, byWords = false)
}

/** Below it the model's best guess isn't named: with twelve labels a blind guess has 0.08. */
const val TO_NAME = 0.3f

/** From here on the model alone may have an intent served. */
private const val TO_SERVE = 0.5f

/** From here on the model overrules the words. */
private const val NEARLY_SURE = 0.8f
