//! The kinds of device, under every name that somebody calls them.

use clap::ValueEnum;
use goblin::elf::header::{EM_AARCH64, EM_ARM, EM_X86_64};
use std::fmt;

/// An application binary interface, named as Android names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Abi {
    /// Nearly all phones
    #[value(name = "arm64-v8a")]
    Arm64,
    /// Old phones
    #[value(name = "armeabi-v7a")]
    Arm32,
    /// Emulators
    #[value(name = "x86_64")]
    X86_64,
}

impl Abi {
    /// Android's name, which is also that of the folder in `jniLibs`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64-v8a",
            Self::Arm32 => "armeabi-v7a",
            Self::X86_64 => "x86_64",
        }
    }

    /// Rust's name.
    pub fn triple(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-linux-android",
            Self::Arm32 => "armv7-linux-androideabi",
            Self::X86_64 => "x86_64-linux-android",
        }
    }

    /// Whether the GPU can be had. Old phones do without: cubecl's `buildid` doesn't compile for 32 bits, and hardly any of their
    /// GPUs is worth its while.
    pub fn has_gpu(self) -> bool {
        self != Self::Arm32
    }

    /// Debian's name.
    pub fn debian(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::Arm32 => "armhf",
            Self::X86_64 => "amd64",
        }
    }

    /// The linker's name.
    pub fn linker(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64linux",
            Self::Arm32 => "armelf_linux_eabi",
            Self::X86_64 => "elf_x86_64",
        }
    }

    /// The number in the header of an ELF file.
    pub fn machine(self) -> u16 {
        match self {
            Self::Arm64 => EM_AARCH64,
            Self::Arm32 => EM_ARM,
            Self::X86_64 => EM_X86_64,
        }
    }
}

impl fmt::Display for Abi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
