//! What the checker says, and what core makes of it.

use super::*;

impl Core {
    pub(super) fn on_message(&mut self, message: FromChecker) {
        match message {
            FromChecker::Alive => {}
            FromChecker::Failed(why) => {
                if let Some(running) = &mut self.checker {
                    running.child.gave_up = Some(why);
                }
            }
            FromChecker::Pools { pools, told } => {
                self.memory.pools = pools.into_iter().collect();
                self.memory.keep_only(&self.model);
                self.keep.changed();
                self.tell_all(told);
            }
            FromChecker::Verdict(news) => {
                let NewVerdict {
                    key,
                    verdict,
                    server,
                    quorum_up,
                    sorry,
                    told,
                } = *news;
                self.memory.verdicts.insert(key, verdict);
                self.keep.changed();
                if let Some(pool) = self.memory.pools.get_mut(&key.service) {
                    pool.quorum_up = quorum_up;
                    pool.sorry = sorry;
                    pool.servers.insert(key.server, server);
                }
                self.tell_all(told);
            }
            FromChecker::Table(told) => self.tell_all(told),
            FromChecker::Settled {
                generation,
                operations,
                owned,
            } => {
                self.on_settled(generation, operations, owned);
            }
            FromChecker::RunScript {
                request,
                script,
                generation,
                timeout,
            } => {
                let Some(running) = &self.checker else { return };
                let pid = running.child.pid;
                let Some(runner) = self.runners.get(&generation).cloned() else {
                    let end = ScriptEnd::NotRun("its configuration is no longer known".into());
                    self.send(&ToChecker::ScriptEnded { request, end });
                    return;
                };
                self.scripts.spawn(async move {
                    let end = runner.run(script, &[], timeout).await;
                    Ran { pid, request, end }
                });
            }
            FromChecker::Status { request, live } => {
                let asked = self.asked.iter().position(|asked| asked.request == request);
                if let Some(index) = asked {
                    let asked = self.asked.swap_remove(index);
                    let status = self.status(Some(&live));
                    let _ = asked.answer.send(Answer::Status(Box::new(status)));
                }
            }
            FromChecker::Released { left } => {
                // With -I they are meant to stay.
                for key in left.iter().filter(|_| !self.options.keep_ipvs) {
                    tracing::error!(
                        "virtual server {key} could not be taken out of the kernel: `ipvsadm -D` does it"
                    );
                }
                self.write_record(left);
                if let Some(end) = &mut self.ending {
                    end.released = true;
                }
            }
        }
    }

    pub(super) fn on_settled(&mut self, generation: u64, operations: u64, owned: Vec<ServiceKey>) {
        // A checker that speaks of this generation asks for nothing of an earlier one.
        self.runners.retain(|known, _| *known >= generation);
        if generation != self.generation {
            return;
        }
        let wanted: Vec<_> = self.model.virtual_servers.iter().map(|vs| vs.key).collect();
        self.write_record(owned.into_iter().chain(wanted));
        if !self.started_up {
            self.started_up = true;
            let servers = self
                .model
                .virtual_servers
                .iter()
                .map(|vs| vs.real_servers.len())
                .sum();
            let what = What::StartupComplete {
                virtual_servers: self.model.virtual_servers.len(),
                real_servers: servers,
            };
            self.journal.tell(Told {
                cause: Cause::Start,
                what,
            });
        } else if self.reloading.take() == Some(generation) {
            let what = What::ReloadComplete {
                generation,
                operations,
            };
            self.journal.tell(Told {
                cause: Cause::Reload { generation },
                what,
            });
        }
    }

    pub(super) fn write_record(&mut self, services: impl IntoIterator<Item = ServiceKey>) {
        if let Err(error) = self.record.replace(services) {
            tracing::error!("cannot write down which virtual servers are ours: {error}");
        }
    }

    pub(super) fn on_script_end(&mut self, ran: Result<Ran, tokio::task::JoinError>) {
        let Ok(Ran { pid, request, end }) = ran else {
            return;
        };
        if self
            .checker
            .as_ref()
            .is_some_and(|running| running.child.pid == pid)
        {
            self.send(&ToChecker::ScriptEnded { request, end });
        }
    }

    pub(super) fn send(&mut self, message: &ToChecker) {
        if let Some(running) = &mut self.checker {
            running.child.send(message);
        }
    }

    pub(super) fn tell_all(&mut self, told: Vec<Told>) {
        for told in told {
            self.journal.tell(told);
        }
    }
}
