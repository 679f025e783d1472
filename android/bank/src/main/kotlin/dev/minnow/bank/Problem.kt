package dev.minnow.bank

import dev.minnow.MinnowException

/** What went wrong, cut by what the customer can do about it. */
enum class Problem {
    /** The model was closed: open the app again. */
    CLOSED,

    /** The text is too long. */
    TOO_LONG,

    /** The phone has too little memory free. */
    MEMORY,

    /** The model's file is damaged: it is fetched again. */
    MODEL_DAMAGED,

    /** The model can't be fetched now. */
    NO_DOWNLOAD,

    /** The phone's storage is full or can't be used. */
    STORAGE,

    /** Neither this phone nor this version of the app can run the model. */
    UNSUPPORTED,

    /** The account's data can't be read. */
    ACCOUNT,

    /** Something inside failed. */
    INTERNAL,
}

/** What an error of Minnow means here. */
fun MinnowException.problem(): Problem = when (this) {
    is MinnowException.Closed -> Problem.CLOSED
    is MinnowException.ContextFull, is MinnowException.InvalidInput -> Problem.TOO_LONG
    is MinnowException.Memory -> Problem.MEMORY
    is MinnowException.ModelFile -> Problem.MODEL_DAMAGED
    is MinnowException.Download, is MinnowException.NotStored -> Problem.NO_DOWNLOAD
    is MinnowException.Storage -> Problem.STORAGE
    is MinnowException.Unsupported -> Problem.UNSUPPORTED
    is MinnowException.ImpossibleDate,
    is MinnowException.Device,
    is MinnowException.Catalogue,
    is MinnowException.LicenceNotAccepted,
    is MinnowException.Internal,
    -> Problem.INTERNAL
}
