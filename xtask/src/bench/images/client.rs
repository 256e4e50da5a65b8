//! A client that hands an image over and waits for it to be Ready, while another reads properties all the time.

use std::fs::File;
use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use dbus_api::software::announcement::{self, Announcement, Said, text};
use dbus_api::software::{DELETE, IMAGE_MANAGER, ROOT, UPDATE, apply_time, parse_activation};
use dbus_api::standard::PROPERTIES;
use futures_core::Stream as _;
use tokio::runtime::Runtime;
use update_state::{Activation, ApplyTime};
use zbus::{Connection, Fd, MessageStream, OwnedObjectPath, connection::Builder};

/// Longest wait for an image.
const LIMIT: Duration = Duration::from_secs(120);
/// Between two reads.
const INTERVAL: Duration = Duration::from_millis(2);

/// How long reads of a property took.
#[derive(Debug, Default)]
pub struct Reads(Vec<Duration>);

impl Reads {
    /// How many there were.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// What such a part of them did not take longer than.
    pub fn at(&mut self, part: f64) -> Duration {
        self.0.sort();
        #[allow(clippy::cast_precision_loss, clippy::cast_sign_loss, clippy::cast_possible_truncation)]
        let index = (part * self.0.len().saturating_sub(1) as f64).round() as usize;
        self.0.get(index).copied().unwrap_or_default()
    }
}

/// The client.
pub struct Client {
    runtime: Runtime,
    connection: Connection,
    reader: Connection,
}

impl Client {
    /// Two connections to the bus.
    pub fn connect(address: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connect = || async { Builder::address(address).method_timeout(LIMIT).build().await };
        let (connection, reader) =
            runtime.block_on(async { Ok::<_, zbus::Error>((connect().await?, connect().await?)) })?;
        Ok(Self { runtime, connection, reader })
    }

    /// Hands an image over, waits, and removes it again.
    pub fn install(&self, image: &Path, reads: &mut Reads) -> Result<Duration> {
        self.runtime.block_on(async {
            let rule = announcement::activations_rule()?;
            let mut signals = MessageStream::for_match_rule(rule, &self.connection, None).await?;
            let installing = self.until_ready(image, &mut signals);
            let (object, taken) = tokio::select! {
                installed = tokio::time::timeout(LIMIT, installing) => installed.context("the image is not Ready")??,
                read = self.read_on(reads) => bail!("a property could not be read: {read:?}"),
            };
            let path = object.as_str();
            self.connection.call_method(Some(IMAGE_MANAGER), path, Some(DELETE), "Delete", &()).await?;
            Ok(taken)
        })
    }

    async fn until_ready(
        &self,
        image: &Path,
        signals: &mut MessageStream,
    ) -> Result<(OwnedObjectPath, Duration)> {
        let file = File::open(image)?;
        let object = format!("{ROOT}/multipart");
        let began = Instant::now();
        let arguments = (Fd::from(&file), apply_time(ApplyTime::OnActivationRequest));
        let reply = self.connection.call_method(
            Some(IMAGE_MANAGER),
            &*object,
            Some(UPDATE),
            "StartUpdate",
            &arguments,
        );
        let object: OwnedObjectPath = reply.await?.body().deserialize()?;
        loop {
            let message = poll_fn(|context| Pin::new(&mut *signals).poll_next(context)).await;
            let Some(Announcement { path, said: Said::Changed { properties, .. }, .. }) =
                Announcement::of(&message.context("the bus went away")??)
            else {
                continue;
            };
            let state = text(&properties, "Activation").and_then(|text| parse_activation(&text));
            match state {
                Some(Activation::Ready) if path == object.as_str() => return Ok((object, began.elapsed())),
                Some(Activation::Invalid) => bail!("the image was refused: {}", self.reason(&object).await?),
                _ => {}
            }
        }
    }

    async fn reason(&self, object: &OwnedObjectPath) -> Result<String> {
        let arguments = (dbus_api::software::IMAGE, "Reason");
        let path = object.as_str();
        let reply = self
            .connection
            .call_method(Some(IMAGE_MANAGER), path, Some(PROPERTIES), "Get", &arguments)
            .await?;
        let value: zbus::OwnedVariant = reply.body().deserialize()?;
        Ok(value.downcast_ref::<&str>()?.to_owned())
    }

    /// Reads properties until it is stopped.
    async fn read_on(&self, reads: &mut Reads) -> Result<()> {
        let object = format!("{ROOT}/multipart");
        loop {
            let began = Instant::now();
            let arguments = (UPDATE, "AllowedApplyTimes");
            let reading =
                self.reader.call_method(Some(IMAGE_MANAGER), &*object, Some(PROPERTIES), "Get", &arguments);
            reading.await?;
            reads.0.push(began.elapsed());
            tokio::time::sleep(INTERVAL).await;
        }
    }
}
