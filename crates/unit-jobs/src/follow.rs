use crate::{JobResult, subscribe};
use anyhow::Context as _;
use dbus_api::systemd;
use peer::{BackOff, News, Peer, persist};
use std::num::NonZeroUsize;
use zbus::Connection;

/// Ends of jobs that may wait for us; a machine has fewer units than that.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4_095);

/// The jobs of PID 1, as they end. It tells those that this connection asked for, and after [`Self::follow_all`] all.
#[derive(Debug)]
pub struct Jobs {
    connection: Connection,
    systemd: Peer,
    is_subscribed: bool,
}

/// A job that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedJob {
    /// Its path, as [`crate::start`] gave it.
    pub job: String,
    /// Its unit.
    pub unit: String,
    /// How it ended.
    pub result: JobResult,
}

/// What PID 1 has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobNews {
    /// A job has ended.
    Ended(EndedJob),
    /// PID 1 was away for a moment, as it is when it executes itself anew. Its jobs and units are as they were, but ends
    /// of jobs may not have been told: units that are waited for are to be asked about ([`crate::inspect`]).
    Reexecuted,
}

impl Jobs {
    /// Begins to follow.
    ///
    /// Errors: the bus refused or went away.
    pub async fn follow(connection: &Connection) -> anyhow::Result<Self> {
        let rule = systemd::job_removed_rule()?;
        let systemd = Peer::follow_keeping(connection, systemd::BUS_NAME, [rule], KEPT).await?;
        Ok(Self { connection: connection.clone(), systemd, is_subscribed: false })
    }

    /// Begins to follow all jobs, those that others have asked for too.
    ///
    /// Errors: the bus or PID 1 refused, or went away.
    pub async fn follow_all(connection: &Connection) -> anyhow::Result<Self> {
        let jobs = Self::follow(connection).await?;
        subscribe(connection).await?;
        Ok(Self { is_subscribed: true, ..jobs })
    }

    /// Waits for news. Dropping the future loses none.
    ///
    /// Errors: the bus went away.
    pub async fn next(&mut self) -> anyhow::Result<JobNews> {
        loop {
            match self.systemd.next().await? {
                News::Said(signal) => {
                    if let Some((job, unit, result)) = systemd::job_removed(&signal) {
                        let result = JobResult::parse(&result);
                        return Ok(JobNews::Ended(EndedJob { job, unit, result }));
                    }
                }
                News::Came => {
                    log::debug!("PID 1 has another connection to the bus");
                    self.subscribe_again();
                    return Ok(JobNews::Reexecuted);
                }
                News::Went => {}
            }
        }
    }

    /// What PID 1 is now may not know that we want to hear of all jobs. In a task: the caller may be dropped.
    fn subscribe_again(&self) {
        if !self.is_subscribed {
            return;
        }
        let connection = self.connection.clone();
        tokio::spawn(async move {
            let again = async || {
                subscribe(&connection).await.context("jobs that others ask for are not followed for now")
            };
            persist(BackOff::default(), again).await;
        });
    }
}
