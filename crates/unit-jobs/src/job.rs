use std::fmt;

/// Jobs of one unit that may end while PID 1 has not answered yet; more than that are none of ours.
const KEPT: usize = 16;

/// One job, from the call that asks for it to its end. Pure.
///
/// PID 1 may say that a job has ended before it has answered which job it is: what ends meanwhile is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job(State);

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// PID 1 was asked. Jobs that have ended since.
    Asked(Vec<(String, JobResult)>),
    /// PID 1 has this job.
    Queued(String),
}

impl Default for Job {
    /// PID 1 is being asked for it.
    fn default() -> Self {
        Self(State::Asked(Vec::new()))
    }
}

impl Job {
    /// PID 1 has answered with the job's path. Gives its result, if it has ended already.
    pub fn queued(&mut self, path: &str) -> Option<JobResult> {
        let State::Asked(ended) = &mut self.0 else { return None };
        let position = ended.iter().position(|(job, _)| job == path);
        let early = position.map(|position| ended.swap_remove(position).1);
        self.0 = State::Queued(path.to_owned());
        early
    }

    /// A job of the same unit has ended. Gives its result, if it is the one that is waited for.
    pub fn ended(&mut self, path: &str, result: JobResult) -> Option<JobResult> {
        match &mut self.0 {
            State::Queued(job) => (job == path).then_some(result),
            State::Asked(ended) => {
                if ended.len() < KEPT {
                    ended.push((path.to_owned(), result));
                }
                None
            }
        }
    }

    /// Whether PID 1 has answered.
    pub fn is_queued(&self) -> bool {
        matches!(self.0, State::Queued(_))
    }
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobResult {
    /// It was carried out. A start whose conditions do not hold is carried out, too.
    Done,
    /// Another job took its place.
    Canceled,
    /// It took too long.
    Timeout,
    /// The unit failed.
    Failed,
    /// A unit that it needs failed, or went away.
    Dependency,
    /// It does not apply to the unit's state.
    Skipped,
    /// The unit cannot be started: it is masked, or its file is wrong.
    Invalid,
    /// An assertion of the unit does not hold.
    Assert,
    /// The machine cannot do what the unit is for.
    Unsupported,
    /// The unit was forgotten meanwhile.
    Collected,
    /// The unit is started once, and was.
    Once,
    /// Any other.
    Other,
}

impl JobResult {
    const ALL: [(Self, &str); 12] = [
        (Self::Done, "done"),
        (Self::Canceled, "canceled"),
        (Self::Timeout, "timeout"),
        (Self::Failed, "failed"),
        (Self::Dependency, "dependency"),
        (Self::Skipped, "skipped"),
        (Self::Invalid, "invalid"),
        (Self::Assert, "assert"),
        (Self::Unsupported, "unsupported"),
        (Self::Collected, "collected"),
        (Self::Once, "once"),
        (Self::Other, "other"),
    ];

    /// The word that PID 1 has for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(result, _)| *result == self).map_or("other", |(_, word)| word)
    }

    /// By the word that PID 1 has for it.
    pub fn parse(word: &str) -> Self {
        Self::ALL.iter().find(|(_, known)| *known == word).map_or(Self::Other, |(result, _)| *result)
    }
}

impl fmt::Display for JobResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_known_by_its_path_whether_answer_or_end_comes_first() {
        let mut job = Job::default();
        assert_eq!(job.queued("/job/1"), None);
        assert_eq!(job.ended("/job/2", JobResult::Failed), None);
        assert_eq!(job.ended("/job/1", JobResult::Done), Some(JobResult::Done));
        let mut job = Job::default();
        assert_eq!(job.ended("/job/2", JobResult::Failed), None);
        assert_eq!(job.ended("/job/1", JobResult::Canceled), None);
        assert!(!job.is_queued());
        assert_eq!(job.queued("/job/1"), Some(JobResult::Canceled));
        assert!(job.is_queued());
        assert_eq!(job.queued("/job/2"), None);
    }

    #[test]
    fn jobs_of_others_that_end_meanwhile_do_not_pile_up() {
        let mut job = Job::default();
        for number in 0..1_000 {
            job.ended(&format!("/job/{number}"), JobResult::Done);
        }
        assert_eq!(job.clone().queued("/job/15"), Some(JobResult::Done));
        assert_eq!(job.queued("/job/16"), None);
    }

    #[test]
    fn words_of_systemd_go_both_ways() {
        for (result, word) in JobResult::ALL {
            assert_eq!((result.as_str(), JobResult::parse(word)), (word, result));
        }
        assert_eq!(JobResult::parse("frozen"), JobResult::Other);
    }
}
