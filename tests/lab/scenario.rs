//! What a scenario is: a name, a function, and how much time and memory it gets.

use std::time::Duration;

use crate::lab::Lab;

/// One test: it has a guest to itself.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// As `module::function`, unique, and what the command line's filters see.
    pub name: &'static str,
    /// Runs inside the guest as root; a panic is the failure.
    pub run: fn(&Lab),
    /// How long the guest may live, boot included. It is a guard against a
    /// hang, not an expectation: other work may share the machine.
    pub limit: Duration,
    /// The guest's memory in MB; pages that are never touched cost nothing.
    pub memory: u32,
}

impl Scenario {
    pub const fn new(name: &'static str, run: fn(&Lab)) -> Self {
        Self {
            name,
            run,
            limit: Duration::from_secs(180),
            memory: 768,
        }
    }

    pub const fn limit(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    pub const fn memory(mut self, megabytes: u32) -> Self {
        self.memory = megabytes;
        self
    }
}

/// Names each scenario after its module and function, so that a filter on the
/// command line finds the code.
macro_rules! scenarios {
    ($module:ident: $($function:ident $(. $option:ident ($value:expr))*),+ $(,)?) => {
        &[$(
            $crate::scenario::Scenario::new(
                concat!(stringify!($module), "::", stringify!($function)),
                $function,
            )$(.$option($value))*
        ),+]
    };
}
pub(crate) use scenarios;
