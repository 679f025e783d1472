package dev.minnow.bank

import java.io.File

/** The data that the bank's apps share. */
object TestData {
    /** Its folder; tests run in the module's. */
    val folder = File("../../tests/data/bank")

    /** A file's text. */
    fun text(name: String): String = File(folder, name).readText()

    /** The model that tests run on. */
    val model: File
        get() = File(checkNotNull(System.getenv("MINNOW_TEST_MODEL")) { "set MINNOW_TEST_MODEL to a .gguf file, or run cargo xtask android test" })
}
