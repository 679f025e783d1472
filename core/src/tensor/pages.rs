//! Zeroed memory that is taken page by page, when a page is first written to, and goes back to the system as a whole.
//!
//! For caches that are opened for far more positions than most conversations fill, and for a model's weights, which lie in one piece. Burn's
//! own zeros are copied once for their alignment, and so all written; and what an allocator gives back to itself, it must write over.

use std::mem::MaybeUninit;
use std::slice;
use std::sync::Arc;

use burn::tensor::{AllocationProperty, Bytes};
use burn_std::{AccessError, AccessPolicy, AllocationController};
use memmap2::{MmapMut, MmapRaw};

use crate::{Error, Result};

/// The alignment that is promised: as much as Burn's copies of these bytes can have. Pages have far more.
const ALIGNMENT: usize = align_of::<u128>();

/// What a thread takes from the system at once: two large pages.
#[cfg(target_os = "linux")]
const SHARE: usize = 4 << 20;

/// `length` zeros.
///
/// # Errors
/// `Memory` where the system has no room for them.
pub(crate) fn zeroed(length: usize) -> Result<Bytes> {
    let mut region = Region::new(length)?;
    region.take(length)
}

/// Zeros that are handed out piece by piece, and given back when the last piece is dropped.
pub(crate) struct Region {
    map: Arc<MmapRaw>,
    taken: usize,
}

impl Region {
    /// Pieces start at multiples of this: a cache line.
    pub(crate) const ALIGNMENT: usize = 64;

    /// Room for `length` bytes.
    ///
    /// # Errors
    /// As [`zeroed`].
    pub(crate) fn new(length: usize) -> Result<Self> {
        // an empty mapping is an error
        let map = MmapMut::map_anon(length.max(1));
        let map = map.map_err(|_| Error::Memory { needed: length as u64, available: 0 })?;
        Ok(Self { map: Arc::new(map.into()), taken: 0 })
    }

    /// Takes all of it from the system now, for what is filled as a whole: in large pages where there are any, which halve the time to fill it
    /// and save a tenth of the time to read it, and on all of the caller's threads, since clearing pages takes about as long as packing weights into them.
    pub(crate) fn in_large_pages(self) -> Self {
        // `memmap2` knows these hints on Linux alone, so Android is left out
        #[cfg(target_os = "linux")]
        {
            use memmap2::Advice;
            use rayon::prelude::*;

            let length = self.map.len();
            let hinted = self.map.advise(Advice::HugePage).and_then(|()| {
                (0..length.div_ceil(SHARE)).into_par_iter().with_max_len(1).try_for_each(|share| {
                    let start = share * SHARE;
                    self.map.advise_range(Advice::PopulateWrite, start, SHARE.min(length - start))
                })
            });
            if let Err(error) = hinted {
                tracing::debug!(%error, "pages come one by one");
            }
        }
        self
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// `Internal` where there are not as many left.
    pub(crate) fn take(&mut self, length: usize) -> Result<Bytes> {
        let start = self.taken.next_multiple_of(Self::ALIGNMENT);
        let end = start.checked_add(length).filter(|end| *end <= self.map.len());
        let end = end.ok_or_else(|| Error::Internal { what: format!("{length} bytes were asked of a full region") })?;
        self.taken = end;
        let piece = Piece { map: self.map.clone(), start, length };
        // SAFETY: the piece is as long, and zeros are initialised
        Ok(unsafe { Bytes::from_controller(Box::new(piece), length) })
    }
}

/// Bytes of a region that nothing else has.
struct Piece {
    map: Arc<MmapRaw>,
    start: usize,
    length: usize,
}

impl AllocationController for Piece {
    fn alloc_align(&self) -> usize {
        ALIGNMENT
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(&mut self, _: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        // SAFETY: the piece lies inside the map, which lives as long, and `take` gave these bytes to nobody else; the caller promises to
        // write initialised data only
        Ok(unsafe { slice::from_raw_parts_mut(self.map.as_mut_ptr().add(self.start).cast(), self.length) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        // SAFETY: as above
        Ok(unsafe { slice::from_raw_parts(self.map.as_ptr().add(self.start).cast(), self.length) })
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

    #[test]
    fn pieces_of_a_region_are_apart_and_outlive_it() {
        let mut region = Region::new(300).unwrap().in_large_pages();
        let (mut first, mut second) = (region.take(100).unwrap(), region.take(64).unwrap());
        assert!(region.take(200).is_err());
        assert!(region.take(0).unwrap().is_empty());
        drop(region);
        first.fill(1);
        second.fill(2);
        assert!((second.as_ptr() as usize).is_multiple_of(Region::ALIGNMENT));
        assert!(first.iter().all(|byte| *byte == 1) && second.iter().all(|byte| *byte == 2));
    }
}
