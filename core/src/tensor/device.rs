//! Which processor a model runs on, and why.
//!
//! GPUs are opened through one pinned API (Metal on Apple systems, Vulkan elsewhere), so that a hidden driver is never replaced by a slower
//! one in silence. Software adapters (llvmpipe, SwiftShader) are slower than the CPU path by an order of magnitude: they
//! serve where they are asked for by name, as tests do, and are skipped otherwise.

#[cfg(feature = "gpu")]
use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
#[cfg(feature = "gpu")]
use burn_std::id::StreamId;

use crate::format::BlockFormat;
use crate::{Error, Result};

/// Which processor the caller wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DevicePreference {
    /// A hardware GPU where there is one that computes right, else the CPU.
    #[default]
    Auto,
    /// The GPU, a software adapter included; an error where there is none.
    Gpu,
    /// The CPU.
    Cpu,
}

/// What a model runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceReport {
    /// `cpu` or `gpu`.
    pub kind: DeviceKind,
    /// The processor as its driver names it.
    pub name: String,
    /// Why it was chosen.
    pub reason: String,
}

impl DeviceReport {
    /// Whether the model runs on a GPU.
    pub fn is_gpu(&self) -> bool {
        self.kind == DeviceKind::Gpu
    }
}

/// A kind of processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// The processor's own cores.
    Cpu,
    /// A graphics processor through Vulkan or Metal, or a software stand-in for one.
    Gpu,
}

impl std::fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        })
    }
}

/// An opened processor.
#[derive(Debug, Clone)]
pub(crate) enum ComputeDevice {
    /// Burn's Flex backend.
    Cpu(Device),
    /// Burn's wgpu backend.
    #[cfg(feature = "gpu")]
    Gpu(GpuDevice),
}

/// An opened GPU.
#[cfg(feature = "gpu")]
#[derive(Debug, Clone)]
pub(crate) struct GpuDevice {
    /// Burn's handle.
    pub(crate) burn: Device,
    /// The adapter's own name.
    name: String,
    /// Whether the adapter is a program on the CPU.
    software: bool,
    /// Whether kernels may use `f16`.
    f16: bool,
    /// The queue of this engine's launches.
    stream: StreamId,
}

impl ComputeDevice {
    /// The CPU.
    pub(crate) fn cpu() -> Self {
        Self::Cpu(Device::flex())
    }

    /// The GPU; `software`: whether a software adapter will do.
    ///
    /// # Errors
    /// `Device` where this build, the system or the driver has none.
    #[cfg(feature = "gpu")]
    pub(crate) fn gpu(software: bool) -> Result<Self> {
        open_gpu(software).map(Self::Gpu)
    }

    /// The GPU: this build has none.
    #[cfg(not(feature = "gpu"))]
    pub(crate) fn gpu(_software: bool) -> Result<Self> {
        Err(Error::Device { device: "gpu".into(), what: "this build has no GPU support (cargo feature `gpu`)".into() })
    }

    /// Does `work`, with all that it launches on this device's own queue. Burn would take one for each thread, and steps come from any
    /// thread of a pool: queues would wait for each other, and a step that is recorded must be on one.
    pub(crate) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        match self {
            Self::Cpu(_) => work(),
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => gpu.stream.executes(work),
        }
    }

    /// The same device with a queue of its own.
    #[cfg(feature = "gpu")]
    pub(crate) fn on_another_queue(&self) -> Self {
        match self {
            Self::Cpu(device) => Self::Cpu(device.clone()),
            Self::Gpu(gpu) => Self::Gpu(GpuDevice { stream: StreamId::allocate(), ..gpu.clone() }),
        }
    }

    /// Burn's handle.
    pub(crate) fn burn(&self) -> &Device {
        match self {
            Self::Cpu(device) => device,
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => &gpu.burn,
        }
    }

    /// What it is.
    pub(crate) fn kind(&self) -> DeviceKind {
        match self {
            Self::Cpu(_) => DeviceKind::Cpu,
            #[cfg(feature = "gpu")]
            Self::Gpu(_) => DeviceKind::Gpu,
        }
    }

    /// The processor as its driver names it; `cpu` for the CPU.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Cpu(_) => format!("cpu ({})", super::cpu::Isa::best()),
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) if gpu.software => format!("{} (software adapter)", gpu.name),
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => gpu.name.clone(),
        }
    }

    /// Whether the KV cache may hold `f16`.
    pub(crate) fn supports_f16_cache(&self) -> bool {
        match self {
            Self::Cpu(_) => true,
            #[cfg(feature = "gpu")]
            Self::Gpu(gpu) => gpu.f16,
        }
    }

    /// Rows of a matrix that fit into one buffer.
    pub(crate) fn rows_per_buffer(&self, format: BlockFormat, cols: usize) -> usize {
        match self {
            Self::Cpu(_) => {
                let _ = (format, cols);
                usize::MAX
            }
            #[cfg(feature = "gpu")]
            Self::Gpu(_) => MAX_BINDING_BYTES / (4 * super::gpu::row_words(format, cols).max(1)),
        }
    }

    /// What was computed, where all of it are numbers: damaged weights show as some that are none.
    ///
    /// # Errors
    /// `Device` with `what` otherwise.
    pub(crate) fn finite(&self, values: Vec<f32>, what: &str) -> Result<Vec<f32>> {
        if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(self.error(what)) }
    }

    /// An error of this device.
    pub(crate) fn error(&self, what: impl std::fmt::Display) -> Error {
        Error::Device { device: self.name(), what: what.to_string() }
    }
}

/// WebGPU's default for `maxStorageBufferBindingSize`, and all that some phones offer.
#[cfg(feature = "gpu")]
const MAX_BINDING_BYTES: usize = 128 << 20;

/// Launches that are collected before they go to the driver; 32 to 128 halved the enqueue time of a decode step.
#[cfg(feature = "gpu")]
const TASKS_MAX: usize = 128;

#[cfg(feature = "gpu")]
fn open_gpu(software: bool) -> Result<GpuDevice> {
    use burn::tensor::DeviceKind as Adapter;

    // A runtime can be set up once a process: later engines share it.
    static OPENED: Mutex<Vec<GpuDevice>> = Mutex::new(Vec::new());
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = opened.iter().find(|gpu| software || !gpu.software) {
        return Ok(GpuDevice { stream: StreamId::allocate(), ..known.clone() });
    }
    let mut failures = Vec::new();
    for kind in [Adapter::DiscreteGpu(0), Adapter::IntegratedGpu(0), Adapter::VirtualGpu(0), Adapter::Cpu] {
        if matches!(kind, Adapter::Cpu) && !software {
            continue;
        }
        let is_software = matches!(kind, Adapter::Cpu);
        let options = Device::wgpu_options().graphics_api(GRAPHICS_API).tasks_max(TASKS_MAX).device_kind(kind);
        match options.init() {
            Ok(burn) => {
                let name = burn.identity().map_or_else(|| "gpu".to_owned(), |identity| identity.name);
                let f16 = super::gpu::supports_f16_cache(&burn);
                let gpu = GpuDevice { burn, name, software: is_software, f16, stream: StreamId::allocate() };
                opened.push(gpu.clone());
                return Ok(gpu);
            }
            Err(error) => failures.push(error.to_string()),
        }
    }
    failures.dedup();
    tracing::debug!(?failures, "no GPU could be opened");
    let driver = if cfg!(target_vendor = "apple") { "Metal" } else { "Vulkan" };
    Err(Error::Device { device: "gpu".into(), what: format!("no {driver} GPU was found") })
}

#[cfg(all(feature = "gpu", target_vendor = "apple"))]
const GRAPHICS_API: burn::tensor::wgpu::WgpuBackend = burn::tensor::wgpu::WgpuBackend::Metal;
#[cfg(all(feature = "gpu", not(target_vendor = "apple")))]
const GRAPHICS_API: burn::tensor::wgpu::WgpuBackend = burn::tensor::wgpu::WgpuBackend::Vulkan;
