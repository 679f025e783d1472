package dev.minnow

import java.time.LocalDate
import kotlin.test.Test
import kotlin.test.assertTrue

/** Opening and closing leaves nothing behind. */
class LeakTest {
    @Test
    fun `a thousand models opened and closed leave the resident memory flat`() = test {
        val sizes = mutableListOf<Long>()
        repeat(1000) { round ->
            TestModel.open().use { assistant ->
                if (round % 50 == 0) assistant.classify("hello", listOf("greeting", "complaint"))
            }
            if ((round + 1) % 100 == 0) {
                System.gc()
                // what a close hands to another thread is done soon
                Thread.sleep(200)
                sizes += residentBytes()
            }
        }
        println("resident megabytes after each 100 models: ${sizes.map { it / 1_000_000 }}")
        // the Java machine itself grows for the first few hundred, while it compiles what runs often
        val growth = sizes.takeLast(3).min() - sizes.drop(3).take(3).min()
        assertTrue(growth < 20_000_000, "$growth bytes were left by 400 models: $sizes")
    }

    @Test
    fun `a hundred conversations opened, used and dropped leave the resident memory flat`() = testWithModel { assistant ->
        val sizes = mutableListOf<Long>()
        repeat(100) { round ->
            assistant.chat(ChatOptions(contextTokens = 512)).use { it.say("hi", AnswerOptions(maxTokens = 1)) }
            if ((round + 1) % 20 == 0) {
                System.gc()
                Thread.sleep(200)
                sizes += residentBytes()
            }
        }
        val growth = sizes.last() - sizes[1]
        assertTrue(growth < 20_000_000, "$growth bytes were left by 60 conversations: $sizes")
    }

    @Test
    fun `a conversation takes memory as it grows, not when it is opened`() = testWithModel { assistant ->
        val short = AnswerOptions(maxTokens = 1)
        // what the first turn of all needs once
        assistant.chat().use { it.say("hi", short) }
        val before = residentBytes()
        val chats = List(20) { assistant.chat() }
        val opened = residentBytes() - before
        chats.forEach { it.say("hi", short) }
        val spoken = residentBytes() - before
        chats.forEach { it.close() }
        println("20 conversations: ${opened / 1_000_000} MB opened, ${spoken / 1_000_000} MB after one turn")
        assertTrue(opened < 40_000_000, "$opened bytes for 20 conversations that haven't begun")
        assertTrue(spoken < 200_000_000, "$spoken bytes for 20 conversations of a few words; 940 MB would be all their room")
    }

    @Test
    fun `hundreds of classifiers and annotators leave the resident memory flat`() = testWithEncoder { encoder ->
        val sizes = mutableListOf<Long>()
        repeat(300) { round ->
            val classifier = encoder.classifierFromLabels(List(50) { "label number $it" })
            classifier.annotator().annotate(BankTransaction("TESCO 12", -100, LocalDate.of(2026, 1, 1)))
            // letting go of it must be enough too
            if (round % 2 == 0) classifier.close()
            if ((round + 1) % 50 == 0) {
                System.gc()
                Thread.sleep(200)
                sizes += residentBytes()
            }
        }
        val growth = sizes.takeLast(2).min() - sizes[1]
        // A classifier and its annotator are 2 MB, so those that were only let go of would be 200 MB. The allocator keeps a little more after each
        // hundred, up to the first thousand: of 1500, the last 300 left nothing.
        assertTrue(growth < 100_000_000, "$growth bytes were left by 200 classifiers of 2 MB: $sizes")
    }
}
