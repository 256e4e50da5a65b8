//! Values that the disk holds and that today's schema cannot show: they stay on disk until it can.

use super::Inventory;
use crate::limits::PER_PROPERTY;
use crate::schema::{Place, Schema};
use serde_json::{Map, Value as Json};

/// Values as they were kept, by property.
pub type Aside = Map<String, Json>;

impl Inventory {
    /// Keeps these values of an interface that was put back, in place of what was kept aside of it. They are written with it,
    /// and count as what they take in its file.
    pub fn keep_aside(&mut self, schema: &Schema, path: &str, interface: &str, values: Aside) {
        let Some(place) = schema.place(interface) else { return };
        let Some(object) = self.objects.get_mut(path) else { return };
        let before = self.aside.get(path).and_then(|kept| kept.get(&place)).map_or(0, size);
        if values.is_empty() && before == 0 {
            return;
        }
        let after = size(&values);
        object.size = object.size + after - before;
        self.totals.bytes = self.totals.bytes + after - before;
        let kept = self.aside.entry(path.to_owned()).or_default();
        if values.is_empty() {
            kept.remove(&place);
        } else {
            kept.insert(place, values);
        }
    }

    /// What is kept of an interface without being shown.
    pub(super) fn aside(&self, path: &str, interface: Place) -> Option<&Aside> {
        self.aside.get(path)?.get(&interface)
    }
}

/// As counted: the JSON, which is what it takes on disk, and each property as any other.
fn size(values: &Aside) -> usize {
    if values.is_empty() {
        return 0;
    }
    values.len() * PER_PROPERTY + serde_json::to_string(values).map_or(0, |text| text.len())
}
