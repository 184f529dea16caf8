//! The front process: mail.
//!
//! It speaks to a mail server, which is a stranger, and holds no right at all. It owns
//! nothing that matters but the mails that wait, and of these core has a copy: they
//! outlive it. One conversation is held at a time; nothing waits for it but the mails.

mod deliver;
mod letter;
mod line;
mod names;

use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use self::deliver::{Delivered, Settings};
use self::line::Line;
use self::names::Names;
use super::child;
use super::ipc::Connection;
use super::messages::front::{FromFront, ToFront};
use crate::alert::mail::queue::{News, Queue};
use crate::config::model::Mail;
use crate::moment::Moment;
use crate::sys::{clock, sandbox};

/// How long it goes on when it is told to end: what a server in good order takes in
/// that time, it has.
const LAST_MOMENT: Duration = Duration::from_millis(900);

type Core = Connection<FromFront, ToFront>;

/// The whole life of a front process. `core` is its end of the socket pair.
pub fn main(core: OwnedFd) -> ExitCode {
    child::run("the front process", core, async |mut core: Core| {
        match Front::start(&mut core).await {
            Ok(Some(front)) => front.run(core).await,
            Ok(None) => ExitCode::SUCCESS,
            Err(why) => {
                core.send(&FromFront::Failed(why));
                // A short message into an empty socket has gone out already.
                debug_assert!(core.is_flushed());
                ExitCode::FAILURE
            }
        }
    })
}

struct Front {
    queue: Queue,
    settings: Arc<Settings>,
    names: Names,
    /// The one conversation that is held, and the goodbyes of earlier ones.
    talking: JoinSet<Option<Delivered>>,
    /// The number of the mail that it is about.
    under_way: Option<u64>,
    /// Between two mails.
    open: Option<Line>,
    /// Told to end: until then what is still possible is done.
    stopping: Option<Moment>,
}

impl Front {
    /// Gives up every right, and takes in what core has to say first. None where core
    /// has ended meanwhile.
    async fn start(core: &mut Core) -> Result<Option<Front>, String> {
        let (confinement, names) = sandbox::confine_front(Names::start)
            .map_err(|error| format!("the front process cannot give up its rights: {error}"))?;
        if !confinement.seccomp {
            tracing::warn!(
                "this kernel has no seccomp: the front process runs without capabilities, but without a filter of system calls"
            );
        }
        let (mail, unsent) = loop {
            match core.next().await {
                Ok(Some(ToFront::Start { mail, unsent })) => break (mail, unsent),
                Ok(Some(ToFront::Ping)) => core.send(&FromFront::Alive),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(error) => return Err(error.to_string()),
            }
        };
        let mut queue = Queue::new(server_of(&mail), readers_of(&mail));
        let now = clock::now();
        for mail in unsent {
            queue.push(mail, now);
        }
        Ok(Some(Front {
            queue,
            settings: Arc::new(Settings::new(mail)),
            names,
            talking: JoinSet::new(),
            under_way: None,
            open: None,
            stopping: None,
        }))
    }

    async fn run(mut self, mut core: Core) -> ExitCode {
        loop {
            let now = clock::now();
            self.queue.on_time(now);
            self.begin_what_is_due(now);
            self.tell(&mut core);
            if self.is_at_its_end(now) {
                let left = self.queue.numbers();
                core.send(&FromFront::Stopped { left });
                return ExitCode::SUCCESS;
            }
            let wake = self.wake(now);
            tokio::select! {
                message = core.next() => match message {
                    Ok(Some(message)) => self.on_message(message, &mut core),
                    Ok(None) => {
                        tracing::warn!("core has ended; the front process ends too");
                        return ExitCode::FAILURE;
                    }
                    Err(error) => {
                        tracing::error!("{error}; the front process ends");
                        return ExitCode::FAILURE;
                    }
                },
                Some(ended) = self.talking.join_next() => match ended {
                    Ok(Some(delivered)) => self.on_delivered(delivered),
                    Ok(None) => {}
                    Err(error) => {
                        // A new process begins with every mail that this one has.
                        tracing::error!("a mail was lost: {error}; the front process ends, core starts another");
                        return ExitCode::FAILURE;
                    }
                },
                () = clock::sleep_until(wake) => {}
            }
        }
    }

    fn begin_what_is_due(&mut self, now: Moment) {
        if self.under_way.is_some() {
            return;
        }
        let Some(delivery) = self.queue.next(now) else {
            if let Some(line) = self.open.take() {
                self.hang_up(line);
            }
            return;
        };
        self.under_way = Some(delivery.mail.number);
        let line = self.open.take();
        let settings = self.settings.clone();
        let names = self.names.clone();
        self.talking
            .spawn(async move { Some(deliver::deliver(delivery, line, settings, names).await) });
    }

    fn hang_up(&mut self, line: Line) {
        self.talking.spawn(async move {
            line.close().await;
            None
        });
    }

    fn on_delivered(&mut self, delivered: Delivered) {
        let Delivered {
            number,
            attempt,
            line,
            settings,
        } = delivered;
        self.under_way = None;
        match line {
            // Of a server that is configured no more.
            Some(line) if !Arc::ptr_eq(&settings, &self.settings) => self.hang_up(line),
            line => self.open = line,
        }
        if let Err(why) = &attempt {
            tracing::debug!("mail {number}: {why}");
        }
        self.queue.on_attempt(number, attempt, clock::now());
    }

    fn on_message(&mut self, message: ToFront, core: &mut Core) {
        match message {
            ToFront::Ping => core.send(&FromFront::Alive),
            ToFront::Start { .. } => {
                tracing::error!("core starts a front process that runs already");
            }
            ToFront::Reload { mail } => self.configure(mail),
            ToFront::Mail(mail) => self.queue.push(mail, clock::now()),
            ToFront::Status { request } => {
                let status = self.queue.status();
                core.send(&FromFront::Status { request, status });
            }
            ToFront::Stop => {
                self.queue.hurry();
                self.stopping = Some(clock::now() + LAST_MOMENT);
            }
        }
    }

    fn configure(&mut self, mail: Mail) {
        if mail == *self.settings.mail() {
            return;
        }
        self.queue.configure(server_of(&mail), readers_of(&mail));
        self.settings = Arc::new(Settings::new(mail));
        if let Some(line) = self.open.take() {
            self.hang_up(line);
        }
    }

    fn tell(&mut self, core: &mut Core) {
        for news in self.queue.take_news() {
            core.send(&match news {
                News::Done(number) => FromFront::Done { number },
                News::Told(event) => FromFront::Told(event),
            });
        }
    }

    /// Nothing more is to be done, or the time for it is over.
    fn is_at_its_end(&self, now: Moment) -> bool {
        self.stopping
            .is_some_and(|until| now >= until || self.talking.is_empty())
    }

    fn wake(&self, now: Moment) -> Moment {
        const LONG: Duration = Duration::from_secs(3600);
        let wakes = self.queue.wake(now).into_iter().chain(self.stopping);
        wakes.min().unwrap_or(now + LONG)
    }
}

/// The mail server as people know it.
fn server_of(mail: &Mail) -> String {
    let server = mail.server.as_ref();
    server.map_or_else(|| "no server".into(), ToString::to_string)
}

/// Who is told; nobody where there is no server for it.
fn readers_of(mail: &Mail) -> Vec<String> {
    match mail.is_sent() {
        true => mail.recipients.clone(),
        false => Vec::new(),
    }
}
