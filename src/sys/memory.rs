//! Memory that is not needed any more.
//!
//! Other C libraries than glibc give it back by themselves, or never.

/// Has the C library ask the kernel for each large piece by itself, for good
/// (mallopt(3)): by default it takes ever larger ones from among the small ones, where
/// they leave holes when they are freed. To be called when a process begins.
pub fn keep_large_pieces_apart() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it sets a number, and refuses one that makes no sense.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// In bytes; where the C library itself begins.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 128 << 10;

/// Gives back to the kernel what has been freed (malloc_trim(3)). Reading or taking over
/// a large configuration takes several times the memory that the result does, in pieces
/// that the C library would keep for good. Takes about a millisecond for some megabytes.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes the allocator's own locks, and touches nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
