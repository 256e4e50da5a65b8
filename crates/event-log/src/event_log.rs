use crate::{Deliverer, Event, Ledger, Limits, Notice, Notices, Pair, StateFile};
use peer::BackOff;
use service_runtime::clock::at;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;
use zbus::Connection;

/// Longest wait of a service that ends for an answer of the event log; much shorter than systemd's for the service.
const ENDING_LIMIT: Duration = Duration::from_millis(1_500);

/// A service's events: ledger, file and deliverer in one, for an owner that has a loop.
#[derive(Debug)]
pub struct EventLog {
    ledger: Ledger,
    file: StateFile,
    deliverer: Deliverer,
    notices: Notices,
    /// The deliverer waits for an event.
    is_free: bool,
    /// How long what is refused waits.
    pauses: BackOff,
    began: Instant,
}

impl EventLog {
    /// Reads what an earlier run delivered from the state folder, and starts the deliverer. Needs a tokio runtime
    /// around it.
    pub fn start(connection: &Connection, folder: Option<PathBuf>, limits: Limits) -> Self {
        Self::start_with(connection, folder, limits, BackOff::default())
    }

    /// As [`Self::start`], with other waits after a failure.
    pub fn start_with(
        connection: &Connection,
        folder: Option<PathBuf>,
        limits: Limits,
        back_off: BackOff,
    ) -> Self {
        let mut file = StateFile::in_folder(folder);
        let ledger = file.load(limits);
        let (deliverer, notices) = Deliverer::start(connection, back_off);
        Self { ledger, file, deliverer, notices, is_free: false, pauses: back_off, began: Instant::now() }
    }

    /// Takes all that is wrong now; not before that is known, since what is missing has cleared.
    pub fn update(&mut self, current: impl IntoIterator<Item = Event>) {
        self.update_known(current, |_| false);
    }

    /// As [`Self::update`], but of some pairs it is not known whether they are still wrong: these stand as they did.
    pub fn update_known(
        &mut self,
        current: impl IntoIterator<Item = Event>,
        is_unknown: impl Fn(&Pair) -> bool,
    ) {
        let changes = self.ledger.update_known(current, is_unknown);
        for pair in &changes.raised {
            log::debug!("an event is raised {pair}");
        }
        for pair in &changes.cleared {
            log::debug!("an event has cleared {pair}");
        }
        if changes.dropped > 0 {
            log::warn!(
                "there are more events than are kept now={} ever={}",
                changes.dropped,
                self.ledger.dropped()
            );
        }
        self.file.save(&self.ledger);
        self.go_on();
    }

    /// Takes something that has happened: it is told once, whenever that can be, over restarts too.
    pub fn happened(&mut self, event: Event) {
        let pair = event.pair.clone();
        // What is too old takes no room from it, whether the logging service is there or not.
        self.expire();
        if !self.ledger.happened(event, self.began.elapsed()) {
            // Their number goes with the next change: a flood must not be a flood of writes.
            return log::warn!("the event log will not hear of this, too much waits for it already: {pair}");
        }
        self.file.save(&self.ledger);
        self.go_on();
    }

    /// Waits for what the deliverer has to say, or until what was refused is due; dropping the future loses nothing. To be
    /// handed to [`Self::take`].
    pub async fn notice(&mut self) -> Notice {
        // What could be sent now was sent by `go_on`, or waits for the deliverer.
        let due = self.ledger.due().filter(|_| self.is_free).and_then(|due| self.began.checked_add(due));
        tokio::select! {
            biased;
            notice = self.notices.next() => notice,
            () = at(due) => Notice::Free,
        }
    }

    /// Does what follows from a notice.
    pub fn take(&mut self, notice: Notice) {
        self.note(notice);
        self.go_on();
    }

    /// Ends in order: waits a moment for what comes of the event that is on its way, and begins no other. The next run
    /// would else say again what was sent and not noted, or never say what is refused after this.
    pub async fn end(mut self) {
        let ending = async {
            while self.ledger.is_under_way() {
                let notice = self.notices.next().await;
                self.note(notice);
            }
        };
        if tokio::time::timeout(ENDING_LIMIT, ending).await.is_err() {
            log::info!("the event log does not answer, it is not waited for any longer");
        }
    }

    fn note(&mut self, notice: Notice) {
        match notice {
            Notice::Free => self.is_free = true,
            Notice::Another => self.ledger.begin_anew(),
            Notice::Sent => self.ledger.sent(),
            Notice::Delivered(entry) => {
                self.ledger.answered();
                log::debug!("the event log has it entry={}", entry.as_deref().unwrap_or("unknown"));
            }
            Notice::Failed(reason) => {
                self.ledger.failed();
                log::warn!("an event was not delivered, it is tried again later: {reason}");
            }
            Notice::Refused(reason) => match self.ledger.refused(self.began.elapsed(), self.pauses) {
                Some(event) => {
                    log::error!("an event is given up, it was refused: {reason} {}", event.pair)
                }
                None => log::warn!("an event was refused, it is tried again later: {reason}"),
            },
        }
        self.file.save(&self.ledger);
    }

    /// What stands, and what of it is delivered.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn expire(&mut self) {
        for event in self.ledger.expire(self.began.elapsed()) {
            log::warn!("the event log was not told in time, and is not told any more: {}", event.pair);
        }
    }

    fn go_on(&mut self) {
        if !self.is_free {
            return;
        }
        self.expire();
        if let Some(event) = self.ledger.take_next(self.began.elapsed()) {
            self.is_free = false;
            if self.deliverer.deliver(event).is_err() {
                // Its task has ended with the bus.
                self.ledger.failed();
            }
        }
    }
}
