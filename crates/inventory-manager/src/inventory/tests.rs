use super::*;

fn schema() -> Schema {
    let text = "[\"a.Asset\"]\nModel = \"s\"\nSerialNumber = \"s\"\n[\"a.Item\"]\nPresent = \"b\"\nSize = \"y\"\n[\"a.Marker\"]\n\
                [\"a.Fixed\"]\nName = { type = \"s\", access = \"read\" }\n";
    Schema::from_fragment(&toml::from_str(text).unwrap()).unwrap()
}

type Interfaces<'a> = Vec<(&'a str, Vec<(&'a str, Given<'a>)>)>;

fn received<'a>(objects: Vec<(&'a str, Interfaces<'a>)>) -> Received<'a> {
    let interfaces = |interfaces: Interfaces<'a>| {
        interfaces.into_iter().map(|(name, properties)| (name, properties.into_iter().collect())).collect()
    };
    Received(objects.into_iter().map(|(path, object)| (path, interfaces(object))).collect())
}

fn notify(inventory: &mut Inventory, objects: Vec<(&str, Interfaces<'_>)>) -> Plan {
    let plan = inventory.plan(&schema(), &received(objects));
    inventory.apply(&plan.updates);
    plan
}

fn value<'a>(inventory: &'a Inventory, path: &str, interface: &str, property: &str) -> &'a Value {
    &inventory.objects()[path][interface].values[property]
}

#[test]
fn an_unknown_object_is_created_with_defaults_for_what_was_not_given() {
    let mut inventory = Inventory::default();
    let plan = notify(
        &mut inventory,
        vec![("/s", vec![("a.Asset", vec![("Model", Given::Text("M"))]), ("a.Marker", vec![])])],
    );
    assert_eq!(plan.added, [("/s".to_owned(), vec!["a.Asset".to_owned(), "a.Marker".to_owned()])]);
    assert!(plan.updates.iter().all(|update| update.persist && update.changed.is_empty()));
    assert_eq!(value(&inventory, "/s", "a.Asset", "Model"), &Value::Text("M".into()));
    assert_eq!(value(&inventory, "/s", "a.Asset", "SerialNumber"), &Value::Text(String::new()));
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
    assert!(plan.added.is_empty());
    assert_eq!(plan.updates[0].changed, ["SerialNumber"]);
    assert_eq!(value(&inventory, "/s", "a.Asset", "Model"), &Value::Text("M".into()));
}

#[test]
fn the_same_again_changes_and_writes_nothing() {
    let mut inventory = Inventory::default();
    let objects =
        || vec![("/s", vec![("a.Item", vec![("Present", Given::Bool(true))]), ("a.Marker", vec![])])];
    notify(&mut inventory, objects());
    assert_eq!(notify(&mut inventory, objects()), Plan::default());
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
    assert!(!inventory.objects()["/s"]["a.Item"].values.contains_key("Nonsense"));
}

#[test]
fn an_object_of_unknown_interfaces_only_does_not_appear() {
    let mut inventory = Inventory::default();
    let plan = notify(&mut inventory, vec![("/s", vec![("z.Unknown", vec![])])]);
    assert!(plan.added.is_empty() && inventory.objects().is_empty());
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
    assert_eq!(plan.added, [("/a".to_owned(), vec!["a.Marker".to_owned()])]);
    assert!(!inventory.objects().contains_key("/c"));
    assert!(!inventory.objects()["/b"].contains_key("a.Marker"));
    // The property before the fault is live, but its interface was not written down.
    assert_eq!(value(&inventory, "/b", "a.Asset", "Model"), &Value::Text("kept".into()));
    assert!(!plan.updates.last().unwrap().persist);
}

#[test]
fn interfaces_before_a_fault_stay_but_their_object_is_not_announced() {
    let mut inventory = Inventory::default();
    let plan = notify(
        &mut inventory,
        vec![("/s", vec![("a.Asset", vec![]), ("a.Item", vec![("Size", Given::Size(256))])])],
    );
    assert!(plan.fault.is_some() && plan.added.is_empty());
    assert!(plan.updates[0].persist && plan.updates[0].interface == "a.Asset");
    assert!(!inventory.objects()["/s"].contains_key("a.Item"));
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
    assert_eq!(inventory.set(&schema(), "/s", "a.Item", "Present", &Given::Bool(true)), Ok(true));
    assert_eq!(inventory.set(&schema(), "/s", "a.Item", "Present", &Given::Bool(true)), Ok(false));
    let plan = notify(&mut inventory, vec![("/s", vec![("a.Item", vec![("Present", Given::Bool(true))])])]);
    assert!(plan.updates[0].persist && plan.updates[0].changed.is_empty());
}

#[test]
fn a_direct_set_tells_what_is_wrong_with_it() {
    let mut inventory = Inventory::default();
    notify(&mut inventory, vec![("/s", vec![("a.Item", vec![]), ("a.Fixed", vec![])])]);
    for (path, interface, property, given, expected) in [
        ("/x", "a.Item", "Present", Given::Bool(true), SetError::UnknownObject),
        ("/s", "a.Asset", "Model", Given::Text(""), SetError::UnknownInterface),
        ("/s", "a.Item", "Absent", Given::Bool(true), SetError::UnknownProperty),
        ("/s", "a.Item", "Present", Given::Text(""), SetError::InvalidValue),
        ("/s", "a.Fixed", "Name", Given::Text("x"), SetError::ReadOnly),
    ] {
        assert_eq!(inventory.set(&schema(), path, interface, property, &given), Err(expected));
    }
}

#[test]
fn an_object_that_no_file_can_be_named_after_is_refused() {
    for path in [format!("/{}", "a".repeat(241)), "/a".repeat(1001)] {
        let plan = notify(&mut Inventory::default(), vec![(path.as_str(), vec![("a.Marker", vec![])])]);
        assert!(plan.updates.is_empty());
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
