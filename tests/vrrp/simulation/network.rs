//! What becomes of a packet.

use super::plan::{Plan, Time};
use super::random::Random;

/// Who cannot hear whom.
#[derive(Default)]
pub struct Network {
    /// (segment, from, to)
    cut: Vec<(usize, usize, usize)>,
    is_whole: bool,
}

impl Network {
    pub fn cut(&mut self, segment: usize, from: usize, to: usize) {
        self.cut.push((segment, from, to));
    }

    /// The partitions end; loss and long delays go on.
    pub fn join(&mut self) {
        self.cut.clear();
    }

    pub fn become_whole(&mut self) {
        self.join();
        self.is_whole = true;
    }

    /// The delays after which copies of a packet arrive: none, one or two.
    pub fn deliveries(
        &self,
        plan: &Plan,
        random: &mut Random,
        segment: usize,
        from: usize,
        to: usize,
    ) -> Vec<Time> {
        if self.cut.contains(&(segment, from, to)) {
            return Vec::new();
        }
        let most = if self.is_whole {
            plan.good_delay
        } else {
            plan.bad_delay
        };
        let mut delays = Vec::new();
        if self.is_whole || !random.percent(plan.loss) {
            delays.push(random.of(0..most));
        }
        if random.percent(plan.duplication) {
            delays.push(random.of(0..most));
        }
        delays
    }
}
