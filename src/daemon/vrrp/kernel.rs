//! Links and addresses as the kernel tells of them, kept in step whatever is lost.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use super::worker::{Order, Worker};
use crate::moment::Moment;
use crate::sys::clock;
use crate::sys::rtnetlink::{Address, Heard, Mirror, Notice, Snapshot, Watch};
use crate::vrrp::InterfaceFacts;

/// Messages that are read between two looks at the clock.
const AT_ONCE: usize = 256;

/// Messages that are read for an operation of our own to show. More than this waits
/// only where others change a lot, and then the next reading has it.
const UNTIL_OURS: usize = 100_000;

/// How often to tell that something was lost, at most.
const TOLD_PAUSE: Duration = Duration::from_secs(60);

/// The mirror, and what keeps it true.
pub struct Kernel {
    watch: Watch,
    mirror: Mirror,
    /// While everything is asked for anew: what was told meanwhile.
    resync: Option<Resync>,
    /// The latest reading has left something.
    more: bool,
    overruns: u64,
    /// When this was last told.
    told: Option<Moment>,
}

#[derive(Default)]
struct Resync {
    meanwhile: Vec<Notice>,
    /// Of that something was lost too.
    again: bool,
}

impl Kernel {
    /// `snapshot` is what was there after `watch` was opened.
    pub fn new(watch: Watch, snapshot: Snapshot) -> Self {
        let mut mirror = Mirror::default();
        mirror.replace(snapshot);
        Kernel {
            watch,
            mirror,
            resync: None,
            more: true,
            overruns: 0,
            told: None,
        }
    }

    /// Waits until something is told. May be dropped and called again.
    ///
    /// # Errors
    /// Where the runtime is at its end.
    pub async fn readable(&self) -> io::Result<()> {
        self.watch.readable().await
    }

    /// Whether there is something to be read without waiting for it.
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// Whether what is known is what was told, with nothing missing.
    pub fn is_in_step(&self) -> bool {
        self.resync.is_none()
    }

    /// Takes in some of what was told, if the runtime has seen that there is something.
    /// Where something was lost, everything is asked for anew.
    ///
    /// # Errors
    /// Where the connection fails.
    pub fn read(&mut self, worker: &Worker) -> io::Result<()> {
        if !self.more && !self.watch.is_readable() {
            return Ok(());
        }
        self.read_most(AT_ONCE, worker)
    }

    /// Takes in everything that was told until now: an operation that has been answered
    /// has been told of before.
    ///
    /// # Errors
    /// Where the connection fails.
    pub fn read_all(&mut self, worker: &Worker) -> io::Result<()> {
        self.read_most(UNTIL_OURS, worker)
    }

    fn read_most(&mut self, most: usize, worker: &Worker) -> io::Result<()> {
        loop {
            let Kernel {
                watch,
                mirror,
                resync,
                ..
            } = self;
            let heard = watch.read(most, |notice| match resync {
                None => mirror.apply(notice),
                Some(resync) => resync.meanwhile.push(notice),
            })?;
            match heard {
                Heard::Everything => self.more = false,
                Heard::Some => self.more = true,
                Heard::Overrun => {
                    self.on_overrun(worker);
                    continue;
                }
            }
            return Ok(());
        }
    }

    fn on_overrun(&mut self, worker: &Worker) {
        self.overruns += 1;
        match &mut self.resync {
            Some(resync) => {
                resync.again = true;
                // With a gap in them they say nothing.
                resync.meanwhile.clear();
            }
            None => {
                let now = clock::now();
                if self.told.is_none_or(|told| now - told >= TOLD_PAUSE) {
                    self.told = Some(now);
                    tracing::info!(
                        "links and addresses change faster than they are told: all of them are read anew ({} times so far)",
                        self.overruns
                    );
                }
                self.resync = Some(Resync::default());
                worker.order(Order::Dump);
            }
        }
    }

    /// Takes in what was asked for.
    ///
    /// # Errors
    /// Where the connection fails.
    pub fn on_snapshot(&mut self, snapshot: Snapshot, worker: &Worker) -> io::Result<()> {
        // What the snapshot knows of has been told before; read first, so that nothing
        // old is the last word.
        self.read_all(worker)?;
        let Some(resync) = self.resync.take() else {
            return Ok(());
        };
        self.mirror.replace(snapshot);
        for notice in resync.meanwhile {
            self.mirror.apply(notice);
        }
        if resync.again {
            // As good as it gets, and better than nothing.
            self.resync = Some(Resync::default());
            worker.order(Order::Dump);
        }
        Ok(())
    }

    /// Names of interfaces about which something has been told.
    pub fn take_changed(&mut self) -> BTreeSet<String> {
        self.mirror.take_changed()
    }

    pub fn facts(&self, name: &str) -> Option<InterfaceFacts> {
        self.mirror.facts(name)
    }

    /// The index of the interface of this name.
    pub fn index(&self, name: &str) -> Option<u32> {
        self.mirror.link(name).map(|link| link.index)
    }

    /// Whether there is an interface of this index, whatever it is called.
    pub fn is_there(&self, index: u32) -> bool {
        self.mirror.is_there(index)
    }

    /// See [`Mirror::endangered`].
    pub fn endangered(&self, removed: &[Address]) -> BTreeSet<u32> {
        self.mirror.endangered(removed)
    }
}
