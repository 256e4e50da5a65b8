use crate::encoding::EncodingError;
use crate::fragment::{
    Fragment, Interfaces, KeywordSource, ObjectFragment, Presence, PublishedRecords, Source,
};
use crate::keywords::Keywords;
use crate::progress;
use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::records::{
    DEFAULT_RECORD, interface_of, is_publishable, properties_of, property_of,
};
use dbus_api::inventory::{ITEM, ITEM_CPU, progress_status, property};
use std::borrow::Cow;
use std::collections::BTreeSet;
use vpd_format::{Content, KeywordName, Outcome, RecordName, Vpd};

/// What became of the EEPROM.
#[derive(Debug, Clone, Copy)]
pub enum Reading<'a> {
    /// Something of it is usable.
    Usable(&'a Vpd),
    /// It is there, but nothing of it is usable.
    Unusable,
    /// It is not there.
    Absent,
}

/// When the collection of this FRU began and ended, microseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Began.
    pub started: i64,
    /// Ended.
    pub completed: i64,
}

/// What an EEPROM's objects are to show, and what could not be shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Publication<'a> {
    /// One call's worth of objects, in path order.
    pub notification: Notification<'a>,
    /// What the inventory does not show: keywords, as `RECORD.KEYWORD`, and records that no interface of it has room for, and
    /// what the fragment says that is not shown.
    pub dropped: BTreeSet<String>,
    /// Keywords, as `RECORD.KEYWORD`, that were never programmed; the properties that show them are empty.
    pub not_programmed: BTreeSet<String>,
    /// Values that could not be rendered; their properties are empty.
    pub problems: Vec<Problem>,
    /// Paths of the objects that are for another variant of the part, and were left alone.
    pub excluded: Vec<&'a str>,
}

/// A keyword that did not become the text that the fragment asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot render as {interface}.{property} record={record} keyword={keyword} offset={offset}: {source}"
)]
pub struct Problem {
    /// The interface.
    pub interface: String,
    /// The property, left empty.
    pub property: String,
    /// The record; empty for formats without records.
    pub record: String,
    /// The keyword.
    pub keyword: KeywordName,
    /// Where the value begins, bytes from the start of the VPD.
    pub offset: u32,
    /// What is wrong with it.
    pub source: EncodingError,
}

/// Says what the objects of an EEPROM show after a reading.
///
/// Every record interface that is published is published whole: properties that the image has no
/// keyword for are empty, so that nothing of an earlier part remains in it. The same holds for
/// every property that the fragment takes from a keyword, for VINI, and for the records that the
/// fragment names. Other records of an earlier part are unknown here; whoever may read the
/// inventory clears them with [`add_leftovers`](crate::add_leftovers).
pub fn publish<'a>(fragment: &'a Fragment, reading: Reading<'a>, times: Times) -> Publication<'a> {
    let mut publication = Publication::default();
    publication.dropped.extend(fragment.not_shown.iter().cloned());
    for (index, object) in fragment.object.iter().enumerate() {
        if excluded_by_ccin(object, reading) {
            publication.excluded.push(&object.path);
            continue;
        }
        let mut target = Object { path: Cow::Borrowed(&object.path), interfaces: Vec::new() };
        add_records(object, reading, &mut target, &mut publication);
        add_memory_size(object, reading, &mut target);
        if object.common.unwrap_or(object.records == PublishedRecords::All) {
            add_interfaces(&fragment.common, reading, &mut target, &mut publication);
        }
        add_interfaces(&object.interfaces, reading, &mut target, &mut publication);
        mark_processor_without_cores(object, reading, &mut target);
        if let Some(present) = presence(object, reading) {
            target.set(&property::PRESENT, present);
        }
        if index == 0 {
            add_progress(reading, times, fragment.own_inventory, &mut target);
        }
        sort(&mut target);
        publication.notification.objects.push(target);
    }
    if let Reading::Usable(Vpd { content: Content::Memory(module), .. }) = reading {
        let names = module.not_programmed.iter().map(|keyword| format!("{DEFAULT_RECORD}.{keyword}"));
        publication.not_programmed.extend(names);
    }
    publication.notification.sort_objects();
    publication
}

/// What is said of an object's presence, if that is ours to say.
fn presence(object: &ObjectFragment, reading: Reading<'_>) -> Option<bool> {
    let is_absent = matches!(reading, Reading::Absent);
    match object.presence {
        _ if object.foreign => None,
        Presence::Managed => Some(!is_absent),
        Presence::Cleared => is_absent.then_some(false),
        Presence::LeftAlone => None,
    }
}

/// The order in which the inventory takes them, and the same from run to run.
fn sort(object: &mut Object<'_>) {
    object.sort_interfaces();
    for interface in &mut object.interfaces {
        interface.properties.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    }
}

/// An object with a list of CCINs exists for these variants of the part only.
///
/// Formats without a CCIN always count. Without a reading nobody knows which variant it is, so
/// none is claimed to be there; what an earlier run published is for the collection service to clear.
fn excluded_by_ccin(object: &ObjectFragment, reading: Reading<'_>) -> bool {
    if object.ccin.is_empty() {
        return false;
    }
    let Reading::Usable(vpd) = reading else { return true };
    if !matches!(vpd.content, Content::Ipz(_)) {
        return false;
    }
    let ccin = Keywords(vpd).ccin().unwrap_or_default();
    !object.ccin.iter().any(|wanted| wanted.eq_ignore_ascii_case(&ccin))
}

fn add_records<'a>(
    object: &'a ObjectFragment,
    reading: Reading<'a>,
    target: &mut Object<'a>,
    publication: &mut Publication<'a>,
) {
    for record in records_to_publish(object, reading, publication) {
        let keywords = match reading {
            Reading::Usable(vpd) => Keywords(vpd).of_record(&record),
            _ => Vec::new(),
        };
        let known: Option<Vec<&str>> = properties_of(&record).map(Iterator::collect);
        let interface = target.interface(interface_of(&record));
        for property in known.iter().flatten() {
            interface.properties.push((Cow::Borrowed(property), Value::Bytes(Cow::Borrowed(&[]))));
        }
        for keyword in keywords {
            let name = keyword.name.to_string();
            let property = property_of(&name);
            let has_room = known.as_ref().is_none_or(|known| known.contains(&&*property));
            if has_room && is_publishable(&property) {
                interface.set(property.into_owned(), Value::Bytes(Cow::Borrowed(keyword.data)));
            } else {
                publication.dropped.insert(format!("{record}.{name}"));
            }
        }
    }
}

/// Names of the records that become interfaces of an object.
///
/// Records named in the fragment are published even when the image lacks them: empty.
fn records_to_publish(
    object: &ObjectFragment,
    reading: Reading<'_>,
    publication: &mut Publication<'_>,
) -> Vec<String> {
    let unwanted = match &object.records {
        PublishedRecords::None => return Vec::new(),
        PublishedRecords::Only(names) => return names.iter().map(RecordName::to_string).collect(),
        PublishedRecords::All => &[][..],
        PublishedRecords::AllBut(names) => names,
    };
    let is_wanted = |name: &str| !unwanted.iter().any(|unwanted| unwanted.to_string() == name);
    let mut names: Vec<String> = match reading {
        Reading::Usable(vpd) => Keywords(vpd).records().into_iter().map(|(name, _)| name).collect(),
        _ => Vec::new(),
    };
    names.retain(|name| is_wanted(name));
    names.retain(|name| {
        let has_interface = properties_of(name).is_some();
        if !has_interface {
            publication.dropped.insert(name.clone());
        }
        has_interface
    });
    // The record that identifies the FRU is emptied even when the image no longer has it.
    if is_wanted(DEFAULT_RECORD) && !names.iter().any(|name| name == DEFAULT_RECORD) {
        names.push(DEFAULT_RECORD.to_owned());
    }
    names
}

fn add_memory_size<'a>(object: &ObjectFragment, reading: Reading<'a>, target: &mut Object<'a>) {
    if object.records == PublishedRecords::None {
        return;
    }
    if let Reading::Usable(Vpd { content: Content::Memory(module), .. }) = reading {
        target.set(&property::MEMORY_SIZE_IN_KB, module.memory_size_kb.unwrap_or_default());
    }
}

fn add_interfaces<'a>(
    interfaces: &'a Interfaces,
    reading: Reading<'a>,
    target: &mut Object<'a>,
    publication: &mut Publication<'a>,
) {
    for (name, properties) in interfaces {
        let interface = target.interface(name.as_str());
        for (property, source) in properties {
            let value = match source {
                Source::Bool(value) => Value::Bool(*value),
                Source::Number(value) => property::number(name, property, *value),
                Source::Text(value) => Value::Text(Cow::Borrowed(value)),
                Source::Bytes(value) => Value::Bytes(Cow::Borrowed(value)),
                Source::Keyword(_) if is_kept(name, property, reading) => continue,
                Source::Keyword(source) => {
                    let not_programmed = &mut publication.not_programmed;
                    Value::Text(render(source, reading, not_programmed).unwrap_or_else(|(offset, error)| {
                        publication.problems.push(Problem {
                            interface: name.clone(),
                            property: property.clone(),
                            record: source.record.map(|record| record.to_string()).unwrap_or_default(),
                            keyword: source.keyword,
                            offset,
                            source: error,
                        });
                        Cow::Borrowed("")
                    }))
                }
            };
            interface.set(property.as_str(), value);
        }
    }
}

/// A name for people stays when the part's data goes; it says what the place is for.
///
/// Source: the reset of openpower-vpd-parser, which empties every other text.
fn is_kept(interface: &str, property: &str, reading: Reading<'_>) -> bool {
    interface == ITEM && property == "PrettyName" && !matches!(reading, Reading::Usable(_))
}

/// The text of a keyword, empty when there is no such keyword, or when it was never programmed, which is noted down; or where
/// it is and what is wrong with it.
fn render<'a>(
    source: &KeywordSource,
    reading: Reading<'a>,
    not_programmed: &mut BTreeSet<String>,
) -> Result<Cow<'a, str>, (u32, EncodingError)> {
    let Reading::Usable(vpd) = reading else { return Ok(Cow::Borrowed("")) };
    let Some(keyword) = Keywords(vpd).find(source.record, source.keyword) else {
        return Ok(Cow::Borrowed(""));
    };
    if !keyword.data.is_empty() && !source.encoding.is_programmed(keyword.data) {
        let record = source.record.map_or_else(|| DEFAULT_RECORD.to_owned(), |record| record.to_string());
        not_programmed.insert(format!("{record}.{}", keyword.name));
    }
    source.encoding.render(keyword.data).map_err(|error| (keyword.offset, error))
}

/// Where CP00.PG says which cores are good, and what it holds there when none is.
const GOOD_CORES: std::ops::Range<usize> = 97..121;
const NO_CORE: [u8; 3] = [0xe7, 0xf9, 0xff];

/// A processor module without a good core is there for its I/O only, and is called so.
///
/// Source: openpower-vpd-parser's treatment of CP00.PG.
fn mark_processor_without_cores<'a>(object: &ObjectFragment, reading: Reading<'a>, target: &mut Object<'a>) {
    let Reading::Usable(vpd) = reading else { return };
    if !object.interfaces.contains_key(ITEM_CPU) {
        return;
    }
    let guard = Keywords(vpd).find(Some(RecordName(*b"CP00")), KeywordName(*b"PG"));
    let cores = guard.and_then(|keyword| keyword.data.get(GOOD_CORES));
    if cores.is_some_and(|cores| cores.chunks(NO_CORE.len()).all(|core| core == NO_CORE)) {
        target.set(&property::PRETTY_NAME, Cow::Borrowed("IO Module"));
    }
}

fn add_progress(reading: Reading<'_>, times: Times, is_own: bool, target: &mut Object<'_>) {
    let status = match reading {
        Reading::Usable(vpd) if vpd.outcome != Outcome::Bad => progress_status::COMPLETED,
        Reading::Absent => progress_status::NOT_STARTED,
        _ => progress_status::FAILED,
    };
    let times = if matches!(reading, Reading::Absent) { Times::default() } else { times };
    progress::set(target, status, progress::are_carried(is_own, usize::BITS).then_some(times));
}

impl Fragment {
    /// The records that publishing needs; `None` when it needs all of them.
    pub fn needed_records(&self) -> Option<Vec<RecordName>> {
        let mut needed = BTreeSet::new();
        for object in &self.object {
            match &object.records {
                PublishedRecords::All | PublishedRecords::AllBut(_) => return None,
                PublishedRecords::Only(names) => needed.extend(names.iter().copied()),
                PublishedRecords::None => {}
            }
            if !object.ccin.is_empty() {
                needed.insert(RecordName::VINI);
            }
            if object.interfaces.contains_key(ITEM_CPU) {
                needed.insert(RecordName(*b"CP00"));
            }
            needed.extend(sources(&object.interfaces));
        }
        needed.extend(sources(&self.common));
        Some(needed.into_iter().collect())
    }
}

fn sources(interfaces: &Interfaces) -> impl Iterator<Item = RecordName> + '_ {
    interfaces.values().flat_map(|properties| properties.values()).filter_map(|source| match source {
        Source::Keyword(source) => source.record,
        _ => None,
    })
}

#[cfg(test)]
mod tests;
