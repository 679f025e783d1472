package dev.minnow.bank.talk

/** Whether a text is so long that it was pasted rather than typed: a letter to summarise, not a question to answer. */
fun isLetter(text: String): Boolean = weight(text) >= LETTER_WEIGHT

/** Length in letters, where a Chinese character says as much as a short word. */
private fun weight(text: String): Int {
    val ideographs = text.count { Character.isIdeographic(it.code) }
    return text.length + ideographs * (IDEOGRAPH_WEIGHT - 1)
}

private const val IDEOGRAPH_WEIGHT = 3

/** About 80 English words. */
private const val LETTER_WEIGHT = 450
