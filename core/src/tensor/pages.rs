//! Zeroed memory that is taken page by page, when a page is first written to, and goes back to the system as a whole.
//!
//! For caches that are opened for far more positions than most conversations fill. Burn's own zeros are copied once for their
//! alignment, and so all written; and what an allocator gives back to itself, it must write over.

use std::mem::MaybeUninit;
use std::slice;

use burn::tensor::{AllocationProperty, Bytes};
use burn_std::{AccessError, AccessPolicy, AllocationController};
use memmap2::MmapMut;

use crate::{Error, Result};

/// The alignment that is promised: as much as Burn's copies of these bytes can have. Pages have far more.
const ALIGNMENT: usize = align_of::<u128>();

struct Pages(MmapMut);

/// `length` zeros.
///
/// # Errors
/// `Memory` where the system has no room for them.
pub(crate) fn zeroed(length: usize) -> Result<Bytes> {
    // an empty mapping is an error
    let map = MmapMut::map_anon(length.max(1));
    let map = map.map_err(|_| Error::Memory { needed: length as u64, available: 0 })?;
    // SAFETY: the mapping is at least this long, and zeros are initialised
    Ok(unsafe { Bytes::from_controller(Box::new(Pages(map)), length) })
}

impl AllocationController for Pages {
    fn alloc_align(&self) -> usize {
        ALIGNMENT
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(&mut self, _: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        // SAFETY: the same bytes for as long; the caller promises to write initialised data only
        Ok(unsafe { slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len()) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        // SAFETY: the same bytes for as long
        Ok(unsafe { slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_zeros_that_keep_what_is_written() {
        let mut bytes = zeroed(100_000).unwrap();
        assert_eq!(bytes.len(), 100_000);
        assert!(bytes.iter().all(|byte| *byte == 0));
        assert!((bytes.as_ptr() as usize).is_multiple_of(ALIGNMENT));
        bytes[99_999] = 7;
        assert_eq!((bytes[99_999], bytes[99_998]), (7, 0));
        let copy = bytes.clone();
        bytes[99_999] = 8;
        assert_eq!(copy[99_999], 7, "a clone is a copy of its own");
        assert!(zeroed(0).unwrap().is_empty());
    }
}
