//! llama.cpp: found, built where that was asked for, and named exactly.
//!
//! It is reached through llama-cpp-python, in a virtual environment, since `pip` compiles it for this machine's own processor. The
//! script that times it lies beside the repository, with the other reference data.

use crate::system;
use anyhow::{Context, Result, bail, ensure};
use minnow_models::desktop;
use serde::{Deserialize, Serialize};
use std::env;
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// The version that the asks were made with.
const PACKAGE: &str = "llama-cpp-python==0.3.36";
/// Says which Python has the package.
const PYTHON: &str = "MINNOW_PEER_PYTHON";
/// What compiles it, each with Debian's package.
const COMPILERS: [(&str, &str); 3] = [("cmake", "cmake"), ("ninja", "ninja-build"), ("c++", "g++")];
/// What its shaders take beside that.
const SHADERS: [(&str, &str); 2] = [("glslc", "glslc"), ("vulkaninfo", "libvulkan-dev")];

/// Included before every C++ source, for processors with matrix tiles (AMX). Older GCCs, Debian 12's among them, believe that loading a
/// configuration of tiles reads 8 bytes of its 64, and leave out what is written to the others: the first use of a tile is an illegal
/// instruction. Told the truth, they compile llama.cpp as it was meant. To be removed with
/// <https://github.com/ggml-org/llama.cpp/pull/26954>.
const TILES: &str = r#"#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#define _tile_loadconfig(at) __asm__ volatile("ldtilecfg %X0" :: "m"(*(const char (*)[64])(at)))
#endif
"#;

/// Prints a [`Build`]: the memory first, as long as nothing but what the timing script imports is loaded.
const DESCRIBE: &str = r#"
import argparse, ctypes, json, os, resource, time
import llama_cpp.llama_cpp as c
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
libraries = os.listdir(os.path.join(os.path.dirname(c.__file__), "lib"))
print(json.dumps({
    "version": c.llama_version().decode(),
    "system": " ".join(c.llama_print_system_info().decode().split()),
    "vulkan": any("ggml-vulkan" in name for name in libraries),
    "python_bytes": peak * (1 if os.uname().sysname == "Darwin" else 1024),
}))
"#;

/// An installed peer.
#[derive(Debug)]
pub struct Peer {
    /// The Python that has it.
    pub python: PathBuf,
    /// The script that times it.
    pub script: PathBuf,
    /// What it is.
    pub build: Build,
}

/// What the peer is, as it says itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Build {
    /// llama.cpp's version.
    pub version: String,
    /// What it was compiled for.
    pub system: String,
    /// Whether it can use a GPU through Vulkan.
    pub vulkan: bool,
    /// Resident memory of Python with the package and without a model, which isn't the engine's.
    pub python_bytes: u64,
}

impl Peer {
    /// Finds the peer for the CPU or for the GPU. With `install` it is built where it is missing.
    pub fn find(shell: &Shell, gpu: bool, install: bool) -> Result<Self> {
        let script = script(shell)?;
        let python = python(shell, gpu, install)?;
        let output = cmd!(shell, "{python} -c {DESCRIBE}").quiet().ignore_stderr().read();
        let output = output.with_context(|| format!("{} has no llama.cpp: install {PACKAGE}", python.display()))?;
        let build: Build = serde_json::from_str(&output).context("llama.cpp describes itself in unknown words")?;
        match (gpu, build.vulkan) {
            (true, false) => bail!("the llama.cpp of {} was built without Vulkan", python.display()),
            // A build with Vulkan computes long prompts on the GPU even if no layer lies there.
            (false, true) => {
                bail!("the llama.cpp of {} would use the GPU: set {PYTHON} to one without", python.display())
            }
            _ => Ok(Self { python, script, build }),
        }
    }
}

/// The Python that was named, else that of the cache.
fn python(shell: &Shell, gpu: bool, install: bool) -> Result<PathBuf> {
    if let Some(python) = env::var_os(PYTHON).filter(|python| !python.is_empty()) {
        return Ok(python.into());
    }
    let folder = desktop::cache_folder()?.join(if gpu { "peer-vulkan" } else { "peer" });
    let python = folder.join("bin").join("python");
    if install && !has_package(shell, &python) {
        build(shell, gpu, &folder, &python)?;
    }
    ensure!(
        has_package(shell, &python),
        "{} has no llama.cpp: run again with --install, or set {PYTHON} to a Python with {PACKAGE}",
        folder.display()
    );
    Ok(python)
}

fn has_package(shell: &Shell, python: &Path) -> bool {
    python.exists() && cmd!(shell, "{python} -c {DESCRIBE}").quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

fn build(shell: &Shell, gpu: bool, folder: &Path, python: &Path) -> Result<()> {
    system::ensure_programs(shell, &COMPILERS)?;
    if gpu {
        system::ensure_programs(shell, &SHADERS)?;
    }
    println!("xtask: building llama.cpp in {} (about 10 minutes on two cores)", folder.display());
    cmd!(shell, "python3 -m venv {folder}").run()?;
    let tiles = folder.join("tiles.h");
    shell.write_file(&tiles, TILES)?;
    let _flags = shell.push_env("CXXFLAGS", format!("-include \"{}\"", tiles.display()));
    let _options = gpu.then(|| shell.push_env("CMAKE_ARGS", "-DGGML_VULKAN=on"));
    // Nothing from the cache: what lies there may have been built with other flags.
    cmd!(shell, "{python} -m pip install --no-cache-dir --no-binary llama-cpp-python {PACKAGE}").run()?;
    Ok(())
}

/// The timing script: in `$MINNOW_SHARED/peer`, else in `../shared/peer`.
fn script(shell: &Shell) -> Result<PathBuf> {
    let beside = || shell.current_dir().join("../shared");
    let script = env::var_os("MINNOW_SHARED").map_or_else(beside, PathBuf::from).join("peer/llama_cpp_bench.py");
    ensure!(script.exists(), "the peer's script is missing (expected {}): set MINNOW_SHARED", script.display());
    Ok(script)
}
