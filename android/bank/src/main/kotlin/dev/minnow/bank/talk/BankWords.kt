package dev.minnow.bank.talk

/**
 * Words that give an intent away, in English and Chinese: the deterministic half of [recognise].
 *
 * Only intents that the app serves have them, and they had rather miss than mislead: what they miss, the model may still see. On the
 * requests of clinc150 the English ones find 57 % of those for the balance and 67 % of those for transactions, and take 20 of the 32,000
 * other messages of clinc150 and banking77 wrongly. (They were written with both sets at hand; nothing was held out.)
 */
object BankWords {
    private val BALANCE = listOf(
        Regex("""(?i)\b(what|whats|what's|show|see|check|tell|give|know|my|current|account|bank)\b.{0,40}\bbalances?\b"""),
        Regex("""(?i)^\W*balance\W*$"""),
        Regex("""(?i)\bhow much (money |cash |funds? )?(do i (currently )?have|have i got|i have|is (left|in my|there in))\b$NOT_TO_PAY"""),
        Regex("余额|(还有|还剩|剩下|有)多少钱"),
    )
    private val TRANSACTIONS = listOf(
        Regex("""(?i)\b(recent|last|latest|past|newest|previous)( \w+){0,2} (transactions?|purchases|payments|spending|bookings)\b"""),
        Regex("""(?i)\b(show|see|list|view|display|check|tell|give|pull up|what|which)\b.{0,30}\b(transactions|purchases|statement)\b"""),
        Regex("""(?i)\b(transactions?|payments?|account) history\b"""),
        Regex("(最近|近期|上次|看看|查看|查询|查一下|显示).{0,6}(交易|流水|明细|消费|账单)|(交易|消费)(记录|明细)"),
    )

    /** Whoever writes so has a problem with the balance or a transaction, and isn't asking what it is. */
    private val TROUBLE = listOf(
        Regex("""(?i)n['’]t\b|\b(not|dont|didnt|isnt|hasnt|wasnt|cant|never|cancel\w*|twice|wrong|incorrect|fail\w*|declined?)\b"""),
        Regex("""(?i)\b(rejected|missing|refund\w*|revert\w*|stayed|remained|updat\w*|pending|charged?|transfer\w*|top.?up|deposit\w*)\b"""),
        Regex("""(?i)\b(exchange|fees?|bills?|rewards?|limit|maximum|disposable|why|how (long|do|can|would)|where('s| is| are) my)\b"""),
        Regex("没有(更新|到账|变)|没到账|未到账|不对|错|取消|退款|退回|重复|不认识|失败|为什么|转账"),
    )
    private val VISIT = listOf(
        Regex("""(?i)\b(appointment|branch|advis[eo]rs?|visit|meet|(i|we) (\w+ )?come (in|by|over|round)|drop (in|by)|see some(one|body))\b"""),
        Regex("预约|约个?时间|支行|分行|网点|柜台|客户经理|过来|来一趟|可以来|能来|去你们"),
    )
    private val APPOINTMENT = listOf(
        Regex("""(?i)\b(make|book|get|need|have|want|like|schedule|arrange) (me )?an? (\w+ )?appointment\b"""),
        Regex("预约"),
    )

    /**
     * The intent that the words of a message give away.
     *
     * @param speaksOfTime whether it speaks of a time to come. "Can I come in?" is only an appointment with one; to ask for an appointment
     *   in that word is one without.
     */
    fun intent(message: String, speaksOfTime: Boolean): BankIntent? = when {
        message matches APPOINTMENT || (speaksOfTime && mayBeVisit(message)) -> BankIntent.APPOINTMENT
        message matches TROUBLE -> null
        message matches BALANCE -> BankIntent.BALANCE
        message matches TRANSACTIONS -> BankIntent.TRANSACTIONS
        else -> null
    }

    /** Whether a message could ask to come to the branch, so that its times are worth looking for. */
    fun mayBeVisit(message: String): Boolean = message matches VISIT

    private infix fun String.matches(patterns: List<Regex>): Boolean = patterns.any { it.containsMatchIn(this) }
}

/** "How much do I have to pay" is about a bill, "how much I have spent" about transactions. */
private const val NOT_TO_PAY = """(?!( \w+){0,2} (to|spent|been|bought) )"""
