//! The Java machine, where there is one.
//!
//! JNA hands calls to Rust and back without it. What JNA can't know is that a thread of ours will call back many times: it would
//! attach and detach that thread around every piece of an answer. So the machine is remembered when the library is loaded by
//! `System.loadLibrary`, and a job's thread stays attached as long as it lives. Nothing else is done at load time.

/// Does `work` on a thread that stays attached while it runs; as it is where there is no Java machine.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn attached(name: &str, work: impl FnOnce()) {
    let Ok(machine) = jni::JavaVM::singleton() else { return work() };
    let mut work = Some(work);
    let name = jni::strings::JNIString::from(name);
    let config = || jni::AttachConfig::new().thread_name(&name).scoped(true);
    let done = machine.attach_current_thread_with_config(config, None, |_| {
        if let Some(work) = work.take() {
            work();
        }
        Ok::<(), jni::errors::Error>(())
    });
    if let (Err(error), Some(work)) = (done, work) {
        tracing::debug!(%error, "a thread could not be attached to the Java machine");
        work();
    }
}

/// Does `work`.
#[cfg(target_vendor = "apple")]
pub(crate) fn attached(_name: &str, work: impl FnOnce()) {
    work();
}

/// Called by `System.loadLibrary`: remembers the machine.
///
/// # Safety
/// Only the Java machine calls it, with a pointer to itself.
#[cfg(not(target_vendor = "apple"))]
#[unsafe(no_mangle)]
pub unsafe extern "system" fn JNI_OnLoad(
    machine: *mut jni::sys::JavaVM,
    _reserved: *mut std::ffi::c_void,
) -> jni::sys::jint {
    // SAFETY: the caller is the Java machine
    let _ = unsafe { jni::JavaVM::from_raw(machine) };
    jni::sys::JNI_VERSION_1_6
}
