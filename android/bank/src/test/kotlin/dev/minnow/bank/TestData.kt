package dev.minnow.bank

import java.io.File

/** The data that the bank's apps share. */
object TestData {
    /** Its folder; tests run in the module's. */
    val folder = File("../../tests/data/bank")

    /** A file's text. */
    fun text(name: String): String = File(folder, name).readText()

    /** The text of a file that the app has as an asset. */
    fun asset(name: String): String = text("assets/$name")

    /** The model that tests run on. */
    val model: File
        get() {
            val path = System.getenv("MINNOW_TEST_MODEL")
            return File(checkNotNull(path) { "set MINNOW_TEST_MODEL to a .gguf file, or run cargo xtask android test" })
        }
}
