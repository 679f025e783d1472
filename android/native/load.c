// Loads the Android library on this machine and calls the function that tells the version of UniFFI's contract.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

int main(int count, char **arguments) {
    if (count != 2) return fprintf(stderr, "expected the path of the library\n"), 2;
    void *library = dlopen(arguments[1], RTLD_NOW);
    if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
    uint32_t (*version)(void) = (uint32_t (*)(void))dlsym(library, "ffi_minnow_ffi_uniffi_contract_version");
    if (!version) return fprintf(stderr, "%s\n", dlerror()), 1;
    printf("UniFFI contract version %u\n", version());
    return 0;
}
