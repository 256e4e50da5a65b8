//! What PID 1 says of a unit, while that changes.

use dbus_api::call::CallError;
use dbus_api::systemd;
use std::sync::{Arc, Mutex};
use test_bus::PrivateBus;
use unit_jobs::{ActiveState, RunResult, UnitState, inspect};
use zbus::{OwnedObjectPath, interface};

const PATH: &str = "/org/freedesktop/systemd1/unit/a_2eservice";

/// A run of the unit: its invocation, its state, its result. The first is what PID 1 has, and goes once its result was read.
type Runs = Arc<Mutex<Vec<(u8, &'static str, &'static str)>>>;

struct Manager;

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    fn get_unit(&self, _name: String) -> OwnedObjectPath {
        OwnedObjectPath::try_from(PATH).unwrap()
    }
}

struct Unit(Runs);

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property)]
    fn active_state(&self) -> String {
        self.0.lock().unwrap()[0].1.to_owned()
    }

    /// Not tested for a unit that was loaded anew for the question.
    #[zbus(property)]
    fn conditions(&self) -> Vec<(String, bool, bool, String, i32)> {
        let result = |held: i32| if self.0.lock().unwrap()[0].2 == "unmet" { held } else { 0 };
        let row = |negated, path: &str, held| {
            ("ConditionPathExists".to_owned(), false, negated, path.to_owned(), result(held))
        };
        vec![row(false, "/run/wanted", 1), row(true, "/run/held", -1)]
    }

    /// None for a unit that was loaded anew for the question.
    #[zbus(property, name = "InvocationID")]
    fn invocation_id(&self) -> Vec<u8> {
        let id = self.0.lock().unwrap()[0].0;
        if id == 0 { Vec::new() } else { vec![id; 16] }
    }
}

struct Service(Runs);

#[interface(name = "org.freedesktop.systemd1.Service")]
impl Service {
    #[zbus(property)]
    fn result(&self) -> String {
        let mut runs = self.0.lock().unwrap();
        let result = runs[0].2.to_owned();
        if runs.len() > 1 {
            runs.remove(0);
        }
        result
    }
}

async fn inspected(runs: &[(u8, &'static str, &'static str)]) -> UnitState {
    try_to_inspect(runs).await.unwrap()
}

async fn try_to_inspect(runs: &[(u8, &'static str, &'static str)]) -> Result<UnitState, CallError> {
    let folder = tempfile::tempdir().unwrap();
    let bus = PrivateBus::start(folder.path()).unwrap();
    let runs: Runs = Arc::new(Mutex::new(runs.to_vec()));
    let builder = || zbus::connection::Builder::address(bus.address());
    let systemd = builder()
        .serve_at(systemd::PATH, Manager)
        .serve_at(PATH, Unit(Arc::clone(&runs)))
        .serve_at(PATH, Service(runs))
        .build()
        .await
        .unwrap();
    systemd.request_name(systemd::BUS_NAME).await.unwrap();
    inspect(&builder().build().await.unwrap(), "a.service").await
}

#[tokio::test]
async fn a_unit_that_is_forgotten_while_it_is_looked_at_has_not_ended_well() {
    if !test_bus::can_run() {
        return;
    }
    let stays = inspected(&[(7, "active", "success")]).await;
    assert_eq!((stays.active, stays.invocation), (ActiveState::Active, "07".repeat(16)));
    let loaded_anew = inspected(&[(0, "inactive", "success")]).await;
    assert_eq!(loaded_anew, UnitState::default());
    let forgotten = inspected(&[(7, "active", "exit-code"), (0, "inactive", "success")]).await;
    assert_eq!(forgotten, UnitState::default());
    let begun_anew = inspected(&[(7, "failed", "exit-code"), (8, "active", "success")]).await;
    assert_eq!((begun_anew.invocation, begun_anew.result), ("08".repeat(16), RunResult::Success));
    let restless: Vec<_> = (1..20).map(|run| (run, "active", "success")).collect();
    assert!(matches!(try_to_inspect(&restless).await, Err(CallError::TimedOut { .. })));
}

#[tokio::test]
async fn a_unit_that_was_not_run_tells_which_conditions_did_not_hold() {
    if !test_bus::can_run() {
        return;
    }
    for invocation in [0, 7] {
        let state = inspected(&[(invocation, "inactive", "unmet")]).await;
        assert_eq!(state.unmet, ["ConditionPathExists=!/run/held"]);
    }
    assert!(inspected(&[(7, "active", "success")]).await.unmet.is_empty());
}
