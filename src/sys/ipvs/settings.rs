//! What there is in IPVS beside its table.

use std::io::Cursor;

use super::link::Next;
use super::{Ipvs, dump_answer, wire};
use crate::lvs::refusal::{Loss, OpError};
use crate::lvs::settings::{Order, Seen, SyncDaemon, SyncRole, Timeouts};
use crate::sys::netlink::{Body, Frame};

impl Ipvs {
    /// All timeouts as the kernel has them, none of them None.
    ///
    /// # Errors
    /// [`OpError::NotPermitted`], or [`OpError::Lost`].
    pub async fn timeouts(&mut self) -> Result<Timeouts, OpError> {
        let seq = self.link.seq();
        let mut request = Cursor::new(Vec::new());
        wire::write_get_timeouts(&mut request, self.family, seq);
        let mut timeouts = None;
        let take = |frame: Frame<'_>| match frame.body {
            _ if frame.seq != seq => Ok(Next::More),
            Body::Data(_, payload) => {
                timeouts = Some(wire::read_timeouts(payload)?);
                Ok(Next::Enough)
            }
            Body::End(errno, _) => Err(OpError::from_bare_errno(errno)),
            Body::Done(_) | Body::Control => Ok(Next::More),
        };
        self.link.exchange(request.get_ref(), take).await?;
        timeouts.ok_or(OpError::Lost(Loss::Malformed))
    }

    /// Sets those that are not None. Connections that there are keep theirs until their
    /// next packet.
    ///
    /// # Errors
    /// EINVAL above 86400 s (`ip_vs_set_timeout`).
    pub async fn set_timeouts(&mut self, to: Timeouts) -> Result<(), OpError> {
        self.order(|out, family, seq| wire::write_set_timeouts(out, family, seq, to))
            .await
    }

    /// The daemons that synchronise connections: none, one, or one of each role.
    ///
    /// # Errors
    /// [`OpError::NotPermitted`], or [`OpError::Lost`].
    pub async fn sync_daemons(&mut self) -> Result<Vec<(SyncRole, SyncDaemon)>, OpError> {
        let seq = self.link.seq();
        let mut request = Cursor::new(Vec::new());
        wire::write_dump_sync_daemons(&mut request, self.family, seq);
        let mut daemons = Vec::new();
        let take = |frame: Frame<'_>| {
            dump_answer(frame, seq, |payload| {
                daemons.push(wire::read_sync_daemon(payload)?);
                Ok(())
            })
        };
        self.link.exchange(request.get_ref(), take).await?;
        Ok(daemons)
    }

    /// # Errors
    /// EEXIST where there is one of this role, ENODEV without the interface, EINVAL
    /// where a value is out of range or the interface takes no multicast.
    pub async fn start_sync_daemon(
        &mut self,
        role: SyncRole,
        daemon: &SyncDaemon,
    ) -> Result<(), OpError> {
        self.order(|out, family, seq| {
            wire::write_start_sync_daemon(out, family, seq, role, daemon);
        })
        .await
    }

    /// # Errors
    /// ESRCH where there is none of this role.
    pub async fn stop_sync_daemon(&mut self, role: SyncRole) -> Result<(), OpError> {
        self.order(|out, family, seq| wire::write_stop_sync_daemon(out, family, seq, role))
            .await
    }

    /// Takes all virtual servers out, whoever has made them.
    ///
    /// # Errors
    /// [`OpError::NotPermitted`], or [`OpError::Lost`].
    pub async fn flush(&mut self) -> Result<(), OpError> {
        self.order(wire::write_flush).await
    }

    /// All that [`SettingsKeeper`](crate::lvs::SettingsKeeper) looks at.
    ///
    /// # Errors
    /// [`OpError::NotPermitted`], or [`OpError::Lost`].
    pub async fn settings(&mut self) -> Result<Seen, OpError> {
        Ok(Seen {
            timeouts: self.timeouts().await?,
            sync: self.sync_daemons().await?.into_iter().collect(),
        })
    }

    /// # Errors
    /// Those of the one that it asks for.
    pub async fn carry_out(&mut self, order: &Order) -> Result<(), OpError> {
        match order {
            Order::Flush => self.flush().await,
            Order::SetTimeouts(to) => self.set_timeouts(*to).await,
            Order::StartSync(role, daemon) => self.start_sync_daemon(*role, daemon).await,
            Order::StopSync(role) => self.stop_sync_daemon(*role).await,
        }
    }

    /// One request, and whether it was carried out.
    async fn order(
        &mut self,
        write: impl FnOnce(&mut Cursor<Vec<u8>>, u16, u32),
    ) -> Result<(), OpError> {
        let seq = self.link.seq();
        let mut request = Cursor::new(Vec::new());
        write(&mut request, self.family, seq);
        let take = |frame: Frame<'_>| match frame.body {
            _ if frame.seq != seq => Ok(Next::More),
            Body::End(0, _) => Ok(Next::Enough),
            Body::End(errno, _) => Err(OpError::from_bare_errno(errno)),
            Body::Data(..) | Body::Done(_) | Body::Control => Ok(Next::More),
        };
        self.link.exchange(request.get_ref(), take).await
    }
}
