package dev.minnow

import java.io.File
import java.lang.management.ManagementFactory
import java.time.LocalDate
import kotlin.math.sqrt
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.jupiter.api.io.TempDir

/** Encoders, and the classifiers and annotators that are made with them. */
class ClassifierTest {
    private val examples = TestEncoder.examples

    /** Minutes of work. */
    private val many = (0 until 4000).map { LabelledText("The clerk counted the money of account $it again", "label ${it % 50}") }

    private fun testWithClassifier(body: suspend kotlinx.coroutines.CoroutineScope.(TextEncoder, Classifier) -> Unit) =
        testWithEncoder { encoder -> encoder.trainClassifier(examples).use { body(encoder, it) } }

    private suspend fun Classifier.label(text: String) = assertIs<Classification.Labelled>(classify(text)).label

    private fun cosine(a: FloatArray, b: FloatArray) = a.indices.sumOf { (a[it] * b[it]).toDouble() }

    @Test
    fun `an encoder says what it is and where meanings lie`() = testWithEncoder { encoder ->
        assertEquals(EncoderInfo("bert", 384, 256, false, encoder.model.device, encoder.model.deviceReason, 2), encoder.model)
        val (stolen, taken, weather) =
            encoder.embed(listOf("My card was stolen", "Somebody took my bank card", "It will rain tomorrow"))
        assertEquals(1.0, sqrt(cosine(stolen, stolen)), 1e-5)
        assertTrue(cosine(stolen, taken) > 0.6 && cosine(stolen, weather) < 0.3)
        TextEncoder.open(TestEncoder.file, EncoderOptions(DevicePreference.CPU, precision = EncoderPrecision.AS_STORED)).use {
            val exact = it.embed(listOf("My card was stolen")).single()
            assertTrue(cosine(exact, stolen) in 0.995..0.999999, "8 bits are close, and not the same")
        }
        assertEquals(emptyList(), encoder.embed(emptyList()))
        val updates = encoder.embedWithProgress(List(300) { "text $it" }).toList()
        val shares = updates.filterIsInstance<TaskUpdate.Progress>().map { it.share }
        assertEquals(shares.sorted(), shares)
        assertTrue(shares.last() == 1f && shares.size <= 201, "${shares.size} updates")
        assertContentEquals(
            encoder.embed(listOf("text 299")).single(),
            assertIs<TaskUpdate.Done<List<FloatArray>>>(updates.last()).result.last(),
        )
    }

    @Test
    fun `a classifier is trained, saved and read again`(@TempDir folder: File) = testWithEncoder { encoder ->
        val updates = encoder.trainClassifierWithProgress(examples).toList()
        val shares = updates.filterIsInstance<TaskUpdate.Progress>().map { it.share }
        assertTrue(shares == shares.sorted() && shares.size > 3, "$shares")
        val classifier = assertIs<TaskUpdate.Done<Classifier>>(updates.last()).result
        val info = classifier.info()
        assertEquals(listOf("lost_card", "exchange_rate", "address_change"), info.labels)
        assertEquals(18, info.examples)
        assertTrue(info.crossValidatedAccuracy > 0.8f && info.expectedCalibrationError in 0f..1f, "$info")
        val texts = listOf("My wallet is gone, with the card", "what do I get for 50 dollars", "my new home is in Bath")
        val found = classifier.classify(texts)
        assertEquals(info.labels, found.map { assertIs<Classification.Labelled>(it).label })
        for (answer in found) {
            assertEquals(info.labels.toSet(), answer.scores.map { it.label }.toSet())
            assertEquals(1f, answer.scores.map { it.probability }.sum(), 1e-3f)
            assertEquals(answer.confidence, answer.scores.first().probability)
            assertTrue(answer.evidence.isEmpty() && answer.servedBy == AnswerSource.ON_DEVICE)
        }
        val head = File(folder, "bank.head")
        classifier.save(head)
        assertTrue(head.length() in 1_000..400_000, "${head.length()} bytes")
        classifier.close()
        encoder.loadClassifier(head).use { loaded ->
            val again = loaded.classify(texts)
            for ((before, after) in found.zip(again)) {
                assertEquals(before.scores.first().label, after.scores.first().label)
                assertEquals(before.confidence, after.confidence, 0.02f)
            }
            assertEquals(info, loaded.info())
        }
    }

    @Test
    fun `a classifier says what it doesn't know and why it thinks so`() = testWithClassifier { _, classifier ->
        val text = "🐟 Hello, my card was stolen in Zürich"
        val found = classifier.classify(text, ClassifyOptions(evidence = true))
        val words = found.evidence.map { it.word }
        assertTrue("stolen" in words || "card" in words, "$words")
        for (evidence in found.evidence) {
            assertEquals(evidence.word, text.substring(evidence.span.start, evidence.span.end))
        }
        assertEquals(found.evidence.sortedByDescending { it.weight }, found.evidence)
        assertIs<Classification.Unsure>(classifier.classify("my card", ClassifyOptions(minConfidence = 1f)))
        assertIs<Classification.Unsure>(classifier.classify("my card", ClassifyOptions(accuracy = 0.999f)))
        val weather = "Will it rain in the mountains this weekend, and which boots should I wear?"
        assertIs<Classification.OutOfScope>(classifier.classify(weather, ClassifyOptions(refused = 0.2f)))
        assertIs<Classification.Labelled>(classifier.classify(weather), "eighteen examples can't promise one of eighty")
        assertIs<Classification.Labelled>(classifier.classify(weather, ClassifyOptions(refused = 0f)))
    }

    @Test
    fun `what users correct is learned while others ask`() = testWithClassifier { _, classifier ->
        val correction = LabelledText("Is the branch open on Saturday?", "opening_hours")
        val asking = List(8) { async { classifier.label("I lost my card on the bus") } }
        classifier.learn(listOf(correction))
        assertEquals(setOf("lost_card"), asking.awaitAll().toSet())
        assertEquals("opening_hours", classifier.label(correction.text))
        assertEquals("lost_card", classifier.label("I lost my card on the bus"))
        assertEquals(listOf("lost_card", "exchange_rate", "address_change", "opening_hours"), classifier.info().labels)
        assertEquals(19, classifier.info().examples)
    }

    @Test
    fun `labels alone are enough to begin with`() = testWithEncoder { encoder ->
        encoder.classifierFromLabels(listOf("lost or stolen card", "exchange rate")).use {
            assertEquals("lost or stolen card", it.label("Someone took my purse and my card was in it!"))
            assertEquals(0f, it.info().crossValidatedAccuracy)
        }
    }

    @Test
    fun `a chat model stands in where no encoder fits`() = test {
        val chinese = listOf("挂失" to "我的卡丢了", "挂失" to "银行卡被偷了,请冻结", "挂失" to "找不到我的卡", "汇率" to "今天美元汇率多少", "汇率" to "一百欧元换多少人民币", "汇率" to "日元的汇率")
        val assistant = TestModel.open()
        val encoder = assistant.textEncoder()
        assertEquals(576, encoder.model.dimensions)
        val classifier = encoder.trainClassifier(chinese.map { (label, text) -> LabelledText(text, label) })
        assertEquals(listOf("挂失", "汇率"), classifier.classify(listOf("我的卡丢了", "今天汇率是多少")).map { assertIs<Classification.Labelled>(it).label })
        assistant.close()
        assertFailsWith<MinnowException.Closed> { encoder.embed(listOf("hello")) }
        assertFailsWith<MinnowException.Closed> { classifier.classify("hello") }
    }

    @Test
    fun `errors say what is wrong`(@TempDir folder: File) = testWithClassifier { encoder, classifier ->
        suspend fun argument(call: suspend () -> Unit) = assertFailsWith<MinnowException.InvalidInput> { call() }.argument
        assertEquals("labels", argument { encoder.trainClassifier(examples.take(3)) })
        assertEquals("examples", argument { encoder.trainClassifier(examples + LabelledText(" ", "empty")) })
        assertEquals("examples", argument { encoder.trainClassifier(examples + LabelledText("empty", "")) })
        assertEquals("labels", argument { encoder.classifierFromLabels(listOf("cards", "17")) })
        assertEquals("text", argument { classifier.classify("") })
        assertEquals("accuracy", argument { classifier.classify("hello", ClassifyOptions(accuracy = 2f)) })
        assertEquals("threads", argument { TextEncoder.open(TestEncoder.file, EncoderOptions(threads = 0)) })
        val file = File(folder, "head")
        assertFailsWith<MinnowException.Storage> { encoder.loadClassifier(file) }
        assertFailsWith<MinnowException.Storage> { classifier.save(File(folder, "no/such/folder/head")) }
        file.writeText("this is no head")
        assertFailsWith<MinnowException.ModelFile> { encoder.loadClassifier(file) }
        assertFailsWith<MinnowException.Unsupported> { TextEncoder.open(TestModel.file) }
        assertFailsWith<MinnowException.Unsupported> { Assistant.open(TestEncoder.file) }
        TestModel.open().use { assistant ->
            assertFailsWith<MinnowException.Unsupported> {
                assistant.classify("hello", listOf("a", "b"), ClassifyOptions(accuracy = 0.9f))
            }
        }
        // half an emoji is no error
        classifier.learn(listOf(LabelledText("a\uD83D", "b\uDE00")))
        assertTrue("b\uFFFD" in classifier.info().labels)
    }

    @Test
    fun `a training that nobody waits for ends`() = testWithEncoder { encoder ->
        assertEquals(null, withTimeoutOrNull(300) { encoder.trainClassifier(many) })
        // the batch that was running ends, and then the encoder is free
        val begun = System.nanoTime()
        encoder.embed(listOf("hello"))
        assertTrue((System.nanoTime() - begun) / 1_000_000 < 3000, "the training went on")
        // another call would get its turn beside a training, too: that nothing works shows in the process's time
        val before = processMilliseconds()
        delay(1000.milliseconds)
        assertTrue(processMilliseconds() - before < 500, "the training went on")
        assertIs<TaskUpdate.Progress>(encoder.trainClassifierWithProgress(many).first())
    }

    @Test
    fun `a close ends what was made and what runs`() = testWithEncoder { other ->
        val encoder = TestEncoder.open()
        val classifier = encoder.trainClassifier(examples)
        val annotator = classifier.annotator()
        val running = List(3) { async { assertFailsWith<MinnowException.Closed> { encoder.trainClassifier(many) } } } +
            List(3) { async { assertFailsWith<MinnowException.Closed> { classifier.classify(many.map { it.text }) } } }
        delay(500.milliseconds)
        encoder.close()
        running.awaitAll()
        assertFailsWith<MinnowException.Closed> { encoder.embed(listOf("hello")) }
        assertFailsWith<MinnowException.Closed> { classifier.classify("hello") }
        assertFailsWith<MinnowException.Closed> { classifier.learn(examples) }
        assertFailsWith<MinnowException.Closed> { classifier.info() }
        assertFailsWith<MinnowException.Closed> { annotator.annotate(payment("TESCO 12", 1)) }
        encoder.close()
        classifier.close()
        annotator.close()

        // a classifier alone takes its annotators with it, and not its encoder
        val second = other.trainClassifier(examples)
        val notes = second.annotator()
        second.close()
        assertFailsWith<MinnowException.Closed> { notes.annotate(payment("TESCO 12", 1)) }
        assertEquals(1, other.embed(listOf("hello")).size)
    }

    @Test
    fun `transactions are annotated as they come`() = testWithEncoder { encoder ->
        val shops = listOf(
            "TESCO STORES 3021" to "groceries", "SAINSBURYS S/MKT" to "groceries", "LIDL GB LONDON" to "groceries",
            "NETFLIX.COM" to "streaming", "SPOTIFY P12" to "streaming", "DISNEY PLUS" to "streaming",
        )
        encoder.trainClassifier(shops.map { (text, label) -> LabelledText(text, label) }).use { classifier ->
            val annotator = classifier.annotator()
            var taken = 0
            val source = flow {
                for (month in 1..12) {
                    taken += 1
                    emit(BankTransaction("NETFLIX.COM 866-579", -1299, LocalDate.of(2026, month, 3)))
                }
            }
            val notes = annotator.annotate(source).take(3).toList()
            assertEquals(3, taken, "no more was taken than was asked for")
            assertEquals("Netflix" to "streaming", notes.first().merchant to notes.first().category)
            assertTrue(notes.first().confidence > 0.5f)
            assertEquals(listOf<TransactionFlag>(TransactionFlag.Recurring(30)), notes.last().flags)
        }
    }

    @Test
    fun `merchants and flags need no encoder`() = test {
        Annotator.open().use { annotator ->
            val first = annotator.annotate(payment("SQ *BLUE BOTTLE COFFEE 0042", 2))
            assertEquals(TransactionAnnotation("Blue Bottle Coffee", null, 0f, emptyList()), first)
            val again = annotator.annotate(payment("SQ *BLUE BOTTLE COFFEE 0042", 2))
            assertEquals(listOf<TransactionFlag>(TransactionFlag.PossibleDuplicate(0)), again.flags)
            val error = assertFailsWith<MinnowException.InvalidInput> { annotator.annotate(payment(" ", 2)) }
            assertEquals("description", error.argument)
            val far = BankTransaction("TESCO", 1, LocalDate.of(20_000, 1, 1))
            assertEquals("date", assertFailsWith<MinnowException.InvalidInput> { annotator.annotate(far) }.argument)
        }
    }

    /** Processor time of all threads. */
    private fun processMilliseconds(): Long {
        val system = ManagementFactory.getOperatingSystemMXBean() as com.sun.management.OperatingSystemMXBean
        return system.processCpuTime / 1_000_000
    }

    private fun payment(description: String, day: Int) = BankTransaction(description, -450, LocalDate.of(2026, 11, day))
}
