//! Stands in for the service that administers VPD: tells what it was asked, and agrees. Names are written out once more on
//! purpose.

use anyhow::Context as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use zbus::{OwnedVariant, Variant};

type Answer = BTreeMap<&'static str, OwnedVariant>;
type CopyState = (String, String, String);
type Difference = (String, String, String, Vec<u8>, Vec<u8>);
type Change = (String, String, Vec<u8>, Vec<u8>, Vec<u8>);

/// It serves until it is dropped.
pub struct StandIn {
    calls: Arc<Mutex<Vec<String>>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<anyhow::Result<()>>>,
}

struct Manager;
struct Writer(Arc<Mutex<Vec<String>>>);

#[zbus::interface(name = "com.ibm.VPD.Manager")]
impl Manager {
    #[zbus(name = "GetParsedVPD")]
    fn get_parsed_vpd(&self, _path: &str) -> zbus::fdo::Result<OwnedVariant> {
        let keywords = [("SN", &b"YVIV00000101"[..]), ("CE", b"1")];
        let keywords = keywords.map(|(name, value)| (name.to_owned(), value.to_vec()));
        let records = BTreeMap::from([("VINI".to_owned(), BTreeMap::from(keywords))]);
        owned(Variant::from(records))
    }
}

fn owned(value: Variant<'_>) -> zbus::fdo::Result<OwnedVariant> {
    value.try_into().map_err(|error: zbus::Error| zbus::fdo::Error::Failed(error.to_string()))
}

impl Writer {
    fn say(&self, call: String) -> zbus::fdo::Result<Answer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        Ok(Answer::from([
            ("bytes", owned(Variant::from(12_u32))?),
            ("changed", owned(Variant::from(3_u32))?),
            ("shown", owned(Variant::from(true))?),
        ]))
    }
}

#[zbus::interface(name = "io.vivianite.Vpd.Writer1")]
impl Writer {
    fn write(
        &self,
        path: &str,
        changes: Vec<Change>,
        options: BTreeMap<String, OwnedVariant>,
    ) -> zbus::fdo::Result<Answer> {
        let named = changes
            .iter()
            .map(|(record, keyword, value, ..)| format!("{record}.{keyword}={}", value.escape_ascii()));
        let is_dry = options.get("dry-run").is_some_and(|value| **value == Variant::from(true));
        self.say(format!(
            "Write {path} {}{}",
            named.collect::<Vec<_>>().join(" "),
            if is_dry { " dry" } else { "" }
        ))
    }

    fn repair(&self, path: &str, records: Vec<String>, source: &str) -> zbus::fdo::Result<Answer> {
        if source == "backup" {
            return Err(zbus::fdo::Error::NotSupported("no backup\u{1b}[2J has it".to_owned()));
        }
        self.say(format!("Repair {path} {records:?} {source:?}"))
    }

    fn repair_from(&self, path: &str, records: Vec<String>, image: Vec<u8>) -> zbus::fdo::Result<Answer> {
        self.say(format!("RepairFrom {path} {records:?} {} bytes", image.len()))
    }

    fn scrub(&self, path: &str) -> zbus::fdo::Result<Answer> {
        self.say(format!("Scrub {path}"))
    }

    fn backup(&self, path: &str) -> zbus::fdo::Result<Answer> {
        self.say(format!("Backup {path}"))
    }

    fn restore(&self, path: &str) -> zbus::fdo::Result<Answer> {
        self.say(format!("Restore {path}"))
    }

    fn verify(&self, _path: &str) -> (Vec<CopyState>, Vec<Difference>) {
        let state = |copy: &str| (copy.to_owned(), "ok".to_owned(), String::new());
        let [record, keyword, copy] = ["VINI", "SN", "backup"].map(str::to_owned);
        let difference = (record, keyword, copy, b"YVIV00000101".to_vec(), b"YVIV00000777".to_vec());
        (["primary", "inventory", "backup"].map(state).to_vec(), vec![difference])
    }
}

impl StandIn {
    pub fn start(address: &str) -> anyhow::Result<Self> {
        let calls = Arc::<Mutex<Vec<String>>>::default();
        let (shared, address) = (Arc::clone(&calls), address.to_owned());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || -> anyhow::Result<()> {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
                let path = "/com/ibm/VPD/Manager";
                let builder = zbus::connection::Builder::address(address.as_str());
                let builder = builder.serve_at(path, Manager).serve_at(path, Writer(shared));
                let _connection = builder.name("com.ibm.VPD.Manager").build().await?;
                ready.send(())?;
                // Ends when the other end is dropped.
                let _ = stopped.await;
                Ok(())
            })
        });
        is_ready.recv().context("the stand-in did not start")?;
        Ok(Self { calls, stop: Some(stop), thread: Some(thread) })
    }

    /// What it was asked since the last time.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop.take();
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}
