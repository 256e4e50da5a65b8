//! Multiplexers: what is written to them before anything else, and that buses behind one are one wire.

use crate::import::command;
use crate::import::fields::{Field, Losses};
use crate::import::json::Value;
use crate::import::step::{Action, Step};
use fru_publication::EepromKey;

/// What the JSON says of multiplexers.
#[derive(Debug, Default)]
pub(crate) struct Muxes {
    /// What is written to them.
    pub(crate) start: Vec<Step>,
    /// Their addresses.
    pub(crate) at: Vec<EepromKey>,
}

impl Muxes {
    pub(crate) fn read(field: &Field<'_>, losses: &mut Losses) -> Self {
        let mut muxes = Self::default();
        for item in field.list(losses) {
            muxes.take(&item, losses);
        }
        if !muxes.at.is_empty() {
            let at: Vec<&str> = muxes.at.iter().map(EepromKey::as_str).collect();
            let why = format!(
                "which buses are behind {} is said by the device tree's aliases, not by the JSON; write their numbers \
                 into `buses` of each [[mux]], or they count as wires of their own",
                at.join(", ")
            );
            losses.add(&field.place, why);
        }
        muxes
    }

    fn take(&mut self, field: &Field<'_>, losses: &mut Losses) {
        let Some(mut fields) = field.object(losses) else { return };
        let place = fields.place.clone();
        let path = fields.take_text("holdidlepath", losses);
        let (bus, address) = (fields.take("i2bus"), fields.take("deviceaddress"));
        fields.list_unknown(losses);
        // A path through several multiplexers ends at the one that is meant.
        let of_path = path.and_then(|path| path.split('/').rev().find_map(i2c_device));
        let said = said(bus.as_ref(), address.as_ref());
        if let Some(device) = &of_path {
            let (on, at) = device.as_str().split_once('-').unwrap_or_default();
            let is_bus = bus.as_ref().is_none_or(|field| *field.value == Value::Text(on.to_owned()));
            let is_address = address.as_ref().is_none_or(|field| address_of(field).as_deref() == Some(at));
            for field in [(bus, is_bus), (address, is_address)] {
                if let (Some(field), false) = field {
                    losses
                        .add(&field.place, format!("{} contradicts holdidlepath, which counts", field.value));
                }
            }
        } else {
            let facts = [bus, address].into_iter().flatten();
            facts.filter(|_| said.is_none()).for_each(|field| {
                losses.add(&field.place, format!("{} does not say where the multiplexer is", field.value));
            });
        }
        match path {
            None => losses.add(&place, "it has no holdidlepath to write to"),
            Some(path) => match command::write(path, "0") {
                Ok(action) => self.start.push(Step::from(action)),
                Err(why) => losses.add(&place.key("holdidlepath"), why),
            },
        }
        match of_path.or(said) {
            Some(at) if self.at.contains(&at) => losses.add(&place, format!("{at} is there already")),
            at => self.at.extend(at),
        }
    }
}

impl From<Action> for Step {
    /// For every part.
    fn from(action: Action) -> Self {
        Self { action, ccin: Vec::new() }
    }
}

fn i2c_device(text: &str) -> Option<EepromKey> {
    let key = EepromKey::parse(text).ok()?;
    key.sysfs_path().filter(|path| path.starts_with("/sys/bus/i2c/"))?;
    Some(key)
}

/// The device by its bus and address.
fn said(bus: Option<&Field<'_>>, address: Option<&Field<'_>>) -> Option<EepromKey> {
    let Value::Text(bus) = bus?.value else { return None };
    i2c_device(&format!("{bus}-{}", address_of(address?)?))
}

/// The address as keys have it; it is given with the bit for reading, as eight bits.
fn address_of(field: &Field<'_>) -> Option<String> {
    let Value::Text(text) = field.value else { return None };
    let digits = text.strip_prefix("0x")?;
    let number = u16::from_str_radix(digits, 16).ok().filter(|number| *number < 0x100)?;
    Some(format!("{:04x}", number >> 1))
}
