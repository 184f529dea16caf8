//! Memory that is not needed any more.

/// Gives back to the kernel what has been freed (malloc_trim(3)). Reading or taking over
/// a large configuration takes several times the memory that the result does, in pieces
/// that the C library would keep for good. Takes about a millisecond for some megabytes.
/// Other C libraries than glibc give it back by themselves, or never.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes the allocator's own locks, and touches nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
