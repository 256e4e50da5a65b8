use super::*;
use crate::limits::{LEAST_PROPERTIES, OBJECT, OBJECTS, PROPERTIES};
use dbus_api::inventory::received::Given;
use zbus::{Message, Variant};

fn schema() -> Schema {
    let text = "[\"a.Asset\"]\nModel = \"s\"\nSerialNumber = \"s\"\n\
                [\"a.Tag\"]\nMore = { type = \"s\", owner = true }\nTag = { type = \"s\", owner = true }\n[\"a.Item\"]\nPresent = \"b\"\nSize = \"y\"\n[\"a.Marker\"]\n\
                [\"a.Fixed\"]\nName = { type = \"s\", access = \"read\" }\n";
    Schema::from_fragment(&toml::from_str(text).unwrap()).unwrap()
}

type Interfaces<'a> = Vec<(&'a str, Vec<(&'a str, Given<'a>)>)>;

/// What is sent, in an order that is not that of names.
fn message(objects: Vec<(&str, Interfaces<'_>)>) -> Message {
    let variant = |given: Given<'_>| match given {
        Given::Bool(value) => Variant::from(value),
        Given::Size(value) => Variant::from(value),
        Given::Text(value) => Variant::from(value.to_owned()),
        other => panic!("no test sends {other:?}"),
    };
    let mut all = Vec::new();
    for (path, interfaces) in objects.into_iter().rev() {
        let interfaces = interfaces.into_iter().rev().map(|(name, properties)| {
            let properties = properties.into_iter().rev().map(|(name, given)| (name, variant(given)));
            (name, Pairs(properties.collect()))
        });
        all.push((zbus::ObjectPath::try_from(path.to_owned()).unwrap(), Pairs(interfaces.collect())));
    }
    Message::method_call("/", "Notify").build(&Pairs(all)).unwrap()
}

/// A dictionary in an order of its own, in which a name may stand twice.
struct Pairs<K, V>(Vec<(K, V)>);

impl<K: zbus::Type, V: zbus::Type> zbus::Type for Pairs<K, V> {
    const SIGNATURE: &'static zbus::Signature = &zbus::Signature::static_dict(K::SIGNATURE, V::SIGNATURE);
}

impl<K: Serialize, V: Serialize> Serialize for Pairs<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// What comes of a call.
struct Outcome {
    told: Vec<Told>,
    fault: Option<NotifyError>,
    skipped: Vec<(String, String)>,
    /// Interfaces that are written.
    kept: Vec<(String, String)>,
}

impl Outcome {
    /// Objects with what they did not have.
    fn added(&self) -> Vec<(&str, Vec<String>)> {
        let name = |place: &Place| schema().at(*place).unwrap().name().to_owned();
        let told = self.told.iter().filter(|told| !told.added.is_empty());
        told.map(|told| (&*told.path, told.added.iter().map(name).collect())).collect()
    }

    /// Properties that have other values.
    fn changed(&self) -> Vec<String> {
        let changed = self.told.iter().flat_map(|told| told.changed.iter());
        let name = |(interface, property): &(Place, Place)| {
            schema().at(*interface).unwrap().at(*property).unwrap().0.to_owned()
        };
        changed.map(name).collect()
    }
}

fn notify(inventory: &mut Inventory, objects: Vec<(&str, Interfaces<'_>)>) -> Outcome {
    try_notify(inventory, objects).unwrap()
}

fn try_notify(inventory: &mut Inventory, objects: Vec<(&str, Interfaces<'_>)>) -> Result<Outcome, PlanError> {
    let message = message(objects);
    let body = message.body();
    let mut plan = inventory.plan(&schema(), &body)?;
    let own = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
    let skipped = plan.skipped.iter().copied().map(own).collect();
    let schema = schema();
    let kept = plan.changes(inventory, &schema).map(|(path, interface, _)| own((path, interface))).collect();
    let fault = plan.fault.take();
    let told = inventory.apply(&schema, plan);
    assert_eq!(inventory.totals(), recounted(inventory), "the running totals are those of the inventory");
    Ok(Outcome { told, fault, skipped, kept })
}

/// Sets a property directly; tells whether it changed.
fn set(
    inventory: &mut Inventory,
    path: &str,
    interface: &str,
    property: &str,
    given: Given<'_>,
) -> Result<bool, SetError> {
    let setting = inventory.plan_set(&schema(), path, interface, property, given)?;
    let is_changed = setting.is_some();
    setting.into_iter().for_each(|setting| inventory.set(&schema(), setting));
    Ok(is_changed)
}

/// The totals from the beginning.
fn recounted(inventory: &Inventory) -> Totals {
    let schema = schema();
    let mut totals = Totals::default();
    for (path, object) in inventory.objects() {
        totals.objects += 1;
        let mut bytes = PER_OBJECT + path.len();
        for hosted in object.interfaces() {
            let interface = schema.at(hosted.interface).unwrap();
            totals.properties += interface.len().max(LEAST_PROPERTIES);
            bytes += crate::limits::PER_INTERFACE + interface.name().len();
            for (place, name, _) in interface.iter() {
                let value = hosted.value(interface, place).unwrap();
                bytes += crate::limits::PER_PROPERTY + name.len() + value.size();
            }
        }
        assert_eq!(object.size, bytes, "{path}");
        totals.bytes += bytes;
    }
    totals
}

fn shows(inventory: &Inventory, path: &str, interface: &str) -> bool {
    let place = schema().place(interface).unwrap();
    inventory.objects().get(path).is_some_and(|object| object.interface(place).is_some())
}

fn value(inventory: &Inventory, path: &str, interface: &str, property: &str) -> Value {
    inventory.value(&schema(), path, interface, property).unwrap().clone()
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

#[test]
fn an_unknown_object_is_created_with_defaults_for_what_was_not_given() {
    let mut inventory = Inventory::default();
    let plan = notify(
        &mut inventory,
        vec![("/s", vec![("a.Asset", vec![("Model", Given::Text("M"))]), ("a.Marker", vec![])])],
    );
    assert_eq!(plan.added(), [("/s", vec!["a.Asset".to_owned(), "a.Marker".to_owned()])]);
    assert!(plan.kept.len() == 2 && plan.changed().is_empty());
    assert_eq!(value(&inventory, "/s", "a.Asset", "Model"), text("M"));
    assert_eq!(value(&inventory, "/s", "a.Asset", "SerialNumber"), text(""));
}

#[test]
fn a_known_interface_keeps_what_is_not_listed_and_names_only_what_differs() {
    let mut inventory = Inventory::default();
    notify(
        &mut inventory,
        vec![(
            "/s",
            vec![("a.Asset", vec![("Model", Given::Text("M")), ("SerialNumber", Given::Text("1"))])],
        )],
    );
    let plan = notify(
        &mut inventory,
        vec![(
            "/s",
            vec![("a.Asset", vec![("Model", Given::Text("M")), ("SerialNumber", Given::Text("2"))])],
        )],
    );
    assert!(plan.added().is_empty());
    assert_eq!(plan.changed(), ["SerialNumber"]);
    assert_eq!(value(&inventory, "/s", "a.Asset", "Model"), text("M"));
}

#[test]
fn the_same_again_changes_and_writes_nothing() {
    let mut inventory = Inventory::default();
    let objects =
        || vec![("/s", vec![("a.Item", vec![("Present", Given::Bool(true))]), ("a.Marker", vec![])])];
    notify(&mut inventory, objects());
    let again = notify(&mut inventory, objects());
    assert!(again.told.is_empty() && again.kept.is_empty() && again.fault.is_none());
}

#[test]
fn unknown_interfaces_are_passed_over_and_unknown_properties_ignored() {
    let mut inventory = Inventory::default();
    let plan = notify(
        &mut inventory,
        vec![("/s", vec![("a.Item", vec![("Nonsense", Given::Bool(true))]), ("z.Unknown", vec![])])],
    );
    assert_eq!(plan.skipped, [("/s".to_owned(), "z.Unknown".to_owned())]);
    assert_eq!(plan.fault, None);
    assert!(shows(&inventory, "/s", "a.Item"));
}

#[test]
fn an_object_of_unknown_interfaces_only_does_not_appear() {
    let mut inventory = Inventory::default();
    let plan = notify(&mut inventory, vec![("/s", vec![("z.Unknown", vec![])])]);
    assert!(plan.added().is_empty() && inventory.objects().is_empty());
}

#[test]
fn a_value_that_does_not_convert_stops_the_call_half_way() {
    let mut inventory = Inventory::default();
    notify(&mut inventory, vec![("/b", vec![("a.Asset", vec![])])]);
    let plan = notify(
        &mut inventory,
        vec![
            ("/a", vec![("a.Marker", vec![])]),
            (
                "/b",
                vec![
                    ("a.Asset", vec![("Model", Given::Text("kept")), ("SerialNumber", Given::Size(1))]),
                    ("a.Marker", vec![]),
                ],
            ),
            ("/c", vec![("a.Marker", vec![])]),
        ],
    );
    assert!(matches!(&plan.fault, Some(NotifyError::Value { property, .. }) if property == "SerialNumber"));
    // The object before the fault is complete and announced, the ones after it never happened.
    assert_eq!(plan.added(), [("/a", vec!["a.Marker".to_owned()])]);
    assert!(!inventory.objects().contains_key("/c"));
    assert!(!shows(&inventory, "/b", "a.Marker"));
    // The property before the fault is live, but its interface was not written down.
    assert_eq!(value(&inventory, "/b", "a.Asset", "Model"), text("kept"));
    assert_eq!(plan.kept, [("/a".to_owned(), "a.Marker".to_owned())]);
}

#[test]
fn interfaces_before_a_fault_stay_but_their_object_is_not_announced() {
    let mut inventory = Inventory::default();
    let plan = notify(
        &mut inventory,
        vec![("/s", vec![("a.Asset", vec![]), ("a.Item", vec![("Size", Given::Size(256))])])],
    );
    assert!(plan.fault.is_some() && plan.added().is_empty());
    assert_eq!(plan.kept, [("/s".to_owned(), "a.Asset".to_owned())]);
    assert!(!shows(&inventory, "/s", "a.Item"));
}

#[test]
fn the_root_is_no_object() {
    let plan = notify(&mut Inventory::default(), vec![("/", vec![("a.Marker", vec![])])]);
    assert_eq!(plan.fault, Some(NotifyError::Path { path: "/".into() }));
}

#[test]
fn a_direct_set_is_live_only_until_the_next_notify_writes_it() {
    let mut inventory = Inventory::default();
    notify(&mut inventory, vec![("/s", vec![("a.Item", vec![("Present", Given::Bool(false))])])]);
    assert_eq!(set(&mut inventory, "/s", "a.Item", "Present", Given::Bool(true)), Ok(true));
    assert_eq!(set(&mut inventory, "/s", "a.Item", "Present", Given::Bool(true)), Ok(false));
    let plan = notify(&mut inventory, vec![("/s", vec![("a.Item", vec![("Present", Given::Bool(true))])])]);
    assert!(plan.kept.len() == 1 && plan.changed().is_empty());
}

#[test]
fn of_what_is_set_directly_only_the_owners_is_kept() {
    let mut inventory = Inventory::default();
    let tag = ("a.Tag", vec![("More", Given::Text("m"))]);
    notify(&mut inventory, vec![("/s", vec![tag, ("a.Item", vec![("Present", Given::Bool(false))])])]);
    let kept = |inventory: &mut Inventory, interface, property, given| {
        let schema = schema();
        let setting = inventory.plan_set(&schema, "/s", interface, property, given).unwrap().unwrap();
        let change = setting.change(inventory, &schema);
        let text = change.map(|(.., kept)| serde_json::to_string(&kept).unwrap());
        inventory.set(&schema, setting);
        text
    };
    assert_eq!(kept(&mut inventory, "a.Item", "Present", Given::Bool(true)), None);
    let expected = "{\"More\":\"m\",\"Tag\":\"mine\"}".to_owned();
    assert_eq!(kept(&mut inventory, "a.Tag", "Tag", Given::Text("mine")), Some(expected));
    assert_eq!(value(&inventory, "/s", "a.Tag", "Tag"), text("mine"));
    assert_eq!(inventory.totals(), recounted(&inventory));
    // A value that is there already is not written again, neither for a client nor for a `Notify`.
    assert_eq!(set(&mut inventory, "/s", "a.Tag", "Tag", Given::Text("mine")), Ok(false));
    let plan = notify(&mut inventory, vec![("/s", vec![("a.Tag", vec![("Tag", Given::Text("mine"))])])]);
    assert_eq!(plan.kept, []);
}

#[test]
fn a_direct_set_tells_what_is_wrong_with_it() {
    let mut inventory = Inventory::default();
    notify(&mut inventory, vec![("/s", vec![("a.Item", vec![]), ("a.Fixed", vec![])])]);
    for (path, interface, property, given, expected) in [
        ("/x", "a.Item", "Present", Given::Bool(true), SetError::UnknownObject),
        ("/s", "a.Asset", "Model", Given::Text(""), SetError::UnknownInterface),
        ("/s", "a.Item", "Absent", Given::Bool(true), SetError::UnknownProperty),
        (
            "/s",
            "a.Item",
            "Present",
            Given::Text("x"),
            SetError::InvalidValue { expected: "b".to_owned(), given: "s \"x\"".to_owned() },
        ),
        ("/s", "a.Fixed", "Name", Given::Text("x"), SetError::ReadOnly),
    ] {
        assert_eq!(set(&mut inventory, path, interface, property, given), Err(expected));
    }
}

#[test]
fn an_object_that_no_file_can_be_named_after_is_refused() {
    for path in [format!("/{}", "a".repeat(241)), "/a".repeat(1001)] {
        let plan = notify(&mut Inventory::default(), vec![(path.as_str(), vec![("a.Marker", vec![])])]);
        assert!(plan.told.is_empty());
        assert_eq!(plan.fault, Some(NotifyError::Path { path }));
    }
}

#[test]
fn an_object_named_in_both_forms_is_refused_before_anything_is_changed() {
    let both = format!("{}/s", dbus_api::inventory::ROOT);
    let mut inventory = Inventory::default();
    let objects = vec![
        ("/a", vec![("a.Marker", vec![])]),
        ("/s", vec![("a.Asset", vec![("Model", Given::Text("M"))])]),
        (both.as_str(), vec![("a.Asset", vec![("SerialNumber", Given::Text("1"))])]),
    ];
    let plan = notify(&mut inventory, objects);
    assert_eq!(plan.fault, Some(NotifyError::Twice { path: "/s".into() }));
    assert!(inventory.objects().is_empty());
}

fn exceeded(outcome: Result<Outcome, PlanError>) -> String {
    match outcome {
        Err(PlanError::Exceeded(exceeded)) => exceeded.to_string(),
        Err(PlanError::Body(error)) => panic!("{error}"),
        Ok(_) => panic!("it was accepted"),
    }
}

fn model(length: usize) -> Interfaces<'static> {
    vec![("a.Asset", vec![("Model", Given::Text("m".repeat(length).leak()))])]
}

#[test]
fn an_object_grows_to_its_bound_and_no_further() {
    let mut inventory = Inventory::default();
    notify(&mut inventory, vec![("/s", model(0))]);
    let room = OBJECT - inventory.totals().bytes;
    let refused = exceeded(try_notify(&mut inventory, vec![("/s", model(room + 1)), ("/t", model(0))]));
    assert_eq!(refused, "1048576 bytes of one object are the limit, and the call would make it 1048577");
    assert_eq!(inventory.objects().len(), 1, "nothing of the call is in force");
    notify(&mut inventory, vec![("/s", model(room))]);
    assert_eq!(inventory.totals().bytes, OBJECT);
    // What is replaced does not count twice.
    notify(&mut inventory, vec![("/s", model(room))]);
    notify(&mut inventory, vec![("/s", model(room - 1))]);
    let given = "n".repeat(room + 1);
    let refused = set(&mut inventory, "/s", "a.Asset", "Model", Given::Text(&given));
    assert!(matches!(refused, Err(SetError::LimitsExceeded(_))));
    assert_eq!(set(&mut inventory, "/s", "a.Asset", "Model", Given::Text(&given[1..])), Ok(true));
    assert_eq!(inventory.totals(), recounted(&inventory));
}

#[test]
fn the_inventory_grows_to_its_bound_and_what_is_deleted_makes_room() {
    let mut inventory = Inventory::default();
    let paths: Vec<String> = (0..9).map(|number| format!("/{number}")).collect();
    let objects = |count: usize| paths.iter().take(count).map(|path| (path.as_str(), model(OBJECT - 300)));
    notify(&mut inventory, objects(7).collect());
    let refused = exceeded(try_notify(&mut inventory, objects(9).collect()));
    assert!(
        refused.starts_with("8388608 bytes of inventory are the limit, and the call would make it 94"),
        "{refused}"
    );
    notify(&mut inventory, objects(8).collect());
    assert!(try_notify(&mut inventory, objects(9).collect()).is_err());
    assert_eq!(inventory.remove(&schema(), "/3").map(|names| names.len()), Some(1));
    assert_eq!(inventory.totals(), recounted(&inventory));
    notify(&mut inventory, vec![("/8", model(OBJECT - 300))]);
}

#[test]
fn objects_and_properties_are_counted_before_anything_is_made() {
    let paths: Vec<String> = (0..=OBJECTS).map(|number| format!("/o{number}")).collect();
    let objects = |count: usize, interface: &'static str| {
        paths.iter().take(count).map(move |path| (path.as_str(), vec![(interface, vec![])])).collect()
    };
    let mut inventory = Inventory::default();
    let refused = exceeded(try_notify(&mut inventory, objects(OBJECTS + 1, "a.Marker")));
    assert_eq!(refused, "4096 objects are the limit, and the call would make it 4097");
    notify(&mut inventory, objects(OBJECTS, "a.Marker"));
    assert_eq!(
        (inventory.totals().objects, inventory.totals().properties),
        (OBJECTS, LEAST_PROPERTIES * OBJECTS)
    );
    let refused = exceeded(try_notify(&mut inventory, vec![("/more", vec![("a.Marker", vec![])])]));
    assert_eq!(refused, "4096 objects are the limit, and the call would make it 4097");
    let many = vec![("Nonsense", Given::Bool(true)); PROPERTIES + 1];
    let refused = exceeded(try_notify(&mut inventory, vec![("/o1", vec![("a.Item", many)])]));
    assert_eq!(refused, "131072 properties are the limit, and the call would make it 131073");
}

#[test]
fn what_an_earlier_version_let_in_may_change_and_shrink() {
    let mut inventory = Inventory::default();
    inventory.restore(&schema(), "/s", "a.Asset", [("Model", Value::Text("m".repeat(2 * OBJECT).into()))]);
    assert_eq!(inventory.totals(), recounted(&inventory));
    notify(&mut inventory, vec![("/s", vec![("a.Asset", vec![("SerialNumber", Given::Text(""))])])]);
    assert!(
        try_notify(&mut inventory, vec![("/s", vec![("a.Asset", vec![("SerialNumber", Given::Text("1"))])])])
            .is_err()
    );
    notify(&mut inventory, vec![("/s", model(OBJECT + 5))]);
}

#[test]
fn a_name_that_stands_twice_counts_the_second_time() {
    let mut inventory = Inventory::default();
    // They are sent in reverse.
    let properties = vec![("Model", Given::Text("second")), ("Model", Given::Text("first"))];
    notify(&mut inventory, vec![("/s", vec![("a.Asset", properties)])]);
    assert_eq!(value(&inventory, "/s", "a.Asset", "Model"), text("second"));
    let interfaces = vec![
        ("a.Asset", vec![("SerialNumber", Given::Text("2"))]),
        ("a.Asset", vec![("Model", Given::Text("gone"))]),
    ];
    notify(&mut inventory, vec![("/s", interfaces)]);
    assert_eq!(value(&inventory, "/s", "a.Asset", "Model"), text("second"));
    assert_eq!(value(&inventory, "/s", "a.Asset", "SerialNumber"), text("2"));
}

#[test]
fn what_was_given_stays_though_it_is_what_the_schema_says() {
    let mut inventory = Inventory::default();
    notify(&mut inventory, vec![("/s", vec![("a.Asset", vec![])])]);
    let given = || vec![("/s", vec![("a.Asset", vec![("Model", Given::Text(""))])])];
    let outcome = notify(&mut inventory, given());
    assert!(
        outcome.kept.len() == 1 && outcome.changed().is_empty(),
        "it is written, and no signal tells of it"
    );
    assert!(notify(&mut inventory, given()).kept.is_empty());
}

#[test]
fn a_path_of_more_folders_than_a_start_can_read_is_refused() {
    let path = |elements: usize| "/a".repeat(elements);
    let mut inventory = Inventory::default();
    notify(&mut inventory, vec![(&path(DEPTH_LIMIT), vec![("a.Marker", vec![])])]);
    let outcome = notify(&mut inventory, vec![(&path(DEPTH_LIMIT + 1), vec![("a.Marker", vec![])])]);
    assert!(matches!(outcome.fault, Some(NotifyError::Path { .. })));
    assert_eq!(inventory.totals().objects, 1);
}
