//! How much memory a piece of work takes at most.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;

/// Runs `work`, which must stay in this thread, and tells how many more bytes were
/// allocated at any time than at the start.
pub async fn most_allocated<T>(work: impl Future<Output = T>) -> (T, isize) {
    let start = ALLOCATED.get();
    MOST.set(start);
    let done = work.await;
    (done, MOST.get() - start)
}

thread_local! {
    static ALLOCATED: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

/// The system's allocator, counting what this thread has.
struct Counting;

fn count(change: isize) {
    let now = ALLOCATED.get() + change;
    ALLOCATED.set(now);
    MOST.set(MOST.get().max(now));
}

// SAFETY: only forwards to the system's allocator; counting allocates nothing, since
// the cells are constants without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
