package dev.minnow

import dev.minnow.ffi.NativeAnnotator
import dev.minnow.ffi.openAnnotator
import java.time.LocalDate
import java.util.concurrent.atomic.AtomicBoolean
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.map

/**
 * Notes beside bank transactions who was paid, for what, and what stands out. Merchants and flags are rules over the text, the amounts and the
 * dates; categories are those of a [Classifier].
 *
 * What was seen before decides what is usual, so there is one annotator for each account, and transactions come in the order of their
 * dates. It remembers 20,000 merchants at most, in memory only.
 */
public interface Annotator : AutoCloseable {
    /**
     * Annotates the next transaction. One that fails is not remembered.
     *
     * @throws MinnowException.InvalidInput for an empty description, one over 16 KiB, or a year after 9999.
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun annotate(transaction: BankTransaction): TransactionAnnotation

    /** Annotates transactions as they come: the next one is taken when the annotation before it was, so that nothing piles up. */
    public fun annotate(transactions: Flow<BankTransaction>): Flow<TransactionAnnotation> = transactions.map { annotate(it) }

    /**
     * Stops what runs and forgets what was seen. Returns at once; calls that were running end with [MinnowException.Closed]. A second close
     * does nothing.
     */
    override fun close()

    public companion object {
        /** An annotator without categories; [Classifier.annotator] makes one with. */
        public suspend fun open(): Annotator = OpenedAnnotator(callingFor({ it.shutDownAndClose() }) { openAnnotator() })
    }
}

/** A payment, in or out. */
public data class BankTransaction(
    /** What the bank's statement says. */
    public val description: String,
    /** In the smallest unit of the currency (cents), negative for money that goes out. */
    public val amount: Long,
    /** The day it was booked. */
    public val date: LocalDate,
)

/** What is noted beside a [BankTransaction]. */
public data class TransactionAnnotation(
    /** Who was paid or who paid: the description without what terminals and banks add. */
    public val merchant: String,
    /** What it was for; `null` without a classifier, or where that doesn't know. */
    public val category: String?,
    /** Probability that the likeliest category is right; 0 without a classifier. */
    public val confidence: Float,
    /** What stands out. */
    public val flags: List<TransactionFlag>,
)

/** Why a transaction stands out. */
public sealed interface TransactionFlag {
    /** It comes again and again: the same merchant, about the same amount, about every so many days, for the third time at least. */
    public data class Recurring(
        /** The usual distance. */
        public val everyDays: Int,
    ) : TransactionFlag

    /** Far more than this merchant was paid before. */
    public data class UnusualAmount(
        /** The median of what came before, in the smallest unit. */
        public val usual: Long,
    ) : TransactionFlag

    /** The same merchant and amount within three days. */
    public data class PossibleDuplicate(
        /** Which transaction it repeats, counted from 0 in the order in which this annotator got them. */
        public val of: Long,
    ) : TransactionFlag
}

/** The annotator that is open in the native library. */
internal class OpenedAnnotator(private val native: NativeAnnotator) : Annotator {
    private val opened = AtomicBoolean(true)

    override suspend fun annotate(transaction: BankTransaction): TransactionAnnotation =
        calling { native.annotate(transaction.toNative()).toPublic() }

    override fun close() {
        if (opened.compareAndSet(true, false)) native.shutDownAndClose()
    }
}

private fun BankTransaction.toNative() =
    dev.minnow.ffi.BankTransaction(description.wellFormed(), amount, date.year, date.monthValue, date.dayOfMonth)

private fun dev.minnow.ffi.TransactionAnnotation.toPublic() =
    TransactionAnnotation(merchant, category, confidence, flags.map { it.toPublic() })

private fun dev.minnow.ffi.TransactionFlag.toPublic(): TransactionFlag = when (this) {
    is dev.minnow.ffi.TransactionFlag.Recurring -> TransactionFlag.Recurring(everyDays.toInt())
    is dev.minnow.ffi.TransactionFlag.UnusualAmount -> TransactionFlag.UnusualAmount(usual)
    is dev.minnow.ffi.TransactionFlag.PossibleDuplicate -> TransactionFlag.PossibleDuplicate(of.toLong())
}

/** The native object outlives the calls that still hold it; a shutdown ends those. */
internal fun NativeAnnotator.shutDownAndClose() {
    shutDown()
    close()
}
