//! PID 1 played by clients of a private bus.

use dbus_api::systemd;
use test_bus::PrivateBus;
use unit_jobs::{JobNews, JobResult, Jobs};
use zbus::{Connection, ObjectPath};

async fn client(bus: &PrivateBus) -> Connection {
    zbus::connection::Builder::address(bus.address()).build().await.unwrap()
}

/// Says to one client that a job has ended.
async fn job_removed(from: &Connection, listener: &Connection, job: u32) {
    let path = ObjectPath::try_from(format!("/job/{job}")).unwrap();
    let body = (job, path, "a.service", "done");
    let to = listener.unique_name().cloned();
    from.emit_signal(to, systemd::PATH, systemd::MANAGER, systemd::JOB_REMOVED, &body).await.unwrap();
}

async fn next(jobs: &mut Jobs) -> String {
    match tokio::time::timeout(test_bus::LIMIT, jobs.next()).await.unwrap().unwrap() {
        JobNews::Ended(ended) => {
            assert_eq!((&*ended.unit, ended.result), ("a.service", JobResult::Done));
            ended.job
        }
        JobNews::Reexecuted => "reexecuted".to_owned(),
    }
}

#[tokio::test]
async fn pid_1_is_heard_under_each_name_that_it_has_and_no_other_process_is() {
    if !test_bus::can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bus = PrivateBus::start(folder.path()).unwrap();
    let (first, second, listener) = (client(&bus).await, client(&bus).await, client(&bus).await);
    first.request_name(systemd::BUS_NAME).await.unwrap();
    let mut jobs = Jobs::follow(&listener).await.unwrap();
    job_removed(&first, &listener, 1).await;
    assert_eq!(next(&mut jobs).await, "/job/1");
    job_removed(&second, &listener, 2).await;
    // What it says before it executes itself anew counts, even if it is taken later.
    job_removed(&first, &listener, 3).await;
    first.release_name(systemd::BUS_NAME).await.unwrap();
    second.request_name(systemd::BUS_NAME).await.unwrap();
    job_removed(&second, &listener, 4).await;
    job_removed(&first, &listener, 5).await;
    job_removed(&second, &listener, 6).await;
    for wanted in ["/job/3", "reexecuted", "/job/4", "/job/6"] {
        assert_eq!(next(&mut jobs).await, wanted);
    }
}
