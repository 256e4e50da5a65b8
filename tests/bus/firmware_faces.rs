//! The faces of services of firmware, on a bus: what they show, and what they hand on.

use dbus_api::software::faces::{self, Association, Associations, Intake, Replies, TakesIn, Update, Updates};
use dbus_api::software::refusal::Refusal;
use dbus_api::software::{ASSOCIATIONS, INTAKE, ROOT, UPDATE, apply_time, requests};
use house_tests::Machine;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use tokio::sync::{mpsc, watch};
use update_state::ApplyTime;
use zbus::{Connection, ObjectPath, OwnedFd, OwnedObjectPath, OwnedVariant};

const NAME: &str = "xyz.openbmc_project.Software.Device";
const DEVICE: &str = "/xyz/openbmc_project/software/device";

/// A service that refuses images for one device, and tells what it hears.
#[derive(Clone)]
struct Heard(mpsc::UnboundedSender<String>);

impl Heard {
    fn image(&self, image: OwnedFd, told: &str) -> Result<OwnedObjectPath, Refusal> {
        let mut content = String::new();
        std::fs::File::from(std::os::fd::OwnedFd::from(image)).read_to_string(&mut content).unwrap();
        self.0.send(format!("{content} {told}")).unwrap();
        Ok(OwnedObjectPath::try_from(DEVICE).unwrap())
    }
}

impl faces::Source<Update> for Heard {
    fn values(&self, property: &'static str) -> Update {
        self.0.send(format!("{property} was read")).unwrap();
        Update { allowed_apply_times: vec![ApplyTime::Immediate, ApplyTime::OnReset] }
    }
}

impl Replies for Heard {
    async fn replied(&self, object: &OwnedObjectPath) {
        self.0.send(format!("replied {object}")).unwrap();
    }
}

impl Updates for Heard {
    async fn start_update(&self, image: OwnedFd, apply_time: String) -> Result<OwnedObjectPath, Refusal> {
        self.image(image, &apply_time)
    }
}

impl TakesIn for Heard {
    async fn start_update_for(
        &self,
        image: OwnedFd,
        apply_time: String,
        target: String,
        caller: String,
    ) -> Result<OwnedObjectPath, Refusal> {
        if target != DEVICE {
            return Err(Refusal::InvalidArgument { name: "Target", value: target });
        }
        self.image(image, &format!("{apply_time} {target} {caller}"))
    }
}

/// The one property of an interface of the device.
async fn shown(client: &Connection, interface: &str) -> zbus::Result<OwnedVariant> {
    let properties = requests::properties(client, NAME, DEVICE, interface).await?;
    assert_eq!(properties.len(), 1);
    Ok(properties.into_values().next().unwrap())
}

/// A service's connection.
async fn connect(machine: &Machine) -> zbus::Result<Connection> {
    zbus::connection::Builder::address(machine.bus().address()).build().await
}

#[test]
fn a_face_shows_present_values_until_it_is_removed() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    machine.run(async |client| {
        let service = connect(&machine).await?;
        let (values, source) = watch::channel(Associations { associations: BTreeSet::new() });
        let device = ObjectPath::try_from(DEVICE)?;
        faces::add::<Associations, _>(&service, &device, source).await?;
        // Calls are taken from when the name is there.
        service.request_name(NAME).await?;
        let triples = async || -> anyhow::Result<Vec<(String, String, String)>> {
            Ok(shown(&client, ASSOCIATIONS).await?.try_into()?)
        };
        assert_eq!(triples().await?, []);
        let association = |forward: &str, reverse: &str| Association {
            forward: forward.to_owned(),
            reverse: reverse.to_owned(),
            endpoint: ROOT.to_owned(),
        };
        values.send_modify(|values| {
            values.associations = [association("running", "ran_on"), association("a", "b")].into();
        });
        let triple = |forward: &str, reverse: &str| (forward.to_owned(), reverse.to_owned(), ROOT.to_owned());
        assert_eq!(triples().await?, [triple("a", "b"), triple("running", "ran_on")]);
        faces::remove(&service, &device, ASSOCIATIONS).await?;
        assert!(triples().await.is_err());
        let again = faces::remove(&service, &device, ASSOCIATIONS).await;
        assert!(matches!(again, Err(zbus::Error::InterfaceNotFound)), "{again:?}");
        Ok(())
    })
}

#[test]
fn a_service_is_handed_images_and_hears_when_each_reply_is_out() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    let path = machine.image("image", b"firmware")?;
    machine.run(async |client| {
        let service = connect(&machine).await?;
        let (sender, mut heard) = mpsc::unbounded_channel();
        let (root, device) = (ObjectPath::try_from(ROOT)?, ObjectPath::try_from(DEVICE)?);
        faces::add::<Update, _>(&service, &device, Heard(sender.clone())).await?;
        faces::add::<Intake, _>(&service, &root, Heard(sender)).await?;
        service.request_name(NAME).await?;
        let open = || std::fs::File::open(&path);
        let on_reset = apply_time(ApplyTime::OnReset);
        let replied = format!("replied {DEVICE}");

        let times: Vec<String> = shown(&client, UPDATE).await?.try_into()?;
        assert_eq!(times, [apply_time(ApplyTime::Immediate), on_reset.clone()]);
        assert_eq!(heard.recv().await.as_deref(), Some("AllowedApplyTimes was read"));

        let image = open()?;
        let object = requests::start_update(&client, NAME, DEVICE, image.as_fd(), ApplyTime::OnReset).await?;
        assert_eq!(object.as_str(), DEVICE);
        assert_eq!(heard.recv().await, Some(format!("firmware {on_reset}")));
        assert_eq!(heard.recv().await.as_ref(), Some(&replied));

        let start = async |target: &str| {
            let image = open()?;
            requests::start_update_for(&client, NAME, image.as_fd(), ApplyTime::OnReset, target).await
        };
        assert_eq!(start(DEVICE).await?.as_str(), DEVICE);
        let caller = client.unique_name().map(ToString::to_string).unwrap_or_default();
        assert_eq!(heard.recv().await, Some(format!("firmware {on_reset} {DEVICE} {caller}")));
        assert_eq!(heard.recv().await.as_ref(), Some(&replied));

        let refused = start("/other").await.unwrap_err().to_string();
        assert!(refused.contains("InvalidArgument") && refused.contains("Target"), "{refused}");
        faces::remove(&service, &root, INTAKE).await?;
        assert!(start(DEVICE).await.is_err());
        // Of what was refused no reply is told.
        assert!(heard.try_recv().is_err());
        Ok(())
    })
}
