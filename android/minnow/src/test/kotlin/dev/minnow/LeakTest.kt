package dev.minnow

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
        val growth = sizes.takeLast(3).min() - sizes.take(3).min()
        assertTrue(growth < 20_000_000, "$growth bytes were left by 700 models: $sizes")
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
        val growth = sizes.last() - sizes.first()
        assertTrue(growth < 20_000_000, "$growth bytes were left by 80 conversations: $sizes")
    }
}
