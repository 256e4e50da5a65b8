//! Directives that are known and left out on purpose when a service runs without systemd.

/// Of `[Unit]`: descriptions, order, and what concerns jobs. Whoever starts units here does it in an order of their own.
const UNIT: [&str; 27] = [
    "After",
    "Before",
    "BindsTo",
    "CollectMode",
    "Conflicts",
    "DefaultDependencies",
    "Description",
    "Documentation",
    "JobRunningTimeoutSec",
    "JobTimeoutAction",
    "JobTimeoutSec",
    "OnFailure",
    "OnSuccess",
    "PartOf",
    "PropagatesReloadTo",
    "PropagatesStopTo",
    "RefuseManualStart",
    "RefuseManualStop",
    "Requires",
    "RequiresMountsFor",
    "Requisite",
    "StartLimitAction",
    "StartLimitBurst",
    "StartLimitIntervalSec",
    "StopWhenUnneeded",
    "Upholds",
    "Wants",
];

/// Of `[Service]`: what happens after the start, and to whom.
const SUPERVISION: [&str; 17] = [
    "BusName",
    "FailureAction",
    "KillMode",
    "KillSignal",
    "NotifyAccess",
    "RemainAfterExit",
    "Restart",
    "RestartForceExitStatus",
    "RestartPreventExitStatus",
    "RestartSec",
    "RuntimeDirectoryPreserve",
    "SendSIGKILL",
    "StandardError",
    "StandardOutput",
    "SyslogIdentifier",
    "TimeoutStopSec",
    "WatchdogSignal",
];

/// Of `[Service]`: whom it runs as, and what it may not do. A developer's machine gives the right to set these to
/// nobody; the scenarios have them all. `User` is not here: it also decides about the environment.
const SANDBOX: [&str; 52] = [
    "AmbientCapabilities",
    "BindPaths",
    "BindReadOnlyPaths",
    "CapabilityBoundingSet",
    "DeviceAllow",
    "DevicePolicy",
    "Group",
    "IPAddressAllow",
    "IPAddressDeny",
    "InaccessiblePaths",
    "KeyringMode",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "NoExecPaths",
    "NoNewPrivileges",
    "PrivateDevices",
    "PrivateIPC",
    "PrivateMounts",
    "PrivateNetwork",
    "PrivateTmp",
    "PrivateUsers",
    "ProcSubset",
    "ProtectClock",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectProc",
    "ProtectSystem",
    "ReadOnlyPaths",
    "ReadWritePaths",
    "RemoveIPC",
    "RestrictAddressFamilies",
    "RestrictFileSystems",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "SecureBits",
    "SocketBindAllow",
    "SocketBindDeny",
    "SupplementaryGroups",
    "SystemCallArchitectures",
    "SystemCallErrorNumber",
    "SystemCallFilter",
    "SystemCallLog",
    "TemporaryFileSystem",
    "UMask",
    "ExecPaths",
    "MountFlags",
    "MountAPIVFS",
];

/// Of `[Service]` and `[Slice]`: shares and limits.
const RESOURCES: [&str; 19] = [
    "CPUQuota",
    "CPUSchedulingPolicy",
    "CPUWeight",
    "IOSchedulingClass",
    "IOWeight",
    "LimitAS",
    "LimitCORE",
    "LimitMEMLOCK",
    "LimitNOFILE",
    "LimitNPROC",
    "MemoryHigh",
    "MemoryLow",
    "MemoryMax",
    "MemorySwapMax",
    "Nice",
    "OOMPolicy",
    "OOMScoreAdjust",
    "Slice",
    "TasksMax",
];

/// Whether a directive of `[Service]` is part of a service's sandbox.
pub fn is_sandbox(key: &str) -> bool {
    key == "User" || SANDBOX.contains(&key)
}

/// Whether a directive is known and deliberately without effect here.
pub fn left_out(section: &str, key: &str) -> bool {
    match section {
        "Unit" => UNIT.contains(&key),
        "Service" => [&SUPERVISION[..], &SANDBOX, &RESOURCES].iter().any(|list| list.contains(&key)),
        // Enabling is what `dist` does; sections that start so are for other programs.
        section => section == "Install" || section.starts_with("X-"),
    }
}
