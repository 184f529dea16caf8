//! A client that asks every 50 ms, whatever became of the questions before, and
//! knows for how long it got no answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::client::{Client, get_within};
use crate::lab::{Lab, wait_until};

const EVERY: Duration = Duration::from_millis(50);
/// They ask in turn, so each has this many intervals for a request.
const WORKERS: u32 = 8;
/// Below the first retransmission of a SYN (one second), so that a request that was
/// lost counts as lost.
const PATIENCE: Duration = Duration::from_millis(350);

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When it began, on the scenario's clock.
    pub at: Duration,
    /// The name of the server that answered, or why none did.
    pub answer: Result<String, String>,
}

/// A time without answers: from the beginning of the first request that failed to
/// the beginning of the next one that did not.
#[derive(Clone, Debug)]
pub struct Outage {
    pub from: Duration,
    /// When it was over; none if it was not.
    pub until: Option<Duration>,
    pub errors: Vec<String>,
}

impl Outage {
    pub fn lasted(&self) -> Duration {
        self.until.map_or(Duration::MAX, |until| until - self.from)
    }
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    asked: Mutex<Vec<Asked>>,
    /// The latest that a request began after its time: how long the guest did not
    /// run, for a client can do nothing then, and neither can a director.
    stalled: Mutex<Duration>,
}

pub struct Requests {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Requests {
    pub fn start(lab: &Lab, client: &Client, server: SocketAddr) -> Self {
        let shared = Arc::new(Shared::default());
        let (started, begin) = (lab.started(), Instant::now() + EVERY);
        let work = |worker: u32| {
            let shared = shared.clone();
            client.spawn(move || {
                for turn in 0.. {
                    let due = begin + EVERY * (worker + WORKERS * turn);
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    if shared.stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let late = due.elapsed();
                    let at = started.elapsed();
                    let answer = match get_within(server, "/", PATIENCE) {
                        Ok(response) if response.status == 200 => {
                            Ok(response.body.trim().to_owned())
                        }
                        Ok(response) => Err(format!("status {}", response.status)),
                        Err(error) => Err(error.to_string()),
                    };
                    shared.asked.lock().unwrap().push(Asked { at, answer });
                    let mut stalled = shared.stalled.lock().unwrap();
                    *stalled = late.max(*stalled);
                }
            })
        };
        let threads = (0..WORKERS).map(work).collect();
        Self { shared, threads }
    }

    /// Waits for this many more answers.
    #[track_caller]
    pub fn wait_for_answers(&self, more: usize, within: Duration) {
        let count = || {
            let asked = self.shared.asked.lock().unwrap();
            asked.iter().filter(|asked| asked.answer.is_ok()).count()
        };
        let goal = count() + more;
        wait_until(&format!("{more} more answers"), within, || count() >= goal);
    }

    pub fn stop(self) -> Answers {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        let mut asked = std::mem::take(&mut *self.shared.asked.lock().unwrap());
        asked.sort_by_key(|asked| asked.at);
        Answers {
            asked,
            stalled: *self.shared.stalled.lock().unwrap(),
        }
    }
}

/// All requests, in the order in which they began.
pub struct Answers {
    pub asked: Vec<Asked>,
    pub stalled: Duration,
}

impl Answers {
    pub fn outages(&self) -> Vec<Outage> {
        let mut outages: Vec<Outage> = Vec::new();
        for Asked { at, answer } in &self.asked {
            let open = outages.last_mut().filter(|outage| outage.until.is_none());
            match (answer, open) {
                (Ok(_), Some(outage)) => outage.until = Some(*at),
                (Ok(_), None) => {}
                (Err(error), Some(outage)) => outage.errors.push(error.clone()),
                (Err(error), None) => outages.push(Outage {
                    from: *at,
                    until: None,
                    errors: vec![error.clone()],
                }),
            }
        }
        outages
    }

    /// Fails when there was no answer for longer than this, and returns how long it
    /// was. What the guest itself stood still is not held against the directors.
    #[track_caller]
    pub fn assert_no_outage_longer_than(&self, bound: Duration) -> Duration {
        let longest = self.outages().into_iter().max_by_key(Outage::lasted);
        let lasted = longest.as_ref().map_or(Duration::ZERO, Outage::lasted);
        assert!(
            lasted <= bound + self.stalled,
            "no answer for {lasted:?}, more than {bound:?} (the guest stood still for {:?}): {longest:#?}",
            self.stalled
        );
        lasted
    }
}
