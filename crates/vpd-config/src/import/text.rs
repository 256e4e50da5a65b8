//! The system as TOML that people like to read and change.

use crate::import::fru::Fru;
use crate::import::interfaces::Interface;
use crate::import::matching::Matching;
use crate::import::object::Object;
use crate::import::slot::Slot;
use crate::import::step::Step;
use crate::import::upstream::System;
use crate::import::words::{key, list, quoted};
use std::fmt::Display;

/// What a line has room for; a longer list gets a line for each of its items.
const WIDTH: usize = 110;

/// All but the comments at the top.
pub(crate) fn text(system: &System, matching: &Matching) -> String {
    let mut text = Text::default();
    if !system.system_eeproms.is_empty() {
        let eeproms = system.system_eeproms.join(", ");
        if eeproms.len() + 20 <= WIDTH {
            text.pair("system-eeproms", format_args!("[{eeproms}]"));
        } else {
            text.line("system-eeproms = [");
            system.system_eeproms.iter().for_each(|eeprom| text.line(format_args!("    {eeprom},")));
            text.line("]");
        }
    }
    text.steps("start", &system.muxes.start);
    text.table("[location]");
    text.pair("node", quoted("numbered"));
    for im in &matching.types {
        text.table("[[match]]");
        text.pair("im", quoted(im));
        if let Some((key, levels)) = &matching.levels {
            text.pair(key, list(levels));
        }
    }
    for at in &system.muxes.at {
        text.table("[[mux]]");
        text.pair("at", quoted(at.as_str()));
        text.pair("buses", "[]");
    }
    if let Some(backup) = &system.backup {
        text.table("[[backup]]");
        text.pair("source", quoted(backup.source.as_str()));
        text.optional("destination", backup.destination.as_ref().map(|key| quoted(key.as_str())));
        text.line("keywords = [");
        backup.keywords.iter().for_each(|keyword| text.line(format_args!("    {keyword},")));
        text.line("]");
    }
    for interface in &system.common {
        text.table(&format!("[common.{}]", key(&interface.name)));
        for (property, value) in &interface.properties {
            text.pair(property, value);
        }
    }
    for fru in &system.frus {
        text.fru(fru);
    }
    text.0
}

#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: impl Display) {
        self.0 += &format!("{line}\n");
    }

    fn pair(&mut self, key: &str, value: impl Display) {
        self.line(format_args!("{key} = {value}"));
    }

    /// A header, after a blank line.
    fn table(&mut self, header: &str) {
        if !self.0.is_empty() {
            self.line("");
        }
        self.line(header);
    }

    fn steps(&mut self, key: &str, steps: &[Step]) {
        match steps {
            [] => {}
            [step] if key.len() + step.to_string().len() + 5 <= WIDTH => {
                self.pair(key, format_args!("[{step}]"));
            }
            steps => {
                self.line(format_args!("{key} = ["));
                for step in steps {
                    self.line(format_args!("    {step},"));
                }
                self.line("]");
            }
        }
    }

    fn fru(&mut self, fru: &Fru) {
        let name = format!("fru.{}", quoted(fru.key.as_str()));
        self.table(&format!("[{name}]"));
        self.pair("format", quoted(fru.format));
        self.optional("file", fru.file.as_ref().map(|file| quoted(file)));
        self.optional("offset", fru.offset);
        self.optional("size", fru.size);
        self.optional("redundant", fru.redundant.as_ref().map(|redundant| quoted(redundant.as_str())));
        self.optional("power-off-only", fru.power_off_only.then_some(true));
        self.optional("essential", fru.essential.then_some(true));
        self.texts("replaceable-at", &fru.replaceable_at);
        if !fru.slot.is_empty() {
            self.slot(&format!("[{name}.slot]"), &fru.slot);
        }
        for object in &fru.objects {
            self.table(&format!("[[{name}.object]]"));
            self.object(object);
        }
    }

    fn slot(&mut self, header: &str, slot: &Slot) {
        self.table(header);
        for (name, steps) in slot.phases() {
            self.steps(name, steps);
        }
        if let Some((line, level)) = &slot.poll {
            let line = quoted(line);
            self.pair("poll", format_args!("{{ line = {line}, level = {level}, interval-ms = 5000 }}"));
        }
    }

    fn object(&mut self, object: &Object) {
        self.pair("path", quoted(&object.path));
        self.optional("location", object.interfaces.location.as_ref().map(|location| quoted(&location.code)));
        self.optional("records", object.records.as_ref());
        self.optional("common", object.common);
        self.texts("ccin", &object.ccin);
        self.optional("foreign", object.foreign.then_some(true));
        self.optional("presence", object.presence.map(quoted));
        self.optional("watch-presence", object.watch_presence.then_some(true));
        self.optional("prime", (!object.prime).then_some(false));
        for interface in &object.interfaces.list {
            self.interface(interface);
        }
    }

    /// One line for an interface, or for each of its properties.
    fn interface(&mut self, interface: &Interface) {
        let name = format!("interfaces.{}", key(&interface.name));
        let pairs: Vec<String> =
            interface.properties.iter().map(|(property, value)| format!("{property} = {value}")).collect();
        let pairs = pairs.join(", ");
        if interface.properties.is_empty() {
            self.pair(&name, "{}");
        } else if name.len() + pairs.len() + 7 <= WIDTH {
            self.pair(&name, format_args!("{{ {pairs} }}"));
        } else {
            for (property, value) in &interface.properties {
                self.pair(&format!("{name}.{property}"), value);
            }
        }
    }

    fn optional(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.pair(key, value);
        }
    }

    fn texts(&mut self, key: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.pair(key, list(texts));
        }
    }
}
