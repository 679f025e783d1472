package dev.minnow.bank

import java.io.File
import java.util.Locale
import javax.xml.parsers.DocumentBuilderFactory
import org.w3c.dom.Element

/** The app's string resources, read from their file as the phone would read them. */
class ResourceStrings(folder: String) : Strings {
    /** The strings as they stand in the file, by name. */
    val patterns: Map<String, String> = File("src/main/res/$folder/strings.xml").let { file ->
        val strings = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file).getElementsByTagName("string")
        (0 until strings.length).map { strings.item(it) as Element }.associate { it.getAttribute("name") to it.textContent }
    }

    override fun get(id: Int, vararg values: Any): String {
        val pattern = checkNotNull(patterns[NAMES[id]]) { "no string ${NAMES[id]}" }.replace("\\'", "'")
        return if (values.isEmpty()) pattern else String.format(Locale.ROOT, pattern, *values)
    }

    companion object {
        /** The names of all ids. */
        val NAMES: Map<Int, String> = R.string::class.java.fields.associate { it.getInt(null) to it.name }

        /** The strings for a language. */
        fun of(locale: Locale) = ResourceStrings(if (locale.language == "zh") "values-zh" else "values")
    }
}
